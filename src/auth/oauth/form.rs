//! Parameters as a form holds them, each at most once.

use std::collections::BTreeMap;

use url::form_urlencoded;

use super::OAuthError;

/// Bytes of a form, or of the part of an address that holds one, at most.
pub const MAX_FORM: usize = 16 * 1024;

/// Parameters of a form at most.
const MOST: usize = 64;

/// What a form holds. A parameter without a value is as if it weren't there (RFC 6749, section 3.1).
#[derive(Clone, PartialEq, Eq)]
pub struct Form(BTreeMap<String, String>);

impl std::fmt::Debug for Form {
    /// The names alone: values may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Form {
    /// Reads `application/x-www-form-urlencoded`.
    pub fn parse(encoded: &[u8]) -> Result<Self, OAuthError> {
        if encoded.len() > MAX_FORM {
            return Err(OAuthError::NotAForm);
        }
        let mut found = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(encoded) {
            let name = name.into_owned();
            if found.len() == MOST {
                return Err(OAuthError::NotAForm);
            }
            if found.insert(name.clone(), value.into_owned()).is_some() {
                return Err(OAuthError::Repeated(shown(&name)));
            }
        }
        found.retain(|_, value| !value.is_empty());
        Ok(Self(found))
    }

    /// The value of a parameter, if it is there.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value of a parameter that has to be there.
    pub fn need(&self, name: &'static str) -> Result<&str, OAuthError> {
        self.get(name).ok_or(OAuthError::Missing(name))
    }

    /// The value of a parameter that may be so many bytes long.
    pub fn short(&self, name: &'static str, most: usize) -> Result<Option<&str>, OAuthError> {
        match self.get(name) {
            Some(value) if value.len() > most => Err(OAuthError::Unreadable(name)),
            value => Ok(value),
        }
    }
}

/// A name as a sentence may repeat it.
fn shown(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).take(32).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_parameter_comes_once_and_an_empty_one_not_at_all() {
        let form = Form::parse(b"a=1&b=&c=x%20y+z").unwrap();
        assert_eq!((form.get("a"), form.get("b"), form.get("c")), (Some("1"), None, Some("x y z")));
        assert_eq!(Form::parse(b"a=1&b=2&a=1"), Err(OAuthError::Repeated("a".to_owned())));
        assert_eq!(Form::parse(b"a=&a="), Err(OAuthError::Repeated("a".to_owned())));
        assert_eq!(Form::parse(b"a=1&%61=2"), Err(OAuthError::Repeated("a".to_owned())));
        let many: Vec<_> = (0..=MOST).map(|number| format!("p{number}=1&")).collect();
        assert_eq!(Form::parse(many.concat().as_bytes()), Err(OAuthError::NotAForm));
        assert_eq!(Form::parse(&vec![b'a'; MAX_FORM + 1]), Err(OAuthError::NotAForm));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = Form::parse(&bytes);
        }
    }
}
