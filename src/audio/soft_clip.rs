//! Sound that is too loud, bent back into -1..1 rather than cut off: what libopus's `opus_pcm_soft_clip` does. It is
//! written here because the binding's function forgets between two calls what bends on from one into the next.

/// Bends samples back into -1..1, from one piece of a sound to the next.
#[derive(Clone, Debug)]
pub(super) struct SoftClip {
    /// How each channel is bent until it next crosses zero: the `a` of x + a * x * x.
    bends: Vec<f32>,
}

impl SoftClip {
    /// For so many channels, whose samples alternate.
    pub(super) fn new(channels: usize) -> Self {
        Self { bends: vec![0.0; channels] }
    }

    /// Bends the next piece: whole frames, a sample of each channel after the other.
    pub(super) fn apply(&mut self, samples: &mut [f32]) {
        // Beyond 2 the curve would fall again.
        for sample in samples.iter_mut() {
            *sample = sample.clamp(-2.0, 2.0);
        }
        let channels = self.bends.len();
        for (first, bend) in self.bends.iter_mut().enumerate() {
            let mut one = Channel { samples, first, channels };
            *bend = one.bend(*bend);
        }
    }
}

/// One of the channels.
struct Channel<'a> {
    samples: &'a mut [f32],
    first: usize,
    channels: usize,
}

impl Channel<'_> {
    fn len(&self) -> usize {
        self.samples.len() / self.channels
    }

    fn at(&self, index: usize) -> f32 {
        self.samples[index * self.channels + self.first]
    }

    fn set(&mut self, index: usize, value: f32) {
        self.samples[index * self.channels + self.first] = value;
    }

    /// Bends all of it, and answers with how the next piece goes on.
    fn bend(&mut self, before: f32) -> f32 {
        let count = self.len();
        // What was bent at the end of the piece before goes on until zero is crossed.
        for index in 0..count {
            let value = self.at(index);
            if value * before >= 0.0 {
                break;
            }
            self.set(index, value + before * value * value);
        }
        let Some(first) = (count > 0).then(|| self.at(0)) else { return before };
        let mut current = 0;
        loop {
            let Some(loud) = (current..count).find(|index| self.at(*index).abs() > 1.0) else { return 0.0 };
            let (end, bend) = self.bend_around(loud, current, first);
            if end == count {
                return bend;
            }
            current = end;
        }
    }

    /// Bends the half wave in which sample `loud` is too loud. `current` is where the part begins that wasn't looked at
    /// yet, and `first` the piece's first sample as it came. Answers with where the half wave ends, and its bend.
    fn bend_around(&mut self, loud: usize, current: usize, first: f32) -> (usize, f32) {
        let value = self.at(loud);
        let is_same_side = |other: f32| value * other >= 0.0;
        let start = (0..loud).rev().find(|index| !is_same_side(self.at(*index))).map_or(0, |index| index + 1);
        let end = (loud..self.len()).find(|index| !is_same_side(self.at(*index))).unwrap_or(self.len());
        let (mut peak, mut loudest) = (loud, value.abs());
        for index in loud..end {
            if self.at(index).abs() > loudest {
                (peak, loudest) = (index, self.at(index).abs());
            }
        }
        // The loudest sample becomes 1, and by 2^-22 less, so that rounding makes it no more than that.
        let bend = -value.signum() * (loudest - 1.0) / (loudest * loudest) * (1.0 + 2.4e-7);
        for index in start..end {
            let value = self.at(index);
            self.set(index, value + bend * value * value);
        }
        if start == 0 && is_same_side(first) && peak >= 2 {
            self.ramp(current, peak, first);
        }
        (end, bend)
    }

    /// Leads from a piece's first sample as it came to its first peak, where that comes before zero is crossed: the
    /// piece before wasn't bent.
    fn ramp(&mut self, current: usize, peak: usize, first: f32) {
        let mut offset = first - self.at(0);
        let step = offset / peak as f32;
        for index in current..peak {
            offset -= step;
            self.set(index, (self.at(index) + offset).clamp(-1.0, 1.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_too_loud_stays_as_it_is() {
        let mut samples = [0.0, 0.5, 1.0, -1.0, -0.3, 0.999];
        SoftClip::new(1).apply(&mut samples);
        assert_eq!(samples.map(f32::to_bits), [0.0, 0.5, 1.0, -1.0, -0.3, 0.999_f32].map(f32::to_bits));
    }

    #[test]
    fn a_loud_half_wave_is_bent_and_the_others_are_not() {
        let mut samples = [-0.5, 0.5, 1.5, 0.5, -0.5];
        SoftClip::new(1).apply(&mut samples);
        assert!((samples[2] - 1.0).abs() < 1e-5 && samples[2] <= 1.0, "{samples:?}");
        assert!(samples[1] > 0.3 && samples[1] < 0.5 && samples[3] < 0.5, "{samples:?}");
        assert_eq!([samples[0], samples[4]].map(f32::to_bits), [-0.5_f32; 2].map(f32::to_bits));
    }

    #[test]
    fn a_wave_that_is_cut_into_pieces_has_no_step_between_them() {
        let wave: Vec<f32> = (0..4_800).map(|i| (i as f32 * 0.02).sin() * 1.8).collect();
        let mut clip = SoftClip::new(1);
        let mut heard = Vec::new();
        for piece in wave.chunks(119) {
            let mut piece = piece.to_vec();
            clip.apply(&mut piece);
            heard.extend(piece);
        }
        let step = heard.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        assert!(heard.iter().all(|sample| sample.abs() <= 1.0));
        assert!(step < 0.08, "a step of {step}");
    }

    proptest! {
        #[test]
        fn any_samples_come_within_bounds(
            samples in proptest::collection::vec(any::<f32>(), 0..200),
            channels in 1_usize..3,
            at in 0_usize..100,
        ) {
            let mut samples = samples;
            samples.truncate(samples.len() / channels * channels);
            let at = (at * channels).min(samples.len());
            let mut clip = SoftClip::new(channels);
            let (one, other) = samples.split_at_mut(at);
            clip.apply(one);
            clip.apply(other);
            prop_assert!(samples.iter().all(|sample| sample.is_nan() || sample.abs() <= 1.0));
        }
    }
}
