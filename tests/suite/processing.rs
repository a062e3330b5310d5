//! A microphone in front of somebody who speaks, a fan and a loudspeaker.

use parlour::audio::processing::{BLOCK, Capture, CaptureSettings, EchoMode, GainMode, Heard, loudness};

use crate::support::quality::{quality, speech};

const NOTHING: CaptureSettings =
    CaptureSettings { suppress_noise: false, gain: GainMode::Off, echo: EchoMode::Off };

/// Somebody else: the same person, who reads another sentence at each moment.
fn other(speech: &[f32]) -> Vec<f32> {
    let half = speech.len() / 2;
    [&speech[half..], &speech[..half]].concat()
}

/// White noise of which each sample is at most 1, the same each time.
fn noise(length: usize) -> Vec<f32> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / 8_388_608.0 - 1.0
        })
        .collect()
}

/// A factor of so many decibels.
fn factor(decibels: f32) -> f32 {
    10.0_f32.powf(decibels / 20.0)
}

/// A fan: its motor and the rush of the air.
fn fan(length: usize) -> Vec<f32> {
    let (mut low, mut high) = (0.0, 0.0);
    noise(length)
        .into_iter()
        .enumerate()
        .map(|(at, white)| {
            low += 0.03 * (white - low);
            high += 0.2 * (white - high);
            let turn = at as f32 / 48_000.0 * 97.0 * std::f32::consts::TAU;
            let motor: f32 = (1..6_u8).map(|k| (turn * f32::from(k)).sin() / f32::from(k)).sum();
            low + 0.15 * high + 0.012 * motor
        })
        .collect()
}

/// What comes back of a sound from the walls of a room after `delay` samples, at `decibels` of the sound.
fn echo(far: &[f32], delay: usize, decibels: f32) -> Vec<f32> {
    let ways = [(0, 0.8), (220, -0.4), (820, 0.3), (1_620, -0.2)];
    let echo: Vec<f32> = (0..far.len())
        .map(|at| ways.iter().filter_map(|(way, gain)| Some(far[at.checked_sub(delay + way)?] * gain)).sum())
        .collect();
    let gain = factor(loudness(far) + decibels - loudness(&echo));
    echo.into_iter().map(|sample| sample * gain).collect()
}

fn sum(one: &[f32], other: &[f32]) -> Vec<f32> {
    one.iter().zip(other).map(|(one, other)| one + other).collect()
}

/// What comes out of `capture` for a microphone that hears `near` while `far` is played, and what was heard.
fn through(capture: &mut Capture, near: &[f32], far: &[f32]) -> (Vec<f32>, Vec<Heard>) {
    let (near, far) = (near.as_chunks::<BLOCK>().0, far.as_chunks::<BLOCK>().0);
    let mut out = Vec::new();
    let mut heard = Vec::new();
    for (near, far) in near.iter().zip(far) {
        let mut block = *near;
        heard.push(capture.process(&mut block, far));
        out.extend(block);
    }
    (out, heard)
}

/// By how many decibels the second of `sound` from `second` on is louder than that of another.
fn louder(sound: &[f32], than: &[f32], second: usize) -> f32 {
    let part = |sound: &[f32]| loudness(&sound[second * 48_000..][..48_000]);
    part(sound) - part(than)
}

#[test]
fn without_switches_nothing_changes_at_all() {
    let near = speech();
    let (out, heard) = through(&mut Capture::new(NOTHING), &near, &vec![0.0; near.len()]);
    assert_eq!(out, near[..out.len()]);
    assert!(heard.iter().all(|heard| heard.gain.abs() < 1e-6 && heard.input <= 0.0 && !heard.is_clipped));
    assert!((heard[100].level - loudness(&near[48_000..][..BLOCK])).abs() < 1e-3);
}

#[test]
fn a_fan_is_suppressed_and_speech_is_let_through() {
    let near = speech();
    let fan = fan(near.len());
    let gain = factor(loudness(&near) - 10.0 - loudness(&fan));
    let fan: Vec<f32> = fan.into_iter().map(|sample| sample * gain).collect();
    let settings = CaptureSettings { suppress_noise: true, ..NOTHING };
    let silence = vec![0.0; near.len()];

    let (out, _) = through(&mut Capture::new(settings), &fan, &silence);
    for second in 2..15 {
        assert!(louder(&out, &fan, second) < -20.0, "{} in {second}", louder(&out, &fan, second));
    }

    let (out, _) = through(&mut Capture::new(settings), &sum(&near, &fan), &silence);
    let quiet = CaptureSettings::default();
    let (all, _) = through(&mut Capture::new(quiet), &sum(&near, &fan), &silence);
    let scores = quality(&near, &[&sum(&near, &fan), &out[BLOCK..], &all[BLOCK..]]);
    println!("in the noise of a fan at 10 dB, suppressed, and with the gain: {scores:?}");
    assert!(scores[0] < 1.3 && scores[1] >= 1.6 && scores[2] >= 1.6, "{scores:?}");

    let (mut pauses, mut words) = (Vec::new(), Vec::new());
    let late = &out[BLOCK..];
    for (at, block) in near.chunks_exact(BLOCK).enumerate().skip(200).take(late.len() / BLOCK - 200) {
        let part = |sound: &[f32]| loudness(&sound[at * BLOCK..][..BLOCK]);
        match loudness(block) {
            ..-45.0 => pauses.push(part(late) - part(&fan)),
            -20.0.. => words.push(part(late) - part(&near)),
            _ => {}
        }
    }
    let middle = |mut of: Vec<f32>| {
        of.sort_by(f32::total_cmp);
        of[of.len() / 2]
    };
    let (pauses, words) = (middle(pauses), middle(words));
    assert!(pauses < -15.0 && words.abs() < 1.0, "{pauses} dB in pauses, {words} dB in words");
}

#[test]
fn clean_speech_is_hardly_touched() {
    let near = speech();
    let (out, heard) = through(&mut Capture::new(CaptureSettings::default()), &near, &vec![0.0; near.len()]);
    for second in 3..15 {
        assert!(louder(&out[BLOCK..], &near, second).abs() < 1.0, "{}", louder(&out[BLOCK..], &near, second));
    }
    let scores = quality(&near, &[&out[BLOCK..]]);
    println!("clean speech by the default settings: {scores:?}");
    assert!(scores[0] >= 4.4, "{scores:?}");
    let spoken = heard.iter().filter(|heard| heard.speech > 0.6).count();
    assert!(spoken * 2 > heard.len(), "{spoken} of {}", heard.len());
}

#[test]
fn somebody_quiet_becomes_louder_and_somebody_loud_doesn_t_distort() {
    let near = speech();
    let silence = vec![0.0; near.len()];
    let settings = CaptureSettings { gain: GainMode::Automatic, ..NOTHING };
    let quiet: Vec<f32> = near.iter().map(|sample| sample * 0.05).collect();
    let (out, heard) = through(&mut Capture::new(settings), &quiet, &silence);
    assert!(louder(&out, &quiet, 14) > 15.0, "{}", louder(&out, &quiet, 14));
    assert!((heard[1_450].gain - louder(&out, &quiet, 14)).abs() < 2.0, "the meter says what was done");

    let loud: Vec<f32> = near.iter().map(|sample| sample * 1.4).collect();
    let (out, _) = through(&mut Capture::new(settings), &loud, &silence);
    assert!(out.iter().all(|sample| sample.abs() <= 1.0));
    assert!(louder(&out, &loud, 10).abs() < 1.0);

    let by_hand = CaptureSettings { gain: GainMode::Fixed(6.0), ..NOTHING };
    let (out, heard) = through(&mut Capture::new(by_hand), &quiet, &silence);
    assert!((louder(&out, &quiet, 10) - 6.0).abs() < 0.1 && (heard[100].gain - 6.0).abs() < 0.01);
    for (given, decibels) in [(1e9, 30.0), (-1e9, -30.0), (f32::NAN, 0.0)] {
        let by_hand = CaptureSettings { gain: GainMode::Fixed(given), ..NOTHING };
        let (_, heard) = through(&mut Capture::new(by_hand), &quiet[..4_800], &silence);
        assert!((heard[9].gain - decibels).abs() < 0.01, "{given}: {}", heard[9].gain);
    }
}

#[test]
fn an_echo_is_found_and_removed() {
    let far = other(&speech());
    let room: Vec<f32> = noise(far.len()).into_iter().map(|sample| sample * 0.000_3).collect();
    for delay in [1_440, 4_800, 14_400] {
        let echo = sum(&echo(&far, delay, -20.0), &room);
        let mut capture = Capture::new(CaptureSettings { echo: EchoMode::Auto, ..NOTHING });
        let (out, heard) = through(&mut capture, &echo, &far);
        let found = heard.iter().position(|heard| heard.is_far_found).unwrap();
        assert!(found < 150, "found after {found} blocks");
        let whole = |sound: &[f32]| loudness(&sound[3 * 48_000..]);
        let removed = whole(&echo) - whole(&out);
        println!("{delay}: found after {found} blocks, {removed} dB removed");
        assert!(removed > 35.0, "{removed} dB at a delay of {delay}");
    }
}

#[test]
fn with_a_headset_nothing_is_cancelled_while_both_talk() {
    let near = speech();
    let far = other(&near);
    let room: Vec<f32> = noise(near.len()).into_iter().map(|sample| sample * 0.000_8).collect();
    // What a headset leaks: far below what would be heard.
    let near = sum(&sum(&near, &room), &echo(&far, 480, -55.0));
    let mut capture = Capture::new(CaptureSettings { echo: EchoMode::Auto, ..NOTHING });
    let (out, heard) = through(&mut capture, &near, &far);
    assert_eq!(out, near[..out.len()]);
    assert!(heard.iter().all(|heard| !heard.is_far_found && !heard.is_cancelling));

    // With everything else on, too, it is as if nobody else talked.
    let by_default = |far: &[f32]| through(&mut Capture::new(CaptureSettings::default()), &near, far).0;
    let scores = quality(&near, &[&by_default(&far)[BLOCK..], &by_default(&vec![0.0; near.len()])[BLOCK..]]);
    println!("a headset, while both talk and while one does: {scores:?}");
    assert!(scores[0] > scores[1] - 0.2 && scores[1] > 4.3, "{scores:?}");
}

#[test]
fn an_echo_is_found_while_somebody_talks_over_it() {
    let near = speech();
    let far = other(&near);
    let mut capture = Capture::new(CaptureSettings { echo: EchoMode::Auto, ..NOTHING });
    let (_, heard) = through(&mut capture, &sum(&near, &echo(&far, 2_880, -20.0)), &far);
    let found = heard.iter().position(|heard| heard.is_far_found).unwrap();
    println!("found after {found} blocks");
    assert!(found < 500, "found after {found} blocks");
    assert!(heard[found..].iter().all(|heard| heard.is_far_found));
}

#[test]
fn once_a_headset_is_plugged_in_the_canceller_ends() {
    let near = speech();
    let far = other(&near);
    let mut capture = Capture::new(CaptureSettings { echo: EchoMode::Auto, ..NOTHING });
    let (_, heard) = through(&mut capture, &echo(&far, 2_880, -20.0), &far);
    assert!(heard.last().unwrap().is_cancelling);
    let (_, heard) = through(&mut capture, &near, &far);
    let lost = heard.iter().position(|heard| !heard.is_far_found).unwrap();
    assert!((500..1_400).contains(&lost), "{lost}");
    assert!(!heard.last().unwrap().is_cancelling);
}

#[test]
fn the_canceller_rests_while_nothing_is_played() {
    let near = speech();
    let far = other(&near);
    let mut capture = Capture::new(CaptureSettings { echo: EchoMode::On, ..NOTHING });
    through(&mut capture, &echo(&far, 2_880, -20.0), &far);
    let (out, heard) = through(&mut capture, &near, &vec![0.0; near.len()]);
    assert!(heard[..90].iter().all(|heard| heard.is_cancelling), "what is played is heard for a while still");
    assert!(heard[110..].iter().all(|heard| !heard.is_cancelling));
    let late = 96_000 + 468;
    assert_eq!(out[late..], near[96_000..][..out.len() - late], "then speech is as it was");

    // It has forgotten nothing when it wakes.
    let again = echo(&far, 2_880, -20.0);
    let (out, _) = through(&mut capture, &again, &far);
    assert!(louder(&out, &again, 1) < -25.0, "{}", louder(&out, &again, 1));
}

#[test]
fn switches_are_turned_without_a_click() {
    let near: Vec<f32> = (0..96_000_u32)
        .map(|at| 0.4 * (at as f32 * 300.0 * std::f32::consts::TAU / 48_000.0).sin())
        .collect();
    let silence = vec![0.0; near.len()];
    let steepest = |sound: &[f32]| sound.windows(2).map(|two| (two[1] - two[0]).abs()).fold(0.0, f32::max);
    let mut capture = Capture::new(NOTHING);
    let mut out = Vec::new();
    for (turn, part) in near.chunks_exact(4_800).enumerate() {
        capture.set(CaptureSettings {
            suppress_noise: turn % 2 == 1,
            gain: if turn % 4 > 1 { GainMode::Fixed(3.0) } else { GainMode::Off },
            echo: if turn % 6 > 2 { EchoMode::On } else { EchoMode::Off },
        });
        out.extend(through(&mut capture, part, &silence).0);
    }
    assert!(steepest(&out) < 2.0 * steepest(&near), "{} of {}", steepest(&out), steepest(&near));
}

#[test]
fn what_a_device_must_not_give_does_no_harm() {
    let mut capture = Capture::new(CaptureSettings { echo: EchoMode::On, ..CaptureSettings::default() });
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN_POSITIVE, -1e30] {
        for _ in 0..120 {
            let heard = capture.process(&mut [bad; BLOCK], &[bad; BLOCK]);
            assert!(heard.level.is_finite() && heard.speech.is_finite() && heard.gain.is_finite());
        }
    }
    let near = speech();
    let (out, _) = through(&mut capture, &near, &vec![0.0; near.len()]);
    assert!(out.iter().all(|sample| sample.abs() <= 1.0));
    assert!(louder(&out, &near, 14) > -6.0, "it hears again");
}
