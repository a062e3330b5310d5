//! Newtypes for every identifier, so that a channel can't be passed where a user is meant.
//!
//! Stored identifiers are `u64` counters, dense and in order of creation (narrow keys page best);
//! zero is never given out. [`Ssrc`] is the one identifier that another document defines.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use data_encoding::HEXLOWER_PERMISSIVE;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<$inner> for $name {
            fn from(value: $inner) -> Self {
                Self(value)
            }
        }

        impl From<$name> for $inner {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        impl From<&$name> for $inner {
            fn from(value: &$name) -> Self {
                value.0
            }
        }
    };
}

id! {
    /// A tenant: one virtual server with its own users, channels and roles.
    OrganizationId(u64)
}
id! {
    /// An account.
    UserId(u64)
}
id! {
    /// A node of the channel tree. Unique in the whole server, not only in its organization.
    ChannelId(u64)
}
id! {
    /// A named set of permissions that users are granted.
    RoleId(u64)
}
id! {
    /// A log-in of a user on one device. It outlives connections: a client that reconnects with
    /// its token is the same session.
    SessionId(u64)
}
id! {
    /// A one-time token: an invite, a password reset, a claim.
    OneTimeTokenId(u64)
}
id! {
    /// A key with which a program acts for its owner.
    ApiKeyId(u64)
}
id! {
    /// A program of another's that asks people to be let act for them (RFC 6749, section 1.1: the client).
    OAuthClientId(u64)
}
id! {
    /// What a program was given at once for a person: an access token, and the refresh tokens that follow each other.
    OAuthFamilyId(u64)
}
id! {
    /// An address to which somebody is sent what happens (a webhook), counted for each account from 1.
    HookId(u64)
}
id! {
    /// A flow: what is done by itself for somebody, counted for each account from 1.
    FlowNumber(u64)
}
id! {
    /// A run of a flow, counted for each account from 1.
    FlowRunId(u64)
}
id! {
    /// A plugin, counted for each organization from 1.
    PluginId(u64)
}
id! {
    /// A ban of a user, an address range or a certificate.
    BanId(u64)
}
id! {
    /// A run of maintenance: a backup, a sweep, a migration.
    JobId(u64)
}
id! {
    /// What was said in a channel from when somebody began to record it. Unique in the whole server.
    RecordingId(u64)
}
id! {
    /// A request, counted per connection by the server; only for logs.
    RequestId(u64)
}
id! {
    /// The place of a change in a session's event stream, from 1; the snapshot is 0.
    EventNumber(u64)
}
id! {
    /// Synchronization source (RFC 3550, section 3): whose voice an RTP packet carries. The server
    /// chooses one for each connected session, and drops packets that name another's.
    Ssrc(u32)
}
id! {
    /// The flow identifier that begins each voice datagram (draft-ietf-avtcore-rtp-over-quic,
    /// section 5.1). Flow 0 speaks to the current channel. A QUIC variable-length integer, so at
    /// most 2^62 - 1.
    FlowId(u64)
}

/// What programs keep elements on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ElementPlace {
    /// A channel.
    Channel(ChannelId),
    /// An account.
    User(UserId),
    /// A recording.
    Recording(RecordingId),
}

/// Bits of an identifier that count within its organization: a million million of each kind.
const COUNTED: u32 = 40;

impl OrganizationId {
    /// The organization that whoever names none means. It is made with the database.
    pub const FIRST: Self = Self(1);

    /// The identifiers that its users, roles, channels, tokens, keys and bans can have. They begin with its number.
    pub fn identifiers(self) -> RangeInclusive<u64> {
        let first = self.0.saturating_sub(1) << COUNTED;
        first..=first | ((1 << COUNTED) - 1)
    }

    /// The organization to which the user, role, channel, token, key or ban of this identifier belongs.
    pub fn of(identifier: u64) -> Self {
        Self((identifier >> COUNTED) + 1)
    }

    /// Whether an identifier is of something of this organization.
    pub fn has(self, identifier: impl Into<u64>) -> bool {
        Self::of(identifier.into()) == self
    }

    /// The role of this organization that is `role` in the first one.
    pub fn role(self, role: RoleId) -> RoleId {
        RoleId(self.identifiers().start() + role.0)
    }
}

impl FlowId {
    /// The flow that speaks to the session's current channel.
    pub const CHANNEL: Self = Self(0);

    /// The flow that comes back to whoever sends on it.
    pub const ECHO: Self = Self(1);
}

/// A time, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// This long after; the end of time at most.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// How long after `earlier` this is; zero when it isn't.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// A moment by both clocks: what is kept and told goes by wall time, which may be set at any moment, and durations by
/// monotonic time, which only goes on. Monotonic times are of one process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// What people call the time.
    pub wall: Timestamp,
    /// Since the clock was made.
    pub monotonic: Duration,
}

impl From<u64> for Timestamp {
    fn from(milliseconds: u64) -> Self {
        Self(milliseconds)
    }
}

impl From<&Timestamp> for u64 {
    fn from(time: &Timestamp) -> Self {
        time.0
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC; a time past the year 9999 is the end of that year.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = i64::try_from(self.0).unwrap_or(i64::MAX);
        jiff::Timestamp::from_millisecond(milliseconds).unwrap_or(jiff::Timestamp::MAX).fmt(f)
    }
}

impl FromStr for Timestamp {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let time: jiff::Timestamp = text.parse()?;
        Ok(Self(u64::try_from(time.as_millisecond()).unwrap_or(0)))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// SHA-256 of the server's identity certificate in DER; what clients pin.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Reads what [`fmt::Display`] writes: 64 hexadecimal digits, with or without colons, in either case.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: Vec<u8> = text.bytes().filter(|b| *b != b':').collect();
        HEXLOWER_PERMISSIVE.decode(&digits).ok()?.try_into().ok().map(Self)
    }
}

impl From<[u8; 32]> for Fingerprint {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl From<&Fingerprint> for [u8; 32] {
    fn from(fingerprint: &Fingerprint) -> Self {
        fingerprint.0
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a SHA-256 fingerprint"))
    }
}

impl fmt::Display for Fingerprint {
    /// Upper-case hexadecimal with a colon between bytes, as `openssl x509 -fingerprint` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(":")?;
            }
            write!(f, "{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// What acts for an account that doesn't do something itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// One of its API keys.
    Key(ApiKeyId),
    /// An access token of one of its sessions, by which the person themselves asks without being connected.
    Session(SessionId),
    /// A program of others that it allowed to act for it.
    Program {
        /// Which.
        client: OAuthClientId,
        /// What it was given at once, of which an access token was shown.
        family: OAuthFamilyId,
    },
    /// An invite that it made, which lets somebody in.
    Invite(OneTimeTokenId),
    /// A webhook of its own, by which it is told what happens.
    Hook(HookId),
    /// A flow of its own.
    Flow {
        /// Which.
        flow: FlowNumber,
        /// In which run of it.
        run: FlowRunId,
        /// The number of what is done among what that run does, from 1; 0 for a look at what it may do.
        step: u32,
    },
    /// A plugin, which does what the server lets it.
    Plugin(PluginId),
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(f, "key {key}"),
            Self::Session(session) => write!(f, "session {session}"),
            Self::Program { client, .. } => write!(f, "program {client}"),
            Self::Invite(invite) => write!(f, "invite {invite}"),
            Self::Hook(hook) => write!(f, "webhook {hook}"),
            Self::Flow { flow, run, step } => write!(f, "flow {flow}, run {run}, step {step}"),
            Self::Plugin(plugin) => write!(f, "plugin {plugin}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_people_read_them() {
        let time = Timestamp(1_760_000_000_123);
        assert_eq!(time.to_string(), "2025-10-09T08:53:20.123Z");
        assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
        assert!("yesterday".parse::<Timestamp>().is_err());
        assert!(!Timestamp(u64::MAX).to_string().is_empty());
    }

    #[test]
    fn fingerprint_reads_back_what_it_writes() {
        let fingerprint = Fingerprint(std::array::from_fn(|i| i as u8 * 7));
        assert_eq!(Fingerprint::parse(&fingerprint.to_string()), Some(fingerprint));
        assert_eq!(Fingerprint::parse(&fingerprint.to_string().to_lowercase()), Some(fingerprint));
        assert_eq!(Fingerprint::parse("AB:CD"), None);
        assert_eq!(Fingerprint::parse(&"zz".repeat(32)), None);
    }
}
