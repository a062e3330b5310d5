//! What waits to be done for webhooks: messages that have to be written, and what whoever delivers them has to look at.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::bounds::MAX_HOOK_UNWRITTEN;
use crate::feed::{Filter, Message};
use crate::id::{HookId, OrganizationId, UserId};
use crate::store::write::{NewMessage, NewRun};

/// A row that belongs to something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// A message to a webhook.
    Message(NewMessage),
    /// A run of a flow, which the event of this number begins.
    Run(u64, NewRun),
}

impl Row {
    /// What it takes beside what every row does.
    fn bytes(&self) -> usize {
        match self {
            Self::Message(message) => message.message.len(),
            Self::Run(_, run) => run.event.len() + run.input.len(),
        }
    }
}

/// A webhook that is on.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) user: UserId,
    pub(super) hook: HookId,
    pub(super) filter: Filter,
}

/// The messages and the runs among rows, each in their order.
pub(super) fn split(rows: Vec<Row>) -> (Vec<NewMessage>, Vec<NewRun>) {
    let (mut messages, mut runs) = (Vec::new(), Vec::new());
    for row in rows {
        match row {
            Row::Message(message) => messages.push(message),
            Row::Run(_, run) => runs.push(run),
        }
    }
    (messages, runs)
}

/// Messages to webhooks and runs of flows of an organization that wait to be written, in the order in which what they come of
/// happened.
#[derive(Debug, Default)]
pub(super) struct Unwritten(Mutex<VecDeque<Row>>);

impl Unwritten {
    pub(super) fn lock(&self) -> MutexGuard<'_, VecDeque<Row>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put_behind(&self, rows: Vec<Row>) {
        let mut all = self.lock();
        all.extend(rows);
        cut_off(&mut all);
    }

    /// What couldn't be written waits again, before what came meanwhile.
    pub(super) fn put_back(&self, rows: Vec<Row>) {
        let mut all = self.lock();
        let later = std::mem::take(&mut *all);
        all.extend(rows);
        all.extend(later);
        cut_off(&mut all);
    }

    pub(super) fn take(&self) -> Vec<Row> {
        self.lock().drain(..).collect()
    }
}

/// At the bound the oldest goes, and of messages the next one of the same webhook says so. The only one of a webhook stays: of those there
/// are few.
fn cut_off(all: &mut VecDeque<Row>) {
    let mut only = Vec::new();
    let mut bytes = all.iter().map(Row::bytes).sum::<usize>();
    while all.len() + only.len() > MAX_HOOK_UNWRITTEN.0 || bytes > MAX_HOOK_UNWRITTEN.1 {
        let Some(oldest) = all.pop_front() else { break };
        bytes -= oldest.bytes();
        // A run that nobody can queue is begun by nobody.
        let Row::Message(oldest) = oldest else { continue };
        let next = all.iter_mut().find_map(|row| match row {
            Row::Message(next) if (next.user, next.hook) == (oldest.user, oldest.hook) => Some(next),
            _ => None,
        });
        match next {
            Some(next) => {
                let cut = Message::cut(&oldest.message, &next.message);
                bytes = (bytes + cut.len()).saturating_sub(next.message.len());
                next.message = cut;
            }
            None => only.push(Row::Message(oldest)),
        }
    }
    only.into_iter().rev().for_each(|one| all.push_front(one));
}

/// What there is to do for webhooks, of all organizations: told by whoever comes upon it, and done by whoever delivers. Cheap
/// to clone.
#[derive(Clone, Debug, Default)]
pub struct HookWork(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    due: Mutex<HooksDue>,
    told: Notify,
}

/// What there is to do.
#[derive(Debug, Default)]
pub struct HooksDue {
    /// Webhooks that have something new: messages, or another address.
    pub changed: HashSet<(UserId, HookId)>,
    /// Organizations of whose webhooks messages wait to be written.
    pub unwritten: HashSet<OrganizationId>,
    /// Webhooks whose owners aren't let in.
    pub not_let_in: HashSet<(UserId, HookId)>,
}

impl HookWork {
    /// Waits until there is something to do, and answers with it.
    pub async fn next(&self) -> HooksDue {
        loop {
            let due = std::mem::take(&mut *self.lock());
            if !(due.changed.is_empty() && due.unwritten.is_empty() && due.not_let_in.is_empty()) {
                return due;
            }
            self.0.told.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HooksDue> {
        self.0.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Messages of an organization's webhooks wait to be written.
    pub fn note_unwritten(&self, organization: OrganizationId) {
        self.note(|due| {
            due.unwritten.insert(organization);
        });
    }

    pub(super) fn note(&self, note: impl FnOnce(&mut HooksDue)) {
        note(&mut self.lock());
        self.0.told.notify_one();
    }

    pub(super) fn note_messages(&self, rows: &[Row]) {
        let key = |row: &Row| match row {
            Row::Message(one) => Some((one.user, one.hook)),
            Row::Run(..) => None,
        };
        self.note(|due| due.changed.extend(rows.iter().filter_map(key)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Missing;
    use crate::id::Timestamp;

    fn message(hook: u64, at: u64) -> Row {
        let (user, at) = (UserId(1), Timestamp(at));
        Row::Message(NewMessage { user, hook: HookId(hook), at, message: Message::Test { at }.to_text() })
    }

    fn messages(rows: Vec<Row>) -> Vec<NewMessage> {
        split(rows).0
    }

    #[test]
    fn what_can_t_be_written_is_counted_at_the_bound_and_keeps_its_order() {
        let unwritten = Unwritten::default();
        unwritten.put_behind(vec![message(2, 1)]);
        unwritten.put_behind((0..MAX_HOOK_UNWRITTEN.0 as u64 + 9).map(|at| message(1, at + 10)).collect());
        let all = messages(unwritten.take());
        assert_eq!(all.len(), MAX_HOOK_UNWRITTEN.0);
        let of = |hook| all.iter().filter(move |one| one.hook == HookId(hook)).collect::<Vec<_>>();
        assert_eq!(of(2).len(), 1, "the only one of a webhook stays");
        let cut = Message::from_text(&of(1)[0].message).unwrap();
        let Message::Missed(Missing::NotKept { count, since, .. }) = cut else { panic!("{cut:?}") };
        assert_eq!((count + of(1).len() as u64 - 1, since), (MAX_HOOK_UNWRITTEN.0 as u64 + 9, Timestamp(10)));
        assert!(of(1).windows(2).all(|two| two[0].at <= two[1].at));
        // Few that are long are as many.
        let long = "x".repeat(1 << 20);
        let test = |at| {
            Row::Message(NewMessage {
                user: UserId(1),
                hook: HookId(1),
                at: Timestamp(at),
                message: long.clone(),
            })
        };
        unwritten.put_behind((1..=20).map(test).collect());
        let all = messages(unwritten.take());
        assert_eq!(all.len(), 16, "fifteen, and one that says that the others are missing");
        assert!(all[0].message.len() < 200 && all[1..].iter().all(|one| one.message == long));
        unwritten.put_behind(vec![message(1, 9)]);
        unwritten.put_back(vec![message(1, 7), message(1, 8)]);
        assert_eq!(messages(unwritten.take()).iter().map(|one| one.at.0).collect::<Vec<_>>(), [7, 8, 9]);
    }
}
