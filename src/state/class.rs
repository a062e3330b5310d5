//! Those who may do the same. A server of a thousand people has a handful of kinds of them, so what was
//! evaluated for one is good for all of its class: it is evaluated once a class and channel.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Member, Role, State};
use crate::id::{ChannelId, RoleId, UserId};
use crate::permission::{Holder, Overwrite, Permissions, RoleGrant, Subject, effective};

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

    fn keep(&self, channel: ChannelId, has: Permissions) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(channel, has);
    }

    /// Whether an overwrite for `subject` is about it.
    fn is_subject(&self, subject: Subject) -> bool {
        match subject {
            Subject::Role(role) => self.key.1.contains(&role),
            Subject::User(user) => self.key.0 == Some(user),
        }
    }

    /// The same without what was known of some channels.
    fn without(&self, forgotten: &[ChannelId]) -> Self {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for channel in forgotten {
            known.remove(channel);
        }
        Self { key: self.key.clone(), grants: self.grants.clone(), known: Mutex::new(known) }
    }
}

impl State {
    /// The class that somebody belongs to who has these roles.
    pub(super) fn class_of(&mut self, member: &Member) -> Arc<Class> {
        let key = self.key_of(member);
        if let Some(class) = self.classes.get(&key) {
            return Arc::clone(class);
        }
        let class = Arc::new(self.class(key.clone()));
        self.classes.insert(key, Arc::clone(&class));
        class
    }

    /// The same without keeping it, for who isn't connected.
    pub(super) fn passing_class(&self, member: &Member) -> Arc<Class> {
        let key = self.key_of(member);
        self.classes.get(&key).map_or_else(|| Arc::new(self.class(key)), Arc::clone)
    }

    fn key_of(&self, member: &Member) -> Key {
        let grants = |role: &&Role| !role.second_factor || member.second_factor;
        let held = member.roles.iter().filter_map(|held| self.roles.get(&held.role)).filter(grants);
        let mut roles: Vec<RoleId> = held.map(|role| role.id).collect();
        roles.sort_unstable();
        roles.dedup();
        (member.user.filter(|user| self.named.contains(user)), roles)
    }

    fn class(&self, key: Key) -> Class {
        let granted = key.1.iter().filter_map(|id| self.roles.get(id));
        let grants = granted.map(|role| RoleGrant { role: role.id, allow: role.allow }).collect();
        Class { key, grants, known: Mutex::default() }
    }

    /// What everybody of a class may do on a channel.
    pub(super) fn evaluated(&self, class: &Class, channel: ChannelId) -> Permissions {
        if let Some(known) = class.known(channel) {
            return known;
        }
        let has = self.evaluated_anew(class, channel);
        class.keep(channel, has);
        has
    }

    /// The same, whatever was evaluated before.
    pub fn evaluated_anew(&self, class: &Class, channel: ChannelId) -> Permissions {
        effective(class.holder(), &self.overwrites_on_the_way(channel))
    }

    /// The overwrites of each channel from the top down to one.
    pub(super) fn overwrites_on_the_way(&self, channel: ChannelId) -> Vec<&[Overwrite]> {
        let of = |id: ChannelId| self.overwrites.get(&id).map_or(&[][..], Vec::as_slice);
        self.path(channel).into_iter().map(of).collect()
    }

    /// Forgets what classes know of channels, for those whom an overwrite for `subject` is about, or for all.
    pub(super) fn forget(&mut self, subject: Option<Subject>, channels: &[ChannelId]) {
        let mut replaced = false;
        for class in self.classes.values_mut() {
            if subject.is_none_or(|subject| class.is_subject(subject)) {
                *class = Arc::new(class.without(channels));
                replaced = true;
            }
        }
        if replaced {
            self.classify(|_| true);
        }
    }

    /// Forgets all that is known of those who have a role, which grants something else from now on.
    pub(super) fn forget_role(&mut self, role: RoleId) {
        self.classes.retain(|key, _| !key.1.contains(&role));
        self.classify(|member| member.holds(role));
    }

    /// Gives members the class that is theirs by now, and lets go of those that nobody is in.
    pub(super) fn classify(&mut self, whom: impl Fn(&Member) -> bool) {
        let mut members = std::mem::take(&mut self.members);
        for member in members.values_mut().filter(|member| whom(member)) {
            member.class = self.class_of(member);
        }
        self.members = members;
        self.classes.retain(|_, class| Arc::strong_count(class) > 1);
    }
}
