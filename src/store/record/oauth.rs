//! Programs of others that act for people (OAuth 2): who they are, what people allowed them, and by which keys what they
//! are given is signed.

use rkyv::with::Map;
use rkyv::{Archive, Deserialize, Serialize};

use super::declare::stored;
use super::layout::As;
use crate::auth::TokenHash;
use crate::id::{OAuthClientId, OAuthFamilyId, OrganizationId, Timestamp, UserId};
use crate::permission::Permissions;

/// A program that may ask people to be let act for them.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct OAuthClient {
    /// Its identifier, which it says as `client_id`; drawn at random within the organization's range.
    #[rkyv(with = As<u64>)]
    pub id: OAuthClientId,
    /// Whose people it may ask.
    #[rkyv(with = As<u64>)]
    pub organization: OrganizationId,
    /// What people are told that it is called.
    pub name: String,
    /// Hash of its secret; `None` for one that can't keep any.
    #[rkyv(with = Map<As<[u8; 32]>>)]
    pub secret: Option<TokenHash>,
    /// Where it is come back to.
    pub redirect_uris: Vec<String>,
    /// Where it is come back to after a log-out.
    pub logout_uris: Vec<String>,
    /// For what its tokens may be, beside this server.
    pub resources: Vec<String>,
    /// What it may be told at most (`auth::oauth::Claims`).
    pub claims: u8,
    /// What it may do at most.
    #[rkyv(with = As<u64>)]
    pub scopes: Permissions,
    /// The account for which it acts by itself, with its secret alone; `None` where it may not.
    #[rkyv(with = Map<As<u64>>)]
    pub account: Option<UserId>,
    /// Whether it may ask by a code that people type elsewhere.
    pub device: bool,
    /// How its tokens are signed (`auth::oauth::Algorithm`).
    pub algorithm: u8,
    /// When it was registered.
    #[rkyv(with = As<u64>)]
    pub created: Timestamp,
}

stored! {
    OAuthClient, 1, "OAuthClient/1(id, organization, name, secret, redirect_uris, logout_uris, resources, claims, scopes, account, device, algorithm, created)";
    key: u64 = |c| c.id.0;
    of: Identified, |c| (c.organization, c.id.0);
    audit: OAuthClient, ["secret"];
}

/// What somebody allowed a program.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct OAuthGrant {
    /// Who.
    #[rkyv(with = As<u64>)]
    pub user: UserId,
    /// Which.
    #[rkyv(with = As<u64>)]
    pub client: OAuthClientId,
    /// What it may be told.
    pub claims: u8,
    /// What it may do.
    #[rkyv(with = As<u64>)]
    pub scopes: Permissions,
    /// Since when.
    #[rkyv(with = As<u64>)]
    pub created: Timestamp,
    /// When it was last given something.
    #[rkyv(with = As<u64>)]
    pub used: Timestamp,
}

stored! {
    OAuthGrant, 1, "OAuthGrant/1(user, client, claims, scopes, created, used)";
    key: (u64, u64) = |g| (g.user.0, g.client.0);
    of: User, |g| (OrganizationId::of(g.user.0), g.user.0);
    audit: OAuthGrant, ["used"];
}

/// What a program was given at once: an access token, and the refresh tokens that follow each other.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct OAuthFamily {
    /// For whom it acts.
    #[rkyv(with = As<u64>)]
    pub user: UserId,
    /// Its identifier among those of the user, drawn at random.
    #[rkyv(with = As<u64>)]
    pub id: OAuthFamilyId,
    /// Who was given it.
    #[rkyv(with = As<u64>)]
    pub client: OAuthClientId,
    /// What it may be told.
    pub claims: u8,
    /// What it may do at most.
    #[rkyv(with = As<u64>)]
    pub scopes: Permissions,
    /// For what its tokens are; empty for this server.
    pub resource: String,
    /// Hash of the refresh token that is good; `None` where none was given.
    #[rkyv(with = Map<As<[u8; 32]>>)]
    pub token: Option<TokenHash>,
    /// Hash of the one before it, which is answered for a moment more.
    #[rkyv(with = Map<As<[u8; 32]>>)]
    pub before: Option<TokenHash>,
    /// When that one was exchanged.
    #[rkyv(with = As<u64>)]
    pub exchanged: Timestamp,
    /// When the person proved who they are.
    #[rkyv(with = As<u64>)]
    pub authenticated: Timestamp,
    /// When it was begun.
    #[rkyv(with = As<u64>)]
    pub created: Timestamp,
    /// When it stops being good, unless a token is exchanged before.
    #[rkyv(with = As<u64>)]
    pub expires: Timestamp,
}

stored! {
    OAuthFamily, 1, "OAuthFamily/1(user, id, client, claims, scopes, resource, token, before, exchanged, authenticated, created, expires)";
    key: (u64, u64) = |f| (f.user.0, f.id.0);
    of: User, |f| (OrganizationId::of(f.user.0), f.user.0);
}

/// A key that signs what programs are given.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct OAuthKey {
    /// For which organization's programs.
    #[rkyv(with = As<u64>)]
    pub organization: OrganizationId,
    /// How it signs (`auth::oauth::Algorithm`).
    pub algorithm: u8,
    /// Since when.
    #[rkyv(with = As<u64>)]
    pub from: Timestamp,
    /// Until when.
    #[rkyv(with = As<u64>)]
    pub until: Timestamp,
    /// The key (PKCS #8), sealed under one that the database doesn't hold.
    pub sealed: Vec<u8>,
}

stored! {
    OAuthKey, 1, "OAuthKey/1(organization, algorithm, from, until, sealed)";
    key: (u64, u8, u64) = |k| (k.organization.0, k.algorithm, k.from.0);
    of: Organization, |k| (k.organization, k.from.0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::golden_tests::golden;

    const AT: Timestamp = Timestamp(0x0102_0304);

    #[test]
    fn the_bytes_of_a_program_are_these() {
        golden(
            &OAuthClient {
                id: OAuthClientId(7),
                organization: OrganizationId(1),
                name: "Forge".to_owned(),
                secret: Some(TokenHash([3; 32])),
                redirect_uris: vec!["https://a.example/cb".to_owned()],
                logout_uris: vec![],
                resources: vec![],
                claims: 5,
                scopes: Permissions::VIEW,
                account: Some(UserId(5)),
                device: true,
                algorithm: 1,
                created: AT,
            },
            "0160159b2668747470733a2f2f612e6578616d706c652f636294000000ecffffff07000000000000000100000000000000466f726765ffffff010303030303030303030303030303030303030303030303030303030303030303bfffffff01000000bfffffff00000000b7ffffff0000000005010000000000000001050000000000000001010403020100000000",
        );
    }

    #[test]
    fn the_bytes_of_what_somebody_allowed_are_these() {
        golden(
            &OAuthGrant {
                user: UserId(5),
                client: OAuthClientId(7),
                claims: 5,
                scopes: Permissions::VIEW,
                created: AT,
                used: AT,
            },
            "01b3988dd80500000000000000070000000000000005010000000000000004030201000000000403020100000000",
        );
    }

    #[test]
    fn the_bytes_of_what_was_given_are_these() {
        golden(
            &OAuthFamily {
                user: UserId(5),
                id: OAuthFamilyId(9),
                client: OAuthClientId(7),
                claims: 5,
                scopes: Permissions::VIEW,
                resource: String::new(),
                token: Some(TokenHash([3; 32])),
                before: None,
                exchanged: AT,
                authenticated: AT,
                created: AT,
                expires: AT,
            },
            "01e9b350a2050000000000000009000000000000000700000000000000050100000000000000ffffffffffffffff0103030303030303030303030303030303030303030303030303030303030303030000000000000000000000000000000000000000000000000000000000000000000403020100000000040302010000000004030201000000000403020100000000",
        );
    }

    #[test]
    fn the_bytes_of_a_key_are_these() {
        golden(
            &OAuthKey {
                organization: OrganizationId(1),
                algorithm: 1,
                from: AT,
                until: AT,
                sealed: vec![1, 2, 3],
            },
            "013712877501020301000000000000000104030201000000000403020100000000e4ffffff03000000",
        );
    }
}
