//! What proves a person beside the password: devices that stay logged in, their keys, second factors; and the mail
//! that waits to be sent.

use std::net::IpAddr;

use rkyv::with::Map;
use rkyv::{Archive, Deserialize, Serialize};

use super::declare::stored;
use super::layout::As;
use super::ledger::SERVER;
use crate::auth::TokenHash;
use crate::id::{Fingerprint, OrganizationId, SessionId, Timestamp, UserId};
use crate::store::index::{IndexKey, hash_of};
use crate::store::row::first_eight;

/// What is known of the device of a session, and of the succession of its tokens.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct Device {
    /// Whose.
    #[rkyv(with = As<u64>)]
    pub user: UserId,
    /// The session.
    #[rkyv(with = As<u64>)]
    pub session: SessionId,
    /// Name and version of its program.
    pub client: String,
    /// Where it was used last.
    pub address: Option<IpAddr>,
    /// When its token was exchanged last.
    #[rkyv(with = As<u64>)]
    pub exchanged: Timestamp,
    /// SHA-256 of the public key by which it logs in, if it has one.
    #[rkyv(with = Map<As<[u8; 32]>>)]
    pub key: Option<Fingerprint>,
}

stored! {
    Device, 1, "Device/1(user, session, client, address, exchanged, key)";
    key: (u64, u64) = |d| (d.user.0, d.session.0);
    of: User, |d| (OrganizationId::of(d.user.0), d.session.0);
    audit: Session;
}

/// A device's own key, by which it logs in without a password.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct DeviceKey {
    /// Whose.
    #[rkyv(with = As<u64>)]
    pub user: UserId,
    /// SHA-256 of the public key.
    #[rkyv(with = As<[u8; 32]>)]
    pub fingerprint: Fingerprint,
    /// The public key: Ed25519 (RFC 8032).
    pub public: [u8; 32],
    /// What the user calls the device.
    pub name: String,
    /// When it was registered.
    #[rkyv(with = As<u64>)]
    pub created: Timestamp,
    /// Where from.
    pub address: Option<IpAddr>,
    /// The session that it logged in to last.
    #[rkyv(with = Map<As<u64>>)]
    pub session: Option<SessionId>,
}

stored! {
    DeviceKey, 1, "DeviceKey/1(user, fingerprint, public, name, created, address, session)";
    key: (u64, u64) = |k| (k.user.0, first_eight(&k.fingerprint.0));
    of: User, |k| (OrganizationId::of(k.user.0), k.user.0);
    audit: DeviceKey;
}

/// A log-in at another server that leads to an account here (OpenID Connect Core 1.0, section 2).
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct LinkedLogIn {
    /// Whose.
    #[rkyv(with = As<u64>)]
    pub user: UserId,
    /// The other server, as its tokens name it.
    pub issuer: String,
    /// Who they are there. Nothing else says it: names and e-mail addresses change hands.
    pub subject: String,
    /// What they were called there when it was linked.
    pub name: String,
    /// When it was linked.
    #[rkyv(with = As<u64>)]
    pub created: Timestamp,
    /// When somebody last came by it.
    #[rkyv(with = As<u64>)]
    pub used: Timestamp,
}

impl LinkedLogIn {
    /// Its number among those of the user, which JavaScript counts exactly.
    pub fn id(&self) -> u64 {
        hash_of(&format!("{} {}", self.issuer, self.subject)) >> 11
    }
}

stored! {
    LinkedLogIn, 1, "LinkedLogIn/1(user, issuer, subject, name, created, used)";
    key: (u64, u64) = |l| (l.user.0, l.id());
    of: User, |l| (OrganizationId::of(l.user.0), l.user.0);
    audit: LinkedLogIn, ["used"];
    index: |l| vec![IndexKey::subject(OrganizationId::of(l.user.0), &l.issuer, &l.subject)];
}

/// One-time codes of an account (RFC 6238).
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct SecondFactor {
    /// Whose.
    #[rkyv(with = As<u64>)]
    pub user: UserId,
    /// The secret that the person's device shares, sealed under a key that the database doesn't hold.
    pub secret: Vec<u8>,
    /// When the person showed a right code; until then it isn't asked for.
    #[rkyv(with = Map<As<u64>>)]
    pub confirmed: Option<Timestamp>,
    /// The step of the last code that was taken; none up to it works again.
    pub last_step: u64,
    /// Hashes of the recovery codes that are left.
    #[rkyv(with = Map<As<[u8; 32]>>)]
    pub recovery: Vec<TokenHash>,
}

stored! {
    SecondFactor, 1, "SecondFactor/1(user, secret, confirmed, last_step, recovery)";
    key: u64 = |f| f.user.0;
    of: User, |f| (OrganizationId::of(f.user.0), f.user.0);
    audit: SecondFactor, ["secret", "recovery", "last_step"];
}

/// An e-mail to be sent, or to be handed over by the administrator.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct Email {
    /// Its place in the order of being written.
    pub number: u64,
    /// The address.
    pub to: String,
    /// What it is about.
    pub subject: String,
    /// What it says.
    pub text: String,
    /// When it was written.
    #[rkyv(with = As<u64>)]
    pub created: Timestamp,
    /// When it is of no use any more.
    #[rkyv(with = As<u64>)]
    pub expires: Timestamp,
}

stored! {
    Email, 1, "Mail/1(number, to, subject, text, created, expires)";
    key: u64 = |m| m.number;
    of: Nothing, |m| (SERVER, m.number);
    audit: Mail, ["text"];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::golden_tests::golden;

    #[test]
    fn the_bytes_of_a_linked_log_in_are_these() {
        golden(
            &LinkedLogIn {
                user: UserId(5),
                issuer: "https://id.example".to_owned(),
                subject: "sub-1".to_owned(),
                name: "anna".to_owned(),
                created: Timestamp(0x0102_0304),
                used: Timestamp(0x0102_0304),
            },
            "0138229f4168747470733a2f2f69642e6578616d706c65050000000000000092000000e6ffffff7375622d31ffffff616e6e61ffffffff04030201000000000403020100000000",
        );
    }
}
