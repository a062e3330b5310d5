//! Servers on a local network are found without an address: announced and browsed for by DNS-SD (RFC 6763) over
//! multicast DNS (RFC 6762). Only private addresses are announced, and only on the networks that they belong to.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mdns_sd::{DaemonEvent, IfKind, IfPredicate, ResolvedService, ServiceDaemon, ServiceEvent, ServiceInfo};
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

use crate::id::Fingerprint;

/// The service's type (RFC 6763, section 7): voice and control are on UDP.
const TYPE: &str = "_parlour._udp.local.";

/// Servers that one search tells of at most; a network with more is not one of a home or a club.
const MOST: usize = 256;

/// How long the farewell of a server that stops may take.
const FAREWELL: Duration = Duration::from_millis(500);

/// Why the local network can't be spoken to.
#[derive(Debug, Error)]
pub enum DiscoveryError {
    /// Multicast DNS can't be used.
    #[error("multicast DNS can't be used here: {0}")]
    Mdns(#[from] mdns_sd::Error),
}

/// What a server tells its local network of itself.
#[derive(Clone, Debug)]
pub struct Card {
    /// Its name for people.
    pub name: String,
    /// SHA-256 of its identity certificate.
    pub fingerprint: Fingerprint,
    /// Its version.
    pub version: &'static str,
    /// Whether it has a page for browsers.
    pub page: bool,
}

/// A server that was found. All of it is what somebody on the network says: nothing is proved before connecting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its name for people, without characters that a terminal would obey.
    pub name: String,
    /// Its addresses, IPv4 first.
    pub addresses: Vec<IpAddr>,
    /// Its port, of UDP and of TCP.
    pub port: u16,
    /// SHA-256 of its identity certificate, if it says one.
    pub fingerprint: Option<Fingerprint>,
    /// Its version, if it says one.
    pub version: String,
    /// Whether it has a page for browsers.
    pub page: bool,
}

/// Announces a server until it is stopped.
pub struct Announcer {
    daemon: ServiceDaemon,
    full_name: String,
}

impl fmt::Debug for Announcer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Announcer").field("full_name", &self.full_name).finish_non_exhaustive()
    }
}

impl Announcer {
    /// Announces what listens on these addresses; none when others on the network can't reach any of them. Networks
    /// that come and go later are followed.
    pub fn start(listen: &[SocketAddr], card: &Card) -> Result<Option<Self>, DiscoveryError> {
        let reachable = |address: &&SocketAddr| address.ip().is_unspecified() || is_local(address.ip());
        let Some(port) = listen.iter().find(reachable).map(SocketAddr::port) else { return Ok(None) };
        let listen = listen.to_vec();
        let announced = IfPredicate::new(move |interface| {
            let ip = interface.ip();
            let on = |address: &SocketAddr| {
                address.port() == port
                    && (address.ip() == ip
                        || address.ip().is_unspecified() && address.is_ipv4() == ip.is_ipv4())
            };
            is_local(ip) && listen.iter().any(on)
        });
        let daemon = on_interfaces(announced.clone())?;
        let fingerprint = card.fingerprint.to_string().replace(':', "");
        // A name of its own for the host: another program may announce the machine's.
        let host = format!("parlour-{}.local.", fingerprint[..12].to_lowercase());
        let text = [
            ("id", fingerprint.as_str()),
            ("version", card.version),
            ("page", if card.page { "yes" } else { "no" }),
        ];
        let name = visible(&card.name);
        let info = ServiceInfo::new(TYPE, &name, &host, "", port, &text[..])?;
        let mut info = info.enable_addr_auto();
        info.set_interfaces(vec![IfKind::Predicate(announced)]);
        let full_name = info.get_fullname().to_owned();
        let events = daemon.monitor()?;
        tokio::spawn(async move {
            while let Ok(event) = events.recv_async().await {
                match event {
                    DaemonEvent::NameChange(change) => {
                        tracing::info!(
                            from = change.original,
                            to = change.new_name,
                            "another server on the network has this name"
                        );
                    }
                    DaemonEvent::Error(error) => tracing::debug!(%error, "multicast DNS"),
                    _ => (),
                }
            }
        });
        daemon.register(info)?;
        Ok(Some(Self { daemon, full_name }))
    }

    /// Takes the announcement back, so that nobody finds a server that is gone. Takes half a second at most.
    pub async fn stop(self) {
        let end = Instant::now() + FAREWELL;
        if let Ok(done) = self.daemon.unregister(&self.full_name) {
            let _ = timeout_at(end, done.recv_async()).await;
        }
        if let Ok(done) = self.daemon.shutdown() {
            let _ = timeout_at(end, done.recv_async()).await;
        }
    }
}

/// Tells of servers as they are found, for so long. One is told of again when it says something new.
pub async fn browse(time: Duration, mut tell: impl FnMut(&Found)) -> Result<(), DiscoveryError> {
    let end = Instant::now() + time;
    let daemon = on_interfaces(IfPredicate::new(|interface| is_local(interface.ip())))?;
    let events = daemon.browse(TYPE)?;
    let mut told = BTreeMap::new();
    while let Ok(Ok(event)) = timeout_at(end, events.recv_async()).await {
        let ServiceEvent::ServiceResolved(service) = event else { continue };
        let found = found(&service);
        let known = told.get(service.get_fullname());
        if found.addresses.is_empty() || known == Some(&found) || known.is_none() && told.len() >= MOST {
            continue;
        }
        tell(&found);
        told.insert(service.get_fullname().to_owned(), found);
    }
    let _ = daemon.shutdown();
    Ok(())
}

/// Multicast DNS on the interfaces that fit, and on no other.
fn on_interfaces(fitting: IfPredicate) -> Result<ServiceDaemon, DiscoveryError> {
    let daemon = ServiceDaemon::new()?;
    daemon.disable_interface(IfKind::All)?;
    daemon.enable_interface(IfKind::Predicate(fitting))?;
    Ok(daemon)
}

fn found(service: &ResolvedService) -> Found {
    let text = |key| service.get_property_val_str(key).unwrap_or_default();
    let full = service.get_fullname();
    let instance = full.strip_suffix(TYPE).map_or(full, |name| name.trim_end_matches('.'));
    let mut addresses: Vec<IpAddr> = service
        .get_addresses()
        .iter()
        .map(mdns_sd::ScopedIp::to_ip_addr)
        .filter(|ip| is_local(*ip))
        .collect();
    addresses.sort();
    Found {
        name: visible(&instance.replace("\\.", ".").replace("\\\\", "\\")),
        addresses,
        port: service.get_port(),
        fingerprint: Fingerprint::parse(text("id")),
        version: visible(text("version")),
        page: text("page") == "yes",
    }
}

/// An address that only a local network knows: private (RFC 1918) or given by the machine itself where there is no
/// DHCP (RFC 3927), or unique local (RFC 4193). A link-local IPv6 address needs an interface's name beside it.
fn is_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}

/// Text of one line, of 60 characters at most, without what a terminal would obey or nobody sees.
fn visible(text: &str) -> String {
    let hidden = |c: &char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    // A label has 63 bytes at most (RFC 1035, section 2.3.4), escapes among them.
    let mut shown = String::new();
    for c in text.chars().filter(|c| !hidden(c)) {
        if shown.len() + c.len_utf8() > 60 {
            break;
        }
        shown.push(c);
    }
    if shown.trim().is_empty() { "Parlour".to_owned() } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_a_local_network_are_told() {
        for local in ["192.168.1.4", "10.0.0.1", "172.20.3.4", "169.254.7.7", "fd00::1"] {
            assert!(is_local(local.parse().unwrap()), "{local}");
        }
        for other in ["127.0.0.1", "::1", "8.8.8.8", "2001:db8::1", "fe80::1", "100.64.0.1"] {
            assert!(!is_local(other.parse().unwrap()), "{other}");
        }
    }

    #[test]
    fn what_a_network_says_can_t_write_on_a_terminal() {
        assert_eq!(visible("Club\x1b[2J\r\n\u{202e}x"), "Club[2Jx");
        assert_eq!(visible("\u{200b}"), "Parlour");
        assert_eq!(visible(&"ä".repeat(100)).len(), 60);
    }

    #[tokio::test]
    async fn on_loopback_nothing_is_announced() {
        let card = Card { name: "x".to_owned(), fingerprint: Fingerprint([7; 32]), version: "1", page: true };
        let listen = ["127.0.0.1:4848".parse().unwrap(), "[::1]:4848".parse().unwrap()];
        assert!(Announcer::start(&listen, &card).unwrap().is_none());
    }
}
