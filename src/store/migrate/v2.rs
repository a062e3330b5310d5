//! Schema 2 as it was, as far as migrations read or write it: frozen. What later schemas didn't change is theirs, too.

use redb::TableDefinition;
use rkyv::{Archive, Deserialize, Serialize};

use super::super::row::{Row, first_eight, records};
use super::frozen::frozen;

/// What an organization could have unless it was said otherwise.
pub(super) const LIMITS: Limits =
    Limits { users: 100_000, channels: 1_000, sessions_per_user: 32, audit_days: 365 };

/// What a one-time token was for: to become the first administrator.
pub(super) const CLAIM: u8 = 1;

frozen! {
    Organization, 2, u64 = |o| o.id, "Organization/2(id, tag, name, owner, limits, created)" {
        id: u64, tag: String, name: String, owner: Option<u64>, limits: Limits, created: u64,
    }
    User, 2, u64 = |u| u.id,
        "User/2(id, organization, name, email, email_verified, password, disabled, grants, created)" {
        id: u64, organization: u64, name: String, email: Option<String>, email_verified: bool,
        password: Option<Password>, disabled: bool, grants: Vec<Grant>, created: u64,
    }
    Role, 2, u64 = |r| r.id, "Role/2(id, organization, name, rank, allow)" {
        id: u64, organization: u64, name: String, rank: u32, allow: u64,
    }
    Channel, 2, u64 = |c| c.id,
        "Channel/2(id, organization, parent, name, description, position, mode, password, created)" {
        id: u64, organization: u64, parent: Option<u64>, name: String, description: String, position: i32, mode: u8,
        password: Option<Password>, created: u64,
    }
    Overwrite, 1, (u64, u8, u64) = |o| (o.channel, o.kind, o.subject),
        "Overwrite/1(channel, kind, subject, allow, deny)" {
        channel: u64, kind: u8, subject: u64, allow: u64, deny: u64,
    }
    Session, 2, u64 = |s| first_eight(&s.token), "Session/2(id, user, token, created, expires, device, address)" {
        id: u64, user: u64, token: [u8; 32], created: u64, expires: u64, device: String,
        address: Option<std::net::IpAddr>,
    }
    OneTimeToken, 1, u64 = |t| t.id,
        "OneTimeToken/1(id, organization, purpose, hash, user, uses, created, expires, email, channel, roles)" {
        id: u64, organization: u64, purpose: u8, hash: [u8; 32], user: Option<u64>, uses: u32, created: u64,
        expires: u64, email: Option<String>, channel: Option<u64>, roles: Vec<u64>,
    }
    Ledger, 1, u64 = |l| l.organization,
        "Ledger/1(organization, last, users, channels, audit_first, audit_last, audit_anchor, audit_head)" {
        organization: u64, last: [u64; 9], users: u64, channels: u64, audit_first: u64, audit_last: u64,
        audit_anchor: [u8; 32], audit_head: [u8; 32],
    }
    AuditEntry, 1, (u64, u64) = |a| (a.organization, a.number),
        "AuditEntry/1(organization, number, at, author, from, verb, subject, subject_id, before, after, hash)" {
        organization: u64, number: u64, at: u64, author: Author, from: Option<std::net::IpAddr>, verb: u8, subject: u8,
        subject_id: u64, before: String, after: String, hash: [u8; 32],
    }
    Job, 1, u64 = |j| j.id, "Job/1(id, kind, state, progress, steps, started, finished, error)" {
        id: u64, kind: u8, state: u8, progress: u8, steps: Vec<String>, started: u64, finished: Option<u64>,
        error: Option<String>,
    }
}

/// Part of an organization's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(super) struct Limits {
    pub(super) users: u32,
    pub(super) channels: u32,
    pub(super) sessions_per_user: u32,
    pub(super) audit_days: u32,
}

/// Part of a user's row, and of a channel's.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(super) struct Password {
    pub(super) scheme: u8,
    pub(super) memory: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
    pub(super) salt: [u8; 16],
    pub(super) hash: [u8; 32],
}

/// Part of a user's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(super) struct Grant {
    pub(super) role: u64,
    pub(super) expires: Option<u64>,
}

/// Who made a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(super) enum Author {
    Server,
    Operator,
    User(u64),
    Guest,
}

pub(super) const ORGANIZATIONS: TableDefinition<'_, u64, Row<Organization>> =
    TableDefinition::new("organizations/2");
pub(super) const USERS: TableDefinition<'_, u64, Row<User>> = TableDefinition::new("users/2");
pub(super) const ROLES: TableDefinition<'_, u64, Row<Role>> = TableDefinition::new("roles/2");
pub(super) const CHANNELS: TableDefinition<'_, u64, Row<Channel>> = TableDefinition::new("channels/2");
pub(super) const OVERWRITES: TableDefinition<'_, (u64, u8, u64), Row<Overwrite>> =
    TableDefinition::new("overwrites/2");
pub(super) const SESSIONS: TableDefinition<'_, u64, Row<Session>> = TableDefinition::new("sessions/2");
pub(super) const USER_SESSIONS: TableDefinition<'_, (u64, u64), u64> =
    TableDefinition::new("user_sessions/2");
pub(super) const TOKENS: TableDefinition<'_, u64, Row<OneTimeToken>> = TableDefinition::new("tokens/2");
pub(super) const LEDGERS: TableDefinition<'_, u64, Row<Ledger>> = TableDefinition::new("ledgers/2");
pub(super) const AUDIT: TableDefinition<'_, (u64, u64), Row<AuditEntry>> = TableDefinition::new("audit/2");
pub(super) const JOBS: TableDefinition<'_, u64, Row<Job>> = TableDefinition::new("jobs/2");
pub(super) const INDEX: TableDefinition<'_, u64, u64> = TableDefinition::new("index/2");
