//! One speaker's part of a recording: where each packet belongs, and the file it goes to.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::Context;
use bytes::Bytes;

use crate::audio::{Counts, Decoder, Due, OggTrack, Timeline, WavMixer, track_name};
use crate::client::Heard;

/// Longest stretch of lost frames that is concealed in a mix, in samples: 60 ms.
const CONCEALED: u64 = 2_880;

/// Where a recording goes.
pub(super) enum Sink {
    /// A file for each speaker in a directory.
    Files(PathBuf),
    /// All in one.
    Mix(PathBuf, Box<WavMixer<BufWriter<File>>>),
}

impl Sink {
    /// Makes the directory, or the file when the name ends in `.wav`.
    pub(super) fn create(out: &Path) -> anyhow::Result<Self> {
        if out.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("wav")) {
            let file = File::create(out).with_context(|| format!("can't write {}", out.display()))?;
            let mixer = WavMixer::new(BufWriter::new(file))?;
            return Ok(Self::Mix(out.to_owned(), Box::new(mixer)));
        }
        std::fs::create_dir_all(out)
            .with_context(|| format!("can't make the directory {}", out.display()))?;
        Ok(Self::Files(out.to_owned()))
    }

    /// Begins a speaker's track.
    pub(super) fn track(&self, session: u64, name: &str) -> anyhow::Result<Track> {
        let output = match self {
            Self::Mix(path, _) => TrackOutput::Mix(path.clone(), Timeline::default(), Decoder::new()?),
            Self::Files(directory) => {
                let path = directory.join(format!("{}.ogg", track_name(name, session)));
                let file = File::create(&path).with_context(|| format!("can't write {}", path.display()))?;
                let serial = (session & u64::from(u32::MAX)) as u32;
                TrackOutput::File(path, Box::new(OggTrack::new(BufWriter::new(file), serial, name)?))
            }
        };
        Ok(Track { name: name.to_owned(), output })
    }

    /// Ends the mix, if it is one.
    pub(super) fn finish(self, end: u64) -> anyhow::Result<()> {
        match self {
            Self::Files(_) => Ok(()),
            Self::Mix(_, mixer) => Ok(mixer.finish(end)?),
        }
    }
}

enum TrackOutput {
    File(PathBuf, Box<OggTrack<BufWriter<File>>>),
    Mix(PathBuf, Timeline, Decoder),
}

/// One speaker.
pub(super) struct Track {
    name: String,
    output: TrackOutput,
}

impl Track {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn counts(&self) -> Counts {
        match &self.output {
            TrackOutput::File(_, track) => track.counts(),
            TrackOutput::Mix(_, timeline, _) => timeline.counts(),
        }
    }

    /// The file it goes to.
    pub(super) fn file(&self) -> String {
        let (TrackOutput::File(path, _) | TrackOutput::Mix(path, ..)) = &self.output;
        path.display().to_string()
    }

    /// Takes a packet that arrived at sample `now` of the recording.
    pub(super) fn hear(&mut self, now: u64, heard: &Heard) {
        let packet = heard.payload.clone();
        match &mut self.output {
            TrackOutput::File(_, track) => track.hear(now, &heard.header, packet),
            TrackOutput::Mix(_, timeline, _) => timeline.hear(now, &heard.header, packet),
        }
    }

    /// Writes what has waited long enough at sample `now`.
    pub(super) fn settle(&mut self, now: u64, sink: &mut Sink) -> anyhow::Result<()> {
        match (&mut self.output, sink) {
            (TrackOutput::File(_, track), _) => track.settle(now)?,
            (TrackOutput::Mix(_, timeline, decoder), Sink::Mix(_, mixer)) => {
                while let Some(due) = timeline.poll(now) {
                    mix(decoder, mixer, &due)?;
                }
            }
            _ => (),
        }
        Ok(())
    }

    /// Ends the file at a sample.
    pub(super) fn finish(self, end: u64) -> anyhow::Result<()> {
        if let TrackOutput::File(_, track) = self.output {
            track.finish(end)?;
        }
        Ok(())
    }
}

/// Decodes a packet into the mix, and what is missing just before it.
fn mix(decoder: &mut Decoder, mixer: &mut WavMixer<BufWriter<File>>, due: &Due) -> anyhow::Result<()> {
    let gap = due.at.saturating_sub(due.from);
    if due.from > 0 && gap > 0 && gap <= CONCEALED {
        conceal(decoder, mixer, due.from, gap, &due.packet)?;
    }
    // Bytes that are no Opus are somebody else's mistake, and no reason to stop.
    if let Ok(samples) = decoder.decode(&due.packet) {
        mixer.add(due.at, &samples)?;
    }
    Ok(())
}

/// Fills a short gap: the frame just before `next` by what that repeats of it, the ones before by guessing.
fn conceal(
    decoder: &mut Decoder,
    mixer: &mut WavMixer<BufWriter<File>>,
    from: u64,
    gap: u64,
    next: &Bytes,
) -> anyhow::Result<()> {
    let frames = gap / 960;
    for frame in 0..frames {
        let samples = if frame + 1 == frames { decoder.recover(next) } else { decoder.conceal() };
        if let Ok(samples) = samples {
            mixer.add(from + frame * 960, &samples)?;
        }
    }
    Ok(())
}
