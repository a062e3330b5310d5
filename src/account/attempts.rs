//! How often something may be tried, by account, by address and by mailbox. Tries are measured by the monotonic clock: whoever
//! sets the wall clock back locks nobody out.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{AccountError, Settings};
use crate::auth::{AddressKey, Attempt, Lockout, Policy};
use crate::clock::Clock;
use crate::id::UserId;

/// How tries to log in are slowed down: so many failures are free, then the delay doubles from a second to the longest.
/// Whoever knows the password waits that long at most, and not at all on a device that has a token or a key.
fn policy(free: u32, longest: Duration) -> Policy {
    let (first, forget) = (Duration::from_secs(1), Duration::from_secs(15 * 60));
    Policy { free, first, longest, forget, capacity: 16_384 }
}

/// New sessions of an account: two hundred at once, then one in five minutes. Whoever comes back to one by its token or key
/// isn't counted.
const SESSIONS: Policy = Policy {
    free: 200,
    first: Duration::from_secs(5 * 60),
    longest: Duration::from_secs(5 * 60),
    forget: Duration::from_secs(24 * 60 * 60),
    capacity: 16_384,
};

/// A try that was counted against an account and an address, and waits for its result.
#[derive(Debug)]
#[must_use = "it counts as failed unless it is forgiven or given back"]
pub(super) struct Counted {
    account: Option<(String, Attempt)>,
    address: (AddressKey, Attempt),
}

/// What was tried and hasn't succeeded yet.
#[derive(Debug)]
pub(super) struct Attempts {
    accounts: Mutex<Lockout<String>>,
    addresses: Arc<Mutex<Lockout<AddressKey>>>,
    codes: Mutex<Lockout<UserId>>,
    channels: Mutex<Lockout<String>>,
    sessions: Mutex<Lockout<UserId>>,
    clock: Clock,
}

impl Attempts {
    pub(super) fn new(settings: &Settings, clock: Clock) -> Self {
        let (account, address) = (settings.account_tries, settings.address_tries);
        let longest = settings.longest_delay;
        Self {
            accounts: Mutex::new(Lockout::new(policy(account, longest))),
            addresses: Arc::new(Mutex::new(Lockout::new(policy(address, longest)))),
            codes: Mutex::new(Lockout::new(policy(account, longest))),
            channels: Mutex::new(Lockout::new(policy(account, longest))),
            sessions: Mutex::new(Lockout::new(SESSIONS)),
            clock,
        }
    }

    /// Those of another organization: its accounts are its own. An address guesses anywhere.
    pub(super) fn beside(&self, settings: &Settings) -> Self {
        Self { addresses: Arc::clone(&self.addresses), ..Self::new(settings, self.clock.clone()) }
    }

    /// Counts a try against the account and the address, unless one of them must wait.
    pub(super) fn admit(&self, account: Option<&str>, from: IpAddr) -> Result<Counted, AccountError> {
        let (now, address) = (self.clock.monotonic(), AddressKey::of(from));
        let (mut accounts, mut addresses) = (lock(&self.accounts), lock(&self.addresses));
        let account = account.map(ToOwned::to_owned);
        let by_account = account.as_ref().map_or(Duration::ZERO, |account| accounts.delay(account, now));
        let delay = by_account.max(addresses.delay(&address, now));
        if !delay.is_zero() {
            return Err(AccountError::TooManyAttempts(delay));
        }
        let account = account.map(|account| (account.clone(), accounts.tried(account, now)));
        Ok(Counted { account, address: (address, addresses.tried(address, now)) })
    }

    /// Counts a try against an account by somebody who is in it already.
    pub(super) fn admit_account(&self, account: &str) -> Result<(), AccountError> {
        admitted(&self.accounts, account.to_owned(), &self.clock)
    }

    /// Counts a one-time code that an account is shown: six digits are soon guessed by whoever may try them all.
    pub(super) fn admit_code(&self, user: UserId) -> Result<(), AccountError> {
        admitted(&self.codes, user, &self.clock)
    }

    /// Counts a new session of an account, each of which is kept with rows of the audit trail.
    pub(super) fn admit_session(&self, user: UserId) -> Result<(), AccountError> {
        let now = self.clock.monotonic();
        lock(&self.sessions).admit(user, now).map(drop).map_err(AccountError::RateLimited)
    }

    /// Counts a password that somebody shows for a channel, under a name for both.
    pub(super) fn admit_channel(&self, guesser: &str) -> Result<(), AccountError> {
        admitted(&self.channels, guesser.to_owned(), &self.clock)
    }

    /// The channel's password was right.
    pub(super) fn forgive_channel(&self, guesser: &String) {
        lock(&self.channels).succeeded(guesser);
    }

    /// Somebody has proven whose account it is.
    pub(super) fn forgive_account(&self, account: &String) {
        lock(&self.accounts).succeeded(account);
    }

    /// A try succeeded. What failed before is forgotten of the account, whose owner has come; of the address this one try
    /// alone is taken back, since whoever guesses there may well have an account of their own.
    pub(super) fn forgive(&self, counted: &Counted) {
        if let Some((account, _)) = &counted.account {
            self.forgive_account(account);
        }
        self.take_back_of_address(counted);
    }

    /// A try came to nothing, for a reason that tells nothing about what was shown, or it was right as far as it went: it is
    /// as if it hadn't been.
    pub(super) fn give_back(&self, counted: &Counted) {
        if let Some((account, attempt)) = &counted.account {
            lock(&self.accounts).take_back(account, *attempt);
        }
        self.take_back_of_address(counted);
    }

    fn take_back_of_address(&self, counted: &Counted) {
        let (address, attempt) = counted.address;
        lock(&self.addresses).take_back(&address, attempt);
    }

    /// The code was right.
    pub(super) fn forgive_code(&self, user: UserId) {
        lock(&self.codes).succeeded(&user);
    }
}

/// Counts a try, unless it has to wait.
fn admitted<K: std::hash::Hash + Eq + Clone>(
    tries: &Mutex<Lockout<K>>,
    key: K,
    clock: &Clock,
) -> Result<(), AccountError> {
    lock(tries).admit(key, clock.monotonic()).map(drop).map_err(AccountError::TooManyAttempts)
}

pub(super) fn lock<K>(tries: &Mutex<Lockout<K>>) -> MutexGuard<'_, Lockout<K>> {
    tries.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::{Secret, Secrets};
    use crate::bounds::EntryPolicy;
    use crate::id::Timestamp;

    /// Something that is tried.
    type Tried<'a> = Box<dyn Fn(&Attempts) -> Result<(), AccountError> + 'a>;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn attempts(clock: Clock) -> Attempts {
        let nothing = Secret(Vec::new());
        let settings = Settings {
            name: "test".to_owned(),
            token_life: DAY,
            access_life: DAY,
            oauth_access: DAY,
            oauth_refresh: DAY,
            secrets: Secrets {
                tokens: nothing.clone(),
                tokens_are_new: false,
                sealing: nothing.clone(),
                former: nothing,
            },
            entry: EntryPolicy::ALL,
            page: String::new(),
            providers: Vec::new(),
            owners_only: Vec::new(),
            account_tries: 3,
            address_tries: 3,
            longest_delay: Duration::from_secs(60),
            hash_threads: 1,
            hash_queue: 1,
        };
        Attempts::new(&settings, clock)
    }

    /// Tries until there is a delay.
    fn exhaust(mut attempt: impl FnMut() -> Result<(), AccountError>) -> Duration {
        loop {
            match attempt() {
                Ok(()) => (),
                Err(AccountError::TooManyAttempts(delay) | AccountError::RateLimited(delay)) => return delay,
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn a_clock_that_is_set_locks_nobody_out_and_lets_nobody_guess() {
        let now = Timestamp(0).plus(1_000 * DAY);
        let (alice, from, user) = ("alice".to_owned(), "192.0.2.1".parse().unwrap(), UserId(1));
        let ways: [Tried<'_>; 5] = [
            Box::new(|attempts| attempts.admit(Some(&alice), from).map(drop)),
            Box::new(|attempts| attempts.admit_account(&alice)),
            Box::new(|attempts| attempts.admit_code(user)),
            Box::new(|attempts| attempts.admit_channel("1 alice")),
            Box::new(|attempts| attempts.admit_session(user)),
        ];
        for attempt in ways {
            let (clock, turned) = Clock::turned(now);
            let attempts = attempts(clock);
            let delay = exhaust(|| attempt(&attempts));
            turned.set_wall(now.plus(DAY));
            assert!(attempt(&attempts).is_err(), "set forward, it is as early as before");
            turned.set_wall(Timestamp(0).plus(999 * DAY));
            turned.advance(delay);
            attempt(&attempts).unwrap();
        }
    }

    #[test]
    fn whoever_knows_one_password_does_not_guess_others_for_free() {
        let (clock, _turned) = Clock::turned(Timestamp(0).plus(1_000 * DAY));
        let attempts = attempts(clock);
        let (guesser, owner) = ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap());
        for number in 0..3 {
            let _ = attempts.admit(Some(&format!("account {number}")), guesser).unwrap();
            if let Ok(right) = attempts.admit(Some("their own"), owner) {
                attempts.forgive(&right);
            }
        }
        // Three failed at the address, and the successes between them changed nothing.
        assert!(attempts.admit(Some("account 3"), guesser).is_err());
    }

    #[test]
    fn a_try_that_told_nothing_is_as_if_it_had_not_been() {
        let (clock, _turned) = Clock::turned(Timestamp(0).plus(1_000 * DAY));
        let (attempts, from) = (attempts(clock), "192.0.2.1".parse().unwrap());
        for _ in 0..10 {
            let counted = attempts.admit(Some("alice"), from).unwrap();
            attempts.give_back(&counted);
        }
        attempts.admit_account("alice").unwrap();
    }
}
