//! What people read who are asked by a program, in English and German.

use std::fmt::Display;

use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;

use crate::account::AccountError;
use crate::auth::oauth::{Claims, OAuthError, Scopes};
use crate::permission::Permissions;
use crate::protocol::ErrorCode;

/// The texts of a language.
pub(in crate::http) struct Words {
    pub(in crate::http) language: &'static str,
    /// Before the program's name.
    pub(super) asks: (&'static str, &'static str),
    /// Before the name of a device that is to be logged in.
    pub(super) logs_in: (&'static str, &'static str),
    pub(super) log_in_may: &'static str,
    pub(super) log_in_ends: &'static str,
    pub(super) learns: &'static str,
    pub(super) may: &'static str,
    claims: [&'static str; 5],
    destructive: &'static str,
    pub(super) comes_back: &'static str,
    pub(super) as_you: &'static str,
    pub(super) other: &'static str,
    pub(super) name: &'static str,
    pub(super) password: &'static str,
    pub(super) code: &'static str,
    pub(super) allow: &'static str,
    pub(super) deny: &'static str,
    pub(super) take_back: &'static str,
    pub(super) refused: &'static str,
    pub(super) back: &'static str,
    pub(super) logged_out: (&'static str, &'static str),
    pub(super) nothing_to_log_out: &'static str,
    pub(super) device: &'static str,
    pub(super) device_code: &'static str,
    pub(super) go_on: &'static str,
    pub(super) device_unknown: &'static str,
    pub(super) device_allowed: &'static str,
    pub(super) device_denied: &'static str,
    failed: &'static str,
    code_needed: &'static str,
    code_wrong: &'static str,
    wait: &'static str,
    banned: &'static str,
    password_refused: &'static str,
    busy: &'static str,
    full: &'static str,
    broken: &'static str,
    session_ended: &'static str,
    program_gone: &'static str,
    /// Before a sentence that there is in English alone.
    quotes: &'static str,
}

const ENGLISH: Words = Words {
    language: "en",
    asks: ("", " asks for your permission"),
    logs_in: ("Log in on “", "”?"),
    log_in_may: "This device will be logged in as you, and may do all that you may. Allow it only if you asked for that there yourself a moment ago.",
    log_in_ends: "You end it again in the list of your devices.",
    learns: "It will be told:",
    may: "It may do for you, as far as you may yourself:",
    claims: [
        "who you are, by a number",
        "your name here, and the name and the picture that you show",
        "your e-mail address",
        "your roles",
        "the same while you are away, until you take it back",
    ],
    destructive: "change, overwrite and take away what is there, where an assistant of yours asks it to",
    comes_back: "The answer goes to",
    as_you: "You are logged in here as",
    other: "Use another account",
    name: "Name",
    password: "Password",
    code: "One-time code, if your account has one",
    allow: "Allow",
    deny: "Don't allow",
    take_back: "You can take it back at any time, in your account on this server's page.",
    refused: "This request can't be answered",
    back: "Tell whoever runs the program that sent you here:",
    logged_out: ("You are logged out of ", "."),
    nothing_to_log_out: "There is nothing to log out of.",
    device: "Allow a device something",
    device_code: "The code that it shows",
    go_on: "Go on",
    device_unknown: "No device waits for this code. Look at it again; it is good for ten minutes.",
    device_allowed: "It is allowed. Go on at the device.",
    device_denied: "It isn't allowed. You can close this page.",
    failed: "The name or the password is wrong, or the account is disabled.",
    code_needed: "This account needs its one-time code, too: enter it beside the password.",
    code_wrong: "The one-time code is wrong, too old, or was used; take the next one.",
    wait: "There were too many tries. Wait a moment, and try again.",
    banned: "You are banned from this server.",
    password_refused: "Passwords log nobody in here but owners. Log in on this server's page in another way, and come back.",
    busy: "The server is busy. Try again in a moment.",
    full: "There is no room on the server now. Try again when somebody has left.",
    broken: "The server can't do that now. Tell whoever runs it; its log says why.",
    session_ended: "Your session has ended. Log in with your password.",
    program_gone: "The program that asks isn't registered here any more.",
    quotes: "",
};

const GERMAN: Words = Words {
    language: "de",
    asks: ("", " bittet um deine Erlaubnis"),
    logs_in: ("Auf „", "“ anmelden?"),
    log_in_may: "Dieses Gerät wird als du angemeldet und darf alles, was du darfst. Erlaube es nur, wenn du selbst es dort gerade eben verlangt hast.",
    log_in_ends: "Du beendest es wieder in der Liste deiner Geräte.",
    learns: "Es erfährt:",
    may: "Es darf für dich tun, soweit du es selbst darfst:",
    claims: [
        "wer du bist, als Nummer",
        "deinen Namen hier, und den Namen und das Bild, die du zeigst",
        "deine E-Mail-Adresse",
        "deine Rollen",
        "dasselbe auch, während du weg bist, bis du es zurücknimmst",
    ],
    destructive: "ändern, überschreiben und wegnehmen, was da ist, wenn ein Assistent von dir es verlangt",
    comes_back: "Die Antwort geht an",
    as_you: "Du bist hier angemeldet als",
    other: "Ein anderes Konto verwenden",
    name: "Name",
    password: "Passwort",
    code: "Einmalcode, falls dein Konto einen hat",
    allow: "Erlauben",
    deny: "Nicht erlauben",
    take_back: "Du kannst es jederzeit zurücknehmen, in deinem Konto auf der Seite dieses Servers.",
    refused: "Diese Anfrage lässt sich nicht beantworten",
    back: "Sag es denen, die das Programm betreiben, das dich hergeschickt hat:",
    logged_out: ("Du bist abgemeldet von ", "."),
    nothing_to_log_out: "Es gibt nichts, wovon du dich abmelden könntest.",
    device: "Einem Gerät etwas erlauben",
    device_code: "Der Code, den es zeigt",
    go_on: "Weiter",
    device_unknown: "Kein Gerät wartet auf diesen Code. Sieh noch einmal hin; er gilt zehn Minuten.",
    device_allowed: "Es ist erlaubt. Weiter geht es am Gerät.",
    device_denied: "Es ist nicht erlaubt. Du kannst diese Seite schließen.",
    failed: "Der Name oder das Passwort ist falsch, oder das Konto ist gesperrt.",
    code_needed: "Dieses Konto braucht auch seinen Einmalcode: Gib ihn neben dem Passwort ein.",
    code_wrong: "Der Einmalcode ist falsch, zu alt oder schon benutzt; nimm den nächsten.",
    wait: "Das waren zu viele Versuche. Warte einen Moment, und versuch es noch einmal.",
    banned: "Du bist von diesem Server ausgeschlossen.",
    password_refused: "Mit einem Passwort melden sich hier nur Besitzer an. Melde dich auf der Seite dieses Servers anders an, und komm wieder.",
    busy: "Der Server ist beschäftigt. Versuch es gleich noch einmal.",
    full: "Auf dem Server ist gerade kein Platz. Versuch es noch einmal, wenn jemand gegangen ist.",
    broken: "Der Server kann das gerade nicht. Sag es denen, die ihn betreiben; in seinem Protokoll steht, warum.",
    session_ended: "Deine Sitzung ist beendet. Melde dich mit deinem Passwort an.",
    program_gone: "Das Programm, das fragt, ist hier nicht mehr eingetragen.",
    quotes: "Der Server lehnt das ab: ",
};

impl Words {
    /// Those that a browser prefers.
    pub(in crate::http) fn of(headers: &HeaderMap) -> &'static Self {
        let wanted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let first = |word: &str| {
            let word = word.trim();
            word.starts_with("de") || word.starts_with("en")
        };
        match wanted.split(',').find(|word| first(word)) {
            Some(word) if word.trim().starts_with("de") => &GERMAN,
            _ => &ENGLISH,
        }
    }

    /// What a program is told by some scopes.
    pub(super) fn claims(&self, scopes: Scopes) -> Vec<&'static str> {
        let named = Claims::NAMED.into_iter().zip(self.claims);
        named.filter(|((claim, _), _)| scopes.claims.contains(*claim)).map(|(_, words)| words).collect()
    }

    /// What it may do by them.
    pub(super) fn permissions(&self, scopes: Scopes) -> Vec<&'static str> {
        let named = Permissions::NAMED.iter().filter(|(one, _)| scopes.permissions.contains(*one));
        let destructive = scopes.claims.contains(Claims::DESTRUCTIVE).then_some(self.destructive);
        named.map(|(_, word)| *word).chain(destructive).collect()
    }

    /// Why a program's request isn't answered, where that isn't its author's affair.
    pub(super) fn unanswered(&self, error: &OAuthError) -> Option<&'static str> {
        match error {
            OAuthError::RateLimited(_) => Some(self.wait),
            OAuthError::Busy => Some(self.busy),
            OAuthError::Internal => Some(self.broken),
            _ => None,
        }
    }

    /// Why somebody isn't let in.
    pub(in crate::http) fn refusal(&self, error: &AccountError) -> String {
        match error {
            AccountError::NoSuchProgram => self.program_gone.to_owned(),
            other => self.said(other.code(), other),
        }
    }

    /// The sentence of a code, or else what is said in English.
    pub(in crate::http) fn said(&self, code: ErrorCode, otherwise: &dyn Display) -> String {
        let words = match code {
            ErrorCode::LogInFailed => self.failed,
            ErrorCode::SecondFactorNeeded => self.code_needed,
            ErrorCode::SecondFactorWrong => self.code_wrong,
            ErrorCode::TooManyAttempts | ErrorCode::RateLimited => self.wait,
            ErrorCode::Banned => self.banned,
            ErrorCode::PasswordRefused => self.password_refused,
            ErrorCode::TokenInvalid => self.session_ended,
            ErrorCode::Busy => self.busy,
            ErrorCode::Full => self.full,
            ErrorCode::ReadOnly | ErrorCode::Internal => self.broken,
            _ => return self.quoted(otherwise),
        };
        words.to_owned()
    }

    /// What there is in English alone.
    pub(in crate::http) fn quoted(&self, english: &dyn Display) -> String {
        format!("{}{}", self.quotes, whole(&english.to_string()))
    }
}

/// A refusal, which has no capital and no full stop, as a sentence that stands alone.
pub(in crate::http) fn whole(refusal: &str) -> String {
    let mut letters = refusal.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let end = if refusal.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::HeaderValue;

    use super::*;

    fn words(wanted: &'static str) -> &'static Words {
        Words::of(&HeaderMap::from_iter([(ACCEPT_LANGUAGE, HeaderValue::from_static(wanted))]))
    }

    #[test]
    fn what_is_nobody_s_fault_is_said_in_the_reader_s_language() {
        let (english, german) = (words("fr, en;q=0.5"), words("de-CH, en"));
        assert_eq!((english.language, german.language), ("en", "de"));
        for (error, begins) in [
            (OAuthError::RateLimited(Duration::from_secs(1)), ["There were too many", "Das waren zu viele"]),
            (OAuthError::Busy, ["The server is busy", "Der Server ist besch"]),
            (OAuthError::Internal, ["The server can't", "Der Server kann"]),
        ] {
            for (words, begins) in [english, german].into_iter().zip(begins) {
                assert!(words.unanswered(&error).unwrap().starts_with(begins), "{error:?}");
            }
        }
        assert_eq!(german.unanswered(&OAuthError::RedirectUnknown), None, "the author has to mend it");
        for (error, begins) in [
            (AccountError::PasswordRefused, ["Passwords log", "Mit einem Passwort"]),
            (AccountError::BusyWithYours(8), ["The server is busy", "Der Server ist besch"]),
            (AccountError::ReadOnly, ["The server can't", "Der Server kann"]),
            (AccountError::TokenInvalid, ["Your session", "Deine Sitzung"]),
            (AccountError::NoSuchProgram, ["The program that", "Das Programm, das"]),
            (AccountError::GuestsRefused, ["No guests are", "Der Server lehnt das ab: No guests are"]),
        ] {
            for (words, begins) in [english, german].into_iter().zip(begins) {
                assert!(words.refusal(&error).starts_with(begins), "{error:?}");
            }
        }
    }

    #[test]
    fn what_stands_alone_is_a_sentence() {
        for said in ["too many requests; slow down", "Too many requests; slow down."] {
            assert_eq!(whole(said), "Too many requests; slow down.");
        }
        assert_eq!((whole("über"), whole("")), ("Über.".to_owned(), ".".to_owned()));
    }
}
