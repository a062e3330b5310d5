//! What people write for permissions, reaches, colours and rates, and how they are shown.

use std::time::Duration;

use crate::bounds::{check_bitrate, check_frame};
use crate::permission::{Permissions, Reach};

/// Permissions in words separated by commas; `create-channel` is `create channel`.
pub(super) fn permissions(text: &str) -> Result<Permissions, String> {
    text.replace('-', " ").parse().map_err(|error: crate::permission::UnknownPermission| error.to_string())
}

/// What help says of permissions.
pub(super) fn known_permissions() -> String {
    format!("Permissions: {}.", Permissions::ALL)
}

/// `both`, `this-channel` or `below`.
pub(super) fn reach(text: &str) -> Result<Reach, String> {
    match text {
        "both" => Ok(Reach::Both),
        "this-channel" => Ok(Reach::ThisChannel),
        "below" => Ok(Reach::Below),
        _ => Err("where it holds is one of: both, this-channel, below".to_owned()),
    }
}

/// `00aa55`, with or without `#`; `none` is 0.
pub(super) fn colour(text: &str) -> Result<u32, String> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    let number = u32::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 6);
    match (text, number) {
        ("none", _) => Ok(0),
        (_, Some(0)) => Err("black is how names without a colour look; take 000001, or `none`".to_owned()),
        (_, Some(number)) => Ok(number),
        (_, None) => Err("a colour is six hexadecimal digits, as in 00aa55, or `none`".to_owned()),
    }
}

/// Bits a second: `64k`, `64000`, 0 for any.
pub(super) fn bitrate(text: &str) -> Result<u32, String> {
    let (digits, unit) = text.strip_suffix(['k', 'K']).map_or((text, 1), |digits| (digits, 1_000));
    let rate = digits.parse().ok().and_then(|number: u32| number.checked_mul(unit));
    rate.and_then(|rate| check_bitrate(rate).ok())
        .ok_or_else(|| "a bitrate is 6k to 510k, as Opus has them, or 0 for any".to_owned())
}

/// A frame's length in milliseconds.
pub(super) fn frame(text: &str) -> Result<u32, String> {
    let length: u32 = text.trim_end_matches("ms").trim().parse().unwrap_or(u32::MAX);
    check_frame(length).map(u32::from).map_err(|error| error.to_string())
}

/// Permissions for people: an owner's are `everything`.
pub(super) fn all_of(permissions: Permissions) -> String {
    if permissions.contains(Permissions::ADMINISTER) {
        "everything".to_owned()
    } else {
        permissions.to_string()
    }
}

/// How long something took or takes, in its largest unit: 40s, 5m, 2h, 3d.
pub(super) fn roughly(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// `0:07`, `1:02:03`.
pub(super) fn clock(time: Duration) -> String {
    let (hours, minutes, seconds) = (time.as_secs() / 3_600, time.as_secs() / 60 % 60, time.as_secs() % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// What other people wrote, for a terminal: nothing in it moves the cursor or changes colours.
pub(super) fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || *c == '\n').collect()
}

/// Yes or no, as it is typed.
pub(super) fn yes_or_no(word: &str) -> Result<bool, String> {
    match word {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("say yes or no".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_read_or_refused() {
        assert_eq!(
            permissions("create-channel, speak"),
            Ok(Permissions::CREATE_CHANNEL.union(Permissions::SPEAK))
        );
        assert!(permissions("fly").unwrap_err().contains("mute others"));
        assert_eq!((reach("below"), reach("up").is_err()), (Ok(Reach::Below), true));
        assert_eq!((colour("#00aa55"), colour("00AA55"), colour("none")), (Ok(0xaa55), Ok(0xaa55), Ok(0)));
        assert!(colour("green").is_err() && colour("abc").is_err() && colour("000000").is_err());
        assert_eq!((bitrate("64k"), bitrate("64000"), bitrate("0")), (Ok(64_000), Ok(64_000), Ok(0)));
        assert!(bitrate("5k").is_err() && bitrate("9999999999k").is_err() && bitrate("k").is_err());
        assert_eq!((frame("20"), frame("60ms"), frame("25").is_err()), (Ok(20), Ok(60), true));
    }

    #[test]
    fn what_is_shown_is_short_and_harmless() {
        assert_eq!(roughly(Duration::from_secs(59)), "59s");
        assert_eq!(roughly(Duration::from_secs(7_300)), "2h");
        assert_eq!(clock(Duration::from_secs(3_723)), "1:02:03");
        assert_eq!(clock(Duration::from_secs(7)), "0:07");
        assert_eq!(printable("a\x1b[31mb\nc\u{9b}"), "a[31mb\nc");
        assert_eq!(all_of(Permissions::ALL), "everything");
    }
}
