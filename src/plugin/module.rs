//! A plugin that was loaded and checked, and its calls.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmi::errors::ErrorKind;
use wasmi::{Config, EnforcedLimits, Engine, ExternType, Linker, Store, StoreLimitsBuilder, ValType};

use super::call::{Outcome, Running};
use super::error::{CallError, LoadError};
use super::grant::{ASKS, Grant, HTTP_REQUEST};
use super::host::Host;
use super::instance::{Tank, function, run};
use super::kernel;
use super::manifest::{Manifest, Quotas};
use crate::bounds::{MAX_PLUGIN_BYTES, MAX_PLUGIN_DATA, MAX_PLUGIN_DEPTH, MAX_PLUGIN_LINES};

/// How every module begins (WebAssembly Core Specification, section 5.5.16).
const MAGIC: &[u8] = b"\0asm";

/// Instructions that the beginning of an instance may take: nothing looks at the time meanwhile.
const BEGINNING: u64 = 10_000_000;

/// Bytes of an instance's stack at most, and elements of its tables.
const STACK: usize = 1 << 20;
const TABLE: usize = 10_000;

/// Bytes of what it says itself about why it failed.
const SAID: usize = 4 * MAX_PLUGIN_LINES.1;

/// What a development kit has run first in an instance.
const FIRST: [&str; 2] = ["_initialize", "__wasm_call_ctors"];

/// A plugin that was loaded and checked.
pub struct Module {
    engine: Engine,
    code: wasmi::Module,
    linker: Linker<Running>,
    functions: Vec<String>,
    config: Arc<BTreeMap<String, String>>,
    quotas: Quotas,
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Module").field("functions", &self.functions).finish_non_exhaustive()
    }
}

impl Module {
    /// Loads a module, and holds it against its manifest. Nothing of it runs.
    pub fn load(bytes: &[u8], manifest: &Manifest) -> Result<Self, LoadError> {
        if bytes.len() > MAX_PLUGIN_BYTES {
            return Err(LoadError::TooLarge);
        }
        if !bytes.starts_with(MAGIC) {
            let words = "it doesn't begin as that does; give what the compiler made of the source";
            return Err(LoadError::Invalid(words.to_owned()));
        }
        if has_code_of_no_function(bytes) {
            return Err(LoadError::Invalid("its code section counts no function, and has bytes".to_owned()));
        }
        let engine = Engine::new(&config());
        let code = wasmi::Module::new(&engine, bytes).map_err(|error| invalid(&error))?;
        let mut linker = Linker::new(&engine);
        kernel::link(&mut linker).map_err(|error| LoadError::Bounds(error.to_string()))?;
        let loaded = Self {
            engine,
            code,
            linker,
            functions: manifest.functions.clone(),
            config: Arc::new(manifest.config.clone()),
            quotas: manifest.quotas,
        };
        loaded.check_imports(&manifest.grants)?;
        for name in &manifest.functions {
            let is_fit = match loaded.code.get_export(name) {
                Some(ExternType::Func(ty)) => {
                    ty.params().is_empty() && matches!(ty.results(), [] | [ValType::I32])
                }
                _ => false,
            };
            if !is_fit {
                return Err(LoadError::NoFunction(name.clone()));
            }
        }
        Ok(loaded)
    }

    fn check_imports(&self, grants: &[Grant]) -> Result<(), LoadError> {
        for import in self.code.imports() {
            let (module, name) = (import.module().to_owned(), import.name().to_owned());
            let Some((types, grant)) = known(&module, &name) else {
                return Err(LoadError::Import { hint: hint(&module), module, name });
            };
            let is_typed = match import.ty() {
                ExternType::Func(ty) => (ty.params(), ty.results()) == types,
                _ => false,
            };
            if !is_typed {
                return Err(LoadError::Type { module, name });
            }
            let is_host = |grant: &Grant| matches!(grant, Grant::Http(_));
            if name == HTTP_REQUEST && !grants.iter().any(is_host) {
                return Err(LoadError::NoGrant { function: name, grant: "http:HOST".to_owned() });
            }
            if let Some(grant) = grant.filter(|grant| !grants.contains(grant)) {
                return Err(LoadError::NoGrant { function: name, grant: grant.to_string() });
            }
        }
        Ok(())
    }

    fn store(&self, host: Box<dyn Host>, grants: Arc<[Grant]>, deadline: Instant) -> Store<Running> {
        let limits = StoreLimitsBuilder::new()
            .memory_size(self.quotas.memory)
            .memories(1)
            .tables(8)
            .table_elements(TABLE)
            .instances(1)
            .build();
        let running = Running::new(Arc::clone(&self.config), grants, host, deadline, limits);
        let mut store = Store::new(&self.engine, running);
        store.limiter(|running| &mut running.limits);
        store
    }

    /// The functions that may be called.
    pub fn functions(&self) -> &[String] {
        &self.functions
    }

    /// Calls a function, in an instance of its own, with what was granted. It ends within its quotas, and within `longest`
    /// where that is shorter. What it asks for beside its own computing goes to `host`.
    pub fn call(
        &self,
        name: &str,
        input: &[u8],
        grants: Arc<[Grant]>,
        host: Box<dyn Host>,
        longest: Option<Duration>,
    ) -> Outcome {
        let started = Instant::now();
        let mut quotas = self.quotas;
        if let Some(longest) = longest {
            quotas.ms = quotas.ms.min(u64::try_from(longest.as_millis()).unwrap_or(u64::MAX));
        }
        let mut store = self.store(host, grants, started + Duration::from_millis(quotas.ms));
        let mut tank = Tank::new(quotas);
        let result = self.do_call(&mut store, &mut tank, name, input).map_err(CallError::bounded);
        let fuel = tank.used(&store);
        let lines = std::mem::take(&mut store.data_mut().lines);
        Outcome { result, lines, fuel, took: started.elapsed() }
    }

    fn do_call(
        &self,
        store: &mut Store<Running>,
        tank: &mut Tank,
        name: &str,
        input: &[u8],
    ) -> Result<Vec<u8>, CallError> {
        if !self.functions.iter().any(|function| function == name) {
            return Err(CallError::NoFunction(name.to_owned()));
        }
        if input.len() > MAX_PLUGIN_DATA {
            return Err(CallError::Input);
        }
        let at = store.data_mut().arena.put(input).map_err(|_| CallError::Arena)?;
        store.data_mut().input = (at, input.len() as u64);
        tank.fill(store, BEGINNING.min(self.quotas.fuel))?;
        let instance = match self.linker.instantiate_and_start(&mut *store, &self.code) {
            Ok(instance) => instance,
            Err(error) => {
                let why = tank.why(store, &error);
                return Err(match why {
                    CallError::Trap(why) => CallError::Begin(why),
                    why => why,
                });
            }
        };
        tank.take_back(store)?;
        if let Some(first) = FIRST.iter().find_map(|name| function(store, instance, name)) {
            run(store, first, tank)?;
        }
        let func = function(store, instance, name).ok_or_else(|| CallError::NoFunction(name.to_owned()))?;
        let failed = run(store, func, tank)?;
        let running = store.data_mut();
        if failed != 0 {
            let said = if running.error == 0 {
                format!("status {failed}")
            } else {
                running.text(running.error, SAID)
            };
            return Err(CallError::Said(said));
        }
        let (at, len) = running.output;
        let output =
            if len == 0 { Vec::new() } else { running.arena.range(at, len).unwrap_or_default().to_vec() };
        let values: Vec<_> = std::mem::take(&mut running.values).into_iter().collect();
        if !values.is_empty() && running.has(&Grant::Kv) {
            let failed = |why| CallError::Host { function: "var_set".to_owned(), why };
            running.host.keep(values).map_err(failed)?;
        }
        Ok(output)
    }
}

fn config() -> Config {
    let mut config = Config::default();
    config
        .consume_fuel(true)
        .set_max_recursion_depth(MAX_PLUGIN_DEPTH)
        .set_max_stack_height(STACK)
        .set_max_cached_stacks(1)
        .ignore_custom_sections(true)
        .wasm_multi_memory(false)
        .enforced_limits(EnforcedLimits::strict());
    config
}

/// Whether a module's code section counts no function and has more bytes than the count (WebAssembly Core Specification, section 5.5.13).
/// wasmi 2 divides by that count to learn how long functions are. What can't be read is left to it.
fn has_code_of_no_function(bytes: &[u8]) -> bool {
    const CODE: u8 = 10;
    let mut rest = bytes.get(8..).unwrap_or_default();
    while let [id, after @ ..] = rest {
        let Some((size, after)) = number(after) else { return false };
        if *id == CODE {
            return size > 1 && number(after).is_some_and(|(count, _)| count == 0);
        }
        let Some(next) = after.get(size as usize..) else { return false };
        rest = next;
    }
    false
}

/// A number of 32 bits in LEB128, and what is behind it.
fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut value = 0_u32;
    for (at, byte) in bytes.iter().enumerate().take(5) {
        value |= u32::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

fn invalid(error: &wasmi::Error) -> LoadError {
    let text = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    let text = text.chars().take(300).collect();
    match error.kind() {
        ErrorKind::UserLimits(_) | ErrorKind::ImplementationLimits(_) => LoadError::Bounds(text),
        _ => LoadError::Invalid(text),
    }
}

/// What a function takes, and what it gives.
type Type = (&'static [ValType], &'static [ValType]);

/// What a function takes and gives that a plugin may import, and the grant that it needs.
fn known(module: &str, name: &str) -> Option<(Type, Option<&'static Grant>)> {
    if module == kernel::ENV {
        let (_, params, results) = kernel::TYPES.iter().find(|(known, ..)| *known == name)?;
        return Some(((params, results), None));
    }
    let (_, grant) = ASKS.iter().find(|(known, _)| module == kernel::USER && *known == name)?;
    Some((kernel::ASKING, Some(grant)))
}

/// What to do about an import that isn't there, where that is known.
fn hint(module: &str) -> &'static str {
    if module.starts_with("wasi") {
        "; build it for wasm32-unknown-unknown or wasm32-freestanding, without WASI"
    } else if module == "env" {
        "; tell the compiler not to leave symbols to the host (AssemblyScript: --use abort=)"
    } else {
        ""
    }
}
