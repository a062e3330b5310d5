//! One speaker over bad networks, in virtual time: three voices, three seeds each, what PESQ makes of what is heard, and
//! how late it is heard. The figures in docs/measured.md are what these tests print.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use parlour::audio::playout::{BLOCK, Figures, Playout, Settings};
use parlour::audio::{Concealment, Decoder, Encoder, FRAME, Source, compare};
use parlour::id::Ssrc;
use parlour::protocol::{OPUS_PAYLOAD_TYPE, VoiceHeader};

use crate::support::quality::{quality, speech};

/// Bits a second of a voice.
const BITRATE: i32 = 48_000;

const SEEDS: std::ops::RangeInclusive<u64> = 1..=3;

/// Where the speech that is read is cut into two clips: between two sentences.
const BETWEEN: usize = 350_400;

/// Two clips of a person, and one that a program speaks.
fn voices() -> Vec<Vec<f32>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sound/espeak.flac");
    let spoken = Source::open(&path).unwrap().samples().unwrap();
    let spoken = spoken.into_iter().map(|sample| f32::from(sample) / 32_768.0).collect();
    let read = speech();
    vec![read[..BETWEEN].to_vec(), read[BETWEEN..].to_vec(), spoken]
}

/// Numbers between 0 and 1 that are the same for the same seed (xorshift).
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..8 {
            random.next();
        }
        random
    }

    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// What a network does to packets. Times are in milliseconds.
#[derive(Clone, Copy, Default)]
struct Network {
    /// The share that is lost, one by one.
    loss: f64,
    /// The share that is lost several together, three on average.
    bursts: f64,
    /// As over a wireless link that others use: each second or two nothing comes for 20 to 90 ms, and then all of it.
    is_wireless: bool,
    /// When nothing comes for a second.
    stall: Option<f64>,
    /// By how many millionths the speaker's clock is slow.
    drift: f64,
}

impl Network {
    /// When each of so many packets comes; `None` for never.
    fn arrivals(&self, packets: usize, seed: u64) -> Vec<Option<f64>> {
        let lost = self.lost(packets, seed);
        let mut random = Random::new(seed + 1_000);
        let (mut next, mut end, mut last) = (300.0 + random.next() * 1_500.0, 0.0, 0.0_f64);
        let mut arrivals = Vec::new();
        for (packet, lost) in lost.into_iter().enumerate() {
            let sent = (packet as f64 + 1.0) * 20.0 * (1.0 + self.drift / 1e6);
            let mut at = sent + 10.0 + random.next() * 2.0;
            if self.is_wireless {
                at = sent + 3.0 - 2.0 * (1.0 - random.next()).ln();
                while sent > next {
                    end = next + 20.0 + random.next() * 70.0;
                    next += 500.0 + random.next() * 2_500.0;
                }
                at = at.max(if sent <= end { end } else { 0.0 }).max(last);
            }
            if let Some(stall) = self.stall.filter(|stall| (*stall..stall + 1_000.0).contains(&at)) {
                at = stall + 1_000.0 + (at - stall) * 0.02;
            }
            if self.stall.is_some() {
                at = at.max(last);
            }
            last = at;
            arrivals.push((!lost).then_some(at));
        }
        arrivals
    }

    /// Which packets are lost: exactly that share. The first isn't.
    fn lost(&self, packets: usize, seed: u64) -> Vec<bool> {
        let mut random = Random::new(seed);
        let mut lost = vec![false; packets];
        let wanted = (self.loss * packets as f64).round() as usize;
        while lost.iter().filter(|lost| **lost).count() < wanted {
            let packet = 1 + (random.next() * (packets - 1) as f64) as usize;
            lost[packet] = true;
        }
        let wanted = wanted + (self.bursts * packets as f64).round() as usize;
        while lost.iter().filter(|lost| **lost).count() < wanted {
            let mut packet = 1 + (random.next() * (packets - 1) as f64) as usize;
            while packet < packets && lost.iter().filter(|lost| **lost).count() < wanted {
                lost[packet] = true;
                packet += 1;
                if random.next() < 1.0 / 3.0 {
                    break;
                }
            }
        }
        lost
    }

    /// What somebody knows who was there before, as the client keeps it.
    fn known(&self) -> Settings {
        let loss = (self.loss + self.bursts) as f32;
        Settings {
            concealment: Concealment::Neural,
            loss,
            is_bursty: self.bursts > 0.0,
            ..Settings::default()
        }
    }

    /// The packets of a voice, for what the speaker was told of the loss.
    fn packets(&self, voice: &[f32]) -> Vec<Bytes> {
        let mut encoder = Encoder::live(BITRATE).unwrap();
        let percent = ((self.loss + self.bursts) * 100.0).round() as u8;
        encoder.set_protection(percent, self.bursts > 0.0).unwrap();
        let frames = voice.as_chunks::<FRAME>().0;
        frames.iter().map(|frame| encoder.encode_float(frame).unwrap().into()).collect()
    }
}

/// What was heard.
struct Heard {
    sound: Vec<f32>,
    /// How long what was played had waited, in milliseconds, with the time of it.
    delays: Vec<(f64, f64)>,
    figures: Figures,
}

impl Heard {
    fn mean_delay(&self) -> f64 {
        self.delays.iter().map(|(_, delay)| delay).sum::<f64>() / self.delays.len() as f64
    }
}

/// Plays packets that come at these times, a second longer than they are. Packet 0 has begun to be said at 0.
fn play(packets: &[Bytes], arrivals: &[Option<f64>], known: Settings) -> Heard {
    let mut playout = Playout::new(known).unwrap();
    let mut order: Vec<(f64, usize)> =
        arrivals.iter().enumerate().filter_map(|(packet, at)| Some(((*at)?, packet))).collect();
    order.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut order = order.into_iter().peekable();
    let (mut sound, mut delays) = (Vec::new(), Vec::new());
    let time = |at: f64| Duration::from_micros((at * 1_000.0) as u64);
    for block in 0..arrivals.len() * 4 + 200 {
        // Packets come between two blocks.
        let now = block as f64 * 5.0 + 2.3;
        while let Some((at, packet)) = order.next_if(|(at, _)| *at <= now) {
            let header = VoiceHeader {
                ssrc: Ssrc(1),
                sequence: (packet as u16).wrapping_sub(100),
                timestamp: (packet as u32 * 960).wrapping_sub(100_000),
                marker: packet == 0,
                payload_type: OPUS_PAYLOAD_TYPE,
            };
            playout.hear(time(at), &header, packets[packet % packets.len()].clone());
        }
        let mut out = [0.0; BLOCK];
        playout.pull(time(now), &mut out);
        sound.extend(out);
        if playout.is_speaking() {
            delays.push((now, playout.figures().delay.as_secs_f64() * 1_000.0));
        }
    }
    Heard { sound, delays, figures: playout.figures() }
}

/// What the same codec makes of the packets when there is all the time in the world.
fn offline(packets: &[Bytes], arrivals: &[Option<f64>], is_deep: bool) -> Vec<f32> {
    let mut decoder = Decoder::new().unwrap();
    decoder.set_concealment(Concealment::Neural).unwrap();
    let (mut sound, mut missing) = (Vec::new(), 0);
    for (packet, at) in packets.iter().zip(arrivals) {
        if at.is_none() {
            missing += 1;
            continue;
        }
        let recovered = if is_deep && missing > 1 { missing.min(5) } else { missing.min(1) };
        for _ in recovered..missing {
            sound.extend(decoder.conceal_float(FRAME).unwrap());
        }
        if recovered > 1 {
            sound.extend(decoder.recover_deeply(packet, recovered * FRAME).unwrap());
        } else if recovered == 1 {
            sound.extend(decoder.recover_float(packet, FRAME).unwrap());
        }
        missing = 0;
        sound.extend(decoder.decode_float(packet).unwrap());
    }
    sound
}

/// PESQ of what is heard and of what is decoded offline, and milliseconds from mouth to ear: means over all voices and seeds.
#[derive(Debug)]
struct Result {
    heard: f64,
    offline: f64,
    delay: f64,
}

/// A frame, and what the encoder looks ahead: what is later than when it was said beside the wait.
const CODING: f64 = 20.0 + 6.5;

#[expect(clippy::print_stdout, reason = "the figures that docs/measured.md has, for whoever looks at them")]
fn measure(name: &str, network: Network, known: Settings) -> Result {
    let (mut heard, mut offline_too, mut delays) = (Vec::new(), Vec::new(), Vec::new());
    for voice in voices() {
        let packets = network.packets(&voice);
        let mut sounds = Vec::new();
        for seed in SEEDS {
            let arrivals = network.arrivals(packets.len(), seed);
            let played = play(&packets, &arrivals, known);
            delays.push(played.mean_delay() + CODING);
            sounds.push(played.sound);
            sounds.push(offline(&packets, &arrivals, network.bursts > 0.0 || network.loss >= 0.15));
        }
        let sounds: Vec<&[f32]> = sounds.iter().map(Vec::as_slice).collect();
        for pair in quality(&voice, &sounds).chunks(2) {
            heard.push(pair[0]);
            offline_too.push(pair[1]);
        }
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let result = Result { heard: mean(&heard), offline: mean(&offline_too), delay: mean(&delays) };
    println!("{name}: {result:.2?}, each {heard:?}");
    result
}

#[test]
fn what_is_lost_one_by_one_is_made_up_for_as_well_as_the_codec_can() {
    for (percent, least) in [(0, 4.3), (2, 4.1), (5, 3.9), (10, 3.6), (20, 2.9)] {
        let network = Network { loss: f64::from(percent) / 100.0, ..Network::default() };
        let result = measure(&format!("{percent} % lost"), network, network.known());
        assert!(result.heard >= least, "{percent} %: {result:?}");
        assert!(result.heard >= result.offline - 0.15, "{percent} %: {result:?}");
    }
}

#[test]
fn loss_that_nobody_knew_of_is_learnt_in_the_first_second() {
    let network = Network { loss: 0.1, ..Network::default() };
    let nothing = Settings { concealment: Concealment::Neural, ..Settings::default() };
    let result = measure("10 % lost, not known", network, nothing);
    assert!(result.heard >= result.offline - 0.2, "{result:?}");
}

#[test]
fn bursts_are_bridged_by_deep_redundancy() {
    let network = Network { bursts: 0.1, ..Network::default() };
    let result = measure("10 % lost in bursts", network, network.known());
    assert!(result.heard >= 2.75 && result.delay < 130.0, "{result:?}");
}

#[test]
fn a_wireless_link_that_others_use_is_waited_for_no_longer_than_it_needs() {
    let network = Network { is_wireless: true, ..Network::default() };
    let first = measure("wireless, the first time", network, network.known());
    assert!(first.heard >= 3.9 && first.delay <= 105.0, "{first:?}");
    // What was found in a conversation before, as the client keeps it.
    let voice = &voices()[0];
    let packets = network.packets(voice);
    let found = play(&packets, &network.arrivals(packets.len(), 9), network.known()).figures;
    let known = Settings { lateness: found.lateness, ..network.known() };
    let again = measure(&format!("wireless, again, {:?} late", found.lateness), network, known);
    assert!(again.heard >= 4.0 && again.delay <= 105.0, "{again:?}");
}

#[test]
fn after_a_second_without_packets_all_of_it_is_said_within_two() {
    let network = Network { stall: Some(3_000.0), ..Network::default() };
    for voice in voices() {
        let packets = network.packets(&voice);
        let heard = play(&packets, &network.arrivals(packets.len(), 1), network.known());
        let delay_at = |time: f64| heard.delays.iter().find(|(at, _)| *at >= time).unwrap().1;
        assert!(delay_at(2_990.0) < 15.0 && delay_at(4_060.0) > 800.0, "{}", delay_at(4_060.0));
        let back = heard.delays.iter().rev().find(|(_, delay)| *delay > 60.0).unwrap().0;
        println!("stall: back {:.2} s after it", (back - 4_000.0) / 1_000.0);
        assert!(back < 6_000.0, "{back}");
        assert_eq!((heard.figures.late, heard.figures.lost, heard.figures.stalls), (0, 0, 1));
    }
}

#[test]
fn clocks_that_drift_apart_don_t_move_the_delay() {
    let voice = &voices()[1];
    let packets = Network::default().packets(voice);
    for drift in [-300.0, 300.0] {
        let network = Network { drift, ..Network::default() };
        let arrivals = network.arrivals(30_000, 1);
        let plain = Settings { concealment: Concealment::Plain, ..network.known() };
        let heard = play(&packets, &arrivals, plain);
        let length = packets.len() * FRAME;
        let said: Vec<i16> = voice.iter().chain(&voice[..96_000]).map(|sample| to_i16(*sample)).collect();
        let mut delays = Vec::new();
        for second in (15..595).step_by(20) {
            // Where what is heard now was said, about, and a piece before that and behind it.
            let at = second * 48_000;
            let from = ((at as f64 / (1.0 + drift / 1e6)) as usize).saturating_sub(9_600) % length;
            let piece: Vec<i16> = heard.sound[at..at + 24_000].iter().map(|sample| to_i16(*sample)).collect();
            let found = compare(&piece, &said[from..from + 48_000]);
            if found.correlation > 0.8 {
                let before = (at as f64 / (1.0 + drift / 1e6)) as usize % length;
                delays.push((before as f64 - (from as f64 + found.offset as f64)) / 48.0);
            }
        }
        let (least, most) = delays.iter().fold((f64::MAX, 0.0_f64), |(a, b), d| (a.min(*d), b.max(*d)));
        println!("{drift} ppm: {least:.1} to {most:.1} ms from mouth to ear, {} times", delays.len());
        assert!(delays.len() > 15 && most - least <= 10.0 && most < 60.0, "{delays:?}");
    }
}

fn to_i16(sample: f32) -> i16 {
    (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
}
