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

/// Bytes of a text that is taken for a name at most, and characters that it may have once it is normalized. No name is longer,
/// however it is typed. What is longer isn't looked at: normalizing makes some texts eighteen times longer.
const LONGEST: usize = 1_024;
const MOST: usize = 4 * MAX_CHANNEL_NAME;

/// The form of whatever is too long for a name: no name has it.
const NOBODY: &str = "\0";

/// The form in which names are compared: NFKC (Unicode Annex 15) with upper and lower case made one.
pub fn folded(name: &str) -> String {
    if name.is_ascii() && name.len() <= MOST {
        // NFKC already, as most names are.
        return name.trim().to_ascii_lowercase();
    }
    let Some(plain) = plain(name, MOST) else { return NOBODY.to_owned() };
    let folded: String = plain.chars().flat_map(char::to_lowercase).nfkc().collect();
    folded.trim().to_owned()
}

/// A text as NFKC, if it has so many characters then at most. What it costs doesn't depend on how long the text is.
fn plain(text: &str, most: usize) -> Option<String> {
    if text.len() > LONGEST {
        return None;
    }
    normalized(text.chars(), most)
}

fn normalized(text: impl Iterator<Item = char>, most: usize) -> Option<String> {
    let mut characters = text.nfkc();
    let plain = characters.by_ref().take(most).collect();
    characters.next().is_none().then_some(plain)
}

/// What a name looks like: characters beyond ASCII become those that they can be taken for (Unicode Technical Standard
/// 39, section 4). Two names of different letters that look alike have the same.
pub fn look(name: &str) -> String {
    let mut seen = String::new();
    let Some(plain) = plain(name, MOST) else { return NOBODY.to_owned() };
    for c in plain.chars() {
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
    let Some(name) = plain(name, 4 * limit) else {
        // It is too long as it is, or becomes so.
        return Err(NameError::TooLong { length: name.chars().count().max(limit + 1), limit });
    };
    // Trimmed afterwards: some characters become a space and another one.
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

    /// Texts of 60 KB that cost much: ligatures of eighteen characters, marks without a letter, letters that are two or three in
    /// lower case or decomposed, and plain ones.
    fn costly() -> impl Iterator<Item = String> {
        [
            "\u{fdfa}",
            "a\u{300}\u{316}",
            "\u{315}\u{300}",
            "\u{130}",
            "\u{ac01}",
            "\u{1d160}",
            "\u{3a9}",
            "x",
            " ",
        ]
        .into_iter()
        .map(|one| one.repeat(60_000 / one.len()))
    }

    #[test]
    fn what_a_name_costs_is_bounded_however_long_it_is() {
        for text in costly() {
            assert_eq!((folded(&text), look(&text)), (NOBODY.to_owned(), NOBODY.to_owned()));
            assert!(matches!(check_user_name(&text), Err(NameError::TooLong { .. })));
            assert!(matches!(check_channel_name(&text), Err(NameError::TooLong { .. })));
            // As much of it as is looked at.
            let start = text.floor_char_boundary(LONGEST);
            let mut looked_at = 0;
            let counted = text[..start].chars().inspect(|_| looked_at += 1);
            let long = normalized(counted, MOST).map_or(0, |plain| plain.chars().count());
            assert!(looked_at <= LONGEST && long <= MOST, "{looked_at} characters looked at, {long} kept");
        }
        let mut looked_at = 0;
        normalized("\u{fdfa}".repeat(20_000).chars().inspect(|_| looked_at += 1), MOST);
        assert!(looked_at < 20, "{looked_at}");
    }

    #[test]
    fn no_name_is_the_one_of_what_is_too_long() {
        assert_eq!(folded(&format!("alice{}", " ".repeat(LONGEST))), NOBODY);
        assert_eq!(check_user_name(NOBODY), Err(NameError::Character('\0')));
        // The longest channel's name, decomposed.
        let longest = "\u{1ee4}\u{304}".repeat(MAX_CHANNEL_NAME / 2);
        let decomposed: String = longest.nfd().collect();
        assert_eq!(folded(&decomposed), folded(&check_channel_name(&decomposed).unwrap()));
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
