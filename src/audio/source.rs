//! Files to play: WAV and Ogg Opus (RFC 7845), whatever their rate and number of channels, decoded whole.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use audioadapter_buffers::direct::InterleavedSlice;
use hound::{SampleFormat, WavReader};
use ogg::PacketReader;
use rubato::{Fft, FixedSync, Resampler};
use thiserror::Error;

use super::{CodecError, Decoder, FRAME, SAMPLE_RATE};

/// Longest sound that is played, in samples: an hour, 330 MiB in memory.
const LONGEST: usize = 3_600 * SAMPLE_RATE as usize;

/// Why a file can't be played.
#[derive(Debug, Error)]
pub enum OpenError {
    /// It can't be read.
    #[error("can't read the file: {0}")]
    File(#[from] io::Error),
    /// It is neither WAV nor Ogg Opus.
    #[error("the file is neither WAV nor Ogg Opus; convert it to one of them")]
    Unknown,
    /// It is a broken WAV, or one of a kind that isn't read.
    #[error("the WAV file can't be read: {0}")]
    Wav(#[from] hound::Error),
    /// Its rate isn't one that sound is kept in.
    #[error(
        "the WAV file says it has {rate} samples a second and {channels} channels; 8000 to 192000 and 1 to 8 can be played"
    )]
    Shape {
        /// What it says.
        rate: u32,
        /// What it says.
        channels: u16,
    },
    /// It is a broken Ogg file.
    #[error("the Ogg file is damaged: {0}")]
    Ogg(#[from] ogg::OggReadError),
    /// The Ogg file holds something else than one Opus stream.
    #[error("the Ogg file isn't a single Opus stream of one or two channels")]
    NotOpus,
    /// A packet can't be decoded.
    #[error("the Opus file is damaged: {0}")]
    Opus(#[from] CodecError),
    /// It is longer than what is played.
    #[error("the file is longer than an hour; cut it into parts")]
    TooLong,
    /// It holds no sound.
    #[error("the file holds no sound")]
    Empty,
    /// The rate can't be converted.
    #[error("the sound can't be converted to {SAMPLE_RATE} samples a second: {0}")]
    Resample(String),
}

/// A sound to play.
#[derive(Clone, Debug)]
pub struct Source {
    samples: Vec<i16>,
}

impl Source {
    /// Reads and decodes a file.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Self::read(BufReader::new(File::open(path)?))
    }

    /// The same from any bytes.
    pub fn read(mut reader: impl Read + Seek) -> Result<Self, OpenError> {
        let mut magic = [0; 4];
        let known = reader.read_exact(&mut magic);
        if matches!(&known, Err(error) if error.kind() == io::ErrorKind::UnexpectedEof) {
            return Err(OpenError::Unknown);
        }
        known?;
        reader.seek(SeekFrom::Start(0))?;
        let samples = match &magic {
            b"RIFF" => read_wav(reader)?,
            b"OggS" => read_ogg(reader)?,
            _ => return Err(OpenError::Unknown),
        };
        if samples.is_empty() { Err(OpenError::Empty) } else { Ok(Self { samples }) }
    }

    /// All of it.
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// How long it lasts.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.samples.len() as f64 / f64::from(SAMPLE_RATE))
    }

    /// Its frames; the last one is filled up with silence.
    pub fn frames(&self) -> impl ExactSizeIterator<Item = [i16; FRAME]> {
        self.samples.chunks(FRAME).map(|part| {
            let mut frame = [0; FRAME];
            frame[..part.len()].copy_from_slice(part);
            frame
        })
    }
}

fn read_wav(reader: impl Read) -> Result<Vec<i16>, OpenError> {
    let mut reader = WavReader::new(reader)?;
    let spec = reader.spec();
    let (rate, channels) = (spec.sample_rate, spec.channels);
    if !(8_000..=192_000).contains(&rate) || !(1..=8).contains(&channels) {
        return Err(OpenError::Shape { rate, channels });
    }
    let limit = (LONGEST as u64 * u64::from(rate) / u64::from(SAMPLE_RATE)) as usize;
    let mono = match spec.sample_format {
        SampleFormat::Float => mix_down(reader.samples::<f32>(), channels, limit)?,
        SampleFormat::Int => {
            let scale = 1.0 / (1_i64 << (spec.bits_per_sample.clamp(1, 32) - 1)) as f32;
            let samples = reader.samples::<i32>().map(|sample| sample.map(|sample| sample as f32 * scale));
            mix_down(samples, channels, limit)?
        }
    };
    Ok(resample(mono, rate)?.into_iter().map(to_i16).collect())
}

fn mix_down(
    samples: impl Iterator<Item = Result<f32, hound::Error>>,
    channels: u16,
    limit: usize,
) -> Result<Vec<f32>, OpenError> {
    let (mut mono, mut sum, mut count) = (Vec::new(), 0.0, 0);
    for sample in samples {
        let sample = sample?;
        sum += if sample.is_finite() { sample } else { 0.0 };
        count += 1;
        if count == channels {
            if mono.len() >= limit {
                return Err(OpenError::TooLong);
            }
            mono.push(sum / f32::from(channels));
            (sum, count) = (0.0, 0);
        }
    }
    Ok(mono)
}

fn resample(mono: Vec<f32>, rate: u32) -> Result<Vec<f32>, OpenError> {
    if rate == SAMPLE_RATE || mono.is_empty() {
        return Ok(mono);
    }
    let failed = |error: &dyn std::fmt::Display| OpenError::Resample(error.to_string());
    let mut resampler = Fft::<f32>::new(rate as usize, SAMPLE_RATE as usize, 1024, 1, FixedSync::Both)
        .map_err(|error| failed(&error))?;
    let input = InterleavedSlice::new(&mono, 1, mono.len()).map_err(|error| failed(&error))?;
    let output = resampler.process_all(&input, mono.len(), None).map_err(|error| failed(&error))?;
    Ok(output.take_data())
}

fn to_i16(sample: f32) -> i16 {
    (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
}

/// RFC 7845: the first packet is the header, the second the tags, the rest sound. The header says how
/// many samples at the beginning are not to be played, the last page's granule position where to end.
fn read_ogg(reader: impl Read + Seek) -> Result<Vec<i16>, OpenError> {
    let mut reader = PacketReader::new(reader);
    let head = reader.read_packet()?.ok_or(OpenError::NotOpus)?;
    let pre_skip = match head.data.as_slice() {
        [b'O', b'p', b'u', b's', b'H', b'e', b'a', b'd', 0..=15, 1 | 2, low, high, ..]
            if head.data.len() >= 19 =>
        {
            usize::from(u16::from_le_bytes([*low, *high]))
        }
        _ => return Err(OpenError::NotOpus),
    };
    let serial = head.stream_serial();
    reader.read_packet()?.filter(|tags| tags.data.starts_with(b"OpusTags")).ok_or(OpenError::NotOpus)?;
    let (mut decoder, mut samples) = (Decoder::new()?, Vec::new());
    let mut end = None;
    while let Some(packet) = reader.read_packet()? {
        if packet.stream_serial() != serial {
            return Err(OpenError::NotOpus);
        }
        samples.extend(decoder.decode(&packet.data)?);
        if samples.len() > LONGEST + pre_skip {
            return Err(OpenError::TooLong);
        }
        if packet.last_in_stream() {
            end = usize::try_from(packet.absgp_page()).ok();
        }
    }
    samples.truncate(end.unwrap_or(usize::MAX));
    samples.drain(..pre_skip.min(samples.len()));
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;
    use crate::audio::{Encoder, OggOpusWriter, compare};

    fn tone(rate: u32, seconds: f32) -> Vec<f32> {
        let count = (rate as f32 * seconds) as usize;
        (0..count)
            .map(|i| (i as f32 * 2.0 * std::f32::consts::PI * 440.0 / rate as f32).sin() * 0.5)
            .collect()
    }

    fn wav(rate: u32, channels: u16, bits: u16, float: bool, seconds: f32) -> Vec<u8> {
        let sample_format = if float { SampleFormat::Float } else { SampleFormat::Int };
        let spec = hound::WavSpec { channels, sample_rate: rate, bits_per_sample: bits, sample_format };
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
        for sample in tone(rate, seconds) {
            for _ in 0..channels {
                if float {
                    writer.write_sample(sample).unwrap();
                } else {
                    writer.write_sample((sample * ((1_i64 << (bits - 1)) - 1) as f32) as i32).unwrap();
                }
            }
        }
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    #[test]
    fn every_common_wav_sounds_the_same() {
        let expected: Vec<i16> = tone(48_000, 1.0).into_iter().map(to_i16).collect();
        for (rate, channels, bits, float) in [
            (48_000, 1, 16, false),
            (8_000, 1, 8, false),
            (44_100, 2, 24, false),
            (96_000, 6, 32, false),
            (22_050, 2, 32, true),
        ] {
            let source = Source::read(Cursor::new(wav(rate, channels, bits, float, 1.0))).unwrap();
            let found = compare(&expected, source.samples());
            assert!(found.correlation > 0.99, "{rate} Hz, {channels} channels, {bits} bits: {found:?}");
            assert!(source.samples().len().abs_diff(48_000) <= 4, "{rate}: {}", source.samples().len());
        }
    }

    #[test]
    fn what_is_no_sound_is_refused_in_words() {
        let read =
            |bytes: &[u8]| Source::read(Cursor::new(bytes.to_vec())).map(|_| ()).unwrap_err().to_string();
        assert!(read(b"").starts_with("the file is neither WAV nor Ogg Opus"));
        assert!(read(b"ID3 music").starts_with("the file is neither WAV nor Ogg Opus"));
        assert!(read(b"RIFF").starts_with("the WAV file can't be read"));
        assert!(read(&wav(48_000, 1, 16, false, 0.0)).starts_with("the file holds no sound"));
        assert!(read(&wav(4_000, 1, 16, false, 0.1)).contains("4000 samples a second"));
    }

    fn ogg() -> Vec<u8> {
        let mut encoder = Encoder::new(32_000).unwrap();
        let mut writer = OggOpusWriter::new(Vec::new(), 7, 312, &[("TITLE", "test")]).unwrap();
        for index in 0..20 {
            writer.place(index * 960, &encoder.encode(&[0; FRAME]).unwrap()).unwrap();
        }
        writer.finish(19_000).unwrap()
    }

    #[test]
    fn an_ogg_file_is_as_long_as_it_says() {
        assert_eq!(Source::read(Cursor::new(ogg())).unwrap().samples().len(), 19_000);
    }

    proptest! {
        #[test]
        fn a_damaged_file_never_panics(place: prop::sample::Index, byte: u8, cut: prop::sample::Index, is_ogg: bool) {
            let mut bytes = if is_ogg { ogg() } else { wav(44_100, 2, 16, false, 0.1) };
            let index = place.index(bytes.len());
            bytes[index] = byte;
            bytes.truncate(cut.index(bytes.len()) + 1);
            let _ = Source::read(Cursor::new(bytes));
        }
    }
}
