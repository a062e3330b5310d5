//! `parlour db` and the commands for records, with a server running and without one.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use parlour::client::{Address, Session};
use parlour::store::STORE_FILE;
use serde_json::Value;
use support::{Process, Talking, channel_id, hear, log_in, parlour};

const DEMO_PASSWORD: &str = "parlour-demo";

/// Runs a command that must succeed, and answers with the objects it printed.
fn rows(home: &Path, arguments: &[&str]) -> Vec<Value> {
    let output = parlour(home).arg("--json").args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Runs a command that must fail, and answers with its one sentence.
fn complains(command: &mut Command) -> String {
    let output = command.env("PARLOUR_LOG", "error").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{command:?} succeeded");
    assert_eq!(said.trim().lines().count(), 1, "{said}");
    said
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
    assert!(refused(home, &["user", "show", "bob"]).contains("parlour user list"));
    rows(home, &["role", "create", "Helper", "--allow", "view, join"]);
    rows(home, &["user", "grant", "alice", "Helper", "--until", "2100-01-01T00:00:00Z"]);
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

/// Waits until something is so, two seconds at most.
async fn soon(mut is_so: impl FnMut() -> bool) -> bool {
    for _ in 0..200 {
        if is_so() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

#[tokio::test]
async fn what_a_command_changes_is_live_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path();
    let server = Process::serve(home, "127.0.0.1:0", &["--demo"]);
    let address: Address = server.address.to_string().parse().unwrap();
    let (alice, bob) = (session_of(&address, "alice").await, session_of(&address, "bob").await);
    rows(home, &["channel", "create", "General/Side"]);
    assert!(soon(|| alice.view().find("General/Side").is_ok()).await);
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
    assert_eq!(rows(home, &["db", "status"])[0]["schema"], 4);
    assert!(hear(&mut voice).await.is_some());
    for command in
        [vec!["db", "restore", "x"], vec!["db", "compact"], vec!["db", "migrate"], vec!["db", "rollback"]]
    {
        assert!(refused(home, &command).contains("stop it first"), "{command:?}");
    }

    rows(home, &["user", "edit", "alice", "--rename", "Alicia"]);
    let renamed = || bob.view().member(alice.id()).is_some_and(|member| member.name == "Alicia");
    assert!(soon(renamed).await);
    let sessions = rows(home, &["session", "list", "Alicia"]);
    assert_eq!(sessions[0]["address"], "127.0.0.1");
    rows(home, &["session", "end", "Alicia", "--all"]);
    drop(talking);
    assert!(soon(|| bob.view().member(alice.id()).is_none()).await);
    assert!(alice.list().await.is_err());
    rows(home, &["user", "delete", "Alicia"]);
    assert!(log_in(&address, "alicia", DEMO_PASSWORD).await.is_err());
    let data = home.join("data").display().to_string();
    rows(home, &["user", "disable", "bob", "--data-dir", &data]);
    assert!(bob.list().await.is_err());
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
        (text.replacen("\"schema\":4", "\"schema\":99", 1), "schema 99"),
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
    assert_eq!((&status[0]["schema"], status[0]["pending"].as_array().unwrap().len()), (&Value::from(1), 3));
    let said = complains(parlour(home).args(["serve", "--listen", "127.0.0.1:0", "--no-migrate"]));
    assert!(said.contains("parlour db migrate"), "{said}");
    assert!(refused(home, &["user", "list"]).contains("parlour db migrate"));
    assert!(refused(home, &["db", "rollback", "--yes"]).contains("nothing to go back to"));
    let migrated = rows(home, &["db", "migrate"]);
    assert_eq!((&migrated[0]["from"], &migrated[0]["to"]), (&Value::from(1), &Value::from(4)));
    assert!(refused(home, &["db", "rollback"]).contains("--yes"));
    rows(home, &["db", "rollback", "--yes"]);
    assert_eq!(rows(home, &["db", "status"])[0]["schema"], 1);
    // A server brings it there by itself.
    Process::serve(home, "127.0.0.1:0", &[]).kill();
    assert_eq!(rows(home, &["db", "status"])[0]["schema"], 4);
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
