//! A file of the first release with many users, as that release wrote it, to be migrated.

use std::path::Path;

use redb::{Database, TableDefinition, TypeName, Value};
use rkyv::rancor::Failure;
use rkyv::{Archive, Serialize};

#[derive(Debug, Archive, Serialize)]
struct User {
    id: u64,
    organization: u64,
    name: String,
    password: Option<Password>,
    disabled: bool,
    created: u64,
}

#[derive(Debug, Archive, Serialize)]
struct Password {
    scheme: u8,
    memory: u32,
    passes: u32,
    lanes: u32,
    salt: [u8; 16],
    hash: [u8; 32],
}

impl Value for User {
    type SelfType<'a> = &'a [u8];
    type AsBytes<'a> = &'a [u8];

    fn fixed_width() -> Option<usize> {
        None
    }

    fn from_bytes<'a>(data: &'a [u8]) -> &'a [u8]
    where
        Self: 'a,
    {
        data
    }

    fn as_bytes<'a, 'b: 'a>(value: &'a &'b [u8]) -> &'a [u8]
    where
        Self: 'b,
    {
        value
    }

    fn type_name() -> TypeName {
        TypeName::new("parlour::User/1(id, organization, name, password, disabled, created)")
    }
}

const META: TableDefinition<'_, u8, u64> = TableDefinition::new("meta/1");
const USERS: TableDefinition<'_, u64, User> = TableDefinition::new("users/1");
const GRANTS: TableDefinition<'_, (u64, u64), ()> = TableDefinition::new("grants/1");
const INDEX: TableDefinition<'_, (u8, &[u8]), u64> = TableDefinition::new("index/1");

/// Writes the file. Its index is the least that a file of its size has: it is deleted unread.
pub(crate) fn write(path: &Path, users: u64) {
    let database = Database::create(path).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut meta = transaction.open_table(META).unwrap();
        for (key, value) in [(0, 1), (1, users), (2, 0), (3, 5)] {
            meta.insert(key, value).unwrap();
        }
        let mut table = transaction.open_table(USERS).unwrap();
        let mut grants = transaction.open_table(GRANTS).unwrap();
        let mut index = transaction.open_table(INDEX).unwrap();
        for id in 1..=users {
            let name = crate::fill::name(id);
            let password =
                Password { scheme: 1, memory: 19_456, passes: 2, lanes: 1, salt: [1; 16], hash: [2; 32] };
            let user =
                User { id, organization: 1, name, password: Some(password), disabled: false, created: 0 };
            let mut row = vec![1];
            row.extend_from_slice(&rkyv::to_bytes::<Failure>(&user).unwrap());
            table.insert(id, row.as_slice()).unwrap();
            grants.insert((id, 3), ()).unwrap();
            index.insert((1, id.to_be_bytes().as_slice()), id).unwrap();
        }
    }
    transaction.commit().unwrap();
}
