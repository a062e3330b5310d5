//! What lets people and programs in, and what keeps them out.

use std::net::IpAddr;

use rkyv::with::Map;
use rkyv::{Archive, Deserialize, Serialize};

use super::declare::stored;
use super::layout::As;
use crate::auth::TokenHash;
use crate::id::{
    ApiKeyId, BanId, ChannelId, Fingerprint, OAuthClientId, OneTimeTokenId, OrganizationId, RoleId,
    SessionId, Timestamp, UserId,
};
use crate::permission::Permissions;
use crate::store::index::IndexKey;
use crate::store::row::first_eight;

/// A log-in of a user on one device, good for coming back without a password.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct Session {
    /// Its identifier.
    #[rkyv(with = As<u64>)]
    pub id: SessionId,
    /// Whose.
    #[rkyv(with = As<u64>)]
    pub user: UserId,
    /// Hash of the token that the device keeps.
    #[rkyv(with = As<[u8; 32]>)]
    pub token: TokenHash,
    /// When it was created.
    #[rkyv(with = As<u64>)]
    pub created: Timestamp,
    /// When it stops being good.
    #[rkyv(with = As<u64>)]
    pub expires: Timestamp,
    /// What the user calls the device.
    pub device: String,
    /// Where it logged in from.
    pub address: Option<IpAddr>,
}

stored! {
    Session, 2, "Session/2(id, user, token, created, expires, device, address)";
    key: u64 = |s| first_eight(&s.token.0);
    of: Nothing, |s| (OrganizationId::of(s.user.0), s.id.0);
    audit: Session, ["token"];
}

/// What a one-time token is for. Numbers are stored: never reused.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    Archive,
    Serialize,
    Deserialize,
    serde::Serialize,
    serde::Deserialize,
)]
#[repr(u8)]
pub enum Purpose {
    /// Become the first administrator.
    Claim = 1,
    /// Prove that an address is one's own.
    EmailVerification = 2,
    /// Choose another password.
    PasswordReset = 3,
    /// Make an account.
    Invite = 4,
}

/// A secret that works once, or as often as it says.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct OneTimeToken {
    /// Its identifier.
    #[rkyv(with = As<u64>)]
    pub id: OneTimeTokenId,
    /// Where it is good.
    #[rkyv(with = As<u64>)]
    pub organization: OrganizationId,
    /// What for.
    pub purpose: Purpose,
    /// Hash of the secret.
    #[rkyv(with = As<[u8; 32]>)]
    pub hash: TokenHash,
    /// For whom, where it is for one person. Of an invite, who made it; nobody for the machine's owner.
    #[rkyv(with = Map<As<u64>>)]
    pub user: Option<UserId>,
    /// How often it still works; 1 and more.
    pub uses: u32,
    /// When it was made.
    #[rkyv(with = As<u64>)]
    pub created: Timestamp,
    /// When it stops being good.
    #[rkyv(with = As<u64>)]
    pub expires: Timestamp,
    /// The address that a verification proves.
    pub email: Option<String>,
    /// Where an invite leads.
    #[rkyv(with = Map<As<u64>>)]
    pub channel: Option<ChannelId>,
    /// What an invite grants.
    #[rkyv(with = Map<As<u64>>)]
    pub roles: Vec<RoleId>,
}

impl OneTimeToken {
    /// Whether it is good at a time, as far as that goes. One that is sent or handed over, and is good for minutes, was made no
    /// further ahead than that: where the clock was set back by more, it would be good for as long as that.
    pub fn is_good(&self, now: Timestamp) -> bool {
        let is_brief = matches!(self.purpose, Purpose::PasswordReset | Purpose::EmailVerification);
        let is_ahead = self.created.since(now) > self.expires.since(self.created);
        now < self.expires && !(is_brief && is_ahead)
    }
}

stored! {
    OneTimeToken, 1, "OneTimeToken/1(id, organization, purpose, hash, user, uses, created, expires, email, channel, roles)";
    key: u64 = |t| t.id.0;
    of: Identified, |t| (t.organization, t.id.0);
    audit: Token, ["hash"];
    index: |t| vec![IndexKey::token(&t.hash.0)];
}

/// An invite that a key or a program made for its owner, and by which: it ends with that.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct InviteWay {
    /// Who made it.
    #[rkyv(with = As<u64>)]
    pub user: UserId,
    /// The invite, which may be used up.
    #[rkyv(with = As<u64>)]
    pub invite: OneTimeTokenId,
    /// The API key that did it for them.
    #[rkyv(with = Map<As<u64>>)]
    pub key: Option<ApiKeyId>,
    /// The program that did.
    #[rkyv(with = Map<As<u64>>)]
    pub client: Option<OAuthClientId>,
}

stored! {
    InviteWay, 1, "InviteWay/1(user, invite, key, client)";
    key: (u64, u64) = |w| (w.user.0, w.invite.0);
    of: User, |w| (OrganizationId::of(w.user.0), w.user.0);
}

/// The right to become the first administrator: a [`OneTimeToken`] as its maker sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Hash of the code.
    pub hash: TokenHash,
    /// When it stops being good.
    pub expires: Timestamp,
}

/// A key with which a program acts for its owner.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct ApiKey {
    /// Its identifier.
    #[rkyv(with = As<u64>)]
    pub id: ApiKeyId,
    /// Its owner.
    #[rkyv(with = As<u64>)]
    pub user: UserId,
    /// The part of it that may be shown.
    pub prefix: String,
    /// Hash of the whole.
    #[rkyv(with = As<[u8; 32]>)]
    pub hash: TokenHash,
    /// What it is for, in the owner's words.
    pub name: String,
    /// What it may do at most.
    #[rkyv(with = As<u64>)]
    pub scopes: Permissions,
    /// When it was made.
    #[rkyv(with = As<u64>)]
    pub created: Timestamp,
    /// When it stops being good; `None` for never.
    #[rkyv(with = Map<As<u64>>)]
    pub expires: Option<Timestamp>,
}

stored! {
    ApiKey, 1, "ApiKey/1(id, user, prefix, hash, name, scopes, created, expires)";
    key: u64 = |k| k.id.0;
    of: Identified, |k| (OrganizationId::of(k.user.0), k.id.0);
    audit: ApiKey, ["hash"];
    index: |k| vec![IndexKey::key_prefix(&k.prefix)];
}

/// Whom a ban keeps out.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub enum BanSubject {
    /// An account.
    User(#[rkyv(with = As<u64>)] UserId),
    /// Addresses that begin with the same bits.
    Address {
        /// The first of them.
        network: IpAddr,
        /// How many bits: 0 to 32 for IPv4, to 128 for IPv6.
        prefix: u8,
    },
    /// A device by its certificate.
    Certificate(#[rkyv(with = As<[u8; 32]>)] Fingerprint),
}

impl BanSubject {
    /// Whether an address is in the range. An IPv4 address inside an IPv6 one counts as IPv4.
    pub fn covers(&self, address: IpAddr) -> bool {
        let Self::Address { network, prefix } = *self else { return false };
        match (network.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }
}

/// Somebody is kept out.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct Ban {
    /// Its identifier.
    #[rkyv(with = As<u64>)]
    pub id: BanId,
    /// Out of where.
    #[rkyv(with = As<u64>)]
    pub organization: OrganizationId,
    /// Who.
    pub subject: BanSubject,
    /// Why, for people.
    pub reason: String,
    /// Since when.
    #[rkyv(with = As<u64>)]
    pub created: Timestamp,
    /// Until when; `None` for good.
    #[rkyv(with = Map<As<u64>>)]
    pub until: Option<Timestamp>,
}

stored! {
    Ban, 1, "Ban/1(id, organization, subject, reason, created, until)";
    key: u64 = |b| b.id.0;
    of: Identified, |b| (b.organization, b.id.0);
    audit: Ban;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::golden_tests::golden;

    #[test]
    fn the_bytes_of_what_made_an_invite_are_these() {
        golden(
            &InviteWay { user: UserId(5), invite: OneTimeTokenId(9), key: Some(ApiKeyId(7)), client: None },
            "019014190d05000000000000000900000000000000010700000000000000000000000000000000",
        );
    }

    #[test]
    fn a_range_of_addresses_covers_what_begins_alike() {
        let ban = |network: &str, prefix| BanSubject::Address { network: network.parse().unwrap(), prefix };
        let covers = |ban: BanSubject, address: &str| ban.covers(address.parse().unwrap());
        assert!(covers(ban("192.0.2.0", 24), "192.0.2.77"));
        assert!(covers(ban("192.0.2.0", 24), "::ffff:192.0.2.77"));
        assert!(!covers(ban("192.0.2.0", 24), "192.0.3.1"));
        assert!(covers(ban("2001:db8::", 32), "2001:db8:1::1"));
        assert!(!covers(ban("2001:db8::", 32), "192.0.2.1"));
        assert!(covers(ban("0.0.0.0", 0), "203.0.113.9"));
        assert!(covers(ban("192.0.2.1", 200), "192.0.2.1"));
    }
}
