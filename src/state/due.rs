//! What time brings: grants end, temporary channels go when nobody is in them.

use std::time::Duration;

use super::access::Whom;
use super::{Change, Event, State};
use crate::id::{ChannelId, Moment, Timestamp, UserId};

impl State {
    /// It is this late now. Grants that ended are gone from here on, also where the wall clock is set back. They end by wall
    /// time, since they outlive a restart.
    pub fn advance(&mut self, now: Moment) -> Vec<Event> {
        self.now = now;
        let now = now.wall;
        let ended = self.members.ending(now);
        if ended.is_empty() {
            return Vec::new();
        }
        let before = self.clone();
        let mut events = Vec::new();
        for session in &ended {
            self.members.change(*session, |member| {
                member.roles.retain(|held| held.until.is_none_or(|until| now < until));
            });
            events.push(Event::Member(*session));
        }
        self.classify(ended.iter().copied());
        events.extend(self.told_of(&before, &Whom::Sessions(ended), None));
        events
    }

    /// What is to be done by now: temporary channels that were empty for long enough go.
    pub fn due(&self) -> Vec<Change> {
        let over = self.empty.iter().filter(|(channel, since)| {
            self.goes_at(**channel, **since).is_some_and(|at| at <= self.now.monotonic)
        });
        over.map(|(channel, _)| Change::RemoveChannels(self.subtree(*channel))).collect()
    }

    /// When there is something to do next, if nothing else happens: grants end by wall time, and channels go by
    /// monotonic time.
    pub fn next_due(&self) -> (Option<Timestamp>, Option<Duration>) {
        let channels = self.empty.iter().filter_map(|(channel, since)| self.goes_at(*channel, *since));
        (self.members.first_end(), channels.min())
    }

    /// Who is connected of an account whose roles end at some time.
    pub fn has_ending_roles(&self, user: UserId) -> bool {
        self.of_account(user).flat_map(|member| &member.roles).any(|held| held.until.is_some())
    }

    fn goes_at(&self, channel: ChannelId, since: Duration) -> Option<Duration> {
        let after = self.channels.get(&channel)?.temporary_ms?;
        Some(since.saturating_add(Duration::from_millis(after)))
    }

    /// Notes of temporary channels above and at places where somebody came or left whether anybody is there, or below them.
    pub(super) fn note_emptiness(&mut self, places: impl IntoIterator<Item = ChannelId>) {
        for place in places {
            let above = self.path(place).into_iter();
            let temporary: Vec<_> = above.filter(|id| self.channels[id].temporary_ms.is_some()).collect();
            for channel in temporary {
                let occupied = |id: &ChannelId| self.within(*id).next().is_some();
                if self.subtree(channel).iter().any(occupied) {
                    self.empty.remove(&channel);
                } else if !self.empty.contains_key(&channel) {
                    self.empty.insert(channel, self.now.monotonic);
                }
            }
        }
    }
}
