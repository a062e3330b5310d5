//! A picture for tests: some people in some channels.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::client::{Organization, Role, Target, View};
use crate::id::{ChannelId, RoleId, SessionId};
use crate::permission::Permissions;
use crate::protocol::wire::{Channel, Member};
use crate::talk::{
    Bookmark, Connection, Device, Hearing, Line, Meters, Mode, Own, Picture, Settings, Talking, To,
    VoiceMeter,
};

/// 16:46 by UTC on some day.
pub(super) const AT_MS: u64 = 1_795_884_360_000;

fn channel(id: u64, parent: u64, name: &str, description: &str) -> Channel {
    let (name, description) = (name.to_owned(), description.to_owned());
    Channel { id, parent, name, description, position: id as i32, ..Channel::default() }
}

fn member(session: u64, channel: u64, name: &str) -> Member {
    let (name, client) = (name.to_owned(), "parlour/0.1.0".to_owned());
    Member { session, user: session, channel, name, client, ..Member::default() }
}

/// Anna in General with Ben, who speaks, and others.
#[expect(clippy::too_many_lines, reason = "a picture, row by row")]
pub(super) fn picture() -> Picture {
    let mut channels = vec![
        channel(1, 0, "General", "Where everybody meets"),
        channel(2, 0, "Operations", ""),
        channel(3, 2, "Alpha Squad", ""),
        channel(4, 2, "Bravo Squad", ""),
        channel(5, 0, "Officers", "Plans"),
    ];
    channels[4].password = true;
    channels[2].user_limit = 5;
    channels[3].recorded_since_ms = AT_MS;
    channels[3].recorded_by = "dave".to_owned();
    let mut members = vec![
        member(1, 1, "anna"),
        member(2, 1, "ben"),
        member(3, 1, "carol"),
        member(4, 1, "~eve"),
        member(5, 3, "dave"),
        member(6, 3, "Zoë"),
    ];
    members[2].mute = true;
    members[2].roles = vec![7];
    members[3].away = true;
    members[4].priority = true;
    members[5].status = "back at five".to_owned();
    let role = Role {
        id: RoleId(7),
        name: "Officer".to_owned(),
        rank: 50,
        colour: Some(0x20_80_ff),
        allow: Permissions::NONE,
        second_factor: false,
    };
    let view = View {
        own_session: 1,
        channels: channels.into_iter().map(|channel| (channel.id, channel)).collect(),
        members: members.into_iter().map(|member| (member.session, member)).collect(),
        roles: vec![role],
        organization: Organization { name: "Parlour".to_owned(), ..Organization::default() },
        ..View::default()
    };
    let to = To::Channel(ChannelId(1));
    let line = |at: u64, from: u64, name: &str, to: To, text: &str| Line {
        sent_ms: AT_MS + at * 60_000,
        from: Some(SessionId(from)),
        name: name.to_owned(),
        own: from == 1,
        to,
        text: text.to_owned(),
    };
    let texts = VecDeque::from([
        line(0, 1, "anna", to, "Hello ben & welcome!"),
        line(1, 2, "ben", to, "Hallo anna, ich höre dich gut."),
        line(
            2,
            5,
            "dave",
            To::Person(SessionId(1)),
            "Come to Alpha Squad when you are done, we need one more for the northern gate.",
        ),
    ]);
    Picture {
        server: "talk.example.org:4848".to_owned(),
        name: "anna".to_owned(),
        connection: Connection::Connected,
        view: Arc::new(view),
        own: Own::default(),
        talking: BTreeMap::from([
            (SessionId(2), Talking::default()),
            (SessionId(5), Talking { whisper: true }),
        ]),
        texts: Arc::new(texts),
        people: Arc::new(BTreeMap::from([(SessionId(2), Hearing { volume: 80, mute: false })])),
        microphone: Device::Open("USB Headset".to_owned()),
        loudspeaker: Device::Open("USB Headset".to_owned()),
        settings: Arc::new(Settings { mode: Mode::PushToTalk, ..Settings::default() }),
        bookmarks: Arc::new(vec![
            Bookmark { name: "Club".to_owned(), address: "parlour://anna@club.example.org/Lobby".to_owned() },
            Bookmark { name: "Home".to_owned(), address: "parlour://anna@192.0.2.7".to_owned() },
        ]),
        bitrate: 48_000,
        ..Picture::default()
    }
}

/// How it is to hear Ben and Dave over a network that loses a little.
pub(super) fn meters(second: u64) -> Meters {
    let wobble = |of: u64| ((second * 7919 + of * 31) % 13) as f32;
    let voice = |session: u64, loss: f32| VoiceMeter {
        session: SessionId(session),
        level: -14.0 - 2.0 * wobble(session),
        delay: Duration::from_millis(45 + wobble(session) as u64 * 2),
        target: Duration::from_millis(48),
        loss,
        concealed: loss / 4.0,
        stalls: 0,
    };
    Meters {
        microphone: -31.0,
        speech: 0.12,
        loudspeaker: -17.0,
        voices: vec![voice(2, 0.012), voice(5, 0.004)],
        round_trip: Duration::from_millis(18 + wobble(3) as u64),
        sent_bits: 1_200,
        received_bits: 71_000,
        ..Meters::default()
    }
}

/// Somebody who is whispered to.
pub(super) fn whisper() -> Vec<Target> {
    vec![Target::Session(SessionId(2))]
}
