//! Plugins that are asked about log-ins. They may refuse whoever has proven who they are; nobody comes in by them who is refused
//! otherwise. The organization's owners, the machine's owner and whoever comes back to a session aren't asked about, so that no
//! plugin locks out who could turn it off.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use super::handle::Handle;
use super::plugin_work::Watching;
use super::refused::Refused;
use crate::account::Proven;
use crate::id::UserId;
use crate::plugin::Manifest;
use crate::protocol::ErrorCode;
use crate::protocol::call::Entry;
use crate::store::{OWNER, PluginOff};
use crate::voice::Peer;

/// How long a plugin may take for a log-in, and how long a log-in waits for it in all.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(4));

/// Characters of a plugin's reason.
const REASON: usize = 200;

/// What a plugin decides. An answer that isn't this is as if it had failed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Decision {
    allow: bool,
    #[serde(default)]
    reason: String,
}

impl<P: Peer> Handle<P> {
    /// Asks about somebody who has proven who they are, and takes back what was begun for them where they are refused.
    pub(super) async fn ask_about(&self, proven: Proven, way: &str, from: IpAddr) -> Result<Proven, Refused> {
        let comes_back = proven.begun().is_none() && proven.user.is_some() && proven.key.is_none();
        if comes_back {
            return Ok(proven);
        }
        let asked = self.ask_plugins(&proven.name, proven.user, way, from).await;
        if asked.is_err()
            && let Some(begun) = proven.begun()
        {
            self.shared.accounts.withdraw(begun).await;
        }
        asked.map(|()| proven)
    }

    /// Asks about somebody who may come in by a name, and by which way.
    pub(super) async fn ask_plugins(
        &self,
        name: &str,
        user: Option<UserId>,
        way: &str,
        from: IpAddr,
    ) -> Result<(), Refused> {
        let watching = self.watching()?;
        if watching.is_empty() || self.is_owner(user)? {
            return Ok(());
        }
        let user = user.map(|user| user.0.to_string());
        let asked = json!({ "name": name, "user": user, "way": way, "address": from.to_string() });
        for one in watching.iter() {
            let decided = if one.is_off {
                Err("it is off, since it failed too often".to_owned())
            } else {
                self.decide_by(one, asked.to_string().into_bytes(), from).await
            };
            match decided {
                Ok(Decision { allow: true, .. }) => (),
                Ok(Decision { reason, .. }) => {
                    let shown = |c: char| if c.is_control() { ' ' } else { c };
                    let reason: String = reason.chars().take(REASON).map(shown).collect();
                    let words = if reason.is_empty() { "you aren't let in here".to_owned() } else { reason };
                    return Err(Refused::Rejected(ErrorCode::Forbidden, words));
                }
                Err(why) if one.admits_when_broken => {
                    tracing::debug!(plugin = one.name, why, "a log-in isn't decided by a plugin");
                }
                Err(why) => {
                    tracing::debug!(
                        plugin = one.name,
                        why,
                        "a log-in is refused, since a plugin can't decide it"
                    );
                    let words = format!(
                        "the plugin {} decides here who comes in, and it fails; an owner of this place can turn it off",
                        one.name
                    );
                    return Err(Refused::Rejected(ErrorCode::PluginFailed, words));
                }
            }
        }
        Ok(())
    }

    async fn decide_by(&self, one: &Watching, asked: Vec<u8>, from: IpAddr) -> Result<Decision, String> {
        let called = self.run_for_log_in(&one.name, &one.function, asked, from, PATIENCE.0);
        let outcome = timeout(PATIENCE.1, called).await.map_err(|_| "it took too long".to_owned())?;
        let output =
            outcome.map_err(|refused| refused.to_string())?.result.map_err(|error| error.to_string())?;
        serde_json::from_slice(&output).map_err(|error| format!("its decision can't be read: {error}"))
    }

    fn is_owner(&self, user: Option<UserId>) -> Result<bool, Refused> {
        let user = user.map(|user| self.shared.store.user(user)).transpose()?.flatten();
        let owner = self.shared.organization.role(OWNER);
        Ok(user.is_some_and(|user| {
            user.grants.iter().any(|grant| grant.role == owner && grant.expires.is_none())
        }))
    }

    /// The plugins that are asked about log-ins, of those that aren't turned off by somebody.
    fn watching(&self) -> Result<Arc<[Watching]>, Refused> {
        if let Some(watching) = self.shared.plugins.watching() {
            return Ok(watching);
        }
        let mut watching = Vec::new();
        for plugin in self.shared.store.plugins(self.shared.organization)? {
            let Ok(manifest) = Manifest::read(&plugin.manifest) else { continue };
            let Some(function) = manifest.hooks.log_in.clone() else { continue };
            if plugin.off != Some(PluginOff::Owner) {
                watching.push(Watching {
                    name: plugin.name,
                    function,
                    is_off: plugin.off.is_some(),
                    admits_when_broken: manifest.hooks.admits_when_broken(),
                });
            }
        }
        let watching: Arc<[Watching]> = watching.into();
        self.shared.plugins.watch(Arc::clone(&watching));
        Ok(watching)
    }
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
