//! Sound: Opus, files to play and to record into, and the comparison of a recording with its original. Clients
//! use all of it. The server never decodes audio; of this it uses what puts packets in their places and writes
//! them as they are ([`OggTrack`], [`end_stream`]).
//!
//! Everything in here is one channel of 16-bit samples at [`SAMPLE_RATE`].

mod codec;
mod compare;
mod mix;
mod ogg_opus;
mod ogg_page;
mod source;
mod timeline;
mod track;

pub use codec::{CodecError, Decoder, Encoder, packet_duration};
pub use compare::{Comparison, compare};
pub use mix::WavMixer;
pub use ogg_opus::{OggOpusWriter, Placed};
pub use ogg_page::end_stream;
pub use source::{OpenError, Source};
pub use timeline::{Counts, Due, Timeline};
pub use track::{OggTrack, track_name};

/// Samples a second.
pub const SAMPLE_RATE: u32 = 48_000;

/// Samples in a frame of 20 ms.
pub const FRAME: usize = 960;
