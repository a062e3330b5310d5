//! Conditions of a request (RFC 9110, section 13): `If-Match` and `If-None-Match`, by the tag that a `GET` of the same address
//! was answered with.

use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest as _, Sha256};

use super::problem::Problem;
use crate::protocol::ErrorCode;

/// Tags, as a header lists them.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Tags {
    /// `*`: whatever there is.
    Any,
    These(Vec<String>),
}

/// What must hold of what is at an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Condition {
    is: Option<Tags>,
    is_not: Option<Tags>,
}

impl Condition {
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        Ok(Self { is: tags(headers, &IF_MATCH)?, is_not: tags(headers, &IF_NONE_MATCH)? })
    }

    /// Whether it says nothing.
    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Whether what has this tag is what it has to be; nothing is there without one. A weak tag is never the same here
    /// (section 8.8.3.2).
    pub(super) fn is_met(&self, tag: Option<&str>) -> bool {
        match (&self.is, tag) {
            (None, _) | (Some(Tags::Any), Some(_)) => true,
            (Some(_), None) => false,
            (Some(Tags::These(known)), Some(tag)) => known.iter().any(|known| known == tag),
        }
    }

    /// Whether there is something, and it is what whoever asks has already.
    pub(super) fn is_known(&self, tag: Option<&str>) -> bool {
        match (&self.is_not, tag) {
            (None, _) | (_, None) => false,
            (Some(Tags::Any), Some(_)) => true,
            (Some(Tags::These(known)), Some(tag)) => {
                known.iter().any(|known| known.trim_start_matches("W/") == tag)
            }
        }
    }

    /// Whether something may be changed that has this tag.
    pub(super) fn holds(&self, tag: Option<&str>) -> bool {
        self.is_met(tag) && !self.is_known(tag)
    }
}

/// What isn't what it has to be.
pub(super) fn failed(words: &str) -> Problem {
    Problem::of(StatusCode::PRECONDITION_FAILED, ErrorCode::Changed, words)
}

fn tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Tags>, Problem> {
    let mut all = Vec::new();
    for line in headers.get_all(name) {
        let line = line.to_str().map_err(|_| malformed(name))?;
        all.extend(line.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned));
    }
    if !headers.contains_key(name) {
        return Ok(None);
    }
    if all.iter().any(|tag| tag == "*") {
        return if all.len() == 1 { Ok(Some(Tags::Any)) } else { Err(malformed(name)) };
    }
    let is_tag = |tag: &String| {
        let text = tag.strip_prefix("W/").unwrap_or(tag);
        text.len() > 1 && text.starts_with('"') && text.ends_with('"')
    };
    if all.is_empty() || !all.iter().all(is_tag) {
        return Err(malformed(name));
    }
    Ok(Some(Tags::These(all)))
}

fn malformed(name: &HeaderName) -> Problem {
    let name = if *name == IF_MATCH { "If-Match" } else { "If-None-Match" };
    Problem::malformed(&format!("{name} must be `*`, or what an ETag said, in its quotation marks"))
}

/// The tag of an answer (section 8.8.3): another one as soon as a letter of it differs.
pub(super) fn tag_of(text: &str) -> String {
    format!("\"{}\"", BASE64URL_NOPAD.encode(&Sha256::digest(text)[..12]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: HeaderName, value: &str) -> Result<Condition, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        Condition::of(&headers)
    }

    #[test]
    fn a_change_is_made_to_what_was_read() {
        let tag = tag_of("{}");
        for (value, is_there, holds) in [
            (tag.as_str(), true, true),
            (tag.as_str(), false, false),
            ("*", true, true),
            ("*", false, false),
            ("\"other\"", true, false),
            (&format!("\"other\", {tag}"), true, true),
            (&format!("W/{tag}"), true, false),
        ] {
            let there = is_there.then_some(tag.as_str());
            assert_eq!(read(IF_MATCH, value).unwrap().holds(there), holds, "{value} {is_there}");
        }
        for (value, is_there, holds) in [
            (tag.as_str(), true, false),
            (&format!("W/{tag}"), true, false),
            ("\"other\"", true, true),
            ("*", true, false),
            ("*", false, true),
        ] {
            let there = is_there.then_some(tag.as_str());
            assert_eq!(read(IF_NONE_MATCH, value).unwrap().holds(there), holds, "not {value} {is_there}");
        }
        assert!(Condition::of(&HeaderMap::new()).unwrap().is_none());
    }

    #[test]
    fn what_is_no_tag_is_said_to_be_none() {
        for value in ["", "abc", "\"", "abc\"", "*, \"a\"", "W/abc"] {
            assert!(read(IF_MATCH, value).is_err(), "{value}");
            assert!(read(IF_NONE_MATCH, value).is_err(), "{value}");
        }
    }
}
