//! Files in place of devices: one that is heard, and one that is written.

use std::fmt;
use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak};

use hound::{SampleFormat, WavSpec, WavWriter};

use super::super::{SAMPLE_RATE, Source};
use super::block::BLOCK;
use super::choose::{Choice, Device};
use super::error::DeviceError;
use super::event::Events;
use super::open::{About, Driver, Line, Opened, Step, Stream, Work, lock};
use super::side::Side;
use super::steady;

/// Blocks after which what was written is made to be a whole file: a second.
const WHOLE: u64 = 200;

/// Most samples of a file: a WAV file says how long it is in 32 bits of bytes. That is twelve hours.
const LONGEST: u64 = 12 * 3_600 * SAMPLE_RATE as u64;

/// Which files.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// What the microphone hears: a sound file of any kind that is played, and silence after its end. Without one it
    /// hears silence.
    pub microphone: Option<PathBuf>,
    /// What the loudspeaker plays is written there, as a WAV file of 16 bits, twelve hours at most. What is there is
    /// replaced.
    pub loudspeaker: Option<PathBuf>,
}

/// By which clock sound goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// The machine's: each open device has a thread.
    Steady,
    /// By [`FileDevices::turn`], on the thread that calls it.
    Turned,
}

/// Devices that are files. A clone is the same devices. A device that is closed and opened again goes on where it was.
#[derive(Clone)]
pub struct FileDevices {
    pace: Pace,
    microphone: Arc<Mutex<Microphone>>,
    loudspeaker: Arc<Mutex<Loudspeaker>>,
    /// What is open, where somebody turns the clock.
    lines: Arc<Mutex<Vec<Weak<Line>>>>,
}

impl fmt::Debug for FileDevices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileDevices").field("pace", &self.pace).finish_non_exhaustive()
    }
}

impl FileDevices {
    /// Opens the files.
    pub fn new(files: Files, pace: Pace) -> Result<Self, DeviceError> {
        let microphone = Microphone::open(files.microphone)?;
        let loudspeaker = Loudspeaker::create(files.loudspeaker)?;
        Ok(Self {
            pace,
            microphone: Arc::new(Mutex::new(microphone)),
            loudspeaker: Arc::new(Mutex::new(loudspeaker)),
            lines: Arc::default(),
        })
    }

    /// Lets a block's time pass, 5 ms: each microphone that is open hears a block, and then each loudspeaker is asked for
    /// one. Does nothing where the machine's clock does.
    pub fn turn(&self) {
        let lines: Vec<Arc<Line>> = {
            let mut lines = lock(&self.lines);
            lines.retain(|line| line.upgrade().is_some_and(|line| !line.is_closed()));
            lines.iter().filter_map(Weak::upgrade).collect()
        };
        for side in [Side::Microphone, Side::Loudspeaker] {
            for line in lines.iter().filter(|line| line.side() == side) {
                if let Err(why) = self.pass(line) {
                    line.lose(why);
                }
            }
        }
    }

    /// Makes the file that is written whole, with all that was played so far.
    pub fn flush(&self) -> Result<(), DeviceError> {
        lock(&self.loudspeaker).flush()
    }

    pub(super) fn list(&self) -> Vec<Device> {
        let device = |side| {
            let name = self.name(side);
            Device { side, id: name.clone(), name, is_default: true, is_monitor: false }
        };
        vec![device(Side::Microphone), device(Side::Loudspeaker)]
    }

    pub(super) fn open(&self, side: Side, choice: Choice, events: Events, work: Work) -> Opened {
        match self.pace {
            Pace::Steady => Opened::start(side, choice, events, work, self.clone()),
            Pace::Turned => {
                let opened = Opened::idle(side, events, work);
                let line = opened.line();
                line.works(&About { name: self.name(side), ..About::default() }, false);
                lock(&self.lines).push(Arc::downgrade(&line));
                opened
            }
        }
    }

    fn name(&self, side: Side) -> String {
        let path = match side {
            Side::Microphone => lock(&self.microphone).path.clone(),
            Side::Loudspeaker => lock(&self.loudspeaker).path.clone(),
        };
        path.map_or_else(|| "no file".to_owned(), |path| path.display().to_string())
    }

    fn pass(&self, line: &Line) -> Result<(), DeviceError> {
        let mut block = [0.0; BLOCK];
        match line.side() {
            Side::Microphone => {
                let read = lock(&self.microphone).read(&mut block);
                line.hear(&block);
                read
            }
            Side::Loudspeaker => {
                line.render(&mut block);
                lock(&self.loudspeaker).write(&block)
            }
        }
    }
}

impl Driver for FileDevices {
    type Stream = FileStream;

    fn open(&mut self, side: Side, _: &Choice) -> Result<FileStream, DeviceError> {
        Ok(FileStream { name: self.name(side), files: self.clone(), pace: steady::Pace::new() })
    }
}

/// A file that is heard or written by the machine's clock.
pub(super) struct FileStream {
    name: String,
    files: FileDevices,
    pace: steady::Pace,
}

impl Stream for FileStream {
    fn about(&self) -> About {
        About { name: self.name.clone(), ..About::default() }
    }

    fn may_stand_still(&self) -> bool {
        false
    }

    fn step(&mut self, line: &Line) -> Result<Step, DeviceError> {
        self.pace.wait();
        self.files.pass(line)?;
        Ok(Step::Worked)
    }
}

/// A file that is heard.
struct Microphone {
    path: Option<PathBuf>,
    source: Option<Source>,
    frame: Vec<i16>,
}

impl Microphone {
    fn open(path: Option<PathBuf>) -> Result<Self, DeviceError> {
        let source = path.as_deref().map(Source::open).transpose();
        let source = source.map_err(|error| Self::broken(path.as_ref(), &error))?;
        Ok(Self { path, source, frame: Vec::new() })
    }

    /// Reads a block; silence at the end, and from where it can't be read on.
    fn read(&mut self, block: &mut [f32; BLOCK]) -> Result<(), DeviceError> {
        if self.frame.is_empty()
            && let Some(source) = &mut self.source
        {
            let next = source.next_frame().map_err(|error| Self::broken(self.path.as_ref(), &error));
            match next {
                Ok(Some(frame)) => self.frame = frame,
                Ok(None) => self.source = None,
                Err(error) => {
                    self.source = None;
                    return Err(error);
                }
            }
        }
        let there = BLOCK.min(self.frame.len());
        for (sample, read) in block.iter_mut().zip(self.frame.drain(..there)) {
            *sample = f32::from(read) / 32_768.0;
        }
        Ok(())
    }

    fn broken(path: Option<&PathBuf>, error: &impl ToString) -> DeviceError {
        DeviceError::Read { path: path.cloned().unwrap_or_default(), reason: error.to_string() }
    }
}

/// A file that is written.
struct Loudspeaker {
    path: Option<PathBuf>,
    writer: Option<WavWriter<BufWriter<File>>>,
    blocks: u64,
}

impl Loudspeaker {
    fn create(path: Option<PathBuf>) -> Result<Self, DeviceError> {
        let spec = WavSpec {
            channels: 1,
            sample_rate: SAMPLE_RATE,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        let writer = path.as_ref().map(|path| WavWriter::create(path, spec)).transpose();
        let writer = writer.map_err(|error| Self::broken(path.as_ref(), &error))?;
        Ok(Self { path, writer, blocks: 0 })
    }

    fn write(&mut self, block: &[f32; BLOCK]) -> Result<(), DeviceError> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        if self.blocks * BLOCK as u64 >= LONGEST {
            // What was written stays; what comes isn't kept.
            return Ok(());
        }
        for sample in block {
            let sample = (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16;
            writer.write_sample(sample).map_err(|error| Self::broken(self.path.as_ref(), &error))?;
        }
        self.blocks += 1;
        if self.blocks.is_multiple_of(WHOLE) { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), DeviceError> {
        let flushed = self.writer.as_mut().map_or(Ok(()), WavWriter::flush);
        flushed.map_err(|error| Self::broken(self.path.as_ref(), &error))
    }

    fn broken(path: Option<&PathBuf>, error: &impl ToString) -> DeviceError {
        DeviceError::Write { path: path.cloned().unwrap_or_default(), reason: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use tokio::sync::mpsc;

    use super::super::{Backend, Change, EVENTS};
    use super::*;

    #[test]
    fn a_turned_clock_takes_a_file_to_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let [heard, played] = ["in.wav", "out.wav"].map(|name| directory.path().join(name));
        let mut first = Loudspeaker::create(Some(heard.clone())).unwrap();
        for index in 0..8 {
            first.write(&[index as f32 / 16.0; BLOCK]).unwrap();
        }
        drop(first);

        let files = Files { microphone: Some(heard), loudspeaker: Some(played.clone()) };
        let devices = FileDevices::new(files, Pace::Turned).unwrap();
        let backend = Backend::File(devices.clone());
        let (events, mut told) = mpsc::channel(EVENTS);
        let between = Arc::new(Mutex::new([0.0; BLOCK]));
        let there = Arc::clone(&between);
        let microphone = backend
            .open_microphone(Choice::Default, events.clone(), move |block| *there.lock().unwrap() = *block);
        let rendered = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&rendered);
        let loudspeaker = backend.open_loudspeaker(Choice::Default, events, move |block| {
            *block = *between.lock().unwrap();
            counted.fetch_add(1, Relaxed);
        });
        for _ in 0..10 {
            devices.turn();
        }
        assert_eq!((microphone.state().blocks, loudspeaker.state().blocks), (10, 10));
        drop(loudspeaker);
        devices.turn();
        assert_eq!(rendered.load(Relaxed), 10, "nothing is rendered once it is closed");
        assert_eq!(microphone.state().blocks, 11);
        devices.flush().unwrap();

        let samples = Source::open(&played).unwrap().samples().unwrap();
        assert_eq!(samples.len(), 10 * BLOCK);
        for (index, block) in samples.chunks(BLOCK).enumerate() {
            let value = if index < 8 { index as i16 * 2_048 } else { 0 };
            assert!(block.iter().all(|sample| *sample == value), "block {index}");
        }
        assert!(matches!(told.try_recv().unwrap().change, Change::Works { again: false, .. }));
    }

    #[test]
    fn a_machine_that_is_late_loses_no_file() {
        let devices = FileDevices::new(Files::default(), Pace::Steady).unwrap();
        let (events, mut told) = mpsc::channel(EVENTS);
        let (done, late) = std::sync::mpsc::channel();
        let mut blocks = 0;
        let loudspeaker = Backend::File(devices).open_loudspeaker(Choice::Default, events, move |_| {
            blocks += 1;
            match blocks {
                // As where others have the processor.
                5 => std::thread::sleep(std::time::Duration::from_millis(400)),
                20 => done.send(()).unwrap_or_default(),
                _ => (),
            }
        });
        late.recv_timeout(std::time::Duration::from_secs(30)).unwrap();
        drop(loudspeaker);
        let told: Vec<_> = std::iter::from_fn(|| told.try_recv().ok()).map(|event| event.change).collect();
        assert!(matches!(told[..], [Change::Works { again: false, .. }]), "{told:?}");
    }

    #[test]
    fn what_is_no_sound_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("text");
        std::fs::write(&path, "no sound").unwrap();
        let files = Files { microphone: Some(path), loudspeaker: None };
        let error = FileDevices::new(files, Pace::Turned).unwrap_err();
        assert!(error.to_string().contains("can't be played as the microphone"), "{error}");
    }
}
