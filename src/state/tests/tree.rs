//! Channels: the tree, who may change it, and those that go by themselves.

use super::*;

#[test]
fn the_tree_stays_a_tree() {
    let state = state();
    assert_eq!(ask(&state, 1, &shift(1, 3)), Err(Denied::Cycle));
    assert_eq!(ask(&state, 1, &shift(1, 1)), Err(Denied::Cycle));
    assert_eq!(ask(&state, 1, &shift(1, 99)), Err(Denied::NoSuchChannel));
    assert_eq!(ask(&state, 1, &create(1, "TWO")), Err(Denied::NameTaken("TWO".to_owned())));
    assert!(matches!(ask(&state, 1, &create(1, "a/b")), Err(Denied::Name(_))));
    assert!(matches!(ask(&state, 1, &shift(3, 0)), Ok(Change::PutChannel(_))));
}

#[test]
fn channels_nest_to_the_depth_limit_and_no_deeper() {
    let mut state = state();
    let mut parent = 3;
    for level in 4..=MAX_DEPTH {
        let change = ask(&state, 1, &create(parent, &format!("level {level}"))).unwrap();
        let Change::CreateChannel(created) = &change else { panic!("{change:?}") };
        parent = created.id.0;
        state.apply(change);
    }
    assert_eq!(ask(&state, 1, &create(parent, "deeper")), Err(Denied::TooDeep(MAX_DEPTH)));
    assert_eq!(ask(&state, 1, &shift(1, 4)), Err(Denied::TooDeep(MAX_DEPTH)));
}

#[test]
fn a_removed_channel_takes_those_below_and_nobody_is_lost() {
    let mut state = state();
    let change =
        ask(&state, 2, &request::Body::Join(wire::Join { channel: 3, ..Default::default() })).unwrap();
    state.apply(change);
    let change = ask(&state, 1, &request::Body::RemoveChannel(wire::RemoveChannel { channel: 1 })).unwrap();
    assert_eq!(change, Change::RemoveChannels(vec![ChannelId(3), ChannelId(2), ChannelId(1)]));
    state.apply(change);
    assert_eq!(state.member(SessionId(2)).unwrap().channel, None);
    assert_eq!(state.snapshot(None).channels.len(), 1);
}

/// Officers may edit and create channels from here on, and one is connected as session 3.
fn with_an_editor() -> State {
    let mut stored = stored();
    let edits = Permissions::EDIT_CHANNEL.union(Permissions::CREATE_CHANNEL);
    stored.roles[1].allow = stored.roles[1].allow.union(edits);
    let mut state = State::new(stored, moment(1));
    arrive(&mut state, member(1, &[1]));
    arrive(&mut state, member(2, &[3]));
    arrive(&mut state, member(3, &[2]));
    state
}

#[test]
fn whoever_removes_or_moves_a_channel_may_edit_all_that_is_below_it() {
    let remove = |channel| request::Body::RemoveChannel(wire::RemoveChannel { channel });
    for withheld in [Permissions::VIEW, Permissions::EDIT_CHANNEL] {
        let mut state = with_an_editor();
        assert!(ask(&state, 3, &remove(1)).is_ok() && ask(&state, 3, &shift(1, 4)).is_ok());
        make(&mut state, 1, overwrite(3, 2, Permissions::NONE, withheld, 0));
        for body in [remove(1), remove(2), shift(1, 4), shift(2, 4), shift(2, 0)] {
            assert_eq!(ask(&state, 3, &body), Err(Denied::NotAllBelow), "{body:?} without {withheld}");
        }
        assert!(ask(&state, 3, &remove(4)).is_ok(), "nothing is below it");
        assert!(ask(&state, 1, &remove(1)).is_ok(), "an owner may");
    }
}

#[test]
fn a_move_that_leaves_denials_behind_or_comes_under_allowances_needs_manage_roles() {
    let none = Permissions::NONE;
    let refused = Err(Denied::Forbidden(Permissions::MANAGE_ROLES));
    // What is denied above holds below; at the top it wouldn't.
    for whom in [2, 3] {
        let mut state = with_an_editor();
        make(&mut state, 1, overwrite(1, whom, none, Permissions::SPEAK, 0));
        assert_eq!(ask(&state, 3, &shift(2, 0)), refused, "out of it, role {whom}");
        assert_eq!(ask(&state, 3, &shift(2, 4)), refused, "out of it to another parent, role {whom}");
        assert!(ask(&state, 3, &shift(3, 1)).is_ok(), "within it");
        assert!(ask(&state, 3, &shift(4, 1)).is_ok(), "into it: there less is allowed");
        assert!(ask(&state, 1, &shift(2, 0)).is_ok(), "by an owner");
        // Whoever manages roles where the denial stands may.
        make(&mut state, 1, overwrite(1, 2, Permissions::MANAGE_ROLES, none, 1));
        assert!(ask(&state, 3, &shift(2, 0)).is_ok(), "by whoever manages roles there, role {whom}");
    }
    let mut state = with_an_editor();
    make(&mut state, 1, overwrite(4, 2, Permissions::RECORD, none, 2));
    assert_eq!(ask(&state, 3, &shift(2, 4)), refused, "to where more is allowed");
    make(&mut state, 1, overwrite(4, 2, Permissions::RECORD, none, 1));
    assert!(ask(&state, 3, &shift(2, 4)).is_ok(), "it doesn't reach below");
    let place = request::Body::MoveChannel(wire::MoveChannel { channel: 2, parent: 1, position: 7 });
    assert!(ask(&state, 3, &place).is_ok(), "among its siblings");
}

#[test]
fn nobody_gives_or_takes_below_a_channel_what_they_lack_there() {
    let mut stored = stored();
    let manages = Permissions::MANAGE_ROLES;
    stored.roles[1].allow = stored.roles[1].allow.union(manages);
    let mut state = State::new(stored, moment(1));
    arrive(&mut state, member(1, &[1]));
    arrive(&mut state, member(2, &[3]));
    arrive(&mut state, member(3, &[2]));
    // What is below channel 1 is hidden from officers.
    let hidden = overwrite(1, 2, Permissions::NONE, Permissions::VIEW, 2);
    make(&mut state, 1, &hidden);
    let for_oneself = |reach| {
        request::Body::SetOverwrite(wire::SetOverwrite {
            channel: 1,
            subject: Some(wire::set_overwrite::Subject::User("user3".to_owned())),
            allow: Permissions::VIEW.bits(),
            reach,
            ..Default::default()
        })
    };
    let lacks = Err(Denied::LacksBelow(Permissions::VIEW));
    for reach in [0, 2] {
        assert_eq!(ask(&state, 3, &for_oneself(reach)), lacks, "to themselves");
        let to_members = overwrite(1, 3, Permissions::NONE, Permissions::VIEW, reach);
        assert_eq!(ask(&state, 3, &to_members), lacks, "to others");
    }
    assert!(ask(&state, 3, &for_oneself(1)).is_ok(), "here alone");
    assert!(ask(&state, 3, &overwrite(4, 3, Permissions::NONE, Permissions::VIEW, 0)).is_ok(), "elsewhere");
    // Nor do they take away what holds there.
    make(&mut state, 1, overwrite(1, 3, Permissions::NONE, Permissions::SPEAK, 2));
    let lift = overwrite(1, 3, Permissions::NONE, Permissions::NONE, 1);
    assert_eq!(ask(&state, 3, &lift), Err(Denied::LacksBelow(Permissions::SPEAK)));
    assert!(ask(&state, 1, &lift).is_ok(), "an owner may");
}

#[test]
fn a_temporary_channel_goes_when_it_was_empty_long_enough() {
    let mut state = state();
    let create = wire::CreateChannel {
        parent: 4,
        name: "for now".to_owned(),
        temporary_ms: Some(1_000),
        ..Default::default()
    };
    assert!(matches!(
        ask(&state, 2, &request::Body::CreateChannel(create.clone())),
        Err(Denied::Forbidden(_))
    ));
    make(&mut state, 1, request::Body::CreateChannel(create));
    let join = |channel| request::Body::Join(wire::Join { channel, ..Default::default() });
    make(&mut state, 2, join(5));
    state.advance(moment(5_000));
    assert_eq!((state.due(), state.next_due()), (vec![], (None, None)));
    make(&mut state, 2, join(4));
    assert_eq!(state.next_due(), (None, Some(Duration::from_secs(6))));
    state.advance(moment(5_999));
    assert_eq!(state.due(), vec![]);
    state.advance(moment(6_000));
    assert_eq!(state.due(), vec![Change::RemoveChannels(vec![ChannelId(5)])]);
}

#[test]
fn an_account_has_so_many_temporary_channels_and_they_leave_room_for_others() {
    let mut stored = stored();
    stored.limits.channels = 4 + 2 * MAX_TEMPORARY_CHANNELS;
    for role in &mut stored.roles[2..4] {
        role.allow = role.allow.union(Permissions::CREATE_TEMPORARY);
    }
    let mut state = State::new(stored, moment(1));
    arrive(&mut state, member(1, &[1]));
    arrive(&mut state, member(2, &[3]));
    arrive(&mut state, Member { user: None, ..member(3, &[4]) });
    let make_one = |state: &mut State, session: u64, empty: u64| {
        let name = format!("for now {}", state.next_channel);
        let create = wire::CreateChannel { parent: 4, name, temporary_ms: Some(empty), ..Default::default() };
        let change = ask(state, session, &request::Body::CreateChannel(create))?;
        state.apply(change);
        Ok(())
    };
    for too_long in [MAX_TEMPORARY + 1, u64::MAX] {
        assert_eq!(make_one(&mut state, 2, too_long), Err(Denied::OutOfBounds(OutOfBounds::Temporary)));
    }
    for _ in 0..MAX_TEMPORARY_CHANNELS {
        assert_eq!(make_one(&mut state, 2, MAX_TEMPORARY), Ok(()));
    }
    assert_eq!(make_one(&mut state, 2, 0), Err(Denied::TooManyTemporary));
    // Another session of the account has no more.
    arrive(&mut state, Member { user: Some(UserId(2)), ..member(4, &[3]) });
    assert_eq!(make_one(&mut state, 4, 0), Err(Denied::TooManyTemporary));
    // Two more, and half of all that there can be are temporary.
    assert_eq!((make_one(&mut state, 3, 0), make_one(&mut state, 3, 0)), (Ok(()), Ok(())));
    assert_eq!(make_one(&mut state, 3, 0), Err(Denied::FullOfTemporary));
    assert_eq!(make_one(&mut state, 1, 0), Err(Denied::FullOfTemporary));
    assert!(ask(&state, 1, &create(4, "lasts")).is_ok());
    // What is gone counts no more.
    let removed = state.channels().find(|channel| channel.maker == Maker::Guests).unwrap().id;
    state.apply(Change::RemoveChannels(vec![removed]));
    assert_eq!(make_one(&mut state, 2, 0), Err(Denied::TooManyTemporary));
    assert_eq!(make_one(&mut state, 3, 0), Ok(()));
}
