//! Every way of hearing what is said in a channel, or of being heard in there, against every door: a password, a denied
//! `join`, a limit, hiding. Tried from the listeners' side: what counts is who hears whom afterwards.

use super::model::{anew, listeners};
use super::tests::{arrive, ask, make, member, moment, role, stored};
use super::*;
use crate::id::FlowId;
use crate::permission::{Reach, Subject};
use crate::protocol::wire::request::Body;
use crate::protocol::wire::{self, event, send_text, voice_target};

/// The channel behind the door, the one that it is below, and the one where the outsider is.
const VAULT: u64 = 2;
const ABOVE: u64 = 1;
const OUTSIDE: u64 = 4;

/// Whoever is in there, and whoever isn't.
const INSIDER: SessionId = SessionId(1);
const OUTSIDER: SessionId = SessionId(2);

const WHISPER: u32 = 2;

/// What an outsider knows of the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Password {
    /// There is none.
    None,
    /// They never showed it.
    Unknown,
    /// They showed it.
    Shown,
    /// They showed the one before.
    Stale,
}

/// What keeps an outsider out.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a thing of its own that keeps somebody out")]
struct Door {
    password: Password,
    denied: bool,
    full: bool,
    hidden: bool,
    /// They may edit the channel.
    edits: bool,
}

impl Door {
    fn all() -> Vec<Self> {
        let passwords = [Password::None, Password::Unknown, Password::Shown, Password::Stale];
        let flags = 0..16_u8;
        let door = |(password, flags): (Password, u8)| {
            let [denied, full, hidden, edits] = [1, 2, 4, 8].map(|bit| flags & bit != 0);
            Self { password, denied, full, hidden, edits }
        };
        passwords.into_iter().flat_map(|one| flags.clone().map(move |flags| door((one, flags)))).collect()
    }

    /// Whoever may join and knows the password is let in, and whoever may edit.
    fn admits(self) -> bool {
        let knows = matches!(self.password, Password::None | Password::Shown);
        !self.hidden && (self.edits || (!self.denied && knows))
    }
}

/// A way of hearing, or of being heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Join,
    JoinByGuess,
    Listen,
    /// They listened before the door was closed.
    ListenedBefore,
    LinkIn,
    LinkOut,
    WhisperToSession,
    WhisperToRole,
    Shout,
    ShoutFromAbove,
    ShoutByLink,
    /// They registered the target before the door was closed.
    ShoutedBefore,
    Text,
    MoveOneself,
    Recordings,
    /// It is where everybody meets who comes.
    Welcome,
}

const WAYS: [Way; 16] = [
    Way::Join,
    Way::JoinByGuess,
    Way::Listen,
    Way::ListenedBefore,
    Way::LinkIn,
    Way::LinkOut,
    Way::WhisperToSession,
    Way::WhisperToRole,
    Way::Shout,
    Way::ShoutFromAbove,
    Way::ShoutByLink,
    Way::ShoutedBefore,
    Way::Text,
    Way::MoveOneself,
    Way::Recordings,
    Way::Welcome,
];

/// The insider in a channel that is still open, the outsider elsewhere, with every permission that a way needs.
fn open(way: Way) -> State {
    let mut stored = stored();
    let needed = [Permissions::TEXT, Permissions::WHISPER, Permissions::LISTEN, Permissions::RECORD];
    let basis = Permissions::VIEW.union(Permissions::JOIN).union(Permissions::SPEAK);
    let mut allow = needed.into_iter().fold(basis, Permissions::union);
    if way == Way::MoveOneself {
        allow = allow.union(Permissions::MOVE_OTHERS);
    }
    stored.roles.push(role(6, "Outsider", 10, allow));
    let mut state = State::new(stored, moment(1));
    arrive(&mut state, member(1, &[1]));
    arrive(&mut state, member(2, &[6]));
    join(&mut state, INSIDER, VAULT, "");
    join(&mut state, OUTSIDER, OUTSIDE, "");
    if matches!(way, Way::LinkIn | Way::LinkOut | Way::ShoutByLink) {
        let link = wire::LinkChannels { channel: VAULT, other: OUTSIDE, linked: true };
        make(&mut state, 1, Body::LinkChannels(link));
    }
    state
}

fn join(state: &mut State, session: SessionId, channel: u64, password: &str) {
    make(state, session.0, Body::Join(wire::Join { channel, password: password.to_owned() }));
}

fn set_password(state: &mut State, words: &str) {
    let password = Some(words.to_owned());
    make(state, 1, Body::EditChannel(wire::EditChannel { channel: VAULT, password, ..Default::default() }));
}

/// Closes a channel as the door says.
fn close(state: &mut State, door: Door) {
    if door.password != Password::None {
        set_password(state, "open sesame");
    }
    if matches!(door.password, Password::Shown | Password::Stale) {
        join(state, OUTSIDER, VAULT, "open sesame");
        join(state, OUTSIDER, OUTSIDE, "");
    }
    if door.password == Password::Stale {
        set_password(state, "open barley");
    }
    if door.full {
        let limit = wire::EditChannel { channel: VAULT, user_limit: Some(1), ..Default::default() };
        make(state, 1, Body::EditChannel(limit));
    }
    let when = |is: bool, permission: Permissions| if is { permission } else { Permissions::NONE };
    let overwrite = Overwrite {
        channel: ChannelId(VAULT),
        subject: Subject::Role(RoleId(6)),
        allow: when(door.edits, Permissions::EDIT_CHANNEL),
        deny: when(door.denied, Permissions::JOIN).union(when(door.hidden, Permissions::VIEW)),
        reach: Reach::Both,
    };
    state.apply(Change::PutOverwrite(overwrite));
}

/// Asks for something as the outsider, and makes it where it is allowed.
fn attempt(state: &mut State, body: &Body) {
    if let Ok(change) = ask(state, OUTSIDER.0, body) {
        state.apply(change);
    }
}

fn speak_to(to: voice_target::To, subtree: bool, links: bool) -> Body {
    let targets = vec![wire::VoiceTarget { to: Some(to), subtree, links }];
    Body::SetVoiceTarget(wire::SetVoiceTarget { flow: WHISPER, targets })
}

fn listen() -> Body {
    Body::Listen(wire::Listen { channel: VAULT, on: true, ..Default::default() })
}

/// Whether one hears what another says.
fn hears(state: &State, listener: SessionId, speaker: SessionId, flow: u64) -> bool {
    listeners(&anew(state), speaker, FlowId(flow)).contains(&listener)
}

fn hears_the_insider(state: &State) -> bool {
    hears(state, OUTSIDER, INSIDER, 0)
}

fn is_heard_whispering(state: &State) -> bool {
    hears(state, INSIDER, OUTSIDER, WHISPER.into())
}

/// Whether a way leads through a door.
fn leads_through(way: Way, door: Door) -> bool {
    let mut state = open(way);
    match way {
        Way::ListenedBefore => attempt(&mut state, &listen()),
        Way::ShoutedBefore => {
            attempt(&mut state, &speak_to(voice_target::To::Channel(VAULT), false, false));
        }
        _ => (),
    }
    close(&mut state, door);
    let state = &mut state;
    match way {
        Way::Join | Way::JoinByGuess => {
            let guess = if way == Way::Join { "" } else { "open wheat" };
            attempt(state, &Body::Join(wire::Join { channel: VAULT, password: guess.to_owned() }));
            hears_the_insider(state)
        }
        Way::Listen => {
            attempt(state, &listen());
            hears_the_insider(state)
        }
        Way::ListenedBefore | Way::LinkIn => hears_the_insider(state),
        Way::LinkOut => hears(state, INSIDER, OUTSIDER, 0),
        Way::WhisperToSession => {
            attempt(state, &speak_to(voice_target::To::Session(INSIDER.0), false, false));
            is_heard_whispering(state)
        }
        Way::WhisperToRole => {
            attempt(state, &speak_to(voice_target::To::Role(OWNER.0), false, false));
            is_heard_whispering(state)
        }
        Way::Shout => {
            attempt(state, &speak_to(voice_target::To::Channel(VAULT), false, false));
            is_heard_whispering(state)
        }
        Way::ShoutFromAbove => {
            attempt(state, &speak_to(voice_target::To::Channel(ABOVE), true, false));
            is_heard_whispering(state)
        }
        Way::ShoutByLink => {
            attempt(state, &speak_to(voice_target::To::Channel(OUTSIDE), false, true));
            is_heard_whispering(state)
        }
        Way::ShoutedBefore => is_heard_whispering(state),
        Way::Text => reads_what_is_written(state),
        Way::MoveOneself => {
            let to = wire::MoveSession { session: OUTSIDER.0, channel: VAULT };
            attempt(state, &Body::MoveSession(to));
            hears_the_insider(state)
        }
        Way::Recordings => {
            let facts = Facts::default();
            let asker = state.asker(Actor::Session(OUTSIDER), &facts).unwrap();
            state.may_hear_recordings(asker, ChannelId(VAULT)).is_ok()
        }
        Way::Welcome => {
            state.settings.default_channel = Some(ChannelId(VAULT));
            arrive(state, member(OUTSIDER.0, &[6]));
            state.welcome(OUTSIDER);
            hears_the_insider(state)
        }
    }
}

/// Whether the insider reads what the outsider writes into the channel.
fn reads_what_is_written(state: &mut State) -> bool {
    let to = Some(send_text::To::Channel(VAULT));
    let send = Body::SendText(wire::SendText { to, text: "hello".to_owned() });
    let Ok(change) = ask(state, OUTSIDER.0, &send) else { return false };
    let events = state.apply(change);
    let insider = state.member(INSIDER).unwrap();
    let read = |event: &Event| matches!(state.show_event(event, insider), Some(event::Body::Text(_)));
    events.iter().any(read)
}

#[test]
fn a_password_and_a_denied_join_keep_voices_in_whatever_the_way() {
    for door in Door::all() {
        for way in WAYS {
            let expected = match way {
                // Whoever goes in needs the permission itself, and room.
                Way::Join | Way::JoinByGuess => door.admits() && !door.denied && !door.full,
                // What was shown in an earlier connection isn't known any more.
                Way::Welcome => {
                    let open = door.password == Password::None || door.edits;
                    !door.hidden && !door.denied && open && !door.full
                }
                _ => door.admits(),
            };
            assert_eq!(leads_through(way, door), expected, "{way:?} through {door:?}");
        }
    }
}

#[test]
fn whoever_was_moved_in_hears_and_is_heard_while_they_are_there_and_no_longer() {
    let mut state = open(Way::Listen);
    close(
        &mut state,
        Door { password: Password::Unknown, denied: true, full: true, hidden: false, edits: false },
    );
    attempt(&mut state, &listen());
    make(&mut state, INSIDER.0, Body::MoveSession(wire::MoveSession { session: OUTSIDER.0, channel: VAULT }));
    assert!(hears_the_insider(&state) && reads_what_is_written(&mut state));
    make(&mut state, OUTSIDER.0, Body::Leave(wire::Leave {}));
    attempt(&mut state, &listen());
    assert!(!hears_the_insider(&state) && !reads_what_is_written(&mut state));
}

#[test]
fn a_password_that_was_changed_while_it_was_looked_at_opens_nothing() {
    let mut state = open(Way::Join);
    set_password(&mut state, "open sesame");
    let shown = state.channel(ChannelId(VAULT)).unwrap().password;
    set_password(&mut state, "open barley");
    let join = Body::Join(wire::Join { channel: VAULT, password: "open sesame".to_owned() });
    let facts = Facts { shown, ..Facts::default() };
    let decided = state.decide(Actor::Session(OUTSIDER), &super::tests::asked(join), &facts);
    assert_eq!(decided, Err(Denied::ChannelPassword));
}

#[test]
fn a_listener_shows_the_password_once_and_again_when_it_is_another() {
    let mut state = open(Way::Listen);
    set_password(&mut state, "open sesame");
    let with = |password: &str| {
        Body::Listen(wire::Listen { channel: VAULT, on: true, volume: 0, password: password.to_owned() })
    };
    assert_eq!(ask(&state, OUTSIDER.0, &with("open wheat")), Err(Denied::ChannelPassword));
    attempt(&mut state, &with("open sesame"));
    assert!(hears_the_insider(&state));
    attempt(&mut state, &with(""));
    assert!(hears_the_insider(&state));
    set_password(&mut state, "open barley");
    assert!(!hears_the_insider(&state));
    attempt(&mut state, &with("open barley"));
    assert!(hears_the_insider(&state));
}
