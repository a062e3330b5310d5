//! The dependencies' licences, sources and duplicates, checked offline against `deny.toml`, which
//! `cargo deny check licenses bans sources` reads, too.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

fn metadata() -> Vec<Value> {
    let mut command = Command::new(env!("CARGO"));
    command.args([
        "metadata",
        "--offline",
        "--locked",
        "--format-version",
        "1",
        "--filter-platform",
        "x86_64-unknown-linux-gnu",
    ]);
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let used: BTreeSet<&str> = metadata["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["id"].as_str().unwrap())
        .collect();
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages.filter(|package| used.contains(package["id"].as_str().unwrap())).cloned().collect()
}

fn deny() -> toml::Table {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/deny.toml");
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

fn words(value: &toml::Value, key: Option<&str>) -> BTreeSet<String> {
    let entries = value.as_array().unwrap().iter();
    let word = |entry: &toml::Value| match key {
        Some(key) => entry[key].as_str().unwrap().to_owned(),
        None => entry.as_str().unwrap().to_owned(),
    };
    entries.map(word).collect()
}

/// Whether an SPDX expression can be fulfilled with the allowed licences: `AND` binds tighter than `OR`,
/// and the old slash means `OR`.
fn satisfied(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut place = 0;
    let result = either(&tokens, &mut place, allowed);
    result && place == tokens.len()
}

fn either(tokens: &[&str], place: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut result = both(tokens, place, allowed);
    while tokens.get(*place) == Some(&"OR") {
        *place += 1;
        result |= both(tokens, place, allowed);
    }
    result
}

fn both(tokens: &[&str], place: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut result = one(tokens, place, allowed);
    while tokens.get(*place) == Some(&"AND") {
        *place += 1;
        result &= one(tokens, place, allowed);
    }
    result
}

fn one(tokens: &[&str], place: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let token = tokens.get(*place).copied().unwrap_or_default();
    *place += 1;
    if token == "(" {
        let result = either(tokens, place, allowed);
        *place += 1;
        return result;
    }
    if tokens.get(*place) == Some(&"WITH") {
        *place += 2;
        return allowed.contains(&format!("{token} WITH {}", tokens[*place - 1]));
    }
    // "Or any later version" (+) is fulfilled by the version itself.
    allowed.contains(token) || token.strip_suffix('+').is_some_and(|version| allowed.contains(version))
}

#[test]
fn expressions_are_read_as_spdx_means_them() {
    let allowed = BTreeSet::from(["MIT".to_owned(), "Apache-2.0".to_owned()]);
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("MIT/GPL-3.0", true),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR GPL-3.0) AND Apache-2.0", true),
        ("(MIT OR GPL-3.0) AND BSD-3-Clause", false),
        ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", false),
        ("Apache-2.0+ AND MIT", true),
        ("GPL-3.0+", false),
        ("MIT nonsense", false),
    ] {
        assert_eq!(satisfied(expression, &allowed), expected, "{expression}");
    }
}

#[test]
fn every_licence_is_allowed() {
    let deny = deny();
    let allowed = words(&deny["licenses"]["allow"], None);
    let exceptions = deny["licenses"]["exceptions"].as_array().unwrap();
    let packages = metadata();
    assert!(packages.len() > 100);
    let mut needed = BTreeSet::new();
    for package in packages {
        let (name, licence) =
            (package["name"].as_str().unwrap(), package["license"].as_str().unwrap_or("none"));
        if satisfied(licence, &allowed) {
            continue;
        }
        let exception = exceptions.iter().find(|exception| exception["crate"].as_str() == Some(name));
        let its_own = exception.map(|exception| words(&exception["allow"], None)).unwrap_or_default();
        assert!(satisfied(licence, &its_own), "{name} has the licence {licence}");
        needed.insert(name.to_owned());
    }
    assert_eq!(
        needed,
        words(&deny["licenses"]["exceptions"], Some("crate")),
        "exceptions are those that are needed"
    );
}

#[test]
fn every_source_is_the_registry() {
    let ours = ["parlour", "parlour-fuzz"];
    for package in metadata().iter().filter(|package| !ours.iter().any(|name| package["name"] == *name)) {
        let source = package["source"].as_str().unwrap_or("a path");
        assert!(source.starts_with("registry+"), "{} comes from {source}", package["name"]);
    }
}

#[test]
fn every_duplicate_has_a_reason() {
    let skipped = words(&deny()["bans"]["skip"], Some("crate"));
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in metadata() {
        let (name, version) = (package["name"].as_str().unwrap(), package["version"].as_str().unwrap());
        versions.entry(name.to_owned()).or_default().insert(version.to_owned());
    }
    for (name, found) in versions.iter().filter(|(_, found)| found.len() > 1) {
        let unexplained =
            found.iter().filter(|version| !skipped.contains(&format!("{name}@{version}"))).count();
        assert!(unexplained <= 1, "{name} is there in versions {found:?}; see deny.toml");
    }
}
