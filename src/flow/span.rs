//! Lengths of time as people write them in a flow: `500ms`, `90s`, `1h30m`, `7d`.

use std::fmt::Write;

/// Milliseconds of a text; nothing for what is no length of time. Several parts are added: each is a whole number and one of `w`, `d`,
/// `h`, `m`, `s`, `ms`, from the largest to the smallest.
pub fn milliseconds(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    let mut total: u64 = 0;
    let mut last = u64::MAX;
    if rest.is_empty() || rest.len() > 64 {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = rest[digits..].trim_start();
        let letters = rest.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(rest.len());
        let (unit, after) = rest.split_at(letters);
        let unit = UNITS.iter().find(|(word, _)| *word == unit).map(|(_, unit)| *unit)?;
        if unit >= last {
            return None;
        }
        last = unit;
        total = total.checked_add(number.checked_mul(unit)?)?;
        rest = after.trim_start();
    }
    Some(total)
}

/// The text of so many milliseconds, as it is read.
pub fn text(milliseconds: u64) -> String {
    let mut rest = milliseconds;
    let mut text = String::new();
    for (word, unit) in UNITS {
        if rest >= unit {
            // Writing to a String can't fail.
            let _ = write!(text, "{}{word}", rest / unit);
            rest %= unit;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

const UNITS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_are_read_or_refused() {
        let good =
            [("90s", 90_000), ("1h30m", 5_400_000), (" 2d 3h ", 183_600_000), ("500ms", 500), ("0s", 0)];
        for (text, length) in good {
            assert_eq!(milliseconds(text), Some(length), "{text}");
        }
        for bad in
            ["", "7", "d", "-1d", "1y", "1.5h", "30m1h", "1h1h", "1H", "99999999999999999999w", "7ü", "1 "]
        {
            assert_eq!(milliseconds(bad), None, "{bad}");
        }
        assert_eq!(milliseconds("18446744073709551615w"), None);
    }

    proptest! {
        #[test]
        fn a_length_is_read_as_it_is_written(length: u64) {
            prop_assert_eq!(milliseconds(&text(length)), Some(length));
        }

        #[test]
        fn no_text_is_too_odd(text in ".{0,80}") {
            let _ = milliseconds(&text);
        }
    }
}
