//! The state against a model: an evaluation and a routing so naive that they are obviously right, over random trees,
//! roles, overwrites, moves, grants that end, passwords, links, listeners and voice targets. The seeds are fixed, so a failure here
//! fails everywhere.

mod interest;
mod step;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use self::step::{ABOUT, Step, change, changes, life, overwrite};
use super::tests::{arrive, ask, follow, member, moment, stored};
use super::*;
use crate::id::FlowId;
use crate::permission::Subject;
use crate::protocol::wire::{self, request};

/// Whether a role that somebody has grants something now.
fn grants(state: &State, member: &Member, permission: Permissions) -> bool {
    member.roles.iter().filter(|held| held.until.is_none_or(|until| state.now.wall < until)).any(|held| {
        state.roles.get(&held.role).is_some_and(|role| {
            role.allow.contains(permission) && (!role.second_factor || member.second_factor)
        })
    })
}

/// Whether somebody may do one thing on a channel: rule by rule, permission by permission.
fn naive(state: &State, member: &Member, channel: ChannelId, permission: Permissions) -> bool {
    if grants(state, member, Permissions::ADMINISTER) {
        return true;
    }
    let mut way = vec![channel];
    while let Some(parent) = state.channels[&way[0]].parent {
        way.insert(0, parent);
    }
    let mut allowed = grants(state, member, permission);
    let holds = |role| {
        let held = member.roles.iter().find(|held| held.role == role);
        let role: &Role = &state.roles[&role];
        held.is_some_and(|held| held.until.is_none_or(|until| state.now.wall < until))
            && (!role.second_factor || member.second_factor)
    };
    for on in &way {
        let all = state.overwrites.get(on).cloned().unwrap_or_default();
        let reaching: Vec<_> = all.into_iter().filter(|one| one.reach.holds(*on == channel)).collect();
        let for_roles =
            || reaching.iter().filter(|one| matches!(one.subject, Subject::Role(role) if holds(role)));
        let for_them = || reaching.iter().filter(|one| Some(one.subject) == member.user.map(Subject::User));
        if for_roles().any(|one| one.deny.contains(permission)) {
            allowed = false;
        }
        if for_roles().any(|one| one.allow.contains(permission)) {
            allowed = true;
        }
        if for_them().any(|one| one.deny.contains(permission)) {
            allowed = false;
        }
        if for_them().any(|one| one.allow.contains(permission)) {
            allowed = true;
        }
    }
    allowed && (permission == Permissions::VIEW || naive(state, member, channel, Permissions::VIEW))
}

/// Whether somebody is let into a channel: is there, may edit it, or may join it and knows its password.
fn lets_in(state: &State, member: &Member, channel: ChannelId) -> bool {
    let password = state.channels[&channel].password;
    let knows = password.is_none() || member.passwords.get(&channel).copied() == password;
    member.channel == Some(channel)
        || naive(state, member, channel, Permissions::EDIT_CHANNEL)
        || (naive(state, member, channel, Permissions::JOIN) && knows)
}

/// Who hears what is said in a channel, by being there or by listening.
fn in_earshot(state: &State, listener: &Member, channel: ChannelId) -> bool {
    let listens = listener.listening.contains_key(&channel)
        && naive(state, listener, channel, Permissions::LISTEN)
        && lets_in(state, listener, channel);
    !listener.deaf && !listener.deafened && (listener.channel == Some(channel) || listens)
}

/// Whether one hears what another says on a flow.
fn hears(state: &State, speaker: &Member, flow: FlowId, listener: &Member) -> bool {
    if speaker.session == listener.session || speaker.mute || speaker.muted {
        return false;
    }
    if flow == FlowId::CHANNEL {
        let Some(channel) = speaker.channel else { return false };
        if speaker.suppressed || !naive(state, speaker, channel, Permissions::SPEAK) {
            return false;
        }
        let linked = |link: &ChannelId| {
            naive(state, speaker, *link, Permissions::SPEAK)
                && lets_in(state, speaker, *link)
                && lets_in(state, listener, channel)
                && in_earshot(state, listener, *link)
        };
        return in_earshot(state, listener, channel) || state.channels[&channel].links.iter().any(linked);
    }
    if listener.deaf || listener.deafened {
        return false;
    }
    let may = |on: Option<ChannelId>| match on {
        Some(channel) => {
            naive(state, speaker, channel, Permissions::WHISPER) && lets_in(state, speaker, channel)
        }
        None => {
            grants(state, speaker, Permissions::WHISPER) || grants(state, speaker, Permissions::ADMINISTER)
        }
    };
    speaker.targets.get(&(flow.0 as u32)).is_some_and(|targets| {
        targets.iter().any(|target| match target {
            Target::Session(session) => *session == listener.session && may(listener.channel),
            Target::Role(role) => {
                listener.roles.iter().any(|held| held.role == *role) && may(listener.channel)
            }
            Target::Channel { channel, subtree, links } => state.channels.keys().any(|one| {
                let below = || {
                    let mut above = Some(*one);
                    while let Some(id) = above {
                        if id == *channel {
                            return true;
                        }
                        above = state.channels[&id].parent;
                    }
                    false
                };
                let linked =
                    || state.channels.get(channel).is_some_and(|channel| channel.links.contains(one));
                let meant = one == channel || (*subtree && below()) || (*links && linked());
                meant && may(Some(*one)) && in_earshot(state, listener, *one)
            }),
        })
    })
}

/// Who hears whom, worked out anew.
pub(super) fn anew(state: &State) -> Hearing {
    let mut hearing = Hearing::default();
    hearing.follow(state, &Touched { everything: true, ..Touched::default() });
    hearing
}

/// Who hears a flow of somebody's, but themselves.
pub(super) fn listeners(hearing: &Hearing, speaker: SessionId, flow: FlowId) -> Vec<SessionId> {
    let heard = hearing.speeches(speaker).iter().find(|(one, _)| *one == flow);
    let all = heard.map_or(&[][..], |(_, heard)| match heard {
        Heard::There(earshot) => hearing.within(earshot).unwrap(),
        Heard::By(listeners) => listeners,
    });
    all.iter().copied().filter(|listener| *listener != speaker).collect()
}

/// An owner, an officer, a member with two roles, and a guest.
fn begin() -> State {
    let mut stored = stored();
    // Whoever may do a thing may lose it.
    for role in stored.roles.iter_mut().skip(1) {
        let more = Permissions::WHISPER.union(Permissions::LISTEN).union(Permissions::RECORD);
        role.allow = role.allow.union(Permissions::SPEAK).union(more);
    }
    let mut state = State::new(stored, moment(1));
    arrive(&mut state, member(1, &[1]));
    arrive(&mut state, member(2, &[2]));
    arrive(&mut state, member(3, &[3, 4]));
    arrive(&mut state, Member { user: None, ..member(4, &[4]) });
    state
}

/// Whether a step is about people where they are, or go, and about nothing that everybody is told.
fn is_about_a_place(step: &Step) -> bool {
    use request::Body;
    let Step::Ask(_, body) = step else { return false };
    matches!(
        body,
        Body::Join(_)
            | Body::Leave(_)
            | Body::SetSelf(_)
            | Body::SetVoiceTarget(_)
            | Body::MoveSession(_)
            | Body::Moderate(_)
    )
}

/// Whether somebody is told of another whom they saw neither where it was nor where it is.
fn tells_the_unseen(
    state: &State,
    viewer: &Member,
    before: &BTreeMap<u64, Option<ChannelId>>,
    body: &wire::event::Body,
) -> bool {
    let wire::event::Body::MemberIs(row) = body else { return false };
    let unseen =
        |place: Option<ChannelId>| place.is_some_and(|at| !naive(state, viewer, at, Permissions::VIEW));
    let is = state.member(SessionId(row.session)).and_then(|member| member.channel);
    row.session != viewer.session.0 && unseen(before[&row.session]) && unseen(is)
}

/// Everything that happens in a step, as it is told.
fn take(state: &mut State, step: &Step) -> Vec<Event> {
    let events = take_step(state, step);
    let channels = state.channels.values().map(|one| (one.id, one.parent, one.name.as_str()));
    assert_eq!(state.channel_looks, Names::of(channels), "{step:?}");
    let roles = || state.roles.values().map(|role| (role.id, None, role.name.as_str()));
    assert_eq!(state.role_looks, Names::of(roles()), "{step:?}");
    assert_eq!(state.role_names, Names::of(roles()), "{step:?}");
    events
}

fn take_step(state: &mut State, step: &Step) -> Vec<Event> {
    match step {
        Step::Ask(session, body) => match ask(state, *session, body) {
            Ok(change) => state.apply(change),
            Err(_) => Vec::new(),
        },
        Step::Pass(time) => state.advance(moment(state.now.wall.0 + time)),
    }
}

fn run<S: Strategy>(
    seed: u8,
    cases: u32,
    strategy: &S,
    test: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    if let Err(error) = TestRunner::new_with_rng(config, rng).run(strategy, test) {
        panic!("with seed {seed}: {error}");
    }
}

/// What the state says of everybody on every channel is what the model says, and is explained by it.
fn check_permissions(state: &State) -> Result<(), TestCaseError> {
    for member in state.members() {
        for channel in state.channels.keys() {
            let has = state.permissions(member, *channel);
            for permission in ABOUT {
                let expected = naive(state, member, *channel, permission);
                prop_assert_eq!(
                    has.contains(permission),
                    expected,
                    "{} on {}: {}",
                    member.name,
                    channel,
                    permission
                );
                let Explained { has: explained, steps } = state.explain(member, Some(*channel), permission);
                prop_assert_eq!(explained, has);
                let last = steps.last().map_or(Permissions::NONE, |step| step.after);
                prop_assert_eq!(last.contains(permission), expected, "{:?}", steps);
            }
        }
    }
    Ok(())
}

/// Has everything evaluated.
fn look(state: &State) {
    for member in state.members() {
        for channel in state.channels.keys() {
            let _ = state.permissions(member, *channel);
        }
    }
}

fn evaluations(seed: u8) {
    run(seed, 25_000, &changes(), |steps| {
        let mut state = begin();
        // Half of what is evaluated is known already when it becomes something else.
        for (number, step) in steps.iter().enumerate() {
            if number % 2 == 0 {
                look(&state);
            }
            take(&mut state, step);
        }
        check_permissions(&state)
    });
}

/// A hundred thousand cases, in four tests that run side by side.
#[test]
fn the_evaluation_is_the_naive_one_1() {
    evaluations(1);
}

#[test]
fn the_evaluation_is_the_naive_one_2() {
    evaluations(2);
}

#[test]
fn the_evaluation_is_the_naive_one_3() {
    evaluations(3);
}

#[test]
fn the_evaluation_is_the_naive_one_4() {
    evaluations(4);
}

#[test]
fn a_dry_run_is_what_then_happens() {
    run(5, 5_000, &(changes(), change()), |(steps, body)| {
        let mut state = begin();
        for step in &steps {
            take(&mut state, step);
        }
        let Ok(change) = ask(&state, 1, &body) else { return Ok(()) };
        let rights = |state: &State| {
            let mut all = BTreeMap::new();
            for member in state.members() {
                for channel in std::iter::once(None).chain(state.channels.keys().map(|id| Some(*id))) {
                    let has = state.permissions_on(member, channel);
                    all.insert((member.session, channel), has);
                }
            }
            all
        };
        let (imagined, before) = (state.clone().differences(change.clone(), None), rights(&state));
        state.apply(change);
        let after = rights(&state);
        let then =
            |key: &(SessionId, Option<ChannelId>)| before.get(key).copied().unwrap_or(Permissions::NONE);
        let expected: Vec<_> = after
            .iter()
            .filter(|(key, has)| then(key) != **has)
            .map(|(key, has)| Difference {
                session: Some(key.0),
                name: state.member(key.0).unwrap().name.clone(),
                channel: key.1,
                before: then(key),
                after: *has,
            })
            .collect();
        prop_assert_eq!(imagined, expected);
        Ok(())
    });
}

/// Whoever moves a channel without managing roles gives nobody, themselves neither, more than they had.
#[test]
fn a_move_without_manage_roles_gives_nobody_more() {
    let moved = std::cell::Cell::new(0);
    run(7, 10_000, &(changes(), 1..8_u64, 0..8_u64), |(steps, channel, parent)| {
        let mut state = begin();
        let edits = Permissions::EDIT_CHANNEL.union(Permissions::CREATE_CHANNEL);
        let officer = state.roles[&RoleId(2)].clone();
        state.apply(Change::PutRole(Role { allow: officer.allow.union(edits), ..officer }));
        for step in &steps {
            take(&mut state, step);
        }
        let to = request::Body::MoveChannel(wire::MoveChannel { channel, parent, position: 0 });
        let Ok(change) = ask(&state, 2, &to) else { return Ok(()) };
        let mover = state.member(SessionId(2)).unwrap();
        if [Permissions::ADMINISTER, Permissions::MANAGE_ROLES].iter().any(|one| grants(&state, mover, *one))
        {
            return Ok(());
        }
        moved.set(moved.get() + 1);
        let rights = |state: &State| {
            let pairs = state.members().flat_map(|member| state.channels.keys().map(move |on| (member, *on)));
            pairs.map(|(member, on)| (member.session, on, state.permissions(member, on))).collect::<Vec<_>>()
        };
        let before = rights(&state);
        state.apply(change);
        for ((session, on, had), (.., has)) in before.into_iter().zip(rights(&state)) {
            prop_assert!(had.contains(has), "{} has {} on {}, and had {}", session, has, on, had);
        }
        Ok(())
    });
    assert!(moved.get() > 500, "{} were moved", moved.get());
}

/// Nobody opens to themselves, by an overwrite anywhere, what they may not do.
#[test]
fn an_overwrite_gives_its_maker_nothing_that_they_lacked() {
    let made = std::cell::Cell::new(0);
    run(8, 10_000, &(changes(), overwrite()), |(steps, set)| {
        let mut state = begin();
        let officer = state.roles[&RoleId(2)].clone();
        let allow = officer.allow.union(Permissions::MANAGE_ROLES);
        state.apply(Change::PutRole(Role { allow, ..officer }));
        for step in &steps {
            take(&mut state, step);
        }
        let maker = SessionId(2);
        if grants(&state, state.member(maker).unwrap(), Permissions::ADMINISTER) {
            return Ok(());
        }
        let Ok(change) = ask(&state, maker.0, &request::Body::SetOverwrite(set)) else { return Ok(()) };
        made.set(made.get() + 1);
        let rights = |state: &State| {
            let own = state.member(maker).unwrap();
            state.channels.keys().map(|on| (*on, state.permissions(own, *on))).collect::<Vec<_>>()
        };
        let before = rights(&state);
        state.apply(change);
        for ((on, had), (_, has)) in before.into_iter().zip(rights(&state)) {
            prop_assert!(had.contains(has), "{} on {}, and had {}", has, on, had);
        }
        Ok(())
    });
    assert!(made.get() > 200, "{} were made", made.get());
}

/// Whatever happens: who hears whom is what the permissions say, people are only where they may see, recordings only run
/// for who may record, a client that only follows events sees what a fresh snapshot shows, and nobody is told of what people do
/// where they don't see them.
#[test]
fn routing_and_events_are_what_permissions_say() {
    run(6, 3_000, &life(), |steps| {
        let (mut state, mut hearing) = (begin(), Hearing::default());
        let mut views: Vec<_> =
            (1..5).map(|id| (SessionId(id), state.snapshot(state.member(SessionId(id))))).collect();
        for step in &steps {
            let places: BTreeMap<_, _> =
                state.members().map(|member| (member.session.0, member.channel)).collect();
            let events = take(&mut state, step);
            for (session, view) in &mut views {
                let viewer = state.member(*session).unwrap();
                for body in telling::told(&state, &events, *session) {
                    let told = is_about_a_place(step) && tells_the_unseen(&state, viewer, &places, &body);
                    prop_assert!(!told, "{} is told of what it doesn't see, by {:?}", session, step);
                    follow(view, body);
                }
                view.channels.sort_by_key(|channel| channel.id);
                view.members.sort_by_key(|member| member.session);
                prop_assert_eq!(
                    &*view,
                    &state.snapshot(state.member(*session)),
                    "after {:?}, for {}",
                    step,
                    session
                );
            }
            let touched = state.take_touched();
            hearing.follow(&state, &touched);
            prop_assert_eq!(&hearing, &anew(&state), "after {:?}", step);
            for speaker in state.members() {
                for flow in [0, 2, 3].map(FlowId) {
                    let expected: Vec<_> = state
                        .members()
                        .filter(|listener| hears(&state, speaker, flow, listener))
                        .map(|listener| listener.session)
                        .collect();
                    let heard = listeners(&hearing, speaker.session, flow);
                    prop_assert_eq!(heard, expected, "{} on {:?} after {:?}", speaker.name, flow, step);
                }
                if let Some(channel) = speaker.channel {
                    prop_assert!(naive(&state, speaker, channel, Permissions::VIEW));
                }
            }
            for (channel, recording) in state.recordings() {
                let by = state.member(recording.by).unwrap();
                prop_assert!(
                    by.channel == Some(*channel) && naive(&state, by, *channel, Permissions::RECORD)
                );
            }
            for channel in state.channels.values() {
                let path = state.path(channel.id);
                prop_assert!(path.len() <= MAX_DEPTH && state.channels[&path[0]].parent.is_none());
                for link in &channel.links {
                    prop_assert!(state.channels[link].links.contains(&channel.id));
                }
            }
        }
        Ok(())
    });
}
