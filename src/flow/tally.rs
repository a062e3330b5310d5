//! How often something happened lately, for triggers that want it several times, or no more for a while.

use std::collections::{HashMap, VecDeque};

use super::definition::Pace;
use crate::bounds::MAX_FLOW_TALLIES;
use crate::id::{Timestamp, UserId};

/// What was counted, of all triggers, each account's apart. It is in memory: after a restart counting begins anew.
#[derive(Debug, Default)]
pub struct Tally {
    counted: HashMap<UserId, HashMap<String, Counted>>,
    /// How many there are of all accounts.
    all: usize,
}

#[derive(Debug, Default)]
struct Counted {
    times: VecDeque<Timestamp>,
    /// Nothing is begun before.
    quiet_until: Timestamp,
    last: Timestamp,
}

impl Tally {
    /// Counts that it happened, and answers whether that begins a run. `key` tells one trigger of the account from another, and what it
    /// counts apart. After it began one, counting begins anew when its pause is over.
    pub fn admit(&mut self, user: UserId, key: &str, pace: &Pace, now: Timestamp) -> bool {
        if !self.counted.get(&user).is_some_and(|own| own.contains_key(key)) {
            if self.all >= MAX_FLOW_TALLIES {
                self.make_room();
            }
            self.all += 1;
        }
        let counted = self.counted.entry(user).or_default().entry(key.to_owned()).or_default();
        counted.last = now;
        // A clock that was set back doesn't make a pause longer than it is.
        let is_quiet = now < counted.quiet_until && counted.quiet_until.0 - now.0 <= pace.pause;
        if is_quiet {
            return false;
        }
        let is_recent = |time: &Timestamp| *time <= now && now.0 - time.0 <= pace.within;
        counted.times.retain(is_recent);
        counted.times.push_back(now);
        if counted.times.len() < pace.times as usize {
            return false;
        }
        counted.times.clear();
        counted.quiet_until = Timestamp(now.0.saturating_add(pace.pause));
        true
    }

    /// Forgets, of the account of which most is counted, the eighth that was quiet for longest: so nobody has others' counts forgotten, and
    /// this isn't looked for each time.
    fn make_room(&mut self) {
        let Some(own) = self.counted.values_mut().max_by_key(|own| own.len()) else { return };
        let mut lasts: Vec<Timestamp> = own.values().map(|counted| counted.last).collect();
        lasts.sort_unstable();
        let oldest = lasts.get(lasts.len() / 8).copied().unwrap_or_default();
        own.retain(|_, counted| counted.last > oldest);
        self.counted.retain(|_, own| !own.is_empty());
        self.all = self.counted.values().map(HashMap::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(times: u32, within: u64, pause: u64) -> Pace {
        Pace { per: None, times, within, pause }
    }

    #[test]
    fn what_happens_often_enough_begins_a_run() {
        let mut tally = Tally::default();
        let pace = pace(3, 10_000, 0);
        let mut admit = |key: &str, at: u64| tally.admit(UserId(1), key, &pace, Timestamp(at));
        assert!(!admit("a", 0) && !admit("a", 1_000) && !admit("b", 1_500));
        assert!(admit("a", 2_000));
        // Counting begins anew, and what is old doesn't count.
        assert!(!admit("a", 2_100) && !admit("a", 2_200));
        assert!(!admit("a", 20_000) && !admit("a", 29_000) && admit("a", 30_000));
    }

    #[test]
    fn a_pause_is_kept_and_a_clock_that_is_set_back_makes_it_no_longer() {
        let mut tally = Tally::default();
        let pace = pace(1, 0, 5_000);
        let mut admit = |at: u64| tally.admit(UserId(1), "", &pace, Timestamp(at));
        assert!(admit(100_000) && !admit(100_001) && !admit(104_999) && admit(105_000));
        assert!(admit(50_000));
    }

    #[test]
    fn as_much_is_counted_as_may_be_and_no_more() {
        let mut tally = Tally::default();
        let pace = pace(2, 60_000, 0);
        assert!(!tally.admit(UserId(2), "quiet", &pace, Timestamp(0)));
        for number in 0..3 * MAX_FLOW_TALLIES as u64 {
            assert!(!tally.admit(UserId(1), &number.to_string(), &pace, Timestamp(number)));
            assert!(tally.all <= MAX_FLOW_TALLIES);
        }
        assert_eq!(tally.all, tally.counted.values().map(HashMap::len).sum::<usize>());
        assert!(
            tally.admit(UserId(2), "quiet", &pace, Timestamp(50_000)),
            "another account's are known still"
        );
    }
}
