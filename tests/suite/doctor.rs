//! `parlour doctor`: each thing that can be wrong is found, and said with what to do about it.

use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::support::{Process, parlour};
use serde_json::Value;

/// What it finds, and whether it says that something is to be mended.
fn examine(command: &mut Command) -> (Vec<Value>, bool) {
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let found = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (found, !output.status.success())
}

fn doctor(home: &Path) -> Command {
    let mut command = parlour(home);
    command.args(["--json", "doctor"]);
    command
}

/// The verdicts on one thing, with what was found and what is advised.
fn of<'a>(found: &'a [Value], what: &str) -> Vec<(&'a str, &'a str, &'a str)> {
    let word = |finding: &'a Value, key: &str| finding[key].as_str().unwrap();
    let of = found.iter().filter(|finding| finding["check"] == what);
    of.map(|finding| (word(finding, "verdict"), word(finding, "found"), word(finding, "advice"))).collect()
}

fn own_certificate(home: &Path, from: i32, until: i32) -> (String, String) {
    let mut params = rcgen::CertificateParams::new(vec!["voice.example.org".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(from, 1, 1);
    params.not_after = rcgen::date_time_ymd(until, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    let (chain, private) = (home.join("chain.pem"), home.join("key.pem"));
    std::fs::write(&chain, params.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(&private, key.serialize_pem()).unwrap();
    (chain.display().to_string(), private.display().to_string())
}

#[test]
fn a_running_server_is_well_from_here_and_from_elsewhere() {
    let home = tempfile::tempdir().unwrap();
    let process = Process::serve(home.path(), "127.0.0.1:0", &["--demo"]);
    let (found, ill) = examine(&mut doctor(home.path()));
    assert!(!ill, "{found:#?}");
    for what in [
        "configuration",
        "data directory",
        "database",
        "identity",
        "keys",
        "server",
        "UDP",
        "TCP",
        "browsers",
    ] {
        let verdicts = of(&found, what);
        assert!(
            !verdicts.is_empty() && verdicts.iter().all(|(verdict, ..)| *verdict == "good"),
            "{what}: {found:#?}"
        );
    }
    assert_eq!(
        of(&found, "path MTU"),
        [("good", "1452 bytes of UDP pass at once", "")],
        "loopback takes all"
    );
    let (found, ill) =
        examine(doctor(home.path()).arg(format!("parlour://localhost:{}", process.address.port())));
    // localhost is ::1 as well, where this server doesn't listen.
    let well = found.iter().filter(|finding| finding["verdict"] == "good").count();
    assert!(well >= 6 && of(&found, "clock")[0].0 == "good", "{found:#?}");
    assert_eq!(ill, found.iter().any(|finding| finding["verdict"] == "bad"));
}

#[test]
fn what_is_wrong_with_a_stopped_server_is_named_with_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let (found, ill) = examine(&mut doctor(home.path()));
    assert!(!ill && of(&found, "data directory")[0].2.contains("parlour serve"), "{found:#?}");
    drop(Process::serve(home.path(), "127.0.0.1:0", &[]));
    let data = home.path().join("data");
    // Its port is taken, others may read its keys, and its certificate has ended.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let _udp = UdpSocket::bind(address).unwrap();
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (chain, key) = own_certificate(home.path(), 2020, 2021);
    let mut command = doctor(home.path());
    command.env("PARLOUR_LISTEN", address.to_string()).env("PARLOUR_WEB_CERTIFICATE", &chain);
    let (found, ill) = examine(command.env("PARLOUR_WEB_KEY", &key));
    assert!(ill);
    assert!(of(&found, "data directory")[0].2.starts_with("chmod 700"), "{found:#?}");
    assert!(
        of(&found, "certificate")[0].1.starts_with("voice.example.org: it ended at 2021-01-01"),
        "{found:#?}"
    );
    assert_eq!(of(&found, "server")[0].0, "notice");
    for way in ["UDP", "TCP"] {
        assert_eq!(of(&found, way)[0].0, "bad", "{found:#?}");
    }
    assert!(of(&found, "backup")[0].2.contains("parlour db backup"));
    // A renewal that doesn't work shows before the certificate ends; another's key, and a damaged file, at once.
    own_certificate(home.path(), 2020, 4095);
    std::fs::write(&key, rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
    let mut command = doctor(home.path());
    command
        .env("PARLOUR_WEB_CERTIFICATE", &chain)
        .env("PARLOUR_WEB_KEY", &key)
        .env("PARLOUR_LISTEN", "127.0.0.1:0");
    assert_eq!(of(&examine(&mut command).0, "certificate")[0].0, "bad");
    assert_eq!(of(&examine(&mut command).0, "keys")[0].0, "good");
    std::fs::write(data.join("sealing.key"), "short").unwrap();
    std::fs::remove_file(data.join("tokens.key")).unwrap();
    let (found, _) = examine(&mut command);
    let keys: Vec<_> = of(&found, "keys").iter().map(|one| one.0).collect();
    assert_eq!(keys, ["notice", "bad"], "{found:#?}");
    std::fs::write(data.join("identity.crt"), "nonsense").unwrap();
    let file = data.join("parlour.redb");
    let length = std::fs::metadata(&file).unwrap().len();
    std::fs::write(&file, vec![7; length as usize]).unwrap();
    let (found, ill) = examine(doctor(home.path()).env("PARLOUR_LISTEN", "127.0.0.1:0"));
    assert!(
        ill && of(&found, "identity")[0].0 == "bad" && of(&found, "database")[0].0 == "bad",
        "{found:#?}"
    );
}

#[test]
fn what_does_not_answer_elsewhere_and_a_wrong_setting_are_said() {
    let home = tempfile::tempdir().unwrap();
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (found, ill) = examine(doctor(home.path()).arg(format!("parlour://{nobody}")));
    assert!(
        ill && of(&found, "UDP")[0].2.contains("firewall") && of(&found, "TCP")[0].0 == "bad",
        "{found:#?}"
    );
    let (found, ill) = examine(doctor(home.path()).env("PARLOUR_LIMITS_MAX_SESIONS", "7"));
    assert!(ill && of(&found, "configuration")[0].1.contains("did you mean"), "{found:#?}");
}
