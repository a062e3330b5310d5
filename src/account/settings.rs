//! What accounts are told at start.

use std::time::Duration;

/// How accounts are dealt with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of the server for people.
    pub name: String,
    /// How long a session's long token is good.
    pub token_life: Duration,
    /// How long its access tokens are good.
    pub access_life: Duration,
    /// What keys are made of that the database must not hold.
    pub secrets: Secrets,
    /// Whether guests are let in.
    pub guests: bool,
    /// Who may make an account.
    pub registration: Registration,
    /// The address of the page, for links in e-mails; empty for none.
    pub page: String,
    /// Failed log-ins of one account before there is a delay.
    pub account_tries: u32,
    /// The same of one address.
    pub address_tries: u32,
    /// The longest delay.
    pub longest_delay: Duration,
    /// Threads that hash passwords.
    pub hash_threads: usize,
    /// Passwords that wait for them at most; at the bound the answer is "busy".
    pub hash_queue: usize,
}

/// Who may make an account for themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Whoever was invited.
    Invited,
    /// Everybody.
    Open,
    /// Nobody; administrators make accounts.
    Closed,
}

impl Registration {
    /// As the setting and the page have it: `invite`, `open` or `closed`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Invited => "invite",
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// What tokens are made with, and what seals secrets in the database.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// Makes sessions' tokens.
    pub tokens: Secret,
    /// Whether that one is new: what the former one made a moment ago is then accepted for as long as it would have been.
    pub tokens_are_new: bool,
    /// Seals second factors.
    pub sealing: Secret,
    /// What versions before these two secrets used for both: the key of the server's identity.
    pub former: Secret,
}

/// Bytes that last and that nobody learns, not even by a log of the settings.
#[derive(Clone)]
pub struct Secret(pub Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}
