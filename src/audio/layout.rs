//! Where the channels of a file belong in a room, and how they are mixed to one or two.

/// Where a channel is heard from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In front.
    Left,
    /// In front.
    Right,
    /// In front, in the middle: where a film has its voices.
    Centre,
    /// The subwoofer, or what else adds nothing to a voice.
    Low,
    /// Beside, behind or above.
    SurroundLeft,
    /// Beside, behind or above.
    SurroundRight,
    /// Behind or above, in the middle.
    SurroundCentre,
    /// The file doesn't say.
    Anywhere,
}

/// -3 dB, with which ITU-R BS.775 gives a channel to each of two others.
const HALF_POWER: f32 = std::f32::consts::FRAC_1_SQRT_2;

use Place::{Anywhere, Centre, Left, Low, Right, SurroundCentre, SurroundLeft, SurroundRight};

/// What the bits of a WAV file's channel mask mean, from the lowest on.
const MASK: [Place; 18] = [
    Left,
    Right,
    Centre,
    Low,
    SurroundLeft,
    SurroundRight,
    Left,
    Right,
    SurroundCentre,
    SurroundLeft,
    SurroundRight,
    SurroundCentre,
    SurroundLeft,
    SurroundCentre,
    SurroundRight,
    SurroundLeft,
    SurroundCentre,
    SurroundRight,
];

/// The places of a file's channels, in the order of its samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout(Vec<Place>);

impl Layout {
    /// Of a channel mask, as WAV has it; 0 for none.
    pub(super) fn of_mask(mask: u32, channels: usize) -> Self {
        if mask == 0 {
            return Self::of_count(channels);
        }
        let said = MASK.iter().enumerate().filter(|(bit, _)| mask >> bit & 1 == 1).map(|(_, place)| *place);
        Self(said.chain(std::iter::repeat(Anywhere)).take(channels).collect())
    }

    /// What so many channels usually are, in WAV's order.
    pub(super) fn of_count(channels: usize) -> Self {
        let places: &[Place] = match channels {
            1 => &[Centre],
            2 => &[Left, Right],
            3 => &[Left, Right, Centre],
            4 => &[Left, Right, SurroundLeft, SurroundRight],
            5 => &[Left, Right, Centre, SurroundLeft, SurroundRight],
            6 => &[Left, Right, Centre, Low, SurroundLeft, SurroundRight],
            7 => &[Left, Right, Centre, Low, SurroundCentre, SurroundLeft, SurroundRight],
            8 => &[Left, Right, Centre, Low, SurroundLeft, SurroundRight, SurroundLeft, SurroundRight],
            _ => return Self(vec![Anywhere; channels]),
        };
        Self(places.to_vec())
    }

    /// The same in Vorbis's order, which Opus has, too (RFC 7845, section 5.1.1.2).
    pub(super) fn of_vorbis(channels: usize) -> Self {
        let places: &[Place] = match channels {
            3 => &[Left, Centre, Right],
            5 => &[Left, Centre, Right, SurroundLeft, SurroundRight],
            6 => &[Left, Centre, Right, SurroundLeft, SurroundRight, Low],
            7 => &[Left, Centre, Right, SurroundLeft, SurroundRight, SurroundCentre, Low],
            8 => &[Left, Centre, Right, SurroundLeft, SurroundRight, SurroundLeft, SurroundRight, Low],
            _ => return Self::of_count(channels),
        };
        Self(places.to_vec())
    }

    /// A sphere of sound (RFC 8486), whose first channel is what a microphone in its middle hears.
    pub(super) fn of_ambisonics(channels: usize) -> Self {
        Self(std::iter::once(Centre).chain(std::iter::repeat(Low)).take(channels).collect())
    }

    /// Channels that belong nowhere.
    pub(super) fn of_nowhere(channels: usize) -> Self {
        Self(vec![Anywhere; channels])
    }

    pub(super) fn channels(&self) -> usize {
        self.0.len()
    }

    /// What a channel gives to the left and to the right.
    fn pair(&self, place: Place) -> [f32; 2] {
        match place {
            _ if self.0.len() == 1 => [1.0, 1.0],
            Left => [1.0, 0.0],
            Right => [0.0, 1.0],
            Centre => [HALF_POWER, HALF_POWER],
            Low => [0.0, 0.0],
            SurroundLeft => [HALF_POWER, 0.0],
            SurroundRight => [0.0, HALF_POWER],
            SurroundCentre => [0.5, 0.5],
            Anywhere => [1.0 / self.0.len() as f32; 2],
        }
    }

    /// What a channel gives to a single one. A voice in the centre is as loud as one that left and right have both.
    fn single(&self, place: Place) -> f32 {
        match place {
            Centre => 1.0,
            place => self.pair(place).iter().sum::<f32>() / 2.0,
        }
    }
}

/// Mixes to one channel or two.
#[derive(Debug)]
pub(super) struct Mixer {
    layout: Layout,
    weights: Vec<[f32; 2]>,
    channels: usize,
}

impl Mixer {
    /// From the channels of a layout to so many, 1 or 2.
    pub(super) fn new(layout: Layout, channels: usize) -> Self {
        let weight = |place: &Place| match channels {
            1 => [layout.single(*place), 0.0],
            _ => layout.pair(*place),
        };
        let weights = layout.0.iter().map(weight).collect();
        Self { layout, weights, channels }
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Mixes interleaved samples. What is no number is silence, and nothing is louder than eight times the loudest.
    pub(super) fn mix(&self, samples: &[f32], mixed: &mut Vec<f32>) {
        for moment in samples.chunks_exact(self.weights.len()) {
            let mut sums = [0.0; 2];
            for (sample, weights) in moment.iter().zip(&self.weights) {
                let sample = if sample.is_finite() { sample.clamp(-8.0, 8.0) } else { 0.0 };
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum += sample * weight;
                }
            }
            mixed.extend_from_slice(&sums[..self.channels]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mixed(layout: Layout, channels: usize, samples: &[f32]) -> Vec<f32> {
        let mut mixed = Vec::new();
        Mixer::new(layout, channels).mix(samples, &mut mixed);
        mixed
    }

    #[test]
    fn a_voice_in_the_centre_is_as_loud_as_one_on_both_sides() {
        let centre = [0.0, 0.0, 0.5, 0.0, 0.0, 0.0];
        assert_eq!(mixed(Layout::of_mask(0x3f, 6), 1, &centre), [0.5]);
        assert_eq!(mixed(Layout::of_count(6), 1, &centre), [0.5]);
        assert_eq!(mixed(Layout::of_count(2), 1, &[0.5, 0.5]), [0.5]);
        assert_eq!(mixed(Layout::of_count(1), 2, &[0.5]), [0.5, 0.5]);
        assert_eq!(mixed(Layout::of_vorbis(6), 1, &[0.0, 0.5, 0.0, 0.0, 0.0, 0.0]), [0.5]);
        let [left, right] = mixed(Layout::of_count(6), 2, &centre)[..] else { panic!() };
        assert!((left.hypot(right) - 0.5).abs() < 1e-6, "{left} {right}");
    }

    #[test]
    fn sides_stay_sides_and_the_subwoofer_adds_nothing() {
        assert_eq!(mixed(Layout::of_count(6), 2, &[0.5, 0.0, 0.0, 0.9, 0.0, 0.0]), [0.5, 0.0]);
        assert_eq!(mixed(Layout::of_mask(0x0c, 2), 1, &[0.5, 0.9]), [0.5]);
        assert_eq!(mixed(Layout::of_nowhere(4), 1, &[0.4, 0.4, 0.4, 0.4]), [0.4]);
        assert_eq!(mixed(Layout::of_ambisonics(4), 1, &[0.5, 0.9, 0.9, 0.9]), [0.5]);
        // A mask that names fewer than there are.
        assert_eq!(Layout::of_mask(3, 5).channels(), 5);
    }

    #[test]
    fn what_is_no_number_is_silence() {
        assert_eq!(mixed(Layout::of_count(1), 1, &[f32::NAN, f32::INFINITY, 1e30]), [0.0, 0.0, 8.0]);
    }
}
