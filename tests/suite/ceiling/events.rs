//! What a program is told by the permissions that it was given.

use parlour::bounds::EntryPolicy;
use parlour::feed::{Event, To};
use parlour::id::{ChannelId, ElementPlace, Moment, OrganizationId, RecordingId, RoleId, SessionId, UserId};
use parlour::permission::{Permissions, Subject};
use parlour::state::{
    Channel, Held, Limits, Member, Named, OWNER, OrganizationSettings, Role, State, Stored,
};

const OWN: UserId = UserId(1);
const CHANNEL: ChannelId = ChannelId(1);
const SESSION: SessionId = SessionId(9);

/// A channel, and the account 1, which owns everything.
fn owned() -> (State, Member) {
    let home = OrganizationId(1);
    let owner = Role {
        id: home.role(OWNER),
        name: "Owner".to_owned(),
        rank: 1_000,
        colour: 0,
        allow: Permissions::ADMINISTER,
        second_factor: false,
    };
    let stored = Stored {
        organization: home,
        channels: vec![Channel::new(CHANNEL, None, "One".to_owned())],
        roles: vec![owner],
        overwrites: Vec::new(),
        settings: OrganizationSettings::default(),
        next_channel: ChannelId(2),
        next_role: RoleId(6),
        limits: Limits { sessions: 5, channels: 5, entry: EntryPolicy::ALL, is_own: false },
    };
    let state = State::new(stored, Moment::default());
    let named = Named {
        user: OWN,
        name: "root".to_owned(),
        roles: vec![Held { role: home.role(OWNER), until: None }],
        second_factor: false,
        last_owner: true,
    };
    let member = state.as_member(&named);
    (state, member)
}

/// Each thing that can happen, and where it can be somebody's own, to the account 1.
fn all() -> Vec<Event> {
    let (channel, session, user, role) = (CHANNEL, SESSION, OWN, RoleId(3));
    let name = || "somebody".to_owned();
    let text = |to| Event::TextSent { from: session, author: None, name: name(), to, text: name() };
    let element = |on, recorded| Event::ElementChanged { on, recorded, name: name(), version: 1 };
    vec![
        Event::ChannelCreated { channel, parent: None, name: name() },
        Event::ChannelChanged { channel },
        Event::ChannelsRemoved { channels: vec![channel] },
        Event::ChannelsLinked { channel, other: channel, linked: true },
        Event::OrganizationChanged,
        Event::RoleCreated { role, name: name() },
        Event::RoleChanged { role },
        Event::RoleRemoved { role },
        Event::RoleGranted { user, role, until: None },
        Event::RoleRevoked { user, role },
        Event::OverwriteSet { channel, subject: Subject::Role(role) },
        Event::OverwriteRemoved { channel, subject: Subject::Role(role) },
        Event::AccountChanged { user },
        Event::ProfileChanged { user, connected: false },
        Event::BansChanged,
        Event::Arrived { session, user: Some(user), name: name() },
        Event::Departed { session, user: Some(user), name: name() },
        Event::Moved { session, from: None, to: Some(channel) },
        Event::Presence { session, channel: None },
        Event::Moderated { session, channel: None },
        Event::Kicked { session, name: name(), reason: String::new() },
        text(To::Channel(channel)),
        text(To::Session(session, Some(user))),
        Event::RecordingBegan { channel },
        Event::RecordingEnded { channel },
        element(ElementPlace::Channel(channel), None),
        element(ElementPlace::User(user), None),
        element(ElementPlace::Recording(RecordingId(1)), Some(channel)),
    ]
}

/// Its place among them, and what a program has to be given beside "view" to be told of it. What is added here belongs in the
/// list above.
fn needs(event: &Event) -> (u32, Permissions) {
    let nothing = Permissions::NONE;
    match event {
        Event::ChannelCreated { .. } => (0, nothing),
        Event::ChannelChanged { .. } => (1, nothing),
        Event::ChannelsRemoved { .. } => (2, Permissions::MANAGE_ORGANIZATION),
        Event::ChannelsLinked { .. } => (3, nothing),
        Event::OrganizationChanged => (4, nothing),
        Event::RoleCreated { .. } => (5, nothing),
        Event::RoleChanged { .. } => (6, nothing),
        Event::RoleRemoved { .. } => (7, nothing),
        Event::RoleGranted { .. } => (8, nothing),
        Event::RoleRevoked { .. } => (9, nothing),
        Event::OverwriteSet { .. } => (10, Permissions::MANAGE_ROLES),
        Event::OverwriteRemoved { .. } => (11, Permissions::MANAGE_ROLES),
        Event::AccountChanged { .. } => (12, nothing),
        Event::ProfileChanged { .. } => (13, nothing),
        Event::BansChanged => (14, Permissions::BAN),
        Event::Arrived { .. } => (15, nothing),
        Event::Departed { .. } => (16, nothing),
        Event::Moved { .. } => (17, nothing),
        Event::Presence { .. } => (18, nothing),
        Event::Moderated { .. } => (19, nothing),
        Event::Kicked { .. } => (20, nothing),
        Event::TextSent { to: To::Channel(_), .. } => (21, Permissions::JOIN),
        Event::TextSent { to: To::Session(..), .. } => (22, Permissions::TEXT),
        Event::RecordingBegan { .. } => (23, nothing),
        Event::RecordingEnded { .. } => (24, nothing),
        Event::ElementChanged { on: ElementPlace::Channel(_), .. } => (25, nothing),
        Event::ElementChanged { on: ElementPlace::User(_), .. } => (26, nothing),
        Event::ElementChanged { on: ElementPlace::Recording(_), .. } => {
            (27, Permissions::RECORD.union(Permissions::JOIN))
        }
    }
}

#[test]
fn a_program_is_told_what_it_was_given_the_permission_for_of_its_own_person_too() {
    let (state, owner) = owned();
    let told = |event: &Event, ceiling| {
        let mut program = owner.clone();
        program.ceiling = ceiling;
        event.shown(&state, Some(&program)).is_some()
    };
    for (number, event) in all().iter().enumerate() {
        let (place, needed) = needs(event);
        assert_eq!(number, place as usize, "{event:?}");
        assert!(told(event, Permissions::ALL), "{event:?}");
        assert!(!told(event, Permissions::NONE), "{event:?}");
        assert!(!told(event, Permissions::ALL.without(Permissions::VIEW)), "{event:?}");
        assert_eq!(told(event, Permissions::VIEW), needed.is_empty(), "{event:?}");
        assert!(told(event, Permissions::VIEW.union(needed)), "{event:?}");
    }
}
