//! FLAC, MP3, AAC, and Vorbis and FLAC in Ogg, which symphonia decodes.

use std::io::ErrorKind;
use std::time::Duration;

use symphonia::core::audio::Channels;
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;
use symphonia::default::{get_codecs, get_probe};

use super::SoundError;
use super::decode::{Block, Decode, Faults, check_shape};
use super::layout::Layout;

/// Damaged places in a row after which nothing is expected to come any more.
const HOPELESS: u32 = 1_000;

/// Reads a file with symphonia.
pub(super) struct CodedReader {
    format: Box<dyn FormatReader>,
    track: Track,
    faults: Faults,
}

/// What of a file is played.
struct Track {
    number: u32,
    decoder: Box<dyn AudioDecoder>,
    length: Option<Duration>,
}

impl CodedReader {
    /// Finds out what it is. `is_mp4` says that it begins like an MP4 file.
    pub(super) fn new(media: Box<dyn MediaSource>, is_mp4: bool) -> Result<Self, SoundError> {
        let needs_file = is_mp4 && !media.is_seekable();
        let stream = MediaSourceStream::new(media, MediaSourceStreamOptions::default());
        let (options, tags) = (FormatOptions::default(), MetadataOptions::default());
        let probed = get_probe().probe(&Hint::new(), stream, options, tags);
        let format = probed.map_err(|error| match error {
            _ if needs_file => SoundError::NeedsFile,
            Error::Unsupported(_) => SoundError::Unknown,
            Error::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => SoundError::Unknown,
            error => error.into(),
        })?;
        let track = Track::of(&*format)?;
        Ok(Self { format, track, faults: Faults::default() })
    }
}

impl Track {
    /// The one that a file has for listeners who don't choose.
    fn of(format: &dyn FormatReader) -> Result<Self, SoundError> {
        let track = format.default_track(TrackType::Audio).ok_or(SoundError::NoTrack)?;
        let Some(CodecParameters::Audio(parameters)) = &track.codec_params else {
            return Err(SoundError::NoTrack);
        };
        let made = get_codecs().make_audio_decoder(parameters, &AudioDecoderOptions::default());
        let decoder = made.map_err(|error| match error {
            Error::Unsupported(_) => SoundError::NoTrack,
            error => error.into(),
        })?;
        let frames = track.num_frames.zip(parameters.sample_rate);
        let seconds = frames.map(|(frames, rate)| frames as f64 / f64::from(rate.max(1)));
        let length = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        Ok(Self { number: track.id, decoder, length })
    }
}

/// Where channels belong.
fn layout(channels: &Channels) -> Layout {
    match channels {
        Channels::Positioned(places) => {
            // The lower bits are those of WAV, and those above have no name there.
            Layout::of_mask((places.bits() & 0x3_ffff) as u32, channels.count())
        }
        Channels::Discrete(1 | 2) => Layout::of_count(channels.count()),
        Channels::Ambisonic(_) => Layout::of_ambisonics(channels.count()),
        channels => Layout::of_nowhere(channels.count()),
    }
}

impl Decode for CodedReader {
    fn next(&mut self) -> Result<Option<Block>, SoundError> {
        for _ in 0..HOPELESS {
            let packet = match self.format.next_packet() {
                Ok(Some(packet)) if packet.track_id == self.track.number => packet,
                Ok(Some(_)) => continue,
                Ok(None) => return Ok(None),
                // The next stream of a chain.
                Err(Error::ResetRequired) => {
                    self.track = Track::of(&*self.format)?;
                    continue;
                }
                Err(Error::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => {
                    self.faults.cut_off = true;
                    return Ok(None);
                }
                Err(Error::DecodeError(_)) => {
                    self.faults.damaged += 1;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            match self.track.decoder.decode(&packet) {
                Ok(decoded) if decoded.frames() > 0 => {
                    let spec = decoded.spec();
                    let (rate, layout) = (spec.rate(), layout(spec.channels()));
                    check_shape(rate, layout.channels())?;
                    let mut samples = Vec::new();
                    decoded.copy_to_vec_interleaved(&mut samples);
                    return Ok(Some(Block { rate, layout, samples }));
                }
                Ok(_) => (),
                Err(Error::DecodeError(_) | Error::IoError(_)) => self.faults.damaged += 1,
                Err(Error::ResetRequired) => self.track.decoder.reset(),
                Err(error) => return Err(error.into()),
            }
        }
        Err(SoundError::Hopeless)
    }

    fn length(&self) -> Option<Duration> {
        self.track.length
    }

    fn faults(&self) -> Faults {
        self.faults
    }
}
