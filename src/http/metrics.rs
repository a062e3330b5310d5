//! What Prometheus scrapes: its text format, version 0.0.4; names and units as it recommends. Labels are words of
//! fixed lists, and the tags of a bounded number of organizations, so the number of series is bounded.

use std::fmt::{Display, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Extension, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use super::organizations::{Listed, Snapshot};
use super::parts::{Asker, Parts};
use super::proxy::is_forwarded;

/// Milliseconds of a day.
const DAY: f64 = 86_400_000.0;

/// For whoever shows the token; where there is none, for this machine, and nobody that a proxy on it stands for.
pub(super) async fn metrics(
    State(parts): State<Arc<Parts>>,
    Extension(asker): Extension<Asker>,
    Extension(listed): Extension<Arc<Mutex<Listed>>>,
    headers: HeaderMap,
) -> Response {
    let may = if parts.metrics_token.is_empty() {
        asker.is_direct && asker.from.ip().to_canonical().is_loopback() && !is_forwarded(&headers)
    } else {
        shows_token(&headers, &parts.metrics_token)
    };
    if !may {
        let words = "metrics are for whoever sends the token of web.metrics_token; without one they are for this machine, \
                     and never by a proxy\n";
        return (StatusCode::UNAUTHORIZED, words).into_response();
    }
    let text = text(&parts, &mut listed.lock().unwrap_or_else(PoisonError::into_inner));
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

fn shows_token(headers: &HeaderMap, token: &str) -> bool {
    let shown = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    shown.is_some_and(|shown| shown.ct_eq(token.as_bytes()).into())
}

fn text(parts: &Parts, listed: &mut Listed) -> String {
    let handle = parts.organizations.first();
    let in_use = parts.organizations.in_use();
    let count = in_use.len();
    let rows = listed.rows(in_use.iter().map(|(tag, handle)| Snapshot::of(tag, handle)));
    let mut text = String::new();
    family(
        &mut text,
        "parlour_build_info",
        "gauge",
        "The version of the program.",
        [([("version", env!("CARGO_PKG_VERSION"))], 1)],
    );
    let start = handle.started().0 / 1_000;
    alone(&mut text, "parlour_start_time_seconds", "gauge", "When the server started, since 1970.", start);
    let ready = u64::from(handle.is_writable());
    alone(&mut text, "parlour_store_writable", "gauge", "Whether the database takes changes.", ready);
    let help = "Organizations to which somebody came since the server started.";
    alone(&mut text, "parlour_organizations", "gauge", help, count);
    let sessions = rows.iter().map(|row| (row.label(), row.sessions));
    family(&mut text, "parlour_sessions", "gauge", "People connected now.", sessions);
    let requests = rows.iter().flat_map(|row| row.labelled("result", &row.counted.requests));
    family(&mut text, "parlour_requests_total", "counter", "Requests by how they were answered.", requests);
    let slow = rows.iter().map(|row| (row.label(), row.counted.slow));
    family(
        &mut text,
        "parlour_slow_requests_total",
        "counter",
        "Requests that took longer than 100 ms.",
        slow,
    );
    let help = "Commits of the database that took longer than a second.";
    alone(&mut text, "parlour_slow_commits_total", "counter", help, handle.slow_commits());
    let voice = rows.iter().flat_map(|row| row.labelled("fate", &row.counted.voice));
    family(
        &mut text,
        "parlour_voice_packets_total",
        "counter",
        "Voice packets by what became of them.",
        voice,
    );
    certificate(&mut text, parts);
    process(&mut text);
    text
}

/// The self-hoster's own certificate, where there is one.
fn certificate(text: &mut String, parts: &Parts) {
    let Some(own) = parts.certificates.own_status() else { return };
    let usable = u64::from(own.problem.is_none());
    let help = "Whether the files of web.certificate can be used as they are.";
    alone(text, "parlour_certificate_usable", "gauge", help, usable);
    if let Some(until) = own.until {
        let now = parts.organizations.first().clock().wall();
        let left = (until.0 as f64 - now.0 as f64) / DAY;
        let help = "Days until the certificate in use ends; negative when it has.";
        alone(text, "parlour_certificate_days_left", "gauge", help, format!("{left:.2}"));
    }
}

/// What every program tells of itself to Prometheus, by the names of its client libraries; where the operating system
/// tells it.
fn process(text: &mut String) {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let seconds = time.tv_sec as f64 + time.tv_nsec as f64 / 1e9;
    let name = "process_cpu_seconds_total";
    alone(text, name, "counter", "Processor time that the server used.", seconds);
    // In pages: all that is mapped, and what of it is in memory (proc(5)).
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    if let Some(pages) = pages.and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok()) {
        let name = "process_resident_memory_bytes";
        let bytes = pages * rustix::param::page_size() as u64;
        alone(text, name, "gauge", "Memory that the server holds.", bytes);
    }
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        alone(text, "process_open_fds", "gauge", "Open files and sockets.", files.count());
    }
}

/// A metric of the whole server.
fn alone(text: &mut String, name: &str, kind: &str, help: &str, value: impl Display) {
    family(text, name, kind, help, [([], value)]);
}

/// A metric with its values, each under its labels.
fn family<'a, L: AsRef<[(&'a str, &'a str)]>>(
    text: &mut String,
    name: &str,
    kind: &str,
    help: &str,
    values: impl IntoIterator<Item = (L, impl Display)>,
) {
    // Writing to a string can't fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (labels, value) in values {
        let labels: Vec<_> =
            labels.as_ref().iter().map(|(label, word)| format!("{label}=\"{word}\"")).collect();
        let _ = match labels.join(",") {
            none if none.is_empty() => writeln!(text, "{name} {value}"),
            labels => writeln!(text, "{name}{{{labels}}} {value}"),
        };
    }
}
