//! What everybody may do, before and after a change: the difference is what each is told.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Access, Class, Event, State};
use crate::id::{ChannelId, SessionId};
use crate::permission::Permissions;

/// What a class may do on each channel, in order of channel.
type Rights = Arc<Vec<(ChannelId, Permissions)>>;

/// What everybody may do at one time.
#[derive(Debug)]
pub(super) struct Rated {
    rights: BTreeMap<SessionId, Rights>,
    heard: BTreeMap<SessionId, bool>,
}

impl State {
    /// What everybody may do now.
    pub(super) fn rated(&self) -> Rated {
        let mut by_class: HashMap<(*const Class, Permissions), Rights> = HashMap::new();
        let mut rights = BTreeMap::new();
        for member in self.members.values() {
            let class = (Arc::as_ptr(&member.class), member.ceiling);
            let of_class = by_class.entry(class).or_insert_with(|| {
                let on = |id: &ChannelId| (*id, self.permissions(member, *id));
                Arc::new(self.channels.keys().map(on).collect())
            });
            rights.insert(member.session, Arc::clone(of_class));
        }
        let heard = |member: &super::Member| (member.session, !self.suppressed(member));
        Rated { rights, heard: self.members.values().map(heard).collect() }
    }

    /// Takes those out of their channel who may not see it any more, ends recordings that may not go on, and
    /// says what is different for whom.
    pub(super) fn told_of(&mut self, before: &Rated) -> Vec<Event> {
        let mut events = self.evict();
        let after = self.rated();
        events.extend(self.stop_forbidden_recordings());
        let mut groups: BTreeMap<(usize, usize), Access> = BTreeMap::new();
        for (session, is) in &after.rights {
            let was = before.rights.get(session);
            let group = (was.map_or(0, |was| Arc::as_ptr(was) as usize), Arc::as_ptr(is) as usize);
            let access = groups.entry(group).or_insert_with(|| self.difference(was, is));
            access.sessions.push(*session);
        }
        let differs = |access: &Access| !access.shown.is_empty() || !access.hidden.is_empty();
        events.extend(groups.into_values().filter(differs).map(Event::Access));
        let changed = |(session, is): &(&SessionId, &bool)| before.heard.get(session) != Some(is);
        let turned: Vec<_> = after.heard.iter().filter(changed).map(|(session, _)| *session).collect();
        if !turned.is_empty() {
            events.push(Event::Suppressed(turned));
        }
        // Whether somebody who listens elsewhere still may is shown with them.
        let listens = |member: &&super::Member| {
            let moved = before.rights.get(&member.session) != after.rights.get(&member.session);
            moved && !member.listening.is_empty()
        };
        let listening = self.members.values().filter(listens);
        events.extend(listening.map(|member| Event::Member(member.session)));
        events
    }

    fn difference(&self, was: Option<&Rights>, is: &Rights) -> Access {
        let before: HashMap<ChannelId, Permissions> =
            was.map(|was| was.iter().copied().collect()).unwrap_or_default();
        let mut access =
            Access { sessions: Vec::new(), shown: Vec::new(), appeared: Vec::new(), hidden: Vec::new() };
        for (channel, now) in is.iter() {
            let then = before.get(channel).copied().unwrap_or(Permissions::NONE);
            let (saw, sees) = (then.contains(Permissions::VIEW), now.contains(Permissions::VIEW));
            if sees && then != *now {
                access.shown.push(*channel);
            }
            if sees && !saw {
                access.appeared.push(*channel);
            }
            if saw && !sees {
                access.hidden.push(*channel);
            }
        }
        access.shown.sort_by_cached_key(|channel| self.path(*channel).len());
        access.hidden.sort_by_cached_key(|channel| std::cmp::Reverse(self.path(*channel).len()));
        access
    }

    /// Nobody stays where they may not see who hears them.
    fn evict(&mut self) -> Vec<Event> {
        let unseen = |member: &&super::Member| {
            let blind = |channel| !self.permissions(member, channel).contains(Permissions::VIEW);
            member.channel.is_some_and(blind)
        };
        let gone: Vec<_> = self.members.values().filter(unseen).map(|member| member.session).collect();
        gone.into_iter().flat_map(|session| self.place(session, None)).collect()
    }

    fn stop_forbidden_recordings(&mut self) -> Vec<Event> {
        let may = |channel: ChannelId, by: SessionId| {
            self.members.get(&by).is_some_and(|member| {
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
