//! `parlour hook`.

use std::time::Duration;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::connect::Server;
use super::output::{Output, paint, styled};
use crate::client::Session;
use crate::id::Timestamp;
use crate::protocol::wire::{self, HookDeliveryState, HookOff};

/// Webhooks: addresses to which the server sends what happens.
///
/// What is sent is what you may know. It is signed as Standard Webhooks says, so that a receiver can tell it from others'.
#[derive(Debug, Args)]
pub(super) struct Hook {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a webhook. Its secret is shown once.
    Add {
        /// Where messages go: https://...
        url: String,
        /// Kinds of what is sent, with commas between: channels, rights, accounts, presence, moderation, texts, recordings,
        /// elements. Default: all.
        #[arg(long, value_name = "KINDS", value_delimiter = ',')]
        events: Vec<String>,
        /// What it is for.
        #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
        description: String,
    },
    /// Show your webhooks.
    List,
    /// Send a message "test" to a webhook, and show what comes back.
    Test {
        /// Its number in the list.
        hook: u64,
    },
    /// Show the messages to a webhook, the latest first, and what came of them.
    Deliveries {
        /// Its number in the list.
        hook: u64,
        /// How many.
        #[arg(long, default_value_t = 20, value_name = "NUMBER")]
        limit: u32,
        /// One message only, by its number, with each try and the beginning of each answer.
        #[arg(long, value_name = "NUMBER")]
        message: Option<u64>,
    },
    /// Send a message again that was sent or given up, or try one at once that failed.
    Replay {
        /// The webhook's number in the list.
        hook: u64,
        /// The message's number.
        message: u64,
        /// All messages that are kept from that one on.
        #[arg(long)]
        onwards: bool,
    },
    /// Give a webhook another secret, which is shown once. Messages are signed with both for a day.
    Rotate {
        /// Its number in the list.
        hook: u64,
    },
    /// Take a webhook away, and the messages that wait for it.
    Remove {
        /// Its number in the list.
        hook: u64,
    },
    /// Send messages to a webhook again that was off.
    On {
        /// Its number in the list.
        hook: u64,
    },
    /// Send no messages to a webhook. What happens meanwhile isn't kept for it.
    Off {
        /// Its number in the list.
        hook: u64,
    },
}

const COLUMNS: &[(&str, &str, &str)] = &[
    ("id", "Webhook", ""),
    ("url", "Address", ""),
    ("events", "Told of", "all"),
    ("description", "For", ""),
    ("state", "State", ""),
    ("waiting", "Waiting", ""),
    ("failing", "Fails since", "-"),
];

const MESSAGES: &[(&str, &str, &str)] = &[
    ("number", "Message", ""),
    ("type", "Tells of", "?"),
    ("at", "Happened", ""),
    ("state", "State", ""),
    ("tries", "Tries", "none"),
    ("last", "Last answer", "-"),
    ("next", "Next try", "-"),
];

const TRIES: &[(&str, &str, &str)] = &[
    ("at", "Tried", ""),
    ("took_ms", "Took (ms)", ""),
    ("status", "Status", "none"),
    ("error", "Error", "-"),
    ("answer", "Answer", "-"),
];

/// How long it is waited for what comes of a test, and how often it is asked.
const TEST: (Duration, Duration) = (Duration::from_secs(20), Duration::from_millis(200));

impl Hook {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let session = self.server.enter_for_lasting().await?;
        let done = self.command.run(&session, output).await;
        session.close().await;
        done
    }
}

impl Command {
    async fn run(self, session: &Session, output: Output) -> anyhow::Result<()> {
        match self {
            Self::Add { url, events, description } => {
                let kinds = events.iter().map(|kind| kind.trim().to_owned()).collect();
                let made = session.create_hook(wire::CreateHook { url, description, kinds }).await?;
                output.line(format!("Webhook {}. Its receiver needs this secret:", made.id));
                show_secret(&made, output);
            }
            Self::List => {
                let rows: Vec<_> = session.hooks().await?.iter().map(row).collect();
                output.records(COLUMNS, &rows);
            }
            Self::Test { hook } => test(session, hook, output).await?,
            Self::Deliveries { hook, limit, message: None } => {
                let found = session.hook_deliveries(hook, 0, limit).await?;
                output.records(MESSAGES, &found.iter().map(message_row).collect::<Vec<_>>());
            }
            Self::Deliveries { hook, message: Some(number), .. } => {
                let message = message(session, hook, number).await?;
                output.records(TRIES, &message.tries.iter().map(try_row).collect::<Vec<_>>());
            }
            Self::Replay { hook, message, onwards } => {
                let count = session.replay_hook(hook, message, onwards).await?;
                let words = match count {
                    0 => "It is about to be sent already.".to_owned(),
                    1 => "One message is sent again.".to_owned(),
                    count => format!("{count} messages are sent again."),
                };
                output.line(words);
                output.object(&json!({ "replayed": count }));
            }
            Self::Rotate { hook } => {
                let made = session.rotate_hook_secret(hook).await?;
                output.line("Messages are signed with this secret from now on, and for a day with the former one, too:");
                show_secret(&made, output);
            }
            Self::Remove { hook } => {
                session.remove_hook(hook).await?;
                output.line(format!("Webhook {hook} is gone."));
                output.object(&json!({ "removed": hook }));
            }
            Self::On { hook } => {
                session.edit_hook(wire::EditHook { id: hook, on: Some(true), ..Default::default() }).await?;
                output.line(format!("Messages are sent to webhook {hook}."));
                output.object(&json!({ "on": hook }));
            }
            Self::Off { hook } => {
                session.edit_hook(wire::EditHook { id: hook, on: Some(false), ..Default::default() }).await?;
                output.line(format!("Nothing is sent to webhook {hook}."));
                output.object(&json!({ "off": hook }));
            }
        }
        Ok(())
    }
}

fn show_secret(made: &wire::HookMade, output: Output) {
    output.line(format!("  {}", paint(&made.secret, "1", styled())));
    output.line("It isn't shown again.");
    output.object(&json!({ "id": made.id, "secret": made.secret }));
}

/// Sends a test, and waits for what comes of it.
async fn test(session: &Session, hook: u64, output: Output) -> anyhow::Result<()> {
    let number = session.test_hook(hook).await?;
    let (mut left, mut waited) = (TEST.0, None);
    while waited.is_none() && !left.is_zero() {
        tokio::time::sleep(TEST.1).await;
        left = left.saturating_sub(TEST.1);
        waited = message(session, hook, number).await?.tries.last().cloned();
    }
    let Some(tried) = waited else {
        bail!(
            "the message waits behind others, or its receiver takes long; `parlour hook deliveries {hook}` shows what becomes of it"
        );
    };
    output.object(&try_row(&tried));
    if (200..300).contains(&tried.status) {
        output.line(format!("The receiver took it with status {}, in {} ms.", tried.status, tried.took_ms));
        return Ok(());
    }
    if tried.status == 0 {
        bail!("the message can't be delivered: {}", tried.error);
    }
    let answer: String = tried.answer.chars().take(200).collect();
    bail!("the receiver answered with status {}, so it is tried again: {answer}", tried.status);
}

/// One message to a webhook.
async fn message(session: &Session, hook: u64, number: u64) -> anyhow::Result<wire::HookDelivery> {
    let found = session.hook_deliveries(hook, number.saturating_add(1), 1).await?;
    match found.into_iter().find(|found| found.number == number) {
        Some(found) => Ok(found),
        None => bail!("this webhook has no message {number}; list them to see which are kept"),
    }
}

fn row(hook: &wire::Hook) -> Value {
    let state = match hook.off() {
        HookOff::On => "on",
        HookOff::Owner => "off",
        HookOff::Gone => "off: its receiver is gone (410)",
        HookOff::Failing => "off: it failed for five days",
        HookOff::NotLetIn => "off: you weren't let in",
        HookOff::Closed => "off: the ways into your account were closed",
    };
    json!({
        "id": hook.id, "url": hook.url, "description": hook.description, "events": hook.kinds.join(", "),
        "state": state, "on": hook.off() == HookOff::On, "waiting": hook.waiting,
        "created": Timestamp(hook.created_ms), "failing": time(hook.failing_ms),
        "former_until": time(hook.former_until_ms),
    })
}

fn message_row(message: &wire::HookDelivery) -> Value {
    let state = match message.state() {
        HookDeliveryState::Unspecified => "?",
        HookDeliveryState::Waiting => "waiting",
        HookDeliveryState::Delivered => "delivered",
        HookDeliveryState::GivenUp => "given up",
        HookDeliveryState::Withheld => "withheld",
    };
    let last = message.tries.last().map(|last| match last.status {
        0 => last.error.clone(),
        status => status.to_string(),
    });
    json!({
        "number": message.number, "id": message.message_id, "type": message.r#type, "at": Timestamp(message.at_ms),
        "state": state, "tries": message.tries.len(), "last": last, "next": time(message.next_ms),
    })
}

fn try_row(one: &wire::HookTry) -> Value {
    json!({
        "at": Timestamp(one.at_ms), "took_ms": one.took_ms, "status": (one.status > 0).then_some(one.status),
        "error": one.error, "answer": one.answer,
    })
}

fn time(at: u64) -> Option<Timestamp> {
    (at > 0).then_some(Timestamp(at))
}
