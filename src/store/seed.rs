//! What a new database begins with, and each organization in it.

use redb::Database;

use super::error::ReadError;
use super::migrate;
use super::open::{By, Open};
use super::record::{
    Channel, Counted, GUEST, Limits, OWNER, Organization, Role, SEEDED_ORGANIZATION, SERVER,
};
use super::table::{make_all, range_of};
use crate::id::{ChannelId, OrganizationId, RoleId, Timestamp};
use crate::permission::Permissions;

/// Makes and fills the tables of an empty file.
pub(super) fn seed(database: &Database, now: Timestamp) -> Result<(), ReadError> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    make_all(&transaction)?;
    {
        let mut open = Open::new(&transaction, By::server(now));
        let home = Organization {
            id: SEEDED_ORGANIZATION,
            tag: "home".to_owned(),
            name: "Home".to_owned(),
            owner: None,
            limits: Limits::default(),
            guests: None,
            registration: None,
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

fn seeded_roles() -> [Role; 6] {
    use Permissions as P;
    let all = |some: &[P]| some.iter().fold(P::NONE, |all, one| all.union(*one));
    let guest = all(&[P::VIEW, P::JOIN, P::SPEAK]);
    let member = all(&[guest, P::TEXT, P::WHISPER, P::LISTEN, P::CREATE_TEMPORARY]);
    let tree = all(&[P::CREATE_CHANNEL, P::EDIT_CHANNEL, P::INSPECT]);
    let order = all(&[P::MOVE_OTHERS, P::MUTE_OTHERS, P::KICK]);
    let officer = all(&[member, tree, order, P::PRIORITY, P::RECORD, P::SHARE]);
    let named = P::NAMED.iter().fold(P::NONE, |all, (one, _)| all.union(*one));
    let service = all(&[guest, P::LISTEN, P::TEXT, P::RECORD]);
    let role = |id, name: &str, rank, colour, allow| Role {
        id,
        organization: SEEDED_ORGANIZATION,
        name: name.to_owned(),
        rank,
        colour,
        allow,
        second_factor: false,
    };
    // Colours of middling lightness, which are legible on dark and on light.
    [
        role(OWNER, "Owner", 1000, 0xb0_7d00, P::ADMINISTER),
        role(RoleId(2), "Officer", 50, 0x3a_7bd5, officer),
        role(RoleId(3), "Member", 10, 0, member),
        role(GUEST, "Guest", 0, 0, guest),
        role(RoleId(5), "Admin", 100, 0xd6_4545, named.without(P::ADMINISTER)),
        role(RoleId(6), "Service", 20, 0x95_60d8, service),
    ]
}

fn seeded_channels() -> [Channel; 5] {
    let channel = |id, parent: u64, name: &str, description: &str, position| Channel {
        id: ChannelId(id),
        description: description.to_owned(),
        position,
        ..Channel::new(SEEDED_ORGANIZATION, (parent != 0).then_some(ChannelId(parent)), name)
    };
    [
        channel(1, 0, "General", "Where everybody meets", 0),
        channel(2, 0, "Operations", "", 1),
        channel(3, 2, "Alpha Squad", "", 0),
        channel(4, 2, "Bravo Squad", "", 1),
        channel(5, 0, "Social", "", 2),
    ]
}
