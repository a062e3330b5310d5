//! How many e-mails are written: to one mailbox, for one account, from one address, and by the server altogether. Nobody's
//! mailbox is filled, nobody writes to strangers in the server's name, and its mail server keeps its good reputation.
//! Log-ins aren't counted here, so nobody is locked out by it.

use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::AccountError;
use super::attempts::lock;
use crate::auth::{AddressKey, Lockout, Policy};
use crate::clock::Clock;
use crate::id::UserId;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// To one mailbox: five at once, then one a minute at first and ever fewer, up to one in a quarter of an hour.
const MAILBOX: Policy = kept(5, MINUTE, Duration::from_secs(15 * 60), HOUR);

/// For one account: five at once, then one in ten minutes at first and ever fewer, up to one in four hours.
const ACCOUNT: Policy = kept(
    5,
    Duration::from_secs(10 * 60),
    Duration::from_secs(4 * 60 * 60),
    Duration::from_secs(24 * 60 * 60),
);

/// From one address, which a household or a club shares: twenty at once, then one a minute at first and ever fewer, up to
/// one in an hour.
const ADDRESS: Policy = kept(20, MINUTE, HOUR, Duration::from_secs(6 * 60 * 60));

/// By the server, of each kind: a hundred at once, then one a minute. Those by people who are logged in and those for
/// forgotten passwords are counted apart, so that neither keeps the other from being written.
const SERVER: Policy = kept(100, MINUTE, MINUTE, HOUR);

const fn kept(free: u32, first: Duration, longest: Duration, forget: Duration) -> Policy {
    Policy { free, first, longest, forget, capacity: 16_384 }
}

/// What an e-mail is for, as far as it is counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Letter {
    /// Proof of an address, asked for by somebody who is logged in.
    Proof,
    /// A forgotten password, asked for by anybody.
    Reset,
}

/// What was written of late. Those of all organizations are counted together, but for accounts, which are each one's own
/// by their identifiers.
#[derive(Clone, Debug)]
pub(super) struct Letters(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    mailboxes: Mutex<Lockout<String>>,
    accounts: Mutex<Lockout<UserId>>,
    addresses: Mutex<Lockout<AddressKey>>,
    server: Mutex<Lockout<Letter>>,
    clock: Clock,
}

impl Letters {
    pub(super) fn new(clock: Clock) -> Self {
        Self(Arc::new(Inner {
            mailboxes: Mutex::new(Lockout::new(MAILBOX)),
            accounts: Mutex::new(Lockout::new(ACCOUNT)),
            addresses: Mutex::new(Lockout::new(ADDRESS)),
            server: Mutex::new(Lockout::new(SERVER)),
            clock,
        }))
    }

    /// Counts an e-mail that an account asks for, from an address to a mailbox, unless one of them has to wait.
    pub(super) fn admit_proof(
        &self,
        user: UserId,
        from: Option<IpAddr>,
        to: &str,
    ) -> Result<(), AccountError> {
        let from = from.map(AddressKey::of);
        let delay = self.mailbox_delay(to).max(self.delay(&self.0.accounts, &user));
        let delay = delay.max(from.map_or(Duration::ZERO, |from| self.delay(&self.0.addresses, &from)));
        let delay = delay.max(self.delay(&self.0.server, &Letter::Proof));
        if !delay.is_zero() {
            return Err(AccountError::RateLimited(delay));
        }
        self.count(&self.0.mailboxes, to.to_lowercase());
        self.count(&self.0.accounts, user);
        if let Some(from) = from {
            self.count(&self.0.addresses, from);
        }
        self.count(&self.0.server, Letter::Proof);
        Ok(())
    }

    /// Counts an e-mail that a stranger asks for, whether there is somebody to get it or not, unless the mailbox or the
    /// address has to wait.
    pub(super) fn admit_reset(&self, from: IpAddr, to: &str) -> Result<(), AccountError> {
        let from = AddressKey::of(from);
        let delay = self.mailbox_delay(to).max(self.delay(&self.0.addresses, &from));
        if !delay.is_zero() {
            return Err(AccountError::RateLimited(delay));
        }
        self.count(&self.0.mailboxes, to.to_lowercase());
        self.count(&self.0.addresses, from);
        Ok(())
    }

    /// Counts one for a forgotten password that is really written, unless the server has written too many.
    pub(super) fn admit_written_reset(&self) -> Result<(), AccountError> {
        let now = self.0.clock.monotonic();
        lock(&self.0.server).admit(Letter::Reset, now).map(drop).map_err(AccountError::RateLimited)
    }

    fn mailbox_delay(&self, to: &str) -> Duration {
        self.delay(&self.0.mailboxes, &to.to_lowercase())
    }

    fn delay<K: Hash + Eq + Clone>(&self, of: &Mutex<Lockout<K>>, key: &K) -> Duration {
        lock(of).delay(key, self.0.clock.monotonic())
    }

    fn count<K: Hash + Eq + Clone>(&self, of: &Mutex<Lockout<K>>, key: K) {
        // What is written is written: it is never taken back.
        let _ = lock(of).tried(key, self.0.clock.monotonic());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Timestamp;

    /// How many of so many are admitted, and how long the first that isn't has to wait.
    fn admitted(count: u32, mut ask: impl FnMut(u32) -> Result<(), AccountError>) -> (u32, Duration) {
        for number in 0..count {
            match ask(number) {
                Ok(()) => (),
                Err(AccountError::RateLimited(delay)) => return (number, delay),
                Err(error) => panic!("{error}"),
            }
        }
        (count, Duration::ZERO)
    }

    fn letters() -> (Letters, crate::clock::TurnedClock) {
        let (clock, turned) = Clock::turned(Timestamp(0).plus(Duration::from_secs(1_000_000_000)));
        (Letters::new(clock), turned)
    }

    fn address(number: u32) -> IpAddr {
        IpAddr::V4((0x0a00_0000 + number).into())
    }

    #[test]
    fn a_member_writes_to_few_strangers_and_a_clock_that_is_set_changes_nothing() {
        let (letters, turned) = letters();
        let ask = |number: u32| {
            letters.admit_proof(UserId(1), Some(address(number)), &format!("{number}@example.org"))
        };
        let (count, delay) = admitted(121, ask);
        assert_eq!((count, delay), (5, Duration::from_secs(600)));
        turned.set_wall(Timestamp(0));
        assert!(ask(200).is_err());
        turned.advance(delay);
        ask(200).unwrap();
        assert!(ask(201).is_err());
        // Somebody else isn't kept from theirs.
        letters.admit_proof(UserId(2), Some(address(1)), "2@example.org").unwrap();
    }

    #[test]
    fn a_mailbox_and_an_address_get_and_ask_for_few() {
        let (letters, _turned) = letters();
        let (count, _) = admitted(100, |number| letters.admit_reset(address(number), "a@example.org"));
        assert_eq!(count, 5);
        assert!(letters.admit_proof(UserId(1), None, "A@example.org").is_err(), "whoever asks");
        let household = |number| format!("2001:db8::{number}").parse().unwrap();
        let ask = |number: u32| letters.admit_reset(household(number), &format!("{number}@example.org"));
        assert_eq!(admitted(100, ask).0, 20);
    }

    #[test]
    fn the_server_writes_so_many_of_each_kind() {
        let (letters, _turned) = letters();
        let ask = |number: u32| {
            letters.admit_proof(
                UserId(number.into()),
                Some(address(number)),
                &format!("{number}@example.org"),
            )
        };
        assert_eq!(admitted(1_000, ask).0, 100);
        // Whoever forgot a password isn't kept waiting by that.
        assert_eq!(admitted(1_000, |_| letters.admit_written_reset()).0, 100);
    }
}
