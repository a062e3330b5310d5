//! Plugins: installed, granted something, called, removed.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use tokio::runtime::Handle as Runtime;

use super::handle::Handle;
use super::plugin_asks::Asking;
use super::plugin_gate::kind_of;
use super::plugin_host::PluginHost;
use super::plugin_turn::{Occasion, Purpose, not_done};
use super::plugin_work::hash_of;
use super::refused::Refused;
use super::shared::Shared;
use crate::account::Whose;
use crate::bounds::{MAX_PLUGIN_FAILURES, MAX_PLUGIN_GRANTS};
use crate::feed::KINDS;
use crate::id::Timestamp;
use crate::plugin::{CallError, Grant, Manifest, ManifestError, Module, Outcome};
use crate::protocol::ErrorCode;
use crate::protocol::call;
use crate::protocol::wire::{self, PluginLine, response};
use crate::state::{Actor, Asker, State};
use crate::store::write::{self, NewPlugin, PluginError};
use crate::store::{By, Plugin, PluginOff};
use crate::voice::Peer;

/// Where the machine's owner is, and the server itself.
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

impl<P: Peer> Handle<P> {
    /// Does what `actor` asks for about plugins.
    pub(super) async fn plugin(&self, actor: Actor, call: call::Plugin) -> Result<response::Body, Refused> {
        let brings_code = match &call {
            call::Plugin::SendPluginPart(_)
            | call::Plugin::CheckPlugin(_)
            | call::Plugin::InstallPlugin(_) => true,
            // Whoever takes something back needs no more than to administer; to give more, or to have it called again, is as
            // to install it.
            call::Plugin::EditPlugin(edit) => edit.on == Some(true) || self.is_given_more(edit)?,
            _ => false,
        };
        let rule = move |state: &State, asker: Asker<'_>| {
            if brings_code { state.may_have_code_run(asker) } else { Ok(()) }
        };
        let ((), by) = self.permit(actor, call.operation(), call.on(), rule).await?;
        let (store, home) = (&self.shared.store, self.shared.organization);
        match call {
            call::Plugin::SendPluginPart(part) => {
                self.shared.plugins.add_part(part, self.shared.clock.wall())?;
                Ok(response::Body::Done(wire::Done {}))
            }
            call::Plugin::CheckPlugin(check) => {
                let said = said(&accepted(&check.manifest)?);
                Ok(response::Body::Plugin(wire::Plugin { manifest: check.manifest, ..said }))
            }
            call::Plugin::InstallPlugin(install) => self.install_plugin(install, by).await,
            call::Plugin::ListPlugins(_) => {
                let plugins = store.plugins(home)?.into_iter().map(|plugin| show(plugin, false)).collect();
                Ok(response::Body::Plugins(wire::Plugins { plugins }))
            }
            call::Plugin::GetPlugin(get) => {
                Ok(response::Body::Plugin(show(self.plugin_named(&get.name)?, true)))
            }
            call::Plugin::EditPlugin(edit) => {
                let manifest = manifest_of(&self.plugin_named(&edit.name)?)?;
                let grants =
                    edit.granted.map(|granted| granted_of(&manifest, &granted.grants)).transpose()?;
                let write = write::edit_plugin(home, edit.name, grants, edit.on, brings_code);
                let plugin = store.commit(by, write).await?;
                self.shared.plugins.begin_anew(plugin.id);
                Ok(response::Body::Plugin(show(plugin, true)))
            }
            call::Plugin::RemovePlugin(remove) => {
                let plugin = store.commit(by, write::remove_plugin(home, remove.name)).await?;
                self.shared.plugins.forget(plugin.id);
                Ok(response::Body::Done(wire::Done {}))
            }
            call::Plugin::ReadPluginLog(read) => {
                let lines = self.shared.plugins.lines(self.plugin_named(&read.name)?.id);
                Ok(response::Body::PluginLog(wire::PluginLog { lines }))
            }
            call::Plugin::CallPlugin(call) => {
                let from = by.from.unwrap_or(HERE);
                let input = call.input.to_vec();
                let occasion = Occasion { purpose: Purpose::Call, whose: Whose::of(by), from };
                let outcome = self.run_plugin(&call.name, &call.function, input, occasion).await?;
                let took_us = u64::try_from(outcome.took.as_micros()).unwrap_or(u64::MAX);
                let output = outcome.result.map_err(|error| self.failed(&error))?.into();
                let called = wire::PluginCalled { output, fuel: outcome.fuel, took_us };
                Ok(response::Body::PluginCalled(called))
            }
        }
    }

    /// Calls a function of a plugin as a step of a flow, of which `actor` is the owner, and answers with what it gives. What the
    /// plugin asks of the server is decided for them.
    pub async fn call_plugin_for_step(
        &self,
        actor: Actor,
        name: &str,
        function: &str,
        input: Vec<u8>,
    ) -> Result<Vec<u8>, Refused> {
        // Whoever isn't let in has nothing called.
        self.look(move |control| control.unconnected(actor).map(drop)).await?;
        let whose = self.on_behalf_of(actor).await?;
        let occasion = Occasion { purpose: Purpose::Step(actor), whose, from: HERE };
        let outcome = self.run_plugin(name, function, input, occasion).await?;
        outcome.result.map_err(|error| self.failed(&error))
    }

    /// On whose behalf an actor has a plugin called.
    pub(super) async fn on_behalf_of(&self, actor: Actor) -> Result<Whose, Refused> {
        self.look(move |control| Ok(Whose::of(control.by(actor)))).await
    }

    fn is_given_more(&self, edit: &wire::EditPlugin) -> Result<bool, Refused> {
        let Some(granted) = &edit.granted else { return Ok(false) };
        check_number(&granted.grants)?;
        let found = self.shared.store.plugin(self.shared.organization, &edit.name)?;
        Ok(found.is_some_and(|plugin| granted.grants.iter().any(|grant| !plugin.grants.contains(grant))))
    }

    fn plugin_named(&self, name: &str) -> Result<Plugin, Refused> {
        let found = self.shared.store.plugin(self.shared.organization, name)?;
        Ok(found.ok_or(PluginError::NoSuchPlugin)?)
    }

    async fn install_plugin(&self, install: wire::InstallPlugin, by: By) -> Result<response::Body, Refused> {
        let manifest = accepted(&install.manifest)?;
        let grants = granted_of(&manifest, &install.grants)?;
        let code = self.shared.plugins.take_sent(&install.sha256, self.shared.clock.wall())?;
        let name = manifest.name.clone();
        // A large one takes a while to be looked at, as a call does.
        let occasion = Occasion { purpose: Purpose::Call, whose: Whose::of(by), from: HERE };
        let worker = self.shared.plugins.worker(occasion.purpose.line())?;
        let looked = worker
            .run(0, occasion.turn(), None, move || Module::load(&code, &manifest).map(|_| code))
            .await
            .map_err(not_done)?
            .ok_or_else(|| self.broken_off())?;
        let code = looked.map_err(|error| Refused::unfit(error.to_string()))?;
        let organization = self.shared.organization;
        let (manifest, sha256) = (install.manifest, install.sha256);
        let new = NewPlugin { organization, name, manifest, sha256, code, grants };
        let plugin = self.shared.store.commit(by, write::install_plugin(new)).await?;
        let there = self.shared.store.plugins(organization)?;
        self.shared.plugins.keep_known(&there.iter().map(|plugin| plugin.id).collect::<Vec<_>>());
        self.shared.plugins.begin_anew(plugin.id);
        Ok(response::Body::Plugin(show(plugin, true)))
    }

    /// Why a call came to nothing.
    fn failed(&self, error: &CallError) -> Refused {
        let code = match error {
            CallError::Stopping => return self.gone(),
            CallError::NoFunction(_) => ErrorCode::NotFound,
            CallError::Input => ErrorCode::TooLarge,
            _ => ErrorCode::PluginFailed,
        };
        Refused::Rejected(code, error.to_string())
    }

    /// Why a thread of plugins did nothing.
    fn broken_off(&self) -> Refused {
        if self.shared.plugins.stop.is_set() { self.gone() } else { Refused::Internal }
    }

    /// Calls a function of a plugin that is on.
    pub(super) async fn run_plugin(
        &self,
        name: &str,
        function: &str,
        input: Vec<u8>,
        occasion: Occasion,
    ) -> Result<Outcome, Refused> {
        let purpose = occasion.purpose;
        let plugin = self.plugin_to_call(name, purpose)?;
        let (handle, id) = (self.clone(), plugin.id);
        let (name, function, runtime) = (plugin.name, function.to_owned(), self.shared.plugins.runtime());
        let work = move || {
            // It may have waited, and what it was granted may have been taken from it.
            let plugin = handle.plugin_to_call(&name, purpose)?;
            call(&handle, &plugin, (occasion.from, runtime), &function, &input, purpose)
        };
        let worker = self.shared.plugins.worker(purpose.line())?;
        let called = worker.run(id.0, occasion.turn(), purpose.patience(), work).await;
        called.map_err(not_done)?.ok_or_else(|| self.broken_off())?
    }

    /// A plugin that is on, and may be called for this.
    fn plugin_to_call(&self, name: &str, purpose: Purpose) -> Result<Plugin, Refused> {
        let plugin = self.plugin_named(name)?;
        let grant = Grant::FlowStep.to_string();
        if matches!(purpose, Purpose::Step(_)) && !plugin.grants.contains(&grant) {
            let words = format!("flows may not call the plugin {name}: it wasn't granted `{grant}`");
            return Err(Refused::Rejected(ErrorCode::Forbidden, words));
        }
        if let Some(off) = plugin.off {
            let why = match off {
                PluginOff::Owner => format!("the plugin {name} is off; turn it on: parlour plugin on {name}"),
                PluginOff::Failing => format!(
                    "the plugin {name} is off, since it failed {MAX_PLUGIN_FAILURES} times in a row: {}",
                    plugin.failure
                ),
            };
            return Err(Refused::Rejected(ErrorCode::PluginFailed, why));
        }
        Ok(plugin)
    }
}

/// Calls a function, on the thread for that, and notes what came of it, even where nobody waits for that any more.
fn call<P: Peer>(
    handle: &Handle<P>,
    plugin: &Plugin,
    (from, runtime): (IpAddr, Runtime),
    function: &str,
    input: &[u8],
    purpose: Purpose,
) -> Result<Outcome, Refused> {
    let shared = &handle.shared;
    let module = load(shared, plugin)?;
    let grants: Arc<[Grant]> = plugin.grants.iter().filter_map(|word| Grant::from_word(word)).collect();
    let version = (plugin.sha256.clone(), plugin.installed);
    let host = PluginHost {
        handle: handle.clone(),
        plugin: plugin.id,
        asking: Some(Asking::new(handle.clone(), plugin.id, from, purpose)),
        version: version.clone(),
        runtime,
    };
    let mut outcome = module.call(function, input, grants, Box::new(host), purpose.longest());
    let at_ms = shared.clock.wall().0;
    let line = |level: &str, text: String| PluginLine {
        at_ms,
        level: level.to_owned(),
        function: function.to_owned(),
        text,
    };
    let mut lines: Vec<_> =
        std::mem::take(&mut outcome.lines).into_iter().map(|said| line(said.level, said.text)).collect();
    let failure = outcome.result.as_ref().err().filter(|error| error.is_failure());
    lines.extend(outcome.result.as_ref().err().map(|error| line("error", error.to_string())));
    // Of one that is another by now, or gone, nothing is kept.
    let there = shared.store.plugin_numbered(shared.organization, plugin.id)?;
    if there.is_some_and(|there| (there.sha256, there.installed) == version) {
        shared.plugins.write_down(plugin.id, lines);
        let failures = shared.plugins.count(plugin.id, failure.is_some());
        if let Some(failure) = failure.filter(|_| failures >= MAX_PLUGIN_FAILURES) {
            turn_off(shared, plugin, version, failure);
        }
    }
    Ok(outcome)
}

fn turn_off<P: Peer>(shared: &Shared<P>, plugin: &Plugin, version: (String, Timestamp), failure: &CallError) {
    let failure = failure.to_string();
    tracing::warn!(plugin = plugin.name, failure, "a plugin is off, since it failed too often in a row");
    let by = By::server(shared.clock.wall());
    let write = write::turn_plugin_off(shared.organization, plugin.id, version, failure);
    // Where that can't be written, its next failure tries it again.
    match shared.store.run(by, write) {
        Ok(_) => shared.plugins.look_anew(),
        Err(error) => tracing::warn!(%error, "a plugin that fails stays on"),
    }
}

/// A plugin's module, loaded where it isn't yet. Its code is what was accepted, or it isn't run.
fn load<P: Peer>(shared: &Shared<P>, plugin: &Plugin) -> Result<Arc<Module>, Refused> {
    let broken = |words: &str| {
        let words = format!("the plugin {} can't be loaded: {words}; install it again", plugin.name);
        Refused::Rejected(ErrorCode::PluginFailed, words)
    };
    // Installed anew, the same code may have another manifest.
    let which = format!("{} {}", plugin.sha256, plugin.installed.0);
    if let Some(module) = shared.plugins.loaded(plugin.id, &which) {
        return Ok(module);
    }
    let code = shared.store.plugin_code(shared.organization, plugin.id)?;
    let code = code.ok_or_else(|| broken("its code isn't there"))?;
    if hash_of(&code) != plugin.sha256 {
        return Err(broken("its code isn't what was accepted"));
    }
    let module = Module::load(&code, &manifest_of(plugin)?).map_err(|error| broken(&error.to_string()))?;
    let module = Arc::new(module);
    shared.plugins.keep_loaded(plugin.id, which, Arc::clone(&module));
    Ok(module)
}

/// A manifest that may be installed: the kinds of what happens in it are there.
fn accepted(manifest: &str) -> Result<Manifest, Refused> {
    let manifest = Manifest::read(manifest)?;
    if let Some(word) = manifest.hooks.events.iter().find(|word| kind_of(word).is_none()) {
        let known: Vec<_> = KINDS.iter().map(|(_, word)| *word).collect();
        let words = format!("`hooks.events` has `{word}`, and there are: {}", known.join(", "));
        return Err(Refused::unfit(words));
    }
    Ok(manifest)
}

fn manifest_of(plugin: &Plugin) -> Result<Manifest, Refused> {
    Ok(Manifest::read(&plugin.manifest)?)
}

fn check_number(words: &[String]) -> Result<(), Refused> {
    if words.len() > MAX_PLUGIN_GRANTS {
        return Err(Refused::unfit(format!("a plugin is granted {MAX_PLUGIN_GRANTS} things at most")));
    }
    Ok(())
}

/// What is granted of what a plugin asks for, each once.
fn granted_of(manifest: &Manifest, words: &[String]) -> Result<Vec<String>, Refused> {
    check_number(words)?;
    let mut granted = Vec::new();
    for word in words {
        let grant = Grant::from_word(word).filter(|grant| manifest.grants.contains(grant));
        let grant = grant.ok_or_else(|| {
            let asks: Vec<_> = manifest.grants.iter().map(Grant::to_string).collect();
            let asks = if asks.is_empty() { "nothing".to_owned() } else { asks.join(", ") };
            Refused::unfit(format!("`{word}` isn't among what the plugin asks for: {asks}"))
        })?;
        granted.push(grant);
    }
    granted.sort_unstable();
    granted.dedup();
    Ok(granted.iter().map(Grant::to_string).collect())
}

fn show(plugin: Plugin, whole: bool) -> wire::Plugin {
    // What was accepted was read then.
    let said = Manifest::read(&plugin.manifest).map_or_else(|_| wire::Plugin::default(), |read| said(&read));
    let off = match plugin.off {
        None => wire::PluginOff::On,
        Some(PluginOff::Owner) => wire::PluginOff::Owner,
        Some(PluginOff::Failing) => wire::PluginOff::Failing,
    };
    wire::Plugin {
        name: plugin.name,
        grants: plugin.grants,
        sha256: plugin.sha256,
        off: off.into(),
        failure: plugin.failure,
        installed_ms: plugin.installed.0,
        manifest: if whole { plugin.manifest } else { String::new() },
        ..said
    }
}

/// What a manifest says.
fn said(manifest: &Manifest) -> wire::Plugin {
    let number = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    wire::Plugin {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        description: manifest.description.clone(),
        functions: manifest.functions.clone(),
        asks: manifest.grants.iter().map(Grant::to_string).collect(),
        log_in: manifest.hooks.log_in.clone().unwrap_or_default(),
        admits_when_broken: manifest.hooks.admits_when_broken(),
        fuel: manifest.quotas.fuel,
        call_ms: number(manifest.quotas.ms),
        memory_kib: number(manifest.quotas.memory as u64 >> 10),
        ..wire::Plugin::default()
    }
}

impl From<ManifestError> for Refused {
    fn from(error: ManifestError) -> Self {
        Self::unfit(error.to_string())
    }
}

impl From<PluginError> for Refused {
    fn from(error: PluginError) -> Self {
        let code = match error {
            PluginError::NoSuchPlugin => ErrorCode::NotFound,
            PluginError::NotGranted => ErrorCode::PluginFailed,
            PluginError::TooMany | PluginError::Quota => ErrorCode::TooMany,
        };
        Self::Rejected(code, error.to_string())
    }
}
