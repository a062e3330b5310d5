//! The store on a disk that fails: what was acknowledged is there afterwards, and nothing half done.

mod account;
mod again;
mod assistant;
mod damage;
mod disk;
mod every_write;
mod flow;
mod hook;
mod job;
mod model;
mod oauth;
mod organization;
mod plugin;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{By, Store};
use crate::id::Timestamp;
use disk::{Dice, Disk};
use model::Facts;

/// Crashes by default; `make crash` asks for more.
const CRASHES: u64 = 10_000;

/// How many crashes are asked for.
fn asked_for() -> Option<u64> {
    std::env::var("PARLOUR_CRASHES").ok()?.parse().ok()
}

/// A new database, made once: each round begins with a copy.
fn fresh() -> Disk {
    let disk = Disk::new();
    drop(Store::open_on(disk.clone(), Timestamp(0)).unwrap());
    disk
}

/// What a round knows: the facts that were acknowledged, and what was under way when the disk failed.
#[derive(Default)]
struct Round {
    known: Facts,
    under_way: Vec<Facts>,
    serial: u64,
}

impl Round {
    /// Works until the disk fails, or for a while.
    fn work(&mut self, store: &Store, dice: &mut Dice) {
        self.under_way.clear();
        for _ in 0..40 {
            // One at a time, or several that may share a transaction.
            let together = if dice.roll(3) == 0 { 1 + dice.roll(4) } else { 1 };
            let (mut waiting, mut busy) = (Vec::new(), Vec::new());
            for _ in 0..together {
                self.serial += 1;
                let step = model::step(store, &self.known, dice, self.serial);
                // Of two that touch the same, it isn't known which will be first.
                let touched: Vec<_> = step.makes.keys().copied().chain(step.needs).collect();
                if touched.iter().any(|fact| busy.contains(fact)) {
                    continue;
                }
                busy.extend(touched);
                let (sender, receiver) = std::sync::mpsc::channel();
                let submitted = store.submit(By::server(Timestamp(1)), step.write, move |outcome| {
                    let _ = sender.send(outcome);
                });
                waiting.push((step.makes, submitted.is_ok().then_some(receiver)));
            }
            for (makes, receiver) in waiting {
                match receiver.and_then(|receiver| receiver.recv().ok()) {
                    Some(Ok(())) => self.known.extend(makes),
                    Some(Err(super::Failed::Refused(error))) => panic!("{makes:?} is refused: {error}"),
                    _ => self.under_way.push(makes),
                }
            }
            if !self.under_way.is_empty() {
                return;
            }
        }
    }

    /// What is wrong with the store after the disk failed; what is found becomes what is known.
    fn violations(&mut self, store: &Store) -> Vec<String> {
        let mut found: Vec<String> = match store.verify() {
            Ok(problems) => problems.iter().map(ToString::to_string).collect(),
            Err(error) => vec![error.to_string()],
        };
        for makes in std::mem::take(&mut self.under_way) {
            let is_there =
                |(fact, value): (&model::Fact, &Option<String>)| model::look(store, *fact) == *value;
            let is_as_before =
                |fact: &model::Fact| model::look(store, *fact) == self.known.get(fact).cloned().flatten();
            if makes.iter().all(is_there) {
                self.known.extend(makes);
            } else if !makes.keys().all(is_as_before) {
                found.push(format!("half done: {makes:?}"));
            }
        }
        for (fact, value) in &self.known {
            let there = model::look(store, *fact);
            if there != *value {
                found.push(format!("{fact:?} was acknowledged as {value:?} and is {there:?}"));
            }
        }
        found
    }
}

/// Crashes until `crashes` are done, and tells what was violated.
fn violations(crashes: u64, lies: bool, seed: u64) -> Vec<String> {
    let base = fresh();
    let (done, found) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    let worker = |seed: u64| {
        let mut dice = Dice(seed);
        while done.load(Ordering::Relaxed) < crashes && found.lock().unwrap().len() < 10 {
            let seed = dice.0;
            let outcome = std::panic::catch_unwind(|| round(&base, lies, &mut Dice(seed)));
            let (count, violations) = outcome.unwrap_or((1, vec!["a panic".to_owned()]));
            done.fetch_add(count, Ordering::Relaxed);
            let told = violations.into_iter().map(|violation| format!("seed {seed:#x}: {violation}"));
            found.lock().unwrap().extend(told);
            dice.roll(2);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| worker(seed));
        worker(seed ^ 0x5555_5555_5555);
    });
    found.into_inner().unwrap()
}

/// Several crashes of one disk, so that a database that was repaired is crashed, too. Answers with how
/// many, and with what was violated.
fn round(base: &Disk, lies: bool, dice: &mut Dice) -> (u64, Vec<String>) {
    let mut disk = base.copy();
    if lies {
        disk.lie();
    }
    let mut state = Round::default();
    for crash in 0..6 {
        // The opening itself may be what is interrupted.
        let early = dice.roll(8) == 0;
        let operations = if early { dice.roll(8) } else { 1 + dice.roll(80) };
        if early {
            disk.fail_after(operations);
        }
        if let Ok(store) = Store::open_on(disk.clone(), Timestamp(1)) {
            if dice.roll(10) == 0 {
                disk.fill_up(dice.roll(64) * 4096);
            } else if !early {
                disk.fail_after(operations);
            }
            state.work(&store, dice);
        }
        disk = match dice.roll(5) {
            0 => disk.after_restart(),
            _ => disk.after_crash(dice),
        };
        match Store::open_on(disk.clone(), Timestamp(1)) {
            Err(error) => return (crash + 1, vec![error.to_string()]),
            Ok(store) => {
                let found = state.violations(&store);
                if !found.is_empty() {
                    return (crash + 1, found);
                }
            }
        }
    }
    (6, Vec::new())
}

#[test]
fn nothing_acknowledged_is_lost_in_ten_thousand_crashes() {
    let crashes = asked_for().unwrap_or(CRASHES);
    let started = std::time::Instant::now();
    assert_eq!(violations(crashes, false, 0x9e37_79b9_7f4a_7c15), Vec::<String>::new());
    println!("{crashes} crashes in {:.0?}, nothing lost", started.elapsed());
}

/// The proof that the test above could fail.
#[test]
fn a_disk_that_lies_about_syncing_is_caught() {
    assert!(!violations(200, true, 0x9e37_79b9_7f4a_7c15).is_empty());
}

#[test]
fn a_commit_that_takes_long_is_counted() {
    let disk = fresh();
    let store = Store::open_on(disk.clone(), Timestamp(1)).unwrap();
    store.flush_seen().unwrap();
    assert_eq!(store.slow_commits(), 0);
    disk.stall(std::time::Duration::from_millis(1_050));
    store.flush_seen().unwrap();
    assert_eq!(store.slow_commits(), 1);
    disk.stall(std::time::Duration::ZERO);
    store.flush_seen().unwrap();
    assert_eq!(store.slow_commits(), 1);
}
