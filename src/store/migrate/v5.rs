//! What came with schema 5, as the migration to it writes it: frozen.

use redb::TableDefinition;
use rkyv::{Archive, Deserialize, Serialize};

use super::super::row::{Row, records};
use super::frozen::frozen;

frozen! {
    Role, 4, u64 = |r| r.id, "Role/4(id, organization, name, rank, colour, allow, second_factor)" {
        id: u64, organization: u64, name: String, rank: u32, colour: u32, allow: u64, second_factor: bool,
    }
    Restraint, 1, (u64, u64) = |r| (r.organization, r.user), "Restraint/1(organization, user, muted, deafened)" {
        organization: u64, user: u64, muted: bool, deafened: bool,
    }
    OrganizationSettings, 1, u64 = |o| o.organization,
        "OrganizationSettings/1(organization, welcome, default_channel, afk_channel, afk_ms)" {
        organization: u64, welcome: String, default_channel: Option<u64>, afk_channel: Option<u64>, afk_ms: u64,
    }
}

pub(super) const ROLES: TableDefinition<'_, u64, Row<Role>> = TableDefinition::new("roles/5");
pub(super) const RESTRAINTS: TableDefinition<'_, (u64, u64), Row<Restraint>> =
    TableDefinition::new("restraints/5");
pub(super) const ORGANIZATION_SETTINGS: TableDefinition<'_, u64, Row<OrganizationSettings>> =
    TableDefinition::new("organization_settings/5");
