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
/// A class never changes what it says: where a role grants something else, another is put in its place. What was evaluated
/// on a channel holds for one edition of the overwrites there. So states that were cloned from each other can share it.
#[derive(Debug, Default)]
pub struct Class {
    /// Its own as long as it is kept; 0 for one that isn't.
    number: u64,
    key: Key,
    grants: Vec<RoleGrant>,
    known: Mutex<HashMap<ChannelId, (Edition, Permissions), BuildHasherDefault<ChannelHasher>>>,
}

/// Which overwrites count on a channel, those of the channels above it among them: others have another number.
pub(super) type Edition = u64;

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
    pub(super) fn new(number: u64, key: Key, grants: Vec<RoleGrant>) -> Self {
        Self { number, key, grants, known: Mutex::default() }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// What its roles grant, in order of role.
    pub fn grants(&self) -> &[RoleGrant] {
        &self.grants
    }

    /// Those who are evaluated.
    pub(super) fn holder(&self) -> Holder<'_> {
        Holder { user: self.key.0, grants: &self.grants }
    }

    /// What was evaluated on a channel before, by these overwrites.
    pub(super) fn known(&self, channel: ChannelId, edition: Edition) -> Option<Permissions> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&channel).copied();
        known.filter(|(by, _)| *by == edition).map(|(_, has)| has)
    }

    pub(super) fn keep(&self, channel: ChannelId, edition: Edition, has: Permissions) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(channel, (edition, has));
    }

    /// What was evaluated by one edition holds for the next one, too.
    pub(super) fn carry(&self, channel: ChannelId, before: Edition, after: Edition) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((by, _)) = known.get_mut(&channel).filter(|(by, _)| *by == before) {
            *by = after;
        }
    }

    /// A channel is gone, and no other has its number.
    pub(super) fn forget(&self, channel: ChannelId) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(&channel);
    }

    /// Whether an overwrite for `subject` is about it.
    pub(super) fn is_subject(&self, subject: Subject) -> bool {
        match subject {
            Subject::Role(role) => self.key.1.contains(&role),
            Subject::User(user) => self.key.0 == Some(user),
        }
    }
}
