//! What the store must hold, told in facts: a name and what is there under it. Each operation says which
//! facts it makes, so that after a crash it can be seen whether it is there whole, or not at all.

use std::collections::BTreeMap;

use super::disk::Dice;
use super::{account, assistant, flow, hook, job, oauth, organization, plugin};
use crate::auth::TokenHash;
use crate::id::{ChannelId, ElementPlace, RoleId, Timestamp};
use crate::permission::Permissions;
use crate::store::write::{self, ChannelEdit, NewElement, NewSession, NewToken, NewUser, RoleEdit, UserEdit};
use crate::store::{
    OrganizationSettings, Purpose, Rejected, Role, SEEDED_ORGANIZATION as HOME, Session, Setting, Store,
    Write,
};

/// A fact's name. The number tells apart what an operation of one kind works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fact {
    /// The address of the user of this number, if there is one.
    User(u64),
    /// The user whose session has the token of this number.
    Session(u64),
    /// The value of a setting.
    Setting(u64),
    /// The description of a channel.
    Channel(u64),
    /// How often a token still works.
    Token(u64),
    /// The rank of a role, and whether it needs a second factor.
    Role(u64),
    /// What the first organization is set to, where that is anything.
    Settings,
    /// All that there is to a further organization (see `organization`).
    Organization(u64),
    /// The value of an element on the first organization's first channel, which stays.
    Element(u64),
    /// All that there is to an account (see `account`).
    Account(u64),
    /// All that there is to a program of others (see `oauth`).
    Program(u64),
    /// All that there is to a webhook (see `hook`).
    Hook(u64),
    /// All that there is to a flow (see `flow`).
    Flow(u64),
    /// All that assistants asked for in the first organization (see `assistant`).
    Calls,
    /// The numbers that are reserved for what happens in it.
    Numbers,
    /// All that there is to a plugin (see `plugin`).
    Plugin(u64),
    /// The last runs of the server's maintenance (see `job`).
    Jobs,
}

pub(super) type Facts = BTreeMap<Fact, Option<String>>;

/// Numbers of each kind that are played with.
const KINDS: u64 = 12;

/// An operation with what it makes true.
pub(super) struct Step {
    /// What it is, for whoever looks whether all are met.
    pub(super) what: &'static str,
    pub(super) write: Write<(), Rejected>,
    pub(super) makes: Facts,
    /// What it needs to be there.
    pub(super) needs: Option<Fact>,
}

pub(super) fn hash(number: u64) -> TokenHash {
    let mut bytes = [0xa5; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    TokenHash(bytes)
}

/// What is there under a fact's name.
pub(super) fn look(store: &Store, fact: Fact) -> Option<String> {
    match fact {
        Fact::User(number) => user(store, number).map(|user| user.email.unwrap_or_default()),
        Fact::Session(number) => {
            let session = store.session_by_token(&hash(number), Timestamp(1)).unwrap();
            session.map(|session| store.user(session.user).unwrap().unwrap().name)
        }
        Fact::Setting(number) => {
            let settings = store.settings(HOME, None).unwrap();
            settings.into_iter().find(|setting| setting.name == format!("s{number}")).map(|found| found.value)
        }
        Fact::Channel(number) => channel(store, number).map(|channel| channel.description),
        Fact::Token(number) => {
            let token = store.token(Purpose::Invite, &hash(number), Timestamp(1)).unwrap();
            token.map(|token| token.uses.to_string())
        }
        Fact::Role(number) => role(store, number).map(|role| role_words(&role)),
        Fact::Settings => organization::settings_words(&store.organization_settings(HOME).unwrap()),
        Fact::Organization(number) => organization::look(store, number),
        Fact::Element(number) => {
            let found =
                store.element(HOME, ElementPlace::Channel(ChannelId(1)), &format!("e{number}")).unwrap();
            found.map(|element| element.value)
        }
        Fact::Account(number) => account::look(store, number),
        Fact::Program(number) => oauth::look(store, number),
        Fact::Hook(number) => hook::look(store, number),
        Fact::Flow(number) => flow::look(store, number),
        Fact::Calls => assistant::look(store),
        Fact::Numbers => assistant::look_at_numbers(store),
        Fact::Plugin(number) => plugin::look(store, number),
        Fact::Jobs => job::look(store),
    }
}

fn user(store: &Store, number: u64) -> Option<crate::store::User> {
    store.user_by_name(HOME, &format!("user{number}")).unwrap()
}

fn channel(store: &Store, number: u64) -> Option<crate::store::Channel> {
    let all = store.channels(HOME, None, 100).unwrap();
    all.into_iter().find(|channel| channel.name == format!("channel{number}"))
}

fn role(store: &Store, number: u64) -> Option<Role> {
    store.role_by_name(HOME, &format!("role{number}")).unwrap()
}

/// An operation that can be done now. `serial` makes each one different.
pub(super) fn step(store: &Store, known: &Facts, dice: &mut Dice, serial: u64) -> Step {
    let number = dice.roll(KINDS);
    match dice.roll(32) {
        0 | 1 => on_user(store, known, number, dice, serial),
        2 => on_session(store, known, number, dice),
        3 => {
            let value = if dice.roll(4) == 0 { None } else { Some(serial.to_string()) };
            let (name, text) = (format!("s{number}"), value.clone().unwrap_or_default());
            let setting = Setting { organization: HOME, user: None, name, value: text };
            made("put_setting", write::put_setting(setting).or_nothing(), Fact::Setting(number), value)
        }
        4 => on_channel(store, number, dice, serial),
        5 => on_role(store, number, dice, serial),
        6..12 => account::step(store, known, dice, number % 4, serial),
        12 | 13 => organization::step(store, dice, number % 3, serial),
        15 => on_element(store, number, serial),
        17..20 => oauth::step(store, dice, number % 3, serial),
        20..23 => hook::step(store, dice, number % 2, serial),
        23..26 => flow::step(store, dice, number % 2, serial),
        26 => assistant::step(store, dice),
        27 => assistant::reserve(store),
        28..31 => plugin::step(store, dice, number % 2, serial),
        31 => job::step(store, dice),
        14 => on_settings(store, dice, number, serial),
        _ => on_token(known, number),
    }
}

pub(super) fn made(
    what: &'static str,
    write: Write<(), Rejected>,
    fact: Fact,
    value: Option<String>,
) -> Step {
    Step { what, write, makes: Facts::from([(fact, value)]), needs: None }
}

fn role_words(role: &Role) -> String {
    format!("{}, {}", role.rank, role.second_factor)
}

fn on_user(store: &Store, known: &Facts, number: u64, dice: &mut Dice, serial: u64) -> Step {
    let email = format!("{serial}@example.org");
    let fact = Fact::User(number);
    match user(store, number) {
        None => {
            let name = format!("user{number}");
            let email_too = Some(email.clone());
            let new = NewUser { organization: HOME, name, email: email_too, password: None, roles: vec![] };
            made("create_user", write::create_user(new).erased(), fact, Some(email))
        }
        Some(user) if dice.roll(3) > 0 => {
            let edit = UserEdit { email: Some(Some(email.clone())), ..UserEdit::default() };
            made("edit_user", write::edit_user(user.id, edit).erased(), fact, Some(email))
        }
        Some(user) => {
            // Its sessions go with it.
            let theirs = known.iter().filter(|(fact, of)| {
                matches!(fact, Fact::Session(_)) && of.as_deref() == Some(user.name.as_str())
            });
            let mut makes: Facts = theirs.map(|(fact, _)| (*fact, None)).collect();
            makes.insert(fact, None);
            Step { what: "delete_user", write: write::delete_user(user.id).or_nothing(), makes, needs: None }
        }
    }
}

fn on_session(store: &Store, known: &Facts, number: u64, dice: &mut Dice) -> Step {
    let fact = Fact::Session(number);
    let there = store.session_by_token(&hash(number), Timestamp(1)).unwrap();
    if let Some(session) = there {
        return made("end_session", write::end_session(session.user, session.id).or_nothing(), fact, None);
    }
    let users: Vec<_> = (0..KINDS).filter_map(|number| user(store, number)).collect();
    if users.is_empty() {
        return on_token(known, number);
    }
    let user = &users[dice.roll(users.len() as u64) as usize];
    let row = Session {
        id: store.new_session_id(),
        user: user.id,
        token: hash(number),
        created: Timestamp(1),
        expires: Timestamp(1_000),
        device: "d".repeat(dice.roll(60) as usize),
        address: None,
    };
    let needs = user.name.strip_prefix("user").and_then(|number| number.parse().ok()).map(Fact::User);
    Step {
        needs,
        ..made(
            "begin_session",
            write::begin_session(NewSession::unproven(row)).erased(),
            fact,
            Some(user.name.clone()),
        )
    }
}

fn on_channel(store: &Store, number: u64, dice: &mut Dice, serial: u64) -> Step {
    let fact = Fact::Channel(number);
    let description = serial.to_string();
    match channel(store, number) {
        None => {
            let new = crate::store::Channel {
                description: description.clone(),
                ..crate::store::Channel::new(HOME, None, format!("channel{number}"))
            };
            if dice.roll(2) == 0 {
                return made("create_channel", write::create_channel(new).erased(), fact, Some(description));
            }
            // As the live state gives identifiers: higher than any that was given.
            let id = ChannelId(store.first_free_channel(HOME).unwrap().0 + 100 * serial);
            let new = crate::store::Channel { id, ..new };
            made("add_channel", write::add_channel(new).erased(), fact, Some(description))
        }
        Some(channel) if dice.roll(2) == 0 => {
            let edit = ChannelEdit { description: Some(description.clone()), ..ChannelEdit::default() };
            made("edit_channel", write::edit_channel(channel.id, edit).erased(), fact, Some(description))
        }
        Some(channel) => {
            // Nobody is put into it any more.
            let mut settings = store.organization_settings(HOME).unwrap();
            settings.default_channel = settings.default_channel.filter(|id| *id != channel.id);
            let mut step = made("delete_channel", write::delete_channel(channel.id).erased(), fact, None);
            step.makes.insert(Fact::Settings, organization::settings_words(&settings));
            step
        }
    }
}

fn on_role(store: &Store, number: u64, dice: &mut Dice, serial: u64) -> Step {
    let (fact, rank) = (Fact::Role(number), serial as u32);
    match role(store, number) {
        None => {
            let id = RoleId(store.first_free_role(HOME).unwrap().0 + 100 * serial);
            let name = format!("role{number}");
            let (colour, allow, second_factor) = (0, Permissions::NONE, false);
            let role = Role { id, organization: HOME, name, rank, colour, allow, second_factor };
            let words = role_words(&role);
            made("add_role", write::add_role(role).erased(), fact, Some(words))
        }
        Some(role) if dice.roll(2) == 0 => {
            let new = Role { rank, second_factor: !role.second_factor, ..role };
            let words = role_words(&new);
            made("put_role", write::put_role(new).erased(), fact, Some(words))
        }
        Some(role) if dice.roll(2) == 0 => {
            let second_factor = !role.second_factor;
            let words = role_words(&Role { second_factor, ..role.clone() });
            let edit = RoleEdit { second_factor: Some(second_factor), ..RoleEdit::default() };
            made("edit_role", write::edit_role(role.id, edit).or_nothing(), fact, Some(words))
        }
        Some(role) => made("delete_role", write::delete_role(role.id).erased(), fact, None),
    }
}

fn on_settings(store: &Store, dice: &mut Dice, number: u64, serial: u64) -> Step {
    let channel = channel(store, number);
    let new = OrganizationSettings {
        welcome: if dice.roll(3) == 0 { String::new() } else { format!("welcome {serial}") },
        default_channel: channel.as_ref().map(|channel| channel.id),
        ..OrganizationSettings::new(HOME)
    };
    let (what, words) = ("put_organization_settings", organization::settings_words(&new));
    let write = write::put_organization_settings(new).erased();
    Step { needs: channel.map(|_| Fact::Channel(number)), ..made(what, write, Fact::Settings, words) }
}

fn on_element(store: &Store, number: u64, serial: u64) -> Step {
    let (on, fact) = (ElementPlace::Channel(ChannelId(1)), Fact::Element(number));
    let there = look(store, fact);
    let name = format!("e{number}");
    if there.is_some() && serial.is_multiple_of(2) {
        let remove = write::remove_element(HOME, on, name, None).or_nothing();
        return made("remove_element", remove, fact, None);
    }
    let (organization, value) = (HOME, serial.to_string());
    let new = NewElement { organization, on, name, value: value.clone() };
    made("put_element", write::put_element(new, None).or_nothing(), fact, Some(value))
}

pub(super) fn on_token(known: &Facts, number: u64) -> Step {
    let fact = Fact::Token(number);
    if let Some(uses) = known.get(&fact).cloned().flatten() {
        let left: u32 = uses.parse::<u32>().unwrap() - 1;
        let write = write::take_token(Purpose::Invite, hash(number)).or_nothing();
        made("take_token", write, fact, (left > 0).then(|| left.to_string()))
    } else {
        let new = NewToken {
            organization: HOME,
            purpose: Purpose::Invite,
            hash: hash(number),
            user: None,
            uses: 3,
            expires: Timestamp(1_000),
            email: None,
            channel: None,
            roles: Vec::new(),
        };
        made("create_token", write::create_token(new).or_nothing(), fact, Some("3".to_owned()))
    }
}
