//! A write can be run again: the same one, on another database that is equal, does and answers the same.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use super::disk::Dice;
use super::fresh;
use super::model::{self, Facts};
use crate::id::Timestamp;
use crate::store::{By, Store, Write, write};

/// Writes that are run, each on both.
const WRITES: u64 = 900;

/// Everything that a database holds, as lines.
pub(super) fn exported(store: &Store) -> String {
    let mut lines = Vec::new();
    store.export(&mut lines, Timestamp(1)).unwrap();
    String::from_utf8(lines).unwrap()
}

/// A write that is run as often as this is called.
pub(super) fn again<T: 'static, E: 'static>(write: &Arc<Mutex<Write<T, E>>>) -> Write<T, E> {
    let write = Arc::clone(write);
    Write::new(move |open| (write.lock().unwrap().0)(open))
}

#[test]
fn a_write_that_is_run_again_on_an_equal_database_does_the_same() {
    let base = fresh();
    let [one, other] = [base.copy(), base.copy()].map(|disk| Store::open_on(disk, Timestamp(1)).unwrap());
    let (mut known, mut dice, empty) = (Facts::new(), Dice(0x9e37_79b9_7f4a_7c15), exported(&one));
    let mut met = BTreeSet::new();
    for serial in 1..=WRITES {
        let step = model::step(&one, &known, &mut dice, serial);
        let write = Arc::new(Mutex::new(step.write));
        let outcomes = [&one, &other].map(|store| store.run(By::server(Timestamp(1)), again(&write)));
        assert_eq!(outcomes, [Ok(()), Ok(())], "{}", step.what);
        if met.insert(step.what) || serial % 16 == 0 {
            assert_eq!(exported(&one), exported(&other), "{}", step.what);
        }
        known.extend(step.makes);
    }
    assert_ne!(exported(&one), empty);
    // Later, when all that ends has ended.
    let later = By::server(Timestamp(400 * 24 * 60 * 60 * 1_000));
    for store in [&one, &other] {
        store.run(later, write::sweep_sessions(None, usize::MAX)).unwrap();
        store.run(later, write::sweep_tokens()).unwrap();
        store.run(later, write::sweep_oauth_families(None, usize::MAX)).unwrap();
        store.run(later, write::sweep_emails()).unwrap();
        store.run(later, write::sweep_runs()).unwrap();
        store.run(later, write::sweep_jobs()).unwrap();
        store.run(later, write::prune_audit(crate::store::SEEDED_ORGANIZATION, usize::MAX)).unwrap();
    }
    assert_eq!(exported(&one), exported(&other));
    assert_eq!(other.verify().unwrap(), []);
}
