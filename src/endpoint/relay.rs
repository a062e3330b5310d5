//! A voice packet's way from its speaker to the listeners: on each shard to those who live there, with one
//! message per packet to every other shard on which somebody listens.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::Instant;

use super::LinkPeer;
use crate::control::Handle;
use crate::id::{ChannelId, Ssrc};
use crate::voice::{self, Audience, Gather, Offer, Outcome, Overload, Peer, TICK, own_part};

/// Listeners of a small channel, at most: its only speaker is never told to wait, since that would spare the machine little.
const SMALL: usize = 8;

/// How long after a frame its speaker counts as speaking in a small channel.
const SPEAKING: Duration = Duration::from_secs(1);

/// Packets of other shards that wait for one; above that they are dropped and counted. A second of forty
/// speakers: a shard so far behind is lost anyway.
const INBOX: usize = 2_048;

/// A packet, with the way to the table of its speaker's organization.
pub(super) type Frame = voice::Frame<Handle<LinkPeer>>;

/// One shard's part in passing voice on.
#[derive(Debug)]
pub(super) struct Relay {
    shard: usize,
    /// The way to every shard, this one's own included.
    ways: Vec<Way>,
    started: Instant,
    waiting: Mutex<Waiting>,
    load: Mutex<Load>,
    /// Told when something is due earlier than was known.
    earlier: Notify,
}

/// What a shard knows of another.
#[derive(Clone, Debug)]
pub(super) struct Way {
    inbox: Sender<Frame>,
    /// Audiences of this size and larger take no new speakers there ([`Overload::bound`]).
    bound: Arc<AtomicUsize>,
}

impl Way {
    /// A way to a shard, and what comes out at its end.
    pub(super) fn new() -> (Self, Receiver<Frame>) {
        let (inbox, frames) = mpsc::channel(INBOX);
        (Self { inbox, bound: Arc::new(AtomicUsize::new(usize::MAX)) }, frames)
    }
}

#[derive(Debug)]
struct Waiting {
    gather: Gather<Handle<LinkPeer>>,
    /// When [`Relay::run`] looks next.
    next: Option<Duration>,
}

/// Whether the shard keeps up.
#[derive(Debug, Default)]
struct Load {
    overload: Overload,
    /// The largest audience to which this shard passed something on since the last tick, if any.
    largest: Option<usize>,
    /// Who was heard last in each small channel, and when, as far as this shard knows.
    heard: HashMap<ChannelId, (Ssrc, Duration)>,
}

/// When it is looked next whether the shard keeps up.
#[derive(Clone, Copy, Debug)]
struct Tick {
    due: Instant,
    /// What the shard's thread had worked when this was said.
    worked: Duration,
}

impl Tick {
    fn next() -> Self {
        Self { due: Instant::now() + TICK, worked: worked() }
    }

    /// By how much it is late because of what the shard's thread did.
    fn own_delay(self) -> Duration {
        own_part(self.due.elapsed(), worked().saturating_sub(self.worked))
    }
}

/// The processor time of this thread.
fn worked() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// The channel of an audience, if it is a small one.
fn small(audience: &Audience<LinkPeer>) -> Option<ChannelId> {
    audience.channel().filter(|_| audience.listeners() <= SMALL)
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Forwarded {
    /// It is passed on; the speaker should send later by this much, if any ([`Gather::pace`]).
    Passed(Option<Duration>),
    /// The machine is at its limit, and the speaker hadn't begun.
    Busy,
    /// Nobody may hear the speaker there.
    Silent,
}

impl Relay {
    /// Frames wait for each other for `gather` at most. All shards began at the same time.
    pub(super) fn new(shard: usize, ways: Vec<Way>, gather: Duration, started: Instant) -> Self {
        let waiting = Mutex::new(Waiting { gather: Gather::new(gather), next: None });
        let load = Mutex::default();
        Self { shard, ways, started, waiting, load, earlier: Notify::new() }
    }

    /// Passes on a packet of a session that lives here. The hot path: nothing here waits or asks what
    /// anyone may do; the forwarding table already has the answer. `begins` says that the speaker was
    /// silent before, `level` how loud it is (RFC 6464), where that is told; `home` is the frame's own.
    pub(super) fn forward(
        &self,
        home: &Handle<LinkPeer>,
        frame: Frame,
        level: Option<u8>,
        begins: bool,
    ) -> Forwarded {
        let (table, counts) = (home.table(), home.voice_counts());
        let Some(route) = table.route(frame.ssrc, frame.flow) else {
            counts.add(Outcome::NotSpeaking, 1);
            return Forwarded::Silent;
        };
        let audience = &*route.audience();
        self.note(audience.listeners());
        if begins && !self.admits(audience) && !self.is_alone(audience, frame.ssrc) {
            counts.add(Outcome::Busy, 1);
            return Forwarded::Busy;
        }
        self.hear(audience, frame.ssrc);
        if let Some(selection) = &route.selection
            && !selection.admits(self.started.elapsed(), frame.ssrc, level, route.priority)
        {
            counts.add(Outcome::NotSelected, 1);
            return Forwarded::Silent;
        }
        counts.add(Outcome::Forwarded, 1);
        if let Some(tap) = &route.tap
            && !tap.offer(frame.ssrc, frame.datagram.clone())
        {
            counts.add(Outcome::Unrecorded, 1);
        }
        for shard in audience.shards().filter(|shard| *shard != self.shard) {
            let there = self.ways.get(shard);
            if there.is_none_or(|there| there.inbox.try_send(frame.clone()).is_err()) {
                counts.add(Outcome::ShardFull, 1);
            }
        }
        if audience.on_shard(self.shard).is_empty() {
            return Forwarded::Passed(None);
        }
        let ssrc = frame.ssrc;
        let Some(channel) = audience.channel() else {
            // Few whisper at once, so nothing is gained by waiting.
            self.send(std::slice::from_ref(&frame));
            return Forwarded::Passed(None);
        };
        self.deliver(channel, frame);
        Forwarded::Passed(self.lock().gather.pace(self.started.elapsed(), channel, ssrc))
    }

    /// Notes that there is something to do, for so many.
    fn note(&self, listeners: usize) {
        let mut load = self.load.lock().unwrap_or_else(PoisonError::into_inner);
        if load.largest.is_none() {
            self.earlier.notify_one();
        }
        load.largest = Some(load.largest.unwrap_or(0).max(listeners));
    }

    /// Whether this shard and each on which somebody listens can bear one speaker more before this audience;
    /// who speaks already is borne.
    fn admits(&self, audience: &Audience<LinkPeer>) -> bool {
        let listeners = audience.listeners();
        std::iter::once(self.shard)
            .chain(audience.shards())
            .filter_map(|shard| self.ways.get(shard))
            .all(|way| listeners < way.bound.load(Ordering::Relaxed))
    }

    /// Notes who speaks in a small channel.
    fn hear(&self, audience: &Audience<LinkPeer>, ssrc: Ssrc) {
        if let Some(channel) = small(audience) {
            let now = self.started.elapsed();
            self.load.lock().unwrap_or_else(PoisonError::into_inner).heard.insert(channel, (ssrc, now));
        }
    }

    /// Whether nobody else speaks in a small channel.
    fn is_alone(&self, audience: &Audience<LinkPeer>, ssrc: Ssrc) -> bool {
        let Some(channel) = small(audience) else { return false };
        let load = self.load.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.started.elapsed();
        let other = load.heard.get(&channel).filter(|(heard, _)| *heard != ssrc);
        other.is_none_or(|(_, at)| now.saturating_sub(*at) > SPEAKING)
    }

    /// Notes how late the tick is, as far as that is this shard's own doing; answers whether there is to be another one: not
    /// while nobody speaks.
    fn look_at_load(&self, tick: Tick) -> bool {
        let mut load = self.load.lock().unwrap_or_else(PoisonError::into_inner);
        let (largest, now) = (load.largest.take(), self.started.elapsed());
        load.overload.observe(tick.own_delay(), largest.unwrap_or(0));
        load.heard.retain(|_, (_, at)| now.saturating_sub(*at) <= SPEAKING);
        if let Some(own) = self.ways.get(self.shard) {
            own.bound.store(load.overload.bound(), Ordering::Relaxed);
        }
        largest.is_some() || !load.overload.is_over()
    }

    /// Sends a packet to those who live here, now or with others of its channel.
    fn deliver(&self, channel: ChannelId, frame: Frame) {
        let mut waiting = self.lock();
        let offer = waiting.gather.offer(self.started.elapsed(), channel, frame);
        if let Offer::Wait(due) = offer
            && waiting.next.is_none_or(|next| due < next)
        {
            waiting.next = Some(due);
            self.earlier.notify_one();
        }
        drop(waiting);
        match offer {
            Offer::SendOne(frame) => self.send(std::slice::from_ref(&frame)),
            Offer::Send(frames) => self.send(&frames),
            Offer::Wait(_) => (),
        }
    }

    /// Sends packets of one channel, all of them to a listener before the next listener: so they leave in
    /// one datagram. Who hears them is looked up now; in the meantime somebody may have left.
    fn send(&self, frames: &[Frame]) {
        // A channel has one organization, so all of them have the same.
        let Some(home) = frames.first().map(|frame| &frame.home) else { return };
        let (table, counts) = (home.table(), home.voice_counts());
        let mut rest = frames;
        let (mut delivered, mut full) = (0, 0);
        // Frames of a speaker who went elsewhere in the meantime have another audience than their
        // neighbours: each run of frames with the same one goes together.
        while let [first, ..] = rest {
            let Some(route) = table.route(first.ssrc, first.flow) else {
                counts.add(Outcome::NotSpeaking, 1);
                rest = rest.get(1..).unwrap_or_default();
                continue;
            };
            let (audience, context) = (route.audience(), route.context);
            let same = |frame: &&Frame| {
                table.route(frame.ssrc, frame.flow).is_some_and(|other| other.goes_with(route))
            };
            let (run, more) = rest.split_at(rest.iter().take_while(same).count());
            rest = more;
            for listener in audience.on_shard(self.shard) {
                let placed = context != 0 && listener.context == context;
                for frame in run.iter().filter(|frame| frame.ssrc != listener.ssrc) {
                    let datagram = match &frame.plain {
                        Some(plain) if !placed => plain,
                        _ => &frame.datagram,
                    };
                    if listener.peer.send(datagram.clone()) {
                        delivered += 1;
                    } else {
                        full += 1;
                    }
                }
            }
        }
        counts.add(Outcome::Delivered, delivered);
        if full > 0 {
            counts.add(Outcome::ListenerFull, full);
        }
    }

    /// Takes what other shards send, and sends what waited long enough. Ends when the server does.
    pub(super) async fn run(&self, mut inbox: Receiver<Frame>) {
        let mut tick: Option<Tick> = None;
        loop {
            let next = self.lock().next;
            let ticking = async {
                match tick {
                    Some(tick) => tokio::time::sleep_until(tick.due).await,
                    None => std::future::pending().await,
                }
            };
            let due = async {
                match next {
                    Some(next) => tokio::time::sleep_until(self.started + next).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = due => self.send_due(),
                () = ticking => {
                    let again = tick.is_some_and(|tick| self.look_at_load(tick));
                    tick = again.then(Tick::next);
                }
                () = self.earlier.notified() => {
                    let speaks = self.load.lock().unwrap_or_else(PoisonError::into_inner).largest.is_some();
                    if speaks && tick.is_none() {
                        tick = Some(Tick::next());
                    }
                }
                frame = inbox.recv() => match frame {
                    Some(frame) => self.take_over(frame),
                    None => return,
                },
            }
        }
    }

    fn take_over(&self, frame: Frame) {
        let home = frame.home.clone();
        let table = home.table();
        match table.route(frame.ssrc, frame.flow) {
            Some(route) => {
                let audience = route.audience();
                self.note(audience.listeners());
                match audience.channel() {
                    Some(channel) => self.deliver(channel, frame),
                    None => self.send(std::slice::from_ref(&frame)),
                }
            }
            None => home.voice_counts().add(Outcome::NotSpeaking, 1),
        }
    }

    fn send_due(&self) {
        let mut waiting = self.lock();
        let (due, next) = waiting.gather.take(self.started.elapsed());
        waiting.next = next;
        drop(waiting);
        for frames in due {
            self.send(&frames);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a shard tells new speakers to wait, whose thread does something for longer than what is due may wait.
    async fn waits(busy: impl Fn(Duration)) -> bool {
        let (way, inbox) = Way::new();
        let relay = Arc::new(Relay::new(0, vec![way], Duration::ZERO, Instant::now()));
        let running = Arc::clone(&relay);
        let run = tokio::spawn(async move { running.run(inbox).await });
        for _ in 0..15 {
            relay.note(200);
            // The tick is armed, and is due while the thread is busy.
            tokio::task::yield_now().await;
            busy(TICK * 2);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        run.abort();
        relay.ways[0].bound.load(Ordering::Relaxed) <= 200
    }

    #[tokio::test]
    async fn only_a_shard_s_own_work_has_new_speakers_wait() {
        // As when the machine runs something else.
        assert!(!waits(std::thread::sleep).await);
        let work = |time| {
            let begun = worked();
            while worked().saturating_sub(begun) < time {
                std::hint::spin_loop();
            }
        };
        assert!(waits(work).await);
    }

    #[test]
    fn the_only_speaker_of_a_small_channel_never_waits() {
        use crate::voice::Listener;

        let (way, _inbox) = Way::new();
        let relay = Relay::new(0, vec![way], Duration::ZERO, Instant::now());
        relay.ways[0].bound.store(1, Ordering::Relaxed);
        let audience = |listeners: u32| {
            let (link, _end) = super::super::web_socket::pair(std::net::Ipv4Addr::LOCALHOST.into());
            let peer = LinkPeer::new(super::super::link::Link::Socket(Arc::new(link)), 0);
            let listener = |number| Listener { ssrc: Ssrc(number), context: 0, peer: peer.clone() };
            Audience::new(Some(ChannelId(listeners.into())), (0..listeners).map(listener))
        };
        let (small, large) = (audience(SMALL as u32), audience(SMALL as u32 + 1));
        assert!(!relay.admits(&small) && !relay.admits(&large));
        assert!(relay.is_alone(&small, Ssrc(1)) && !relay.is_alone(&large, Ssrc(1)));
        relay.hear(&small, Ssrc(1));
        assert!(relay.is_alone(&small, Ssrc(1)) && !relay.is_alone(&small, Ssrc(2)));
    }
}
