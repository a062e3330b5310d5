//! What may be said of a channel or a role beside its name, how many there may be, and who may come in by themselves. Pure.

mod limit;

pub use limit::*;

use thiserror::Error;

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

/// Why something can't be said of a channel or a role.
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
    if description.len() <= MAX_DESCRIPTION { Ok(()) } else { Err(OutOfBounds::Description) }
}

/// What must be known to join a channel. Whoever makes it chooses how hard it is to guess.
pub fn check_channel_password(password: &str) -> Result<(), OutOfBounds> {
    if password.len() <= MAX_CHANNEL_PASSWORD { Ok(()) } else { Err(OutOfBounds::Password) }
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
