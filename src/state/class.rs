//! Those who may do the same. A server of a thousand people has a handful of kinds of them, so what was
//! evaluated for one is good for all of its class: it is evaluated once a class and channel.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, PoisonError};

use crate::id::{ChannelId, RoleId, UserId};
use crate::permission::{Holder, Overwrite, Permissions, RoleGrant, Subject};

/// What makes a class: the roles that grant something, and the person where there is an overwrite for them.
pub(super) type Key = (Option<UserId>, Vec<RoleId>);

/// Those who may do the same, and what that is, as far as it was asked for.
///
/// A class never changes what it says: a change of roles or overwrites puts another in its place, which takes
/// over what still holds. So states that were cloned from each other can share it.
#[derive(Debug, Default)]
pub struct Class {
    key: Key,
    grants: Vec<RoleGrant>,
    known: Mutex<HashMap<ChannelId, Permissions, BuildHasherDefault<ChannelHasher>>>,
}

impl PartialEq for Class {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.grants == other.grants
    }
}

impl Eq for Class {}

/// Spreads channels' numbers, which are dense counters.
#[derive(Debug, Default)]
struct ChannelHasher(u64);

impl Hasher for ChannelHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64((*byte).into());
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// Whom an overwrite is for, if it is for a person.
pub(super) fn named(overwrite: &Overwrite) -> Option<UserId> {
    match overwrite.subject {
        Subject::User(user) => Some(user),
        Subject::Role(_) => None,
    }
}

impl Class {
    pub(super) fn new(key: Key, grants: Vec<RoleGrant>) -> Self {
        Self { key, grants, known: Mutex::default() }
    }

    /// What its roles grant, in order of role.
    pub fn grants(&self) -> &[RoleGrant] {
        &self.grants
    }

    /// Those who are evaluated.
    pub(super) fn holder(&self) -> Holder<'_> {
        Holder { user: self.key.0, grants: &self.grants }
    }

    /// What was evaluated on a channel before.
    pub fn known(&self, channel: ChannelId) -> Option<Permissions> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&channel).copied()
    }

    pub(super) fn keep(&self, channel: ChannelId, has: Permissions) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(channel, has);
    }

    /// Whether an overwrite for `subject` is about it.
    pub(super) fn is_subject(&self, subject: Subject) -> bool {
        match subject {
            Subject::Role(role) => self.key.1.contains(&role),
            Subject::User(user) => self.key.0 == Some(user),
        }
    }

    /// The same without what was known of some channels.
    pub(super) fn without(&self, forgotten: &[ChannelId]) -> Self {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for channel in forgotten {
            known.remove(channel);
        }
        Self { key: self.key.clone(), grants: self.grants.clone(), known: Mutex::new(known) }
    }
}
