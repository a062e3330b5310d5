//! The single writer of `state`: decide, commit, apply, publish, answer.
//!
//! A request comes in through [`Handle::request`] and is put on a bounded queue. One thread takes what
//! is queued, decides and applies each on its own unpublished state, commits what must be durable in one
//! transaction, and only then publishes the forwarding table and the events and answers. What needs no
//! disk and was queued before the first that does is published before the commit begins.
//!
//! `shared` is what all threads have of an organization, `live` what its control thread alone has. `handle` sends that
//! thread a `command`; `thread` takes them, and `batch` has each done by `arrival`, `change` or `follow`, and then
//! commits and publishes what is `pending`.

mod administer;
mod admission;
mod alarm;
mod arrival;
mod assistant;
mod attachment;
mod audience;
mod batch;
mod bearer;
mod change;
mod command;
mod condition;
mod connection;
mod connections;
mod counts;
mod directory;
mod dispatch;
mod due;
mod elements;
mod elsewhere;
mod facts;
mod flow_work;
mod flows;
mod follow;
mod given;
mod handle;
mod hook_sight;
mod hook_work;
mod hooks;
mod linked;
mod live;
mod load;
mod newcomer;
mod news;
mod nobody;
mod numbers;
mod organizations;
mod overview;
mod own;
mod past;
mod pending;
mod plugin_asks;
mod plugin_events;
mod plugin_gate;
mod plugin_host;
mod plugin_texts;
mod plugin_turn;
mod plugin_work;
mod plugins;
mod profiles;
mod rates;
mod recorder;
mod recordings;
mod refused;
mod restrained;
mod rights;
mod routing;
mod settings;
mod shared;
mod shares;
mod since;
mod slow;
mod tenants;
#[cfg(test)]
mod tests;
mod thread;
mod turns;

pub use crate::account::{Comer, NoRoom, Proven, Room, Unseated, Visitor, Who};
pub use crate::id::Way;
pub use crate::state::{Actor, Origin};
pub use assistant::Begun;
pub use attachment::Attachment;
pub use counts::Counts;
pub use dispatch::Entered;
pub use flow_work::{FlowWork, FlowsDue};
pub use flows::actor_of_step;
pub use handle::Handle;
pub use hook_work::{HookWork, HooksDue};
pub use hooks::Judged;
pub use linked::LinkedRules;
pub use newcomer::{Attached, Newcomer, Wants};
pub use nobody::Nobody;
pub use organizations::{Organizations, Site};
pub use refused::Refused;
pub use settings::Settings;
pub use shares::{Place, Shares};
pub use thread::{StartError, Thread, start};
