//! Why a flow isn't taken.

use std::fmt::Write as _;
use std::sync::Arc;

use thiserror::Error;

use crate::account::AccountError;
use crate::bounds::{MAX_FLOW_DEPTH, MAX_FLOW_PARAMETERS, MAX_STARS};
use crate::flow::{InputError, Problem};

/// Why a flow isn't taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FlowUnfit {
    /// It isn't right.
    #[error("this flow isn't right:{}", lines(.0))]
    Problems(Vec<Problem>),
    /// Values don't fit its parameters.
    #[error("what the flow is given doesn't fit:{}", lines(.0))]
    Input(Vec<InputError>),
    /// More is given than any flow takes.
    #[error("a flow has {MAX_FLOW_PARAMETERS} parameters at most, and more is given")]
    TooMany,
    /// The same parameter is given twice.
    #[error("`{0}` is given twice")]
    Twice(String),
    /// Too much is given.
    #[error("what a flow is given has {0} bytes at most")]
    TooLong(usize),
    /// A secret is given to a run.
    #[error(
        "`{0}` is secret: set it with the flow (`parlour flow edit NAME --set {0}=...`), since a run is kept"
    )]
    Secret(String),
    /// Nothing gives a parameter that has to be given, so no run that this begins could come to anything.
    #[error(
        "`{name}` has to be set, {what}, since nothing gives it when the trigger `{trigger}` begins the flow: \
         set it with the flow (`--set {name}=...` of the command)"
    )]
    Unset {
        /// The parameter.
        name: String,
        /// What it takes.
        what: String,
        /// What begins the flow.
        trigger: String,
    },
    /// It is no workflow.
    #[error("this flow is a step for others (a skill): use it in a workflow, as `do = \"skill.NAME\"`")]
    Skill,
    /// It isn't begun by hand.
    #[error("nobody begins this flow by hand: give it a trigger with `on = \"hand\"`")]
    NotByHand,
    /// It isn't begun over HTTP.
    #[error("nobody begins this flow over HTTP: give it a trigger with `on = \"webhook\"`")]
    NotByWebhook,
    /// Too many flows began each other before it.
    #[error("{MAX_FLOW_DEPTH} flows began each other before this one, and that is the end of it")]
    TooDeep,
    /// A state that there isn't.
    #[error(
        "there is no state {0:?}; there is queued, in-progress, completed, failed, rolled-back, cancelled"
    )]
    State(String),
    /// An order that there isn't.
    #[error("there is no order {0:?}; there is name, popularity, rating, changed")]
    Order(String),
    /// Nobody can write to an account.
    #[error("the account {0} has no e-mail address that it has proven")]
    NoAddress(String),
    /// So many stars there aren't.
    #[error("a flow is given 1 to {MAX_STARS} stars; 0 takes them back")]
    Stars,
}

fn lines(all: &[impl std::fmt::Display]) -> String {
    let mut text = String::new();
    for one in all {
        // Writing to a String can't fail.
        let _ = write!(text, "\n  {one}");
    }
    text
}

impl From<FlowUnfit> for AccountError {
    fn from(error: FlowUnfit) -> Self {
        Self::Unfit(Arc::new(error))
    }
}
