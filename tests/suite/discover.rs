//! Servers on a local network are found: between two network namespaces that this test makes, joined by a cable of
//! their own, so that nothing leaves this machine.

use std::process::{Command, Stdio};

use serde_json::Value;

/// Two machines, as it were: the server in one, who looks for it in the other.
const NETWORK: &str = r#"
set -e
ip link set lo up
unshare --net sleep 60 >/dev/null 2>&1 & other=$!
for i in 1 2 3 4 5 6 7 8 9 10; do
    [ "$(readlink /proc/$other/ns/net)" != "$(readlink /proc/self/ns/net)" ] && break
    sleep 0.1
done
ip link add v0 type veth peer name v1 netns $other
ip addr add 10.77.0.1/24 dev v0
ip addr add fd77::1/64 dev v0 nodad
ip addr add 203.0.113.1/24 dev v0
ip link set v0 up
there="nsenter --target $other --net"
$there ip addr add 10.77.0.2/24 dev v1
$there ip addr add fd77::2/64 dev v1 nodad
$there ip link set v1 up
"$PARLOUR" --json serve $LISTEN > "$SAID" & server=$!
while ! [ -s "$SAID" ]; do sleep 0.1; done
sleep 1
$there "$PARLOUR" --json discover --for 4
kill -TERM $server
wait $server || true
$there "$PARLOUR" --json discover --for 2
kill $other
"#;

/// What the other machine finds, while the server runs and after.
fn found(listen: &str, name: &str, enabled: bool) -> (Value, Vec<Value>) {
    let home = tempfile::tempdir().unwrap();
    let said = home.path().join("said");
    let mut command = Command::new("unshare");
    // Root needs no namespace of users for it, and may not have one.
    if rustix::process::geteuid().as_raw() != 0 {
        command.arg("--map-root-user");
    }
    command.args(["--net", "sh", "-c", NETWORK]).stdin(Stdio::null()).stderr(Stdio::inherit());
    for (variable, _) in std::env::vars().filter(|(name, _)| name.starts_with("PARLOUR")) {
        command.env_remove(variable);
    }
    let output = command
        .env("PARLOUR", env!("CARGO_BIN_EXE_parlour"))
        .env("PARLOUR_DATA_DIR", home.path().join("data"))
        .env("PARLOUR_NAME", name)
        .env("PARLOUR_DISCOVERY_ENABLED", enabled.to_string())
        .env("LISTEN", listen)
        .env("SAID", &said)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said = std::fs::read_to_string(said).unwrap();
    (serde_json::from_str(said.lines().next().unwrap()).unwrap(), lines)
}

#[test]
fn a_server_is_found_by_its_name_with_the_addresses_of_that_network_until_it_stops() {
    let (said, found) = found("", "Club v1.0 \\ Zoë", true);
    let [one] = &found[..] else { panic!("once while it runs, never after: {found:?}") };
    assert_eq!(one["name"], "Club v1.0 \\ Zoë");
    assert_eq!(one["fingerprint"], said["fingerprint"]);
    assert_eq!(one["join"], serde_json::json!(["parlour://10.77.0.1", "parlour://[fd77::1]"]));
    assert_eq!(one["pages"][0], "https://10.77.0.1:4848");
    assert_eq!(one["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn what_listens_on_one_address_announces_that_one_and_not_at_all_where_that_is_not_wanted() {
    let (_, named) = found("--listen 10.77.0.1:5000", "Here", true);
    assert_eq!(named.len(), 1, "{named:?}");
    assert_eq!(named[0]["join"], serde_json::json!(["parlour://10.77.0.1:5000"]));
    for (listen, enabled) in
        [("--listen 127.0.0.1:5000", true), ("--listen 203.0.113.1:5000", true), ("", false)]
    {
        let (_, none) = found(listen, "Hidden", enabled);
        assert!(none.is_empty(), "{listen}: {none:?}");
    }
}
