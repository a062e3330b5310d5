//! The feed itself: the last of what happened, and those who follow it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use thiserror::Error;
use tokio::sync::mpsc;

use super::{Doer, Event, Happened, Kind, Opened, Openings, Shown, Since};
use crate::id::{OrganizationId, Timestamp};
use crate::state::{Actor, Member};

/// Events that are kept for those who come back; the oldest goes.
pub const KEPT: usize = 4_096;

/// Events that wait for one subscriber; one who lets more pile up is dropped, and told to start anew.
pub const WAITING: usize = 1_024;

/// Subscribers at most; the next one is refused.
pub const SUBSCRIBERS: usize = 1_024;

/// Numbers of one millisecond: the first number after a start is above all that were given before it, as long as fewer
/// than this many things happened a millisecond and the clock wasn't set back, for which [`Feed::go_on_from`] is there.
const PER_MILLISECOND: u64 = 1 << 10;

/// What a subscriber wants to know of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// These kinds; all when there are none.
    pub kinds: Vec<Kind>,
}

impl Filter {
    /// Whether it is one of them.
    pub fn admits(&self, event: &Event) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&event.kind())
    }
}

/// Why nothing can be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SubscribeError {
    /// What happened since that number isn't kept any more, or never was.
    #[error(
        "what happened since then isn't kept any more; read what is there now, and follow the feed from its end"
    )]
    Gone,
    /// There are as many as there can be.
    #[error("{SUBSCRIBERS} programs follow this feed already; end one of them first")]
    TooMany,
}

/// What a subscriber reads: the events from the number on that it asked for, without a gap in what it may see. It ends
/// when the server stops, or when too much piled up; [`Subscription::has_lost`] says which.
#[derive(Debug)]
pub struct Subscription {
    first: u64,
    events: mpsc::Receiver<Arc<Shown>>,
    shared: Arc<Shared>,
    /// All before this number was read, or is known not to be for it.
    resume: u64,
}

/// What a subscription knows of itself on both sides.
#[derive(Debug)]
struct Shared {
    /// Whether it ended because too much piled up.
    lost: AtomicBool,
    /// All before this number was queued, or isn't for it.
    offered: AtomicU64,
}

impl Subscription {
    /// The number that its first event has at least.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The next event; `None` when there won't be another.
    pub async fn next(&mut self) -> Option<Arc<Shown>> {
        let happened = self.events.recv().await;
        self.read(happened)
    }

    /// The next event, if it is there already.
    pub fn try_next(&mut self) -> Option<Arc<Shown>> {
        let happened = self.events.try_recv().ok();
        self.read(happened)
    }

    fn read(&mut self, happened: Option<Arc<Shown>>) -> Option<Arc<Shown>> {
        self.resume = happened.as_ref().map_or(self.resume, |one| self.resume.max(one.number + 1));
        happened
    }

    /// The number from which on whoever reads comes back and misses nothing. It goes on with what happens, whether or not that
    /// is for them.
    pub fn resume(&mut self) -> u64 {
        // In this order: what was offered by then is in the queue.
        let offered = self.shared.offered.load(Ordering::Acquire);
        if self.events.is_empty() {
            self.resume = self.resume.max(offered);
        }
        self.resume
    }

    /// Whether it ended because too much piled up: whoever reads has to start anew.
    pub fn has_lost(&self) -> bool {
        self.shared.lost.load(Ordering::Acquire)
    }
}

#[derive(Debug)]
struct Subscriber {
    actor: Actor,
    filter: Filter,
    events: mpsc::Sender<Arc<Shown>>,
    shared: Arc<Shared>,
}

/// What happened in an organization, in the order in which it was committed.
#[derive(Debug)]
pub struct Feed {
    organization: OrganizationId,
    next: u64,
    kept: VecDeque<Arc<Shown>>,
    openings: Openings,
    subscribers: Vec<Subscriber>,
}

impl Feed {
    /// A feed in which nothing has happened since `start`, the time of the server's start.
    pub fn new(organization: OrganizationId, start: Timestamp) -> Self {
        let next = start.0.saturating_mul(PER_MILLISECOND);
        let (kept, openings) = (VecDeque::new(), Openings::default());
        Self { organization, next, kept, openings, subscribers: Vec::new() }
    }

    /// Events have numbers from this one on, if the next one's wasn't above it anyway.
    pub fn go_on_from(&mut self, number: u64) {
        self.next = self.next.max(number);
    }

    /// The number that the next event gets.
    pub fn next_number(&self) -> u64 {
        self.next
    }

    /// Numbers something that is about to be committed. Numbers of what isn't committed after all are given again by
    /// [`Feed::take_back`].
    pub fn number(&mut self, at: Timestamp, by: Doer, event: Event) -> Happened {
        let number = self.next;
        self.next += 1;
        Happened { organization: self.organization, number, at, by, event }
    }

    /// Nothing from this number on was committed.
    pub fn take_back(&mut self, number: u64) {
        let published = self.kept.back().map_or(0, |last| last.number + 1);
        self.next = number.max(published);
    }

    /// Somebody may know more from now on. What isn't committed after all opens nothing more than it, so that stays noted.
    pub fn open(&mut self, opened: Opened) {
        self.openings.note(self.next, opened);
    }

    /// By what somebody may know more that came after an event.
    pub fn opened_after(&self, number: u64) -> Openings {
        self.openings.after(number)
    }

    /// Since when a viewer may know what they may know now. What happened before a `time` they may not.
    pub fn since(&self, viewer: &Member, time: Timestamp) -> Since {
        self.openings.since(viewer, time)
    }

    /// Makes known what was committed. `shown` says what an actor may know of an event, if anything.
    pub fn publish(&mut self, happened: Vec<Happened>, shown: impl Fn(Actor, &Happened) -> Option<Event>) {
        for one in happened {
            let one = Arc::new(Shown::new(one));
            self.subscribers.retain(|subscriber| subscriber.offer(&one, |actor| shown(actor, &one)));
            if self.kept.len() == KEPT {
                self.kept.pop_front();
            }
            self.kept.push_back(one);
        }
        self.openings.forget(self.kept.front().map_or(self.next, |first| first.number));
    }

    /// Follows what happens: from the event of a number on, as far as it is kept, or from now on. `shown` says what the actor
    /// may know of what was missed.
    pub fn subscribe(
        &mut self,
        actor: Actor,
        from: Option<u64>,
        filter: Filter,
        shown: impl Fn(&Happened) -> Option<Event>,
    ) -> Result<Subscription, SubscribeError> {
        self.subscribers.retain(|subscriber| !subscriber.events.is_closed());
        if self.subscribers.len() >= SUBSCRIBERS {
            return Err(SubscribeError::TooMany);
        }
        let from = from.unwrap_or(self.next);
        let first = self.kept.front().map_or(self.next, |first| first.number);
        if from < first || from > self.next {
            return Err(SubscribeError::Gone);
        }
        let missed: Vec<_> = self.kept.iter().filter(|one| one.number >= from).cloned().collect();
        // What was missed doesn't count against what may wait.
        let (sender, events) = mpsc::channel(WAITING + missed.len());
        let shared = Arc::new(Shared { lost: AtomicBool::new(false), offered: AtomicU64::new(from) });
        let subscriber = Subscriber { actor, filter, events: sender, shared: Arc::clone(&shared) };
        for one in &missed {
            subscriber.offer(one, |_| shown(one));
        }
        self.subscribers.push(subscriber);
        Ok(Subscription { first: from, events, shared, resume: from })
    }
}

impl Subscriber {
    /// Queues an event, if it is wanted and may be known. `false` for whoever follows no more.
    fn offer(&self, one: &Arc<Shown>, shown: impl FnOnce(Actor) -> Option<Event>) -> bool {
        if self.events.is_closed() {
            return false;
        }
        let wanted = self.filter.admits(&one.event);
        if let Some(event) = wanted.then(|| shown(self.actor)).flatten() {
            let told = if event == one.event {
                Arc::clone(one)
            } else {
                Arc::new(Shown::new(Happened { event, ..Happened::clone(one) }))
            };
            if self.events.try_send(told).is_err() {
                self.shared.lost.store(true, Ordering::Release);
                return false;
            }
        }
        self.shared.offered.fetch_max(one.number + 1, Ordering::Release);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::told;
    use crate::id::{ChannelId, RoleId, SessionId};

    fn feed() -> Feed {
        Feed::new(OrganizationId(1), Timestamp(1_000))
    }

    fn role(number: u64) -> Event {
        Event::RoleChanged { role: RoleId(number) }
    }

    #[expect(clippy::unnecessary_wraps, reason = "the form that the feed asks for")]
    fn everything(_: Actor, one: &Happened) -> Option<Event> {
        Some(one.event.clone())
    }

    #[expect(clippy::unnecessary_wraps, reason = "the form that the feed asks for")]
    fn all_of_it(one: &Happened) -> Option<Event> {
        Some(one.event.clone())
    }

    fn happen(feed: &mut Feed, event: Event) -> u64 {
        let one = feed.number(Timestamp(1_001), Doer::Server, event);
        let number = one.number;
        feed.publish(vec![one], everything);
        number
    }

    #[test]
    fn events_come_in_order_from_the_number_that_was_asked_for() {
        let mut feed = feed();
        let numbers: Vec<_> = (0..5).map(|number| happen(&mut feed, role(number))).collect();
        assert!(numbers.windows(2).all(|two| two[1] == two[0] + 1));
        let mut late =
            feed.subscribe(Actor::Operator, Some(numbers[3]), Filter::default(), all_of_it).unwrap();
        happen(&mut feed, role(9));
        let read: Vec<_> = std::iter::from_fn(|| late.try_next()).map(|one| one.event.clone()).collect();
        assert_eq!(read, [role(3), role(4), role(9)]);
    }

    #[test]
    fn what_isn_t_kept_is_said_to_be_gone() {
        let mut feed = feed();
        let first = happen(&mut feed, role(0));
        for number in 0..KEPT as u64 {
            happen(&mut feed, role(number));
        }
        let asked = |feed: &mut Feed, from| {
            feed.subscribe(Actor::Operator, Some(from), Filter::default(), all_of_it).map(drop)
        };
        assert_eq!(asked(&mut feed, first), Err(SubscribeError::Gone));
        assert_eq!(asked(&mut feed, first + 1), Ok(()));
        let next = feed.next_number();
        assert_eq!(asked(&mut feed, next), Ok(()));
        assert_eq!(asked(&mut feed, next + 1), Err(SubscribeError::Gone), "nothing has that number yet");
    }

    #[test]
    fn whoever_lets_too_much_pile_up_is_told_so_and_others_go_on() {
        let mut feed = feed();
        let mut slow = feed.subscribe(Actor::Operator, None, Filter::default(), all_of_it).unwrap();
        for number in 0..=WAITING as u64 {
            happen(&mut feed, role(number));
        }
        assert!(slow.has_lost());
        assert_eq!(std::iter::from_fn(|| slow.try_next()).count(), WAITING);
        let mut other = feed.subscribe(Actor::Operator, None, Filter::default(), all_of_it).unwrap();
        happen(&mut feed, role(1));
        assert!(other.try_next().is_some() && !other.has_lost());
    }

    #[test]
    fn there_is_room_for_so_many_and_who_is_gone_makes_room() {
        let mut feed = feed();
        let mut all: Vec<_> = (0..SUBSCRIBERS)
            .map(|_| feed.subscribe(Actor::Operator, None, Filter::default(), all_of_it).unwrap())
            .collect();
        let one_more =
            |feed: &mut Feed| feed.subscribe(Actor::Operator, None, Filter::default(), all_of_it).map(drop);
        assert_eq!(one_more(&mut feed), Err(SubscribeError::TooMany));
        all.pop();
        assert_eq!(one_more(&mut feed), Ok(()));
    }

    #[test]
    fn filters_and_what_may_be_seen_leave_no_trace() {
        let mut feed = feed();
        let hides = |actor: Actor, one: &Happened| match (actor, &one.event) {
            (Actor::Session(_), Event::ChannelChanged { .. }) => None,
            (_, event) => Some(event.clone()),
        };
        let session = Actor::Session(SessionId(1));
        let mut all = feed.subscribe(session, None, Filter::default(), all_of_it).unwrap();
        let channels = Filter { kinds: vec![Kind::Channels] };
        let mut operator = feed.subscribe(Actor::Operator, None, channels, all_of_it).unwrap();
        for event in [Event::ChannelChanged { channel: ChannelId(1) }, role(1)] {
            let one = feed.number(Timestamp(1), Doer::Server, event);
            feed.publish(vec![one], hides);
        }
        assert_eq!(all.try_next().map(|one| one.event.clone()), Some(role(1)));
        assert!(all.try_next().is_none());
        assert!(matches!(operator.try_next().unwrap().event, Event::ChannelChanged { .. }));
        assert!(operator.try_next().is_none());
    }

    #[test]
    fn those_who_know_the_same_share_one_text_and_others_have_their_own() {
        let mut feed = feed();
        let hides = |actor: Actor, one: &Happened| match actor {
            Actor::Operator => Some(one.event.clone()),
            _ => Some(Event::Moved { session: SessionId(1), from: None, to: None }),
        };
        let less = Actor::Session(SessionId(2));
        let mut those = [Actor::Operator, Actor::Operator, less]
            .map(|actor| feed.subscribe(actor, None, Filter::default(), all_of_it).unwrap());
        let event = Event::Moved { session: SessionId(1), from: Some(ChannelId(7)), to: None };
        let one = feed.number(Timestamp(1), Doer::Server, event);
        feed.publish(vec![one.clone()], hides);
        let [first, second, third] = those.each_mut().map(|one| one.try_next().unwrap());
        assert!(std::ptr::eq(first.text().1, second.text().1));
        let (word, all) = told(&one);
        assert_eq!(second.text(), (word, all.to_string().as_str()));
        assert!(third.text().1.contains("\"from\":null"), "{}", third.text().1);
    }

    #[test]
    fn whoever_wants_little_comes_back_behind_all_that_was_looked_at() {
        let mut feed = feed();
        let first = happen(&mut feed, role(1));
        let channels = || Filter { kinds: vec![Kind::Channels] };
        let mut few = feed.subscribe(Actor::Operator, Some(first), channels(), all_of_it).unwrap();
        assert_eq!((few.first(), few.resume()), (first, first + 1));
        for number in 0..=KEPT as u64 {
            happen(&mut feed, role(number));
        }
        let from = few.resume();
        assert_eq!(from, feed.next_number());
        feed.subscribe(Actor::Operator, Some(from), channels(), all_of_it).unwrap();
        // Never behind what waits to be read.
        let made = happen(&mut feed, Event::ChannelChanged { channel: ChannelId(1) });
        happen(&mut feed, role(1));
        assert_eq!(few.resume(), made);
        assert_eq!(few.try_next().map(|one| one.number), Some(made));
        assert_eq!(few.resume(), feed.next_number());
        // Nor behind what was lost. There is room for what it had missed, too.
        for number in 0..WAITING as u64 + 2 {
            happen(&mut feed, Event::ChannelChanged { channel: ChannelId(number) });
        }
        let mut read = 0;
        while few.try_next().is_some() {
            read += 1;
        }
        assert!(few.has_lost() && read == WAITING + 1, "{read}");
        assert_eq!(few.resume(), feed.next_number() - 1);
    }

    #[test]
    fn numbers_of_what_was_not_committed_are_given_again() {
        let mut feed = feed();
        let published = happen(&mut feed, role(1));
        let lost = feed.number(Timestamp(1), Doer::Server, role(2)).number;
        feed.take_back(lost);
        assert_eq!(happen(&mut feed, role(3)), published + 1);
        feed.take_back(published);
        assert_eq!(feed.next_number(), published + 2, "what was published keeps its number");
    }
}
