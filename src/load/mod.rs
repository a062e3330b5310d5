//! The load generator: many native clients in one process, over the real endpoint, against a server of its
//! own or any other, with every frame timed by its sender's clock.

mod chart;
mod count;
mod crowd;
mod link;
mod process;
mod tally;
mod target;

pub use chart::delay_over_time;
pub use count::{Counting, EVERY, FRAME, Stamp};
pub use link::{LinkReport, Way, link};
pub use process::Process;
pub use tally::{Delays, Report, Step, Usage};
pub use target::{Target, TargetError};

use std::time::Duration;

use thiserror::Error;
use tokio::task::JoinSet;

use crate::client::{ConnectError, RequestError};
use crowd::Natives;

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
    /// 200 people in a channel, of whom more and more speak, until loss is over 1 % or the 99th percentile
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
    /// So many channels, people in each, and speakers among them: `20x25x3` is W3.
    Rooms {
        /// Channels.
        channels: u16,
        /// People in each.
        people: u16,
        /// Speakers in each.
        speakers: u16,
    },
}

impl Workload {
    /// All that have a name, with the names that commands know.
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
    pub fn name(self) -> String {
        if let Self::Rooms { channels, people, speakers } = self {
            return format!("{channels}x{people}x{speakers}");
        }
        Self::ALL.iter().find(|(workload, _)| *workload == self).map_or("", |(_, name)| name).to_owned()
    }

    /// Channels, people in each, and how many of them speak.
    pub fn shape(self) -> (usize, usize, usize) {
        match self {
            Self::W1 => (1, 201, 1),
            Self::W2 => (1, 1_001, 1),
            Self::W3 | Self::Churn => (20, 25, 3),
            Self::W4 => (1, 100, 10),
            Self::W5 => (1, 200, 10),
            Self::W6 => (40, 26, 1),
            Self::Storm | Self::Idle => (1, 1_000, 0),
            Self::Rooms { channels, people, speakers } => (channels.into(), people.into(), speakers.into()),
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
        let unknown = || UnknownWorkload(text.to_owned());
        if let Some((workload, _)) = Self::ALL.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)) {
            return Ok(*workload);
        }
        let numbers: Result<Vec<u16>, _> = text.split('x').map(str::parse).collect();
        match numbers.map_err(|_| unknown())?[..] {
            [channels, people, speakers] if channels > 0 && people > 1 && speakers <= people => {
                Ok(Self::Rooms { channels, people, speakers })
            }
            _ => Err(unknown()),
        }
    }
}

/// A name that no workload has.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "there is no workload \"{0}\"; there are w1 to w6, storm, idle, churn, and CHANNELSxPEOPLExSPEAKERS as 20x25x3"
)]
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

/// People who are connected and may speak.
pub trait Crowd {
    /// Lets the first `speakers` of each channel speak, each in a rhythm of their own, until the set is
    /// dropped.
    fn talk(&self, speakers: usize) -> JoinSet<()>;

    /// What they count in.
    fn counting(&self) -> &Counting;
}

/// When in the 20 ms between two frames the speaker of a number speaks: spread as evenly as can be, for any
/// number of them, and so that neighbours are far apart.
pub fn rhythm(speaker: usize) -> Duration {
    const GOLDEN: f64 = 0.618_033_988_749_895;
    EVERY.mul_f64((speaker as f64 * GOLDEN).fract())
}

/// Runs a workload for so long. Must be called inside a [`tokio::task::LocalSet`]: all clients live on one
/// thread.
pub async fn run(
    workload: Workload,
    target: &Target,
    duration: Duration,
    progress: Progress<'_>,
) -> Result<Report, LoadError> {
    let before = target.usage()?;
    let crowd = Natives::gather(workload, target, progress).await?;
    let mut report = Report::new(workload, crowd.len());
    report.log_ins(crowd.log_ins().clone(), &before, &target.usage()?);
    measure(&mut report, &crowd, &|| target.usage(), duration, progress).await?;
    crowd.leave().await;
    Ok(report)
}

/// Puts a crowd through what the report is about, and writes into it what came of it. For clients of any
/// kind: `usage` tells what their server has taken.
pub async fn measure<E>(
    report: &mut Report,
    crowd: &impl Crowd,
    usage: &dyn Fn() -> Result<Usage, E>,
    duration: Duration,
    progress: Progress<'_>,
) -> Result<(), E> {
    let (_, people, speakers) = report.workload.shape();
    match report.workload {
        Workload::Storm => (),
        Workload::Idle => {
            tokio::time::sleep(WARM_UP).await;
            let begun = usage()?;
            wait(duration, "idling", progress).await;
            report.measured(&begun, &usage()?);
        }
        // More and more speakers, until it is too much for the server or for this program.
        Workload::W5 => {
            let steps = std::iter::successors(Some(speakers), |speakers| {
                (*speakers < people).then(|| (speakers * 5 / 4 + 1).min(people))
            });
            for speakers in steps {
                let step = talk(report, crowd, speakers, usage, duration / 3, progress).await?;
                let too_much = step.loss() > 0.01 || step.delays.at(0.99) > Duration::from_millis(100);
                if too_much {
                    report.broken = Some(step);
                    break;
                }
                report.steps.push(step);
            }
        }
        _ => {
            let step = talk(report, crowd, speakers, usage, duration, progress).await?;
            report.steps.push(step);
        }
    }
    Ok(())
}

async fn wait(duration: Duration, what: &str, progress: Progress<'_>) {
    let parts = 20;
    for part in 0..parts {
        progress(what, f64::from(part) / f64::from(parts));
        tokio::time::sleep(duration / parts).await;
    }
}

/// So many people of each channel speak; what arrives is counted.
async fn talk<E>(
    report: &mut Report,
    crowd: &impl Crowd,
    speakers: usize,
    usage: &dyn Fn() -> Result<Usage, E>,
    duration: Duration,
    progress: Progress<'_>,
) -> Result<Step, E> {
    let talking = crowd.talk(speakers);
    tokio::time::sleep(WARM_UP).await;
    let begun = usage()?;
    crowd.counting().begin();
    wait(duration, &format!("{speakers} speak in each channel"), progress).await;
    crowd.counting().end();
    let ended = usage()?;
    tokio::time::sleep(TAIL).await;
    drop(talking);
    report.measured(&begun, &ended);
    Ok(crowd.counting().step(speakers, &begun, &ended))
}
