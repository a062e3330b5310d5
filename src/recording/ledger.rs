//! What recordings there are: what the control thread asks and the writer tells. No disk.

use std::collections::{BTreeMap, HashMap};
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::Instant;

use super::about::{About, SpeakerFile};
use super::error::{EndedBy, RUNNING, RecordingError};
use super::tap::Message;
use crate::id::{RecordingId, SessionId, Ssrc, Timestamp};

/// Recordings that are kept, at most, however small they are.
const KEPT: usize = 10_000;

/// Names of a recording, at most. One more takes the place of the oldest.
const NAMES: usize = 4_096;

/// How far a recording is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Phase {
    /// It began then.
    Running(Instant),
    /// It is to end, at the second.
    Ending(Instant, Instant),
    /// Its files are whole.
    Complete,
}

/// A recording.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) about: About,
    /// What it takes.
    pub(super) bytes: u64,
    pub(super) phase: Phase,
    pub(super) names: Names,
}

/// Whose voice an SSRC is.
#[derive(Debug, Default)]
pub(super) struct Names {
    by_ssrc: HashMap<Ssrc, Named>,
    told: u64,
}

#[derive(Debug)]
struct Named {
    session: SessionId,
    name: String,
    order: u64,
}

impl Names {
    pub(super) fn insert(&mut self, ssrc: Ssrc, session: SessionId, name: String) {
        if self.by_ssrc.len() >= NAMES && !self.by_ssrc.contains_key(&ssrc) {
            let oldest = self.by_ssrc.iter().min_by_key(|(_, named)| named.order).map(|(ssrc, _)| *ssrc);
            oldest.map(|oldest| self.by_ssrc.remove(&oldest));
        }
        self.told += 1;
        self.by_ssrc.insert(ssrc, Named { session, name, order: self.told });
    }

    fn session(&self, ssrc: Ssrc) -> Option<SessionId> {
        self.by_ssrc.get(&ssrc).map(|named| named.session)
    }

    fn name(&self, ssrc: Ssrc) -> Option<String> {
        self.by_ssrc.get(&ssrc).map(|named| named.name.clone())
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// The highest id so far.
    pub(super) next: u64,
    /// Bytes of all recordings together.
    pub(super) used: u64,
    pub(super) entries: BTreeMap<RecordingId, Entry>,
    /// Those that ended otherwise than by a stop, until somebody asks.
    pub(super) ended: Vec<(RecordingId, EndedBy)>,
    /// No further one begins.
    pub(super) closing: bool,
    /// What the writer will read from, until it is started.
    pub(super) queue: Option<Receiver<Message>>,
    pub(super) thread: Option<JoinHandle<()>>,
}

impl Ledger {
    pub(super) fn insert(&mut self, id: RecordingId, entry: Entry) {
        self.used += entry.bytes;
        self.entries.insert(id, entry);
    }

    pub(super) fn remove(&mut self, id: RecordingId) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        self.used = self.used.saturating_sub(entry.bytes);
        Some(entry)
    }

    /// Whether another one may begin.
    pub(super) fn admit(&self, quota: u64) -> Result<(), RecordingError> {
        if quota == 0 || self.closing {
            return Err(RecordingError::Off);
        }
        if self.used >= quota || self.entries.len() >= KEPT {
            return Err(RecordingError::Quota);
        }
        if self.unfinished().count() >= RUNNING {
            return Err(RecordingError::TooMany);
        }
        Ok(())
    }

    /// Those that are not complete.
    pub(super) fn unfinished(&self) -> impl Iterator<Item = (RecordingId, Phase)> + '_ {
        let all = self.entries.iter().map(|(id, entry)| (*id, entry.phase));
        all.filter(|(_, phase)| !matches!(phase, Phase::Complete))
    }

    /// Has a recording end. What it lacks is the writer's to write.
    pub(super) fn end(&mut self, id: RecordingId, at: Instant, now: Option<Timestamp>) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if let Phase::Running(began) = entry.phase {
            entry.phase = Phase::Ending(began, at);
            let started = entry.about.started;
            let ended = now.unwrap_or(started.plus(at.saturating_duration_since(began)));
            entry.about.ended = Some(ended.max(started));
        }
    }

    /// When the recording began that a packet of `at` belongs to, and in which session its speaker is.
    pub(super) fn place(
        &self,
        id: RecordingId,
        ssrc: Ssrc,
        at: Instant,
    ) -> Option<(Instant, Option<SessionId>)> {
        let entry = self.entries.get(&id)?;
        let began = match entry.phase {
            Phase::Running(began) => began,
            Phase::Ending(began, end) if at <= end => began,
            Phase::Ending(..) | Phase::Complete => return None,
        };
        Some((began, entry.names.session(ssrc)))
    }

    /// Adds a speaker's file, under a name that is free. Answers its place.
    pub(super) fn add_file(&mut self, id: RecordingId, ssrc: Ssrc) -> Option<(usize, SpeakerFile)> {
        let entry = self.entries.get_mut(&id)?;
        let session = entry.names.session(ssrc);
        let speaker = entry.names.name(ssrc).unwrap_or_else(|| format!("unknown-{ssrc}"));
        let stem = match session {
            Some(session) => crate::audio::track_name(&speaker, session.0),
            None => speaker.clone(),
        };
        let taken = |name: &String| entry.about.files.iter().any(|file| file.name == *name);
        let names = (2..).map(|count: u32| format!("{stem}-{count}.opus"));
        let name = std::iter::once(format!("{stem}.opus")).chain(names).find(|name| !taken(name))?;
        let file = SpeakerFile { name, speaker, session, bytes: 0 };
        entry.about.files.push(file.clone());
        Some((entry.about.files.len() - 1, file))
    }

    /// Counts bytes that are to be written; not when that would be above the quota.
    pub(super) fn reserve(&mut self, id: RecordingId, file: usize, bytes: u64, quota: u64) -> bool {
        if self.used + bytes > quota {
            return false;
        }
        if let Some(entry) = self.entries.get_mut(&id) {
            self.used += bytes;
            entry.bytes += bytes;
            if let Some(file) = entry.about.files.get_mut(file) {
                file.bytes += bytes;
            }
        }
        true
    }

    /// Takes over what a recording is and weighs.
    pub(super) fn weigh(&mut self, id: RecordingId, bytes: u64) {
        if let Some(entry) = self.entries.get_mut(&id) {
            self.used = self.used.saturating_sub(entry.bytes) + bytes;
            entry.bytes = bytes;
        }
    }
}
