//! Recordings of channels on the server: each speaker's voice in an Ogg Opus file of its own, packet by packet as it
//! came. Nothing is decoded.
//!
//! [`Recordings`] is what the rest of the server has of it, and a [`Tap`] what a recorded channel's voice is offered
//! to. One thread, `recording`, places packets and writes files; it is started with the first recording.
//!
//! A recording is a directory, named by its number, with `about.json` ([`About`]) and the files. What a crash cuts
//! off is ended when the directory is opened again.

mod about;
mod error;
mod found;
mod ledger;
mod shared;
mod tap;
mod writer;

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::files;
use crate::id::{ChannelId, RecordingId, SessionId, Ssrc, Timestamp};
use ledger::{Entry, Ledger, Names, Phase};
use shared::Shared;
use tap::{Message, QUEUE};
use writer::Writer;

pub use about::{About, SpeakerFile};
pub use error::{EndedBy, RUNNING, RecordingError};
pub use tap::Tap;
pub use writer::SPEAKERS;

/// How long who looks at files waits for those that are being ended.
const ENDING: Duration = Duration::from_secs(2);

/// All recordings. Cheap to clone. When the last clone and the last tap go, what runs is ended; [`Recordings::close`]
/// waits for that.
#[derive(Clone, Debug)]
pub struct Recordings {
    shared: Arc<Shared>,
    queue: SyncSender<Message>,
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
        files::make_directory(&directory)?;
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
