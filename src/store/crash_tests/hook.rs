//! Webhooks in the model. What is known of one is one fact: whether it is on, and each message with what became of it.

use super::disk::Dice;
use super::model::{Fact, Step, made};
use crate::id::{HookId, Timestamp, UserId};
use crate::store::write::{self, HookEdit, NewHook, NewMessage, NewUser, Posted, Tried};
use crate::store::{DeliveryState, Hook, HookDelivery, HookOff, HookTry, SEEDED_ORGANIZATION as HOME, Store};

const URL: &str = "https://example.org/";
const OTHER: &str = "https://example.com/";

fn name(number: u64) -> String {
    format!("hooks{number}")
}

/// What is there: the person, their webhook, and the messages to it.
struct Found {
    user: Option<UserId>,
    hook: Option<Hook>,
    messages: Vec<HookDelivery>,
}

fn find(store: &Store, number: u64) -> Found {
    let user = store.user_by_name(HOME, &name(number)).unwrap().map(|user| user.id);
    // Its number is the next one that the account never had, whatever was removed.
    let hook = user.and_then(|user| store.hooks_of(user).unwrap().pop());
    let messages =
        hook.as_ref().map(|hook| store.hook_messages(hook.user, hook.id, None, usize::MAX).unwrap());
    Found { user, hook, messages: messages.unwrap_or_default() }
}

fn words(found: &Found) -> Option<String> {
    found.user?;
    let off = found.hook.as_ref().map(|hook| hook.off);
    let messages = found.messages.iter().map(|one| (one.message.as_str(), one.state));
    Some(format!("{off:?}, {:?}", messages.collect::<Vec<_>>()))
}

pub(super) fn look(store: &Store, number: u64) -> Option<String> {
    words(&find(store, number))
}

/// A use case about the webhook of a number.
pub(super) fn step(store: &Store, dice: &mut Dice, number: u64, serial: u64) -> Step {
    let fact = Fact::Hook(number);
    let mut after = find(store, number);
    let Some(user) = after.user else {
        let new =
            NewUser { organization: HOME, name: name(number), email: None, password: None, roles: vec![] };
        after.user = Some(UserId(0));
        return made("create_user", write::create_user(new).erased(), fact, words(&after));
    };
    let Some(hook) = &mut after.hook else {
        let new =
            NewHook { user, url: URL.to_owned(), description: String::new(), kinds: vec![], secret: vec![1] };
        let write = write::create_hook(new).or_nothing();
        return made("create_hook", write, fact, Some("Some(None), []".to_owned()));
    };
    let id = hook.id;
    if hook.off.is_some() {
        hook.off = None;
        after.messages.insert(0, waiting(user, "missed"));
        let edit = HookEdit { on: Some(true), missed: "missed".to_owned(), ..HookEdit::default() };
        let write = write::edit_hook(user, id, edit, cut).or_nothing();
        return made("edit_hook (on)", write, fact, words(&after));
    }
    match dice.roll(14) {
        0 => {
            (after.hook, after.messages) = (None, Vec::new());
            made("remove_hook", write::remove_hook(user, id).or_nothing(), fact, words(&after))
        }
        1 => {
            hook.off = Some(HookOff::NotLetIn);
            let write = write::turn_hook_off(user, id, HookOff::NotLetIn).or_nothing();
            made("turn_hook_off", write, fact, words(&after))
        }
        2 if !after.messages.is_empty() => {
            let from = after.messages.last().map_or(0, |oldest| oldest.number);
            after.messages.iter_mut().for_each(|one| one.state = DeliveryState::Waiting);
            let write = write::replay_hook_messages(user, id, from, true).or_nothing();
            made("replay_hook_messages", write, fact, words(&after))
        }
        12 => {
            // Where it leads isn't known of it; what comes of a try says whether it is noted.
            let url = if hook.url == URL { OTHER } else { URL };
            let edit = HookEdit { url: Some(url.to_owned()), ..HookEdit::default() };
            made(
                "edit_hook (elsewhere)",
                write::edit_hook(user, id, edit, cut).or_nothing(),
                fact,
                words(&after),
            )
        }
        13 => {
            let write = write::rotate_hook_secret(user, id, vec![2], Timestamp(9)).or_nothing();
            made("rotate_hook_secret", write, fact, words(&after))
        }
        3..8 => try_first(after, dice, fact, (user, id)),
        _ => {
            let texts = [serial.to_string(), format!("{serial} more")];
            for text in &texts {
                after.messages.insert(0, waiting(user, text));
            }
            let new = |text: &String| NewMessage { user, hook: id, at: Timestamp(1), message: text.clone() };
            let write = write::add_hook_messages(texts.iter().map(new).collect(), cut).or_nothing();
            made("add_hook_messages", write, fact, words(&after))
        }
    }
}

fn cut(one: &str, other: &str) -> String {
    format!("{one}{other}")
}

/// The first message that waits is tried.
fn try_first(mut after: Found, dice: &mut Dice, fact: Fact, (user, hook): (UserId, HookId)) -> Step {
    let one =
        HookTry { at: Timestamp(1), took_ms: 1, status: 200, error: String::new(), answer: String::new() };
    let (what, tried, state) = match dice.roll(3) {
        0 => ("note_hook_try", Tried::Delivered(one), DeliveryState::Delivered),
        1 => ("note_hook_try (given up)", Tried::Failed(one, None), DeliveryState::GivenUp),
        _ => ("note_hook_try (gone)", Tried::Gone(one), DeliveryState::Waiting),
    };
    let url = after.hook.as_ref().map_or(URL, |hook| hook.url.as_str()).to_owned();
    let first = after.messages.iter_mut().rev().find(|one| one.state == DeliveryState::Waiting);
    let number = first.as_ref().map_or(0, |first| first.number);
    let posted = Posted { user, hook, number, url };
    // What another address answered says nothing.
    if dice.roll(4) == 0 {
        let posted = Posted { url: "https://example.net/".to_owned(), ..posted };
        let write = write::note_hook_try(posted, tried, None).or_nothing();
        return made("note_hook_try (elsewhere)", write, fact, words(&after));
    }
    if let Some(first) = first {
        first.state = state;
        if let (Tried::Gone(_), Some(hook)) = (&tried, &mut after.hook) {
            hook.off = Some(HookOff::Gone);
        }
    }
    let write = write::note_hook_try(posted, tried, None).or_nothing();
    made(what, write, fact, words(&after))
}

fn waiting(user: UserId, message: &str) -> HookDelivery {
    HookDelivery {
        user,
        hook: HookId(0),
        number: 0,
        at: Timestamp(1),
        message: message.to_owned(),
        state: DeliveryState::Waiting,
        attempts: 0,
        due: Timestamp(0),
        tries: Vec::new(),
    }
}
