//! How loud sound is.

/// The level of digital silence, in dBov.
pub const SILENCE: f32 = -127.0;

/// The loudness of samples between -1 and 1, in dBov (RFC 6464): the power of a full-scale square wave is 0 dBov,
/// silence is [`SILENCE`].
pub fn loudness(samples: &[f32]) -> f32 {
    if samples.is_empty() {
        return SILENCE;
    }
    let power = samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32;
    if power > 0.0 { (10.0 * power.log10()).clamp(SILENCE, 0.0) } else { SILENCE }
}

/// The factor of an amplitude that so many decibels are.
pub(super) fn factor(decibels: f32) -> f32 {
    10.0_f32.powf(decibels / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loudness_is_counted_from_full_scale_down() {
        assert!(loudness(&[1.0, -1.0]).abs() < 1e-6);
        assert!((loudness(&[0.1, -0.1]) + 20.0).abs() < 1e-4);
        assert_eq!(
            (loudness(&[]), loudness(&[0.0; 480]), loudness(&[1e-20; 480])),
            (SILENCE, SILENCE, SILENCE)
        );
        assert!(loudness(&[3.0; 4]).abs() < 1e-6, "what is louder than full scale isn't counted above it");
        assert!((factor(-20.0) - 0.1).abs() < 1e-6);
    }
}
