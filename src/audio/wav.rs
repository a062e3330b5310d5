//! WAV in all its kinds: what the header says is checked against what is there, and the second counts.

use std::io::Read;
use std::time::Duration;

use super::decode::{Block, Decode, Faults, check_shape};
use super::layout::Layout;
use super::riff::{Chunks, Extent};
use super::{SoundError, WavFault};

/// Bytes of sound that are decoded at once, about.
const PART: usize = 16 * 1024;

/// Most of a description that is read; the longest kind there is has 40 bytes.
const DESCRIPTION: usize = 64;

/// Samples of a block of silence.
const SILENT: u64 = 4_800;

/// How a sample is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    /// A number of so many bytes, 1 to 8, whose highest bits count. One byte is unsigned.
    Whole(usize),
    Single,
    Double,
    ALaw,
    MuLaw,
}

impl Encoding {
    fn bytes(self) -> usize {
        match self {
            Self::Whole(bytes) => bytes,
            Self::Single => 4,
            Self::Double => 8,
            Self::ALaw | Self::MuLaw => 1,
        }
    }

    /// A sample of these bytes, the lowest first.
    fn sample(self, bytes: &[u8]) -> f32 {
        let whole = || bytes.iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        match self {
            Self::Whole(1) => (f32::from(bytes[0]) - 128.0) / 128.0,
            Self::Whole(count) => {
                let highest = (whole() << (64 - 8 * count)).cast_signed();
                (highest as f64 / -(i64::MIN as f64)) as f32
            }
            Self::Single => f32::from_bits(whole() as u32),
            Self::Double => f64::from_bits(whole()) as f32,
            Self::ALaw => f32::from(a_law(bytes[0])) / 32_768.0,
            Self::MuLaw => f32::from(mu_law(bytes[0])) / 32_768.0,
        }
    }
}

/// ITU-T G.711, A-law.
fn a_law(byte: u8) -> i16 {
    let byte = byte ^ 0x55;
    let (exponent, mantissa) = (byte >> 4 & 7, i16::from(byte & 0x0f));
    let size = match exponent {
        0 => (mantissa << 4) + 8,
        exponent => ((mantissa << 4) + 0x108) << (exponent - 1),
    };
    if byte & 0x80 == 0 { -size } else { size }
}

/// ITU-T G.711, mu-law.
fn mu_law(byte: u8) -> i16 {
    let byte = !byte;
    let size = ((i16::from(byte & 0x0f) << 3) + 0x84) << (byte >> 4 & 7);
    if byte & 0x80 == 0 { size - 0x84 } else { 0x84 - size }
}

/// What the "fmt " chunk says, as far as it is believed: how many bytes go by in a second follows from the rest.
#[derive(Clone, Debug)]
struct Format {
    encoding: Encoding,
    rate: u32,
    layout: Layout,
    big_endian: bool,
}

impl Format {
    fn read(said: &[u8], big_endian: bool) -> Result<Self, SoundError> {
        let number = |at: usize| {
            let bytes = said.get(at..at + 2)?.first_chunk().copied()?;
            Some(if big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
        };
        let long = |at: usize| {
            let (first, second) = (u32::from(number(at)?), u32::from(number(at + 2)?));
            Some(if big_endian { first << 16 | second } else { second << 16 | first })
        };
        let description = || Some((number(0)?, number(2)?, long(4)?, number(12)?, number(14)?));
        let (kind, channels, rate, align, bits) = description().ok_or(WavFault::NoFormat)?;
        // An extensible description has the kind in the first two bytes of a GUID, and says where its channels belong.
        let (kind, mask) = match kind {
            0xfffe => (number(24).ok_or(WavFault::NoFormat)?, long(20).unwrap_or(0)),
            kind => (kind, 0),
        };
        let channels = usize::from(channels);
        check_shape(rate, channels)?;
        let encoding = match (kind, bits) {
            (1, 1..=64) => Encoding::Whole(container(bits, usize::from(align) / channels)),
            (3, 32) => Encoding::Single,
            (3, 64) => Encoding::Double,
            (6, _) => Encoding::ALaw,
            (7, _) => Encoding::MuLaw,
            (1 | 3, bits) => return Err(WavFault::Bits(bits).into()),
            (kind, _) => return Err(WavFault::Encoding(kind).into()),
        };
        Ok(Self { encoding, rate, layout: Layout::of_mask(mask, channels), big_endian })
    }

    /// Bytes of a sample of each channel.
    fn frame(&self) -> usize {
        self.encoding.bytes() * self.layout.channels()
    }

    fn decode(&self, frames: &[u8]) -> Vec<f32> {
        let samples = frames.chunks_exact(self.encoding.bytes());
        if !self.big_endian {
            return samples.map(|bytes| self.encoding.sample(bytes)).collect();
        }
        let turned = |bytes: &[u8]| {
            let mut turned = [0; 8];
            let turned = &mut turned[..bytes.len()];
            turned.copy_from_slice(bytes);
            turned.reverse();
            self.encoding.sample(turned)
        };
        samples.map(turned).collect()
    }
}

/// Bytes that a sample takes: as few as hold its bits, or four where the file has so many for each.
fn container(bits: u16, said: usize) -> usize {
    let exact = usize::from(bits).div_ceil(8);
    if said == 4 && exact == 3 { 4 } else { exact }
}

/// What comes next.
#[derive(Debug)]
enum Part {
    /// Samples.
    Sound(Extent),
    /// So many silent frames, of a list of sound and silence.
    Silence(u64),
    /// Another chunk.
    Chunk,
    End,
}

/// Reads a WAV file.
#[derive(Debug)]
pub(super) struct WavReader<R> {
    chunks: Chunks<R>,
    format: Format,
    part: Part,
    /// Bytes of a frame that hasn't come whole.
    begun: Vec<u8>,
    length: Option<Duration>,
    faults: Faults,
}

impl<R: Read> WavReader<R> {
    /// Reads up to the sound. `size` is that of the whole file, where it is known.
    pub(super) fn new(reader: R, size: Option<u64>) -> Result<Self, SoundError> {
        let mut chunks = Chunks::new(reader)?.ok_or(WavFault::Short)?;
        let mut format = None;
        let part = loop {
            let Some(chunk) = chunks.next()? else { return Err(WavFault::Short.into()) };
            match &chunk.name {
                b"ds64" => chunks.take_long_sizes(chunk.size)?,
                b"fmt " => {
                    let mut said = [0; DESCRIPTION];
                    let wanted = DESCRIPTION.min(chunk.size as usize);
                    let read = chunks.take(&mut said[..wanted])?;
                    format = Some(Format::read(&said[..read], chunks.is_big_endian())?);
                    chunks.skip(u64::from(chunk.size) - wanted as u64)?;
                }
                b"data" => break Part::Sound(chunks.extent(chunk.size)),
                b"LIST" if is_list_of_sound(&mut chunks, chunk.size)? => break Part::Chunk,
                b"LIST" => (),
                _ => chunks.skip(chunk.size.into())?,
            }
        };
        let format = format.ok_or(WavFault::NoFormat)?;
        let left = size.map(|size| size.saturating_sub(chunks.position()));
        let bytes = match part {
            Part::Sound(Extent::Bytes(bytes)) => Some(left.map_or(bytes, |left| bytes.min(left))),
            Part::Sound(Extent::ToTheEnd(bytes)) => left.map(|left| bytes.min(left)),
            _ => None,
        };
        let seconds = |bytes: u64| bytes as f64 / format.frame() as f64 / f64::from(format.rate);
        let length = bytes.map(|bytes| Duration::try_from_secs_f64(seconds(bytes)).unwrap_or(Duration::MAX));
        Ok(Self { chunks, format, part, begun: Vec::new(), length, faults: Faults::default() })
    }

    fn block(&self, samples: Vec<f32>) -> Block {
        Block { rate: self.format.rate, layout: self.format.layout.clone(), samples }
    }

    /// Reads frames of a chunk of sound, and says what comes then.
    fn read_sound(&mut self, extent: Extent) -> Result<Vec<f32>, SoundError> {
        let mut bytes = std::mem::take(&mut self.begun);
        let already = bytes.len();
        let room = (PART as u64).min(extent.bytes()) as usize;
        bytes.resize(already + room, 0);
        let read = self.chunks.take_some(&mut bytes[already..])?;
        bytes.truncate(already + read);
        let frames = bytes.len() / self.format.frame() * self.format.frame();
        let samples = self.format.decode(&bytes[..frames]);
        self.part = match extent {
            Extent::Bytes(left) if read as u64 == left => Part::Chunk,
            Extent::ToTheEnd(left) if read as u64 == left => Part::Chunk,
            Extent::Bytes(_) if read == 0 => {
                self.faults.cut_off = true;
                Part::End
            }
            Extent::ToTheEnd(_) if read == 0 => Part::End,
            Extent::Bytes(left) => Part::Sound(Extent::Bytes(left - read as u64)),
            Extent::ToTheEnd(left) => Part::Sound(Extent::ToTheEnd(left - read as u64)),
        };
        if matches!(self.part, Part::Sound(_)) {
            bytes.drain(..frames);
            self.begun = bytes;
        }
        Ok(samples)
    }

    /// Looks for more sound behind what there was.
    fn read_chunk(&mut self) -> Result<Part, SoundError> {
        loop {
            let Some(chunk) = self.chunks.next()? else { return Ok(Part::End) };
            match &chunk.name {
                b"data" => return Ok(Part::Sound(self.chunks.extent(chunk.size))),
                b"slnt" => {
                    let mut frames = [0; 4];
                    if chunk.size < 4 || self.chunks.take(&mut frames)? < 4 {
                        return Ok(Part::End);
                    }
                    self.chunks.skip(u64::from(chunk.size) - 4)?;
                    return Ok(Part::Silence(self.chunks.number(frames).into()));
                }
                b"LIST" => {
                    is_list_of_sound(&mut self.chunks, chunk.size)?;
                }
                _ => self.chunks.skip(chunk.size.into())?,
            }
        }
    }
}

/// Whether a list is one of sound and silence, whose parts come next; another one is passed over.
fn is_list_of_sound(chunks: &mut Chunks<impl Read>, size: u32) -> Result<bool, SoundError> {
    let mut form = [0; 4];
    let wanted = form.len().min(size as usize);
    chunks.take(&mut form[..wanted])?;
    let is_sound = form == *b"wavl";
    if !is_sound {
        chunks.skip(u64::from(size) - wanted as u64)?;
    }
    Ok(is_sound)
}

impl<R: Read + Send> Decode for WavReader<R> {
    fn next(&mut self) -> Result<Option<Block>, SoundError> {
        loop {
            let samples = match self.part {
                Part::Sound(extent) => self.read_sound(extent)?,
                Part::Silence(frames) => {
                    let now = frames.min(SILENT);
                    self.part = if now == frames { Part::Chunk } else { Part::Silence(frames - now) };
                    vec![0.0; now as usize * self.format.layout.channels()]
                }
                Part::Chunk => {
                    self.part = self.read_chunk()?;
                    continue;
                }
                Part::End => return Ok(None),
            };
            if !samples.is_empty() {
                return Ok(Some(self.block(samples)));
            }
        }
    }

    fn length(&self) -> Option<Duration> {
        self.length
    }

    fn faults(&self) -> Faults {
        self.faults
    }
}
