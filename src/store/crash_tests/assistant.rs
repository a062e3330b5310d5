//! Calls of assistants in the model, and numbers that an organization gives once. What is known of the calls is one fact: each of them,
//! with what came of it.

use super::disk::Dice;
use super::model::{Fact, Step, made};
use crate::id::{OAuthClientId, Timestamp, UserId};
use crate::store::{AssistantCall, SEEDED_ORGANIZATION as HOME, Store, write};

/// Numbers that are reserved at once.
const RESERVED: u64 = 7;

fn find(store: &Store) -> Vec<AssistantCall> {
    store.assistant_calls(HOME, None, usize::MAX).unwrap()
}

fn words(calls: &[AssistantCall]) -> Option<String> {
    let words: Vec<_> = calls.iter().map(|call| (call.number, call.ended, call.outcome.as_str())).collect();
    (!words.is_empty()).then(|| format!("{words:?}"))
}

pub(super) fn look(store: &Store) -> Option<String> {
    words(&find(store))
}

pub(super) fn look_at_numbers(store: &Store) -> Option<String> {
    let first = store.first_event(HOME).unwrap();
    (first > 0).then(|| first.to_string())
}

/// An assistant asks for something, or that has ended.
pub(super) fn step(store: &Store, dice: &mut Dice) -> Step {
    let mut after = find(store);
    let under_way = after.iter_mut().find(|call| call.ended.is_none());
    let Some(call) = under_way.filter(|_| dice.roll(3) > 0) else {
        let number = after.first().map_or(0, |last| last.number) + 1;
        let new = AssistantCall {
            organization: HOME,
            number,
            user: UserId(1),
            client: OAuthClientId(1),
            from: None,
            tool: "list".to_owned(),
            arguments: "{}".to_owned(),
            begun: Timestamp(1),
            ended: None,
            outcome: String::new(),
        };
        after.insert(0, new.clone());
        let write = write::begin_assistant_call(new).or_nothing();
        return made("begin_assistant_call", write, Fact::Calls, words(&after));
    };
    let (what, outcome) = match dice.roll(2) {
        0 => ("end_assistant_call", AssistantCall::DONE),
        _ => ("end_assistant_call (refused)", "forbidden"),
    };
    (call.ended, call.outcome) = (Some(Timestamp(1)), outcome.to_owned());
    let write = write::end_assistant_call(HOME, call.number, outcome.to_owned()).or_nothing();
    made(what, write, Fact::Calls, words(&after))
}

/// Numbers are reserved for what happens.
pub(super) fn reserve(store: &Store) -> Step {
    let first = store.first_event(HOME).unwrap();
    let write = write::reserve_events(HOME, 0, RESERVED).or_nothing();
    made("reserve_events", write, Fact::Numbers, Some((first + RESERVED).to_string()))
}
