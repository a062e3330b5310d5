//! Settings: defaults, then the configuration file, then the environment, then flags; each later one
//! wins. Every setting stands once, in the table [`KEYS`]; file, environment, flags, `config show` and
//! the sample file all derive from it.

mod hidden;
mod key;
mod load;
mod network;
mod provider;
mod public;
mod sample;

pub use key::{KEYS, Key, Kind};
pub use load::{ConfigError, Sources, check_file};
pub use network::{Network, NoNetwork};
pub use provider::ProviderSetting;
pub use public::PublicAddress;
pub use sample::sample;

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use crate::config::key::Value;

/// Where a setting's value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nothing says otherwise.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A flag of the command.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "${name}"),
            Self::Flag(name) => write!(f, "--{name}"),
        }
    }
}

/// Every setting, valid.
#[derive(Clone, Debug)]
pub struct Config {
    values: Vec<(Value, Origin)>,
}

macro_rules! getters {
    ($($(#[$doc:meta])* $name:ident -> $type:ty = $key:literal, $variant:ident;)*) => {
        impl Config {
            $($(#[$doc])* pub fn $name(&self) -> $type {
                match self.value($key) {
                    Value::$variant(value) => value.clone(),
                    // The table gives each key one kind, and loading checks it.
                    _ => Default::default(),
                }
            })*
        }
    };
}

getters! {
    /// Name of the server for people.
    name -> String = "name", Text;
    /// What is logged, in the language of `tracing_subscriber::EnvFilter`.
    log -> String = "log", Text;
    /// `text` or `json`.
    log_format -> String = "log_format", Text;
    /// Sessions at most.
    max_sessions -> u32 = "limits.max_sessions", Number;
    /// Requests a second of one session.
    requests_per_second -> u32 = "limits.requests_per_second", Number;
    /// Requests of one session that may come at once.
    request_burst -> u32 = "limits.request_burst", Number;
    /// Voice packets a second of one session.
    packets_per_second -> u32 = "limits.packets_per_second", Number;
    /// Voice bytes a second of one session.
    voice_bytes_per_second -> u32 = "limits.voice_bytes_per_second", Number;
    /// Messages a second to one channel.
    channel_texts_per_second -> u32 = "limits.channel_texts_per_second", Number;
    /// Messages to one channel at once.
    channel_text_burst -> u32 = "limits.channel_text_burst", Number;
    /// Failed log-ins of one account without a delay.
    account_tries -> u32 = "limits.account_tries", Number;
    /// Failed log-ins of one address without a delay.
    address_tries -> u32 = "limits.address_tries", Number;
    /// Seconds of the longest delay.
    try_delay_seconds -> u32 = "limits.try_delay_seconds", Number;
    /// New connections a second of one address.
    address_connects -> u32 = "limits.address_connects", Number;
    /// Connections of one address that aren't logged in.
    address_strangers -> u32 = "limits.address_strangers", Number;
    /// TCP connections of one address that ask for pages.
    address_http -> u32 = "limits.address_http", Number;
    /// Sessions of one address.
    address_sessions -> u32 = "limits.address_sessions", Number;
    /// Guests of one address.
    address_guests -> u32 = "limits.address_guests", Number;
    /// Sessions of one account.
    account_sessions -> u32 = "limits.account_sessions", Number;
    /// Sessions of one API key.
    key_sessions -> u32 = "limits.key_sessions", Number;
    /// Changes of one account that are kept, at once and a day.
    account_changes -> u32 = "limits.account_changes", Number;
    /// Seconds to log in.
    handshake_seconds -> u32 = "limits.handshake_seconds", Number;
    /// Seconds of silence after which a connection is given up.
    idle_seconds -> u32 = "limits.idle_seconds", Number;
    /// Milliseconds that frames wait for each other at most.
    gather_ms -> u32 = "voice.gather_ms", Number;
    /// Whether the page for browsers is served.
    web -> bool = "web.enabled", Switch;
    /// Proxies that are believed when they say for whom they ask.
    trusted_proxies -> Vec<Network> = "web.trusted_proxies", Networks;
    /// Origins whose pages may ask for what programs ask for.
    api_origins -> Vec<String> = "web.api_origins", PageOrigins;
    /// Whether the server is announced on its local network.
    discovery -> bool = "discovery.enabled", Switch;
    /// Days that a session's token is good.
    token_days -> u32 = "sessions.token_days", Number;
    /// Minutes that an access token is good.
    access_minutes -> u32 = "sessions.access_minutes", Number;
    /// Other servers by which people log in.
    providers -> Vec<ProviderSetting> = "log_in.providers", Providers;
    /// Whom a password logs in: `everybody` or `owners`.
    passwords -> String = "log_in.passwords", Text;
    /// Minutes that a program's access token is good.
    oauth_access_minutes -> u32 = "oauth.access_minutes", Number;
    /// Days that a program's refresh token is good.
    oauth_refresh_days -> u32 = "oauth.refresh_days", Number;
    /// Whether guests are let in.
    guests -> bool = "sessions.guests", Switch;
    /// Who may make an account: `invite`, `open` or `closed`.
    registration -> String = "accounts.registration", Text;
    /// Networks beside what is public that people may have the server ask.
    hook_networks -> Vec<Network> = "hooks.networks", Networks;
    /// Whether assistants may ask.
    assistant -> bool = "assistant.enabled", Switch;
    /// `HOST[:PORT]` of the SMTP server; empty for none.
    mail_server -> String = "mail.server", Text;
    /// `starttls`, `tls` or `none`.
    mail_security -> String = "mail.security", Text;
    /// User there; empty for none.
    mail_user -> String = "mail.user", Text;
    /// Address that e-mails come from.
    mail_from -> String = "mail.from", Text;
    /// Passwords waiting to be hashed, at most.
    hash_queue -> u32 = "auth.hash_queue", Number;
    /// Hours between two backups; 0 for none.
    backup_hours -> u32 = "store.backup_hours", Number;
    /// Whether an older database is migrated at start.
    migrate -> bool = "store.migrate", Switch;
}

impl Config {
    /// The directory of the database, the identity and the local socket.
    pub fn data_dir(&self) -> PathBuf {
        match self.value("data_dir") {
            Value::Text(path) if !path.is_empty() => PathBuf::from(path),
            _ => key::default_data_dir(),
        }
    }

    /// Whether nobody said where that is.
    pub fn data_dir_is_default(&self) -> bool {
        self.origin("data_dir") == &Origin::Default
    }

    /// What a scraper of the metrics has to show; empty where it has to be on this machine.
    pub fn metrics_token(&self) -> String {
        self.secret("web.metrics_token")
    }

    /// The password at the SMTP server.
    pub fn mail_password(&self) -> String {
        self.secret("mail.password")
    }

    fn secret(&self, name: &str) -> String {
        match self.value(name) {
            Value::Secret(secret) => secret.0.clone(),
            _ => String::new(),
        }
    }

    /// Where others reach the server, if its owner says it.
    pub fn public_address(&self) -> Option<PublicAddress> {
        let listened = self.listen().first().map_or(key::DEFAULT_PORT, SocketAddr::port);
        // Port 0 lets the operating system choose.
        let port = if listened == 0 { key::DEFAULT_PORT } else { listened };
        match self.value("web.public_address") {
            Value::Text(text) => PublicAddress::parse(text, port),
            _ => None,
        }
    }

    /// Address of the page, for links in e-mails; empty where nobody says it.
    pub fn mail_page(&self) -> String {
        match self.value("mail.page") {
            Value::Text(page) if !page.is_empty() => page.clone(),
            _ => self.public_address().map(|public| public.page).unwrap_or_default(),
        }
    }

    /// The directory of recordings.
    pub fn recording_dir(&self) -> PathBuf {
        match self.value("recording.directory") {
            Value::Text(path) if !path.is_empty() => PathBuf::from(path),
            _ => self.data_dir().join("recordings"),
        }
    }

    /// What recordings may take together, in bytes; 0 where there are none.
    pub fn recording_quota(&self) -> u64 {
        match self.value("recording.quota_mib") {
            Value::Number(mebibytes) => u64::from(*mebibytes) << 20,
            _ => 0,
        }
    }

    /// The files of the self-hoster's own certificate: its chain and its key. Those in `certs/` where the server is
    /// started, if they are there, when none are named.
    pub fn certificate(&self) -> Option<(PathBuf, PathBuf)> {
        let named = |key| match self.value(key) {
            Value::Text(path) if !path.is_empty() => Some(PathBuf::from(path)),
            _ => None,
        };
        let found = |path: &str| Some(PathBuf::from(path)).filter(|path| path.exists());
        match (named("web.certificate"), named("web.key")) {
            (None, None) => found("certs/fullchain.pem").zip(found("certs/privkey.pem")),
            // A file with both is common; one that lacks the other half is named when it is read.
            (chain, key) => chain.clone().or_else(|| key.clone()).zip(key.or(chain)),
        }
    }

    /// What to listen on.
    pub fn listen(&self) -> Vec<SocketAddr> {
        match self.value("listen") {
            Value::Addresses(addresses) => addresses.clone(),
            _ => Vec::new(),
        }
    }

    /// Whether nobody said what to listen on.
    pub fn listens_by_default(&self) -> bool {
        self.origin("listen") == &Origin::Default
    }

    /// Loopback, with the port that would be listened on: what `--demo` listens on instead.
    pub fn loopback(&self) -> Vec<SocketAddr> {
        let port = self.listen().first().map_or(crate::config::key::DEFAULT_PORT, SocketAddr::port);
        vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()]
    }

    /// Threads that carry connections and voice: as many as said, or as there are cores.
    pub fn shards(&self) -> usize {
        self.threads("voice.shards")
    }

    /// Threads that hash passwords: as many as said, or as there are cores.
    pub fn hash_threads(&self) -> usize {
        self.threads("auth.hash_threads")
    }

    fn threads(&self, key: &str) -> usize {
        match self.value(key) {
            Value::Number(0) => std::thread::available_parallelism().map_or(1, usize::from),
            Value::Number(threads) => *threads as usize,
            _ => 1,
        }
    }

    /// Every setting with its value as text and where that comes from.
    pub fn entries(&self) -> impl Iterator<Item = (&'static Key, String, &Origin)> {
        KEYS.iter().zip(&self.values).map(|(key, (value, origin))| match (key.name, value) {
            ("data_dir", _) => (key, self.data_dir().display().to_string(), origin),
            ("recording.directory", _) => (key, self.recording_dir().display().to_string(), origin),
            (_, value) => (key, value.to_string(), origin),
        })
    }

    fn value(&self, name: &str) -> &Value {
        key::position(name).map_or(&Value::None, |place| &self.values[place].0)
    }

    fn origin(&self, name: &str) -> &Origin {
        key::position(name).map_or(&Origin::Default, |place| &self.values[place].1)
    }
}

#[cfg(test)]
mod tests;
