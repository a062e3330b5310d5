//! What somebody missed, for when they come back: what they would have been told had they followed all along. They are told
//! what they may know now, and of that nothing that happened before something by which they may know more since.

use std::collections::{HashMap, VecDeque};

use super::{Event, Happened, Opened};
use crate::id::{ChannelId, Timestamp};
use crate::state::{Member, State};

/// What is kept of by what somebody may know more. When there is more, nobody is told what was before the oldest.
pub const OPENINGS: usize = 4_096;

/// By what somebody may know more than before, with the number of the first event that they may know by it.
#[derive(Clone, Debug, Default)]
pub struct Openings {
    kept: VecDeque<(u64, Opened)>,
    /// What was before this one isn't known any more.
    forgotten: u64,
}

impl Openings {
    /// What happens from this number on may be known.
    pub(super) fn note(&mut self, number: u64, opened: Opened) {
        if self.kept.len() == OPENINGS
            && let Some((oldest, _)) = self.kept.pop_front()
        {
            self.forgotten = self.forgotten.max(oldest);
        }
        self.kept.push_back((number, opened));
    }

    /// Nothing that happened before this number is kept.
    pub(super) fn forget(&mut self, first: u64) {
        while self.kept.front().is_some_and(|(number, _)| *number <= first) {
            self.kept.pop_front();
        }
    }

    /// Those that came after an event.
    pub(super) fn after(&self, number: u64) -> Self {
        let is_later = |(one, _): &&(u64, Opened)| *one > number;
        let kept = self.kept.iter().rev().take_while(is_later).copied().collect::<Vec<_>>();
        Self { kept: kept.into_iter().rev().collect(), forgotten: 0 }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Since when a viewer may know what they may know now. What happened before a `time` they may not.
    pub fn since(&self, viewer: &Member, time: Timestamp) -> Since {
        let mut since = Since { time, everything: self.forgotten, channels: HashMap::new() };
        for (number, opened) in self.kept.iter().filter(|(_, opened)| opened.to.includes(viewer)) {
            let known = match opened.channel {
                None => &mut since.everything,
                Some(channel) => since.channels.entry(channel).or_default(),
            };
            *known = (*known).max(*number);
        }
        since
    }
}

/// Since when somebody may know what they may know now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Since {
    time: Timestamp,
    /// The first number.
    everything: u64,
    /// The first number of what happened in these channels and those below.
    channels: HashMap<ChannelId, u64>,
}

impl Since {
    /// What a viewer was told of an event, or would have been. The machine's owner, given as `None`, is told everything.
    pub fn shown(&self, one: &Happened, state: &State, viewer: Option<&Member>) -> Option<Event> {
        if viewer.is_some() && (one.number < self.everything || one.at < self.time) {
            return None;
        }
        one.event.shown_of(state, viewer, |channel| self.opened(channel, state) <= one.number)
    }

    /// The first number of what may be known of a channel.
    fn opened(&self, channel: ChannelId, state: &State) -> u64 {
        if self.channels.is_empty() {
            return 0;
        }
        let mut above = Some(channel);
        let way = std::iter::from_fn(|| {
            let one = above?;
            above = state.channel(one).and_then(|channel| channel.parent);
            Some(one)
        });
        way.filter_map(|one| self.channels.get(&one)).max().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Whom;
    use crate::id::{SessionId, Ssrc, UserId};

    fn viewer() -> Member {
        Member::new(SessionId(7), Some(UserId(1)), "alice".to_owned(), Ssrc(1))
    }

    fn to(user: u64, channel: Option<u64>) -> Opened {
        Opened { to: Whom::Account(UserId(user)), channel: channel.map(ChannelId) }
    }

    #[test]
    fn the_last_that_opened_something_counts_for_those_to_whom_it_did() {
        let mut openings = Openings::default();
        for (number, opened) in [(3, to(1, None)), (5, to(1, Some(2))), (4, to(2, None)), (6, to(1, Some(2)))]
        {
            openings.note(number, opened);
        }
        let since = openings.since(&viewer(), Timestamp(9));
        let channels = HashMap::from([(ChannelId(2), 6)]);
        assert_eq!(since, Since { time: Timestamp(9), everything: 3, channels });
        let since = openings.after(5).since(&viewer(), Timestamp(0));
        assert_eq!((since.everything, since.channels.len()), (0, 1));
        assert!(openings.after(6).is_empty());
        openings.forget(6);
        assert_eq!(openings.since(&viewer(), Timestamp(0)), Since::default());
    }

    #[test]
    fn at_the_bound_nobody_is_told_what_was_before_the_oldest() {
        let mut openings = Openings::default();
        for number in 1..=OPENINGS as u64 {
            openings.note(number, to(2, None));
        }
        assert_eq!(openings.since(&viewer(), Timestamp(0)).everything, 0);
        openings.note(9_000, to(2, None));
        openings.note(9_001, to(2, None));
        assert_eq!(openings.since(&viewer(), Timestamp(0)).everything, 2);
    }
}
