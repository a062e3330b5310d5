//! `parlour admin`.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::json;

use super::operate::LocalServer;
use super::output::{Output, paint, styled};
use super::serve::{address_for_others, claim_command};
use crate::admin::{Database, Request};
use crate::auth::{StoredPassword, check_password};
use crate::endpoint::{AskError, ask_local};
use crate::id::Fingerprint;
use crate::protocol::wire::{self, request, response};

/// Look after a server on this machine.
#[derive(Debug, Args)]
pub(super) struct Admin {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    local: LocalServer,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a new claim code for an administrator; the one before is good no more.
    ClaimCode,
    /// Show what the running server does.
    Status,
    /// Read a password from standard input, and print what `parlour db import` takes for it.
    HashPassword,
    /// Show the e-mails that wait to be sent, or to be handed over where no mail server is named.
    Outbox,
}

impl Admin {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let local = self.local;
        match self.command {
            Command::ClaimCode => {
                let (config, directory) = (local.config()?, local.directory()?);
                let body = request::Body::NewClaimCode(wire::NewClaimCode {});
                let response::Body::ClaimCode(claim) = ask(&directory, body).await? else {
                    return Err(AskError::Unknown.into());
                };
                let status = status(&directory).await?;
                let listened: Vec<SocketAddr> =
                    status.addresses.iter().filter_map(|text| text.parse().ok()).collect();
                let address = address_for_others(&config, &listened);
                output.line(format!("Claim code: {}", paint(&claim.code, "1;33", styled())));
                output.line("Good once, for 24 hours. It is asked for by:");
                match Fingerprint::parse(&status.fingerprint) {
                    Some(identity) => output.line(format!("  {}", claim_command(&address, identity))),
                    None => output.line(format!("  parlour claim {address}")),
                }
                output.object(&json!({ "claim_code": claim.code, "expires_ms": claim.expires_ms }));
            }
            Command::HashPassword => {
                let password = super::secret::password(true, "", false)?;
                check_password(&password)?;
                let mut salt = [0; 16];
                getrandom::fill(&mut salt).context("the operating system gives no random bytes")?;
                let hash = StoredPassword::new(&password, salt).context("the password can't be hashed")?;
                let hash = serde_json::to_value(&hash)?;
                output.line(hash.as_str().unwrap_or_default());
                output.object(&json!({ "password": hash }));
            }
            Command::Outbox => {
                let answer = local.operate(Request::Database(Database::Outbox), output).await?;
                for mail in &answer.rows {
                    let word = |name: &str| mail[name].as_str().unwrap_or_default().to_owned();
                    output.line(format!("{}  {}", paint(&word("to"), "1", styled()), word("subject")));
                    output.line(format!("{}\n", word("text").trim_end()));
                    output.object(mail);
                }
                if answer.rows.is_empty() {
                    output.line("No e-mail waits.");
                }
            }
            Command::Status => {
                show(output, &status(&local.directory()?).await?);
            }
        }
        Ok(())
    }
}

async fn status(directory: &Path) -> anyhow::Result<wire::Status> {
    let body = request::Body::ServerStatus(wire::ServerStatus {});
    match ask(directory, body).await? {
        response::Body::Status(status) => Ok(status),
        _ => Err(AskError::Unknown.into()),
    }
}

fn show(output: Output, status: &wire::Status) {
    output.line(format!("{}, version {}", status.name, status.version));
    output.line(format!("  listening   {}", status.addresses.join(", ")));
    output.line(format!("  identity    {}", status.fingerprint));
    output.line(format!("  connected   {}", status.sessions));
    // A server with a single organization is that organization.
    if status.organizations.iter().any(|used| !used.tag.is_empty()) {
        let row = |used: &wire::OrganizationInUse| {
            vec![used.tag.clone(), used.name.clone(), used.sessions.to_string()]
        };
        output.table(&["Org", "Name", "Connected"], status.organizations.iter().map(row).collect());
    }
    let seen = status.counters.iter().filter(|counter| counter.value > 0);
    output.table(&["Counter", "Value"], seen.map(|c| vec![c.name.clone(), c.value.to_string()]).collect());
    let counters: serde_json::Map<_, _> =
        status.counters.iter().map(|counter| (counter.name.clone(), counter.value.into())).collect();
    let row = |used: &wire::OrganizationInUse| json!({ "org": used.tag, "name": used.name, "sessions": used.sessions });
    let organizations: Vec<_> = status.organizations.iter().map(row).collect();
    output.object(&json!({
        "name": status.name, "version": status.version, "addresses": status.addresses,
        "fingerprint": status.fingerprint, "sessions": status.sessions, "started_ms": status.started_ms,
        "counters": counters, "organizations": organizations,
    }));
}

async fn ask(directory: &Path, body: request::Body) -> anyhow::Result<response::Body> {
    match ask_local(directory, body).await {
        Ok(response::Body::Error(error)) => bail!("{}", error.message),
        Ok(answer) => Ok(answer),
        Err(AskError::NotRunning(directory)) => bail!(
            "no server is running on {}; start it with `parlour serve` (it prints a new claim code while it has \
             no administrator), or name its directory with --data-dir",
            directory.display()
        ),
        Err(error) => Err(error.into()),
    }
}
