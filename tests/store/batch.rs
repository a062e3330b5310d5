//! Several writes in one transaction.

use parlour::id::{Timestamp, UserId};
use parlour::store::write::{self, put_restraint};
use parlour::store::{AuditFilter, Author, By, Rejected, Restraint, SEEDED_ORGANIZATION as HOME, Write};

use crate::fixture::{Fixture, NOW};

/// Each is on behalf of its own author, and what is refused is told and takes nothing along.
#[test]
fn one_of_several_that_is_refused_leaves_the_others() {
    let store = Fixture::new();
    let [alice, bob] = ["alice", "bob"].map(|name| store.add_user(name).id);
    let mute = |user| -> Write<(), Rejected> {
        put_restraint(Restraint { organization: HOME, user, muted: true, deafened: false }).erased()
    };
    let by = |user| By::new(Author::User(user), None, Timestamp(NOW.0 + user.0));
    let writes = vec![(by(alice), mute(bob)), (by(alice), mute(UserId(99))), (by(bob), mute(alice))];
    let outcomes = store.write(write::all(writes)).unwrap();
    let told: Vec<_> = outcomes.into_iter().map(|outcome| outcome.map_err(|why| why.to_string())).collect();
    assert_eq!(told, [Ok(()), Err("there is no such user".to_owned()), Ok(())]);
    for user in [alice, bob] {
        assert!(store.restraint(HOME, user).unwrap().is_some_and(|restraint| restraint.muted));
    }
    let trail = store.audit(HOME, &AuditFilter::default(), None, 2).unwrap();
    let said: Vec<_> = trail.iter().map(|entry| (entry.author, entry.at, entry.subject_id)).collect();
    assert_eq!(
        said,
        [
            (Author::User(bob), Timestamp(NOW.0 + bob.0), alice.0),
            (Author::User(alice), Timestamp(NOW.0 + alice.0), bob.0)
        ]
    );
    assert_eq!(store.verify().unwrap(), []);
}
