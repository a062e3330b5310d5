//! The clients: connected, put into channels, speaking and listening.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::count::{Counting, EVERY, Stamp};
use super::crowd::{Crowd, Progress, rhythm};
use super::error::LoadError;
use super::tally::Delays;
use super::target::{Target, channel_name};
use super::workload::Workload;
use crate::client::{Credentials, Session, Socket, Trust};
use crate::id::ChannelId;

/// Clients that connect at once, in a storm and otherwise.
const AT_ONCE: (usize, usize) = (64, 16);

/// How long a client waits for the server, which may be busy with the others.
const PATIENCE: Duration = Duration::from_secs(60);

/// Clients of a server of ours: everybody who is connected.
pub struct Natives {
    /// By channel.
    channels: Vec<Vec<Session>>,
    log_ins: Delays,
    counting: Rc<Counting>,
    movers: usize,
    _listening: JoinSet<()>,
}

impl Natives {
    /// Connects everybody and puts them into their channels. Must be called inside a [`tokio::task::LocalSet`].
    pub async fn gather(
        workload: Workload,
        target: &Target,
        progress: Progress<'_>,
    ) -> Result<Self, LoadError> {
        let (channels, people, _) = workload.shape();
        let silent = matches!(workload, Workload::Storm | Workload::Idle);
        let at_once = if workload == Workload::Storm { AT_ONCE.0 } else { AT_ONCE.1 };
        let (sessions, log_ins) = connect(target, (channels, people), at_once, progress).await?;
        let counting = Rc::new(Counting::default());
        let rooms = rooms(&sessions, channels)?;
        // Of those who move, none is a speaker, and nobody counts what they hear: where they are when a
        // frame is sent isn't known here.
        let movers = if workload == Workload::Churn { people / 20 + 1 } else { 0 };
        let mut listening = JoinSet::new();
        let mut by_channel: Vec<Vec<Session>> = (0..channels).map(|_| Vec::new()).collect();
        for (number, session) in sessions.into_iter().enumerate() {
            let room = number / people;
            if !silent {
                let joined = session.join(rooms[room]).await;
                joined.map_err(|source| LoadError::Request { client: number, source: Box::new(source) })?;
            }
            if number % people < people - movers {
                listening.spawn_local(listen(session.clone(), Rc::clone(&counting)));
            } else {
                listening.spawn_local(wander(session.clone(), rooms.clone(), number as u64));
            }
            by_channel[room].push(session);
            progress("joining", (number + 1) as f64 / (channels * people) as f64);
        }
        Ok(Self { channels: by_channel, log_ins, counting, movers, _listening: listening })
    }

    /// How many they are.
    pub fn people(&self) -> usize {
        self.channels.iter().map(Vec::len).sum()
    }

    /// Acknowledgements that all of them have sent so far.
    pub fn acknowledgements(&self) -> u64 {
        self.channels.iter().flatten().map(Session::acknowledgements).sum()
    }

    /// How long their log-ins took.
    pub fn log_ins(&self) -> &Delays {
        &self.log_ins
    }

    /// Everybody goes.
    pub async fn leave(self) {
        drop(self);
        // The goodbyes get on their way.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

impl Crowd for Natives {
    fn talk(&self, speakers: usize) -> JoinSet<()> {
        let mut talking = JoinSet::new();
        for (room, people) in self.channels.iter().enumerate() {
            let listeners = people.len().saturating_sub(1 + self.movers) as u64;
            for (number, session) in people.iter().take(speakers).enumerate() {
                let offset = rhythm(room * speakers + number);
                talking.spawn_local(speak(session.clone(), offset, listeners, Rc::clone(&self.counting)));
            }
        }
        talking
    }

    fn counting(&self) -> &Counting {
        &self.counting
    }
}

async fn connect(
    target: &Target,
    (channels, each): (usize, usize),
    at_once: usize,
    progress: Progress<'_>,
) -> Result<(Vec<Session>, Delays), LoadError> {
    let people = channels * each;
    let (mut connecting, mut found, mut times) = (JoinSet::new(), Vec::new(), Delays::default());
    let mut next = 0;
    while found.len() < people {
        while next < people && connecting.len() < at_once {
            // Each with a socket of its own, as clients have.
            let socket = Socket::bind(target.address());
            let socket =
                socket.map_err(|source| LoadError::Connect { client: next, source: Box::new(source) })?;
            let socket = if target.is_by_shard() { socket.toward((next / each) as u8) } else { socket };
            let credentials = match target.token(next) {
                Some(token) => Credentials::token(token.as_bytes()),
                None => Credentials::guest(&format!("load{next}-{}", std::process::id()), "load"),
            };
            connecting.spawn_local(come_in(next, socket, target.address(), credentials));
            next += 1;
        }
        let Some(outcome) = connecting.join_next().await else { break };
        // A task that panicked is a bug here, which the run can't go on from.
        let Ok(outcome) = outcome else { continue };
        let (number, session, took) = outcome?;
        times.add(took);
        found.push((number, session));
        progress("connecting", found.len() as f64 / people as f64);
    }
    found.sort_by_key(|(number, _)| *number);
    Ok((found.into_iter().map(|(_, session)| session).collect(), times))
}

async fn come_in(
    client: usize,
    socket: Socket,
    place: std::net::SocketAddr,
    credentials: Credentials,
) -> Result<(usize, Session, Duration), LoadError> {
    let started = Instant::now();
    let connected = socket.connect(place, Trust::FirstUse, "load", PATIENCE).await;
    let connected = connected.map_err(|source| LoadError::Connect { client, source: Box::new(source) })?;
    let session = connected.log_in(credentials).await;
    let session = session.map_err(|source| LoadError::Request { client, source: Box::new(source) })?;
    Ok((client, session, started.elapsed()))
}

/// The channels for the load; on a server that isn't our own, whichever there are.
fn rooms(sessions: &[Session], needed: usize) -> Result<Vec<ChannelId>, LoadError> {
    let Some(session) = sessions.first() else { return Ok(Vec::new()) };
    let view = session.view();
    let own: Vec<_> = (0..needed).filter_map(|number| view.find(&channel_name(number)).ok()).collect();
    let rooms: Vec<_> = if own.len() == needed { own } else { view.children(None) };
    if rooms.len() < needed {
        return Err(LoadError::Channels { found: rooms.len(), needed });
    }
    Ok(rooms.into_iter().take(needed).map(|channel| ChannelId(channel.id)).collect())
}

async fn speak(session: Session, offset: Duration, listeners: u64, counting: Rc<Counting>) {
    let mut speaker = session.speaker();
    let mut due = tokio::time::interval_at(tokio::time::Instant::now() + offset, EVERY);
    for number in 0.. {
        let due_next = due.tick().await + EVERY;
        speaker.send(&counting.send(number, listeners).frame());
        // A person's client does it at the next pause.
        if let Some(later) = speaker.pace() {
            due = tokio::time::interval_at(due_next + later, EVERY);
        }
    }
}

async fn listen(session: Session, counting: Rc<Counting>) {
    let mut voice = session.voice();
    let mut last: HashMap<u32, u32> = HashMap::new();
    while let Ok(heard) = voice.next().await {
        let Some(stamp) = Stamp::of(&heard.payload) else { continue };
        counting.heard(stamp, heard.at, last.insert(heard.header.ssrc.0, stamp.number));
    }
}

/// Goes to another channel about once in so many seconds as make a twentieth of the people a second.
async fn wander(session: Session, rooms: Vec<ChannelId>, seed: u64) {
    let mut place = seed as usize;
    tokio::time::sleep(Duration::from_millis(seed * 37 % 1_000)).await;
    loop {
        place += 7;
        if session.join(rooms[place % rooms.len()]).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
