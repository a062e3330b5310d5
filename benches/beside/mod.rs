//! Voice beside what is measured: one speaks to another meanwhile, and how long each frame takes is noted.
#![allow(dead_code, unreachable_pub, reason = "each bench uses its own part of this one")]

use std::pin::pin;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use parlour::client::{Address, Credentials, Session, Trust, connect};
use parlour::id::ChannelId;

use crate::outside::{first_address, start};

/// The nice value of a process that gets what the others leave (`nice(1)`).
pub const GIVES_WAY: i32 = 15;

/// The password of those whom `serve --demo` makes.
pub const PASSWORD: &str = "parlour-demo";

const FRAME: Duration = Duration::from_millis(20);

/// A server in a process of its own, with its data, until it is dropped.
pub struct Running {
    pub server: Child,
    pub address: Address,
    pub directory: tempfile::TempDir,
}

impl Running {
    /// Starts one with people to try it, and these settings from the environment.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_parlour"));
        command.args(["--json", "serve", "--demo", "--listen", "127.0.0.1:0", "--log", "warn"]);
        command.env("PARLOUR_DATA_DIR", directory.path()).env("PARLOUR_DISCOVERY_ENABLED", "false");
        command.envs(settings.iter().copied());
        let (server, said) = start(&mut command);
        Self { server, address: first_address(&said).to_string().parse().unwrap(), directory }
    }

    /// Somebody of the server comes in.
    pub async fn come_in(&self, name: &str) -> Session {
        let connected = connect(&self.address, Trust::FirstUse, "bench/1").await.unwrap();
        connected.log_in(Credentials::password(name, PASSWORD, "bench")).await.unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Two people in a channel, of whom one speaks.
pub struct Talk {
    speaker: Session,
    listener: Session,
}

impl Talk {
    pub async fn start(server: &Running) -> Self {
        let (speaker, listener) = (server.come_in("alice").await, server.come_in("bob").await);
        for session in [&speaker, &listener] {
            let general = session.view().find("General").unwrap().id;
            session.join(ChannelId(general)).await.unwrap();
        }
        Self { speaker, listener }
    }

    /// Speaks for as long as something goes on, and answers with what that came to and with how many microseconds each frame took.
    pub async fn beside<T>(&self, meanwhile: impl Future<Output = T>) -> (T, Vec<f64>) {
        let (began, mut delays, mut meanwhile) = (Instant::now(), Vec::new(), pin!(meanwhile));
        let (mut speaker, mut voice) = (self.speaker.speaker(), self.listener.voice());
        let mut tick = tokio::time::interval(FRAME);
        loop {
            tokio::select! {
                done = &mut meanwhile => return (done, delays),
                _ = tick.tick() => {
                    let mut frame = [0; 80];
                    frame[..8].copy_from_slice(&(began.elapsed().as_nanos() as u64).to_be_bytes());
                    speaker.send(&frame);
                }
                heard = voice.next() => {
                    let heard = heard.unwrap();
                    let sent = u64::from_be_bytes(heard.payload[..8].try_into().unwrap());
                    let delay = heard.at.saturating_duration_since(began).as_nanos() as f64 - sent as f64;
                    delays.push(delay / 1e3);
                }
            }
        }
    }
}

/// The value below which a share of all is.
pub fn quantile(all: &mut [f64], share: f64) -> f64 {
    all.sort_by(f64::total_cmp);
    all[((all.len() as f64 * share) as usize).min(all.len() - 1)]
}
