//! `parlour assistant`.

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::caller::Caller;
use super::connect::Acting;
use super::invite::page_of;
use super::output::{Output, paint, styled};
use crate::auth::oauth::assistant_at;
use crate::bounds::LONGEST_PAGE;
use crate::client::RequestError;
use crate::id::Timestamp;
use crate::protocol::wire::{self, request, response};

/// Assistants: programs that ask the server for somebody, by the Model Context Protocol.
///
/// The machine's owner lets them by the setting assistant.enabled; docs/assistant.md says how one is set up.
#[derive(Debug, Args)]
pub(super) struct Assistant {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    acting: Acting,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Register an assistant. It asks its person then whether it may, and does what they may.
    Add {
        /// What people are told that it is called.
        name: String,
        /// Where it is come back to, to the letter; on one's own machine any port of it, as `http://127.0.0.1/callback`. May be given
        /// several times.
        #[arg(long = "redirect", value_name = "URI", required_unless_present = "account")]
        redirects: Vec<String>,
        /// What it may do at most, with spaces or commas between: permissions such as view, manage-users or move-others.
        #[arg(long, default_value = "view", value_name = "SCOPES")]
        scope: String,
        /// It may also change and take away what is there, as far as that goes.
        #[arg(long)]
        destructive: bool,
        /// It keeps a secret, as a service on the Internet does and a program on somebody's machine can't.
        #[arg(long)]
        secret: bool,
        /// It asks by itself for this account, with its secret alone, and sends nobody anywhere. Only the machine's owner names another
        /// account than their own.
        #[arg(long = "as", value_name = "NAME")]
        account: Option<String>,
    },
    /// Show what assistants asked for, the latest first, and what came of it.
    Calls {
        /// How many.
        #[arg(long, default_value_t = 20, value_name = "NUMBER")]
        limit: usize,
        /// Before the call of this number: the last one of the page before.
        #[arg(long, value_name = "NUMBER")]
        before: Option<u64>,
    },
}

const CALLS: &[(&str, &str, &str)] = &[
    ("number", "Call", ""),
    ("at", "When", ""),
    ("by", "For", ""),
    ("program", "Assistant", "-"),
    ("from", "From", "-"),
    ("tool", "Tool", ""),
    ("arguments", "With", ""),
    ("outcome", "Outcome", "never ended"),
];

impl Assistant {
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
            Self::Add { name, redirects, scope, destructive, secret, account } => {
                let Some(page) = page_of(acting, caller).await? else {
                    bail!(
                        "the server doesn't know by which address assistants reach it: set web.public_address to its name"
                    );
                };
                let address = assistant_at(page.trim_end_matches('/'));
                let more = if destructive { " offline_access destructive" } else { " offline_access" };
                let whom = if account.is_some() { "ask by itself" } else { "ask people" };
                let create = wire::CreateOauthClient {
                    name: name.clone(),
                    redirect_uris: redirects,
                    resources: vec![address.clone()],
                    scope: scope.replace(',', " ") + more,
                    public: !secret && account.is_none(),
                    account: account.unwrap_or_default(),
                    ..Default::default()
                };
                let answer = caller.ask(request::Body::CreateOauthClient(create)).await?;
                let response::Body::OauthClientMade(made) = answer else {
                    return Err(RequestError::Misfit.into());
                };
                let shown = |text: &str| paint(text, "1", styled());
                output.line(format!("{name} may {whom} from now on. What it needs:"));
                output.line(format!("  address        {}", shown(&address)));
                output.line(format!("  client_id      {}", shown(&made.id.to_string())));
                if !made.secret.is_empty() {
                    output.line(format!("  client_secret  {}", shown(&made.secret)));
                    output.line("The secret is shown once.");
                }
                if acting.at()?.is_none() && !acting.local.config()?.assistant() {
                    output
                        .line("The door is shut: set assistant.enabled = true, and start the server again.");
                }
                output
                    .line("`parlour oauth client list` shows it, and `parlour oauth client revoke` ends it.");
                output.object(&json!({ "client": made.id, "secret": made.secret, "address": address }));
            }
            Self::Calls { limit, before } => {
                output.records(CALLS, &calls(caller, limit, before.unwrap_or(0)).await?);
            }
        }
        Ok(())
    }
}

async fn calls(caller: &Caller, limit: usize, mut before: u64) -> anyhow::Result<Vec<Value>> {
    let mut rows = Vec::new();
    while rows.len() < limit {
        let wanted = (limit - rows.len()).min(LONGEST_PAGE);
        let list = wire::ListAssistantCalls { before, limit: wanted as u32 };
        let asked = request::Body::ListAssistantCalls(list);
        let response::Body::AssistantCalls(page) = caller.ask_patiently(asked).await? else {
            return Err(RequestError::Misfit.into());
        };
        let is_last = page.calls.len() < wanted;
        before = page.calls.last().map_or(before, |call| call.number);
        rows.extend(page.calls.into_iter().map(row));
        if is_last {
            break;
        }
    }
    Ok(rows)
}

fn row(call: wire::AssistantCall) -> Value {
    let said = |text: String| Some(text).filter(|text| !text.is_empty());
    json!({
        "number": call.number, "at": Timestamp(call.begun_ms), "by": call.by, "program": said(call.program),
        "client": call.client, "from": said(call.from), "tool": call.tool, "arguments": call.arguments,
        "ended": (call.ended_ms > 0).then_some(Timestamp(call.ended_ms)), "outcome": said(call.outcome),
    })
}
