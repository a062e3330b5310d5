//! The kinds of things that the audit trail speaks of.

use rkyv::{Archive, Deserialize, Serialize};

use super::list::every_record;

macro_rules! kinds {
    (
        { $($(#[$more_doc:meta])* $more:ident, $more_kind:literal $more_word:literal;)* }
        $($(#[$doc:meta])* $table:ident: $record:ident = $stored:literal, $line:ident $(, $kind:literal $word:literal)?;)*
    ) => {
        /// What something was done to. Numbers are part of the chain: never reused.
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
                $line = $kind,
            )?)*
            $($(#[$more_doc])* $more = $more_kind,)*
        }

        impl SubjectKind {
            /// The word that names it to people.
            pub fn word(self) -> &'static str {
                match self {
                    $($(Self::$line => $word,)?)*
                    $(Self::$more => $more_word,)*
                }
            }
        }
    };
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
