//! Lengths of time as people write them: 90s, 30m, 12h, 7d, 4w.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

/// A length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span(pub(super) Duration);

/// Text that is no length of time.
#[derive(Debug, Error)]
#[error("a length of time is a number and s, m, h, d or w: 30m, 12h, 7d")]
pub(super) struct NoSpan;

impl Span {
    pub(super) fn milliseconds(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for Span {
    /// In the largest unit that says it whole.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let units = [(7 * 24 * 60 * 60, 'w'), (24 * 60 * 60, 'd'), (60 * 60, 'h'), (60, 'm')];
        let whole = units.iter().find(|(unit, _)| seconds > 0 && seconds.is_multiple_of(*unit));
        let (unit, letter) = whole.copied().unwrap_or((1, 's'));
        write!(f, "{}{letter}", seconds / unit)
    }
}

impl FromStr for Span {
    type Err = NoSpan;

    fn from_str(text: &str) -> Result<Self, NoSpan> {
        let text = text.trim();
        let unit = text.chars().last().ok_or(NoSpan)?;
        let seconds: u64 = match unit {
            's' => 1,
            'm' => 60,
            'h' => 60 * 60,
            'd' => 24 * 60 * 60,
            'w' => 7 * 24 * 60 * 60,
            _ => return Err(NoSpan),
        };
        let number: u64 = text[..text.len() - 1].trim().parse().map_err(|_| NoSpan)?;
        let total = number.checked_mul(seconds).filter(|total| (1..=u64::MAX / 1_000).contains(total));
        total.map(|total| Self(Duration::from_secs(total))).ok_or(NoSpan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_as_they_are_read() {
        for text in ["90s", "15m", "90m", "12h", "3d", "2w"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        assert_eq!(Span(Duration::ZERO).to_string(), "0s");
    }

    #[test]
    fn lengths_are_read_or_refused() {
        for (text, seconds) in
            [("90s", 90), ("30m", 1_800), ("12h", 43_200), ("7d", 604_800), (" 2w ", 1_209_600)]
        {
            assert_eq!(text.parse::<Span>().unwrap().0.as_secs(), seconds, "{text}");
        }
        for bad in ["", "7", "d", "0d", "-1d", "1y", "1.5h", "99999999999999999999w", "7ü"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }
}
