//! What programs hold: what they are registered for, what people allowed them, what they were given.

use crate::auth::oauth::{Claims, ClientRules, Scopes};
use crate::store::{OAuthClient, OAuthFamily, OAuthGrant};

/// What a program may be given at most.
pub(super) fn allowed(client: &OAuthClient) -> Scopes {
    Scopes { claims: Claims::from_bits(client.claims), permissions: client.scopes }
}

/// What a program may ask for; `assistant` is the resource that assistants ask.
pub(super) fn rules_of<'a>(client: &'a OAuthClient, scopes: Scopes, assistant: &'a str) -> ClientRules<'a> {
    ClientRules {
        redirect_uris: &client.redirect_uris,
        resources: &client.resources,
        scopes,
        code: !client.redirect_uris.is_empty(),
        assistant,
    }
}

/// What a program may do by itself.
pub(super) fn by_itself(client: &OAuthClient) -> Scopes {
    let claims = Claims::from_bits(client.claims).intersection(Claims::DESTRUCTIVE);
    Scopes { claims, permissions: client.scopes }
}

/// What somebody allowed.
pub(super) fn granted(grant: &OAuthGrant) -> Scopes {
    Scopes { claims: Claims::from_bits(grant.claims), permissions: grant.scopes }
}

/// What a program was given at once.
pub(super) fn given_to(family: &OAuthFamily) -> Scopes {
    Scopes { claims: Claims::from_bits(family.claims), permissions: family.scopes }
}

/// Where a program asks who somebody is.
pub(super) fn userinfo_at(issuer: &str) -> String {
    format!("{issuer}/oauth/userinfo")
}

/// Where a program fetches a picture, by its path. Those of all organizations are below the same address, without a tag.
pub(super) fn picture_at(issuer: &str, path: &str) -> String {
    let page = issuer.split_once("/+").map_or(issuer, |(page, _)| page);
    format!("{page}{path}")
}
