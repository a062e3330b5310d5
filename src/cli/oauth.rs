//! `parlour oauth`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::caller::Caller;
use super::connect::Acting;
use super::invite::page_of;
use super::output::{Output, paint, styled};
use crate::client::RequestError;
use crate::id::Timestamp;
use crate::protocol::wire::{self, request, response};

/// Programs of others: which may ask people to act for them, and which act for you.
#[derive(Debug, Args)]
pub(super) struct Oauth {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    acting: Acting,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Programs that may ask the people of this organization.
    #[command(subcommand)]
    Client(Client),
    /// Show the programs that act for you, or are told who you are.
    Allowed,
    /// Take back what you allowed a program; nor does it act for you by itself any more.
    Forget {
        /// Its number in the list.
        program: u64,
    },
}

#[derive(Debug, Subcommand)]
enum Client {
    /// Register a program. Its secret is shown once.
    Add {
        /// What people are told that it is called.
        name: String,
        /// Where it is come back to, to the letter; may be given several times.
        #[arg(long = "redirect", value_name = "URI")]
        redirects: Vec<String>,
        /// What it may ask for at most, with spaces or commas between: openid, profile, email, groups, `offline_access`, and
        /// permissions such as view or create-channel.
        #[arg(long, default_value = "openid profile email groups offline_access", value_name = "SCOPES")]
        scope: String,
        /// It can't keep a secret, as a program on people's own machines can't.
        #[arg(long)]
        public: bool,
        /// It may ask by a code that people type elsewhere, as a television does.
        #[arg(long)]
        device: bool,
        /// For what its tokens may be, beside this server; may be given several times.
        #[arg(long = "resource", value_name = "URI")]
        resources: Vec<String>,
        /// Where it is come back to after a log-out; may be given several times.
        #[arg(long = "logout", value_name = "URI")]
        logouts: Vec<String>,
        /// It acts by itself for this account, with its secret alone. Only the machine's owner names another account than
        /// their own.
        #[arg(long = "as", value_name = "NAME")]
        account: Option<String>,
        /// How its tokens are signed.
        #[arg(long, default_value = "ES256", value_parser = ["ES256", "EdDSA"])]
        algorithm: String,
    },
    /// Show the programs that are registered.
    List,
    /// A program is registered no more, and what people allowed it is gone.
    Revoke {
        /// Its number in the list.
        client: u64,
    },
}

const CLIENTS: &[(&str, &str, &str)] = &[
    ("client", "Client", ""),
    ("name", "Program", ""),
    ("secret", "Secret", "none"),
    ("scope", "May ask for", "nothing"),
    ("redirects", "Is come back to at", "nowhere"),
    ("as", "Acts by itself for", "nobody"),
];

const ALLOWED: &[(&str, &str, &str)] = &[
    ("program", "Program", ""),
    ("name", "Name", ""),
    ("scope", "May", "nothing"),
    ("by_itself", "By itself", "no"),
    ("since", "Since", ""),
    ("used", "Used", "-"),
];

impl Oauth {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let caller = Caller::of(&self.acting).await?;
        let done = self.command.run(&self.acting, &caller, output).await;
        caller.close().await;
        done
    }
}

impl Command {
    async fn run(self, acting: &Acting, caller: &Caller, output: Output) -> anyhow::Result<()> {
        match self {
            Self::Client(client) => client.run(acting, caller, output).await,
            Self::Allowed => {
                let list = request::Body::ListOauthGrants(wire::ListOauthGrants {});
                let response::Body::OauthGrants(found) = caller.ask(list).await? else {
                    return Err(RequestError::Misfit.into());
                };
                let row = |grant: &wire::OauthGrant| {
                    json!({
                        "program": grant.id, "name": grant.name, "scope": grant.scope,
                        "by_itself": grant.by_itself, "since": Timestamp(grant.created_ms),
                        "used": (grant.used_ms > 0).then_some(Timestamp(grant.used_ms)),
                    })
                };
                output.records(ALLOWED, &found.grants.iter().map(row).collect::<Vec<_>>());
                Ok(())
            }
            Self::Forget { program } => {
                let revoke = wire::RevokeOauthGrant { id: program };
                caller.done(request::Body::RevokeOauthGrant(revoke)).await?;
                output.line(format!("Program {program} acts for you no more."));
                output.object(&json!({ "forgotten": program }));
                Ok(())
            }
        }
    }
}

impl Client {
    async fn run(self, acting: &Acting, caller: &Caller, output: Output) -> anyhow::Result<()> {
        match self {
            Self::Add { name, redirects, scope, public, device, resources, logouts, account, algorithm } => {
                let create = wire::CreateOauthClient {
                    name: name.clone(),
                    redirect_uris: redirects,
                    logout_uris: logouts,
                    resources,
                    scope: scope.replace(',', " "),
                    public,
                    device,
                    account: account.unwrap_or_default(),
                    algorithm,
                };
                let answer = caller.ask(request::Body::CreateOauthClient(create)).await?;
                let response::Body::OauthClientMade(made) = answer else {
                    return Err(RequestError::Misfit.into());
                };
                output.line(format!("{name} may ask people from now on. What it needs:"));
                let shown = |text: &str| paint(text, "1", styled());
                output.line(format!("  client_id      {}", shown(&made.id.to_string())));
                if !made.secret.is_empty() {
                    output.line(format!("  client_secret  {}", shown(&made.secret)));
                    output.line("The secret is shown once.");
                }
                let page = page_of(acting, caller).await?;
                let page = page.as_deref().map(|page| page.trim_end_matches('/'));
                output.line(page.map_or_else(
                    || {
                        "The rest it reads at .well-known/openid-configuration below the page's address."
                            .to_owned()
                    },
                    |page| format!("The rest it reads at {page}/.well-known/openid-configuration."),
                ));
                output.object(&json!({ "client": made.id, "secret": made.secret }));
                Ok(())
            }
            Self::List => {
                let list = request::Body::ListOauthClients(wire::ListOauthClients {});
                let response::Body::OauthClients(found) = caller.ask(list).await? else {
                    return Err(RequestError::Misfit.into());
                };
                let row = |client: &wire::OauthClient| {
                    json!({
                        "client": client.id, "name": client.name,
                        "secret": (!client.public).then_some("kept"), "scope": client.scope,
                        "redirects": client.redirect_uris.join(" "), "logouts": client.logout_uris.join(" "),
                        "resources": client.resources.join(" "), "as": client.account,
                        "algorithm": client.algorithm, "created": Timestamp(client.created_ms),
                    })
                };
                output.records(CLIENTS, &found.clients.iter().map(row).collect::<Vec<_>>());
                Ok(())
            }
            Self::Revoke { client } => {
                let revoke = wire::RevokeOauthClient { id: client };
                caller.done(request::Body::RevokeOauthClient(revoke)).await?;
                output.line(format!("Program {client} is registered no more."));
                output.object(&json!({ "revoked": client }));
                Ok(())
            }
        }
    }
}
