//! How often something may be tried, by account, by address and by mailbox. Tries are measured by the monotonic clock: whoever
//! sets the wall clock back locks nobody out.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{AccountError, Settings};
use crate::auth::{AddressKey, Lockout, Policy};
use crate::clock::Clock;
use crate::id::UserId;

/// E-mails to one address: five at once, then one a minute at first and ever fewer, up to one in a quarter of an hour.
/// Nobody's mailbox is filled, and nobody is locked out: log-ins aren't counted here.
const EMAILS: Policy = Policy {
    free: 5,
    first: Duration::from_secs(60),
    longest: Duration::from_secs(15 * 60),
    forget: Duration::from_secs(60 * 60),
    capacity: 16_384,
};

/// How tries to log in are slowed down: so many failures are free, then the delay doubles from a second to the longest.
/// Whoever knows the password waits that long at most, and not at all on a device that has a token or a key.
fn policy(free: u32, longest: Duration) -> Policy {
    let (first, forget) = (Duration::from_secs(1), Duration::from_secs(15 * 60));
    Policy { free, first, longest, forget, capacity: 16_384 }
}

/// What was tried and hasn't succeeded yet.
#[derive(Debug)]
pub(super) struct Attempts {
    accounts: Mutex<Lockout<String>>,
    addresses: Arc<Mutex<Lockout<AddressKey>>>,
    codes: Mutex<Lockout<UserId>>,
    emails: Arc<Mutex<Lockout<String>>>,
    channels: Mutex<Lockout<String>>,
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
            emails: Arc::new(Mutex::new(Lockout::new(EMAILS))),
            channels: Mutex::new(Lockout::new(policy(account, longest))),
            clock,
        }
    }

    /// Those of another organization: its accounts are its own. An address guesses anywhere, and a mailbox is filled by all.
    pub(super) fn beside(&self, settings: &Settings) -> Self {
        let (addresses, emails) = (Arc::clone(&self.addresses), Arc::clone(&self.emails));
        Self { addresses, emails, ..Self::new(settings, self.clock.clone()) }
    }

    /// Counts a try against the account and the address, unless one of them must wait.
    pub(super) fn admit(&self, account: Option<&String>, from: IpAddr) -> Result<(), AccountError> {
        let (now, address) = (self.clock.monotonic(), AddressKey::of(from));
        let (mut accounts, mut addresses) = (lock(&self.accounts), lock(&self.addresses));
        let by_account = account.map_or(Duration::ZERO, |account| accounts.delay(account, now));
        let delay = by_account.max(addresses.delay(&address, now));
        if !delay.is_zero() {
            return Err(AccountError::TooManyAttempts(delay));
        }
        if let Some(account) = account {
            accounts.tried(account.clone(), now);
        }
        addresses.tried(address, now);
        Ok(())
    }

    /// Counts a try against an account by somebody who is in it already.
    pub(super) fn admit_account(&self, account: &str) -> Result<(), AccountError> {
        let (now, account) = (self.clock.monotonic(), account.to_owned());
        let mut accounts = lock(&self.accounts);
        let delay = accounts.delay(&account, now);
        if !delay.is_zero() {
            return Err(AccountError::TooManyAttempts(delay));
        }
        accounts.tried(account, now);
        Ok(())
    }

    /// Counts a one-time code that an account is shown: six digits are soon guessed by whoever may try them all.
    pub(super) fn admit_code(&self, user: UserId) -> Result<(), AccountError> {
        let now = self.clock.monotonic();
        let mut codes = lock(&self.codes);
        let delay = codes.delay(&user, now);
        if !delay.is_zero() {
            return Err(AccountError::TooManyAttempts(delay));
        }
        codes.tried(user, now);
        Ok(())
    }

    /// Counts an e-mail to an address, unless it has to wait.
    pub(super) fn admit_email(&self, to: &str) -> Result<(), AccountError> {
        let (now, to) = (self.clock.monotonic(), to.to_lowercase());
        let mut emails = lock(&self.emails);
        let delay = emails.delay(&to, now);
        if !delay.is_zero() {
            return Err(AccountError::RateLimited(delay));
        }
        emails.tried(to, now);
        Ok(())
    }

    /// Counts a password that somebody shows for a channel, under a name for both.
    pub(super) fn admit_channel(&self, guesser: &str) -> Result<(), AccountError> {
        let (now, guesser) = (self.clock.monotonic(), guesser.to_owned());
        let mut channels = lock(&self.channels);
        let delay = channels.delay(&guesser, now);
        if !delay.is_zero() {
            return Err(AccountError::TooManyAttempts(delay));
        }
        channels.tried(guesser, now);
        Ok(())
    }

    /// The channel's password was right.
    pub(super) fn forgive_channel(&self, guesser: &String) {
        lock(&self.channels).succeeded(guesser);
    }

    /// Somebody has proven whose account it is.
    pub(super) fn forgive_account(&self, account: &String) {
        lock(&self.accounts).succeeded(account);
    }

    /// Somebody has proven at this address that they didn't guess.
    pub(super) fn forgive(&self, from: IpAddr) {
        lock(&self.addresses).succeeded(&AddressKey::of(from));
    }

    /// The code was right.
    pub(super) fn forgive_code(&self, user: UserId) {
        lock(&self.codes).succeeded(&user);
    }
}

fn lock<K>(tries: &Mutex<Lockout<K>>) -> MutexGuard<'_, Lockout<K>> {
    tries.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::{Secret, Secrets};
    use crate::bounds::EntryPolicy;
    use crate::id::Timestamp;

    /// Something that is tried.
    type Attempt<'a> = Box<dyn Fn(&Attempts) -> Result<(), AccountError> + 'a>;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn attempts(clock: Clock) -> Attempts {
        let nothing = Secret(Vec::new());
        let settings = Settings {
            name: "test".to_owned(),
            token_life: DAY,
            access_life: DAY,
            secrets: Secrets {
                tokens: nothing.clone(),
                tokens_are_new: false,
                sealing: nothing.clone(),
                former: nothing,
            },
            entry: EntryPolicy::ALL,
            page: String::new(),
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
        let ways: [Attempt<'_>; 5] = [
            Box::new(|attempts| attempts.admit(Some(&alice), from)),
            Box::new(|attempts| attempts.admit_account(&alice)),
            Box::new(|attempts| attempts.admit_code(user)),
            Box::new(|attempts| attempts.admit_email("alice@example.org")),
            Box::new(|attempts| attempts.admit_channel("1 alice")),
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
}
