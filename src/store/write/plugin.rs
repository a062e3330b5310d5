//! Plugins: installed, granted something, turned on and off, removed; and what they keep.

use std::collections::HashMap;
use std::convert::Infallible;

use thiserror::Error;

use super::super::error::{ReadError, Stop};
use super::super::open::Open;
use super::super::record::{Numbers, Plugin, PluginCode, PluginOff, PluginValue};
use super::super::row::Record;
use super::Write;
use super::rows::remove_in;
use crate::bounds::{MAX_PLUGIN_VALUES, MAX_PLUGINS};
use crate::id::{OrganizationId, PluginId, Timestamp};

/// A plugin to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPlugin {
    /// Where.
    pub organization: OrganizationId,
    /// By which it is known.
    pub name: String,
    /// What it says of itself.
    pub manifest: String,
    /// The SHA-256 of its code.
    pub sha256: String,
    /// Its code.
    pub code: Vec<u8>,
    /// What it is granted, by words.
    pub grants: Vec<String>,
}

/// Why nothing is done with a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PluginError {
    /// There is none of this name.
    #[error("there is no plugin of this name; list them to see which there are")]
    NoSuchPlugin,
    /// There are as many as may be.
    #[error("there are {MAX_PLUGINS} plugins at most; remove one first")]
    TooMany,
    /// It was taken from it meanwhile.
    #[error("this was taken from the plugin meanwhile")]
    NotGranted,
    /// It would keep more than it may.
    #[error(
        "a plugin keeps {} variables at most, of {} KiB together",
        MAX_PLUGIN_VALUES.0,
        MAX_PLUGIN_VALUES.1 >> 10
    )]
    Quota,
}

/// A plugin is installed. One of this name that is there already has another code, manifest and grants from now on, is on, and
/// keeps its number and its variables.
pub fn install_plugin(new: NewPlugin) -> Write<Plugin, PluginError> {
    Write::new(move |open| {
        let NewPlugin { organization, name, manifest, sha256, code, grants } = new.clone();
        let there = plugins_of(open, organization)?;
        let old = there.iter().find(|plugin| plugin.name == name);
        if old.is_none() && there.len() >= MAX_PLUGINS {
            return Err(Stop::Refused(PluginError::TooMany));
        }
        let id = match old {
            Some(old) => old.id,
            None => next_number(open, organization, &there)?,
        };
        let (off, failure, installed) = (None, String::new(), open.by.at);
        let plugin = Plugin { organization, id, name, manifest, sha256, grants, off, failure, installed };
        // It has nothing that must be unique beside its key: names were looked at.
        let _ = open.put(old, Some(&plugin))?;
        let _ = open.put_unaudited(None, Some(&PluginCode { organization, plugin: id, code }))?;
        Ok(plugin)
    })
}

/// A plugin is granted this and nothing else, where that is given, and is on or off. Nothing is added to what it has unless
/// `gives`: whoever may not give may ask for what somebody took meanwhile.
pub fn edit_plugin(
    organization: OrganizationId,
    name: String,
    grants: Option<Vec<String>>,
    on: Option<bool>,
    gives: bool,
) -> Write<Plugin, PluginError> {
    Write::new(move |open| {
        let old = named(open, organization, &name)?;
        let off = match on {
            Some(true) => None,
            Some(false) => Some(PluginOff::Owner),
            None => old.off,
        };
        let failure = if on.is_some() { String::new() } else { old.failure.clone() };
        let mut grants = grants.clone().unwrap_or_else(|| old.grants.clone());
        grants.retain(|grant| gives || old.grants.contains(grant));
        let new = Plugin { grants, off, failure, ..old.clone() };
        let _ = open.put(Some(&old), Some(&new))?;
        Ok(new)
    })
}

/// A plugin is there no more, nor is what it kept.
pub fn remove_plugin(organization: OrganizationId, name: String) -> Write<Plugin, PluginError> {
    Write::new(move |open| {
        let plugin = named(open, organization, &name)?;
        let (of, id) = (organization.0, plugin.id.0);
        remove_in::<PluginValue>(open, (of, id, 0)..=(of, id, u64::MAX))?;
        remove_in::<PluginCode>(open, (of, id)..=(of, id))?;
        let _ = open.put(Some(&plugin), None)?;
        Ok(plugin)
    })
}

/// A plugin is off, since it failed so, unless another has taken its place meanwhile: `version` is its code and when that was
/// installed. Answers with whether it is by that.
pub fn turn_plugin_off(
    organization: OrganizationId,
    id: PluginId,
    version: (String, Timestamp),
    failure: String,
) -> Write<bool, Infallible> {
    Write::new(move |open| {
        let old: Option<Plugin> = open.get((organization.0, id.0))?;
        let is_it = |old: &Plugin| (&old.sha256, old.installed) == (&version.0, version.1);
        let Some(old) = old.filter(|old| old.off.is_none() && is_it(old)) else { return Ok(false) };
        let new = Plugin { off: Some(PluginOff::Failing), failure: failure.clone(), ..old.clone() };
        let _ = open.put(Some(&old), Some(&new))?;
        Ok(true)
    })
}

/// A plugin keeps these variables from now on, and no more those without a value, unless another one has its number by now, or it
/// isn't granted that any more. `version` is its code and when that was installed.
pub fn keep_plugin_values(
    organization: OrganizationId,
    id: PluginId,
    version: (String, Timestamp),
    values: Vec<(String, Option<Vec<u8>>)>,
) -> Write<(), PluginError> {
    Write::new(move |open| {
        let plugin: Plugin = open.require((organization.0, id.0), PluginError::NoSuchPlugin)?;
        if (&plugin.sha256, plugin.installed) != (&version.0, version.1) {
            return Err(Stop::Refused(PluginError::NoSuchPlugin));
        }
        if plugin.off.is_some() || !plugin.grants.iter().any(|grant| grant == "kv") {
            return Err(Stop::Refused(PluginError::NotGranted));
        }
        let mut lengths = HashMap::new();
        let all = (organization.0, id.0, 0)..=(organization.0, id.0, u64::MAX);
        for row in open.tables.plugin_values.range(all)? {
            let kept = PluginValue::decode(row?.1.value())?;
            lengths.insert(kept.name, kept.value.len());
        }
        for (name, value) in &values {
            match value {
                Some(value) => lengths.insert(name.clone(), value.len()),
                None => lengths.remove(name),
            };
        }
        let bytes = lengths.iter().map(|(name, value)| name.len() + value).sum::<usize>();
        if lengths.len() > MAX_PLUGIN_VALUES.0 || bytes > MAX_PLUGIN_VALUES.1 {
            return Err(Stop::Refused(PluginError::Quota));
        }
        for (name, value) in values.clone() {
            let new = value.is_some();
            let one = PluginValue { organization, plugin: id, name, value: value.unwrap_or_default() };
            let old: Option<PluginValue> = open.get(one.key())?;
            if old.is_some() || new {
                // What it keeps is its own, so the audit trail doesn't tell of it.
                let _ = open.put_unaudited(old.as_ref(), new.then_some(&one))?;
            }
        }
        Ok(())
    })
}

fn plugins_of(open: &Open<'_>, organization: OrganizationId) -> Result<Vec<Plugin>, ReadError> {
    let rows = open.tables.plugins.range((organization.0, 0)..=(organization.0, u64::MAX))?;
    rows.map(|row| Plugin::decode(row?.1.value())).collect()
}

/// The number of a new plugin, which none had before: what a call of one that was removed comes to is said by its number.
fn next_number(
    open: &mut Open<'_>,
    organization: OrganizationId,
    there: &[Plugin],
) -> Result<PluginId, ReadError> {
    let mut numbers = open.get(organization.0)?.unwrap_or_else(|| Numbers::new(organization));
    numbers.plugins = numbers.plugins.max(there.last().map_or(0, |last| last.id.0)) + 1;
    let _ = open.put_unaudited(None, Some(&numbers))?;
    Ok(PluginId(numbers.plugins))
}

fn named(open: &Open<'_>, organization: OrganizationId, name: &str) -> Result<Plugin, Stop<PluginError>> {
    let found = plugins_of(open, organization)?.into_iter().find(|plugin| plugin.name == name);
    found.ok_or(Stop::Refused(PluginError::NoSuchPlugin))
}

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;

    use super::*;
    use crate::id::Timestamp;
    use crate::store::{By, Failed, SEEDED_ORGANIZATION as HOME, Store};

    fn store() -> Store {
        Store::open_on(InMemoryBackend::new(), Timestamp(1)).unwrap()
    }

    fn new(name: &str, code: u8) -> NewPlugin {
        NewPlugin {
            organization: HOME,
            name: name.to_owned(),
            manifest: String::new(),
            sha256: code.to_string(),
            code: vec![code],
            grants: vec!["kv".to_owned()],
        }
    }

    fn by() -> By {
        By::server(Timestamp(5))
    }

    fn keep(store: &Store, values: &[(&str, Option<usize>)]) -> Result<(), Failed<PluginError>> {
        keep_of(store, PluginId(1), values)
    }

    fn keep_of(
        store: &Store,
        id: PluginId,
        values: &[(&str, Option<usize>)],
    ) -> Result<(), Failed<PluginError>> {
        let plugin = store.plugin_numbered(HOME, id).unwrap();
        let version = plugin.map(|plugin| (plugin.sha256, plugin.installed)).unwrap_or_default();
        let values = values.iter().map(|(name, len)| ((*name).to_owned(), len.map(|len| vec![7; len])));
        store.run(by(), keep_plugin_values(HOME, id, version, values.collect()))
    }

    #[test]
    fn a_plugin_that_is_installed_again_keeps_what_it_kept() {
        let store = store();
        let first = store.run(by(), install_plugin(new("greet", 1))).unwrap();
        keep(&store, &[("count", Some(3))]).unwrap();
        let turn_off = |version: &str| {
            let version = (version.to_owned(), Timestamp(5));
            store.run(by(), turn_plugin_off(HOME, first.id, version, "loops".to_owned())).unwrap()
        };
        assert!(turn_off("1"));
        let kept = store.plugin(HOME, "greet").unwrap().unwrap();
        assert_eq!((kept.off, kept.failure.as_str()), (Some(PluginOff::Failing), "loops"));
        let second = store.run(by(), install_plugin(new("greet", 2))).unwrap();
        assert_eq!((second.id, second.off, second.failure.as_str()), (first.id, None, ""));
        assert_eq!(store.plugin_code(HOME, first.id).unwrap(), Some(vec![2]));
        assert_eq!(store.plugin_value(HOME, first.id, "count").unwrap(), Some(vec![7; 3]));
        // What failed was another, even where its code is the same.
        assert!(!turn_off("1"));
        store.run(By::server(Timestamp(6)), install_plugin(new("greet", 1))).unwrap();
        assert!(!turn_off("1"));
        store.run(by(), remove_plugin(HOME, "greet".to_owned())).unwrap();
        assert_eq!(store.plugin_code(HOME, first.id).unwrap(), None);
        assert_eq!(store.plugin_value(HOME, first.id, "count").unwrap(), None);
        assert_eq!(store.plugins(HOME).unwrap(), []);
        // What a call of it still keeps is kept by no other.
        let third = store.run(by(), install_plugin(new("another", 3))).unwrap();
        assert_eq!(third.id, PluginId(2));
        let late = keep(&store, &[("count", Some(3))]);
        assert!(matches!(late, Err(Failed::Refused(PluginError::NoSuchPlugin))), "{late:?}");
    }

    #[test]
    fn what_it_keeps_is_bounded_and_what_is_refused_changes_nothing() {
        let store = store();
        store.run(by(), install_plugin(new("greet", 1))).unwrap();
        keep(&store, &[("a", Some(600 << 10))]).unwrap();
        let refused = keep(&store, &[("b", Some(600 << 10))]);
        assert!(matches!(refused, Err(Failed::Refused(PluginError::Quota))), "{refused:?}");
        assert!(store.plugin_value(HOME, PluginId(1), "b").unwrap().is_none());
        keep(&store, &[("a", None), ("b", Some(600 << 10))]).unwrap();
        assert!(store.plugin_value(HOME, PluginId(1), "a").unwrap().is_none());
        store.run(by(), remove_plugin(HOME, "greet".to_owned())).unwrap();
        let gone = keep(&store, &[("a", Some(1))]);
        assert!(matches!(gone, Err(Failed::Refused(PluginError::NoSuchPlugin))), "{gone:?}");
    }

    #[test]
    fn a_call_of_another_version_keeps_nothing_nor_does_one_that_was_granted_less_meanwhile() {
        let store = store();
        let first = store.run(by(), install_plugin(new("greet", 1))).unwrap();
        store.run(by(), remove_plugin(HOME, "greet".to_owned())).unwrap();
        let second = store.run(by(), install_plugin(new("other", 2))).unwrap();
        let late = keep_plugin_values(
            HOME,
            second.id,
            (first.sha256, first.installed),
            vec![("a".to_owned(), Some(vec![1]))],
        );
        let late = store.run(by(), late);
        assert!(matches!(late, Err(Failed::Refused(PluginError::NoSuchPlugin))), "{late:?}");
        store.run(by(), edit_plugin(HOME, "other".to_owned(), Some(vec![]), None, false)).unwrap();
        let taken = keep_of(&store, second.id, &[("a", Some(1))]);
        assert!(matches!(taken, Err(Failed::Refused(PluginError::NotGranted))), "{taken:?}");
        // Nor does one of a plugin that is off.
        let edit = |grants, on| edit_plugin(HOME, "other".to_owned(), grants, Some(on), true);
        store.run(by(), edit(Some(vec!["kv".to_owned()]), false)).unwrap();
        let off = keep_of(&store, second.id, &[("a", Some(1))]);
        assert!(matches!(off, Err(Failed::Refused(PluginError::NotGranted))), "{off:?}");
        store.run(by(), edit(Some(vec![]), true)).unwrap();
        // Whoever may not give gives nothing back that somebody took.
        let granted = Some(vec!["kv".to_owned()]);
        let edited = store.run(by(), edit_plugin(HOME, "other".to_owned(), granted, None, false)).unwrap();
        assert!(edited.grants.is_empty());
    }

    #[test]
    fn there_are_so_many_at_most() {
        let store = store();
        for number in 0..MAX_PLUGINS {
            store.run(by(), install_plugin(new(&format!("p{number}"), 1))).unwrap();
        }
        let refused = store.run(by(), install_plugin(new("another", 1)));
        assert!(matches!(refused, Err(Failed::Refused(PluginError::TooMany))), "{refused:?}");
        store.run(by(), install_plugin(new("p0", 2))).unwrap();
        let edit = |grants, on| edit_plugin(HOME, "p0".to_owned(), grants, on, true);
        let off = store.run(by(), edit(Some(vec![]), Some(false))).unwrap();
        assert_eq!((off.off, off.grants.len()), (Some(PluginOff::Owner), 0));
        assert_eq!(store.run(by(), edit(None, Some(true))).unwrap().off, None);
    }
}
