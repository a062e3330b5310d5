//! Sound to play, of whatever kind people have, from a file or a pipe. It is read as it is played, in memory that
//! doesn't grow with its length.

use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use symphonia::core::io::{MediaSource, ReadOnlySource};

use super::coded::CodedReader;
use super::decode::{Block, Decode, Faults};
use super::layout::Mixer;
use super::ogg_page::last_stream;
use super::opus_file::{OpusReader, is_opus};
use super::resample::RateConverter;
use super::soft_clip::SoftClip;
use super::wav::WavReader;
use super::{FRAME, SAMPLE_RATE, SoundError};

/// Longest sound that is held in memory at once, in samples: an hour, 330 MiB.
const LONGEST: usize = 3_600 * SAMPLE_RATE as usize;

/// Bytes by which a format is recognized.
const HEAD: usize = 4_096;

/// Where a sound comes from.
enum Input {
    /// A file of a known size, in which one can go back.
    File(File, u64),
    /// What comes, once.
    Pipe(Box<dyn Read + Send + Sync>),
}

impl Input {
    fn size(&self) -> Option<u64> {
        if let Self::File(_, size) = self { Some(*size) } else { None }
    }

    fn into_reader(self) -> Box<dyn Read + Send + Sync> {
        match self {
            Self::File(file, _) => Box::new(BufReader::new(file)),
            Self::Pipe(reader) => reader,
        }
    }

    fn into_media(self) -> Box<dyn MediaSource> {
        match self {
            Self::File(file, _) => Box::new(file),
            Self::Pipe(reader) => Box::new(ReadOnlySource::new(reader)),
        }
    }
}

/// A sound that is being played: in one channel, or in two ([`Source::in_stereo`]).
pub struct Source {
    sound: Box<dyn Decode>,
    /// What was read to see whether it can be.
    first: Option<Block>,
    channels: usize,
    mixing: Option<(Mixer, RateConverter)>,
    clip: SoftClip,
    /// Samples that are ready.
    ready: Vec<i16>,
    has_ended: bool,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("length", &self.length()).finish_non_exhaustive()
    }
}

impl Source {
    /// Opens a file, and reads its beginning.
    pub fn open(path: &Path) -> Result<Self, SoundError> {
        let mut file = File::open(path)?;
        let about = file.metadata()?;
        if !about.is_file() {
            return Self::read(file);
        }
        let (start, head) = read_head(&mut file)?;
        let stream = if head.starts_with(b"OggS") { last_stream(&mut file)? } else { None };
        file.seek(SeekFrom::Start(start))?;
        Self::of(&head, Input::File(file, about.len()), stream)
    }

    /// The same from what can be read once, such as a pipe. Waits for its beginning.
    pub fn read(mut reader: impl Read + Send + Sync + 'static) -> Result<Self, SoundError> {
        let (_, head) = read_head(&mut reader)?;
        let input = Input::Pipe(Box::new(Cursor::new(head.clone()).chain(reader)));
        Self::of(&head, input, None)
    }

    /// Reads what begins so. `stream` is the number of the stream at a file's end, and the sample where it ends.
    fn of(head: &[u8], input: Input, stream: Option<(u32, u64)>) -> Result<Self, SoundError> {
        let is_riff = [&b"RIFF"[..], b"RIFX", b"RF64", b"BW64"].iter().any(|name| head.starts_with(name));
        let sound: Box<dyn Decode> = if head.is_empty() {
            return Err(SoundError::Empty);
        } else if is_riff && (head.len() < 12 || head[8..12] == *b"WAVE") {
            let size = input.size();
            Box::new(WavReader::new(input.into_reader(), size)?)
        } else if is_opus(head) {
            let is_one = |serial: &u32| head.get(14..18) == Some(&serial.to_le_bytes());
            let end = stream.filter(|(serial, _)| is_one(serial)).map(|(_, end)| end);
            Box::new(OpusReader::new(input.into_reader(), end)?)
        } else {
            let is_mp4 = head.get(4..8) == Some(b"ftyp");
            Box::new(CodedReader::new(input.into_media(), is_mp4)?)
        };
        Self::begin(sound)
    }

    /// Reads the first of it: what can't be played is refused now, before anybody is told of it.
    fn begin(mut sound: Box<dyn Decode>) -> Result<Self, SoundError> {
        let first = Some(sound.next()?.ok_or(SoundError::Empty)?);
        let clip = SoftClip::new(1);
        let ready = Vec::new();
        Ok(Self { sound, first, channels: 1, mixing: None, clip, ready, has_ended: false })
    }

    /// The same in two channels, whose samples alternate; said before the first frame is taken.
    #[must_use]
    pub fn in_stereo(self) -> Self {
        Self { channels: 2, clip: SoftClip::new(2), ..self }
    }

    /// How long it lasts, where that is known before it is over.
    pub fn length(&self) -> Option<Duration> {
        self.sound.length()
    }

    /// What was wrong with it so far.
    pub fn faults(&self) -> Faults {
        self.sound.faults()
    }

    /// The next frame, [`FRAME`] samples of each channel, or `None` at the end; the last one is filled up with silence.
    /// Waits where a pipe has nothing yet.
    pub fn next_frame(&mut self) -> Result<Option<Vec<i16>>, SoundError> {
        let wanted = FRAME * self.channels;
        while self.ready.len() < wanted && self.read_more()? {}
        if self.ready.is_empty() {
            return Ok(None);
        }
        let mut frame: Vec<i16> = self.ready.drain(..wanted.min(self.ready.len())).collect();
        frame.resize(wanted, 0);
        Ok(Some(frame))
    }

    /// All of it, an hour at most.
    pub fn samples(mut self) -> Result<Vec<i16>, SoundError> {
        while self.read_more()? {
            if self.ready.len() > LONGEST * self.channels {
                return Err(SoundError::TooLong);
            }
        }
        Ok(self.ready)
    }

    /// Decodes the next part. Answers `false` at the end.
    fn read_more(&mut self) -> Result<bool, SoundError> {
        if self.has_ended {
            return Ok(false);
        }
        let next = match self.first.take() {
            None => self.sound.next()?,
            first => first,
        };
        let mut samples = Vec::new();
        let has_changed = |(mixer, converter): &(Mixer, RateConverter)| {
            next.as_ref().is_none_or(|next| next.layout != *mixer.layout() || next.rate != converter.rate())
        };
        // Another rate, or other channels: the streams of a chain may differ.
        if let Some((_, mut before)) = self.mixing.take_if(|mixing| has_changed(mixing)) {
            before.finish(&mut samples)?;
        }
        self.has_ended = next.is_none();
        if let Some(block) = next {
            let (mixer, converter) = match &mut self.mixing {
                Some(mixing) => mixing,
                none => {
                    let converter = RateConverter::new(block.rate, self.channels)?;
                    none.insert((Mixer::new(block.layout, self.channels), converter))
                }
            };
            let mut mixed = Vec::with_capacity(block.samples.len());
            mixer.mix(&block.samples, &mut mixed);
            converter.convert(&mixed, &mut samples)?;
        }
        self.clip.apply(&mut samples);
        self.ready.extend(samples.into_iter().map(to_i16));
        Ok(true)
    }
}

/// Reads the first bytes that are no tags, and answers with how many there are before them: what a player shows of
/// the artist, with a picture of any size, isn't kept.
fn read_head(mut reader: impl Read) -> std::io::Result<(u64, Vec<u8>)> {
    let (mut start, mut head) = (0, Vec::new());
    loop {
        let room = (HEAD - head.len()) as u64;
        (&mut reader).take(room).read_to_end(&mut head)?;
        let Some(length) = tag_length(&head) else { return Ok((start, head)) };
        let there = head.len().min(length as usize);
        head.drain(..there);
        std::io::copy(&mut (&mut reader).take(length - there as u64), &mut std::io::sink())?;
        start += length;
    }
}

/// How long the tag is with which something begins, if it does (id3.org, "ID3 tag version 2.4.0", section 3.1).
fn tag_length(head: &[u8]) -> Option<u64> {
    let [
        b'I',
        b'D',
        b'3',
        2..=4,
        _,
        flags,
        first @ 0..0x80,
        second @ 0..0x80,
        third @ 0..0x80,
        last @ 0..0x80,
        ..,
    ] = head
    else {
        return None;
    };
    let size = [first, second, third, last].iter().fold(0, |size, byte| size << 7 | u64::from(**byte));
    let footer = if flags & 0x10 == 0 { 0 } else { 10 };
    Some(10 + size + footer)
}

fn to_i16(sample: f32) -> i16 {
    (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
}

#[cfg(test)]
mod tests;
