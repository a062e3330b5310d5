//! What users and channels may be called, and when two names are the same. Pure.

use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

pub use crate::bounds::{MAX_CHANNEL_NAME, MAX_USER_NAME};

/// Characters of an organization's tag at most.
pub const MAX_TAG: usize = 32;

/// Characters of an organization's name at most.
pub const MAX_ORGANIZATION_NAME: usize = 64;

/// What a guest's name begins with, and no account's does.
pub const GUEST_MARK: char = '~';

/// Name of the role that a new account has when no other is asked for.
pub const DEFAULT_ROLE: &str = "Member";

/// Channel names in a path at most: how deep channels can be nested.
pub const MAX_CHANNEL_DEPTH: usize = 16;

/// Why a name can't be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// It is empty, or only spaces.
    #[error("the name is empty; give it at least one character")]
    Empty,
    /// It has too many characters.
    #[error("the name has {length} characters; use at most {limit}")]
    TooLong {
        /// What it has.
        length: usize,
        /// What it may have.
        limit: usize,
    },
    /// A character has a meaning in addresses and commands, or can't be seen.
    #[error("the name holds the character {0:?}, which names can't have; leave it out")]
    Character(char),
    /// It is `.` or `..`, which lead elsewhere in an address.
    #[error("`.` and `..` lead to other places in an address; choose another name")]
    Dots,
}

/// The form in which names are compared: NFKC (Unicode Annex 15) with upper and lower case made one.
pub fn folded(name: &str) -> String {
    let folded: String = name.nfkc().flat_map(char::to_lowercase).nfkc().collect();
    folded.trim().to_owned()
}

/// What a name looks like: characters beyond ASCII become those that they can be taken for (Unicode Technical Standard
/// 39, section 4). Two names of different letters that look alike have the same.
pub fn look(name: &str) -> String {
    let mut seen = String::new();
    for c in name.nfkc() {
        if c.is_ascii() {
            seen.push(c);
        } else {
            let mut bytes = [0; 4];
            seen.extend(unicode_security::skeleton(c.encode_utf8(&mut bytes)));
        }
    }
    folded(&seen)
}

/// The name as it is kept, if a user can have it: 1 to 32 characters, without spaces and without those
/// that separate parts of an address.
pub fn check_user_name(name: &str) -> Result<String, NameError> {
    check(name, MAX_USER_NAME, |c| c.is_whitespace() || matches!(c, '@' | '/' | ':' | '#' | GUEST_MARK))
}

/// The name as it is kept, if a channel can have it: 1 to 64 characters, none of them a slash.
pub fn check_channel_name(name: &str) -> Result<String, NameError> {
    check(name, MAX_CHANNEL_NAME, |c| c == '/')
}

/// The tag of an organization as it is kept, if it can have it: 1 to 32 letters, digits and hyphens of ASCII, in lower case.
/// It stands in addresses, commands and labels.
pub fn check_tag(tag: &str) -> Result<String, NameError> {
    let tag = check(tag, MAX_TAG, |c| !c.is_ascii_alphanumeric() && c != '-')?;
    Ok(tag.to_ascii_lowercase())
}

/// The name of an organization as it is kept: 1 to 64 characters.
pub fn check_organization_name(name: &str) -> Result<String, NameError> {
    check(name, MAX_ORGANIZATION_NAME, |_| false)
}

fn check(name: &str, limit: usize, refused: impl Fn(char) -> bool) -> Result<String, NameError> {
    // A name that can't pass is not normalized first: normalizing can make it eighteen times longer.
    let length = name.chars().count();
    if length > 4 * limit {
        return Err(NameError::TooLong { length, limit });
    }
    // Trimmed afterwards: some characters become a space and another one.
    let name: String = name.nfkc().collect();
    let name = name.trim();
    if let Some(c) = name.chars().find(|c| c.is_control() || is_invisible(*c) || refused(*c)) {
        return Err(NameError::Character(c));
    }
    match name.chars().count() {
        0 => Err(NameError::Empty),
        _ if name == "." || name == ".." => Err(NameError::Dots),
        length if length > limit => Err(NameError::TooLong { length, limit }),
        _ => Ok(name.to_owned()),
    }
}

/// Characters without a glyph, and those that turn the direction of writing: with them two names can
/// look the same.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_look_alike_fold_alike() {
        assert_eq!(folded("ＡＬＩＣＥ "), "alice");
        assert_eq!(folded("ﬁona"), folded("FIONA"));
        assert_ne!(folded("alice"), folded("alicia"));
    }

    #[test]
    fn names_of_other_letters_look_like_what_they_imitate() {
        // Cyrillic and Greek letters that are drawn as Latin ones.
        for imitation in ["аlice", "аlісе", "Αlice", "aliсe"] {
            assert_eq!(look(imitation), "alice", "{imitation}");
            assert_ne!(folded(imitation), "alice");
        }
        for honest in ["alice", "Bob", "user01", "emma"] {
            assert_eq!(look(honest), folded(honest));
        }
        assert_ne!(look("zoë"), look("zoe"));
        assert_ne!(look("Дмитрий"), look("dmitry"));
    }

    #[test]
    fn rules_are_enforced() {
        assert_eq!(check_user_name("  Zoë "), Ok("Zoë".to_owned()));
        assert_eq!(check_user_name(" "), Err(NameError::Empty));
        assert_eq!(check_user_name("a b"), Err(NameError::Character(' ')));
        assert_eq!(check_user_name("a\u{202e}b"), Err(NameError::Character('\u{202e}')));
        assert_eq!(check_channel_name("Alpha Squad"), Ok("Alpha Squad".to_owned()));
        assert_eq!(check_channel_name(" .."), Err(NameError::Dots));
        assert_eq!(check_tag(" Raid-7 "), Ok("raid-7".to_owned()));
        assert_eq!(check_tag("raid night"), Err(NameError::Character(' ')));
        assert_eq!(check_tag("zoë"), Err(NameError::Character('ë')));
        assert_eq!(check_organization_name("The Night Raid"), Ok("The Night Raid".to_owned()));
        assert_eq!(check_channel_name("a/b"), Err(NameError::Character('/')));
        assert!(matches!(check_channel_name(&"x".repeat(65)), Err(NameError::TooLong { length: 65, .. })));
    }

    proptest! {
        #[test]
        fn a_name_that_passes_passes_again_and_fits(name in "\\PC{0,80}") {
            if let Ok(kept) = check_channel_name(&name) {
                prop_assert!(kept.chars().count() <= MAX_CHANNEL_NAME);
                prop_assert_eq!(check_channel_name(&kept), Ok(kept.clone()));
                prop_assert_eq!(folded(&kept), folded(&name));
            }
        }
    }
}
