//! The frame of what is laid over the screen, and rows in it.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Padding};

use super::super::text::{cut, width};
use super::super::theme::Theme;

/// Draws a frame in the middle of an area, as large as what is in it if that fits, and answers with its inside.
pub(super) fn open(
    frame: &mut Frame<'_>,
    area: Rect,
    title: &str,
    foot: &str,
    size: (u16, u16),
    theme: Theme,
) -> Rect {
    let (wide, high) = ((size.0 + 4).min(area.width), (size.1 + 2).min(area.height));
    let (x, y) = (area.x + (area.width - wide) / 2, area.y + (area.height - high) / 2);
    let place = Rect { x, y, width: wide, height: high };
    let room = usize::from(wide.saturating_sub(4));
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(theme.line())
        .title(Line::styled(format!(" {} ", cut(title, room)), theme.accent()))
        .title_bottom(Line::styled(format!(" {} ", cut(foot, room)), theme.quiet()))
        .padding(Padding::horizontal(1))
        .style(theme.bar());
    let inside = block.inner(place);
    frame.render_widget(Clear, place);
    frame.render_widget(block, place);
    inside
}

/// What is called so, and how it is.
pub(super) fn named(name: &str, value: Vec<Span<'static>>, names: usize, theme: Theme) -> Line<'static> {
    let mut spans = vec![Span::styled(format!("{}  ", padded(name, names)), theme.quiet())];
    spans.extend(value);
    Line::from(spans)
}

/// Text in exactly so many cells.
pub(super) fn padded(text: &str, cells: usize) -> String {
    let text = cut(text, cells);
    let missing = cells.saturating_sub(width(&text));
    text + &" ".repeat(missing)
}

/// The first of the rows that are shown, so that the selected one is among them.
pub(super) fn first(selected: usize, shown: usize) -> usize {
    (selected + 1).saturating_sub(shown)
}
