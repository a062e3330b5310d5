//! What the readers of all formats have in common: sound, block by block, and what was wrong with the file.

use std::time::Duration;

use super::SoundError;
use super::layout::Layout;

/// What was wrong with a sound that was played all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Whether it ends before the end that it announces.
    pub cut_off: bool,
    /// Damaged places: what was lost there is concealed, or left out.
    pub damaged: u64,
}

/// A little sound.
#[derive(Debug)]
pub(super) struct Block {
    /// Samples a second.
    pub(super) rate: u32,
    /// Where its channels belong.
    pub(super) layout: Layout,
    /// Samples from -1 to 1, a sample of each channel after the other.
    pub(super) samples: Vec<f32>,
}

/// A file that is being read. The memory it takes doesn't depend on the file's length.
pub(super) trait Decode: Send {
    /// The next block, or `None` at the end.
    fn next(&mut self) -> Result<Option<Block>, SoundError>;

    /// How long the whole sound lasts, where the file says so.
    fn length(&self) -> Option<Duration>;

    /// What was wrong so far.
    fn faults(&self) -> Faults;
}

/// Most channels that are mixed.
pub(super) const MOST_CHANNELS: usize = 32;

/// Rates that are converted.
const RATES: std::ops::RangeInclusive<u32> = 8_000..=384_000;

/// Refuses rates and numbers of channels that no sound has.
pub(super) fn check_shape(rate: u32, channels: usize) -> Result<(), SoundError> {
    let is_sound = RATES.contains(&rate) && (1..=MOST_CHANNELS).contains(&channels);
    if is_sound { Ok(()) } else { Err(SoundError::Shape { rate, channels }) }
}
