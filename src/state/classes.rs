//! Which class a member belongs to, and what is known of each.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::class::{Class, Edition, Key};
use super::people::Mark;
use super::{Member, Role, State};
use crate::id::{ChannelId, RoleId, SessionId};
use crate::permission::{Overwrite, Permissions, RoleGrant, Subject, effective};

impl State {
    /// The class that somebody belongs to who has these roles.
    pub(super) fn class_of(&mut self, member: &Member) -> Arc<Class> {
        let key = self.key_of(member);
        if let Some(class) = self.classes.get(&key) {
            return Arc::clone(class);
        }
        let class = Arc::new(self.class(self.count(), key.clone()));
        self.classes.insert(key, Arc::clone(&class));
        class
    }

    /// The same without keeping it, for who isn't connected.
    pub(super) fn passing_class(&self, member: &Member) -> Arc<Class> {
        let key = self.key_of(member);
        self.classes.get(&key).map_or_else(|| Arc::new(self.class(0, key)), Arc::clone)
    }

    fn key_of(&self, member: &Member) -> Key {
        let grants = |role: &&Role| !role.second_factor || member.second_factor;
        let held = member.roles.iter().filter_map(|held| self.roles.get(&held.role)).filter(grants);
        let mut roles: Vec<RoleId> = held.map(|role| role.id).collect();
        roles.sort_unstable();
        roles.dedup();
        (member.user.filter(|user| self.named.contains(user)), roles)
    }

    fn class(&self, number: u64, key: Key) -> Class {
        let granted = key.1.iter().filter_map(|id| self.roles.get(id));
        let grants = granted.map(|role| RoleGrant { role: role.id, allow: role.allow }).collect();
        Class::new(number, key, grants)
    }

    /// What everybody of a class may do on a channel.
    pub(super) fn evaluated(&self, class: &Class, channel: ChannelId) -> Permissions {
        let edition = self.edition(channel);
        if let Some(known) = class.known(channel, edition) {
            return known;
        }
        let has = self.evaluated_anew(class, channel);
        class.keep(channel, edition, has);
        has
    }

    /// The same, whatever was evaluated before.
    pub fn evaluated_anew(&self, class: &Class, channel: ChannelId) -> Permissions {
        effective(class.holder(), &self.overwrites_on_the_way(channel))
    }

    fn edition(&self, channel: ChannelId) -> Edition {
        self.editions.get(&channel).copied().unwrap_or_default()
    }

    /// The overwrites of each channel from the top down to one.
    pub(super) fn overwrites_on_the_way(&self, channel: ChannelId) -> Vec<&[Overwrite]> {
        let of = |id: ChannelId| self.overwrites.get(&id).map_or(&[][..], Vec::as_slice);
        self.path(channel).into_iter().map(of).collect()
    }

    /// Other overwrites count on these channels from now on, for those whom `subject` is about, or for all.
    pub(super) fn overwrites_change(&mut self, subject: Option<Subject>, channels: &[ChannelId]) {
        let edition = self.count();
        for channel in channels {
            let before = self.edition(*channel);
            if let Some(subject) = subject {
                let others = self.classes.values().filter(|class| !class.is_subject(subject));
                others.for_each(|class| class.carry(*channel, before, edition));
            }
            self.editions.insert(*channel, edition);
        }
    }

    /// A number that no copy of the state has had.
    fn count(&self) -> u64 {
        self.counter.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Forgets what is known of channels that are gone.
    pub(super) fn forget(&mut self, channels: &[ChannelId]) {
        for channel in channels {
            self.editions.remove(channel);
            self.classes.values().for_each(|class| class.forget(*channel));
        }
    }

    /// Forgets all that is known of those who have a role, which grants something else from now on.
    pub(super) fn forget_role(&mut self, role: RoleId) {
        let of_it: Vec<Key> = self.classes.keys().filter(|key| key.1.contains(&role)).cloned().collect();
        for key in of_it {
            self.classes.remove(&key);
        }
        self.classify(self.members.sessions(Mark::Holds(role)));
    }

    /// Gives members the class that is theirs by now.
    pub(super) fn classify(&mut self, whom: impl IntoIterator<Item = SessionId>) {
        for session in whom {
            let Some(member) = self.members.get(session) else { continue };
            let is = Member::clone(member);
            let class = self.class_of(&is);
            self.put_member(Member { class, ..is });
        }
    }

    /// Somebody is this from now on; a class that nobody is in any more is let go.
    pub(super) fn put_member(&mut self, member: Member) {
        let was = self.members.put(member);
        self.let_go(was.as_deref());
    }

    /// Somebody is no more what they were.
    pub(super) fn let_go(&mut self, was: Option<&Member>) {
        let Some(class) = was.map(|was| &was.class) else { return };
        let is_kept = self.classes.get(class.key()).is_some_and(|kept| kept.number() == class.number());
        if is_kept && self.members.marked(Mark::Alike(class.number())).next().is_none() {
            self.classes.remove(class.key());
        }
    }
}
