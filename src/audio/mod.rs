//! Sound, in clients only: Opus, files to play and to record into, and the comparison of a recording with
//! its original. The server never decodes audio.
//!
//! Everything in here is one channel of 16-bit samples at [`SAMPLE_RATE`].

mod codec;
mod compare;
mod mix;
mod ogg_opus;
mod source;

pub use codec::{CodecError, Decoder, Encoder, packet_duration};
pub use compare::{Comparison, compare};
pub use mix::WavMixer;
pub use ogg_opus::{OggOpusWriter, Placed};
pub use source::{OpenError, Source};

/// Samples a second.
pub const SAMPLE_RATE: u32 = 48_000;

/// Samples in a frame of 20 ms.
pub const FRAME: usize = 960;
