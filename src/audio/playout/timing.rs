//! When a speaker's packets come: how late they are beside the fastest, and how long to wait for them therefore.

use std::time::Duration;

/// How long the fastest packet counts, in seconds: clocks drift apart by 3 ms meanwhile at worst (300 millionths).
const SLOTS: usize = 10;

/// Lateness that is counted, in milliseconds. What is later is a stall, and waiting for it doesn't pay.
pub(super) const STALL: i64 = 200;

/// By how much later than what is waited for a packet may be with which a stall is over, in milliseconds.
const RECOVERED: i64 = 20;

/// What a packet weighs beside the one after it: the last 40 s of speech count most.
const FADE: f64 = 0.9995;

/// The share of packets that are waited for.
const IN_TIME: f64 = 0.998;

/// How long all packets have to be as late as in a stall until that is the new way they come, in microseconds.
const NEW_WAY: i64 = 1_500_000;

/// Packets with which a talk spurt begins and whose lateness says nothing of the way: clients keep some frames, and send them together once
/// they know that somebody speaks.
const KEPT: u32 = 4;

/// Times of arrival of one speaker's packets. Times are microseconds, and samples at 48 kHz on the speaker's clock.
#[derive(Debug)]
pub(super) struct Timing {
    /// The smallest offset of each second, and which second that is.
    fastest: [Option<(i64, i64)>; SLOTS],
    /// What packets weigh by their lateness in milliseconds.
    late: [f64; STALL as usize],
    /// What the next one weighs.
    weight: f64,
    /// Milliseconds that are waited for.
    wait: i64,
    /// Since when all packets are as late as in a stall, and the smallest offset meanwhile.
    stalled: Option<(i64, i64)>,
    stalls: u32,
    /// Of a spurt that begins, packets that may have been kept.
    kept: u32,
}

impl Timing {
    /// With the lateness that was found before.
    pub(super) fn new(lateness: Duration) -> Self {
        let wait = i64::try_from(lateness.as_millis()).unwrap_or(STALL).min(STALL - 1);
        let mut timing = Self {
            fastest: [None; SLOTS],
            late: [0.0; STALL as usize],
            weight: 1.0,
            wait: 0,
            stalled: None,
            stalls: 0,
            kept: 0,
        };
        if wait > 0 {
            // As if it had been found in the last three seconds.
            timing.late[0] = 140.0;
            timing.late[wait as usize] = 10.0;
            timing.wait = timing.find_wait();
        }
        timing
    }

    /// Forgets when packets came, but not how late they are: another stream begins.
    pub(super) fn restart(&mut self) {
        self.fastest = [None; SLOTS];
        self.stalled = None;
    }

    /// A talk spurt begins with the packet that comes next.
    pub(super) fn begin_spurt(&mut self) {
        self.kept = KEPT;
    }

    /// A packet that begins at sample `at` came.
    pub(super) fn arrive(&mut self, now: Duration, at: i64) {
        let now = micros(now);
        let offset = now - samples(at);
        let before = self.base(now);
        let lateness = before.map_or(0, |base| (offset - base).max(0)) / 1_000;
        // What was held up by a stall comes behind it, ever less late.
        if lateness >= STALL || self.stalled.is_some() && lateness > self.wait + RECOVERED {
            return self.note_stall(now, offset);
        }
        self.stalled = None;
        if self.kept > 0 && lateness > self.wait {
            self.kept -= 1;
            return;
        }
        self.kept = 0;
        self.note_fastest(now, offset);
        self.weight /= FADE;
        self.late[lateness as usize] += self.weight;
        if self.weight > 1e9 {
            self.late.iter_mut().for_each(|late| *late /= self.weight);
            self.weight = 1.0;
        }
        self.wait = self.find_wait();
    }

    fn note_stall(&mut self, now: i64, offset: i64) {
        let (since, smallest) = self.stalled.unwrap_or_else(|| {
            self.stalls = self.stalls.saturating_add(1);
            (now, offset)
        });
        let smallest = smallest.min(offset);
        self.stalled = Some((since, smallest));
        // A way that is longer from now on, or a clock that stood still.
        if now - since > NEW_WAY {
            self.restart();
            self.note_fastest(now, smallest);
        }
    }

    fn note_fastest(&mut self, now: i64, offset: i64) {
        let second = now / 1_000_000;
        let slot = &mut self.fastest[second.rem_euclid(SLOTS as i64) as usize];
        *slot = match *slot {
            Some((of, smallest)) if of == second => Some((of, smallest.min(offset))),
            _ => Some((second, offset)),
        };
    }

    /// The smallest offset of the last seconds; of all that are known where nothing came meanwhile.
    fn smallest(&self, now: i64, seconds: i64) -> Option<i64> {
        let second = now / 1_000_000;
        let known = || self.fastest.iter().flatten();
        known()
            .filter(|(of, _)| second - of < seconds)
            .map(|(_, offset)| *offset)
            .min()
            .or_else(|| known().max_by_key(|(of, _)| *of).map(|(_, offset)| *offset))
    }

    fn base(&self, now: i64) -> Option<i64> {
        self.smallest(now, SLOTS as i64)
    }

    fn find_wait(&self) -> i64 {
        let all: f64 = self.late.iter().sum();
        let mut later = all * (1.0 - IN_TIME);
        for (lateness, weight) in self.late.iter().enumerate().rev() {
            later -= weight;
            if later < 0.0 {
                return lateness as i64;
            }
        }
        0
    }

    /// How late packets are that are still waited for.
    pub(super) fn wait(&self) -> Duration {
        Duration::from_millis(self.wait.cast_unsigned())
    }

    /// How long after its fastest possible arrival what begins at `at` is played, if it is played at `now`, in
    /// microseconds. Zero where nothing came yet.
    pub(super) fn delay(&self, now: Duration, at: i64) -> i64 {
        let now = micros(now);
        self.base(now).map_or(0, |base| now - samples(at) - base)
    }

    /// The same beside the fastest packet of the last two seconds: what can be taken away surely.
    pub(super) fn delay_lately(&self, now: Duration, at: i64) -> i64 {
        let now = micros(now);
        self.smallest(now, 2).map_or(0, |base| now - samples(at) - base)
    }

    /// How often packets stopped coming and came all together.
    pub(super) fn stalls(&self) -> u32 {
        self.stalls
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX / 2)
}

/// Samples in microseconds.
fn samples(at: i64) -> i64 {
    at.saturating_mul(125) / 6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(time: u64) -> Duration {
        Duration::from_millis(time)
    }

    /// Packets every 20 ms, each so many milliseconds late.
    fn play(timing: &mut Timing, from: u64, late: impl IntoIterator<Item = u64>) {
        for (packet, late) in late.into_iter().enumerate() {
            let packet = from + packet as u64;
            timing.arrive(ms(1_000 + packet * 20 + late), packet as i64 * 960);
        }
    }

    #[test]
    fn what_is_rare_is_not_waited_for() {
        let mut timing = Timing::new(Duration::ZERO);
        play(&mut timing, 0, (0..2_000).map(|packet| if packet % 1_000 == 999 { 90 } else { packet % 5 }));
        assert_eq!(timing.wait(), ms(4));
        play(&mut timing, 2_000, (0..2_000).map(|packet| if packet % 50 == 0 { 90 } else { packet % 5 }));
        assert_eq!(timing.wait(), ms(90));
        play(&mut timing, 4_000, (0..10_000).map(|packet| packet % 5));
        assert_eq!(timing.wait(), ms(4));
    }

    #[test]
    fn what_was_kept_before_a_spurt_began_is_not_late() {
        let mut timing = Timing::new(Duration::ZERO);
        for spurt in 0..50 {
            timing.begin_spurt();
            play(&mut timing, spurt * 40, [60, 40, 20]);
            play(&mut timing, spurt * 40 + 3, (0..17).map(|packet| packet % 3));
        }
        assert_eq!(timing.wait(), ms(2));
        // The way itself is worse from now on.
        for spurt in 50..100 {
            timing.begin_spurt();
            play(&mut timing, spurt * 40, (0..20).map(|packet| packet % 2 * 30));
        }
        assert_eq!(timing.wait(), ms(30));
    }

    #[test]
    fn a_stall_is_counted_once_and_not_waited_for() {
        let mut timing = Timing::new(Duration::ZERO);
        play(&mut timing, 0, [0; 100]);
        play(&mut timing, 100, (0..50).map(|packet| 1_000 - packet * 20));
        play(&mut timing, 150, [0; 100]);
        assert_eq!(timing.stalls(), 1);
        assert!(timing.wait() < ms(200));
        assert_eq!(timing.delay(ms(1_000 + 5_030), 250 * 960), 30_000);
    }

    #[test]
    fn a_way_that_stays_longer_becomes_the_way() {
        let mut timing = Timing::new(Duration::ZERO);
        play(&mut timing, 0, [0; 100]);
        play(&mut timing, 100, [700; 200]);
        assert_eq!(timing.delay(ms(1_000 + 300 * 20 + 710), 300 * 960), 10_000);
    }

    #[test]
    fn clocks_that_drift_are_followed() {
        for drift in [-300_i64, 300] {
            let mut timing = Timing::new(Duration::ZERO);
            for packet in 0..30_000_i64 {
                let now = 1_000_000 + packet * 20_000 * (1_000_000 + drift) / 1_000_000;
                timing.arrive(Duration::from_micros(now.cast_unsigned()), packet * 960);
            }
            assert!(timing.wait() <= ms(3), "{drift}: {:?}", timing.wait());
        }
    }
}
