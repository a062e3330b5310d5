//! The connections of those who are there, and which log-in ends first.

use std::collections::hash_map::{IntoValues, IterMut};
use std::collections::{BTreeSet, HashMap};
use std::ops::Deref;
use std::time::Duration;

use super::connection::Connection;
use crate::id::{SessionId, Timestamp};

/// The connections by session. Each has a member in the state.
pub(super) struct Connections<P> {
    all: HashMap<SessionId, Connection<P>>,
    /// Those whose log-in ends, by when it does.
    until: BTreeSet<(Timestamp, SessionId)>,
    /// Those whose access token ends, by when it does, in monotonic time.
    brief: BTreeSet<(Duration, SessionId)>,
}

impl<P> Default for Connections<P> {
    fn default() -> Self {
        Self { all: HashMap::new(), until: BTreeSet::new(), brief: BTreeSet::new() }
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
        self.all.insert(session, connection);
        replaced
    }

    pub(super) fn remove(&mut self, session: SessionId) -> Option<Connection<P>> {
        let removed = self.all.remove(&session)?;
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
