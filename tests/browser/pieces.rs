//! Parts of the page without a browser: the jitter buffer, permissions, and the types that its comments say.

use std::path::{Path, PathBuf};
use std::process::Command;

use parlour::permission::Permissions;
use parlour::protocol::{MAX_REQUEST, decode, encode, wire};

use crate::stage::{Stage, modules, run};

/// The page's files, in a directory of their own with what the build adds and what a compiler of types wants.
fn copy_page(home: &Path) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = home.join("page");
    let own = root.join("src/http/page");
    let generated = Path::new(env!("OUT_DIR")).join("page");
    for (from, to) in
        [(own.join("vendor"), page.join("vendor")), (own, page.clone()), (generated, page.clone())]
    {
        std::fs::create_dir_all(&to).unwrap();
        for file in std::fs::read_dir(from).unwrap() {
            let path = file.unwrap().path();
            if path.is_file() {
                std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
            }
        }
    }
    std::fs::write(page.join("package.json"), "{ \"type\": \"module\" }\n").unwrap();
    page
}

/// The jitter buffer holds what the network does, and a clock that differs by 200 millionths for ten minutes.
#[test]
fn the_page_s_jitter_buffer_holds_loss_jitter_and_drift() {
    let home = Stage::enter();
    let page = copy_page(home.path()).display().to_string();
    let voice = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/speech.wav");
    let result = run("jitter.mjs", &[("PAGE", page), ("VOICE", voice.display().to_string())], |_| ());
    println!("{result:#}");
    let figure = |run: &str, name: &str| result[run][name].as_f64().unwrap();
    for run in ["clean", "wireless", "faster", "slower"] {
        assert!(figure(run, "median") > 0.99, "{run}");
    }
    assert!(figure("lossy", "median") > 0.9 && figure("lossy", "least") > 0.7);
    for run in ["faster", "slower"] {
        assert!(figure(run, "last") < 40.0, "{run}: the queue grows");
    }
    assert!(figure("clean", "waiting") < 25.0);
    // A second in which nothing came is made up for, and nothing that was said then is left out.
    assert!(figure("stalled", "skipped") == 0.0 && figure("stalled", "last") < 25.0);
    assert!(figure("stalled", "median") > 0.99);
    // After each time that the network stands still the delay is taken back, and not in the middle of a word.
    let left_out = |what: &str| result["haltingly"]["leftOut"][what].as_f64().unwrap();
    assert!(left_out("quiet") > 4_800.0 && left_out("loud") == 0.0);
    // What is lost is repaired, and no more is waited for than a frame; in rows as well.
    for run in ["repaired", "atFirst", "inRows"] {
        assert!(figure(run, "median") > 0.93, "{run}");
        assert!(figure(run, "holes") < figure("concealed", "holes") / 2.0, "{run}");
        assert!(figure(run, "waiting") < figure("coded", "waiting") + 21.0, "{run}");
    }
    assert!(figure("repaired", "median") > figure("concealed", "median") + 0.03);
}

/// What the page reads from permissions, without a browser; and that what crosses the wire means the same at both ends.
#[test]
fn the_page_reads_permissions_rightly() {
    let home = Stage::enter();
    let page = copy_page(home.path()).display().to_string();
    // The highest identifier of the last organization of 8192, and all the permissions there will ever be.
    let last = (8191 << 40) | ((1 << 40) - 1);
    let role = |id, allow| wire::Role { id, allow, ..wire::Role::default() };
    let roles = wire::Roles { roles: vec![role(last, u64::MAX), role(1, 1 << 63), role(2, 0)] };
    let event = wire::Event { number: 1, body: Some(wire::event::Body::RolesAre(roles)) };
    let event = serde_json::to_string(&encode(&event).to_vec()).unwrap();
    let result = run("permission.mjs", &[("PAGE", page), ("EVENT", event)], |_| ());
    assert_eq!(result["failed"], serde_json::json!([]), "{result:#}");
    let named: Vec<String> =
        Permissions::NAMED.iter().map(|(permission, _)| permission.bits().to_string()).collect();
    assert_eq!(result["bits"], serde_json::json!(named));
    assert_eq!(
        result["roles"],
        serde_json::json!([
            [last.to_string(), u64::MAX.to_string()],
            ["1", (1_u64 << 63).to_string()],
            ["2", "0"]
        ])
    );
    let asked = wire::Why { channel: last, permissions: u64::MAX, ..wire::Why::default() };
    let asked = wire::Request::from(wire::request::Body::Why(asked));
    let written: Vec<u8> = serde_json::from_value(result["asked"].clone()).unwrap();
    assert_eq!(decode::<wire::Request>(&written, MAX_REQUEST).unwrap(), asked);
}

/// A packet repeats what is in the one before it: the channel gets nothing of what was whispered.
#[test]
fn the_page_repeats_no_whisper_to_the_channel() {
    let home = Stage::enter();
    let page = copy_page(home.path()).display().to_string();
    let voice = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/speech.wav");
    let result = run("whispered.mjs", &[("PAGE", page), ("VOICE", voice.display().to_string())], |_| ());
    assert_eq!(result, serde_json::json!({ "flows": [0], "packets": 20, "same": 20 }));
}

/// What the page's comments say of types; `any` says nothing.
fn untyped(source: &str) -> bool {
    let comments = source.split("/**").skip(1).filter_map(|rest| rest.split("*/").next());
    let mut depth = 0_usize;
    let in_braces = comments.flat_map(str::chars).map(move |letter| {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => (),
        }
        if depth > 0 { letter } else { ' ' }
    });
    in_braces.collect::<String>().split(|letter: char| !letter.is_alphanumeric()).any(|word| word == "any")
}

/// The page's modules have the types that their comments say, and each says one.
#[test]
fn the_page_s_types_hold() {
    assert!(
        untyped("/** @param {Map<number, any>} map */") && !untyped("/** For any of {them}. */ // {any}")
    );
    let home = Stage::enter();
    let page = copy_page(home.path());
    for file in std::fs::read_dir(&page).unwrap().map(|file| file.unwrap().path()) {
        let own = file.extension().is_some_and(|end| end == "js");
        let untyped = own && untyped(&std::fs::read_to_string(&file).unwrap());
        assert!(!untyped, "{} has a type `any`: say which it is", file.display());
    }
    let types = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    // What browsers have that TypeScript's library lacks yet.
    std::fs::copy(types.join("missing.d.ts"), page.join("missing.d.ts")).unwrap();
    std::fs::copy(types.join("pbf.d.ts"), page.join("vendor/pbf.d.ts")).unwrap();
    std::fs::remove_file(page.join("vendor/pbf.js")).unwrap();
    std::fs::copy(types.join("tsconfig.json"), page.join("tsconfig.json")).unwrap();
    let compiler = modules().join("node_modules/typescript/bin/tsc");
    let output = Command::new("node").arg(compiler).args(["-p", "."]).current_dir(page).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
