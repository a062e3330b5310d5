//! What came with schema 6, as the migration to it writes it: frozen.

use redb::TableDefinition;
use rkyv::{Archive, Deserialize, Serialize};

use super::super::row::{Row, records};
use super::frozen::frozen;

/// What admits everybody, by its number.
pub(super) const OPEN: u8 = 2;

/// Sessions that an organization could have at once unless it was said otherwise.
pub(super) const SESSIONS: u32 = 100_000;

frozen! {
    Organization, 3, u64 = |o| o.id, "Organization/3(id, tag, name, owner, limits, created, guests, registration)" {
        id: u64, tag: String, name: String, owner: Option<u64>, limits: Limits, created: u64, guests: Option<bool>,
        registration: Option<u8>,
    }
    OrganizationSettings, 2, u64 = |o| o.organization,
        "OrganizationSettings/2(organization, welcome, default_channel, afk_channel, afk_ms, guests, registration)" {
        organization: u64, welcome: String, default_channel: Option<u64>, afk_channel: Option<u64>, afk_ms: u64,
        guests: bool, registration: u8,
    }
}

/// Part of an organization's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(super) struct Limits {
    pub(super) users: u32,
    pub(super) channels: u32,
    pub(super) sessions_per_user: u32,
    pub(super) audit_days: u32,
    pub(super) sessions: u32,
}

pub(super) const ORGANIZATIONS: TableDefinition<'_, u64, Row<Organization>> =
    TableDefinition::new("organizations/6");
pub(super) const ORGANIZATION_SETTINGS: TableDefinition<'_, u64, Row<OrganizationSettings>> =
    TableDefinition::new("organization_settings/6");
