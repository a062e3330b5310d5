//! How many follow what happens, of one account and of all organizations together; and who makes room where all places are taken.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::control::Refused;
use crate::feed::SUBSCRIBERS;
use crate::id::{OrganizationId, UserId};
use crate::protocol::ErrorCode;

/// How often one account follows what happens, at once.
pub(super) const OF_ACCOUNT: usize = 64;

/// Followers of all organizations; fewer where the process may open few files. Each organization's feed takes a few more, so
/// that those who make room are gone by the time that it counts who comes.
pub(in crate::http) const FOLLOWERS: usize = SUBSCRIBERS - 24;

/// Those who follow. Where all places are taken, the oldest follower makes room of the account that has most, in the organization
/// that has most, for an organization that has less; and in an organization of the account that has most, for one that has less.
#[derive(Debug)]
pub(super) struct Followers {
    most: usize,
    all: Mutex<All>,
}

#[derive(Debug, Default)]
struct All {
    last: u64,
    /// The oldest first.
    those: Vec<One>,
}

#[derive(Debug)]
struct One {
    number: u64,
    user: UserId,
    leave: Arc<Notify>,
}

impl One {
    fn home(&self) -> OrganizationId {
        OrganizationId::of(self.user.0)
    }
}

/// A follower's place, until it is dropped.
#[derive(Debug)]
pub(super) struct Following {
    followers: Arc<Followers>,
    number: u64,
    leave: Arc<Notify>,
}

impl Following {
    /// Waits until the place is another one's.
    pub(super) async fn lost(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let mut all = self.followers.lock();
        all.those.retain(|one| one.number != self.number);
    }
}

impl Followers {
    /// Nobody follows yet. Over a WebSocket a follower keeps a file: they have a quarter of those that there are for connections.
    pub(super) fn new(files: usize) -> Self {
        Self { most: FOLLOWERS.min(files / 4).max(1), all: Mutex::default() }
    }

    /// Takes a place for another follower of an account.
    pub(super) fn follow(self: &Arc<Self>, user: UserId) -> Result<Following, Refused> {
        let mut all = self.lock();
        if all.those.iter().filter(|one| one.user == user).count() >= OF_ACCOUNT {
            let words = format!("this account follows {OF_ACCOUNT} times already; end one of them first");
            return Err(Refused::Rejected(ErrorCode::TooMany, words));
        }
        if all.those.len() >= self.most {
            let going = all.makes_room(user).ok_or_else(|| {
                let words = "as many programs as there can be follow what happens; try again when one of them has ended";
                Refused::Rejected(ErrorCode::Full, words.to_owned())
            })?;
            if let Some(at) = all.those.iter().position(|one| one.user == going) {
                all.those.remove(at).leave.notify_one();
            }
        }
        all.last += 1;
        let (number, leave) = (all.last, Arc::new(Notify::new()));
        all.those.push(One { number, user, leave: Arc::clone(&leave) });
        Ok(Following { followers: Arc::clone(self), number, leave })
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl All {
    /// The account that makes room for another one: it, or its organization, has more than that has with the place. So whoever
    /// made room takes nobody's place in turn.
    fn makes_room(&self, user: UserId) -> Option<UserId> {
        let home = OrganizationId::of(user.0);
        let organization = more(self.those.iter().map(One::home), home).unwrap_or(home);
        let accounts = self.those.iter().filter(|one| one.home() == organization).map(|one| one.user);
        if organization == home { more(accounts, user) } else { most(accounts).map(|(most, _)| most) }
    }
}

/// Which comes most often, and how often.
fn most<T: Copy + Eq + Hash>(all: impl Iterator<Item = T>) -> Option<(T, usize)> {
    let mut counts: HashMap<T, usize> = HashMap::new();
    for one in all {
        *counts.entry(one).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count)
}

/// Which comes most often, if it does so once more than `other` when that comes another time.
fn more<T: Copy + Eq + Hash>(all: impl Iterator<Item = T> + Clone, other: T) -> Option<T> {
    let own = all.clone().filter(|one| *one == other).count();
    most(all).filter(|(_, count)| *count >= own + 2).map(|(most, _)| most)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn account(organization: u64, account: u64) -> UserId {
        UserId(*OrganizationId(organization).identifiers().start() + account)
    }

    fn is_lost(place: &Following) -> bool {
        let waits = std::pin::pin!(place.lost());
        waits.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready()
    }

    #[test]
    fn an_account_follows_so_often_and_whoever_ends_makes_room() {
        let followers = Arc::new(Followers::new(usize::MAX));
        let mut all: Vec<_> = (0..OF_ACCOUNT).map(|_| followers.follow(account(1, 1)).unwrap()).collect();
        assert!(followers.follow(account(1, 1)).is_err());
        followers.follow(account(1, 2)).unwrap();
        all.pop();
        followers.follow(account(1, 1)).unwrap();
        drop(all);
        assert!(followers.lock().those.is_empty());
    }

    #[test]
    fn where_few_files_can_be_opened_fewer_follow() {
        let followers = Arc::new(Followers::new(100));
        let all: Vec<_> = (0..25).map(|number| followers.follow(account(1, number)).unwrap()).collect();
        let Err(Refused::Rejected(code, _)) = followers.follow(account(1, 99)) else {
            panic!("{}", all.len())
        };
        assert_eq!(code, ErrorCode::Full);
    }

    #[test]
    fn a_few_accounts_keep_neither_their_organization_nor_another_one_from_following() {
        let followers = Arc::new(Followers::new(usize::MAX));
        let few: Vec<_> = (0..=FOLLOWERS / OF_ACCOUNT)
            .flat_map(|number| std::iter::repeat_n(account(1, number as u64), OF_ACCOUNT))
            .map_while(|user| followers.follow(user).ok())
            .collect();
        // The last of them takes places of the others, until each has as many.
        let before = few.len() - FOLLOWERS;
        assert!(before > 0 && followers.lock().those.len() == FOLLOWERS);
        let there: Vec<_> = [account(1, 99), account(2, 1), account(2, 2), account(3, 1)]
            .map(|user| followers.follow(user).unwrap())
            .into();
        assert_eq!((few.iter().filter(|place| is_lost(place)).count(), there.len()), (before + 4, 4));
        assert!(!there.iter().any(is_lost));
        assert_eq!(followers.lock().those.len(), FOLLOWERS);
        drop(few);
        assert_eq!(followers.lock().those.len(), 4, "whoever lost a place gives nobody else's back");
    }

    proptest! {
        #[test]
        fn nobody_takes_the_place_of_whoever_has_no_more(comers in proptest::collection::vec((1..5_u64, 0..40_u64), 1..300)) {
            let followers = Arc::new(Followers::new(usize::MAX));
            let mut all: Vec<_> = (0..FOLLOWERS)
                .map(|number| followers.follow(account(1 + number as u64 % 2, number as u64 % 40)).unwrap())
                .collect();
            for (organization, number) in comers {
                let user = account(organization, number);
                let homes = || followers.lock().those.iter().map(One::home).collect::<Vec<_>>();
                let before = homes();
                let place = followers.follow(user);
                let after = homes();
                prop_assert!(before.len() == FOLLOWERS && after.len() == FOLLOWERS);
                let count = |all: &[OrganizationId], one| all.iter().filter(|other| **other == one).count();
                let home = OrganizationId(organization);
                for other in (1..5).map(OrganizationId).filter(|other| *other != home) {
                    let lost = count(&after, other) < count(&before, other);
                    prop_assert!(!lost || count(&after, other) >= count(&after, home));
                }
                let has_less = count(&before, home) + 2 <= (1..5).map(|one| count(&before, OrganizationId(one))).max().unwrap();
                prop_assert!(!has_less || place.is_ok());
                all.extend(place);
            }
        }
    }
}
