//! Who comes in: invites, registration, bans, and programs with keys.

use std::time::Duration;

use crate::support::{self, PASSWORD, Process, TestServer, channel_id, code, with};
use parlour::client::{Credentials, DeviceSecret, Ended, RequestError, Session, Trust, connect};
use parlour::control::Actor;
use parlour::id::{ChannelId, RoleId};
use parlour::permission::Permissions;
use parlour::protocol::wire::create_ban::Subject;
use parlour::protocol::wire::{self, CreateInvite, MemberKind, request, response};
use parlour::protocol::{CloseCode, ErrorCode};

const NEW: &str = "a new one, quite long";

const ADMIN: RoleId = RoleId(5);

async fn register(server: &TestServer, invite: &str, name: &str) -> Result<Session, RequestError> {
    with(server, Credentials::register(invite, name, NEW, "test")).await
}

#[tokio::test]
async fn an_invite_makes_as_many_accounts_as_it_says_with_its_roles_and_channel() {
    let (server, clock) = TestServer::turned(&[]).await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    assert_eq!(code(alice.create_invite(CreateInvite::default()).await), ErrorCode::Forbidden);
    assert_eq!(code(alice.invites().await), ErrorCode::Forbidden);
    let channel = channel_id(&root, "Social").0;
    let create =
        CreateInvite { uses: 2, channel, roles: vec!["Officer".to_owned()], ..CreateInvite::default() };
    let invite = root.create_invite(create).await.unwrap();
    // What it leads to is seen by who has it, and by nobody else.
    let connected = connect(&server.address(), Trust::FirstUse, "test/1").await.unwrap();
    let seen = connected.look_at_invite(&invite.code.to_lowercase()).await.unwrap();
    assert_eq!(
        (seen.channel_path.as_str(), seen.uses, &seen.roles[..]),
        ("Social", 2, &["Officer".to_owned()][..])
    );
    assert_eq!((seen.id, seen.code.as_str()), (0, ""));
    assert_eq!(code(connected.look_at_invite("0000-0000-0000-0000-0000").await), ErrorCode::InviteInvalid);
    // A name that is taken, and a weak password, use nothing up.
    assert_eq!(code(register(&server, &invite.code, "Alice").await), ErrorCode::NameTaken);
    assert_eq!(code(register(&server, &invite.code, "dave@x").await), ErrorCode::NameInvalid);
    let weak = Credentials::register(&invite.code, "dave", "dave-dave-dave", "test");
    assert_eq!(code(with(&server, weak).await), ErrorCode::PasswordInvalid);
    let dave = register(&server, &invite.code, "dave").await.unwrap();
    assert_eq!(dave.account().await.unwrap().roles, ["Officer"]);
    dave.create_channel(Some(ChannelId(channel)), "Dave's").await.unwrap();
    register(&server, &invite.code, "erin").await.unwrap();
    assert_eq!(code(register(&server, &invite.code, "frank").await), ErrorCode::InviteInvalid, "used up");
    assert_eq!(root.invites().await.unwrap().len(), 0);
    // One that is revoked, or over, is good no more.
    let second = root.create_invite(CreateInvite::default()).await.unwrap();
    root.revoke_invite(second.id).await.unwrap();
    let third = root.create_invite(CreateInvite { life_ms: 1, ..CreateInvite::default() }).await.unwrap();
    clock.advance(Duration::from_millis(1));
    for gone in [&second.code, &third.code, &String::new()] {
        assert_eq!(code(register(&server, gone, "frank").await), ErrorCode::InviteInvalid);
    }
    assert_eq!(code(root.revoke_invite(second.id).await), ErrorCode::NotFound);
    let unknown = CreateInvite { roles: vec!["King".to_owned()], ..CreateInvite::default() };
    assert_eq!(code(root.create_invite(unknown).await), ErrorCode::NoSuchRole);
    let many = CreateInvite { roles: vec!["King".to_owned(); 33], ..CreateInvite::default() };
    assert_eq!(code(root.create_invite(many).await), ErrorCode::Malformed);
}

#[tokio::test]
async fn of_two_who_take_the_last_use_one_gets_in() {
    let server = TestServer::start().await;
    let root = server.log_in("root").await;
    let invite = root.create_invite(CreateInvite::default()).await.unwrap();
    let (one, two) =
        tokio::join!(register(&server, &invite.code, "dave"), register(&server, &invite.code, "erin"));
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
}

#[tokio::test]
async fn who_may_register_is_the_server_s_choice() {
    let open = TestServer::with(&[("accounts.registration", "open")]).await;
    let dave = register(&open, "", "dave").await.unwrap();
    assert_eq!(dave.account().await.unwrap().roles, ["Member"]);
    assert_eq!(code(register(&open, "not a code", "erin").await), ErrorCode::InviteInvalid);
    let closed = TestServer::with(&[("accounts.registration", "closed")]).await;
    let invite = closed.log_in("root").await.create_invite(CreateInvite::default()).await.unwrap();
    assert_eq!(code(register(&closed, &invite.code, "dave").await), ErrorCode::RegistrationClosed);
}

#[tokio::test]
async fn whoever_is_banned_goes_at_once_and_stays_out_until_it_ends() {
    let (server, clock) = TestServer::turned(&[("sessions.guests", "true")]).await;
    let (root, bob) = (server.log_in("root").await, server.in_channel("bob", "General").await);
    let key = DeviceSecret::random().unwrap();
    bob.register_key(&key, "laptop").await.unwrap();
    let user = bob.logged_in().user;
    assert_eq!(code(bob.ban(Subject::User("root".to_owned()), "", None).await), ErrorCode::Forbidden);
    assert_eq!(code(root.ban(Subject::User("root".to_owned()), "", None).await), ErrorCode::Malformed);
    assert_eq!(code(root.ban(Subject::User("nobody".to_owned()), "", None).await), ErrorCode::NoSuchUser);
    let ban = root.ban(Subject::User("Bob".to_owned()), "noise", None).await.unwrap();
    assert_eq!(bob.closed().await, Ended::ByServer(CloseCode::Banned));
    let told = bob.closed_because().await;
    assert!(told.contains("kept out of this server") && told.ends_with(": noise"), "{told}");
    let told = with(&server, Credentials::password("bob", PASSWORD, "test")).await.unwrap_err();
    assert_eq!(told.code(), Some(ErrorCode::Banned));
    assert!(told.to_string().contains("noise"), "{told}");
    assert_eq!(code(with(&server, Credentials::key(user, &key)).await), ErrorCode::Banned);
    // A wrong password learns nothing of the ban.
    let guess = with(&server, Credentials::password("bob", "some wrong one", "test")).await;
    assert_eq!(code(guess), ErrorCode::LogInFailed);
    let listed = root.bans().await.unwrap();
    assert_eq!((listed.len(), listed[0].subject.as_str(), listed[0].until_ms), (1, "user bob", 0));
    root.lift_ban(ban).await.unwrap();
    assert_eq!(code(root.lift_ban(ban).await), ErrorCode::NotFound);
    let bob = server.log_in("bob").await;
    // A device's key: its log-ins go, others of the same account stay.
    bob.register_key(&key, "laptop").await.unwrap();
    let other = server.log_in("bob").await;
    let fingerprint = bob.devices().await.unwrap().keys[0].fingerprint.clone();
    root.ban(Subject::Key(fingerprint), "", Some(Duration::from_millis(700))).await.unwrap();
    assert_eq!(bob.closed().await, Ended::ByServer(CloseCode::Banned));
    let told = bob.closed_because().await;
    assert!(told.contains(": until "), "{told}");
    other.list().await.unwrap();
    for credentials in [Credentials::key(user, &key), Credentials::token(&bob.logged_in().access_token)] {
        assert_eq!(code(with(&server, credentials).await), ErrorCode::Banned);
    }
    clock.advance(Duration::from_millis(699));
    assert_eq!(code(with(&server, Credentials::key(user, &key)).await), ErrorCode::Banned);
    clock.advance(Duration::from_millis(1));
    with(&server, Credentials::key(user, &key)).await.unwrap();
}

#[tokio::test]
async fn an_address_that_is_banned_stays_out_whoever_it_is() {
    let server = TestServer::with(&[("sessions.guests", "true")]).await;
    let Some(other) = server.other_address() else { return };
    let root = support::log_in(&other, "root", PASSWORD).await.unwrap();
    let (alice, guest) =
        (server.log_in("alice").await, with(&server, Credentials::guest("eve", "test")).await.unwrap());
    assert_eq!(
        code(root.ban(Subject::Network("::/0".to_owned()), "", None).await),
        ErrorCode::Malformed,
        "oneself"
    );
    for bad in ["", "here", "127.0.0.0/40"] {
        assert_eq!(code(root.ban(Subject::Network(bad.to_owned()), "", None).await), ErrorCode::Malformed);
    }
    root.ban(Subject::Network("127.0.0.0/8".to_owned()), "", None).await.unwrap();
    for session in [&alice, &guest] {
        assert_eq!(session.closed().await, Ended::ByServer(CloseCode::Banned));
    }
    for credentials in [
        Credentials::password("alice", PASSWORD, "test"),
        Credentials::token(&alice.logged_in().token),
        Credentials::guest("fay", "test"),
        Credentials::register("x", "fay", NEW, "test"),
    ] {
        assert_eq!(code(with(&server, credentials).await), ErrorCode::Banned);
    }
    root.list().await.unwrap();
}

/// An admin, who may do all but what owners may.
async fn admin(server: &TestServer, root: &Session, name: &str) -> Session {
    root.grant_role(name, ADMIN, None).await.unwrap();
    server.log_in(name).await
}

fn officer() -> CreateInvite {
    CreateInvite { uses: 9, roles: vec!["Officer".to_owned()], ..CreateInvite::default() }
}

#[tokio::test]
async fn an_invite_gives_what_its_maker_may_still_give_and_ends_with_their_account() {
    let server = TestServer::start().await;
    let root = server.log_in("root").await;
    let alice = admin(&server, &root, "alice").await;
    let mut both = officer();
    both.roles.push("Member".to_owned());
    let (officers, both) =
        (alice.create_invite(officer()).await.unwrap(), alice.create_invite(both).await.unwrap());
    let dave = register(&server, &officers.code, "dave").await.unwrap();
    assert_eq!(dave.account().await.unwrap().roles, ["Officer"]);
    // Whoever may make no officers any more makes none by an invite of before, nor is one promised.
    root.revoke_role("alice", ADMIN).await.unwrap();
    let host = root.create_role("Host", 20, 0, Permissions::INVITE).await.unwrap();
    root.grant_role("alice", host, None).await.unwrap();
    assert_eq!(code(register(&server, &officers.code, "erin").await), ErrorCode::InviteInvalid);
    let visitor = async || connect(&server.address(), Trust::FirstUse, "test/1").await.unwrap();
    assert_eq!(code(visitor().await.look_at_invite(&officers.code).await), ErrorCode::InviteInvalid);
    assert_eq!(visitor().await.look_at_invite(&both.code).await.unwrap().roles, ["Member"]);
    let erin = register(&server, &both.code, "erin").await.unwrap();
    assert_eq!(erin.account().await.unwrap().roles, ["Member"]);
    // Whoever may invite nobody any more invites nobody.
    root.revoke_role("alice", host).await.unwrap();
    assert_eq!(code(register(&server, &both.code, "frank").await), ErrorCode::InviteInvalid);
    root.grant_role("alice", ADMIN, None).await.unwrap();
    register(&server, &officers.code, "frank").await.unwrap();
    // Nor does whoever is banned, for as long as that lasts.
    let ban = root.ban(Subject::User("alice".to_owned()), "", None).await.unwrap();
    assert_eq!(code(register(&server, &both.code, "grace").await), ErrorCode::InviteInvalid);
    root.lift_ban(ban).await.unwrap();
    register(&server, &both.code, "grace").await.unwrap();
    root.set_user_disabled("alice", true).await.unwrap();
    root.set_user_disabled("alice", false).await.unwrap();
    for invite in [&officers, &both] {
        assert_eq!(code(register(&server, &invite.code, "heidi").await), ErrorCode::InviteInvalid);
    }
    assert!(root.invites().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_list_of_invites_says_whose_they_are_who_came_and_shows_their_codes_to_whoever_may_make_them() {
    let server = TestServer::start().await;
    let root = server.log_in("root").await;
    let (alice, bob) = (admin(&server, &root, "alice").await, server.log_in("bob").await);
    let host = root.create_role("Host", 20, 0, Permissions::INVITE).await.unwrap();
    root.grant_role("bob", host, None).await.unwrap();
    let officers = alice.create_invite(officer()).await.unwrap();
    let members = bob.create_invite(CreateInvite { uses: 9, ..CreateInvite::default() }).await.unwrap();
    for name in ["dave", "erin"] {
        register(&server, &members.code, name).await.unwrap();
    }
    let listed = root.invites().await.unwrap();
    let seen: Vec<_> =
        listed.iter().map(|one| (one.made_by.as_str(), one.code.as_str(), one.came_count)).collect();
    assert_eq!(seen, [("alice", officers.code.as_str(), 0), ("bob", members.code.as_str(), 2)]);
    assert_eq!(listed[1].came, ["erin", "dave"]);
    assert!(listed[0].made_ms > 0);
    // Who may make no officers isn't handed the code that makes them.
    let seen: Vec<_> = bob.invites().await.unwrap().into_iter().map(|one| one.code).collect();
    assert_eq!(seen, ["", members.code.as_str()]);
    // The database holds no code.
    let file = std::fs::read(server.directory.path().join("parlour.redb")).unwrap();
    for code in [&officers.code, &members.code] {
        let plain = code.replace('-', "");
        for text in [code.as_bytes(), plain.as_bytes()] {
            assert!(!file.windows(text.len()).any(|window| window == text));
        }
    }
}

#[tokio::test]
async fn nobody_takes_back_what_somebody_of_their_own_rank_or_above_did() {
    let server = TestServer::start().await;
    let root = server.log_in("root").await;
    let (alice, bob) = (admin(&server, &root, "alice").await, admin(&server, &root, "bob").await);
    let of_root = root.create_invite(CreateInvite::default()).await.unwrap().id;
    let of_bob = bob.create_invite(CreateInvite::default()).await.unwrap().id;
    let own = alice.create_invite(CreateInvite::default()).await.unwrap().id;
    for invite in [of_root, of_bob] {
        assert_eq!(code(alice.revoke_invite(invite).await), ErrorCode::Outranked);
    }
    alice.revoke_invite(own).await.unwrap();
    root.revoke_invite(of_bob).await.unwrap();
    let carol = || Subject::User("carol".to_owned());
    let of_root = root.ban(carol(), "", None).await.unwrap();
    let of_bob = bob.ban(carol(), "", None).await.unwrap();
    let own = alice.ban(carol(), "", None).await.unwrap();
    for ban in [of_root, of_bob] {
        assert_eq!(code(alice.lift_ban(ban).await), ErrorCode::Outranked);
    }
    alice.lift_ban(own).await.unwrap();
    root.lift_ban(of_bob).await.unwrap();
    // What the machine's owner did is taken back by owners.
    let ban = request::Body::CreateBan(wire::CreateBan { subject: Some(carol()), ..Default::default() });
    let made = server.server.handle().request(Actor::Operator, ban).await.unwrap();
    let response::Body::Created(made) = made else { panic!("{made:?}") };
    let invite = request::Body::CreateInvite(CreateInvite::default());
    let invited = server.server.handle().request(Actor::Operator, invite).await.unwrap();
    let response::Body::Invite(invite) = invited else { panic!("{invited:?}") };
    assert_eq!(code(alice.lift_ban(made.id).await), ErrorCode::Forbidden);
    assert_eq!(code(alice.revoke_invite(invite.id).await), ErrorCode::Forbidden);
    root.lift_ban(made.id).await.unwrap();
    root.revoke_invite(invite.id).await.unwrap();
}

#[tokio::test]
async fn a_ban_is_about_no_large_part_of_the_internet_and_about_no_owner_s_device() {
    let server = TestServer::start().await;
    let Some(other) = server.other_address() else { return };
    let root = server.log_in("root").await;
    let key = DeviceSecret::random().unwrap();
    root.register_key(&key, "laptop").await.unwrap();
    let owner_s = root.devices().await.unwrap().keys[0].fingerprint.clone();
    root.grant_role("alice", ADMIN, None).await.unwrap();
    let alice = support::log_in(&other, "alice", PASSWORD).await.unwrap();
    // The owner isn't connected, and would come back from there.
    root.close().await;
    for wide in ["0.0.0.0/0", "64.0.0.0/2", "2000::/3", "::ffff:0.0.0.0/96"] {
        let refused = alice.ban(Subject::Network(wide.to_owned()), "", None).await;
        assert_eq!(code(refused), ErrorCode::Malformed, "{wide}");
    }
    for network in ["127.0.0.0/8", "127.0.0.1"] {
        let refused = alice.ban(Subject::Network(network.to_owned()), "", None).await;
        assert_eq!(code(refused), ErrorCode::Outranked, "{network}");
    }
    assert_eq!(code(alice.ban(Subject::Key(owner_s), "", None).await), ErrorCode::Outranked);
    alice.ban(Subject::Network("192.0.2.0/24".to_owned()), "", None).await.unwrap();
    server.log_in("root").await;
}

#[tokio::test]
async fn whoever_is_banned_comes_back_neither_as_a_guest_nor_by_another_account() {
    let flags = [("sessions.guests", "true"), ("accounts.registration", "open")];
    let (server, clock) = TestServer::turned(&flags).await;
    let Some(other) = server.other_address() else { return };
    let root = support::log_in(&other, "root", PASSWORD).await.unwrap();
    let _bob = server.log_in("bob").await;
    with(&server, Credentials::guest("before", "test")).await.unwrap();
    let hour = Duration::from_secs(60 * 60);
    let ban = root.ban(Subject::User("bob".to_owned()), "noise", Some(hour)).await.unwrap();
    let told = with(&server, Credentials::guest("eve", "test")).await.unwrap_err();
    assert_eq!(told.code(), Some(ErrorCode::Banned));
    assert!(!told.to_string().contains("noise"), "it may be somebody else: {told}");
    assert_eq!(code(register(&server, "", "eve").await), ErrorCode::Banned);
    // Elsewhere, and by an invite, people come in; so does whoever has an account.
    let guest = connect(&other, Trust::FirstUse, "test/1").await.unwrap();
    guest.log_in(Credentials::guest("fay", "test")).await.unwrap();
    let invite = root.create_invite(CreateInvite::default()).await.unwrap().code;
    register(&server, &invite, "grace").await.unwrap();
    server.log_in("alice").await;
    root.lift_ban(ban).await.unwrap();
    with(&server, Credentials::guest("eve", "test")).await.unwrap();
    let _bob = server.log_in("bob").await;
    root.ban(Subject::User("bob".to_owned()), "", Some(hour)).await.unwrap();
    assert_eq!(code(with(&server, Credentials::guest("eve", "test")).await), ErrorCode::Banned);
    clock.advance(hour);
    with(&server, Credentials::guest("eve", "test")).await.unwrap();
}

#[tokio::test]
async fn guests_don_t_ask_for_one_name_after_the_other() {
    let flags = [("sessions.guests", "true"), ("limits.address_tries", "3")];
    let (server, _clock) = TestServer::turned(&flags).await;
    for name in ["alice", "bob", "carol"] {
        assert_eq!(code(with(&server, Credentials::guest(name, "test")).await), ErrorCode::NameTaken);
        if name == "alice" {
            // Whoever comes in by a free name isn't counted, and wipes nothing away.
            with(&server, Credentials::guest("eve", "test")).await.unwrap();
        }
    }
    assert_eq!(code(with(&server, Credentials::guest("root", "test")).await), ErrorCode::TooManyAttempts);
}

#[tokio::test]
async fn a_program_may_what_its_key_allows_and_its_owner_may() {
    let (server, clock) = TestServer::turned(&[]).await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let speaks = Permissions::VIEW.union(Permissions::JOIN).union(Permissions::SPEAK);
    let wide = alice.create_api_key("too much", Permissions::MANAGE_USERS, None).await;
    assert_eq!(code(wide), ErrorCode::Forbidden, "a key has no more than its owner");
    let made = alice.create_api_key("music", speaks, None).await.unwrap();
    assert!(made.key.starts_with("prl_") && made.key.len() > 60, "{}", made.key);
    let bot = with(&server, Credentials::api_key(&made.key)).await.unwrap();
    assert_eq!(bot.logged_in().token.len(), 0);
    let general = channel_id(&bot, "General");
    bot.join(general).await.unwrap();
    let own = bot.view().own().unwrap().clone();
    assert_eq!((own.name.as_str(), own.kind), ("alice", i32::from(MemberKind::Bot)));
    alice.text_channel(general, "I may").await.unwrap();
    assert_eq!(code(bot.text_channel(general, "I may not").await), ErrorCode::Forbidden);
    // What is its owner's is none of its business.
    assert_eq!(code(bot.change_password(PASSWORD, NEW, false).await), ErrorCode::Forbidden);
    assert_eq!(code(bot.create_api_key("more", Permissions::NONE, None).await), ErrorCode::Forbidden);
    assert_eq!(code(bot.devices().await), ErrorCode::Forbidden);
    let keys = alice.api_keys().await.unwrap();
    assert_eq!((keys.len(), keys[0].name.as_str()), (1, "music"));
    assert!(keys[0].used_ms > 0 && made.key.starts_with(&keys[0].prefix), "{keys:?}");
    // Others can't revoke it; its owner can, and it goes.
    assert_eq!(code(root.revoke_api_key(made.id).await), ErrorCode::NotFound);
    alice.revoke_api_key(made.id).await.unwrap();
    assert_eq!(bot.closed().await, Ended::ByServer(CloseCode::LoggedOut));
    for bad in [
        made.key.as_str(),
        "prl_",
        "",
        &made.key[..40],
        "prl_0000000000000000_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        assert_eq!(code(with(&server, Credentials::api_key(bad)).await), ErrorCode::LogInFailed);
    }
    let short = alice.create_api_key("short", speaks, Some(Duration::from_millis(300))).await.unwrap();
    let brief = with(&server, Credentials::api_key(&short.key)).await.unwrap();
    clock.advance(Duration::from_millis(300));
    assert_eq!(brief.closed().await, Ended::ByServer(CloseCode::Expired), "the key's end is its own");
    assert_eq!(code(with(&server, Credentials::api_key(&short.key)).await), ErrorCode::LogInFailed);
    // A role that its owner loses is lost to it, too.
    let lasting = alice.create_api_key("lasting", speaks, None).await.unwrap();
    root.set_user_disabled("alice", true).await.unwrap();
    assert_eq!(code(with(&server, Credentials::api_key(&lasting.key)).await), ErrorCode::LogInFailed);
}

/// What a camera sees of the QR code in a command's output: blocks are light, two rows a line.
fn read_qr(printed: &str, directory: &std::path::Path) -> String {
    const SCALE: usize = 8;
    let blocks = |line: &&str| line.chars().any(|c| matches!(c, '█' | '▀' | '▄'));
    let mut rows: Vec<Vec<u8>> = Vec::new();
    for line in printed.lines().filter(blocks) {
        let line: Vec<char> = line.strip_prefix("  ").unwrap().chars().collect();
        let shade = |light: bool| if light { 255 } else { 0 };
        rows.push(line.iter().map(|c| shade(matches!(c, '█' | '▀'))).collect());
        rows.push(line.iter().map(|c| shade(matches!(c, '█' | '▄'))).collect());
    }
    let width = rows.iter().map(Vec::len).max().unwrap();
    let mut image = format!("P5\n{} {}\n255\n", width * SCALE, rows.len() * SCALE).into_bytes();
    for row in &mut rows {
        row.resize(width, 255);
        let wide: Vec<u8> = row.iter().flat_map(|shade| [*shade; SCALE]).collect();
        (0..SCALE).for_each(|_| image.extend(&wide));
    }
    let path = directory.join("qr.pgm");
    std::fs::write(&path, image).unwrap();
    let output = std::process::Command::new("zbarimg").args(["--quiet", "--raw"]).arg(path).output();
    let output = output.unwrap_or_else(|error| panic!("`make setup-browser` installs zbarimg: {error}"));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn the_qr_codes_on_a_terminal_are_read_back() {
    let home = tempfile::tempdir().unwrap();
    let process = Process::serve(home.path(), "127.0.0.1:0", &["--demo"]);
    let run = |args: &[&str]| {
        let output = support::parlour(home.path())
            .env("PARLOUR_PASSWORD", "parlour-demo")
            .args(args)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["login", &format!("parlour://demo@{}", process.address)]);
    let invite = run(&["invite", "create"]);
    let link = invite.split_whitespace().find(|word| word.starts_with("https://")).unwrap();
    assert_eq!(read_qr(&invite, home.path()), link);
    let factor = run(&["account", "second-factor", "set-up", "--begin-only"]);
    let secret = factor.split("or type: ").nth(1).unwrap().split_whitespace().next().unwrap();
    let uri = read_qr(&factor, home.path());
    assert!(uri.starts_with("otpauth://totp/Parlour:demo?") && uri.contains(secret), "{uri}");
}

/// As people do it, by commands.
#[test]
fn a_friend_is_invited_registers_is_banned_and_let_in_again() {
    let home = tempfile::tempdir().unwrap();
    let process = Process::serve(home.path(), "127.0.0.1:0", &["--demo"]);
    let run =
        |profile: &str, args: &[&str], input: &str| support::as_profile(home.path(), profile, args, input);
    let server = process.address;
    run("demo", &["login", &format!("parlour://demo@{server}"), "--password-stdin"], "parlour-demo");
    let invite = run("demo", &["invite", "create", "--channel", "Social", "--for", "2d", "--uses", "2"], "");
    let link = invite[0]["link"].as_str().unwrap();
    assert!(link.starts_with(&format!("https://{server}/i/")), "{invite:?}");
    let friend = ["register", link, "--password-stdin"];
    let asked = run("friend", &friend, NEW);
    assert!(asked[0]["error"]["message"].as_str().unwrap().contains("name"), "{asked:?}");
    let address = format!("parlour://fay@{server}");
    let code = invite[0]["code"].as_str().unwrap();
    assert_eq!(run("friend", &["register", code, &address, "--password-stdin"], NEW)[0]["name"], "fay");
    run("friend", &["say", "--to", "General", "hello"], "");
    assert_eq!(run("demo", &["invite", "list"], "")[0]["uses"], 1);
    let ban = run("demo", &["ban", "add", "--user", "fay", "--for", "1h", "--reason", "be nice"], "");
    let refused = run("friend", &["status"], "");
    assert_eq!(refused[0]["error"]["code"], "banned", "{refused:?}");
    assert!(refused[0]["error"]["message"].as_str().unwrap().contains("be nice"), "{refused:?}");
    run("demo", &["ban", "lift", &ban[0]["ban"].to_string()], "");
    assert_eq!(run("friend", &["status"], "")[0]["name"], "fay");
    let key = run("friend", &["key", "create", "bot", "--allow", "view, join, text"], "");
    let mut bot = support::parlour(home.path());
    bot.args(["--json", "status", "-s", &format!("parlour://{server}")]);
    let output = bot.env("PARLOUR_API_KEY", key[0]["key"].as_str().unwrap()).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"fay\""), "{output:?}");
}
