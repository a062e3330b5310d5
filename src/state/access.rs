//! What everybody may do, before and after a change: the difference is what each is told.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Access, Class, Event, State};
use crate::id::{ChannelId, SessionId};
use crate::permission::Permissions;

/// What a class may do on each channel, in order of channel.
type Rights = Arc<Vec<(ChannelId, Permissions)>>;

/// What somebody may do on one of them.
fn on(rights: &Rights, channel: ChannelId) -> Permissions {
    let found = rights.binary_search_by_key(&channel, |(one, _)| *one);
    found.ok().and_then(|at| rights.get(at)).map_or(Permissions::NONE, |(_, permissions)| *permissions)
}

/// What everybody may do at one time.
#[derive(Debug)]
pub(super) struct Rated {
    rights: BTreeMap<SessionId, Rights>,
    heard: BTreeMap<SessionId, bool>,
    /// Who listens to what.
    listening: BTreeMap<ChannelId, Vec<SessionId>>,
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
        let mut listening: BTreeMap<ChannelId, Vec<SessionId>> = BTreeMap::new();
        for member in self.members.values() {
            for channel in member.listening.keys() {
                listening.entry(*channel).or_default().push(member.session);
            }
        }
        Rated { rights, heard: self.members.values().map(heard).collect(), listening }
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
            let access = groups.entry(group).or_insert_with(|| self.difference(was, is, before));
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
        for (channel, listeners) in &after.listening {
            let turned = |session: &&SessionId| {
                let may = |rated: &Rated| rated.rights.get(session).map(|rights| on(rights, *channel));
                may(before) != may(&after)
            };
            let (listeners, channel) = (listeners.iter().filter(turned), *channel);
            events.extend(listeners.map(|session| Event::Listens { session: *session, channel }));
        }
        events
    }

    fn difference(&self, was: Option<&Rights>, is: &Rights, before: &Rated) -> Access {
        let mut access = Access::default();
        for (channel, now) in is.iter() {
            let then = was.map_or(Permissions::NONE, |was| on(was, *channel));
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
        // What was seen and is gone.
        let was = was.into_iter().flat_map(|was| was.iter());
        let gone = was.filter(|(channel, then)| {
            then.contains(Permissions::VIEW) && !self.channels.contains_key(channel)
        });
        for (channel, _) in gone {
            access.hidden.push(*channel);
            access.listened.extend(before.listening.get(channel).into_iter().flatten());
        }
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
