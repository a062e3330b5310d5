//! Files that aren't opened: later ones, such as another migration brought here, and those that aren't ours.

use std::fs;

use parlour::store::{OpenError, STORE_FILE, Store};
use redb::{Database, ReadableDatabase, TableDefinition};

use crate::migration::{MIGRATIONS, NOW, edit_record, first_release, tamper};

const META: TableDefinition<'_, u8, u64> = TableDefinition::new("meta/1");

#[test]
fn a_newer_file_is_refused_with_both_versions_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(STORE_FILE);
    drop(Store::open(&path, NOW).unwrap());
    tamper(&path, |transaction| {
        transaction.open_table(META).unwrap().insert(0, 7).unwrap();
        let json = r#"{"name":"x","checksum":"y","parlour":"9.9.9","at":"2030-01-01T00:00:00Z","milliseconds":1,"backup":null}"#;
        transaction.open_table(MIGRATIONS).unwrap().insert(7, json).unwrap();
    });
    let refused = Store::open(&path, NOW).unwrap_err().to_string();
    assert!(refused.contains("9.9.9") && refused.contains("schema 7"), "{refused}");
    assert!(refused.contains(env!("CARGO_PKG_VERSION")) && refused.contains("schema 6"), "{refused}");
}

#[test]
fn a_file_that_another_migration_brought_here_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = first_release(directory.path());
    drop(Store::open(&path, NOW).unwrap());
    edit_record(&path, 3, |record| record["id"] = "3-of-somebody-else".into());
    let refused = Store::open(&path, NOW).unwrap_err();
    assert!(matches!(refused, OpenError::MigrationChanged { number: 3, .. }), "{refused}");
    edit_record(&path, 3, |record| record["id"] = "3-devices".into());
    edit_record(&path, 2, |record| {
        record["id"] = "".into();
        record["checksum"] = "0".repeat(64).into();
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
