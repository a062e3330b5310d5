//! How often programs may ask: each key and each session as often as a connected session may, all of an account together
//! four times as often, and whoever isn't logged in by their address, all of a /48 of IPv6 together eight times as often.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};
use sha2::{Digest as _, Sha256};

use crate::account::is_signed;
use crate::auth::{AddressKey, NetworkKey, is_near};
use crate::control::{Actor, Refused, Way};
use crate::id::UserId;

/// How many are remembered. When more ask, those that are quiet again are forgotten; where all have asked just now, a
/// newcomer is answered that the server is busy.
const REMEMBERED: usize = 16_384;

/// For how long a signed token that was good is looked at whatever else its address shows.
const GOOD: Duration = Duration::from_secs(600);

/// How much more an account may ask by all of its keys and sessions than by one of them.
const ACCOUNT: u32 = 4;

/// Whose requests are counted together. Identifiers are of one organization each, so they need no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Counted {
    Account(UserId),
    Way(UserId, Way),
    Address(AddressKey),
    Network(NetworkKey),
    /// Tokens of an address that were signed by nobody whom the server knows, or ended.
    Forged(AddressKey),
    /// A signed token that was good lately, by its hash.
    Good([u8; 32]),
}

/// Until when each of them is busy with what it asked, by the monotonic clock: a request takes the place of one of a
/// steady sequence, and as many as may come at once may be taken before their time ("GCRA").
#[derive(Debug, Default)]
pub(in crate::http) struct Limits {
    busy: Mutex<HashMap<Counted, Duration>>,
}

/// How somebody stands with the limit: what they are told with each answer (draft-ietf-httpapi-ratelimit-headers-07).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct Standing {
    limit: u32,
    remaining: u32,
    /// Until all are there again, in seconds.
    reset: u64,
}

impl Standing {
    pub(in crate::http) fn tell(self, headers: &mut HeaderMap) {
        let told = [
            ("ratelimit-limit", self.limit.into()),
            ("ratelimit-remaining", self.remaining.into()),
            ("ratelimit-reset", self.reset),
        ];
        for (name, value) in told {
            headers.insert(name, HeaderValue::from(value));
        }
    }
}

impl Limits {
    /// Counts a request of whoever isn't logged in.
    pub(in crate::http) fn admit_address(
        &self,
        from: IpAddr,
        rate: (u32, u32),
        now: Duration,
    ) -> Result<Standing, Refused> {
        let network = network(from, rate);
        // First, so that a network's many addresses aren't each remembered.
        if let Some((network, rate)) = network {
            self.look(network, rate, now)?;
        }
        let standing = self.admit(Counted::Address(AddressKey::of(from)), rate, now)?;
        if let Some((network, rate)) = network {
            self.admit(network, rate, now)?;
        }
        Ok(standing)
    }

    /// Who asks by a token that `look` looks at, within what they may ask at once. Whoever shows nothing good is counted by
    /// their address, so that nobody tries one token after the other.
    pub(in crate::http) fn admit_bearer(
        &self,
        (token, from): (&str, IpAddr),
        rate: (u32, u32),
        now: Duration,
        standing: &mut Option<Standing>,
        look: impl FnOnce() -> Result<Actor, Refused>,
    ) -> Result<Actor, Refused> {
        let looked =
            if is_signed(token) { self.look_at_signed((token, from), rate, now, look) } else { look() };
        match looked {
            Ok(Actor::Account { user, origin, .. }) => {
                *standing = Some(self.admit_account(user, origin.way, rate, now)?);
            }
            Ok(Actor::Session(_) | Actor::Operator) => (),
            Err(_) => *standing = Some(self.admit_address(from, rate, now)?),
        }
        looked
    }

    /// Looks at a token that is signed, which costs more than to send one. An address that has shown many that weren't good
    /// is listened to no more for a while, but to one that was good lately: a neighbour at the address locks nobody's program
    /// out that is at work.
    fn look_at_signed(
        &self,
        (token, from): (&str, IpAddr),
        rate: (u32, u32),
        now: Duration,
        look: impl FnOnce() -> Result<Actor, Refused>,
    ) -> Result<Actor, Refused> {
        let (this, forged) =
            (Counted::Good(Sha256::digest(token).into()), Counted::Forged(AddressKey::of(from)));
        {
            let all = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
            if all.get(&this).is_none_or(|until| *until <= now)
                && let Some(busy) = all.get(&forged)
            {
                Turn::after(*busy, rate, now)?;
            }
        }
        let looked = look();
        let mut all = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if looked.is_err() {
            all.remove(&this);
            drop(all);
            self.admit(forged, rate, now)?;
        } else if all.len() < REMEMBERED / 2 || all.contains_key(&this) {
            all.insert(this, now + GOOD);
        }
        looked
    }

    fn look(&self, counted: Counted, rate: (u32, u32), now: Duration) -> Result<(), Refused> {
        let all = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&counted).map_or(Ok(()), |busy| Turn::after(*busy, rate, now).map(drop))
    }

    /// Counts a request of an account, and says how its key or its session stands.
    pub(super) fn admit_account(
        &self,
        user: UserId,
        way: Way,
        (rate, burst): (u32, u32),
        now: Duration,
    ) -> Result<Standing, Refused> {
        let all = (rate.saturating_mul(ACCOUNT), burst.saturating_mul(ACCOUNT));
        let standing = self.admit(Counted::Way(user, way), (rate, burst), now)?;
        self.admit(Counted::Account(user), all, now)?;
        Ok(standing)
    }

    fn admit(&self, counted: Counted, rate: (u32, u32), now: Duration) -> Result<Standing, Refused> {
        let mut all = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= REMEMBERED && !all.contains_key(&counted) {
            all.retain(|_, busy| *busy > now);
            if all.len() >= REMEMBERED {
                return Err(Refused::Busy);
            }
        }
        let busy = all.entry(counted).or_insert(now);
        let turn = Turn::after(*busy, rate, now)?;
        *busy = turn.busy;
        Ok(turn.standing)
    }
}

/// The network of an address of the Internet, and how often all of it may ask; nothing where it is one address.
fn network(from: IpAddr, (rate, burst): (u32, u32)) -> Option<(Counted, (u32, u32))> {
    let network = AddressKey::of(from).network();
    let wide = network.rate(rate).zip(network.rate(burst)).filter(|_| !is_near(from));
    wide.map(|rate| (Counted::Network(network), rate))
}

/// A request that may be made.
struct Turn {
    /// Until when whoever asks is busy with it.
    busy: Duration,
    standing: Standing,
}

impl Turn {
    /// The next request of whoever is busy until then, if it may be made now.
    fn after(busy: Duration, (rate, burst): (u32, u32), now: Duration) -> Result<Self, Refused> {
        let (step, burst) = (Duration::from_secs(1) / rate.max(1), burst.max(1));
        let (after, most) = (busy.max(now) + step, now + step * burst);
        if after > most {
            return Err(Refused::RateLimited(after.saturating_sub(most)));
        }
        let remaining = most.saturating_sub(after).as_nanos() / step.as_nanos().max(1);
        let reset = after.saturating_sub(now).as_millis().div_ceil(1_000);
        let standing = Standing {
            limit: burst,
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            reset: u64::try_from(reset).unwrap_or(u64::MAX),
        };
        Ok(Self { busy: after, standing })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Origin;
    use crate::id::{ApiKeyId, SessionId};
    use crate::permission::Permissions;

    const RATE: (u32, u32) = (2, 4);

    #[test]
    fn so_many_come_at_once_and_then_at_their_pace() {
        let (limits, now) = (Limits::default(), Duration::from_secs(9));
        let from = "192.0.2.1".parse().unwrap();
        let left: Vec<_> = (0..4).map(|_| limits.admit_address(from, RATE, now).unwrap().remaining).collect();
        assert_eq!(left, [3, 2, 1, 0]);
        let Err(Refused::RateLimited(wait)) = limits.admit_address(from, RATE, now) else { panic!() };
        assert_eq!(wait, Duration::from_millis(500));
        let standing = limits.admit_address(from, RATE, now + wait).unwrap();
        assert_eq!(standing, Standing { limit: 4, remaining: 0, reset: 2 });
        limits.admit_address("192.0.2.2".parse().unwrap(), RATE, now).unwrap();
    }

    #[test]
    fn a_neighbour_s_forged_tokens_lock_no_good_one_out() {
        let (limits, now) = (Limits::default(), Duration::from_secs(9));
        let (from, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let origin = Origin { way: Way::Key(ApiKeyId(1)), address: None };
        let good = || -> Result<_, Refused> {
            Ok(Actor::Account { user: UserId(1), ceiling: Permissions::ALL, origin })
        };
        let ask = |token: &str, from, now, look: &dyn Fn() -> Result<Actor, Refused>| {
            limits.admit_bearer((token, from), RATE, now, &mut None, look)
        };
        let bad = || -> Result<Actor, _> { Err(Refused::Unexpected) };
        ask("a.good.one", from, now, &good).unwrap();
        for _ in 0..4 {
            assert!(matches!(ask("a.bad.one", from, now, &bad), Err(Refused::Unexpected)));
        }
        let unlooked = || -> Result<Actor, Refused> { panic!("it isn't looked at any more") };
        assert!(matches!(ask("a.bad.one", from, now, &unlooked), Err(Refused::RateLimited(_))));
        // What isn't signed is its own proof, and was counted by the address alone.
        ask("a.good.one", from, now, &good).unwrap();
        ask("prl_key", from, now, &good).unwrap();
        ask("another.good.one", other, now, &good).unwrap();
        // One that isn't good any more is as any other.
        let later = now + Duration::from_millis(500);
        assert!(matches!(ask("a.good.one", from, later, &bad), Err(Refused::Unexpected)));
        assert!(matches!(ask("a.good.one", from, later, &unlooked), Err(Refused::RateLimited(_))));
        ask("another.good.one", from, later + Duration::from_secs(2), &good).unwrap();
    }

    #[test]
    fn strangers_who_show_nothing_signed_lock_no_program_out() {
        let (limits, now) = (Limits::default(), Duration::from_secs(9));
        let from = "192.0.2.1".parse().unwrap();
        while limits.admit_address(from, RATE, now).is_ok() {}
        let origin = Origin { way: Way::Key(ApiKeyId(1)), address: None };
        let good = || Ok(Actor::Account { user: UserId(1), ceiling: Permissions::ALL, origin });
        limits.admit_bearer(("a.good.one", from), RATE, now, &mut None, good).unwrap();
    }

    #[test]
    fn a_network_of_many_addresses_leaves_room_for_whoever_else_asks() {
        let (limits, now) = (Limits::default(), Duration::from_secs(9));
        let house = |site: u8, house: u16| format!("2001:db8:{site:x}:{house:x}::1").parse().unwrap();
        let asked =
            (0..u16::MAX).filter(|one| limits.admit_address(house(1, *one), RATE, now).is_ok()).count();
        assert_eq!((asked, limits.busy.lock().unwrap().len()), (32, 33));
        assert!(limits.admit_address(house(1, 40_000), RATE, now).is_err());
        limits.admit_address(house(2, 1), RATE, now).unwrap();
        limits.admit_account(UserId(1), Way::Session(SessionId(1)), RATE, now).unwrap();
    }

    #[test]
    fn many_keys_of_an_account_don_t_ask_without_end() {
        let (limits, now) = (Limits::default(), Duration::ZERO);
        let ask = |way| limits.admit_account(UserId(1), way, RATE, now);
        for key in 0..4 {
            for _ in 0..4 {
                ask(Way::Key(ApiKeyId(key))).unwrap();
            }
            assert!(ask(Way::Key(ApiKeyId(key))).is_err(), "one key has what a session has");
        }
        assert!(ask(Way::Session(SessionId(1))).is_err(), "the account has all that it may have");
        limits.admit_account(UserId(2), Way::Session(SessionId(1)), RATE, now).unwrap();
    }

    #[test]
    fn there_is_room_for_so_many() {
        let limits = Limits::default();
        let ask =
            |one: usize, now| limits.admit_account(UserId(one as u64), Way::Session(SessionId(1)), RATE, now);
        let now = Duration::ZERO;
        for one in 0..REMEMBERED / 2 {
            ask(one, now).unwrap();
        }
        assert!(matches!(ask(REMEMBERED, now), Err(Refused::Busy)));
        ask(1, now).unwrap();
        ask(REMEMBERED, Duration::from_secs(60)).unwrap();
    }
}
