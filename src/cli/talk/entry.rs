//! The line in which one types: a text, a cursor, and what was entered before.

use std::collections::VecDeque;

use super::text::characters;

/// Lines that are remembered; then the oldest go.
const HISTORY: usize = 100;

/// Bytes of a line at most: what comes beyond isn't taken.
const LONGEST: usize = 4_096;

/// What is being typed. Its cursor stands between characters as people see them.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    /// What is before the cursor, and what is behind it.
    before: String,
    after: String,
    history: VecDeque<String>,
    /// Which line of the history is shown, counted from the latest, and what was typed before it was asked for.
    recalled: Option<(usize, String)>,
}

impl Entry {
    /// All of it.
    pub(super) fn text(&self) -> String {
        format!("{}{}", self.before, self.after)
    }

    /// What is before the cursor.
    pub(super) fn before(&self) -> &str {
        &self.before
    }

    pub(super) fn is_empty(&self) -> bool {
        self.before.is_empty() && self.after.is_empty()
    }

    /// Types text. Ends of lines and other characters that move cursors aren't taken.
    pub(super) fn insert(&mut self, text: &str) {
        for c in text.chars().map(|c| if matches!(c, '\n' | '\t') { ' ' } else { c }) {
            if !c.is_control() && self.before.len() + self.after.len() + c.len_utf8() <= LONGEST {
                self.before.push(c);
            }
        }
    }

    /// Puts something in place of what is before the cursor, from a byte on.
    pub(super) fn replace_from(&mut self, at: usize, text: &str) {
        if self.before.is_char_boundary(at) {
            self.before.truncate(at);
            self.insert(text);
        }
    }

    /// Puts something in place of it all.
    pub(super) fn set(&mut self, text: &str) {
        self.clear();
        self.insert(text);
    }

    pub(super) fn clear(&mut self) {
        self.before.clear();
        self.after.clear();
        self.recalled = None;
    }

    /// Takes the line, and remembers it.
    pub(super) fn take(&mut self) -> String {
        let text = self.text();
        self.clear();
        if !text.trim().is_empty() && self.history.back() != Some(&text) {
            if self.history.len() >= HISTORY {
                self.history.pop_front();
            }
            self.history.push_back(text.clone());
        }
        text
    }

    /// Takes the line, and doesn't remember it.
    pub(super) fn take_secret(&mut self) -> String {
        let text = self.text();
        self.clear();
        text
    }

    pub(super) fn left(&mut self) {
        if let Some(last) = last(&self.before) {
            self.after.insert_str(0, &last);
            self.before.truncate(self.before.len() - last.len());
        }
    }

    pub(super) fn right(&mut self) {
        if let Some(first) = first(&self.after) {
            self.before.push_str(&first);
            self.after.drain(..first.len());
        }
    }

    pub(super) fn home(&mut self) {
        self.after.insert_str(0, &self.before);
        self.before.clear();
    }

    pub(super) fn end(&mut self) {
        self.before.push_str(&self.after);
        self.after.clear();
    }

    pub(super) fn backspace(&mut self) {
        if let Some(last) = last(&self.before) {
            self.before.truncate(self.before.len() - last.len());
        }
    }

    pub(super) fn delete(&mut self) {
        if let Some(first) = first(&self.after) {
            self.after.drain(..first.len());
        }
    }

    /// Takes the word before the cursor away.
    pub(super) fn delete_word(&mut self) {
        let kept = self.before.trim_end();
        self.before.truncate(kept.rfind(' ').map_or(0, |at| at + 1));
    }

    /// Takes everything before the cursor away.
    pub(super) fn delete_before(&mut self) {
        self.before.clear();
    }

    /// Shows the line that was entered before this one.
    pub(super) fn earlier(&mut self) {
        let (at, typed) = match self.recalled.take() {
            Some((at, typed)) => (at + 1, typed),
            None => (0, self.text()),
        };
        self.recall(at.min(self.history.len().saturating_sub(1)), typed);
    }

    /// Shows the line that was entered after it; in the end what was being typed.
    pub(super) fn later(&mut self) {
        match self.recalled.take() {
            Some((0, typed)) => self.set(&typed),
            Some((at, typed)) => self.recall(at - 1, typed),
            None => (),
        }
    }

    fn recall(&mut self, at: usize, typed: String) {
        let line = self.history.iter().rev().nth(at).cloned();
        if let Some(line) = line {
            self.set(&line);
            self.recalled = Some((at, typed));
        }
    }

    /// What of it is seen in so many cells, and the cell of the cursor. It moves so that the cursor is seen.
    pub(super) fn window(&self, cells: usize) -> (String, usize) {
        let room = cells.saturating_sub(1);
        let mut shown = String::new();
        let mut taken = 0;
        let before = characters(&self.before);
        // As much before the cursor as fits; what is cut off at the left isn't marked, since the cursor says enough.
        let mut start = before.len();
        while let Some((_, wide)) = start.checked_sub(1).and_then(|at| before.get(at)) {
            if taken + wide > room {
                break;
            }
            taken += wide;
            start -= 1;
        }
        shown.extend(before.iter().skip(start).map(|(one, _)| one.as_str()));
        let cursor = taken;
        for (one, wide) in characters(&self.after) {
            if taken + wide > cells {
                break;
            }
            shown.push_str(&one);
            taken += wide;
        }
        (shown, cursor)
    }

    /// The same of something that nobody is to read.
    pub(super) fn hidden_window(&self, cells: usize) -> (String, usize) {
        let dots = |text: &str| "•".repeat(characters(text).len());
        let (before, after) = (dots(&self.before), dots(&self.after));
        let hidden = Self { before, after, ..Self::default() };
        hidden.window(cells)
    }
}

fn last(text: &str) -> Option<String> {
    characters(text).pop().map(|(one, _)| one)
}

fn first(text: &str) -> Option<String> {
    characters(text).into_iter().next().map(|(one, _)| one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_edited_by_characters_as_people_see_them() {
        let mut entry = Entry::default();
        entry.insert("Zoe\u{308} 👩\u{200d}🚀!\x1b\n");
        assert_eq!(entry.text(), "Zoe\u{308} 👩\u{200d}🚀! ");
        entry.backspace();
        entry.left();
        entry.backspace();
        assert_eq!(entry.text(), "Zoe\u{308} !");
        entry.left();
        entry.left();
        entry.delete();
        assert_eq!(entry.text(), "Zo !");
        entry.home();
        entry.delete();
        entry.end();
        entry.insert(" x");
        assert_eq!(entry.text(), "o ! x");
        entry.delete_word();
        assert_eq!(entry.text(), "o ! ");
        entry.delete_word();
        assert_eq!(entry.text(), "o ");
        entry.delete_before();
        assert!(entry.is_empty());
    }

    #[test]
    fn what_was_entered_comes_back() {
        let mut entry = Entry::default();
        for line in ["one", "two", "two", " "] {
            entry.insert(line);
            entry.take();
        }
        entry.insert("three");
        entry.earlier();
        assert_eq!(entry.text(), "two");
        entry.earlier();
        entry.earlier();
        assert_eq!(entry.text(), "one");
        entry.later();
        entry.later();
        assert_eq!(entry.text(), "three");
        entry.later();
        assert_eq!(entry.text(), "three");
        entry.set("secret");
        entry.take_secret();
        entry.earlier();
        assert_eq!(entry.text(), "two");
    }

    #[test]
    fn a_long_line_shows_where_the_cursor_is() {
        let mut entry = Entry::default();
        entry.insert("0123456789");
        assert_eq!(entry.window(5), ("6789".to_owned(), 4));
        entry.home();
        assert_eq!(entry.window(5), ("01234".to_owned(), 0));
        entry.end();
        assert_eq!(entry.hidden_window(4), ("•••".to_owned(), 3));
        entry.insert(&"x".repeat(2 * LONGEST));
        assert_eq!(entry.text().len(), LONGEST);
    }
}
