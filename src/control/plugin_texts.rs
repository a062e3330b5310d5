//! Texts and plugins: those that are asked before one is sent into a channel, and those that write one.

use serde_json::json;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::given::Given;
use super::handle::Handle;
use super::plugin_gate::Undecided;
use super::plugin_turn::{Occasion, Purpose};
use super::refused::Refused;
use crate::account::Whose;
use crate::bounds::MAX_TEXT;
use crate::feed::Doer;
use crate::id::ChannelId;
use crate::protocol::ErrorCode;
use crate::protocol::call::Live;
use crate::protocol::wire::{self, send_text};
use crate::state::{Actor, Asked, Change, Writer};
use crate::voice::Peer;

/// How long a plugin may take for a text; it waits for its turn as long again at most.
const PATIENCE: Duration = Duration::from_millis(500);

/// Where texts are asked about: plugins aren't told from where somebody writes.
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

impl<P: Peer> Handle<P> {
    /// Asks plugins about a text before it is sent into a channel, behind all other checks. It is sent as they leave it. What is
    /// written to one person is for nobody else, so nobody is asked about it.
    pub(super) async fn ask_about_text(
        &self,
        actor: Actor,
        mut send: wire::SendText,
    ) -> Result<wire::SendText, Refused> {
        let watching = self.watching()?;
        if watching.iter().all(|one| one.text.is_none()) {
            return Ok(send);
        }
        let Some((from, channel, whose)) = self.decided_text(actor, send.clone()).await? else {
            return Ok(send);
        };
        let occasion = Occasion { purpose: Purpose::Text(PATIENCE), whose, from: HERE };
        for one in watching.iter() {
            let Some(decides) = &one.text else { continue };
            let asked = json!({ "name": from.name, "user": from.user.map(|user| user.0.to_string()),
                "channel": channel.0.to_string(), "text": send.text });
            let decided = self.decide_by((one, decides), asked.to_string().into_bytes(), occasion).await;
            let decided = decided.and_then(|decision| match &decision.text {
                Some(text) if text.trim().is_empty() || text.len() > MAX_TEXT => {
                    Err(Undecided::Broken("what it puts in the text's place can't be sent".to_owned()))
                }
                _ => Ok(decision),
            });
            match decided {
                Ok(decision) if decision.allow => send.text = decision.text.unwrap_or(send.text),
                Ok(decision) => {
                    let words = decision.words("this isn't sent here");
                    return Err(Refused::Rejected(ErrorCode::Forbidden, words));
                }
                Err(Undecided::Busy(words)) => return Err(Refused::Rejected(ErrorCode::Busy, words)),
                Err(Undecided::Broken(why)) if decides.admits_when_broken => {
                    tracing::debug!(plugin = one.name, why, "a text isn't decided by a plugin");
                }
                Err(Undecided::Broken(why)) => {
                    tracing::debug!(
                        plugin = one.name,
                        why,
                        "a text isn't sent, since a plugin can't decide it"
                    );
                    let words = format!(
                        "the plugin {} decides here what is sent, and it fails; an owner of this place can turn it off",
                        one.name
                    );
                    return Err(Refused::Rejected(ErrorCode::PluginFailed, words));
                }
            }
        }
        Ok(send)
    }

    /// Who would write a text into which channel, and on whose behalf; nothing where it isn't for a channel.
    async fn decided_text(
        &self,
        actor: Actor,
        send: wire::SendText,
    ) -> Result<Option<(Writer, ChannelId, Whose)>, Refused> {
        let asked = Asked::from(Live::SendText(send));
        self.look(move |control| {
            let facts = control.facts(actor, &asked, &Given::default())?;
            Ok(match control.state.decide(actor, &asked, &facts)? {
                Change::TextChannel { from, channel, .. } => {
                    Some((from, channel, Whose::of(control.by(actor))))
                }
                _ => None,
            })
        })
        .await
    }

    /// Writes into a channel as a plugin. In a step of a flow that is for whoever might do it themselves.
    pub(super) async fn write_for_plugin(
        &self,
        plugin: &str,
        channel: u64,
        text: String,
        purpose: Purpose,
    ) -> Result<(), Refused> {
        let live = Live::SendText(wire::SendText { to: Some(send_text::To::Channel(channel)), text });
        let doer = match purpose {
            Purpose::Step(actor) => {
                self.would(actor, live.clone().into()).await?;
                // So that flows which it begins know how deep they are.
                match actor {
                    Actor::Account { user, origin, .. } => Doer::Account { user, way: origin.way },
                    Actor::Session(_) | Actor::Operator => Doer::Server,
                }
            }
            Purpose::Call | Purpose::LogIn(_) | Purpose::Text(_) | Purpose::Event => Doer::Server,
        };
        // No account is called so: names have no spaces.
        let written_by = Some(Box::new((format!("plugin {plugin}"), doer)));
        let given = Given { written_by, ..Given::default() };
        self.change(Actor::Operator, live.into(), given).await?;
        Ok(())
    }
}
