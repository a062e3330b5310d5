//! Reading and checking settings from all their sources.

use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use thiserror::Error;

use super::hidden::Hidden;
use super::key::{DEFAULT_PORT, KEYS, Key, Kind, Value};
use super::provider::ProviderSetting;
use super::{Config, Origin, PublicAddress};

/// Variables that begin with `PARLOUR_` and are not settings of the server.
const OTHER_VARIABLES: &[&str] = &[
    "PARLOUR_CONFIG",
    "PARLOUR_CONFIG_DIR",
    "PARLOUR_ADDRESS",
    "PARLOUR_PASSWORD",
    "PARLOUR_API_KEY",
    "PARLOUR_TALK_CONTROL",
    "PARLOUR_PUSH_KEY",
    "PARLOUR_MUTE_KEY",
    "PARLOUR_DEAFEN_KEY",
];

/// Bytes of a name at most that is compared with those of settings.
const MOST_COMPARED: usize = 128;

/// Where settings are looked for. The environment is given, not read, so that tests have their own.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The configuration file, if one is named. It must exist.
    pub file: Option<PathBuf>,
    /// Files to try when none is named; the first that exists is read.
    pub search: Vec<PathBuf>,
    /// Names and values of the environment.
    pub environment: Vec<(String, String)>,
    /// Keys and values of flags.
    pub flags: Vec<(&'static str, String)>,
}

/// Why settings can't be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("can't read the configuration file {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file is no TOML.
    #[error("{} is not valid TOML: {problem}", path.display())]
    Syntax {
        /// Which.
        path: PathBuf,
        /// Where and why.
        problem: String,
    },
    /// A key isn't known.
    #[error("{origin} sets `{name}`, which is no setting{}", suggestion(nearest.as_ref()))]
    Unknown {
        /// Where it stands.
        origin: Origin,
        /// What it says.
        name: String,
        /// What was meant, perhaps.
        nearest: Option<String>,
    },
    /// A value isn't what the key may hold.
    #[error("{origin} sets `{name}` to {found}; it must be {expected}")]
    Value {
        /// Where it stands.
        origin: Origin,
        /// The key.
        name: &'static str,
        /// What it says.
        found: String,
        /// What it may say.
        expected: String,
    },
    /// A provider of log-ins isn't described as it has to be.
    #[error("{origin} sets `log_in.providers`: {problem}")]
    Provider {
        /// Where it stands.
        origin: Origin,
        /// What is wrong.
        problem: String,
    },
}

fn suggestion(nearest: Option<&String>) -> String {
    nearest.map_or_else(
        || "; `parlour config show` lists them all".to_owned(),
        |nearest| format!("; did you mean `{nearest}`?"),
    )
}

/// Checks the text of a configuration file; `path` only names it in errors.
pub fn check_file(text: &str, path: &Path) -> Result<(), ConfigError> {
    Config { values: vec![(Value::None, Origin::Default); KEYS.len()] }.read_toml(text, path)
}

impl Config {
    /// What holds where nobody says otherwise. The table is read once.
    fn by_default() -> Result<Self, ConfigError> {
        static DEFAULTS: OnceLock<Vec<(Value, Origin)>> = OnceLock::new();
        if let Some(values) = DEFAULTS.get() {
            return Ok(Self { values: values.clone() });
        }
        let mut config = Self { values: vec![(Value::None, Origin::Default); KEYS.len()] };
        for key in KEYS {
            let default: toml::Table = format!("x = {}", key.default).parse().unwrap_or_default();
            config.set(key, default.get("x").unwrap_or(&toml::Value::Boolean(false)), Origin::Default)?;
        }
        Ok(Self { values: DEFAULTS.get_or_init(|| config.values).clone() })
    }

    /// Reads every source and checks every value.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let mut config = Self::by_default()?;
        let found = sources.search.iter().find(|path| path.exists());
        if let Some(path) = sources.file.as_ref().or(found) {
            config.read_file(path)?;
        }
        for (name, value) in &sources.environment {
            if name.starts_with("PARLOUR_") && !OTHER_VARIABLES.contains(&name.as_str()) {
                let origin = Origin::Environment(name.clone());
                let key = KEYS.iter().find(|key| key.variable() == *name);
                if key.is_none() && is_service_link(name, value) {
                    continue;
                }
                let key = key.ok_or_else(|| {
                    let known =
                        KEYS.iter().map(Key::variable).chain(OTHER_VARIABLES.iter().map(|v| (*v).to_owned()));
                    ConfigError::Unknown {
                        origin: origin.clone(),
                        name: name.clone(),
                        nearest: nearest(name, known),
                    }
                })?;
                config.set(key, &from_text(key, value), origin)?;
            }
        }
        for (name, value) in &sources.flags {
            if let Some(key) = KEYS.iter().find(|key| key.name == *name) {
                let flag = name.rsplit('.').next().unwrap_or(name).replace('_', "-");
                config.set(key, &from_text(key, value), Origin::Flag(flag))?;
            }
        }
        Ok(config)
    }

    /// What a configuration file of this text sets; everything else is as by default.
    pub fn read(text: &str) -> Result<Self, ConfigError> {
        let mut config = Self::load(&Sources::default())?;
        config.read_toml(text, Path::new("the configuration"))?;
        Ok(config)
    }

    fn read_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.into(), source })?;
        self.read_toml(&text, path)
    }

    /// Reads the text of a configuration file; `path` only names it in errors.
    pub(super) fn read_toml(&mut self, text: &str, path: &Path) -> Result<(), ConfigError> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| ConfigError::Syntax {
            path: path.into(),
            // The line itself may hold a password.
            problem: match error.span().and_then(|span| text.get(..span.start)) {
                Some(before) => format!("line {}: {}", before.lines().count().max(1), error.message()),
                None => error.message().to_owned(),
            },
        })?;
        let mut entries = Vec::new();
        flatten("", &table, &mut entries);
        for (name, value) in entries {
            let key = KEYS.iter().find(|key| key.name == name).ok_or_else(|| ConfigError::Unknown {
                origin: Origin::File(path.into()),
                nearest: nearest(&name, KEYS.iter().map(|key| key.name.to_owned())),
                name: name.clone(),
            })?;
            self.set(key, value, Origin::File(path.into()))?;
        }
        Ok(())
    }

    fn set(&mut self, key: &'static Key, value: &toml::Value, origin: Origin) -> Result<(), ConfigError> {
        let Some(place) = super::key::position(key.name) else { return Ok(()) };
        if matches!(key.kind, Kind::Providers) {
            // What is wrong may stand beside a secret, so it is said in words.
            let read = ProviderSetting::read_all(value);
            let read = read.map_err(|problem| ConfigError::Provider { origin: origin.clone(), problem })?;
            self.values[place] = (Value::Providers(read), origin);
            return Ok(());
        }
        let checked = check(key, value).ok_or_else(|| ConfigError::Value {
            origin: origin.clone(),
            name: key.name,
            // What is wrong may be all but right, and errors are shown to others.
            found: match key.kind {
                Kind::Secret(_) => "what isn't shown".to_owned(),
                _ => value.to_string(),
            },
            expected: key.kind.to_string(),
        })?;
        self.values[place] = (checked, origin);
        Ok(())
    }
}

fn flatten<'t>(prefix: &str, table: &'t toml::Table, entries: &mut Vec<(String, &'t toml::Value)>) {
    for (name, value) in table {
        let name = format!("{prefix}{name}");
        match value {
            toml::Value::Table(inner) => flatten(&format!("{name}."), inner, entries),
            value => entries.push((name, value)),
        }
    }
}

/// Whether a variable is one of those by which Kubernetes (and Docker's links before it) tells a container of a service whose
/// name begins with "parlour": `PARLOUR_SERVICE_HOST`, `PARLOUR_SERVICE_PORT[_NAME]`, `PARLOUR_PORT=udp://..` and
/// `PARLOUR_PORT_4848_UDP[_PROTO|_PORT|_ADDR]`. The value is looked at, too, so that a slip of somebody's pen isn't passed
/// over.
fn is_service_link(name: &str, value: &str) -> bool {
    let is_port = |text: &str| text.parse::<u16>().is_ok();
    let is_host = |text: &str| text.parse::<std::net::IpAddr>().is_ok();
    let protocol = |text: &str| ["tcp", "udp", "sctp"].contains(&text.to_lowercase().as_str());
    let is_address = |text: &str| {
        let parts = text.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once(':')?)));
        parts.is_some_and(|(scheme, (host, port))| {
            protocol(scheme) && is_host(host.trim_matches(['[', ']'])) && is_port(port)
        })
    };
    if name.ends_with("_SERVICE_HOST") {
        return is_host(value);
    }
    if name.ends_with("_SERVICE_PORT") || name.contains("_SERVICE_PORT_") {
        return is_port(value);
    }
    if name.ends_with("_PORT") && is_address(value) {
        return true;
    }
    let parts: Vec<&str> = name.rsplit('_').collect();
    match parts.as_slice() {
        [kind, number, "PORT", ..] if protocol(kind) && is_port(number) => is_address(value),
        [what, kind, number, "PORT", ..] if protocol(kind) && is_port(number) => match *what {
            "PROTO" => protocol(value),
            "PORT" => is_port(value),
            "ADDR" => is_host(value),
            _ => false,
        },
        _ => false,
    }
}

/// The value of an environment variable or flag as it would stand in the file.
fn from_text(key: &Key, text: &str) -> toml::Value {
    let as_text = || toml::Value::String(text.to_owned());
    match key.kind {
        Kind::Number(_) => text.parse().map_or_else(|_| as_text(), toml::Value::Integer),
        Kind::Switch => text.parse().map_or_else(|_| as_text(), toml::Value::Boolean),
        Kind::Networks | Kind::PageOrigins if text.trim().is_empty() => toml::Value::Array(Vec::new()),
        Kind::Addresses | Kind::Networks | Kind::PageOrigins => {
            text.split(',').map(|part| toml::Value::String(part.trim().to_owned())).collect::<Vec<_>>().into()
        }
        Kind::Providers => {
            let table = format!("all = {}", if text.trim().is_empty() { "[]" } else { text });
            let table: Option<toml::Table> = table.parse().ok();
            table.and_then(|mut table| table.remove("all")).unwrap_or_else(as_text)
        }
        Kind::Text(_)
        | Kind::Secret(_)
        | Kind::Choice(_)
        | Kind::Directory
        | Kind::File
        | Kind::PublicAddress => as_text(),
    }
}

fn check(key: &Key, value: &toml::Value) -> Option<Value> {
    match &key.kind {
        Kind::Text(length) => fitting(value, length).map(Value::Text),
        Kind::Secret(length) => fitting(value, length).map(|text| Value::Secret(Hidden(text))),
        Kind::PublicAddress => {
            let text = value.as_str()?;
            let is_one = text.is_empty() || PublicAddress::parse(text, DEFAULT_PORT).is_some();
            is_one.then(|| Value::Text(text.to_owned()))
        }
        Kind::Choice(words) => {
            let text = value.as_str()?;
            words.contains(&text).then(|| Value::Text(text.to_owned()))
        }
        Kind::Directory | Kind::File => Some(Value::Text(value.as_str()?.to_owned())),
        Kind::Number(range) => {
            let number = u32::try_from(value.as_integer()?).ok()?;
            range.contains(&number).then_some(Value::Number(number))
        }
        Kind::Switch => value.as_bool().map(Value::Switch),
        Kind::Providers => ProviderSetting::read_all(value).ok().map(Value::Providers),
        Kind::Addresses => {
            let parsed: Option<Vec<_>> =
                value.as_array()?.iter().map(|part| part.as_str()?.parse().ok()).collect();
            parsed.filter(|addresses| !addresses.is_empty()).map(Value::Addresses)
        }
        Kind::Networks => {
            let parsed: Option<Vec<_>> =
                value.as_array()?.iter().map(|part| part.as_str()?.parse().ok()).collect();
            parsed.map(Value::Networks)
        }
        Kind::PageOrigins => {
            let one =
                |part: &toml::Value| part.as_str().filter(|text| is_page_origin(text)).map(str::to_owned);
            value.as_array()?.iter().map(one).collect::<Option<_>>().map(Value::PageOrigins)
        }
    }
}

/// Whether this is an origin as a browser writes it (RFC 6454, section 6.2), of a page that nobody on the way can change.
fn is_page_origin(text: &str) -> bool {
    let Ok(url) = url::Url::parse(text) else { return false };
    let is_here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    url.origin().ascii_serialization() == text
        && (url.scheme() == "https" || url.scheme() == "http" && is_here)
}

/// Text of one line and such a length.
fn fitting(value: &toml::Value, length: &RangeInclusive<usize>) -> Option<String> {
    let text = value.as_str()?;
    let fits = length.contains(&text.chars().count()) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}

fn nearest(name: &str, known: impl Iterator<Item = String>) -> Option<String> {
    // What is much longer than any setting is like none of them, and comparing it takes the square of its length.
    if name.len() > MOST_COMPARED {
        return None;
    }
    let bare = |name: &str| name.rsplit('.').next().unwrap_or(name).to_lowercase();
    let likeness = |known: &String| {
        strsim::jaro_winkler(&name.to_lowercase(), &known.to_lowercase())
            .max(strsim::jaro_winkler(&bare(name), &bare(known)))
    };
    let best = known.map(|known| (likeness(&known), known)).max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(likeness, _)| *likeness > 0.75).map(|(_, known)| known)
}
