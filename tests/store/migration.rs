//! Files of earlier versions: opened, migrated, rolled back, migrated again, with everything in them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use parlour::auth::{OneTimeCode, Scheme, StoredPassword, Token};
use parlour::bounds::Registration;
use parlour::id::{ChannelId, RoleId, SessionId, Timestamp, UserId};
use parlour::permission::{Overwrite, Permissions, Reach, Subject};
use parlour::store::{
    AuditFilter, BACKUPS, By, Channel, Failed, Grant, JobKind, JobState, OWNER, OpenError, Opening,
    OrganizationSettings, Purpose, Restraint, Role, SEEDED_ORGANIZATION, STORE_FILE, Store, Verb, peek,
    rollback, verify_file, write,
};
use redb::{Database, ReadableTable, TableDefinition, TableHandle};

const HOME: parlour::id::OrganizationId = SEEDED_ORGANIZATION;
const THEN: u64 = 1_760_000_000_000;
pub(crate) const NOW: Timestamp = Timestamp(THEN + 1_000);
pub(crate) const MIGRATIONS: TableDefinition<'_, u64, &str> = TableDefinition::new("migrations/1");

/// The file that the first release made, in a directory of its own.
pub(crate) fn first_release(directory: &Path) -> PathBuf {
    file_of_schema(1, directory)
}

/// A file that the last version with a schema made, in a directory of its own.
fn file_of_schema(schema: u64, directory: &Path) -> PathBuf {
    let path = directory.join(STORE_FILE);
    fs::copy(format!("{}/tests/data/store-v{schema}.redb", env!("CARGO_MANIFEST_DIR")), &path).unwrap();
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
        reach: Reach::Both,
    };
    let user = overwrite(2, Subject::User(UserId(2)), Permissions::MOVE_OTHERS, Permissions::NONE);
    let role = overwrite(6, Subject::Role(RoleId(4)), Permissions::TEXT, Permissions::SPEAK);
    assert_eq!(store.overwrites(HOME, None, 100).unwrap(), [user, role]);
    let code = OneTimeCode::parse("0123-4567-89AB-CDEF-1010").unwrap();
    let claim = store.token(Purpose::Claim, &code.hash(), NOW).unwrap().unwrap();
    assert_eq!((claim.created.0, claim.expires.0), (THEN, 1_760_086_400_000));
    assert!(store.has_administrator(HOME).unwrap());
    // Nobody changed the roles, so they are those of a new database.
    assert_eq!(store.roles(HOME, None, 100).unwrap(), new_roles());
}

fn new_roles() -> Vec<Role> {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join(STORE_FILE), NOW).unwrap();
    store.roles(HOME, None, 100).unwrap()
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
    assert_eq!((stats.schema, stats.applied.len(), stats.pending.len()), (6, 5, 0));
    let (to, applied) = &stats.applied[0];
    assert_eq!((*to, applied.at, applied.id.as_str()), (2, NOW, "2-checked-rows"));
    let migrations = AuditFilter { verb: Some(Verb::Migrate), ..AuditFilter::default() };
    let server = parlour::id::OrganizationId(0);
    assert_eq!(store.audit(server, &migrations, None, 9).unwrap().len(), 5);
    let jobs = store.jobs(None, 9).unwrap();
    assert_eq!((jobs.len(), jobs[0].kind, jobs[0].state), (5, JobKind::Migrate, JobState::Done));
    drop(store);

    let backup = applied.backup.clone().unwrap();
    assert!(backup.starts_with(directory.path().join(BACKUPS)));
    assert_eq!(verify_file(&backup, &mut |_| ()).unwrap(), []);
    let (aside, schema) = rollback(&path, NOW, &mut |_| ()).unwrap();
    assert_eq!((schema, peek(&path).unwrap().0, peek(&aside).unwrap().0), (1, 1, 6));
    assert_eq!(peek(&path).unwrap().2.len(), 5, "five migrations are pending");

    let refused =
        Store::open_with(&path, NOW, &Opening { migrate: false, ..Opening::default() }).unwrap_err();
    assert!(matches!(refused, OpenError::Older { found: 1, known: 6, .. }), "{refused}");
    assert!(refused.to_string().contains("parlour db migrate"), "{refused}");

    let later = Timestamp(NOW.0 + 60_000);
    assert_golden(&Store::open(&path, later).unwrap());
    assert_golden(&Store::open(&path, later).unwrap());
    assert_eq!(verify_file(&path, &mut |_| ()).unwrap(), []);
}

/// `tests/data/README.md` says what was put into the file.
#[test]
fn a_file_of_schema_3_has_owners_and_all_that_was_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = file_of_schema(3, directory.path());
    assert_eq!((peek(&path).unwrap().0, peek(&path).unwrap().2.len()), (3, 3));
    let told = Mutex::new(Vec::new());
    let progress = |words: &str, done: f64| told.lock().unwrap().push((words.to_owned(), done));
    let opening = Opening { progress: &progress, ..Opening::default() };
    let store = Store::open_with(&path, NOW, &opening).unwrap();
    let told = told.into_inner().unwrap();
    for schema in ["schema 4", "schema 5", "schema 6"] {
        let done: Vec<_> =
            told.iter().filter(|(what, _)| what.contains(schema)).map(|(_, done)| *done).collect();
        assert!(done.is_sorted() && *done.last().unwrap() >= 1.0, "{told:?}");
    }
    assert_eq!(store.verify().unwrap(), []);
    let stats = store.stats().unwrap();
    assert_eq!((stats.schema, stats.applied.len(), stats.pending.len()), (6, 4, 0));
    let new = new_roles();
    let role = |name: &str| store.role_by_name(HOME, name).unwrap().unwrap();
    let names: Vec<_> = store.roles(HOME, None, 9).unwrap().into_iter().map(|role| role.name).collect();
    assert_eq!(names, ["Owner", "Officer", "Member", "Guest", "Helper", "Admin", "Service"]);
    assert_eq!(
        (role("owner"), role("Member"), role("Guest")),
        (new[0].clone(), new[2].clone(), new[3].clone())
    );
    let changed = role("Officer");
    assert_eq!((changed.allow.to_string().as_str(), changed.colour), ("view, join, speak, text, ban", 0));
    let helper = role("Helper");
    assert_eq!((helper.rank, helper.allow.to_string().as_str()), (20, "view, join"));
    assert_eq!(role("Admin"), Role { id: RoleId(6), ..new[4].clone() });
    assert_eq!(role("Service"), Role { id: RoleId(7), ..new[5].clone() });
    assert_eq!(store.first_free_role(HOME).unwrap(), RoleId(8));
    // Who was the administrator owns the server, and stays.
    let alice = store.user_by_name(HOME, "alice").unwrap().unwrap();
    assert_eq!(alice.grants, [Grant { role: OWNER, expires: None }]);
    let refused = store.run(parlour::store::By::server(NOW), write::revoke(alice.id, OWNER)).unwrap_err();
    assert_eq!(refused, Failed::Refused(write::GrantError::LastOwner));
    assert_channels(&store);
    assert_eq!(store.new_session_id(), SessionId(1));
    drop(store);
    assert_eq!(rollback(&path, NOW, &mut |_| ()).unwrap().1, 3);
    drop(Store::open(&path, NOW).unwrap());
    assert_eq!(verify_file(&path, &mut |_| ()).unwrap(), []);
}

fn assert_channels(store: &Store) {
    let bob = store.user_by_name(HOME, "bob").unwrap().unwrap();
    let channels = store.channels(HOME, None, 9).unwrap();
    let names: Vec<_> = channels.iter().map(|channel| (channel.id.0, channel.name.as_str())).collect();
    assert_eq!(names[3..], [(4, "Bravo Squad"), (5, "Social"), (6, "Zulu")]);
    assert!(channels[2].password.is_some(), "Alpha Squad asks for one");
    let zulu = channels[5].clone();
    assert_eq!((zulu.parent, zulu.description.as_str()), (Some(ChannelId(2)), "Last of all"));
    let blank = Channel::new(HOME, zulu.parent, "Zulu");
    let (id, created, description) = (zulu.id, zulu.created, zulu.description.clone());
    assert_eq!(zulu, Channel { id, created, description, ..blank });
    let overwrite = |channel, subject, allow, deny| Overwrite {
        channel: ChannelId(channel),
        subject,
        allow,
        deny,
        reach: Reach::Both,
    };
    let role = overwrite(2, Subject::Role(RoleId(4)), Permissions::NONE, Permissions::SPEAK);
    let user = overwrite(6, Subject::User(bob.id), Permissions::MOVE_OTHERS, Permissions::TEXT);
    assert_eq!(store.overwrites(HOME, None, 9).unwrap(), [role, user]);
}

#[test]
fn the_roles_of_other_organizations_follow_where_they_may() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&file_of_schema(3, directory.path()), NOW).unwrap();
    let club = store.organization_by_tag("club").unwrap().unwrap().id;
    let roles = store.roles(club, None, 9).unwrap();
    let shown: Vec<_> = roles.iter().map(|role| (role.name.as_str(), role.rank, role.allow)).collect();
    let new = new_roles();
    let of = |index: usize| new[index].allow;
    assert_eq!(
        shown,
        [
            ("Boss", 1000, of(0)),
            ("Officer", 50, of(1)),
            ("Member", 10, of(2)),
            ("Guest", 0, of(3)),
            ("Service", 5, Permissions::VIEW),
            ("Admin", 100, of(4)),
        ]
    );
}

/// What was put into the file of schema 4, looked at through the present program. `tests/data/README.md` says what.
fn assert_typed(store: &Store) {
    assert_eq!(store.verify().unwrap(), []);
    let requiring = store.roles(HOME, None, 9).unwrap().into_iter().filter(|role| role.second_factor);
    assert_eq!(requiring.map(|role| role.name).collect::<Vec<_>>(), ["Helper"]);
    let (alice, bob) = (UserId(1), UserId(2));
    let restraint = Restraint { organization: HOME, user: bob, muted: true, deafened: true };
    assert_eq!(store.restraint(HOME, bob).unwrap(), Some(restraint));
    assert_eq!(store.restraint(HOME, alice).unwrap(), None);
    let settings = OrganizationSettings {
        organization: HOME,
        welcome: "Be kind.".to_owned(),
        default_channel: Some(ChannelId(5)),
        afk_channel: Some(ChannelId(2)),
        afk_ms: 1_200_000,
        guests: true,
        registration: Registration::Open,
    };
    assert_eq!(store.organization_settings(HOME).unwrap(), settings);
    assert_eq!(store.settings(HOME, None).unwrap(), []);
    assert_eq!(store.settings(HOME, Some(bob)).unwrap(), []);
    assert!(store.second_factor(alice).unwrap().unwrap().confirmed.is_some());
    assert_eq!(store.api_keys_of(alice, None, 9).unwrap()[0].name, "robot");
    assert_eq!(store.tokens(HOME, None, 9).unwrap()[0].uses, 3);
}

#[test]
fn what_hid_in_the_settings_of_schema_4_has_rows() {
    let directory = tempfile::tempdir().unwrap();
    let path = file_of_schema(4, directory.path());
    assert_eq!((peek(&path).unwrap().0, peek(&path).unwrap().2.len()), (4, 2));
    let store = Store::open(&path, NOW).unwrap();
    assert_typed(&store);
    let stats = store.stats().unwrap();
    assert_eq!((stats.schema, stats.applied.last().unwrap().1.id.as_str()), (6, "6-who-comes-in"));
    drop(store);
    assert_eq!(verify_file(&path, &mut |_| ()).unwrap(), []);
    // Back, where they are settings again, and there once more.
    assert_eq!(rollback(&path, NOW, &mut |_| ()).unwrap().1, 4);
    let refused =
        Store::open_with(&path, NOW, &Opening { migrate: false, ..Opening::default() }).unwrap_err();
    assert!(matches!(refused, OpenError::Older { found: 4, known: 6, .. }), "{refused}");
    assert_typed(&Store::open(&path, NOW).unwrap());
}

/// A channel that was deleted was still named by the settings of schema 4: there was nothing that took it out.
#[test]
fn settings_of_schema_4_that_lead_nowhere_lead_nowhere_in_words() {
    const SETTINGS: TableDefinition<'_, (u64, u64, &str), &str> = TableDefinition::new("settings/2");
    let directory = tempfile::tempdir().unwrap();
    let path = file_of_schema(4, directory.path());
    tamper(&path, |transaction| {
        let mut settings = transaction.open_table(SETTINGS).unwrap();
        settings.insert((1, 0, "default-channel"), "77").unwrap();
        settings.insert((1, 0, "afk-ms"), "soon").unwrap();
        settings.insert((1, 0, "roles.second_factor"), "7,99,x").unwrap();
        settings.insert((1, 2, "restraint"), "annoyed").unwrap();
        settings.insert((1, 2, "theme"), "dark").unwrap();
    });
    let store = Store::open(&path, NOW).unwrap();
    assert_eq!(store.verify().unwrap(), []);
    let settings = store.organization_settings(HOME).unwrap();
    assert_eq!(
        (settings.default_channel, settings.afk_channel, settings.afk_ms),
        (None, Some(ChannelId(2)), 0)
    );
    assert_eq!(store.restraint(HOME, UserId(2)).unwrap(), None);
    let left = store.settings(HOME, Some(UserId(2))).unwrap();
    assert_eq!((left.len(), left[0].name.as_str(), left[0].value.as_str()), (1, "theme", "dark"));
}

#[test]
fn an_export_of_schema_4_is_loaded_into_rows() {
    let export = format!("{}/tests/data/export-v4.jsonl", env!("CARGO_MANIFEST_DIR"));
    let lines = fs::read(export).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(STORE_FILE);
    Store::import(&path, &mut lines.as_slice(), NOW).unwrap();
    let store = Store::open(&path, NOW).unwrap();
    assert_typed(&store);
    // An export of today has them, too.
    let mut lines = Vec::new();
    store.export(&mut lines, NOW).unwrap();
    let again = directory.path().join("again.redb");
    Store::import(&again, &mut lines.as_slice(), NOW).unwrap();
    assert_typed(&Store::open(&again, NOW).unwrap());
}

/// Versions before identifiers recorded a checksum of the migration's source. What they wrote is known for ever.
#[test]
fn what_earlier_versions_recorded_of_a_migration_is_known() {
    let directory = tempfile::tempdir().unwrap();
    let path = first_release(directory.path());
    drop(Store::open(&path, NOW).unwrap());
    for (to, checksum) in [
        (2, "1a9678927d3357ca7026c323b889cdeef0bd49e991b83ebf68ebc4a8e7ed64b0"),
        (2, "87ef9bd7f8814f511a978a7f6cb074fd0b652195f79d9611f5eeb2e22eb594aa"),
        (3, "a65b38860164cd09e9d658f5eed01be443243518fb15e8237c28026ede032f52"),
        (4, "065a5ac8e2b1f039fae515e620c1e9b102e77068b2623eef5ab96c2c6421b0fb"),
    ] {
        edit_record(&path, to, |record| {
            record.as_object_mut().unwrap().remove("id");
            record["checksum"] = checksum.into();
        });
        assert_golden(&Store::open(&path, NOW).unwrap());
    }
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
pub(crate) fn tamper(path: &Path, work: impl FnOnce(&redb::WriteTransaction)) {
    let database = Database::open(path).unwrap();
    let transaction = database.begin_write().unwrap();
    work(&transaction);
    transaction.commit().unwrap();
}

/// Edits what a file says of the migration to a schema.
pub(crate) fn edit_record(path: &Path, to: u64, edit: impl FnOnce(&mut serde_json::Value)) {
    tamper(path, |transaction| {
        let mut table = transaction.open_table(MIGRATIONS).unwrap();
        let json = table.get(to).unwrap().unwrap().value().to_owned();
        let mut record: serde_json::Value = serde_json::from_str(&json).unwrap();
        edit(&mut record);
        table.insert(to, record.to_string().as_str()).unwrap();
    });
}

/// Organizations say who comes in since schema 6; before, the configuration said it of all of them.
#[test]
fn a_file_of_schema_5_has_all_that_was_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = file_of_schema(5, directory.path());
    let store = Store::open(&path, NOW).unwrap();
    assert_eq!(store.verify().unwrap(), []);
    let (alice, bob) = (UserId(1), UserId(2));
    let user = store.user(alice).unwrap().unwrap();
    assert_eq!((user.name.as_str(), user.email.as_deref()), ("alice", Some("alice@example.org")));
    assert_eq!(user.password.unwrap().salt, [7; 16]);
    assert!(store.role_by_name(HOME, "Helper").unwrap().unwrap().second_factor);
    let restraint = store.restraint(HOME, bob).unwrap().unwrap();
    assert_eq!((restraint.muted, restraint.deafened), (true, false));
    let settings = store.organization_settings(HOME).unwrap();
    assert_eq!((settings.welcome.as_str(), settings.afk_ms), ("Be kind.", 1_200_000));
    assert_eq!((settings.guests, settings.registration), (true, Registration::Open));
    let home = store.organization(HOME).unwrap().unwrap();
    assert_eq!((home.guests, home.registration, home.limits.sessions), (None, None, 100_000));
    assert_eq!((settings.default_channel, settings.afk_channel), (Some(ChannelId(5)), Some(ChannelId(2))));
    assert_eq!(store.bans(HOME, None, 9).unwrap()[0].reason, "shouted");
    assert_eq!(store.tokens(HOME, None, 9).unwrap()[0].uses, 3);
    let session = store.sessions_of(alice, None, 9).unwrap().remove(0);
    let device = store.device(alice, session.id).unwrap().unwrap();
    assert_eq!((session.device.as_str(), device.key.map(|key| key.0)), ("laptop", Some([6; 32])));
    assert_eq!(store.device_keys_of(alice).unwrap()[0].public, [7; 32]);
    assert_eq!(store.second_factor(alice).unwrap().unwrap().last_step, 42);
    assert_eq!(store.api_keys_of(alice, None, 9).unwrap()[0].name, "robot");
    assert_eq!(store.profile(bob).unwrap().unwrap().bio, "Likes tea");
    assert_eq!(store.favourites(bob).unwrap()[0].channel, ChannelId(5));
    assert_eq!(store.settings(HOME, Some(bob)).unwrap()[0].value, "dark");
    assert_eq!(store.outbox(0, 9).unwrap()[0].to, "alice@example.org");
    let club = store.organization_by_tag("club").unwrap().unwrap();
    assert_eq!(store.users(club.id, None, 9).unwrap()[0].name, "carol");
    let everywhere = store.overwrites(HOME, None, 9).unwrap();
    assert_eq!((everywhere.len(), everywhere[0].deny), (1, Permissions::SPEAK));
}

/// A table that came after the file is empty in it, and nothing that verification finds fault with; it is made when the
/// file is opened.
#[test]
fn a_file_that_lacks_a_table_gets_it() {
    const RESTRAINTS: &str = "restraints/5";
    let delete = |transaction: &redb::WriteTransaction| {
        let table = transaction.list_tables().unwrap().find(|table| table.name() == RESTRAINTS).unwrap();
        assert!(transaction.delete_table(table).unwrap());
    };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(STORE_FILE);
    drop(Store::open(&path, NOW).unwrap());
    tamper(&path, delete);
    assert_eq!(verify_file(&path, &mut |_| ()).unwrap(), []);
    let schema = peek(&path).unwrap().0;
    // Opening it is no migration.
    let store = Store::open_with(&path, NOW, &Opening { migrate: false, ..Opening::default() }).unwrap();
    assert_eq!(store.verify().unwrap(), []);
    let new = write::NewUser {
        organization: HOME,
        name: "alice".to_owned(),
        email: None,
        password: None,
        roles: Vec::new(),
    };
    let user = store.run(By::server(NOW), write::create_user(new)).unwrap().id;
    let restraint = Restraint { organization: HOME, user, muted: true, deafened: false };
    store.run(By::server(NOW), write::put_restraint(restraint)).unwrap();
    assert_eq!(store.restraint(HOME, user).unwrap(), Some(restraint));
    drop(store);
    assert_eq!((peek(&path).unwrap().0, verify_file(&path, &mut |_| ()).unwrap()), (schema, vec![]));
}
