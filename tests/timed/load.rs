//! The load generator against a real server.

use std::process::Command;

use crate::support::{self, parlour};
use serde_json::Value;

fn bench(arguments: &[&str]) -> Vec<Value> {
    let home = tempfile::tempdir().unwrap();
    let mut command: Command = parlour(home.path());
    let output = command.args(["--json", "bench", "voice"]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_conversation_under_load_is_counted_frame_by_frame() {
    let _alone = support::alone();
    let charts = tempfile::tempdir().unwrap();
    let directory = charts.path().display().to_string();
    let reports = bench(&["w4", "churn", "--seconds", "2", "--report", &directory]);
    assert_eq!(reports.len(), 2);
    for (report, people) in reports.iter().zip([100, 500]) {
        assert_eq!(report["clients"], people);
        let step = &report["steps"][0];
        let (expected, delivered) = (step["expected"].as_u64().unwrap(), step["delivered"].as_u64().unwrap());
        // Fifty frames a second of each speaker to everybody else in the channel.
        assert!(expected > 0 && delivered <= expected, "{report}");
        assert!(step["loss"].as_f64().unwrap() < 0.5, "{report}");
        assert!(step["server_cpu_s"].as_f64().unwrap() > 0.0, "{report}");
        assert!(report["memory_bytes"].as_u64().unwrap() > 1_000_000, "{report}");
    }
    let step = &reports[0]["steps"][0];
    let seconds = step["seconds"].as_f64().unwrap();
    let ideal = seconds * 50.0 * 10.0 * 99.0;
    let expected = step["expected"].as_f64().unwrap();
    assert!((expected / ideal - 1.0).abs() < 0.1, "{expected} of {ideal}");
    let chart = std::fs::read_to_string(charts.path().join("w4.svg")).unwrap();
    assert!(chart.starts_with("<svg") && chart.trim_end().ends_with("</svg>") && !chart.contains("NaN"));
}

#[test]
fn the_way_to_a_server_and_back_is_measured() {
    let _alone = support::alone();
    let home = tempfile::tempdir().unwrap();
    let server = support::Process::serve(home.path(), "127.0.0.1:0", &["--demo"]);
    let address = format!("parlour://alice@{}", server.address);
    let run = |arguments: &[&str]| {
        let output =
            parlour(home.path()).env("PARLOUR_PASSWORD", "parlour-demo").args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["login", &address]);
    let charts = home.path().join("charts");
    let report = run(&["--json", "bench", "link", "--seconds", "2", "--report", charts.to_str().unwrap()]);
    let report: Value = serde_json::from_str(report.trim()).unwrap();
    assert_eq!(
        (&report["there"]["sent"], &report["round_trip"]["lost"]),
        (&100.into(), &0.into()),
        "{report}"
    );
    for way in ["there", "back", "round_trip"] {
        assert!(report[way]["p99_ms"].as_f64().unwrap() < 50.0, "{report}");
    }
    assert!(std::fs::read_to_string(charts.join("link.svg")).unwrap().contains("polyline"));
    let table = run(&["bench", "link", "--seconds", "1"]);
    assert!(table.contains("round trip") && table.contains('█'), "{table}");
}

#[test]
fn a_server_that_has_no_room_for_the_load_says_so() {
    let _alone = support::alone();
    let home = tempfile::tempdir().unwrap();
    let server = support::Process::serve(home.path(), "127.0.0.1:0", &[]);
    let address = server.address.to_string();
    let output = parlour(home.path()).args(["bench", "voice", "w4", "--server", &address]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    assert_eq!(said.matches("no guests are let in").count(), 1, "{said}");
    let said = parlour(home.path()).args(["bench", "voice", "w9"]).output().unwrap().stderr;
    assert!(String::from_utf8_lossy(&said).contains("there are w1 to w6"));
}
