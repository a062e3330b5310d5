//! The load generator: many native clients in one process, over the real endpoint, against a server of its
//! own or any other, with every frame timed by its sender's clock.

mod chart;
mod crowd;
mod tally;
mod target;

pub use chart::delay_over_time;
pub use tally::{Delays, Report, Step};
pub use target::{Target, TargetError};

use std::time::Duration;

use thiserror::Error;

use crate::client::{ConnectError, RequestError};
use crowd::Crowd;

/// Something to put a server through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// 1 speaker, 200 listeners.
    W1,
    /// 1 speaker, 1000 listeners.
    W2,
    /// 20 channels of 25 people, 3 of whom speak.
    W3,
    /// 100 people in a channel, 10 of whom speak.
    W4,
    /// 100 people in a channel, of whom more and more speak, until loss is over 1 % or the 99th percentile
    /// of the delay over 100 ms.
    W5,
    /// 40 channels of 1 speaker and 25 listeners.
    W6,
    /// 1000 log-ins by token, 64 at once.
    Storm,
    /// 1000 clients that do nothing.
    Idle,
    /// W3, while 5 % of the people move to another channel each second.
    Churn,
}

impl Workload {
    /// All of them with the names that commands know.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::W1, "w1"),
        (Self::W2, "w2"),
        (Self::W3, "w3"),
        (Self::W4, "w4"),
        (Self::W5, "w5"),
        (Self::W6, "w6"),
        (Self::Storm, "storm"),
        (Self::Idle, "idle"),
        (Self::Churn, "churn"),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(workload, _)| *workload == self).map_or("", |(_, name)| name)
    }

    /// Channels, people in each, and how many of them speak.
    pub fn shape(self) -> (usize, usize, usize) {
        match self {
            Self::W1 => (1, 201, 1),
            Self::W2 => (1, 1_001, 1),
            Self::W3 | Self::Churn => (20, 25, 3),
            Self::W4 | Self::W5 => (1, 100, 10),
            Self::W6 => (40, 26, 1),
            Self::Storm | Self::Idle => (1, 1_000, 0),
        }
    }

    /// Everybody.
    pub fn people(self) -> usize {
        let (channels, people, _) = self.shape();
        channels * people
    }
}

impl std::str::FromStr for Workload {
    type Err = UnknownWorkload;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().find(|(_, name)| name.eq_ignore_ascii_case(text));
        found.map(|(workload, _)| *workload).ok_or_else(|| UnknownWorkload(text.to_owned()))
    }
}

/// A name that no workload has.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no workload \"{0}\"; there are w1 to w6, storm, idle and churn")]
pub struct UnknownWorkload(String);

/// Why a run broke off.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The server to be measured can't be started or looked at.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A client can't connect.
    #[error("client {client} can't connect: {source}")]
    Connect {
        /// Which, from 0.
        client: usize,
        /// Why.
        source: Box<ConnectError>,
    },
    /// A request of a client is refused.
    #[error("client {client} is refused: {source}; does the server let guests in, and has it room?")]
    Request {
        /// Which, from 0.
        client: usize,
        /// Why.
        source: Box<RequestError>,
    },
    /// The server has fewer channels than the workload needs.
    #[error("the server has {found} channels that a guest may join, and the workload needs {needed}")]
    Channels {
        /// What it has.
        found: usize,
        /// What it needs.
        needed: usize,
    },
}

/// What is told while a run goes on: what is being done, and how far it is, from 0 to 1.
pub type Progress<'a> = &'a dyn Fn(&str, f64);

/// How long frames still under way at the end are waited for.
const TAIL: Duration = Duration::from_millis(500);

/// Time before the measuring begins, in which caches and estimates settle.
const WARM_UP: Duration = Duration::from_secs(1);

/// Runs a workload for so long. Must be called inside a [`tokio::task::LocalSet`]: all clients live on one
/// thread.
pub async fn run(
    workload: Workload,
    target: &Target,
    duration: Duration,
    progress: Progress<'_>,
) -> Result<Report, LoadError> {
    let before = target.usage()?;
    let mut crowd = Crowd::gather(workload, target, progress).await?;
    let logged_in = target.usage()?;
    let mut report = Report::new(workload, crowd.len());
    report.log_ins(&crowd, &before, &logged_in);
    match workload {
        Workload::Storm => (),
        Workload::Idle => {
            tokio::time::sleep(WARM_UP).await;
            let begun = target.usage()?;
            wait(duration, "idling", progress).await;
            report.measured(&begun, &target.usage()?);
        }
        Workload::W5 => steps(&mut crowd, target, duration, progress, &mut report).await?,
        _ => {
            let (_, _, speakers) = workload.shape();
            let step = talk(&mut crowd, speakers, target, duration, progress, &mut report).await?;
            report.talked(step);
        }
    }
    crowd.leave().await;
    Ok(report)
}

async fn wait(duration: Duration, what: &str, progress: Progress<'_>) {
    let parts = 20;
    for part in 0..parts {
        progress(what, f64::from(part) / f64::from(parts));
        tokio::time::sleep(duration / parts).await;
    }
}

/// More and more speakers, until it is too much for the server or for this program.
async fn steps(
    crowd: &mut Crowd,
    target: &Target,
    duration: Duration,
    progress: Progress<'_>,
    report: &mut Report,
) -> Result<(), LoadError> {
    let (_, people, first) = Workload::W5.shape();
    for speakers in (first..=people).step_by(10) {
        let step = talk(crowd, speakers, target, duration / 3, progress, report).await?;
        let too_much = step.loss() > 0.01 || step.delays.at(0.99) > Duration::from_millis(100);
        if too_much {
            report.broke_at(step);
            return Ok(());
        }
        report.talked(step);
    }
    Ok(())
}

/// So many people of each channel speak; what arrives is counted.
async fn talk(
    crowd: &mut Crowd,
    speakers: usize,
    target: &Target,
    duration: Duration,
    progress: Progress<'_>,
    report: &mut Report,
) -> Result<Step, LoadError> {
    let talking = crowd.talk(speakers);
    tokio::time::sleep(WARM_UP).await;
    let begun = target.usage()?;
    crowd.begin();
    wait(duration, &format!("{speakers} speak in each channel"), progress).await;
    crowd.end();
    let ended = target.usage()?;
    tokio::time::sleep(TAIL).await;
    drop(talking);
    report.measured(&begun, &ended);
    Ok(crowd.step(speakers, duration, &begun, &ended))
}
