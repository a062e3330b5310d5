//! What accounts are told at start.

use std::time::Duration;

use crate::bounds::EntryPolicy;

/// How accounts are dealt with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of the server for people.
    pub name: String,
    /// How long a session's long token is good.
    pub token_life: Duration,
    /// How long its access tokens are good.
    pub access_life: Duration,
    /// How long a program's access token is good.
    pub oauth_access: Duration,
    /// How long its refresh token is good, each time.
    pub oauth_refresh: Duration,
    /// What keys are made of that the database must not hold.
    pub secrets: Secrets,
    /// Who comes in, unless the machine's owner says otherwise of an organization.
    pub entry: EntryPolicy,
    /// The address of the page, for links in e-mails; empty for none.
    pub page: String,
    /// Other servers by which people log in: how each calls itself, and what people know it as.
    pub providers: Vec<(String, String)>,
    /// Tags of the organizations, empty for the first one, in which a password logs in owners alone.
    pub owners_only: Vec<String>,
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

impl Settings {
    /// What people know another server as; empty where the settings know it no more.
    pub(super) fn provider_of(&self, issuer: &str) -> String {
        let found = self.providers.iter().find(|(known, _)| known == issuer);
        found.map(|(_, name)| name.clone()).unwrap_or_default()
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
