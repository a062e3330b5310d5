//! What is drawn of a picture, on a terminal that is a buffer.

use std::sync::Arc;
use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{
    Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use ratatui::style::{Color, Modifier};

use super::effect::Effect;
use super::input::ask_password;
use super::log::What;
use super::sample::{AT_MS, meters, picture, whisper};
use super::screen::Screen;
use super::theme::Theme;
use crate::client::Target;
use crate::id::{ChannelId, SessionId};
use crate::talk::{Action, Choice, Connection, Device, Mode, Note, Picture, Push, To};

/// A screen that saw the picture for so many seconds.
pub(super) fn screen(theme: Theme, picture: &Picture, seconds: u64) -> Screen {
    let mut screen = Screen::new(theme, true);
    screen.note(&Note::Moved { channel: Some("General".to_owned()) }, AT_MS);
    screen.observe(picture);
    for second in 0..seconds {
        screen.tick(picture, &meters(second), Duration::from_secs(second));
    }
    screen
}

pub(super) fn drawn(screen: &mut Screen, picture: &Picture, size: (u16, u16)) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
    terminal.draw(|frame| screen.draw(frame, picture, &meters(3))).unwrap();
    terminal.backend().buffer().clone()
}

fn lines(screen: &mut Screen, picture: &Picture, size: (u16, u16)) -> Vec<String> {
    let buffer = drawn(screen, picture, size);
    let row = |y| (0..size.0).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..size.1).map(row).collect()
}

fn press(screen: &mut Screen, picture: &Picture, code: KeyCode) -> Vec<Effect> {
    let key = Event::Key(KeyEvent::new(code, KeyModifiers::NONE));
    screen.handle(&key, picture, Duration::ZERO, AT_MS)
}

fn typed(screen: &mut Screen, picture: &Picture, text: &str) -> Vec<Effect> {
    for c in text.chars() {
        press(screen, picture, KeyCode::Char(c));
    }
    press(screen, picture, KeyCode::Enter)
}

fn click(screen: &mut Screen, picture: &Picture, lines: &[String], word: &str) -> Vec<Effect> {
    let (row, line) = lines.iter().enumerate().find(|(_, line)| line.contains(word)).unwrap();
    let column = line.split(word).next().unwrap().chars().count() as u16;
    let kind = MouseEventKind::Down(MouseButton::Left);
    let mouse = MouseEvent { kind, column, row: row as u16, modifiers: KeyModifiers::NONE };
    screen.handle(&Event::Mouse(mouse), picture, Duration::ZERO, AT_MS)
}

fn has(lines: &[String], text: &str) -> bool {
    lines.iter().any(|line| line.contains(text))
}

#[test]
fn the_room_is_shown_with_who_talks() {
    let picture = picture();
    let shown = lines(&mut screen(Theme::Mono, &picture, 20), &picture, (100, 24));
    for text in [
        "Parlour  talk.example.org:4848 as anna",
        "▾ General",
        "○ anna you",
        "● ben at 80 %",
        "× carol muted",
        "◌ ~eve away",
        "● ★ dave whispers",
        "● REC",
        "password · Plans",
        "General · Where everybody meets",
        "ben Hallo anna, ich höre dich gut.",
        "dave → you Come to Alpha Squad",
        "You are in General.",
        "Hold Space to talk",
        "F1 help",
        "Write to General",
    ] {
        assert!(has(&shown, text), "{text}: {shown:#?}");
    }
    // A voice has a wave, and who doesn't speak has none.
    let ben = shown.iter().find(|line| line.contains("● ben")).unwrap();
    assert!(ben.contains(['▃', '▄', '▅', '▆', '▇']), "{ben}");
    let carol = shown.iter().find(|line| line.contains("carol")).unwrap();
    assert!(!carol.contains(['▃', '▄', '▅', '▆', '▇']), "{carol}");
}

#[test]
fn every_size_is_drawn_with_everything_open() {
    let picture = picture();
    for theme in [Theme::Mono, Theme::Sixteen, Theme::Dark, Theme::Light] {
        for (width, height) in [(1, 1), (10, 3), (16, 5), (20, 8), (30, 40), (63, 10), (64, 12), (200, 60)] {
            let mut screen = screen(theme, &picture, 5);
            drawn(&mut screen, &picture, (width, height));
            for key in [1, 5, 6, 7] {
                press(&mut screen, &picture, KeyCode::F(key));
                for _ in 0..30 {
                    press(&mut screen, &picture, KeyCode::Down);
                }
                drawn(&mut screen, &picture, (width, height));
                press(&mut screen, &picture, KeyCode::Esc);
            }
            press(&mut screen, &picture, KeyCode::Tab);
            press(&mut screen, &picture, KeyCode::Down);
            press(&mut screen, &picture, KeyCode::Enter);
            drawn(&mut screen, &picture, (width, height));
        }
    }
}

#[test]
fn a_narrow_terminal_has_the_channels_above() {
    let picture = picture();
    let shown = lines(&mut screen(Theme::Mono, &picture, 5), &picture, (38, 24));
    let (tree, line) = (
        shown.iter().position(|line| line.contains("General")),
        shown.iter().position(|line| line.starts_with("───")),
    );
    assert!(tree < line, "{shown:#?}");
    assert!(has(&shown, "Hold Space to talk") && has(&shown, "Write to General"), "{shown:#?}");
}

#[test]
fn no_colours_means_no_colours() {
    let picture = picture();
    let mut screen = screen(Theme::Mono, &picture, 5);
    for key in [None, Some(5), Some(6)] {
        key.map(|key| press(&mut screen, &picture, KeyCode::F(key)));
        let buffer = drawn(&mut screen, &picture, (100, 30));
        for cell in buffer.content() {
            assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset), "{cell:?}");
        }
    }
}

#[test]
fn the_key_to_talk_is_pushed_where_nothing_is_typed() {
    let picture = picture();
    let mut screen = screen(Theme::Mono, &picture, 1);
    assert_eq!(press(&mut screen, &picture, KeyCode::Char(' ')), [Effect::Push(Push::Down)]);
    let up = KeyEvent::new_with_kind(KeyCode::Char(' '), KeyModifiers::NONE, KeyEventKind::Release);
    assert_eq!(screen.handle(&Event::Key(up), &picture, Duration::ZERO, AT_MS), [Effect::Push(Push::Up)]);
    press(&mut screen, &picture, KeyCode::Char('a'));
    assert_eq!(press(&mut screen, &picture, KeyCode::Char(' ')), []);
    assert_eq!(screen.entry.text(), "a ");
    // A window that isn't looked at gets no release.
    let mut pressed = picture.clone();
    pressed.own.pressed = true;
    assert_eq!(screen.handle(&Event::FocusLost, &pressed, Duration::ZERO, AT_MS), [Effect::Push(Push::Up)]);
    assert_eq!(screen.handle(&Event::FocusLost, &picture, Duration::ZERO, AT_MS), []);
}

#[test]
fn without_releases_it_is_said_that_the_key_toggles() {
    let picture = picture();
    let mut screen = Screen::new(Theme::Mono, false);
    assert!(has(&lines(&mut screen, &picture, (100, 12)), "Space to talk, Space to end"));
    assert_eq!(press(&mut screen, &picture, KeyCode::Char(' ')), [Effect::Push(Push::Toggle)]);
    press(&mut screen, &picture, KeyCode::F(1));
    assert!(has(&lines(&mut screen, &picture, (100, 30)), "This terminal doesn't tell when a key comes up"));
}

#[test]
fn lines_are_texts_and_commands() {
    let picture = picture();
    let mut screen = screen(Theme::Mono, &picture, 1);
    let (to, text) = (To::Channel(ChannelId(1)), "hello".to_owned());
    assert_eq!(typed(&mut screen, &picture, "hello"), [Effect::Act(Action::Text { to, text })]);
    assert!(screen.entry.is_empty());
    let join = Action::Join { channel: ChannelId(3), password: String::new() };
    assert_eq!(typed(&mut screen, &picture, "/join alpha squad"), [Effect::Act(join)]);
    // What is wrong stays to be mended.
    assert_eq!(typed(&mut screen, &picture, "/join nowhere"), []);
    assert_eq!(screen.entry.text(), "/join nowhere");
    assert!(has(&lines(&mut screen, &picture, (100, 24)), "there is no channel \"nowhere\""));
    press(&mut screen, &picture, KeyCode::Esc);
    typed(&mut screen, &picture, "/who");
    assert!(has(&lines(&mut screen, &picture, (100, 30)), "dave: Operations/Alpha Squad (whispers"));
    typed(&mut screen, &picture, "/help vol");
    assert!(has(&lines(&mut screen, &picture, (100, 30)), "/volume PERSON [PERCENT]"));
    assert_eq!(typed(&mut screen, &picture, "/quit"), [Effect::Quit]);
}

#[test]
fn tab_completes_one_after_the_other() {
    let picture = picture();
    let mut screen = screen(Theme::Mono, &picture, 1);
    for c in "/join o".chars() {
        press(&mut screen, &picture, KeyCode::Char(c));
    }
    let mut seen = Vec::new();
    for _ in 0..5 {
        press(&mut screen, &picture, KeyCode::Tab);
        seen.push(screen.entry.text());
    }
    let all = ["Officers", "Operations", "Operations/Alpha Squad", "Operations/Bravo Squad", "Officers"];
    assert_eq!(seen, all.map(|name| format!("/join {name}")));
    assert!(has(&lines(&mut screen, &picture, (100, 12)), "Officers  Operations  Operations/Alpha Squad"));
    press(&mut screen, &picture, KeyCode::BackTab);
    assert_eq!(screen.entry.text(), "/join Operations/Bravo Squad");
}

#[test]
fn the_tree_is_gone_through_by_keys() {
    let picture = picture();
    let mut screen = screen(Theme::Mono, &picture, 1);
    press(&mut screen, &picture, KeyCode::Tab);
    press(&mut screen, &picture, KeyCode::Down);
    press(&mut screen, &picture, KeyCode::Down);
    let session = SessionId(2);
    let louder = Action::Volume { session, percent: 90 };
    assert_eq!(press(&mut screen, &picture, KeyCode::Right), [Effect::Act(louder)]);
    let mute = Action::LocalMute { session, mute: true };
    assert_eq!(press(&mut screen, &picture, KeyCode::Char('m')), [Effect::Act(mute)]);
    let target = Action::Whisper(vec![Target::Session(session)]);
    assert_eq!(press(&mut screen, &picture, KeyCode::Char('w')), [Effect::Act(target)]);
    assert_eq!(press(&mut screen, &picture, KeyCode::Enter), []);
    assert!(has(&lines(&mut screen, &picture, (100, 30)), "Volume: 80 %"));
    press(&mut screen, &picture, KeyCode::Down);
    press(&mut screen, &picture, KeyCode::Down);
    press(&mut screen, &picture, KeyCode::Down);
    press(&mut screen, &picture, KeyCode::Enter);
    assert_eq!(screen.entry.text(), "/msg ben ");
    press(&mut screen, &picture, KeyCode::Esc);
    press(&mut screen, &picture, KeyCode::Tab);
    press(&mut screen, &picture, KeyCode::Home);
    press(&mut screen, &picture, KeyCode::Left);
    assert!(!has(&lines(&mut screen, &picture, (100, 30)), "○ anna"));
    press(&mut screen, &picture, KeyCode::Down);
    let join = Action::Join { channel: ChannelId(2), password: String::new() };
    assert_eq!(press(&mut screen, &picture, KeyCode::Enter), [Effect::Act(join)]);
}

#[test]
fn the_mouse_reaches_what_is_shown() {
    let picture = picture();
    let mut screen = screen(Theme::Mono, &picture, 1);
    let shown = lines(&mut screen, &picture, (130, 24));
    assert_eq!(click(&mut screen, &picture, &shown, "F2 mute"), [Effect::Act(Action::Mute(true))]);
    assert_eq!(click(&mut screen, &picture, &shown, "Operations"), []);
    let join = Action::Join { channel: ChannelId(2), password: String::new() };
    assert_eq!(click(&mut screen, &picture, &shown, "Operations"), [Effect::Act(join)]);
    assert_eq!(click(&mut screen, &picture, &shown, "F5 devices"), [Effect::ListDevices]);
    let shown = lines(&mut screen, &picture, (130, 30));
    assert_eq!(click(&mut screen, &picture, &shown, "Suppress noise"), []);
    let off = Action::Choose(Choice::NoiseSuppression(false));
    assert_eq!(click(&mut screen, &picture, &shown, "Suppress noise"), [Effect::Act(off)]);
}

#[test]
fn a_password_is_asked_for_and_not_shown() {
    let picture = picture();
    let mut screen = screen(Theme::Mono, &picture, 1);
    ask_password(&mut screen, ChannelId(5), &picture);
    for c in "open sesame".chars() {
        press(&mut screen, &picture, KeyCode::Char(c));
    }
    let shown = lines(&mut screen, &picture, (100, 24));
    assert!(has(&shown, "Officers") && has(&shown, "•••••••••••") && !has(&shown, "sesame"), "{shown:#?}");
    let join = Action::Join { channel: ChannelId(5), password: "open sesame".to_owned() };
    assert_eq!(press(&mut screen, &picture, KeyCode::Enter), [Effect::Act(join)]);
    assert!(screen.overlay.is_none());
}

#[test]
fn the_whisper_key_speaks_to_those_of_before() {
    let mut picture = picture();
    let mut screen = screen(Theme::Mono, &picture, 1);
    assert_eq!(press(&mut screen, &picture, KeyCode::F(8)), []);
    assert!(has(&lines(&mut screen, &picture, (100, 24)), "You whispered to nobody yet"));
    picture.own.whisper = whisper();
    screen.observe(&picture);
    assert!(has(&lines(&mut screen, &picture, (100, 24)), "Hold Space to talk to ben"));
    picture.own.whisper.clear();
    screen.observe(&picture);
    assert_eq!(press(&mut screen, &picture, KeyCode::F(8)), [Effect::WhisperDown(whisper())]);
    picture.own.pressed = true;
    let up = KeyEvent::new_with_kind(KeyCode::F(8), KeyModifiers::NONE, KeyEventKind::Release);
    assert_eq!(screen.handle(&Event::Key(up), &picture, Duration::ZERO, AT_MS), [Effect::WhisperUp]);
}

#[test]
fn what_keeps_one_from_being_heard_is_said() {
    let base = picture();
    let said = |change: &dyn Fn(&mut Picture)| {
        let mut picture = base.clone();
        change(&mut picture);
        let shown = lines(&mut screen(Theme::Mono, &picture, 1), &picture, (100, 12));
        shown[10].clone()
    };
    let own = |change: &dyn Fn(&mut crate::protocol::wire::Member)| {
        said(&|picture: &mut Picture| {
            let view = Arc::make_mut(&mut picture.view);
            view.members.entry(1).and_modify(change);
        })
    };
    assert!(said(&|picture| picture.own.mute = true).contains(" Muted"));
    assert!(said(&|picture| picture.own.deaf = true).contains("Deaf: you hear nobody"));
    assert!(said(&|picture| picture.own.away = true).contains("Away"));
    assert!(own(&|member| member.muted = true).contains("A moderator muted you"));
    assert!(own(&|member| member.suppressed = true).contains("You may not speak here"));
    let gone = "it was unplugged".to_owned();
    assert!(
        said(&|picture| picture.microphone = Device::Failing(gone.clone()))
            .contains("No microphone: it was unplugged")
    );
    let reason = "timed out".to_owned();
    let lost = said(&|picture| picture.connection = Connection::Returning { reason: reason.clone() });
    assert!(lost.contains("Coming back: timed out"), "{lost}");
    assert!(said(&|picture| picture.own.sending = true).contains("● Talking"));
    let always = |picture: &mut Picture| Arc::make_mut(&mut picture.settings).mode = Mode::Continuous;
    assert!(said(&always).contains("Heard all the time"));
}

#[test]
fn settings_are_read_whole_in_a_narrow_terminal() {
    let picture = picture();
    let mut screen = screen(Theme::Mono, &picture, 1);
    press(&mut screen, &picture, KeyCode::F(5));
    let shown = lines(&mut screen, &picture, (40, 22));
    for text in [
        "Heard on after the key",
        "Hear yourself by the server",
        "once there is some",
        "while you hold a key",
        "speech, 48 kbit/s",
    ] {
        assert!(has(&shown, text), "{text}: {shown:#?}");
    }
}

#[test]
fn after_the_end_it_is_said_what_one_can_do() {
    let picture = picture();
    let mut screen = screen(Theme::Mono, &picture, 1);
    screen.note(&Note::Over("a moderator ended the connection".to_owned()), AT_MS);
    let shown = lines(&mut screen, &picture, (100, 20));
    assert!(has(&shown, "/connect comes to this server anew, F7 shows others"), "{shown:#?}");
}

#[test]
fn what_others_write_moves_no_cursor() {
    let mut picture = picture();
    let view = Arc::make_mut(&mut picture.view);
    view.members.entry(2).and_modify(|ben| ben.name = "b\x1b[2Jen\u{202e}".to_owned());
    view.channels.entry(2).and_modify(|channel| channel.name = "Ops\u{9b}1m".to_owned());
    let texts = Arc::make_mut(&mut picture.texts);
    for line in texts {
        line.text = "a\x1b]52;c;AAAA\x07b".to_owned();
    }
    let mut screen = screen(Theme::Mono, &picture, 2);
    screen.say(What::Answer("\x1b[31mred".to_owned()), AT_MS);
    for key in [None, Some(5), Some(6), Some(7)] {
        key.map(|key| press(&mut screen, &picture, KeyCode::F(key)));
        for line in lines(&mut screen, &picture, (90, 30)) {
            assert!(!line.chars().any(crate::bounds::is_unprintable), "{line:?}");
        }
    }
}

#[test]
fn one_looks_back_and_is_told_of_what_comes() {
    let picture = picture();
    let mut screen = screen(Theme::Mono, &picture, 1);
    for number in 0..100 {
        screen.say(What::Note(format!("number {number}")), AT_MS);
    }
    assert!(has(&lines(&mut screen, &picture, (100, 20)), "number 99"));
    for _ in 0..3 {
        press(&mut screen, &picture, KeyCode::PageUp);
    }
    let shown = lines(&mut screen, &picture, (100, 20));
    assert!(!has(&shown, "number 99") && has(&shown, "number 65"), "{shown:#?}");
    screen.say(What::Note("another".to_owned()), AT_MS);
    assert!(has(&lines(&mut screen, &picture, (100, 20)), "▼ new below"));
    press(&mut screen, &picture, KeyCode::Esc);
    assert!(has(&lines(&mut screen, &picture, (100, 20)), "another"));
}

#[test]
fn who_is_selected_is_seen_without_colours() {
    let picture = picture();
    let mut screen = screen(Theme::Mono, &picture, 1);
    press(&mut screen, &picture, KeyCode::Tab);
    let buffer = drawn(&mut screen, &picture, (100, 20));
    let reversed = (0..20).filter(|y| buffer[(4, *y)].modifier.contains(Modifier::REVERSED)).count();
    assert_eq!(reversed, 1);
}
