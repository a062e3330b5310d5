//! At the limit of the machine: whoever begins to speak in the largest channels is told "busy" before anybody's
//! voice breaks who speaks already. A shard is at its limit when what is due runs late.

use std::time::Duration;

/// How often lateness is looked at.
pub const TICK: Duration = Duration::from_millis(50);

/// From which mean lateness on a shard is behind, and below which it keeps up again.
const BEHIND: Duration = Duration::from_millis(20);
const FINE: Duration = Duration::from_millis(5);

/// The most that one tick says: a single pause of the machine, however long, isn't a load.
const MOST: Duration = Duration::from_millis(60);

/// How many ticks the mean is over. One tick in time among many late ones changes nothing.
const MEAN_OVER: u32 = 8;

/// Ticks between two further steps.
const NEXT_STEP: u32 = 20;

/// How much of a delay a shard's own work made, that was at work for `worked` since the tick before: as large a part of it as
/// of that time. What keeps it from the processor otherwise is other programs, whom nobody's silence helps.
pub fn own_part(late: Duration, worked: Duration) -> Duration {
    let passed = TICK + late;
    late.mul_f64((worked.as_secs_f64() / passed.as_secs_f64()).min(1.0))
}

/// What a shard admits.
#[derive(Debug, Default)]
pub struct Overload {
    /// Audiences of this size and larger take no new speakers.
    bound: Option<usize>,
    mean: Duration,
    /// For how many ticks it has been behind, and in time.
    behind: u32,
    fine: u32,
}

impl Overload {
    /// A tick ran late by so much, for which the shard's own work is to blame ([`own_part`]); `largest` is the largest audience that was spoken to since the one before.
    pub fn observe(&mut self, late: Duration, largest: usize) {
        self.mean = (self.mean * (MEAN_OVER - 1) + late.min(MOST)) / MEAN_OVER;
        self.behind = if self.mean >= BEHIND { self.behind + 1 } else { 0 };
        self.fine = if self.mean < FINE { self.fine + 1 } else { 0 };
        if self.behind > 0 {
            match self.bound {
                // First those to whom one speaker more costs most.
                None => self.bound = Some(largest.max(1)),
                Some(bound) if self.behind.is_multiple_of(NEXT_STEP) => {
                    self.bound = Some((bound.min(largest) * 3 / 4).max(1));
                }
                Some(_) => (),
            }
        } else if self.fine > 0 && self.fine.is_multiple_of(NEXT_STEP) {
            // Step by step, or all who waited would begin at once.
            self.bound = self.bound.map(|bound| bound * 4 / 3 + 1).filter(|bound| *bound <= largest * 2);
        }
    }

    /// Who didn't speak may begin to before fewer listeners than this; [`usize::MAX`] where all may.
    pub fn bound(&self) -> usize {
        self.bound.unwrap_or(usize::MAX)
    }

    /// Whether it admits everybody.
    pub fn is_over(&self) -> bool {
        self.bound.is_none()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LATE: Duration = Duration::from_millis(40);

    #[test]
    fn the_largest_channels_wait_first_and_all_are_admitted_again() {
        let mut overload = Overload::default();
        overload.observe(LATE, 200);
        assert!(overload.is_over(), "once is nothing");
        overload.observe(Duration::from_secs(10), 200);
        assert!(overload.is_over(), "nor is a pause");
        (0..6).for_each(|_| overload.observe(LATE, 200));
        assert!(overload.bound() == 200);
        (0..40).for_each(|_| overload.observe(LATE, 200));
        assert!((21..=150).contains(&overload.bound()));
        let ticks = (0..2_000).take_while(|_| {
            overload.observe(Duration::ZERO, 200);
            !overload.is_over()
        });
        assert!(ticks.count() < 200, "ten seconds");
    }

    #[test]
    fn a_shard_that_others_keep_from_the_processor_admits_everybody() {
        let mut overload = Overload::default();
        for _ in 0..1_000 {
            // A lone speaker's packets take a thousandth of it.
            overload.observe(own_part(Duration::from_millis(200), Duration::from_micros(250)), 2);
        }
        assert!(overload.is_over());
        // One that works all the time, and one that works whenever it may, beside another program.
        assert_eq!(own_part(LATE, TICK + LATE), LATE);
        assert_eq!(own_part(LATE * 2, (TICK + LATE * 2) / 2), LATE);
        assert_eq!(own_part(Duration::ZERO, TICK * 2), Duration::ZERO);
    }

    #[test]
    fn a_tick_in_time_among_late_ones_hides_nothing() {
        let mut overload = Overload::default();
        for tick in 0..30 {
            overload.observe(if tick % 3 == 2 { Duration::ZERO } else { LATE * 2 }, 200);
        }
        assert!(overload.bound() <= 200);
    }

    proptest! {
        #[test]
        fn somebody_alone_may_always_speak_in_the_end(steps in proptest::collection::vec((0..60_u64, 0..500_usize), 0..500)) {
            let mut overload = Overload::default();
            for (late, largest) in steps {
                overload.observe(Duration::from_millis(late), largest);
                prop_assert!(overload.bound() > 0);
            }
            for _ in 0..1_000 {
                overload.observe(Duration::ZERO, 10);
            }
            prop_assert!(overload.is_over());
        }
    }
}
