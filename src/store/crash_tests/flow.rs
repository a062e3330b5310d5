//! Flows in the model. What is known of one is one fact: what it is, and each run with its steps, and what those did.

use super::disk::Dice;
use super::model::{Fact, Step, made};
use crate::id::{FlowNumber, FlowRunId, Timestamp, UserId, Way};
use crate::store::write::{self, Advance, FlowEdit, FlowText, NewRun, NewUser};
use crate::store::{
    Author, By, Flow, FlowOff, FlowRun, FlowStep, Rejected, RunState, RunWish, SEEDED_ORGANIZATION as HOME,
    Setting, StepState, Store,
};

fn name(number: u64) -> String {
    format!("flows{number}")
}

/// What is there: the person, their flow, the last run with its steps, and what a step did.
struct Found {
    user: Option<UserId>,
    flow: Option<Flow>,
    run: Option<FlowRun>,
    steps: Vec<FlowStep>,
    did: Option<String>,
    /// The messages of somebody else's server that are known.
    messages: Vec<u64>,
}

/// How many messages there are.
const MESSAGES: u64 = 3;

fn find(store: &Store, number: u64) -> Found {
    let user = store.user_by_name(HOME, &name(number)).unwrap().map(|user| user.id);
    let flow = store.flow_by_name(HOME, &name(number)).unwrap();
    let run = user.and_then(|user| store.flow_runs(user, None, 1, |_| true).unwrap().pop());
    let steps = run.as_ref().map(|run| store.flow_steps(run.user, run.id).unwrap()).unwrap_or_default();
    let settings = store.settings(HOME, None).unwrap();
    let did = settings.into_iter().find(|setting| setting.name == name(number)).map(|setting| setting.value);
    let is_known = |message: &u64| {
        flow.as_ref().is_some_and(|flow| store.flow_message(flow.user, flow.id, *message).unwrap().is_some())
    };
    let messages = (0..MESSAGES).filter(is_known).collect();
    Found { user, flow, run, steps, did, messages }
}

fn words(found: &Found) -> Option<String> {
    found.user?;
    let flow = found.flow.as_ref().map(|flow| (flow.version, flow.off, flow.settings.as_str()));
    // Its number is the next one that the account never had, whatever was removed.
    let run = found.run.as_ref().map(|run| (run.state, run.wish));
    let steps: Vec<_> = found.steps.iter().map(|step| (step.number, step.state)).collect();
    Some(format!("{flow:?}, {run:?}, {steps:?}, {:?}, {:?}", found.did, found.messages))
}

pub(super) fn look(store: &Store, number: u64) -> Option<String> {
    words(&find(store, number))
}

/// A use case about the flow of a number.
pub(super) fn step(store: &Store, dice: &mut Dice, number: u64, serial: u64) -> Step {
    let fact = Fact::Flow(number);
    let mut after = find(store, number);
    let Some(user) = after.user else {
        let new =
            NewUser { organization: HOME, name: name(number), email: None, password: None, roles: vec![] };
        after.user = Some(UserId(0));
        return made("create_user", write::create_user(new).erased(), fact, words(&after));
    };
    let Some(flow) = &mut after.flow else {
        let write = write::create_flow(user, text(number, serial), "{}".to_owned(), false).or_nothing();
        after.flow = Some(flow_row(user, number));
        return made("create_flow", write, fact, words(&after));
    };
    let id = flow.id;
    if flow.off.is_some() {
        flow.off = None;
        let edit = FlowEdit { on: Some(true), ..FlowEdit::default() };
        return made("edit_flow (on)", write::edit_flow(user, id, edit).or_nothing(), fact, words(&after));
    }
    match dice.roll(16) {
        0 => {
            (after.flow, after.run, after.steps) = (None, None, Vec::new());
            after.messages.clear();
            made("remove_flow", write::remove_flow(user, id).or_nothing(), fact, words(&after))
        }
        1 => {
            flow.off = Some(FlowOff::NotLetIn);
            let write = write::turn_flow_off(user, id, FlowOff::NotLetIn).or_nothing();
            made("turn_flow_off", write, fact, words(&after))
        }
        2 => {
            flow.version += 1;
            let edit = FlowEdit { text: Some(text(number, serial)), ..FlowEdit::default() };
            made("edit_flow", write::edit_flow(user, id, edit).or_nothing(), fact, words(&after))
        }
        3 => {
            let write =
                write::rate_flow(user, (user, id), Some(dice.roll(6) as u32), Some(true)).or_nothing();
            made("rate_flow", write, fact, words(&after))
        }
        4 => {
            let before = std::mem::replace(&mut flow.settings, serial.to_string());
            let write = write::seal_flow_settings(vec![((user, id), before, serial.to_string())]);
            made("seal_flow_settings", write.or_nothing(), fact, words(&after))
        }
        5 => {
            let write = write::seal_flow_settings(vec![((user, id), "other".to_owned(), serial.to_string())]);
            made("seal_flow_settings (changed meanwhile)", write.or_nothing(), fact, words(&after))
        }
        6 | 7 if !after.messages.is_empty() => {
            // A message that comes again begins no run, whatever goes on.
            let write = write::queue_run_by_message(new_run(user, id), after.messages[0]).or_nothing();
            made("queue_run_by_message (again)", write, fact, words(&after))
        }
        _ => on_run(after, (user, id), dice, (fact, number, serial)),
    }
}

/// A use case about the last run.
fn on_run(
    mut after: Found,
    (user, flow): (UserId, FlowNumber),
    dice: &mut Dice,
    (fact, number, serial): (Fact, u64, u64),
) -> Step {
    let goes_on = after.run.as_ref().is_some_and(|run| !run.state.has_ended());
    let Some(run) = after.run.as_mut().filter(|_| goes_on || dice.roll(3) == 0) else {
        let last = after.run.as_ref().map_or(0, |run| run.id.0);
        let message = (0..MESSAGES).find(|message| !after.messages.contains(message));
        if let Some(message) = message.filter(|_| dice.roll(2) == 0) {
            return by_message(after, (user, flow), (message, last), fact);
        }
        (after.run, after.steps) = (Some(run_row(user, flow, last + 1)), Vec::new());
        let write = write::queue_runs(vec![new_run(user, flow)]).or_nothing();
        return made("queue_runs", write, fact, words(&after));
    };
    let id = run.id;
    if run.state.has_ended() {
        if run.state != RunState::RolledBack {
            run.state = RunState::RollingBack;
        }
        let write = write::ask_of_run(user, id, RunWish::RollBack).or_nothing();
        return made("ask_of_run (ended)", write, fact, words(&after));
    }
    let begun = after.steps.iter().find(|step| step.state == StepState::Begun).map(|step| step.number);
    if let Some(begun) = begun.filter(|_| dice.roll(3) > 0) {
        return do_step(after, (user, flow, id), begun, (fact, number, serial));
    }
    match dice.roll(5) {
        0 => {
            match run.state {
                RunState::Queued => run.state = RunState::Cancelled,
                _ => run.wish = Some(RunWish::Cancel),
            }
            let write = write::ask_of_run(user, id, RunWish::Cancel).or_nothing();
            made("ask_of_run", write, fact, words(&after))
        }
        1 => {
            (run.state, run.wish) = (RunState::Completed, None);
            let advance = Advance {
                state: Some(RunState::Completed),
                begins: vec![new_run(user, flow)],
                ..Advance::default()
            };
            (after.run, after.steps) = (Some(run_row(user, flow, id.0 + 1)), Vec::new());
            made(
                "advance_run (ended)",
                write::advance_run(user, id, advance).or_nothing(),
                fact,
                words(&after),
            )
        }
        _ => {
            run.state = RunState::InProgress;
            let last = after.steps.last().map_or(0, |step| step.number);
            let row = step_row(user, id, last + 1);
            after.steps.push(row.clone());
            let advance =
                Advance { steps: vec![row], state: Some(RunState::InProgress), ..Advance::default() };
            made("advance_run", write::advance_run(user, id, advance).or_nothing(), fact, words(&after))
        }
    }
}

/// A message of somebody else's server comes that hasn't begun a run: it begins one after the last.
fn by_message(
    mut after: Found,
    (user, flow): (UserId, FlowNumber),
    (message, last): (u64, u64),
    fact: Fact,
) -> Step {
    let write = write::queue_run_by_message(new_run(user, flow), message).or_nothing();
    (after.run, after.steps) = (Some(run_row(user, flow, last + 1)), Vec::new());
    after.messages.push(message);
    after.messages.sort_unstable();
    made("queue_run_by_message", write, fact, words(&after))
}

/// What a step does, with the note that says so.
fn do_step(
    mut after: Found,
    (user, flow, run): (UserId, FlowNumber, FlowRunId),
    step: u32,
    (fact, number, serial): (Fact, u64, u64),
) -> Step {
    if let Some(row) = after.steps.iter_mut().find(|row| row.number == step) {
        row.state = StepState::Noted;
    }
    after.did = Some(serial.to_string());
    let setting = Setting { organization: HOME, user: None, name: name(number), value: serial.to_string() };
    let by = By::new(Author::User(user), None, Timestamp(1)).by_way_of(Some(Way::Flow { flow, run, step }));
    let write = write::put_setting(setting).or_nothing::<Rejected>();
    made("a step", write::all(vec![(by, write)]).or_nothing(), fact, words(&after))
}

fn text(number: u64, serial: u64) -> FlowText {
    let (title, description, author) = (String::new(), String::new(), String::new());
    let (tags, edition, source) = (vec![], "1.0.0".to_owned(), serial.to_string());
    FlowText { name: name(number), title, description, author, tags, edition, skill: false, source }
}

fn new_run(user: UserId, flow: FlowNumber) -> NewRun {
    let (trigger, event, input) = ("hand".to_owned(), "{}".to_owned(), "{}".to_owned());
    NewRun { user, flow, trigger, event, input, depth: 1, again: 0, due: None, over: false }
}

/// A flow as the fact has it.
fn flow_row(user: UserId, number: u64) -> Flow {
    Flow {
        user,
        id: FlowNumber(0),
        name: name(number),
        title: String::new(),
        description: String::new(),
        author: String::new(),
        tags: vec![],
        edition: String::new(),
        skill: false,
        version: 1,
        settings: "{}".to_owned(),
        secret: vec![],
        shared: false,
        off: None,
        created: Timestamp(1),
        changed: Timestamp(1),
    }
}

/// A run as the fact has it.
fn run_row(user: UserId, flow: FlowNumber, id: u64) -> FlowRun {
    FlowRun {
        user,
        id: FlowRunId(id),
        flow,
        version: 1,
        state: RunState::Queued,
        wish: None,
        trigger: String::new(),
        event: String::new(),
        input: String::new(),
        depth: 1,
        again: 0,
        queued: Timestamp(1),
        began: None,
        ended: None,
        steps: 0,
        progress: 0,
        bytes: 0,
        error: String::new(),
    }
}

fn step_row(user: UserId, run: FlowRunId, number: u32) -> FlowStep {
    FlowStep {
        user,
        run,
        number,
        name: "a".to_owned(),
        index: None,
        undoes: 0,
        state: StepState::Begun,
        attempts: 1,
        input: "{}".to_owned(),
        output: "null".to_owned(),
        made: None,
        error: String::new(),
        began: Timestamp(1),
        until: None,
        ended: None,
    }
}
