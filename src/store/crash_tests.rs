//! The store on a disk that loses power: what was acknowledged is there afterwards, and whole.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};

use redb::StorageBackend;

use super::{Store, Write};
use crate::auth::TokenHash;
use crate::id::{Timestamp, UserId};
use crate::store::{SEEDED_ORGANIZATION, Session, User};

/// A disk of two layers: what is synced, and what was written since. A crash keeps the first and, of the
/// second, some writes whole, some torn and some not at all.
#[derive(Debug, Default)]
struct Disk {
    synced: Vec<u8>,
    current: Vec<u8>,
    since: Vec<(u64, Vec<u8>)>,
    /// Answers every sync without doing it: the control that shows a loss being seen.
    lies: bool,
    /// Writes that still work; then the power is gone.
    budget: u64,
}

#[derive(Clone, Debug)]
struct SharedDisk(Arc<Mutex<Disk>>);

fn power_loss() -> io::Error {
    io::Error::other("the power is gone")
}

impl StorageBackend for SharedDisk {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.0.lock().unwrap().current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let disk = self.0.lock().unwrap();
        let start = offset as usize;
        let bytes = disk.current.get(start..start + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.0.lock().unwrap().current.resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        let mut disk = self.0.lock().unwrap();
        if disk.budget == 0 {
            return Err(power_loss());
        }
        if !disk.lies {
            disk.synced = disk.current.clone();
            disk.since.clear();
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        let mut disk = self.0.lock().unwrap();
        disk.budget = disk.budget.checked_sub(1).ok_or_else(power_loss)?;
        let (start, end) = (offset as usize, offset as usize + data.len());
        if disk.current.len() < end {
            disk.current.resize(end, 0);
        }
        disk.current[start..end].copy_from_slice(data);
        disk.since.push((offset, data.to_vec()));
        Ok(())
    }
}

/// A small generator: tests need a sequence that repeats, not good randomness.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

impl SharedDisk {
    /// What is on the disk when the power comes back.
    fn after_crash(&self, dice: &mut Dice) -> Self {
        let disk = self.0.lock().unwrap();
        let mut bytes = disk.synced.clone();
        bytes.resize(disk.current.len().max(bytes.len()), 0);
        for (offset, data) in &disk.since {
            let kept = match dice.roll(3) {
                0 => 0,
                1 => dice.roll(data.len() as u64 + 1) as usize,
                _ => data.len(),
            };
            let start = *offset as usize;
            if bytes.len() < start + kept {
                bytes.resize(start + kept, 0);
            }
            bytes[start..start + kept].copy_from_slice(&data[..kept]);
        }
        Self(Arc::new(Mutex::new(Disk {
            synced: bytes.clone(),
            current: bytes,
            since: Vec::new(),
            lies: disk.lies,
            budget: u64::MAX,
        })))
    }
}

fn user(id: UserId) -> User {
    let name = format!("user{id}");
    User {
        id,
        organization: SEEDED_ORGANIZATION,
        name,
        password: None,
        disabled: false,
        created: Timestamp(0),
    }
}

/// Creates users and sessions until the power goes, `budget` writes from now. Answers with those that
/// were acknowledged.
fn work_until_crash(disk: &SharedDisk, budget: u64, acknowledged: &mut BTreeSet<u64>) {
    let Ok(store) = Store::open_on(disk.clone(), Timestamp(0)) else { return };
    disk.0.lock().unwrap().budget = budget;
    for _ in 0..200 {
        let id = store.new_user_id();
        let session = Session {
            id: store.new_session_id(),
            user: id,
            token: TokenHash([id.0 as u8; 32]),
            created: Timestamp(0),
            expires: Timestamp(10),
            device: String::new(),
        };
        let writes = vec![
            Write::CreateUser { user: user(id), role: super::ADMINISTRATOR },
            Write::CreateSession(session.clone()),
            Write::EndSession(session.id),
        ];
        if store.commit(writes).is_err() {
            return;
        }
        acknowledged.insert(id.0);
    }
}

/// The violations seen after `crashes` power losses.
fn violations(crashes: u64, lies: bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for round in 0..crashes {
        let mut acknowledged = BTreeSet::new();
        let mut disk = SharedDisk(Arc::new(Mutex::new(Disk { budget: u64::MAX, ..Disk::default() })));
        drop(Store::open_on(disk.clone(), Timestamp(0)).unwrap());
        disk.0.lock().unwrap().lies = lies;
        // Twice, so that a database that was repaired is crashed, too.
        for _ in 0..2 {
            let budget = 1 + dice.roll(60);
            work_until_crash(&disk, budget, &mut acknowledged);
            disk = disk.after_crash(&mut dice);
        }
        match Store::open_on(disk, Timestamp(0)) {
            Err(error) => found.push(format!("round {round}: {error}")),
            Ok(store) => {
                let lost: Vec<_> = acknowledged
                    .iter()
                    .filter(|id| store.user(UserId(**id)).ok().flatten().is_none())
                    .collect();
                if !lost.is_empty() {
                    found.push(format!("round {round}: lost {lost:?}"));
                }
                match store.verify() {
                    Ok(problems) => {
                        found.extend(problems.iter().map(|problem| format!("round {round}: {problem}")));
                    }
                    Err(error) => found.push(format!("round {round}: {error}")),
                }
            }
        }
    }
    found
}

#[test]
fn nothing_acknowledged_is_lost_in_a_thousand_crashes() {
    assert_eq!(violations(500, false), Vec::<String>::new());
}

/// The proof that the tests above could fail. Pages that never were may also make redb panic.
#[test]
fn a_disk_that_lies_about_syncing_is_caught() {
    let caught = std::panic::catch_unwind(|| !violations(20, true).is_empty());
    assert!(caught.unwrap_or(true));
}

#[test]
fn of_two_creations_of_the_same_name_one_wins() {
    let disk = SharedDisk(Arc::new(Mutex::new(Disk { budget: u64::MAX, ..Disk::default() })));
    let store = Store::open_on(disk, Timestamp(0)).unwrap();
    let wins: usize = std::thread::scope(|scope| {
        let create = || {
            let mut user = user(store.new_user_id());
            "Twin".clone_into(&mut user.name);
            let outcome = store.commit(vec![Write::CreateUser { user, role: super::ADMINISTRATOR }]).unwrap();
            usize::from(outcome[0].is_ok())
        };
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(create)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(wins, 1);
    assert_eq!(store.verify().unwrap(), []);
    assert!(store.user_by_name("TWIN").unwrap().is_some());
}
