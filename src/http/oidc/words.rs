//! What people read who come back from another server, in English and German.

use crate::http::oauth::Words;

/// The texts of a language.
pub(super) struct Texts {
    pub(super) failed: &'static str,
    /// Before the provider's name, and after it.
    pub(super) linked: (&'static str, &'static str),
    pub(super) logged_in: &'static str,
    pub(super) go_on: &'static str,
}

const ENGLISH: Texts = Texts {
    failed: "You aren’t logged in by",
    linked: ("From now on you can log in by ", "."),
    logged_in: "You are logged in.",
    go_on: "Go on",
};

const GERMAN: Texts = Texts {
    failed: "Du bist nicht angemeldet über",
    linked: ("Du kannst dich von jetzt an über ", " anmelden."),
    logged_in: "Du bist angemeldet.",
    go_on: "Weiter",
};

impl Texts {
    /// Those of the same language as the words that every such page has.
    pub(super) fn beside(words: &Words) -> &'static Self {
        if words.language == "de" { &GERMAN } else { &ENGLISH }
    }
}
