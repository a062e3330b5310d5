//! `parlour what-if`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::channel::Exception;
use super::connect::Server;
use super::output::{Output, counted};
use super::role::{Changes, named};
use super::span::Span;
use super::words::all_of;
use crate::client::{Change, Differences, Session};
use crate::id::ChannelId;

/// Show what would be different after a change, which isn't made.
#[derive(Debug, Args)]
pub(super) struct WhatIf {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// If a role were changed or deleted.
    Role {
        #[command(subcommand)]
        command: RoleCommand,
    },
    /// If a user had a role.
    Grant {
        /// The user's name.
        user: String,
        /// The role's name.
        role: String,
        /// For how long: 12h, 7d. Default: for good.
        #[arg(long = "for", value_name = "TIME")]
        life: Option<Span>,
    },
    /// If a user had a role no more.
    Revoke {
        /// The user's name.
        user: String,
        /// The role's name.
        role: String,
    },
    /// If a channel made an exception, in place of the one it makes.
    Allow(Exception),
    /// If a channel were below another one.
    Move {
        /// The channel's path.
        channel: String,
        /// The other one's; `/` for the top.
        parent: String,
    },
}

#[derive(Debug, Subcommand)]
enum RoleCommand {
    /// If it were changed.
    Edit {
        /// Its name.
        name: String,
        #[command(flatten)]
        edit: Changes,
    },
    /// If there were no such role.
    Delete {
        /// Its name.
        name: String,
    },
}

impl WhatIf {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let session = self.server.enter().await?;
        let change = self.command.change(&session).await?;
        show(&session.what_if(change).await?, output);
        session.close().await;
        Ok(())
    }
}

impl Command {
    async fn change(self, session: &Session) -> anyhow::Result<Change> {
        let roles = session.roles().await?;
        let view = session.view();
        Ok(match self {
            Self::Role { command: RoleCommand::Edit { name, edit } } => {
                let role = named(&roles, &name)?;
                Change::EditRole(role.id, edit.of(role.allow))
            }
            Self::Role { command: RoleCommand::Delete { name } } => {
                Change::RemoveRole(named(&roles, &name)?.id)
            }
            Self::Grant { user, role, life } => {
                Change::GrantRole { user, role: named(&roles, &role)?.id, life: life.map(|life| life.0) }
            }
            Self::Revoke { user, role } => Change::RevokeRole { user, role: named(&roles, &role)?.id },
            Self::Allow(exception) => Change::SetOverwrite(exception.resolved(&view)?),
            Self::Move { channel, parent } => {
                let channel = view.find(&channel)?;
                let parent = match parent.as_str() {
                    "" | "/" => None,
                    path => Some(ChannelId(view.find(path)?.id)),
                };
                Change::MoveChannel { channel: ChannelId(channel.id), parent, position: channel.position }
            }
        })
    }
}

fn show(differences: &Differences, output: Output) {
    let mut rows = Vec::new();
    for row in &differences.rows {
        let (gains, loses) = (row.after.without(row.before), row.before.without(row.after));
        let shown = |permissions: crate::permission::Permissions| {
            if permissions.is_empty() { String::new() } else { all_of(permissions) }
        };
        let away = if row.session.is_none() { " (not connected)" } else { "" };
        let channel = if row.channel.is_some() { row.channel_path.as_str() } else { "-" };
        rows.push(vec![format!("{}{away}", row.name), channel.to_owned(), shown(gains), shown(loses)]);
        output.object(&json!({
            "session": row.session, "name": row.name, "channel": row.channel.map(|_| &row.channel_path),
            "gains": gains, "loses": loses, "before": row.before, "after": row.after,
        }));
    }
    let (shown, count) = (rows.len() as u64, u64::from(differences.count));
    if !rows.is_empty() {
        output.table(&["Who", "Channel", "Gains", "Loses"], rows);
    }
    output.line(match count {
        0 => "Nothing would be different.".to_owned(),
        count if count > shown => format!("{}, of which {shown} are shown.", counted(count, "difference")),
        count => format!("{}. Nothing is changed yet.", counted(count, "difference")),
    });
    output.object(&json!({ "count": count }));
}
