//! Who is kept out, at hand for every log-in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::slice;
use std::time::Duration;

use crate::auth::AddressKey;
use crate::id::{BanId, Fingerprint, Moment, OrganizationId, Timestamp, UserId};
use crate::store::write::BANNED_FROM;
use crate::store::{Ban, BanSubject, ReadError, Store, ban_on};

/// Who is kept out, as the store has it.
#[derive(Debug, Default)]
pub struct Bans {
    all: Vec<Ban>,
    /// When those end that began since the start, in monotonic time: setting the clock lifts none of them.
    ends: HashMap<BanId, Duration>,
    /// From where the accounts were used that are banned, and until when they are; `None` for good.
    pub(super) from: HashMap<AddressKey, Option<Timestamp>>,
}

impl Bans {
    pub(super) fn read(
        store: &Store,
        organization: OrganizationId,
        now: Moment,
        before: Option<&Self>,
    ) -> Result<Self, ReadError> {
        let all = store.bans(organization, None, usize::MAX)?;
        let ends = before.map(|before| before.ends_of(&all, now)).unwrap_or_default();
        let now = now.wall;
        let mut from: HashMap<AddressKey, Option<Timestamp>> = HashMap::new();
        for ban in all.iter().filter(|ban| ban.until.is_none_or(|until| now < until)) {
            let BanSubject::User(user) = ban.subject else { continue };
            let kept = store.settings(organization, Some(user))?;
            let kept = kept.into_iter().find(|setting| setting.name == BANNED_FROM);
            let kept = kept.map(|setting| setting.value).unwrap_or_default();
            for address in kept.split(' ').filter_map(|address| address.parse().ok()) {
                from.entry(AddressKey::of(address))
                    .and_modify(|until| *until = until.zip(ban.until).map(|(one, other)| one.max(other)))
                    .or_insert(ban.until);
            }
        }
        Ok(Self { all, ends, from })
    }

    /// When bans end, in monotonic time, of which these were there before.
    fn ends_of(&self, all: &[Ban], now: Moment) -> HashMap<BanId, Duration> {
        let end = |ban: &Ban| {
            let until = ban.until?;
            let was_there = self.all.iter().any(|one| one.id == ban.id && one.until == ban.until);
            let end = if was_there {
                *self.ends.get(&ban.id)?
            } else {
                now.monotonic.saturating_add(until.since(now.wall))
            };
            Some((ban.id, end))
        };
        all.iter().filter_map(end).collect()
    }

    /// The ban that keeps somebody out.
    pub(super) fn on(
        &self,
        user: Option<UserId>,
        from: Option<IpAddr>,
        key: Option<Fingerprint>,
        now: Moment,
    ) -> Option<&Ban> {
        let is_on =
            |ban: &&Ban| ban_on(slice::from_ref(*ban), user, from, key, self.time_of(ban, now)).is_some();
        self.all.iter().find(is_on)
    }

    /// The bans that hold.
    pub(super) fn holding(&self, now: Moment) -> impl Iterator<Item = &Ban> {
        self.all.iter().filter(move |ban| ban.until.is_none_or(|until| self.time_of(ban, now) < until))
    }

    /// Who isn't kept out any more of those that were, as it is now.
    pub fn lifted(&self, now: &Self) -> impl Iterator<Item = BanSubject> {
        let is_there = |ban: &Ban| now.all.iter().any(|one| one.id == ban.id);
        self.all.iter().filter(move |ban| !is_there(ban)).map(|ban| ban.subject)
    }

    /// When the last ban ended that kept somebody out who isn't kept out now.
    pub fn last_end(&self, user: UserId, from: Option<IpAddr>, now: Moment) -> Timestamp {
        // Those that are over, too.
        let was_on =
            |ban: &&Ban| ban_on(slice::from_ref(*ban), Some(user), from, None, Timestamp(0)).is_some();
        let end = |ban: &Ban| match self.ends.get(&ban.id) {
            Some(end) => {
                let since = u64::try_from(now.monotonic.saturating_sub(*end).as_millis()).unwrap_or(u64::MAX);
                Timestamp(now.wall.0.saturating_sub(since))
            }
            None => ban.until.map_or(now.wall, |until| until.min(now.wall)),
        };
        self.all.iter().filter(was_on).map(end).max().unwrap_or_default()
    }

    /// What time it is for a ban: before its end or after it where that goes by the monotonic clock.
    fn time_of(&self, ban: &Ban, now: Moment) -> Timestamp {
        match self.ends.get(&ban.id) {
            Some(end) if now.monotonic < *end => Timestamp(0),
            Some(_) => Timestamp(u64::MAX),
            None => now.wall,
        }
    }
}
