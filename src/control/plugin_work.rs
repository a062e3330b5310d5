//! What the server knows of an organization's plugins while it runs: those that are loaded, their logs, how often they failed in
//! a row, and code that is being sent.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use tokio::runtime::Handle as Runtime;
use tokio::sync::watch;

use super::plugin_turn::Line;
use super::refused::Refused;
use crate::account::Whose;
use crate::bounds::{MAX_PLUGIN_BYTES, MAX_PLUGIN_LINES, MAX_PLUGIN_PART, MAX_PLUGIN_UPLOADS};
use crate::feed::Kind;
use crate::id::{PluginId, Timestamp};
use crate::plugin::{Module, Stop, Worker};
use crate::protocol::ErrorCode;
use crate::protocol::wire::{PluginLine, SendPluginPart};

/// An organization's plugins.
#[derive(Debug, Default)]
pub(super) struct Plugins {
    inner: Mutex<Inner>,
    /// Set when the server stops, or when the organization is deleted.
    pub(super) stop: Stop,
    /// Where what calls wait for goes on meanwhile: none that carries voice.
    runtime: OnceLock<Runtime>,
    /// Counts how often it may have changed who is asked about something.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Inner {
    /// The threads, each from its first call on.
    workers: HashMap<Line, Arc<Worker<Whose>>>,
    /// Who is asked about something, once that was looked at.
    watching: Option<Arc<[Watching]>>,
    known: HashMap<PluginId, Known>,
    /// The one that was added to last is the last one.
    uploads: Vec<Upload>,
}

/// A plugin that is asked about something, or told what happens.
#[derive(Debug)]
pub(super) struct Watching {
    pub(super) name: String,
    /// It failed too often.
    pub(super) is_off: bool,
    /// What decides about log-ins.
    pub(super) log_in: Option<Decides>,
    /// What decides about texts.
    pub(super) text: Option<Decides>,
    /// What is told what happens, and of which kinds.
    pub(super) event: Option<(String, Vec<Kind>)>,
}

/// A function that decides about something.
#[derive(Clone, Debug)]
pub(super) struct Decides {
    pub(super) function: String,
    /// It is done where the function fails.
    pub(super) admits_when_broken: bool,
}

/// What is known of a plugin.
#[derive(Debug, Default)]
struct Known {
    loaded: Option<(String, Arc<Module>)>,
    failures: u32,
    lines: VecDeque<PluginLine>,
}

/// Code that is being sent.
#[derive(Debug)]
struct Upload {
    sha256: String,
    bytes: Vec<u8>,
    touched: Timestamp,
}

impl Plugins {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has what calls wait for go on in a runtime that carries no voice. The first one counts.
    pub(super) fn run_on(&self, runtime: &Runtime) {
        let _ = self.runtime.set(runtime.clone());
    }

    pub(super) fn runtime(&self) -> Runtime {
        self.runtime.get().cloned().unwrap_or_else(Runtime::current)
    }

    /// The thread on which plugins are called one after the other.
    pub(super) fn worker(&self, line: Line) -> Result<Arc<Worker<Whose>>, Refused> {
        let mut inner = self.lock();
        if self.stop.is_set() {
            return Err(Refused::Stopping);
        }
        if let Some(worker) = inner.workers.get(&line) {
            return Ok(Arc::clone(worker));
        }
        let worker = Arc::new(Worker::start(self.stop.clone()).map_err(|error| {
            tracing::error!(%error, "no thread can be started for plugins");
            Refused::Internal
        })?);
        inner.workers.insert(line, Arc::clone(&worker));
        Ok(worker)
    }

    /// Breaks off what is under way, and waits until it has let go of the store. Nothing is called any more.
    pub(super) async fn end(&self) {
        self.stop.set();
        let workers = std::mem::take(&mut self.lock().workers);
        if workers.is_empty() {
            return;
        }
        let ended = tokio::task::spawn_blocking(move || workers.values().for_each(|worker| worker.end()));
        // It fails where the threads panicked, and then they have ended.
        let _ = ended.await;
    }

    /// Who is asked about something; nothing where that has to be looked at.
    pub(super) fn watching(&self) -> Option<Arc<[Watching]>> {
        self.lock().watching.clone()
    }

    pub(super) fn watch(&self, watching: Arc<[Watching]>) {
        self.lock().watching = Some(watching);
    }

    /// Has it looked at anew who is asked about something.
    pub(super) fn look_anew(&self) {
        self.lock().watching = None;
        self.changes.send_modify(|count| *count += 1);
    }

    /// Tells whenever it may have changed who is asked about something.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// A plugin that is loaded, if it is of this code and manifest.
    pub(super) fn loaded(&self, id: PluginId, which: &str) -> Option<Arc<Module>> {
        let inner = self.lock();
        let (loaded, module) = inner.known.get(&id)?.loaded.as_ref()?;
        (loaded == which).then(|| Arc::clone(module))
    }

    pub(super) fn keep_loaded(&self, id: PluginId, which: String, module: Arc<Module>) {
        self.lock().known.entry(id).or_default().loaded = Some((which, module));
    }

    /// A plugin begins anew: it is another one, or was turned on.
    pub(super) fn begin_anew(&self, id: PluginId) {
        let mut inner = self.lock();
        let known = inner.known.entry(id).or_default();
        (known.loaded, known.failures) = (None, 0);
        drop(inner);
        self.look_anew();
    }

    /// Forgets all but these: a call that was under way while its plugin was removed may have left something of it here.
    pub(super) fn keep_known(&self, there: &[PluginId]) {
        self.lock().known.retain(|id, _| there.contains(id));
    }

    pub(super) fn forget(&self, id: PluginId) {
        self.lock().known.remove(&id);
        self.look_anew();
    }

    /// Counts a call. Answers with how many failed in a row.
    pub(super) fn count(&self, id: PluginId, has_failed: bool) -> u32 {
        let mut inner = self.lock();
        let known = inner.known.entry(id).or_default();
        known.failures = if has_failed { known.failures + 1 } else { 0 };
        known.failures
    }

    /// Writes lines into a plugin's log.
    pub(super) fn write_down(&self, id: PluginId, lines: Vec<PluginLine>) {
        if lines.is_empty() {
            return;
        }
        let mut inner = self.lock();
        let log = &mut inner.known.entry(id).or_default().lines;
        log.extend(lines);
        let surplus = log.len().saturating_sub(MAX_PLUGIN_LINES.0);
        log.drain(..surplus);
    }

    /// A plugin's log, the latest line first.
    pub(super) fn lines(&self, id: PluginId) -> Vec<PluginLine> {
        self.lock()
            .known
            .get(&id)
            .map(|known| known.lines.iter().rev().cloned().collect())
            .unwrap_or_default()
    }

    /// Takes a part of code that is being sent.
    pub(super) fn add_part(&self, part: SendPluginPart, now: Timestamp) -> Result<(), Refused> {
        let malformed = |words: &str| Err(Refused::unfit(words.to_owned()));
        let is_hash = part.sha256.len() == 64 && HEXLOWER.decode(part.sha256.as_bytes()).is_ok();
        if !is_hash {
            return malformed("`sha256` is 64 hexadecimal digits, small");
        }
        if part.data.is_empty() || part.data.len() > MAX_PLUGIN_PART {
            return malformed(&format!("`data` has 1 to {MAX_PLUGIN_PART} bytes"));
        }
        let mut inner = self.lock();
        forget_old(&mut inner.uploads, now);
        let place = inner.uploads.iter().position(|upload| upload.sha256 == part.sha256);
        let found = place.map(|place| inner.uploads.remove(place));
        let mut upload = match (found, part.offset) {
            (_, 0) => Upload { sha256: part.sha256, bytes: Vec::new(), touched: now },
            (Some(found), _) => found,
            (None, _) => {
                return malformed("this code isn't being sent any more; begin anew, with `offset` 0");
            }
        };
        if upload.bytes.len() as u64 != part.offset {
            let expected = upload.bytes.len();
            inner.uploads.push(upload);
            return malformed(&format!("the next part begins at {expected}; parts come in their order"));
        }
        if upload.bytes.len() + part.data.len() > MAX_PLUGIN_BYTES {
            let words = format!("a plugin has {} MiB at most", MAX_PLUGIN_BYTES >> 20);
            return Err(Refused::Rejected(ErrorCode::TooLarge, words));
        }
        upload.bytes.extend_from_slice(&part.data);
        upload.touched = now;
        if inner.uploads.len() >= MAX_PLUGIN_UPLOADS.0 {
            inner.uploads.remove(0);
        }
        inner.uploads.push(upload);
        Ok(())
    }

    /// Code that was sent, if it is what it was said to be. It isn't kept any longer.
    pub(super) fn take_sent(&self, sha256: &str, now: Timestamp) -> Result<Vec<u8>, Refused> {
        let mut inner = self.lock();
        forget_old(&mut inner.uploads, now);
        let Some(place) = inner.uploads.iter().position(|upload| upload.sha256 == sha256) else {
            return Err(Refused::unfit("no code of this `sha256` was sent; send its parts first".to_owned()));
        };
        let code = inner.uploads.remove(place).bytes;
        if hash_of(&code) == sha256 {
            return Ok(code);
        }
        Err(Refused::unfit("what was sent has another `sha256`; send it anew".to_owned()))
    }
}

/// The SHA-256 of a plugin's code, as it is written.
pub(super) fn hash_of(code: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(code))
}

fn forget_old(uploads: &mut Vec<Upload>, now: Timestamp) {
    let life = Duration::from_secs(60 * MAX_PLUGIN_UPLOADS.1);
    uploads.retain(|upload| now.since(upload.touched) < life);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(code: &[u8], offset: usize, len: usize) -> SendPluginPart {
        let data = bytes::Bytes::copy_from_slice(&code[offset..offset + len]);
        SendPluginPart { sha256: hash_of(code), offset: offset as u64, data }
    }

    #[test]
    fn code_comes_in_parts_and_is_what_it_was_said_to_be() {
        let (plugins, now, code) = (Plugins::default(), Timestamp(5), [1, 2, 3, 4, 5, 6]);
        let said = |refused: Result<(), Refused>| refused.unwrap_err().to_string();
        assert!(said(plugins.add_part(part(&code, 2, 2), now)).contains("begin anew"));
        plugins.add_part(part(&code, 0, 4), now).unwrap();
        assert!(said(plugins.add_part(part(&code, 2, 2), now)).contains("begins at 4"));
        let early = plugins.take_sent(&hash_of(&code), now).map(drop);
        assert!(said(early).contains("another `sha256`"));
        plugins.add_part(part(&code, 0, 4), now).unwrap();
        plugins.add_part(part(&code, 4, 2), now).unwrap();
        assert_eq!(plugins.take_sent(&hash_of(&code), now).unwrap(), code);
        assert!(said(plugins.take_sent(&hash_of(&code), now).map(drop)).contains("no code"));
        let wrong = SendPluginPart { sha256: "AB".repeat(32), ..part(&code, 0, 4) };
        assert!(said(plugins.add_part(wrong, now)).contains("hexadecimal"));
    }

    #[test]
    fn what_is_being_sent_is_bounded_in_size_number_and_time() {
        let (plugins, now) = (Plugins::default(), Timestamp(5));
        let large = vec![7; MAX_PLUGIN_BYTES + MAX_PLUGIN_PART];
        let mut at = 0;
        let refused = loop {
            match plugins.add_part(part(&large, at, MAX_PLUGIN_PART), now) {
                Ok(()) => at += MAX_PLUGIN_PART,
                Err(refused) => break refused,
            }
        };
        assert_eq!(refused.code(), ErrorCode::TooLarge);
        for code in [[1; 4], [2; 4], [3; 4]] {
            plugins.add_part(part(&code, 0, 4), now).unwrap();
        }
        assert!(plugins.take_sent(&hash_of(&[1; 4]), now).is_err());
        assert!(plugins.take_sent(&hash_of(&[2; 4]), now).is_ok());
        let later = now.plus(Duration::from_secs(60 * MAX_PLUGIN_UPLOADS.1));
        assert!(plugins.take_sent(&hash_of(&[3; 4]), later).is_err());
    }

    #[test]
    fn a_log_keeps_its_last_lines() {
        let (plugins, id) = (Plugins::default(), PluginId(1));
        let line = |number: usize| PluginLine { text: number.to_string(), ..PluginLine::default() };
        for number in 0..MAX_PLUGIN_LINES.0 + 10 {
            plugins.write_down(id, vec![line(number)]);
        }
        let kept = plugins.lines(id);
        assert_eq!((kept.len(), kept[0].text.as_str()), (MAX_PLUGIN_LINES.0, "265"));
        assert_eq!([true, true, false, true].map(|failed| plugins.count(id, failed)), [1, 2, 0, 1]);
        plugins.forget(id);
        assert!(plugins.lines(id).is_empty());
    }
}
