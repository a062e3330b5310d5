//! Accounts in the model. An account is one fact, which says everything that use cases about accounts change together:
//! one of them that is half done makes a fact that is neither the one before nor the one after.

use std::collections::{BTreeMap, BTreeSet};

use super::disk::Dice;
use super::model::{Fact, Facts, Step, hash, made, on_token};
use crate::auth::{StoredPassword, TokenHash};
use crate::id::{Fingerprint, RoleId, SessionId, Timestamp, UserId};
use crate::permission::Permissions;
use crate::store::write::{
    self, CodeEmail, Entry, FactorProof, NewApiKey, NewBan, NewEmail, NewSession, NewUser, PasswordChange,
    Proof, Rejected, RemovalProof, UserEdit,
};
use crate::store::{
    BanSubject, DeviceKey, Grant, Purpose, Restraint, SEEDED_ORGANIZATION as HOME, Session, Store, Write,
};

/// Sessions, keys and bans of one account that are played with at most.
const MANY: usize = 4;

/// What there is to an account. Numbers are the serials of the operations that made things.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Account {
    password: u64,
    disabled: bool,
    /// Whether there is an address, and whether it is proven.
    email: Option<bool>,
    /// Sessions with the key of their device.
    sessions: BTreeMap<u64, Option<u64>>,
    /// Devices' keys with the session that they are in.
    keys: BTreeMap<u64, Option<u64>>,
    api_keys: BTreeSet<u64>,
    /// The secret, whether it is in force, the last step, and recovery codes left.
    factor: Option<(u64, bool, u64, usize)>,
    bans: BTreeSet<u64>,
    /// Muted, deafened.
    restraint: Option<(bool, bool)>,
    roles: BTreeSet<u64>,
    /// Codes that reset the password, and that prove the address.
    resets: BTreeSet<u64>,
    proofs: BTreeSet<u64>,
    mails: usize,
}

fn name(number: u64) -> String {
    format!("person{number}")
}

fn address(number: u64) -> String {
    format!("person{number}@example.org")
}

fn stored(serial: u64) -> StoredPassword {
    let mut salt = [0; 16];
    salt[..8].copy_from_slice(&serial.to_be_bytes());
    StoredPassword { salt, ..StoredPassword::decoy() }
}

/// A secret's hash; those of the plain sessions and invites have small numbers.
fn secret(serial: u64) -> TokenHash {
    hash((1 << 32) + serial)
}

fn serial_of(bytes: &[u8]) -> u64 {
    u64::from_be_bytes(bytes[..8].try_into().unwrap()) & 0xffff_ffff
}

/// What is there of an account, in words.
pub(super) fn look(store: &Store, number: u64) -> Option<String> {
    find(store, number).map(|(_, account)| format!("{account:?}"))
}

fn find(store: &Store, number: u64) -> Option<(UserId, Account)> {
    let user = store.user_by_name(HOME, &name(number)).unwrap()?;
    let id = user.id;
    let sessions = store.sessions_of(id, None, 99).unwrap().into_iter().map(|session| {
        let key = store.device(id, session.id).unwrap().and_then(|device| device.key);
        (session.id.0, key.map(|key| serial_of(&key.0)))
    });
    let keys = store.device_keys_of(id).unwrap();
    let keys = keys.into_iter().map(|key| (serial_of(&key.fingerprint.0), key.session.map(|id| id.0)));
    let factor = store.second_factor(id).unwrap().map(|factor| {
        (serial_of(&factor.secret), factor.confirmed.is_some(), factor.last_step, factor.recovery.len())
    });
    let tokens = store.tokens(HOME, None, usize::MAX).unwrap();
    let codes = |purpose| {
        let own = tokens.iter().filter(|token| token.user == Some(id) && token.purpose == purpose);
        own.map(|token| serial_of(&token.hash.0)).collect()
    };
    let bans = store.bans(HOME, None, usize::MAX).unwrap();
    let account = Account {
        password: user.password.map_or(0, |password| serial_of(&password.salt)),
        disabled: user.disabled,
        email: user.email.map(|_| user.email_verified),
        sessions: sessions.collect(),
        keys: keys.collect(),
        api_keys: (store.api_keys_of(id, None, 99).unwrap().iter())
            .map(|key| key.prefix.strip_prefix("prl_").unwrap().parse().unwrap())
            .collect(),
        factor,
        bans: (bans.iter().filter(|ban| ban.subject == BanSubject::User(id)))
            .map(|ban| ban.reason.parse().unwrap())
            .collect(),
        restraint: store.restraint(HOME, id).unwrap().map(|on| (on.muted, on.deafened)),
        roles: user.grants.iter().map(|grant| grant.role.0).collect(),
        resets: codes(Purpose::PasswordReset),
        proofs: codes(Purpose::EmailVerification),
        mails: store.outbox(0, 9_999).unwrap().iter().filter(|mail| mail.to == address(number)).count(),
    };
    Some((id, account))
}

/// A use case about the account of a number.
pub(super) fn step(store: &Store, known: &Facts, dice: &mut Dice, number: u64, serial: u64) -> Step {
    let Some((user, before)) = find(store, number) else { return register(store, known, number, serial) };
    let mut after = before.clone();
    let own = before.sessions.keys().next_back().copied();
    let (what, write): Made = match (dice.roll(12), own) {
        (0 | 1, _) if !before.disabled && before.sessions.len() < MANY => {
            begin(store, user, &mut after, dice, serial)
        }
        (2, Some(session)) if before.keys.len() < MANY => {
            after.keys.insert(serial, Some(session));
            after.sessions.insert(session, Some(serial));
            (
                "register_device_key",
                write::register_device_key(device_key(user, serial, session)).or_nothing(),
            )
        }
        (3, Some(session)) if dice.roll(2) == 0 => {
            let key = after.sessions.remove(&session).flatten();
            let going: Vec<_> = (before.keys.iter())
                .filter(|(one, at)| Some(**one) == key || **at == Some(session))
                .map(|(one, at)| (*one, *at))
                .collect();
            for (one, at) in going {
                after.keys.remove(&one);
                at.and_then(|session| after.sessions.remove(&session));
            }
            ("end_device", write::end_device(user, SessionId(session)).or_nothing())
        }
        (3, Some(session)) => {
            after.sessions.retain(|one, _| *one == session);
            let kept = after.sessions[&session];
            after.keys.retain(|one, _| Some(*one) == kept);
            ("end_other_devices", write::end_other_devices(user, SessionId(session)).or_nothing())
        }
        (4, session) => {
            let kept = session.and_then(|session| before.sessions[&session]);
            after.password = serial;
            after.sessions.retain(|one, _| Some(*one) == session);
            after.keys.retain(|one, _| Some(*one) == kept);
            let keep_api_keys = dice.roll(2) == 0;
            if !keep_api_keys {
                after.api_keys.clear();
            }
            after.resets.clear();
            let (old, new) = (Some(stored(before.password)), stored(serial));
            let session = session.map(SessionId);
            let change = PasswordChange { user, old, new, session, keep_api_keys };
            ("change_password", write::change_password(change).or_nothing())
        }
        (5, _) => by_email(user, number, &mut after, dice, serial),
        (6, _) => factor(user, &mut after, dice, serial),
        (7, _) => keys_and_bans(store, user, &mut after, dice, serial),
        (8, _) => laid_upon(user, &mut after, dice),
        (9, _) => set_by_others(user, &mut after, dice, serial),
        (10, Some(session)) => renewed(user, session, &mut after, dice, serial),
        _ => {
            after.disabled = !before.disabled;
            if after.disabled {
                after.sessions.clear();
            }
            let edit = UserEdit { disabled: Some(after.disabled), ..UserEdit::default() };
            ("edit_user (disabled)", write::edit_user(user, edit).or_nothing())
        }
    };
    made(what, write, Fact::Account(number), Some(format!("{after:?}")))
}

/// What an operation is, and how it is done.
type Made = (&'static str, Write<(), Rejected>);

fn new_session(id: SessionId, user: UserId, serial: u64, proof: Proof) -> NewSession {
    let session = Session {
        id,
        user,
        token: secret(serial),
        created: Timestamp(1),
        expires: Timestamp(1_000),
        device: "device".to_owned(),
        address: None,
    };
    NewSession { session, client: "client".to_owned(), proof }
}

fn device_key(user: UserId, serial: u64, session: u64) -> DeviceKey {
    DeviceKey {
        user,
        fingerprint: Fingerprint(secret(serial).0),
        public: [7; 32],
        name: "device".to_owned(),
        created: Timestamp(1),
        address: None,
        session: Some(SessionId(session)),
    }
}

/// By an invite, which is used; made first if there is none.
fn register(store: &Store, known: &Facts, number: u64, serial: u64) -> Step {
    let invite = known.iter().find_map(|(fact, left)| match (fact, left) {
        (Fact::Token(number), Some(left)) => Some((*number, left.parse::<u32>().unwrap() - 1)),
        _ => None,
    });
    let Some((invite, left)) = invite else { return on_token(known, number) };
    let id = store.new_session_id();
    let password = Some(stored(serial));
    let new = NewUser { organization: HOME, name: name(number), email: None, password, roles: vec![] };
    let session = move |user| new_session(id, user, serial, Proof::None);
    let account =
        Account { password: serial, sessions: BTreeMap::from([(id.0, None)]), ..Account::default() };
    let write = write::register(Entry::Invite(hash(invite)), new, session).erased();
    let mut step = made("register", write, Fact::Account(number), Some(format!("{account:?}")));
    step.makes.insert(Fact::Token(invite), (left > 0).then(|| left.to_string()));
    step
}

fn begin(store: &Store, user: UserId, after: &mut Account, dice: &mut Dice, serial: u64) -> Made {
    let id = store.new_session_id();
    let by_key = after.keys.keys().next().copied().filter(|_| dice.roll(2) == 0);
    let proof = if let Some(key) = by_key {
        after.keys.insert(key, Some(id.0));
        Proof::DeviceKey(Fingerprint(secret(key).0))
    } else {
        let mut factor = None;
        if let Some((_, true, last_step, _)) = &mut after.factor {
            *last_step = serial;
            factor = Some(FactorProof::Step(serial));
        }
        Proof::Password { stored: stored(after.password), factor }
    };
    after.sessions.insert(id.0, by_key);
    ("begin_session", write::begin_session(new_session(id, user, serial, proof)).erased())
}

/// An address is claimed, proven, and used to reset the password.
fn by_email(user: UserId, number: u64, after: &mut Account, dice: &mut Dice, serial: u64) -> Made {
    let mail = || NewEmail {
        to: address(number),
        subject: "subject".to_owned(),
        text: "text".to_owned(),
        expires: Timestamp(1_000),
    };
    let sent = || CodeEmail { code: secret(serial), mail: mail() };
    match (after.email, after.proofs.first().copied(), after.resets.first().copied()) {
        (Some(true), _, Some(code)) => {
            let keep_api_keys = dice.roll(2) == 0;
            after.password = serial;
            after.sessions.clear();
            after.keys.clear();
            after.resets.clear();
            if !keep_api_keys {
                after.api_keys.clear();
            }
            (
                "reset_password",
                write::reset_password(secret(code), stored(serial), keep_api_keys).or_nothing(),
            )
        }
        (Some(true), ..) if !after.disabled && dice.roll(4) > 0 => {
            after.resets.insert(serial);
            after.mails += 1;
            ("request_reset", write::request_reset(user, sent()).or_nothing())
        }
        (None, Some(code), _) if dice.roll(4) > 0 => {
            after.email = Some(true);
            after.proofs.clear();
            ("verify_email", write::verify_email(user, secret(code)).or_nothing())
        }
        (Some(_), ..) => {
            after.email = None;
            after.resets.clear();
            after.proofs.clear();
            ("set_email (none)", write::set_email(user, None).or_nothing())
        }
        (None, ..) => {
            after.proofs = BTreeSet::from([serial]);
            after.mails += 1;
            ("set_email", write::set_email(user, Some(sent())).or_nothing())
        }
    }
}

fn factor(user: UserId, after: &mut Account, dice: &mut Dice, serial: u64) -> Made {
    match after.factor {
        None => {
            after.factor = Some((serial, false, 0, 0));
            (
                "begin_second_factor",
                write::begin_second_factor(user, serial.to_be_bytes().to_vec()).or_nothing(),
            )
        }
        Some((waiting, false, ..)) => {
            after.factor = Some((waiting, true, serial, 3));
            let recovery = (0..3).map(|code| hash((2 << 32) + code)).collect();
            let sealed = waiting.to_be_bytes().to_vec();
            (
                "confirm_second_factor",
                write::confirm_second_factor(user, sealed, serial, recovery).or_nothing(),
            )
        }
        Some((_, true, ..)) => {
            after.factor = None;
            let proof = match dice.roll(3) {
                0 => RemovalProof::Factor(FactorProof::Step(serial)),
                1 => RemovalProof::Factor(FactorProof::Recovery(hash(2 << 32))),
                _ => RemovalProof::Password(stored(after.password)),
            };
            ("remove_second_factor", write::remove_second_factor(user, proof).or_nothing())
        }
    }
}

/// API keys are told apart by their prefixes, and bans by their reasons: the store gives the identifiers.
fn keys_and_bans(store: &Store, user: UserId, after: &mut Account, dice: &mut Dice, serial: u64) -> Made {
    match (dice.roll(2), after.api_keys.first().copied(), after.bans.first().copied()) {
        (0, Some(key), _) if after.api_keys.len() >= MANY => {
            after.api_keys.remove(&key);
            let keys = store.api_keys_of(user, None, 99).unwrap();
            let key = keys.iter().find(|one| one.prefix == format!("prl_{key}")).unwrap();
            ("revoke_api_key", write::revoke_api_key(user, key.id).or_nothing())
        }
        (0, ..) => {
            after.api_keys.insert(serial);
            let (prefix, name) = (format!("prl_{serial}"), "bot".to_owned());
            let (hash, scopes) = (secret(serial), Permissions::NONE);
            (
                "create_api_key",
                write::create_api_key(NewApiKey { user, prefix, hash, name, scopes, expires: None })
                    .or_nothing(),
            )
        }
        (_, _, Some(ban)) => {
            after.bans.remove(&ban);
            let bans = store.bans(HOME, None, usize::MAX).unwrap();
            let ban = bans.iter().find(|one| one.reason == ban.to_string()).unwrap();
            ("lift_ban", write::lift_ban(HOME, ban.id).or_nothing())
        }
        _ => {
            after.bans.insert(serial);
            after.sessions.clear();
            let (subject, reason) = (BanSubject::User(user), serial.to_string());
            ("ban", write::ban(NewBan { organization: HOME, subject, reason, until: None }).or_nothing())
        }
    }
}

/// What moderators lay upon somebody, and what is granted.
fn laid_upon(user: UserId, after: &mut Account, dice: &mut Dice) -> Made {
    let role = RoleId(2 + dice.roll(2));
    match dice.roll(2) {
        0 => {
            let (muted, deafened) = (dice.roll(2) == 0, dice.roll(2) == 0);
            after.restraint = (muted || deafened).then_some((muted, deafened));
            let restraint = Restraint { organization: HOME, user, muted, deafened };
            ("put_restraint", write::put_restraint(restraint).erased())
        }
        _ if after.roles.remove(&role.0) => ("revoke", write::revoke(user, role).erased()),
        _ => {
            after.roles.insert(role.0);
            ("grant", write::grant(user, Grant { role, expires: None }).erased())
        }
    }
}

/// A password that somebody else sets, sessions that somebody else ends.
fn set_by_others(user: UserId, after: &mut Account, dice: &mut Dice, serial: u64) -> Made {
    if dice.roll(2) == 0 {
        after.sessions.clear();
        return ("end_sessions_of", write::end_sessions_of(user, None).erased());
    }
    let keep_api_keys = dice.roll(2) == 0;
    after.password = serial;
    after.sessions.clear();
    after.keys.clear();
    after.resets.clear();
    if !keep_api_keys {
        after.api_keys.clear();
    }
    ("set_password", write::set_password(user, Some(stored(serial)), keep_api_keys).or_nothing())
}

/// What takes the place of the like: a token, a hash by other parameters, a secret under another seal; and a device's
/// key that goes.
fn renewed(user: UserId, session: u64, after: &mut Account, dice: &mut Dice, serial: u64) -> Made {
    match (dice.roll(4), after.factor, after.keys.first_key_value()) {
        (0, Some((secret, ..)), _) => {
            after.factor = after.factor.map(|(_, confirmed, step, left)| (serial, confirmed, step, left));
            let [before, now] = [secret, serial].map(|number| number.to_be_bytes().to_vec());
            ("reseal_second_factors", write::reseal_second_factors(vec![(user, before, now)]).erased())
        }
        (1, _, Some((&key, &at))) => {
            after.keys.remove(&key);
            at.filter(|at| *at != session).map(|at| after.sessions.remove(&at));
            let key = Fingerprint(secret(key).0);
            ("remove_device_key", write::remove_device_key(user, key, SessionId(session)).or_nothing())
        }
        (2, ..) => {
            let before = stored(after.password);
            after.password = serial;
            ("replace_password", write::replace_password(user, before, stored(serial)).erased())
        }
        _ => {
            let (id, expires) = (SessionId(session), Timestamp(1_000));
            ("refresh_session", write::refresh_session(user, id, secret(serial), expires).or_nothing())
        }
    }
}
