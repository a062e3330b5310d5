//! The house keeps to its plan: `docs/architecture.md` says which room may import which, and the sources
//! are held against it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const LONGEST_FILE: usize = 800;
const LONGEST_MAIN: usize = 30;
/// Of the page's files, without others' and without the texts, which are lists.
const LONGEST_OF_PAGE: usize = 500;
const BANNED_NAMES: &[&str] = &["utils", "common", "helpers", "manager", "core", "types"];
/// Rooms without clock, randomness and async runtime, and what would give them one.
const PURE: &[&str] = &["id", "name", "bounds", "permission", "protocol", "state", "voice", "auth", "flow"];
const IMPURE_WORDS: &[&str] =
    &["tokio", "getrandom", "Instant::now", "SystemTime::now", "std::net::UdpSocket", "std::fs"];
/// Rooms that go by the clock they are given, and what would read another.
const CLOCKED: &[&str] = &["account", "admin", "control", "server"];
const CLOCK_WORDS: &[&str] = &["Instant::now", "SystemTime", ".elapsed()"];
/// Crates that only some rooms may name.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("axum", &["http"]),
    ("quinn", &["endpoint", "client", "transport"]),
    ("quinn_proto", &["transport"]),
    ("redb", &["store"]),
    ("minijinja", &["flow"]),
    ("cronexpr", &["flow"]),
    ("web_transport_quinn", &["endpoint", "client"]),
    ("rkyv", &["store"]),
    ("pulseaudio", &["audio"]),
    ("cpal", &["audio"]),
    ("opusic_c", &["audio"]),
    ("symphonia", &["audio"]),
    ("wasmi", &["plugin"]),
    ("ratatui", &["cli"]),
    // A client's text is bounded there before it is normalized.
    ("unicode_normalization", &["name"]),
    ("unicode_security", &["name"]),
];

type Plan = BTreeMap<String, BTreeSet<String>>;

/// The table below the heading "Rooms": room to rooms it may import.
fn plan(document: &str) -> Plan {
    let rooms = document.split("## Rooms").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = rooms.lines().filter(|line| line.starts_with("| `"));
    let mut plan = Plan::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let room = cells[0].trim_matches('`').trim_end_matches('/').to_owned();
        let imports = match cells[2] {
            "-" => BTreeSet::new(),
            list => list.split(',').map(|name| name.trim().to_owned()).collect(),
        };
        plan.insert(room, imports);
    }
    let server_rooms: BTreeSet<String> = plan
        .keys()
        .filter(|room| !matches!(room.as_str(), "client" | "audio" | "talk" | "cli"))
        .cloned()
        .collect();
    for imports in plan.values_mut() {
        if imports.remove("all server modules") {
            imports.extend(server_rooms.clone());
        }
    }
    plan
}

/// The source without comments and the contents of strings.
fn code(source: &str) -> String {
    let mut out = String::new();
    for line in source.lines() {
        let mut in_string = false;
        let mut previous = ' ';
        let mut characters = line.chars().peekable();
        while let Some(c) = characters.next() {
            if c == '"' && previous != '\\' && previous != '\'' {
                in_string = !in_string;
            } else if !in_string && c == '/' && characters.peek() == Some(&'/') {
                break;
            } else if !in_string {
                out.push(c);
            }
            previous = c;
        }
        out.push('\n');
    }
    out
}

/// Rooms named after `crate::`, in paths and in groups of imports.
fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let names = match rest.strip_prefix('{') {
            Some(group) => top_level(group),
            None => vec![rest],
        };
        for name in names {
            let word: String = name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            found.insert(word);
        }
    }
    found.remove("");
    found
}

/// The parts of a group up to its closing brace, without what is in nested groups.
fn top_level(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (index, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(&group[start..index]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&group[start..index]);
                start = index + 1;
            }
            _ => (),
        }
    }
    parts
}

/// Whether `word` stands in the code as a whole path segment at a path's beginning.
fn names(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(index, _)| {
        let before = code[..index].chars().next_back().unwrap_or(' ');
        let after = &code[index + word.len()..];
        let begins = !(before.is_alphanumeric() || before == '_' || before == ':');
        begins && (word.contains("::") || after.starts_with("::"))
    })
}

/// What is wrong with one file, in sentences.
fn complaints(plan: &Plan, path: &str, source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let parts: Vec<&str> = path.trim_start_matches("src/").split('/').collect();
    let room = parts[0].trim_end_matches(".rs");
    let lines = source.lines().count();
    if lines > LONGEST_FILE {
        found.push(format!("{path} has {lines} lines; split it"));
    }
    for part in &parts {
        if BANNED_NAMES.contains(&part.trim_end_matches(".rs")) {
            found.push(format!("{path}: `{part}` says nothing; name it after what it does"));
        }
    }
    if room == "main" && lines >= LONGEST_MAIN {
        found.push(format!("{path} has {lines} lines; it only starts the program"));
    }
    if matches!(room, "main" | "lib") {
        return found;
    }
    let code = code(source);
    let Some(allowed) = plan.get(room) else {
        found.push(format!("{path}: the room `{room}` isn't in docs/architecture.md"));
        return found;
    };
    for import in imports(&code) {
        if plan.contains_key(&import) && import != room && !allowed.contains(&import) {
            found.push(format!("{path} imports `{import}`, which docs/architecture.md doesn't allow"));
        }
    }
    for (name, rooms) in ONLY_IN {
        if names(&code, name) && !rooms.contains(&room) {
            found.push(format!("{path} names the crate `{name}`, which only {rooms:?} may"));
        }
    }
    if PURE.contains(&room) {
        let impure = IMPURE_WORDS
            .iter()
            .filter(|word| names(&code, word) || word.contains("::now") && code.contains(**word));
        found.extend(impure.map(|word| format!("{path} uses `{word}`, but `{room}` is pure")));
    }
    if CLOCKED.contains(&room) {
        let read = CLOCK_WORDS.iter().filter(|word| code.contains(**word));
        found
            .extend(read.map(|word| format!("{path} uses `{word}`; `{room}` goes by the clock it is given")));
    }
    found
}

pub(crate) fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn the_sources_keep_to_the_plan() {
    let plan = plan(&fs::read_to_string(Path::new(ROOT).join("docs/architecture.md")).unwrap());
    let mut files = Vec::new();
    sources(&Path::new(ROOT).join("src"), &mut files);
    assert!(files.len() > 50 && plan.len() > 10);
    let mut found = Vec::new();
    for file in files {
        let path = file.strip_prefix(ROOT).unwrap().to_str().unwrap().replace('\\', "/");
        found.extend(complaints(&plan, &path, &fs::read_to_string(&file).unwrap()));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_page_s_files_are_short() {
    let page = Path::new(ROOT).join("src/http/page");
    let files = fs::read_dir(page).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = files.filter(|path| path.is_file() && !is_text(path)).collect();
    assert!(files.len() > 20);
    let lines = |path: &Path| fs::read_to_string(path).unwrap().lines().count();
    let long: Vec<_> = files.iter().filter(|path| lines(path) > LONGEST_OF_PAGE).collect();
    assert!(long.is_empty(), "more than {LONGEST_OF_PAGE} lines; split them: {long:?}");
}

/// Whether it holds what the page says in a language (`text.en.js`).
fn is_text(path: &Path) -> bool {
    path.file_name().unwrap().to_string_lossy().starts_with("text.")
}

#[test]
fn every_room_of_the_plan_is_there() {
    let plan = plan(&fs::read_to_string(Path::new(ROOT).join("docs/architecture.md")).unwrap());
    let lib = fs::read_to_string(Path::new(ROOT).join("src/lib.rs")).unwrap();
    let declared: BTreeSet<_> = lib
        .lines()
        .filter_map(|line| Some(line.strip_prefix("pub mod ")?.trim_end_matches(';').to_owned()))
        .collect();
    assert_eq!(declared, plan.keys().cloned().collect());
}

/// The rules above, shown to fail where they should.
mod rules {
    use super::*;

    const PLAN: &str = "## Rooms\n\n| module | responsibility | may import (of ours) |\n|---|---|---|\n\
        | `id` | x | - |\n| `state/` | x | id |\n| `store/` | x | id |\n| `server` | x | all server modules |\n## Next\n";

    fn said(path: &str, source: &str) -> String {
        complaints(&plan(PLAN), path, source).join("\n")
    }

    #[test]
    fn a_forbidden_import_is_seen_in_every_form() {
        assert!(said("src/state/a.rs", "use crate::store::Store;").contains("imports `store`"));
        assert!(said("src/state/a.rs", "use crate::{id::A, store::{B, C}};").contains("imports `store`"));
        assert!(said("src/state/a.rs", "fn f() { crate::store::open() }").contains("imports `store`"));
        assert!(said("src/server.rs", "use crate::store::Store;").is_empty());
        assert!(
            said("src/state/a.rs", "use crate::{id::A, state::{store, C}};\n// use crate::store::Store;")
                .is_empty()
        );
        assert!(said("src/state/a.rs", "let text = \"crate::store::Store\";").is_empty());
        assert!(said("src/attic/a.rs", "").contains("isn't in docs/architecture.md"));
    }

    #[test]
    fn crates_and_clocks_stay_where_they_belong() {
        assert!(said("src/state/a.rs", "use redb::Database;").contains("names the crate `redb`"));
        assert!(said("src/store/a.rs", "use redb::Database;").is_empty());
        assert!(said("src/store/a.rs", "use quinn::Endpoint;").contains("names the crate `quinn`"));
        assert!(said("src/state/a.rs", "use tokio::sync::mpsc;").contains("is pure"));
        assert!(said("src/state/a.rs", "let now = std::time::Instant::now();").contains("is pure"));
        assert!(said("src/store/a.rs", "let now = Instant::now();").is_empty());
        assert!(said("src/server.rs", "let now = Instant::now();").contains("goes by the clock"));
    }

    #[test]
    fn sizes_and_names_are_bounded() {
        assert!(said("src/store/a.rs", &"\n".repeat(801)).contains("has 801 lines"));
        assert!(said("src/store/a.rs", &"\n".repeat(800)).is_empty());
        assert!(said("src/store/utils.rs", "").contains("says nothing"));
        assert!(said("src/helpers/mod.rs", "").contains("says nothing"));
        assert!(said("src/main.rs", &"\n".repeat(30)).contains("only starts the program"));
    }
}
