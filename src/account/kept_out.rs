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
pub(super) struct Bans {
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

    /// What time it is for a ban: before its end or after it where that goes by the monotonic clock.
    fn time_of(&self, ban: &Ban, now: Moment) -> Timestamp {
        match self.ends.get(&ban.id) {
            Some(end) if now.monotonic < *end => Timestamp(0),
            Some(_) => Timestamp(u64::MAX),
            None => now.wall,
        }
    }
}
