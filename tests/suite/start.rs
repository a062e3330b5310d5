//! What a server finds when it starts, and what may change while it runs: directories that aren't its own, a database
//! that is lost, certificates that can't be read, a signal to read anew.

use std::fs;
use std::io::BufRead;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use parlour::store::STORE_FILE;
use serde_json::Value;

use crate::support::{Process, eventually, parlour};
use crate::web::get;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// What a command prints and whether it succeeded.
fn run(home: &Path, arguments: &[&str]) -> (String, bool) {
    let output = parlour(home).env("PARLOUR_LOG", "error").args(arguments).output().unwrap();
    (String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(), output.status.success())
}

#[test]
fn a_directory_that_was_there_keeps_its_rights_and_what_is_made_in_it_is_private() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    fs::create_dir(&data).unwrap();
    // As a volume of Kubernetes is: with a group, for which everything in it is kept.
    fs::set_permissions(&data, fs::Permissions::from_mode(0o2775)).unwrap();
    // What somebody else has put in the way isn't followed.
    let victim = home.path().join("victim");
    fs::write(&victim, "theirs").unwrap();
    for name in ["tokens.key.partial", "identity.key.partial", "browser.pem.partial"] {
        symlink(&victim, data.join(name)).unwrap();
    }
    let server = Process::serve(home.path(), "127.0.0.1:0", &[]);
    assert_eq!(mode(&data), 0o2775);
    for entry in fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().path()) {
        assert_eq!(mode(&entry) & 0o077, 0, "{}", entry.display());
    }
    assert_eq!(fs::read(&victim).unwrap(), b"theirs");
    server.kill();
    assert!(run(home.path(), &["db", "backup"]).1);
    assert_eq!(mode(&data.join("backups")) & 0o777, 0o700);
    let made = tempfile::tempdir().unwrap();
    Process::serve(made.path(), "127.0.0.1:0", &[]).kill();
    assert_eq!(mode(&made.path().join("data")) & 0o777, 0o700, "one that it makes is closed");
}

#[test]
fn a_database_is_not_made_through_a_symbolic_link() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("data")).unwrap();
    let elsewhere = home.path().join("elsewhere");
    symlink(&elsewhere, home.path().join("data").join(STORE_FILE)).unwrap();
    let (said, done) = run(home.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert!(!done && said.contains("can't open"), "{said}");
    assert!(!elsewhere.exists());
}

#[test]
fn a_lost_database_is_said_and_no_new_server_takes_its_place() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let data = home.join("data");
    let file = data.join(STORE_FILE);
    Process::serve(home, "127.0.0.1:0", &["--demo"]).kill();
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let refused = |why: &str| {
        let (said, done) = run(home, &serve);
        assert!(!done && said.contains(why) && said.contains("parlour db restore"), "{said}");
        said
    };
    fs::rename(&file, home.join("moved")).unwrap();
    assert!(refused("isn't there").contains("identity.crt"));
    assert!(!file.exists(), "nothing was begun");
    fs::write(&file, "").unwrap();
    refused("is empty");
    for command in [&["user", "list"][..], &["db", "status"], &["db", "verify"], &["db", "migrate"]] {
        let (said, done) = run(home, command);
        assert!(!done && said.contains("parlour db restore"), "{command:?}: {said}");
    }
    assert_eq!(fs::metadata(&file).unwrap().len(), 0);
    let (said, done) = run(home, &["--json", "doctor"]);
    assert!(!done && said.contains("parlour db restore"), "{said}");

    // A backup is named, and puts everything back.
    fs::rename(home.join("moved"), &file).unwrap();
    assert!(run(home, &["db", "backup"]).1);
    fs::remove_file(&file).unwrap();
    let said = refused("isn't there");
    let backup = said.split("parlour db restore ").nth(1).unwrap().split(['`', ',']).next().unwrap();
    assert!(run(home, &["db", "restore", backup]).1);
    assert!(run(home, &["user", "list"]).0.contains("alice"));
    Process::serve(home, "127.0.0.1:0", &[]).kill();
    // Whoever wants to begin anew says so.
    fs::remove_file(&file).unwrap();
    assert!(run(home, &["db", "init"]).1);
    assert!(Process::serve(home, "127.0.0.1:0", &[]).claim.is_some());
}

#[test]
fn verifying_writes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let data = home.join("data");
    let file = data.join(STORE_FILE);
    // Killed, so that the file needs a repair when it is opened.
    Process::serve(home, "127.0.0.1:0", &["--demo"]).kill();
    let state = || {
        let mut files: Vec<_> = fs::read_dir(&data)
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.file_name(), entry.metadata().unwrap().modified().unwrap()))
            .collect();
        files.sort();
        (fs::read(&file).unwrap(), files)
    };
    let before = state();
    let (said, done) = run(home, &["db", "verify"]);
    assert!(done && said.contains("is whole"), "{said}");
    assert!(state() == before, "the file or its directory changed");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o400)).unwrap();
    assert!(run(home, &["db", "verify", &file.display().to_string()]).1);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    // Of an older schema, and damaged.
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/store-v1.redb"), &file).unwrap();
    let before = state();
    assert!(run(home, &["db", "verify"]).1);
    assert!(run(home, &["db", "status"]).1);
    assert!(state() == before);
    let mut bytes = before.0;
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4_096].fill(0xff);
    fs::write(&file, bytes).unwrap();
    let before = state();
    assert!(!run(home, &["db", "verify"]).1);
    assert!(state() == before);
}

fn own_certificate(home: &Path, until: i32) {
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(until, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    fs::write(home.join("chain.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    fs::write(home.join("key.pem"), key.serialize_pem()).unwrap();
}

/// The value of a metric.
fn metric(metrics: &str, name: &str) -> Option<f64> {
    let line =
        metrics.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test]
async fn a_hang_up_reads_the_certificate_and_the_log_level_anew_and_ends_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path();
    let settings = home.join("settings.toml");
    let write = |log: &str, web: &str| {
        fs::write(&settings, format!("log = \"{log}\"\nlog_format = \"json\"\n[web]\n{web}")).unwrap();
    };
    write("error", "");
    let mut command = parlour(home);
    command.env("PARLOUR_CONFIG", &settings).stderr(Stdio::piped());
    let mut server = Process::serve_with(command, "127.0.0.1:0", &["--demo"]);
    let log = server.child.stderr.take().unwrap();
    let said = Arc::new(Mutex::new(Vec::<Value>::new()));
    let read = std::thread::spawn({
        let said = Arc::clone(&said);
        move || {
            for line in std::io::BufReader::new(log).lines() {
                said.lock().unwrap().push(serde_json::from_str(&line.unwrap()).unwrap());
            }
        }
    });
    let says = |level: &str, words: &str| {
        let is = |line: &&Value| line["level"] == level && line.to_string().contains(words);
        said.lock().unwrap().iter().any(|line| is(&line))
    };
    let address = server.address;
    let alice =
        crate::support::log_in(&address.to_string().parse().unwrap(), "alice", "parlour-demo").await.unwrap();
    let pid = rustix::process::Pid::from_raw(server.child.id() as i32).unwrap();
    let hang_up = || rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    let metrics = async || get(address, "/metrics").await;
    assert_eq!(metric(&metrics().await, "parlour_certificate_usable"), None);

    let files = format!("certificate = \"{0}/chain.pem\"\nkey = \"{0}/key.pem\"\n", home.display());
    own_certificate(home, 4000);
    write("info", &files);
    hang_up();
    let days = eventually("the certificate is read", async || {
        metric(&metrics().await, "parlour_certificate_days_left")
    });
    assert!(days.await > 300_000.0);
    assert_eq!(metric(&metrics().await, "parlour_certificate_usable"), Some(1.0));
    // One that has ended, and then one whose key can't be read: said, and nobody's voice ends.
    own_certificate(home, 2021);
    hang_up();
    let ended = async || metric(&metrics().await, "parlour_certificate_days_left").filter(|days| *days < 0.0);
    eventually("it has ended", ended).await;
    fs::write(home.join("key.pem"), "").unwrap();
    hang_up();
    let unusable =
        async || metric(&metrics().await, "parlour_certificate_usable").filter(|usable| *usable == 0.0);
    eventually("it can't be used", unusable).await;
    // Settings that can't be read change nothing.
    fs::write(&settings, "nonsense").unwrap();
    hang_up();
    let refused = async || says("ERROR", "the settings stay what they were").then_some(());
    eventually("the settings are refused", refused).await;
    alice.list().await.unwrap();
    drop(alice);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(server.child.wait().unwrap().success());
    read.join().unwrap();
    for (level, words) in [
        ("INFO", "read anew"),
        ("ERROR", "the certificate has ended"),
        ("ERROR", "can't use the certificate"),
    ] {
        assert!(says(level, words), "{words}: {:?}", said.lock().unwrap());
    }
}

#[tokio::test]
async fn a_server_starts_with_a_certificate_that_cannot_be_read() {
    let home = tempfile::tempdir().unwrap();
    let mut command = parlour(home.path());
    command.env("PARLOUR_WEB_CERTIFICATE", home.path().join("nothing.pem"));
    let server = Process::serve_with(command, "127.0.0.1:0", &["--demo"]);
    let address = server.address.to_string().parse().unwrap();
    let alice = crate::support::log_in(&address, "alice", "parlour-demo").await.unwrap();
    alice.list().await.unwrap();
    assert_eq!(metric(&get(server.address, "/metrics").await, "parlour_certificate_usable"), Some(0.0));
    // The page is there, by the server's identity.
    assert!(get(server.address, "/").await.starts_with("HTTP/1.1 200"));
    let mut doctor = parlour(home.path());
    doctor.env("PARLOUR_WEB_CERTIFICATE", home.path().join("nothing.pem")).args(["--json", "doctor"]);
    let output = doctor.output().unwrap();
    let found = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success() && found.contains("nothing.pem"), "{found}");
}

/// A field of a process's threads, by their names: the fields are counted as in `proc_pid_stat(5)`.
fn of_threads(process: u32, field: usize) -> Vec<(String, i32)> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    threads
        .filter_map(|thread| {
            let thread = thread.unwrap().path();
            let name = fs::read_to_string(thread.join("comm")).ok()?;
            // Those behind the name, which is in brackets, begin with the third.
            let status = fs::read_to_string(thread.join("stat")).ok()?;
            let value = status.rsplit_once(')')?.1.split_whitespace().nth(field - 3)?.parse().ok()?;
            Some((name.trim().to_owned(), value))
        })
        .collect()
}

const NICE: usize = 19;
const POLICY: usize = 41;

/// The numbers of the usual policy, and of the real-time one that is taken (sched(7)).
const OTHER: i32 = 0;
const ROUND_ROBIN: i32 = 2;

#[tokio::test]
async fn threads_that_carry_voice_have_a_real_time_priority_where_the_limit_says_so() {
    let home = tempfile::tempdir().unwrap();
    let plain = parlour(home.path());
    let mut limited = std::process::Command::new("prlimit");
    limited.arg("--rtprio=1").arg(plain.get_program());
    for (name, value) in plain.get_envs() {
        limited.env(name, value.unwrap_or_default());
    }
    let may = std::process::Command::new("prlimit").args(["--rtprio=1", "true"]).output().unwrap();
    if !may.status.success() {
        // Whoever runs this isn't granted any: nothing else of it can be seen.
        return;
    }
    let server = Process::serve_with(limited, "127.0.0.1:0", &["--demo"]);
    // What a log-in leaves to threads of their own is begun by a shard's.
    let address = server.address.to_string().parse().unwrap();
    let _alice = crate::support::log_in(&address, "alice", "parlour-demo").await.unwrap();
    let threads = of_threads(server.child.id(), POLICY);
    let (voice, others): (Vec<_>, Vec<_>) = threads.iter().partition(|(name, _)| name.starts_with("voice-"));
    assert!(!voice.is_empty() && !others.is_empty(), "{threads:?}");
    assert!(voice.iter().all(|(_, policy)| *policy == ROUND_ROBIN), "{threads:?}");
    assert!(others.iter().all(|(_, policy)| *policy == OTHER), "{threads:?}");
    server.kill();
}

#[test]
fn threads_that_carry_voice_go_before_others_where_the_system_grants_it() {
    let home = tempfile::tempdir().unwrap();
    let server = Process::serve(home.path(), "127.0.0.1:0", &[]);
    let threads = of_threads(server.child.id(), NICE);
    let (voice, others): (Vec<_>, Vec<_>) = threads.iter().partition(|(name, _)| name.starts_with("voice-"));
    assert!(!voice.is_empty() && !others.is_empty(), "{threads:?}");
    let usual = others[0].1;
    // A thread of this process tries for itself what the server's threads may.
    let own = std::thread::spawn(move || rustix::process::setpriority_process(None, usual - 10).is_ok());
    let wanted = if own.join().unwrap() { usual - 10 } else { usual };
    assert!(voice.iter().all(|(_, nice)| *nice == wanted), "{threads:?}");
    assert!(others.iter().all(|(_, nice)| *nice == usual), "{threads:?}");
    server.kill();
}
