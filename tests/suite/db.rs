//! `parlour db` and the commands for records, with a server running and without one.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{self, Process, Talking, channel_id, eventually, hear, log_in, parlour};
use parlour::bounds;
use parlour::client::{Address, ChannelEdit, RoleEdit, Session};
use parlour::id::RoleId;
use parlour::protocol::wire::VoicePolicy;
use parlour::state;
use parlour::store::STORE_FILE;
use serde_json::Value;

const DEMO_PASSWORD: &str = "parlour-demo";

/// Runs a command that must succeed, and answers with the objects it printed.
fn rows(home: &Path, arguments: &[&str]) -> Vec<Value> {
    let output = parlour(home).arg("--json").args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Runs a command that must fail, and answers with its one sentence, but for the warning of a password in an argument.
fn complains(command: &mut Command) -> String {
    let output = command.env("PARLOUR_LOG", "error").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{command:?} succeeded");
    let sentences: Vec<&str> =
        said.trim().lines().filter(|line| !line.starts_with("Every user of this machine can read")).collect();
    assert_eq!(sentences.len(), 1, "{said}");
    sentences[0].to_owned()
}

fn refused(home: &Path, arguments: &[&str]) -> String {
    complains(parlour(home).args(arguments))
}

fn column<'a>(rows: &'a [Value], field: &str) -> Vec<&'a str> {
    rows.iter().map(|row| row[field].as_str().unwrap()).collect()
}

#[test]
fn records_are_kept_by_commands_without_a_server() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    assert!(refused(home, &["user", "list"]).contains("parlour db init"));
    rows(home, &["db", "init"]);
    assert!(refused(home, &["db", "init"]).contains("is there already"));
    rows(home, &["db", "seed"]);
    rows(home, &["db", "seed"]);
    assert_eq!(column(&rows(home, &["user", "list"]), "name"), ["demo", "alice", "bob", "charlie"]);
    assert_eq!(
        column(&rows(home, &["user", "list", "--limit", "2", "--after", "2"]), "name"),
        ["bob", "charlie"]
    );
    let edited = rows(home, &["user", "edit", "bob", "--rename", "Robert", "--email", "bob@example.org"]);
    assert_eq!(
        (edited[0]["name"].as_str(), edited[0]["email"].as_str()),
        (Some("Robert"), Some("bob@example.org"))
    );
    assert!(refused(home, &["user", "edit", "alice", "--rename", "ROBERT"]).contains("choose another"));
    assert!(refused(home, &["user", "show", "bob"]).contains("no account of this name"));
    rows(home, &["role", "create", "Helper", "--allow", "view, join"]);
    rows(home, &["user", "grant", "alice", "Helper", "--until", "2035-01-01T00:00:00Z"]);
    assert_eq!(rows(home, &["user", "show", "alice"])[0]["roles"], "Member, Helper");
    rows(home, &["role", "delete", "Helper"]);
    assert_eq!(rows(home, &["user", "show", "alice"])[0]["roles"], "Member");
    rows(home, &["channel", "create", "Operations/Zulu"]);
    rows(home, &["channel", "edit", "Operations/Zulu", "--below", "Social", "--rename", "Yankee"]);
    assert!(
        refused(home, &["channel", "edit", "Social", "--below", "Social/Yankee"]).contains("below itself")
    );
    rows(home, &["channel", "allow", "Social", "--role", "Guest", "--deny", "speak"]);
    let channels = rows(home, &["channel", "list"]);
    let social = channels.iter().find(|channel| channel["path"] == "Social").unwrap();
    assert_eq!(social["overwrites"], 1);
    rows(home, &["channel", "delete", "Social"]);
    assert_eq!(rows(home, &["channel", "list"]).len(), 4);
    rows(home, &["org", "create", "club", "--name", "The club"]);
    rows(home, &["org", "edit", "club", "--users", "3"]);
    rows(home, &["role", "create", "Helper", "--organization", "club"]);
    assert!(refused(home, &["role", "edit", "Helper", "--rank", "1"]).contains("no role"));
    assert!(refused(home, &["role", "list", "--organization", "nil"]).contains("parlour org list"));
    assert_eq!(rows(home, &["role", "list", "--organization", "home"]).len(), 6);
    assert_eq!(column(&rows(home, &["org", "list"]), "tag"), ["home", "club"]);
    rows(home, &["org", "delete", "club"]);
    assert!(refused(home, &["org", "delete", "home"]).contains("can't be deleted"));
    let trail = rows(home, &["audit", "--by", "operator", "--subject", "channel", "--limit", "2"]);
    assert_eq!(column(&trail, "what"), ["delete channel 5", "delete channel 6"]);
    assert_eq!(
        column(&rows(home, &["audit", "--organization", "server", "--limit", "1"]), "by"),
        ["operator"]
    );
    rows(home, &["user", "delete", "Robert"]);
    assert_eq!(rows(home, &["session", "list", "alice"]).len(), 1, "there is nothing, and it is said");
    rows(home, &["db", "verify"]);
}

fn session_of(address: &Address, name: &str) -> impl Future<Output = Session> {
    let (address, name) = (address.clone(), name.to_owned());
    async move { log_in(&address, &name, DEMO_PASSWORD).await.unwrap() }
}

#[tokio::test]
async fn what_a_command_changes_is_live_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path();
    let server = Process::serve(home, "127.0.0.1:0", &["--demo"]);
    let address: Address = server.address.to_string().parse().unwrap();
    let (alice, bob) = (session_of(&address, "alice").await, session_of(&address, "bob").await);
    rows(home, &["channel", "create", "General/Side"]);
    eventually("the channel is seen", async || alice.view().find("General/Side").ok().map(drop)).await;
    let side = channel_id(&alice, "General/Side");
    alice.join(side).await.unwrap();
    bob.join(side).await.unwrap();
    let mut voice = bob.voice();
    let talking = Talking::start(&alice);
    assert!(hear(&mut voice).await.is_some());

    // What may not speak any more isn't heard any more, without anybody joining anew.
    rows(home, &["channel", "allow", "General", "--role", "Member", "--deny", "speak"]);
    support::drain(&mut voice).await;
    assert!(support::silence(&mut voice).await);
    rows(home, &["channel", "allow", "General", "--role", "Member"]);
    assert!(hear(&mut voice).await.is_some());

    // Maintenance goes on beside the talking.
    let backup = rows(home, &["db", "backup"]);
    assert!(Path::new(backup[0]["backup"].as_str().unwrap()).exists());
    rows(home, &["db", "verify"]);
    assert_eq!(rows(home, &["db", "jobs"]).len(), 2);
    assert_eq!(rows(home, &["db", "status"])[0]["schema"], 6);
    assert!(hear(&mut voice).await.is_some());
    for command in
        [vec!["db", "restore", "x"], vec!["db", "compact"], vec!["db", "migrate"], vec!["db", "rollback"]]
    {
        assert!(refused(home, &command).contains("stop it first"), "{command:?}");
    }

    rows(home, &["user", "edit", "alice", "--rename", "Alicia"]);
    let renamed = async || bob.view().member(alice.id()).filter(|member| member.name == "Alicia").map(drop);
    eventually("the new name is seen", renamed).await;
    let sessions = rows(home, &["session", "list", "Alicia"]);
    assert_eq!(sessions[0]["address"], "127.0.0.1");
    rows(home, &["session", "end", "Alicia", "--all"]);
    drop(talking);
    eventually("she is gone", async || bob.view().member(alice.id()).is_none().then_some(())).await;
    assert!(alice.list().await.is_err());
    rows(home, &["user", "delete", "Alicia"]);
    assert!(log_in(&address, "alicia", DEMO_PASSWORD).await.is_err());
    let data = home.join("data").display().to_string();
    rows(home, &["user", "disable", "bob", "--data-dir", &data]);
    assert!(bob.list().await.is_err());
}

/// The rows without what each may do by themselves.
fn shared(rows: Vec<Value>) -> Vec<Value> {
    let mut rows = rows;
    for row in rows.iter_mut().filter_map(Value::as_object_mut) {
        row.remove("permissions");
    }
    rows
}

#[test]
fn the_machine_s_owner_says_of_roles_and_channels_what_a_member_may_say() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path();
    rows(home, &["db", "init"]);
    rows(home, &["db", "seed"]);
    let made = rows(home, &["role", "create", "Host", "--rank", "40", "--colour", "00aa55"]);
    assert_eq!((&made[0]["colour"], &made[0]["rank"]), (&Value::from("00aa55"), &Value::from(40)));
    rows(home, &["role", "edit", "host", "--colour", "none", "--add", "speak, kick", "--take", "kick"]);
    let roles = rows(home, &["role", "list"]);
    assert_eq!(
        column(&roles, "name"),
        ["Owner", "Admin", "Officer", "Host", "Service", "Member", "Guest"],
        "the highest rank first"
    );
    assert_eq!((&roles[3]["colour"], &roles[3]["allow"]), (&Value::Null, &Value::from("speak")));
    rows(home, &["role", "grant", "alice", "Host", "--for", "1h"]);
    rows(home, &["role", "grant", "bob", "Host"]);
    let holders = rows(home, &["role", "holders", "HOST"]);
    assert_eq!(column(&holders, "name"), ["alice", "bob"]);
    assert!(holders[0]["until"].as_str().unwrap().contains('T') && holders[1]["until"] == "for good");
    rows(home, &["role", "revoke", "bob", "Host"]);
    assert_eq!(column(&rows(home, &["role", "holders", "Host"]), "name"), ["alice"]);

    let create = "channel create Social/Bar --password hush --limit 5 --temporary 10m --bitrate 32k --frame 20 \
                  --last-speakers 3";
    let made = rows(home, &create.split_whitespace().collect::<Vec<_>>());
    let said = |row: &Value| {
        ["password", "limit", "temporary_ms", "bitrate", "frame_ms", "last_speakers"]
            .map(|name| row[name].to_string())
    };
    assert_eq!(said(&made[0]), ["true", "5", "600000", "32000", "20", "3"]);
    let edited = rows(home, &["channel", "edit", "bar", "--password", "", "--limit", "0", "--frame", "60"]);
    assert_eq!(said(&edited[0]), ["false", "null", "600000", "32000", "60", "3"]);
    rows(home, &["channel", "link", "Bar", "General"]);
    assert_eq!(rows(home, &["channel", "list"]).last().unwrap()["links"], serde_json::json!(["General"]));
    assert!(refused(home, &["channel", "link", "Bar", "Social/Bar"]).contains("with itself"));
    rows(home, &["channel", "link", "General", "Bar", "--remove"]);
    assert_eq!(rows(home, &["channel", "list"]).last().unwrap()["links"], serde_json::json!([]));
    rows(home, &["channel", "allow", "Social", "--role", "Host", "--allow", "kick", "--reach", "below"]);
    let overwrites = rows(home, &["channel", "overwrites", "Social"]);
    let expected = ["role", "Host", "kick", "nothing", "below", "below"];
    assert_eq!(["for", "name", "allow", "deny", "where", "reach"].map(|f| &overwrites[0][f]), expected);

    for (command, why) in [
        (vec!["channel", "create", "Lobby", "--description", &"x".repeat(1025)], "at most 1024 bytes"),
        (vec!["channel", "edit", "Bar", "--password", &"x".repeat(129)], "at most 128 bytes"),
        (vec!["channel", "edit", "Bar", "--last-speakers", "65536"], "65535 speakers"),
        (vec!["channel", "allow", "Bar", "--role", "Host", "--allow", "administer"], "the role Owner"),
        (vec!["role", "edit", "Host", "--rename", "a/b"], "which names can't have"),
        (vec!["channel", "listen", "Bar"], "log in with `parlour login`"),
    ] {
        let said = refused(home, &command);
        assert!(said.contains(why), "{command:?}: {said}");
    }
    rows(home, &["db", "verify"]);
}

#[test]
fn what_the_machine_s_owner_changes_is_what_a_member_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path();
    let server = Process::serve(home, "127.0.0.1:0", &["--demo"]);
    let ask = |name: &str, arguments: &[&str]| support::as_profile(home, name, arguments, DEMO_PASSWORD);
    for name in ["demo", "bob"] {
        ask(name, &["login", &format!("{name}@{}", server.address), "--password-stdin"]);
    }
    // Nobody is logged in in `home` itself: these act as the machine's owner.
    let owner = |arguments: &[&str]| rows(home, arguments);
    let may = |what: &str, channel: &str| {
        let found = ask("bob", &["why", "me", "may", what, channel]).remove(0);
        let steps = found["steps"].as_array().unwrap().clone();
        let decides = steps.into_iter().find(|step| step["decides"] == true).unwrap_or_default();
        (found["holds"].as_bool().unwrap(), decides)
    };
    assert!(may("speak", "Social").0);
    owner(&["channel", "create", "Social/Bar", "--temporary", "1h", "--limit", "9"]);
    owner(&["channel", "allow", "Social", "--role", "Member", "--deny", "speak", "--reach", "below"]);
    assert!(may("speak", "Social").0);
    let (holds, decides) = may("speak", "Social/Bar");
    assert_eq!((holds, &decides["kind"], &decides["reach"]), (false, &"overwrite".into(), &"below".into()));
    owner(&["channel", "allow", "Social/Bar", "--user", "bob", "--allow", "speak"]);
    assert_eq!(may("speak", "Social/Bar").1["user"], "bob");
    owner(&["role", "create", "Host", "--allow", "kick", "--colour", "00aa55"]);
    assert!(!may("kick", ".").0);
    owner(&["role", "grant", "bob", "Host", "--for", "1h"]);
    assert_eq!(may("kick", ".").1["role"], "Host");

    // Both forms show the same.
    owner(&["channel", "link", "Social/Bar", "General"]);
    for list in [
        ["channel", "list", "--limit", "50"],
        ["role", "list", "--limit", "50"],
        ["channel", "overwrites", "Social", "--json"],
        ["role", "holders", "Host", "--json"],
    ] {
        assert_eq!(shared(owner(&list)), shared(ask("demo", &list)), "{list:?}");
    }
    owner(&["role", "revoke", "bob", "Host"]);
    assert!(!may("kick", ".").0);
    // And both refuse the same with the same words.
    let long = "x".repeat(1025);
    for command in [
        ["channel", "edit", "Social", "--description", &long],
        ["channel", "edit", "Social", "--last-speakers", "65536"],
        ["channel", "edit", "Social", "--password", &long],
        ["role", "edit", "Host", "--rename", "\u{200b}"],
    ] {
        let of_member = ask("demo", &command).pop().unwrap();
        let of_owner = refused(home, &command);
        assert!(of_owner.contains(of_member["error"]["message"].as_str().unwrap()), "{of_owner} {of_member}");
    }
}

#[tokio::test]
async fn members_are_held_to_the_bounds_that_the_machine_s_owner_is_held_to() {
    let server = support::TestServer::start().await;
    let root = server.log_in("root").await;
    let social = channel_id(&root, "Social");
    let voice = |bitrate, frame_ms, last_speakers| ChannelEdit {
        voice: Some(VoicePolicy { bitrate, frame_ms, last_speakers }),
        ..ChannelEdit::default()
    };
    for number in [0, 1, 10, 20, 40, 60, 61, 5_999, 6_000, 65_535, 65_536, 510_000, 510_001] {
        let [rate, frame, speakers] = [voice(number, 0, 0), voice(0, number, 0), voice(0, 0, number)];
        let bounds = [
            (rate, bounds::check_bitrate(number).is_ok()),
            (frame, bounds::check_frame(number).is_ok()),
            (speakers, bounds::check_last_speakers(number).is_ok()),
        ];
        for (edit, fits) in bounds {
            let done = root.edit_channel_with(social, edit.clone()).await;
            assert_eq!(done.is_ok(), fits, "{edit:?}");
        }
    }
    for colour in [0, 0xff_ff_ff, 1 << 24, u32::MAX] {
        let edit = RoleEdit { colour: Some(colour), ..RoleEdit::default() };
        let done = root.edit_role(RoleId(4), edit).await;
        assert_eq!(done.is_ok(), bounds::check_colour(colour).is_ok(), "{colour:x}");
    }
    let bounds = (bounds::MAX_ROLES, bounds::MAX_OVERWRITES, bounds::MAX_LINKS);
    assert_eq!(bounds, (state::MAX_ROLES, state::MAX_OVERWRITES, state::MAX_LINKS));
}

#[test]
fn a_backup_an_export_and_a_reset_lose_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path();
    let path = home.join("data").join(STORE_FILE);
    rows(home, &["db", "init"]);
    rows(home, &["db", "seed"]);
    let backup = home.join("copy.redb").display().to_string();
    rows(home, &["db", "backup", "--to", &backup]);
    assert!(refused(home, &["db", "backup", "--to", &backup]).contains("is there already"));
    rows(home, &["db", "verify", &backup]);
    rows(home, &["user", "delete", "bob"]);
    let restored = rows(home, &["db", "restore", &backup]);
    assert!(Path::new(restored[0]["replaced"].as_str().unwrap()).exists());
    assert_eq!(rows(home, &["user", "list"]).len(), 4);
    // A damaged backup is refused, and changes nothing.
    let mut bytes = fs::read(&backup).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4096].fill(0xff);
    let damaged = home.join("damaged.redb").display().to_string();
    fs::write(&damaged, bytes).unwrap();
    let before = fs::read(&path).unwrap();
    let said = refused(home, &["db", "restore", &damaged]);
    assert!(said.contains("damaged"), "{said}");
    assert_eq!(fs::read(&path).unwrap(), before);
    assert!(!home.join("data").join("parlour.restoring").exists());

    let lines = home.join("all.jsonl").display().to_string();
    rows(home, &["db", "export", "--to", &lines]);
    assert!(refused(home, &["db", "import", &lines]).contains("is there already"));
    let other = tempfile::tempdir().unwrap();
    rows(other.path(), &["db", "import", &lines]);
    rows(other.path(), &["db", "verify"]);
    assert_eq!(rows(home, &["user", "list"]), rows(other.path(), &["user", "list"]));
    // The passwords came along.
    let server = Process::serve(other.path(), "127.0.0.1:0", &[]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let address: Address = server.address.to_string().parse().unwrap();
    runtime.block_on(async { log_in(&address, "alice", DEMO_PASSWORD).await.unwrap() });
    server.kill();
    // Cut short, an export is no export; nor with a line that isn't one.
    let text = fs::read_to_string(&lines).unwrap();
    let half = text.lines().take(8).collect::<Vec<_>>().join("\n");
    for (broken, why) in [
        (half, "ends too early"),
        (text.replacen("{\"user\":", "{\"usher\":", 1), "line "),
        ("hello\n".to_owned(), "line 1"),
        (text.replacen("\"schema\":6", "\"schema\":99", 1), "schema 99"),
    ] {
        let other = tempfile::tempdir().unwrap();
        let file = other.path().join("broken.jsonl").display().to_string();
        fs::write(&file, broken).unwrap();
        let said = refused(other.path(), &["db", "import", &file]);
        assert!(said.contains(why), "{said}");
        assert!(!other.path().join("data").join(STORE_FILE).exists());
    }

    assert!(refused(home, &["db", "reset", "--organization", "house"]).contains("home"));
    assert_eq!(rows(home, &["user", "list"]).len(), 4);
    let reset = rows(home, &["db", "reset", "--organization", "home"]);
    assert!(Path::new(reset[0]["set_aside"].as_str().unwrap()).exists());
    assert!(rows(home, &["user", "list"])[0].get("name").is_none(), "nobody is left");
    rows(home, &["db", "compact"]);
}

#[test]
fn an_older_database_is_migrated_at_start_unless_that_is_not_wanted() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path();
    fs::create_dir(home.join("data")).unwrap();
    let path = home.join("data").join(STORE_FILE);
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/store-v1.redb"), &path).unwrap();
    let status = rows(home, &["db", "status"]);
    assert_eq!((&status[0]["schema"], status[0]["pending"].as_array().unwrap().len()), (&Value::from(1), 5));
    let said = complains(parlour(home).args(["serve", "--listen", "127.0.0.1:0", "--no-migrate"]));
    assert!(said.contains("parlour db migrate"), "{said}");
    assert!(refused(home, &["user", "list"]).contains("parlour db migrate"));
    assert!(refused(home, &["db", "rollback", "--yes"]).contains("nothing to go back to"));
    let migrated = rows(home, &["db", "migrate"]);
    assert_eq!((&migrated[0]["from"], &migrated[0]["to"]), (&Value::from(1), &Value::from(6)));
    assert!(refused(home, &["db", "rollback"]).contains("--yes"));
    rows(home, &["db", "rollback", "--yes"]);
    assert_eq!(rows(home, &["db", "status"])[0]["schema"], 1);
    // A server brings it there by itself.
    Process::serve(home, "127.0.0.1:0", &[]).kill();
    assert_eq!(rows(home, &["db", "status"])[0]["schema"], 6);
    assert_eq!(rows(home, &["user", "list"]).len(), 12);
}

#[tokio::test]
async fn a_server_looks_after_its_database_by_itself() {
    let server = support::TestServer::start().await;
    let backups = server.directory.path().join(parlour::store::BACKUPS);
    let count = || fs::read_dir(&backups).map_or(0, Iterator::count);
    let handle = server.server.handle();
    handle.maintain(0).await;
    assert_eq!(count(), 0, "0 hours mean none");
    handle.maintain(24).await;
    handle.maintain(24).await;
    assert_eq!(count(), 1, "the second isn't due yet");
    let made = fs::read_dir(&backups).unwrap().next().unwrap().unwrap().path();
    assert_eq!(parlour::store::verify_file(&made, &mut |_| ()).unwrap(), []);
}

/// The machine's owner lets people in and keeps them out, with the server running or not.
#[test]
fn the_machine_s_owner_invites_and_bans() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    rows(home, &["db", "init"]);
    rows(home, &["db", "seed"]);
    let data = home.join("data").display().to_string();
    let owned = |arguments: &[&str]| rows(home, &[arguments, &["--data-dir", &data]].concat());
    let invite = |channel: &str| {
        let made = owned(&["invite", "create", "--channel", channel, "--uses", "2"]);
        assert!(made[0]["link"].is_null(), "nobody said by which name people reach it: {made:?}");
        made[0]["code"].as_str().unwrap().to_owned()
    };
    let before = invite("General");
    let ban = owned(&["ban", "add", "--user", "bob", "--reason", "be nice"])[0]["ban"].to_string();
    assert!(
        refused(home, &["invite", "create", "--channel", "Nowhere", "--data-dir", &data]).contains("Nowhere")
    );
    assert!(refused(home, &["ban", "add", "--user", "nobody", "--data-dir", &data]).contains("no account"));

    let process = Process::serve(home, "127.0.0.1:0", &[]);
    let server = process.address;
    let during = invite("General");
    for (code, name) in [(&before, "fay"), (&during, "gus")] {
        let address = format!("parlour://{name}@{server}");
        let register = ["register", code, &address, "--password-stdin"];
        let registered = support::as_profile(home, name, &register, "correct horse battery");
        assert_eq!(registered[0]["name"], name, "{registered:?}");
    }
    let bob = ["login", &format!("parlour://bob@{server}"), "--password-stdin"];
    let banned = support::as_profile(home, "bob", &bob, DEMO_PASSWORD);
    assert_eq!(banned[0]["error"]["code"], "banned", "{banned:?}");
    assert_eq!(owned(&["ban", "list"])[0]["reason"], "be nice");
    owned(&["ban", "lift", &ban]);
    assert_eq!(support::as_profile(home, "bob", &bob, DEMO_PASSWORD)[0]["name"], "bob");
    let invites = owned(&["invite", "list"]);
    assert_eq!(invites.len(), 2, "{invites:?}");
    owned(&["invite", "revoke", &invites[0]["invite"].to_string()]);
    assert_eq!(owned(&["invite", "list"]).len(), 1);
    let trail = owned(&["audit", "--verb", "create", "--by", "operator"]);
    let made =
        |what: &str| trail.iter().filter(|entry| entry["what"].as_str().unwrap().contains(what)).count();
    assert_eq!((made("create token"), made("create ban")), (2, 1), "{trail:?}");
}

#[test]
fn a_password_that_is_hashed_apart_logs_in_after_an_import() {
    let (home, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let hash = |input: &str| support::as_profile(home.path(), "none", &["admin", "hash-password"], input);
    let short = hash("short\n");
    assert!(short[0]["error"]["message"].as_str().unwrap().contains("10 characters"), "{short:?}");
    let hashed = hash("nine quiet green lamps\n")[0]["password"].as_str().unwrap().to_owned();
    assert!(hashed.starts_with("$argon2id$"), "{hashed}");
    rows(home.path(), &["db", "init"]);
    rows(home.path(), &["db", "seed"]);
    let lines = home.path().join("lines").display().to_string();
    rows(home.path(), &["db", "export", "--to", &lines]);
    let exported = fs::read_to_string(&lines).unwrap();
    let replaced = exported.lines().map(|line| {
        let mut row: Value = serde_json::from_str(line).unwrap();
        if row["user"]["name"] == "bob" {
            row["user"]["password"] = hashed.clone().into();
        }
        row.to_string() + "\n"
    });
    fs::write(&lines, replaced.collect::<String>()).unwrap();
    rows(other.path(), &["db", "import", &lines]);
    let process = Process::serve(other.path(), "127.0.0.1:0", &[]);
    let bob = ["login", &format!("parlour://bob@{}", process.address), "--password-stdin"];
    let came = support::as_profile(other.path(), "bob", &bob, "nine quiet green lamps");
    assert_eq!(came[0]["name"], "bob", "{came:?}");
    let refused = support::as_profile(other.path(), "bob", &bob, DEMO_PASSWORD);
    assert_eq!(refused[0]["error"]["code"], "log-in-failed", "{refused:?}");
}
