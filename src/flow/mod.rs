//! Flows: what is done by itself. This room has their language: what a file says, what is wrong with it, what its templates come to,
//! and when its schedules are due. It does nothing itself. Pure.

mod definition;
mod filters;
mod parameter;
mod problem;
mod scan;
mod schedule;
pub mod span;
mod tally;
mod template;

pub use definition::*;
pub use filters::{FILTERS, FUNCTIONS, TESTS};
pub use parameter::{AnyName, InputError, Kind, Names, Parameter, bind, hide, of_words, secrets};
pub use problem::Problem;
pub use schedule::{MOST_MISSED, MissedTimes, Schedule, ScheduleError};
pub use tally::Tally;
pub use template::{Expression, Scope, Template, TemplateError};
