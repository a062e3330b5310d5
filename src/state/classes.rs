//! Which class a member belongs to, and what is known of each.

use std::sync::Arc;

use super::class::{Class, Key};
use super::{Member, Role, State};
use crate::id::{ChannelId, RoleId};
use crate::permission::{Overwrite, Permissions, RoleGrant, Subject, effective};

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
        Class::new(key, grants)
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
