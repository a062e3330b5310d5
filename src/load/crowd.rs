//! The clients: connected, put into channels, speaking and listening.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::tally::{Delays, Step};
use super::target::{Target, Usage, channel_name};
use super::{LoadError, Progress, Workload};
use crate::client::{Credentials, Session, Socket, Trust};
use crate::id::ChannelId;

/// Clients that connect at once, in a storm and otherwise.
const AT_ONCE: (usize, usize) = (64, 16);

/// How long a client waits for the server, which may be busy with the others.
const PATIENCE: Duration = Duration::from_secs(60);

/// A frame of speech at 32 kbit/s, in bytes.
const FRAME: usize = 80;

/// How often a speaker sends one.
const EVERY: Duration = Duration::from_millis(20);

/// How long a point of the delay's course stands for.
const POINT: Duration = Duration::from_millis(200);

/// Everybody who is connected.
pub(super) struct Crowd {
    /// By channel.
    channels: Vec<Vec<Session>>,
    rooms: Vec<ChannelId>,
    log_ins: Delays,
    shared: Rc<Shared>,
    movers: usize,
    _listening: JoinSet<()>,
}

/// What senders and receivers count in. All of them are on one thread.
struct Shared {
    /// What times are counted from.
    base: Instant,
    /// The time, in nanoseconds since then, from which sent frames count, and to which.
    from: Cell<u64>,
    to: Cell<u64>,
    /// Frames that count, times those who should hear each.
    expected: Cell<u64>,
    disordered: Cell<u64>,
    delays: RefCell<Delays>,
    over_time: RefCell<Vec<Delays>>,
}

impl Shared {
    fn now(&self) -> u64 {
        u64::try_from(self.base.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn counts(&self, sent: u64) -> bool {
        (self.from.get()..self.to.get()).contains(&sent)
    }

    fn heard(&self, sent: u64, now: u64) {
        if !self.counts(sent) {
            return;
        }
        let delay = Duration::from_nanos(now.saturating_sub(sent));
        self.delays.borrow_mut().add(delay);
        let point = ((sent - self.from.get()) / POINT.as_nanos() as u64) as usize;
        let mut over_time = self.over_time.borrow_mut();
        if over_time.len() <= point {
            over_time.resize_with(point + 1, Delays::default);
        }
        over_time[point].add(delay);
    }
}

/// Speaking; it ends when this is dropped.
pub(super) struct Talking(#[expect(dead_code, reason = "held for its end")] JoinSet<()>);

impl Crowd {
    /// Connects everybody and puts them into their channels.
    pub(super) async fn gather(
        workload: Workload,
        target: &Target,
        progress: Progress<'_>,
    ) -> Result<Self, LoadError> {
        let (channels, people, _) = workload.shape();
        let at_once = if workload == Workload::Storm { AT_ONCE.0 } else { AT_ONCE.1 };
        let (sessions, log_ins) = connect(target, channels * people, at_once, progress).await?;
        let shared = Rc::new(Shared {
            base: Instant::now(),
            from: Cell::new(u64::MAX),
            to: Cell::new(u64::MAX),
            expected: Cell::new(0),
            disordered: Cell::new(0),
            delays: RefCell::default(),
            over_time: RefCell::default(),
        });
        let rooms = rooms(&sessions, channels)?;
        // Of those who move, none is a speaker, and nobody counts what they hear: where they are when a
        // frame is sent isn't known here.
        let movers = if workload == Workload::Churn { people / 20 + 1 } else { 0 };
        let mut listening = JoinSet::new();
        let mut by_channel: Vec<Vec<Session>> = (0..channels).map(|_| Vec::new()).collect();
        for (number, session) in sessions.into_iter().enumerate() {
            let room = number / people;
            if workload != Workload::Storm && workload != Workload::Idle {
                let joined = session.join(rooms[room]).await;
                joined.map_err(|source| LoadError::Request { client: number, source: Box::new(source) })?;
            }
            if number % people < people - movers {
                listening.spawn_local(listen(session.clone(), Rc::clone(&shared)));
            } else {
                listening.spawn_local(wander(session.clone(), rooms.clone(), number as u64));
            }
            by_channel[room].push(session);
            progress("joining", (number + 1) as f64 / (channels * people) as f64);
        }
        Ok(Self { channels: by_channel, rooms, log_ins, shared, movers, _listening: listening })
    }

    pub(super) fn len(&self) -> usize {
        self.channels.iter().map(Vec::len).sum()
    }

    pub(super) fn log_ins(&self) -> &Delays {
        &self.log_ins
    }

    /// Lets the first `speakers` of each channel speak, each in a rhythm of their own.
    pub(super) fn talk(&self, speakers: usize) -> Talking {
        let mut talking = JoinSet::new();
        let all = self.channels.len() * speakers;
        for (room, people) in self.channels.iter().enumerate() {
            let listeners = people.len().saturating_sub(1 + self.movers) as u64;
            for (number, session) in people.iter().take(speakers).enumerate() {
                let offset = EVERY * (room * speakers + number) as u32 / all.max(1) as u32;
                talking.spawn_local(speak(session.clone(), offset, listeners, Rc::clone(&self.shared)));
            }
        }
        Talking(talking)
    }

    /// From here on it counts.
    pub(super) fn begin(&self) {
        let shared = &self.shared;
        shared.expected.set(0);
        shared.disordered.set(0);
        *shared.delays.borrow_mut() = Delays::default();
        shared.over_time.borrow_mut().clear();
        shared.to.set(u64::MAX);
        shared.from.set(shared.now());
    }

    /// To here.
    pub(super) fn end(&self) {
        self.shared.to.set(self.shared.now());
    }

    /// What was counted.
    pub(super) fn step(&self, speakers: usize, duration: Duration, begun: &Usage, ended: &Usage) -> Step {
        let taken = |from: Option<Duration>, to: Option<Duration>| match (from, to) {
            (Some(from), Some(to)) => to.saturating_sub(from),
            _ => Duration::ZERO,
        };
        Step {
            speakers,
            duration: ended.at.duration_since(begun.at).max(duration),
            expected: self.shared.expected.get(),
            disordered: self.shared.disordered.get(),
            delays: self.shared.delays.borrow().clone(),
            over_time: self.shared.over_time.borrow().clone(),
            server: taken(begun.server, ended.server),
            driver: ended.driver.saturating_sub(begun.driver),
        }
    }

    /// Everybody goes.
    pub(super) async fn leave(self) {
        let rooms = self.rooms.len();
        drop(self);
        // The goodbyes get on their way.
        tokio::time::sleep(Duration::from_millis(50 + rooms as u64)).await;
    }
}

async fn connect(
    target: &Target,
    people: usize,
    at_once: usize,
    progress: Progress<'_>,
) -> Result<(Vec<Session>, Delays), LoadError> {
    let mut sockets = Vec::new();
    // A few sockets: each reads for many connections at once.
    for _ in 0..people.div_ceil(250) {
        let socket = Socket::bind(target.address());
        sockets.push(socket.map_err(|source| LoadError::Connect { client: 0, source: Box::new(source) })?);
    }
    let (mut connecting, mut found, mut times) = (JoinSet::new(), Vec::new(), Delays::default());
    let mut next = 0;
    while found.len() < people {
        while next < people && connecting.len() < at_once {
            let socket = sockets[next % sockets.len()].clone();
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

async fn speak(session: Session, offset: Duration, listeners: u64, shared: Rc<Shared>) {
    let mut speaker = session.speaker();
    let mut frame = [0x5a; FRAME];
    // A code of Opus' table of contents that a decoder would take: a wide-band frame of 20 ms.
    frame[0] = 0x48;
    let mut due = tokio::time::interval_at(tokio::time::Instant::now() + offset, EVERY);
    let mut number: u32 = 0;
    loop {
        due.tick().await;
        let now = shared.now();
        frame[1..9].copy_from_slice(&now.to_be_bytes());
        frame[9..13].copy_from_slice(&number.to_be_bytes());
        number = number.wrapping_add(1);
        if shared.counts(now) {
            shared.expected.set(shared.expected.get() + listeners);
        }
        speaker.send(&frame);
    }
}

async fn listen(session: Session, shared: Rc<Shared>) {
    let mut voice = session.voice();
    let mut last: HashMap<u32, u32> = HashMap::new();
    while let Ok(heard) = voice.next().await {
        let (Some(sent), Some(number)) = (heard.payload.get(1..9), heard.payload.get(9..13)) else {
            continue;
        };
        let (Ok(sent), Ok(number)) = (sent.try_into(), number.try_into()) else { continue };
        let (sent, number) = (u64::from_be_bytes(sent), u32::from_be_bytes(number));
        shared.heard(sent, shared.now());
        let before = last.insert(heard.header.ssrc.0, number);
        if before.is_some_and(|before| before >= number && number != 0) && shared.counts(sent) {
            shared.disordered.set(shared.disordered.get() + 1);
        }
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
