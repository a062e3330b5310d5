//! The kinds of things that the audit trail speaks of.

use std::str::FromStr;

use rkyv::{Archive, Deserialize, Serialize};
use thiserror::Error;

use super::list::every_record;

macro_rules! kinds {
    (
        { $($(#[$more_doc:meta])* $more:ident, $more_kind:literal $more_word:literal;)* }
        $($(#[$doc:meta])* $table:ident: $record:ident = $stored:literal, $line:ident $(, $kind:literal $word:literal)?;)*
    ) => {
        /// What something was done to. Numbers are part of the chain: never reused. Exports call it by its word, and are read by
        /// the variant's name with hyphens, too, which some were written with.
        #[derive(
            Clone,
            Copy,
            Debug,
            PartialEq,
            Eq,
            Hash,
            PartialOrd,
            Ord,
            Archive,
            Serialize,
            Deserialize,
            serde::Serialize,
            serde::Deserialize,
        )]
        #[serde(rename_all = "kebab-case")]
        #[repr(u8)]
        pub enum SubjectKind {
            $($(
                #[doc = concat!("What the table `", stringify!($table), "` holds.")]
                #[serde(rename(serialize = $word), alias = $word)]
                $line = $kind,
            )?)*
            $($(#[$more_doc])* $more = $more_kind,)*
        }

        impl SubjectKind {
            /// The words that name them to people.
            pub const WORDS: &[&str] = &[$($($word,)?)* $($more_word,)*];

            /// The word that names it to people.
            pub fn word(self) -> &'static str {
                match self {
                    $($(Self::$line => $word,)?)*
                    $(Self::$more => $more_word,)*
                }
            }
        }

        impl FromStr for SubjectKind {
            type Err = NoSuchKind;

            fn from_str(text: &str) -> Result<Self, NoSuchKind> {
                match text {
                    $($($word => Ok(Self::$line),)?)*
                    $($more_word => Ok(Self::$more),)*
                    _ => Err(NoSuchKind { word: text.to_owned() }),
                }
            }
        }
    };
}

/// A word names no kind.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no kind {word:?}; the kinds are {}", SubjectKind::WORDS.join(", "))]
pub struct NoSuchKind {
    word: String,
}

every_record! { kinds! {
    /// A setting, by its user, or 0.
    Setting, 11 "setting";
    /// A favourite, by its user.
    Favourite, 12 "favourite";
    /// The database.
    Database, 14 "database";
    /// A recording of a channel, by the channel.
    Recording, 18 "recording";
} }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_one_word_wherever_it_is_said() {
        for word in SubjectKind::WORDS {
            let kind: SubjectKind = word.parse().unwrap();
            assert_eq!(kind.word(), *word);
            let text = serde_json::to_string(&kind).unwrap();
            assert_eq!(text, format!("{word:?}"));
            assert_eq!(serde_json::from_str::<SubjectKind>(&text).unwrap(), kind);
        }
        let refused = "song".parse::<SubjectKind>().unwrap_err().to_string();
        assert!(refused.contains("\"song\"") && refused.contains(", oauth-client, "), "{refused}");
    }

    #[test]
    fn an_export_that_spells_a_program_otherwise_is_read() {
        let read = |text| serde_json::from_str::<SubjectKind>(text).unwrap();
        assert_eq!(read("\"o-auth-client\""), SubjectKind::OAuthClient);
        assert_eq!(read("\"o-auth-grant\""), SubjectKind::OAuthGrant);
    }
}
