//! The last N speakers of a large channel: only so many are passed on at once, the loudest ones. Whoever speaks keeps
//! their place until they pause; somebody who is clearly louder takes it from the quietest.
//!
//! A channel's speakers live on several shards, so this is the one lock on a packet's way that shards share. It is
//! held while N places are compared, and only in channels that have such a bound.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::id::Ssrc;

/// A pause after which a place is free.
const HOLD: Duration = Duration::from_millis(400);

/// For how long nobody takes a place from somebody who just got it: voices that change with every word can't be followed.
const KEEP: Duration = Duration::from_secs(1);

/// How much louder one has to be, in dB.
const LOUDER: u16 = 9;

/// The level that is assumed of a speaker who sends none, in dB below the loudest: quiet speech.
const UNTOLD: u8 = 50;

/// Levels are smoothed in 256ths.
const ONE: u16 = 256;

/// Which speakers are passed on in a channel.
#[derive(Debug)]
pub struct SpeakerSelection {
    places: usize,
    speaking: Mutex<Vec<Speaker>>,
}

#[derive(Clone, Copy, Debug)]
struct Speaker {
    ssrc: Ssrc,
    since: Duration,
    last: Duration,
    /// In dB below the loudest, smoothed, in [`ONE`]ths.
    level: u16,
}

impl SpeakerSelection {
    /// So many are passed on at once; one at least.
    pub fn new(places: usize) -> Self {
        Self { places: places.max(1), speaking: Mutex::default() }
    }

    /// How many are passed on at once.
    pub fn places(&self) -> usize {
        self.places
    }

    /// Whether a packet is passed on that came at `now`, a time since any fixed instant, with this level in dB below
    /// the loudest (RFC 6464: 0 is the loudest, 127 silence). Whoever has priority always is, and takes nobody's place.
    pub fn admits(&self, now: Duration, ssrc: Ssrc, level: Option<u8>, priority: bool) -> bool {
        if priority {
            return true;
        }
        let level = u16::from(level.unwrap_or(UNTOLD).min(127)) * ONE;
        let mut speaking = self.speaking.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = speaking.iter_mut().find(|place| place.ssrc == ssrc) {
            own.last = now;
            own.level = own.level - own.level / 8 + level / 8;
            return true;
        }
        let new = Speaker { ssrc, since: now, last: now, level };
        speaking.retain(|place| now.saturating_sub(place.last) < HOLD);
        if speaking.len() < self.places {
            speaking.push(new);
            return true;
        }
        let settled = speaking.iter_mut().filter(|place| now.saturating_sub(place.since) >= KEEP);
        match settled.max_by_key(|place| place.level) {
            Some(quietest) if level + LOUDER * ONE <= quietest.level => {
                *quietest = new;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn who_speaks_goes_on_and_who_pauses_leaves_the_place() {
        let selection = SpeakerSelection::new(2);
        assert!(selection.admits(at(0), Ssrc(1), Some(30), false));
        assert!(selection.admits(at(0), Ssrc(2), Some(30), false));
        assert!(!selection.admits(at(20), Ssrc(3), Some(30), false));
        assert!(selection.admits(at(20), Ssrc(4), Some(127), true), "a priority speaker");
        for time in 1..30 {
            assert!(selection.admits(at(time * 20), Ssrc(1), Some(30), false));
        }
        assert!(selection.admits(at(600), Ssrc(3), Some(30), false), "the second one fell silent");
        assert!(!selection.admits(at(610), Ssrc(2), Some(30), false));
    }

    #[test]
    fn who_is_clearly_louder_takes_the_place_of_the_quietest_after_a_while() {
        let selection = SpeakerSelection::new(2);
        let speak = |time, ssrc, level| selection.admits(at(time), Ssrc(ssrc), Some(level), false);
        assert!(speak(0, 1, 20) && speak(0, 2, 60));
        assert!(!speak(100, 3, 10), "too early");
        for time in 1..60 {
            assert!(speak(time * 20, 1, 20) && speak(time * 20, 2, 60));
        }
        assert!(!speak(1_200, 3, 55), "hardly louder");
        assert!(speak(1_200, 3, 20));
        assert!(speak(1_210, 1, 20) && !speak(1_210, 2, 60));
    }

    proptest! {
        #[test]
        fn never_more_at_once_than_there_are_places(
            places in 1..5_usize,
            packets in proptest::collection::vec((0..40_u64, 1..9_u32, any::<Option<u8>>()), 1..400),
        ) {
            let selection = SpeakerSelection::new(places);
            let (mut now, mut passed) = (0, Vec::new());
            for (gap, ssrc, level) in packets {
                now += gap;
                if selection.admits(at(now), Ssrc(ssrc), level, false) {
                    passed.push((now, ssrc));
                }
                let speaking = selection.speaking.lock().unwrap();
                prop_assert!(speaking.len() <= places);
                prop_assert!(passed.last().is_none_or(|(_, last)| speaking.iter().any(|place| place.ssrc.0 == *last)));
            }
        }
    }
}
