//! The table of settings, and what each may hold.

use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use etcetera::BaseStrategy;

use super::hidden::Hidden;
use super::network::Network;
use super::provider::ProviderSetting;

/// The port of a server that was told none. The protocol's, which this room can't import.
pub(super) const DEFAULT_PORT: u16 = 4848;

/// What a setting may hold.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Text of so many characters.
    Text(RangeInclusive<usize>),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A directory.
    Directory,
    /// A file.
    File,
    /// A whole number in this range.
    Number(RangeInclusive<u32>),
    /// `true` or `false`.
    Switch,
    /// Text of so many characters that isn't shown.
    Secret(RangeInclusive<usize>),
    /// `HOST`, `HOST:PORT` or `https://HOST[:PORT]`.
    PublicAddress,
    /// One or more `ADDRESS:PORT`, in the environment separated by commas.
    Addresses,
    /// Any number of `ADDRESS` or `ADDRESS/BITS`, in the environment separated by commas.
    Networks,
    /// Any number of `https://HOST[:PORT]`, in the environment separated by commas.
    PageOrigins,
    /// Any number of tables, each a provider of log-ins; in the environment as an array of TOML.
    Providers,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(length) | Self::Secret(length) => {
                write!(f, "text of {} to {} characters", length.start(), length.end())
            }
            Self::Choice(words) => write!(f, "one of {}", words.join(", ")),
            Self::Directory => f.write_str("a directory"),
            Self::File => f.write_str("a file"),
            Self::Number(range) => write!(f, "a whole number from {} to {}", range.start(), range.end()),
            Self::Switch => f.write_str("true or false"),
            Self::PublicAddress => f.write_str("HOST, HOST:PORT or https://HOST[:PORT]"),
            Self::Addresses => f.write_str("ADDRESS:PORT, one or more"),
            Self::Networks => f.write_str("ADDRESS or ADDRESS/BITS, any number of them"),
            Self::PageOrigins => f.write_str("https://HOST[:PORT], any number of them, as a browser writes them: without a slash at the end"),
            Self::Providers => f.write_str("a table for each, below [[log_in.providers]]"),
        }
    }
}

/// A setting.
#[derive(Clone, Debug)]
pub struct Key {
    /// Its name in the file; a dot stands for a table.
    pub name: &'static str,
    /// Its value when nothing is said, as it would stand in the file.
    pub default: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// What it means, with its unit.
    pub meaning: &'static str,
}

impl Key {
    /// Its environment variable: `PARLOUR_`, and the name in capitals with `_` for dots.
    pub fn variable(&self) -> String {
        format!("PARLOUR_{}", self.name.replace('.', "_").to_uppercase())
    }
}

/// A value of one of the kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    None,
    Text(String),
    Secret(Hidden),
    Number(u32),
    Switch(bool),
    Addresses(Vec<SocketAddr>),
    Networks(Vec<Network>),
    PageOrigins(Vec<String>),
    Providers(Vec<ProviderSetting>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Secret(secret) => secret.fmt(f),
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
            Self::Switch(switch) => switch.fmt(f),
            Self::Addresses(addresses) => {
                let words: Vec<_> = addresses.iter().map(ToString::to_string).collect();
                f.write_str(&words.join(", "))
            }
            Self::PageOrigins(origins) => f.write_str(&origins.join(", ")),
            Self::Providers(providers) => {
                let words: Vec<_> = providers.iter().map(ToString::to_string).collect();
                f.write_str(&words.join(", "))
            }
            Self::Networks(networks) => {
                let words: Vec<_> = networks.iter().map(ToString::to_string).collect();
                f.write_str(&words.join(", "))
            }
        }
    }
}

/// Where data goes when nothing is said: `$XDG_DATA_HOME/parlour`, or `~/.local/share/parlour`.
pub(super) fn default_data_dir() -> PathBuf {
    etcetera::choose_base_strategy()
        .map_or_else(|_| "parlour-data".into(), |base| base.data_dir().join("parlour"))
}

/// Where a key stands in the table.
pub(super) fn position(name: &str) -> Option<usize> {
    KEYS.iter().position(|key| key.name == name)
}

/// Every setting, in the order of the sample file.
pub const KEYS: &[Key] = &[
    Key {
        name: "data_dir",
        default: "\"\"",
        kind: Kind::Directory,
        meaning: "Directory of the database and the server's identity. Empty: $XDG_DATA_HOME/parlour, or ~/.local/share/parlour.",
    },
    Key {
        name: "listen",
        default: "[\"0.0.0.0:4848\", \"[::]:4848\"]",
        kind: Kind::Addresses,
        meaning: "Addresses to listen on: UDP for voice, TCP of the same number for the page. Port 0 lets the operating system choose.",
    },
    Key {
        name: "name",
        default: "\"Parlour\"",
        kind: Kind::Text(1..=64),
        meaning: "Name of the server, for people.",
    },
    Key {
        name: "log",
        default: "\"info\"",
        kind: Kind::Text(0..=1024),
        meaning: "What is logged: error, warn, info, debug or trace, for all or by part (\"info,parlour::endpoint=debug\").",
    },
    Key {
        name: "log_format",
        default: "\"text\"",
        kind: Kind::Choice(&["text", "json"]),
        meaning: "Form of the log on standard error.",
    },
    Key {
        name: "limits.max_sessions",
        default: "1000",
        kind: Kind::Number(1..=100_000),
        meaning: "People connected at once, at most.",
    },
    Key {
        name: "limits.requests_per_second",
        default: "20",
        kind: Kind::Number(1..=10_000),
        meaning: "Requests a second of one session, sustained.",
    },
    Key {
        name: "limits.request_burst",
        default: "60",
        kind: Kind::Number(1..=100_000),
        meaning: "Requests of one session that may come at once.",
    },
    Key {
        name: "limits.packets_per_second",
        default: "120",
        kind: Kind::Number(10..=10_000),
        meaning: "Voice packets a second of one session. 20 ms frames make 50, 10 ms frames 100.",
    },
    Key {
        name: "limits.voice_bytes_per_second",
        default: "65536",
        kind: Kind::Number(1_000..=10_000_000),
        meaning: "Voice bytes a second of one session, headers included. 32 kbit/s Opus makes about 5000.",
    },
    Key {
        name: "limits.channel_texts_per_second",
        default: "20",
        kind: Kind::Number(1..=10_000),
        meaning: "Messages a second to one channel, sustained, whoever writes them.",
    },
    Key {
        name: "limits.channel_text_burst",
        default: "100",
        kind: Kind::Number(1..=100_000),
        meaning: "Messages to one channel that may come at once.",
    },
    Key {
        name: "limits.account_tries",
        default: "5",
        kind: Kind::Number(1..=1_000),
        meaning: "Failed log-ins of one account before the next one has to wait: a second, then twice as long each time.",
    },
    Key {
        name: "limits.address_tries",
        default: "10",
        kind: Kind::Number(1..=10_000),
        meaning: "The same of one address (of IPv6, of its /64), which a household or a club shares.",
    },
    Key {
        name: "limits.try_delay_seconds",
        default: "60",
        kind: Kind::Number(1..=3_600),
        meaning: "The longest such wait, in seconds.",
    },
    Key {
        name: "limits.address_connects",
        default: "32",
        kind: Kind::Number(1..=100_000),
        meaning: "New connections a second of one address (of IPv6, of its /64), sustained; four times as many may come at once. This and the next four hold eightfold for loopback and private networks, where many people may be one address.",
    },
    Key {
        name: "limits.address_strangers",
        default: "32",
        kind: Kind::Number(1..=100_000),
        meaning: "Connections of one address that aren't logged in yet, at once.",
    },
    Key {
        name: "limits.address_http",
        default: "48",
        kind: Kind::Number(1..=100_000),
        meaning: "TCP connections of one address that ask for the page and for figures, at once. A browser takes up to six.",
    },
    Key {
        name: "limits.address_sessions",
        default: "128",
        kind: Kind::Number(1..=100_000),
        meaning: "People of one address who are connected at once.",
    },
    Key {
        name: "limits.address_guests",
        default: "32",
        kind: Kind::Number(1..=100_000),
        meaning: "Guests among them.",
    },
    Key {
        name: "limits.account_sessions",
        default: "64",
        kind: Kind::Number(1..=100_000),
        meaning: "Devices and programs by which one account is connected at once.",
    },
    Key {
        name: "limits.key_sessions",
        default: "8",
        kind: Kind::Number(1..=100_000),
        meaning: "How often one API key is connected at once.",
    },
    Key {
        name: "limits.account_changes",
        default: "10000",
        kind: Kind::Number(1..=10_000_000),
        meaning: "What one account, or the guests of one address, may change that is kept and leaves an entry in the audit trail: so much at once, and as much a day.",
    },
    Key {
        name: "limits.handshake_seconds",
        default: "10",
        kind: Kind::Number(1..=300),
        meaning: "Seconds from connecting to being logged in, and from a request's beginning to its end.",
    },
    Key {
        name: "limits.idle_seconds",
        default: "30",
        kind: Kind::Number(5..=3_600),
        meaning: "Seconds of silence after which a connection is given up.",
    },
    Key {
        name: "voice.shards",
        default: "0",
        kind: Kind::Number(0..=64),
        meaning: "Threads that carry connections and voice. 0: as many as there are cores.",
    },
    Key {
        name: "voice.gather_ms",
        default: "5",
        kind: Kind::Number(0..=20),
        meaning: "Milliseconds for which a frame waits at most for others that are due, where three or more people speak; each listener then gets them in one packet. 0: none waits.",
    },
    Key {
        name: "recording.quota_mib",
        default: "2048",
        kind: Kind::Number(0..=100_000_000),
        meaning: "What all recordings of channels may take together, in MiB; at that they end. An hour of speech takes about 15. 0: nobody records on the server.",
    },
    Key {
        name: "recording.directory",
        default: "\"\"",
        kind: Kind::Directory,
        meaning: "Where they are kept, a directory for each. Empty: recordings in the data directory.",
    },
    Key {
        name: "web.enabled",
        default: "true",
        kind: Kind::Switch,
        meaning: "Whether the page for browsers is served, by HTTPS on the TCP ports of the same numbers.",
    },
    Key {
        name: "web.public_address",
        default: "\"\"",
        kind: Kind::PublicAddress,
        meaning: "Where others reach the server, as voice.example.org or voice.example.org:5000; or the page's address, as https://voice.example.org, where another server passes it on. Invites and e-mails lead there. Empty: invites lead to where whoever makes them is logged in.",
    },
    Key {
        name: "web.certificate",
        default: "\"\"",
        kind: Kind::File,
        meaning: "Your own certificate for browsers, from Let's Encrypt, say: the chain, as PEM. Empty: certs/fullchain.pem, if it is there; else browsers warn once. Read anew when it changes.",
    },
    Key {
        name: "web.key",
        default: "\"\"",
        kind: Kind::File,
        meaning: "Its private key, as PEM. Empty: certs/privkey.pem.",
    },
    Key {
        name: "web.metrics_token",
        default: "\"\"",
        kind: Kind::Secret(0..=256),
        meaning: "What a scraper of /metrics has to send as its bearer token, from this machine, too. Empty: only this machine may, and nobody by a proxy on it.",
    },
    Key {
        name: "web.trusted_proxies",
        default: "[]",
        kind: Kind::Networks,
        meaning: "Proxies in front of the page that are believed when they say whose request they pass on, by X-Forwarded-For or the PROXY protocol, so that bans and limits mean the visitor (\"127.0.0.1\", \"10.0.0.0/8\"). Only those that you run yourself.",
    },
    Key {
        name: "web.api_origins",
        default: "[]",
        kind: Kind::PageOrigins,
        meaning: "Pages of other origins that may ask this server what programs ask it (\"https://club.example.org\"), by a token that they have. A page on your own machine may be http://localhost:PORT.",
    },
    Key {
        name: "discovery.enabled",
        default: "true",
        kind: Kind::Switch,
        meaning: "Whether the server tells its local network that it is there (multicast DNS), for `parlour discover`. Only private addresses are told, and only there.",
    },
    Key {
        name: "sessions.token_days",
        default: "30",
        kind: Kind::Number(1..=3_650),
        meaning: "Days for which a device can come back without the password.",
    },
    Key {
        name: "sessions.access_minutes",
        default: "60",
        kind: Kind::Number(1..=1_440),
        meaning: "Minutes for which a device comes back by its short token, before it has to exchange the long one.",
    },
    Key {
        name: "sessions.guests",
        default: "false",
        kind: Kind::Switch,
        meaning: "Whether people without an account are let in, under the role Guest.",
    },
    Key {
        name: "accounts.registration",
        default: "\"invite\"",
        kind: Kind::Choice(&["invite", "open", "closed"]),
        meaning: "Who may make an account: who has an invite, everybody, or nobody (administrators make them).",
    },
    Key {
        name: "log_in.providers",
        default: "[]",
        kind: Kind::Providers,
        meaning: "Other servers by which people log in here (OpenID Connect): id, name, issuer, client_id, client_secret or client_secret_file, and more that docs/log-in.md tells.",
    },
    Key {
        name: "log_in.passwords",
        default: "\"everybody\"",
        kind: Kind::Choice(&["everybody", "owners"]),
        meaning: "Whom a password logs in: everybody, or owners alone, so that everybody else comes by a provider. Holds where there is one.",
    },
    Key {
        name: "oauth.access_minutes",
        default: "10",
        kind: Kind::Number(1..=1_440),
        meaning: "Minutes for which another program's access token is good (OAuth 2); it asks for the next one by its refresh token.",
    },
    Key {
        name: "oauth.refresh_days",
        default: "30",
        kind: Kind::Number(1..=3_650),
        meaning: "Days for which its refresh token is good; each use makes another one.",
    },
    Key {
        name: "hooks.networks",
        default: "[]",
        kind: Kind::Networks,
        meaning: "Networks of your own, and servers on this machine, that people may have this server ask (\"192.168.1.0/24\", \"127.0.0.1\"), there by http://, too. Elsewhere only public addresses are asked, by https://.",
    },
    Key {
        name: "assistant.enabled",
        default: "false",
        kind: Kind::Switch,
        meaning: "Whether assistants may ask this server by the Model Context Protocol, at /mcp below the page's address, for whoever allowed them. Needs web.enabled.",
    },
    Key {
        name: "mail.server",
        default: "\"\"",
        kind: Kind::Text(0..=255),
        meaning: "HOST or HOST:PORT of the SMTP server that sends e-mails (proof of an address, a forgotten password). Empty: they wait in the outbox, for the administrator to hand over (parlour admin outbox).",
    },
    Key {
        name: "mail.security",
        default: "\"starttls\"",
        kind: Kind::Choice(&["starttls", "tls", "none"]),
        meaning: "How it is talked to: STARTTLS (port 587), TLS from the beginning (port 465), or in the clear (port 25), which is for a server on this machine only.",
    },
    Key {
        name: "mail.user",
        default: "\"\"",
        kind: Kind::Text(0..=255),
        meaning: "User there. Empty: no log-in.",
    },
    Key {
        name: "mail.password",
        default: "\"\"",
        kind: Kind::Secret(0..=255),
        meaning: "Its password; better in the environment than in this file.",
    },
    Key {
        name: "mail.from",
        default: "\"\"",
        kind: Kind::Text(0..=255),
        meaning: "Address that e-mails come from. Needed with mail.server.",
    },
    Key {
        name: "mail.page",
        default: "\"\"",
        kind: Kind::Text(0..=255),
        meaning: "Address of the page as e-mails give it, as https://voice.example.org:4848. Empty: that of web.public_address; without that, e-mails have the code only.",
    },
    Key {
        name: "auth.hash_threads",
        default: "0",
        kind: Kind::Number(0..=64),
        meaning: "Threads that hash passwords; each uses 19 MiB. 0: as many as there are cores.",
    },
    Key {
        name: "auth.hash_queue",
        default: "64",
        kind: Kind::Number(1..=10_000),
        meaning: "Log-ins waiting for such a thread, at most; further ones are told that the server is busy.",
    },
    Key {
        name: "store.backup_hours",
        default: "24",
        kind: Kind::Number(0..=8_760),
        meaning: "Hours between two backups of the database; 0 makes none. The newest of seven days and four weeks are kept.",
    },
    Key {
        name: "store.migrate",
        default: "true",
        kind: Kind::Switch,
        meaning: "Whether an older database is brought to this version's schema at start, after a backup.",
    },
];
