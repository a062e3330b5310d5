//! What is played, and in which quality.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;

use crate::audio::{Encoder, Source};
use crate::cli::output::Output;

/// Bits a second of one channel and of two, where nobody says otherwise.
const MONO: i32 = 32_000;
const STEREO: i32 = 96_000;

/// Bits a second of two channels at most: more is not to be heard.
const MOST_STEREO: i32 = 128_000;

/// A sound file, and how it is sent.
#[derive(Debug, Args)]
pub(in crate::cli) struct Sound {
    /// The file: WAV, FLAC, MP3, Ogg (Opus, Vorbis or FLAC), AAC or M4A. `-` for standard input.
    file: PathBuf,
    /// Keep left and right apart, with up to 128000 bits a second.
    #[arg(long)]
    stereo: bool,
    /// Bits a second of Opus; what the channel takes is the most. Default: 32000, or 96000 in stereo.
    #[arg(long, value_name = "BITRATE", value_parser = clap::value_parser!(i32).range(6_000..=256_000))]
    bitrate: Option<i32>,
}

impl Sound {
    /// Opens it, and reads its beginning.
    pub(in crate::cli) async fn open(&self) -> anyhow::Result<Source> {
        if self.stereo && self.bitrate.is_some_and(|bitrate| bitrate > MOST_STEREO) {
            bail!("--stereo takes a --bitrate of {MOST_STEREO} at most");
        }
        let file = self.file.clone();
        let work = move || match file.to_str() {
            Some("-") => Source::read(std::io::stdin()),
            _ => Source::open(&file),
        };
        // A damaged file may be too much for its decoder; that ends this task and nothing else.
        let opened = tokio::task::spawn_blocking(work).await;
        let source = opened.unwrap_or(Err(crate::audio::SoundError::Hopeless));
        let source = source.with_context(|| format!("can't play {}", self.name()))?;
        Ok(if self.stereo { source.in_stereo() } else { source })
    }

    /// What encodes it for channels that take so many bits a second of each speaker; 0 for any number.
    pub(in crate::cli) fn encoder(&self, takes: u32, output: Output) -> anyhow::Result<Encoder> {
        let wanted = self.bitrate.unwrap_or(if self.stereo { STEREO } else { MONO });
        let bitrate = allowed(wanted, takes);
        if bitrate < wanted && self.bitrate.is_some() {
            output.line(format!(
                "The channel takes {bitrate} bits a second of each speaker: that is the bitrate."
            ));
        }
        Ok(if self.stereo { Encoder::stereo(bitrate)? } else { Encoder::new(bitrate)? })
    }

    /// What it is called, and how long it lasts where that is known.
    pub(in crate::cli) fn described(&self, source: &Source) -> String {
        match source.length() {
            Some(length) => format!("{} ({:.1} s)", self.name(), length.as_secs_f64()),
            None => self.name(),
        }
    }

    fn name(&self) -> String {
        match self.file.to_str() {
            Some("-") => "standard input".to_owned(),
            _ => self.file.display().to_string(),
        }
    }
}

/// The bitrate for channels that take so much.
fn allowed(wanted: i32, takes: u32) -> i32 {
    match i32::try_from(takes) {
        Ok(takes) if takes > 0 => wanted.min(takes),
        _ => wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_s_bitrate_is_the_most() {
        assert_eq!(allowed(96_000, 0), 96_000);
        assert_eq!(allowed(96_000, 24_000), 24_000);
        assert_eq!(allowed(32_000, 510_000), 32_000);
        assert_eq!(allowed(32_000, u32::MAX), 32_000);
    }
}
