//! What a newcomer does with the commands, and what of it others can see: codes, links, times, names and what others write.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::support::{self, PASSWORD, Process, TestServer, channel_id, code, parlour};
use parlour::protocol::ErrorCode;
use rustix::process::{Pid, Signal, kill_process};

const CODE: &str = "0123-4567-89AB-CDEF-1010";

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

/// Runs a command with what it reads from standard input.
fn fed(command: &mut Command, input: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may have ended before it read anything.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// Runs a command on a terminal, where somebody types this.
fn typed(home: &Path, line: &str, input: &str) -> String {
    let command = parlour(home);
    let mut script = Command::new("script");
    let set = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    script.envs(set).env("PARLOUR_PASSWORD", PASSWORD).env("NO_COLOR", "1");
    script.args(["-qec", &format!("{} {line}", env!("CARGO_BIN_EXE_parlour")), "/dev/null"]);
    text(&fed(&mut script, input))
}

fn as_anna(home: &Path) -> Command {
    let mut command = parlour(home);
    command.env("PARLOUR_PASSWORD", PASSWORD);
    command
}

#[test]
fn a_claim_code_is_asked_for_and_is_no_argument_of_the_command() {
    let home = tempfile::tempdir().unwrap();
    let server = Process::serve(home.path(), "127.0.0.1:0", &[]);
    let claim = server.claim.clone().unwrap();
    let address = format!("parlour://anna@{}", server.address);
    let said = typed(home.path(), &format!("claim {address}"), &format!("{claim}\n\n"));
    assert!(said.contains("The claim code: ") && said.contains("You are anna, the administrator"), "{said}");
    // On its own machine nobody has said yet by which name others reach the server.
    assert!(said.contains("as voice.example.org (Enter: not yet)"), "{said}");
}

#[test]
fn a_claim_on_the_server_s_machine_asks_for_the_name_that_others_use() {
    let home = tempfile::tempdir().unwrap();
    let server = Process::serve(home.path(), "127.0.0.1:0", &[]);
    let claim = server.claim.clone().unwrap();
    let line = format!("claim parlour://anna@{}", server.address);
    let said = typed(home.path(), &line, &format!("{claim}\nvoice.example.org\n"));
    let file = home.path().join("parlour/parlour.toml");
    assert!(said.contains(&format!("{} has it", file.display())), "{said}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "[web]\npublic_address = \"voice.example.org\"\n");
    // An invite leads there at once, although the server hasn't read the file yet.
    let made = as_anna(home.path()).args(["invite", "create"]).output().unwrap();
    let said = text(&made);
    assert!(said.contains("https://voice.example.org:4848/i/"), "{said}");
    assert!(said.contains("parlour://THEIR-NAME@voice.example.org --trust "), "{said}");
    assert!(!said.contains("this machine only"), "{said}");
}

#[test]
fn a_code_in_an_argument_is_warned_of_and_one_of_standard_input_is_not() {
    let home = tempfile::tempdir().unwrap();
    let server = Process::serve(home.path(), "127.0.0.1:0", &[]);
    let address = format!("parlour://anna@{}", server.address);
    for args in [
        &["claim", CODE, &address][..],
        &["reset", CODE, "--server", &address],
        &["login", &address, "--code", CODE],
    ] {
        let said = text(&as_anna(home.path()).args(args).output().unwrap());
        assert!(said.contains("Every user of this machine can read a code"), "{args:?}: {said}");
        let quiet: Vec<_> = args.iter().map(|word| if *word == CODE { "-" } else { word }).collect();
        let said = text(&fed(as_anna(home.path()).args(quiet), &format!("{CODE}\n")));
        assert!(said.starts_with("error:") || said.contains("\nerror:"), "{args:?}: {said}");
        assert!(!said.contains("Every user"), "{args:?}: {said}");
    }
    let said = text(&as_anna(home.path()).args(["claim", &address]).output().unwrap());
    assert!(said.contains("write - in its place"), "{said}");
    let claim = server.claim.clone().unwrap();
    let claimed = fed(as_anna(home.path()).args(["claim", "-", &address]), &format!("{claim}\n"));
    assert!(claimed.status.success(), "{}", text(&claimed));
    let locked =
        as_anna(home.path()).args(["channel", "create", "Locked", "--password", "sesame"]).output().unwrap();
    assert!(text(&locked).contains("can read a password"), "{}", text(&locked));
}

#[test]
fn a_claim_and_a_registration_expect_the_identity_that_they_are_told() {
    let home = tempfile::tempdir().unwrap();
    let server = Process::serve(home.path(), "127.0.0.1:0", &[]);
    let status = parlour(home.path()).args(["--json", "admin", "status"]).output().unwrap();
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    let identity = status["fingerprint"].as_str().unwrap().replace(':', "").to_lowercase();
    let (address, claim) = (format!("parlour://anna@{}", server.address), server.claim.clone().unwrap());
    let other = format!("{}{}", if identity.starts_with('0') { '1' } else { '0' }, &identity[1..]);
    for (args, input) in [(["claim", "-", &address], &claim), (["register", CODE, &address], &String::new())]
    {
        let refused = fed(as_anna(home.path()).args(args).args(["--trust", &other]), input);
        assert!(!refused.status.success() && text(&refused).contains("identity"), "{}", text(&refused));
    }
    // The administrator's screen gives the whole command; the code isn't in it.
    let screen = text(&parlour(home.path()).args(["admin", "claim-code"]).output().unwrap());
    let command = screen.lines().find(|line| line.contains("parlour claim ")).unwrap().trim();
    assert!(command.ends_with(&format!(" --trust {identity}")), "{screen}");
    let code = screen.split("Claim code: ").nth(1).unwrap().lines().next().unwrap();
    assert!(!command.contains(code), "{screen}");
    let words: Vec<_> = command.split(' ').skip(1).map(|word| word.replace("YOUR-NAME", "anna")).collect();
    let claimed = fed(as_anna(home.path()).args(["claim", "-"]).args(&words[1..]), code);
    assert!(claimed.status.success(), "{}", text(&claimed));
    assert!(!text(&claimed).contains("First time at"), "what it was told is nothing new: {}", text(&claimed));
}

#[test]
fn a_link_that_only_this_machine_can_open_says_so() {
    let home = tempfile::tempdir().unwrap();
    let mut serve = parlour(home.path());
    serve.env("PARLOUR_WEB_PUBLIC_ADDRESS", "https://voice.example.org");
    for (server, is_said) in [
        (Process::serve(&home.path().join("one"), "127.0.0.1:0", &["--demo"]), false),
        (Process::serve_with(serve, "127.0.0.1:0", &["--demo"]), true),
    ] {
        let profile = if is_said { "said" } else { "unsaid" };
        let login = ["login", &format!("parlour://demo@{}", server.address), "--password-stdin"];
        support::as_profile(home.path(), profile, &login, "parlour-demo");
        let mut invite = parlour(home.path());
        // This machine's configuration isn't what is asked here.
        invite.env("PARLOUR_CONFIG_DIR", home.path().join(profile)).args(["invite", "create"]);
        let said = text(&invite.output().unwrap());
        assert_eq!(said.contains("This works on this machine only"), !is_said, "{said}");
        assert_eq!(said.contains("https://voice.example.org/i/"), is_said, "{said}");
        let json = support::as_profile(home.path(), profile, &["invite", "create"], "");
        assert_eq!(json[0]["notice"].is_null(), is_said, "{json:?}");
    }
}

#[test]
fn a_server_that_crashes_leaves_no_memory_behind() {
    let home = tempfile::tempdir().unwrap();
    let base = parlour(home.path());
    let mut shell = Command::new("sh");
    shell.envs(base.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(home.path());
    // As generous as the system lets it be.
    let line = format!("ulimit -c $(ulimit -H -c); exec {} \"$@\"", env!("CARGO_BIN_EXE_parlour"));
    shell.args(["-c", &line, "parlour"]).stdin(Stdio::null());
    let mut server = Process::serve_with(shell, "127.0.0.1:0", &[]);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.child.id())).unwrap();
    let core: Vec<_> = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap()
        .split_whitespace()
        .collect();
    assert_eq!(core[4..6], ["0", "0"], "{limits}");
    let id = Pid::from_raw(i32::try_from(server.child.id()).unwrap()).unwrap();
    kill_process(id, Signal::ABORT).unwrap();
    assert!(!server.child.wait().unwrap().core_dumped());
}

#[tokio::test]
async fn control_characters_are_refused_where_they_have_no_place() {
    let server = TestServer::start().await;
    let (root, alice) =
        (server.in_channel("root", "General").await, server.in_channel("alice", "General").await);
    let general = channel_id(&root, "General");
    for odd in ["a\x1b[2Jb", "a\u{9b}31m", "a\x07", "a\0"] {
        let refused = |outcome: Result<(), parlour::client::RequestError>| {
            assert_eq!(code(outcome), ErrorCode::TextInvalid, "{odd:?}");
        };
        refused(alice.text_channel(general, odd).await);
        refused(alice.text_session(root.id(), odd).await);
        refused(root.kick(alice.id(), odd).await);
        let status = parlour::protocol::wire::SetSelf { status: Some(odd.to_owned()), ..Default::default() };
        let request = parlour::protocol::wire::request::Body::SetSelf(status);
        refused(alice.request(request).await.map(drop));
        let welcome =
            parlour::client::OrganizationEdit { welcome: Some(odd.to_owned()), ..Default::default() };
        refused(root.edit_organization(welcome).await);
        let described =
            parlour::client::ChannelEdit { description: Some(odd.to_owned()), ..Default::default() };
        let request = parlour::protocol::wire::request::Body::EditChannel(described.of(general));
        refused(root.request(request).await.map(drop));
    }
    // Longer texts have lines; a status is one.
    alice.text_channel(general, "one\n\ttwo").await.unwrap();
    let status =
        parlour::protocol::wire::SetSelf { status: Some("one\ntwo".to_owned()), ..Default::default() };
    let request = parlour::protocol::wire::request::Body::SetSelf(status);
    assert_eq!(code(alice.request(request).await.map(drop)), ErrorCode::TextInvalid);
}

#[tokio::test]
async fn what_others_write_reaches_a_terminal_printable() {
    let server = TestServer::start().await;
    let (home, alice) = (tempfile::tempdir().unwrap(), server.in_channel("alice", "General").await);
    // The direction of writing is turned by a character that may stand in a text.
    let status = "safe\u{202e}exe.txt";
    let set = parlour::protocol::wire::SetSelf { status: Some(status.to_owned()), ..Default::default() };
    alice.request(parlour::protocol::wire::request::Body::SetSelf(set)).await.unwrap();
    let at = format!("parlour://root@{}", server.server.addresses()[0]);
    let run = async |args: &[&str]| {
        let mut command = tokio::process::Command::from(parlour(home.path()));
        let output = command.env("PARLOUR_PASSWORD", PASSWORD).args(args).output().await.unwrap();
        assert!(output.status.success(), "{}", text(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["login", &at]).await;
    let shown = run(&["who"]).await;
    assert!(shown.contains("safe\u{fffd}exe.txt") && !shown.contains('\u{202e}'), "{shown}");
    let json = run(&["--json", "who"]).await;
    assert!(json.contains("safe\\u202eexe.txt") && !json.contains('\u{202e}'), "{json}");
    let of_alice = json.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    assert!(of_alice.into_iter().any(|one| one["status"] == status), "{json}");
    // What isn't read on a terminal has no borders.
    assert!(shown.lines().all(|line| line.starts_with(|c: char| c.is_alphanumeric())), "{shown}");
}

#[test]
fn times_are_local_and_names_may_begin_with_a_hyphen() {
    let home = tempfile::tempdir().unwrap();
    let server = Process::serve(home.path(), "127.0.0.1:0", &["--demo"]);
    let login = ["login", &format!("parlour://demo@{}", server.address), "--password-stdin"];
    support::as_profile(home.path(), "profile", &login, "parlour-demo");
    let run = |zone: &str, args: &[&str]| {
        let output = parlour(home.path()).env("TZ", zone).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", text(&output));
        text(&output)
    };
    run("UTC", &["ban", "add", "--network", "192.0.2.0/24", "--for", "2h"]);
    let time_in = |zone: &str| {
        let list = run(zone, &["ban", "list"]);
        let words: Vec<_> = list.lines().nth(1).unwrap().split_whitespace().collect();
        // Ban, kind, network, day, time.
        let at = words.iter().position(|word| word.starts_with("20")).unwrap();
        assert!(!list.contains('Z') && words[at + 1].len() == 5, "{list}");
        format!("{} {}", words[at], words[at + 1])
    };
    let (here, there) = (time_in("UTC"), time_in("XYZ-05:45"));
    assert_ne!(here, there);
    run("UTC", &["channel", "create", "- lobby"]);
    assert!(run("UTC", &["say", "--to", "- lobby", "hello"]).contains("Sent to - lobby."));
    assert!(run("UTC", &["write", "--to", "- lobby", "hello"]).contains("Sent to - lobby."));
    run("UTC", &["channel", "allow", "- lobby", "--role", "Member", "--deny", "write, see"]);
    let help = run("UTC", &["--help"]);
    for group in ["Talk:", "People:", "Programs:", "Server:", "Diagnose:"] {
        assert!(help.contains(group), "{help}");
    }
}
