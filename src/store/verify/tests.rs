use std::convert::Infallible;

use redb::backends::InMemoryBackend;

use super::super::open::By;
use super::super::record::{Profile, Restraint};
use super::super::write::Write;
use super::*;
use crate::id::{Timestamp, UserId};

/// What the declarations of records say is asked of every table, and not only of those that are named here.
#[test]
fn rows_of_nobody_are_told() {
    let store = Store::open_on(InMemoryBackend::new(), Timestamp(1)).unwrap();
    let write: Write<(), Infallible> = Write::new(|open| {
        let (organization, user) = (OrganizationId(1), UserId(77));
        let restraint = Restraint { organization, user, muted: true, deafened: false };
        let elsewhere = Restraint { organization: OrganizationId(9), ..restraint };
        let (display_name, bio, avatar) = (String::new(), String::new(), Vec::new());
        let _ = open.put_unaudited(None, Some(&restraint))?;
        let _ = open.put_unaudited(None, Some(&elsewhere))?;
        let _ = open.put_unaudited(None, Some(&Profile { user, display_name, bio, avatar }))?;
        Ok(())
    });
    store.run(By::server(Timestamp(2)), write).unwrap();
    let told: Vec<String> = store.verify().unwrap().iter().map(ToString::to_string).collect();
    let restraint = "of Restraint/1(organization, user, muted, deafened)";
    let expected = [
        format!("row (1, 77) {restraint} is of user 77, who doesn't exist"),
        format!("row (9, 77) {restraint} is of organization 9, which it can't be"),
        format!("row (9, 77) {restraint} is of user 77, who doesn't exist"),
        "row 77 of Profile/1(user, display_name, bio, avatar) is of user 77, who doesn't exist".to_owned(),
    ];
    assert_eq!(told, expected);
}
