//! What a call of a plugin has while it runs, and what it comes to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmi::StoreLimits;

use super::arena::Arena;
use super::error::CallError;
use super::grant::Grant;
use super::host::Host;
use crate::bounds::{MAX_PLUGIN_ASKS, MAX_PLUGIN_LINES, MAX_PLUGIN_VALUES, is_unprintable};

/// A line that a plugin had written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How grave it is: "info", "warn" or "error".
    pub level: &'static str,
    /// What it says.
    pub text: String,
}

/// What a call came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the plugin gave, or why it gave nothing.
    pub result: Result<Vec<u8>, CallError>,
    /// What it had written down, the first lines.
    pub lines: Vec<Line>,
    /// Instructions that it did, roughly.
    pub fuel: u64,
    /// How long it took.
    pub took: Duration,
}

/// What a call has while it runs.
pub(super) struct Running {
    pub(super) arena: Arena,
    /// Where the input lies, and how long it is.
    pub(super) input: (u64, u64),
    /// The same of the output.
    pub(super) output: (u64, u64),
    /// Where the plugin's own error lies; 0 where there is none.
    pub(super) error: u64,
    pub(super) config: Arc<BTreeMap<String, String>>,
    pub(super) grants: Arc<[Grant]>,
    /// Variables that it set, `None` for those that it removed.
    pub(super) values: BTreeMap<String, Option<Vec<u8>>>,
    pub(super) host: Box<dyn Host>,
    asks: u32,
    pub(super) deadline: Instant,
    /// Fuel that the server took for what it did, beyond what there was.
    pub(super) debt: u64,
    pub(super) lines: Vec<Line>,
    /// The status of the last answer of a host on the network.
    pub(super) status: u16,
    pub(super) limits: StoreLimits,
    /// Why the server broke it off.
    pub(super) stopped: Option<CallError>,
}

impl Running {
    pub(super) fn new(
        config: Arc<BTreeMap<String, String>>,
        grants: Arc<[Grant]>,
        host: Box<dyn Host>,
        deadline: Instant,
        limits: StoreLimits,
    ) -> Self {
        Self {
            arena: Arena::default(),
            input: (0, 0),
            output: (0, 0),
            error: 0,
            config,
            grants,
            values: BTreeMap::new(),
            host,
            asks: 0,
            deadline,
            debt: 0,
            lines: Vec::new(),
            status: 0,
            limits,
            stopped: None,
        }
    }

    /// The first bytes of a block as text, `most` of them; what is none in it is shown as such.
    pub(super) fn text(&self, at: u64, most: usize) -> String {
        let block = self.arena.block(at).unwrap_or_default();
        String::from_utf8_lossy(&block[..block.len().min(most)]).into_owned()
    }

    /// Whether it was granted something, and still has it.
    pub(super) fn has(&self, grant: &Grant) -> bool {
        self.grants.contains(grant) && self.host.still_has(grant)
    }

    /// How long it may still take.
    pub(super) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Counts what it asks the server for.
    pub(super) fn ask(&mut self) -> Result<(), CallError> {
        self.asks += 1;
        if self.asks > MAX_PLUGIN_ASKS { Err(CallError::Asks) } else { Ok(()) }
    }

    pub(super) fn write_down(&mut self, level: &'static str, text: &str) {
        if self.lines.len() < MAX_PLUGIN_LINES.2 {
            let shown = |c: char| if is_unprintable(c) { ' ' } else { c };
            let text = text.chars().take(MAX_PLUGIN_LINES.1).map(shown).collect();
            self.lines.push(Line { level, text });
        }
    }

    /// A variable.
    pub(super) fn value(&mut self, name: &str) -> Result<Option<Vec<u8>>, CallError> {
        if let Some(set) = self.values.get(name) {
            return Ok(set.clone());
        }
        if !self.has(&Grant::Kv) {
            return Ok(None);
        }
        self.host.value(name).map_err(|why| CallError::Host { function: "var_get".to_owned(), why })
    }

    /// Sets a variable, or removes it.
    pub(super) fn set_value(&mut self, name: String, value: Option<Vec<u8>>) -> Result<(), CallError> {
        let refused = |why: String| Err(CallError::Host { function: "var_set".to_owned(), why });
        let (most, most_bytes, _) = MAX_PLUGIN_VALUES;
        self.values.insert(name, value);
        let bytes =
            |(name, value): (&String, &Option<Vec<u8>>)| name.len() + value.as_ref().map_or(0, Vec::len);
        if self.values.len() > most || self.values.iter().map(bytes).sum::<usize>() > most_bytes {
            return refused(format!(
                "there are {most} variables at most, of {} KiB together",
                most_bytes >> 10
            ));
        }
        Ok(())
    }
}
