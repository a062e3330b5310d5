//! Plugins: what was installed, its code, and the variables that it keeps.

use rkyv::{Archive, Deserialize, Serialize};

use super::declare::stored;
use super::layout::As;
use crate::id::{OrganizationId, PluginId, Timestamp};
use crate::store::index::hash_of;

/// Why a plugin isn't called.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum PluginOff {
    /// Somebody turned it off.
    Owner = 1,
    /// It failed too often in a row.
    Failing = 2,
}

/// A plugin that was installed.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct Plugin {
    /// Where.
    #[rkyv(with = As<u64>)]
    pub organization: OrganizationId,
    /// Its number there.
    #[rkyv(with = As<u64>)]
    pub id: PluginId,
    /// By which it is known, unique there.
    pub name: String,
    /// What it says of itself, as it was accepted (TOML).
    pub manifest: String,
    /// The SHA-256 of its code: what was accepted is what runs.
    pub sha256: String,
    /// What it was granted, by the words of its manifest.
    pub grants: Vec<String>,
    /// Why it is off; `None` while it is on.
    pub off: Option<PluginOff>,
    /// How it failed last, where that turned it off.
    pub failure: String,
    /// When it was installed.
    #[rkyv(with = As<u64>)]
    pub installed: Timestamp,
}

stored! {
    Plugin, 1, "Plugin/1(organization, id, name, manifest, sha256, grants, off, failure, installed)";
    key: (u64, u64) = |p| (p.organization.0, p.id.0);
    of: Organization, |p| (p.organization, p.id.0);
    audit: Plugin;
}

/// The code of a plugin.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct PluginCode {
    /// Where.
    #[rkyv(with = As<u64>)]
    pub organization: OrganizationId,
    /// Whose.
    #[rkyv(with = As<u64>)]
    pub plugin: PluginId,
    /// WebAssembly.
    pub code: Vec<u8>,
}

stored! {
    PluginCode, 1, "PluginCode/1(organization, plugin, code)";
    key: (u64, u64) = |p| (p.organization.0, p.plugin.0);
    of: Organization, |p| (p.organization, p.plugin.0);
}

/// A variable that a plugin keeps.
#[derive(
    Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize, serde::Deserialize,
)]
pub struct PluginValue {
    /// Where.
    #[rkyv(with = As<u64>)]
    pub organization: OrganizationId,
    /// Whose.
    #[rkyv(with = As<u64>)]
    pub plugin: PluginId,
    /// Unique there.
    pub name: String,
    /// What it holds.
    pub value: Vec<u8>,
}

stored! {
    PluginValue, 1, "PluginValue/1(organization, plugin, name, value)";
    key: (u64, u64, u64) = |v| (v.organization.0, v.plugin.0, hash_of(&v.name));
    of: Organization, |v| (v.organization, v.plugin.0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::golden_tests::golden;

    const HOME: OrganizationId = OrganizationId::FIRST;

    #[test]
    fn the_bytes_of_a_plugin_are_these() {
        golden(
            &Plugin {
                organization: HOME,
                id: PluginId(2),
                name: "greet".to_owned(),
                manifest: "name = \"greet\"".to_owned(),
                sha256: "07".repeat(32),
                grants: vec!["kv".to_owned()],
                off: Some(PluginOff::Failing),
                failure: "no".to_owned(),
                installed: Timestamp(0x0102_0304),
            },
            "01e9b4febe6e616d65203d2022677265657422303730373037303730373037303730373037303730373037303730373037303730373037303730373037303730373037303730373037303730373037303730376b76ffffffffffff010000000000000002000000000000006772656574ffffff8e00000092ffffff8001000098ffffffd0ffffff0100000001026e6fffffffffffff0403020100000000",
        );
    }

    #[test]
    fn the_bytes_of_its_code_are_these() {
        golden(
            &PluginCode { organization: HOME, plugin: PluginId(2), code: vec![0, 97, 115, 109] },
            "01c4c6af930061736d01000000000000000200000000000000ecffffff04000000",
        );
    }

    #[test]
    fn the_bytes_of_a_variable_are_these() {
        let (name, value) = ("count".to_owned(), vec![1, 2, 3]);
        golden(
            &PluginValue { organization: HOME, plugin: PluginId(2), name, value },
            "017c4f206601020301000000000000000200000000000000636f756e74ffffffe5ffffff03000000",
        );
    }
}
