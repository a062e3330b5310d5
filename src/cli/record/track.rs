//! One speaker's part of a recording: where each packet belongs, and the file it goes to.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::Context;
use bytes::Bytes;

use crate::audio::{Decoder, OggOpusWriter, Placed, SAMPLE_RATE, WavMixer, packet_duration};
use crate::client::Heard;
use crate::id::Ssrc;

/// How long a packet waits for those that were overtaken on the way, in samples: 200 ms.
const SETTLE: u64 = SAMPLE_RATE as u64 / 5;

/// Packets that wait in one track at most: 5 s of 10 ms frames. Beyond that the oldest are settled.
const WAITING: usize = 500;

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
            Self::Mix(path, _) => TrackOutput::Mix(path.clone(), Decoder::new()?),
            Self::Files(directory) => {
                let safe: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
                let path = directory.join(format!("{safe}-{session}.ogg"));
                let file = File::create(&path).with_context(|| format!("can't write {}", path.display()))?;
                let tags = [("ARTIST", name), ("TITLE", "Recorded with Parlour")];
                let serial = (session & u64::from(u32::MAX)) as u32;
                let writer = OggOpusWriter::new(BufWriter::new(file), serial, PRE_SKIP, &tags)?;
                TrackOutput::File(path, Box::new(writer))
            }
        };
        Ok(Track {
            name: name.to_owned(),
            output: Some(output),
            anchor: None,
            waiting: BTreeMap::new(),
            settled: 0,
            counts: Counts::default(),
        })
    }

    /// Ends the mix, if it is one.
    pub(super) fn finish(self, end: u64) -> anyhow::Result<()> {
        match self {
            Self::Files(_) => Ok(()),
            Self::Mix(_, mixer) => Ok(mixer.finish(end)?),
        }
    }
}

/// Look-ahead of the encoders that speak Parlour: libopus's, in samples.
const PRE_SKIP: u16 = 312;

enum TrackOutput {
    File(PathBuf, Box<OggOpusWriter<BufWriter<File>>>),
    Mix(PathBuf, Decoder),
}

/// What became of a speaker's frames.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) received: u64,
    pub(super) late: u64,
    pub(super) duplicate: u64,
    expected: u64,
}

impl Counts {
    /// Frames that were sent, as the sequence numbers tell, and never came.
    pub(super) fn lost(self) -> u64 {
        self.expected.saturating_sub(self.received)
    }
}

/// Ties a stream's numbers to the recording.
#[derive(Clone, Copy)]
struct Anchor {
    ssrc: Ssrc,
    timestamp: u32,
    position: u64,
    highest: u16,
}

/// One speaker.
pub(super) struct Track {
    name: String,
    output: Option<TrackOutput>,
    anchor: Option<Anchor>,
    waiting: BTreeMap<u64, Bytes>,
    /// Everything before this sample is written.
    settled: u64,
    counts: Counts,
}

impl Track {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// The file it goes to.
    pub(super) fn file(&self) -> String {
        match &self.output {
            Some(TrackOutput::File(path, _) | TrackOutput::Mix(path, _)) => path.display().to_string(),
            None => String::new(),
        }
    }

    /// Takes a packet that arrived at sample `now` of the recording.
    pub(super) fn hear(&mut self, now: u64, heard: &Heard) {
        let position = self.position(now, heard);
        if position < self.settled {
            self.counts.received += 1;
            self.counts.late += 1;
        } else if self.waiting.insert(position, heard.payload.clone()).is_some() {
            self.counts.duplicate += 1;
        } else {
            self.counts.received += 1;
        }
    }

    /// Where the packet belongs. The first of a stream stands where it arrived, and so does the first of a
    /// talk spurt, since clocks drift apart in a long silence; the rest follow by their timestamps.
    fn position(&mut self, now: u64, heard: &Heard) -> u64 {
        let header = heard.header;
        let free = now.max(self.end());
        if let Some(anchor) = &mut self.anchor
            && anchor.ssrc == header.ssrc
        {
            let ahead = header.sequence.wrapping_sub(anchor.highest).cast_signed();
            if ahead > 0 {
                self.counts.expected += u64::from(ahead.cast_unsigned());
                anchor.highest = header.sequence;
            }
            let samples = i64::from(header.timestamp.wrapping_sub(anchor.timestamp).cast_signed());
            let position = anchor.position.saturating_add_signed(samples);
            // A stream that claims to be far from where it arrives is taken at its arrival.
            let plausible = position.abs_diff(now) < 10 * u64::from(SAMPLE_RATE);
            if plausible && !(header.marker && ahead > 0) {
                return position;
            }
            *anchor = Anchor { timestamp: header.timestamp, position: free, ..*anchor };
            return free;
        }
        let (ssrc, timestamp, highest) = (header.ssrc, header.timestamp, header.sequence);
        self.anchor = Some(Anchor { ssrc, timestamp, position: free, highest });
        self.counts.expected += 1;
        free
    }

    /// The sample after the last packet.
    fn end(&self) -> u64 {
        let last = self.waiting.last_key_value();
        last.map_or(self.settled, |(at, packet)| at + u64::from(packet_duration(packet).unwrap_or(0)))
    }

    /// Writes what has waited long enough at sample `now`.
    pub(super) fn settle(&mut self, now: u64, sink: &mut Sink) -> anyhow::Result<()> {
        while let Some(first) = self.waiting.first_entry() {
            if first.key() + SETTLE > now && self.waiting.len() <= WAITING {
                break;
            }
            let Some((at, packet)) = self.waiting.pop_first() else { break };
            self.write(at, &packet, sink)?;
        }
        Ok(())
    }

    fn write(&mut self, at: u64, packet: &Bytes, sink: &mut Sink) -> anyhow::Result<()> {
        let duration = u64::from(packet_duration(packet).unwrap_or(0));
        let gap = at.saturating_sub(self.settled);
        match (&mut self.output, sink) {
            (Some(TrackOutput::File(_, writer)), _) => {
                let placed = writer.place(at, packet)?;
                self.counts.late += u64::from(placed != Placed::Written);
            }
            (Some(TrackOutput::Mix(_, decoder)), Sink::Mix(_, mixer)) => {
                if self.settled > 0 && gap > 0 && gap <= CONCEALED {
                    conceal(decoder, mixer, self.settled, gap, packet)?;
                }
                // Bytes that are no Opus are somebody else's mistake, and no reason to stop.
                if let Ok(samples) = decoder.decode(packet) {
                    mixer.add(at, &samples)?;
                }
            }
            _ => (),
        }
        self.settled = self.settled.max(at + duration);
        Ok(())
    }

    /// Ends the file at a sample.
    pub(super) fn finish(mut self, end: u64) -> anyhow::Result<()> {
        if let Some(TrackOutput::File(_, writer)) = self.output.take() {
            writer.finish(end.max(self.settled))?;
        }
        Ok(())
    }
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
