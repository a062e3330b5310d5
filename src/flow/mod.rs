//! Flows: what is done by itself. This room has their language: what a file says, what is wrong with it, what its templates come to,
//! and when its schedules are due. It does nothing itself. Pure.

mod bind;
mod call;
mod definition;
mod fields;
mod filters;
mod json;
mod link;
mod parameter;
mod problem;
mod read;
mod scan;
mod schedule;
mod schema;
mod secret;
mod shipped;
pub mod span;
mod table;
mod tally;
mod template;

pub use bind::{InputError, bind, of_words};
pub use call::{Call, Letter, StepError, WebhookCall, enter, render};
pub use definition::*;
pub use fields::is_for_flows;
pub use filters::{FILTERS, FUNCTIONS, TESTS};
pub use link::check_links;
pub use parameter::{AnyName, Kind, Names, Parameter};
pub use problem::Problem;
pub use read::read;
pub use schedule::{MOST_MISSED, MissedTimes, Schedule, ScheduleError};
pub use schema::schema;
pub use secret::{hidden, hide, secrets};
pub use shipped::SHIPPED;
pub use tally::Tally;
pub use template::{Expression, Scope, Template, TemplateError};
