//! Text in cells of a terminal: how wide it is, where it is cut, how it is broken into lines.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::output::printable;

/// How many cells text takes.
pub(super) fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// What others wrote, as one line: nothing in it moves the cursor.
pub(super) fn plain(text: &str) -> String {
    printable(text).replace(['\n', '\t'], " ")
}

/// The characters that a person sees as one, each with the cells that it takes.
pub(super) fn characters(text: &str) -> Vec<(String, usize)> {
    let span = Span::raw(text);
    span.styled_graphemes(Style::new()).map(|one| (one.symbol.to_owned(), width(one.symbol))).collect()
}

/// The beginning of a text that fits in so many cells, with `…` where something is left out.
pub(super) fn cut(text: &str, cells: usize) -> String {
    if width(text) <= cells {
        return text.to_owned();
    }
    let (mut out, mut taken) = (String::new(), 0);
    for (one, wide) in characters(text) {
        if taken + wide + 1 > cells {
            break;
        }
        out.push_str(&one);
        taken += wide;
    }
    if cells > 0 {
        out.push('…');
    }
    out
}

/// Breaks styled text into lines of at most so many cells, at spaces where it can. Lines behind the first begin with
/// `indent` empty cells.
pub(super) fn wrap(spans: &[Span<'_>], cells: usize, indent: usize) -> Vec<Line<'static>> {
    let mut wrapped =
        Wrapped { lines: Vec::new(), line: Vec::new(), taken: 0, cells: cells.max(1), indent: 0 };
    let indent = if indent + 8 > cells { 0 } else { indent };
    for span in spans {
        for (number, part) in span.content.split('\n').enumerate() {
            if number > 0 {
                wrapped.end_line(indent);
            }
            for word in part.split_inclusive(' ') {
                wrapped.push(word, span.style, indent);
            }
        }
    }
    wrapped.end_line(indent);
    wrapped.lines
}

struct Wrapped {
    lines: Vec<Line<'static>>,
    line: Vec<Span<'static>>,
    taken: usize,
    cells: usize,
    /// The cells that the present line began with.
    indent: usize,
}

impl Wrapped {
    fn end_line(&mut self, indent: usize) {
        self.lines.push(Line::from(std::mem::take(&mut self.line)));
        self.line.extend((indent > 0).then(|| Span::raw(" ".repeat(indent))));
        (self.taken, self.indent) = (indent, indent);
    }

    fn push(&mut self, word: &str, style: Style, indent: usize) {
        let (whole, visible) = (width(word), width(word.trim_end_matches(' ')));
        if self.taken + visible > self.cells && self.taken > self.indent {
            self.end_line(indent);
        }
        if visible <= self.cells - self.taken.min(self.cells) {
            // A space that finds no room at the end of a line isn't seen.
            let shown = if self.taken + whole > self.cells { word.trim_end_matches(' ') } else { word };
            self.line.push(Span::styled(shown.to_owned(), style));
            self.taken += width(shown);
            return;
        }
        for (one, wide) in characters(word) {
            if self.taken + wide > self.cells && self.taken > self.indent {
                self.end_line(indent);
            }
            self.line.push(Span::styled(one, style));
            self.taken += wide;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(text: &str, cells: usize, indent: usize) -> Vec<String> {
        wrap(&[Span::raw(text)], cells, indent).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        assert_eq!(cut("General", 7), "General");
        assert_eq!(cut("General", 5), "Gene…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("abc", 0), "");
        assert_eq!(plain("a\nb\x1b[2J"), "a b\u{fffd}[2J");
    }

    #[test]
    fn lines_break_at_spaces_and_long_words_anywhere() {
        assert_eq!(wrapped("one two three", 8, 0), ["one two ", "three"]);
        assert_eq!(wrapped("one two three", 7, 0), ["one two", "three"]);
        assert_eq!(wrapped("a verylongwordindeed b", 16, 2), ["a ", "  verylongwordin", "  deed b"]);
        assert_eq!(wrapped("first\nsecond", 20, 4), ["first", "    second"]);
        assert_eq!(wrapped("abc", 1, 0), ["a", "b", "c"]);
        assert_eq!(wrapped("", 10, 0), [""]);
    }

    #[test]
    fn no_line_is_wider_than_it_may_be() {
        let text = "Wörter und 日本語 mixed-with-a-very-long-word 👩\u{200d}🚀 end";
        for cells in 2..40 {
            for line in wrap(&[Span::raw(text)], cells, 4) {
                assert!(line.width() <= cells, "{line} in {cells}");
            }
        }
    }
}
