//! The server to be measured: one of our own on another core, or any other.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use thiserror::Error;

use crate::auth::Token;
use crate::id::{RoleId, Timestamp};
use crate::store::write::{self, NewUser};
use crate::store::{By, Failed, OpenError, SEEDED_ORGANIZATION, STORE_FILE, Session, Store};

/// Why there is no server to measure.
#[derive(Debug, Error)]
pub enum TargetError {
    /// Its data directory can't be prepared.
    #[error("can't prepare a server to measure: {0}")]
    Prepare(String),
    /// It can't be started.
    #[error("can't start a server to measure: {0}")]
    Start(io::Error),
    /// It said something else than that it listens.
    #[error("the server to measure doesn't start; its log above says why")]
    Silent,
    /// Its processor time can't be read.
    #[error("can't read how much processor time the server took: {0}")]
    Usage(io::Error),
}

impl From<OpenError> for TargetError {
    fn from(error: OpenError) -> Self {
        Self::Prepare(error.to_string())
    }
}

/// A server to put load on. One that was started is ended when this is dropped.
#[derive(Debug)]
pub struct Target {
    address: SocketAddr,
    own: Option<Own>,
}

#[derive(Debug)]
struct Own {
    child: Child,
    tokens: Vec<Token>,
    _directory: tempfile::TempDir,
}

/// Processor time and memory at a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    /// When.
    pub at: Instant,
    /// Processor time of the server, when it is known.
    pub server: Option<Duration>,
    /// Processor time of this program.
    pub driver: Duration,
    /// Memory of the server in bytes; 0 when it isn't known.
    pub memory: u64,
}

impl Target {
    /// A server somewhere, which lets guests in. Its processor time isn't known.
    pub fn elsewhere(address: SocketAddr) -> Self {
        Self { address, own: None }
    }

    /// Starts a server of this program on a core of its own, with accounts and channels for the load.
    pub fn start(people: usize, channels: usize) -> Result<Self, TargetError> {
        let directory = tempfile::tempdir().map_err(TargetError::Start)?;
        let tokens = prepare(&directory.path().join(STORE_FILE), people, channels)?;
        let program = std::env::current_exe().map_err(TargetError::Start)?;
        let mut command = Command::new(program);
        command
            .args(["--json", "serve", "--listen", "127.0.0.1:0", "--log", "warn", "--data-dir"])
            .arg(directory.path())
            .env("PARLOUR_LIMITS_MAX_SESSIONS", "10000")
            .env("PARLOUR_LIMITS_REQUESTS_PER_SECOND", "1000")
            .env("PARLOUR_STORE_BACKUP_HOURS", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        // What is started inherits where this thread may run.
        let mine = sched_getaffinity(None).ok();
        let cores = mine.as_ref().map(cores).unwrap_or_default();
        if let [first, _, ..] = cores[..] {
            let _ = sched_setaffinity(None, &only(first));
        }
        let started = command.spawn();
        if let [_, rest @ ..] = &cores[..]
            && !rest.is_empty()
        {
            let mut others = CpuSet::new();
            for core in rest {
                others.set(*core);
            }
            let _ = sched_setaffinity(None, &others);
        }
        let mut child = started.map_err(TargetError::Start)?;
        let mut line = String::new();
        let said = child.stdout.as_mut().map(|out| BufReader::new(out).read_line(&mut line));
        let address = said
            .and_then(Result::ok)
            .and_then(|_| serde_json::from_str::<serde_json::Value>(&line).ok())
            .and_then(|said| said["addresses"][0].as_str()?.parse().ok());
        let own = Own { child, tokens, _directory: directory };
        // Dropping it ends the process.
        let mut target = Self { address: (Ipv4Addr::LOCALHOST, 0).into(), own: Some(own) };
        target.address = address.ok_or(TargetError::Silent)?;
        Ok(target)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The token of the account of a number, on a server of our own.
    pub(super) fn token(&self, number: usize) -> Option<&Token> {
        self.own.as_ref()?.tokens.get(number)
    }

    /// What it has taken so far.
    pub(super) fn usage(&self) -> Result<Usage, TargetError> {
        let driver = processor_time("self").map_err(TargetError::Usage)?;
        let at = Instant::now();
        let Some(own) = &self.own else { return Ok(Usage { at, server: None, driver, memory: 0 }) };
        let process = own.child.id().to_string();
        let server = Some(processor_time(&process).map_err(TargetError::Usage)?);
        let memory = memory(&process).map_err(TargetError::Usage)?;
        Ok(Usage { at, server, driver, memory })
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn cores(set: &CpuSet) -> Vec<usize> {
    (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect()
}

fn only(core: usize) -> CpuSet {
    let mut set = CpuSet::new();
    set.set(core);
    set
}

/// Accounts that are logged in, and channels, as a server has them that ran for a while.
fn prepare(path: &Path, people: usize, channels: usize) -> Result<Vec<Token>, TargetError> {
    let now = Timestamp::default().plus(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default());
    let failed = |error: &dyn std::fmt::Display| TargetError::Prepare(error.to_string());
    let store = Store::open(path, now)?;
    let (by, mut tokens, mut writes) = (By::server(now), Vec::new(), Vec::new());
    for number in 0..channels {
        let channel = crate::store::Channel {
            id: crate::id::ChannelId(0),
            organization: SEEDED_ORGANIZATION,
            parent: None,
            name: channel_name(number),
            description: String::new(),
            position: 100,
            mode: 0,
            password: None,
            created: now,
        };
        writes.push((by, write::create_channel(channel).erased()));
    }
    for number in 0..people {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|error| failed(&error))?;
        let token = Token::from_random(random);
        let new = NewUser {
            organization: SEEDED_ORGANIZATION,
            name: format!("load{number}"),
            email: None,
            password: None,
            roles: vec![RoleId(3)],
        };
        let session = Session {
            id: store.new_session_id(),
            user: crate::id::UserId(0),
            token: token.hash(),
            created: now,
            expires: now.plus(Duration::from_secs(24 * 60 * 60)),
            device: "load".to_owned(),
            address: None,
        };
        let create = write::create_user(new)
            .then(move |user| write::create_session(Session { user: user.id, ..session }));
        writes.push((by, create.erased()));
        tokens.push(token);
    }
    let done = store.run(by, write::all(writes)).map_err(Failed::into_commit_error);
    for outcome in done.map_err(|error| failed(&error))? {
        outcome.map_err(|error| failed(&error))?;
    }
    Ok(tokens)
}

/// The channel of a number.
pub(super) fn channel_name(number: usize) -> String {
    format!("Load {number}")
}

/// User and system time of a process, of all its threads, from the kernel's accounting.
fn processor_time(process: &str) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in parentheses, may hold spaces; utime and stime are the 14th and 15th fields.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    let a_second = rustix::param::clock_ticks_per_second().max(1);
    Ok(Duration::from_secs_f64(ticks as f64 / a_second as f64))
}

/// Resident memory of a process, in bytes.
fn memory(process: &str) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024)
}
