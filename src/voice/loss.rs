//! What speakers are told of the packets that their listeners lose, so that they encode for it. Listeners send nothing
//! for it: what of a speaker's packets came is seen by their numbers, and what of those that were sent on got to each
//! listener is counted by its connection, by its acknowledgements.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::protocol::Loss;

/// Packets that are counted together.
const STEP: u32 = 10;

/// Steps that are remembered: ten seconds of one voice.
const STEPS: usize = 50;

/// Steps that are enough to see that there is more loss now, if they have as many lost packets.
const RECENT: usize = 10;
const ENOUGH: u64 = 2;

/// How much more the loss of steps varies where packets are lost in bursts. Where each is lost by itself it is 1, and
/// 1.3 once in a hundred times.
const VARIES: f64 = 1.7;

/// How far apart two sequence numbers of one numbering are at most.
const APART: i32 = 1_000;

/// How much the loss is rounded to, in percent.
const GRADES: [u8; 10] = [0, 1, 2, 4, 7, 10, 15, 20, 30, 50];

/// The share of listeners for whom a speaker doesn't encode, as a divisor: one in ten.
const LEFT_OUT: usize = 10;

/// How often it is looked what a speaker's listeners lose.
const LOOK: Duration = Duration::from_secs(1);

/// For how long there has to be less loss until it is told.
const LESS: Duration = Duration::from_secs(5);

/// When it is told again, since what is told may be lost as well, and how often at most once there is no loss.
const AGAIN: Duration = Duration::from_secs(5);
const NO_LOSS: u32 = 3;

/// What gets lost of a speaker's packets on their way to the server, by their sequence numbers.
#[derive(Debug, Default)]
pub struct Arrivals {
    highest: Option<u16>,
    /// Packets that should have come since the last step, and those of them that didn't; fewer than none where some came
    /// later than that.
    expected: u32,
    missing: i32,
    meter: LossMeter,
}

impl Arrivals {
    /// A packet came with this sequence number.
    pub fn note(&mut self, sequence: u16) {
        let highest = self.highest.unwrap_or(sequence.wrapping_sub(1));
        let ahead = i32::from(sequence.wrapping_sub(highest) as i16);
        if ahead.abs() > APART {
            // The speaker numbers anew.
            self.highest = Some(sequence);
        } else if ahead > 0 {
            self.highest = Some(sequence);
            self.expected += ahead.unsigned_abs();
            self.missing += ahead - 1;
        } else {
            self.missing = self.missing.saturating_sub(1);
        }
        if self.expected >= STEP {
            self.meter.add(self.expected, u32::try_from(self.missing).unwrap_or(0));
            self.expected = 0;
            self.missing = self.missing.clamp(-APART, 0);
        }
    }
}

/// What gets lost on the way to a listener: counted on the thread of its connection, read on any.
#[derive(Debug)]
pub struct Reception {
    /// Packets that were handed over.
    handed: AtomicU32,
    /// A [`Loss`] of [`GRADES`]: the grade, and 256 more for bursts.
    now: AtomicU32,
    counted: Mutex<Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    sent: u64,
    lost: u64,
    meter: LossMeter,
}

impl Reception {
    /// Of a connection that got nothing yet. `turn` is any number that differs from one listener to the next, so that not
    /// all of them are counted at the same packet.
    pub fn new(turn: u32) -> Self {
        Self { handed: AtomicU32::new(turn % STEP), now: AtomicU32::new(0), counted: Mutex::default() }
    }

    /// A packet was handed over; answers whether it is time to [`Reception::count`].
    pub fn is_due(&self) -> bool {
        self.handed.fetch_add(1, Ordering::Relaxed).wrapping_add(1).is_multiple_of(STEP)
    }

    /// So many packets the connection has sent since its beginning, and so many of them were lost.
    pub fn count(&self, sent: u64, lost: u64) {
        // Only the connection's own thread comes here, so nobody waits.
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let more = |now: u64, before: u64| u32::try_from(now.saturating_sub(before)).unwrap_or(u32::MAX);
        let (sent_more, lost_more) = (more(sent, counted.sent), more(lost, counted.lost));
        (counted.sent, counted.lost) = (sent, lost);
        counted.meter.add(sent_more, lost_more);
        let loss = counted.meter.loss();
        self.now.store(grade(loss.percent) as u32 | u32::from(loss.bursts) << 8, Ordering::Relaxed);
    }

    fn now(&self) -> (usize, bool) {
        let now = self.now.load(Ordering::Relaxed);
        ((now & 0xff) as usize, now >> 8 != 0)
    }
}

/// What all these listeners but a tenth lose at most: who has the worst network alone among many costs the others nothing.
pub fn typical_loss<'a>(listeners: impl Iterator<Item = &'a Reception>) -> Loss {
    let (mut all, mut in_bursts, mut count) = ([0_usize; GRADES.len()], [0_usize; GRADES.len()], 0);
    for (grade, bursts) in listeners.map(Reception::now) {
        if let (Some(all), Some(in_bursts)) = (all.get_mut(grade), in_bursts.get_mut(grade)) {
            *all += 1;
            *in_bursts += usize::from(bursts);
            count += 1;
        }
    }
    let (mut left, mut worse, mut worse_in_bursts) = (count / LEFT_OUT, 0, 0);
    for ((percent, all), in_bursts) in GRADES.into_iter().zip(all).zip(in_bursts).rev() {
        (worse, worse_in_bursts) = (worse + all, worse_in_bursts + in_bursts);
        if all > left {
            return Loss { percent, bursts: percent > 0 && worse_in_bursts * 2 > worse };
        }
        left -= all;
    }
    Loss::default()
}

/// When a speaker is told what its listeners lose.
#[derive(Debug, Default)]
pub struct LossTeller {
    looked: Option<Duration>,
    told: Loss,
    /// When it was told, and how often since it changed.
    at: Duration,
    times: u32,
    /// Since when there has been less.
    less: Option<Duration>,
}

impl LossTeller {
    /// Whether it is time to look again, which it isn't for a second then. To be asked while the speaker speaks.
    pub fn is_due(&mut self, now: Duration) -> bool {
        let due = self.looked.is_none_or(|looked| now.saturating_sub(looked) >= LOOK);
        if due {
            self.looked = Some(now);
        }
        due
    }

    /// It was looked: so much of what the speaker sends gets lost on its way here, and so much of what is sent on does on
    /// the way to its listeners. Answers what the speaker is to be told now, if anything.
    pub fn handle(&mut self, now: Duration, here: &Arrivals, there: Loss) -> Option<Loss> {
        let here = here.meter.loss();
        let kept = (1.0 - f64::from(here.percent) / 100.0) * (1.0 - f64::from(there.percent) / 100.0);
        let percent = GRADES.get(grade(((1.0 - kept) * 100.0).round() as u8)).copied().unwrap_or(0);
        let bursts = if here.percent > there.percent { here.bursts } else { there.bursts };
        let loss = Loss { percent, bursts: percent > 0 && bursts };
        let is_less = loss.percent < self.told.percent
            || (loss.percent == self.told.percent && loss.bursts != self.told.bursts);
        self.less = is_less.then(|| self.less.unwrap_or(now));
        let changed = loss.percent > self.told.percent
            || self.less.is_some_and(|since| now.saturating_sub(since) >= LESS);
        if changed {
            (self.told, self.times, self.less) = (loss, 0, None);
        }
        let wanted = self.told.percent > 0 || (1..NO_LOSS).contains(&self.times);
        let is_due = changed || (wanted && now.saturating_sub(self.at) >= AGAIN);
        if !is_due {
            return None;
        }
        (self.at, self.times) = (now, self.times.saturating_add(1));
        Some(self.told)
    }
}

/// The number of the grade that is nearest.
fn grade(percent: u8) -> usize {
    let after = GRADES.partition_point(|grade| *grade < percent).min(GRADES.len() - 1);
    let apart = |number: usize| GRADES.get(number).map_or(u8::MAX, |grade| grade.abs_diff(percent));
    if after > 0 && apart(after - 1) < apart(after) { after - 1 } else { after }
}

/// Counts what gets lost on one way.
#[derive(Debug, Default)]
struct LossMeter {
    /// Packets sent and lost in each of the last steps; the next one takes the place at `next`.
    steps: Vec<(u32, u32)>,
    next: usize,
}

impl LossMeter {
    /// So many more packets were sent, and so many more of those that were sent got lost.
    fn add(&mut self, sent: u32, lost: u32) {
        // What is found to be lost late may be more than what was sent since.
        let step = (sent.max(lost), lost);
        match self.steps.get_mut(self.next) {
            Some(place) => *place = step,
            None => self.steps.push(step),
        }
        self.next = (self.next + 1) % STEPS;
    }

    /// What gets lost now. More than before shows after two seconds of one voice, less after ten.
    fn loss(&self) -> Loss {
        let (sent, lost) = sum(self.steps.iter());
        let long = share(sent, lost);
        let before = self.steps.len().min(RECENT);
        let recent = (1..=before).filter_map(|ago| self.steps.get((self.next + STEPS - ago) % STEPS));
        let (recently_sent, recently_lost) = sum(recent);
        let recent = if recently_lost >= ENOUGH { share(recently_sent, recently_lost) } else { 0.0 };
        Loss { percent: (long.max(recent) * 100.0).round() as u8, bursts: self.varies(sent, long) }
    }

    /// Whether the steps' loss varies more than it would if each packet were lost by itself (the index of dispersion).
    fn varies(&self, sent: u64, share: f64) -> bool {
        let expected = share * (1.0 - share) * sent as f64;
        let apart = |(sent, lost): &(u32, u32)| (f64::from(*lost) - share * f64::from(*sent)).powi(2);
        expected > 0.0 && self.steps.iter().map(apart).sum::<f64>() / expected > VARIES
    }
}

fn sum<'a>(steps: impl Iterator<Item = &'a (u32, u32)>) -> (u64, u64) {
    steps.fold((0, 0), |(sent, lost), step| (sent + u64::from(step.0), lost + u64::from(step.1)))
}

fn share(sent: u64, lost: u64) -> f64 {
    lost as f64 / sent.max(1) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FRAME: Duration = Duration::from_millis(20);

    /// Which packets get lost: so many of a hundred, so many in a row.
    struct Link {
        random: u64,
        percent: u64,
        row: u64,
        left: u64,
    }

    impl Link {
        fn new(seed: u64, percent: u64, row: u64) -> Self {
            Self { random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1, percent, row, left: 0 }
        }

        fn loses(&mut self) -> bool {
            self.random ^= self.random << 13;
            self.random ^= self.random >> 7;
            self.random ^= self.random << 17;
            if self.left == 0 && (self.random >> 20) % (100 * self.row) < self.percent {
                self.left = self.row;
            }
            let loses = self.left > 0;
            self.left = self.left.saturating_sub(1);
            loses
        }
    }

    /// A voice of so many packets to one listener.
    fn hear(reception: &Reception, link: &mut Link, packets: u64) {
        let before = reception.counted.lock().unwrap().lost;
        let sent = reception.counted.lock().unwrap().sent;
        let mut lost = before;
        for number in 1..=packets {
            lost += u64::from(link.loses());
            if reception.is_due() {
                reception.count(sent + number, lost);
            }
        }
    }

    fn with_loss(percent: u8) -> Reception {
        let reception = Reception::new(0);
        (1..=50).for_each(|step| reception.count(step * 100, step * u64::from(percent)));
        reception
    }

    #[test]
    fn one_bad_listener_among_many_changes_nothing() {
        let of = |bad: usize, all: usize| {
            let listeners: Vec<_> =
                (0..all).map(|number| with_loss(if number < bad { 20 } else { 1 })).collect();
            typical_loss(listeners.iter()).percent
        };
        assert_eq!([of(1, 1_000), of(100, 1_000), of(101, 1_000), of(1, 10), of(2, 10)], [1, 1, 20, 1, 20]);
        // Two who talk with each other: the other one is all there is.
        assert_eq!([of(1, 1), of(1, 2), of(0, 0)], [20, 20, 0]);
    }

    #[test]
    fn more_loss_is_told_within_three_seconds_and_less_within_fifteen() {
        for seed in 0..200 {
            let (reception, here, mut teller) =
                (Reception::new(seed as u32), Arrivals::default(), LossTeller::default());
            let mut told = Vec::new();
            for second in 0..60_u64 {
                let mut link =
                    Link::new(seed * 100 + second, if (20..30).contains(&second) { 10 } else { 0 }, 1);
                hear(&reception, &mut link, 50);
                let now = Duration::from_secs(second + 1);
                assert!(teller.is_due(now) && !teller.is_due(now + FRAME));
                told.extend(
                    teller
                        .handle(now, &here, typical_loss([&reception].into_iter()))
                        .map(|loss| (second + 1, loss.percent)),
                );
            }
            assert!(told.iter().all(|(at, percent)| (21..60).contains(at) && *percent <= 20), "{told:?}");
            assert!(told.iter().any(|(at, percent)| *at <= 23 && *percent >= 4), "{seed}: {told:?}");
            assert!(
                told.iter().any(|(at, percent)| (24..31).contains(at) && *percent >= 7),
                "{seed}: {told:?}"
            );
            assert!(told.iter().any(|(at, percent)| *at <= 46 && *percent == 0), "{seed}: {told:?}");
            assert_eq!(
                told.iter().filter(|(_, percent)| *percent == 0).count(),
                NO_LOSS as usize,
                "{told:?}"
            );
        }
    }

    #[test]
    fn bursts_are_told_from_packets_that_are_lost_one_by_one() {
        let found = |percent, row| {
            let bursts = |seed: &u64| {
                let reception = Reception::new(*seed as u32);
                hear(&reception, &mut Link::new(*seed, percent, row), 1_000);
                typical_loss([&reception].into_iter()).bursts
            };
            (1..=100).filter(bursts).count()
        };
        for percent in [3, 5, 10, 20] {
            let (single, rows) = (found(percent, 1), found(percent, 4));
            assert!(single <= 5 && rows >= 90, "{percent}: {single} and {rows}");
        }
    }

    #[test]
    fn what_a_speaker_loses_on_the_way_here_counts_as_well() {
        let mut here = Arrivals::default();
        (0..500_u16).filter(|number| number % 10 != 3).for_each(|number| here.note(number.wrapping_sub(200)));
        let mut teller = LossTeller::default();
        let told = teller.handle(Duration::ZERO, &here, Loss::default());
        assert_eq!(told, Some(Loss { percent: 10, bursts: false }));
        // Nine of ten get here, and nine of ten of those on.
        let told = teller.handle(Duration::from_secs(1), &here, Loss { percent: 10, bursts: false });
        assert_eq!(told, Some(Loss { percent: 20, bursts: false }));
    }

    #[test]
    fn packets_that_overtake_each_other_are_not_lost() {
        let mut here = Arrivals::default();
        (0..1_000_u16).for_each(|number| here.note((number ^ 3).wrapping_add(65_000)));
        assert_eq!(here.meter.loss(), Loss::default());
    }

    proptest! {
        #[test]
        fn nobody_is_told_more_often_than_once_a_second(
            looks in proptest::collection::vec((0..3_000_u64, 0..=100_u8, any::<bool>()), 0..100),
        ) {
            let (mut teller, here, mut now) = (LossTeller::default(), Arrivals::default(), Duration::ZERO);
            let mut last: Option<Duration> = None;
            for (passed, percent, bursts) in looks {
                now += Duration::from_millis(passed);
                if teller.is_due(now) && let Some(loss) = teller.handle(now, &here, Loss { percent, bursts }) {
                    prop_assert!(GRADES.contains(&loss.percent));
                    prop_assert!(last.is_none_or(|last| now.saturating_sub(last) >= LOOK));
                    last = Some(now);
                }
            }
        }

        #[test]
        fn any_sequence_numbers_are_borne(numbers in proptest::collection::vec(any::<u16>(), 0..500)) {
            let mut here = Arrivals::default();
            for number in numbers {
                here.note(number);
            }
            prop_assert!(here.meter.loss().percent <= 100);
        }

        #[test]
        fn any_counters_are_borne(counters in proptest::collection::vec((any::<u64>(), any::<u64>()), 0..100)) {
            let reception = Reception::new(3);
            for (sent, lost) in counters {
                reception.count(sent, lost);
            }
            prop_assert!(typical_loss([&reception].into_iter()).percent <= 50);
        }
    }
}
