//! Scopes: what a program asks to be told of a person, and what it asks to do for them. The latter are the names of
//! permissions, with hyphens for spaces: `create-channel`.

use std::fmt;

use super::OAuthError;
use crate::permission::Permissions;

/// What a program may be told of a person, a bit each. The numbers are stored: they are never reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Claims(u8);

impl Claims {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Who it is, by a number (OpenID Connect Core 1.0, section 3.1.2.1).
    pub const OPENID: Self = Self(1);
    /// By which name.
    pub const PROFILE: Self = Self(2);
    /// The e-mail address.
    pub const EMAIL: Self = Self(4);
    /// The roles, as groups.
    pub const GROUPS: Self = Self(8);
    /// Nothing more, for longer: a refresh token (OpenID Connect Core 1.0, section 11).
    pub const OFFLINE: Self = Self(16);
    /// Nothing of the person: an assistant may change and take away what is there, as far as its permissions go (docs/assistant.md).
    pub const DESTRUCTIVE: Self = Self(32);

    /// Each with its name.
    pub const NAMED: [(Self, &'static str); 6] = [
        (Self::OPENID, "openid"),
        (Self::PROFILE, "profile"),
        (Self::EMAIL, "email"),
        (Self::GROUPS, "groups"),
        (Self::OFFLINE, "offline_access"),
        (Self::DESTRUCTIVE, "destructive"),
    ];

    /// From stored bits.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// The bits as stored.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether all of `other` is in this.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What either has.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What both have.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

/// What a program asks for, or was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scopes {
    /// What it is told.
    pub claims: Claims,
    /// What it may do at most.
    pub permissions: Permissions,
}

impl Scopes {
    /// Reads names with spaces between them (RFC 6749, section 3.3), each of which has to be known.
    pub fn parse(text: &str) -> Result<Self, OAuthError> {
        let mut found = Self::default();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            found = found.union(named(word).ok_or_else(|| OAuthError::Scope(shown(word)))?);
        }
        Ok(found)
    }

    /// Every scope there is.
    pub fn all() -> impl Iterator<Item = String> {
        let claims = Claims::NAMED.into_iter().map(|(_, name)| name.to_owned());
        claims.chain(Permissions::NAMED.iter().map(|(_, word)| hyphened(word)))
    }

    /// Whether all of `other` is in this.
    pub fn contains(self, other: Self) -> bool {
        self.claims.contains(other.claims) && self.permissions.contains(other.permissions)
    }

    /// What either has.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        let permissions = self.permissions.union(other.permissions);
        Self { claims: self.claims.union(other.claims), permissions }
    }

    /// What both have.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        let permissions = self.permissions.intersection(other.permissions);
        Self { claims: self.claims.intersection(other.claims), permissions }
    }

    /// Whether it is nothing.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// The first scope of these that isn't in `allowed`.
    pub fn beyond(self, allowed: Self) -> Option<String> {
        self.names().into_iter().find(|name| named(name).is_some_and(|one| !allowed.contains(one)))
    }

    fn names(self) -> Vec<String> {
        let claims = Claims::NAMED.into_iter().filter(|(claim, _)| self.claims.contains(*claim));
        let permissions = Permissions::NAMED.iter().filter(|(one, _)| self.permissions.contains(*one));
        claims.map(|(_, name)| name.to_owned()).chain(permissions.map(|(_, word)| hyphened(word))).collect()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(" "))
    }
}

fn hyphened(word: &str) -> String {
    word.replace(' ', "-")
}

fn named(name: &str) -> Option<Scopes> {
    let claim = Claims::NAMED.into_iter().find(|(_, known)| *known == name);
    let permission = Permissions::NAMED.iter().find(|(_, word)| hyphened(word) == name);
    match (claim, permission) {
        (Some((claims, _)), _) => Some(Scopes { claims, ..Scopes::default() }),
        (None, Some((permissions, _))) => Some(Scopes { permissions: *permissions, ..Scopes::default() }),
        (None, None) => None,
    }
}

/// A name as a sentence may repeat it.
fn shown(word: &str) -> String {
    word.chars().filter(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\')).take(64).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn scopes_are_named_once_and_read_back() {
        let mut names: Vec<_> = Scopes::all().collect();
        for name in &names {
            assert_eq!(&Scopes::parse(name).unwrap().to_string(), name);
        }
        names.sort();
        names.dedup();
        assert_eq!(names.len(), Scopes::all().count());
        assert_eq!(Scopes::parse("openid shout"), Err(OAuthError::Scope("shout".to_owned())));
        let (asked, allowed) = (Scopes::parse("openid kick").unwrap(), Scopes::parse("openid").unwrap());
        assert_eq!(asked.beyond(allowed), Some("kick".to_owned()));
        assert_eq!(allowed.beyond(asked), None);
    }

    proptest! {
        #[test]
        fn any_scopes_read_back(claims in 0..64_u8, bits: u64) {
            let known = Permissions::NAMED.iter().fold(Permissions::NONE, |all, (one, _)| all.union(*one));
            let permissions = Permissions::from_bits(bits).intersection(known);
            let scopes = Scopes { claims: Claims::from_bits(claims), permissions };
            prop_assert_eq!(Scopes::parse(&scopes.to_string()), Ok(scopes));
        }

        #[test]
        fn any_text_is_read_without_panic(text: String) {
            let _ = Scopes::parse(&text);
        }
    }
}
