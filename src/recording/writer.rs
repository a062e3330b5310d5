//! The thread that places packets and writes files. Time is an argument, but for [`Writer::run`].

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::error::EndedBy;
use super::ledger::{Names, Phase};
use super::shared::Shared;
use super::tap::{Message, QUEUE};
use crate::audio::{OggTrack, SAMPLE_RATE};
use crate::files;
use crate::id::{FlowId, RecordingId, SessionId, Ssrc};
use crate::protocol::{OPUS_PAYLOAD_TYPE, VoicePacket};

/// Speakers of a recording at most; packets of further ones are counted and left out.
pub const SPEAKERS: usize = 256;

/// How often what waits for stragglers is looked at.
const TICK: Duration = Duration::from_millis(100);

/// How often what is placed is written. With what waits to be placed, less than a second is missing after a crash.
const FLUSH: Duration = Duration::from_millis(500);

/// Why a file can't go on.
enum Stop {
    Quota,
    Disk(std::io::Error),
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::Disk(error)
    }
}

/// One file. It is opened for each write: there may be more files than a process may hold open.
struct Speaker {
    /// Its place among the recording's files.
    index: usize,
    path: PathBuf,
    track: OggTrack<Vec<u8>>,
}

/// Who speaks in a file.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Voice {
    Session(SessionId),
    Unknown(Ssrc),
}

/// A recording that runs.
struct Live {
    began: Instant,
    speakers: Vec<Speaker>,
    by_voice: HashMap<Voice, usize>,
    /// Under which voice an SSRC was heard last.
    by_ssrc: HashMap<Ssrc, Voice>,
    /// Whether there are files that `about.json` doesn't name yet.
    unnamed: bool,
    left_out: u64,
}

impl Live {
    fn new(began: Instant) -> Self {
        Self {
            began,
            speakers: Vec::new(),
            by_voice: HashMap::new(),
            by_ssrc: HashMap::new(),
            unnamed: false,
            left_out: 0,
        }
    }

    /// Samples since the recording began.
    fn sample(&self, at: Instant) -> u64 {
        (at.saturating_duration_since(self.began).as_secs_f64() * f64::from(SAMPLE_RATE)) as u64
    }
}

/// The writer's state. The order of calls is: [`Writer::take`] for each message, and [`Writer::tick`] ten times a second.
pub(super) struct Writer {
    shared: Arc<Shared>,
    live: BTreeMap<RecordingId, Live>,
    flushed: Option<Instant>,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, live: BTreeMap::new(), flushed: None }
    }

    /// Works until nobody can begin a recording any more and all are complete.
    pub(super) fn run(mut self, queue: &Receiver<Message>) {
        let mut next = Instant::now();
        loop {
            let received = if self.rests() {
                queue.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                queue.recv_timeout(next.saturating_duration_since(Instant::now()))
            };
            let mut due = match received {
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout) => true,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            // What came before a recording was stopped belongs to it.
            for message in queue.try_iter().take(QUEUE) {
                due |= self.take(message);
            }
            let now = Instant::now();
            if due || now >= next {
                self.tick(now);
                next = now + TICK;
            }
            let ledger = self.shared.ledger();
            if ledger.closing && ledger.unfinished().next().is_none() {
                return;
            }
        }
        self.end_all(Instant::now());
        self.tick(Instant::now());
    }

    fn rests(&self) -> bool {
        self.shared.ledger().unfinished().next().is_none()
    }

    /// Takes a message; `true` when the ledger is to be looked at.
    pub(super) fn take(&mut self, message: Message) -> bool {
        let Message::Voice { recording, ssrc, at, datagram } = message else { return true };
        let Ok(packet) = VoicePacket::parse(&datagram) else { return false };
        // A whisper is nothing that was said in the channel.
        if packet.flow != FlowId::CHANNEL || packet.header.payload_type != OPUS_PAYLOAD_TYPE {
            return false;
        }
        let place = self.shared.ledger().place(recording, ssrc, at);
        let Some((began, session)) = place else { return false };
        let live = self.live.entry(recording).or_insert_with(|| Live::new(began));
        let voice = session.map(Voice::Session).or(live.by_ssrc.get(&ssrc).copied());
        let voice = voice.unwrap_or(Voice::Unknown(ssrc));
        let index = match live.by_voice.get(&voice) {
            Some(index) => *index,
            None if live.speakers.len() >= SPEAKERS => {
                live.left_out += 1;
                return false;
            }
            None => {
                let Some(speaker) = begin(&self.shared, recording, ssrc) else { return false };
                live.speakers.push(speaker);
                live.unnamed = true;
                live.by_voice.insert(voice, live.speakers.len() - 1);
                live.speakers.len() - 1
            }
        };
        live.by_ssrc.insert(ssrc, voice);
        let now = live.sample(at);
        // A copy, so that what the packet came in is free again.
        let payload = Bytes::copy_from_slice(&datagram[packet.payload]);
        live.speakers[index].track.hear(now, &packet.header, payload);
        false
    }

    /// Places what has waited, writes what is placed, and ends what is to end.
    pub(super) fn tick(&mut self, now: Instant) {
        let mut stop = None;
        let flush = self.flushed.is_none_or(|last| now.saturating_duration_since(last) >= FLUSH);
        for (id, live) in &mut self.live {
            if let Err(why) = settle(&self.shared, *id, live, now, flush) {
                stop = Some((*id, why));
                break;
            }
        }
        if flush {
            self.flushed = Some(now);
        }
        if let Some((id, why)) = stop {
            self.give_up(id, &why, now);
        }
        let ending: Vec<_> = self.shared.ledger().unfinished().collect();
        for (id, phase) in ending {
            if let Phase::Ending(_, at) = phase {
                self.finish(id, at);
            }
        }
    }

    /// Ends a recording's files at `at`.
    fn finish(&mut self, id: RecordingId, at: Instant) {
        let Some(mut live) = self.live.remove(&id) else { return self.complete(id, 0, false, None) };
        let (end, left_out) = (live.sample(at), live.left_out);
        let whole = name_files(&self.shared, id, &mut live).and_then(|()| {
            live.speakers.drain(..).try_for_each(|speaker| {
                let bytes = speaker.track.finish(end)?;
                append(&self.shared, id, speaker.index, &speaker.path, &bytes)
            })
        });
        match whole {
            Ok(()) => self.complete(id, left_out, false, None),
            Err(why) => self.complete(id, left_out, true, Some(&why)),
        }
    }

    /// Ends a recording that can't go on, or all when there is no room any more. What isn't written yet is lost.
    fn give_up(&mut self, id: RecordingId, why: &Stop, now: Instant) {
        let ids = match why {
            Stop::Quota => self.shared.ledger().unfinished().map(|(id, _)| id).collect(),
            Stop::Disk(_) => vec![id],
        };
        for id in ids {
            self.shared.ledger().end(id, now, None);
            let left_out = self.live.remove(&id).map_or(0, |live| live.left_out);
            self.complete(id, left_out, true, Some(why));
        }
    }

    /// Ends all that run.
    fn end_all(&self, at: Instant) {
        let mut ledger = self.shared.ledger();
        let ids: Vec<_> = ledger.unfinished().map(|(id, _)| id).collect();
        for id in ids {
            ledger.end(id, at, None);
        }
    }

    /// Tells that a recording's files are whole, after ending those that are `cut` off.
    fn complete(&self, id: RecordingId, left_out: u64, cut: bool, why: Option<&Stop>) {
        let directory = self.shared.directory_of(id);
        let about = self.shared.ledger().entries.get(&id).map(|entry| entry.about.clone());
        let Some(mut about) = about else { return };
        about.left_out = left_out;
        if cut {
            about.mend(&directory);
        }
        if let Err(error) = about.save(&directory) {
            tracing::error!(recording = id.0, %error, "the end of a recording can't be noted; the next start does it");
        }
        let by = why.map(|why| match why {
            Stop::Quota => EndedBy::Quota,
            Stop::Disk(_) => EndedBy::Disk,
        });
        match why {
            Some(Stop::Quota) => tracing::warn!(recording = id.0, "a recording ended: the quota is reached"),
            Some(Stop::Disk(error)) => {
                tracing::error!(recording = id.0, %error, "a recording ended: the disk failed");
            }
            None => (),
        }
        let weight = about.weigh(&directory);
        let mut ledger = self.shared.ledger();
        ledger.weigh(id, weight);
        ledger.ended.extend(by.map(|by| (id, by)));
        if let Some(entry) = ledger.entries.get_mut(&id) {
            entry.about = about;
            entry.phase = Phase::Complete;
            entry.names = Names::default();
        }
        drop(ledger);
        self.shared.changed.notify_all();
    }
}

/// Begins the file of whoever an SSRC belongs to.
fn begin(shared: &Shared, recording: RecordingId, ssrc: Ssrc) -> Option<Speaker> {
    let (index, file) = shared.ledger().add_file(recording, ssrc)?;
    let serial = file.session.map_or(ssrc.0, |session| (session.0 & u64::from(u32::MAX)) as u32);
    // A vector takes everything.
    let track = OggTrack::new(Vec::new(), serial, &file.speaker).ok()?;
    Some(Speaker { index, path: shared.directory_of(recording).join(file.name), track })
}

/// Places what has waited long enough, and writes what is placed.
fn settle(shared: &Shared, id: RecordingId, live: &mut Live, now: Instant, flush: bool) -> Result<(), Stop> {
    let sample = live.sample(now);
    for speaker in &mut live.speakers {
        speaker.track.settle(sample)?;
    }
    if !flush {
        return Ok(());
    }
    name_files(shared, id, live)?;
    for speaker in &mut live.speakers {
        speaker.track.flush()?;
        let bytes = std::mem::take(speaker.track.writer());
        append(shared, id, speaker.index, &speaker.path, &bytes)?;
    }
    Ok(())
}

/// Notes new files in `about.json` before they are there, so that a crash leaves none that nobody knows.
fn name_files(shared: &Shared, id: RecordingId, live: &mut Live) -> Result<(), Stop> {
    if !std::mem::take(&mut live.unnamed) {
        return Ok(());
    }
    let Some(mut about) = shared.ledger().entries.get(&id).map(|entry| entry.about.clone()) else {
        return Ok(());
    };
    // It has no end before its files have.
    about.ended = None;
    let directory = shared.directory_of(id);
    about.save(&directory)?;
    let weight = about.weigh(&directory);
    shared.ledger().weigh(id, weight);
    Ok(())
}

/// Adds to a file, if there is room.
fn append(shared: &Shared, id: RecordingId, index: usize, path: &Path, bytes: &[u8]) -> Result<(), Stop> {
    if bytes.is_empty() {
        return Ok(());
    }
    if !shared.ledger().reserve(id, index, bytes.len() as u64, shared.quota) {
        return Err(Stop::Quota);
    }
    files::append(path)?.write_all(bytes)?;
    Ok(())
}
