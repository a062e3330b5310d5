//! Bits that flip where nobody wrote: opening or verifying names the damage, or nothing is affected.

use super::disk::{Dice, Disk};
use crate::auth::TokenHash;
use crate::id::Timestamp;
use crate::store::verify::verify_database;
use crate::store::write::{self, NewSession, NewUser};
use crate::store::{By, SEEDED_ORGANIZATION as HOME, Session, Store};

/// Places that are tried.
const PLACES: u64 = 2_000;

/// A database with something in every part that is written often.
fn filled() -> Disk {
    let disk = Disk::new();
    let store = Store::open_on(disk.clone(), Timestamp(1)).unwrap();
    for number in 0..150_u8 {
        let name = format!("user{number}");
        let email = Some(format!("{name}@example.org"));
        let new = NewUser { organization: HOME, name, email, password: None, roles: vec![] };
        let user = store.run(By::server(Timestamp(1)), write::create_user(new)).unwrap();
        let row = Session {
            id: store.new_session_id(),
            user: user.id,
            token: TokenHash([number; 32]),
            created: Timestamp(1),
            expires: Timestamp(9),
            device: "a device".to_owned(),
            address: None,
        };
        store.run(By::server(Timestamp(1)), write::begin_session(NewSession::unproven(row))).unwrap();
    }
    drop(store);
    disk
}

/// Everything that can be said of the content, in lines.
fn content(store: &Store) -> Vec<u8> {
    let mut lines = Vec::new();
    store.export(&mut lines, Timestamp(1)).unwrap();
    lines
}

/// Whether anything names the damage; if not, what the store then says it holds.
fn named_or_content(disk: &Disk) -> Option<Vec<u8>> {
    let mut database = crate::store::file::guarded(std::path::Path::new("(memory)"), || {
        let opened = redb::Database::builder().create_with_backend(disk.clone());
        opened.map_err(|error| crate::store::OpenError::of(std::path::Path::new("(memory)"), error))
    })
    .ok()?;
    let problems = crate::store::file::guarded(std::path::Path::new("(memory)"), || {
        verify_database(&mut database, &mut |_| ())
            .map_err(|error| crate::store::OpenError::read(std::path::Path::new("(memory)"), error))
    });
    if problems.is_ok_and(|problems| problems.is_empty()) {
        drop(database);
        return Some(content(&Store::open_on(disk.clone(), Timestamp(1)).unwrap()));
    }
    None
}

#[test]
fn a_flipped_bit_is_named_or_harmless() {
    let disk = filled();
    let (bytes, right) = (disk.bytes(), content(&Store::open_on(disk.copy(), Timestamp(1)).unwrap()));
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let (mut named, mut harmless) = (0, 0);
    for place in 0..PLACES {
        let mut damaged = bytes.clone();
        let (byte, bit) = (dice.roll(bytes.len() as u64) as usize, dice.roll(8));
        damaged[byte] ^= 1 << bit;
        match named_or_content(&Disk::of_bytes(damaged.clone())) {
            None => named += 1,
            Some(content) => {
                harmless += 1;
                assert!(content == right, "place {place}: bit {bit} of byte {byte} changes data unseen");
            }
        }
        // A server that opens it without verifying first never panics, and never says what isn't so: a
        // row's own check covers all that is read.
        let Ok(store) = Store::open_on(Disk::of_bytes(damaged), Timestamp(1)) else { continue };
        for number in (0..150_u8).step_by(7) {
            let name = format!("user{number}");
            if let Ok(Some(user)) = store.user_by_name(HOME, &name) {
                assert_eq!((&user.name, user.email), (&name, Some(format!("{name}@example.org"))));
            }
            if let Ok(Some(session)) = store.session_by_token(&TokenHash([number; 32]), Timestamp(1)) {
                assert_eq!((session.device.as_str(), session.expires), ("a device", Timestamp(9)));
            }
        }
    }
    println!("{PLACES} flips: {named} named, {harmless} harmless");
    assert!(named > PLACES / 20, "only {named} of {PLACES} flips met anything");
}
