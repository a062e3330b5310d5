//! What people write for permissions, reaches, colours and rates, and how they are shown.

use std::time::Duration;

use data_encoding::HEXLOWER;
use jiff::tz::TimeZone;

use crate::bounds::{check_bitrate, check_frame};
use crate::id::{Fingerprint, Timestamp};
use crate::permission::{Permissions, Reach};
use crate::protocol::wire::Member;

/// Who did nothing for so long is shown as idle.
const IDLE: Duration = Duration::from_secs(5 * 60);

/// Other words that people use for permissions.
const ALSO: &[(&str, &str)] = &[
    ("see", "view"),
    ("write", "text"),
    ("create channels", "create channel"),
    ("edit channels", "edit channel"),
    ("manage accounts", "manage users"),
    ("whisper and shout", "whisper"),
    ("manage the organization", "manage organization"),
    ("create temporary channels", "create temporary"),
    ("own the server", "administer"),
];

/// Permissions in words separated by commas; `create-channel` is `create channel`.
pub(super) fn permissions(text: &str) -> Result<Permissions, String> {
    let text = text.replace('-', " ").to_lowercase();
    let words = text
        .split(',')
        .map(str::trim)
        .map(|word| ALSO.iter().find(|(also, _)| *also == word).map_or(word, |(_, word)| *word));
    let words = words.collect::<Vec<_>>().join(",");
    words.parse().map_err(|error: crate::permission::UnknownPermission| error.to_string())
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

/// A time for people: by the clock of this machine, to the minute.
pub(super) fn local(time: Timestamp) -> String {
    in_zone(time, &TimeZone::system())
}

fn in_zone(time: Timestamp, zone: &TimeZone) -> String {
    let milliseconds = i64::try_from(time.0).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_millisecond(milliseconds).unwrap_or(jiff::Timestamp::MAX);
    time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
}

/// A time as people write it, by the clock of this machine: `2026-11-21 08:00`, `2026-11-21`; or as JSON has it.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    in_that_zone(text.trim(), &TimeZone::system())
        .ok_or_else(|| "a time is 2026-11-21 08:00, 2026-11-21 or 2026-11-21T08:00:00Z".to_owned())
}

fn in_that_zone(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    let time = text.parse::<jiff::civil::DateTime>().ok()?;
    let time = time.to_zoned(zone.clone()).ok()?.timestamp().as_millisecond();
    u64::try_from(time).ok().map(Timestamp)
}

/// A sentence of a server, which can't know the reader's clock, with its times by that.
pub(super) fn with_local_times(sentence: &str) -> String {
    let words = sentence.split_inclusive([' ', '\n']).map(|word| {
        let time = word.trim_end_matches([' ', '\n', '.', ',', ':', ';', ')']);
        in_local_time(time).map_or_else(|| word.to_owned(), |local| format!("{local}{}", &word[time.len()..]))
    });
    words.collect()
}

/// The same of a time as JSON has it ([`Timestamp`]); nothing where the text is none.
pub(super) fn in_local_time(text: &str) -> Option<String> {
    // Written by a person it may be shorter, and stays as it was written.
    let is_ours = (20..=24).contains(&text.len())
        && text.is_ascii()
        && text.as_bytes()[10] == b'T'
        && text.ends_with('Z');
    is_ours.then(|| text.parse().ok().map(local)).flatten()
}

/// A fingerprint as an argument of a command.
pub(super) fn digits(fingerprint: Fingerprint) -> String {
    HEXLOWER.encode(&fingerprint.0)
}

/// Yes or no, as it is typed.
pub(super) fn yes_or_no(word: &str) -> Result<bool, String> {
    match word {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("say yes or no".to_owned()),
    }
}

/// What is to be known of a member, in words.
pub(super) fn state(member: &Member) -> Vec<String> {
    let words = [
        (member.talking, "talking"),
        (member.muted, "muted by others"),
        (member.mute && !member.muted, "muted"),
        (member.deafened, "deafened by others"),
        (member.deaf && !member.deafened, "deaf"),
        (member.suppressed, "suppressed"),
        (member.priority, "priority"),
        (member.away, "away"),
    ];
    let mut said: Vec<_> = words.iter().filter(|(is, _)| *is).map(|(_, word)| (*word).to_owned()).collect();
    let idle = Duration::from_millis(member.idle_ms);
    if idle >= IDLE {
        said.push(format!("idle {}", roughly(idle)));
    }
    said
}

/// The same in brackets, behind a name.
pub(super) fn flags(member: &Member) -> String {
    let said = state(member);
    if said.is_empty() { String::new() } else { format!(" ({})", said.join(", ")) }
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
        assert_eq!(permissions("See, write"), Ok(Permissions::VIEW.union(Permissions::TEXT)));
        assert!(permissions("fly").unwrap_err().contains("mute others"));
        assert_eq!((reach("below"), reach("up").is_err()), (Ok(Reach::Below), true));
        assert_eq!((colour("#00aa55"), colour("00AA55"), colour("none")), (Ok(0xaa55), Ok(0xaa55), Ok(0)));
        assert!(colour("green").is_err() && colour("abc").is_err() && colour("000000").is_err());
        assert_eq!((bitrate("64k"), bitrate("64000"), bitrate("0")), (Ok(64_000), Ok(64_000), Ok(0)));
        assert!(bitrate("5k").is_err() && bitrate("9999999999k").is_err() && bitrate("k").is_err());
        assert_eq!((frame("20"), frame("60ms"), frame("25").is_err()), (Ok(20), Ok(60), true));
    }

    #[test]
    fn the_page_calls_permissions_as_commands_do() {
        let page = include_str!("../http/page/text.en.js");
        let capitalized = |word: &str| word[..1].to_uppercase() + &word[1..];
        for (_, word) in Permissions::NAMED {
            let key: String = word.split(' ').map(capitalized).collect();
            let entry = format!("  permission{key}: '{word}',");
            assert!(page.contains(&entry), "{entry}");
        }
        for (also, word) in ALSO {
            assert_eq!(permissions(also), permissions(word));
            assert!(permissions(also).is_ok());
        }
    }

    #[test]
    fn what_is_shown_is_short() {
        assert_eq!(roughly(Duration::from_secs(59)), "59s");
        assert_eq!(roughly(Duration::from_secs(7_300)), "2h");
        assert_eq!(clock(Duration::from_secs(3_723)), "1:02:03");
        assert_eq!(clock(Duration::from_secs(7)), "0:07");
        assert_eq!(all_of(Permissions::ALL), "everything");
    }

    #[test]
    fn times_are_local_and_to_the_minute() {
        let time = Timestamp(1_760_000_000_123);
        assert_eq!(in_zone(time, &TimeZone::UTC), "2025-10-09 08:53");
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        assert_eq!(in_zone(time, &zone), "2025-10-09 10:53");
        assert_eq!(in_zone(Timestamp(u64::MAX), &TimeZone::UTC).len(), 16);
        assert_eq!(in_local_time(&time.to_string()), Some(local(time)));
        assert_eq!(
            with_local_times(&format!("banned until {time}: be nice at {time}.\nBye")),
            format!("banned until {0}: be nice at {0}.\nBye", local(time))
        );
        for (text, read) in [
            ("2025-10-09 10:53", Some(1_759_999_980_000)),
            ("2025-10-09", Some(1_759_960_800_000)),
            ("2025-10-09T08:53:00Z", Some(1_759_999_980_000)),
            ("1960-01-01", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(in_that_zone(text, &zone), read.map(Timestamp), "{text}");
        }
        assert_eq!(in_local_time(&Timestamp(1_760_000_000_000).to_string()), Some(local(time)));
        for other in ["", "2025-10-09", "half past eight, said Zoë: Z", "xxxxxxxxxxTxxxxxxxxxZ"] {
            assert_eq!(in_local_time(other), None, "{other}");
        }
    }

    #[test]
    fn a_member_s_state_is_in_words() {
        let member = Member { mute: true, muted: true, deaf: true, idle_ms: 400_000, ..Member::default() };
        assert_eq!(state(&member), ["muted by others", "deaf", "idle 6m"]);
        assert_eq!(flags(&Member { idle_ms: 1_000, ..Member::default() }), "");
    }
}
