//! Recordings of channels on the server: each speaker's voice in an Ogg Opus file of its own, packet by packet as it
//! came. Nothing is decoded.
//!
//! [`Recordings`] is what the rest of the server has of it, and a [`Tap`] what a recorded channel's voice is offered
//! to. One thread, `recording`, places packets and writes files; it is started with the first recording.
//!
//! A recording is a directory, named by its number, with `about.json` ([`About`]) and the files. What a crash cuts
//! off is ended when the directory is opened again.

mod about;
mod found;
mod ledger;
mod writer;

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use thiserror::Error;

use crate::id::{ChannelId, RecordingId, SessionId, Ssrc, Timestamp};
use ledger::{Entry, Ledger, Names, Phase};
use writer::Writer;

pub use about::{About, SpeakerFile};
pub use ledger::RUNNING;
pub use writer::SPEAKERS;

/// Packets that wait for the writer at most, of all recordings. Further ones are refused.
const QUEUE: usize = 4_096;

/// How long who looks at files waits for those that are being ended.
const ENDING: Duration = Duration::from_secs(2);

/// Why something can't be done with a recording.
#[derive(Debug, Error)]
pub enum RecordingError {
    /// The quota is zero, or the server stops.
    #[error("recording is turned off on this server")]
    Off,
    /// There is no room for another one.
    #[error("recordings take all the room they may; remove some first")]
    Quota,
    /// So many run.
    #[error("{RUNNING} recordings run already, which is the most at once")]
    TooMany,
    /// There is none of that number.
    #[error("there is no such recording")]
    Unknown,
    /// It runs.
    #[error("the recording runs; stop it first")]
    Running,
    /// It has no file of that name.
    #[error("the recording has no such file")]
    File,
    /// The disk failed.
    #[error("the disk failed: {0}")]
    Disk(#[from] io::Error),
}

/// Why a recording ended that nobody stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EndedBy {
    /// The quota was reached.
    Quota,
    /// The disk failed.
    Disk,
}

/// What the writer is told.
#[derive(Debug)]
enum Message {
    /// A packet of a speaker in a recorded channel, and when it came.
    Voice { recording: RecordingId, ssrc: Ssrc, at: Instant, datagram: Bytes },
    /// Something in the ledger is for it.
    Wake,
}

/// Where the voice of a recorded channel goes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tap {
    recording: RecordingId,
    queue: SyncSender<Message>,
}

impl Tap {
    /// Which recording it belongs to.
    pub fn recording(&self) -> RecordingId {
        self.recording
    }

    /// Takes a datagram, flow id first, as the speaker sent it. Never waits: `false` when the queue is full, and the
    /// packet is lost to the recording.
    pub fn offer(&self, ssrc: Ssrc, datagram: Bytes) -> bool {
        self.offer_at(ssrc, datagram, Instant::now())
    }

    fn offer_at(&self, ssrc: Ssrc, datagram: Bytes, at: Instant) -> bool {
        let message = Message::Voice { recording: self.recording, ssrc, at, datagram };
        !matches!(self.queue.try_send(message), Err(TrySendError::Full(_)))
    }
}

/// All recordings. Cheap to clone. When the last clone and the last tap go, what runs is ended; [`Recordings::close`]
/// waits for that.
#[derive(Clone, Debug)]
pub struct Recordings {
    shared: Arc<Shared>,
    queue: SyncSender<Message>,
}

/// What the control thread's side and the writer share. The lock is never held while the disk works.
#[derive(Debug)]
struct Shared {
    directory: PathBuf,
    quota: u64,
    ledger: Mutex<Ledger>,
    /// Told when a recording is complete.
    changed: Condvar,
}

impl Shared {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn directory_of(&self, id: RecordingId) -> PathBuf {
        self.directory.join(id.to_string())
    }
}

impl Recordings {
    /// Looks what recordings the directory holds, which need not be there yet, and ends those that a crash cut off.
    /// `quota` is in bytes; zero turns recording off.
    pub fn open(directory: PathBuf, quota: u64) -> io::Result<Self> {
        let mut ledger = found::find(&directory)?;
        let (queue, receiver) = sync_channel(QUEUE);
        ledger.queue = Some(receiver);
        let shared = Shared { directory, quota, ledger: Mutex::new(ledger), changed: Condvar::new() };
        Ok(Self { shared: Arc::new(shared), queue })
    }

    /// Begins a recording of a channel. Its files begin now.
    pub fn start(
        &self,
        channel: ChannelId,
        channel_path: String,
        by: String,
        now: Timestamp,
    ) -> Result<Tap, RecordingError> {
        self.start_at(channel, channel_path, by, now, Instant::now())
    }

    fn start_at(
        &self,
        channel: ChannelId,
        channel_path: String,
        by: String,
        now: Timestamp,
        began: Instant,
    ) -> Result<Tap, RecordingError> {
        let about = {
            let mut ledger = self.shared.ledger();
            ledger.admit(self.shared.quota)?;
            ledger.next += 1;
            let id = RecordingId(ledger.next);
            let about = About {
                id,
                channel,
                channel_path,
                by,
                started: now,
                ended: None,
                files: Vec::new(),
                left_out: 0,
            };
            let phase = Phase::Running(began);
            ledger.insert(id, Entry { about: about.clone(), bytes: 0, phase, names: Names::default() });
            about
        };
        let id = about.id;
        if let Err(error) = self.prepare(&about) {
            self.shared.ledger().remove(id);
            let _ = fs::remove_dir_all(self.shared.directory_of(id));
            return Err(error.into());
        }
        let _ = self.queue.try_send(Message::Wake);
        Ok(Tap { recording: id, queue: self.queue.clone() })
    }

    /// Makes a recording's directory, and starts the writer if it isn't there yet.
    fn prepare(&self, about: &About) -> io::Result<()> {
        let directory = self.shared.directory_of(about.id);
        DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        about.save(&directory)?;
        let weight = about.weigh(&directory);
        let mut ledger = self.shared.ledger();
        ledger.weigh(about.id, weight);
        if let Some(queue) = ledger.queue.take() {
            let writer = Writer::new(self.shared.clone());
            let thread = std::thread::Builder::new().name("recording".to_owned());
            let thread = thread.spawn(move || writer.run(&queue));
            // What the queue is read by is gone with a thread that can't be.
            ledger.closing = thread.is_err();
            ledger.thread = Some(thread?);
        }
        Ok(())
    }

    /// Tells whose voice an SSRC is, before it is heard. Who comes back in the same session goes on in the same file.
    pub fn speaker(&self, id: RecordingId, ssrc: Ssrc, session: SessionId, name: &str) {
        if let Some(entry) = self.shared.ledger().entries.get_mut(&id) {
            entry.names.insert(ssrc, session, name.to_owned());
        }
    }

    /// Ends a recording. Its files are whole a moment later; whoever looks at them waits for that.
    pub fn stop(&self, id: RecordingId, now: Timestamp) -> Result<(), RecordingError> {
        self.stop_at(id, now, Instant::now())
    }

    fn stop_at(&self, id: RecordingId, now: Timestamp, at: Instant) -> Result<(), RecordingError> {
        let mut ledger = self.shared.ledger();
        if !ledger.entries.contains_key(&id) {
            return Err(RecordingError::Unknown);
        }
        ledger.end(id, at, Some(now));
        drop(ledger);
        // When the queue is full the writer is awake.
        let _ = self.queue.try_send(Message::Wake);
        Ok(())
    }

    /// Whether a recording runs.
    pub fn running(&self, id: RecordingId) -> bool {
        self.shared.ledger().entries.get(&id).is_some_and(|entry| matches!(entry.phase, Phase::Running(_)))
    }

    /// Those that ended otherwise than by [`Recordings::stop`] since this was asked last, and why.
    pub fn ended(&self) -> Vec<(RecordingId, EndedBy)> {
        std::mem::take(&mut self.shared.ledger().ended)
    }

    /// All recordings, the newest first.
    pub fn list(&self) -> Vec<About> {
        let ledger = self.complete();
        let mut all: Vec<About> = ledger.entries.values().map(|entry| entry.about.clone()).collect();
        all.sort_by_key(|about| std::cmp::Reverse((about.started, about.id)));
        all
    }

    /// One of them.
    pub fn about(&self, id: RecordingId) -> Option<About> {
        self.complete().entries.get(&id).map(|entry| entry.about.clone())
    }

    /// Bytes of all recordings together.
    pub fn usage(&self) -> u64 {
        self.shared.ledger().used
    }

    /// Bytes that all recordings may take together.
    pub fn quota(&self) -> u64 {
        self.shared.quota
    }

    /// A part of a file, `max` bytes at most, and how large the file is.
    pub fn read(
        &self,
        id: RecordingId,
        file: &str,
        offset: u64,
        max: usize,
    ) -> Result<(Vec<u8>, u64), RecordingError> {
        let ledger = self.complete();
        let entry = ledger.entries.get(&id).ok_or(RecordingError::Unknown)?;
        // What isn't in this list, as `../../identity.key`, is no file of the recording.
        let known = entry.about.files.iter().find(|known| known.name == file).ok_or(RecordingError::File)?;
        let path = self.shared.directory_of(id).join(&known.name);
        drop(ledger);
        let mut file = match File::open(path) {
            Ok(file) => file,
            // Nothing of it is written yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), 0)),
            Err(error) => return Err(error.into()),
        };
        let size = file.metadata()?.len();
        file.seek(SeekFrom::Start(offset.min(size)))?;
        let mut bytes = Vec::new();
        file.take(max as u64).read_to_end(&mut bytes)?;
        Ok((bytes, size))
    }

    /// Removes a recording and its files.
    pub fn remove(&self, id: RecordingId) -> Result<(), RecordingError> {
        let ledger = self.complete();
        let entry = ledger.entries.get(&id).ok_or(RecordingError::Unknown)?;
        if !matches!(entry.phase, Phase::Complete) {
            return Err(RecordingError::Running);
        }
        drop(ledger);
        let directory = self.shared.directory_of(id);
        // A crash on the way leaves a directory that is known for one that goes.
        let going = directory.with_extension(found::REMOVED);
        match fs::rename(&directory, &going) {
            Ok(()) => fs::remove_dir_all(going)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => (),
            Err(error) => return Err(error.into()),
        }
        self.shared.ledger().remove(id);
        Ok(())
    }

    /// Ends all recordings, and waits until their files are whole. None begins after this.
    pub fn close(&self, now: Timestamp) {
        let mut ledger = self.shared.ledger();
        ledger.closing = true;
        let running: Vec<_> = ledger.unfinished().map(|(id, _)| id).collect();
        for id in running {
            ledger.end(id, Instant::now(), Some(now));
        }
        let thread = ledger.thread.take();
        drop(ledger);
        let _ = self.queue.try_send(Message::Wake);
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that writes recordings had failed");
        }
    }

    /// The ledger when no recording is being ended; not much later than now if the disk hangs.
    fn complete(&self) -> MutexGuard<'_, Ledger> {
        let ending =
            |ledger: &mut Ledger| ledger.unfinished().any(|(_, phase)| matches!(phase, Phase::Ending(..)));
        let waited = self.shared.changed.wait_timeout_while(self.shared.ledger(), ENDING, ending);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(test)]
mod tests;
