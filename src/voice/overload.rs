//! At the limit of the machine: whoever begins to speak in the largest channels is told "busy" before anybody's
//! voice breaks who speaks already. A shard is at its limit when what is due runs late.

use std::time::Duration;

/// How often lateness is looked at.
pub const TICK: Duration = Duration::from_millis(50);

/// From which lateness on a shard is behind, and below which it keeps up again.
const BEHIND: Duration = Duration::from_millis(20);
const FINE: Duration = Duration::from_millis(5);

/// Ticks in a row that it takes to believe it, and ticks between two further steps.
const BELIEVED: u32 = 6;
const NEXT_STEP: u32 = 20;

/// What a shard admits.
#[derive(Debug, Default)]
pub struct Overload {
    /// Audiences of this size and larger take no new speakers.
    bound: Option<usize>,
    behind: u32,
    fine: u32,
}

impl Overload {
    /// A tick ran late by so much; `largest` is the largest audience that was spoken to since the one before.
    pub fn observe(&mut self, late: Duration, largest: usize) {
        self.behind = if late >= BEHIND { self.behind + 1 } else { 0 };
        self.fine = if late < FINE { self.fine + 1 } else { 0 };
        if self.behind >= BELIEVED {
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

    /// Whether one who didn't speak may begin to, before so many listeners.
    pub fn admits(&self, audience: usize) -> bool {
        self.bound.is_none_or(|bound| audience < bound)
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
        assert!(overload.admits(200), "once is nothing");
        (0..6).for_each(|_| overload.observe(LATE, 200));
        assert!(!overload.admits(200) && overload.admits(199));
        (0..40).for_each(|_| overload.observe(LATE, 200));
        assert!(!overload.admits(150) && overload.admits(20));
        let ticks = (0..2_000).take_while(|_| {
            overload.observe(Duration::ZERO, 200);
            !overload.is_over()
        });
        assert!(ticks.count() < 200, "ten seconds");
    }

    proptest! {
        #[test]
        fn somebody_alone_may_always_speak_in_the_end(steps in proptest::collection::vec((0..60_u64, 0..500_usize), 0..500)) {
            let mut overload = Overload::default();
            for (late, largest) in steps {
                overload.observe(Duration::from_millis(late), largest);
                prop_assert!(overload.admits(0));
            }
            for _ in 0..1_000 {
                overload.observe(Duration::ZERO, 10);
            }
            prop_assert!(overload.is_over());
        }
    }
}
