//! `parlour serve`.

use std::io::IsTerminal;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::output::{Output, paint, styled};
use super::words::digits;
use crate::config::{Config, Sources};
use crate::id::Fingerprint;
use crate::protocol::DEFAULT_PORT;
use crate::server::Server;
use crate::telemetry::Log;

/// Accounts of a demonstration, all with the password below.
pub(super) const DEMO_USERS: [(&str, &str); 4] =
    [("demo", "Owner"), ("alice", "Member"), ("bob", "Member"), ("charlie", "Member")];

/// Their password. It is no secret, which is why a demonstration listens on loopback only.
pub(super) const DEMO_PASSWORD: &str = "parlour-demo";

/// Run the server.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Directory of the database and the server's identity.
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: Option<PathBuf>,
    /// Address to listen on, UDP for voice and TCP for the page; may be given several times.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Vec<String>,
    /// Name of the server, for people.
    #[arg(long)]
    name: Option<String>,
    /// What is logged: error, warn, info, debug or trace.
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// Refuse to start on an older database rather than migrate it.
    #[arg(long)]
    no_migrate: bool,
    /// The configuration file.
    #[arg(long, env = "PARLOUR_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Add the users demo, alice, bob and charlie, and listen on this machine only.
    #[arg(long)]
    demo: bool,
    /// Let others reach a demonstration, whose password everybody knows; needs --listen, too.
    #[arg(long, requires = "demo")]
    demo_for_everyone: bool,
}

impl Serve {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let config = Config::load(&self.sources())?;
        let log = Log::init(&config.log(), config.log_format() == "json")?;
        // Huge pages round the memory of many small connections up by a fifth; without the wish granted
        // it only takes more.
        let _ = rustix::thread::disable_transparent_huge_pages(true);
        let by_default = config.listens_by_default();
        let listen = self.listen_on(&config)?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        let has_terminal = std::io::stdout().is_terminal();
        let server = Server::start(&config, &listen, by_default).await?;
        if self.demo {
            for (name, role) in DEMO_USERS {
                server.ensure_user(name, DEMO_PASSWORD, role).await?;
            }
        }
        screen(output, &config, &server, self.demo);
        output.object(&json!({
            "event": "listening",
            "addresses": server.addresses().iter().map(ToString::to_string).collect::<Vec<_>>(),
            "fingerprint": server.fingerprint().to_string(),
            "claim_code": server.claim().filter(|_| !self.demo).map(|claim| &claim.code),
            "data_dir": config.data_dir(),
        }));
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = tokio::signal::ctrl_c() => break,
                _ = hang_up.recv() => {
                    // A terminal that was closed takes what was started in it along.
                    if has_terminal && !std::io::stdout().is_terminal() {
                        break;
                    }
                    self.reload(&server, &log);
                }
            }
        }
        output.line("Stopping: telling everyone, finishing what is queued.");
        server.stop().await;
        output.line("Stopped.");
        output.object(&json!({ "event": "stopped" }));
        Ok(())
    }

    /// Takes up what has changed in the settings and may change while the server runs. What can't be read changes nothing.
    fn reload(&self, server: &Server, log: &Log) {
        match Config::load(&self.sources()) {
            Ok(config) => {
                server.reload(&config);
                match log.set_filter(&config.log()) {
                    Ok(()) => tracing::info!(
                        log = %config.log(),
                        "the log's filter and the certificate were read anew; other settings take effect at the next start"
                    ),
                    Err(error) => tracing::error!(%error, "the log's filter stays what it was"),
                }
            }
            Err(error) => tracing::error!(%error, "the settings stay what they were"),
        }
    }

    fn sources(&self) -> Sources {
        let mut flags: Vec<(&'static str, String)> = Vec::new();
        flags.extend(self.data_dir.iter().map(|path| ("data_dir", path.display().to_string())));
        flags.extend((!self.listen.is_empty()).then(|| ("listen", self.listen.join(","))));
        flags.extend(self.name.iter().map(|name| ("name", name.clone())));
        flags.extend(self.log.iter().map(|log| ("log", log.clone())));
        flags.extend(self.no_migrate.then(|| ("store.migrate", "false".to_owned())));
        super::config::sources(self.config.clone(), flags)
    }

    fn listen_on(&self, config: &Config) -> anyhow::Result<Vec<SocketAddr>> {
        if !self.demo {
            return Ok(config.listen());
        }
        if config.listens_by_default() {
            return Ok(config.loopback());
        }
        let listen = config.listen();
        if let Some(open) = listen.iter().find(|address| !address.ip().is_loopback())
            && !self.demo_for_everyone
        {
            bail!(
                "a demonstration's password is known to everybody, and {open} is open to others; \
                 listen on 127.0.0.1, or say that you mean it with --demo-for-everyone"
            );
        }
        Ok(listen)
    }
}

/// Tells whoever started the server what they need to know next.
fn screen(output: Output, config: &Config, server: &Server, demo: bool) {
    let styled = styled();
    let (head, dim) = (|text: &str| paint(text, "1;36", styled), |text: &str| paint(text, "2", styled));
    let port = server.addresses().first().map_or(DEFAULT_PORT, SocketAddr::port);
    output.line("");
    output.line(format!(
        "  {}  {}",
        head(&config.name()),
        dim(concat!("Parlour ", env!("CARGO_PKG_VERSION")))
    ));
    output.line("");
    let reachable = reachable(server.addresses());
    if let Some(public) = config.public_address() {
        output.line(format!(
            "  {:<13} {}",
            "For others",
            paint(&format!("parlour://{}", public.server), "1", styled)
        ));
        output.line(format!("  {:<13} {}", "", paint(&public.page, "1", styled)));
    }
    for (index, ip) in reachable.iter().enumerate() {
        let label = if index == 0 { "Reach it at" } else { "" };
        output.line(format!("  {label:<13} {}", paint(&join_address(*ip, port), "1", styled)));
    }
    if config.web() {
        for (index, ip) in reachable.iter().enumerate() {
            let label = if index == 0 { "In a browser" } else { "" };
            output.line(format!("  {label:<13} {}", paint(&page_address(*ip, port), "1", styled)));
        }
        if let Some(ip) = reachable.first().filter(|ip| !ip.is_loopback() && std::io::stdout().is_terminal())
        {
            for line in qr_code(&page_address(*ip, port)) {
                output.line(format!("  {:<13} {}", "", paint(&line, "97;40", styled)));
            }
        }
        if config.certificate().is_none() {
            output.line(format!(
                "  {:<13} {}",
                "",
                dim("It warns once: the certificate is the identity below.")
            ));
        }
    }
    let fingerprint = server.fingerprint().to_string();
    let (first, second) = fingerprint.split_at(fingerprint.len() / 2 + 1);
    output.line(format!("  {:<13} {first}", "Identity"));
    output.line(format!("  {:<13} {second}", ""));
    output.line(format!("  {:<13} {}", "Data", config.data_dir().display()));
    output.line("");
    let example = address_for_others(config, server.addresses());
    if demo {
        let names: Vec<_> = DEMO_USERS.iter().map(|(name, _)| *name).collect();
        output.line(format!(
            "  {} {}, all with the password {}",
            head("Demonstration:"),
            names.join(", "),
            paint(DEMO_PASSWORD, "1", styled)
        ));
        output.line(format!("  Log in with    parlour login {}", example.replace("://", "://alice@")));
    } else if let Some(claim) = server.claim() {
        output.line(format!("  {} {}", head("Claim code:  "), paint(&claim.code, "1;33", styled)));
        output.line(format!("  {}", dim("Makes the first administrator; good once, for 24 hours.")));
        output.line(format!("  Become it with {}", claim_command(&example, server.fingerprint())));
    } else {
        output.line(format!("  Log in with    parlour login {}", example.replace("://", "://YOUR-NAME@")));
    }
    if std::io::stdout().is_terminal() {
        output.line(format!("\n  {}", dim("Ctrl-C stops the server.")));
    }
    output.line("");
}

/// The address that a server with these settings, which listens there, is best reached at.
pub(super) fn address_for_others(config: &Config, listened: &[SocketAddr]) -> String {
    if let Some(public) = config.public_address() {
        return format!("parlour://{}", public.server);
    }
    let port = listened.first().map_or(DEFAULT_PORT, SocketAddr::port);
    join_address(reachable(listened).first().copied().unwrap_or(IpAddr::from([127, 0, 0, 1])), port)
}

/// What makes somebody the first administrator of a server at this address; the command asks for the code.
pub(super) fn claim_command(address: &str, identity: Fingerprint) -> String {
    format!("parlour claim {} --trust {}", address.replace("://", "://YOUR-NAME@"), digits(identity))
}

/// The address for a phone's camera, light on dark, two rows a line. Nothing when it is too long for one.
pub(super) fn qr_code(address: &str) -> Vec<String> {
    use qrcode::render::unicode::Dense1x2;
    let Ok(code) = qrcode::QrCode::with_error_correction_level(address, qrcode::EcLevel::L) else {
        return Vec::new();
    };
    let drawn = code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
    drawn.lines().map(str::to_owned).collect()
}

pub(super) fn page_address(ip: IpAddr, port: u16) -> String {
    format!("https://{}", SocketAddr::new(ip, port))
}

pub(super) fn join_address(ip: IpAddr, port: u16) -> String {
    let host = match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    if port == DEFAULT_PORT { format!("parlour://{host}") } else { format!("parlour://{host}:{port}") }
}

/// The addresses by which others reach what is listened on: an unspecified one stands for those of the
/// interfaces, without link-local ones, which need an interface's name beside them; loopback only when
/// there is no other.
pub(super) fn reachable(listened: &[SocketAddr]) -> Vec<IpAddr> {
    let interfaces: Vec<IpAddr> =
        if_addrs::get_if_addrs().unwrap_or_default().into_iter().map(|interface| interface.ip()).collect();
    let mut found = Vec::new();
    for address in listened {
        if address.ip().is_unspecified() {
            found.extend(interfaces.iter().filter(|ip| ip.is_ipv4() == address.is_ipv4()).copied());
        } else {
            found.push(address.ip());
        }
    }
    let link_local = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    found.retain(|ip| !link_local(ip));
    if found.iter().any(|ip| !ip.is_loopback()) {
        found.retain(|ip| !ip.is_loopback());
    }
    found.sort();
    found.dedup();
    found
}
