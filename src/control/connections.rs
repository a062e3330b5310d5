//! The connections of those who are there, and which log-in ends first.

use std::collections::hash_map::{IntoValues, IterMut};
use std::collections::{BTreeSet, HashMap};
use std::ops::Deref;
use std::time::Duration;

use super::connection::Connection;
use crate::id::{SessionId, Timestamp};
use crate::state::Reach;

/// The connections by session. Each has a member in the state.
pub(super) struct Connections<P> {
    all: HashMap<SessionId, Connection<P>>,
    /// Those whose log-in ends, by when it does.
    until: BTreeSet<(Timestamp, SessionId)>,
    /// Those whose access token ends, by when it does, in monotonic time.
    brief: BTreeSet<(Duration, SessionId)>,
    /// Those who are told of everybody, rather than by interest.
    told_of_all: BTreeSet<SessionId>,
}

impl<P> Default for Connections<P> {
    fn default() -> Self {
        Self {
            all: HashMap::new(),
            until: BTreeSet::new(),
            brief: BTreeSet::new(),
            told_of_all: BTreeSet::new(),
        }
    }
}

impl<P> Deref for Connections<P> {
    type Target = HashMap<SessionId, Connection<P>>;

    fn deref(&self) -> &Self::Target {
        &self.all
    }
}

impl<P> Connections<P> {
    /// Another one; answers with the one whose place it takes.
    pub(super) fn insert(&mut self, session: SessionId, connection: Connection<P>) -> Option<Connection<P>> {
        let replaced = self.remove(session);
        self.until.extend(connection.until().map(|end| (end, session)));
        self.brief.extend(connection.brief.map(|end| (end, session)));
        if !connection.wants.presence {
            self.told_of_all.insert(session);
        }
        self.all.insert(session, connection);
        replaced
    }

    pub(super) fn remove(&mut self, session: SessionId) -> Option<Connection<P>> {
        let removed = self.all.remove(&session)?;
        self.told_of_all.remove(&session);
        if let Some(end) = removed.until() {
            self.until.remove(&(end, session));
        }
        if let Some(end) = removed.brief {
            self.brief.remove(&(end, session));
        }
        Some(removed)
    }

    pub(super) fn get_mut(&mut self, session: SessionId) -> Option<&mut Connection<P>> {
        self.all.get_mut(&session)
    }

    pub(super) fn iter_mut(&mut self) -> IterMut<'_, SessionId, Connection<P>> {
        self.all.iter_mut()
    }

    pub(super) fn into_values(self) -> IntoValues<SessionId, Connection<P>> {
        self.all.into_values()
    }

    /// Those for whom there is something, and who arrived.
    pub(super) fn reached(&self, reach: &Reach, arrived: &[SessionId]) -> Vec<SessionId> {
        if reach.everybody {
            return self.all.keys().copied().collect();
        }
        let some: BTreeSet<_> = reach.sessions.iter().chain(arrived).copied().collect();
        if reach.others {
            let by_interest = some.difference(&self.told_of_all);
            return self.told_of_all.iter().chain(by_interest).copied().collect();
        }
        some.into_iter().collect()
    }

    /// When the first log-in ends.
    pub(super) fn first_until(&self) -> Option<Timestamp> {
        self.until.first().map(|(end, _)| *end)
    }

    /// When the first access token ends, in monotonic time.
    pub(super) fn first_brief(&self) -> Option<Duration> {
        self.brief.first().map(|(end, _)| *end)
    }

    /// Those whose log-in has ended by some time.
    pub(super) fn ended(&self, by: Timestamp) -> Vec<SessionId> {
        self.until.iter().take_while(|(end, _)| *end <= by).map(|(_, session)| *session).collect()
    }

    /// Those whose access token has ended by some time.
    pub(super) fn brief_ended(&self, by: Duration) -> Vec<SessionId> {
        self.brief.iter().take_while(|(end, _)| *end <= by).map(|(_, session)| *session).collect()
    }

    /// Somebody's log-in ends later than it did.
    pub(super) fn extend(&mut self, session: SessionId, until: Timestamp) {
        let Some(connection) = self.all.get_mut(&session) else { return };
        if let Some(end) = connection.set_until(Some(until)) {
            self.until.remove(&(end, session));
        }
        self.until.insert((until, session));
    }
}
