//! What a plugin says of itself: its name, its functions, where it wants to be asked, what it needs, and within which bounds.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::error::ManifestError;
use super::grant::Grant;
use crate::bounds::{
    MAX_PLUGIN_FUEL, MAX_PLUGIN_FUNCTIONS, MAX_PLUGIN_GRANTS, MAX_PLUGIN_MANIFEST, MAX_PLUGIN_MEMORY,
    MAX_PLUGIN_MS, MAX_PLUGIN_NAME, MAX_PLUGIN_TEXT,
};

/// Fuel, time and memory of a call where the manifest doesn't say.
const USUAL: Quotas = Quotas { fuel: 50_000_000, ms: 1_000, memory: MAX_PLUGIN_MEMORY };

/// Names of configured values, and characters of each, at most.
pub(super) const CONFIG: (usize, usize) = (32, 1_024);

/// Kinds of events that are named at most.
const EVENTS: usize = 16;

/// What a plugin says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// By which it is known: small letters, digits and hyphens.
    pub name: String,
    /// Which one it is, in its author's words.
    pub version: String,
    /// What it is for.
    pub description: String,
    /// The functions that may be called.
    pub functions: Vec<String>,
    /// Where it wants to be asked.
    pub hooks: Hooks,
    /// What it asks for, each once.
    pub grants: Vec<Grant>,
    /// Within which bounds each call is.
    pub quotas: Quotas,
    /// What it is told where it asks for its configuration.
    pub config: BTreeMap<String, String>,
}

/// Functions that are called when something happens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hooks {
    /// Decides about log-ins.
    pub log_in: Option<String>,
    /// What becomes of a log-in where that function fails.
    when_broken: Option<WhenBroken>,
    /// Decides about what people write into channels.
    pub text: Option<String>,
    /// What becomes of a text where that function fails.
    text_when_broken: Option<WhenBroken>,
    /// Is told what happens.
    pub event: Option<String>,
    /// Of which kinds, by the words of the feed.
    #[serde(default)]
    pub events: Vec<String>,
}

/// What becomes of what a plugin fails to decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WhenBroken {
    /// It isn't done.
    Refuse,
    /// It is done as if nobody had been asked.
    Admit,
}

impl Hooks {
    /// Whether whoever comes is let in where the plugin fails. Unless its manifest says so, they aren't.
    pub fn admits_when_broken(&self) -> bool {
        self.when_broken == Some(WhenBroken::Admit)
    }

    /// Whether a text is sent where the plugin fails. Unless its manifest says otherwise, it is.
    pub fn sends_when_broken(&self) -> bool {
        self.text_when_broken != Some(WhenBroken::Refuse)
    }

    fn check(&self, functions: &[String], grants: &[Grant]) -> Result<(), ManifestError> {
        let all = [
            ("hooks.log_in", &self.log_in, None),
            ("hooks.text", &self.text, Some(Grant::HookText)),
            ("hooks.event", &self.event, Some(Grant::HookEvent)),
        ];
        for (key, function, grant) in all {
            let Some(function) = function else { continue };
            if !functions.contains(function) {
                return Err(wrong(key, "is one of `functions`".to_owned()));
            }
            if let Some(grant) = grant.filter(|grant| !grants.contains(grant)) {
                return Err(wrong(key, format!("needs `{grant}` among `grants`")));
            }
        }
        let broken = [
            ("hooks.when_broken", self.when_broken, &self.log_in, "hooks.log_in"),
            ("hooks.text_when_broken", self.text_when_broken, &self.text, "hooks.text"),
        ];
        if let Some((key, _, _, of)) =
            broken.into_iter().find(|(_, said, function, _)| said.is_some() && function.is_none())
        {
            return Err(wrong(key, format!("says what becomes where `{of}` fails, which isn't there")));
        }
        let (is_told, count) = (self.event.is_some(), self.events.len());
        if is_told != (1..=EVENTS).contains(&count) {
            let what = format!("names the kinds of what `hooks.event` is told, 1 to {EVENTS} of them");
            return Err(wrong("hooks.events", what));
        }
        Ok(())
    }
}

/// The bounds of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Instructions, roughly.
    pub fuel: u64,
    /// Milliseconds, from when it begins.
    pub ms: u64,
    /// Bytes of its own memory.
    pub memory: usize,
}

/// A manifest as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    description: String,
    functions: Vec<String>,
    #[serde(default)]
    hooks: Hooks,
    #[serde(default)]
    grants: Vec<String>,
    #[serde(default)]
    quotas: WrittenQuotas,
    #[serde(default)]
    config: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenQuotas {
    fuel: Option<u64>,
    ms: Option<u64>,
    memory_kib: Option<u64>,
}

impl Manifest {
    /// Reads a manifest, TOML. Nobody can write one that isn't within bounds.
    pub fn read(text: &str) -> Result<Self, ManifestError> {
        if text.len() > MAX_PLUGIN_MANIFEST {
            return Err(ManifestError::Form(format!("it has more than {} KiB", MAX_PLUGIN_MANIFEST >> 10)));
        }
        let written: Written =
            toml::from_str(text).map_err(|error| ManifestError::Form(error.to_string().trim().to_owned()))?;
        check_name(&written.name)?;
        for (key, value) in [("version", &written.version), ("description", &written.description)] {
            if value.chars().count() > MAX_PLUGIN_TEXT || value.chars().any(char::is_control) {
                return Err(wrong(key, format!("is one line of {MAX_PLUGIN_TEXT} characters at most")));
            }
        }
        let config = written.config;
        let fits = |(key, value): (&String, &String)| key.len() <= CONFIG.1 && value.len() <= CONFIG.1;
        if config.len() > CONFIG.0 || !config.iter().all(fits) {
            let what = format!("has {} values of {} bytes each at most", CONFIG.0, CONFIG.1);
            return Err(wrong("config", what));
        }
        let (functions, grants) = (functions(written.functions)?, grants(&written.grants)?);
        written.hooks.check(&functions, &grants)?;
        Ok(Self {
            functions,
            grants,
            quotas: quotas(&written.quotas)?,
            name: written.name,
            version: written.version,
            description: written.description,
            hooks: written.hooks,
            config,
        })
    }
}

impl Manifest {
    /// Whether a manifest that can't be read any more was accepted for something that decides about log-ins.
    pub fn decided_about_log_ins(text: &str) -> bool {
        let table = text.parse::<toml::Table>().unwrap_or_default();
        table.get("hooks").is_some_and(|hooks| hooks.get("log_in").is_some())
    }
}

fn wrong(key: &'static str, what: String) -> ManifestError {
    ManifestError::Value { key, what }
}

fn check_name(name: &str) -> Result<(), ManifestError> {
    let is_fit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_name = name.bytes().all(is_fit) && name.starts_with(|first: char| first.is_ascii_lowercase());
    if is_name && name.len() <= MAX_PLUGIN_NAME {
        return Ok(());
    }
    let what = format!(
        "begins with a small letter, and has small letters, digits and hyphens, {MAX_PLUGIN_NAME} at most"
    );
    Err(wrong("name", what))
}

fn functions(mut found: Vec<String>) -> Result<Vec<String>, ManifestError> {
    found.sort_unstable();
    found.dedup();
    let is_fit = |name: &String| {
        (1..=MAX_PLUGIN_NAME).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if (1..=MAX_PLUGIN_FUNCTIONS).contains(&found.len()) && found.iter().all(is_fit) {
        return Ok(found);
    }
    let what = format!(
        "names 1 to {MAX_PLUGIN_FUNCTIONS} exported functions, of letters, digits and underscores, {MAX_PLUGIN_NAME} each at most"
    );
    Err(wrong("functions", what))
}

fn grants(words: &[String]) -> Result<Vec<Grant>, ManifestError> {
    let mut found = Vec::new();
    for word in words {
        let Some(grant) = Grant::from_word(word) else {
            let what = format!("has `{word}`, and there are: {} (a host without a port)", Grant::WORDS);
            return Err(wrong("grants", what));
        };
        found.push(grant);
    }
    found.sort_unstable();
    found.dedup();
    if found.len() > MAX_PLUGIN_GRANTS {
        return Err(wrong("grants", format!("has {MAX_PLUGIN_GRANTS} at most")));
    }
    Ok(found)
}

fn quotas(written: &WrittenQuotas) -> Result<Quotas, ManifestError> {
    let fuel = written.fuel.unwrap_or(USUAL.fuel);
    let ms = written.ms.unwrap_or(USUAL.ms);
    let memory =
        written.memory_kib.map_or(Some(USUAL.memory), |kib| usize::try_from(kib).ok()?.checked_mul(1_024));
    let memory = memory.unwrap_or(usize::MAX);
    if !(1..=MAX_PLUGIN_FUEL).contains(&fuel) {
        return Err(wrong("quotas.fuel", format!("is from 1 to {MAX_PLUGIN_FUEL}")));
    }
    if !(1..=MAX_PLUGIN_MS).contains(&ms) {
        return Err(wrong("quotas.ms", format!("is from 1 to {MAX_PLUGIN_MS}")));
    }
    if !(64 * 1_024..=MAX_PLUGIN_MEMORY).contains(&memory) {
        return Err(wrong("quotas.memory_kib", format!("is from 64 to {}", MAX_PLUGIN_MEMORY >> 10)));
    }
    Ok(Quotas { fuel, ms, memory })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_says_what_a_plugin_needs() {
        let text = "name = \"greet\"\nversion = \"1.0\"\nfunctions = [\"greet\", \"greet\"]\ngrants = [\"kv\", \"http:a.example\", \"kv\"]\n[quotas]\nms = 100\nmemory_kib = 128\n[config]\nword = \"hello\"";
        let manifest = Manifest::read(text).unwrap();
        assert_eq!(
            (manifest.name.as_str(), manifest.functions.as_slice()),
            ("greet", &["greet".to_owned()][..])
        );
        assert_eq!(manifest.grants, [Grant::Kv, Grant::Http("a.example".to_owned())]);
        assert_eq!(manifest.quotas, Quotas { fuel: USUAL.fuel, ms: 100, memory: 128 << 10 });
        assert_eq!(manifest.config["word"], "hello");
    }

    #[test]
    fn whoever_wrote_it_wrong_is_told_where() {
        let said = |text: &str| Manifest::read(text).unwrap_err().to_string();
        let base = "name = \"a\"\nfunctions = [\"f\"]\n";
        assert!(Manifest::read(base).is_ok());
        for (text, words) in [
            ("", "name"),
            ("name = \"Ä\"\nfunctions = [\"f\"]", "`name` begins with a small letter"),
            ("name = \"a\"\nfunctions = []", "`functions` names 1 to"),
            ("name = \"a\"\nfunctions = [\"f-g\"]", "`functions` names 1 to"),
            (&format!("{base}grants = [\"root\"]"), "there are: db.users.read"),
            (&format!("{base}permissions = []"), "unknown field"),
            (&format!("{base}[hooks]\nlog_in = \"g\""), "`hooks.log_in` is one of `functions`"),
            (&format!("{base}[hooks]\nlog_in = \"f\"\nwhen_broken = \"maybe\""), "unknown variant"),
            (&format!("{base}[hooks]\nwhen_broken = \"admit\""), "`hooks.log_in` fails, which isn't there"),
            (&format!("{base}grants = [\"http:a:80\"]"), "a host without a port"),
            (&format!("{base}[hooks]\ntext = \"f\""), "`hooks.text` needs `hook.text` among `grants`"),
            (
                &format!("{base}grants = [\"hook.event\"]\n[hooks]\nevent = \"f\""),
                "`hooks.events` names the kinds",
            ),
            (&format!("{base}[hooks]\nevents = [\"texts\"]"), "`hooks.events` names the kinds"),
            (&format!("{base}[quotas]\nms = 0"), "`quotas.ms` is from 1"),
            (&format!("{base}[quotas]\nfuel = 99999999999999"), "`quotas.fuel` is from 1"),
            (&format!("{base}[quotas]\nmemory_kib = 18446744073709551615"), "`quotas.memory_kib` is from 64"),
            (&format!("{base}[quotas]\nmemory_kib = 1000000"), "`quotas.memory_kib` is from 64"),
            (&format!("{base}description = \"\"\"a\nb\"\"\""), "`description` is one line"),
            (&format!("# {}", "x".repeat(MAX_PLUGIN_MANIFEST)), "more than"),
        ] {
            assert!(said(text).contains(words), "{text}: {}", said(text));
        }
    }
}
