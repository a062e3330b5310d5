//! What is of another organization is for every operation as if it weren't there.

use super::raid;
use crate::operations::request_for;
use crate::support::{TestServer, channel_id};
use parlour::permission::Permissions;
use parlour::protocol::operation::{self, Who};
use parlour::protocol::wire::{self, create_ban, request};

/// What a request may name, each of one organization.
struct Things {
    channel: u64,
    session: u64,
    role: u64,
    user: String,
    /// An invite, a ban, an API key or a recording.
    number: u64,
}

/// The ways in which an operation can name something, one after the other; `own` is a channel of whoever asks. None for an
/// operation that names nothing; panics for one of which nothing is said here.
#[expect(clippy::too_many_lines, reason = "one list")]
fn naming(operation: &str, things: &Things, own: u64) -> Vec<request::Body> {
    use request::Body;
    use wire::set_overwrite::Subject;
    let Things { channel, session, role, number, .. } = *things;
    let user = || things.user.clone();
    match operation {
        "join" => vec![Body::Join(wire::Join { channel, ..Default::default() })],
        "send_text" => {
            use wire::send_text::To;
            let send = |to| Body::SendText(wire::SendText { to: Some(to), text: "hello".to_owned() });
            vec![send(To::Channel(channel)), send(To::Session(session))]
        }
        "create_channel" => {
            let name = "new".to_owned();
            vec![Body::CreateChannel(wire::CreateChannel { parent: channel, name, ..Default::default() })]
        }
        "edit_channel" => {
            let name = Some("new".to_owned());
            vec![Body::EditChannel(wire::EditChannel { channel, name, ..Default::default() })]
        }
        "move_channel" => {
            let to = |channel, parent| Body::MoveChannel(wire::MoveChannel { channel, parent, position: 1 });
            vec![to(channel, 0), to(own, channel)]
        }
        "remove_channel" => vec![Body::RemoveChannel(wire::RemoveChannel { channel })],
        "set_user_disabled" => {
            vec![Body::SetUserDisabled(wire::SetUserDisabled { name: user(), disabled: true })]
        }
        "move_session" => vec![Body::MoveSession(wire::MoveSession { session, channel: own })],
        "listen" => vec![Body::Listen(wire::Listen { channel, on: true, ..Default::default() })],
        "watch" => vec![Body::Watch(wire::Watch { channels: vec![channel] })],
        "list" => vec![Body::List(wire::List { channel: Some(channel), ..Default::default() })],
        "set_voice_target" => {
            use wire::voice_target::To;
            let target = |to| {
                let targets = vec![wire::VoiceTarget { to: Some(to), ..Default::default() }];
                Body::SetVoiceTarget(wire::SetVoiceTarget { flow: 2, targets })
            };
            vec![target(To::Session(session)), target(To::Channel(channel))]
        }
        "link_channels" => {
            let link =
                |channel, other| Body::LinkChannels(wire::LinkChannels { channel, other, linked: true });
            vec![link(channel, own), link(own, channel)]
        }
        "moderate" => {
            vec![Body::Moderate(wire::Moderate { session, mute: Some(true), ..Default::default() })]
        }
        "kick" => vec![Body::Kick(wire::Kick { session, reason: String::new() })],
        "stop_recording" => vec![Body::StopRecording(wire::StopRecording { channel })],
        "fetch_recording" => {
            vec![Body::FetchRecording(wire::FetchRecording { id: number, ..Default::default() })]
        }
        "remove_recording" => vec![Body::RemoveRecording(wire::RemoveRecording { id: number })],
        "edit_organization" => {
            let edit = wire::EditOrganization { default_channel: Some(channel), ..Default::default() };
            vec![Body::EditOrganization(edit)]
        }
        "edit_role" => vec![Body::EditRole(wire::EditRole { role, rank: Some(1), ..Default::default() })],
        "remove_role" => vec![Body::RemoveRole(wire::RemoveRole { role })],
        "grant_role" => {
            let grant = |user, role| Body::GrantRole(wire::GrantRole { user, role, life_ms: 0 });
            vec![grant("alice".to_owned(), role), grant(user(), 3)]
        }
        "revoke_role" => {
            let revoke = |user, role| Body::RevokeRole(wire::RevokeRole { user, role });
            vec![revoke("alice".to_owned(), role), revoke(user(), 3)]
        }
        "list_holders" => vec![Body::ListHolders(wire::ListHolders { role })],
        "get_channel" => vec![Body::GetChannel(wire::GetChannel { channel })],
        "get_role" => vec![Body::GetRole(wire::GetRole { role })],
        "list_overwrites" => vec![Body::ListOverwrites(wire::ListOverwrites { channel })],
        "set_overwrite" => {
            let set = |channel, subject| {
                let subject = Some(subject);
                Body::SetOverwrite(wire::SetOverwrite { channel, subject, deny: 1, ..Default::default() })
            };
            vec![
                set(channel, Subject::Role(3)),
                set(own, Subject::Role(role)),
                set(own, Subject::User(user())),
            ]
        }
        "why" => {
            let why = |user, session, channel| {
                Body::Why(wire::Why { user, session, channel, permissions: 1 })
            };
            vec![why(String::new(), session, own), why(String::new(), 0, channel), why(user(), 0, own)]
        }
        "what_if" => {
            let change = Some(wire::what_if::Change::RemoveRole(wire::RemoveRole { role }));
            vec![Body::WhatIf(wire::WhatIf { change })]
        }
        "end_device" => vec![Body::EndDevice(wire::EndDevice { session })],
        "revoke_api_key" => vec![Body::RevokeApiKey(wire::RevokeApiKey { id: number })],
        "revoke_oauth_client" => vec![Body::RevokeOauthClient(wire::RevokeOauthClient { id: number })],
        "revoke_oauth_grant" => vec![Body::RevokeOauthGrant(wire::RevokeOauthGrant { id: number })],
        "show_flow" => vec![Body::ShowFlow(wire::ShowFlow { name: user(), ..Default::default() })],
        "edit_flow" => vec![Body::EditFlow(wire::EditFlow { name: user(), ..Default::default() })],
        "make_flow_secret" => vec![Body::MakeFlowSecret(wire::MakeFlowSecret { name: user() })],
        "remove_flow" => vec![Body::RemoveFlow(wire::RemoveFlow { name: user() })],
        "rate_flow" => vec![Body::RateFlow(wire::RateFlow { name: user(), ..Default::default() })],
        "run_flow" => vec![Body::RunFlow(wire::RunFlow { name: user(), ..Default::default() })],
        "list_runs" => vec![Body::ListRuns(wire::ListRuns { flow: user(), ..Default::default() })],
        "start_recording" => vec![Body::StartRecording(wire::StartRecording { channel })],
        "show_run" => vec![Body::ShowRun(wire::ShowRun { run: number, flow: String::new() })],
        "cancel_run" => vec![Body::CancelRun(wire::CancelRun { run: number })],
        "roll_back_run" => vec![Body::RollBackRun(wire::RollBackRun { run: number })],
        "run_again" => vec![Body::RunAgain(wire::RunAgain { run: number })],
        "edit_hook" => vec![Body::EditHook(wire::EditHook { id: number, ..Default::default() })],
        "remove_hook" => vec![Body::RemoveHook(wire::RemoveHook { id: number })],
        "rotate_hook_secret" => vec![Body::RotateHookSecret(wire::RotateHookSecret { id: number })],
        "test_hook" => vec![Body::TestHook(wire::TestHook { id: number })],
        "list_hook_deliveries" => {
            vec![Body::ListHookDeliveries(wire::ListHookDeliveries { id: number, ..Default::default() })]
        }
        "replay_hook" => {
            vec![Body::ReplayHook(wire::ReplayHook { id: number, delivery: 1, onwards: true })]
        }
        "create_invite" => {
            let create = wire::CreateInvite { channel, ..Default::default() };
            vec![Body::CreateInvite(create)]
        }
        "get_profile" => {
            use wire::get_profile::Whose;
            let get = |whose| Body::GetProfile(wire::GetProfile { whose: Some(whose) });
            vec![get(Whose::Session(session)), get(Whose::User(user()))]
        }
        "set_favourite" => vec![Body::SetFavourite(wire::SetFavourite { channel, favourite: true })],
        "list_elements" => {
            let on = |on| Body::ListElements(wire::ListElements { on: Some(on) });
            vec![
                on(wire::list_elements::On::Channel(channel)),
                on(wire::list_elements::On::User(user())),
                on(wire::list_elements::On::Recording(number)),
            ]
        }
        "get_element" => {
            let on = |on| Body::GetElement(wire::GetElement { on: Some(on), name: "a".to_owned() });
            vec![
                on(wire::get_element::On::Channel(channel)),
                on(wire::get_element::On::User(user())),
                on(wire::get_element::On::Recording(number)),
            ]
        }
        "set_element" => {
            let on = |on| {
                let (name, value) = ("a".to_owned(), "1".to_owned());
                Body::SetElement(wire::SetElement { on: Some(on), name, value, ..Default::default() })
            };
            vec![
                on(wire::set_element::On::Channel(channel)),
                on(wire::set_element::On::User(user())),
                on(wire::set_element::On::Recording(number)),
            ]
        }
        "remove_element" => {
            let on = |on| {
                Body::RemoveElement(wire::RemoveElement { on: Some(on), name: "a".to_owned(), version: None })
            };
            vec![
                on(wire::remove_element::On::Channel(channel)),
                on(wire::remove_element::On::User(user())),
                on(wire::remove_element::On::Recording(number)),
            ]
        }
        "remove_linked_log_in" => {
            vec![Body::RemoveLinkedLogIn(wire::RemoveLinkedLogIn { id: number })]
        }
        "revoke_invite" => vec![Body::RevokeInvite(wire::RevokeInvite { id: number })],
        "create_ban" => {
            let subject = Some(create_ban::Subject::User(user()));
            vec![Body::CreateBan(wire::CreateBan { subject, ..Default::default() })]
        }
        "lift_ban" => vec![Body::LiftBan(wire::LiftBan { id: number })],
        "end_user_session" => {
            let end = |name, session| Body::EndUserSession(wire::EndUserSession { name, session });
            vec![end(user(), 0), end("alice".to_owned(), session)]
        }
        "read_audit" => vec![Body::ReadAudit(wire::ReadAudit { by: user(), ..Default::default() })],
        // They name nothing, or what is nobody's but the asker's.
        "leave" | "set_self" | "log_out" | "ping" | "create_user"
        | "list_recordings" | "get_organization" | "list_roles" | "create_role" | "get_account"
        | "change_password" | "list_devices" | "end_other_devices" | "register_key" | "remove_key"
        | "set_up_second_factor" | "confirm_second_factor" | "remove_second_factor" | "create_api_key"
        | "list_api_keys" | "list_invites" | "list_bans" | "set_email" | "verify_email" | "get_usage"
        | "create_oauth_client" | "list_oauth_clients" | "list_oauth_grants" | "list_linked_log_ins"
        | "create_hook" | "list_hooks" | "list_assistant_calls" | "add_flow" | "list_flows"
        | "check_flow" | "list_shipped_flows"
        | "set_profile" | "set_picture" | "get_preferences" | "set_preference"
        // By a plugin's name, or by its code, which each organization has its own of.
        | "send_plugin_part" | "check_plugin" | "install_plugin" | "list_plugins" | "get_plugin" | "edit_plugin"
        | "remove_plugin" | "read_plugin_log" | "call_plugin"
        // Sessions that aren't there are passed over.
        | "list_profiles"
        // A page begins behind an account, of whichever organization.
        | "list_users"
        // By a role's name, which each organization has its own of.
        | "require_second_factor" => Vec::new(),
        // By an account's name only.
        other if operation::named(other).is_some_and(|operation| operation.on == "name") => {
            vec![request_for(other, own, session, &things.user)]
        }
        other => panic!("whether {other} names something is said nowhere: say it here"),
    }
}

#[tokio::test]
async fn what_a_request_names_of_another_organization_is_not_there() {
    let flags = [("limits.request_burst", "10000"), ("limits.requests_per_second", "10000")];
    let server = TestServer::with(&flags).await;
    let boss = raid(&server).await;
    let root = server.in_channel("root", "General").await;
    let lounge = boss.create_channel(None, "Lounge").await.unwrap();
    boss.join(lounge).await.unwrap();
    let role = boss.create_role("Tank", 5, 0, Permissions::VIEW).await.unwrap();
    let invite = boss.create_invite(wire::CreateInvite::default()).await.unwrap().id;
    let key = boss.create_api_key("reader", Permissions::VIEW, None).await.unwrap().id;
    let ban = boss.ban(create_ban::Subject::User("bob".to_owned()), "", None).await.unwrap();
    let before = (boss.list().await.unwrap().channels, boss.roles().await.unwrap());
    let own = channel_id(&root, "Social").0;
    let mut tried = 0;
    for one in operation::ALL.iter().filter(|one| matches!(one.who, Who::Anybody | Who::Person)) {
        for number in [invite, key, ban] {
            let foreign = Things {
                channel: lounge.0,
                session: boss.id().0,
                role: role.0,
                user: "boss".to_owned(),
                number,
            };
            let missing = Things {
                channel: 9_999,
                session: 999_999,
                role: 9_999,
                user: "nobody".to_owned(),
                number: 9_999,
            };
            let pairs = naming(one.name, &foreign, own).into_iter().zip(naming(one.name, &missing, own));
            for (theirs, nobodys) in pairs {
                let theirs = root.request(theirs).await.map_err(|error| (error.code(), error.to_string()));
                let nobodys = root.request(nobodys).await.map_err(|error| (error.code(), error.to_string()));
                let refused = theirs.expect_err(one.name);
                assert_eq!(refused, nobodys.unwrap_err(), "{}", one.name);
                tried += 1;
            }
        }
    }
    assert!(tried > 100, "{tried}");
    assert_eq!(before, (boss.list().await.unwrap().channels, boss.roles().await.unwrap()));
    assert_eq!((boss.bans().await.unwrap().len(), boss.invites().await.unwrap().len()), (1, 1));
}

#[tokio::test]
async fn a_page_of_accounts_has_none_of_another_organization() {
    let server = TestServer::start().await;
    let boss = raid(&server).await;
    let list = |after| wire::request::Body::ListUsers(wire::ListUsers { after, ..Default::default() });
    for after in [0, 1, 2] {
        let answer = boss.request(list(after)).await.unwrap();
        let wire::response::Body::Users(found) = answer else { panic!("{answer:?}") };
        let names: Vec<_> = found.users.iter().map(|user| user.name.as_str()).collect();
        assert!(names.contains(&"boss") && !names.contains(&"root"), "after {after}: {names:?}");
        assert!(!names.contains(&"carol"), "after {after}: {names:?}");
    }
}
