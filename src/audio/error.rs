//! Why a sound can't be played.

use std::io;

use thiserror::Error;

use super::{CodecError, SAMPLE_RATE};

/// Why a file can't be played.
#[derive(Debug, Error)]
pub enum SoundError {
    /// It can't be read.
    #[error("can't read the file: {0}")]
    File(#[from] io::Error),
    /// It is of none of the formats that are read.
    #[error(
        "the file is none of WAV, FLAC, MP3, Ogg (Opus, Vorbis or FLAC), AAC and M4A; convert it to one of them"
    )]
    Unknown,
    /// It is a broken WAV, or one of a kind that isn't read.
    #[error("the WAV file can't be read: {0}")]
    Wav(#[from] WavFault),
    /// Its rate or its number of channels isn't one that sound is kept in.
    #[error(
        "the file says it has {rate} samples a second and {channels} channels; 8000 to 384000 and 1 to 32 can be played"
    )]
    Shape {
        /// What it says.
        rate: u32,
        /// What it says.
        channels: usize,
    },
    /// The Opus stream is of a kind that isn't read.
    #[error("the Ogg file holds Opus of a kind that isn't read: {0}")]
    OpusKind(&'static str),
    /// Opus itself failed.
    #[error("the sound can't be decoded: {0}")]
    Opus(#[from] CodecError),
    /// It is broken, or of a kind that its decoder doesn't read.
    #[error("the file can't be decoded: {0}")]
    Decode(#[from] symphonia::core::errors::Error),
    /// Its decoder broke off.
    #[error("the file is so damaged that its decoder gave up")]
    Hopeless,
    /// Its table is at its end, and a pipe can't be read from there.
    #[error(
        "this MP4 file has its table at the end, so it can't be read from a pipe; save it as a file and play that"
    )]
    NeedsFile,
    /// It has no track with sound of a kind that is read.
    #[error("the file holds no sound of a kind that is read; convert it to WAV, FLAC, MP3 or Opus")]
    NoTrack,
    /// It is longer than what is held in memory at once.
    #[error("the file is longer than an hour; cut it into parts")]
    TooLong,
    /// It holds no sound.
    #[error("the file holds no sound")]
    Empty,
    /// The rate can't be converted.
    #[error("the sound can't be converted to {SAMPLE_RATE} samples a second: {0}")]
    Resample(&'static str),
}

/// What is wrong with a WAV file.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum WavFault {
    /// It ends before there is sound.
    #[error("it ends before its sound begins")]
    Short,
    /// The sound comes before its description, or there is none.
    #[error("it doesn't say what its samples are (it has no whole \"fmt \" chunk before its sound)")]
    NoFormat,
    /// Its samples are encoded in a way that isn't read.
    #[error("its samples are encoded in a way that isn't read (format {0:#06x}); convert it to PCM")]
    Encoding(u16),
    /// Samples of a size that isn't read.
    #[error("it says that a sample has {0} bits")]
    Bits(u16),
}
