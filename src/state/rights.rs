//! Making a change of roles, grants and overwrites.

use super::access::Whom;
use super::people::Mark;
use super::{Event, Held, Role, State, class};
use crate::id::{ChannelId, RoleId, UserId};
use crate::permission::{Overwrite, Subject};

impl State {
    /// A role is this from now on, under its name. Answers with what it was.
    pub(super) fn set_role(&mut self, role: Role) -> Option<Role> {
        let old = self.roles.get(&role.id).map(|old| (None, old.name.as_str()));
        self.role_looks.rename(role.id, old, Some((None, &role.name)));
        self.role_names.rename(role.id, old, Some((None, &role.name)));
        self.roles.insert(role.id, role)
    }

    /// What changes what some may do on some channels, or on all: whoever is concerned is told what is different for them.
    fn change_rights(
        &mut self,
        whom: &Whom,
        on: Option<&[ChannelId]>,
        change: impl FnOnce(&mut Self) -> Vec<Event>,
    ) -> Vec<Event> {
        let before = self.clone();
        let mut events = change(self);
        events.extend(self.told_of(&before, whom, on));
        events
    }

    fn holders(&self, role: RoleId) -> Whom {
        Whom::Sessions(self.members.marked(Mark::Holds(role)).map(|member| member.session).collect())
    }

    pub(super) fn put_role(&mut self, role: Role) -> Vec<Event> {
        let whom = self.holders(role.id);
        self.change_rights(&whom, None, |state| state.role_is(role))
    }

    fn role_is(&mut self, role: Role) -> Vec<Event> {
        let (id, rank) = (role.id, role.rank);
        let old = self.set_role(role);
        self.forget_role(id);
        let mut events = vec![Event::Roles];
        if old.is_none_or(|old| old.rank != rank) {
            // The highest of a member's roles is shown first.
            let holders = self.members.marked(Mark::Holds(id));
            events.extend(holders.map(|member| Event::Member(member.session)));
        }
        events
    }

    pub(super) fn remove_role(&mut self, role: RoleId) -> Vec<Event> {
        let whom = self.holders(role);
        self.change_rights(&whom, None, |state| state.role_is_gone(role))
    }

    fn role_is_gone(&mut self, role: RoleId) -> Vec<Event> {
        if let Some(gone) = self.roles.remove(&role) {
            self.role_looks.rename(role, Some((None, &gone.name)), None);
            self.role_names.rename(role, Some((None, &gone.name)), None);
        }
        let about = |on: &Vec<Overwrite>| on.iter().any(|one| one.subject == Subject::Role(role));
        let with: Vec<_> =
            self.overwrites.iter().filter(|(_, on)| about(on)).map(|(channel, _)| *channel).collect();
        for channel in with {
            if let Some(on) = self.overwrites.get_mut(&channel) {
                on.retain(|one| one.subject != Subject::Role(role));
            }
        }
        let mut events = vec![Event::Roles];
        let holders = self.members.sessions(Mark::Holds(role));
        for session in &holders {
            events.extend(self.member_is(*session, |member| {
                member.roles.retain(|held| held.role != role);
                Event::Member(*session)
            }));
        }
        self.classify(holders);
        events
    }

    pub(super) fn grant(&mut self, user: UserId, held: Held) -> Vec<Event> {
        self.regrant(user, |roles| {
            roles.retain(|one| one.role != held.role);
            roles.push(held);
        })
    }

    pub(super) fn revoke(&mut self, user: UserId, role: RoleId) -> Vec<Event> {
        self.regrant(user, |roles| roles.retain(|one| one.role != role))
    }

    fn regrant(&mut self, user: UserId, change: impl Fn(&mut Vec<Held>)) -> Vec<Event> {
        let whom = Whom::Sessions(self.of_account(user).map(|member| member.session).collect());
        self.change_rights(&whom, None, |state| state.roles_are(user, change))
    }

    fn roles_are(&mut self, user: UserId, change: impl Fn(&mut Vec<Held>)) -> Vec<Event> {
        let mut events = Vec::new();
        let theirs = self.sessions_of(user);
        for session in &theirs {
            events.extend(self.member_is(*session, |member| {
                change(&mut member.roles);
                Event::Member(*session)
            }));
        }
        self.classify(theirs);
        events
    }

    pub(super) fn put_overwrite(&mut self, overwrite: Overwrite) -> Vec<Event> {
        let (whom, on) = (Whom::Subject(overwrite.subject), self.subtree(overwrite.channel));
        self.change_rights(&whom, Some(&on), |state| state.overwrite_is(overwrite))
    }

    pub(super) fn overwrite_is(&mut self, overwrite: Overwrite) -> Vec<Event> {
        let all = self.overwrites.entry(overwrite.channel).or_default();
        all.retain(|one| one.subject != overwrite.subject);
        all.push(overwrite);
        if let Some(user) = class::named(&overwrite)
            && self.named.insert(user).is_none()
        {
            self.classify(self.sessions_of(user));
        }
        self.overwrites_change(Some(overwrite.subject), &self.subtree(overwrite.channel));
        Vec::new()
    }

    pub(super) fn remove_overwrite(&mut self, channel: ChannelId, subject: Subject) -> Vec<Event> {
        let (whom, on) = (Whom::Subject(subject), self.subtree(channel));
        self.change_rights(&whom, Some(&on), |state| {
            if let Some(all) = state.overwrites.get_mut(&channel) {
                all.retain(|one| one.subject != subject);
            }
            state.overwrites_change(Some(subject), &on);
            Vec::new()
        })
    }
}
