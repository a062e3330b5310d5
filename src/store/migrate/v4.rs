//! What schema 4 kept of roles, channels and overwrites, as it was: frozen.

use redb::TableDefinition;
use rkyv::{Archive, Deserialize, Serialize};

use super::super::row::{Row, records};
use super::frozen::frozen;
use super::v2::Password;

frozen! {
    Role, 3, u64 = |r| r.id, "Role/3(id, organization, name, rank, colour, allow)" {
        id: u64, organization: u64, name: String, rank: u32, colour: u32, allow: u64,
    }
    Channel, 3, u64 = |c| c.id,
        "Channel/3(id, organization, parent, name, description, position, mode, password, created, user_limit, temporary_ms, bitrate, frame_ms, last_speakers, links)" {
        id: u64, organization: u64, parent: Option<u64>, name: String, description: String, position: i32, mode: u8,
        password: Option<Password>, created: u64, user_limit: u32, temporary_ms: Option<u64>, bitrate: u32,
        frame_ms: u16, last_speakers: u16, links: Vec<u64>,
    }
    Overwrite, 2, (u64, u8, u64) = |o| (o.channel, o.kind, o.subject),
        "Overwrite/2(channel, kind, subject, allow, deny, reach)" {
        channel: u64, kind: u8, subject: u64, allow: u64, deny: u64, reach: u8,
    }
}

pub(super) const ROLES: TableDefinition<'_, u64, Row<Role>> = TableDefinition::new("roles/4");
pub(super) const CHANNELS: TableDefinition<'_, u64, Row<Channel>> = TableDefinition::new("channels/4");
pub(super) const SETTINGS: TableDefinition<'_, (u64, u64, &'static str), &'static str> =
    TableDefinition::new("settings/2");
pub(super) const OVERWRITES: TableDefinition<'_, (u64, u8, u64), Row<Overwrite>> =
    TableDefinition::new("overwrites/4");
