//! Messages of a webhook: their order, their bounds, and what becomes of them.

use redb::backends::InMemoryBackend;

use super::super::hook::{CreateHookError, HookEdit, NewHook, create_hook, edit_hook, remove_hook};
use super::*;
use crate::bounds::{MAX_HOOK_BYTES, MAX_HOOK_KEPT, MAX_HOOK_TRIES, MAX_HOOK_WAITING, MAX_HOOKS};
use crate::store::write::{NewUser, create_user, delete_user};
use crate::store::{By, Failed, SEEDED_ORGANIZATION as HOME, Store};

const NOW: Timestamp = Timestamp(1_000);
const HOOK: HookId = HookId(1);

fn store() -> (Store, UserId) {
    let store = Store::open_on(InMemoryBackend::new(), Timestamp(1)).unwrap();
    let (name, email, password) = ("alice".to_owned(), None, None);
    let new = NewUser { organization: HOME, name, email, password, roles: vec![] };
    let user = store.run(By::server(Timestamp(1)), create_user(new)).unwrap().id;
    assert_eq!(store.run(By::server(NOW), create_hook(new_hook(user))).unwrap().id, HOOK);
    (store, user)
}

fn new_hook(user: UserId) -> NewHook {
    let (url, description) = ("https://a.example/".to_owned(), String::new());
    NewHook { user, url, description, kinds: vec![], secret: vec![1, 2, 3] }
}

fn message(user: UserId, text: u64) -> NewMessage {
    NewMessage { user, hook: HOOK, at: NOW, message: text.to_string() }
}

fn add(store: &Store, user: UserId, texts: impl Iterator<Item = u64>) {
    let all = texts.map(|text| message(user, text)).collect();
    store.run(By::server(NOW), add_hook_messages(all, cut)).unwrap();
}

/// What is missing is shown as a sum here.
fn cut(one: &str, other: &str) -> String {
    let count = |text: &str| text.strip_prefix('-').map_or(1, |text| text.parse::<u64>().unwrap());
    format!("-{}", count(one) + count(other))
}

fn tried(status: u16, at: Timestamp) -> HookTry {
    HookTry { at, took_ms: 1, status, error: String::new(), answer: "x".to_owned() }
}

fn note(store: &Store, user: UserId, number: u64, what: Tried, now: Timestamp) -> AfterTry {
    let url = store.hook(user, HOOK).unwrap().unwrap().url;
    store.run(By::server(now), note_hook_try(Posted { url, ..posted(user, number) }, what, None)).unwrap()
}

fn posted(user: UserId, number: u64) -> Posted {
    Posted { user, hook: HOOK, number, url: new_hook(user).url }
}

fn first(store: &Store, user: UserId) -> Option<HookDelivery> {
    store.first_hook_message(user, HOOK).unwrap()
}

#[test]
fn ten_thousand_messages_are_delivered_in_their_order() {
    let (store, user) = store();
    for hundred in 0..100 {
        add(&store, user, hundred * 100..(hundred + 1) * 100);
    }
    for text in 0..10_000_u64 {
        let next = first(&store, user).unwrap();
        assert_eq!((next.message.parse(), next.number), (Ok(text), text + 1));
        note(&store, user, next.number, Tried::Delivered(tried(200, NOW)), NOW);
    }
    assert_eq!(first(&store, user), None);
    let progress = store.hook_progress(user, HOOK).unwrap().unwrap();
    assert_eq!((progress.waiting, progress.kept, progress.next), (0, MAX_HOOK_KEPT, 10_001));
    let kept = store.hook_messages(user, HOOK, None, usize::MAX).unwrap();
    assert_eq!((kept.len() as u64, kept[0].number), (MAX_HOOK_KEPT, 10_000));
    assert_eq!(store.verify().unwrap(), []);
    store.run(By::server(NOW), delete_user(user)).unwrap();
    assert_eq!(store.hook_messages(user, HOOK, None, usize::MAX).unwrap(), []);
    assert_eq!(store.verify().unwrap(), []);
}

#[test]
fn where_too_many_wait_the_oldest_go_and_are_counted() {
    let (store, user) = store();
    add(&store, user, 0..MAX_HOOK_WAITING);
    assert_eq!(first(&store, user).unwrap().message, "0");
    add(&store, user, MAX_HOOK_WAITING..MAX_HOOK_WAITING + 5);
    let progress = store.hook_progress(user, HOOK).unwrap().unwrap();
    assert_eq!(progress.waiting, MAX_HOOK_WAITING);
    // The first one may be on its way.
    let on_its_way = first(&store, user).unwrap();
    assert_eq!((on_its_way.message.as_str(), on_its_way.number), ("0", 1));
    note(&store, user, 1, Tried::Delivered(tried(200, NOW)), NOW);
    let cut = first(&store, user).unwrap();
    assert_eq!((cut.message.as_str(), cut.number), ("-6", 7));
    note(&store, user, 7, Tried::Delivered(tried(200, NOW)), NOW);
    assert_eq!(first(&store, user).unwrap().message, "7");
}

#[test]
fn a_message_that_is_not_taken_waits_and_is_given_up() {
    let (store, user) = store();
    add(&store, user, 0..2);
    let (again, later) = (Timestamp(6_000), Timestamp(7_000));
    let after = note(&store, user, 1, Tried::Failed(tried(500, NOW), Some(again)), NOW);
    assert_eq!(after, AfterTry { turned_off: false, wrote: false });
    let next = first(&store, user).unwrap();
    assert_eq!((next.number, next.attempts, next.due, next.tries.len()), (1, 1, again, 1));
    assert_eq!(store.hook_progress(user, HOOK).unwrap().unwrap().failing, Some(NOW));
    // Whoever asks for it has it tried at once, and so has another address.
    let replay =
        |from, onwards| store.run(By::server(later), replay_hook_messages(user, HOOK, from, onwards));
    let fail = |due| note(&store, user, 1, Tried::Failed(tried(500, NOW), Some(due)), NOW);
    fail(Timestamp(9_000));
    assert_eq!((replay(1, true).unwrap(), first(&store, user).unwrap().due), (1, Timestamp(0)));
    assert_eq!(replay(1, true).unwrap(), 0, "it waits for nothing");
    fail(Timestamp(9_000));
    let edit = HookEdit { url: Some("https://b.example/".to_owned()), ..HookEdit::default() };
    store.run(By::server(later), edit_hook(user, HOOK, edit, cut)).unwrap();
    let next = first(&store, user).unwrap();
    assert_eq!((next.attempts, next.due, next.tries.len()), (0, Timestamp(0), 3));
    assert_eq!(store.hook_progress(user, HOOK).unwrap().unwrap().waiting, 2);
    for _ in 0..20 {
        note(&store, user, 1, Tried::Failed(tried(500, later), Some(later)), later);
    }
    assert_eq!(first(&store, user).unwrap().tries.len(), MAX_HOOK_TRIES);
    note(&store, user, 1, Tried::Failed(tried(500, later), None), later);
    assert_eq!(first(&store, user).unwrap().number, 2);
    let given_up = store.hook_message(user, HOOK, 1).unwrap().unwrap();
    assert_eq!(given_up.state, DeliveryState::GivenUp);
    // What became of a message is noted once.
    note(&store, user, 1, Tried::Delivered(tried(200, later)), later);
    assert_eq!(store.hook_message(user, HOOK, 1).unwrap().unwrap(), given_up);
    note(&store, user, 2, Tried::Delivered(tried(200, later)), later);
    assert_eq!(store.hook_progress(user, HOOK).unwrap().unwrap().failing, None);

    // One is sent again, then all.
    assert_eq!(replay(2, false).unwrap(), 1);
    assert_eq!(first(&store, user).unwrap().number, 2);
    assert_eq!(replay(1, true).unwrap(), 1, "the other one waits already");
    let next = first(&store, user).unwrap();
    assert_eq!((next.number, next.attempts), (1, 0));
    let progress = store.hook_progress(user, HOOK).unwrap().unwrap();
    assert_eq!((progress.waiting, progress.kept), (2, 0));
    assert_eq!(replay(3, true).unwrap_err(), Failed::Refused(HookError::NoSuchMessage));
}

#[test]
fn after_five_days_of_failures_it_is_off_and_a_letter_is_written() {
    let (store, user) = store();
    add(&store, user, 0..3);
    let letter = || {
        let text = "off".to_owned();
        NewEmail { to: "a@example.org".to_owned(), subject: text.clone(), text, expires: Timestamp(u64::MAX) }
    };
    let fail = |at: Timestamp| {
        let failed = Tried::Failed(tried(500, at), Some(at));
        store.run(By::server(at), note_hook_try(posted(user, 1), failed, Some(letter()))).unwrap()
    };
    let end = NOW.plus(HOOK_PATIENCE);
    assert!(!fail(NOW).turned_off && !fail(Timestamp(end.0 - 1)).turned_off);
    assert_eq!(fail(end), AfterTry { turned_off: true, wrote: true });
    assert_eq!(store.outbox(0, 9).unwrap().len(), 1);
    assert_eq!(store.hook(user, HOOK).unwrap().unwrap().off, Some(HookOff::Failing));
    // Nothing more comes, but what waits stays.
    add(&store, user, 3..5);
    assert_eq!(store.hook_progress(user, HOOK).unwrap().unwrap().waiting, 3);
    let on = HookEdit { on: Some(true), missed: "missed".to_owned(), ..HookEdit::default() };
    store.run(By::server(end), edit_hook(user, HOOK, on.clone(), cut)).unwrap();
    store.run(By::server(end), edit_hook(user, HOOK, on, cut)).unwrap();
    let kept = store.hook_messages(user, HOOK, None, 9).unwrap();
    assert_eq!(kept.iter().map(|one| one.message.as_str()).collect::<Vec<_>>(), ["missed", "2", "1", "0"]);
    assert!(!fail(end).turned_off, "its time begins anew");
    let gone = note(&store, user, 1, Tried::Gone(tried(410, end)), end);
    assert_eq!(gone, AfterTry { turned_off: true, wrote: false });
    assert_eq!(store.hook(user, HOOK).unwrap().unwrap().off, Some(HookOff::Gone));
}

#[test]
fn there_is_room_for_so_many_and_one_that_is_removed_leaves_nothing() {
    let (store, user) = store();
    add(&store, user, 0..3);
    for number in 2..=MAX_HOOKS as u64 {
        assert_eq!(store.run(By::server(NOW), create_hook(new_hook(user))).unwrap().id, HookId(number));
    }
    let refused = store.run(By::server(NOW), create_hook(new_hook(user))).unwrap_err();
    assert_eq!(refused, Failed::Refused(CreateHookError::TooMany));
    store.run(By::server(NOW), remove_hook(user, HOOK)).unwrap();
    assert_eq!(store.hook_messages(user, HOOK, None, 9).unwrap(), []);
    assert_eq!(store.hook_progress(user, HOOK).unwrap(), None);
    add(&store, user, 0..3);
    assert_eq!(store.hook_messages(user, HOOK, None, 9).unwrap(), [], "there is no such webhook");
    let refused = store.run(By::server(NOW), remove_hook(user, HOOK)).unwrap_err();
    assert_eq!(refused, Failed::Refused(HookError::NoSuchHook));
    assert_eq!(store.verify().unwrap(), []);
}

#[test]
fn what_came_of_a_try_is_said_of_no_other_webhook() {
    let (store, user) = store();
    add(&store, user, 0..2);
    let gone = |posted| {
        let tried = Tried::Gone(tried(410, NOW));
        store.run(By::server(NOW), note_hook_try(posted, tried, None)).unwrap()
    };
    // It leads elsewhere by now, where the message is sent, too.
    let elsewhere = HookEdit { url: Some("https://b.example/".to_owned()), ..HookEdit::default() };
    store.run(By::server(NOW), edit_hook(user, HOOK, elsewhere, cut)).unwrap();
    assert!(!gone(posted(user, 1)).turned_off);
    let taken = note_hook_try(posted(user, 1), Tried::Delivered(tried(200, NOW)), None);
    store.run(By::server(NOW), taken).unwrap();
    let next = first(&store, user).unwrap();
    assert_eq!((next.number, next.tries.len()), (1, 0));
    assert!(gone(Posted { url: "https://b.example/".to_owned(), ..posted(user, 1) }).turned_off);
    // It was removed, and its number isn't given again.
    store.run(By::server(NOW), remove_hook(user, HOOK)).unwrap();
    let next = store.run(By::server(NOW), create_hook(new_hook(user))).unwrap().id;
    assert_eq!(next, HookId(2));
    let message = NewMessage { hook: next, ..message(user, 0) };
    store.run(By::server(NOW), add_hook_messages(vec![message], cut)).unwrap();
    assert!(!gone(posted(user, 1)).turned_off);
    assert_eq!(store.hook(user, next).unwrap().unwrap().off, None);
    assert_eq!(store.verify().unwrap(), []);
}

/// What is missing is shown as its count, of texts that begin with an x.
fn count_missing(one: &str, other: &str) -> String {
    let count = |text: &str| if text.starts_with('x') { 1 } else { text.parse::<u64>().unwrap() };
    (count(one) + count(other)).to_string()
}

#[test]
fn messages_that_are_long_are_bounded_by_their_bytes() {
    let (store, user) = store();
    let (long, each) = ("x".repeat(1 << 16), (1 << 16) + 64);
    let cut: Cut = count_missing;
    let fits = MAX_HOOK_BYTES.0 / each;
    let new = |_| NewMessage { user, hook: HOOK, at: NOW, message: long.clone() };
    store.run(By::server(NOW), add_hook_messages((0..fits + 9).map(new).collect(), cut)).unwrap();
    let waiting = |store: &Store| store.hook_progress(user, HOOK).unwrap().unwrap().waiting;
    assert_eq!(waiting(&store), fits + 1, "the first one may be on its way, and one says what is missing");
    let all = store.hook_messages(user, HOOK, None, usize::MAX).unwrap();
    let gap = &all[all.len() - 2];
    assert_eq!((gap.message.parse::<u64>(), gap.number), (Ok(9), 10));
    // What is kept is bounded, too, with what was answered.
    while let Some(next) = first(&store, user) {
        note(&store, user, next.number, Tried::Delivered(tried(200, NOW)), NOW);
    }
    let kept = store.hook_messages(user, HOOK, None, usize::MAX).unwrap();
    assert_eq!(kept.len() as u64, MAX_HOOK_BYTES.1 / (each + 64 + 1));
    assert_eq!(kept[0].number, fits + 9);
    // What was written before bytes were counted is counted then.
    let forget: Write<(), std::convert::Infallible> = Write::new(move |open| {
        open.tables.hook_bytes.remove((user.0, HOOK.0))?;
        Ok(())
    });
    store.run(By::server(NOW), forget).unwrap();
    store.run(By::server(NOW), add_hook_messages(vec![new(0)], cut)).unwrap();
    note(&store, user, fits + 10, Tried::Delivered(tried(200, NOW)), NOW);
    let again = store.hook_messages(user, HOOK, None, usize::MAX).unwrap();
    assert_eq!((again.len(), again[0].number), (kept.len(), fits + 10));
    assert_eq!(store.verify().unwrap(), []);
}
