//! Levels and figures as bars and charts, made of characters.

use std::collections::VecDeque;

use ratatui::text::{Line, Span};

use super::theme::Theme;

/// What is quieter than this many dB below full scale counts as silence on a meter.
const QUIETEST: f32 = -60.0;

const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A level in dB below full scale as a share of a meter, 0 to 1.
pub(super) fn share(level: f32) -> f32 {
    if level.is_finite() { (1.0 - level / QUIETEST).clamp(0.0, 1.0) } else { 0.0 }
}

/// A horizontal bar of so many cells, with a mark where there is one; both as shares of it. What reaches the mark has the colour of
/// a voice.
pub(super) fn bar(share: f32, mark: Option<f32>, cells: usize, theme: Theme) -> Line<'static> {
    let full = (share.clamp(0.0, 1.0) * cells as f32).round() as usize;
    let marked =
        mark.map(|mark| ((mark.clamp(0.0, 1.0) * cells as f32) as usize).min(cells.saturating_sub(1)));
    let is_above = mark.is_none_or(|mark| share >= mark) && full > 0;
    let style = if is_above { theme.talk() } else { theme.quiet() };
    let cell = |at: usize| match (Some(at) == marked, at < full) {
        (true, _) => Span::styled("╂", theme.strong()),
        (false, true) => Span::styled("━", style),
        (false, false) => Span::styled("─", theme.line()),
    };
    (0..cells).map(cell).collect()
}

/// Columns that rise from the bottom, as many as fit in so many cells, the newest at the right.
pub(super) fn columns(values: impl Iterator<Item = f32>, most: f32, cells: usize) -> String {
    let values: Vec<_> = values.collect();
    let shown = values.iter().skip(values.len().saturating_sub(cells));
    let column = |value: &f32| {
        let share = if most > 0.0 && value.is_finite() { (value / most).clamp(0.0, 1.0) } else { 0.0 };
        EIGHTHS[((share * 8.0).ceil() as usize).min(8)]
    };
    let columns: String = shown.map(column).collect();
    let missing = cells.saturating_sub(columns.chars().count());
    " ".repeat(missing) + &columns
}

/// The same in several rows, the topmost first.
pub(super) fn chart(values: impl Iterator<Item = f32>, most: f32, cells: usize, rows: usize) -> Vec<String> {
    let values: Vec<_> = values.collect();
    let part = most / rows.max(1) as f32;
    let row = |row: usize| {
        let below = part * row as f32;
        columns(values.iter().map(|value| value - below), part, cells)
    };
    (0..rows).rev().map(row).collect()
}

/// A number that is a good end of a chart's scale: 1, 2 or 5 times a power of ten, and no less than `least`.
pub(super) fn scale(values: impl Iterator<Item = f32>, least: f32) -> f32 {
    let most = values.filter(|value| value.is_finite()).fold(least, f32::max);
    let mut power = 10_f32.powf(most.log10().floor());
    for factor in [1.0, 2.0, 5.0, 10.0] {
        if power * factor >= most {
            return power * factor;
        }
    }
    power *= 10.0;
    power
}

/// The last values of something, the newest last.
#[derive(Clone, Debug)]
pub(super) struct Recent {
    values: VecDeque<f32>,
    most: usize,
}

impl Recent {
    /// So many of them.
    pub(super) fn new(most: usize) -> Self {
        Self { values: VecDeque::new(), most }
    }

    pub(super) fn push(&mut self, value: f32) {
        if self.values.len() >= self.most {
            self.values.pop_front();
        }
        self.values.push_back(value);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = f32> + Clone + '_ {
        self.values.iter().copied()
    }

    /// The newest of them, or nothing.
    pub(super) fn last(&self) -> Option<f32> {
        self.values.back().copied()
    }
}

/// How a voice was of late: a wave of so many cells.
pub(super) fn wave(levels: &Recent, cells: usize) -> String {
    columns(levels.iter().map(share), 1.0, cells)
}

/// The level, in decibels, below which nobody hears anything: the rounding of a codec, say.
const INAUDIBLE: f32 = -90.0;

/// A level for people.
pub(super) fn decibels(level: f32) -> String {
    if level <= INAUDIBLE { "silent".to_owned() } else { format!("{level:.0} dB") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::talk::SILENCE;

    #[test]
    fn bars_are_as_long_as_what_they_show() {
        let shown = |share, mark| bar(share, mark, 8, Theme::Mono).to_string();
        assert_eq!(shown(0.5, None), "━━━━────");
        assert_eq!(shown(0.5, Some(0.75)), "━━━━──╂─");
        assert_eq!(shown(2.0, Some(1.0)), "━━━━━━━╂");
        assert_eq!(shown(f32::NAN, None), "────────");
        assert_eq!((share(0.0), share(-30.0), share(SILENCE), share(f32::NAN)), (1.0, 0.5, 0.0, 0.0));
    }

    #[test]
    fn charts_rise_from_the_bottom() {
        assert_eq!(columns([0.0, 1.0, 4.0, 8.0, 99.0].into_iter(), 8.0, 6), "  ▁▄██");
        assert_eq!(columns([1.0, 2.0, 3.0].into_iter(), 3.0, 2), "▆█");
        assert_eq!(chart([1.0, 2.0, 4.0].into_iter(), 4.0, 3, 2), ["  █", "▄██"]);
        assert!((scale([3.0, 12.0].into_iter(), 1.0) - 20.0).abs() < 1e-6);
        assert!((scale([f32::NAN].into_iter(), 50.0) - 50.0).abs() < 1e-6);
    }

    #[test]
    fn what_is_old_goes() {
        let mut recent = Recent::new(2);
        for value in [1.0, 2.0, 3.0] {
            recent.push(value);
        }
        assert_eq!(recent.iter().collect::<Vec<_>>(), [2.0, 3.0]);
        assert_eq!(recent.last(), Some(3.0));
    }
}
