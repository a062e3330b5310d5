//! Runs of flows: what begins them, what a step writes with its note, and what is kept.

use redb::backends::InMemoryBackend;

use super::*;
use crate::id::Way;
use crate::store::record::{Author, StepState};
use crate::store::write::{
    FlowEdit, FlowText, NewUser, Rejected, all, create_flow, create_user, delete_user, edit_flow, remove_flow,
};
use crate::store::{By, CommitError, Failed, SEEDED_ORGANIZATION as HOME, Store};

const NOW: Timestamp = Timestamp(1_000);
const FLOW: FlowNumber = FlowNumber(1);

fn text(name: &str) -> FlowText {
    let (title, description, author) = (String::new(), String::new(), String::new());
    let (tags, edition, source) = (vec![], "1.0.0".to_owned(), "x".to_owned());
    FlowText { name: name.to_owned(), title, description, author, tags, edition, skill: false, source }
}

fn user(store: &Store, name: &str) -> UserId {
    let (name, email, password) = (name.to_owned(), None, None);
    let new = NewUser { organization: HOME, name, email, password, roles: vec![] };
    store.run(By::server(NOW), create_user(new)).unwrap().id
}

fn store() -> (Store, UserId) {
    let store = Store::open_on(InMemoryBackend::new(), Timestamp(1)).unwrap();
    let alice = user(&store, "alice");
    let flow = store.run(By::server(NOW), create_flow(alice, text("tea"), "{}".to_owned(), false)).unwrap();
    assert_eq!(flow.id, FLOW);
    (store, alice)
}

fn new(user: UserId) -> NewRun {
    let (trigger, event, input) = ("hand".to_owned(), "{}".to_owned(), "{}".to_owned());
    NewRun { user, flow: FLOW, trigger, event, input, depth: 1, again: 0, due: None, over: false }
}

fn queued(store: &Store, user: UserId) -> FlowRunId {
    store.run(By::server(NOW), queue_run(new(user))).unwrap()
}

fn step(user: UserId, run: FlowRunId, number: u32, state: StepState) -> FlowStep {
    FlowStep {
        user,
        run,
        number,
        name: format!("s{number}"),
        index: None,
        undoes: 0,
        state,
        attempts: 1,
        input: "{}".to_owned(),
        output: "null".to_owned(),
        made: None,
        error: String::new(),
        began: NOW,
        until: None,
        ended: None,
    }
}

fn advance(store: &Store, user: UserId, run: FlowRunId, advance: Advance) -> Option<FlowRun> {
    store.run(By::server(NOW), advance_run(user, run, advance)).unwrap()
}

fn in_state(state: RunState) -> Advance {
    Advance { state: Some(state), ..Advance::default() }
}

fn by_step(user: UserId, run: FlowRunId, step: u32) -> By {
    By::new(Author::User(user), None, NOW).by_way_of(Some(Way::Flow { flow: FLOW, run, step }))
}

fn new_user(name: &str) -> NewUser {
    NewUser { organization: HOME, name: name.to_owned(), email: None, password: None, roles: vec![] }
}

#[test]
fn what_a_step_does_is_there_once_with_the_note_that_says_so() {
    let (store, alice) = store();
    let run = queued(&store, alice);
    let begun = Advance {
        state: Some(RunState::InProgress),
        steps: vec![step(alice, run, 1, StepState::Begun)],
        ..Advance::default()
    };
    assert_eq!(advance(&store, alice, run, begun).unwrap().state, RunState::InProgress);
    // What is refused notes nothing.
    store.run(by_step(alice, run, 1), create_user(new_user("alice"))).unwrap_err();
    let row = || store.flow_step(alice, run, 1).unwrap().unwrap();
    assert_eq!((row().state, row().made), (StepState::Begun, None));
    let bob = store.run(by_step(alice, run, 1), create_user(new_user("bob"))).unwrap().id;
    assert_eq!((row().state, row().made), (StepState::Noted, Some(bob.0)));
    // The same step does nothing a second time, whatever it is.
    let again = store.run(by_step(alice, run, 1), create_user(new_user("carol")));
    assert_eq!(again.unwrap_err(), Failed::Commit(CommitError::StepDone));
    assert_eq!(store.user_by_name(HOME, "carol").unwrap(), None);
    // Nor does one that isn't begun.
    let unknown = store.run(by_step(alice, run, 2), create_user(new_user("carol")));
    assert_eq!(unknown.unwrap_err(), Failed::Commit(CommitError::StepDone));
    assert_eq!(store.verify().unwrap(), []);
}

#[test]
fn a_batch_notes_each_step_of_it_and_does_none_twice() {
    let (store, alice) = store();
    let run = queued(&store, alice);
    let steps = (1..=2).map(|number| step(alice, run, number, StepState::Begun)).collect();
    advance(&store, alice, run, Advance { steps, ..in_state(RunState::InProgress) });
    let create = |name: &str| create_user(new_user(name)).erased::<Rejected>();
    let writes = vec![
        (by_step(alice, run, 1), create("one")),
        // The second write of the same request belongs to the same note.
        (by_step(alice, run, 1), create("two")),
        (by_step(alice, run, 2), create("three")),
        (By::server(NOW), create("four")),
    ];
    let outcomes = store.run(By::server(NOW), all(writes)).unwrap();
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let made = |number| store.flow_step(alice, run, number).unwrap().unwrap().made;
    let id = |name: &str| store.user_by_name(HOME, name).unwrap().map(|user| user.id.0);
    assert_eq!((made(1), made(2)), (id("one"), id("three")));
    let writes = vec![(by_step(alice, run, 1), create("five")), (by_step(alice, run, 1), create("six"))];
    let outcomes = store.run(By::server(NOW), all(writes)).unwrap();
    assert!(outcomes.iter().all(|one| matches!(one, Err(Rejected::StepDone(_)))), "{outcomes:?}");
    assert_eq!((id("five"), id("six")), (None, None));
}

#[test]
fn runs_wait_up_to_a_bound_and_what_comes_beyond_it_is_counted() {
    let (store, alice) = store();
    let many = vec![new(alice); MAX_RUNS_WAITING + 3];
    assert_eq!(store.run(By::server(NOW), queue_runs(many)).unwrap().len(), MAX_RUNS_WAITING);
    assert_eq!(store.flow_stats(alice, FLOW).unwrap().dropped, 3);
    let refused = store.run(By::server(NOW), queue_run(new(alice))).unwrap_err();
    assert_eq!(refused, Failed::Refused(FlowError::TooManyRuns));
    let over = NewRun { over: true, ..new(alice) };
    advance(&store, alice, FlowRunId(1), in_state(RunState::Completed));
    assert_eq!(store.run(By::server(NOW), queue_runs(vec![over])).unwrap(), []);
    assert_eq!(store.flow_stats(alice, FLOW).unwrap().dropped, 4 + 1);
    queued(&store, alice);
    // One that is off begins nothing.
    let off = FlowEdit { on: Some(false), ..FlowEdit::default() };
    store.run(By::server(NOW), edit_flow(alice, FLOW, off)).unwrap();
    assert_eq!(store.run(By::server(NOW), queue_runs(vec![new(alice)])).unwrap(), []);
}

#[test]
fn a_time_of_a_schedule_begins_one_run() {
    let (store, alice) = store();
    let due =
        |trigger: &str, at| NewRun { trigger: trigger.to_owned(), due: Some(Timestamp(at)), ..new(alice) };
    let queue = |all| store.run(By::server(NOW), queue_runs(all)).unwrap().len();
    assert_eq!(queue(vec![due("cron", 900)]), 0, "before the flow was there");
    assert_eq!(queue(vec![due("cron", 2_000), due("cron", 2_000), due("other", 2_000)]), 2);
    assert_eq!(queue(vec![due("cron", 2_000), due("cron", 1_500)]), 0);
    store.run(By::server(NOW), see_to_flow(alice, FLOW, "cron".to_owned(), Timestamp(3_000))).unwrap();
    assert_eq!(queue(vec![due("cron", 3_000), due("cron", 3_001)]), 1);
}

#[test]
fn runs_that_have_ended_are_kept_up_to_bounds() {
    let (store, alice) = store();
    for _ in 0..MAX_RUNS_KEPT + 2 {
        let run = queued(&store, alice);
        advance(&store, alice, run, in_state(RunState::Completed));
    }
    let all = store.flow_runs(alice, None, usize::MAX, |_| true).unwrap();
    assert_eq!((all.len() as u64, all.last().unwrap().id), (MAX_RUNS_KEPT, FlowRunId(3)));
    assert_eq!(store.flow_stats(alice, FLOW).unwrap().completed, MAX_RUNS_KEPT + 2);
    // What their steps take is bounded as well.
    let large = "x".repeat(crate::bounds::MAX_STEP_OUTPUT);
    for _ in 0..=MAX_RUN_BYTES / large.len() as u64 {
        let run = queued(&store, alice);
        let one = FlowStep { output: large.clone(), ..step(alice, run, 1, StepState::Done) };
        advance(&store, alice, run, Advance { steps: vec![one], ..in_state(RunState::Completed) });
    }
    let all = store.flow_runs(alice, None, usize::MAX, |_| true).unwrap();
    assert!(all.iter().map(|run| run.bytes).sum::<u64>() <= MAX_RUN_BYTES);
    assert!(all.len() > 1 && store.flow_steps(alice, FlowRunId(3)).unwrap().is_empty());
    let later = By::server(NOW.plus(RUN_KEPT).plus(std::time::Duration::from_secs(1)));
    assert_eq!(store.run(later, sweep_runs()).unwrap(), all.len() as u64);
    assert_eq!(store.flow_runs(alice, None, usize::MAX, |_| true).unwrap(), []);
    assert_eq!(store.verify().unwrap(), []);
}

#[test]
fn a_run_is_cancelled_and_undone_as_somebody_asks() {
    let (store, alice) = store();
    let ask = |run, wish| store.run(By::server(NOW), ask_of_run(alice, run, wish));
    let waiting = queued(&store, alice);
    assert_eq!(ask(waiting, RunWish::Cancel).unwrap().state, RunState::Cancelled);
    assert_eq!(ask(waiting, RunWish::Cancel).unwrap_err(), Failed::Refused(FlowError::Ended));
    let run = queued(&store, alice);
    advance(&store, alice, run, in_state(RunState::InProgress));
    assert_eq!(ask(run, RunWish::RollBack).unwrap().wish, Some(RunWish::RollBack));
    advance(&store, alice, run, in_state(RunState::Completed));
    assert_eq!(store.runs_at_work_of(alice).unwrap(), []);
    assert_eq!(advance(&store, alice, run, in_state(RunState::Failed)), None, "it has ended");
    assert_eq!(ask(run, RunWish::RollBack).unwrap().state, RunState::RollingBack);
    assert_eq!(store.runs_at_work_of(alice).unwrap().len(), 1);
    advance(&store, alice, run, in_state(RunState::RolledBack));
    assert_eq!(ask(run, RunWish::RollBack).unwrap_err(), Failed::Refused(FlowError::Undone));
    assert_eq!(ask(FlowRunId(99), RunWish::Cancel).unwrap_err(), Failed::Refused(FlowError::NoSuchRun));
}

#[test]
fn a_flow_goes_with_all_that_is_its_own_and_no_number_comes_again() {
    let (store, alice) = store();
    let run = queued(&store, alice);
    let steps = vec![step(alice, run, 1, StepState::Begun)];
    advance(&store, alice, run, Advance { steps, ..in_state(RunState::InProgress) });
    store.run(By::server(NOW), remove_flow(alice, FLOW)).unwrap();
    assert_eq!(store.flow_run(alice, run).unwrap(), None);
    assert_eq!(store.flow_steps(alice, run).unwrap(), []);
    assert_eq!(store.all_runs_at_work().unwrap(), []);
    let flow = store.run(By::server(NOW), create_flow(alice, text("tea"), "{}".to_owned(), false)).unwrap();
    assert_eq!(flow.id, FlowNumber(2));
    let next = store.run(By::server(NOW), queue_run(NewRun { flow: flow.id, ..new(alice) })).unwrap();
    assert_eq!(next, FlowRunId(run.0 + 1));
    // What the step of the former run does comes to nothing.
    let late = store.run(by_step(alice, run, 1), create_user(new_user("late")));
    assert_eq!(late.unwrap_err(), Failed::Commit(CommitError::StepDone));
    store.run(By::server(NOW), delete_user(alice)).unwrap();
    assert_eq!((store.flows(HOME).unwrap(), store.all_runs_at_work().unwrap()), (vec![], vec![]));
    assert_eq!(store.verify().unwrap(), []);
}

#[test]
fn versions_are_kept_up_to_a_bound_and_names_are_one_flow_s() {
    let (store, alice) = store();
    let bob = user(&store, "bob");
    let taken =
        store.run(By::server(NOW), create_flow(bob, text("tea"), "{}".to_owned(), false)).unwrap_err();
    assert_eq!(taken, Failed::Refused(FlowError::NameTaken));
    for number in 2..=crate::bounds::MAX_FLOW_VERSIONS + 3 {
        let new = FlowText { source: number.to_string(), ..text("tea") };
        let edit = FlowEdit { text: Some(new), ..FlowEdit::default() };
        assert_eq!(store.run(By::server(NOW), edit_flow(alice, FLOW, edit)).unwrap().version, number);
    }
    let kept = store.flow_versions(alice, FLOW).unwrap();
    assert_eq!(kept.len() as u64, crate::bounds::MAX_FLOW_VERSIONS);
    assert_eq!(store.flow_version(alice, FLOW, 1).unwrap(), None);
    let renamed = FlowEdit { text: Some(text("coffee")), ..FlowEdit::default() };
    store.run(By::server(NOW), edit_flow(alice, FLOW, renamed)).unwrap();
    assert_eq!(store.flow_by_name(HOME, "tea").unwrap(), None);
    assert_eq!(store.flow_by_name(HOME, "coffee").unwrap().unwrap().id, FLOW);
    store.run(By::server(NOW), create_flow(bob, text("tea"), "{}".to_owned(), false)).unwrap();
}

#[test]
fn a_message_begins_one_run_while_it_is_known() {
    let (store, alice) = store();
    let begin = |message: u64, at: Timestamp| {
        let (run, is_new) = store.run(By::server(at), queue_run_by_message(new(alice), message)).unwrap();
        if is_new {
            advance(&store, alice, run, in_state(RunState::Completed));
        }
        (run, is_new)
    };
    let (first, is_new) = begin(7, NOW);
    assert!(is_new);
    assert_eq!(begin(7, NOW.plus(MESSAGE_KEPT)), (first, false));
    // Set back, the clock makes it no stranger.
    assert_eq!(begin(7, Timestamp(1)), (first, false));
    let later = NOW.plus(MESSAGE_KEPT).plus(std::time::Duration::from_millis(1));
    assert!(begin(7, later).1, "after that time it is another one");
    // The last ones are known, and no more.
    for message in 100..100 + MAX_FLOW_MESSAGES as u64 {
        assert!(begin(message, later.plus(std::time::Duration::from_secs(message))).1);
    }
    let last = later.plus(std::time::Duration::from_secs(1_000));
    let known = |message| store.flow_message(alice, FLOW, message).unwrap().is_some();
    assert!(!known(7) && known(100));
    assert!(begin(7, last).1 && !begin(101, last).1 && !known(100));
    // One that can't be queued isn't taken for one that was.
    let off = FlowEdit { on: Some(false), ..FlowEdit::default() };
    store.run(By::server(last), edit_flow(alice, FLOW, off)).unwrap();
    assert!(store.run(By::server(last), queue_run_by_message(new(alice), 9)).is_err());
    assert!(!known(9));
    store.run(By::server(last), remove_flow(alice, FLOW)).unwrap();
    assert!(!known(101));
    assert_eq!(store.verify().unwrap(), []);
}

#[test]
fn members_who_add_all_they_may_leave_room_for_others() {
    let (store, _) = store();
    let add = |user, number: usize| {
        let write = create_flow(user, text(&format!("f-{user}-{number}")), "{}".to_owned(), false);
        store.run(By::server(NOW), write)
    };
    let mut had = Vec::new();
    for member in 0..12 {
        let user = user(&store, &format!("member{member}"));
        let refused = (0..).find_map(|number| Some((number, add(user, number).err()?)));
        had.push(refused.unwrap());
    }
    let counts: Vec<_> = had.iter().map(|(count, _)| *count).collect();
    assert_eq!(counts, [32, 32, 32, 32, 32, 32, 32, 16, 8, 4, 2, 1], "half of what is left at most");
    assert_eq!(had[0].1, Failed::Refused(FlowError::TooMany));
    assert!(had[7..].iter().all(|(_, error)| *error == Failed::Refused(FlowError::TooManyForOne)));
}
