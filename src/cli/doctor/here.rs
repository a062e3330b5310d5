//! This machine's server: its files, whether it runs or not, and the ways to it.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::super::connect::CLIENT;
use super::super::invite::{ReachedFrom, reach_of};
use super::super::operate::{LocalServer, now};
use super::super::output::{Output, counted, in_words};
use super::super::serve::reachable;
use super::super::words::local;
use super::providers;
use super::report::Report;
use super::way;
use crate::admin::{Database, Request};
use crate::client::{Address, probe_native};
use crate::config::Config;
use crate::endpoint::{Identity, RENEWAL, ask_local, own_certificate};
use crate::id::{Fingerprint, Timestamp};
use crate::protocol::wire::{self, request, response};
use crate::secrets::{KEY, SEALING, TOKENS};
use crate::server::{is_copy, left_behind};
use crate::store::STORE_FILE;

/// Room below which a disk is about to be full: a backup of a large database, and then some.
const ROOM: u64 = 256 * 1024 * 1024;

const HOUR: Duration = Duration::from_secs(60 * 60);

pub(super) async fn examine(file: Option<PathBuf>, directory: Option<&Path>, report: &mut Report) {
    let local = LocalServer { data_dir: directory.map(Path::to_owned) };
    let config = match local.config_of(file.as_deref()) {
        Ok(config) => config,
        Err(error) => {
            return report.bad("configuration", in_words(&error), "mend it, and run `parlour doctor` again");
        }
    };
    let said = config.entries().filter(|(_, _, origin)| **origin != crate::config::Origin::Default).count();
    report.good("configuration", format!("{} differ from the default", counted(said as u64, "setting")));
    let directory = config.data_dir();
    if !directory.exists() {
        let found = format!("{} isn't there", directory.display());
        report.notice(
            "data directory",
            found,
            "start the server with `parlour serve`, which makes it, or name another with --data-dir",
        );
        return ports(&config.listen(), config.web(), report);
    }
    data_directory(&directory, report);
    database(&config, report).await;
    identity(&directory, report);
    keys(&directory, report);
    certificate(&config, report);
    let status = ask_local(&directory, request::Body::ServerStatus(wire::ServerStatus {})).await;
    let Ok(response::Body::Status(status)) = status else {
        report.notice("server", "it doesn't run", "start it with `parlour serve`");
        public_address(&config, None, report).await;
        providers::examine(&config, report).await;
        return ports(&config.listen(), config.web(), report);
    };
    report.good("server", format!("{} runs, {} connected", status.name, status.sessions));
    public_address(&config, Fingerprint::parse(&status.fingerprint), report).await;
    providers::examine(&config, report).await;
    let listened: Vec<SocketAddr> = status.addresses.iter().filter_map(|text| text.parse().ok()).collect();
    let port = listened.first().map_or(0, SocketAddr::port);
    let reachable = reachable(&listened);
    for ip in &reachable {
        let _ = way::examine(SocketAddr::new(*ip, port), &ip.to_string(), false, report).await;
    }
    if reachable.iter().all(std::net::IpAddr::is_loopback) {
        report.notice(
            "others",
            "it listens on this machine only",
            "to let others in, set `listen` to 0.0.0.0 and [::]",
        );
    } else {
        let advice = format!(
            "to know whether your router lets others in, run there: parlour doctor parlour://YOUR-HOST:{port}"
        );
        report.notice("others", "all of this was tried on this machine", &advice);
    }
}

fn data_directory(directory: &Path, report: &mut Report) {
    const WHAT: &str = "data directory";
    let own = rustix::process::geteuid().as_raw();
    match fs::metadata(directory) {
        Err(error) => {
            return report.bad(WHAT, format!("{}: {error}", directory.display()), "let this user enter it");
        }
        Ok(data) if !data.is_dir() => {
            let found = format!("{} is no directory", directory.display());
            return report.bad(WHAT, found, "choose another with --data-dir");
        }
        Ok(data) if data.uid() != own && own != 0 => {
            let found = format!("{} belongs to another user (uid {})", directory.display(), data.uid());
            return report.bad(WHAT, found, "run `parlour doctor` as the user who runs the server");
        }
        Ok(data) if data.mode() & 0o077 != 0 => {
            let found = format!("{} can be read by others: it holds private keys", directory.display());
            report.notice(
                WHAT,
                found,
                &format!("chmod 700 {} (the server does so when it starts)", directory.display()),
            );
        }
        Ok(_) => report.good(WHAT, directory.display().to_string()),
    }
    if let Err(error) = tempfile::tempfile_in(directory) {
        report.bad(
            WHAT,
            format!("nothing can be written there: {error}"),
            "make room, or make it writable for this user",
        );
    }
    if let Ok(disk) = rustix::fs::statvfs(directory) {
        let room = disk.f_bavail.saturating_mul(disk.f_frsize);
        let words = format!("{} free", size(room));
        if room < ROOM {
            report.notice("disk", words, "make room: on a full disk the server takes no changes");
        } else {
            report.good("disk", words);
        }
    }
}

async fn database(config: &Config, report: &mut Report) {
    const WHAT: &str = "database";
    let directory = config.data_dir();
    let holds_something = fs::metadata(directory.join(STORE_FILE)).is_ok_and(|file| file.len() > 0);
    if let Some(left) = left_behind(&directory).filter(|_| !holds_something) {
        let backup = if is_copy(&left) { left.display().to_string() } else { "FILE".to_owned() };
        let found = format!("it isn't there or is empty, and {} says that there was one", left.display());
        let advice = format!(
            "put a backup back with `parlour db restore {backup}`, or make a new database with `parlour db init`"
        );
        return report.bad(WHAT, found, &advice);
    }
    if !holds_something {
        let advice = "start the server with `parlour serve`, which makes one, or put a backup back with `parlour db restore FILE`";
        return report.notice(WHAT, "there is none yet", advice);
    }
    let local = LocalServer { data_dir: Some(directory.clone()) };
    // Nothing is to be printed but findings.
    let quiet = Output::new(true);
    let row = match local.operate(Request::Database(Database::Status), quiet).await {
        Ok(answer) => answer.rows.into_iter().next().unwrap_or_default(),
        Err(error) => return report.bad(WHAT, in_words(&error), ""),
    };
    let bytes = row["file_bytes"].as_u64().unwrap_or(0);
    report.good(
        WHAT,
        format!("{}, schema {}, {}", row["file"].as_str().unwrap_or_default(), row["schema"], size(bytes)),
    );
    match local.operate(Request::Database(Database::Verify), quiet).await {
        Ok(answer) if answer.text.contains("damaged") => {
            let named: Vec<_> =
                answer.rows.iter().take(5).filter_map(|row| row["problem"].as_str()).collect();
            report.bad(
                WHAT,
                format!("it is damaged: {}", named.join("; ")),
                "stop the server and put a backup back: parlour db restore FILE",
            );
        }
        Ok(_) => report.good(
            WHAT,
            "every row, index and reference is right, it takes changes, and the audit trail is whole",
        ),
        Err(error) => report.bad(
            WHAT,
            format!("it takes no changes: {}", in_words(&error)),
            "make room on the disk, and look at the server's log",
        ),
    }
    backup(&row["last_backup"], config.backup_hours(), report);
}

fn backup(last: &Value, hours: u32, report: &mut Report) {
    const WHAT: &str = "backup";
    let last: Option<Timestamp> = serde_json::from_value(last.clone()).unwrap_or(None);
    let advice = "make one: parlour db backup; and keep a copy on another machine";
    match last {
        None if hours == 0 => report.notice(WHAT, "there was none yet, and store.backup_hours is 0", advice),
        None => report.notice(
            WHAT,
            "there was none yet; the server makes the first within an hour of its start",
            advice,
        ),
        Some(at) if at > now().plus(HOUR) => {
            let found = format!("the last one was made at {}, which is still to come", local(at));
            report.bad(
                "clock",
                found,
                "set this machine's clock, best by NTP: tokens and certificates go by it",
            );
        }
        Some(at) => {
            let age = now().since(at);
            let words = format!("the last one is {} old", counted(age.as_secs() / 3_600, "hour"));
            // Twice its time: a server that was off at night is no reason for a warning.
            if hours > 0 && age > HOUR * hours * 2 {
                report.notice(
                    WHAT,
                    words,
                    &format!("store.backup_hours is {hours}: is the server running? {advice}"),
                );
            } else {
                report.good(WHAT, words);
            }
        }
    }
}

fn identity(directory: &Path, report: &mut Report) {
    if !directory.join("identity.crt").exists() && !directory.join("identity.key").exists() {
        return report.notice("identity", "there is none yet", "the server makes it at its first start");
    }
    match Identity::load_or_create(directory) {
        Ok(identity) => report.good("identity", identity.fingerprint().to_string()),
        Err(error) => report.bad("identity", error.to_string(), ""),
    }
}

/// The keys that the data directory keeps in files of their own.
fn keys(directory: &Path, report: &mut Report) {
    const WHAT: &str = "keys";
    let mut is_well = true;
    for (name, loss) in [
        (TOKENS, "without it, devices that stay logged in have to log in again"),
        (SEALING, "without it, second factors that were set up can't be read"),
    ] {
        let path = directory.join(name);
        let found = fs::metadata(&path);
        let for_others = |data: &fs::Metadata| data.mode() & 0o077;
        let is_key = |data: &fs::Metadata| data.len() == KEY as u64 && for_others(data) == 0;
        is_well &= found.as_ref().is_ok_and(is_key);
        match found {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let advice = format!(
                    "the server makes it at its next start; if there was one, put it back first: {loss}"
                );
                report.notice(WHAT, format!("{name} isn't there"), &advice);
            }
            Err(error) => report.bad(
                WHAT,
                format!("{}: {error}", path.display()),
                "let the user who runs Parlour read it",
            ),
            Ok(data) if data.len() != KEY as u64 => {
                let found = format!("{name} has {} bytes, and a key has {KEY}", data.len());
                report.bad(WHAT, found, &format!("put it back from a copy; {loss}"));
            }
            Ok(data) if for_others(&data) != 0 => {
                let advice = format!("chmod 600 {}", path.display());
                report.bad(WHAT, format!("others can read {name}"), &advice);
            }
            Ok(_) => (),
        }
    }
    if is_well {
        report.good(WHAT, format!("{TOKENS} and {SEALING} are there, for their owner only"));
    }
}

fn certificate(config: &Config, report: &mut Report) {
    const WHAT: &str = "certificate";
    if !config.web() {
        return;
    }
    let Some((chain, key)) = config.certificate() else {
        return report.good(WHAT, "none of your own: browsers warn once, then all works (web.certificate)");
    };
    let validity = match own_certificate(&chain, &key) {
        Ok(validity) => validity,
        Err(error) => return report.bad(WHAT, error.to_string(), ""),
    };
    let (names, now) = (validity.names.join(", "), now());
    if validity.since > now {
        let found = format!("{names}: good only from {}", local(validity.since));
        report.bad(WHAT, found, "is this machine's clock right?");
    } else if validity.until <= now {
        let found = format!("{names}: it ended at {}", local(validity.until));
        report.bad(WHAT, found, "renew it (certbot renew, say); the server reads the new files by itself");
    } else if validity.until.since(now) < RENEWAL {
        let found = format!("{names}: it ends at {}", local(validity.until));
        report.notice(WHAT, found, "its renewal seems not to work; look at certbot's timer, say");
    } else {
        report.good(WHAT, format!("{names}, until {}", local(validity.until)));
    }
}

/// Whether the address that links lead to is one that others can open, and leads to the server of this identity, which runs.
async fn public_address(config: &Config, own: Option<Fingerprint>, report: &mut Report) {
    const WHAT: &str = "public address";
    let Some(public) = config.public_address() else {
        let advice = "set web.public_address to the name by which others reach it, as voice.example.org";
        let found = "not set: an invite leads to the address at which whoever makes it is logged in";
        return report.notice(WHAT, found, advice);
    };
    let server = &public.server;
    match reach_of(public.host()) {
        ReachedFrom::World => (),
        ReachedFrom::Network => {
            let found = format!("{server} is known in your own network only");
            report.notice(
                WHAT,
                found,
                "for friends elsewhere, set web.public_address to a name of the Internet",
            );
        }
        ReachedFrom::Machine => {
            let found = format!("{server} leads everybody to their own machine");
            return report.bad(WHAT, found, "set web.public_address to the name by which others reach it");
        }
    }
    let address: Address = match server.parse() {
        Ok(address) => address,
        Err(error) => return report.bad(WHAT, format!("{server}: {error}"), "mend web.public_address"),
    };
    let places = match tokio::net::lookup_host((address.host.as_str(), address.port)).await {
        Ok(places) => places.collect::<Vec<_>>(),
        Err(error) => {
            let advice = "check web.public_address, and the name's record in DNS";
            return report.bad(WHAT, format!("{} isn't found: {error}", address.host), advice);
        }
    };
    let Some(own) = own else { return report.good(WHAT, server.clone()) };
    let mut is_ours = false;
    for place in places {
        match probe_native(place, CLIENT).await {
            Ok(found) if own == found.fingerprint => is_ours = true,
            Ok(_) => {
                let advice =
                    "another server answers there: check where the name and the router's forwarding lead";
                return report.bad(WHAT, format!("{server} ({}) isn't this server", place.ip()), advice);
            }
            Err(_) => (),
        }
    }
    if is_ours {
        report.good(WHAT, format!("{server} leads here"));
    } else {
        let advice = format!(
            "many routers don't let their own network in by it; run elsewhere: parlour doctor parlour://{server}"
        );
        report.notice(WHAT, format!("{server} can't be reached from here"), &advice);
    }
}

/// Whether a server that doesn't run could listen.
fn ports(listen: &[SocketAddr], web: bool, report: &mut Report) {
    for address in listen {
        let udp = UdpSocket::bind(address).map(drop);
        port(
            "UDP",
            *address,
            udp,
            "choose another port with `listen`, or stop what uses it (ss -ulpn names it)",
            report,
        );
        if web {
            let tcp = TcpListener::bind(address).map(drop);
            port(
                "TCP",
                *address,
                tcp,
                "choose another port with `listen`, or stop what uses it (ss -tlpn names it)",
                report,
            );
        }
    }
}

fn port(what: &'static str, address: SocketAddr, bound: io::Result<()>, advice: &str, report: &mut Report) {
    match bound {
        Ok(()) => report.good(what, format!("{address} is free")),
        // The second of two addresses that take each other's packets, or a machine without IPv6.
        Err(error) if address.is_ipv6() && error.kind() != io::ErrorKind::AddrInUse => {
            report.notice(
                what,
                format!("{address}: {error}"),
                "without IPv6 on this machine, leave it out of `listen`",
            );
        }
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            report.bad(what, format!("{address} is in use by another program"), advice);
        }
        Err(error) => report.bad(what, format!("{address}: {error}"), advice),
    }
}

fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB"] {
        if value < 1_024.0 {
            return format!("{value:.0} {unit}");
        }
        value /= 1_024.0;
    }
    format!("{value:.1} GiB")
}
