mod tree;

use super::*;
use crate::bounds::{EntryPolicy, MAX_TEMPORARY, MAX_TEMPORARY_CHANNELS, OutOfBounds};
use crate::id::{Ssrc, Timestamp};
use crate::protocol::call::Call;
use crate::protocol::wire::{self, request};

pub(super) fn channel(id: u64, parent: u64, name: &str) -> Channel {
    Channel::new(ChannelId(id), (parent != 0).then_some(ChannelId(parent)), name.to_owned())
}

pub(super) fn role(id: u64, name: &str, rank: u32, allow: Permissions) -> Role {
    Role { id: RoleId(id), name: name.to_owned(), rank, colour: 0, allow, second_factor: false }
}

pub(super) fn member(session: u64, roles: &[u64]) -> Member {
    let name = format!("user{session}");
    let mut member = Member::new(SessionId(session), Some(UserId(session)), name, Ssrc(session as u32));
    member.roles = roles.iter().map(|role| Held { role: RoleId(*role), until: None }).collect();
    member
}

/// Channels 1 {2 {3}}, 4. Roles: owner 1, officer 2 (rank 50), member 3 (rank 10), guest 4, admin 5 (rank 100).
pub(super) fn stored() -> Stored {
    let officer = visitor()
        .union(Permissions::MUTE_OTHERS)
        .union(Permissions::MOVE_OTHERS)
        .union(Permissions::KICK)
        .union(Permissions::PRIORITY)
        .union(Permissions::MANAGE_USERS);
    let admin = Permissions::NAMED.iter().fold(Permissions::NONE, |all, (one, _)| all.union(*one));
    Stored {
        organization: OrganizationId(1),
        channels: vec![
            channel(1, 0, "One"),
            channel(2, 1, "Two"),
            channel(3, 2, "Three"),
            channel(4, 0, "Four"),
        ],
        roles: vec![
            role(1, "Owner", 1_000, Permissions::ADMINISTER),
            role(2, "Officer", 50, officer),
            role(3, "Member", 10, visitor()),
            role(4, "Guest", 0, Permissions::VIEW.union(Permissions::JOIN)),
            role(5, "Admin", 100, admin.without(Permissions::ADMINISTER)),
        ],
        overwrites: Vec::new(),
        settings: OrganizationSettings::default(),
        next_channel: ChannelId(5),
        next_role: RoleId(6),
        limits: Limits { sessions: 5, channels: 1_000, entry: EntryPolicy::ALL, is_own: false },
    }
}

/// Session 1 owns the server, session 2 sees, joins, speaks and writes.
fn state() -> State {
    let mut state = State::new(stored(), moment(1));
    arrive(&mut state, member(1, &[1]));
    arrive(&mut state, member(2, &[3]));
    state
}

pub(super) fn arrive(state: &mut State, member: Member) {
    let change = state.decide_arrival(member).unwrap();
    state.apply(change);
}

fn visitor() -> Permissions {
    Permissions::VIEW.union(Permissions::JOIN).union(Permissions::SPEAK).union(Permissions::TEXT)
}

/// What is known of the account of a session that a request names.
pub(super) fn facts(state: &State, body: &request::Body) -> Facts {
    let name = match body {
        request::Body::SetUserDisabled(set) => set.name.as_str(),
        request::Body::GrantRole(grant) => &grant.user,
        request::Body::RevokeRole(revoke) => &revoke.user,
        request::Body::SetOverwrite(wire::SetOverwrite {
            subject: Some(wire::set_overwrite::Subject::User(name)),
            ..
        }) => name,
        _ => "",
    };
    let owners = || state.members().filter(|member| member.holds(OWNER)).count();
    let named = state.members().find(|member| member.name == name && member.user.is_some());
    let named = named.map(|member| Named {
        user: member.user.unwrap(),
        name: member.name.clone(),
        roles: member.roles.clone(),
        second_factor: member.second_factor,
        last_owner: member.holds(OWNER) && owners() == 1,
    });
    let (shown, new_password) = match body {
        request::Body::Join(join) => (mark_of(&join.password), None),
        request::Body::Listen(listen) => (mark_of(&listen.password), None),
        request::Body::CreateChannel(create) => (None, mark_of(&create.password)),
        request::Body::EditChannel(edit) => (None, edit.password.as_deref().and_then(mark_of)),
        _ => (None, None),
    };
    Facts { now: state.now.wall, named, shown, new_password, ..Facts::default() }
}

/// Which password these words are, as if each were stored under a salt that says it.
pub(super) fn mark_of(words: &str) -> Option<PasswordMark> {
    let mut mark = PasswordMark::default();
    mark.0.iter_mut().zip(words.bytes()).for_each(|(byte, word)| *byte = word);
    (!words.is_empty()).then_some(mark)
}

/// A moment of both clocks, in milliseconds.
pub(super) fn moment(milliseconds: u64) -> Moment {
    Moment { wall: Timestamp(milliseconds), monotonic: Duration::from_millis(milliseconds) }
}

pub(super) fn ask(state: &State, session: u64, body: &request::Body) -> Result<Change, Denied> {
    state.decide(Actor::Session(SessionId(session)), &asked(body.clone()), &facts(state, body))
}

/// A request that changes the live state; those of other groups lead to nothing here, if they are permitted.
pub(super) fn asked(body: request::Body) -> Asked {
    match Call::from(body) {
        Call::Live(live) => live.into(),
        Call::Rights(rights) => rights.into(),
        other => panic!("this isn't asked of the live state: {other:?}"),
    }
}

/// Whether a session may do an operation, by the table of operations alone.
fn permitted(state: &State, session: u64, body: request::Body) -> Result<(), Denied> {
    let facts = Facts::default();
    let asker = state.asker(Actor::Session(SessionId(session)), &facts).unwrap();
    let on = match Call::from(body.clone()) {
        Call::Directory(directory) => directory.on(),
        Call::Operator(operator) => operator.on(),
        other => panic!("this is decided: {other:?}"),
    };
    state.permit(asker, Call::from(body).operation(), on)
}

pub(super) fn make(
    state: &mut State,
    session: u64,
    body: impl std::borrow::Borrow<request::Body>,
) -> Vec<Event> {
    let change = ask(state, session, body.borrow()).unwrap();
    state.apply(change)
}

fn create(parent: u64, name: &str) -> request::Body {
    request::Body::CreateChannel(wire::CreateChannel { parent, name: name.to_owned(), ..Default::default() })
}

fn shift(channel: u64, parent: u64) -> request::Body {
    request::Body::MoveChannel(wire::MoveChannel { channel, parent, position: 0 })
}

fn overwrite(channel: u64, role: u64, allow: Permissions, deny: Permissions, reach: i32) -> request::Body {
    request::Body::SetOverwrite(wire::SetOverwrite {
        channel,
        subject: Some(wire::set_overwrite::Subject::Role(role)),
        allow: allow.bits(),
        deny: deny.bits(),
        reach,
    })
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
        request::Body::SetUserDisabled(wire::SetUserDisabled { name: "x".to_owned(), disabled: true }),
    ];
    let new = wire::CreateUser { name: "x".to_owned(), ..Default::default() };
    let elsewhere = [
        request::Body::CreateUser(new),
        request::Body::NewClaimCode(wire::NewClaimCode {}),
        request::Body::ServerStatus(wire::ServerStatus {}),
    ];
    for body in elsewhere {
        assert!(matches!(permitted(&state, 2, body.clone()), Err(Denied::Forbidden(_))), "{body:?}");
    }
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
fn the_server_fills_up_and_a_returning_session_still_fits() {
    let mut state = state();
    for session in 3..=5 {
        arrive(&mut state, member(session, &[3]));
    }
    assert_eq!(state.decide_arrival(member(6, &[3])), Err(Denied::Full(5)));
    assert!(state.decide_arrival(member(3, &[3])).is_ok());
}

#[test]
fn what_may_not_be_seen_is_not_there() {
    let mut state = state();
    let hidden = wire::SetOverwrite {
        channel: 1,
        subject: Some(wire::set_overwrite::Subject::User("user2".to_owned())),
        allow: 0,
        deny: Permissions::VIEW.bits(),
        reach: 0,
    };
    make(&mut state, 1, request::Body::SetOverwrite(hidden));
    let change =
        ask(&state, 1, &request::Body::Join(wire::Join { channel: 3, ..Default::default() })).unwrap();
    state.apply(change);
    let seen = state.snapshot(state.member(SessionId(2)));
    assert_eq!(seen.channels.iter().map(|c| c.id).collect::<Vec<_>>(), [4]);
    assert_eq!(seen.members.iter().find(|m| m.session == 1).unwrap().channel, 0);
    let join = request::Body::Join(wire::Join { channel: 3, ..Default::default() });
    assert_eq!(ask(&state, 2, &join), Err(Denied::NoSuchChannel));
}

#[test]
fn nobody_hands_out_more_than_they_have() {
    let mut state = state();
    arrive(&mut state, member(3, &[2]));
    let facts = Facts::default();
    let asker = state.asker(Actor::Session(SessionId(3)), &facts).unwrap();
    let as_role = |role: &str| {
        let (name, role) = ("new".to_owned(), role.to_owned());
        state.new_account(asker, &wire::CreateUser { name, role, ..Default::default() })
    };
    assert!(matches!(as_role("Admin"), Err(Denied::Forbidden(_))));
    assert_eq!(as_role(""), Ok(("new".to_owned(), RoleId(3))));
    assert_eq!(as_role("King"), Err(Denied::NoSuchRole));
}

#[test]
fn nobody_acts_at_or_above_their_own_rank() {
    let mut state = state();
    arrive(&mut state, member(3, &[2]));
    arrive(&mut state, member(4, &[2]));
    arrive(&mut state, member(5, &[5]));
    let kick = |session| request::Body::Kick(wire::Kick { session, reason: String::new() });
    for other in [1, 4, 5] {
        assert_eq!(ask(&state, 3, &kick(other)), Err(Denied::Outranked), "{other}");
    }
    assert!(ask(&state, 3, &kick(2)).is_ok());
    let grant = |user: &str, role| {
        request::Body::GrantRole(wire::GrantRole { user: user.to_owned(), role, life_ms: 0 })
    };
    assert_eq!(ask(&state, 5, &grant("user2", 5)), Err(Denied::Outranked), "their own rank");
    assert_eq!(ask(&state, 5, &grant("user2", 1)), Err(Denied::Outranked), "ownership");
    assert_eq!(ask(&state, 5, &grant("user1", 2)), Err(Denied::Outranked), "to an owner");
    assert!(ask(&state, 5, &grant("user2", 2)).is_ok());
    let edit = |role, allow| {
        request::Body::EditRole(wire::EditRole { role, allow: Some(allow), ..Default::default() })
    };
    assert_eq!(ask(&state, 5, &edit(5, 0)), Err(Denied::Outranked));
    assert!(matches!(ask(&state, 5, &edit(3, Permissions::ALL.bits())), Err(Denied::Forbidden(_))));
    assert!(ask(&state, 1, &grant("user2", 1)).is_ok(), "owners make owners");
}

#[test]
fn the_last_owner_stays_and_no_overwrite_locks_owners_out() {
    // Mumble 1e05f14f5: a permission to write could be used to lock everybody out.
    let mut state = state();
    let revoke =
        |user: &str| request::Body::RevokeRole(wire::RevokeRole { user: user.to_owned(), role: OWNER.0 });
    assert_eq!(ask(&state, 1, &revoke("user1")), Err(Denied::LastOwner));
    let short = wire::GrantRole { user: "user1".to_owned(), role: OWNER.0, life_ms: 1_000 };
    assert_eq!(ask(&state, 1, &request::Body::GrantRole(short)), Err(Denied::LastOwner));
    let edit = wire::EditRole { role: OWNER.0, allow: Some(0), ..Default::default() };
    assert_eq!(ask(&state, 1, &request::Body::EditRole(edit)), Err(Denied::Needed));
    for role in [OWNER, GUEST] {
        let remove = request::Body::RemoveRole(wire::RemoveRole { role: role.0 });
        assert_eq!(ask(&state, 1, &remove), Err(Denied::Needed));
    }
    let everything = Permissions::ALL.without(Permissions::ADMINISTER);
    for subject in
        [wire::set_overwrite::Subject::User("user1".to_owned()), wire::set_overwrite::Subject::Role(3)]
    {
        let set = wire::SetOverwrite {
            channel: 1,
            subject: Some(subject),
            deny: everything.bits(),
            ..Default::default()
        };
        make(&mut state, 1, request::Body::SetOverwrite(set));
    }
    let owner = state.member(SessionId(1)).unwrap();
    assert_eq!(state.permissions(owner, ChannelId(3)), Permissions::ALL);
    let visitor = state.member(SessionId(2)).unwrap();
    assert_eq!(state.permissions(visitor, ChannelId(3)), Permissions::NONE);
}

#[test]
fn a_privilege_does_not_travel_with_a_move() {
    // Mumble 8cf166567: a priority speaker stayed one in whatever channel.
    let mut state = state();
    arrive(&mut state, member(3, &[2]));
    let join = |channel| request::Body::Join(wire::Join { channel, ..Default::default() });
    make(&mut state, 3, join(1));
    make(&mut state, 2, join(1));
    let flags = |session, priority, suppress| {
        let of = wire::Moderate { session, priority, suppress, ..Default::default() };
        request::Body::Moderate(of)
    };
    make(&mut state, 3, flags(3, Some(true), None));
    make(&mut state, 3, flags(2, Some(true), Some(true)));
    assert!(state.member(SessionId(3)).unwrap().priority);
    let moved = state.member(SessionId(2)).unwrap();
    assert!(moved.priority && !state.speaks(moved));
    make(&mut state, 3, request::Body::MoveSession(wire::MoveSession { session: 2, channel: 4 }));
    make(&mut state, 3, join(4));
    for session in [2, 3] {
        let member = state.member(SessionId(session)).unwrap();
        assert!(!member.priority && state.speaks(member), "{session}");
    }
    // What isn't allowed in a channel isn't after a move by somebody who may everything, either.
    let mute = wire::SetOverwrite {
        channel: 3,
        subject: Some(wire::set_overwrite::Subject::Role(3)),
        deny: Permissions::SPEAK.bits(),
        ..Default::default()
    };
    make(&mut state, 1, request::Body::SetOverwrite(mute));
    make(&mut state, 1, request::Body::MoveSession(wire::MoveSession { session: 2, channel: 3 }));
    assert!(!state.speaks(state.member(SessionId(2)).unwrap()));
}

#[test]
fn what_holds_everywhere_needs_a_role_and_a_channel_gives_no_more_than_holds_in_it() {
    let mut state = state();
    arrive(&mut state, member(3, &[3]));
    arrive(&mut state, member(4, &[2]));
    arrive(&mut state, Member { user: None, ..member(5, &[4]) });
    // A member moderates channel 1, and nothing else.
    let all = Permissions::MUTE_OTHERS.union(Permissions::PRIORITY).union(Permissions::KICK);
    let host = wire::SetOverwrite {
        channel: 1,
        subject: Some(wire::set_overwrite::Subject::User("user3".to_owned())),
        allow: all.bits(),
        ..Default::default()
    };
    make(&mut state, 1, request::Body::SetOverwrite(host));
    let join = request::Body::Join(wire::Join { channel: 1, ..Default::default() });
    make(&mut state, 3, &join);
    make(&mut state, 5, &join);
    let moderate = |mute, deaf, suppress, priority| {
        request::Body::Moderate(wire::Moderate { session: 5, mute, deaf, suppress, priority })
    };
    let lacks = |permission| Err(Denied::Forbidden(permission));
    for flag in [true, false] {
        for body in [
            moderate(Some(flag), None, None, None),
            moderate(None, Some(flag), None, None),
            moderate(Some(flag), None, Some(true), None),
        ] {
            assert_eq!(ask(&state, 3, &body), lacks(Permissions::MUTE_OTHERS), "{body:?}");
        }
        assert!(ask(&state, 3, &moderate(None, None, Some(flag), Some(flag))).is_ok());
    }
    let kick = request::Body::Kick(wire::Kick { session: 5, reason: String::new() });
    assert_eq!(ask(&state, 3, &kick), lacks(Permissions::KICK));
    // By a role it is done wherever they are, whatever their channel says.
    make(&mut state, 1, overwrite(1, 2, Permissions::NONE, all, 0));
    assert!(ask(&state, 4, &moderate(Some(true), Some(true), None, None)).is_ok());
    assert!(ask(&state, 4, &kick).is_ok());
    assert_eq!(ask(&state, 4, &moderate(None, None, Some(true), None)), lacks(Permissions::MUTE_OTHERS));
    // Nobody learns thereby who is connected.
    let nobody = request::Body::Kick(wire::Kick { session: 99, reason: String::new() });
    assert_eq!(ask(&state, 3, &nobody), lacks(Permissions::KICK));
}

#[test]
fn only_what_may_be_different_is_evaluated_anew() {
    let mut state = state();
    arrive(&mut state, member(3, &[2]));
    let known = |state: &State, session, channel| {
        let (class, channel) = (&state.member(SessionId(session)).unwrap().class, ChannelId(channel));
        class.known(channel, state.editions.get(&channel).copied().unwrap_or_default()).is_some()
    };
    let look = |state: &State| {
        for member in state.members() {
            for channel in 1..=4 {
                state.permissions(member, ChannelId(channel));
            }
        }
    };
    look(&state);
    let set = wire::SetOverwrite {
        channel: 2,
        subject: Some(wire::set_overwrite::Subject::Role(3)),
        deny: Permissions::SPEAK.bits(),
        ..Default::default()
    };
    let change = ask(&state, 1, &request::Body::SetOverwrite(set)).unwrap();
    let Change::PutOverwrite(overwrite) = change else { panic!("{change:?}") };
    state.overwrite_is(overwrite);
    for session in 1..=3 {
        for channel in 1..=4 {
            let concerned = session == 2 && (channel == 2 || channel == 3);
            assert_eq!(known(&state, session, channel), !concerned, "{session} {channel}");
        }
    }
}

#[test]
fn a_full_channel_and_one_with_a_password_are_entered_by_who_may() {
    let mut state = state();
    arrive(&mut state, member(3, &[2]));
    arrive(&mut state, member(4, &[3]));
    let edit = wire::EditChannel {
        channel: 4,
        user_limit: Some(1),
        password: Some("secret".to_owned()),
        ..Default::default()
    };
    make(&mut state, 1, request::Body::EditChannel(edit));
    let join = request::Body::Join(wire::Join { channel: 4, ..Default::default() });
    assert_eq!(ask(&state, 2, &join), Err(Denied::ChannelPassword));
    let wrong = request::Body::Join(wire::Join { channel: 4, password: "guess".to_owned() });
    assert_eq!(ask(&state, 2, &wrong), Err(Denied::ChannelPassword));
    let right = request::Body::Join(wire::Join { channel: 4, password: "secret".to_owned() });
    make(&mut state, 2, &right);
    assert_eq!(ask(&state, 4, &right), Err(Denied::ChannelFull(1)));
    assert!(ask(&state, 3, &right).is_ok(), "whoever may move others there");
    assert!(ask(&state, 1, &join).is_ok(), "whoever may edit it");
    // Whoever has shown it needn't again, until it is another.
    make(&mut state, 2, request::Body::Leave(wire::Leave {}));
    assert!(ask(&state, 2, &join).is_ok());
    let another = wire::EditChannel { channel: 4, password: Some("other".to_owned()), ..Default::default() };
    make(&mut state, 1, request::Body::EditChannel(another));
    assert_eq!(ask(&state, 2, &join), Err(Denied::ChannelPassword));
}

#[test]
fn whoever_is_in_a_channel_that_gets_a_password_stays_and_needs_it_once_they_left() {
    let mut state = state();
    let join = request::Body::Join(wire::Join { channel: 4, ..Default::default() });
    make(&mut state, 2, join.clone());
    let locked = wire::EditChannel { channel: 4, password: Some("secret".to_owned()), ..Default::default() };
    make(&mut state, 1, request::Body::EditChannel(locked));
    let member = state.member(SessionId(2)).unwrap();
    assert_eq!(member.channel, Some(ChannelId(4)));
    assert!(state.speaks(member), "they go on talking");
    assert!(ask(&state, 2, &join).is_ok(), "whoever is there is let in");
    make(&mut state, 2, request::Body::Leave(wire::Leave {}));
    assert_eq!(ask(&state, 2, &join), Err(Denied::ChannelPassword));
}

pub(super) fn follow(view: &mut wire::Snapshot, event: wire::event::Body) {
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
        Body::RolesAre(roles) => view.roles = Some(roles),
        Body::Suppressed(turned) => {
            for member in &mut view.members {
                member.suppressed |= turned.sessions.contains(&member.session);
                member.suppressed &= !turned.no_more.contains(&member.session);
            }
        }
        Body::OrganizationIs(settings) => view.organization = Some(settings),
        other => panic!("{other:?}"),
    }
}
