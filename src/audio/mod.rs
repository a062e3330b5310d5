//! Sound: Opus, files to play and to record into, the comparison of a recording with its original, and microphones and
//! loudspeakers ([`device`]). Clients use all of it. The server never decodes audio; of this it uses what puts packets in their places and writes
//! them as they are ([`OggTrack`], [`end_stream`]).
//!
//! What a live client does to the sound of its microphone and loudspeaker is in [`processing`].
//!
//! What goes in or out of a file is 16-bit samples at [`SAMPLE_RATE`], of one channel unless it says otherwise; what is
//! played live is samples between -1 and 1 at the same rate, of one channel.

mod chime;
mod codec;
mod coded;
mod compare;
mod decode;
pub mod device;
mod error;
mod layout;
mod mix;
mod multistream;
mod ogg_opus;
mod ogg_page;
mod ogg_read;
mod opus_file;
pub mod playout;
pub mod processing;
mod redundancy;
mod resample;
mod riff;
mod soft_clip;
mod source;
mod timeline;
mod track;
mod wav;

pub use chime::{Chime, ChimePlayer};
pub use codec::{CodecError, Concealment, Decoder, Encoder, packet_duration};
pub use compare::{Comparison, compare};
pub use decode::Faults;
pub use error::{SoundError, WavFault};
pub use mix::WavMixer;
use multistream::ManyDecoder;
pub use ogg_opus::{OggOpusWriter, Placed};
pub use ogg_page::end_stream;
pub use playout::Playout;
#[cfg(test)]
pub(crate) use redundancy::{has_deep_redundancy, has_repetition};
pub use source::Source;
pub use timeline::{Counts, Due, Timeline};
pub use track::{OggTrack, track_name};

/// Samples a second.
pub const SAMPLE_RATE: u32 = 48_000;

/// Samples in a frame of 20 ms.
pub const FRAME: usize = 960;
