//! What a new database begins with, and each organization in it.

use redb::Database;

use super::error::ReadError;
use super::migrate;
use super::open::{By, Open};
use super::record::{
    ADMINISTRATOR, Channel, Counted, GUEST, Limits, Organization, Role, SEEDED_ORGANIZATION, SERVER,
};
use super::table::range_of;
use crate::id::{ChannelId, OrganizationId, RoleId, Timestamp};
use crate::permission::Permissions;

/// Makes and fills the tables of an empty file.
pub(super) fn seed(database: &Database, now: Timestamp) -> Result<(), ReadError> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    {
        let mut open = Open::new(&transaction, By::server(now))?;
        let home = Organization {
            id: SEEDED_ORGANIZATION,
            tag: "home".to_owned(),
            name: "Home".to_owned(),
            owner: None,
            limits: Limits::default(),
            created: now,
        };
        // On empty tables nothing can be taken.
        let _ = open.put(None, Some(&home))?;
        open.ledger(SERVER)?.note(Counted::Organization, home.id.0);
        furnish(&mut open, home.id)?;
        migrate::record_creation(&mut open.tables, now)?;
        open.finish()?;
    }
    transaction.commit()?;
    Ok(())
}

/// Gives an organization its first roles and channels.
pub(super) fn furnish(open: &mut Open<'_>, organization: OrganizationId) -> Result<(), ReadError> {
    // The identifiers of the first organization's are 1, 2, 3 ...
    let first = *range_of(organization).start();
    for role in seeded_roles() {
        let role = Role { id: RoleId(first + role.id.0), organization, ..role };
        let _ = open.put(None, Some(&role))?;
        open.ledger(organization)?.note(Counted::Role, role.id.0);
    }
    for channel in seeded_channels() {
        let parent = channel.parent.map(|parent| ChannelId(first + parent.0));
        let (id, created) = (ChannelId(first + channel.id.0), open.by.at);
        let channel = Channel { id, organization, parent, created, ..channel };
        let _ = open.put(None, Some(&channel))?;
        let ledger = open.ledger(organization)?;
        ledger.note(Counted::Channel, id.0);
        ledger.channels += 1;
    }
    Ok(())
}

fn seeded_roles() -> [Role; 4] {
    let listens = Permissions::VIEW.union(Permissions::JOIN);
    let guest = listens.union(Permissions::SPEAK);
    let member = guest.union(Permissions::TEXT);
    let officer = member
        .union(Permissions::CREATE_CHANNEL)
        .union(Permissions::EDIT_CHANNEL)
        .union(Permissions::MOVE_OTHERS);
    let role = |id, name: &str, rank, allow| Role {
        id,
        organization: SEEDED_ORGANIZATION,
        name: name.to_owned(),
        rank,
        allow,
    };
    [
        role(ADMINISTRATOR, "Admin", 100, Permissions::ADMINISTER),
        role(RoleId(2), "Officer", 50, officer),
        role(RoleId(3), "Member", 10, member),
        role(GUEST, "Guest", 0, guest),
    ]
}

fn seeded_channels() -> [Channel; 5] {
    let channel = |id, parent: u64, name: &str, description: &str, position| Channel {
        id: ChannelId(id),
        organization: SEEDED_ORGANIZATION,
        parent: (parent != 0).then_some(ChannelId(parent)),
        name: name.to_owned(),
        description: description.to_owned(),
        position,
        mode: 0,
        password: None,
        created: Timestamp(0),
    };
    [
        channel(1, 0, "General", "Where everybody meets", 0),
        channel(2, 0, "Operations", "", 1),
        channel(3, 2, "Alpha Squad", "", 0),
        channel(4, 2, "Bravo Squad", "", 1),
        channel(5, 0, "Social", "", 2),
    ]
}
