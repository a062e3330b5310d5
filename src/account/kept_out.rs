//! Who is kept out, at hand for every log-in.

use std::collections::HashMap;

use crate::auth::AddressKey;
use crate::id::{OrganizationId, Timestamp};
use crate::store::write::BANNED_FROM;
use crate::store::{Ban, BanSubject, ReadError, Store};

/// Who is kept out, as the store has it.
#[derive(Debug, Default)]
pub(super) struct Bans {
    pub(super) all: Vec<Ban>,
    /// From where the accounts were used that are banned, and until when they are; `None` for good.
    pub(super) from: HashMap<AddressKey, Option<Timestamp>>,
}

impl Bans {
    pub(super) fn read(
        store: &Store,
        organization: OrganizationId,
        now: Timestamp,
    ) -> Result<Self, ReadError> {
        let all = store.bans(organization, None, usize::MAX)?;
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
        Ok(Self { all, from })
    }
}
