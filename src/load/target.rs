//! The server to be measured: one of our own on another core, or any other.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use thiserror::Error;

use super::process::Process;
use super::tally::Usage;
use crate::auth::Token;
use crate::id::{RoleId, Timestamp};
use crate::store::write::{self, Entry, NewSession, NewUser, Rejected};
use crate::store::{By, Failed, OpenError, SEEDED_ORGANIZATION, STORE_FILE, Session, Store, Write};

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
    by_shard: bool,
}

#[derive(Debug)]
struct Own {
    process: Process,
    tokens: Vec<Token>,
    _directory: tempfile::TempDir,
}

impl Target {
    /// A server somewhere, which lets guests in. Its processor time isn't known.
    pub fn elsewhere(address: SocketAddr) -> Self {
        Self { address, own: None, by_shard: false }
    }

    /// Starts a server of this program on so many cores of its own, with accounts and channels for the load.
    pub fn start(people: usize, channels: usize, cores: usize) -> Result<Self, TargetError> {
        let program = std::env::current_exe().map_err(TargetError::Start)?;
        Self::start_program(&program, people, channels, cores)
    }

    /// The same with the program at a path, for one that isn't the server itself.
    pub fn start_program(
        program: &Path,
        people: usize,
        channels: usize,
        cores: usize,
    ) -> Result<Self, TargetError> {
        let directory = tempfile::tempdir().map_err(TargetError::Start)?;
        let tokens = prepare(&directory.path().join(STORE_FILE), people, channels)?;
        let mut command = Command::new(program);
        command
            .args(["--json", "serve", "--listen", "127.0.0.1:0", "--log", "warn", "--data-dir"])
            .arg(directory.path())
            .env("PARLOUR_LIMITS_MAX_SESSIONS", "10000")
            // All of the load comes from one address.
            .env("PARLOUR_LIMITS_ADDRESS_CONNECTS", "10000")
            .env("PARLOUR_LIMITS_ADDRESS_STRANGERS", "10000")
            .env("PARLOUR_LIMITS_ADDRESS_SESSIONS", "10000")
            .env("PARLOUR_LIMITS_ADDRESS_HTTP", "10000")
            .env("PARLOUR_LIMITS_REQUESTS_PER_SECOND", "1000")
            .env("PARLOUR_STORE_BACKUP_HOURS", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut process = Process::start_apart(&mut command, cores).map_err(TargetError::Start)?;
        let mut line = String::new();
        let said = process.child().stdout.as_mut().map(|out| BufReader::new(out).read_line(&mut line));
        let address = said
            .and_then(Result::ok)
            .and_then(|_| serde_json::from_str::<serde_json::Value>(&line).ok())
            .and_then(|said| said["addresses"][0].as_str()?.parse().ok());
        let address = address.ok_or(TargetError::Silent)?;
        let own = Some(Own { process, tokens, _directory: directory });
        Ok(Self { address, own, by_shard: false })
    }

    /// Whether the people of a channel come to the same shard; by themselves they come to any.
    #[must_use]
    pub fn by_shard(self, by_shard: bool) -> Self {
        Self { by_shard, ..self }
    }

    pub(super) fn is_by_shard(&self) -> bool {
        self.by_shard
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
    pub fn usage(&self) -> Result<Usage, TargetError> {
        let usage = match &self.own {
            Some(own) => own.process.usage(),
            None => Process::usage_of_self(),
        };
        usage.map_err(TargetError::Usage)
    }
}

/// Accounts that are logged in, and channels, as a server has them that ran for a while.
fn prepare(path: &Path, people: usize, channels: usize) -> Result<Vec<Token>, TargetError> {
    let now = Timestamp::default().plus(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default());
    let failed = |error: &dyn std::fmt::Display| TargetError::Prepare(error.to_string());
    let store = Store::open(path, now)?;
    let (by, mut tokens) = (By::server(now), Vec::new());
    let mut writes: Vec<(By, Write<(), Rejected>)> = Vec::new();
    for number in 0..channels {
        let channel = crate::store::Channel {
            position: 100,
            ..crate::store::Channel::new(SEEDED_ORGANIZATION, None, channel_name(number))
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
        let (id, hash) = (store.new_session_id(), token.hash());
        let session = move |user| {
            NewSession::unproven(Session {
                id,
                user,
                token: hash,
                created: now,
                expires: now.plus(Duration::from_secs(24 * 60 * 60)),
                device: "load".to_owned(),
                address: None,
            })
        };
        writes.push((by, write::register(Entry::Open, new, session).erased()));
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
