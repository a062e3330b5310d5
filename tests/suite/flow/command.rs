//! `parlour flow` as a person types it, who has a server.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Process, as_profile, parlour};

/// A server, with somebody who is logged in to it.
fn home() -> (tempfile::TempDir, Process) {
    let home = tempfile::tempdir().unwrap();
    let process = Process::serve(home.path(), "127.0.0.1:0", &["--demo"]);
    let login = ["login", &format!("parlour://demo@{}", process.address), "--password-stdin"];
    as_profile(home.path(), "demo", &login, "parlour-demo");
    (home, process)
}

/// What a command says, in JSON.
fn flow(home: &Path, args: &[&str]) -> Vec<Value> {
    as_profile(home, "demo", &[&["flow"], args].concat(), "")
}

/// What a command complains of, as people read it.
fn complaint(home: &Path, args: &[&str]) -> String {
    let mut command = parlour(home);
    command.env("PARLOUR_CONFIG_DIR", home.join("demo")).arg("flow").args(args);
    let output = command.output().unwrap();
    assert!(!output.status.success(), "{args:?} is done");
    String::from_utf8(output.stderr).unwrap()
}

/// The values that are set for a flow.
fn set(home: &Path, name: &str) -> Value {
    let shown = flow(home, &["show", name]);
    let values = shown[0]["settings"].as_array().unwrap().iter();
    values.map(|one| (one["name"].as_str().unwrap().to_owned(), one["value"].clone())).collect()
}

#[test]
fn a_flow_that_comes_with_the_program_is_listed_shown_and_added_by_its_name() {
    let (home, _process) = home();
    let home = home.path();
    let listed = flow(home, &["list", "--shipped"]);
    let named = |name: &str| listed.iter().any(|row| row["name"] == name);
    assert_eq!(listed.len(), parlour::flow::SHIPPED.len(), "{listed:?}");
    assert!(named("welcome") && named("notify"), "{listed:?}");
    let found = flow(home, &["list", "--shipped", "AFK", "back"]);
    assert_eq!(found.len(), 1, "{found:?}");

    let (_, source) = parlour::flow::SHIPPED.iter().find(|(name, _)| *name == "welcome").unwrap();
    assert_eq!(flow(home, &["show", "--shipped", "welcome"])[0]["source"], *source);
    let added = flow(home, &["add", "--shipped", "welcome", "--set", "welcome=Tea, NAME?"]);
    assert_eq!((&added[0]["name"], &added[0]["state"]), (&json!("welcome"), &json!("on")), "{added:?}");
    assert_eq!(flow(home, &["show", "welcome"])[0]["source"], *source);

    let unknown = complaint(home, &["add", "--shipped", "welcom"]);
    assert!(
        unknown.contains("no flow welcom comes with the program") && unknown.contains("welcome"),
        "{unknown}"
    );
    assert!(complaint(home, &["show", "--shipped", "nothing"]).contains("there is"));
    let both = complaint(home, &["add", "welcome.toml", "--shipped", "welcome"]);
    assert!(both.contains("cannot be used with"), "{both}");
    assert_eq!(flow(home, &["list", "--own"]).len(), 1);
}

#[test]
fn what_an_edit_does_not_name_stays_and_what_is_unset_goes() {
    const TEA: &str = r#"
[workflow]
name = "tea"
[parameters.kind]
type = "string"
[parameters.milk]
type = "boolean"
default = false
[parameters.token]
type = "secret"
[[triggers]]
on = "hand"
[[steps]]
name = "drink"
do = "value"
with = { value = "{{ input.kind }} {{ input.milk }} {{ input.token | upper }}" }
"#;
    let (home, _process) = home();
    let home = home.path();
    let file = home.join("tea.toml");
    std::fs::write(&file, TEA).unwrap();
    let file = file.to_str().unwrap();
    let values = ["--set", "kind=green", "--set", "milk=yes", "--set", "token=s3cret"];
    flow(home, &[&["add", file][..], &values].concat());

    flow(home, &["edit", "tea", "--set", "kind=black"]);
    assert_eq!(set(home, "tea"), json!({ "kind": "black", "milk": "yes", "token": "***" }));
    let run = flow(home, &["run", "tea"]);
    assert!(run[0].to_string().contains("black True S3CRET"), "the secret is the same one: {run:?}");
    flow(home, &["edit", "tea", "--unset", "milk", "--set", "kind=white"]);
    assert_eq!(set(home, "tea"), json!({ "kind": "white", "token": "***" }));

    let unset = complaint(home, &["edit", "tea", "--unset", "milk"]);
    assert!(unset.contains("`milk` isn't set for tea: there is kind, token"), "{unset}");
    let both = complaint(home, &["edit", "tea", "--unset", "kind", "--set", "kind=red"]);
    assert!(both.contains("`kind` is both set and taken away"), "{both}");
    assert_eq!(
        set(home, "tea"),
        json!({ "kind": "white", "token": "***" }),
        "what is refused changes nothing"
    );
    let help = flow_help(home);
    assert!(help.contains("--unset NAME") && help.contains("stay as they are set"), "{help}");

    // A version that hasn't a parameter any more has no value of it.
    let next = TEA.replace("[parameters.kind]\ntype = \"string\"\n", "").replace("{{ input.kind }} ", "");
    std::fs::write(home.join("next.toml"), next).unwrap();
    flow(home, &["edit", "tea", "--file", home.join("next.toml").to_str().unwrap()]);
    assert_eq!(set(home, "tea"), json!({ "token": "***" }));
    let run = flow(home, &["run", "tea"]);
    assert!(run[0].to_string().contains("False S3CRET"), "{run:?}");
}

fn flow_help(home: &Path) -> String {
    let output = parlour(home).args(["flow", "edit", "--help"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}
