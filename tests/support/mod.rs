//! What the tests from outside share: a real server in this process or in one of its own, and clients.
#![allow(dead_code, unreachable_pub, reason = "each binary of tests uses its own part of this one")]

pub mod keyboard;
pub mod network;
pub mod outside;
pub mod quality;
pub mod rig;
pub mod sound;

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use parlour::client::{Address, Credentials, Heard, RequestError, Session, Trust, VoiceIn, connect};
use parlour::clock::{Clock, TurnedClock};
use parlour::config::{Config, Sources};
use parlour::dial;
use parlour::id::ChannelId;
use parlour::server::Server;
use tempfile::TempDir;

pub const PASSWORD: &str = "correct horse battery";

/// A server on port 0 in this process, with an owner `root` and members `alice`, `bob`, `carol`.
pub struct TestServer {
    pub server: Server,
    pub directory: TempDir,
}

impl TestServer {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    pub async fn with(flags: &[(&'static str, &str)]) -> Self {
        Self::again_with(tempfile::tempdir().unwrap(), flags).await
    }

    /// The same, delivering to webhooks by a client that goes by names of the test's making.
    pub async fn among(flags: &[(&'static str, &str)], client: dial::Client) -> Self {
        Self::on(tempfile::tempdir().unwrap(), flags, Clock::system(), client).await
    }

    /// The same by a clock that stands still until it is turned.
    pub async fn turned(flags: &[(&'static str, &str)]) -> (Self, TurnedClock) {
        let (clock, turned) = Clock::turned(Clock::system().wall());
        (Self::on(tempfile::tempdir().unwrap(), flags, clock, dial::Client::new()).await, turned)
    }

    /// Two of them that show the same time, so that what is done to both makes the same of both.
    pub async fn twins(flags: &[(&'static str, &str)]) -> [(Self, TurnedClock); 2] {
        let now = Clock::system().wall();
        let one = || async {
            let (clock, turned) = Clock::turned(now);
            (Self::on(tempfile::tempdir().unwrap(), flags, clock, dial::Client::new()).await, turned)
        };
        [one().await, one().await]
    }

    /// The same on what another one left.
    pub async fn again(directory: TempDir) -> Self {
        Self::again_with(directory, &[]).await
    }

    /// The same with other settings.
    pub async fn again_with(directory: TempDir, flags: &[(&'static str, &str)]) -> Self {
        Self::on(directory, flags, Clock::system(), dial::Client::new()).await
    }

    /// Stops it, and leaves what it has on disk.
    pub async fn stop(self) -> TempDir {
        self.server.stop().await;
        self.directory
    }

    async fn on(
        directory: TempDir,
        flags: &[(&'static str, &str)],
        clock: Clock,
        to_hooks: dial::Client,
    ) -> Self {
        let mut flags: Vec<_> = flags.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        flags.push(("data_dir", directory.path().display().to_string()));
        let config = Config::load(&Sources { flags, ..Sources::default() }).unwrap();
        let listen = ["127.0.0.1:0".parse().unwrap(), "[::1]:0".parse().unwrap()];
        let server = Server::start_among(&config, &listen, true, clock, to_hooks).await.unwrap();
        server.ensure_user("root", PASSWORD, "Owner").await.unwrap();
        for name in ["alice", "bob", "carol"] {
            server.ensure_user(name, PASSWORD, "Member").await.unwrap();
        }
        Self { server, directory }
    }

    pub fn address(&self) -> Address {
        self.server.addresses()[0].to_string().parse().unwrap()
    }

    /// The same server by another address of this machine.
    pub fn other_address(&self) -> Option<Address> {
        self.server.addresses().get(1).map(|address| address.to_string().parse().unwrap())
    }

    pub async fn log_in(&self, name: &str) -> Session {
        log_in(&self.address(), name, PASSWORD).await.unwrap()
    }

    pub async fn in_channel(&self, name: &str, channel: &str) -> Session {
        let session = self.log_in(name).await;
        session.join(channel_id(&session, channel)).await.unwrap();
        session
    }

    /// A counter of the server, by its name.
    pub fn count(&self, name: &str) -> u64 {
        let handle = self.server.handle();
        let mut all = handle.voice_counts().all().chain(handle.counts().all());
        all.find(|(counter, _)| *counter == name).unwrap().1
    }
}

pub fn channel_id(session: &Session, path: &str) -> ChannelId {
    ChannelId(session.view().find(path).unwrap().id)
}

/// Logs in to a server in this process.
pub async fn with(server: &TestServer, credentials: Credentials) -> Result<Session, RequestError> {
    connect(&server.address(), Trust::FirstUse, "test/1").await.unwrap().log_in(credentials).await
}

/// The code of a refusal.
pub fn code<T: std::fmt::Debug>(outcome: Result<T, RequestError>) -> parlour::protocol::ErrorCode {
    outcome.unwrap_err().code().unwrap()
}

pub async fn log_in(address: &Address, name: &str, password: &str) -> Result<Session, RequestError> {
    let connected = connect(address, Trust::FirstUse, "test/1").await.unwrap();
    connected.log_in(Credentials::password(name, password, "test")).await
}

/// What has arrived already, without waiting for more.
pub async fn drain(voice: &mut VoiceIn) -> Vec<Heard> {
    let mut heard = Vec::new();
    loop {
        tokio::select! {
            biased;
            next = voice.next() => match next {
                Ok(next) => heard.push(next),
                Err(_) => return heard,
            },
            () = std::future::ready(()) => return heard,
        }
    }
}

/// Asks until there is an answer, every few milliseconds, ten seconds at most: for what another process or a network
/// brings. What waits for nothing but time is asked of a server whose clock is turned ([`TestServer::turned`]).
pub async fn eventually<T>(what: &str, ask: impl AsyncFnMut() -> Option<T>) -> T {
    eventually_within(Duration::from_secs(10), what, ask).await
}

/// The same of what takes longer, where the machine has other things to do.
pub async fn eventually_within<T>(limit: Duration, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let answer = tokio::time::timeout(limit, asking).await;
    assert!(answer.is_ok(), "not within {} seconds: {what}", limit.as_secs());
    answer.unwrap()
}

/// The next packet, within two seconds.
pub async fn hear(voice: &mut VoiceIn) -> Option<Heard> {
    tokio::time::timeout(Duration::from_secs(2), voice.next()).await.ok()?.ok()
}

/// Whether nothing arrives for a while.
pub async fn silence(voice: &mut VoiceIn) -> bool {
    match tokio::time::timeout(Duration::from_millis(400), voice.next()).await {
        // A connection that ended is silent, too.
        Err(_) | Ok(Err(_)) => true,
        Ok(Ok(_)) => false,
    }
}

/// The machine, kept from the other tests of this process that ask for it, until dropped.
pub struct Alone(MutexGuard<'static, ()>);

/// Waits until no other test has the machine to itself.
pub fn alone() -> Alone {
    static ALONE: Mutex<()> = Mutex::new(());
    // Whoever failed with it has no machine any more.
    Alone(ALONE.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Speaks a frame every 10 ms until dropped.
pub struct Talking(tokio::task::JoinHandle<()>);

impl Talking {
    pub fn start(session: &Session) -> Self {
        let mut speaker = session.speaker();
        Self(tokio::spawn(async move {
            let mut tick = tokio::time::interval(Duration::from_millis(10));
            loop {
                tick.tick().await;
                speaker.send(&[0xf8, 0xff, 0xfe]);
            }
        }))
    }
}

impl Drop for Talking {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A command of the binary, with a profile and environment of its own.
pub fn parlour(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parlour"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PARLOUR_")) {
        command.env_remove(name);
    }
    command.env("PARLOUR_CONFIG_DIR", home.join("profile")).env("PARLOUR_DATA_DIR", home.join("data"));
    // What listens on every address must not be told to the network that this machine is in.
    command.env("PARLOUR_DISCOVERY_ENABLED", "false");
    // Times are shown by the local clock.
    command.env("XDG_CONFIG_HOME", home).env("TZ", "UTC").stdin(Stdio::null());
    command
}

/// Runs a command as whom a profile is logged in, and answers with the objects that it prints, and with its complaint
/// last.
pub fn as_profile(home: &Path, profile: &str, args: &[&str], input: &str) -> Vec<serde_json::Value> {
    let mut command = parlour(home);
    command.env("PARLOUR_CONFIG_DIR", home.join(profile)).arg("--json").args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let mut text = String::from_utf8(output.stdout).unwrap();
    if !output.status.success() {
        text += &String::from_utf8(output.stderr).unwrap();
    }
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_default()).collect()
}

/// A server in a process of its own; killed when dropped.
pub struct Process {
    pub child: Child,
    pub address: SocketAddr,
    pub claim: Option<String>,
}

impl Process {
    /// Starts it and waits until it listens.
    pub fn serve(home: &Path, listen: &str, more: &[&str]) -> Self {
        Self::serve_with(parlour(home), listen, more)
    }

    /// The same with an environment that the command has already.
    pub fn serve_with(mut command: Command, listen: &str, more: &[&str]) -> Self {
        command.args(["--json", "serve", "--listen", listen]).args(more);
        let (child, said) = outside::start(&mut command);
        let address = outside::first_address(&said);
        let claim = said["claim_code"].as_str().map(str::to_owned);
        Self { child, address, claim }
    }

    /// Ends it without warning.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
