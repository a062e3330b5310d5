//! What a flow's step does is written once: with it, in the same transaction, the step's row notes that it is done. What a step
//! writes that is done already, or that isn't being done, is refused. So whoever goes on after a crash sees in the row whether the
//! step's effect is there, and the effect is there once, whenever the crash was.

use std::convert::Infallible;

use thiserror::Error;

use super::super::error::{ReadError, Stop};
use super::super::open::{By, Open};
use super::super::record::{Author, FlowStep, StepState};
use super::Write;
use crate::id::{UserId, Way};

/// Does a write on behalf of somebody. `None` where a step of a flow asks for it that isn't being done.
pub(in crate::store) fn on_behalf<T, E>(
    open: &mut Open<'_>,
    by: By,
    write: &Write<T, E>,
) -> Result<Option<T>, Stop<E>> {
    open.by = by;
    open.made = None;
    let Some(mut step) = step_of(open)? else {
        return if is_of_step(by) { Ok(None) } else { (write.0)(open).map(Some) };
    };
    let done = (write.0)(open)?;
    (step.state, step.made, step.ended) = (StepState::Noted, open.made, Some(open.by.at));
    let _ = open.put_unaudited(None, Some(&step))?;
    Ok(Some(done))
}

/// Whether a step of a flow asks, rather than somebody who looks what one may do.
fn is_of_step(by: By) -> bool {
    matches!(by.way, Some(Way::Flow { step: 1.., .. }))
}

/// The step that asks, while it is being done.
fn step_of(open: &mut Open<'_>) -> Result<Option<FlowStep>, ReadError> {
    let (Some(Way::Flow { run, step, .. }), Author::User(UserId(user))) = (open.by.way, open.by.author)
    else {
        return Ok(None);
    };
    let found: Option<FlowStep> = open.get((user, run.0, u64::from(step)))?;
    Ok(found.filter(|step| step.state == StepState::Begun))
}

/// A step of a flow asks for something that is done already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("this step of the flow is done already")]
pub struct StepDone;

/// All of them in order, each done or refused by itself, each on behalf of its own author.
pub fn all<E: From<StepDone> + 'static>(
    writes: Vec<(By, Write<(), E>)>,
) -> Write<Vec<Result<(), E>>, Infallible> {
    Write::new(move |open| {
        let mut outcomes = Vec::with_capacity(writes.len());
        // By whom the last one was, and whether it was done.
        let mut last: Option<(By, bool)> = None;
        for (by, write) in &writes {
            let done = match last {
                // One of several writes of the same request, of which the first has noted that its step is done.
                Some((same, true)) if same == *by && by.way.is_some() => (write.0)(open).map(Some),
                _ => on_behalf(open, *by, write),
            };
            last = Some((*by, matches!(done, Ok(Some(())))));
            outcomes.push(match done {
                Ok(Some(())) => Ok(()),
                Ok(None) => Err(StepDone.into()),
                Err(Stop::Refused(error)) => Err(error),
                Err(Stop::Broken(error)) => return Err(Stop::Broken(error)),
            });
        }
        Ok(outcomes)
    })
}
