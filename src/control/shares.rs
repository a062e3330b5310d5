//! What may be under way at once, shared among organizations and their accounts: however slow what one of them has under way, the
//! others have places.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::id::{OrganizationId, UserId};

/// What may be under way at once. An account has so many places at most, and an organization fewer than there are left: half of all
/// where it is alone, a third where there are two, and so on, so whoever comes next finds one. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shares(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    free: usize,
    /// What one account may have.
    of_account: usize,
    /// What each has that has anything.
    organizations: HashMap<OrganizationId, usize>,
    accounts: HashMap<UserId, usize>,
    /// Who waits, those of each account in their order, each with when they came.
    waiting: HashMap<UserId, VecDeque<(u64, oneshot::Sender<Place>)>>,
    came: u64,
}

/// Something that is under way, until it is dropped.
#[derive(Debug)]
pub struct Place {
    shares: Shares,
    user: UserId,
    /// It was given to nobody, and is taken back without being dropped.
    is_void: bool,
}

impl Shares {
    /// So many places, of which one account has so many at most.
    pub fn new(all: usize, of_account: usize) -> Self {
        let (organizations, accounts, waiting) = (HashMap::new(), HashMap::new(), HashMap::new());
        let inner = Inner { free: all, of_account, organizations, accounts, waiting, came: 0 };
        Self(Arc::new(Mutex::new(inner)))
    }

    /// Waits for a place. One that becomes free goes to the organization that has fewest, of it to the account that has fewest, and of
    /// that to whoever waits for longest. `None` only where the program ends.
    pub async fn take(&self, user: UserId) -> Option<Place> {
        let (sender, given) = oneshot::channel();
        {
            let mut inner = self.lock();
            inner.came += 1;
            let came = inner.came;
            inner.waiting.entry(user).or_default().push_back((came, sender));
            self.give(&mut inner);
        }
        given.await.ok()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the places away that are free.
    fn give(&self, inner: &mut Inner) {
        while let Some((user, sender)) = inner.next() {
            inner.note(user, true);
            let place = Place { shares: self.clone(), user, is_void: false };
            // Whoever waited may be gone.
            if let Err(mut place) = sender.send(place) {
                place.is_void = true;
                inner.note(user, false);
            }
        }
    }
}

impl Inner {
    /// Who gets a place next, if anybody may.
    fn next(&mut self) -> Option<(UserId, oneshot::Sender<Place>)> {
        let may = |user: &UserId| {
            let (of_organization, own) = self.taken(*user);
            (of_organization < self.free && own < self.of_account).then_some((of_organization, own))
        };
        let waiting = self.waiting.iter().filter_map(|(user, line)| {
            let ((of_organization, own), (came, _)) = (may(user)?, line.front()?);
            Some(((of_organization, own, *came), *user))
        });
        let (_, user) = waiting.min()?;
        let line = self.waiting.get_mut(&user)?;
        let first = line.pop_front();
        if line.is_empty() {
            self.waiting.remove(&user);
        }
        first.map(|(_, sender)| (user, sender))
    }

    /// What the organization of an account has, and the account.
    fn taken(&self, user: UserId) -> (usize, usize) {
        let of_organization = self.organizations.get(&OrganizationId::of(user.0));
        (of_organization.copied().unwrap_or(0), self.accounts.get(&user).copied().unwrap_or(0))
    }

    /// An account has one more, or one less.
    fn note(&mut self, user: UserId, more: bool) {
        let organization = OrganizationId::of(user.0);
        let (of_organization, own) = self.taken(user);
        let other = |count: usize| if more { count + 1 } else { count.saturating_sub(1) };
        self.free = if more { self.free.saturating_sub(1) } else { self.free + 1 };
        self.organizations.insert(organization, other(of_organization));
        self.accounts.insert(user, other(own));
        if !more {
            self.organizations.retain(|_, count| *count > 0);
            self.accounts.retain(|_, count| *count > 0);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.is_void {
            let mut inner = self.shares.lock();
            inner.note(self.user, false);
            self.shares.give(&mut inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// Somebody of an organization.
    fn user(organization: u64, number: u64) -> UserId {
        UserId(OrganizationId(organization).identifiers().start() + number)
    }

    type Waiting<'a> = Pin<Box<dyn Future<Output = Option<Place>> + 'a>>;

    fn poll(waiting: &mut Waiting<'_>) -> Option<Place> {
        match waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(place) => place,
            Poll::Pending => None,
        }
    }

    /// Those who are given a place of so many who come.
    fn taken<'a>(shares: &'a Shares, user: UserId, count: usize) -> (Vec<Place>, Vec<Waiting<'a>>) {
        let mut waiting: Vec<Waiting<'a>> = (0..count).map(|_| Box::pin(shares.take(user)) as _).collect();
        let mut places = Vec::new();
        waiting.retain_mut(|one| match poll(one) {
            Some(place) => {
                places.push(place);
                false
            }
            None => true,
        });
        (places, waiting)
    }

    #[test]
    fn whoever_comes_after_one_who_has_much_under_way_finds_a_place() {
        let shares = Shares::new(12, 4);
        let mut held = Vec::new();
        for number in 1..=3 {
            held.push(taken(&shares, user(1, number), 9));
        }
        let count = |held: &[(Vec<Place>, Vec<Waiting<'_>>)]| {
            held.iter().map(|(places, _)| places.len()).collect::<Vec<_>>()
        };
        assert_eq!(count(&held), [4, 2, 0], "an account has its bound, and an organization half of all");
        for organization in 2..=4 {
            held.push(taken(&shares, user(organization, 1), 9));
        }
        assert_eq!(count(&held)[3..], [3, 2, 1], "each that comes has its share of what is left");
    }

    #[test]
    fn a_place_goes_to_whoever_has_fewest_and_waits_for_longest() {
        let shares = Shares::new(3, 8);
        let (mut first, mut late) = taken(&shares, user(1, 1), 3);
        assert_eq!((first.len(), late.len()), (2, 1));
        let mut other: Waiting<'_> = Box::pin(shares.take(user(1, 2)));
        let mut stranger: Waiting<'_> = Box::pin(shares.take(user(2, 1)));
        assert!(poll(&mut other).is_none());
        let stranger = poll(&mut stranger).unwrap();
        // Nothing is free, and who has none of the organization goes before who has one.
        drop(first.pop());
        assert!(
            poll(&mut late[0]).is_none() && poll(&mut other).is_none(),
            "its organization has as much as is free"
        );
        drop(stranger);
        let other = poll(&mut other).unwrap();
        assert!(poll(&mut late[0]).is_none());
        // Whoever is gone takes none.
        late.clear();
        drop((first, other));
        let (all, _) = taken(&shares, user(1, 1), 3);
        assert_eq!(all.len(), 2);
        assert_eq!(shares.lock().free, 1);
    }
}
