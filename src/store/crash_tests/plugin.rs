//! Plugins in the model. What is known of one is one fact: its row, its code, and the variables that it keeps.

use super::disk::Dice;
use super::model::{Fact, Step, made};
use crate::id::PluginId;
use crate::store::write::{self, NewPlugin};
use crate::store::{Plugin, PluginOff, SEEDED_ORGANIZATION as HOME, Store};

/// Variables that a plugin is played with.
const VARIABLES: u64 = 4;

fn name(number: u64) -> String {
    format!("plugin{number}")
}

fn variable(number: u64) -> String {
    format!("v{number}")
}

/// What is there: the plugin, the bytes of its code, and its variables.
struct Found {
    plugin: Option<Plugin>,
    code: Option<Vec<u8>>,
    values: Vec<Option<Vec<u8>>>,
}

fn find(store: &Store, number: u64) -> Found {
    let plugin = store.plugin(HOME, &name(number)).unwrap();
    let code = plugin.as_ref().and_then(|plugin| store.plugin_code(HOME, plugin.id).unwrap());
    let value = |id: PluginId, number| store.plugin_value(HOME, id, &variable(number)).unwrap();
    let values =
        plugin.as_ref().map(|plugin| (0..VARIABLES).map(|number| value(plugin.id, number)).collect());
    Found { values: values.unwrap_or_default(), plugin, code }
}

fn words(found: &Found) -> Option<String> {
    let plugin = found.plugin.as_ref()?;
    let code = found.code.as_ref().map(Vec::len);
    let values: Vec<_> = found.values.iter().map(|value| value.as_ref().map(Vec::len)).collect();
    Some(format!("{}, {:?}, {:?}, {code:?}, {values:?}", plugin.sha256, plugin.grants, plugin.off))
}

pub(super) fn look(store: &Store, number: u64) -> Option<String> {
    words(&find(store, number))
}

/// A use case about the plugin of a number.
pub(super) fn step(store: &Store, dice: &mut Dice, number: u64, serial: u64) -> Step {
    let fact = Fact::Plugin(number);
    let mut after = find(store, number);
    let Some(plugin) = &mut after.plugin else {
        return install(after, dice, (fact, number, serial));
    };
    let (id, version) = (plugin.id, (plugin.sha256.clone(), plugin.installed));
    match dice.roll(8) {
        0 => made("remove_plugin", write::remove_plugin(HOME, name(number)).or_nothing(), fact, None),
        1 => install(after, dice, (fact, number, serial)),
        2 if plugin.off.is_none() => {
            plugin.off = Some(PluginOff::Failing);
            let write = write::turn_plugin_off(HOME, id, version, "it failed".to_owned()).or_nothing();
            made("turn_plugin_off", write, fact, words(&after))
        }
        roll if roll == 2 || roll == 3 || plugin.off.is_some() => {
            plugin.off = None;
            plugin.grants = vec!["kv".to_owned()];
            let grants = Some(plugin.grants.clone());
            let write = write::edit_plugin(HOME, name(number), grants, Some(true), true).or_nothing();
            made("edit_plugin", write, fact, words(&after))
        }
        _ => {
            let values = (0..VARIABLES).filter(|_| dice.roll(2) == 0).collect::<Vec<_>>();
            let values = values.into_iter().map(|number| {
                let value = (dice.roll(3) > 0).then(|| vec![serial as u8; dice.roll(6_000) as usize]);
                after.values[number as usize].clone_from(&value);
                (variable(number), value)
            });
            let write = write::keep_plugin_values(HOME, id, version, values.collect()).or_nothing();
            made("keep_plugin_values", write, fact, words(&after))
        }
    }
}

/// It is installed, or another version takes its place, which keeps what there is.
fn install(mut after: Found, dice: &mut Dice, (fact, number, serial): (Fact, u64, u64)) -> Step {
    let code = vec![serial as u8; 1 + dice.roll(20_000) as usize];
    let new = NewPlugin {
        organization: HOME,
        name: name(number),
        manifest: String::new(),
        sha256: serial.to_string(),
        code: code.clone(),
        grants: vec!["kv".to_owned()],
    };
    let what = if after.plugin.is_some() { "install_plugin (again)" } else { "install_plugin" };
    if after.plugin.is_none() {
        after.values = vec![None; VARIABLES as usize];
    }
    after.plugin = Some(Plugin {
        organization: HOME,
        id: PluginId(0),
        name: name(number),
        manifest: String::new(),
        sha256: new.sha256.clone(),
        grants: new.grants.clone(),
        off: None,
        failure: String::new(),
        installed: crate::id::Timestamp(1),
    });
    after.code = Some(code);
    made(what, write::install_plugin(new).or_nothing(), fact, words(&after))
}
