//! `parlour invite` and `parlour register`.

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::json;

use super::caller::Caller;
use super::connect::{Acting, RemoteServer, announce, ask, device, password, welcome};
use super::output::{Output, paint, styled};
use super::serve::qr_code;
use super::span::Span;
use crate::client::{ConnectError, Credentials, RequestError};
use crate::id::Timestamp;
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
        let place = Place::of(&self.acting)?;
        let caller = Caller::of(&self.acting).await?;
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
}

impl Place {
    fn of(acting: &Acting) -> anyhow::Result<Self> {
        if let Some((remote, _)) = acting.at()? {
            let page = Some(format!("https://{}", remote.address.home()));
            return Ok(Self { page, server: remote.address.home() });
        }
        // A server doesn't know by which name people reach it, unless it is told for its e-mails.
        let tag = acting.organization.tag.as_ref().map(|tag| format!("/+{tag}")).unwrap_or_default();
        let page = acting.local.config()?.mail_page();
        let page = Some(page.trim_end_matches('/')).filter(|page| !page.is_empty());
        Ok(Self { page: page.map(|page| format!("{page}{tag}")), server: format!("HOST{tag}") })
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
    output.line(format!(
        "  In a terminal  parlour register {} parlour://THEIR-NAME@{}",
        invite.code, place.server
    ));
    let until = Timestamp(invite.expires_ms);
    output.line(format!(
        "  Good for       {} until {until}, role {}",
        super::output::counted(invite.uses.into(), "account"),
        invite.roles.join(", ")
    ));
    output.object(&json!({
        "invite": invite.id, "code": invite.code, "link": link, "uses": invite.uses,
        "expires": until, "channel": invite.channel_path, "roles": invite.roles,
    }));
}

/// Make an account with an invite, and log in.
#[derive(Debug, Args)]
pub(super) struct Register {
    /// The invite's code, or its link.
    invite: String,
    /// The server: `parlour://[user@]host[:port]`; the user is the name you will have.
    #[arg(env = "PARLOUR_ADDRESS")]
    address: Option<String>,
    /// Read the password from standard input.
    #[arg(long)]
    password_stdin: bool,
}

impl Register {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        // A link names the server, too.
        let (code, linked) = match self.invite.split_once("/i/") {
            Some((server, code)) => (code.to_owned(), Some(server.replacen("https://", "parlour://", 1))),
            None => (self.invite.clone(), None),
        };
        let address = self.address.clone().or(linked);
        let address = address.context("which server? Give its address after the code, or the whole link")?;
        let mut remote = RemoteServer::find(Some(&address))?;
        let name = remote.address.user.clone().map_or_else(|| ask("The name you want"), Ok)?;
        let password = password(self.password_stdin, "The password you want (10 characters or more)", true)?;
        let connected = remote.connect(None).await?;
        let fingerprint = connected.fingerprint();
        announce(output, &remote, fingerprint);
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
