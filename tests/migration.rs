//! A file of the first release: opened, migrated, rolled back, migrated again, with everything in it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use parlour::auth::{ClaimCode, Scheme, StoredPassword, Token};
use parlour::id::{ChannelId, RoleId, SessionId, Timestamp, UserId};
use parlour::permission::{Overwrite, Permissions, Subject};
use parlour::store::{
    AuditFilter, BACKUPS, Grant, JobKind, JobState, OpenError, Opening, Purpose, SEEDED_ORGANIZATION,
    STORE_FILE, Store, Verb, peek, rollback, verify_file,
};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

const HOME: parlour::id::OrganizationId = SEEDED_ORGANIZATION;
const THEN: u64 = 1_760_000_000_000;
const NOW: Timestamp = Timestamp(THEN + 1_000);
const META: TableDefinition<'_, u8, u64> = TableDefinition::new("meta/1");
const MIGRATIONS: TableDefinition<'_, u64, &str> = TableDefinition::new("migrations/1");

/// The file that the first release made, in a directory of its own.
fn first_release(directory: &Path) -> PathBuf {
    let path = directory.join(STORE_FILE);
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/store-v1.redb"), &path).unwrap();
    path
}

/// What was put into that file when it was made, looked at through the present program.
fn assert_golden(store: &Store) {
    assert_eq!(store.verify().unwrap(), []);
    let home = store.organization(HOME).unwrap().unwrap();
    assert_eq!((home.tag.as_str(), home.name.as_str(), home.created.0), ("home", "Home", THEN));
    let names =
        ["Alice", "bob", "Zoë", "ﬁona", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "mallory"];
    let users = store.users(HOME, None, 100).unwrap();
    assert_eq!(users.len(), names.len());
    assert_eq!(store.user_count(HOME).unwrap(), 12);
    for (index, (user, name)) in users.iter().zip(names).enumerate() {
        let number = index as u8;
        let password = (index != 3).then_some(StoredPassword {
            scheme: Scheme::Argon2id,
            cost: (19_456, 2, 1),
            salt: [number; 16],
            hash: [number + 100; 32],
        });
        assert_eq!((user.id, user.name.as_str()), (UserId(index as u64 + 1), name));
        assert_eq!((&user.password, user.disabled), (&password, index == 4));
        assert_eq!(user.created.0, THEN + index as u64);
        assert_eq!(user.grants, [Grant { role: RoleId(1 + index as u64 % 4), expires: None }]);
        assert_eq!(store.user_by_name(HOME, &name.to_uppercase()).unwrap().as_ref(), Some(user));
        let token = Token::from_bytes(&[number + 1; 32]).unwrap().hash();
        let session = store.session_by_token(&token, NOW).unwrap();
        if index == 4 {
            assert_eq!(session, None, "a disabled user has no sessions");
        } else {
            let session = session.unwrap();
            assert_eq!((session.id, session.user), (SessionId(index as u64 + 1), user.id));
            assert_eq!(session.device, format!("device {index}"));
            assert_eq!(session.expires.0, 1_762_592_000_000 + index as u64 * 86_400_000);
        }
    }
    let channels = store.channels(HOME, None, 100).unwrap();
    let tree: Vec<_> = channels.iter().map(|c| (c.id.0, c.parent.map(|p| p.0), c.name.as_str())).collect();
    assert_eq!(
        tree,
        [
            (1, None, "General"),
            (2, None, "Operations"),
            (3, Some(2), "Alpha Squad"),
            (4, Some(2), "Bravo Squad"),
            (5, None, "Social"),
            (6, Some(3), "Charlie Squad"),
        ]
    );
    assert_eq!((channels[5].description.as_str(), channels[5].position), ("Third, below Alpha — naïve", -4));
    assert_eq!(store.first_free_channel(HOME).unwrap(), ChannelId(8), "7 was given once");
    assert_eq!(store.new_session_id(), SessionId(13));
    let overwrite = |channel, subject, allow, deny| Overwrite {
        channel: ChannelId(channel),
        subject,
        allow,
        deny,
        reach: parlour::permission::Reach::Both,
    };
    let user = overwrite(2, Subject::User(UserId(2)), Permissions::MOVE_OTHERS, Permissions::NONE);
    let role = overwrite(6, Subject::Role(RoleId(4)), Permissions::TEXT, Permissions::SPEAK);
    assert_eq!(store.overwrites(HOME, None, 100).unwrap(), [user, role]);
    let code = ClaimCode::parse("0123-4567-89AB-CDEF-1010").unwrap();
    let claim = store.token(Purpose::Claim, &code.hash(), NOW).unwrap().unwrap();
    assert_eq!((claim.created.0, claim.expires.0), (THEN, 1_760_086_400_000));
    assert!(store.has_administrator().unwrap());
}

#[test]
fn a_file_of_the_first_release_goes_there_and_back_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = first_release(directory.path());
    assert_eq!(peek(&path).unwrap().0, 1);

    let told = Mutex::new(Vec::new());
    let progress = |words: &str, _: f64| told.lock().unwrap().push(words.to_owned());
    let opening = Opening { progress: &progress, ..Opening::default() };
    let store = Store::open_with(&path, NOW, &opening).unwrap();
    assert_golden(&store);
    let told = told.into_inner().unwrap();
    assert!(told[0].contains("backup") && told[1].contains("schema 2"), "{told:?}");
    let stats = store.stats().unwrap();
    assert_eq!((stats.schema, stats.applied.len(), stats.pending.len()), (3, 2, 0));
    let (to, applied) = &stats.applied[0];
    assert_eq!((*to, applied.at, applied.checksum.len()), (2, NOW, 64));
    let migrations = AuditFilter { verb: Some(Verb::Migrate), ..AuditFilter::default() };
    let server = parlour::id::OrganizationId(0);
    assert_eq!(store.audit(server, &migrations, None, 9).unwrap().len(), 2);
    let jobs = store.jobs(None, 9).unwrap();
    assert_eq!((jobs.len(), jobs[0].kind, jobs[0].state), (2, JobKind::Migrate, JobState::Done));
    drop(store);

    let backup = applied.backup.clone().unwrap();
    assert!(backup.starts_with(directory.path().join(BACKUPS)));
    assert_eq!(verify_file(&backup, &mut |_| ()).unwrap(), []);
    let (aside, schema) = rollback(&path, NOW, &mut |_| ()).unwrap();
    assert_eq!((schema, peek(&path).unwrap().0, peek(&aside).unwrap().0), (1, 1, 3));
    assert_eq!(peek(&path).unwrap().2.len(), 2, "two migrations are pending");

    let refused =
        Store::open_with(&path, NOW, &Opening { migrate: false, ..Opening::default() }).unwrap_err();
    assert!(matches!(refused, OpenError::Older { found: 1, known: 3, .. }), "{refused}");
    assert!(refused.to_string().contains("parlour db migrate"), "{refused}");

    let later = Timestamp(NOW.0 + 60_000);
    assert_golden(&Store::open(&path, later).unwrap());
    assert_golden(&Store::open(&path, later).unwrap());
    assert_eq!(verify_file(&path, &mut |_| ()).unwrap(), []);
}

#[test]
fn there_is_nothing_to_go_back_to_before_a_migration() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(STORE_FILE);
    drop(Store::open(&path, NOW).unwrap());
    let refused = rollback(&path, NOW, &mut |_| ()).unwrap_err();
    assert!(refused.to_string().contains("nothing to go back to"), "{refused}");
    drop(Store::open(&path, NOW).unwrap());
}

/// Writes into a closed file behind the program's back.
fn tamper(path: &Path, work: impl FnOnce(&redb::WriteTransaction)) {
    let database = Database::open(path).unwrap();
    let transaction = database.begin_write().unwrap();
    work(&transaction);
    transaction.commit().unwrap();
}

#[test]
fn a_newer_file_is_refused_with_both_versions_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(STORE_FILE);
    drop(Store::open(&path, NOW).unwrap());
    tamper(&path, |transaction| {
        transaction.open_table(META).unwrap().insert(0, 4).unwrap();
        let json = r#"{"name":"x","checksum":"y","parlour":"9.9.9","at":"2030-01-01T00:00:00Z","milliseconds":1,"backup":null}"#;
        transaction.open_table(MIGRATIONS).unwrap().insert(4, json).unwrap();
    });
    let refused = Store::open(&path, NOW).unwrap_err().to_string();
    assert!(refused.contains("9.9.9") && refused.contains("schema 4"), "{refused}");
    assert!(refused.contains(env!("CARGO_PKG_VERSION")) && refused.contains("schema 3"), "{refused}");
}

#[test]
fn a_migration_that_was_edited_after_it_ran_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = first_release(directory.path());
    drop(Store::open(&path, NOW).unwrap());
    tamper(&path, |transaction| {
        let mut table = transaction.open_table(MIGRATIONS).unwrap();
        let json = table.get(2).unwrap().unwrap().value().to_owned();
        let mut record: serde_json::Value = serde_json::from_str(&json).unwrap();
        record["checksum"] = "0".repeat(64).into();
        table.insert(2, record.to_string().as_str()).unwrap();
    });
    let refused = Store::open(&path, NOW).unwrap_err();
    assert!(matches!(refused, OpenError::MigrationChanged { number: 2, .. }), "{refused}");
}

/// What isn't a database of ours is left as it is.
#[test]
fn other_files_are_refused_and_untouched() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(STORE_FILE);
    fs::write(&path, "a letter to my grandmother\n".repeat(500)).unwrap();
    let before = fs::read(&path).unwrap();
    let refused = Store::open(&path, NOW).unwrap_err();
    assert!(matches!(refused, OpenError::Damaged { .. } | OpenError::File { .. }), "{refused:?}");
    assert_eq!(fs::read(&path).unwrap(), before);
    fs::remove_file(&path).unwrap();
    let other: TableDefinition<'_, u64, u64> = TableDefinition::new("somebody's");
    let database = Database::create(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(other).unwrap().insert(1, 2).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let refused = Store::open(&path, NOW).unwrap_err();
    assert!(refused.to_string().contains("not a sound Parlour database"), "{refused}");
    let database = Database::open(&path).unwrap();
    assert_eq!(database.begin_read().unwrap().list_tables().unwrap().count(), 1);
}
