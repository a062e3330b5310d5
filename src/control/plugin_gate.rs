//! Plugins that are asked about log-ins. They may refuse whoever has proven who they are; nobody comes in by them who is refused
//! otherwise. The organization's owners, the machine's owner and whoever comes back to a session aren't asked about, so that no
//! plugin locks out who could turn it off.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::handle::Handle;
use super::plugin_turn::{Occasion, Purpose};
use super::plugin_work::{Decides, Watching};
use super::refused::Refused;
use crate::account::{AccountError, Asked, Gate, Proven};
use crate::bounds::is_unprintable;
use crate::feed::{KINDS, Kind};
use crate::id::UserId;
use crate::plugin::{Grant, Manifest};
use crate::protocol::ErrorCode;
use crate::protocol::call::Entry;
use crate::store::{OWNER, Plugin, PluginOff};
use crate::voice::Peer;

/// How long a plugin may take for a log-in; it waits for its turn as long again at most.
const PATIENCE: Duration = Duration::from_secs(2);

/// Characters of a plugin's reason.
const REASON: usize = 200;

/// What a plugin decides. An answer that isn't this is as if it had failed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Decision {
    pub(super) allow: bool,
    #[serde(default)]
    reason: String,
    /// What is sent in place of a text.
    #[serde(default)]
    pub(super) text: Option<String>,
}

impl Decision {
    /// Why it refuses, or else this.
    pub(super) fn words(&self, otherwise: &str) -> String {
        let shown = |c: char| if is_unprintable(c) { ' ' } else { c };
        let reason: String = self.reason.chars().take(REASON).map(shown).collect();
        if reason.is_empty() { otherwise.to_owned() } else { reason }
    }
}

/// Why a plugin decides nothing.
pub(super) enum Undecided {
    /// It fails, or others keep it busy: its manifest says what becomes of that.
    Broken(String),
    /// Whoever is decided about keeps it busy themselves, in words for them: that lets nobody through.
    Busy(String),
}

/// The plugins that are asked about whoever comes by one way.
pub(super) struct PluginGate<'a, P> {
    pub(super) handle: &'a Handle<P>,
    pub(super) way: &'static str,
    pub(super) from: IpAddr,
}

impl<P> fmt::Debug for PluginGate<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginGate").field("way", &self.way).finish_non_exhaustive()
    }
}

impl<P: Peer> Gate for PluginGate<'_, P> {
    fn ask<'a>(&'a self, name: &'a str, user: Option<UserId>) -> Asked<'a> {
        Box::pin(self.handle.ask_plugins(name, user, self.way, self.from))
    }
}

impl<P: Peer> Handle<P> {
    /// Those who are asked about whoever has a program act for them, and shows their password for that.
    pub fn gate_of_programs(&self, from: IpAddr) -> impl Gate + '_ {
        PluginGate { handle: self, way: "program", from }
    }

    /// Asks about whoever comes in without anything being written for them: guests, and programs by a key. The others were
    /// asked about before that ([`PluginGate`]), but for whoever comes back.
    pub(super) async fn ask_about(&self, proven: &Proven, way: &str, from: IpAddr) -> Result<(), Refused> {
        if proven.user.is_none() || proven.key.is_some() {
            self.ask_plugins(&proven.name, proven.user, way, from).await?;
        }
        Ok(())
    }

    /// Asks about somebody who may come in by a name, and by which way.
    async fn ask_plugins(
        &self,
        name: &str,
        user: Option<UserId>,
        way: &str,
        from: IpAddr,
    ) -> Result<(), AccountError> {
        let watching = self.watching()?;
        if watching.iter().all(|one| one.log_in.is_none()) || self.is_owner(user)? {
            return Ok(());
        }
        let user = user.map(|user| user.0.to_string());
        let asked = json!({ "name": name, "user": user, "way": way, "address": from.to_string() });
        for one in watching.iter() {
            let Some(decides) = &one.log_in else { continue };
            let occasion = Occasion::log_in(Purpose::LogIn(PATIENCE), from);
            let decided = self.decide_by((one, decides), asked.to_string().into_bytes(), occasion).await;
            match decided {
                Ok(Decision { allow: true, .. }) => (),
                Ok(decision) => {
                    let words = decision.words("you aren't let in here");
                    return Err(AccountError::NotLetIn(ErrorCode::Forbidden, words));
                }
                Err(Undecided::Busy(words)) => {
                    return Err(AccountError::NotLetIn(ErrorCode::Busy, words));
                }
                Err(Undecided::Broken(why)) if decides.admits_when_broken => {
                    tracing::debug!(plugin = one.name, why, "a log-in isn't decided by a plugin");
                }
                Err(Undecided::Broken(why)) => {
                    tracing::debug!(
                        plugin = one.name,
                        why,
                        "a log-in is refused, since a plugin can't decide it"
                    );
                    let words = format!(
                        "the plugin {} decides here who comes in, and it fails; an owner of this place can turn it off",
                        one.name
                    );
                    return Err(AccountError::NotLetIn(ErrorCode::PluginFailed, words));
                }
            }
        }
        Ok(())
    }

    /// What a plugin decides, or why it doesn't.
    pub(super) async fn decide_by(
        &self,
        (one, decides): (&Watching, &Decides),
        asked: Vec<u8>,
        occasion: Occasion,
    ) -> Result<Decision, Undecided> {
        let broken = |why: String| Err(Undecided::Broken(why));
        if one.is_off {
            return broken("it is off, since it failed too often".to_owned());
        }
        let output = match self.run_plugin(&one.name, &decides.function, asked, occasion).await {
            Ok(outcome) => outcome.result,
            Err(Refused::Rejected(ErrorCode::Busy, words)) => return Err(Undecided::Busy(words)),
            Err(refused) => return broken(refused.to_string()),
        };
        match output {
            Ok(output) => serde_json::from_slice(&output)
                .or_else(|error| broken(format!("its decision can't be read: {error}"))),
            Err(error) => broken(error.to_string()),
        }
    }

    fn is_owner(&self, user: Option<UserId>) -> Result<bool, AccountError> {
        let user = user.map(|user| self.shared.store.user(user)).transpose()?.flatten();
        let owner = self.shared.organization.role(OWNER);
        Ok(user.is_some_and(|user| {
            user.grants.iter().any(|grant| grant.role == owner && grant.expires.is_none())
        }))
    }

    /// The plugins that are asked about something or told what happens, but those that are turned off by somebody.
    pub(super) fn watching(&self) -> Result<Arc<[Watching]>, AccountError> {
        if let Some(watching) = self.shared.plugins.watching() {
            return Ok(watching);
        }
        let plugins = self.shared.store.plugins(self.shared.organization)?;
        let watching: Arc<[Watching]> = plugins.into_iter().filter_map(watching_of).collect();
        self.shared.plugins.watch(Arc::clone(&watching));
        Ok(watching)
    }
}

/// What a plugin that wasn't turned off is asked about, as far as that was granted.
fn watching_of(plugin: Plugin) -> Option<Watching> {
    if plugin.off == Some(PluginOff::Owner) {
        return None;
    }
    let manifest = match Manifest::read(&plugin.manifest) {
        Ok(manifest) => manifest,
        Err(error) => {
            tracing::warn!(plugin = plugin.name, %error, "a plugin's manifest can't be read by this version");
            // Whoever it kept out isn't let in by that.
            let decides = Decides { function: String::new(), admits_when_broken: false };
            let log_in = Some(decides).filter(|_| Manifest::decided_about_log_ins(&plugin.manifest));
            return log_in.is_some().then_some(Watching {
                name: plugin.name,
                is_off: true,
                log_in,
                text: None,
                event: None,
            });
        }
    };
    let has = |grant: Grant| plugin.grants.contains(&grant.to_string());
    let hooks = &manifest.hooks;
    let decides = |function: &Option<String>, admits_when_broken| {
        function.clone().map(|function| Decides { function, admits_when_broken })
    };
    let log_in = decides(&hooks.log_in, hooks.admits_when_broken());
    let text = decides(&hooks.text, hooks.sends_when_broken()).filter(|_| has(Grant::HookText));
    let kinds = hooks.events.iter().filter_map(|word| kind_of(word)).collect();
    let event = hooks.event.clone().filter(|_| has(Grant::HookEvent)).map(|function| (function, kinds));
    if log_in.is_none() && text.is_none() && event.is_none() {
        return None;
    }
    Some(Watching { name: plugin.name, is_off: plugin.off.is_some(), log_in, text, event })
}

/// A kind of what happens, by its word.
pub(super) fn kind_of(word: &str) -> Option<Kind> {
    KINDS.iter().find(|(_, known)| *known == word).map(|(kind, _)| *kind)
}

/// The word for the way by which somebody comes.
pub(super) fn way_of(entry: &Entry) -> &'static str {
    match entry {
        Entry::LogInPassword(_) => "password",
        Entry::LogInGuest(_) => "guest",
        Entry::LogInKey(_) => "device-key",
        Entry::LogInApiKey(_) | Entry::AskByKey(_) => "api-key",
        Entry::LogInWeb(_) | Entry::BeginWebLogIn(_) => "device",
        Entry::Register(_) | Entry::LookAtInvite(_) => "registration",
        Entry::Hello(_)
        | Entry::LogInToken(_)
        | Entry::RedeemClaim(_)
        | Entry::RequestReset(_)
        | Entry::ResetPassword(_) => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{OrganizationId, PluginId, Timestamp};

    fn plugin(manifest: &str, off: Option<PluginOff>) -> Option<Watching> {
        watching_of(Plugin {
            organization: OrganizationId::FIRST,
            id: PluginId(1),
            name: "gate".to_owned(),
            manifest: manifest.to_owned(),
            sha256: String::new(),
            grants: Vec::new(),
            off,
            failure: String::new(),
            installed: Timestamp(1),
        })
    }

    #[test]
    fn a_plugin_whose_manifest_can_t_be_read_any_more_lets_nobody_in_until_it_is_turned_off() {
        let gate = "name = \"gate\"\nfunctions = [\"run\"]\n[hooks]\nlog_in = \"run\"";
        assert!(plugin(gate, None).is_some_and(|one| !one.is_off && one.log_in.is_some()));
        let unknown = format!("{gate}\nof_another_version = true");
        let watched = plugin(&unknown, None).unwrap();
        assert!(watched.is_off && watched.log_in.is_some_and(|decides| !decides.admits_when_broken));
        assert!(plugin(&unknown, Some(PluginOff::Owner)).is_none());
        assert!(plugin("of_another_version = true", None).is_none());
    }
}
