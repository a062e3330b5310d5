//! The keys of the screen. One table says what there is; what a key does and what help says of it are made of it.

use std::fmt;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Does {
    /// Talks.
    Talk,
    /// Talks to those who were whispered to last.
    Whisper,
    /// Turns the microphone off or on.
    Mute,
    /// Hears nobody, or hears again.
    Deafen,
    /// Is away, or back.
    Away,
    /// Shows commands and keys.
    Help,
    /// Shows devices.
    Devices,
    /// Shows the connection.
    Connection,
    /// Shows servers.
    Servers,
    /// Goes between the line and the tree, or completes.
    Next,
    /// The same backwards.
    Previous,
    /// Closes what is open, goes back to the line.
    Back,
    /// Looks back in the conversation.
    PageUp,
    /// Looks on.
    PageDown,
    /// Draws all of it again.
    Redraw,
    /// Gives the terminal to the shell for a while.
    Suspend,
    /// Ends.
    Quit,
}

/// A key, or one with Control.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    code: KeyCode,
    control: bool,
    /// It is for typing, too: it does this only while nothing is typed.
    on_empty: bool,
    /// What it does.
    pub(super) does: Does,
    /// That in words, for help; empty where another key of the table has them.
    pub(super) about: &'static str,
}

const fn plain(code: KeyCode, does: Does, about: &'static str) -> Key {
    Key { code, control: false, on_empty: false, does, about }
}

const fn control(letter: char, does: Does) -> Key {
    Key { code: KeyCode::Char(letter), control: true, on_empty: false, does, about: "" }
}

const fn on_empty(letter: char, does: Does, about: &'static str) -> Key {
    Key { code: KeyCode::Char(letter), control: false, on_empty: true, does, about }
}

/// All of them, in the order in which help shows them.
pub(super) const KEYS: &[Key] = &[
    on_empty(' ', Does::Talk, "Talk"),
    plain(KeyCode::F(8), Does::Whisper, "Talk to those whom you whispered to last"),
    plain(KeyCode::F(2), Does::Mute, "Mute, unmute"),
    control('o', Does::Mute),
    plain(KeyCode::F(3), Does::Deafen, "Deafen, undeafen"),
    control('g', Does::Deafen),
    plain(KeyCode::F(4), Does::Away, "Away, back"),
    plain(KeyCode::F(1), Does::Help, "This help"),
    on_empty('?', Does::Help, ""),
    plain(KeyCode::F(5), Does::Devices, "Devices, microphone threshold, hear yourself"),
    control('e', Does::Devices),
    plain(KeyCode::F(6), Does::Connection, "Connection"),
    control('n', Does::Connection),
    plain(KeyCode::F(7), Does::Servers, "Servers"),
    control('b', Does::Servers),
    plain(KeyCode::Tab, Does::Next, "Complete; on an empty line, to the channels and back"),
    plain(KeyCode::BackTab, Does::Previous, ""),
    plain(KeyCode::PageUp, Does::PageUp, "Look back in the conversation"),
    plain(KeyCode::PageDown, Does::PageDown, "Look on"),
    plain(KeyCode::Esc, Does::Back, "Close, or clear the line"),
    control('l', Does::Redraw),
    control('z', Does::Suspend),
    control('c', Does::Quit),
    control('q', Does::Quit),
];

/// Keys in the tree, which aren't of the table since arrows and letters mean something else elsewhere.
pub(super) const TREE_KEYS: &[(&str, &str)] = &[
    ("↑ ↓", "Choose a channel or a person"),
    ("← →", "Close and open a channel; a person softer, louder"),
    ("Enter", "Go into the channel; what you can do with the person"),
    ("m", "Hear the person no more, or again"),
    ("w", "Whisper to the person or the channel, or no more"),
];

/// What a key does; nothing that is of this table where it types something.
pub(super) fn does(event: &KeyEvent, is_line_empty: bool) -> Option<Does> {
    let has_control = event.modifiers.contains(KeyModifiers::CONTROL);
    let fits = |key: &&Key| {
        let is_it = key.code == event.code && key.control == has_control;
        is_it && (!key.on_empty || (is_line_empty && !event.modifiers.contains(KeyModifiers::ALT)))
    };
    KEYS.iter().find(fits).map(|key| key.does)
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.control {
            f.write_str("Ctrl-")?;
        }
        match self.code {
            KeyCode::Char(' ') => f.write_str("Space"),
            KeyCode::Char(letter) => write!(f, "{}", letter.to_uppercase()),
            KeyCode::F(number) => write!(f, "F{number}"),
            KeyCode::Tab => f.write_str("Tab"),
            KeyCode::BackTab => f.write_str("Shift-Tab"),
            KeyCode::PageUp => f.write_str("PgUp"),
            KeyCode::PageDown => f.write_str("PgDn"),
            KeyCode::Esc => f.write_str("Esc"),
            other => write!(f, "{other}"),
        }
    }
}

/// What help says: keys that do the same, and what that is.
pub(super) fn rows() -> Vec<(String, &'static str)> {
    let described = KEYS.iter().filter(|key| !key.about.is_empty());
    let row = |key: &Key| {
        let all = KEYS.iter().filter(|other| other.does == key.does).map(ToString::to_string);
        (all.collect::<Vec<_>>().join(", "), key.about)
    };
    let mut rows: Vec<_> = described.map(row).collect();
    let quit = KEYS.iter().filter(|key| key.does == Does::Quit).map(ToString::to_string);
    rows.push((quit.collect::<Vec<_>>().join(", "), "Leave the server, and end"));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_type_where_something_is_typed() {
        let space = KeyEvent::new(KeyCode::Char(' '), KeyModifiers::NONE);
        assert_eq!((does(&space, true), does(&space, false)), (Some(Does::Talk), None));
        let mute = KeyEvent::new(KeyCode::Char('o'), KeyModifiers::CONTROL);
        assert_eq!((does(&mute, true), does(&mute, false)), (Some(Does::Mute), Some(Does::Mute)));
        let letter = KeyEvent::new(KeyCode::Char('o'), KeyModifiers::NONE);
        assert_eq!(does(&letter, true), None);
    }

    #[test]
    fn no_key_does_two_things_and_help_names_them() {
        for (at, key) in KEYS.iter().enumerate() {
            let same = |other: &Key| other.code == key.code && other.control == key.control;
            assert_eq!(KEYS.iter().position(same), Some(at), "{key}");
        }
        let rows = rows();
        assert!(rows.contains(&("F2, Ctrl-O".to_owned(), "Mute, unmute")), "{rows:?}");
        assert!(rows.contains(&("Space".to_owned(), "Talk")), "{rows:?}");
    }
}
