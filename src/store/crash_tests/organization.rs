//! Organizations in the model. A further one is one fact, which says everything that goes with it: deleting one that
//! leaves something behind makes a fact that is neither the one before nor none.

use std::fmt::Write as _;

use super::disk::Dice;
use super::model::{Fact, Step, hash, made};
use crate::id::{OrganizationId, Timestamp};
use crate::store::write::{self, NewOrganization, NewUser, OrganizationEdit};
use crate::store::{Claim, Limits, Organization, OrganizationSettings, Restraint, Store};

/// People of one organization that are played with at most.
const MANY: usize = 3;

fn tag(number: u64) -> String {
    format!("org{number}")
}

/// What an organization is set to, in words; nothing for one that is set to nothing.
pub(super) fn settings_words(settings: &OrganizationSettings) -> Option<String> {
    (*settings != OrganizationSettings::new(settings.organization)).then(|| format!("{settings:?}"))
}

/// What is there of the organization of a number, in words.
pub(super) fn look(store: &Store, number: u64) -> Option<String> {
    let organization = store.organization_by_tag(&tag(number)).unwrap()?;
    let id = organization.id;
    let count = |what: usize| what.to_string();
    let mut words = shown(&organization);
    for part in [
        count(store.roles(id, None, 999).unwrap().len()),
        count(store.channels(id, None, 999).unwrap().len()),
        count(store.tokens(id, None, 999).unwrap().len()),
        settings_words(&store.organization_settings(id).unwrap()).unwrap_or_else(|| "none".to_owned()),
    ] {
        write!(words, ", {part}").unwrap();
    }
    for user in store.users(id, None, 999).unwrap() {
        let muted = store.restraint(id, user.id).unwrap().is_some();
        write!(words, ", {} {muted}", user.name).unwrap();
    }
    Some(words)
}

fn shown(organization: &Organization) -> String {
    format!("{} {}", organization.name, organization.limits.users)
}

/// What happens to the organization of a number.
pub(super) fn step(store: &Store, dice: &mut Dice, number: u64, serial: u64) -> Step {
    let fact = Fact::Organization(number);
    let Some(there) = store.organization_by_tag(&tag(number)).unwrap() else {
        let claim =
            (dice.roll(2) == 0).then(|| Claim { hash: hash((3 << 32) + serial), expires: Timestamp(1_000) });
        let (tokens, name) = (usize::from(claim.is_some()), format!("name {serial}"));
        let limits = Limits { users: 50, ..Limits::default() };
        let words = format!("{name} 50, 6, 5, {tokens}, none");
        let new = NewOrganization { tag: tag(number), name, limits, claim };
        return made("create_organization", write::create_organization(new).or_nothing(), fact, Some(words));
    };
    let before = look(store, number).unwrap_or_default();
    let (was, id) = (shown(&there), there.id);
    let users = store.users(id, None, 999).unwrap();
    match (dice.roll(5), users.first()) {
        (0, _) => made("delete_organization", write::delete_organization(id).or_nothing(), fact, None),
        (1, _) => {
            let limits = Limits { users: 60 + serial as u32, ..there.limits };
            let is = shown(&Organization { limits, ..there.clone() });
            let edit = OrganizationEdit { limits: Some(limits), ..OrganizationEdit::default() };
            let words = before.replacen(&was, &is, 1);
            made("edit_organization", write::edit_organization(id, edit).or_nothing(), fact, Some(words))
        }
        (2, _) => settle(store, fact, id, &before, serial),
        (3, Some(user)) => {
            let muted = store.restraint(id, user.id).unwrap().is_some();
            let [is, becomes] = [muted, !muted].map(|muted| format!(", {} {muted}", user.name));
            let restraint = Restraint { organization: id, user: user.id, muted: !muted, deafened: false };
            let words = before.replacen(&is, &becomes, 1);
            made("put_restraint", write::put_restraint(restraint).erased(), fact, Some(words))
        }
        (_, Some(user)) if users.len() >= MANY => {
            let muted = store.restraint(id, user.id).unwrap().is_some();
            let words = before.replacen(&format!(", {} {muted}", user.name), "", 1);
            made("delete_user", write::delete_user(user.id).or_nothing(), fact, Some(words))
        }
        _ => {
            let (name, password) = (format!("one{serial}"), None);
            let words = format!("{before}, {name} false");
            let new = NewUser { organization: id, name, email: None, password, roles: vec![] };
            made("create_user", write::create_user(new).erased(), fact, Some(words))
        }
    }
}

/// The organization is set to something else.
fn settle(store: &Store, fact: Fact, id: OrganizationId, before: &str, serial: u64) -> Step {
    let old = store.organization_settings(id).unwrap();
    let new = OrganizationSettings { welcome: format!("welcome {serial}"), ..old.clone() };
    let [is, becomes] = [&old, &new].map(|one| settings_words(one).unwrap_or_else(|| "none".to_owned()));
    let words = before.replacen(&is, &becomes, 1);
    made("put_organization_settings", write::put_organization_settings(new).erased(), fact, Some(words))
}
