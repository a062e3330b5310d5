//! The load generator: many native clients in one process, over the real endpoint, against a server of its
//! own or any other, with every frame timed by its sender's clock.

mod chart;
mod count;
mod crowd;
mod error;
mod link;
mod natives;
mod process;
mod tally;
mod target;
mod workload;

pub use chart::delay_over_time;
pub use count::{Counting, EVERY, FRAME, Stamp};
pub use crowd::{Crowd, Progress, rhythm};
pub use error::LoadError;
pub use link::{LinkReport, Way, link};
pub use natives::Natives;
pub use process::Process;
pub use tally::{Delays, Report, Step, Usage};
pub use target::{Target, TargetError};
pub use workload::{UnknownWorkload, Workload};

use std::time::Duration;

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
    let crowd = Natives::gather(workload, target, progress).await?;
    let mut report = Report::new(workload, crowd.people());
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
