//! What may be said of a channel or a role beside its name, how many there may be, and who may come in by themselves. Pure.

mod element;
mod flow;
mod flow_run;
mod hook;
mod limit;
mod plugin;

pub use element::*;
pub use flow::*;
pub use flow_run::*;
pub use hook::*;
pub use limit::*;
pub use plugin::*;

use thiserror::Error;

/// Rows of a list that is asked for, at most.
pub const LONGEST_PAGE: usize = 1_000;

/// Rows of a list where nothing is said.
const USUAL_PAGE: usize = 100;

/// Rows of a list at most, when so many are asked for; 0 stands for the usual number.
pub fn page(asked: u32) -> usize {
    if asked == 0 { USUAL_PAGE } else { (asked as usize).min(LONGEST_PAGE) }
}

/// Whether somebody who has `own` of them may have one more of what an organization has `all` of, `most` at most: they need to have fewer
/// than are left free, so that whoever comes next finds room, however many others have taken what they may.
pub fn has_share(own: usize, all: usize, most: usize) -> bool {
    own < most.saturating_sub(all)
}

/// Organizations of a server at most.
pub const MAX_ORGANIZATIONS: u64 = 1_000;

/// The highest number that an organization can have. Numbers aren't used again, and identifiers that begin with a higher one
/// don't fit into the whole numbers that JavaScript counts exactly (2^53).
pub const LAST_ORGANIZATION: u64 = 1 << 13;

/// Roles of an organization at most.
pub const MAX_ROLES: usize = 250;

/// Overwrites of a channel at most.
pub const MAX_OVERWRITES: usize = 250;

/// Channels that one channel is linked with at most.
pub const MAX_LINKS: usize = 32;

/// Temporary channels of one account at most; those of the guests count together.
pub const MAX_TEMPORARY_CHANNELS: usize = 16;

/// Milliseconds that a temporary channel stays while nobody is in it, at most: 30 days.
pub const MAX_TEMPORARY: u64 = 30 * DAY;

/// Milliseconds after which somebody counts as idle, at least and at most: a minute, 30 days.
pub const IDLE: std::ops::RangeInclusive<u64> = 60_000..=30 * DAY;

/// Milliseconds for which a grant, a key, an invite or a ban holds at most: ten years. What has no end holds for good.
pub const MAX_LIFE: u64 = 3_650 * DAY;

/// Roles that one invite gives at most: each is looked up by its name.
pub const MAX_INVITE_ROLES: usize = 32;

/// Calls of an organization's assistants that are kept; those that were refused, which take no other's place. At the bounds the oldest
/// [`ASSISTANT_CALLS_GOING`] go.
pub const MAX_ASSISTANT_CALLS: (u64, u64) = (10_000, 1_000);

/// Calls that make room at once for those that come: each time, all are looked at.
pub const ASSISTANT_CALLS_GOING: u64 = 100;

/// Bytes of a call's arguments that are kept.
pub const MAX_ASSISTANT_ARGUMENTS: usize = 2_048;

/// Accounts that one invite makes at most.
pub const MAX_INVITE_USES: u32 = 10_000;

/// Flows of a session that can be voice targets; 0 and 1 are its channel and the echo.
pub const TARGET_FLOWS: std::ops::RangeInclusive<u32> = 2..=31;

/// Targets of one flow at most.
pub const MAX_TARGETS: usize = 32;

/// Channels that one session listens to at most.
pub const MAX_LISTENING: usize = 32;

/// Channels that one session watches at most, whose people it is told of although it neither is there nor listens.
pub const MAX_WATCHED: usize = 256;

/// People of a channel who are listed at once at most.
pub const MAX_LISTED: usize = 200;

/// Sessions whose people's profiles are asked for together, at most: each is a row with a picture.
pub const MAX_PROFILES: usize = 32;

/// Accounts, channels or connected sessions that an organization can be allowed at most.
pub const MAX_ALLOWED: u32 = 10_000_000;

/// Log-ins that an account can be allowed to keep at most.
pub const MAX_LOG_INS: u32 = 10_000;

/// Days for which an audit trail can be kept at most: a hundred years.
pub const MAX_AUDIT_DAYS: u32 = 36_500;

/// Programs that an organization lets ask its people to be let act for them, at most.
pub const MAX_OAUTH_CLIENTS: usize = 100;

/// Addresses of one kind that such a program has at most.
pub const MAX_OAUTH_ADDRESSES: usize = 16;

/// Programs that somebody allows to act for them at most. At the bound the one goes that was used least recently.
pub const MAX_OAUTH_GRANTS: usize = 100;

/// How often one program has tokens for the same person at once. At the bound the oldest ones are good no more.
pub const MAX_OAUTH_FAMILIES: usize = 20;

/// Codes that programs haven't exchanged yet, of an organization. At the bound the oldest one goes.
pub const MAX_OAUTH_CODES: usize = 1_000;

/// Of those, one person's. At the bound their oldest one goes.
pub const MAX_OAUTH_CODES_OF_USER: usize = 10;

/// Devices that wait for somebody to type their code, of an organization.
pub const MAX_OAUTH_DEVICES: usize = 1_000;

/// Of those, one address's. At the bound its oldest one goes.
pub const MAX_OAUTH_DEVICES_OF_ADDRESS: usize = 10;

/// Other servers by which people log in, in the settings.
pub const MAX_PROVIDERS: usize = 16;

/// People who are away at one of them to log in there. At the bound the oldest one of the address that has most is forgotten.
pub const MAX_AWAY: usize = 1_000;

/// Of those, one address's. At the bound its oldest one is forgotten.
pub const MAX_AWAY_OF_ADDRESS: usize = 100;

/// What one of them is asked at once.
pub const MAX_PROVIDER_QUESTIONS: usize = 16;

/// Names of other people's servers that one [client](crate::dial::Client) looks up at once. The next one waits.
pub const MAX_LOOK_UPS: usize = 64;

/// Log-ins at other servers that lead to one account.
pub const MAX_LINKED_LOG_INS: usize = 16;

/// In milliseconds.
const DAY: u64 = 24 * 60 * 60 * 1_000;

/// Who may make an account for themselves; what admits more is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Nobody; administrators make accounts.
    Closed,
    /// Whoever was invited.
    Invite,
    /// Everybody.
    Open,
}

impl Registration {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Invite, Self::Open];

    /// Its word in the configuration, in commands and in what the page is told.
    pub fn word(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Invite => "invite",
            Self::Open => "open",
        }
    }

    /// Its number in rows.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The one of a number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.number() == number)
    }

    /// The one of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.word() == word)
    }
}

/// Who comes in without an administrator's doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryPolicy {
    /// Whether guests are let in.
    pub guests: bool,
    /// Who may make an account.
    pub registration: Registration,
}

impl EntryPolicy {
    /// Everybody.
    pub const ALL: Self = Self { guests: true, registration: Registration::Open };

    /// As much of this policy as another one allows.
    #[must_use]
    pub fn within(self, bound: Self) -> Self {
        Self { guests: self.guests && bound.guests, registration: self.registration.min(bound.registration) }
    }
}

impl Default for EntryPolicy {
    fn default() -> Self {
        Self::ALL
    }
}

/// Colours have 24 bits.
const COLOURS: u32 = 0xff_ff_ff;

/// Bits a second that Opus can be told to use (RFC 6716, section 2.1.1).
const BITRATES: std::ops::RangeInclusive<u32> = 6_000..=MAX_BITRATE as u32;

/// Characters that steer what shows a text rather than being shown: control characters, those that turn the direction of
/// writing (UAX 9), ends of lines and paragraphs of their own, annotations, and invisible tags. Joiners aren't among them,
/// since some scripts need them.
pub fn is_unprintable(c: char) -> bool {
    let is_bidi =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}');
    let is_other = matches!(c, '\u{2028}' | '\u{2029}' | '\u{fff9}'..='\u{fffb}' | '\u{e0001}');
    c.is_control() || is_bidi || is_other
}

/// Why something can't be said of a channel, a role or the like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OutOfBounds {
    /// A colour has more than 24 bits.
    #[error("a colour is 0xRRGGBB")]
    Colour,
    /// Opus has no such bitrate.
    #[error("voice takes 6000 to {MAX_BITRATE} bits a second, or 0 for any")]
    Bitrate,
    /// Nothing sends frames of that length.
    #[error("a frame is 10, 20, 40 or 60 ms long, or 0 for any")]
    Frame,
    /// More speakers than can be counted.
    #[error("0 to {MAX_LAST_SPEAKERS} speakers can be passed on at once")]
    Speakers,
    /// The description is too long.
    #[error("a description has at most {MAX_DESCRIPTION} bytes")]
    Description,
    /// The password is too long.
    #[error("a channel's password has at most {MAX_CHANNEL_PASSWORD} bytes")]
    Password,
    /// A temporary channel would stay for too long.
    #[error("a temporary channel stays empty for 30 days at most; make one that lasts")]
    Temporary,
    /// The limit of a channel is too high.
    #[error("a channel's limit is at most {MAX_USER_LIMIT}, or 0 for any number")]
    UserLimit,
    /// Nobody counts as idle after that time.
    #[error("somebody is idle after a minute at least, and 30 days at most")]
    Idle,
    /// Something would hold for too long.
    #[error("this holds for ten years at most; without an end it holds for good")]
    Life,
    /// An invite makes fewer accounts.
    #[error("an invite makes at most {MAX_INVITE_USES} accounts")]
    Uses,
    /// An invite names too many roles.
    #[error("an invite gives at most {MAX_INVITE_ROLES} roles")]
    Roles,
    /// An organization can't be allowed as much.
    #[error(
        "an organization has at most {MAX_ALLOWED} accounts, channels and sessions, {MAX_LOG_INS} log-ins of an \
         account, and keeps its audit trail for {MAX_AUDIT_DAYS} days at most"
    )]
    Allowed,
    /// A text has characters that aren't written but steer what shows it.
    #[error(
        "this has control characters, which nobody writes; leave them out (ends of lines and tabs are for longer texts only)"
    )]
    Control,
}

/// The colour of a role, as `0xRRGGBB`; 0 for none.
pub fn check_colour(colour: u32) -> Result<u32, OutOfBounds> {
    if colour <= COLOURS { Ok(colour) } else { Err(OutOfBounds::Colour) }
}

/// Bits a second of each speaker at most; 0 for any.
pub fn check_bitrate(bitrate: u32) -> Result<u32, OutOfBounds> {
    if bitrate == 0 || BITRATES.contains(&bitrate) { Ok(bitrate) } else { Err(OutOfBounds::Bitrate) }
}

/// Length of a frame of voice in milliseconds; 0 for any.
pub fn check_frame(length: u32) -> Result<u16, OutOfBounds> {
    if matches!(length, 0 | 10 | 20 | 40 | 60) { Ok(length as u16) } else { Err(OutOfBounds::Frame) }
}

/// How many speakers are passed on at once; 0 for all.
pub fn check_last_speakers(count: u32) -> Result<u16, OutOfBounds> {
    let count = u16::try_from(count).ok().filter(|count| usize::from(*count) <= MAX_LAST_SPEAKERS);
    count.ok_or(OutOfBounds::Speakers)
}

/// A text about a channel.
pub fn check_description(description: &str) -> Result<(), OutOfBounds> {
    if description.len() > MAX_DESCRIPTION {
        return Err(OutOfBounds::Description);
    }
    check_text(description)
}

/// A text of one line: it has no control character.
pub fn check_line(line: &str) -> Result<(), OutOfBounds> {
    if line.chars().any(char::is_control) { Err(OutOfBounds::Control) } else { Ok(()) }
}

/// A text of any number of lines: it has no control characters but ends of lines and tabs.
pub fn check_text(text: &str) -> Result<(), OutOfBounds> {
    let is_odd = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if text.chars().any(is_odd) { Err(OutOfBounds::Control) } else { Ok(()) }
}

/// What must be known to join a channel. Whoever makes it chooses how hard it is to guess.
pub fn check_channel_password(password: &str) -> Result<(), OutOfBounds> {
    if password.len() <= MAX_CHANNEL_PASSWORD { Ok(()) } else { Err(OutOfBounds::Password) }
}

/// Milliseconds after which a temporary channel goes that is empty.
pub fn check_temporary(milliseconds: u64) -> Result<u64, OutOfBounds> {
    if milliseconds <= MAX_TEMPORARY { Ok(milliseconds) } else { Err(OutOfBounds::Temporary) }
}

/// Sessions of a channel; 0 for any number.
pub fn check_user_limit(limit: u32) -> Result<u32, OutOfBounds> {
    if limit as usize <= MAX_USER_LIMIT { Ok(limit) } else { Err(OutOfBounds::UserLimit) }
}

/// Milliseconds after which somebody counts as idle.
pub fn check_idle(milliseconds: u64) -> Result<u64, OutOfBounds> {
    if IDLE.contains(&milliseconds) { Ok(milliseconds) } else { Err(OutOfBounds::Idle) }
}

/// Milliseconds for which something holds; 0 where nothing is said.
pub fn check_life(milliseconds: u64) -> Result<u64, OutOfBounds> {
    if milliseconds <= MAX_LIFE { Ok(milliseconds) } else { Err(OutOfBounds::Life) }
}

/// Accounts that an invite makes; 0 where nothing is said.
pub fn check_uses(uses: u32) -> Result<u32, OutOfBounds> {
    if uses <= MAX_INVITE_USES { Ok(uses) } else { Err(OutOfBounds::Uses) }
}

/// What an organization is allowed: accounts, channels and sessions, log-ins of an account, days of the audit trail.
pub fn check_allowed(counts: [u32; 3], log_ins: u32, audit_days: u32) -> Result<(), OutOfBounds> {
    let fits = counts.iter().all(|count| *count <= MAX_ALLOWED);
    if fits && log_ins <= MAX_LOG_INS && audit_days <= MAX_AUDIT_DAYS {
        Ok(())
    } else {
        Err(OutOfBounds::Allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_at_a_bound_fits_and_what_is_past_it_does_not() {
        assert_eq!(
            (check_colour(0xff_ff_ff), check_colour(1 << 24)),
            (Ok(0xff_ff_ff), Err(OutOfBounds::Colour))
        );
        for fits in [0, 6_000, 510_000] {
            assert_eq!(check_bitrate(fits), Ok(fits));
        }
        assert!([1, 5_999, 510_001].iter().all(|rate| check_bitrate(*rate).is_err()));
        for length in 0..100_u16 {
            let fits = [0, 10, 20, 40, 60].contains(&length);
            assert_eq!(check_frame(length.into()).ok(), fits.then_some(length));
        }
        assert!(check_frame(u32::MAX).is_err());
        assert_eq!((check_last_speakers(65_535), check_last_speakers(65_536).is_err()), (Ok(65_535), true));
        let text = |bytes| "x".repeat(bytes);
        assert!(check_description(&text(1024)).is_ok() && check_description(&text(1025)).is_err());
        assert!(check_channel_password(&text(128)).is_ok() && check_channel_password(&text(129)).is_err());
        assert!(check_temporary(2_592_000_000).is_ok() && check_temporary(2_592_000_001).is_err());
        assert!(check_user_limit(100_000).is_ok() && check_user_limit(100_001).is_err());
        assert!(check_idle(60_000).is_ok() && check_idle(2_592_000_000).is_ok());
        assert!(check_idle(59_999).is_err() && check_idle(2_592_000_001).is_err());
        assert!(check_life(315_360_000_000).is_ok() && check_life(315_360_000_001).is_err());
        assert!(check_uses(10_000).is_ok() && check_uses(10_001).is_err());
        let most = MAX_ALLOWED;
        assert!(check_allowed([most; 3], 10_000, 36_500).is_ok());
        for (counts, log_ins, days) in [([0, 0, most + 1], 0, 0), ([0; 3], 10_001, 0), ([0; 3], 0, 36_501)] {
            assert_eq!(check_allowed(counts, log_ins, days), Err(OutOfBounds::Allowed));
        }
    }

    #[test]
    fn control_characters_are_refused_and_ends_of_lines_are_for_texts() {
        for fits in ["", "Zoë\u{200d}", "\u{202e}"] {
            assert_eq!((check_line(fits), check_text(fits)), (Ok(()), Ok(())), "{fits:?}");
        }
        assert_eq!((check_line("a\nb"), check_text("a\n\tb")), (Err(OutOfBounds::Control), Ok(())));
        for odd in ["\x1b[2J", "\x07", "\0", "\r", "\u{7f}", "\u{9b}31m"] {
            assert_eq!(
                (check_line(odd), check_text(odd)),
                (Err(OutOfBounds::Control), Err(OutOfBounds::Control))
            );
            assert_eq!(check_description(odd), Err(OutOfBounds::Control));
        }
    }

    #[test]
    fn what_steers_a_terminal_is_told_from_what_is_written() {
        for c in ['\x1b', '\u{9b}', '\u{7f}', '\u{200f}', '\u{202e}', '\u{2066}', '\u{2028}', '\u{fff9}'] {
            assert!(is_unprintable(c), "{c:?}");
        }
        for c in ['a', ' ', 'ß', '\u{200c}', '\u{200d}', '\u{fe0f}', '👩', 'م'] {
            assert!(!is_unprintable(c), "{c:?}");
        }
    }

    #[test]
    fn a_policy_within_another_admits_what_both_admit() {
        for guests in [false, true] {
            for registration in Registration::ALL {
                let policy = EntryPolicy { guests, registration };
                assert_eq!(
                    (policy.within(EntryPolicy::ALL), EntryPolicy::ALL.within(policy)),
                    (policy, policy)
                );
                assert_eq!(Registration::from_word(registration.word()), Some(registration));
            }
        }
        let (strict, lax) = (
            EntryPolicy { guests: true, registration: Registration::Closed },
            EntryPolicy { guests: false, registration: Registration::Invite },
        );
        assert_eq!(strict.within(lax), EntryPolicy { guests: false, registration: Registration::Closed });
        assert_eq!(Registration::from_word("Open"), None);
    }
}
