//! What the owners of webhooks and of flows may know, as long as nothing changes it: neither what the store says of them is read anew
//! for each event, nor is a message judged again before it is sent.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::id::{Timestamp, UserId};
use crate::state::Named;

/// What the store says of the owners of webhooks and of flows who may come in, of whom there are as many as those at most. It is what
/// it said until an account may be another one.
#[derive(Debug, Default)]
pub(super) struct Owners(HashMap<UserId, Named>);

impl Owners {
    /// What is known of an owner, read by `read` where nothing is.
    pub(super) fn get<E>(
        &mut self,
        user: UserId,
        read: impl FnOnce() -> Result<Named, E>,
    ) -> Result<Named, E> {
        if let Some(known) = self.0.get(&user) {
            return Ok(known.clone());
        }
        let named = read()?;
        self.0.insert(user, named.clone());
        Ok(named)
    }

    /// Any of them may be another one.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

/// Since when what somebody may know is the same. The control thread says so; whoever sends messages asks.
#[derive(Debug)]
pub(super) struct Settled {
    /// The number of the first event that was judged by what holds still.
    since: AtomicU64,
    /// When, by wall time, the first of what the owners were given ends, in milliseconds.
    until: AtomicU64,
}

impl Default for Settled {
    /// Nothing was judged.
    fn default() -> Self {
        Self { since: AtomicU64::new(u64::MAX), until: AtomicU64::new(0) }
    }
}

impl Settled {
    /// Whether what was judged when the event of a number happened would be judged the same at a time.
    pub(super) fn holds(&self, number: u64, now: Timestamp) -> bool {
        self.since.load(Ordering::Acquire) <= number && !self.is_over(now)
    }

    /// Whether something that an owner was given has ended.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.until.load(Ordering::Acquire) <= now.0
    }

    /// Somebody may know less from now on: what happened before the event of the number `next` has to be judged anew.
    pub(super) fn begin(&self, next: u64) {
        self.since.store(next, Ordering::Release);
        self.until.store(u64::MAX, Ordering::Release);
    }

    /// An owner was judged who has this.
    pub(super) fn note(&self, owner: &Named) {
        let ends = owner.roles.iter().filter_map(|held| held.until).min();
        if let Some(ends) = ends {
            self.until.fetch_min(ends.0, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::RoleId;
    use crate::state::Held;

    fn owner(until: Option<u64>) -> Named {
        let roles = vec![Held { role: RoleId(1), until: until.map(Timestamp) }];
        Named { user: UserId(1), name: "alice".to_owned(), roles, second_factor: false, last_owner: false }
    }

    #[test]
    fn what_was_judged_holds_until_something_changes_or_ends() {
        let (settled, now) = (Settled::default(), Timestamp(1_000));
        assert!(!settled.holds(7, now) && settled.is_over(now), "nothing was judged yet");
        settled.begin(7);
        settled.note(&owner(None));
        assert!(settled.holds(7, now) && !settled.holds(6, now));
        settled.note(&owner(Some(2_000)));
        settled.note(&owner(Some(3_000)));
        assert!(settled.holds(8, Timestamp(1_999)) && !settled.is_over(Timestamp(1_999)));
        assert!(!settled.holds(8, Timestamp(2_000)) && settled.is_over(Timestamp(2_000)));
        settled.begin(9);
        assert!(!settled.holds(8, now) && settled.holds(9, Timestamp(9_000)));
    }

    #[test]
    fn an_owner_is_read_once_until_they_may_be_another() {
        let mut owners = Owners::default();
        let read = |owners: &mut Owners, until| owners.get::<()>(UserId(1), || Ok(owner(until))).unwrap();
        assert_eq!(owners.get(UserId(1), || Err("unread")), Err("unread"));
        assert_eq!(read(&mut owners, None), owner(None));
        assert_eq!(read(&mut owners, Some(1)), owner(None));
        owners.forget();
        assert_eq!(read(&mut owners, Some(1)), owner(Some(1)));
    }
}
