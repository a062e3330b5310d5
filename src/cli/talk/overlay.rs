//! What is laid over the screen: help, devices, the connection, servers, a person, a question for a password, a text.

mod connection;
mod devices;
mod frame;
mod help;
mod person;
mod servers;
mod settings;

use ratatui::Frame;
use ratatui::crossterm::event::{KeyCode, KeyEvent};
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::command::Open;
use super::complete::Devices;
use super::effect::Effect;
use super::entry::Entry;
use super::shown::Shown;
use super::text::wrap;
use crate::client::Target;
use crate::id::{ChannelId, SessionId};
use crate::talk::{Action, Picture};
pub(super) use connection::bandwidth;
pub(super) use help::explain;
pub(super) use person::{louder, mute, whispers};
pub(super) use settings::{chosen, settings};

/// What is laid over the screen, with what of it is chosen.
#[derive(Debug)]
pub(super) struct Overlay {
    what: What,
    /// The row that is chosen, or the line that is the first.
    at: usize,
    /// How far `at` can go.
    most: usize,
    /// Where rows were drawn, and the first of them.
    rows: (Rect, usize),
}

#[derive(Debug)]
enum What {
    Help,
    Devices,
    Connection,
    Servers,
    Person(SessionId),
    Password { channel: ChannelId, name: String, entry: Entry },
    Text { title: String, text: String },
}

/// What became of a key.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    /// It goes on.
    Open(Vec<Effect>),
    /// It is closed, and something is done.
    Closed(Vec<Effect>),
    /// It is closed, and the line begins so.
    Write(String),
}

impl From<Open> for Overlay {
    fn from(open: Open) -> Self {
        Self::of(match open {
            Open::Help => What::Help,
            Open::Devices => What::Devices,
            Open::Connection => What::Connection,
            Open::Servers => What::Servers,
        })
    }
}

impl Overlay {
    fn of(what: What) -> Self {
        Self { what, at: 0, most: usize::MAX, rows: (Rect::default(), 0) }
    }

    /// Somebody.
    pub(super) fn person(session: SessionId) -> Self {
        Self::of(What::Person(session))
    }

    /// The question for a channel's password.
    pub(super) fn password(channel: ChannelId, name: String) -> Self {
        Self::of(What::Password { channel, name, entry: Entry::default() })
    }

    /// A text to be read.
    pub(super) fn text(title: &str, text: String) -> Self {
        Self::of(What::Text { title: title.to_owned(), text })
    }

    /// Whether it is what a key opens; then the key closes it.
    pub(super) fn is(&self, open: Open) -> bool {
        matches!(
            (&self.what, open),
            (What::Help, Open::Help)
                | (What::Devices, Open::Devices)
                | (What::Connection, Open::Connection)
                | (What::Servers, Open::Servers)
        )
    }

    /// Whether keys type something in it.
    pub(super) fn takes_text(&self) -> bool {
        matches!(self.what, What::Password { .. })
    }

    /// Types into it, where it takes text.
    pub(super) fn insert(&mut self, text: &str) {
        if let What::Password { entry, .. } = &mut self.what {
            entry.insert(text);
        }
    }

    /// How many rows can be chosen.
    fn count(&self, picture: &Picture) -> usize {
        match &self.what {
            What::Devices => settings::ROWS.len(),
            What::Person(_) => person::ROWS.len(),
            What::Servers => picture.bookmarks.len(),
            What::Help | What::Connection | What::Password { .. } | What::Text { .. } => {
                self.most.saturating_add(1)
            }
        }
    }

    /// A key.
    pub(super) fn handle(&mut self, key: &KeyEvent, picture: &Picture, devices: &Devices) -> Outcome {
        let last = self.count(picture).saturating_sub(1);
        if let What::Password { channel, entry, .. } = &mut self.what {
            match key.code {
                KeyCode::Enter => {
                    let (channel, password) = (*channel, entry.take_secret());
                    return Outcome::Closed(vec![Effect::Act(Action::Join { channel, password })]);
                }
                KeyCode::Char(c) => entry.insert(c.encode_utf8(&mut [0; 4])),
                KeyCode::Backspace => entry.backspace(),
                KeyCode::Delete => entry.delete(),
                KeyCode::Left => entry.left(),
                KeyCode::Right => entry.right(),
                KeyCode::Home => entry.home(),
                KeyCode::End => entry.end(),
                _ => (),
            }
            return Outcome::Open(Vec::new());
        }
        match key.code {
            KeyCode::Up | KeyCode::Char('k') => self.at = self.at.min(last).saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.at = (self.at + 1).min(last),
            KeyCode::PageUp => self.at = self.at.min(last).saturating_sub(10),
            KeyCode::PageDown => self.at = self.at.saturating_add(10).min(last),
            KeyCode::Home => self.at = 0,
            KeyCode::End => self.at = last,
            KeyCode::Char('q') => return Outcome::Closed(Vec::new()),
            KeyCode::Left => return self.change(false, picture, devices),
            KeyCode::Right | KeyCode::Char(' ') => return self.change(true, picture, devices),
            KeyCode::Enter => return self.choose(picture, devices),
            KeyCode::Delete => {
                if let (What::Servers, Some(bookmark)) = (&self.what, picture.bookmarks.get(self.at)) {
                    let name = bookmark.name.clone();
                    return Outcome::Open(vec![Effect::Act(Action::RemoveBookmark { name })]);
                }
            }
            _ => (),
        }
        Outcome::Open(Vec::new())
    }

    /// The next value of the chosen row, or the one before.
    fn change(&mut self, is_up: bool, picture: &Picture, devices: &Devices) -> Outcome {
        let action = match (&self.what, settings::ROWS.get(self.at)) {
            (What::Devices, Some(row)) => row.change(picture, devices, is_up),
            (What::Person(session), _) => louder(*session, picture, is_up),
            _ => return Outcome::Open(Vec::new()),
        };
        Outcome::Open(vec![Effect::Act(action)])
    }

    /// What the chosen row does.
    fn choose(&mut self, picture: &Picture, devices: &Devices) -> Outcome {
        match &self.what {
            What::Devices => self.change(true, picture, devices),
            What::Servers => match picture.bookmarks.get(self.at) {
                Some(bookmark) => Outcome::Closed(vec![Effect::Connect(bookmark.address.clone())]),
                None => Outcome::Open(Vec::new()),
            },
            What::Person(session) => self.choose_of_person(*session, picture),
            What::Help | What::Connection | What::Text { .. } | What::Password { .. } => {
                Outcome::Closed(Vec::new())
            }
        }
    }

    fn choose_of_person(&self, session: SessionId, picture: &Picture) -> Outcome {
        let Some(member) = picture.view.member(session) else { return Outcome::Closed(Vec::new()) };
        let action = match person::ROWS.get(self.at) {
            Some(person::Row::Volume) | None => return Outcome::Open(Vec::new()),
            Some(person::Row::Hear) => mute(session, picture),
            Some(person::Row::Whisper) if whispers(session, picture) => Action::Whisper(Vec::new()),
            Some(person::Row::Whisper) => Action::Whisper(vec![Target::Session(session)]),
            Some(person::Row::Write) => return Outcome::Write(format!("/msg {} ", member.name)),
            Some(person::Row::Follow) => {
                Action::Join { channel: ChannelId(member.channel), password: String::new() }
            }
        };
        Outcome::Closed(vec![Effect::Act(action)])
    }

    /// A click on a row chooses it; on the chosen one it does what Enter does.
    pub(super) fn click(&mut self, at: Position, picture: &Picture, devices: &Devices) -> Outcome {
        let (area, first) = self.rows;
        if area.contains(at) {
            let row = first + usize::from(at.y - area.y);
            if row == self.at && row < self.count(picture) {
                return self.choose(picture, devices);
            }
            self.at = row.min(self.count(picture).saturating_sub(1));
        }
        Outcome::Open(Vec::new())
    }

    /// Draws it.
    pub(super) fn draw(&mut self, frame: &mut Frame<'_>, area: Rect, shown: Shown<'_>) {
        let Shown { picture, has_releases, theme, .. } = shown;
        self.at = self.at.min(self.count(picture).saturating_sub(1));
        match &self.what {
            What::Help => self.most = help::draw(frame, area, self.at, has_releases, theme),
            What::Connection => connection::draw(frame, area, shown),
            What::Devices => self.rows = devices::draw(frame, area, self.at, shown),
            What::Servers => self.rows = servers::draw(frame, area, self.at, picture, theme),
            What::Person(session) => {
                if let Some(member) = picture.view.member(*session) {
                    self.rows = (person::draw(frame, area, member, self.at, picture, theme), 0);
                }
            }
            What::Password { name, entry, .. } => {
                let inside = frame::open(frame, area, name, "Enter goes in · Esc closes", (44, 2), theme);
                let (text, cursor) = entry.hidden_window(usize::from(inside.width));
                let lines =
                    vec![Line::styled("The password of this channel:", theme.quiet()), Line::from(text)];
                frame.render_widget(Paragraph::new(lines), inside);
                frame.set_cursor_position((inside.x + cursor as u16, inside.y + 1));
            }
            What::Text { title, text } => {
                let inside = frame::open(
                    frame,
                    area,
                    title,
                    "↑ ↓ scroll · Esc closes",
                    (90, area.height.min(24)),
                    theme,
                );
                let lines = wrap(&[Span::raw(text.as_str())], usize::from(inside.width), 4);
                self.most = lines.len().saturating_sub(usize::from(inside.height));
                let seen: Vec<_> = lines.into_iter().skip(self.at.min(self.most)).collect();
                frame.render_widget(Paragraph::new(seen), inside);
            }
        }
    }
}
