//! The servers that one keeps at hand.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::super::text::{cut, plain};
use super::super::theme::Theme;
use super::frame::{first, open, padded};
use crate::talk::Picture;

/// Draws it, and answers with where the rows are, and the first of them.
pub(super) fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    selected: usize,
    picture: &Picture,
    theme: Theme,
) -> (Rect, usize) {
    let bookmarks = &picture.bookmarks;
    let foot = "Enter goes there · Del removes · Esc closes";
    let size = (66, 3 + bookmarks.len().clamp(1, 15) as u16);
    let inside = open(frame, area, "Servers", foot, size, theme);
    let cells = usize::from(inside.width);
    let here =
        format!("Here: {} as {}. Keep it: /bookmark NAME", plain(&picture.server), plain(&picture.name));
    frame.render_widget(
        Line::styled(cut(&here, cells), theme.quiet()),
        Rect { height: 1.min(inside.height), ..inside },
    );
    let top = (inside.y + 2).min(inside.bottom());
    let rows = Rect { y: top, height: inside.bottom() - top, ..inside };
    if bookmarks.is_empty() {
        let words = Span::styled(cut("You keep no server at hand yet.", cells), theme.quiet());
        frame.render_widget(words, rows);
    }
    let from = first(selected, usize::from(rows.height));
    let names = 20.min(cells / 3);
    for ((number, bookmark), y) in bookmarks.iter().enumerate().skip(from).zip(rows.y..rows.bottom()) {
        let place = Rect { y, height: 1, ..rows };
        let address = cut(&plain(&bookmark.address), cells.saturating_sub(names + 2));
        let name = Span::styled(format!("{}  ", padded(&plain(&bookmark.name), names)), theme.strong());
        frame.render_widget(Line::from(vec![name, Span::styled(address, theme.quiet())]), place);
        if number == selected {
            frame.buffer_mut().set_style(place, theme.selected(true));
        }
    }
    (rows, from)
}
