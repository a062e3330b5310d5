//! Programs of others in the model. A program is one fact, with the person who may allow it something: that they did, and what it was
//! given for that, ends together.

use std::time::Duration;

use super::disk::Dice;
use super::model::{Fact, Step, hash, made};
use crate::id::{OAuthClientId, OAuthFamilyId, Timestamp, UserId};
use crate::permission::Permissions;
use crate::store::write::{self, GrantProof, NewUser, OAuthExchange, Proof};
use crate::store::{OAuthClient, OAuthFamily, OAuthGrant, SEEDED_ORGANIZATION as HOME, Store};

/// Times that a program is given something at once.
const MANY: u64 = 3;

fn name(number: u64) -> String {
    format!("programs{number}")
}

fn id(number: u64) -> OAuthClientId {
    OAuthClientId(HOME.identifiers().start() + 1_000 + number)
}

/// A refresh token's hash, of the operation that made it.
fn token(serial: u64) -> crate::auth::TokenHash {
    hash((3 << 32) + serial)
}

/// What is there: the person, their program, what they allowed it, and what it was given.
struct Found {
    user: Option<UserId>,
    client: Option<OAuthClient>,
    grant: Option<OAuthGrant>,
    families: Vec<OAuthFamily>,
}

fn find(store: &Store, number: u64) -> Found {
    let user = store.user_by_name(HOME, &name(number)).unwrap().map(|user| user.id);
    let client = store.oauth_clients(HOME).unwrap().into_iter().find(|client| client.id == id(number));
    let grant = user.and_then(|user| store.oauth_grant(user, id(number)).unwrap());
    let family = |slot| user.and_then(|user| store.oauth_family(user, OAuthFamilyId(slot)).unwrap());
    Found { user, client, grant, families: (0..MANY).filter_map(family).collect() }
}

fn words(found: &Found) -> Option<String> {
    found.user?;
    let client = found.client.as_ref().map(|client| client.name.as_str());
    let grant = found.grant.as_ref().map(|grant| (grant.claims, grant.scopes.bits()));
    let families = found.families.iter().map(|one| (one.id.0, one.token, one.before));
    Some(format!("{client:?}, {grant:?}, {:?}", families.collect::<Vec<_>>()))
}

pub(super) fn look(store: &Store, number: u64) -> Option<String> {
    words(&find(store, number))
}

/// A use case about the program of a number.
pub(super) fn step(store: &Store, dice: &mut Dice, number: u64, serial: u64) -> Step {
    let fact = Fact::Program(number);
    let mut after = find(store, number);
    let Some(user) = after.user else {
        let new =
            NewUser { organization: HOME, name: name(number), email: None, password: None, roles: vec![] };
        after.user = Some(UserId(0));
        return made("create_user", write::create_user(new).erased(), fact, words(&after));
    };
    let Some(client) = after.client.clone() else {
        let client = client(number);
        after.client = Some(client.clone());
        let write = write::create_oauth_client(client).or_nothing();
        return made("create_oauth_client", write, fact, words(&after));
    };
    let Some(grant) = after.grant.clone() else {
        let (claims, scopes, at) = (1, Permissions::VIEW, Timestamp(1));
        let grant = OAuthGrant { user, client: client.id, claims, scopes, created: at, used: at };
        after.grant = Some(grant.clone());
        let write = write::allow_oauth_client(grant, GrantProof::LogIn(Proof::None)).or_nothing();
        return made("allow_oauth_client", write, fact, words(&after));
    };
    match (dice.roll(8), after.families.first().cloned()) {
        (0, _) => {
            (after.client, after.grant, after.families) = (None, None, Vec::new());
            let write = write::revoke_oauth_client(HOME, client.id).or_nothing();
            made("revoke_oauth_client", write, fact, words(&after))
        }
        (1, _) => {
            (after.grant, after.families) = (None, Vec::new());
            let write = write::revoke_oauth_grant(user, client.id).or_nothing();
            made("revoke_oauth_grant", write, fact, words(&after))
        }
        (2, Some(family)) => {
            after.families.remove(0);
            let write = write::end_oauth_family(user, family.id, client.id).or_nothing();
            made("end_oauth_family", write, fact, words(&after))
        }
        (3..=5, Some(family)) => exchange(&mut after, &family, dice, (number, serial)),
        _ => give(&mut after, &grant, dice, (number, serial)),
    }
}

/// A refresh token is shown, which is good, or was exchanged before.
fn exchange(after: &mut Found, family: &OAuthFamily, dice: &mut Dice, (number, serial): (u64, u64)) -> Step {
    let is_reused = dice.roll(3) == 0;
    let (what, shown) = if is_reused {
        after.families.remove(0);
        ("exchange_oauth_token (reused)", token(0))
    } else {
        let (token, before) = (Some(token(serial)), family.token);
        after.families[0] = OAuthFamily { token, before, ..family.clone() };
        ("exchange_oauth_token", family.token.unwrap())
    };
    let exchange = OAuthExchange {
        user: family.user,
        family: family.id,
        client: family.client,
        shown,
        next: token(serial),
        expires: Timestamp(1_000),
        grace: Duration::ZERO,
    };
    made(what, write::exchange_oauth_token(exchange).or_nothing(), Fact::Program(number), words(after))
}

/// The program is given something at once, where there is room, and else allowed more.
fn give(after: &mut Found, grant: &OAuthGrant, dice: &mut Dice, (number, serial): (u64, u64)) -> Step {
    let fact = Fact::Program(number);
    if let Some(slot) = (0..MANY).find(|slot| after.families.iter().all(|one| one.id.0 != *slot)) {
        let family = family(grant.user, slot, grant, serial);
        after.families.push(family.clone());
        after.families.sort_by_key(|one| one.id);
        let write = write::begin_oauth_family(family, false).or_nothing();
        return made("begin_oauth_family", write, fact, words(after));
    }
    let grant = OAuthGrant { claims: 1 << dice.roll(5), ..grant.clone() };
    if let Some(allowed) = &mut after.grant {
        allowed.claims |= grant.claims;
    }
    let write = write::allow_oauth_client(grant, GrantProof::LogIn(Proof::None)).or_nothing();
    made("allow_oauth_client", write, fact, words(after))
}

fn client(number: u64) -> OAuthClient {
    OAuthClient {
        id: id(number),
        organization: HOME,
        name: name(number),
        secret: None,
        redirect_uris: vec!["https://example.org/".to_owned()],
        logout_uris: Vec::new(),
        resources: Vec::new(),
        claims: 31,
        scopes: Permissions::ALL,
        account: None,
        device: false,
        algorithm: 0,
        created: Timestamp(1),
    }
}

fn family(user: UserId, slot: u64, grant: &OAuthGrant, serial: u64) -> OAuthFamily {
    OAuthFamily {
        user,
        id: OAuthFamilyId(slot),
        client: grant.client,
        claims: grant.claims,
        scopes: grant.scopes,
        resource: String::new(),
        token: Some(token(serial)),
        before: None,
        exchanged: Timestamp(1),
        created: Timestamp(1),
        expires: Timestamp(1_000),
        authenticated: Timestamp(1),
    }
}
