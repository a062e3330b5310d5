use std::sync::Arc;

use super::super::why::Question;
use super::*;
use crate::client::{About, Role, Target, View};
use crate::id::{ChannelId, RoleId, SessionId};
use crate::permission::Permissions;
use crate::protocol::wire::{Channel, Member};
use crate::talk::{Action, Bookmark, Choice, Echo, Mode, Picture, To};

fn picture() -> Picture {
    let mut view = View { own_session: 1, ..View::default() };
    for (id, parent, name) in [(1, 0, "General"), (2, 0, "Operations"), (3, 2, "Alpha Squad")] {
        view.channels.insert(id, Channel { id, parent, name: name.to_owned(), ..Channel::default() });
    }
    for (session, name) in [(1, "anna"), (2, "ben"), (3, "~eve")] {
        let member = Member { session, channel: 1, name: name.to_owned(), ..Member::default() };
        view.members.insert(session, member);
    }
    view.roles.push(Role {
        id: RoleId(7),
        name: "Officer".to_owned(),
        rank: 1,
        colour: None,
        allow: Permissions::NONE,
        second_factor: false,
    });
    let home = Bookmark { name: "Home".to_owned(), address: "parlour://anna@home".to_owned() };
    Picture {
        view: Arc::new(view),
        name: "anna".to_owned(),
        server: "localhost:4848".to_owned(),
        bookmarks: Arc::new(vec![home]),
        ..Picture::default()
    }
}

fn asked(line: &str) -> Asked {
    read(line, &picture()).unwrap_or_else(|error| unreachable!("{line}: {error}"))
}

fn refused(line: &str) -> String {
    read(line, &picture()).unwrap_err()
}

#[test]
fn names_are_found_whole_by_their_beginning_and_by_other_words() {
    let mut all: Vec<_> = COMMANDS
        .iter()
        .flat_map(|command| [command.name].into_iter().chain(command.also.iter().copied()))
        .collect();
    all.sort_unstable();
    let count = all.len();
    all.dedup();
    assert_eq!(all.len(), count, "two commands have one name");
    for command in COMMANDS {
        assert_eq!(find(command.name).unwrap().name, command.name);
        assert!(command.needed <= command.parts.len(), "{}", command.name);
        assert!(command.about.ends_with('.'), "{}", command.about);
    }
    assert_eq!(find("JO").unwrap().name, "join");
    assert_eq!(find("w").unwrap().name, "whisper");
    assert_eq!(find("un").unwrap_err(), "/un may be /unmute or /undeafen");
    assert_eq!(find("poke").unwrap_err(), "there is no command /poke; /help shows what there is");
}

#[test]
fn what_has_no_slash_is_for_the_channel() {
    let to = To::Channel(ChannelId(1));
    let text = |text: &str| Asked::Act(Action::Text { to, text: text.to_owned() });
    assert_eq!(asked(" hello, ben "), text("hello, ben"));
    assert_eq!(asked("//join is a command"), text("/join is a command"));
    let nowhere = read("hello", &Picture::default()).unwrap_err();
    assert_eq!(nowhere, "you are in no channel; go into one first, with /join");
}

#[test]
fn commands_are_read_to_the_end_of_the_line() {
    let join = |channel| Asked::Act(Action::Join { channel: ChannelId(channel), password: String::new() });
    assert_eq!(asked("/join Operations/Alpha Squad"), join(3));
    assert_eq!(asked("/j #general"), join(1));
    let to = To::Person(SessionId(2));
    assert_eq!(
        asked("/msg ben  are you there?"),
        Asked::Act(Action::Text { to, text: "are you there?".to_owned() })
    );
    let targets = vec![
        Target::Session(SessionId(3)),
        Target::Channel { channel: ChannelId(2), subtree: true, links: false },
        Target::Role(RoleId(7)),
    ];
    assert_eq!(asked("/whisper eve, #Operations/*, @officer"), Asked::Act(Action::Whisper(targets)));
    assert_eq!(asked("/whisper off"), Asked::Act(Action::Whisper(Vec::new())));
    let (session, percent) = (SessionId(2), 150);
    assert_eq!(asked("/volume ben 150%"), Asked::Act(Action::Volume { session, percent }));
    assert_eq!(asked("/volume 50"), Asked::Act(Action::Choose(Choice::Volume(50))));
    assert_eq!(asked("/mute"), Asked::Act(Action::Mute(true)));
    assert_eq!(asked("/unmute ben"), Asked::Act(Action::LocalMute { session, mute: false }));
    assert_eq!(asked("/talk push"), Asked::Act(Action::Choose(Choice::Mode(Mode::PushToTalk))));
    assert_eq!(asked("/threshold 40"), Asked::Act(Action::Choose(Choice::Threshold(0.4))));
    assert_eq!(asked("/echo auto"), Asked::Act(Action::Choose(Choice::Echo(Echo::Auto))));
    assert_eq!(
        asked("/mic USB Headset"),
        Asked::Act(Action::Choose(Choice::Microphone(Some("USB Headset".to_owned()))))
    );
    assert_eq!(asked("/mic"), Asked::Act(Action::Choose(Choice::Microphone(None))));
    assert_eq!(asked("/test"), Asked::Act(Action::EchoTest(true)));
    assert_eq!(asked("/connect home"), Asked::Connect("parlour://anna@home".to_owned()));
    assert_eq!(asked("/connect example.org"), Asked::Connect("example.org".to_owned()));
    assert_eq!(asked("/connect"), Asked::Connect("parlour://localhost:4848".to_owned()));
    let (name, address) = ("club".to_owned(), "parlour://anna@localhost:4848".to_owned());
    assert_eq!(asked("/bookmark club"), Asked::Act(Action::Bookmark { name, address }));
    assert_eq!(asked("/help join"), Asked::Explain("join".to_owned()));
    let question =
        Question { about: About::Own, permission: Permissions::SPEAK, channel: Some(ChannelId(3)) };
    assert_eq!(asked("/why me speak Operations/Alpha Squad"), Asked::Why(question));
}

#[test]
fn sounds_are_chosen_one_by_one_and_together() {
    let of = |line: &str| match asked(line) {
        Asked::Act(Action::Choose(Choice::Chimes(chimes))) => chimes,
        other => unreachable!("{other:?}"),
    };
    assert!(!of("/sounds join off").join && of("/sounds join off").leave);
    assert!(!of("/sounds off").poke && of("/sounds on").message);
    assert_eq!(refused("/sounds join"), "write /sounds on|off|join|leave|mute|unmute|message|poke [on|off]");
}

#[test]
fn what_is_wrong_says_what_is_right() {
    assert_eq!(refused("/msg ben"), "write /msg PERSON TEXT: Write to one person.");
    assert_eq!(refused("/leave now"), "/leave stands alone: nothing comes behind it");
    assert!(refused("/join Nowhere").starts_with("there is no channel \"Nowhere\"; there are: General"));
    assert!(refused("/whisper @Knights").contains("there are: Officer"));
    assert!(refused("/volume ben loud").contains("/volume PERSON [PERCENT]"));
    assert_eq!(refused("/noise maybe"), "write /noise on|off");
    assert!(refused("/").contains("/help"));
}
