//! What a plugin may ask of the server, if it was granted that.

use std::fmt;

/// What a plugin may do. Each stands in manifests and commands by a word.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    /// `db.users.read`: it may look accounts up.
    UsersRead,
    /// `db.users.create`: it may make accounts.
    UsersCreate,
    /// `db.sessions.create`: it may have people log in who show what opens their account, and end what it began.
    SessionsCreate,
    /// `kv`: its variables outlast the call.
    Kv,
    /// `text`: it may write into channels.
    Text,
    /// `hook.text`: it is asked about what people write into channels.
    HookText,
    /// `hook.event`: it is told what happens.
    HookEvent,
    /// `flow.step`: flows may call it, with the rights of their owners.
    FlowStep,
    /// `http:HOST`: it may ask this host over HTTP.
    Http(String),
}

/// What a plugin asks the server for by functions of the server's own, and the grant that each needs. They take a question and
/// give an answer, both in JSON.
pub(super) const ASKS: &[(&str, Grant)] = &[
    ("db_create_session", Grant::SessionsCreate),
    ("db_create_user", Grant::UsersCreate),
    ("db_end_session", Grant::SessionsCreate),
    ("db_get_session", Grant::SessionsCreate),
    ("db_get_user", Grant::UsersRead),
    ("db_get_user_by_email", Grant::UsersRead),
    ("db_request_reset", Grant::SessionsCreate),
    ("db_reset_password", Grant::SessionsCreate),
    ("db_verify_email", Grant::SessionsCreate),
    ("password_hash", Grant::UsersCreate),
    ("password_verify", Grant::SessionsCreate),
    ("text_send", Grant::Text),
];

/// The functions of Extism that need a grant, and which.
pub(super) const HTTP_REQUEST: &str = "http_request";

impl Grant {
    /// The grant of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "db.users.read" => Some(Self::UsersRead),
            "db.users.create" => Some(Self::UsersCreate),
            "db.sessions.create" => Some(Self::SessionsCreate),
            "kv" => Some(Self::Kv),
            "text" => Some(Self::Text),
            "hook.text" => Some(Self::HookText),
            "hook.event" => Some(Self::HookEvent),
            "flow.step" => Some(Self::FlowStep),
            _ => {
                // As an address says it that names this host, so that the two are the same: without a port.
                let host = url::Host::parse(word.strip_prefix("http:")?).ok()?;
                let host = Some(host.to_string()).filter(|host| host.len() <= 253)?;
                let is_fit =
                    host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_[]:".contains(&byte));
                is_fit.then_some(Self::Http(host))
            }
        }
    }

    /// Words of all kinds of grants, for whoever wrote one that there isn't.
    pub(super) const WORDS: &str = "db.users.read, db.users.create, db.sessions.create, kv, text, hook.text, hook.event, flow.step, http:HOST";
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UsersRead => f.write_str("db.users.read"),
            Self::UsersCreate => f.write_str("db.users.create"),
            Self::SessionsCreate => f.write_str("db.sessions.create"),
            Self::Kv => f.write_str("kv"),
            Self::Text => f.write_str("text"),
            Self::HookText => f.write_str("hook.text"),
            Self::HookEvent => f.write_str("hook.event"),
            Self::FlowStep => f.write_str("flow.step"),
            Self::Http(host) => write!(f, "http:{host}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_read_as_it_is_shown() {
        for word in [
            "db.users.read",
            "db.users.create",
            "db.sessions.create",
            "kv",
            "text",
            "hook.text",
            "hook.event",
            "flow.step",
            "http:api.example.com",
            "http:[2001:db8::1]",
        ] {
            assert_eq!(Grant::from_word(word).unwrap().to_string(), word);
        }
        // A host is written as the address of a request says it.
        for (word, host) in [
            ("http:API.example.com", "api.example.com"),
            ("http:b\u{fc}cher.example", "xn--bcher-kva.example"),
            ("http:[2001:DB8:0::1]", "[2001:db8::1]"),
            ("http:127.1", "127.0.0.1"),
        ] {
            assert_eq!(Grant::from_word(word), Some(Grant::Http(host.to_owned())), "{word}");
        }
        for word in [
            "",
            "KV",
            "http:",
            "http:a/b",
            "http:a b",
            "http:*",
            "http:a.example:8080",
            "http:[::1",
            "http://a",
            "db.everything",
        ] {
            assert_eq!(Grant::from_word(word), None, "{word}");
        }
    }
}
