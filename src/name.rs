//! What users and channels may be called, and when two names are the same. Pure.

use icu_properties::props::{
    CanonicalCombiningClass, DefaultIgnorableCodePoint, Emoji, ExtendedPictographic, GeneralCategory,
    JoiningType,
};
use icu_properties::{CodePointMapData, CodePointSetData};
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

/// Marks on one letter at most (Unicode Technical Standard 39, section 5.4); Vietnamese has two, Hebrew three.
const MAX_MARKS: usize = 4;

/// What joins two letters, and what keeps two from being joined.
const JOINER: char = '\u{200d}';
const NON_JOINER: char = '\u{200c}';

/// What asks for an emoji in colours.
const IN_COLOURS: char = '\u{fe0f}';

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
    /// A character is put together of a letter and more marks than any language has, or of marks without a letter.
    #[error("the name has the mark {0:?} where no language has one; leave it out")]
    Mark(char),
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
    // Nobody sees how many spaces there are.
    let words: Vec<_> = seen.split_whitespace().collect();
    folded(&words.join(" "))
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
    if let Some(c) = name.chars().find(|c| c.is_control() || refused(*c)) {
        return Err(NameError::Character(c));
    }
    check_characters(name)?;
    match name.chars().count() {
        0 => Err(NameError::Empty),
        _ if name == "." || name == ".." => Err(NameError::Dots),
        length if length > limit => Err(NameError::TooLong { length, limit }),
        _ => Ok(name.to_owned()),
    }
}

/// Refuses what can't be seen or isn't a character (Unicode Annex 31, Unicode Technical Standard 39): with it two names
/// can look the same, or one be drawn over its neighbours. Joiners stay where a script needs them to be written right.
fn check_characters(name: &str) -> Result<(), NameError> {
    let characters: Vec<char> = name.chars().collect();
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    for (place, c) in characters.iter().copied().enumerate() {
        let (before, after) = (&characters[..place], &characters[place + 1..]);
        let fits = match c {
            JOINER => ends_in_virama(before) || is_between_pictures(before, after),
            NON_JOINER => ends_in_virama(before) || is_between_joining(before, after),
            IN_COLOURS => before.last().is_some_and(|c| is_emoji(*c)),
            // Braille without a dot is drawn as nothing.
            '\u{2800}' => false,
            c if ignorable.contains(c) => false,
            c => !matches!(
                category(c),
                GeneralCategory::Unassigned
                    | GeneralCategory::Control
                    | GeneralCategory::Format
                    | GeneralCategory::PrivateUse
                    | GeneralCategory::LineSeparator
                    | GeneralCategory::ParagraphSeparator
            ),
        };
        if !fits {
            return Err(NameError::Character(c));
        }
    }
    check_marks(name)
}

/// Refuses more marks on a letter than a language has, the same one twice, and marks without a letter.
fn check_marks(name: &str) -> Result<(), NameError> {
    let is_joiner = |c: char| matches!(c, JOINER | NON_JOINER | IN_COLOURS);
    let (mut has_base, mut marks) = (false, Vec::new());
    // As they are written one after the other, whether or not there is a character for letter and mark together.
    for c in name.nfd().filter(|c| !is_joiner(*c)) {
        match category(c) {
            GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark => {
                if !has_base || marks.len() == MAX_MARKS || marks.contains(&c) {
                    return Err(NameError::Mark(c));
                }
                marks.push(c);
            }
            GeneralCategory::SpacingMark if !has_base => return Err(NameError::Mark(c)),
            GeneralCategory::SpacingMark => (),
            other => {
                has_base = other != GeneralCategory::SpaceSeparator;
                marks.clear();
            }
        }
    }
    Ok(())
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

/// Whether a joiner may follow: scripts of India write a conjunct, or its parts, so (RFC 5892, appendix A).
fn ends_in_virama(before: &[char]) -> bool {
    let class = |c: char| CodePointMapData::<CanonicalCombiningClass>::new().get(c);
    before.last().is_some_and(|c| class(*c) == CanonicalCombiningClass::Virama)
}

/// Whether letters that would be joined stand on both sides, as in Persian (RFC 5892, appendix A.1).
fn is_between_joining(before: &[char], after: &[char]) -> bool {
    let joining = |c: &&char| CodePointMapData::<JoiningType>::new().get(**c);
    let first = before.iter().rev().find(|c| joining(c) != JoiningType::Transparent);
    let second = after.iter().find(|c| joining(c) != JoiningType::Transparent);
    first.is_some_and(|c| matches!(joining(&c), JoiningType::LeftJoining | JoiningType::DualJoining))
        && second.is_some_and(|c| matches!(joining(&c), JoiningType::RightJoining | JoiningType::DualJoining))
}

/// Whether pictures stand on both sides that are drawn as one, as in families (Unicode Technical Standard 51).
fn is_between_pictures(before: &[char], after: &[char]) -> bool {
    let is_picture = |c: &char| CodePointSetData::new::<ExtendedPictographic>().contains(*c);
    let is_modifier = |c: &char| *c == IN_COLOURS || ('\u{1f3fb}'..='\u{1f3ff}').contains(c);
    before.iter().rev().find(|c| !is_modifier(c)).is_some_and(is_picture)
        && after.first().is_some_and(is_picture)
}

/// Whether a character is drawn in colours where that is asked for. Digits are, too, with a mark that makes keys of them.
fn is_emoji(c: char) -> bool {
    !c.is_ascii() && CodePointSetData::new::<Emoji>().contains(c)
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
    fn words_of_every_script_pass_with_the_joiners_that_they_need() {
        for name in [
            "می\u{200c}خواهم",
            "ශ්\u{200d}රී",
            "क्\u{200d}ष",
            "نام\u{200c}ها",
            "Nguyễn",
            "Zoë",
            "שָׁלוֹם",
            "ไทยที่",
            "தமிழ்",
            "日本語",
            "한국어",
            "x_X-1337",
            "⚔\u{fe0f}",
            "👩\u{200d}🚀",
            "👩\u{1f3fd}\u{200d}🚀",
        ] {
            assert_eq!(check_user_name(name), Ok(name.nfkc().collect()), "{name}");
            assert_eq!(check_channel_name(name), Ok(name.nfkc().collect()), "{name}");
        }
    }

    #[test]
    fn what_cannot_be_seen_is_no_part_of_a_name() {
        let unseen = [
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{17b4}',
            '\u{180b}',
            '\u{180e}',
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{200e}',
            '\u{2028}',
            '\u{2029}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{206f}',
            '\u{2800}',
            '\u{3164}',
            '\u{fe00}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{1d173}',
            '\u{e0001}',
            '\u{e0061}',
            '\u{e0100}',
            '\u{e000}',
            '\u{fdd0}',
            '\u{ffff}',
            '\u{1fffe}',
            '\u{378}',
            '\u{e01ff}',
            '\u{10ffff}',
        ];
        for c in unseen {
            assert!(check_user_name(&format!("al{c}ice")).is_err(), "{c:?}");
            // One that ends a line is trimmed like a space.
            for name in [format!("{c}alice"), format!("alice{c}"), c.to_string()] {
                assert!(check_user_name(&name).is_err() || c.is_whitespace(), "{name:?}");
                assert!(check_channel_name(&name).is_err() || c.is_whitespace(), "{name:?}");
            }
        }
        // A joiner passes between letters that it parts, and nowhere else.
        for name in
            ["ab\u{200c}cd", "می\u{200c}", "\u{200d}🚀", "a\u{200d}🚀", "می\u{200c}\u{200c}خ", "1\u{fe0f}"]
        {
            assert!(check_user_name(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn marks_do_not_pile_up_over_the_neighbours() {
        let piled = |count: u32| -> String {
            std::iter::once('z').chain((0..count).filter_map(|n| char::from_u32(0x300 + n))).collect()
        };
        assert!(check_user_name(&piled(4)).is_ok());
        assert!(matches!(check_user_name(&piled(5)), Err(NameError::Mark(_))));
        assert_eq!(check_user_name("z\u{336}\u{336}"), Err(NameError::Mark('\u{336}')), "twice the same");
        assert_eq!(check_user_name("\u{301}a"), Err(NameError::Mark('\u{301}')));
        assert_eq!(check_channel_name("a \u{20dd}b"), Err(NameError::Mark('\u{20dd}')));
        assert!(matches!(check_user_name(&format!("é{}", &piled(4)[1..])), Err(NameError::Mark(_))));
    }

    #[test]
    fn what_looks_the_same_is_alike() {
        for (one, other) in [
            ("alice", "аlice"),
            ("General", "general"),
            ("Raid  night", "Raid night"),
            ("می\u{200c}خواهم", "میخواهم"),
            ("⚔\u{fe0f} Raid", "⚔ Raid"),
        ] {
            assert_eq!(look(one), look(other), "{one} {other}");
        }
        assert_ne!(look("Lobby 1"), look("Lobby 2"));
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
