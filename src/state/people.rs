//! Those who are connected, found by where they are, what they hear, whose session it is and what roles they have. A copy shares
//! all that doesn't change afterwards, so that it costs the same however many there are.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use super::Member;
use crate::id::{ChannelId, RoleId, SessionId, Ssrc, Timestamp, UserId};

/// By what members are found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    /// Who is in a channel.
    In(ChannelId),
    /// Who wants to hear one from elsewhere.
    Hears(ChannelId),
    /// Who has shown its password.
    Shown(ChannelId),
    /// The sessions of an account.
    Of(UserId),
    /// Who has a role, whether that grants anything or not.
    Holds(RoleId),
    /// Whose grant of a role ends then.
    Ends(Timestamp),
    /// Those of a class, by its number.
    Alike(u64),
    /// Whose packets carry this.
    Speaks(Ssrc),
    /// Guests whose names look like this.
    Looks(String),
}

/// What may have changed about who hears whom since it was looked at last ([`super::State::take_touched`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Those who may be heard elsewhere or by others than before, or who are gone.
    pub sessions: BTreeSet<SessionId>,
    /// Channels in which others may hear than before.
    pub channels: BTreeSet<ChannelId>,
    /// Roles that others may have than before.
    pub roles: BTreeSet<RoleId>,
    /// What all of it goes by is another: all is to be looked at.
    pub everything: bool,
}

impl Touched {
    fn add(&mut self, member: &Member) {
        self.sessions.insert(member.session);
        self.channels.extend(member.channel);
        self.channels.extend(member.listening.keys());
        self.roles.extend(member.roles.iter().map(|held| held.role));
    }
}

/// Those who are connected.
#[derive(Clone, Debug, Default)]
pub(super) struct People {
    all: OrdMap<SessionId, Arc<Member>>,
    marked: OrdSet<(Mark, SessionId)>,
    pub(super) touched: Touched,
}

impl People {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn get(&self, session: SessionId) -> Option<&Member> {
        self.all.get(&session).map(Arc::as_ref)
    }

    pub(super) fn contains(&self, session: SessionId) -> bool {
        self.all.contains_key(&session)
    }

    /// All, in order of session.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &Member> {
        self.all.values().map(Arc::as_ref)
    }

    /// Those with a session above `after`.
    pub(super) fn iter_after(&self, after: SessionId) -> impl Iterator<Item = &Member> {
        let all = (Bound::Excluded(after), Bound::Unbounded);
        self.all.range(all).map(|(_, member)| member.as_ref())
    }

    /// Those who have a mark, in order of session.
    pub(super) fn marked(&self, mark: Mark) -> impl Iterator<Item = &Member> {
        let (first, last) = ((mark.clone(), SessionId(0)), (mark, SessionId(u64::MAX)));
        self.marked.range(first..=last).filter_map(|(_, session)| self.get(*session))
    }

    /// Of these, those with a session above `after`.
    pub(super) fn marked_after(&self, mark: Mark, after: SessionId) -> impl Iterator<Item = &Member> {
        let first = Bound::Excluded((mark.clone(), after));
        let all = (first, Bound::Included((mark, SessionId(u64::MAX))));
        self.marked.range(all).filter_map(|(_, session)| self.get(*session))
    }

    /// The same as a list, for what changes them.
    pub(super) fn sessions(&self, mark: Mark) -> Vec<SessionId> {
        self.marked(mark).map(|member| member.session).collect()
    }

    /// When the first grant of a role ends.
    pub(super) fn first_end(&self) -> Option<Timestamp> {
        let first = (Mark::Ends(Timestamp(0)), SessionId(0));
        match self.marked.range(first..).next() {
            Some((Mark::Ends(at), _)) => Some(*at),
            _ => None,
        }
    }

    /// Those of whom a grant ends by some time.
    pub(super) fn ending(&self, by: Timestamp) -> BTreeSet<SessionId> {
        let (first, last) = ((Mark::Ends(Timestamp(0)), SessionId(0)), (Mark::Ends(by), SessionId(u64::MAX)));
        self.marked.range(first..=last).map(|(_, session)| *session).collect()
    }

    /// Somebody is this from now on. Answers with what they were.
    pub(super) fn put(&mut self, member: Member) -> Option<Arc<Member>> {
        let session = member.session;
        let is = Arc::new(member);
        let was = self.all.insert(session, Arc::clone(&is));
        self.note(was.as_deref(), Some(&is));
        was
    }

    /// Somebody is gone. Answers with what they were.
    pub(super) fn take(&mut self, session: SessionId) -> Option<Arc<Member>> {
        let was = self.all.remove(&session)?;
        self.note(Some(&was), None);
        Some(was)
    }

    /// Changes somebody who is there.
    pub(super) fn change<T>(
        &mut self,
        session: SessionId,
        change: impl FnOnce(&mut Member) -> T,
    ) -> Option<T> {
        let mut is = Member::clone(self.get(session)?);
        let answer = change(&mut is);
        self.put(is);
        Some(answer)
    }

    fn note(&mut self, was: Option<&Member>, is: Option<&Member>) {
        if was.map(voice) != is.map(voice) {
            was.into_iter().chain(is).for_each(|member| self.touched.add(member));
        }
        let (before, after) = (was.map(marks).unwrap_or_default(), is.map(marks).unwrap_or_default());
        let Some(session) = was.or(is).map(|member| member.session) else { return };
        for gone in before.iter().filter(|mark| !after.contains(mark)) {
            self.marked.remove(&(gone.clone(), session));
        }
        for new in after.into_iter().filter(|mark| !before.contains(mark)) {
            self.marked.insert((new, session));
        }
    }
}

/// By what a member is found. A handful: it listens to few channels and has few roles.
fn marks(member: &Member) -> Vec<Mark> {
    let mut marks = vec![Mark::Alike(member.class.number()), Mark::Speaks(member.ssrc)];
    marks.extend(member.channel.map(Mark::In));
    marks.extend(member.listening.keys().copied().map(Mark::Hears));
    marks.extend(member.passwords.keys().copied().map(Mark::Shown));
    match member.user {
        Some(user) => marks.push(Mark::Of(user)),
        None => marks.push(Mark::Looks(member.look.clone())),
    }
    for held in &member.roles {
        marks.push(Mark::Holds(held.role));
        marks.extend(held.until.map(Mark::Ends));
    }
    marks.sort_unstable();
    marks.dedup();
    marks
}

/// What of a member goes into who hears whom.
fn voice(member: &Member) -> impl PartialEq {
    (
        (member.channel, member.ssrc, &member.context, member.ceiling, Arc::as_ptr(&member.class)),
        [member.mute, member.deaf, member.muted, member.deafened, member.suppressed, member.priority],
        (&member.listening, &member.passwords, &member.targets, &member.roles),
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::member;
    use super::*;

    /// The marks that the members have, told anew.
    fn told_anew(people: &People) -> Vec<(Mark, SessionId)> {
        let mut all: Vec<_> =
            people.iter().flat_map(|one| marks(one).into_iter().map(|mark| (mark, one.session))).collect();
        all.sort();
        all
    }

    #[test]
    fn whoever_changes_is_found_by_what_they_are_now() {
        let mut people = People::default();
        for session in 1..=20 {
            people.put(member(session, &[session % 3 + 1]));
        }
        let before = people.clone();
        for session in 1..=20 {
            people.change(SessionId(session), |one| {
                one.channel = Some(ChannelId(session % 4));
                one.listening.insert(ChannelId(session % 5), 100);
                one.roles.retain(|held| held.role != RoleId(2));
            });
        }
        people.take(SessionId(4));
        assert_eq!(people.marked.iter().cloned().collect::<Vec<_>>(), told_anew(&people));
        assert_eq!(people.sessions(Mark::In(ChannelId(0))), [8, 12, 16, 20].map(SessionId));
        assert!(people.sessions(Mark::Holds(RoleId(2))).is_empty());
        assert_eq!(people.sessions(Mark::Of(UserId(7))), [SessionId(7)]);
        // A copy that was made before knows nothing of it.
        assert_eq!(before.marked.iter().cloned().collect::<Vec<_>>(), told_anew(&before));
        assert_eq!(before.len(), 20);
    }

    #[test]
    fn what_nobody_hears_of_touches_nothing() {
        let mut people = People::default();
        people.put(member(1, &[1]));
        people.touched = Touched::default();
        people.change(SessionId(1), |one| one.status = "tea".to_owned());
        assert_eq!(people.touched, Touched::default());
        people.change(SessionId(1), |one| one.channel = Some(ChannelId(3)));
        assert_eq!(people.touched.channels, BTreeSet::from([ChannelId(3)]));
    }
}
