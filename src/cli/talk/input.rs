//! Keys, clicks and pasted text: what they change of the screen, and what follows from them.

use std::time::Duration;

use ratatui::crossterm::event::{
    Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use ratatui::layout::Position;

use super::command::{self, Asked, Open};
use super::complete::complete;
use super::effect::Effect;
use super::keys::{Does, does};
use super::log::What;
use super::overlay::{Outcome, Overlay, explain, louder, mute, whispers};
use super::screen::{Focus, Offer, Screen};
use super::tree::{Of, who};
use crate::client::Target;
use crate::id::ChannelId;
use crate::talk::{Action, Picture, Push};

/// Lines by which a wheel and a page key scroll.
const WHEEL: isize = 3;
const PAGE: isize = 10;

impl Screen {
    /// Something came from the terminal. `now` is monotonic, `at_ms` the wall clock's time for what is said about it.
    pub(super) fn handle(
        &mut self,
        event: &Event,
        picture: &Picture,
        now: Duration,
        at_ms: u64,
    ) -> Vec<Effect> {
        match event {
            Event::Key(key) => self.handle_key(key, picture, now, at_ms),
            Event::Paste(text) => {
                if let Some(overlay) = &mut self.overlay {
                    overlay.insert(text);
                } else {
                    self.focus = Focus::Entry;
                    self.offer = None;
                    self.entry.insert(text);
                }
                Vec::new()
            }
            Event::Mouse(mouse) => self.handle_mouse(*mouse, picture),
            // Nobody holds a key in a window that isn't theirs: no release of it comes any more.
            Event::FocusLost if self.has_releases && picture.own.pressed && !picture.own.latched => {
                vec![Effect::Push(Push::Up)]
            }
            Event::Resize(..) | Event::FocusGained | Event::FocusLost => Vec::new(),
        }
    }

    fn handle_key(&mut self, key: &KeyEvent, picture: &Picture, now: Duration, at_ms: u64) -> Vec<Effect> {
        let takes_text = self.overlay.as_ref().is_some_and(Overlay::takes_text);
        let is_empty = self.entry.is_empty() && !takes_text;
        let does = does(key, is_empty);
        if does == Some(Does::Talk) {
            return self.talk.handle(key.kind, now).map(Effect::Push).into_iter().collect();
        }
        if does == Some(Does::Whisper) {
            return self.handle_whisper(key.kind, picture, now, at_ms);
        }
        // A key to talk that went down on an empty line comes up on one that isn't, perhaps.
        if key.kind == KeyEventKind::Release {
            let is_talk = key.code == KeyCode::Char(' ') && picture.own.pressed;
            return is_talk
                .then(|| self.talk.handle(key.kind, now))
                .flatten()
                .map(Effect::Push)
                .into_iter()
                .collect();
        }
        if let Some(does) = does {
            return self.perform(does, picture);
        }
        if let Some(overlay) = &mut self.overlay {
            let outcome = overlay.handle(key, picture, &self.devices);
            return self.conclude(outcome);
        }
        match self.focus {
            Focus::Tree => self.handle_tree_key(key, picture),
            Focus::Entry => self.handle_entry_key(key, picture, at_ms),
        }
    }

    /// The key to whisper.
    fn handle_whisper(
        &mut self,
        kind: KeyEventKind,
        picture: &Picture,
        now: Duration,
        at_ms: u64,
    ) -> Vec<Effect> {
        if self.whispered.is_empty() {
            if kind == KeyEventKind::Press {
                self.say(What::Note("You whispered to nobody yet: /whisper says to whom.".to_owned()), at_ms);
            }
            return Vec::new();
        }
        let is_on = picture.own.pressed || picture.own.latched;
        self.whisper.set_on(is_on);
        match self.whisper.handle(kind, now) {
            Some(Push::Down) => vec![Effect::WhisperDown(self.whispered.clone())],
            Some(Push::Toggle) if !is_on => vec![Effect::WhisperDown(self.whispered.clone())],
            Some(Push::Up | Push::Toggle) => vec![Effect::WhisperUp],
            None => Vec::new(),
        }
    }

    /// Does what a key of the table or a button says.
    fn perform(&mut self, does: Does, picture: &Picture) -> Vec<Effect> {
        let own = &picture.own;
        let act = |action: Action| vec![Effect::Act(action)];
        match does {
            Does::Talk | Does::Whisper => Vec::new(),
            Does::Mute => act(Action::Mute(!own.mute)),
            Does::Deafen => act(Action::Deafen(!own.deaf)),
            Does::Away => act(Action::Away(!own.away)),
            Does::Help => self.toggle(Open::Help),
            Does::Devices => self.toggle(Open::Devices),
            Does::Connection => self.toggle(Open::Connection),
            Does::Servers => self.toggle(Open::Servers),
            Does::Next => self.next(picture, false),
            Does::Previous => self.next(picture, true),
            Does::Back => {
                self.go_back();
                Vec::new()
            }
            Does::PageUp | Does::PageDown if self.overlay.is_some() => {
                let code = if does == Does::PageUp { KeyCode::PageUp } else { KeyCode::PageDown };
                self.hand_on(code, picture)
            }
            Does::PageUp => self.scroll(PAGE),
            Does::PageDown => self.scroll(-PAGE),
            Does::Redraw => vec![Effect::Redraw],
            Does::Suspend => vec![Effect::Suspend],
            Does::Quit => vec![Effect::Quit],
        }
    }

    fn hand_on(&mut self, code: KeyCode, picture: &Picture) -> Vec<Effect> {
        let key = KeyEvent::new(code, KeyModifiers::NONE);
        let outcome = self.overlay.as_mut().map(|overlay| overlay.handle(&key, picture, &self.devices));
        outcome.map(|outcome| self.conclude(outcome)).unwrap_or_default()
    }

    fn scroll(&mut self, lines: isize) -> Vec<Effect> {
        self.log.scroll(lines);
        Vec::new()
    }

    /// Opens something; closes it where it is open.
    fn toggle(&mut self, open: Open) -> Vec<Effect> {
        if self.overlay.as_ref().is_some_and(|overlay| overlay.is(open)) {
            self.overlay = None;
            return Vec::new();
        }
        self.open(open)
    }

    fn open(&mut self, open: Open) -> Vec<Effect> {
        self.overlay = Some(open.into());
        if open == Open::Devices { vec![Effect::ListDevices] } else { Vec::new() }
    }

    /// Closes the uppermost of what is open; on a line, clears it.
    fn go_back(&mut self) {
        if self.overlay.take().is_some() {
            return;
        }
        self.offer = None;
        if self.focus == Focus::Tree {
            self.focus = Focus::Entry;
        } else {
            self.entry.clear();
            self.log.scroll_to_end();
        }
    }

    /// Completes what is typed, or goes between the line and the tree.
    fn next(&mut self, picture: &Picture, is_backwards: bool) -> Vec<Effect> {
        if self.overlay.is_some() {
            return self.hand_on(if is_backwards { KeyCode::Up } else { KeyCode::Down }, picture);
        }
        if self.entry.is_empty() || self.focus == Focus::Tree {
            self.focus = if self.focus == Focus::Tree { Focus::Entry } else { Focus::Tree };
            return Vec::new();
        }
        let offer = match self.offer.take() {
            Some(offer) => offer,
            None => Offer { candidates: complete(self.entry.before(), picture, &self.devices), next: 0 },
        };
        let count = offer.candidates.texts.len();
        // `next` is behind the one that was taken last.
        let at = if is_backwards { offer.next + 2 * count.max(1) - 2 } else { offer.next } % count.max(1);
        if let Some(text) = offer.candidates.texts.get(at) {
            self.entry.replace_from(offer.candidates.at, text);
            // The only one is taken at once, and the next Tab completes what comes behind it.
            self.offer = (count > 1).then_some(Offer { next: at + 1, ..offer });
        }
        if self.entry.before().starts_with("/mic") || self.entry.before().starts_with("/loud") {
            return vec![Effect::ListDevices];
        }
        Vec::new()
    }

    fn conclude(&mut self, outcome: Outcome) -> Vec<Effect> {
        match outcome {
            Outcome::Open(effects) => effects,
            Outcome::Closed(effects) => {
                self.overlay = None;
                effects
            }
            Outcome::Write(text) => {
                self.overlay = None;
                self.focus = Focus::Entry;
                self.entry.set(&text);
                Vec::new()
            }
        }
    }

    fn handle_tree_key(&mut self, key: &KeyEvent, picture: &Picture) -> Vec<Effect> {
        let view = &picture.view;
        let selected = self.tree.selected(view);
        match (key.code, selected) {
            (KeyCode::Up | KeyCode::Char('k'), _) => self.tree.step(view, -1),
            (KeyCode::Down | KeyCode::Char('j'), _) => self.tree.step(view, 1),
            (KeyCode::Home, _) => self.tree.step(view, isize::MIN),
            (KeyCode::End, _) => self.tree.step(view, isize::MAX),
            (KeyCode::Left | KeyCode::Right, Some(Of::Person(session))) => {
                return vec![Effect::Act(louder(session, picture, key.code == KeyCode::Right))];
            }
            (KeyCode::Left | KeyCode::Right, _) => self.tree.fold(view, key.code == KeyCode::Left),
            (KeyCode::Enter, Some(of)) => return self.enter(of),
            (KeyCode::Char('m'), Some(Of::Person(session))) => {
                return vec![Effect::Act(mute(session, picture))];
            }
            (KeyCode::Char('w'), Some(of)) => return vec![Effect::Act(whisper(of, picture))],
            (KeyCode::Char('/'), _) => {
                self.focus = Focus::Entry;
                self.entry.insert("/");
            }
            _ => (),
        }
        Vec::new()
    }

    /// Goes into a channel; opens what one can do with somebody.
    fn enter(&mut self, of: Of) -> Vec<Effect> {
        match of {
            Of::Channel(channel) => vec![Effect::Act(Action::Join { channel, password: String::new() })],
            Of::Person(session) => {
                self.overlay = Some(Overlay::person(session));
                Vec::new()
            }
        }
    }

    fn handle_entry_key(&mut self, key: &KeyEvent, picture: &Picture, at_ms: u64) -> Vec<Effect> {
        self.offer = None;
        let has_control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Enter => return self.submit(picture, at_ms),
            KeyCode::Char('w') if has_control => self.entry.delete_word(),
            KeyCode::Char('u') if has_control => self.entry.delete_before(),
            KeyCode::Char('a') if has_control => self.entry.home(),
            KeyCode::Char('p') if has_control => self.entry.earlier(),
            KeyCode::Char(c) if !has_control => self.entry.insert(c.encode_utf8(&mut [0; 4])),
            KeyCode::Backspace if has_control || key.modifiers.contains(KeyModifiers::ALT) => {
                self.entry.delete_word();
            }
            KeyCode::Backspace => self.entry.backspace(),
            KeyCode::Delete => self.entry.delete(),
            KeyCode::Left => self.entry.left(),
            KeyCode::Right => self.entry.right(),
            KeyCode::Home => self.entry.home(),
            KeyCode::End => self.entry.end(),
            KeyCode::Up => self.entry.earlier(),
            KeyCode::Down => self.entry.later(),
            _ => (),
        }
        Vec::new()
    }

    /// The line is entered.
    fn submit(&mut self, picture: &Picture, at_ms: u64) -> Vec<Effect> {
        if self.entry.text().trim().is_empty() {
            self.entry.clear();
            return Vec::new();
        }
        match command::read(&self.entry.text(), picture) {
            Ok(asked) => {
                self.entry.take();
                self.log.scroll_to_end();
                self.obey(asked, picture, at_ms)
            }
            // It stays to be mended.
            Err(why) => {
                self.say(What::Warning(why), at_ms);
                Vec::new()
            }
        }
    }

    /// Does what a line asks for.
    fn obey(&mut self, asked: Asked, picture: &Picture, at_ms: u64) -> Vec<Effect> {
        match asked {
            Asked::Act(action) => return vec![Effect::Act(action)],
            Asked::Open(open) => return self.open(open),
            Asked::Why(question) => return vec![Effect::Ask(question)],
            Asked::Connect(address) => return vec![Effect::Connect(address)],
            Asked::Statistics => return vec![Effect::Statistics],
            Asked::Quit => return vec![Effect::Quit],
            Asked::Explain(name) => match command::find(&name) {
                Ok(command) => self.say(What::Answer(explain(command)), at_ms),
                Err(why) => self.say(What::Warning(why), at_ms),
            },
            Asked::Who => self.say(What::Answer(who(picture)), at_ms),
            Asked::Clear => self.log.clear(),
        }
        Vec::new()
    }

    fn handle_mouse(&mut self, mouse: MouseEvent, picture: &Picture) -> Vec<Effect> {
        let at = Position::new(mouse.column, mouse.row);
        let rows = match mouse.kind {
            MouseEventKind::ScrollUp => WHEEL,
            MouseEventKind::ScrollDown => -WHEEL,
            MouseEventKind::Down(MouseButton::Left) => return self.click(at, picture),
            _ => return Vec::new(),
        };
        if self.overlay.is_some() {
            return self.hand_on(if rows > 0 { KeyCode::Up } else { KeyCode::Down }, picture);
        }
        if self.areas.log.contains(at) {
            return self.scroll(rows);
        }
        self.tree.step(&picture.view, -rows);
        Vec::new()
    }

    fn click(&mut self, at: Position, picture: &Picture) -> Vec<Effect> {
        let button = self.areas.buttons.iter().find(|(area, _)| area.contains(at)).map(|(_, does)| *does);
        if let Some(does) = button {
            return self.perform(does, picture);
        }
        if let Some(overlay) = &mut self.overlay {
            let outcome = overlay.click(at, picture, &self.devices);
            return self.conclude(outcome);
        }
        if self.areas.entry.contains(at) {
            self.focus = Focus::Entry;
        } else if let Some(of) = self.tree.at(&picture.view, at.x, at.y) {
            let was_selected = self.focus == Focus::Tree && self.tree.selected(&picture.view) == Some(of);
            self.focus = Focus::Tree;
            self.tree.select(of);
            if was_selected {
                return self.enter(of);
            }
        }
        Vec::new()
    }
}

/// Whispers to what a row is about, or no more.
fn whisper(of: Of, picture: &Picture) -> Action {
    let target = match of {
        Of::Person(session) if whispers(session, picture) => return Action::Whisper(Vec::new()),
        Of::Person(session) => Target::Session(session),
        Of::Channel(channel) => Target::Channel { channel, subtree: false, links: false },
    };
    if picture.own.whisper.contains(&target) {
        return Action::Whisper(Vec::new());
    }
    Action::Whisper(vec![target])
}

/// The channel that asks for its password.
pub(super) fn ask_password(screen: &mut Screen, channel: ChannelId, picture: &Picture) {
    let name = picture.view.channels.get(&channel.0).map(|channel| channel.name.clone()).unwrap_or_default();
    screen.overlay = Some(Overlay::password(channel, super::text::plain(&name)));
}
