//! What isn't told of channels that somebody doesn't see.

use super::tests::{arrive, make, member, moment, stored};
use super::*;
use crate::permission::{Reach, Subject};
use crate::protocol::wire::request::Body;
use crate::protocol::wire::{self, event};

/// Owners in a tree whose channels 1, 2 and 3 session 2 doesn't see: session 1 and 3 are owners, session 3 in channel 1.
fn begin() -> State {
    let mut state = State::new(stored(), moment(1));
    arrive(&mut state, member(1, &[1]));
    arrive(&mut state, member(2, &[3]));
    arrive(&mut state, member(3, &[1]));
    let (channel, subject) = (ChannelId(1), Subject::Role(RoleId(3)));
    let (allow, deny, reach) = (Permissions::NONE, Permissions::VIEW, Reach::Both);
    state.apply(Change::PutOverwrite(Overwrite { channel, subject, allow, deny, reach }));
    make(&mut state, 3, join(1));
    state
}

fn join(channel: u64) -> Body {
    Body::Join(wire::Join { channel, ..wire::Join::default() })
}

/// What a session is told of a step of another.
fn told(state: &mut State, viewer: u64, session: u64, body: Body) -> Vec<event::Body> {
    let events = make(state, session, body);
    telling::told(state, &events, SessionId(viewer))
}

#[test]
fn whoever_sees_neither_end_of_a_move_is_told_nothing_of_it() {
    let mut state = begin();
    let set = |mute| Body::SetSelf(wire::SetSelf { mute: Some(mute), ..wire::SetSelf::default() });
    let listen = |channel| Body::Listen(wire::Listen { channel, on: true, ..wire::Listen::default() });
    let moderate =
        Body::Moderate(wire::Moderate { session: 3, priority: Some(true), ..wire::Moderate::default() });
    let target = wire::VoiceTarget { to: Some(wire::voice_target::To::Channel(1)), ..Default::default() };
    let whisper = Body::SetVoiceTarget(wire::SetVoiceTarget { flow: 2, targets: vec![target] });
    for (what, body) in [
        ("a move", join(2)),
        ("another", join(3)),
        ("a mute", set(true)),
        ("a listener", listen(1)),
        ("a target", whisper),
        ("moderation", moderate),
    ] {
        assert_eq!(told(&mut state, 2, 3, body.clone()), [], "{what}");
    }
    for (what, body) in
        [("where it comes to", join(4)), ("how it is there", set(false)), ("where it left", join(1))]
    {
        let told = told(&mut state, 2, 3, body);
        assert!(matches!(&told[..], [event::Body::MemberIs(row)] if row.session == 3), "{what}: {told:?}");
    }
}

#[test]
fn a_channel_that_is_gone_is_named_to_those_who_saw_it() {
    let mut state = begin();
    make(&mut state, 3, Body::Leave(wire::Leave {}));
    let remove = |channel| Body::RemoveChannel(wire::RemoveChannel { channel });
    assert_eq!(told(&mut state, 2, 1, remove(1)), []);
    assert_eq!(told(&mut state, 2, 1, remove(4)), [event::Body::ChannelGone(4)]);
    let mut state = begin();
    make(&mut state, 3, Body::Leave(wire::Leave {}));
    let gone = [3, 2, 1].map(event::Body::ChannelGone);
    assert_eq!(told(&mut state, 3, 1, remove(1)), gone, "each before its parent");
}

#[test]
fn a_path_leaves_out_the_names_of_those_on_the_way_that_are_hidden() {
    let mut state = begin();
    let (channel, subject) = (ChannelId(3), Subject::Role(RoleId(3)));
    let (allow, deny, reach) = (Permissions::VIEW, Permissions::NONE, Reach::Both);
    state.apply(Change::PutOverwrite(Overwrite { channel, subject, allow, deny, reach }));
    let viewer = state.member(SessionId(2));
    assert_eq!(state.path_for(Some(channel), viewer), "Three");
    assert_eq!(state.path_for(Some(ChannelId(2)), viewer), "");
    assert_eq!(state.path_for(Some(channel), None), "One/Two/Three");
    assert!(!state.sees_path(channel, viewer) && state.sees_path(channel, None));
    let invite = |channel: u64| wire::Invite {
        channel,
        channel_path: "One/Two/Three".to_owned(),
        roles: vec!["Member".to_owned()],
        ..wire::Invite::default()
    };
    for (channel, seen) in [(3, (3, "Three")), (2, (0, ""))] {
        let (mut listed, mut looked_at) = (invite(channel), invite(channel));
        state.show_invite(&mut listed, viewer);
        state.show_invite_to_newcomer(&mut looked_at);
        for shown in [listed, looked_at] {
            assert_eq!((shown.channel, shown.channel_path.as_str()), seen);
        }
    }
}

#[test]
fn a_parent_that_is_hidden_is_not_named_by_its_number() {
    let mut state = begin();
    let put = |state: &mut State, channel: u64, permissions: (Permissions, Permissions)| {
        let (channel, subject, (allow, deny)) = (ChannelId(channel), Subject::Role(RoleId(3)), permissions);
        state.apply(Change::PutOverwrite(Overwrite { channel, subject, allow, deny, reach: Reach::Both }))
    };
    let told = |state: &State, events: &[Event]| {
        let parents = telling::told(state, events, SessionId(2)).into_iter().filter_map(|body| match body {
            event::Body::ChannelIs(channel) => Some((channel.id, channel.parent)),
            _ => None,
        });
        parents.collect::<Vec<_>>()
    };
    let row = |state: &State, viewer: u64| {
        let viewer = state.member(SessionId(viewer));
        state
            .snapshot(viewer)
            .channels
            .into_iter()
            .find(|channel| channel.id == 3)
            .map(|channel| channel.parent)
    };
    let events = put(&mut state, 3, (Permissions::VIEW, Permissions::NONE));
    assert_eq!(told(&state, &events), [(3, 0)]);
    assert_eq!((row(&state, 2), row(&state, 3)), (Some(0), Some(2)));
    // Whoever sees the one above from now on, or no more, is told of the one below again.
    let events = put(&mut state, 2, (Permissions::VIEW, Permissions::NONE));
    assert_eq!(told(&state, &events), [(2, 0), (3, 2)]);
    let events = put(&mut state, 2, (Permissions::NONE, Permissions::VIEW));
    assert_eq!(told(&state, &events), [(3, 0)]);
    assert_eq!(row(&state, 2), Some(0));
}
