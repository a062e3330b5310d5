//! The conversation: what was written and what one was told, in the order in which it came.

use std::collections::VecDeque;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::super::output::printable;
use super::super::words::local;
use super::text::{plain, width, wrap};
use super::theme::Theme;
use crate::id::Timestamp;
use crate::talk::{self, Picture, To};

/// Entries that are kept; then the oldest go.
const ENTRIES: usize = 1_000;

/// What happens again takes the place of what was said of it before within this many milliseconds, unless so many other things were said
/// since.
const AGAIN_MS: u64 = 30_000;
const LATELY: usize = 8;

/// Something in the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// When, in milliseconds since the Unix epoch.
    pub(super) at_ms: u64,
    /// What.
    pub(super) what: What,
}

/// What it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Somebody wrote.
    Text {
        /// Who, and for a private text to whom.
        who: String,
        /// One wrote it oneself.
        own: bool,
        /// It isn't for the channel.
        private: bool,
        /// The text.
        text: String,
    },
    /// Something happened.
    Note(String),
    /// Something that one has to know.
    Warning(String),
    /// The answer to something that one asked; may have several lines.
    Answer(String),
}

/// What was said, and how far back one looks.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: VecDeque<Said>,
    /// The latest text of the picture that is here already.
    seen: Option<talk::Line>,
    /// Lines from the end that one has scrolled back.
    back: usize,
    /// Lines that there are beyond what is shown, as of the last drawing.
    hidden: usize,
    /// Something came while one looked back.
    has_more: bool,
}

impl Log {
    /// Takes what was written since.
    pub(super) fn observe(&mut self, picture: &Picture) -> Vec<Said> {
        let texts = &picture.texts;
        let known = self.seen.as_ref().and_then(|seen| texts.iter().rposition(|line| line == seen));
        let new: Vec<_> =
            texts.iter().skip(known.map_or(0, |at| at + 1)).map(|line| said(line, picture)).collect();
        self.seen = texts.back().cloned().or(self.seen.take());
        for said in &new {
            self.push(said.clone());
        }
        new
    }

    /// Takes something else. What happens again and again, as with a device that comes and goes, stands there once, and what
    /// happened last is the last.
    pub(super) fn push(&mut self, said: Said) {
        let is_again =
            |before: &Said| before.what == said.what && said.at_ms.saturating_sub(before.at_ms) < AGAIN_MS;
        let happens = matches!(said.what, What::Note(_) | What::Warning(_));
        let lately = self.entries.len().saturating_sub(LATELY);
        let before = self.entries.iter().skip(lately).position(is_again).filter(|_| happens);
        if let Some(before) = before {
            self.entries.remove(lately + before);
        }
        if self.entries.len() >= ENTRIES {
            self.entries.pop_front();
        }
        self.has_more |= self.back > 0;
        self.entries.push_back(said);
    }

    /// Forgets all of it.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.back = 0;
        self.has_more = false;
    }

    /// Looks further back, or further on.
    pub(super) fn scroll(&mut self, lines: isize) {
        self.back = self.back.saturating_add_signed(lines).min(self.hidden);
        self.has_more &= self.back > 0;
    }

    /// Looks at the end.
    pub(super) fn scroll_to_end(&mut self) {
        self.scroll(isize::MIN);
    }

    /// Draws the end of it, or what one has scrolled back to.
    pub(super) fn draw(&mut self, frame: &mut Frame<'_>, area: Rect, theme: Theme) {
        let (cells, rows) = (usize::from(area.width), usize::from(area.height));
        let mut lines: Vec<_> = self.entries.iter().flat_map(|said| drawn(said, cells, theme)).collect();
        self.hidden = lines.len().saturating_sub(rows);
        self.back = self.back.min(self.hidden);
        let end = lines.len() - self.back;
        lines.truncate(end);
        lines.drain(..end.saturating_sub(rows));
        // What there is stands at the bottom, where one types.
        let top = area.height - lines.len() as u16;
        let place = Rect { y: area.y + top, height: area.height - top, ..area };
        frame.render_widget(Paragraph::new(lines), place);
        if self.back > 0 && area.height > 0 {
            let words = if self.has_more { " ▼ new below " } else { " ▼ " };
            let wide = (width(words) as u16).min(area.width);
            let style = theme.accent().add_modifier(Modifier::REVERSED);
            let corner = Rect { x: area.right() - wide, y: area.bottom() - 1, width: wide, height: 1 };
            frame.render_widget(Span::styled(words, style), corner);
        }
    }
}

/// A text of the picture.
fn said(line: &talk::Line, picture: &Picture) -> Said {
    let name = plain(&line.name);
    let (who, private) = match line.to {
        To::Channel(_) => (name, false),
        To::Person(to) if line.own => {
            let to =
                picture.view.member(to).map_or_else(|| "somebody".to_owned(), |member| plain(&member.name));
            (format!("you → {to}"), true)
        }
        To::Person(_) => (format!("{name} → you"), true),
    };
    Said {
        at_ms: line.sent_ms,
        what: What::Text { who, own: line.own, private, text: printable(&line.text) },
    }
}

/// The time of day by the clock of this machine.
pub(super) fn time(at_ms: u64) -> String {
    local(Timestamp(at_ms)).split(' ').next_back().unwrap_or_default().to_owned()
}

fn drawn(said: &Said, cells: usize, theme: Theme) -> Vec<Line<'static>> {
    let clock = Span::styled(format!("{} ", time(said.at_ms)), theme.quiet());
    let quiet = |words: &str, style: Style| Span::styled(printable(words), style);
    let spans = match &said.what {
        What::Text { who, own, private, text } => {
            let name = if *own { theme.quiet().add_modifier(Modifier::BOLD) } else { theme.accent() };
            let name = if *private { name.add_modifier(Modifier::ITALIC) } else { name };
            vec![clock, Span::styled(format!("{who} "), name), Span::raw(text.clone())]
        }
        What::Note(words) => vec![clock, quiet(words, theme.quiet())],
        What::Warning(words) => vec![clock, quiet(words, theme.warn())],
        What::Answer(words) => vec![clock, quiet(words, Style::new())],
    };
    wrap(&spans, cells, 6)
}

/// The same as a line of text, for whoever hears it read.
pub(super) fn spoken(said: &Said) -> String {
    let time = time(said.at_ms);
    match &said.what {
        What::Text { who, private, text, .. } => {
            let private = if *private { " (private)" } else { "" };
            format!("{time} {}{private}: {text}", who.replace('→', "to"))
        }
        What::Note(words) | What::Warning(words) | What::Answer(words) => {
            format!("{time} {}", printable(words))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::id::{ChannelId, SessionId};

    fn line(sent_ms: u64, own: bool, to: To, text: &str) -> talk::Line {
        talk::Line {
            sent_ms,
            from: Some(SessionId(2)),
            name: "ben".to_owned(),
            own,
            to,
            text: text.to_owned(),
        }
    }

    #[test]
    fn each_text_is_taken_once() {
        let mut log = Log::default();
        let mut picture = Picture::default();
        let to = To::Channel(ChannelId(1));
        let mut texts = VecDeque::from([line(1, false, to, "one"), line(2, false, to, "two")]);
        picture.texts = Arc::new(texts.clone());
        assert_eq!(log.observe(&picture).len(), 2);
        assert_eq!(log.observe(&picture).len(), 0);
        texts.pop_front();
        texts.push_back(line(3, false, To::Person(SessionId(1)), "three\x1b[2J"));
        picture.texts = Arc::new(texts);
        let new = log.observe(&picture);
        let three = format!("{} ben to you (private): three\u{fffd}[2J", time(3));
        assert_eq!(new.iter().map(spoken).collect::<Vec<_>>(), [three]);
        assert_eq!(log.entries.len(), 3);
    }

    #[test]
    fn what_happens_again_and_again_stands_there_once() {
        let mut log = Log::default();
        let say = |log: &mut Log, at_ms: u64, what: What| {
            log.push(Said { at_ms, what });
            log.entries.len()
        };
        let (gone, back) = (What::Note("It is gone.".to_owned()), What::Note("It is back.".to_owned()));
        for at_ms in 0..20 {
            say(&mut log, at_ms, gone.clone());
            say(&mut log, at_ms, back.clone());
        }
        assert_eq!(say(&mut log, 20, gone.clone()), 2);
        assert_eq!(log.entries.back(), Some(&Said { at_ms: 20, what: gone.clone() }), "it is gone now");
        assert_eq!(say(&mut log, 20 + AGAIN_MS, gone), 3);
        // Who asks twice is answered twice.
        say(&mut log, AGAIN_MS, What::Answer("Yes.".to_owned()));
        assert_eq!(say(&mut log, AGAIN_MS, What::Answer("Yes.".to_owned())), 5);
    }

    #[test]
    fn the_oldest_go() {
        let mut log = Log::default();
        for at_ms in 0..2_000 {
            log.push(Said { at_ms, what: What::Answer(String::new()) });
        }
        assert_eq!((log.entries.len(), log.entries.front().map(|said| said.at_ms)), (ENTRIES, Some(1_000)));
        log.clear();
        assert!(log.entries.is_empty());
    }
}
