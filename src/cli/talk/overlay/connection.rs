//! How good the connection is: charts of the last two minutes, and figures of those who are heard.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::super::meter::{Recent, chart, scale};
use super::super::shown::{SECONDS, Shown};
use super::super::text::plain;
use super::super::theme::Theme;
use super::frame::{named, open, padded};
use crate::talk::{Meters, Picture};

/// Draws it.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, shown: Shown<'_>) {
    let Shown { picture, meters, past, theme, .. } = shown;
    let size = (78, 17 + meters.voices.len().min(8) as u16);
    let inside =
        open(frame, area, "Connection", "/stats copies figures for a bug report · Esc closes", size, theme);
    let cells = usize::from(inside.width);
    let mut lines = vec![
        named("Server", vec![Span::raw(plain(&picture.server))], 9, theme),
        named("Voice", vec![Span::raw(bandwidth(picture, meters))], 9, theme),
    ];
    if let Some(loss) = picture.told_loss.filter(|loss| loss.percent > 0) {
        let words = format!(
            "those who hear you lose {} % of your voice; it is sent with more redundancy",
            loss.percent
        );
        lines.push(named("", vec![Span::styled(words, theme.warn())], 9, theme));
    }
    lines.push(Line::default());
    // As many rows for each of three charts as there are.
    let rest = usize::from(inside.height).saturating_sub(lines.len() + meters.voices.len().min(8) + 2);
    let rows = (rest / 3).clamp(1, 4);
    for (name, values, unit, least) in [
        ("Delay", &past.delay, "ms", 10.0),
        ("Buffer", &past.buffer, "ms", 50.0),
        ("Loss", &past.loss, "%", 5.0),
    ] {
        lines.extend(drawn(name, values, unit, least, (cells, rows), theme));
    }
    if !meters.voices.is_empty() {
        lines.push(Line::default());
        let head = format!(
            "{}  {:>8}  {:>8}  {:>7}  {:>8}",
            padded("Voice of", 20),
            "Buffer",
            "Wanted",
            "Loss",
            "Made up"
        );
        lines.push(Line::styled(head, theme.quiet()));
    }
    for voice in meters.voices.iter().take(8) {
        let name = picture
            .view
            .member(voice.session)
            .map_or_else(|| "somebody who left".to_owned(), |member| plain(&member.name));
        lines.push(Line::from(format!(
            "{}  {:>5} ms  {:>5} ms  {:>5.1} %  {:>6.1} %",
            padded(&name, 20),
            voice.delay.as_millis(),
            voice.target.as_millis(),
            voice.loss * 100.0,
            voice.concealed * 100.0
        )));
    }
    frame.render_widget(Paragraph::new(lines), inside);
}

/// What one sends and receives.
pub(in crate::cli::talk) fn bandwidth(picture: &Picture, meters: &Meters) -> String {
    let rate = |bits: u32| format!("{} kbit/s", bits.div_ceil(1_000));
    let quality = picture.settings.quality;
    format!(
        "quality {}, {}; now {} up, {} down",
        quality.name(),
        rate(picture.bitrate),
        rate(meters.sent_bits),
        rate(meters.received_bits)
    )
}

fn drawn(
    name: &str,
    values: &Recent,
    unit: &str,
    least: f32,
    size: (usize, usize),
    theme: Theme,
) -> Vec<Line<'static>> {
    let (cells, rows) = size;
    let most = scale(values.iter(), least);
    let last = values.last().map_or_else(|| "-".to_owned(), |last| format!("{last:.0} {unit}"));
    let (names, ends) = (9, 9);
    let room = cells.saturating_sub(names + ends + 3).min(SECONDS);
    let columns = chart(values.iter(), most, room, rows);
    let row = |(at, columns): (usize, String)| {
        let name = match at {
            0 => name.to_owned(),
            1 => last.clone(),
            _ => String::new(),
        };
        let end = match at {
            0 => format!(" {most:.0} {unit}"),
            _ if at + 1 == rows => " 0".to_owned(),
            _ => String::new(),
        };
        let name = if rows == 1 { format!("{name} {last}") } else { name };
        Line::from(vec![
            Span::styled(format!("{}  ", padded(&name, names)), theme.quiet()),
            Span::styled(columns, theme.talk()),
            Span::styled("│", theme.line()),
            Span::styled(end, theme.quiet()),
        ])
    };
    columns.into_iter().enumerate().map(row).collect()
}
