//! `parlour invite` and `parlour register`.

use std::net::IpAddr;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::json;

use super::caller::Caller;
use super::connect::{Acting, Expected, RemoteServer, announce, device, welcome};
use super::output::{Output, paint, styled};
use super::secret::{ask, code, code_and_address, password};
use super::serve::qr_code;
use super::span::Span;
use super::words::{digits, local};
use crate::client::{ConnectError, Credentials, RequestError};
use crate::config::PublicAddress;
use crate::id::{Fingerprint, Timestamp};
use crate::protocol::wire::{self, request, response};

/// Invite people to make accounts.
#[derive(Debug, Args)]
pub(super) struct Invite {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    acting: Acting,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make an invite: a link, a code, and a QR code of the link.
    Create {
        /// How many accounts it makes.
        #[arg(long, default_value_t = 1)]
        uses: u32,
        /// How long it is good: 30m, 12h, 7d.
        #[arg(long = "for", default_value = "7d", value_name = "TIME")]
        life: Span,
        /// The channel that it leads to.
        #[arg(long, value_name = "PATH")]
        channel: Option<String>,
        /// A role of who comes by it; may be given several times. Default: Member.
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
    },
    /// Show the invites that are good: who made each, who came by it, and its link.
    List,
    /// An invite is good no more: one of yours, or of somebody of a lower rank.
    Revoke {
        /// Its number in the list.
        invite: u64,
    },
}

const COLUMNS: &[(&str, &str, &str)] = &[
    ("invite", "Invite", ""),
    ("uses", "Uses left", ""),
    ("expires", "Good until", ""),
    ("channel", "Channel", ""),
    ("roles", "Roles", ""),
    ("made_by", "Made by", ""),
    ("came", "Came by it", ""),
    ("link", "Link", ""),
];

impl Invite {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let caller = Caller::of(&self.acting).await?;
        let place = Place::of(&self.acting, &caller).await?;
        let done = self.command.run(&caller, &place, output).await;
        caller.close().await;
        done
    }
}

/// Where an invite leads.
struct Place {
    /// The page's address; nothing where the machine's owner hasn't said it.
    page: Option<String>,
    /// The server, as a command names it.
    server: String,
    /// The server's identity, where it is known here.
    identity: Option<Fingerprint>,
    /// What is to be known of who can open it.
    notice: Option<String>,
}

/// The address of an organization's page, as far as it is known here.
pub(super) async fn page_of(acting: &Acting, caller: &Caller) -> anyhow::Result<Option<String>> {
    Ok(Place::of(acting, caller).await?.page)
}

impl Place {
    /// Where the server's owner says, else where whoever asks is logged in.
    async fn of(acting: &Acting, caller: &Caller) -> anyhow::Result<Self> {
        let Some((remote, _)) = acting.at()? else {
            let tag = acting.organization.tag.as_ref().map(|tag| format!("/+{tag}")).unwrap_or_default();
            if let Some(public) = acting.local.config()?.public_address() {
                return Ok(Self::public(&public, &tag, None));
            }
            let notice = "There is no link, since the server doesn't know where others reach it: set web.public_address to its name.";
            let (server, notice) = (format!("HOST{tag}"), Some(notice.to_owned()));
            return Ok(Self { page: None, server, identity: None, notice });
        };
        let tag = match remote.address.organization.as_str() {
            "" => String::new(),
            tag => format!("/+{tag}"),
        };
        let said = caller.public_address().await?;
        // It may be said already, and be in effect from the server's next start on.
        let said = match (said, reach_of(&remote.address.host)) {
            (None, ReachedFrom::Machine) => {
                acting.local.config().ok().and_then(|config| config.public_address())
            }
            (said, _) => said,
        };
        if let Some(public) = said {
            return Ok(Self::public(&public, &tag, remote.pinned()));
        }
        let home = remote.address.home();
        let notice = match reach_of(&remote.address.host) {
            ReachedFrom::World => None,
            ReachedFrom::Network => Some("This works in your own network only"),
            ReachedFrom::Machine => Some("This works on this machine only"),
        };
        let notice = notice.map(|words| {
            format!("{words}. For others, set web.public_address to the name by which they reach the server, or log in by that name.")
        });
        Ok(Self { page: Some(format!("https://{home}")), server: home, identity: remote.pinned(), notice })
    }

    fn public(public: &PublicAddress, tag: &str, identity: Option<Fingerprint>) -> Self {
        let (page, server) = (format!("{}{tag}", public.page), format!("{}{tag}", public.server));
        let notice = match reach_of(public.host()) {
            ReachedFrom::World => None,
            ReachedFrom::Network => {
                Some("web.public_address is one of your own network: nobody outside of it can open this.")
            }
            ReachedFrom::Machine => Some(
                "web.public_address is this machine for everybody who opens it: nobody else can use this.",
            ),
        };
        Self { page: Some(page), server, identity, notice: notice.map(str::to_owned) }
    }
}

/// From where an address leads to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReachedFrom {
    /// Its own machine only.
    Machine,
    /// Its own network.
    Network,
    /// Anywhere, as far as one can tell from the address.
    World,
}

/// From where a host's name or address can be reached.
pub(super) fn reach_of(host: &str) -> ReachedFrom {
    let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_lowercase();
    let Ok(ip) = host.parse::<IpAddr>().map(|ip| ip.to_canonical()) else {
        let last = host.rsplit('.').next().unwrap_or_default();
        return match last {
            "localhost" => ReachedFrom::Machine,
            // Names without a dot, and those that RFC 6762 and RFC 8375 keep for networks.
            _ if last == host || last == "local" || host.ends_with(".home.arpa") => ReachedFrom::Network,
            _ => ReachedFrom::World,
        };
    };
    let is_of_network = match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    };
    match ip {
        ip if ip.is_loopback() || ip.is_unspecified() => ReachedFrom::Machine,
        _ if is_of_network => ReachedFrom::Network,
        _ => ReachedFrom::World,
    }
}

impl Place {
    /// Where an invite is used in a browser; nothing where there is no page, or its code isn't shown.
    fn link(&self, invite: &wire::Invite) -> Option<String> {
        let page = self.page.as_ref().filter(|_| !invite.code.is_empty())?;
        Some(format!("{page}/i/{}", invite.code))
    }
}

impl Command {
    async fn run(self, caller: &Caller, place: &Place, output: Output) -> anyhow::Result<()> {
        match self {
            Self::Create { uses, life, channel, roles } => {
                let channel = match channel {
                    Some(path) => caller.view().await?.find(&path)?.id,
                    None => 0,
                };
                let create = wire::CreateInvite { uses, life_ms: life.milliseconds(), channel, roles };
                let response::Body::Invite(invite) = caller.ask(request::Body::CreateInvite(create)).await?
                else {
                    return Err(RequestError::Misfit.into());
                };
                show(&invite, place, output);
            }
            Self::List => {
                let asked = request::Body::ListInvites(wire::ListInvites {});
                let response::Body::Invites(found) = caller.ask(asked).await? else {
                    return Err(RequestError::Misfit.into());
                };
                let row = |invite: &wire::Invite| {
                    let maker = Some(invite.made_by.as_str()).filter(|name| !name.is_empty());
                    json!({
                        "invite": invite.id, "uses": invite.uses, "expires": Timestamp(invite.expires_ms),
                        "channel": invite.channel_path, "roles": invite.roles,
                        "made_by": maker.unwrap_or("the machine's owner"), "came": came(invite),
                        "link": place.link(invite), "code": invite.code,
                    })
                };
                let rows: Vec<_> = found.invites.iter().map(row).collect();
                output.records(COLUMNS, &rows);
            }
            Self::Revoke { invite } => {
                caller.done(request::Body::RevokeInvite(wire::RevokeInvite { id: invite })).await?;
                output.line(format!("Invite {invite} is good no more."));
                output.object(&json!({ "revoked": invite }));
            }
        }
        Ok(())
    }
}

/// Who came by an invite: the newest, and how many others.
fn came(invite: &wire::Invite) -> Vec<String> {
    let others = (invite.came_count as usize).saturating_sub(invite.came.len());
    let more = (others > 0).then(|| format!("and {others} more"));
    invite.came.iter().cloned().chain(more).collect()
}

/// Shows a new invite.
fn show(invite: &wire::Invite, place: &Place, output: Output) {
    let link = place.link(invite);
    if let Some(link) = &link {
        for line in qr_code(link) {
            output.line(format!("  {}", paint(&line, "97;40", styled())));
        }
        output.line(format!("\n  In a browser   {}", paint(link, "1", styled())));
    }
    let trust = place.identity.map(|identity| format!(" --trust {}", digits(identity))).unwrap_or_default();
    output.line(format!(
        "  In a terminal  parlour register {} parlour://THEIR-NAME@{}{trust}",
        invite.code, place.server
    ));
    let until = Timestamp(invite.expires_ms);
    output.line(format!(
        "  Good for       {} until {}, role {}",
        super::output::counted(invite.uses.into(), "account"),
        local(until),
        invite.roles.join(", ")
    ));
    if let Some(notice) = place.notice.as_ref().filter(|_| !output.is_json()) {
        output.warn(notice);
    }
    output.object(&json!({
        "invite": invite.id, "code": invite.code, "link": link, "uses": invite.uses,
        "expires": until, "channel": invite.channel_path, "roles": invite.roles,
        "notice": place.notice,
    }));
}

/// Make an account with an invite, and log in.
#[derive(Debug, Args)]
pub(super) struct Register {
    /// The invite's code, or its link. Asked for when it is left out; `-` reads it from standard input.
    invite: Option<String>,
    /// The server: `parlour://[user@]host[:port]`; the user is the name you will have.
    #[arg(env = "PARLOUR_ADDRESS")]
    address: Option<String>,
    #[command(flatten)]
    expected: Expected,
    /// Read the password from standard input; it comes after the invite, where that is read there, too.
    #[arg(long)]
    password_stdin: bool,
}

impl Register {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let (given, address) = code_and_address(self.invite, self.address);
        // It makes one account, and the friend who got it uses it at once: an argument is good enough.
        let invite = match given {
            Some(invite) if invite != "-" => invite,
            given => code(given.as_deref(), "The invite's code, or its link", output)?,
        };
        // A link names the server, too.
        let (code, linked) = match invite.split_once("/i/") {
            Some((server, code)) => (code.to_owned(), Some(server.replacen("https://", "parlour://", 1))),
            None => (invite, None),
        };
        let address = address.or(linked);
        let address = address.context("which server? Give its address after the code, or the whole link")?;
        let mut remote = RemoteServer::find(Some(&address))?;
        let name = remote.address.user.clone().map_or_else(|| ask("The name you want"), Ok)?;
        let password = password(self.password_stdin, "The password you want (10 characters or more)", true)?;
        let connected = remote.connect(self.expected.trust).await?;
        let fingerprint = connected.fingerprint();
        announce(output, &remote, self.expected, fingerprint);
        let credentials = Credentials::register(&code, &name, &password, &device());
        let session = connected.log_in(credentials).await.map_err(ConnectError::from)?;
        let name = session.logged_in().name.clone();
        remote.remember(&session, fingerprint)?;
        remote.register_device(&session).await?;
        output.line(format!("Welcome, {name}. You are logged in to {}.", remote.address.server()));
        welcome(output, &session);
        output.object(&json!({ "server": remote.address.server(), "name": name, "session": session.id().0 }));
        session.close().await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_where_an_address_leads_to_the_server() {
        for host in [
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "127.0.0.1",
            "127.3.3.3",
            "::1",
            "[::1]",
            "::ffff:127.0.0.1",
            "0.0.0.0",
        ] {
            assert_eq!(reach_of(host), ReachedFrom::Machine, "{host}");
        }
        for host in [
            "192.168.1.5",
            "10.0.0.1",
            "172.16.0.1",
            "169.254.1.1",
            "fd00::1",
            "fe80::1",
            "box",
            "box.local",
            "box.home.arpa",
        ] {
            assert_eq!(reach_of(host), ReachedFrom::Network, "{host}");
        }
        for host in ["voice.example.org", "192.0.2.1", "2001:db8::1", "[2001:db8::1]"] {
            assert_eq!(reach_of(host), ReachedFrom::World, "{host}");
        }
    }
}
