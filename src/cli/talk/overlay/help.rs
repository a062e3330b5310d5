//! Commands and keys.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::super::command::{COMMANDS, Command};
use super::super::keys::{TREE_KEYS, rows};
use super::super::text::{width, wrap};
use super::super::theme::Theme;
use super::frame::{open, padded};

/// Draws it, from a line on, and answers with how many lines there are beyond.
pub(super) fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    from: usize,
    has_releases: bool,
    theme: Theme,
) -> usize {
    let inside = open(frame, area, "Help", "↑ ↓ scroll · Esc closes", (92, area.height), theme);
    let lines = lines(usize::from(inside.width), has_releases, theme);
    let hidden = lines.len().saturating_sub(usize::from(inside.height));
    let shown: Vec<_> = lines.into_iter().skip(from.min(hidden)).collect();
    frame.render_widget(Paragraph::new(shown), inside);
    hidden
}

fn lines(cells: usize, has_releases: bool, theme: Theme) -> Vec<Line<'static>> {
    let keys = rows();
    let tree = TREE_KEYS.iter().map(|(key, about)| ((*key).to_owned(), *about));
    let widest =
        |names: &[(String, &'static str)]| names.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
    let mut lines = vec![Line::styled("Keys", theme.accent())];
    let talk = if has_releases {
        "Hold the key to talk; pushed twice quickly, it stays down."
    } else {
        "This terminal doesn't tell when a key comes up: a push begins, the next one ends. Or hold it."
    };
    lines.extend(wrap(&[Span::raw(talk)], cells, 0));
    lines.extend(table(&keys, widest(&keys), cells, theme));
    lines.extend([Line::default(), Line::styled("In the channels", theme.accent())]);
    let tree: Vec<_> = tree.collect();
    lines.extend(table(&tree, widest(&keys), cells, theme));
    lines.extend([Line::default(), Line::styled("Commands", theme.accent())]);
    let about = "What has no slash goes to the channel. The beginning of a name is enough; Tab completes.";
    lines.extend(wrap(&[Span::raw(about)], cells, 0));
    let commands: Vec<_> = COMMANDS.iter().map(|command| (usage(command), command.about)).collect();
    lines.extend(table(&commands, 34, cells, theme));
    lines
}

fn usage(command: &Command) -> String {
    let also: Vec<_> = command.also.iter().map(|name| format!("/{name}")).collect();
    if also.is_empty() { command.usage() } else { format!("{}  {}", command.usage(), also.join(" ")) }
}

/// Names and what they mean, beside each other where there is room, below each other where there is little.
fn table(rows: &[(String, &'static str)], names: usize, cells: usize, theme: Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for (name, about) in rows {
        let is_beside = cells >= names + 30;
        if is_beside && width(name) <= names {
            let name = Span::styled(format!("{}  ", padded(name, names)), theme.strong());
            lines.extend(wrap(&[name, Span::raw(*about)], cells, names + 2));
        } else {
            let indent = if is_beside { names + 2 } else { 2 };
            lines.extend(wrap(&[Span::styled(name.clone(), theme.strong())], cells, 2));
            let about = format!("{}{about}", " ".repeat(indent));
            lines.extend(wrap(&[Span::raw(about)], cells, indent));
        }
    }
    lines
}

/// What one command does, in lines of text.
pub(in crate::cli::talk) fn explain(command: &Command) -> String {
    format!("{}: {}", usage(command), command.about)
}
