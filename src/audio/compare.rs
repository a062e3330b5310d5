//! How much of an original is in a recording, wherever it begins there.

use realfft::RealFftPlanner;
use realfft::num_complex::Complex;

/// The result of [`compare`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// Normalized correlation at the best alignment: 1 for the same sound, about 0 for another one.
    pub correlation: f64,
    /// Where in the recording the original begins, in samples; negative when its beginning is missing.
    pub offset: i64,
}

/// Aligns the recording with the whole original and correlates them. What the recording lacks counts as
/// silence, so a part that is missing lowers the result. Costs three Fourier transforms over both
/// lengths together.
pub fn compare(original: &[i16], recording: &[i16]) -> Comparison {
    let offset = best_offset(original, recording);
    let (mut product, mut energy, mut other) = (0.0, 0.0, 0.0);
    for (index, sample) in (offset..).zip(original) {
        let heard = usize::try_from(index).ok().and_then(|index| recording.get(index)).copied().unwrap_or(0);
        let (sample, heard) = (f64::from(*sample), f64::from(heard));
        product += sample * heard;
        energy += sample * sample;
        other += heard * heard;
    }
    let scale = (energy * other).sqrt();
    Comparison { correlation: if scale > 0.0 { product / scale } else { 0.0 }, offset }
}

/// The offset at which the cross-correlation is highest, by the convolution theorem.
fn best_offset(original: &[i16], recording: &[i16]) -> i64 {
    let size = (original.len() + recording.len()).next_power_of_two().max(2);
    let mut planner = RealFftPlanner::<f32>::new();
    let (forward, inverse) = (planner.plan_fft_forward(size), planner.plan_fft_inverse(size));
    let spectrum = |samples: &[i16]| -> Vec<Complex<f32>> {
        let mut padded: Vec<f32> = samples.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
        padded.resize(size, 0.0);
        let mut spectrum = forward.make_output_vec();
        // Fails only for buffers of a wrong length, which these are not.
        let _ = forward.process(&mut padded, &mut spectrum);
        spectrum
    };
    let mut product: Vec<_> =
        spectrum(recording).iter().zip(spectrum(original)).map(|(r, o)| r * o.conj()).collect();
    // The transform back takes the first and the last for real; rounding may have left them less so.
    for edge in [0, size / 2] {
        product[edge].im = 0.0;
    }
    let mut correlation = inverse.make_output_vec();
    let _ = inverse.process(&mut product, &mut correlation);
    let best = (0..size).max_by(|a, b| correlation[*a].total_cmp(&correlation[*b])).unwrap_or(0);
    // The upper half holds the negative offsets.
    if best < recording.len() { best as i64 } else { best as i64 - size as i64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{Decoder, Encoder, FRAME, Source};

    fn speech() -> Vec<i16> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/speech.wav");
        Source::open(path.as_ref()).unwrap().samples().unwrap()
    }

    #[test]
    fn speech_through_opus_is_recognized_wherever_it_begins() {
        let original = speech();
        let (mut encoder, mut decoder) = (Encoder::new(32_000).unwrap(), Decoder::new().unwrap());
        let mut recording = vec![0; 110_400];
        for frame in original.as_chunks::<FRAME>().0 {
            recording.extend(decoder.decode(&encoder.encode(frame).unwrap()).unwrap());
        }
        let found = compare(&original, &recording);
        assert!(found.correlation > 0.9, "{found:?}");
        assert!((found.offset - 110_400 - 312).abs() < 10, "{found:?}");
        let late = compare(&original, &recording[120_000..]);
        assert!(late.offset < 0 && late.correlation > 0.8, "{late:?}");
    }

    #[test]
    fn what_is_missing_or_other_lowers_the_result() {
        let original = speech();
        assert!(compare(&original, &vec![0; 100_000]).correlation.abs() < 1e-9);
        assert!(compare(&original, &[]).correlation.abs() < 1e-9);
        let half = compare(&original, &original[..original.len() / 2]);
        assert!(half.correlation < 0.85, "{half:?}");
        let reversed: Vec<i16> = original.iter().rev().copied().collect();
        assert!(compare(&original, &reversed).correlation < 0.3);
    }
}
