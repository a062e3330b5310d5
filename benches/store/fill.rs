//! The people that both databases are filled with, and their sessions.

use std::path::Path;

use parlour::auth::{StoredPassword, TokenHash};
use parlour::id::{RoleId, Timestamp, UserId};
use parlour::store::write::{self, NewSession, NewUser};
use parlour::store::{
    By, Limits, SEEDED_ORGANIZATION as HOME, STORE_FILE, Session, Store, write::OrganizationEdit,
};

use crate::{NOW, sqlite};

pub(crate) fn name(number: u64) -> String {
    // In no order, as people's names come.
    format!("user{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

pub(crate) fn token(number: u64) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    Sha256::digest(number.to_be_bytes()).into()
}

pub(crate) fn new_user(name: String, has_email: bool) -> NewUser {
    let email = has_email.then(|| format!("{name}@example.org"));
    NewUser {
        organization: HOME,
        name,
        email,
        password: Some(StoredPassword::decoy()),
        roles: vec![RoleId(3)],
    }
}

pub(crate) fn session(store: &Store, user: u64, expires: Timestamp) -> Session {
    Session {
        id: store.new_session_id(),
        user: UserId(user),
        token: TokenHash(token(user)),
        created: NOW,
        expires,
        device: "laptop".to_owned(),
        address: Some([192, 0, 2, 7].into()),
    }
}

/// Every tenth session has expired.
pub(crate) fn expires(user: u64) -> u64 {
    if user.is_multiple_of(10) { NOW.0 + 1_000 } else { NOW.0 + 1_000_000 }
}

pub(crate) fn fill(size: u64, directory: &Path) -> (Store, rusqlite::Connection) {
    let store = Store::open(&directory.join(STORE_FILE), NOW).unwrap();
    let limits = Limits { users: u32::MAX, ..Limits::default() };
    let edit = OrganizationEdit { limits: Some(limits), ..OrganizationEdit::default() };
    store.run(By::server(NOW), write::edit_organization(HOME, edit)).unwrap();
    for first in (0..size).step_by(5_000) {
        let writes = (first..(first + 5_000).min(size)).flat_map(|number| {
            let row = session(&store, number + 1, Timestamp(expires(number + 1)));
            [
                write::create_user(new_user(name(number), true)).erased::<write::Rejected>(),
                write::begin_session(NewSession::unproven(row)).erased(),
            ]
        });
        let writes = writes.map(|write| (By::server(NOW), write)).collect();
        assert!(store.run(By::server(NOW), write::all(writes)).unwrap().iter().all(Result::is_ok));
    }
    let connection = sqlite::create(&directory.join("sqlite.db"));
    let mut hash = [0; 32];
    for first in (0..size).step_by(5_000) {
        connection.execute_batch("BEGIN").unwrap();
        for number in first..(first + 5_000).min(size) {
            sqlite::insert_user(&connection, &name(number), true, &mut hash);
            sqlite::insert_session(&connection, number + 1, &token(number + 1), expires(number + 1));
        }
        connection.execute_batch("COMMIT").unwrap();
    }
    (store, connection)
}
