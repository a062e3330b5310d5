//! What everybody may do, before and after a change: the difference is what each is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::people::Mark;
use super::{Access, Class, Event, Member, State};
use crate::id::{ChannelId, SessionId};
use crate::permission::{Permissions, Subject};

/// Who may do something else than before.
#[derive(Debug)]
pub(super) enum Whom {
    /// Anybody.
    All,
    /// Those whom overwrites for somebody, or for a role, are about.
    Subject(Subject),
    /// These, who may be of another class now.
    Sessions(BTreeSet<SessionId>),
}

/// Those who could do the same before and can do the same now: of the same class, with the same ceiling, then and now.
type Alike = (Option<Likeness>, Likeness);

/// A class, and what somebody of it may do at most.
type Likeness = (*const Class, u64);

impl State {
    /// Takes those out of their channel who may not see it any more, ends recordings that may not go on, and
    /// says what is different from what was before for whom. Only on some channels there may be a difference, where they are given.
    pub(super) fn told_of(&mut self, before: &Self, whom: &Whom, on: Option<&[ChannelId]>) -> Vec<Event> {
        let groups = self.groups(before, whom, on);
        let turned: BTreeSet<_> = groups.iter().flat_map(|access| access.sessions.iter().copied()).collect();
        if !turned.is_empty() && !matches!(whom, Whom::Sessions(_)) {
            self.touch_everything();
        }
        let mut events = self.evict(&turned);
        events.extend(self.stop_forbidden_recordings());
        events.extend(groups.into_iter().map(Event::Access));
        events.extend(self.suppressed_otherwise(before, &turned));
        events.extend(self.listening_otherwise(before, &turned));
        events
    }

    /// What is different for those who could do the same.
    fn groups(&self, before: &Self, whom: &Whom, on: Option<&[ChannelId]>) -> Vec<Access> {
        let mut groups: BTreeMap<Alike, Option<Access>> = BTreeMap::new();
        let mut add = |member: &Member| {
            let was = before.members.get(member.session);
            let alike = (was.map(likeness), likeness(member));
            let access = groups.entry(alike).or_insert_with(|| {
                let access = self.difference((before, was), member, on);
                (!access.shown.is_empty() || !access.hidden.is_empty()).then_some(access)
            });
            if let Some(access) = access {
                access.sessions.push(member.session);
            }
        };
        match whom {
            Whom::Sessions(sessions) => {
                sessions.iter().filter_map(|session| self.members.get(*session)).for_each(&mut add);
            }
            Whom::All | Whom::Subject(_) => {
                let concerned = |class: &&Arc<Class>| match whom {
                    Whom::Subject(subject) => class.is_subject(*subject),
                    Whom::All | Whom::Sessions(_) => true,
                };
                for class in self.classes.values().filter(concerned) {
                    self.members.marked(Mark::Alike(class.number())).for_each(&mut add);
                }
            }
        }
        groups.into_values().flatten().collect()
    }

    /// What somebody may do otherwise than before.
    fn difference(
        &self,
        (before, was): (&Self, Option<&Member>),
        is: &Member,
        on: Option<&[ChannelId]>,
    ) -> Access {
        let then_on = |channel: ChannelId| match was {
            Some(was) if before.channels.contains_key(&channel) => before.permissions(was, channel),
            _ => Permissions::NONE,
        };
        let mut access = Access::default();
        let some = |state: &Self| match on {
            Some(on) => {
                on.iter().copied().filter(|id| state.channels.contains_key(id)).collect::<BTreeSet<_>>()
            }
            None => state.channels.keys().copied().collect(),
        };
        for channel in some(self) {
            let (then, now) = (then_on(channel), self.permissions(is, channel));
            let (saw, sees) = (then.contains(Permissions::VIEW), now.contains(Permissions::VIEW));
            if sees && then != now {
                access.shown.push(channel);
            }
            if sees && !saw {
                access.appeared.push(channel);
            }
            if saw && !sees {
                access.hidden.push(channel);
            }
        }
        access.shown.sort_by_cached_key(|channel| self.path(*channel).len());
        access.hidden.sort_by_cached_key(|channel| std::cmp::Reverse(self.path(*channel).len()));
        // What was seen and is gone.
        let gone = some(before).into_iter().filter(|channel| !self.channels.contains_key(channel));
        for channel in gone.filter(|channel| then_on(*channel).contains(Permissions::VIEW)) {
            access.hidden.push(channel);
            access.listened.extend(before.members.sessions(Mark::Hears(channel)));
        }
        access
    }

    /// Of these, those whom the rules let be heard where they are, and didn't before, or no more.
    fn suppressed_otherwise(&self, before: &Self, among: &BTreeSet<SessionId>) -> Option<Event> {
        let suppressed =
            |state: &Self, session| state.members.get(session).map(|member| state.suppressed(member));
        let differs = |session: &SessionId| suppressed(self, *session) != suppressed(before, *session);
        let turned: Vec<_> = among.iter().copied().filter(differs).collect();
        (!turned.is_empty()).then_some(Event::Suppressed(turned))
    }

    /// Whether somebody who listens elsewhere still may is shown with them.
    fn listening_otherwise(&self, before: &Self, among: &BTreeSet<SessionId>) -> Vec<Event> {
        let may = |state: &Self, session, channel| {
            state.members.get(session).map(|member| state.permissions(member, channel))
        };
        let mut turned = Vec::new();
        for member in among.iter().filter_map(|session| self.members.get(*session)) {
            let session = member.session;
            let differs =
                |channel: &&ChannelId| may(before, session, **channel) != may(self, session, **channel);
            turned.extend(member.listening.keys().filter(differs).map(|channel| (*channel, session)));
        }
        turned.sort_unstable();
        turned.into_iter().map(|(channel, session)| Event::Listens { session, channel }).collect()
    }

    /// Nobody stays where they may not see who hears them.
    fn evict(&mut self, among: &BTreeSet<SessionId>) -> Vec<Event> {
        let unseen = |member: &&Member| {
            let blind = |channel| !self.permissions(member, channel).contains(Permissions::VIEW);
            member.channel.is_some_and(blind)
        };
        let among = among.iter().filter_map(|session| self.members.get(*session));
        let gone: Vec<_> = among.filter(unseen).map(|member| member.session).collect();
        gone.into_iter().flat_map(|session| self.place(session, None)).collect()
    }

    fn stop_forbidden_recordings(&mut self) -> Vec<Event> {
        let may = |channel: ChannelId, by: SessionId| {
            self.members.get(by).is_some_and(|member| {
                member.channel == Some(channel)
                    && self.permissions(member, channel).contains(Permissions::RECORD)
            })
        };
        let ended: Vec<_> = self
            .recordings
            .iter()
            .filter(|(channel, recording)| !may(**channel, recording.by))
            .map(|(channel, _)| *channel)
            .collect();
        ended.into_iter().flat_map(|channel| self.end_recording(channel)).collect()
    }
}

fn likeness(member: &Member) -> Likeness {
    (Arc::as_ptr(&member.class), member.ceiling.bits())
}
