//! A frame made a little shorter or longer where it isn't heard: a part is taken out, or said twice, and what is left
//! is joined where the sound is alike.

/// Samples in which one part goes over into the other: 5 ms.
const OVERLAP: usize = 240;

/// How exactly the first search goes, in samples.
const STEP: usize = 6;

/// Samples between the two that are compared in the first search.
const SPARSE: usize = 4;

/// How alike the two places are: 1 for the same sound, about 0 for others.
pub(super) type Likeness = f32;

/// Where to cut, and how alike the two places are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    length: usize,
    pub(super) likeness: Likeness,
}

/// The best length from `shortest` to `longest` samples by which the frame can be cut or repeated from its beginning;
/// `None` for a frame that is too short.
pub(super) fn best_cut(frame: &[f32], shortest: usize, longest: usize) -> Option<Cut> {
    let longest = longest.min(frame.len().checked_sub(OVERLAP)?);
    let cuts = |from: usize, to: usize, step: usize, sparse: usize| {
        (from..=to)
            .step_by(step)
            .map(|length| Cut { length, likeness: likeness(frame, length, sparse) })
            .max_by(|one, other| one.likeness.total_cmp(&other.likeness))
    };
    let about = cuts(shortest, longest, STEP, SPARSE)?;
    let (from, to) = (about.length.saturating_sub(STEP).max(shortest), (about.length + STEP).min(longest));
    cuts(from, to, 1, 1)
}

/// How alike the frame's beginning and what begins `length` samples later are.
fn likeness(frame: &[f32], length: usize, sparse: usize) -> Likeness {
    let (mut product, mut one, mut other) = (0.0, 1e-9, 1e-9);
    let both = frame[..OVERLAP].iter().zip(&frame[length..length + OVERLAP]);
    for (a, b) in both.step_by(sparse) {
        product += a * b;
        one += a * a;
        other += b * b;
    }
    product / f32::sqrt(one * other)
}

/// The frame without `cut`.
pub(super) fn shorten(frame: &[f32], cut: Cut) -> Vec<f32> {
    let mut sound = frame[cut.length..].to_vec();
    cross(&frame[..OVERLAP], &mut sound);
    sound
}

/// The frame with `cut` twice.
pub(super) fn lengthen(frame: &[f32], cut: Cut) -> Vec<f32> {
    let mut again = frame.to_vec();
    cross(&frame[cut.length..cut.length + OVERLAP], &mut again);
    [&frame[..cut.length], &again].concat()
}

/// Goes over from the sound `before` into the beginning of `after`.
pub(super) fn cross(before: &[f32], after: &mut [f32]) {
    let count = before.len().min(after.len()).min(OVERLAP);
    for (index, (before, after)) in before.iter().zip(after.iter_mut()).take(count).enumerate() {
        let share = (index as f32 + 0.5) / count as f32;
        *after = before * (1.0 - share) + *after * share;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame of a tone with a period of 137 samples.
    fn tone() -> Vec<f32> {
        (0..960).map(|i| (i as f32 * std::f32::consts::TAU / 137.0).sin() * 0.5).collect()
    }

    fn largest_step(sound: &[f32]) -> f32 {
        sound.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_tone_is_cut_and_repeated_by_whole_periods_without_a_step() {
        let tone = tone();
        let cut = best_cut(&tone, 480, 720).unwrap();
        assert!(
            [548, 685].iter().any(|whole| cut.length.abs_diff(*whole) <= 1) && cut.likeness > 0.99,
            "{cut:?}"
        );
        let (short, long) = (shorten(&tone, cut), lengthen(&tone, cut));
        assert_eq!((short.len(), long.len()), (960 - cut.length, 960 + cut.length));
        for sound in [short, long] {
            assert!(largest_step(&sound) < largest_step(&tone) * 1.05);
            let peak = sound.iter().copied().fold(0.0, f32::max);
            assert!((peak - 0.5).abs() < 0.01, "{peak}");
        }
    }

    #[test]
    fn a_frame_that_is_too_short_has_no_cut() {
        assert!(best_cut(&[0.0; 200], 100, 200).is_none());
        assert!(best_cut(&[0.0; 600], 480, 720).is_none());
        assert!(best_cut(&[0.0; 960], 480, 720).is_some());
    }
}
