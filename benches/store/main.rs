//! What the store costs beside SQLite, and its look-ups beside a `HashMap`, in the same run.
//!
//! `cargo bench --bench store`; `PARLOUR_BENCH_USERS` sets the larger size, a million by default, and
//! `PARLOUR_BENCH_CREATIONS` leaves everything but creations out. Prints a table, and a line of JSON.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench ends by panicking, and prints")]

mod fill;
mod first_release;
mod sqlite;

use std::collections::HashMap;
use std::hint::black_box;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parlour::auth::TokenHash;
use parlour::id::{Timestamp, UserId};
use parlour::store::write;
use parlour::store::{By, SEEDED_ORGANIZATION as HOME, STORE_FILE, Seen, Store, User};

use crate::fill::{fill, name, new_user, token};

/// The same as the program's.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NOW: Timestamp = Timestamp(1_760_000_000_000);
const ROUNDS: usize = 15;
const LOOKS: u64 = 4_000;

/// One line of the table.
struct Line {
    what: String,
    unit: &'static str,
    ours: f64,
    sqlite: Option<f64>,
    map: Option<f64>,
    /// Whether more is better.
    rate: bool,
    target: &'static str,
}

#[derive(Default)]
struct Report(Vec<Line>);

impl Report {
    fn add(
        &mut self,
        what: impl Into<String>,
        unit: &'static str,
        ours: f64,
        sqlite: Option<f64>,
        target: &'static str,
    ) {
        let (what, rate) = (what.into(), unit.ends_with("/s"));
        let line = Line { what, unit, ours, sqlite, map: None, rate, target };
        print(&line);
        self.0.push(line);
    }
}

fn print(line: &Line) {
    let ratio = line.sqlite.map(|sqlite| if line.rate { line.ours / sqlite } else { sqlite / line.ours });
    let number = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.1}"));
    println!(
        "{:<44} {:>12.1} {:>12} {:>10} {:<8} {:>7}  {}",
        line.what,
        line.ours,
        number(line.sqlite),
        number(line.map),
        line.unit,
        ratio.map_or(String::new(), |ratio| format!("{ratio:.2}x")),
        line.target
    );
}

fn main() {
    let users: u64 =
        std::env::var("PARLOUR_BENCH_USERS").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    println!(
        "{:<44} {:>12} {:>12} {:>10} {:<8} {:>7}  target",
        "", "parlour", "sqlite", "HashMap", "", "ratio"
    );
    let mut report = Report::default();
    for size in [10_000.min(users), users] {
        let directory = tempfile::tempdir().unwrap();
        at_size(size, directory.path(), &mut report);
    }
    let lines: Vec<_> = report
        .0
        .iter()
        .map(|line| {
            serde_json::json!({
                "what": line.what, "unit": line.unit, "parlour": line.ours, "sqlite": line.sqlite,
                "hash_map": line.map,
            })
        })
        .collect();
    println!("{}", serde_json::json!({ "bench": "store", "lines": lines }));
}

fn at_size(size: u64, directory: &Path, report: &mut Report) {
    let started = Instant::now();
    let (store, connection) = fill(size, directory);
    println!("-- {size} users, made in {:.0?}", started.elapsed());
    let only_creations = std::env::var_os("PARLOUR_BENCH_CREATIONS").is_some();
    if !only_creations {
        look_ups(size, &store, &connection, report);
        lists(size, &store, &connection, report);
    }
    drop(connection);
    creations(size, &store, directory, report);
    if only_creations {
        return;
    }
    let mut connection = sqlite::open(&directory.join("sqlite.db"));
    touches(size, &store, &mut connection, report);
    sweep(size, &store, &mut connection, report);
    if size > 10_000 || std::env::var_os("PARLOUR_BENCH_BACKUP").is_some() {
        backup(size, &store, directory, report);
    }
    let started = Instant::now();
    connection.execute("VACUUM INTO ?1", [directory.join("vacuum.db").display().to_string()]).unwrap();
    println!("   sqlite's VACUUM INTO, alone: {:.1} s", started.elapsed().as_secs_f64());
    opening(size, store, connection, directory, report);
    migration(size, directory, report);
}

/// From the first release's schema to this one, beside SQLite, which gets the same new columns, fills the
/// grants in and makes its indexes.
fn migration(size: u64, directory: &Path, report: &mut Report) {
    let path = directory.join("first.redb");
    first_release::write(&path, size);
    let started = Instant::now();
    let store = Store::open(&path, NOW).unwrap();
    let ours = started.elapsed().as_secs_f64();
    assert_eq!(store.user_count(HOME).unwrap(), size);
    println!(
        "   of which {} ms in the migration's transaction, the rest for the backup before it",
        store.stats().unwrap().applied[0].1.milliseconds
    );
    let mut connection = sqlite::first_release(&directory.join("first.db"), size);
    let started = Instant::now();
    sqlite::migrate(&mut connection, &directory.join("before.db"));
    let theirs = started.elapsed().as_secs_f64();
    report.add(format!("{size}: migration, with the backup before"), "s", ours, Some(theirs), "");
}

/// Median nanoseconds of `looks` calls with random numbers, of several rounds for each of several
/// competitors, whose rounds alternate.
fn race<const N: usize>(size: u64, mut competitors: [Box<dyn FnMut(u64) + '_>; N]) -> [f64; N] {
    let mut dice: u64 = 88_172_645_463_325_252;
    let mut roll = || {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        dice % size
    };
    // Each with its own cache as warm as it gets.
    for competitor in &mut competitors {
        for _ in 0..size.min(600_000) {
            competitor(roll());
        }
    }
    let mut times = [(); N].map(|()| Vec::new());
    for _ in 0..ROUNDS {
        for (competitor, times) in competitors.iter_mut().zip(&mut times) {
            let started = Instant::now();
            for _ in 0..LOOKS {
                competitor(roll());
            }
            times.push(started.elapsed().as_nanos() as f64 / LOOKS as f64);
        }
    }
    times.map(median)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn look_ups(size: u64, store: &Store, connection: &rusqlite::Connection, report: &mut Report) {
    let mut by_id: HashMap<u64, User> = HashMap::new();
    let mut by_name: HashMap<String, u64> = HashMap::new();
    let mut by_token: HashMap<[u8; 32], u64> = HashMap::new();
    let mut after = None;
    while let Some(last) = {
        let page = store.users(HOME, after, 10_000).unwrap();
        let last = page.last().map(|user| user.id);
        for user in page {
            by_name.insert(user.name.clone(), user.id.0);
            by_token.insert(token(user.id.0), user.id.0);
            by_id.insert(user.id.0, user);
        }
        last
    } {
        after = Some(last);
    }
    let target = if size > 10_000 { ">= 2x" } else { ">= 5x" };
    let looked = race(
        size,
        [
            Box::new(|number| drop(black_box(store.user(UserId(number + 1)).unwrap().unwrap()))),
            Box::new(|number| drop(black_box(sqlite::user(connection, number + 1).unwrap()))),
            Box::new(|number| drop(black_box(by_id[&(number + 1)].clone()))),
        ],
    );
    add(report, format!("{size}: user by id"), looked, target);
    let names: Vec<String> = (0..size).map(name).collect();
    let tokens: Vec<[u8; 32]> = (1..=size).map(token).collect();
    let looked = race(
        size,
        [
            Box::new(|number| {
                drop(black_box(store.user_by_name(HOME, &names[number as usize]).unwrap().unwrap()));
            }),
            Box::new(|number| {
                drop(black_box(sqlite::user_by_name(connection, &names[number as usize]).unwrap()));
            }),
            Box::new(|number| {
                drop(black_box(by_id[&by_name[&parlour::name::folded(&names[number as usize])]].clone()));
            }),
        ],
    );
    add(report, format!("{size}: user by name"), looked, "");
    let looked = race(
        size,
        [
            Box::new(|number| {
                let hash = TokenHash(tokens[number as usize]);
                drop(black_box(store.session_by_token(&hash, NOW).unwrap().unwrap()));
            }),
            Box::new(|number| {
                drop(black_box(sqlite::session_by_token(connection, &tokens[number as usize]).unwrap()));
            }),
            Box::new(|number| _ = black_box(by_token[&tokens[number as usize]])),
        ],
    );
    add(report, format!("{size}: session by token"), looked, target);
}

fn add(report: &mut Report, what: String, [ours, sqlite, map]: [f64; 3], target: &'static str) {
    let (sqlite, map) = (Some(sqlite), Some(map));
    let line = Line { what, unit: "ns", ours, sqlite, map, rate: false, target };
    print(&line);
    report.0.push(line);
}

fn lists(size: u64, store: &Store, connection: &rusqlite::Connection, report: &mut Report) {
    let [ours, theirs] = race(
        size,
        [
            Box::new(|number| {
                if number % 40 == 0 {
                    drop(black_box(store.users(HOME, Some(UserId(number)), 100).unwrap()));
                }
            }),
            Box::new(|number| {
                if number % 40 == 0 {
                    drop(black_box(sqlite::page(connection, number, 100)));
                }
            }),
        ],
    );
    report.add(
        format!("{size}: a page of 100 users"),
        "us",
        ours * 40.0 / 1e3,
        Some(theirs * 40.0 / 1e3),
        "",
    );
}

/// Creations a second of so many writers, each of which waits for its own to be durable.
fn creations(size: u64, store: &Store, directory: &Path, report: &mut Report) {
    let serial = AtomicU64::new(size);
    let rate = |writers: usize, create: &(dyn Fn(String) + Sync)| {
        let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
        let started = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..writers {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        create(name(serial.fetch_add(1, Ordering::Relaxed)));
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            std::thread::sleep(Duration::from_millis(1_200));
            stop.store(true, Ordering::Relaxed);
        });
        count.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64()
    };
    let theirs = sqlite::Writer::start(&directory.join("sqlite.db"));
    // Accounts as `parlour user create` makes them, and some with an e-mail address, which is unique, too.
    let rounds = [
        (1, false, ""),
        (16, false, ">= 0.75x"),
        (64, false, ">= 1x"),
        (256, false, ">= 1x"),
        (16, true, ">= 0.75x"),
        (64, true, ">= 1x"),
        (256, true, ">= 1x"),
    ];
    for (writers, has_email, target) in rounds {
        let (mut ours_rates, mut their_rates) = (Vec::new(), Vec::new());
        for _ in 0..5 {
            ours_rates.push(rate(writers, &|name| {
                store.run(By::server(NOW), write::create_user(new_user(name, has_email))).unwrap();
            }));
            their_rates.push(rate(writers, &|name| theirs.create_user(name, has_email)));
        }
        let (ours, sqlite) = (median(ours_rates), median(their_rates));
        let with = if has_email { ", e-mail" } else { "" };
        report.add(
            format!("{size}: durable creations, {writers} writers{with}"),
            "/s",
            ours,
            Some(sqlite),
            target,
        );
    }
}

fn touches(size: u64, store: &Store, connection: &mut rusqlite::Connection, report: &mut Report) {
    let sessions: u64 = size.min(100_000);
    let ids: Vec<_> = (1..=sessions)
        .map(|user| (UserId(user), store.sessions_of(UserId(user), None, 1).unwrap()[0].id))
        .collect();
    let touches = 1_000_000;
    let started = Instant::now();
    for number in 0..touches {
        let (user, session) = ids[(number * 7_919 % sessions) as usize];
        store.touch(Seen::Session(user, session), Timestamp(NOW.0 + number));
    }
    store.flush_seen().unwrap();
    let ours = touches as f64 / started.elapsed().as_secs_f64();
    let started = Instant::now();
    let mut waiting = std::collections::BTreeMap::new();
    for number in 0..touches {
        waiting.insert(number * 7_919 % sessions + 1, NOW.0 + number);
    }
    sqlite::touch_all(connection, &waiting.into_iter().collect::<Vec<_>>());
    let theirs = touches as f64 / started.elapsed().as_secs_f64();
    report.add(format!("{size}: touches of {sessions} sessions"), "/s", ours, Some(theirs), ">= 100000/s");
}

fn sweep(size: u64, store: &Store, connection: &mut rusqlite::Connection, report: &mut Report) {
    let now = Timestamp(NOW.0 + 2_000);
    let started = Instant::now();
    let (mut place, mut swept, mut longest) = (None, 0, Duration::ZERO);
    loop {
        let chunk = Instant::now();
        let (count, next) = store.run(By::server(now), write::sweep_sessions(place, 10_000)).unwrap();
        longest = longest.max(chunk.elapsed());
        swept += count;
        place = next;
        if place.is_none() {
            break;
        }
    }
    let ours = started.elapsed().as_secs_f64() * 1e3;
    let started = Instant::now();
    let theirs_swept = sqlite::sweep(connection, now.0, 1_000);
    let theirs = started.elapsed().as_secs_f64() * 1e3;
    assert_eq!(swept, theirs_swept);
    report.add(format!("{size}: sweep of {swept} expired sessions"), "ms", ours, Some(theirs), "");
    report.add(format!("{size}: longest chunk of the sweep"), "ms", longest.as_secs_f64() * 1e3, None, "");
}

/// A backup while users are created, and the longest that one of them waited.
fn backup(size: u64, store: &Store, directory: &Path, report: &mut Report) {
    let (stop, serial) = (AtomicBool::new(false), AtomicU64::new(size * 10));
    let mut waits = Vec::new();
    let mut seconds = 0.0;
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut waits = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let started = Instant::now();
                let new = new_user(name(serial.fetch_add(1, Ordering::Relaxed)), true);
                store.run(By::server(NOW), write::create_user(new)).unwrap();
                waits.push(started.elapsed().as_secs_f64() * 1e3);
                std::thread::sleep(Duration::from_millis(2));
            }
            waits
        });
        let started = Instant::now();
        let bytes = store.backup(&directory.join("backup.redb"), NOW, &|_| ()).unwrap();
        seconds = started.elapsed().as_secs_f64();
        println!("   a backup of {} MB", bytes / 1_000_000);
        stop.store(true, Ordering::Relaxed);
        waits = writer.join().unwrap();
    });
    waits.sort_by(f64::total_cmp);
    report.add(format!("{size}: backup while users are created"), "s", seconds, None, "");
    report.add(format!("{size}: median commit meanwhile"), "ms", waits[waits.len() / 2], None, "");
    report.add(format!("{size}: worst commit meanwhile"), "ms", waits[waits.len() - 1], None, "< 250 ms");
}

fn opening(size: u64, store: Store, connection: rusqlite::Connection, directory: &Path, report: &mut Report) {
    // What a kill leaves: the files as they are while everything is open.
    for file in [STORE_FILE, "sqlite.db", "sqlite.db-wal"] {
        copy(&directory.join(file), &directory.join(format!("killed-{file}")));
    }
    drop(store);
    drop(connection);
    let opened = |ours: &str, theirs: &str| {
        let (mut our_times, mut their_times) = (Vec::new(), Vec::new());
        for round in 0..3 {
            // Each opening recovers anew.
            let (ours_copy, theirs_copy) = (format!("{round}-{ours}"), format!("{round}-{theirs}"));
            copy(&directory.join(ours), &directory.join(&ours_copy));
            copy(&directory.join(theirs), &directory.join(&theirs_copy));
            let wal = directory.join(format!("{theirs}-wal"));
            if wal.exists() {
                copy(&wal, &directory.join(format!("{theirs_copy}-wal")));
            }
            let started = Instant::now();
            let store = Store::open(&directory.join(&ours_copy), NOW).unwrap();
            assert!(store.user(UserId(1)).unwrap().is_some());
            our_times.push(started.elapsed().as_secs_f64() * 1e3);
            drop(store);
            let started = Instant::now();
            let connection = sqlite::open(&directory.join(&theirs_copy));
            assert!(sqlite::user(&connection, 1).is_some());
            their_times.push(started.elapsed().as_secs_f64() * 1e3);
            std::fs::remove_file(directory.join(&ours_copy)).unwrap();
        }
        (median(our_times), Some(median(their_times)))
    };
    let (ours, theirs) = opened(STORE_FILE, "sqlite.db");
    report.add(format!("{size}: open after a clean stop"), "ms", ours, theirs, "");
    let (ours, theirs) = opened("killed-parlour.redb", "killed-sqlite.db");
    report.add(format!("{size}: open after a kill"), "ms", ours, theirs, "< 50 ms");
}

/// A copy that is on the disk, so that it isn't the opening that brings it there.
fn copy(from: &Path, to: &Path) {
    std::fs::copy(from, to).unwrap();
    std::fs::File::open(to).unwrap().sync_all().unwrap();
}
