//! Recordings: what the state says is recorded is written, from a second after everybody was told.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::id::{ChannelId, Moment, RecordingId, Ssrc, Timestamp};
use crate::recording::{Recordings, Tap as Writer};
use crate::state::State;
use crate::voice::Tap;

/// Everybody is told for so long before the first frame is written.
const NOTICE: Duration = Duration::from_secs(1);

/// While something is recorded, how often it is looked whether it still can be.
const LOOK: Duration = Duration::from_secs(1);

/// What is written of an organization's channels.
#[derive(Debug)]
pub(super) struct Recorder {
    recordings: Option<Recordings>,
    running: HashMap<ChannelId, Running>,
    /// Channels whose recording couldn't begin.
    broken: Vec<ChannelId>,
}

/// A recording under way.
#[derive(Debug)]
struct Running {
    id: RecordingId,
    tap: Arc<dyn Tap>,
}

impl Tap for Writer {
    fn offer(&self, ssrc: Ssrc, datagram: bytes::Bytes) -> bool {
        Self::offer(self, ssrc, datagram)
    }
}

impl Recorder {
    /// Records there; nowhere without recordings.
    pub(super) fn new(recordings: Option<Recordings>) -> Self {
        Self { recordings, running: HashMap::new(), broken: Vec::new() }
    }

    /// Whether nothing is written.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty()
    }

    /// Where a channel's packets go beside the listeners.
    pub(super) fn tap(&self, channel: ChannelId) -> Option<Arc<dyn Tap>> {
        self.running.get(&channel).map(|running| Arc::clone(&running.tap))
    }

    /// Begins and ends what is written, as the state has it by now; and names those who speak.
    /// Answers whether the table has to follow.
    pub(super) fn follow(&mut self, state: &State, now: Moment) -> bool {
        let Some(recordings) = self.recordings.clone() else { return false };
        let mut changed = false;
        self.running.retain(|channel, running| {
            let goes_on = state.recordings().contains_key(channel);
            if !goes_on {
                // One that ended by itself needs no stop.
                let _ = recordings.stop(running.id, now.wall);
                changed = true;
            }
            goes_on
        });
        for (channel, recording) in state.recordings() {
            if self.running.contains_key(channel) || now.monotonic < recording.since.monotonic + NOTICE {
                continue;
            }
            let path = state.path_of(Some(*channel));
            match recordings.start(*channel, path, recording.name.clone(), now.wall) {
                Ok(writer) => {
                    let id = writer.recording();
                    tracing::info!(recording = %id, by = recording.name, "a channel is recorded");
                    self.running.insert(*channel, Running { id, tap: Arc::new(writer) });
                    changed = true;
                }
                Err(error) => {
                    tracing::error!(%error, "a channel can't be recorded");
                    self.broken.push(*channel);
                }
            }
        }
        for (channel, running) in &self.running {
            for member in state.within(*channel) {
                recordings.speaker(running.id, member.ssrc, member.session, &member.name);
            }
        }
        changed
    }

    /// Channels that can't be recorded any more: the disk is full, or fails.
    pub(super) fn broken(&self) -> Vec<ChannelId> {
        let Some(recordings) = &self.recordings else { return Vec::new() };
        let ended = self.running.iter().filter(|(_, running)| !recordings.running(running.id));
        ended.map(|(channel, _)| *channel).chain(self.broken.iter().copied()).collect()
    }

    /// When something is to be done about recordings, by monotonic time.
    pub(super) fn next(&self, state: &State, now: Duration) -> Option<Duration> {
        let waiting = state.recordings().iter().filter(|(channel, _)| !self.running.contains_key(channel));
        let begins = waiting.map(|(_, recording)| recording.since.monotonic + NOTICE).min();
        let looks = (!self.running.is_empty()).then_some(now.saturating_add(LOOK));
        begins.into_iter().chain(looks).min()
    }

    /// Ends what is written, because the server stops or the organization is deleted.
    pub(super) fn stop(&mut self, now: Timestamp) {
        let recordings = self.recordings.as_ref();
        for running in std::mem::take(&mut self.running).into_values() {
            // One that ended by itself needs no stop.
            let _ = recordings.map(|recordings| recordings.stop(running.id, now));
        }
    }

    /// Those that couldn't begin were said by [`Self::broken`], and are to be tried again.
    pub(super) fn forget_broken(&mut self) {
        self.broken.clear();
    }
}
