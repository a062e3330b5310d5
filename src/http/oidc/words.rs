//! What people read who come back from another server, in English and German.

use crate::account::{AccountError, LinkError};
use crate::auth::oidc::Distrust;
use crate::http::oauth::Words;
use crate::protocol::ErrorCode;
use crate::provider::{FetchError, ProviderError};

/// The texts of a language.
pub(super) struct Texts {
    pub(super) failed: &'static str,
    /// Before the provider's name, and after it.
    pub(super) linked: (&'static str, &'static str),
    pub(super) logged_in: &'static str,
    pub(super) go_on: &'static str,
    /// Why nobody comes in by the provider.
    pub(super) there: fn(&ProviderError) -> String,
    here: fn(&Words, &AccountError) -> String,
    /// To a browser that doesn't say that the page asks, where somebody wants an account by an invite.
    pub(super) elsewhere: &'static str,
}

const ENGLISH: Texts = Texts {
    failed: "You aren’t logged in by",
    linked: ("From now on you can log in by ", "."),
    logged_in: "You are logged in.",
    go_on: "Go on",
    there: ProviderError::to_string,
    here: |words, error| words.quoted(error),
    elsewhere: "An invite is taken up on the page; this browser doesn’t say that the page asks.",
};

const GERMAN: Texts = Texts {
    failed: "Du bist nicht angemeldet über",
    linked: ("Du kannst dich von jetzt an über ", " anmelden."),
    logged_in: "Du bist angemeldet.",
    go_on: "Weiter",
    there: there_in_german,
    here: here_in_german,
    elsewhere: "Eine Einladung nimmt man auf der Seite an; dieser Browser sagt nicht, dass die Seite fragt.",
};

impl Texts {
    /// Those of the same language as the words that every such page has.
    pub(super) fn beside(words: &Words) -> &'static Self {
        if words.language == "de" { &GERMAN } else { &ENGLISH }
    }

    /// Why this server lets nobody in whom the provider knows.
    pub(super) fn here(&self, words: &Words, error: &AccountError) -> String {
        match error.code() {
            ErrorCode::Banned
            | ErrorCode::TooManyAttempts
            | ErrorCode::RateLimited
            | ErrorCode::Busy
            | ErrorCode::Full
            | ErrorCode::ReadOnly
            | ErrorCode::Internal => words.refusal(error),
            // The same code stands for what is said of passwords elsewhere.
            _ => (self.here)(words, error),
        }
    }
}

fn there_in_german(error: &ProviderError) -> String {
    const LATER: &str = "Versuch es später noch einmal, oder wähle einen anderen Weg.";
    const OPERATOR: &str = "Sag es denen, die diesen Server betreiben.";
    match error {
        ProviderError::Lost => "Diese Anmeldung wurde in einem anderen Browser oder vor mehr als zehn Minuten begonnen, oder sie \
            ist schon benutzt. Fang noch einmal an."
            .to_owned(),
        ProviderError::Often(after) => {
            let seconds = after.as_secs().max(1);
            format!("Von deiner Adresse kommen zu viele Anmeldungen. Versuch es in {seconds} s noch einmal.")
        }
        ProviderError::Code => {
            "Der Code, der mit dieser Anmeldung kam, ist dort unbekannt. Fang noch einmal an.".to_owned()
        }
        ProviderError::Distrust(Distrust::NotAnew) => {
            "Du wurdest dort nicht noch einmal angemeldet, obwohl dieser Server darum bat. Melde dich dort ab, und fang noch \
             einmal an."
                .to_owned()
        }
        ProviderError::Refused(code) => {
            format!("Die Anmeldung wurde dort abgelehnt ({code}). Fang noch einmal an, oder wähle einen anderen Weg.")
        }
        ProviderError::Fetch(FetchError::Address(address)) => {
            format!("{address} ist keine Adresse, die gefragt werden darf: Sie beginnt mit https://. {OPERATOR}")
        }
        ProviderError::Fetch(FetchError::Unreachable { host, why }) => {
            format!("{host} ist nicht zu erreichen ({why}). {LATER}")
        }
        ProviderError::Fetch(FetchError::Slow(host)) => {
            format!("{host} hat nicht rechtzeitig geantwortet. {LATER}")
        }
        ProviderError::Fetch(FetchError::Busy) => format!("Gerade melden sich viele darüber an. {LATER}"),
        ProviderError::Status(status) => format!("Die Antwort hat den Status {status}. {OPERATOR}"),
        // What there is to mend is quoted for those who mend it, as it is in the log.
        ProviderError::Exchange(_) | ProviderError::Distrust(_) => {
            format!("Die Antwort gilt hier nicht. Sag denen, die diesen Server betreiben: {error}")
        }
        ProviderError::Failed => "Der Server ist gescheitert; in seinem Protokoll steht, warum.".to_owned(),
    }
}

fn here_in_german(words: &Words, error: &AccountError) -> String {
    let sentence = match error {
        AccountError::NotLinked => {
            "Kein Konto hier ist mit dieser Anmeldung verknüpft. Melde dich an wie bisher, und verknüpfe sie in deinem Konto; \
             oder bitte die um ein Konto, die den Server verwalten."
        }
        AccountError::LinkedAlready => {
            "Du hast hier schon ein Konto, zu dem diese Anmeldung führt. Melde dich auf der nächsten Seite damit an. Eine \
             Einladung gilt weiter wie zuvor."
        }
        AccountError::InviteInvalid => {
            "Die Einladung ist falsch, aufgebraucht oder abgelaufen. Bitte um eine neue."
        }
        AccountError::RegistrationClosed => {
            "Hier legt niemand selbst ein Konto an. Bitte die darum, die den Server verwalten."
        }
        AccountError::LinkedDisabled => {
            "Das Konto, zu dem diese Anmeldung führt, ist gesperrt. Wende dich an die, die den Server verwalten."
        }
        AccountError::Linked(LinkError::Taken) => {
            "Diese Anmeldung führt hier schon zu einem Konto. Erst muss sie dort entfernt werden."
        }
        AccountError::Linked(LinkError::TooMany) => {
            "Mit deinem Konto sind so viele Anmeldungen verknüpft, wie es sein können. Entferne erst eine."
        }
        AccountError::Linked(LinkError::Outdated) | AccountError::TokenInvalid => {
            "Die Sitzung, in der du das wolltest, ist beendet. Melde dich an, und verknüpfe noch einmal."
        }
        other => match other.code() {
            ErrorCode::NameTaken => {
                "Hier gibt es schon ein Konto, das so heißt wie du dort, oder fast so. Bitte die um ein Konto, die den Server \
                 verwalten."
            }
            ErrorCode::TooMany => {
                "Hier gibt es so viele Konten, wie es geben kann. Sag es denen, die den Server verwalten."
            }
            _ => return words.quoted(other),
        },
    };
    sentence.to_owned()
}
