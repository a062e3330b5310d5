//! A voice packet's way from its speaker to the listeners: on each shard to those who live there, with one
//! message per packet to every other shard on which somebody listens.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::time::Instant;

use super::QuicPeer;
use crate::control::Handle;
use crate::id::ChannelId;
use crate::voice::{Fate, Frame, Gather, Offer, Peer};

/// Packets of other shards that wait for one; above that they are dropped and counted. A second of forty
/// speakers: a shard so far behind is lost anyway.
pub(super) const INBOX: usize = 2_048;

/// One shard's part in passing voice on.
#[derive(Debug)]
pub(super) struct Relay {
    shard: usize,
    handle: Handle<QuicPeer>,
    /// The way to every shard, this one's own included.
    shards: Vec<Sender<Frame>>,
    started: Instant,
    waiting: Mutex<Waiting>,
    /// Told when something is due earlier than was known.
    earlier: Notify,
}

#[derive(Debug)]
struct Waiting {
    gather: Gather,
    /// When [`Relay::run`] looks next.
    next: Option<Duration>,
}

impl Relay {
    /// Frames wait for each other for `gather` at most.
    pub(super) fn new(
        shard: usize,
        handle: Handle<QuicPeer>,
        shards: Vec<Sender<Frame>>,
        gather: Duration,
    ) -> Self {
        let waiting = Mutex::new(Waiting { gather: Gather::new(gather), next: None });
        Self { shard, handle, shards, started: Instant::now(), waiting, earlier: Notify::new() }
    }

    /// Passes on a packet of a session that lives here. The hot path: nothing here waits or asks what
    /// anyone may do; the forwarding table already has the answer. Answers with a shift when the speaker
    /// should send later ([`Gather::pace`]).
    pub(super) fn forward(&self, frame: Frame) -> Option<Duration> {
        let (table, counts) = (self.handle.table(), self.handle.voice_counts());
        let Some(audience) = table.audience(frame.ssrc, frame.flow) else {
            counts.add(Fate::NotSpeaking, 1);
            return None;
        };
        counts.add(Fate::Forwarded, 1);
        for shard in audience.shards().filter(|shard| *shard != self.shard) {
            let there = self.shards.get(shard);
            if there.is_none_or(|there| there.try_send(frame.clone()).is_err()) {
                counts.add(Fate::ShardFull, 1);
            }
        }
        if audience.on_shard(self.shard).is_empty() {
            return None;
        }
        let (channel, ssrc) = (audience.channel(), frame.ssrc);
        self.deliver(channel, frame);
        self.lock().gather.pace(self.started.elapsed(), channel, ssrc)
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
        let (table, counts) = (self.handle.table(), self.handle.voice_counts());
        let mut rest = frames;
        let (mut delivered, mut full) = (0, 0);
        // Frames of a speaker who went elsewhere in the meantime have another audience than their
        // neighbours: each run of frames with the same one goes together.
        while let [first, ..] = rest {
            let Some(audience) = table.audience(first.ssrc, first.flow) else {
                counts.add(Fate::NotSpeaking, 1);
                rest = rest.get(1..).unwrap_or_default();
                continue;
            };
            let same = |frame: &&Frame| {
                table.audience(frame.ssrc, frame.flow).is_some_and(|other| std::ptr::eq(other, audience))
            };
            let (run, more) = rest.split_at(rest.iter().take_while(same).count());
            rest = more;
            for (listener, peer) in audience.on_shard(self.shard) {
                for frame in run.iter().filter(|frame| frame.ssrc != *listener) {
                    if peer.send(frame.datagram.clone()) {
                        delivered += 1;
                    } else {
                        full += 1;
                    }
                }
            }
        }
        counts.add(Fate::Delivered, delivered);
        if full > 0 {
            counts.add(Fate::ListenerFull, full);
        }
    }

    /// Takes what other shards send, and sends what waited long enough. Ends when the server does.
    pub(super) async fn run(&self, mut inbox: Receiver<Frame>) {
        loop {
            let next = self.lock().next;
            let due = async {
                match next {
                    Some(next) => tokio::time::sleep_until(self.started + next).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = due => self.send_due(),
                () = self.earlier.notified() => (),
                frame = inbox.recv() => match frame {
                    Some(frame) => self.take_over(frame),
                    None => return,
                },
            }
        }
    }

    fn take_over(&self, frame: Frame) {
        let table = self.handle.table();
        match table.audience(frame.ssrc, frame.flow) {
            Some(audience) => self.deliver(audience.channel(), frame),
            None => self.handle.voice_counts().add(Fate::NotSpeaking, 1),
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
