use proptest::prelude::*;

use super::*;
use crate::audio::{Encoder, Source};
use crate::id::Ssrc;
use crate::protocol::OPUS_PAYLOAD_TYPE;

/// Two seconds of speech, encoded for 10 % loss.
fn packets() -> Vec<Bytes> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/speech.wav");
    let speech = Source::open(path.as_ref()).unwrap().samples().unwrap();
    let mut encoder = Encoder::live(32_000).unwrap();
    encoder.set_protection(10, false).unwrap();
    speech.as_chunks::<FRAME>().0[..100].iter().map(|frame| encoder.encode(frame).unwrap().into()).collect()
}

fn header(sequence: u16, timestamp: u32, marker: bool) -> VoiceHeader {
    VoiceHeader { ssrc: Ssrc(7), sequence, timestamp, marker, payload_type: OPUS_PAYLOAD_TYPE }
}

/// Where packets come and what is heard of them, in blocks of 5 ms.
struct Stage {
    playout: Playout,
    block: u32,
    heard: Vec<f32>,
}

impl Stage {
    fn new(settings: Settings) -> Self {
        Self { playout: Playout::new(settings).unwrap(), block: 0, heard: Vec::new() }
    }

    fn now(&self) -> Duration {
        Duration::from_millis(5) * self.block
    }

    /// A packet comes now.
    fn hear(&mut self, packet: usize, timestamp: u32, marker: bool, payload: &Bytes) {
        self.playout.hear(self.now(), &header(packet as u16, timestamp, marker), payload.clone());
    }

    fn pull(&mut self, blocks: usize) {
        for _ in 0..blocks {
            let mut out = [0.0; BLOCK];
            self.playout.pull(self.now(), &mut out);
            self.heard.extend(out);
            self.block += 1;
        }
    }

    /// Packets come every 20 ms, but for those that are lost, and are heard.
    fn play(&mut self, packets: &[Bytes], lost: &[usize]) {
        for (number, packet) in packets.iter().enumerate() {
            if !lost.contains(&number) {
                self.hear(number, number as u32 * 960, number == 0, packet);
            }
            self.pull(4);
        }
    }
}

fn loudness(sound: &[f32]) -> f32 {
    (sound.iter().map(|sample| sample * sample).sum::<f32>() / sound.len() as f32).sqrt()
}

/// Where `part` stands in `whole`, sample by sample.
fn position(part: &[f32], whole: &[f32]) -> Option<usize> {
    let is_alike = |at: &[f32]| at.iter().zip(part).all(|(one, other)| (one - other).abs() < 1e-6);
    whole.windows(part.len()).position(is_alike)
}

#[test]
fn what_comes_in_time_is_heard_as_it_was_decoded() {
    let packets = packets();
    let mut decoder = Decoder::new().unwrap();
    let decoded: Vec<f32> = packets.iter().flat_map(|packet| decoder.decode_float(packet).unwrap()).collect();
    let mut stage = Stage::new(Settings::default());
    stage.play(&packets, &[]);
    let begins = position(&decoded[9_600..48_000], &stage.heard).unwrap() - 9_600;
    assert!(begins <= 2 * BLOCK, "after {begins} samples");
    assert!(stage.playout.is_speaking());
    stage.pull(100);
    assert!(!stage.playout.is_speaking());
    assert!(stage.heard[stage.heard.len() - 48 * 200..].iter().all(|sample| *sample == 0.0), "it is silent");
    let figures = stage.playout.figures();
    assert_eq!((figures.lost, figures.late, figures.stalls), (0, 0, 0));
    assert!(
        figures.delay < Duration::from_millis(12) && figures.target == Duration::from_millis(6),
        "{figures:?}"
    );
}

#[test]
fn frames_that_were_kept_until_somebody_was_known_to_speak_keep_no_delay() {
    let packets = packets();
    let mut stage = Stage::new(Settings::default());
    for spurt in 0..10 {
        // Half a second of silence, and the time that it takes to know; then four packets at once.
        stage.pull(100 + 12);
        for packet in 0..40 {
            let timestamp = (spurt * 65 + packet) as u32 * 960;
            stage.hear(spurt * 40 + packet, timestamp, packet == 0, &packets[30 + packet]);
            stage.pull(if packet < 3 { 0 } else { 4 });
        }
        let figures = stage.playout.figures();
        assert_eq!((figures.lateness, figures.lost, figures.late), (Duration::ZERO, 0, 0));
        assert!(figures.delay <= Duration::from_millis(17), "{figures:?}");
    }
}

#[test]
fn a_lost_packet_is_what_the_next_repeats_of_it() {
    let packets = packets();
    let mut decoder = Decoder::new().unwrap();
    let mut decoded = Vec::new();
    for (number, packet) in packets.iter().enumerate() {
        match number {
            40 => decoded.extend(decoder.recover_float(&packets[41], FRAME).unwrap()),
            _ => decoded.extend(decoder.decode_float(packet).unwrap()),
        }
    }
    let mut stage = Stage::new(Settings { loss: 0.1, ..Settings::default() });
    stage.play(&packets, &[40]);
    assert!(position(&decoded[30 * FRAME..60 * FRAME], &stage.heard).is_some());
    let figures = stage.playout.figures();
    assert_eq!(figures.lost, 1);
    assert!(figures.concealed > 0.001 && figures.target == Duration::from_millis(26), "{figures:?}");
}

#[test]
fn nothing_is_skipped_when_packets_come_late() {
    let packets = packets();
    let mut decoder = Decoder::new().unwrap();
    let decoded: Vec<f32> = packets.iter().flat_map(|packet| decoder.decode_float(packet).unwrap()).collect();
    let mut stage = Stage::new(Settings::default());
    stage.play(&packets[..50], &[]);
    // 50 and those behind it come 60 ms late, together, and the rest as late.
    stage.pull(12);
    for (number, packet) in packets.iter().enumerate().skip(50) {
        stage.hear(number, number as u32 * 960, false, packet);
        stage.pull(4);
    }
    stage.pull(40);
    let figures = stage.playout.figures();
    assert_eq!((figures.lost, figures.late), (0, 0));
    assert!(figures.lateness >= Duration::from_millis(55), "{figures:?}");
    // Speech of 50 frames from there on, at its own loudness, and longer by what was made up.
    let (before, after) =
        (loudness(&decoded[50 * FRAME..90 * FRAME]), loudness(&stage.heard[53 * FRAME..93 * FRAME]));
    assert!((before / after - 1.0).abs() < 0.2, "{before} and {after}");
}

#[test]
fn two_spurts_stay_as_far_apart_as_they_were() {
    let packets = packets();
    let mut stage = Stage::new(Settings::default());
    stage.play(&packets[..30], &[]);
    stage.pull(4 * 50);
    assert!(!stage.playout.is_speaking());
    for (number, packet) in packets.iter().enumerate().take(60).skip(30) {
        stage.hear(number, (number as u32 + 50) * 960, number == 30, packet);
        stage.pull(4);
    }
    let figures = stage.playout.figures();
    assert_eq!((figures.lost, figures.late), (0, 0));
    assert!(figures.delay < Duration::from_millis(12), "{figures:?}");
    assert!(stage.heard[40 * FRAME..79 * FRAME].iter().all(|sample| *sample == 0.0), "the pause is silent");
    assert!(loudness(&stage.heard[81 * FRAME..100 * FRAME]) > 0.01);
}

#[test]
fn the_beginning_of_a_spurt_is_recovered() {
    let packets = packets();
    let mut stage = Stage::new(Settings { loss: 0.1, ..Settings::default() });
    stage.play(&packets[..30], &[]);
    stage.pull(4 * 50);
    // 30, with which the spurt began, is lost.
    for (number, packet) in packets.iter().enumerate().take(60).skip(31) {
        stage.hear(number, (number as u32 + 50) * 960, false, packet);
        stage.pull(4);
    }
    assert_eq!(stage.playout.figures().lost, 1);
    let mut decoder = Decoder::new().unwrap();
    let expected: Vec<f32> = packets[..31]
        .iter()
        .enumerate()
        .flat_map(|(number, packet)| match number {
            30 => decoder.recover_float(&packets[31], FRAME).unwrap(),
            _ => decoder.decode_float(packet).unwrap(),
        })
        .collect();
    // What was made up at the end of the first spurt leaves its trace in the decoder, so it isn't the same to the bit.
    let begins = stage.heard.iter().skip(40 * FRAME).position(|sample| *sample != 0.0).unwrap() + 40 * FRAME;
    let alike = loudness(&stage.heard[begins..begins + FRAME]) / loudness(&expected[30 * FRAME..]);
    assert!((0.5..2.0).contains(&alike), "{alike}");
}

#[test]
fn another_speaker_on_the_same_place_begins_anew() {
    let packets = packets();
    let mut stage = Stage::new(Settings::default());
    stage.play(&packets[..30], &[]);
    let mut other = header(9_000, 5, true);
    other.ssrc = Ssrc(8);
    stage.playout.hear(stage.now(), &other, packets[50].clone());
    stage.pull(12);
    assert!(stage.playout.is_speaking());
    assert_eq!(stage.playout.figures().lost, 0);
}

#[test]
fn what_was_whispered_to_others_is_not_lost() {
    let packets = packets();
    let mut stage = Stage::new(Settings::default());
    stage.play(&packets[..50], &[]);
    stage.pull(100);
    // Ten seconds later, of which this listener got nothing.
    stage.hear(550, 550 * 960, true, &packets[50]);
    stage.pull(20);
    assert_eq!(stage.playout.figures().lost, 0);
    assert!(stage.playout.figures().loss < 0.01);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_comes_and_whenever_it_goes_on(
        steps in proptest::collection::vec(
            (0_u64..400, 0_u16..40, 0_u32..80_000, any::<bool>(), proptest::collection::vec(any::<u8>(), 0..40)), 1..60,
        ),
        far: bool,
    ) {
        let mut playout = Playout::new(Settings { loss: 0.5, is_bursty: true, ..Settings::default() }).unwrap();
        let mut now = Duration::ZERO;
        for (wait, sequence, timestamp, marker, payload) in steps {
            let (sequence, timestamp) = if far { (sequence * 1_600, timestamp * 53_000) } else { (sequence, timestamp) };
            playout.hear(now, &header(sequence, timestamp, marker), payload.into());
            for _ in 0..wait / 5 {
                let mut out = [0.0; BLOCK];
                playout.pull(now, &mut out);
                now += Duration::from_millis(5);
                prop_assert!(out.iter().all(|sample| sample.is_finite()));
            }
            prop_assert!(playout.ready.len() < 48_000, "{} samples are ready", playout.ready.len());
        }
        let _ = playout.figures();
    }
}
