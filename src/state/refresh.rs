//! Taking over what was changed in the store by other ways than requests of members.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::access::Whom;
use super::apply::in_order;
use super::{Channel, Event, Held, Maker, Member, State, Stored};
use crate::id::{ChannelId, SessionId};

/// What a member is from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The account's name.
    pub name: String,
    /// The roles it has.
    pub roles: Vec<Held>,
    /// Whether it has a second factor.
    pub second_factor: bool,
}

impl State {
    /// Takes channels, roles and overwrites from `stored`, and answers with what others are to be told. Members stay who they
    /// are; [`State::stand`] says what they are by now.
    pub fn refresh(&mut self, stored: Stored) -> Vec<Event> {
        let before = self.clone();
        let Self {
            mut channels,
            below,
            channel_looks,
            roles,
            role_looks,
            role_names,
            overwrites,
            settings,
            named,
            limits,
            next_channel,
            next_role,
            ..
        } = Self::new(stored, self.now);
        for (id, old) in self.channels.iter().filter(|(_, old)| old.maker != Maker::Nobody) {
            if let Some(channel) = channels.get_mut(id) {
                Arc::make_mut(channel).maker = old.maker;
            }
        }
        let mut gone: Vec<_> =
            self.channels.keys().filter(|id| !channels.contains_key(*id)).copied().collect();
        gone.sort_by_cached_key(|id| std::cmp::Reverse(self.path(*id).len()));
        let is_other = |id: &ChannelId, channel: &Arc<Channel>| self.channels.get(id) != Some(channel);
        let changed: Vec<_> =
            channels.iter().filter(|(id, channel)| is_other(id, channel)).map(|(id, _)| *id).collect();
        let mut events = self.take_away(&gone);
        events.extend(changed.iter().copied().map(Event::Channel));
        if self.roles != roles {
            events.push(Event::Roles);
        }
        if self.settings != settings {
            events.push(Event::OrganizationSettings);
        }
        (self.channels, self.below, self.roles, self.overwrites) = (channels, below, roles, overwrites);
        (self.channel_looks, self.role_looks, self.role_names) = (channel_looks, role_looks, role_names);
        // Their passwords may be others.
        events.extend(changed.into_iter().flat_map(|channel| self.listeners_of(channel)));
        (self.settings, self.named, self.limits) = (settings, named, limits);
        self.next_channel = self.next_channel.max(next_channel);
        self.next_role = self.next_role.max(next_role);
        self.classes.clear();
        let all: Vec<_> = self.channels.keys().copied().collect();
        self.overwrites_change(None, &all);
        self.classify(before.members.iter().map(|member| member.session));
        self.note_emptiness(all);
        self.touch_everything();
        events.extend(self.told_of(&before, &Whom::All, None));
        self.forget(&gone);
        in_order(&mut events, &gone);
        events
    }

    /// Members stand so from now on; whoever has no standing any more is removed. Answers with what others are to be told,
    /// and with those who were removed.
    pub fn stand(&mut self, standing: Vec<(SessionId, Option<Standing>)>) -> (Vec<Event>, Vec<SessionId>) {
        let (mut differ, mut removed) = (Vec::new(), Vec::new());
        for (session, standing) in standing {
            match (self.members.get(session), standing) {
                (None, _) => (),
                (Some(_), None) => removed.push(session),
                (Some(member), Some(standing)) => {
                    let Standing { name, roles, second_factor } = standing;
                    let is = Member { name, roles, second_factor, ..member.clone() };
                    if is != *member {
                        differ.push(is);
                    }
                }
            }
        }
        let mut events: Vec<_> = removed.iter().flat_map(|session| self.remove_member(*session)).collect();
        if differ.is_empty() {
            return (events, removed);
        }
        let before = self.clone();
        let who: BTreeSet<_> = differ.iter().map(|member| member.session).collect();
        events.extend(differ.iter().map(|member| Event::Member(member.session)));
        for member in differ {
            self.put_member(member);
        }
        self.classify(who.iter().copied());
        events.extend(self.told_of(&before, &Whom::Sessions(who), None));
        (events, removed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{arrive, member, moment, stored};
    use super::*;
    use crate::permission::Permissions;

    fn standing(member: &Member) -> (SessionId, Option<Standing>) {
        let (name, roles) = (member.name.clone(), member.roles.clone());
        (member.session, Some(Standing { name, roles, second_factor: member.second_factor }))
    }

    #[test]
    fn who_stands_otherwise_may_otherwise_and_whoever_stands_as_before_is_not_talked_of() {
        let mut state = State::new(stored(), moment(1));
        for (session, role) in [(1, 1), (2, 3), (3, 3)] {
            arrive(&mut state, member(session, &[role]));
        }
        let as_is: Vec<_> = state.members().map(standing).collect();
        let (events, removed) = state.stand(as_is);
        assert!(events.is_empty() && removed.is_empty(), "{events:?} {removed:?}");

        let (session, changed) = standing(&member(2, &[2]));
        let (events, removed) =
            state.stand(vec![(session, changed), (SessionId(3), None), (SessionId(9), None)]);
        assert_eq!(removed, [SessionId(3)]);
        assert!(state.member(SessionId(3)).is_none());
        assert!(events.iter().any(|event| matches!(event, Event::MemberGone(SessionId(3)))), "{events:?}");
        assert!(events.iter().any(|event| matches!(event, Event::Member(SessionId(2)))), "{events:?}");
        assert!(!events.iter().any(|event| matches!(event, Event::Member(SessionId(1)))), "{events:?}");
        let promoted = state.member(SessionId(2)).unwrap();
        assert!(state.permissions(promoted, ChannelId(1)).contains(Permissions::KICK));
    }
}
