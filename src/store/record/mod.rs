//! The records: what the rest of the program sees, and what a row holds. A change of a field is a change of the file's
//! format: it needs the next version, a migration and new golden bytes. How to add one is said in `list`.

mod access;
mod account;
mod assistant;
mod audit;
mod channel;
pub(super) mod declare;
mod device;
mod element;
mod flow;
mod flow_run;
mod hook;
mod job;
mod layout;
mod ledger;
pub(super) mod list;
mod numbers;
mod oauth;
mod plugin;
mod subject;

pub use access::{ApiKey, Ban, BanSubject, Claim, InviteWay, OneTimeToken, Purpose, Session};
pub use account::*;
pub use assistant::AssistantCall;
pub(super) use assistant::AssistantUse;
pub use audit::*;
pub use channel::*;
pub use device::*;
pub use element::{Element, ElementUse};
pub(in crate::store) use element::{element_key, place_key};
pub use flow::*;
pub use flow_run::*;
pub use hook::{DeliveryState, Hook, HookDelivery, HookOff, HookProgress, HookTry};
pub(super) use hook::{HookBytes, HookUse};
pub use job::*;
pub(super) use ledger::*;
pub(super) use numbers::Numbers;
pub use oauth::*;
pub use plugin::*;
pub use subject::{NoSuchKind, SubjectKind};

use crate::id::{OrganizationId, RoleId};

/// The one organization of a new database.
pub const SEEDED_ORGANIZATION: OrganizationId = OrganizationId::FIRST;

/// The role of the first organization's owner: whoever has it may do everything. Another organization's is
/// [`OrganizationId::role`] of it.
pub const OWNER: RoleId = RoleId(1);

/// The role of the first organization's guests.
pub const GUEST: RoleId = RoleId(4);
