//! What Prometheus scrapes: its text format, version 0.0.4; names and units as it recommends. Labels are words of
//! fixed lists only, so the number of series is bounded.

use std::fmt::{Display, Write as _};
use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use super::parts::{Asker, Parts};

/// For this machine, and for who shows the token.
pub(super) async fn metrics(
    State(parts): State<Arc<Parts>>,
    Extension(asker): Extension<Asker>,
    headers: HeaderMap,
) -> Response {
    if !asker.from.ip().to_canonical().is_loopback() && !shows_token(&headers, &parts.metrics_token) {
        let words = "metrics are for this machine, and for whoever sends the token of web.metrics_token\n";
        return (StatusCode::UNAUTHORIZED, words).into_response();
    }
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text(&parts)).into_response()
}

fn shows_token(headers: &HeaderMap, token: &str) -> bool {
    let shown = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    !token.is_empty() && shown.is_some_and(|shown| shown.ct_eq(token.as_bytes()).into())
}

fn text(parts: &Parts) -> String {
    let handle = parts.organizations.first();
    let mut text = String::new();
    family(
        &mut text,
        "parlour_build_info",
        "gauge",
        "The version of the program.",
        [(Some(("version", env!("CARGO_PKG_VERSION"))), 1)],
    );
    let start = handle.started().0 / 1_000;
    family(
        &mut text,
        "parlour_start_time_seconds",
        "gauge",
        "When the server started, since 1970.",
        [(None, start)],
    );
    let ready = u64::from(handle.is_writable());
    family(
        &mut text,
        "parlour_store_writable",
        "gauge",
        "Whether the database takes changes.",
        [(None, ready)],
    );
    let sessions = u64::from(handle.connected());
    family(&mut text, "parlour_sessions", "gauge", "People connected now.", [(None, sessions)]);
    let requests = handle
        .counts()
        .all()
        .map(|(name, value)| (Some(("result", name.strip_prefix("requests_").unwrap_or(name))), value));
    family(&mut text, "parlour_requests_total", "counter", "Requests by how they were answered.", requests);
    let slow = handle.counts().slow();
    family(
        &mut text,
        "parlour_slow_requests_total",
        "counter",
        "Requests that took longer than 100 ms.",
        [(None, slow)],
    );
    let slow = handle.slow_commits();
    family(
        &mut text,
        "parlour_slow_commits_total",
        "counter",
        "Commits of the database that took longer than a second.",
        [(None, slow)],
    );
    let voice = handle
        .voice_counts()
        .all()
        .map(|(name, value)| (Some(("fate", name.strip_prefix("voice_").unwrap_or(name))), value));
    family(
        &mut text,
        "parlour_voice_packets_total",
        "counter",
        "Voice packets by what became of them.",
        voice,
    );
    process(&mut text);
    text
}

/// What every program tells of itself to Prometheus, by the names of its client libraries; where the operating system
/// tells it.
fn process(text: &mut String) {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let seconds = time.tv_sec as f64 + time.tv_nsec as f64 / 1e9;
    let name = "process_cpu_seconds_total";
    family(text, name, "counter", "Processor time that the server used.", [(None, seconds)]);
    // In pages: all that is mapped, and what of it is in memory (proc(5)).
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    if let Some(pages) = pages.and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok()) {
        let name = "process_resident_memory_bytes";
        let bytes = pages * rustix::param::page_size() as u64;
        family(text, name, "gauge", "Memory that the server holds.", [(None, bytes)]);
    }
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        family(text, "process_open_fds", "gauge", "Open files and sockets.", [(None, files.count())]);
    }
}

/// A metric with its values, each under a label or none.
fn family<'a>(
    text: &mut String,
    name: &str,
    kind: &str,
    help: &str,
    values: impl IntoIterator<Item = (Option<(&'a str, &'a str)>, impl Display)>,
) {
    // Writing to a string can't fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (label, value) in values {
        let _ = match label {
            Some((label, word)) => writeln!(text, "{name}{{{label}=\"{word}\"}} {value}"),
            None => writeln!(text, "{name} {value}"),
        };
    }
}
