//! Those who are away at a provider to log in there. They are kept in memory: whoever comes back after a restart begins
//! again, and strangers make nothing be written.

use std::collections::HashMap;
use std::time::Duration;

use crate::auth::{AddressKey, TokenHash, makes_room};
use crate::bounds::{MAX_AWAY, MAX_AWAY_OF_ADDRESS};
use crate::id::{SessionId, Timestamp, UserId};

/// For how long somebody may be away.
pub(super) const LIFE: Duration = Duration::from_secs(10 * 60);

/// What somebody wants who went to a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To log in here.
    LogIn,
    /// To log in by it from now on, to the account that they are in.
    Link {
        /// Which.
        user: UserId,
        /// By which session they are.
        session: SessionId,
    },
    /// To have an account by an invite, whose code hashes to this.
    TakeUp(TokenHash),
}

/// Somebody who is away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Away {
    /// What the cookie of their browser hashes to: nobody else comes back for them.
    pub(super) browser: [u8; 32],
    /// From where they went.
    pub(super) address: AddressKey,
    /// When they went, by the wall clock.
    pub(super) went: Timestamp,
    /// What the provider's token has to repeat.
    pub(super) nonce: String,
    /// The proof that a code was asked for here (RFC 7636).
    pub(super) verifier: String,
    /// Where they come back to.
    pub(super) redirect: String,
    /// What they want.
    pub(super) purpose: Purpose,
}

/// Those who are away, by what their states hash to.
#[derive(Debug, Default)]
pub(super) struct AllAway(HashMap<[u8; 32], (Away, Duration)>);

impl AllAway {
    /// Somebody goes. An address with too many loses its oldest; where there are too many of all, it is the oldest of the
    /// address that has most, in the network that has most.
    pub(super) fn put(&mut self, state: [u8; 32], away: Away, now: Duration) {
        self.0.retain(|_, (_, since)| now < *since + LIFE);
        let own = self.0.values().filter(|(one, _)| one.address == away.address).count();
        if own >= MAX_AWAY_OF_ADDRESS {
            self.drop_oldest_of(away.address);
        } else if self.0.len() >= MAX_AWAY {
            let all = self.0.values().map(|(one, since)| (one.address, 1, *since));
            if let Some(most) = makes_room(all) {
                self.drop_oldest_of(most);
            }
        }
        self.0.insert(state, (away, now));
    }

    fn drop_oldest_of(&mut self, address: AddressKey) {
        let own = self.0.iter().filter(|(_, (one, _))| one.address == address);
        if let Some(oldest) = own.min_by_key(|(_, (_, since))| *since).map(|(state, _)| *state) {
            self.0.remove(&oldest);
        }
    }

    /// Whether somebody comes back by this who went by the same browser, and in time.
    pub(super) fn expects(&self, state: [u8; 32], browser: [u8; 32], now: Duration) -> bool {
        self.0.get(&state).is_some_and(|(away, since)| now < *since + LIFE && away.browser == browser)
    }

    /// Somebody comes back, once: whoever shows the state uses it up, and is who went only by the same browser.
    pub(super) fn take(&mut self, state: [u8; 32], browser: [u8; 32], now: Duration) -> Option<Away> {
        let expected = self.expects(state, browser, now);
        self.0.remove(&state).map(|(away, _)| away).filter(|_| expected)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn away(address: u32) -> Away {
        Away {
            browser: [1; 32],
            address: AddressKey::of(IpAddr::V4(Ipv4Addr::from(address))),
            went: Timestamp(0),
            nonce: String::new(),
            verifier: String::new(),
            redirect: String::new(),
            purpose: Purpose::LogIn,
        }
    }

    fn state(number: usize) -> [u8; 32] {
        let mut state = [0; 32];
        state[..8].copy_from_slice(&number.to_be_bytes());
        state
    }

    #[test]
    fn somebody_comes_back_once_in_time_and_by_the_same_browser() {
        let (mut all, now) = (AllAway::default(), Duration::from_secs(5));
        for number in 0..4 {
            all.put(state(number), away(7), now);
        }
        assert!(all.expects(state(0), [1; 32], now) && !all.expects(state(0), [2; 32], now));
        assert!(!all.expects(state(9), [1; 32], now) && !all.expects(state(0), [1; 32], now + LIFE));
        assert_eq!(all.take(state(0), [1; 32], now), Some(away(7)));
        assert_eq!(all.take(state(0), [1; 32], now), None);
        assert_eq!(all.take(state(1), [2; 32], now), None);
        assert_eq!(all.take(state(1), [1; 32], now), None, "it is used up");
        assert_eq!(all.take(state(2), [1; 32], now + LIFE), None);
        assert_eq!(all.take(state(9), [1; 32], now), None);
    }

    #[test]
    fn one_address_pushes_nobody_else_out() {
        let mut all = AllAway::default();
        let at = |number: usize| Duration::from_millis(number as u64);
        all.put(state(0), away(1), at(0));
        for number in 1..=MAX_AWAY_OF_ADDRESS + 5 {
            all.put(state(number), away(2), at(number));
        }
        assert_eq!(all.0.len(), MAX_AWAY_OF_ADDRESS + 1);
        let (mut number, mut address) = (MAX_AWAY_OF_ADDRESS + 6, 3);
        while all.0.len() < MAX_AWAY {
            all.put(state(number), away(address), at(number));
            (number, address) = (number + 1, address + 1);
        }
        all.put(state(number), away(address), at(number));
        assert_eq!(all.0.len(), MAX_AWAY);
        assert!(all.take(state(0), [1; 32], at(number)).is_some());
        assert!(all.take(state(number), [1; 32], at(number)).is_some());
    }
}
