//! The screen: what of the live client is shown, and how. Drawing is a function of the picture, the meters and of this.

use std::collections::BTreeMap;
use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use super::bars;
use super::command::Open;
use super::complete::{Candidates, Devices};
use super::effect::Effect;
use super::entry::Entry;
use super::hold::Hold;
use super::keys::Does;
use super::log::{Log, Said, What};
use super::meter::Recent;
use super::overlay::Overlay;
use super::shown::{Past, Shown};
use super::text::{cut, plain, width};
use super::theme::Theme;
use super::tree::Tree;
use crate::client::Target;
use crate::id::SessionId;
use crate::talk::{Meters, Note, Picture, SILENCE};

/// Cells of a terminal that has room for the channels beside the conversation.
const WIDE: u16 = 64;

/// How often the charts get a value.
const SECOND: Duration = Duration::from_secs(1);

/// How many levels of a voice are shown.
const WAVE: usize = 6;

/// Where the keys go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Focus {
    /// Into the line.
    #[default]
    Entry,
    /// Into the tree.
    Tree,
}

/// What Tab offers, one after the other.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) candidates: Candidates,
    pub(super) next: usize,
}

/// Where things were drawn, for the mouse.
#[derive(Debug, Default)]
pub(super) struct Areas {
    pub(super) log: Rect,
    pub(super) entry: Rect,
    pub(super) buttons: Vec<(Rect, Does)>,
}

/// The state of the screen itself.
#[derive(Debug)]
pub(super) struct Screen {
    pub(super) theme: Theme,
    /// The terminal tells when a key comes up.
    pub(super) has_releases: bool,
    pub(super) focus: Focus,
    pub(super) entry: Entry,
    pub(super) tree: Tree,
    pub(super) log: Log,
    pub(super) overlay: Option<Overlay>,
    pub(super) offer: Option<Offer>,
    pub(super) devices: Devices,
    pub(super) talk: Hold,
    pub(super) whisper: Hold,
    /// Whom the key to whisper speaks to: those who were whispered to last.
    pub(super) whispered: Vec<Target>,
    pub(super) areas: Areas,
    past: Past,
    waves: BTreeMap<SessionId, Recent>,
    /// When the charts got their last value.
    charted: Option<Duration>,
}

impl Screen {
    /// An empty one.
    pub(super) fn new(theme: Theme, has_releases: bool) -> Self {
        Self {
            theme,
            has_releases,
            focus: Focus::default(),
            entry: Entry::default(),
            tree: Tree::default(),
            log: Log::default(),
            overlay: None,
            offer: None,
            devices: Devices::default(),
            talk: Hold::new(has_releases),
            whisper: Hold::new(has_releases),
            whispered: Vec::new(),
            areas: Areas::default(),
            past: Past::default(),
            waves: BTreeMap::new(),
            charted: None,
        }
    }

    /// There is another picture.
    pub(super) fn observe(&mut self, picture: &Picture) {
        self.log.observe(picture);
        self.talk.set_on(picture.own.pressed || picture.own.latched);
        if !picture.own.whisper.is_empty() {
            self.whispered.clone_from(&picture.own.whisper);
        }
    }

    /// One is told something.
    pub(super) fn note(&mut self, note: &Note, at_ms: u64) {
        if let Some(what) = told(note) {
            self.log.push(Said { at_ms, what });
        }
        if matches!(note, Note::Over(_)) {
            let words = "/connect comes to this server anew, F7 shows others, and Ctrl-C ends this.";
            self.log.push(Said { at_ms, what: What::Note(words.to_owned()) });
        }
    }

    /// Something that was asked for is answered, or was refused.
    pub(super) fn say(&mut self, what: What, at_ms: u64) {
        self.log.push(Said { at_ms, what });
    }

    /// Time has passed: a twentieth of a second or so.
    pub(super) fn tick(&mut self, picture: &Picture, meters: &Meters, now: Duration) -> Vec<Effect> {
        self.waves.retain(|session, _| picture.view.member(*session).is_some());
        let own = SessionId(picture.view.own_session);
        let levels = meters.voices.iter().map(|voice| (voice.session, voice.level));
        let own_level = if meters.sending { meters.microphone } else { SILENCE };
        for (session, level) in levels.chain([(own, own_level)]) {
            self.waves.entry(session).or_insert_with(|| Recent::new(WAVE)).push(level);
        }
        if self.charted.is_none_or(|last| now.saturating_sub(last) >= SECOND) {
            self.charted = Some(now);
            self.past.push(meters);
        }
        let mut effects: Vec<_> = self.talk.handle_timeout(now).map(Effect::Push).into_iter().collect();
        effects.extend(self.whisper.handle_timeout(now).map(|_| Effect::WhisperUp));
        effects
    }

    /// Whether what the microphone gives is looked at closely.
    pub(super) fn shows_levels(&self) -> bool {
        self.overlay.as_ref().is_some_and(|overlay| overlay.is(Open::Devices))
    }

    /// Draws all of it.
    pub(super) fn draw(&mut self, frame: &mut Frame<'_>, picture: &Picture, meters: &Meters) {
        let area = frame.area();
        if area.width < 16 || area.height < 5 {
            frame.render_widget("Too small.", area);
            return;
        }
        let row = |y: u16| Rect { y, height: 1, ..area };
        let past = std::mem::take(&mut self.past);
        let shown =
            Shown { picture, meters, past: &past, has_releases: self.has_releases, theme: self.theme };
        bars::top(frame, row(area.y), shown);
        let body = Rect { y: area.y + 1, height: area.height - 3, ..area };
        if area.width >= WIDE {
            self.draw_wide(frame, body, picture);
        } else {
            self.draw_narrow(frame, body, picture);
        }
        self.areas.buttons = bars::bottom(frame, row(area.bottom() - 2), shown);
        self.areas.entry = row(area.bottom() - 1);
        self.draw_entry(frame, picture);
        self.draw_offer(frame, row(area.bottom() - 2));
        if let Some(overlay) = &mut self.overlay {
            overlay.draw(frame, Rect { height: area.height - 1, ..area }, shown);
        }
        self.past = past;
    }

    /// The channels beside the conversation.
    fn draw_wide(&mut self, frame: &mut Frame<'_>, area: Rect, picture: &Picture) {
        let wide = (area.width / 3).clamp(28, 44);
        self.draw_tree(frame, Rect { width: wide, ..area }, picture);
        let line = Rect { x: area.x + wide + 1, width: 1, ..area };
        for y in line.y..line.bottom() {
            frame.render_widget(Span::styled("│", self.theme.line()), Rect { y, height: 1, ..line });
        }
        let x = line.right() + 1;
        let log = Rect { x, width: area.right() - x, ..area };
        self.draw_log(frame, log, picture);
    }

    /// The channels above the conversation; where the keys go has more room.
    fn draw_narrow(&mut self, frame: &mut Frame<'_>, area: Rect, picture: &Picture) {
        let rows = self.tree.rows(&picture.view).len() as u16;
        let most = if self.focus == Focus::Tree { area.height * 2 / 3 } else { area.height / 2 };
        let high = rows.min(most).max(1);
        self.draw_tree(frame, Rect { height: high, ..area }, picture);
        let line = Rect { y: area.y + high, height: 1, ..area };
        frame.render_widget(Span::styled("─".repeat(usize::from(area.width)), self.theme.line()), line);
        let top = line.bottom();
        self.draw_log(frame, Rect { y: top, height: area.bottom().saturating_sub(top), ..area }, picture);
    }

    fn draw_tree(&mut self, frame: &mut Frame<'_>, area: Rect, picture: &Picture) {
        let has_focus = self.focus == Focus::Tree && self.overlay.is_none();
        self.tree.draw(frame, area, picture, &self.waves, self.theme, has_focus);
    }

    fn draw_log(&mut self, frame: &mut Frame<'_>, area: Rect, picture: &Picture) {
        let mut log = area;
        // Where there is room, it has a heading: the channel.
        if area.height >= 8 {
            if let Some(channel) = picture.channel() {
                let path = plain(&picture.view.path(channel));
                let about = plain(&channel.description);
                let room = usize::from(area.width).saturating_sub(width(&path) + 3);
                let mut heading =
                    vec![Span::styled(cut(&path, usize::from(area.width)), self.theme.strong())];
                if !about.is_empty() && room > 8 {
                    heading.push(Span::styled(format!(" · {}", cut(&about, room)), self.theme.quiet()));
                }
                frame.render_widget(Line::from(heading), Rect { height: 1, ..area });
            }
            log = Rect { y: area.y + 1, height: area.height - 1, ..area };
        }
        self.areas.log = log;
        self.log.draw(frame, log, self.theme);
    }

    fn draw_entry(&mut self, frame: &mut Frame<'_>, picture: &Picture) {
        let area = self.areas.entry;
        let has_focus = self.focus == Focus::Entry && self.overlay.is_none();
        let sign = if has_focus { self.theme.accent() } else { self.theme.quiet() };
        frame.render_widget(Span::styled("› ", sign), area);
        let line = Rect { x: area.x + 2, width: area.width - 2, ..area };
        if self.entry.is_empty() {
            let words = match (has_focus, picture.channel()) {
                (false, _) if self.overlay.is_some() => String::new(),
                (false, _) => "Tab: back to the line".to_owned(),
                (true, Some(channel)) => format!("Write to {}, or / for commands", plain(&channel.name)),
                (true, None) => "Tab: choose a channel; / for commands".to_owned(),
            };
            let words = cut(&words, usize::from(line.width).saturating_sub(1));
            frame.render_widget(Span::styled(words, self.theme.quiet().add_modifier(Modifier::ITALIC)), line);
        }
        let (text, cursor) = self.entry.window(usize::from(line.width));
        frame.render_widget(Span::raw(text), line);
        if has_focus {
            frame.set_cursor_position((line.x + cursor as u16, line.y));
        }
    }

    /// What Tab offers, in place of the bar above the line.
    fn draw_offer(&mut self, frame: &mut Frame<'_>, area: Rect) {
        let Some(Offer { candidates, next }) = &self.offer else { return };
        if candidates.texts.len() < 2 {
            return;
        }
        let count = candidates.texts.len();
        let shown = (next + count - 1) % count;
        let mut spans = vec![Span::raw(" ")];
        // The one that is taken comes first, so that it is seen however many there are.
        for (number, text) in candidates.texts.iter().cycle().skip(shown).take(count).enumerate() {
            let style = if number == 0 { self.theme.accent() } else { self.theme.quiet() };
            spans.push(Span::styled(plain(text.trim_end()), style));
            spans.push(Span::raw("  "));
        }
        frame.render_widget(ratatui::widgets::Clear, area);
        frame.render_widget(Line::from(spans).style(self.theme.bar()), area);
    }
}

/// How it is said in the conversation what one is told; nothing for texts, which come with the picture.
pub(super) fn told(note: &Note) -> Option<What> {
    Some(match note {
        Note::Text(_) => return None,
        Note::TalkingWhileMuted
        | Note::Busy
        | Note::Lost(_)
        | Note::Over(_)
        | Note::NotRestored(_)
        | Note::Recorded { by: Some(_) }
        | Note::Muted { mute: true, by_others: true }
        | Note::Deafened { deaf: true, by_others: true } => What::Warning(note.to_string()),
        _ => What::Note(note.to_string()),
    })
}
