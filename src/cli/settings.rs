//! `parlour settings`.

use anyhow::bail;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::connect::Server;
use super::output::Output;
use super::span::Span;
use crate::bounds::Registration;
use crate::client::{Organization, OrganizationEdit, View};
use crate::id::ChannelId;
use crate::protocol::wire;

/// What everybody meets who comes: the welcome, the channel for newcomers, the one for the idle.
#[derive(Debug, Args)]
pub(super) struct Settings {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show them.
    Show,
    /// Show how many accounts and channels there are, and how many there may be.
    Usage,
    /// Change what is given.
    Edit {
        /// A text for everybody who comes; an empty one is none.
        #[arg(long, value_name = "TEXT")]
        welcome: Option<String>,
        /// The channel that one is put into who comes; `.` for none.
        #[arg(long, value_name = "PATH")]
        default_channel: Option<String>,
        /// The channel that the idle are put into; `.` for none.
        #[arg(long, value_name = "PATH")]
        afk_channel: Option<String>,
        /// After how long they are: 15m, a minute at least.
        #[arg(long, value_name = "TIME")]
        afk_after: Option<Span>,
        /// Whether guests are let in, as far as the machine's owner allows that.
        #[arg(long, value_name = "YES|NO", value_parser = super::words::yes_or_no)]
        guests: Option<bool>,
        /// Who may make an account: everybody (open), whoever has an invite, or nobody (closed).
        #[arg(long, value_name = "WHO")]
        registration: Option<Registering>,
    },
}

impl Settings {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let session = self.server.enter().await?;
        if matches!(self.command, Command::Usage) {
            show_usage(&session.usage().await?, output);
            session.close().await;
            return Ok(());
        }
        let view = session.view();
        if let Command::Edit { welcome, default_channel, afk_channel, afk_after, guests, registration } =
            self.command
        {
            let edit = OrganizationEdit {
                welcome,
                default_channel: default_channel.map(|path| channel(&view, &path)).transpose()?,
                afk_channel: afk_channel.map(|path| channel(&view, &path)).transpose()?,
                afk_after: afk_after.map(|span| span.0),
                guests,
                registration: registration.map(Into::into),
            };
            if edit == OrganizationEdit::default() {
                bail!("nothing to change was given; see: parlour settings edit --help");
            }
            session.edit_organization(edit).await?;
        }
        show(&session.organization().await?, &view, output);
        session.close().await;
        Ok(())
    }
}

/// Who may make an account, as commands say it.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Registering {
    Open,
    Invite,
    Closed,
}

impl From<Registering> for wire::Registration {
    fn from(registering: Registering) -> Self {
        match registering {
            Registering::Open => Self::Open,
            Registering::Invite => Self::Invite,
            Registering::Closed => Self::Closed,
        }
    }
}

/// The word of the configuration for who may make an account.
pub(super) fn registration_word(registration: wire::Registration) -> &'static str {
    Option::<Registration>::from(registration).map_or("server", Registration::word)
}

/// The channel of a path; none for a dot.
fn channel(view: &View, path: &str) -> anyhow::Result<Option<ChannelId>> {
    Ok(match path {
        "." | "-" | "" => None,
        path => Some(ChannelId(view.find(path)?.id)),
    })
}

fn show_usage(usage: &wire::Usage, output: Output) {
    let wire::Usage { users, max_users, channels, max_channels, sessions_per_user, audit_days } = *usage;
    output.line(format!("  accounts    {users} of {max_users}"));
    output.line(format!("  channels    {channels} of {max_channels}"));
    output.line(format!("  log-ins     {sessions_per_user} of one account are kept"));
    output.line(format!("  audit trail {audit_days} days"));
    output.object(&json!({
        "users": users, "max_users": max_users, "channels": channels, "max_channels": max_channels,
        "sessions_per_user": sessions_per_user, "audit_days": audit_days,
    }));
}

fn show(organization: &Organization, view: &View, output: Output) {
    let path = |id: Option<ChannelId>| {
        let id = id?;
        Some(view.channels.get(&id.0).map_or_else(|| format!("channel {id}"), |channel| view.path(channel)))
    };
    let (newcomers, idle) = (path(organization.default_channel), path(organization.afk_channel));
    let after = Span(organization.afk_after);
    output.line(&organization.name);
    let welcome = match organization.welcome.as_str() {
        "" => "none".to_owned(),
        text => text.replace('\n', "\n                    "),
    };
    output.line(format!("  welcome           {welcome}"));
    output.line(format!("  newcomers come to {}", newcomers.as_deref().unwrap_or("no channel")));
    output.line(match &idle {
        Some(idle) => format!("  the idle go to    {idle}, after {after}"),
        None => "  the idle          stay where they are".to_owned(),
    });
    let registration = registration_word(organization.registration);
    output.line(format!(
        "  guests            {}",
        if organization.guests { "are let in" } else { "aren't let in" }
    ));
    output.line(format!("  registration      {registration}"));
    output.object(&json!({
        "guests": organization.guests, "registration": registration,
        "name": organization.name, "welcome": organization.welcome, "default_channel": newcomers,
        "afk_channel": idle, "afk_after_ms": after.milliseconds(),
    }));
}
