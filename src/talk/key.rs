//! Keys that talk while another program has the focus: how they are written, and when they are down. Nothing of this
//! knows a window system.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Keys that can be watched at once.
pub const MOST_KEYS: usize = 32;

/// A key of the keyboard or a button of the mouse, with the modifiers that are held with it: `F13`, `ctrl+space`,
/// `mouse8`. Whichever others are held doesn't matter, so that one can talk while one runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chord {
    modifiers: BTreeSet<Modifier>,
    trigger: Trigger,
}

/// What goes down last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trigger {
    /// A key, by the X11 number of what it writes (keysym).
    Key(u32),
    /// A button, by its number.
    Button(u8),
}

/// A key that is held with others; which of its two doesn't matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Modifier {
    Ctrl,
    Shift,
    Alt,
    Super,
}

/// Why a key isn't one.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ChordError {
    /// There is nothing, or nothing behind a plus.
    #[error("no key is named in {0:?}; name one, such as \"F13\", \"ctrl+space\" or \"mouse8\"")]
    Empty(String),
    /// It isn't called so.
    #[error(
        "no key is called {0:?}; keys are called as what they write (a, 1, -), F1 to F35, mouse2 to mouse32, space, tab, pause, \
         insert, caps-lock, left-ctrl, right-alt and the like"
    )]
    Unknown(String),
    /// What stands before a plus isn't held with other keys.
    #[error("{0:?} can't be held with another key; ctrl, shift, alt and super can")]
    NoModifier(String),
}

/// Keys that aren't called as what they write: name, and keysym (X11/keysymdef.h).
const NAMES: &[(&str, u32)] = &[
    ("space", 0x20),
    ("plus", 0x2b),
    ("backspace", 0xff08),
    ("tab", 0xff09),
    ("enter", 0xff0d),
    ("pause", 0xff13),
    ("scroll-lock", 0xff14),
    ("escape", 0xff1b),
    ("home", 0xff50),
    ("left", 0xff51),
    ("up", 0xff52),
    ("right", 0xff53),
    ("down", 0xff54),
    ("page-up", 0xff55),
    ("page-down", 0xff56),
    ("end", 0xff57),
    ("print", 0xff61),
    ("insert", 0xff63),
    ("menu", 0xff67),
    ("num-lock", 0xff7f),
    ("left-shift", 0xffe1),
    ("right-shift", 0xffe2),
    ("left-ctrl", 0xffe3),
    ("right-ctrl", 0xffe4),
    ("caps-lock", 0xffe5),
    ("left-alt", 0xffe9),
    ("right-alt", 0xffea),
    ("left-super", 0xffeb),
    ("right-super", 0xffec),
    ("delete", 0xffff),
];

/// The keysym before that of F1.
const BEFORE_F1: u32 = 0xffbd;

impl Modifier {
    const ALL: [Self; 4] = [Self::Ctrl, Self::Shift, Self::Alt, Self::Super];

    fn name(self) -> &'static str {
        match self {
            Self::Ctrl => "ctrl",
            Self::Shift => "shift",
            Self::Alt => "alt",
            Self::Super => "super",
        }
    }

    /// The keysyms of its keys, left and right.
    pub(super) fn keysyms(self) -> [u32; 2] {
        match self {
            Self::Ctrl => [0xffe3, 0xffe4],
            Self::Shift => [0xffe1, 0xffe2],
            Self::Alt => [0xffe9, 0xffea],
            Self::Super => [0xffeb, 0xffec],
        }
    }
}

impl FromStr for Chord {
    type Err = ChordError;

    fn from_str(text: &str) -> Result<Self, ChordError> {
        let mut parts: Vec<&str> = text.split('+').map(str::trim).collect();
        let last = parts.pop().filter(|last| !last.is_empty());
        let trigger = trigger(last.ok_or_else(|| ChordError::Empty(text.to_owned()))?)?;
        let mut modifiers = BTreeSet::new();
        for part in parts {
            let named = |modifier: &Modifier| modifier.name().eq_ignore_ascii_case(part);
            let modifier = Modifier::ALL.into_iter().find(named);
            modifiers.insert(modifier.ok_or_else(|| ChordError::NoModifier(part.to_owned()))?);
        }
        Ok(Self { modifiers, trigger })
    }
}

fn trigger(name: &str) -> Result<Trigger, ChordError> {
    let lower = name.to_lowercase();
    let numbered = |prefix: &str, most: u32| {
        let number = lower.strip_prefix(prefix)?.parse::<u32>().ok()?;
        (1..=most).contains(&number).then_some(number)
    };
    if let Some((_, keysym)) = NAMES.iter().find(|(known, _)| *known == lower) {
        return Ok(Trigger::Key(*keysym));
    }
    if let Some(number) = numbered("f", 35) {
        return Ok(Trigger::Key(BEFORE_F1 + number));
    }
    // The first button is the one that everything is clicked with.
    if let Some(number) = numbered("mouse", 32).filter(|number| *number > 1) {
        return u8::try_from(number).map(Trigger::Button).map_err(|_| ChordError::Unknown(name.to_owned()));
    }
    let mut letters = lower.chars();
    match (letters.next(), letters.next()) {
        // Latin-1 has the numbers of its characters.
        (Some(letter @ ('!'..='~' | '\u{a1}'..='\u{ff}')), None) => Ok(Trigger::Key(letter.into())),
        _ => Err(ChordError::Unknown(name.to_owned())),
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for modifier in &self.modifiers {
            write!(f, "{}+", modifier.name())?;
        }
        match self.trigger {
            Trigger::Button(number) => write!(f, "mouse{number}"),
            Trigger::Key(keysym) => {
                let named = NAMES.iter().find(|(_, known)| *known == keysym);
                let letter = char::from_u32(keysym).filter(|_| keysym <= 0xff);
                match (named, letter) {
                    (Some((name, _)), _) => f.write_str(name),
                    (None, Some(letter)) => write!(f, "{letter}"),
                    (None, None) => write!(f, "F{}", keysym.saturating_sub(BEFORE_F1)),
                }
            }
        }
    }
}

impl Chord {
    pub(super) fn trigger(&self) -> &Trigger {
        &self.trigger
    }

    pub(super) fn modifiers(&self) -> impl Iterator<Item = Modifier> {
        self.modifiers.iter().copied()
    }
}

/// A key as a window system numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Code {
    Key(u8),
    Button(u8),
}

/// A chord by the codes of a keyboard.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    /// Any of these is the trigger.
    pub(super) trigger: Vec<Code>,
    /// Of each of these one is held.
    pub(super) modifiers: Vec<Vec<Code>>,
}

/// Which of the watched chords are down. It keeps nothing of what else is typed.
#[derive(Debug, Default)]
pub(super) struct Strokes {
    watched: Vec<Watched>,
    /// The keys that are down, of those that belong to a chord.
    held: BTreeSet<Code>,
    /// The chords that are down, by their place, with the key that began each.
    down: Vec<(usize, Code)>,
}

impl Strokes {
    pub(super) fn new(watched: Vec<Watched>) -> Self {
        Self { watched, ..Self::default() }
    }

    /// A key went down: the chords that do so, by their place.
    pub(super) fn press(&mut self, code: Code) -> Vec<usize> {
        let is_known = |watched: &Watched| {
            watched.trigger.contains(&code) || watched.modifiers.iter().any(|held| held.contains(&code))
        };
        if !self.watched.iter().any(is_known) || !self.held.insert(code) {
            return Vec::new();
        }
        let mut began = Vec::new();
        for (place, watched) in self.watched.iter().enumerate() {
            let is_down = self.down.iter().any(|(down, _)| *down == place);
            let are_held =
                watched.modifiers.iter().all(|keys| keys.iter().any(|key| self.held.contains(key)));
            if !is_down && watched.trigger.contains(&code) && are_held {
                self.down.push((place, code));
                began.push(place);
            }
        }
        began
    }

    /// A key came up: the chords that do so.
    pub(super) fn release(&mut self, code: Code) -> Vec<usize> {
        self.held.remove(&code);
        let (held, watched) = (&self.held, &self.watched);
        let mut ended = Vec::new();
        self.down.retain(|(place, trigger)| {
            let are_held =
                watched[*place].modifiers.iter().all(|keys| keys.iter().any(|key| held.contains(key)));
            let stays = *trigger != code && are_held;
            if !stays {
                ended.push(*place);
            }
            stays
        });
        ended
    }

    /// Nothing more is known of the keys: all chords come up.
    pub(super) fn let_go(&mut self) -> Vec<usize> {
        self.held.clear();
        self.down.drain(..).map(|(place, _)| place).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_as_they_are_called() {
        for (text, written) in [
            ("F13", "F13"),
            ("f1", "F1"),
            ("Ctrl+Space", "ctrl+space"),
            ("shift + CTRL + A", "ctrl+shift+a"),
            ("mouse8", "mouse8"),
            ("ctrl+plus", "ctrl+plus"),
            ("ö", "ö"),
            ("right-alt", "right-alt"),
            ("`", "`"),
        ] {
            let chord: Chord = text.parse().unwrap();
            assert_eq!(chord.to_string(), written);
            assert_eq!(written.parse(), Ok(chord));
        }
        for (name, keysym) in NAMES {
            assert_eq!(trigger(name), Ok(Trigger::Key(*keysym)));
        }
    }

    #[test]
    fn what_is_no_key_is_refused_with_what_is() {
        for text in ["", "ctrl+", "+", " "] {
            assert_eq!(text.parse::<Chord>(), Err(ChordError::Empty(text.to_owned())));
        }
        for text in ["F0", "F36", "mouse1", "mouse33", "enterprise", "€", "f-1", "mouse99999999999"] {
            assert_eq!(text.parse::<Chord>(), Err(ChordError::Unknown(text.to_owned())));
        }
        assert_eq!("a+b".parse::<Chord>(), Err(ChordError::NoModifier("a".to_owned())));
    }

    fn strokes() -> Strokes {
        let ctrl = vec![Code::Key(1), Code::Key(2)];
        Strokes::new(vec![
            Watched { trigger: vec![Code::Key(10)], modifiers: Vec::new() },
            Watched { trigger: vec![Code::Key(10), Code::Key(11)], modifiers: vec![ctrl] },
            Watched { trigger: vec![Code::Button(10)], modifiers: Vec::new() },
        ])
    }

    #[test]
    fn a_chord_is_down_while_all_of_its_keys_are() {
        let mut strokes = strokes();
        assert_eq!(strokes.press(Code::Key(10)), [0]);
        assert!(strokes.press(Code::Key(10)).is_empty(), "a key that repeats");
        assert!(strokes.press(Code::Key(1)).is_empty(), "a modifier that comes later makes no chord");
        assert_eq!(strokes.release(Code::Key(10)), [0]);
        assert_eq!(strokes.press(Code::Key(10)), [0, 1]);
        assert!(strokes.press(Code::Key(2)).is_empty());
        assert!(strokes.release(Code::Key(1)).is_empty(), "the other one is held");
        assert_eq!(strokes.release(Code::Key(2)), [1]);
        assert_eq!(strokes.release(Code::Key(10)), [0]);
        assert!(strokes.release(Code::Key(10)).is_empty());
    }

    #[test]
    fn buttons_aren_t_keys_and_others_aren_t_kept() {
        let mut strokes = strokes();
        assert_eq!(strokes.press(Code::Button(10)), [2]);
        for code in 100..200 {
            assert!(strokes.press(Code::Key(code)).is_empty());
        }
        assert_eq!(strokes.held.len(), 1);
        assert_eq!(strokes.press(Code::Key(10)), [0]);
        assert_eq!(strokes.let_go(), [2, 0]);
        assert!(strokes.release(Code::Key(10)).is_empty());
    }
}
