//! The screen of devices: settings, and meters that show what they do.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::super::meter::{bar, decibels, share};
use super::super::shown::Shown;
use super::super::text::{cut, plain, width};
use super::super::theme::Theme;
use super::frame::{first, named, open, padded};
use super::settings::{ROWS, Row};
use crate::talk::{Device, Echo, Meters, Mode, Picture};

/// Cells of the names.
const NAMES: usize = 27;

/// Draws it, and answers with where the rows are, and the first of them.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, selected: usize, shown: Shown<'_>) -> (Rect, usize) {
    let Shown { picture, meters, theme, .. } = shown;
    let foot = "↑ ↓ choose · ← → change · Esc closes";
    let inside = open(frame, area, "Devices", foot, (74, 6 + ROWS.len() as u16), theme);
    let cells = usize::from(inside.width);
    let names = NAMES.min(cells / 2);
    // In a low terminal the meters go first.
    let head = if inside.height >= 12 { head(picture, meters, cells, names, theme) } else { Vec::new() };
    for (line, y) in head.iter().zip(inside.y..inside.bottom()) {
        frame.render_widget(line, Rect { y, height: 1, ..inside });
    }
    let top = inside.y + head.len() as u16;
    let rows = Rect { y: top, height: inside.bottom().saturating_sub(top), ..inside };
    let from = first(selected, usize::from(rows.height));
    for ((number, row), y) in ROWS.iter().enumerate().skip(from).zip(rows.y..rows.bottom()) {
        let place = Rect { y, height: 1, ..rows };
        frame.render_widget(line(*row, number == selected, picture, cells, names, theme), place);
        if number == selected {
            frame.buffer_mut().set_style(place, theme.selected(true));
        }
    }
    (rows, from)
}

fn line(
    row: Row,
    is_selected: bool,
    picture: &Picture,
    cells: usize,
    names: usize,
    theme: Theme,
) -> Line<'static> {
    let value = plain(&row.value(picture));
    // In a narrow terminal a name has what the value leaves.
    let (names, gap) = if names < NAMES {
        (cells.saturating_sub(width(&value) + 4).clamp(cells / 3, NAMES), "")
    } else {
        (names, "  ")
    };
    let value = cut(&value, cells.saturating_sub(names + gap.len() + 4));
    let (left, right) = if is_selected { ("‹ ", " ›") } else { ("  ", "") };
    let name = if is_selected { theme.strong() } else { theme.quiet() };
    Line::from(vec![
        Span::styled(format!("{}{gap}", padded(row.name(), names)), name),
        Span::raw(left),
        Span::styled(value, theme.strong()),
        Span::raw(right),
    ])
}

fn head(picture: &Picture, meters: &Meters, cells: usize, names: usize, theme: Theme) -> Vec<Line<'static>> {
    let wide = cells.saturating_sub(names + 12);
    let with = |bar: Line<'static>, words: String| {
        let mut spans = bar.spans;
        spans.push(Span::styled(format!(" {words}"), theme.quiet()));
        spans
    };
    let level = with(bar(share(meters.microphone), None, wide, theme), decibels(meters.microphone));
    // What voice activation goes by. With a key it says nothing of when one is heard.
    let threshold = (picture.settings.mode == Mode::VoiceActivation).then_some(picture.settings.threshold);
    let speech = with(bar(meters.speech, threshold, wide, theme), format!("{:.0} %", meters.speech * 100.0));
    let heard = with(bar(share(meters.loudspeaker), None, wide, theme), decibels(meters.loudspeaker));
    let mut lines = vec![
        named("Your voice", level, names, theme),
        named("How surely it is speech", speech, names, theme),
        named("What you hear", heard, names, theme),
    ];
    let (state, style) = said(picture, meters, theme);
    lines.push(Line::styled(cut(&state, cells), style));
    lines.push(Line::default());
    lines
}

/// How it all is, in a sentence.
fn said(picture: &Picture, meters: &Meters, theme: Theme) -> (String, ratatui::style::Style) {
    let failing = [("microphone", &picture.microphone), ("loudspeaker", &picture.loudspeaker)];
    for (what, device) in failing {
        if let Device::Failing(why) = device {
            return (format!("The {what} doesn't work: {}", plain(why)), theme.warn());
        }
    }
    let words = match (&picture.microphone, picture.echo_test, meters.sending) {
        (_, true, _) => "Say something: you hear yourself by way of the server, nobody else does.",
        (Device::Closed, ..) => "The microphone is closed while you are deaf, away or not connected.",
        (_, _, true) => "You are heard.",
        _ if meters.echo_found && picture.settings.echo == Echo::Off => {
            "Your loudspeaker is heard in your microphone; cancel echo, or wear a headset."
        }
        _ => "You aren't heard now.",
    };
    let style = if meters.sending { theme.talk() } else { theme.quiet() };
    (words.to_owned(), style)
}
