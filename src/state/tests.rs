use proptest::prelude::*;

use super::*;
use crate::id::Timestamp;
use crate::protocol::wire::{self, request};

const FACTS: Facts = Facts { now: Timestamp(1), named_user: None };

fn channel(id: u64, parent: u64, name: &str) -> Channel {
    let parent = (parent != 0).then_some(ChannelId(parent));
    Channel {
        id: ChannelId(id),
        parent,
        name: name.to_owned(),
        description: String::new(),
        position: 0,
        mode: 0,
    }
}

fn member(session: u64, allow: Permissions) -> Member {
    Member {
        session: SessionId(session),
        user: Some(UserId(session)),
        name: format!("user{session}"),
        channel: None,
        mute: false,
        deaf: false,
        ssrc: Ssrc(session as u32),
        kind: MemberKind::Native,
        client: String::new(),
        grants: vec![RoleGrant { role: RoleId(1), allow }],
        key: None,
    }
}

/// Channels 1 {2 {3}}, 4; session 1 may do everything, session 2 sees, joins, speaks and writes.
fn state() -> State {
    let channels =
        vec![channel(1, 0, "One"), channel(2, 1, "Two"), channel(3, 2, "Three"), channel(4, 0, "Four")];
    let roles = vec![
        Role { id: RoleId(1), name: "Admin".to_owned(), allow: Permissions::ADMINISTER },
        Role { id: RoleId(3), name: "Member".to_owned(), allow: visitor() },
    ];
    let mut state = State::new(
        OrganizationId(1),
        channels,
        roles,
        Vec::new(),
        ChannelId(5),
        Limits { sessions: 3, channels: 1_000 },
    );
    for arrival in [member(1, Permissions::ADMINISTER), member(2, visitor())] {
        let change = state.decide_arrival(arrival).unwrap();
        state.apply(change);
    }
    state
}

fn visitor() -> Permissions {
    Permissions::VIEW.union(Permissions::JOIN).union(Permissions::SPEAK).union(Permissions::TEXT)
}

fn ask(state: &State, session: u64, body: &request::Body) -> Result<Change, Denied> {
    state.decide(Actor::Session(SessionId(session)), body, &FACTS)
}

fn create(parent: u64, name: &str) -> request::Body {
    request::Body::CreateChannel(wire::CreateChannel { parent, name: name.to_owned(), ..Default::default() })
}

fn shift(channel: u64, parent: u64) -> request::Body {
    request::Body::MoveChannel(wire::MoveChannel { channel, parent, position: 0 })
}

#[test]
fn every_request_that_needs_a_permission_is_refused_without_it() {
    let state = state();
    let denied = [
        create(1, "x"),
        create(0, "x"),
        shift(2, 4),
        request::Body::EditChannel(wire::EditChannel { channel: 1, ..Default::default() }),
        request::Body::RemoveChannel(wire::RemoveChannel { channel: 1 }),
        request::Body::MoveSession(wire::MoveSession { session: 1, channel: 1 }),
        request::Body::CreateUser(wire::CreateUser { name: "x".to_owned(), ..Default::default() }),
        request::Body::SetUserDisabled(wire::SetUserDisabled { name: "x".to_owned(), disabled: true }),
        request::Body::NewClaimCode(wire::NewClaimCode {}),
        request::Body::ServerStatus(wire::ServerStatus {}),
    ];
    for body in denied {
        assert!(matches!(ask(&state, 2, &body), Err(Denied::Forbidden(_))), "{body:?}");
        assert!(
            !matches!(ask(&state, 1, &body), Err(Denied::Forbidden(p)) if p != Permissions::ADMINISTER),
            "{body:?}"
        );
    }
    assert_eq!(ask(&state, 9, &create(1, "x")), Err(Denied::SessionEnded));
}

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
    let change = ask(&state, 2, &request::Body::Join(wire::Join { channel: 3 })).unwrap();
    state.apply(change);
    let change = ask(&state, 1, &request::Body::RemoveChannel(wire::RemoveChannel { channel: 1 })).unwrap();
    assert_eq!(change, Change::RemoveChannels(vec![ChannelId(3), ChannelId(2), ChannelId(1)]));
    state.apply(change);
    assert_eq!(state.member(SessionId(2)).unwrap().channel, None);
    assert_eq!(state.snapshot(None).channels.len(), 1);
}

#[test]
fn the_server_fills_up_and_a_returning_session_still_fits() {
    let mut state = state();
    let change = state.decide_arrival(member(3, visitor())).unwrap();
    state.apply(change);
    assert_eq!(state.decide_arrival(member(4, visitor())), Err(Denied::Full(3)));
    assert!(state.decide_arrival(member(3, visitor())).is_ok());
}

#[test]
fn what_may_not_be_seen_is_not_there() {
    let mut state = state();
    let hidden = Overwrite {
        channel: ChannelId(1),
        subject: crate::permission::Subject::User(UserId(2)),
        allow: Permissions::NONE,
        deny: Permissions::VIEW,
        reach: crate::permission::Reach::Both,
    };
    state.overwrites.insert(ChannelId(1), vec![hidden]);
    let change = ask(&state, 1, &request::Body::Join(wire::Join { channel: 3 })).unwrap();
    state.apply(change);
    let seen = state.snapshot(Some(SessionId(2)));
    assert_eq!(seen.channels.iter().map(|c| c.id).collect::<Vec<_>>(), [4]);
    assert_eq!(seen.members.iter().find(|m| m.session == 1).unwrap().channel, 0);
    let join = request::Body::Join(wire::Join { channel: 3 });
    assert_eq!(ask(&state, 2, &join), Err(Denied::NoSuchChannel));
}

#[test]
fn nobody_hands_out_more_than_they_have() {
    let mut state = state();
    let mut officer = member(3, visitor().union(Permissions::MANAGE_USERS));
    officer.user = Some(UserId(3));
    let change = state.decide_arrival(officer).unwrap();
    state.apply(change);
    let as_role = |role: &str| {
        request::Body::CreateUser(wire::CreateUser {
            name: "new".to_owned(),
            role: role.to_owned(),
            ..Default::default()
        })
    };
    assert!(matches!(ask(&state, 3, &as_role("Admin")), Err(Denied::Forbidden(_))));
    assert!(matches!(ask(&state, 3, &as_role("")), Ok(Change::CreateUser { .. })));
    assert_eq!(ask(&state, 3, &as_role("King")), Err(Denied::NoSuchRole));
}

prop_compose! {
    fn any_request()(kind in 0..7_u8, a in 0..9_u64, b in 0..9_u64, flag: bool) -> request::Body {
        match kind {
            0 => request::Body::Join(wire::Join { channel: a }),
            1 => request::Body::Leave(wire::Leave {}),
            2 => request::Body::SetSelf(wire::SetSelf { mute: Some(flag), deaf: None }),
            3 => create(a, &format!("channel {b}")),
            4 => shift(a, b),
            5 => request::Body::RemoveChannel(wire::RemoveChannel { channel: a }),
            _ => request::Body::MoveSession(wire::MoveSession { session: a, channel: b }),
        }
    }
}

proptest! {
    /// Whatever is asked in whatever order: the tree is a tree, people are in channels that exist, and a
    /// client that only follows events sees what a fresh snapshot shows.
    #[test]
    fn events_keep_a_copy_exact(requests in proptest::collection::vec((1..3_u64, any_request()), 0..40)) {
        let mut state = state();
        let mut view = state.snapshot(Some(SessionId(2)));
        for (session, body) in requests {
            let Ok(change) = ask(&state, session, &body) else { continue };
            for event in state.apply(change) {
                let viewer = state.member(SessionId(2)).unwrap();
                if let Some(shown) = state.show_event(&event, viewer) {
                    follow(&mut view, shown);
                }
            }
        }
        for channel in state.channels.values() {
            let path = state.path(channel.id);
            prop_assert!(path.len() <= MAX_DEPTH);
            prop_assert_eq!(state.channels[&path[0]].parent, None);
        }
        for member in state.members() {
            prop_assert!(member.channel.is_none_or(|channel| state.channels.contains_key(&channel)));
        }
        view.channels.sort_by_key(|channel| channel.id);
        view.members.sort_by_key(|member| member.session);
        prop_assert_eq!(view, state.snapshot(Some(SessionId(2))));
    }
}

fn follow(view: &mut wire::Snapshot, event: wire::event::Body) {
    use wire::event::Body;
    match event {
        Body::ChannelIs(row) => {
            view.channels.retain(|channel| channel.id != row.id);
            view.channels.push(row);
        }
        Body::ChannelGone(id) => view.channels.retain(|channel| channel.id != id),
        Body::MemberIs(row) => {
            view.members.retain(|member| member.session != row.session);
            view.members.push(row);
        }
        Body::MemberGone(id) => view.members.retain(|member| member.session != id),
        other => panic!("{other:?}"),
    }
}
