//! The same work in SQLite: WAL, synchronous=FULL, prepared statements, and commits that a group of
//! writers shares, as our store's do. It checks uniqueness by its indexes and keeps the same audit trail.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

const SCHEMA: &str = "
    CREATE TABLE users (id INTEGER PRIMARY KEY, organization INTEGER, name TEXT, folded TEXT, email TEXT,
        email_folded TEXT, verified INTEGER, password BLOB, disabled INTEGER, grants BLOB, created INTEGER,
        UNIQUE (organization, folded), UNIQUE (organization, email_folded));
    CREATE TABLE sessions (id INTEGER PRIMARY KEY, user INTEGER, token BLOB UNIQUE, created INTEGER,
        expires INTEGER, device TEXT, address TEXT);
    CREATE INDEX sessions_of ON sessions (user);
    CREATE TABLE seen (session INTEGER PRIMARY KEY, at INTEGER);
    CREATE TABLE audit (number INTEGER PRIMARY KEY, at INTEGER, author INTEGER, verb INTEGER,
        subject INTEGER, subject_id INTEGER, after TEXT, hash BLOB);
";

const INSERT_USER: &str = "INSERT INTO users (organization, name, folded, email, email_folded, verified,
    password, disabled, grants, created) VALUES (1, ?1, ?2, ?3, ?4, 0, ?5, 0, ?6, 0)";
const INSERT_AUDIT: &str = "INSERT INTO audit (at, author, verb, subject, subject_id, after, hash)
    VALUES (?1, 1, 1, 2, ?2, ?3, ?4)";
const INSERT_SESSION: &str =
    "INSERT INTO sessions (user, token, created, expires, device, address) VALUES (?1, ?2, 0, ?3, ?4, ?5)";

pub(crate) fn open(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection.pragma_update(None, "synchronous", "FULL").unwrap();
    // As much memory for pages as our store has.
    connection.pragma_update(None, "cache_size", -256 * 1024).unwrap();
    connection.set_prepared_statement_cache_capacity(32);
    connection
}

pub(crate) fn create(path: &Path) -> Connection {
    let connection = open(path);
    connection.execute_batch(SCHEMA).unwrap();
    connection
}

pub(crate) fn insert_user(connection: &Connection, name: &str, has_email: bool, hash: &mut [u8; 32]) {
    let email = has_email.then(|| format!("{name}@example.org"));
    let password = [7_u8; 64];
    let mut insert = connection.prepare_cached(INSERT_USER).unwrap();
    insert.execute(params![name, name, email, email, password, [3_u8, 0].as_slice()]).unwrap();
    let id = connection.last_insert_rowid();
    let after = serde_json::json!({
        "name": name, "email": email, "password": "(not shown)", "grants": [{ "role": 3, "expires": null }],
    });
    audit(connection, id, &after.to_string(), hash);
}

fn audit(connection: &Connection, id: i64, after: &str, hash: &mut [u8; 32]) {
    let mut digest = Sha256::new();
    digest.update(*hash);
    digest.update(after);
    *hash = digest.finalize().into();
    let mut insert = connection.prepare_cached(INSERT_AUDIT).unwrap();
    insert.execute(params![0, id, after, hash.as_slice()]).unwrap();
}

pub(crate) fn insert_session(connection: &Connection, user: u64, token: &[u8; 32], expires: u64) {
    let mut insert = connection.prepare_cached(INSERT_SESSION).unwrap();
    insert.execute(params![user as i64, token.as_slice(), expires as i64, "laptop", "192.0.2.7"]).unwrap();
}

type User = (i64, String, Option<String>, Vec<u8>, bool, Vec<u8>, i64);

fn user_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<User> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?))
}

const COLUMNS: &str = "id, name, email, password, disabled, grants, created";

pub(crate) fn user(connection: &Connection, id: u64) -> Option<User> {
    let sql = const_format(COLUMNS, "WHERE id = ?1");
    let mut select = connection.prepare_cached(&sql).unwrap();
    select.query_row([id as i64], user_of).optional().unwrap()
}

pub(crate) fn user_by_name(connection: &Connection, name: &str) -> Option<User> {
    let sql = const_format(COLUMNS, "WHERE organization = 1 AND folded = ?1");
    let mut select = connection.prepare_cached(&sql).unwrap();
    select.query_row([parlour::name::folded(name)], user_of).optional().unwrap()
}

pub(crate) fn page(connection: &Connection, after: u64, limit: i64) -> Vec<User> {
    let sql = const_format(COLUMNS, "WHERE id > ?1 ORDER BY id LIMIT ?2");
    let mut select = connection.prepare_cached(&sql).unwrap();
    let rows = select.query_map([after as i64, limit], user_of).unwrap();
    rows.map(Result::unwrap).collect()
}

fn const_format(columns: &str, rest: &str) -> String {
    format!("SELECT {columns} FROM users {rest}")
}

type Session = (i64, i64, Vec<u8>, i64, i64, String, Option<String>);

pub(crate) fn session_by_token(connection: &Connection, token: &[u8; 32]) -> Option<Session> {
    let mut select = connection
        .prepare_cached(
            "SELECT id, user, token, created, expires, device, address FROM sessions
             WHERE token = ?1 AND expires > 0",
        )
        .unwrap();
    let row = |row: &rusqlite::Row<'_>| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?))
    };
    select.query_row([token.as_slice()], row).optional().unwrap()
}

pub(crate) fn touch_all(connection: &mut Connection, touches: &[(u64, u64)]) {
    let transaction = connection.transaction().unwrap();
    {
        let mut upsert = transaction
            .prepare_cached("INSERT INTO seen VALUES (?1, ?2) ON CONFLICT (session) DO UPDATE SET at = ?2")
            .unwrap();
        for (session, at) in touches {
            upsert.execute([*session as i64, *at as i64]).unwrap();
        }
    }
    transaction.commit().unwrap();
}

pub(crate) fn sweep(connection: &mut Connection, now: u64, chunk: i64) -> u64 {
    let mut swept = 0;
    loop {
        let transaction = connection.transaction().unwrap();
        let gone = transaction
            .prepare_cached(
                "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires <= ?1 LIMIT ?2)",
            )
            .unwrap()
            .execute([now as i64, chunk])
            .unwrap();
        transaction.commit().unwrap();
        swept += gone as u64;
        if gone == 0 {
            return swept;
        }
    }
}

/// A writer that commits groups, like the store's.
pub(crate) struct Writer {
    queue: Option<SyncSender<(String, bool, SyncSender<()>)>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(path: &Path) -> Self {
        let connection = open(path);
        let (queue, jobs): (_, Receiver<(String, bool, SyncSender<()>)>) = sync_channel(1_024);
        let thread = std::thread::spawn(move || {
            let mut hash = [0; 32];
            let (mut expected, mut took) = (1, Duration::ZERO);
            while let Ok(first) = jobs.recv() {
                let (mut group, began) = (vec![first], Instant::now());
                loop {
                    while group.len() < 256
                        && let Ok(job) = jobs.try_recv()
                    {
                        group.push(job);
                    }
                    if group.len() >= expected || began.elapsed() >= (took / 2).min(Duration::from_millis(1))
                    {
                        break;
                    }
                    std::thread::yield_now();
                }
                expected = group.len();
                let began = Instant::now();
                connection.execute_batch("BEGIN IMMEDIATE").unwrap();
                for (name, has_email, _) in &group {
                    insert_user(&connection, name, *has_email, &mut hash);
                }
                connection.execute_batch("COMMIT").unwrap();
                for (_, _, done) in group {
                    done.send(()).unwrap();
                }
                took = began.elapsed();
            }
        });
        Self { queue: Some(queue), thread: Some(thread) }
    }

    pub(crate) fn create_user(&self, name: String, has_email: bool) {
        let (done, answer) = sync_channel(1);
        self.queue.as_ref().unwrap().send((name, has_email, done)).unwrap();
        answer.recv().unwrap();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        self.thread.take().unwrap().join().unwrap();
    }
}

/// What the first release would have kept, in SQLite.
pub(crate) fn first_release(path: &Path, users: u64) -> Connection {
    let connection = open(path);
    connection
        .execute_batch(
            "CREATE TABLE old_users (id INTEGER PRIMARY KEY, organization INTEGER, name TEXT, folded TEXT,
                 password BLOB, disabled INTEGER, created INTEGER, UNIQUE (organization, folded));
             CREATE TABLE old_grants (user INTEGER, role INTEGER, PRIMARY KEY (user, role)) WITHOUT ROWID;
             BEGIN",
        )
        .unwrap();
    {
        let mut user = connection.prepare("INSERT INTO old_users VALUES (?1, 1, ?2, ?2, ?3, 0, 0)").unwrap();
        let mut grant = connection.prepare("INSERT INTO old_grants VALUES (?1, 3)").unwrap();
        for id in 1..=users {
            user.execute(params![id as i64, crate::fill::name(id), [7_u8; 64]]).unwrap();
            grant.execute([id as i64]).unwrap();
        }
    }
    connection.execute_batch("COMMIT").unwrap();
    connection
}

/// The same steps: a copy of the file first, then everything in one transaction.
pub(crate) fn migrate(connection: &mut Connection, backup: &Path) {
    connection.execute("VACUUM INTO ?1", [backup.display().to_string()]).unwrap();
    let transaction = connection.transaction().unwrap();
    transaction.execute_batch(SCHEMA).unwrap();
    transaction
        .execute_batch(
            "INSERT INTO users SELECT id, organization, name, folded, NULL, NULL, 0, password, disabled,
                 (SELECT group_concat(role) FROM old_grants WHERE user = id), created FROM old_users;
             DROP TABLE old_users;
             DROP TABLE old_grants;",
        )
        .unwrap();
    transaction.commit().unwrap();
}
