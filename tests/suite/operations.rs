//! Every operation of the protocol, tried by who may not do it, on every transport. Who may is in the table of operations; an
//! operation that is added there and isn't tried here fails this test.

mod amounts;

use crate::link::{Link, hello};
use crate::support::{PASSWORD, TestServer, channel_id, with};
use parlour::client::Credentials;
use parlour::permission::Permissions;
use parlour::protocol::ErrorCode;
use parlour::protocol::call::Call;
use parlour::protocol::operation::{self, Operation, Who};
use parlour::protocol::wire::request::Body;
use parlour::protocol::wire::{self, Hello, LogInApiKey, LogInGuest, LogInPassword};

/// A request for an operation, on a channel, a session or the account `whom` where it is about one. Panics for one that has
/// none.
#[expect(clippy::too_many_lines, reason = "one list")]
pub(crate) fn request_for(name: &str, channel: u64, session: u64, whom: &str) -> Body {
    let whom = || whom.to_owned();
    let new = || "new".to_owned();
    match name {
        "hello" => Body::Hello(Hello { version_min: 1, version_max: 1, ..Hello::default() }),
        "log_in_password" => Body::LogInPassword(LogInPassword::default()),
        "log_in_token" => Body::LogInToken(wire::LogInToken::default()),
        "log_in_guest" => Body::LogInGuest(LogInGuest::default()),
        "redeem_claim" => Body::RedeemClaim(wire::RedeemClaim::default()),
        "log_in_key" => Body::LogInKey(wire::LogInKey::default()),
        "register" => Body::Register(wire::Register::default()),
        "log_in_api_key" => Body::LogInApiKey(LogInApiKey::default()),
        "ask_by_key" => Body::AskByKey(Box::default()),
        "look_at_invite" => Body::LookAtInvite(wire::LookAtInvite::default()),
        "begin_web_log_in" => Body::BeginWebLogIn(wire::BeginWebLogIn::default()),
        "log_in_web" => Body::LogInWeb(wire::LogInWeb::default()),
        "request_reset" => Body::RequestReset(wire::RequestReset::default()),
        "reset_password" => Body::ResetPassword(wire::ResetPassword::default()),
        "set_email" => Body::SetEmail(wire::SetEmail::default()),
        "verify_email" => Body::VerifyEmail(wire::VerifyEmail::default()),
        "join" => Body::Join(wire::Join { channel, ..Default::default() }),
        "leave" => Body::Leave(wire::Leave {}),
        "set_self" => Body::SetSelf(wire::SetSelf::default()),
        "list" => Body::List(wire::List::default()),
        "send_text" => {
            let to = Some(wire::send_text::To::Channel(channel));
            Body::SendText(wire::SendText { to, text: "hello".to_owned() })
        }
        "create_channel" => {
            let create = wire::CreateChannel { parent: channel, name: new(), ..Default::default() };
            Body::CreateChannel(create)
        }
        "edit_channel" => {
            let edit = wire::EditChannel { channel, name: Some(new()), ..Default::default() };
            Body::EditChannel(edit)
        }
        "move_channel" => {
            let to = wire::MoveChannel { channel, parent: 0, position: 9 };
            Body::MoveChannel(to)
        }
        "remove_channel" => Body::RemoveChannel(wire::RemoveChannel { channel }),
        "log_out" => Body::LogOut(wire::LogOut {}),
        "ping" => Body::Ping(wire::Ping {}),
        "create_user" => {
            let create =
                wire::CreateUser { name: new(), password: PASSWORD.to_owned(), ..Default::default() };
            Body::CreateUser(create)
        }
        "set_user_disabled" => {
            let set = wire::SetUserDisabled { name: whom(), disabled: true };
            Body::SetUserDisabled(set)
        }
        "move_session" => Body::MoveSession(wire::MoveSession { session, channel: 0 }),
        "listen" => Body::Listen(wire::Listen { channel, on: true, ..Default::default() }),
        "watch" => Body::Watch(wire::Watch { channels: vec![channel] }),
        "set_voice_target" => {
            let to = Some(wire::voice_target::To::Session(session));
            let targets = vec![wire::VoiceTarget { to, ..Default::default() }];
            Body::SetVoiceTarget(wire::SetVoiceTarget { flow: 2, targets })
        }
        "link_channels" => {
            let link = wire::LinkChannels { channel, other: channel + 1, linked: true };
            Body::LinkChannels(link)
        }
        "moderate" => {
            let moderate = wire::Moderate { session, mute: Some(true), ..Default::default() };
            Body::Moderate(moderate)
        }
        "kick" => Body::Kick(wire::Kick { session, reason: new() }),
        "start_recording" => Body::StartRecording(wire::StartRecording { channel }),
        "stop_recording" => Body::StopRecording(wire::StopRecording { channel }),
        "list_recordings" => Body::ListRecordings(wire::ListRecordings {}),
        "fetch_recording" => Body::FetchRecording(wire::FetchRecording::default()),
        "remove_recording" => Body::RemoveRecording(wire::RemoveRecording { id: 1 }),
        "get_organization" => Body::GetOrganization(wire::GetOrganization {}),
        "edit_organization" => {
            let edit = wire::EditOrganization { welcome: Some(new()), ..Default::default() };
            Body::EditOrganization(edit)
        }
        "get_channel" => Body::GetChannel(wire::GetChannel { channel }),
        "get_role" => Body::GetRole(wire::GetRole { role: 3 }),
        "list_roles" => Body::ListRoles(wire::ListRoles {}),
        "create_role" => {
            let create = wire::CreateRole { name: new(), ..Default::default() };
            Body::CreateRole(create)
        }
        "edit_role" => {
            let edit = wire::EditRole { role: 3, name: Some(new()), ..Default::default() };
            Body::EditRole(edit)
        }
        "remove_role" => Body::RemoveRole(wire::RemoveRole { role: 3 }),
        "grant_role" => {
            let grant = wire::GrantRole { user: "alice".to_owned(), role: 1, life_ms: 0 };
            Body::GrantRole(grant)
        }
        "revoke_role" => {
            let revoke = wire::RevokeRole { user: whom(), role: 1 };
            Body::RevokeRole(revoke)
        }
        "list_holders" => Body::ListHolders(wire::ListHolders { role: 1 }),
        "list_overwrites" => Body::ListOverwrites(wire::ListOverwrites { channel }),
        "set_overwrite" => {
            let subject = Some(wire::set_overwrite::Subject::Role(4));
            let set = wire::SetOverwrite { channel, subject, deny: 1, ..Default::default() };
            Body::SetOverwrite(set)
        }
        "why" => {
            let why = wire::Why { session, channel, permissions: 1, ..Default::default() };
            Body::Why(why)
        }
        "what_if" => {
            let remove = wire::RemoveRole { role: 3 };
            let change = Some(wire::what_if::Change::RemoveRole(remove));
            Body::WhatIf(wire::WhatIf { change })
        }
        "get_account" => Body::GetAccount(wire::GetAccount {}),
        "change_password" => Body::ChangePassword(wire::ChangePassword::default()),
        "list_devices" => Body::ListDevices(wire::ListDevices {}),
        "end_device" => Body::EndDevice(wire::EndDevice { session }),
        "end_other_devices" => Body::EndOtherDevices(wire::EndOtherDevices {}),
        "register_key" => Body::RegisterKey(wire::RegisterKey::default()),
        "remove_key" => Body::RemoveKey(wire::RemoveKey::default()),
        "set_up_second_factor" => Body::SetUpSecondFactor(wire::SetUpSecondFactor {}),
        "confirm_second_factor" => Body::ConfirmSecondFactor(wire::ConfirmSecondFactor::default()),
        "remove_second_factor" => Body::RemoveSecondFactor(wire::RemoveSecondFactor::default()),
        "create_api_key" => Body::CreateApiKey(wire::CreateApiKey::default()),
        "list_api_keys" => Body::ListApiKeys(wire::ListApiKeys {}),
        "revoke_api_key" => Body::RevokeApiKey(wire::RevokeApiKey { id: 1 }),
        "create_oauth_client" => {
            let redirect_uris = vec!["https://example.org/".to_owned()];
            let create = wire::CreateOauthClient { name: new(), redirect_uris, ..Default::default() };
            Body::CreateOauthClient(create)
        }
        "list_oauth_clients" => Body::ListOauthClients(wire::ListOauthClients {}),
        "revoke_oauth_client" => Body::RevokeOauthClient(wire::RevokeOauthClient { id: 1 }),
        "list_oauth_grants" => Body::ListOauthGrants(wire::ListOauthGrants {}),
        "revoke_oauth_grant" => Body::RevokeOauthGrant(wire::RevokeOauthGrant { id: 1 }),
        "list_linked_log_ins" => Body::ListLinkedLogIns(wire::ListLinkedLogIns {}),
        "remove_linked_log_in" => Body::RemoveLinkedLogIn(wire::RemoveLinkedLogIn { id: 1 }),
        "add_flow" => Body::AddFlow(wire::AddFlow::default()),
        "list_flows" => Body::ListFlows(wire::ListFlows::default()),
        "check_flow" => Body::CheckFlow(wire::CheckFlow::default()),
        "list_shipped_flows" => Body::ListShippedFlows(wire::ListShippedFlows {}),
        "show_flow" => Body::ShowFlow(wire::ShowFlow::default()),
        "edit_flow" => Body::EditFlow(wire::EditFlow::default()),
        "remove_flow" => Body::RemoveFlow(wire::RemoveFlow::default()),
        "make_flow_secret" => Body::MakeFlowSecret(wire::MakeFlowSecret::default()),
        "rate_flow" => Body::RateFlow(wire::RateFlow::default()),
        "run_flow" => Body::RunFlow(wire::RunFlow::default()),
        "list_runs" => Body::ListRuns(wire::ListRuns::default()),
        "show_run" => Body::ShowRun(wire::ShowRun { run: 1, flow: String::new() }),
        "cancel_run" => Body::CancelRun(wire::CancelRun { run: 1 }),
        "roll_back_run" => Body::RollBackRun(wire::RollBackRun { run: 1 }),
        "run_again" => Body::RunAgain(wire::RunAgain { run: 1 }),
        "create_hook" => Body::CreateHook(wire::CreateHook::default()),
        "list_hooks" => Body::ListHooks(wire::ListHooks {}),
        "edit_hook" => Body::EditHook(wire::EditHook { id: 1, ..Default::default() }),
        "remove_hook" => Body::RemoveHook(wire::RemoveHook { id: 1 }),
        "rotate_hook_secret" => Body::RotateHookSecret(wire::RotateHookSecret { id: 1 }),
        "test_hook" => Body::TestHook(wire::TestHook { id: 1 }),
        "list_hook_deliveries" => {
            Body::ListHookDeliveries(wire::ListHookDeliveries { id: 1, ..Default::default() })
        }
        "replay_hook" => Body::ReplayHook(wire::ReplayHook { id: 1, delivery: 1, onwards: false }),
        "send_plugin_part" => Body::SendPluginPart(wire::SendPluginPart::default()),
        "check_plugin" => Body::CheckPlugin(wire::CheckPlugin::default()),
        "install_plugin" => Body::InstallPlugin(wire::InstallPlugin::default()),
        "list_plugins" => Body::ListPlugins(wire::ListPlugins {}),
        "get_plugin" => Body::GetPlugin(wire::GetPlugin { name: "greet".to_owned() }),
        "edit_plugin" => {
            Body::EditPlugin(wire::EditPlugin { name: "greet".to_owned(), ..Default::default() })
        }
        "remove_plugin" => Body::RemovePlugin(wire::RemovePlugin { name: "greet".to_owned() }),
        "read_plugin_log" => Body::ReadPluginLog(wire::ReadPluginLog { name: "greet".to_owned() }),
        "call_plugin" => {
            Body::CallPlugin(wire::CallPlugin { name: "greet".to_owned(), ..Default::default() })
        }
        "create_invite" => Body::CreateInvite(wire::CreateInvite::default()),
        "list_invites" => Body::ListInvites(wire::ListInvites {}),
        "revoke_invite" => Body::RevokeInvite(wire::RevokeInvite { id: 1 }),
        "create_ban" => {
            let subject = Some(wire::create_ban::Subject::User(whom()));
            Body::CreateBan(wire::CreateBan { subject, ..Default::default() })
        }
        "list_bans" => Body::ListBans(wire::ListBans {}),
        "lift_ban" => Body::LiftBan(wire::LiftBan { id: 1 }),
        "require_second_factor" => {
            let require = wire::RequireSecondFactor { role: "Admin".to_owned(), required: true };
            Body::RequireSecondFactor(require)
        }
        "list_users" => Body::ListUsers(wire::ListUsers::default()),
        "show_user" => Body::ShowUser(wire::ShowUser { name: whom() }),
        "edit_user" => {
            let rename = Some(new());
            Body::EditUser(wire::EditUser { name: whom(), rename, email: None })
        }
        "delete_user" => Body::DeleteUser(wire::DeleteUser { name: whom() }),
        "set_user_password" => {
            let (name, password) = (whom(), PASSWORD.to_owned());
            Body::SetUserPassword(wire::SetUserPassword { name, password, ..Default::default() })
        }
        "get_profile" => {
            let whose = Some(wire::get_profile::Whose::Session(session));
            Body::GetProfile(wire::GetProfile { whose })
        }
        "list_profiles" => Body::ListProfiles(wire::ListProfiles { sessions: vec![session] }),
        "set_profile" => Body::SetProfile(wire::SetProfile::default()),
        "set_picture" => Body::SetPicture(wire::SetPicture::default()),
        "clear_profile" => Body::ClearProfile(wire::ClearProfile { name: whom() }),
        "get_preferences" => Body::GetPreferences(wire::GetPreferences {}),
        "set_preference" => Body::SetPreference(wire::SetPreference { name: new(), value: "1".to_owned() }),
        "set_favourite" => Body::SetFavourite(wire::SetFavourite { channel, favourite: true }),
        "list_elements" => {
            let on = Some(wire::list_elements::On::Channel(channel));
            Body::ListElements(wire::ListElements { on })
        }
        "get_element" => {
            let on = Some(wire::get_element::On::Channel(channel));
            Body::GetElement(wire::GetElement { on, name: new() })
        }
        "set_element" => {
            let on = Some(wire::set_element::On::Channel(channel));
            Body::SetElement(wire::SetElement { on, name: new(), value: "1".to_owned(), version: None })
        }
        "remove_element" => {
            let on = Some(wire::remove_element::On::Channel(channel));
            Body::RemoveElement(wire::RemoveElement { on, name: new(), version: None })
        }
        "set_note" => Body::SetNote(wire::SetNote { name: whom(), text: new() }),
        "list_user_sessions" => Body::ListUserSessions(wire::ListUserSessions { name: whom() }),
        "end_user_session" => Body::EndUserSession(wire::EndUserSession { name: whom(), session: 0 }),
        "list_assistant_calls" => Body::ListAssistantCalls(wire::ListAssistantCalls::default()),
        "read_audit" => Body::ReadAudit(wire::ReadAudit::default()),
        "get_usage" => Body::GetUsage(wire::GetUsage {}),
        "new_claim_code" => Body::NewClaimCode(wire::NewClaimCode {}),
        "list_organizations" => Body::ListOrganizations(wire::ListOrganizations::default()),
        "create_organization" => {
            Body::CreateOrganization(wire::CreateOrganization { tag: new(), name: new() })
        }
        "limit_organization" => {
            Body::LimitOrganization(wire::LimitOrganization { tag: "home".to_owned(), ..Default::default() })
        }
        "delete_organization" => {
            Body::DeleteOrganization(wire::DeleteOrganization { tag: "home".to_owned() })
        }
        "server_status" => Body::ServerStatus(wire::ServerStatus {}),
        "administer" => {
            let request = r#"{"database":"stats"}"#.to_owned();
            Body::Administer(wire::Administer { request })
        }
        other => panic!("the operation {other} is asked for nowhere: say here how"),
    }
}

#[test]
fn every_operation_is_tried() {
    assert!(operation::ALL.len() > 70, "{}", operation::ALL.len());
    for one in operation::ALL {
        let call = Call::from(request_for(one.name, 1, 1, "root"));
        assert_eq!(call.operation().name, one.name, "the request asks for another operation");
    }
}

/// What somebody of a kind is refused for an operation, by the table of operations.
pub(crate) fn expected(actor: &str, operation: &Operation) -> Option<ErrorCode> {
    let guest = Permissions::VIEW.union(Permissions::JOIN).union(Permissions::SPEAK);
    let allowed = match actor {
        "guest" => guest,
        "member" => guest
            .union(Permissions::TEXT)
            .union(Permissions::WHISPER)
            .union(Permissions::LISTEN)
            .union(Permissions::CREATE_TEMPORARY),
        // A key or a program that may see, and nothing else, whatever its owner may.
        _ => Permissions::VIEW,
    };
    match operation.who {
        Who::Stranger => Some(ErrorCode::Unexpected),
        Who::Person if actor == "member" => None,
        Who::Person | Who::Owner => Some(ErrorCode::Forbidden),
        Who::Anybody => (!allowed.contains(operation.needs)).then_some(ErrorCode::Forbidden),
    }
}

#[tokio::test]
async fn who_may_not_do_an_operation_is_refused_on_every_transport() {
    let server = TestServer::with(&[("sessions.guests", "true"), ("limits.request_burst", "1000")]).await;
    let address = server.server.addresses()[0];
    let root = server.log_in("root").await;
    let key = root.create_api_key("reader", Permissions::VIEW, None).await.unwrap().key;
    let channel = channel_id(&root, "General");
    root.join(channel).await.unwrap();
    let before = root.list().await.unwrap();
    for transport in ["native", "webtransport", "websocket"] {
        // Nobody yet: everything but a greeting, and then but a log-in.
        for one in operation::ALL.iter().filter(|one| one.name != "hello") {
            let name = one.name;
            let mut link = Link::open(transport, address).await;
            let body = request_for(name, channel.0, root.id().0, "root");
            assert_eq!(
                link.refusal(body.clone()).await,
                Some(ErrorCode::Unexpected),
                "{transport}: {name} first"
            );
            let mut link = Link::open(transport, address).await;
            assert_eq!(link.refusal(hello()).await, None);
            if one.who != Who::Stranger {
                assert_eq!(
                    link.refusal(body).await,
                    Some(ErrorCode::Unexpected),
                    "{transport}: {name} by nobody"
                );
            }
        }
        for actor in ["guest", "member", "key"] {
            let mut link = Link::open(transport, address).await;
            link.refusal(hello()).await;
            let log_in = match actor {
                "guest" => {
                    Body::LogInGuest(LogInGuest { name: format!("g-{transport}"), ..LogInGuest::default() })
                }
                "member" => {
                    let (name, password) = ("alice".to_owned(), PASSWORD.to_owned());
                    Body::LogInPassword(LogInPassword { name, password, ..LogInPassword::default() })
                }
                _ => Body::LogInApiKey(LogInApiKey { key: key.clone() }),
            };
            assert_eq!(link.refusal(log_in).await, None, "{transport}: {actor}");
            for one in operation::ALL.iter().filter(|one| one.name != "log_out") {
                let name = one.name;
                let body = request_for(name, channel.0, root.id().0, "root");
                let refused = link.refusal(body).await;
                match expected(actor, one) {
                    Some(code) => assert_eq!(refused, Some(code), "{transport}: {name} by a {actor}"),
                    // What is allowed may be refused for another reason: it was asked with nothing in it.
                    None => {
                        assert_ne!(refused, Some(ErrorCode::Forbidden), "{transport}: {name} by a {actor}");
                    }
                }
            }
        }
    }
    // Nothing of it came to anything.
    let after = root.list().await.unwrap();
    assert_eq!(before.channels, after.channels);
    let of_root = |list: &wire::Snapshot| {
        let own = list.members.iter().find(|member| member.session == root.id().0).cloned();
        own.map(|own| wire::Member { idle_ms: 0, ..own })
    };
    assert_eq!(of_root(&before), of_root(&after));
    with(&server, Credentials::password("root", PASSWORD, "test")).await.unwrap();
}
