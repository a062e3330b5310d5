//! Roles, grants, channels, their links and exceptions at the store's public interface.

use crate::fixture::*;
use parlour::auth::StoredPassword;
use parlour::bounds::{MAX_LINKS, MAX_OVERWRITES, MAX_ROLES};
use parlour::id::{ChannelId, OrganizationId, RoleId, Timestamp, UserId};
use parlour::name::MAX_CHANNEL_DEPTH;
use parlour::permission::{Overwrite, Permissions, Reach, Subject};
use parlour::store::write::*;
use parlour::store::*;

impl Fixture {
    fn roles_of(&self, user: UserId, now: Timestamp) -> Vec<u64> {
        let user = self.user(user).unwrap().unwrap();
        user.grants.iter().filter(|grant| grant.holds(now)).map(|grant| grant.role.0).collect()
    }
}

#[test]
fn roles_are_granted_for_good_or_for_a_time() {
    let store = Fixture::new();
    let alice = store.add_user("alice");
    let new = |name: &str| NewRole {
        organization: HOME,
        name: name.to_owned(),
        rank: 20,
        colour: 0x33_66_99,
        allow: Permissions::TEXT,
    };
    let role = store.write(create_role(new("Helper"))).unwrap();
    let refused = store.write(create_role(new("HELPER"))).unwrap_err();
    assert_eq!(refused, Failed::Refused(CreateRoleError::NameTaken));
    let edit = RoleEdit { name: Some("guest".to_owned()), ..RoleEdit::default() };
    assert_eq!(store.write(edit_role(role.id, edit)).unwrap_err(), Failed::Refused(EditRoleError::NameTaken));
    let (rank, colour, allow) = (Some(30), Some(0x12_34_56), Some(Permissions::SPEAK));
    let edited =
        store.write(edit_role(role.id, RoleEdit { rank, colour, allow, ..RoleEdit::default() })).unwrap();
    assert_eq!((edited.rank, edited.colour, edited.allow), (30, 0x12_34_56, Permissions::SPEAK));
    store.write(grant(alice.id, Grant { role: role.id, expires: Some(later(5)) })).unwrap();
    assert_eq!(store.roles_of(alice.id, later(4)), [3, role.id.0]);
    assert_eq!(store.roles_of(alice.id, later(5)), [3]);
    store.write(revoke(alice.id, RoleId(3))).unwrap();
    assert_eq!(
        store.write(revoke(alice.id, RoleId(3))).unwrap_err(),
        Failed::Refused(GrantError::NoSuchRole)
    );
    let refused = store.write(grant(UserId(99), Grant { role: role.id, expires: None })).unwrap_err();
    assert_eq!(refused, Failed::Refused(GrantError::NoSuchUser));
    let subject = Subject::Role(role.id);
    let overwrite = Overwrite {
        channel: ChannelId(2),
        subject,
        allow: Permissions::NONE,
        deny: Permissions::SPEAK,
        reach: parlour::permission::Reach::Both,
    };
    store.write(put_overwrite(overwrite)).unwrap();
    store.write(create_token(NewToken { roles: vec![role.id, RoleId(3)], ..invite(1, 1) })).unwrap();
    store.write(delete_role(role.id)).unwrap();
    assert_eq!(store.roles_of(alice.id, NOW), [] as [u64; 0]);
    assert_eq!(store.overwrites(HOME, None, 9).unwrap(), []);
    assert_eq!(store.tokens(HOME, None, 9).unwrap()[0].roles, [RoleId(3)]);
    assert_eq!(store.write(delete_role(OWNER)).unwrap_err(), Failed::Refused(DeleteRoleError::Needed));
    assert!(!store.has_administrator(HOME).unwrap());
    store.write(grant(alice.id, Grant { role: OWNER, expires: None })).unwrap();
    assert!(store.has_administrator(HOME).unwrap());
}

#[test]
fn the_channel_tree_stays_a_tree() {
    let store = Fixture::new();
    let top = store.add_channel("Top", None).unwrap();
    assert_eq!(store.add_channel("TOP", None).unwrap_err(), Failed::Refused(PutChannelError::NameTaken));
    let refused = store.add_channel("lost", Some(ChannelId(99))).unwrap_err();
    assert_eq!(refused, Failed::Refused(PutChannelError::NoSuchParent));
    let mut path = vec![top.clone()];
    for level in 2..=MAX_CHANNEL_DEPTH {
        path.push(store.add_channel("Top", path.last().map(|channel| channel.id)).unwrap());
        assert_eq!(path.len(), level);
    }
    let refused = store.add_channel("deeper", path.last().map(|channel| channel.id)).unwrap_err();
    assert_eq!(refused, Failed::Refused(PutChannelError::TooDeep));
    for parent in [&path[0], &path[3], &path[7]] {
        let edit = ChannelEdit { parent: Some(Some(parent.id)), ..ChannelEdit::default() };
        let refused = store.write(edit_channel(top.id, edit)).unwrap_err();
        assert_eq!(refused, Failed::Refused(PutChannelError::Cycle));
    }
    // What is below counts: a tree of as many levels as there can be fits at the top only.
    let edit = ChannelEdit { parent: Some(Some(ChannelId(1))), ..ChannelEdit::default() };
    let refused = store.write(edit_channel(top.id, edit.clone())).unwrap_err();
    assert_eq!(refused, Failed::Refused(PutChannelError::TooDeep));
    store.write(delete_channel(path[MAX_CHANNEL_DEPTH - 1].id)).unwrap();
    store.write(edit_channel(top.id, edit)).unwrap();
    let edit = ChannelEdit {
        name: Some("Renamed".to_owned()),
        description: Some("a text".to_owned()),
        position: Some(-3),
        password: Some(Some(StoredPassword::decoy())),
        user_limit: Some(12),
        temporary_ms: Some(Some(60_000)),
        bitrate: Some(32_000),
        frame_ms: Some(40),
        last_speakers: Some(5),
        parent: None,
    };
    let edited = store.write(edit_channel(path[1].id, edit)).unwrap();
    assert_eq!(store.channel(path[1].id).unwrap().unwrap(), edited);
    assert_eq!((edited.position, edited.password.is_some()), (-3, true));
    assert_eq!((edited.user_limit, edited.temporary_ms, edited.bitrate), (12, Some(60_000), 32_000));
    assert_eq!((edited.frame_ms, edited.last_speakers, edited.parent), (40, 5, Some(top.id)));
    let edit = ChannelEdit { temporary_ms: Some(None), ..ChannelEdit::default() };
    let edited = store.write(edit_channel(path[1].id, edit)).unwrap();
    assert_eq!((edited.user_limit, edited.temporary_ms), (12, None), "the rest stays");
    let children = store.children(HOME, Some(ChannelId(1)), None, 9).unwrap();
    assert_eq!(children.iter().map(|channel| channel.id).collect::<Vec<_>>(), [top.id]);
    assert_eq!(store.children(HOME, None, None, 9).unwrap().len(), 3);
    let alice = store.add_user("alice");
    store.write(set_favourite(alice.id, path[3].id, true)).unwrap();
    store.write(create_token(NewToken { channel: Some(path[4].id), ..invite(1, 1) })).unwrap();
    let gone = store.write(delete_channel(top.id)).unwrap();
    assert_eq!((gone.len(), gone.last()), (MAX_CHANNEL_DEPTH - 1, Some(&top.id)));
    assert_eq!(store.favourites(alice.id).unwrap(), []);
    assert_eq!(store.tokens(HOME, None, 9).unwrap(), []);
    assert_eq!(store.channels(HOME, None, 99).unwrap().len(), 5);
    let refused = store.write(delete_channel(top.id)).unwrap_err();
    assert_eq!(refused, Failed::Refused(DeleteChannelError::NoSuchChannel));
    assert!(store.first_free_channel(HOME).unwrap().0 > path[MAX_CHANNEL_DEPTH - 1].id.0);
}

#[test]
fn a_new_organization_has_six_roles() {
    let store = Fixture::new();
    let mut roles = store.roles(HOME, None, 9).unwrap();
    roles.sort_by_key(|role| std::cmp::Reverse(role.rank));
    let names: Vec<_> = roles.iter().map(|role| (role.id.0, role.name.as_str(), role.rank)).collect();
    assert_eq!(
        names,
        [
            (1, "Owner", 1000),
            (5, "Admin", 100),
            (2, "Officer", 50),
            (6, "Service", 20),
            (3, "Member", 10),
            (4, "Guest", 0),
        ]
    );
    let all = Permissions::NAMED.iter().fold(Permissions::NONE, |all, (one, _)| all.union(*one));
    assert_eq!(roles[0].allow, Permissions::ADMINISTER);
    assert_eq!(roles[1].allow, all.without(Permissions::ADMINISTER));
    let words: Vec<_> = roles[2..].iter().map(|role| role.allow.to_string()).collect();
    assert_eq!(words[3], "view, join, speak");
    assert_eq!(words[2], "view, join, speak, text, whisper, listen, create temporary");
    assert_eq!(words[1], "view, join, speak, text, listen, record");
    assert!(roles[2].allow.contains(roles[4].allow), "an officer may do what a member may");
    assert_eq!(
        roles[2].allow.without(roles[4].allow).to_string(),
        "create channel, edit channel, move others, mute others, kick, record, priority, share, inspect"
    );
    assert_eq!(store.first_free_role(HOME).unwrap(), RoleId(7));
    let club = store.organization_named("club", Limits::default());
    let of_club = store.roles(club.id, None, 9).unwrap();
    assert_eq!(store.first_free_role(club.id).unwrap().0, of_club[5].id.0 + 1);
}

#[test]
fn roles_are_put_by_who_gives_identifiers() {
    let store = Fixture::new();
    let id = store.first_free_role(HOME).unwrap();
    let role = |id, name: &str| Role {
        id,
        organization: HOME,
        name: name.to_owned(),
        rank: 30,
        colour: 0x33_66_99,
        allow: Permissions::TEXT,
        second_factor: false,
    };
    store.write(add_role(role(id, "Helper"))).unwrap();
    store.write(put_role(Role { rank: 31, ..role(id, "Aide") })).unwrap();
    assert_eq!(store.role_by_name(HOME, "helper").unwrap(), None);
    assert_eq!(store.role_by_name(HOME, "aide").unwrap().unwrap().rank, 31);
    assert_eq!(store.first_free_role(HOME).unwrap().0, id.0 + 1);
    let refused = store.write(put_role(role(id, "ADMIN"))).unwrap_err();
    assert_eq!(refused, Failed::Refused(PutRoleError::NameTaken));
    let refused = store.write(add_role(role(RoleId(id.0 + 1), "ADMIN"))).unwrap_err();
    assert_eq!(refused, Failed::Refused(CreateRoleError::NameTaken));
    let nowhere = Role { organization: parlour::id::OrganizationId(77), ..role(id, "x") };
    assert_eq!(
        store.write(put_role(nowhere.clone())).unwrap_err(),
        Failed::Refused(PutRoleError::NoSuchRole)
    );
    let refused = store.write(add_role(nowhere)).unwrap_err();
    assert_eq!(refused, Failed::Refused(CreateRoleError::NoSuchOrganization));
    // The owner's role may have another name, and never less to it.
    let refused = store.write(put_role(role(OWNER, "Boss"))).unwrap_err();
    assert_eq!(refused, Failed::Refused(PutRoleError::Owner));
    let less = RoleEdit { allow: Some(Permissions::TEXT), ..RoleEdit::default() };
    let refused = store.write(edit_role(OWNER, less)).unwrap_err();
    assert_eq!(refused, Failed::Refused(EditRoleError::Owner));
    let rename = RoleEdit { name: Some("Boss".to_owned()), ..RoleEdit::default() };
    assert_eq!(store.write(edit_role(OWNER, rename)).unwrap().allow, Permissions::ADMINISTER);
}

#[test]
fn the_last_owner_stays() {
    let store = Fixture::new();
    let (alice, bob) = (store.add_user("alice").id, store.add_user("bob").id);
    let own = |user, expires| store.write(grant(user, Grant { role: OWNER, expires })).map(drop);
    let disable = |user, disabled| {
        let edit = UserEdit { disabled: Some(disabled), ..UserEdit::default() };
        store.write(edit_user(user, edit)).map(drop)
    };
    let keep_out = |user| {
        let subject = BanSubject::User(user);
        store.write(ban(NewBan { organization: HOME, subject, reason: String::new(), until: None }))
    };
    let refused = Failed::Refused(GrantError::LastOwner);
    // Before there is one, none is lost.
    own(alice, Some(later(5))).unwrap();
    disable(alice, true).unwrap();
    disable(alice, false).unwrap();
    own(alice, None).unwrap();
    let alone = || {
        assert_eq!(store.write(revoke(alice, OWNER)).unwrap_err(), refused);
        assert_eq!(own(alice, Some(later(5))).unwrap_err(), refused);
        assert_eq!(disable(alice, true).unwrap_err(), Failed::Refused(EditUserError::LastOwner));
        let gone = store.write(delete_user(alice)).unwrap_err();
        assert_eq!(gone, Failed::Refused(DeleteUserError::LastOwner));
        assert_eq!(keep_out(alice).unwrap_err(), Failed::Refused(BanError::LastOwner));
        assert!(gone.to_string().contains("make somebody else an owner first"), "{gone}");
    };
    alone();
    // Who owns for a time, can't log in, or is kept out, is no other owner.
    own(bob, Some(later(5))).unwrap();
    alone();
    own(bob, None).unwrap();
    disable(bob, true).unwrap();
    alone();
    disable(bob, false).unwrap();
    let banned = keep_out(bob).unwrap().ban;
    alone();
    store.write(lift_ban(HOME, banned.id)).unwrap();
    // Other roles and other changes are nobody's concern.
    store.write(revoke(alice, RoleId(3))).unwrap();
    own(alice, None).unwrap();
    // With two, one may go, and then the other stays.
    store.write(revoke(alice, OWNER)).unwrap();
    store.write(delete_user(alice)).unwrap();
    assert_eq!(store.write(revoke(bob, OWNER)).unwrap_err(), refused);
    // Each organization has owners of its own.
    let club = store.organization_named("club", Limits::default());
    let owner = store.role_by_name(club.id, "owner").unwrap().unwrap().id;
    let carol = NewUser { organization: club.id, roles: vec![owner], ..new_user("carol") };
    let carol = store.write(create_user(carol)).unwrap();
    assert_eq!(store.write(revoke(carol.id, owner)).unwrap_err(), refused);
    assert_eq!(store.write(delete_role(owner)).unwrap_err(), Failed::Refused(DeleteRoleError::Needed));
}

/// Two givers of identifiers, the live state and the ledger: what one of them made is never the other's.
#[test]
fn what_is_created_under_an_identifier_in_use_is_refused_and_edits_nothing() {
    let store = Fixture::new();
    let by_ledger = store.add_channel("by the ledger", None).unwrap();
    let by_state = Channel { id: by_ledger.id, ..new_channel("by the state", None) };
    let refused = store.write(add_channel(by_state.clone())).unwrap_err();
    assert_eq!(refused, Failed::Refused(PutChannelError::Exists));
    assert!(refused.to_string().contains("try again"), "{refused}");
    assert_eq!(store.channel(by_ledger.id).unwrap().unwrap(), by_ledger);
    // Under the next but one it is made, and the ledger goes on behind it.
    let id = ChannelId(store.first_free_channel(HOME).unwrap().0 + 1);
    store.write(add_channel(Channel { id, ..by_state })).unwrap();
    assert_eq!(store.add_channel("next", None).unwrap().id.0, id.0 + 1);
    let elsewhere = Channel { id: ChannelId(1 << 40), ..new_channel("of another organization", None) };
    let refused = store.write(add_channel(elsewhere)).unwrap_err();
    assert_eq!(refused, Failed::Refused(PutChannelError::NoSuchOrganization));

    let new = NewRole {
        organization: HOME,
        name: "Ledger".to_owned(),
        rank: 1,
        colour: 0,
        allow: Permissions::NONE,
    };
    let by_ledger = store.write(create_role(new)).unwrap();
    let by_state = Role { name: "State".to_owned(), ..by_ledger.clone() };
    let refused = store.write(add_role(by_state.clone())).unwrap_err();
    assert_eq!(refused, Failed::Refused(CreateRoleError::Exists));
    assert_eq!(store.role(by_ledger.id).unwrap().unwrap(), by_ledger);
    // An edit of what isn't there makes nothing.
    let absent = Role { id: RoleId(by_ledger.id.0 + 1), ..by_state.clone() };
    assert_eq!(store.write(put_role(absent.clone())).unwrap_err(), Failed::Refused(PutRoleError::NoSuchRole));
    store.write(add_role(absent.clone())).unwrap();
    assert_eq!(store.first_free_role(HOME).unwrap().0, absent.id.0 + 1);
}

/// A refused creation leaves no hole in the identifiers.
#[test]
fn a_refused_creation_uses_no_identifier() {
    let store = Fixture::new();
    let (channel, role) = (store.first_free_channel(HOME).unwrap(), store.first_free_role(HOME).unwrap());
    assert_eq!(store.add_channel("GENERAL", None).unwrap_err(), Failed::Refused(PutChannelError::NameTaken));
    let new = NewRole {
        organization: HOME,
        name: "owner".to_owned(),
        rank: 1,
        colour: 0,
        allow: Permissions::NONE,
    };
    assert_eq!(store.write(create_role(new)).unwrap_err(), Failed::Refused(CreateRoleError::NameTaken));
    assert_eq!(store.first_free_channel(HOME).unwrap(), channel);
    assert_eq!(store.first_free_role(HOME).unwrap(), role);
}

impl Fixture {
    fn links_of(&self, channel: u64) -> Vec<u64> {
        let channel = self.channel(ChannelId(channel)).unwrap().unwrap();
        channel.links.iter().map(|link| link.0).collect()
    }
}

#[test]
fn channels_are_linked_there_and_back() {
    let store = Fixture::new();
    let link =
        |one: u64, other: u64, linked| store.write(link_channels(ChannelId(one), ChannelId(other), linked));
    for other in [5, 1, 4, 1] {
        link(3, other, true).unwrap();
    }
    assert_eq!((store.links_of(3), store.links_of(1), store.links_of(5)), (vec![1, 4, 5], vec![3], vec![3]));
    assert_eq!(link(3, 3, true).unwrap_err(), Failed::Refused(LinkChannelsError::Itself));
    assert_eq!(link(3, 99, true).unwrap_err(), Failed::Refused(LinkChannelsError::NoSuchChannel));
    let club = store.organization_named("club", Limits::default());
    let there = store.channels(club.id, None, 1).unwrap()[0].id;
    assert_eq!(link(3, there.0, true).unwrap_err(), Failed::Refused(LinkChannelsError::Elsewhere));
    link(1, 3, false).unwrap();
    link(1, 3, false).unwrap();
    assert_eq!((store.links_of(3), store.links_of(1)), (vec![4, 5], vec![]));
    // An edit leaves links as they are, and a new channel has none.
    let row = store.channel(ChannelId(3)).unwrap().unwrap();
    let edit = ChannelEdit { position: Some(9), ..ChannelEdit::default() };
    assert_eq!(store.write(edit_channel(ChannelId(3), edit)).unwrap().links, [ChannelId(4), ChannelId(5)]);
    let new = Channel { id: ChannelId(0), name: "new".to_owned(), ..row };
    assert_eq!(store.write(create_channel(new)).unwrap().links, []);
    // Operations goes with both squads below it, and 5 is linked with neither any more.
    store.write(delete_channel(ChannelId(2))).unwrap();
    assert_eq!(store.links_of(5), [] as [u64; 0]);
}

#[test]
fn an_overwrite_says_where_it_holds() {
    let store = Fixture::new();
    let overwrite = |reach| Overwrite {
        channel: ChannelId(2),
        subject: Subject::Role(GUEST),
        allow: Permissions::TEXT,
        deny: Permissions::SPEAK,
        reach,
    };
    for reach in [Reach::Below, Reach::ThisChannel, Reach::Both] {
        store.write(put_overwrite(overwrite(reach))).unwrap();
        assert_eq!(store.overwrites(HOME, None, 9).unwrap(), [overwrite(reach)]);
    }
}

#[test]
fn there_are_so_many_roles_links_and_overwrites_and_no_more() {
    let store = Fixture::new();
    let role = |number: usize| {
        let (name, allow) = (format!("role {number}"), Permissions::NONE);
        store.write(create_role(NewRole { organization: HOME, name, rank: 1, colour: 0, allow }))
    };
    let shipped = store.roles(HOME, None, usize::MAX).unwrap().len();
    let roles: Vec<_> = (shipped..MAX_ROLES).map(|number| role(number).unwrap().id).collect();
    assert_eq!(role(MAX_ROLES).unwrap_err(), Failed::Refused(CreateRoleError::TooMany));
    store.write(delete_role(roles[0])).unwrap();
    role(MAX_ROLES).unwrap();

    let except = |subject| {
        let (channel, reach) = (ChannelId(2), Reach::Both);
        let (allow, deny) = (Permissions::TEXT, Permissions::NONE);
        store.write(put_overwrite(Overwrite { channel, subject, allow, deny, reach }))
    };
    let roles = store.roles(HOME, None, usize::MAX).unwrap();
    let subjects: Vec<_> = roles.iter().map(|role| Subject::Role(role.id)).collect();
    assert_eq!(subjects.len(), MAX_OVERWRITES);
    for subject in &subjects {
        except(*subject).unwrap();
    }
    let alice = Subject::User(store.add_user("alice").id);
    assert_eq!(except(alice).unwrap_err(), Failed::Refused(PutOverwriteError::TooMany));
    except(subjects[3]).unwrap();

    let channel =
        |number| store.write(create_channel(Channel::new(HOME, None, format!("{number}")))).unwrap().id;
    let link = |other| store.write(link_channels(ChannelId(2), other, true));
    let others: Vec<_> = (0..MAX_LINKS).map(channel).collect();
    for other in &others {
        link(*other).unwrap();
    }
    assert_eq!(link(channel(MAX_LINKS)).unwrap_err(), Failed::Refused(LinkChannelsError::TooMany));
    link(others[5]).unwrap();
}

#[test]
fn what_an_organization_says_to_whoever_comes_leads_to_channels_that_are_there() {
    let store = Fixture::new();
    let blank = OrganizationSettings::new(HOME);
    assert_eq!(store.organization_settings(HOME).unwrap(), blank);
    let said = OrganizationSettings {
        welcome: "Be kind.".to_owned(),
        default_channel: Some(ChannelId(3)),
        afk_channel: Some(ChannelId(5)),
        afk_ms: 60_000,
        ..blank.clone()
    };
    store.write(put_organization_settings(said.clone())).unwrap();
    assert_eq!(store.organization_settings(HOME).unwrap(), said);
    let refused = |settings| store.write(put_organization_settings(settings)).unwrap_err();
    let nowhere = OrganizationSettings { afk_channel: Some(ChannelId(99)), ..said.clone() };
    assert_eq!(refused(nowhere), Failed::Refused(PutOrganizationSettingsError::NoSuchChannel));
    let long = OrganizationSettings { welcome: "x".repeat(MAX_SETTING + 1), ..said.clone() };
    assert_eq!(refused(long), Failed::Refused(PutOrganizationSettingsError::TooLong));
    let nobodys = OrganizationSettings::new(OrganizationId(9));
    assert_eq!(refused(nobodys), Failed::Refused(PutOrganizationSettingsError::NoSuchOrganization));
    assert_eq!(store.organization_settings(HOME).unwrap(), said);
    // Channel 3 is below channel 2, and goes with it.
    store.write(delete_channel(ChannelId(2))).unwrap();
    let left = OrganizationSettings { default_channel: None, ..said };
    assert_eq!(store.organization_settings(HOME).unwrap(), left);
    store.write(put_organization_settings(blank.clone())).unwrap();
    assert_eq!(store.organization_settings(HOME).unwrap(), blank);
}

#[test]
fn what_moderators_laid_upon_somebody_goes_with_the_account_and_with_the_organization() {
    let store = Fixture::new();
    let alice = store.add_user("alice");
    let laid = |user, muted, deafened| Restraint { organization: HOME, user, muted, deafened };
    store.write(put_restraint(laid(alice.id, true, false))).unwrap();
    assert_eq!(store.restraint(HOME, alice.id).unwrap(), Some(laid(alice.id, true, false)));
    let refused = |restraint| store.write(put_restraint(restraint)).unwrap_err();
    assert_eq!(refused(laid(UserId(99), true, true)), Failed::Refused(PutRestraintError::NoSuchUser));
    let club =
        NewOrganization { tag: "club".into(), name: "Club".into(), limits: Limits::default(), claim: None };
    let club = store.write(create_organization(club)).unwrap().id;
    let elsewhere = Restraint { organization: club, ..laid(alice.id, true, true) };
    assert_eq!(refused(elsewhere), Failed::Refused(PutRestraintError::NoSuchUser));
    store.write(put_restraint(laid(alice.id, false, false))).unwrap();
    assert_eq!(store.restraint(HOME, alice.id).unwrap(), None);
    store.write(put_restraint(laid(alice.id, false, true))).unwrap();
    store.write(delete_user(alice.id)).unwrap();
    assert_eq!(store.restraint(HOME, alice.id).unwrap(), None);
    let carol = store.write(create_user(NewUser { organization: club, roles: vec![], ..new_user("carol") }));
    let carol = carol.unwrap().id;
    store.write(put_restraint(Restraint { organization: club, ..laid(carol, true, false) })).unwrap();
    let settings = OrganizationSettings { welcome: "Hello".into(), ..OrganizationSettings::new(club) };
    store.write(put_organization_settings(settings)).unwrap();
    store.write(delete_organization(club)).unwrap();
    assert_eq!(store.organization_settings(club).unwrap().welcome, "");
    assert_eq!(store.restraint(club, carol).unwrap(), None);
}
