//! `parlour flow check` and `parlour flow schema`.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::parlour;

const WRONG: &str = "[workflow]\nname = \"greeter\"\n\n[[triggers]]\non = \"event\"\nevent = \"arived\"\n\n[[steps]]\ndo = \"send-text\"\n\
                     with = { session = \"{{ event.session }}\", text = \"Hello\" }\n";

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn check(args: &[&str], input: &str) -> Output {
    let mut child = parlour(&std::env::temp_dir())
        .args(["flow", "check"])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// The files of the flows that are shipped.
fn shipped() -> Vec<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/flows");
    let files = std::fs::read_dir(directory).unwrap();
    let mut files: Vec<String> =
        files.map(|file| file.unwrap().path().to_str().unwrap().to_owned()).collect();
    files.sort();
    files
}

#[test]
fn a_flow_is_checked_without_a_server() {
    let files = shipped();
    let args: Vec<&str> = files.iter().map(String::as_str).collect();
    let names: Vec<_> =
        args.iter().map(|file| Path::new(file).file_stem().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, parlour::flow::SHIPPED.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    let checked = check(&args, "");
    assert!(checked.status.success(), "{}", said(&checked));
    let text = said(&checked);
    assert!(text.contains("fine workflow afk 1.0.0") && text.contains("\"move others\""), "{text}");
    // A skill that is among the files is found there.
    assert!(!text.contains("not in these files"), "{text}");
    let alone = files.iter().find(|file| file.ends_with("support-waiting.toml")).unwrap();
    assert!(said(&check(&[alone], "")).contains("skill.notify (not in these files)"));

    let checked = check(&["-"], WRONG);
    assert_eq!(checked.status.code(), Some(1));
    let text = said(&checked);
    for wanted in [
        "standard input:6:9: `triggers[0].event` has the word \"arived\", which isn't known; did you mean `arrived`?",
        "  6 | event = \"arived\"\n    |         ^\n",
        "standard input:9:6: `steps[0].do` is \"send-text\", which isn't known; did you mean `send_text`?",
        "2 problems in 1 file.",
    ] {
        assert!(text.contains(wanted), "{wanted}\n{text}");
    }
    let checked = check(&["-", "--json"], WRONG);
    assert_eq!(checked.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!((&told["valid"], &told["problems"][0]["line"]), (&false.into(), &6.into()));
    assert_eq!(told["problems"][1]["key"], "steps[0].do");
    let checked = check(&["--json", alone], "");
    let told: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!((&told["valid"], &told["name"]), (&true.into(), &"support-waiting".into()));

    let checked = check(&["no-such-file.toml"], "");
    assert!(
        !checked.status.success() && said(&checked).contains("can't read no-such-file.toml"),
        "{}",
        said(&checked)
    );
    let checked = check(&["-"], &"# \u{e9}\n".repeat(20_000));
    assert!(
        !checked.status.success() && said(&checked).contains("more than 65536 bytes"),
        "{}",
        said(&checked)
    );
}

/// Somebody else's validator takes the schema for one, each file that is shipped for what it describes, and what is wrong for what it
/// doesn't.
#[test]
fn the_schema_describes_what_is_read() {
    let python =
        Path::new(env!("CARGO_BIN_EXE_parlour")).ancestors().nth(2).unwrap().join("python/bin/python");
    assert!(python.exists(), "this needs what `make setup` installs: {} is missing", python.display());
    let directory = tempfile::tempdir().unwrap();
    let printed = parlour(directory.path()).args(["flow", "schema"]).output().unwrap();
    assert!(printed.status.success(), "{}", said(&printed));
    std::fs::write(directory.path().join("schema.json"), &printed.stdout).unwrap();
    let wrong: &[(&str, &str)] = &[
        ("word", WRONG),
        ("key", "[workflow]\nnam = \"a\"\n[[triggers]]\non = \"hand\"\n[[steps]]\ndo = \"list\"\n"),
        ("steps", "[workflow]\nname = \"a\"\n[[triggers]]\non = \"hand\"\n"),
        (
            "field",
            "[workflow]\nname = \"a\"\n[[triggers]]\non = \"hand\"\n[[steps]]\ndo = \"send_text\"\nwith = { txt = \"a\" }\n",
        ),
        ("required", "[workflow]\nname = \"a\"\n[[triggers]]\non = \"hand\"\n[[steps]]\ndo = \"kick\"\n"),
        (
            "trigger",
            "[workflow]\nname = \"a\"\n[[triggers]]\non = \"hand\"\ncron = \"* * * * *\"\n[[steps]]\ndo = \"list\"\n",
        ),
        ("event", "[workflow]\nname = \"a\"\n[[triggers]]\non = \"event\"\n[[steps]]\ndo = \"list\"\n"),
        ("each", "[skill]\nname = \"a\"\n[step]\ndo = \"list\"\neach = \"[1]\"\n"),
        ("wait", "[skill]\nname = \"a\"\n[step]\ndo = \"wait\"\n"),
        (
            "type",
            "[skill]\nname = \"a\"\n[parameters.x]\ntype = \"boolean\"\nmin = 3\n[step]\ndo = \"list\"\n",
        ),
    ];
    for (name, source) in wrong {
        // What the schema refuses, the reader refuses, too.
        assert!(parlour::flow::read(source).is_err(), "{name}");
        std::fs::write(directory.path().join(format!("{name}.toml")), source).unwrap();
    }
    let script = "import json, sys, tomllib, jsonschema\n\
                  schema = json.load(open('schema.json'))\n\
                  kind = jsonschema.Draft202012Validator\n\
                  kind.check_schema(schema)\n\
                  good, bad = sys.argv[1].split(','), sys.argv[2].split(',')\n\
                  for name in good:\n    \
                  [print(name, list(error.path), error.message[:300]) for error in kind(schema).iter_errors(tomllib.load(open(name, 'rb')))]\n\
                  for name in bad:\n    \
                  kind(schema).is_valid(tomllib.load(open(name + '.toml', 'rb'))) and print(name, 'is taken')\n";
    let bad: Vec<&str> = wrong.iter().map(|(name, _)| *name).collect();
    let checked = Command::new(python)
        .args(["-c", script, &shipped().join(","), &bad.join(",")])
        .current_dir(directory.path())
        .output()
        .unwrap();
    assert!(checked.status.success() && said(&checked).is_empty(), "{}", said(&checked));
}
