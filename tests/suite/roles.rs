//! Who may do what, live: roles, overwrites, questions about them, moderation, channels with rules of their own.

use std::time::Duration;

use crate::support::{self, PASSWORD, TestServer, channel_id, code, eventually, with};
use parlour::client::{
    About, Change, ChannelEdit, Credentials, Decided, Ended, Moderation, NewChannel, NewOverwrite,
    OrganizationEdit, OverwriteFor, OwnState, RoleEdit, Session, Whom,
};
use parlour::clock::Clock;
use parlour::id::{ChannelId, RoleId, Timestamp};
use parlour::permission::{Permissions, Reach};
use parlour::protocol::ErrorCode;
use parlour::protocol::wire::{self, event, request, response};
use parlour::store::{By, OrganizationSettings, SEEDED_ORGANIZATION, Store, write};

const MEMBER: RoleId = RoleId(3);
const GUEST: RoleId = RoleId(4);

fn deny(channel: ChannelId, role: RoleId, deny: Permissions, reach: Reach) -> NewOverwrite {
    NewOverwrite { channel, subject: OverwriteFor::Role(role), allow: Permissions::NONE, deny, reach }
}

/// Waits until a session's view is as it should be.
async fn sees(session: &Session, what: &str, is: impl Fn(&parlour::client::View) -> bool) {
    let mut view = session.watch();
    let waited = tokio::time::timeout(Duration::from_secs(3), view.wait_for(|view| is(view))).await;
    assert!(waited.is_ok_and(|seen| seen.is_ok()), "never: {what}");
}

async fn row(session: &Session, name: &str) -> wire::Member {
    session.list().await.unwrap().members.into_iter().find(|one| one.name == name).unwrap()
}

#[tokio::test]
async fn what_may_no_longer_be_seen_is_gone_at_once_and_comes_back() {
    let server = TestServer::start().await;
    let root = server.log_in("root").await;
    let (alice, bob) =
        (server.in_channel("alice", "Operations").await, server.in_channel("bob", "Social").await);
    let operations = channel_id(&root, "Operations");
    let hidden = deny(operations, MEMBER, Permissions::VIEW, Reach::Both);
    root.set_overwrite(hidden.clone()).await.unwrap();
    let there = |view: &parlour::client::View| view.channels.contains_key(&operations.0);
    // Who sat there is put out; the channels below are hidden with it.
    sees(&alice, "alice sees it no more", |view| !there(view) && view.own().unwrap().channel == 0).await;
    sees(&bob, "nor does bob", |view| !there(view) && view.find("Alpha Squad").is_err()).await;
    assert_eq!(code(alice.join(operations).await), ErrorCode::NoSuchChannel);
    root.join(operations).await.unwrap();
    assert_eq!(row(&bob, "root").await.channel, 0);
    // How somebody is where one doesn't see is nobody's business.
    let away = OwnState { away: Some(true), status: Some("counting".to_owned()), ..OwnState::default() };
    root.set_own_state(away).await.unwrap();
    let shown = row(&bob, "root").await;
    assert!(!shown.away && shown.status.is_empty());
    root.set_overwrite(NewOverwrite { deny: Permissions::NONE, ..hidden }).await.unwrap();
    sees(&bob, "all is there again", |view| {
        there(view)
            && view.members.values().any(|one| one.channel == operations.0 && one.status == "counting")
    })
    .await;
    alice.join(operations).await.unwrap();
}

#[tokio::test]
async fn a_role_is_made_granted_changed_and_ends_by_itself() {
    let server = TestServer::start().await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let create = channel_id(&root, "Social");
    assert_eq!(code(alice.create_channel(Some(create), "Kitchen").await), ErrorCode::Forbidden);
    let host = root.create_role("Host", 20, 0x33_66_99, Permissions::CREATE_CHANNEL).await.unwrap();
    root.grant_role("alice", host, Some(Duration::from_millis(700))).await.unwrap();
    sees(&alice, "alice has it", |view| {
        view.own().unwrap().roles == [host.0, MEMBER.0] && view.roles.iter().any(|role| role.name == "Host")
    })
    .await;
    alice.create_channel(Some(create), "Kitchen").await.unwrap();
    let holders = root.holders(host).await.unwrap();
    assert_eq!(holders.len(), 1);
    // It ends without anybody doing anything.
    sees(&alice, "alice lost it", |view| view.own().unwrap().roles == [MEMBER.0]).await;
    assert_eq!(code(alice.create_channel(Some(create), "Cellar").await), ErrorCode::Forbidden);
    root.grant_role("alice", host, None).await.unwrap();
    let edit = RoleEdit { allow: Some(Permissions::NONE), ..RoleEdit::default() };
    root.edit_role(host, edit).await.unwrap();
    assert_eq!(code(alice.create_channel(Some(create), "Cellar").await), ErrorCode::Forbidden);
    root.remove_role(host).await.unwrap();
    sees(&alice, "it is gone", |view| !view.roles.iter().any(|role| role.id == host)).await;
    // Everything of it is kept.
    let address = server.address();
    drop((root, alice));
    let _ = address;
}

#[tokio::test]
async fn ranks_are_kept_and_the_last_owner_stays() {
    let server = TestServer::start().await;
    let root = server.log_in("root").await;
    server.server.ensure_user("adam", PASSWORD, "Admin").await.unwrap();
    server.server.ensure_user("olaf", PASSWORD, "Officer").await.unwrap();
    let (adam, olaf, bob) =
        (server.log_in("adam").await, server.log_in("olaf").await, server.log_in("bob").await);
    let (owner, admin, officer) = (RoleId(1), RoleId(5), RoleId(2));
    assert_eq!(code(adam.kick(root.id(), "").await), ErrorCode::Outranked);
    assert_eq!(code(adam.grant_role("bob", admin, None).await), ErrorCode::Outranked);
    assert_eq!(code(adam.grant_role("adam", owner, None).await), ErrorCode::Outranked);
    assert_eq!(code(adam.revoke_role("root", owner).await), ErrorCode::Outranked);
    assert_eq!(code(adam.set_user_disabled("root", true).await), ErrorCode::Outranked);
    // A ban is as a kick; whom an address is shared with counts.
    let ban = wire::create_ban::Subject::User("root".to_owned());
    assert_eq!(code(adam.ban(ban, "", None).await), ErrorCode::Outranked);
    let mute = Moderation { mute: Some(true), ..Moderation::default() };
    assert_eq!(code(olaf.moderate(adam.id(), mute).await), ErrorCode::Outranked);
    assert_eq!(
        code(olaf.move_session(adam.id(), Some(channel_id(&olaf, "Social"))).await),
        ErrorCode::Outranked
    );
    assert_eq!(code(olaf.grant_role("bob", MEMBER, None).await), ErrorCode::Forbidden);
    adam.grant_role("bob", officer, None).await.unwrap();
    assert_eq!(code(olaf.kick(bob.id(), "").await), ErrorCode::Outranked, "an officer by now");
    assert_eq!(code(root.revoke_role("root", owner).await), ErrorCode::LastOwner);
    root.grant_role("alice", owner, None).await.unwrap();
    root.revoke_role("root", owner).await.unwrap();
    assert_eq!(code(root.revoke_role("alice", owner).await), ErrorCode::Forbidden, "an owner no more");
}

#[tokio::test]
async fn why_says_what_decided_and_what_if_is_what_then_happens() {
    let server = TestServer::start().await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let (operations, squad) = (channel_id(&root, "Operations"), channel_id(&root, "Operations/Alpha Squad"));
    let change = deny(operations, MEMBER, Permissions::SPEAK, Reach::Below);
    let imagined = root.what_if(Change::SetOverwrite(change.clone())).await.unwrap();
    let about: Vec<_> =
        imagined.rows.iter().map(|one| (one.name.as_str(), one.channel_path.as_str())).collect();
    assert_eq!(about, [("alice", "Operations/Alpha Squad"), ("alice", "Operations/Bravo Squad")]);
    assert_eq!(imagined.rows[0].before.without(imagined.rows[0].after), Permissions::SPEAK);
    assert_eq!(code(alice.what_if(Change::SetOverwrite(change.clone())).await), ErrorCode::Forbidden);
    // Nothing was changed by asking.
    assert!(alice.why(&About::Own, Some(squad), Permissions::SPEAK).await.unwrap().allowed);
    root.set_overwrite(change).await.unwrap();
    let own = alice.why(&About::Own, Some(squad), Permissions::SPEAK).await.unwrap();
    assert!(!own.allowed);
    assert!(matches!(&own.steps[0].decided, Decided::Grant { role, .. } if role == "Member"));
    let Decided::Overwrite { channel_path, whom, reach, deny, .. } = &own.steps[1].decided else {
        panic!("{own:?}")
    };
    assert_eq!(
        (channel_path.as_str(), whom, reach),
        ("Operations", &Whom::Role("Member".to_owned()), &Reach::Below)
    );
    assert_eq!(*deny, Permissions::SPEAK);
    assert_eq!(imagined.rows[0].after, own.has, "as it was said");
    // About others, by name, connected or not, and only for who may inspect.
    let bob = root.why(&About::User("BOB".to_owned()), Some(squad), Permissions::SPEAK).await.unwrap();
    assert_eq!(
        (bob.allowed, bob.name.as_str(), bob.channel_path.as_str()),
        (false, "bob", "Operations/Alpha Squad")
    );
    let asked = alice.why(&About::User("bob".to_owned()), Some(squad), Permissions::SPEAK).await;
    assert_eq!(code(asked), ErrorCode::Forbidden);
    let owner = root.why(&About::Own, Some(squad), Permissions::SPEAK).await.unwrap();
    assert!(owner.allowed && owner.steps.iter().any(|step| step.decided == Decided::Owner));
    // An account that isn't connected, in a dry run.
    let grant = Change::GrantRole { user: "bob".to_owned(), role: RoleId(2), life: None };
    let imagined = root.what_if(grant).await.unwrap();
    assert!(imagined.rows.iter().all(|one| one.name == "bob" && one.session.is_none()));
    assert!(imagined.rows.iter().any(|one| one.channel.is_none() && one.after.contains(Permissions::KICK)));
}

#[tokio::test]
async fn nobody_reads_the_name_of_a_channel_that_they_do_not_see() {
    let server = TestServer::start().await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let (operations, squad) = (channel_id(&root, "Operations"), channel_id(&root, "Operations/Alpha Squad"));
    // Members see the squad, and not what it is below; who invites sees no more than that.
    root.set_overwrite(deny(operations, RoleId(3), Permissions::VIEW.union(Permissions::SPEAK), Reach::Both))
        .await
        .unwrap();
    let allow =
        NewOverwrite { allow: Permissions::VIEW, ..deny(squad, RoleId(3), Permissions::NONE, Reach::Both) };
    root.set_overwrite(allow).await.unwrap();
    let invites = root.create_role("Host", 20, 0, Permissions::INVITE).await.unwrap();
    root.grant_role("alice", invites, None).await.unwrap();
    sees(&alice, "the squad", |view| {
        view.channels.contains_key(&squad.0) && !view.channels.contains_key(&operations.0)
    })
    .await;

    let why = alice.why(&About::Own, Some(squad), Permissions::SPEAK).await.unwrap();
    assert!(!why.allowed);
    assert_eq!(why.channel_path, "Alpha Squad");
    let told = format!("{why:?}");
    assert!(!told.contains("Operations"), "{told}");
    let decided = why.steps.iter().any(|step| {
        matches!(&step.decided, Decided::Overwrite { channel_path, deny, .. }
            if channel_path.is_empty() && deny.contains(Permissions::SPEAK))
    });
    assert!(decided, "what decided is told all the same: {told}");

    let mut codes = Vec::new();
    for channel in [operations, squad] {
        let create = wire::CreateInvite { channel: channel.0, ..wire::CreateInvite::default() };
        codes.push(root.create_invite(create).await.unwrap().code);
    }
    let listed = alice.invites().await.unwrap();
    let places: Vec<_> = listed.iter().map(|one| (one.channel, one.channel_path.as_str())).collect();
    assert!(places.contains(&(0, "")) && places.contains(&(squad.0, "Alpha Squad")), "{places:?}");
    assert!(places.iter().all(|(_, path)| !path.contains("Operations")), "{places:?}");
    let all = root.invites().await.unwrap();
    assert!(all.iter().any(|one| one.channel_path == "Operations/Alpha Squad"), "{all:?}");
    // Nor does whoever has a code, as they will be a member.
    let mut link = super::link::Link::open("native", server.server.addresses()[0]).await;
    link.refusal(super::link::hello()).await;
    let look = |code: &str| request::Body::LookAtInvite(wire::LookAtInvite { code: code.to_owned() });
    for (code, (channel, path)) in codes.iter().zip([(0, ""), (squad.0, "Alpha Squad")]) {
        let response::Body::Invite(invite) = link.ask(look(code)).await else { panic!("no invite") };
        assert_eq!((invite.channel, invite.channel_path.as_str()), (channel, path));
    }
}

#[tokio::test]
async fn a_guest_is_muted_kicked_and_told_why() {
    let server = TestServer::with(&[("sessions.guests", "true")]).await;
    let root = server.in_channel("root", "General").await;
    let guest = with(&server, Credentials::guest("noisy", "test")).await.unwrap();
    guest.join(channel_id(&guest, "General")).await.unwrap();
    let mute = Moderation { mute: Some(true), ..Moderation::default() };
    root.moderate(guest.id(), mute).await.unwrap();
    let mut events = guest.events();
    root.kick(guest.id(), "come back when you are quiet").await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(2), guest.closed()).await.unwrap();
    assert!(matches!(ended, Ended::ByServer(parlour::protocol::CloseCode::Kicked)), "{ended:?}");
    let mut words = String::new();
    while let Ok(event) = events.try_recv() {
        if let event::Body::Goodbye(goodbye) = event {
            words = goodbye.message;
        }
    }
    assert_eq!(words, "come back when you are quiet");
    // The same address again: a guest has nothing else that stays.
    let again = with(&server, Credentials::guest("quiet", "test")).await.unwrap();
    assert!(row(&again, "~quiet").await.muted);
    let lift = Moderation { mute: Some(false), ..Moderation::default() };
    root.moderate(again.id(), lift).await.unwrap();
    drop(again);
    let third = with(&server, Credentials::guest("friend", "test")).await.unwrap();
    assert!(!row(&third, "~friend").await.muted);
}

#[tokio::test]
async fn a_channel_asks_for_its_password_and_has_room_for_so_many() {
    let server = TestServer::start().await;
    let root = server.log_in("root").await;
    let (alice, bob) = (server.log_in("alice").await, server.log_in("bob").await);
    let new = NewChannel {
        name: "Vault".to_owned(),
        password: "open sesame".to_owned(),
        user_limit: 1,
        ..NewChannel::default()
    };
    let vault = root.create_channel_with(new).await.unwrap();
    assert_eq!(code(alice.join(vault).await), ErrorCode::ChannelPassword);
    assert_eq!(code(alice.join_with_password(vault, "open barley").await), ErrorCode::ChannelPassword);
    alice.join_with_password(vault, "open sesame").await.unwrap();
    assert_eq!(code(bob.join_with_password(vault, "open sesame").await), ErrorCode::ChannelFull);
    root.join(vault).await.unwrap();
    let shown = alice.list().await.unwrap().channels.into_iter().find(|one| one.id == vault.0).unwrap();
    assert!(shown.password && shown.user_limit == 1);
    // Who tries many passwords has to wait.
    let mut refusals = Vec::new();
    for _ in 0..20 {
        refusals.push(code(bob.join_with_password(vault, "guess").await));
    }
    assert_eq!(refusals.last(), Some(&ErrorCode::TooManyAttempts));
    let open = ChannelEdit { password: Some(String::new()), user_limit: Some(0), ..ChannelEdit::default() };
    root.edit_channel_with(vault, open).await.unwrap();
    bob.join(vault).await.unwrap();
}

#[tokio::test]
async fn a_temporary_channel_is_made_by_a_member_and_goes_when_it_is_empty() {
    let (server, clock) = TestServer::turned(&[]).await;
    let (alice, bob) = (server.log_in("alice").await, server.log_in("bob").await);
    let new = NewChannel {
        name: "For tonight".to_owned(),
        temporary: Some(Duration::from_millis(300)),
        ..NewChannel::default()
    };
    let tonight = alice.create_channel_with(new).await.unwrap();
    alice.join(tonight).await.unwrap();
    clock.advance(Duration::from_millis(600));
    assert!(bob.list().await.unwrap().channels.iter().any(|one| one.id == tonight.0));
    alice.leave().await.unwrap();
    clock.advance(Duration::from_millis(300));
    sees(&bob, "it goes", |view| !view.channels.contains_key(&tonight.0)).await;
}

#[tokio::test]
async fn a_clock_set_back_by_a_day_holds_nothing_up() {
    let (server, clock) = TestServer::turned(&[]).await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let temporary = |name: &str| NewChannel {
        name: name.to_owned(),
        temporary: Some(Duration::from_millis(300)),
        ..NewChannel::default()
    };
    let tonight = alice.create_channel_with(temporary("For tonight")).await.unwrap();
    alice.join(tonight).await.unwrap();
    let yesterday = Clock::system().wall().0 - 24 * 60 * 60 * 1_000;
    clock.set_wall(Timestamp(yesterday));
    // A role that is given for a minute is there for a minute.
    let host = root.create_role("Host", 20, 0, Permissions::KICK).await.unwrap();
    root.grant_role("alice", host, Some(Duration::from_secs(60))).await.unwrap();
    let may_kick = async || alice.why(&About::Own, None, Permissions::KICK).await.unwrap().allowed;
    assert!(may_kick().await);
    clock.advance(Duration::from_secs(59));
    assert!(may_kick().await);
    clock.advance(Duration::from_secs(1));
    assert!(!may_kick().await);
    alice.leave().await.unwrap();
    clock.advance(Duration::from_millis(299));
    assert!(root.list().await.unwrap().channels.iter().any(|one| one.id == tonight.0));
    clock.advance(Duration::from_millis(1));
    sees(&root, "it goes", |view| !view.channels.contains_key(&tonight.0)).await;
}

#[tokio::test]
async fn who_comes_is_welcomed_and_put_where_everybody_meets() {
    let server = TestServer::start().await;
    let root = server.log_in("root").await;
    let general = channel_id(&root, "General");
    let edit = OrganizationEdit {
        welcome: Some("Mind the step.".to_owned()),
        default_channel: Some(Some(general)),
        ..OrganizationEdit::default()
    };
    root.edit_organization(edit).await.unwrap();
    let alice = server.log_in("alice").await;
    assert_eq!(alice.view().own().unwrap().channel, general.0);
    assert_eq!(alice.organization().await.unwrap().welcome, "Mind the step.");
    let short = OrganizationEdit {
        afk_channel: Some(Some(general)),
        afk_after: Some(Duration::from_secs(5)),
        ..OrganizationEdit::default()
    };
    assert_eq!(code(root.edit_organization(short.clone()).await), ErrorCode::Malformed);
    assert_eq!(code(alice.edit_organization(short).await), ErrorCode::Forbidden);
}

#[tokio::test]
async fn who_talks_and_who_is_idle_is_told_to_who_asks() {
    let (server, clock) = TestServer::turned(&[]).await;
    let (alice, bob) =
        (server.in_channel("alice", "General").await, server.in_channel("bob", "General").await);
    clock.advance(Duration::from_millis(700));
    let quiet = row(&bob, "alice").await;
    assert_eq!((quiet.talking, quiet.idle_ms), (false, 700));
    let _talking = support::Talking::start(&alice);
    let talking = async || Some(row(&bob, "alice").await).filter(|alice| alice.talking);
    // A session times its voice by itself, whatever the clock shows.
    assert!(eventually("alice talks", talking).await.idle_ms < 700);
}

#[tokio::test]
async fn roles_and_moderation_are_there_after_a_restart() {
    let directory;
    {
        let server = TestServer::start().await;
        let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
        let host = root.create_role("Host", 20, 0x33_66_99, Permissions::KICK).await.unwrap();
        root.grant_role("alice", host, None).await.unwrap();
        let general = channel_id(&root, "General");
        root.set_overwrite(deny(general, GUEST, Permissions::SPEAK, Reach::ThisChannel)).await.unwrap();
        root.link_channels(general, channel_id(&root, "Social"), true).await.unwrap();
        root.moderate(alice.id(), Moderation { mute: Some(true), ..Moderation::default() }).await.unwrap();
        drop((root, alice));
        directory = server.stop().await;
    }
    let server = TestServer::again(directory).await;
    let root = server.log_in("root").await;
    let general = channel_id(&root, "General");
    let alice = server.log_in("alice").await;
    let view = alice.view();
    let own = view.own().unwrap();
    assert!(own.muted && own.roles.len() == 2);
    let overwrites = root.overwrites(general).await.unwrap();
    assert_eq!((overwrites.len(), overwrites[0].overwrite.reach), (1, Reach::ThisChannel));
    assert_eq!(view.channels[&general.0].links, [channel_id(&root, "Social").0]);
}

#[tokio::test]
async fn the_idle_are_put_only_where_they_would_be_let_in_and_there_is_room() {
    let (server, clock) = TestServer::turned(&[]).await;
    let [root, alice, bob] = [
        server.in_channel("root", "General").await,
        server.in_channel("alice", "General").await,
        server.in_channel("bob", "General").await,
    ];
    let new = NewChannel { name: "Lounge".to_owned(), password: "hush".to_owned(), ..NewChannel::default() };
    let lounge = root.create_channel_with(new).await.unwrap();
    let minute = Duration::from_secs(60);
    let settings = OrganizationEdit {
        afk_channel: Some(Some(lounge)),
        afk_after: Some(minute),
        ..OrganizationEdit::default()
    };
    root.edit_organization(settings).await.unwrap();
    let there = || alice.view().people(Some(lounge)).len();
    // Time goes on while it is waited for.
    let settle = async |what: &str, count: usize| {
        eventually(what, async || {
            clock.advance(Duration::from_secs(2));
            (there() == count).then_some(())
        })
        .await;
    };
    clock.advance(minute);
    settle("root is put there", 1).await;
    // The password isn't asked of whoever may edit the channel; the others are idle, too, and lack it.
    clock.advance(minute);
    let members = bob.list().await.unwrap().members;
    let in_lounge: Vec<_> = members.iter().filter(|member| member.channel == lounge.0).collect();
    assert!(matches!(in_lounge[..], [member] if member.name == "root"), "{in_lounge:?}");
    let open = ChannelEdit { password: Some(String::new()), user_limit: Some(2), ..ChannelEdit::default() };
    root.edit_channel_with(lounge, open).await.unwrap();
    settle("one more is put there", 2).await;
    clock.advance(minute);
    assert_eq!(bob.list().await.unwrap().members.iter().filter(|one| one.channel == lounge.0).count(), 2);
    let is_there = |session: &Session| session.view().own().unwrap().channel == lounge.0;
    let (one, other) = if is_there(&alice) { (&alice, &bob) } else { (&bob, &alice) };
    one.leave().await.unwrap();
    eventually("the other one follows", async || {
        clock.advance(Duration::from_secs(2));
        is_there(other).then_some(())
    })
    .await;
}

#[tokio::test]
async fn who_does_nothing_for_long_is_put_where_the_idle_go() {
    // A minute is the shortest that can be asked for, so the file is told of less.
    let directory = TestServer::start().await.stop().await;
    {
        let store = Store::open(&directory.path().join("parlour.redb"), Timestamp(1)).unwrap();
        let blank = OrganizationSettings::new(SEEDED_ORGANIZATION);
        let settings = OrganizationSettings { afk_channel: Some(ChannelId(5)), afk_ms: 1_500, ..blank };
        store.run(By::server(Timestamp(1)), write::put_organization_settings(settings)).unwrap();
    }
    let server = TestServer::again(directory).await;
    let (alice, bob) =
        (server.in_channel("alice", "General").await, server.in_channel("bob", "General").await);
    let _talking = support::Talking::start(&bob);
    sees(&alice, "alice is put there", |view| view.own().unwrap().channel == 5).await;
    assert_eq!(bob.view().own().unwrap().channel, channel_id(&bob, "General").0, "who talks stays");
    alice.join(channel_id(&alice, "General")).await.unwrap();
    assert_ne!(row(&bob, "alice").await.channel, 5);
}
