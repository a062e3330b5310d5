//! What time brings: grants end, temporary channels go when nobody is in them.

use std::time::Duration;

use super::{Change, Channel, Event, State};
use crate::id::{ChannelId, Moment, Timestamp, UserId};

impl State {
    /// It is this late now. Grants that ended are gone from here on, also where the wall clock is set back. They end by wall
    /// time, since they outlive a restart.
    pub fn advance(&mut self, now: Moment) -> Vec<Event> {
        self.now = now;
        let now = now.wall;
        let ended = |member: &super::Member| {
            member.roles.iter().any(|held| held.until.is_some_and(|until| until <= now))
        };
        if !self.members.values().any(ended) {
            return Vec::new();
        }
        let before = self.rated();
        let mut events = Vec::new();
        for member in self.members.values_mut().filter(|member| ended(member)) {
            member.roles.retain(|held| held.until.is_none_or(|until| now < until));
            events.push(Event::Member(member.session));
        }
        self.classify(|_| true);
        events.extend(self.told_of(&before));
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
        let grants = self.members.values().flat_map(|member| &member.roles).filter_map(|held| held.until);
        let channels = self.empty.iter().filter_map(|(channel, since)| self.goes_at(*channel, *since));
        (grants.min(), channels.min())
    }

    /// Who is connected of an account whose roles end at some time.
    pub fn has_ending_roles(&self, user: UserId) -> bool {
        let theirs = self.members.values().filter(|member| member.user == Some(user));
        theirs.flat_map(|member| &member.roles).any(|held| held.until.is_some())
    }

    fn goes_at(&self, channel: ChannelId, since: Duration) -> Option<Duration> {
        let after = self.channels.get(&channel)?.temporary_ms?;
        Some(since.saturating_add(Duration::from_millis(after)))
    }

    /// Notes in which temporary channels, and in none below them, anybody is.
    pub(super) fn note_emptiness(&mut self) {
        let temporary = |channel: &&Channel| channel.temporary_ms.is_some();
        let all: Vec<ChannelId> =
            self.channels.values().filter(temporary).map(|channel| channel.id).collect();
        if all.is_empty() {
            return;
        }
        let occupied: Vec<ChannelId> = self.members.values().filter_map(|member| member.channel).collect();
        for channel in all {
            let below = self.subtree(channel);
            if occupied.iter().any(|place| below.contains(place)) {
                self.empty.remove(&channel);
            } else {
                self.empty.entry(channel).or_insert(self.now.monotonic);
            }
        }
    }
}
