//! The ways to a server, from outside its process: UDP, the size of packets, TCP, and what a browser does.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use data_encoding::BASE64;
use serde_json::Value;

use super::super::connect::{CLIENT, RemoteServer};
use super::super::operate::now;
use super::report::Report;
use crate::client::{Address, ConnectError, probe_native, probe_page, probe_web};
use crate::id::{Fingerprint, Timestamp};

/// UDP payload below which voice in large packets, and a browser's handshake, has little room: IPv6's least packet
/// (RFC 8200, section 5) without its headers.
const LEAST_MTU: u16 = 1_232;

/// Clocks further apart confuse one-time codes, which change every 30 s (RFC 6238).
const APART: Duration = Duration::from_secs(30);

/// A server elsewhere: its name, each of its addresses, its clock, and whether it is the one that is known here.
pub(super) async fn examine_elsewhere(address: &Address, report: &mut Report) {
    let places: Vec<SocketAddr> = match tokio::net::lookup_host((address.host.as_str(), address.port)).await {
        Ok(places) => places.collect::<BTreeSet<_>>().into_iter().collect(),
        Err(error) => {
            let advice = "check its spelling; a new DNS name can take hours to be known everywhere";
            return report.bad("host", format!("{} isn't found: {error}", address.host), advice);
        }
    };
    let shown: Vec<_> = places.iter().map(|place| place.ip().to_string()).collect();
    report.good("host", format!("{} is {}", address.host, shown.join(", ")));
    let mut identity = None;
    for place in places {
        identity = examine(place, &address.host, true, report).await.or(identity);
    }
    let Some(found) = identity else { return };
    let known = RemoteServer::find(Some(&address.server())).ok().and_then(|remote| remote.pinned());
    match known {
        Some(known) if known == found => {
            report.good("identity", "it is the server that was logged in to before");
        }
        Some(known) => {
            let advice = "ask whoever runs it whether it was set up anew; if not, somebody pretends to be it";
            report.bad("identity", format!("it was  {known}\nit is   {found}"), advice);
        }
        None => report.good("identity", found.to_string()),
    }
}

/// One address of a server, which was asked for as `host`. Answers with its identity if it gave one.
pub(super) async fn examine(
    place: SocketAddr,
    host: &str,
    is_elsewhere: bool,
    report: &mut Report,
) -> Option<Fingerprint> {
    let identity = udp(place, is_elsewhere, report).await;
    let Some(page) = tcp(place, host, is_elsewhere, report).await else { return identity };
    if identity.is_some() {
        browser(place, host, identity, &page, report).await;
    }
    identity
}

async fn udp(place: SocketAddr, is_elsewhere: bool, report: &mut Report) -> Option<Fingerprint> {
    match probe_native(place, CLIENT).await {
        Ok(native) => {
            let trip = native.round_trip.as_secs_f64() * 1e3;
            report
                .good("UDP", format!("{place} answers in {trip:.1} ms ({})", native.welcome.server_version));
            if native.mtu >= LEAST_MTU {
                report.good("path MTU", format!("{} bytes of UDP pass at once", native.mtu));
            } else {
                let advice = "a tunnel or VPN on the way takes room; voice works, raise its MTU if you can";
                report.notice("path MTU", format!("only {} bytes of UDP pass at once", native.mtu), advice);
            }
            Some(native.fingerprint)
        }
        Err(ConnectError::NoAnswer { .. }) => {
            let advice = if is_elsewhere {
                "is it running? Let UDP of this port through its firewall, and forward it on its router; browsers fall back to TCP meanwhile"
            } else {
                "a firewall on this machine keeps UDP back: let this port in"
            };
            report.bad("UDP", format!("{place} doesn't answer"), advice);
            None
        }
        Err(error) => {
            report.bad("UDP", format!("{place}: {error}"), "is it a Parlour server, and of this version?");
            None
        }
    }
}

/// Answers with what the page is told at first.
async fn tcp(place: SocketAddr, host: &str, is_elsewhere: bool, report: &mut Report) -> Option<Value> {
    let page = match probe_page(place, host, "/parlour.json").await {
        Ok(page) if page.status == 200 => page,
        Ok(page) => {
            let advice = "another program has this TCP port; give Parlour one of its own with `listen`";
            report.bad("TCP", format!("{place} answers {} for the page", page.status), advice);
            return None;
        }
        Err(error) => {
            let advice = if is_elsewhere {
                "without TCP of this port no browser gets the page: let it through its firewall, forward it on its router"
            } else {
                "without TCP of this port no browser gets the page: let it through this machine's firewall, or set web.enabled = true"
            };
            report.bad("TCP", format!("{place}: {error}"), advice);
            return None;
        }
    };
    report.good("TCP", format!("{place} has the page, over HTTPS"));
    if is_elsewhere {
        clock(page.date.as_deref(), report);
    }
    if let Ok(ready) = probe_page(place, host, "/readyz").await
        && ready.status != 200
    {
        let words = String::from_utf8_lossy(&ready.body).trim().to_owned();
        report.bad("store", words, "make room on its disk; the server's log says what failed");
    }
    serde_json::from_slice(&page.body).ok()
}

fn clock(date: Option<&str>, report: &mut Report) {
    let parsed = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
    let Some(theirs) = parsed.and_then(|zoned| u64::try_from(zoned.timestamp().as_millisecond()).ok()) else {
        return;
    };
    let (theirs, ours) = (Timestamp(theirs), now());
    let apart = ours.since(theirs).max(theirs.since(ours));
    if apart <= APART {
        report.good("clock", "its clock and this machine's agree");
    } else {
        let found = format!("its clock and this machine's are {} s apart", apart.as_secs());
        report.notice("clock", found, "have both set by NTP: log-ins with one-time codes fail otherwise");
    }
}

/// What a browser does: WebTransport to the same port, with a certificate whose hash the page was told, or one for
/// the name.
async fn browser(
    place: SocketAddr,
    host: &str,
    identity: Option<Fingerprint>,
    page: &Value,
    report: &mut Report,
) {
    let name = if host.parse::<IpAddr>().is_ok() { "parlour.local" } else { host };
    let told: Vec<_> =
        page["certificateHashes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    match probe_web(place, name, CLIENT).await {
        Ok(web) if told.is_empty() && Some(web.fingerprint) != identity => {
            report.good("browsers", "WebTransport, under a certificate of its own");
        }
        Ok(web) if told.contains(&BASE64.encode(&web.fingerprint.0).as_str()) => {
            report.good("browsers", "WebTransport, under the certificate that the page is told of");
        }
        Ok(_) => {
            let advice = "restart the server; if it stays, remove browser.pem from its data directory first";
            report.bad("browsers", "WebTransport shows a certificate that the page isn't told of", advice);
        }
        Err(error) => {
            let advice = "browsers talk over TCP now, with more delay; let UDP of this port through";
            report.notice("browsers", format!("WebTransport doesn't get through: {error}"), advice);
        }
    }
}
