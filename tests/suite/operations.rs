//! Every operation of the protocol, tried by who may not do it, on every transport. The list is the protocol's own: an
//! operation that is added there without a rule here fails this test.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::support::{PASSWORD, TestServer, channel_id, with};
use parlour::client::Credentials;
use parlour::permission::Permissions;
use parlour::protocol::wire::request::Body;
use parlour::protocol::wire::{
    self, Hello, LogInApiKey, LogInGuest, LogInPassword, Request, Response, response,
};
use parlour::protocol::{ALPN, ALPN_WEB, ErrorCode, decode, encode};
use parlour::transport;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use web_transport_quinn as web;

/// Who may do an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// Who isn't logged in, to become somebody.
    Before,
    /// Everybody who is logged in.
    Anybody,
    /// Who has an account, and comes as a person.
    Own,
    /// Who has a permission, on the channel or everywhere.
    Needs(Permissions),
    /// The machine's owner.
    Operator,
}

/// An operation on a channel, with its rule. Panics for one that has none.
#[expect(clippy::too_many_lines, reason = "one list")]
fn operation(name: &str, channel: u64, session: u64) -> (Body, Rule) {
    use Rule::{Anybody, Before, Needs, Operator, Own};
    let new = || "new".to_owned();
    match name {
        "hello" => (Body::Hello(Hello { version_min: 1, version_max: 1, ..Hello::default() }), Before),
        "log_in_password" => (Body::LogInPassword(LogInPassword::default()), Before),
        "log_in_token" => (Body::LogInToken(wire::LogInToken::default()), Before),
        "log_in_guest" => (Body::LogInGuest(LogInGuest::default()), Before),
        "redeem_claim" => (Body::RedeemClaim(wire::RedeemClaim::default()), Before),
        "log_in_key" => (Body::LogInKey(wire::LogInKey::default()), Before),
        "register" => (Body::Register(wire::Register::default()), Before),
        "log_in_api_key" => (Body::LogInApiKey(LogInApiKey::default()), Before),
        "look_at_invite" => (Body::LookAtInvite(wire::LookAtInvite::default()), Before),
        "request_reset" => (Body::RequestReset(wire::RequestReset::default()), Before),
        "reset_password" => (Body::ResetPassword(wire::ResetPassword::default()), Before),
        "set_email" => (Body::SetEmail(wire::SetEmail::default()), Own),
        "verify_email" => (Body::VerifyEmail(wire::VerifyEmail::default()), Own),
        "join" => (Body::Join(wire::Join { channel, ..Default::default() }), Needs(Permissions::JOIN)),
        "leave" => (Body::Leave(wire::Leave {}), Anybody),
        "set_self" => (Body::SetSelf(wire::SetSelf::default()), Anybody),
        "list" => (Body::List(wire::List {}), Anybody),
        "send_text" => {
            let to = Some(wire::send_text::To::Channel(channel));
            (Body::SendText(wire::SendText { to, text: "hello".to_owned() }), Needs(Permissions::TEXT))
        }
        "create_channel" => {
            let create = wire::CreateChannel { parent: channel, name: new(), ..Default::default() };
            (Body::CreateChannel(create), Needs(Permissions::CREATE_CHANNEL))
        }
        "edit_channel" => {
            let edit = wire::EditChannel { channel, name: Some(new()), ..Default::default() };
            (Body::EditChannel(edit), Needs(Permissions::EDIT_CHANNEL))
        }
        "move_channel" => {
            let to = wire::MoveChannel { channel, parent: 0, position: 9 };
            (Body::MoveChannel(to), Needs(Permissions::EDIT_CHANNEL))
        }
        "remove_channel" => {
            (Body::RemoveChannel(wire::RemoveChannel { channel }), Needs(Permissions::EDIT_CHANNEL))
        }
        "log_out" => (Body::LogOut(wire::LogOut {}), Anybody),
        "ping" => (Body::Ping(wire::Ping {}), Anybody),
        "create_user" => {
            let create =
                wire::CreateUser { name: new(), password: PASSWORD.to_owned(), ..Default::default() };
            (Body::CreateUser(create), Needs(Permissions::MANAGE_USERS))
        }
        "set_user_disabled" => {
            let set = wire::SetUserDisabled { name: "root".to_owned(), disabled: true };
            (Body::SetUserDisabled(set), Needs(Permissions::MANAGE_USERS))
        }
        "move_session" => {
            (Body::MoveSession(wire::MoveSession { session, channel: 0 }), Needs(Permissions::MOVE_OTHERS))
        }
        "listen" => (Body::Listen(wire::Listen { channel, on: true, volume: 0 }), Needs(Permissions::LISTEN)),
        "set_voice_target" => {
            let to = Some(wire::voice_target::To::Session(session));
            let targets = vec![wire::VoiceTarget { to, ..Default::default() }];
            (Body::SetVoiceTarget(wire::SetVoiceTarget { flow: 2, targets }), Needs(Permissions::WHISPER))
        }
        "link_channels" => {
            let link = wire::LinkChannels { channel, other: channel + 1, linked: true };
            (Body::LinkChannels(link), Needs(Permissions::EDIT_CHANNEL))
        }
        "moderate" => {
            let moderate = wire::Moderate { session, mute: Some(true), ..Default::default() };
            (Body::Moderate(moderate), Needs(Permissions::MUTE_OTHERS))
        }
        "kick" => (Body::Kick(wire::Kick { session, reason: new() }), Needs(Permissions::KICK)),
        "start_recording" => (Body::StartRecording(wire::StartRecording {}), Needs(Permissions::RECORD)),
        "stop_recording" => {
            (Body::StopRecording(wire::StopRecording { channel }), Needs(Permissions::MUTE_OTHERS))
        }
        "list_recordings" => (Body::ListRecordings(wire::ListRecordings {}), Needs(Permissions::RECORD)),
        "fetch_recording" => {
            (Body::FetchRecording(wire::FetchRecording::default()), Needs(Permissions::RECORD))
        }
        "remove_recording" => {
            (Body::RemoveRecording(wire::RemoveRecording { id: 1 }), Needs(Permissions::RECORD))
        }
        "get_organization" => (Body::GetOrganization(wire::GetOrganization {}), Anybody),
        "edit_organization" => {
            let edit = wire::EditOrganization { welcome: Some(new()), ..Default::default() };
            (Body::EditOrganization(edit), Needs(Permissions::MANAGE_ORGANIZATION))
        }
        "list_roles" => (Body::ListRoles(wire::ListRoles {}), Anybody),
        "create_role" => {
            let create = wire::CreateRole { name: new(), ..Default::default() };
            (Body::CreateRole(create), Needs(Permissions::MANAGE_ROLES))
        }
        "edit_role" => {
            let edit = wire::EditRole { role: 3, name: Some(new()), ..Default::default() };
            (Body::EditRole(edit), Needs(Permissions::MANAGE_ROLES))
        }
        "remove_role" => (Body::RemoveRole(wire::RemoveRole { role: 3 }), Needs(Permissions::MANAGE_ROLES)),
        "grant_role" => {
            let grant = wire::GrantRole { user: "alice".to_owned(), role: 1, life_ms: 0 };
            (Body::GrantRole(grant), Needs(Permissions::MANAGE_ROLES))
        }
        "revoke_role" => {
            let revoke = wire::RevokeRole { user: "root".to_owned(), role: 1 };
            (Body::RevokeRole(revoke), Needs(Permissions::MANAGE_ROLES))
        }
        "list_holders" => {
            (Body::ListHolders(wire::ListHolders { role: 1 }), Needs(Permissions::MANAGE_ROLES))
        }
        "list_overwrites" => {
            (Body::ListOverwrites(wire::ListOverwrites { channel }), Needs(Permissions::MANAGE_ROLES))
        }
        "set_overwrite" => {
            let subject = Some(wire::set_overwrite::Subject::Role(4));
            let set = wire::SetOverwrite { channel, subject, deny: 1, ..Default::default() };
            (Body::SetOverwrite(set), Needs(Permissions::MANAGE_ROLES))
        }
        "why" => {
            let why = wire::Why { session, channel, permissions: 1, ..Default::default() };
            (Body::Why(why), Needs(Permissions::INSPECT))
        }
        "what_if" => {
            let remove = wire::RemoveRole { role: 3 };
            let change = Some(wire::what_if::Change::RemoveRole(remove));
            (Body::WhatIf(wire::WhatIf { change }), Needs(Permissions::INSPECT))
        }
        "get_account" => (Body::GetAccount(wire::GetAccount {}), Own),
        "change_password" => (Body::ChangePassword(wire::ChangePassword::default()), Own),
        "list_devices" => (Body::ListDevices(wire::ListDevices {}), Own),
        "end_device" => (Body::EndDevice(wire::EndDevice { session }), Own),
        "end_other_devices" => (Body::EndOtherDevices(wire::EndOtherDevices {}), Own),
        "register_key" => (Body::RegisterKey(wire::RegisterKey::default()), Own),
        "remove_key" => (Body::RemoveKey(wire::RemoveKey::default()), Own),
        "set_up_second_factor" => (Body::SetUpSecondFactor(wire::SetUpSecondFactor {}), Own),
        "confirm_second_factor" => (Body::ConfirmSecondFactor(wire::ConfirmSecondFactor::default()), Own),
        "remove_second_factor" => (Body::RemoveSecondFactor(wire::RemoveSecondFactor::default()), Own),
        "create_api_key" => (Body::CreateApiKey(wire::CreateApiKey::default()), Own),
        "list_api_keys" => (Body::ListApiKeys(wire::ListApiKeys {}), Own),
        "revoke_api_key" => (Body::RevokeApiKey(wire::RevokeApiKey { id: 1 }), Own),
        "create_invite" => (Body::CreateInvite(wire::CreateInvite::default()), Needs(Permissions::INVITE)),
        "list_invites" => (Body::ListInvites(wire::ListInvites {}), Needs(Permissions::INVITE)),
        "revoke_invite" => (Body::RevokeInvite(wire::RevokeInvite { id: 1 }), Needs(Permissions::INVITE)),
        "create_ban" => {
            let subject = Some(wire::create_ban::Subject::User("root".to_owned()));
            (Body::CreateBan(wire::CreateBan { subject, ..Default::default() }), Needs(Permissions::BAN))
        }
        "list_bans" => (Body::ListBans(wire::ListBans {}), Needs(Permissions::BAN)),
        "lift_ban" => (Body::LiftBan(wire::LiftBan { id: 1 }), Needs(Permissions::BAN)),
        "require_second_factor" => {
            let require = wire::RequireSecondFactor { role: "Admin".to_owned(), required: true };
            (Body::RequireSecondFactor(require), Needs(Permissions::MANAGE_ROLES))
        }
        "new_claim_code" => (Body::NewClaimCode(wire::NewClaimCode {}), Operator),
        "server_status" => (Body::ServerStatus(wire::ServerStatus {}), Operator),
        "administer" => {
            let request = r#"{"database":"stats"}"#.to_owned();
            (Body::Administer(wire::Administer { request }), Operator)
        }
        other => panic!("the operation {other} has no rule: say here who may do it"),
    }
}

/// The operations, by the names of the fields of `Request` in protocol.proto.
fn operations() -> Vec<String> {
    let proto = include_str!("../../src/protocol/protocol.proto");
    let request = proto.split("message Request {").nth(1).unwrap().split("\n}").next().unwrap();
    let fields = request.lines().filter(|line| !line.trim().starts_with("//") && line.contains(" = "));
    fields.map(|line| line.split_whitespace().nth(1).unwrap().to_owned()).collect()
}

#[test]
fn every_operation_has_a_rule() {
    let all = operations();
    assert!(all.len() > 40 && all.contains(&"administer".to_owned()), "{all:?}");
    for name in all {
        operation(&name, 1, 1);
    }
}

/// A connection over one of the transports.
enum Link {
    Native(quinn::Connection),
    Web(Box<web::Session>),
    Socket(Box<TlsStream<TcpStream>>, u32),
}

async fn quic(address: SocketAddr, protocol: &[u8]) -> quinn::Connection {
    let (tls, _) = transport::tls_client(None, &[protocol]).unwrap();
    let crypto = quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap();
    let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    let config = quinn::ClientConfig::new(Arc::new(crypto));
    endpoint.connect_with(config, address, "localhost").unwrap().await.unwrap()
}

impl Link {
    async fn open(transport: &str, address: SocketAddr) -> Self {
        match transport {
            "native" => Self::Native(quic(address, ALPN).await),
            "webtransport" => {
                let url: url::Url = format!("https://{address}/wt").parse().unwrap();
                let asked = web::proto::ConnectRequest::new(url);
                Self::Web(Box::new(
                    web::Session::connect(quic(address, ALPN_WEB).await, asked).await.unwrap(),
                ))
            }
            _ => {
                let (tls, _) = transport::tls_client(None, &[b"http/1.1"]).unwrap();
                let stream = TcpStream::connect(address).await.unwrap();
                let connector = tokio_rustls::TlsConnector::from(Arc::new(tls));
                let mut stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
                let request = format!(
                    "GET /ws HTTP/1.1\r\nHost: {address}\r\nOrigin: https://{address}\r\nConnection: upgrade\r\n\
                     Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                );
                stream.write_all(request.as_bytes()).await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                assert!(head.starts_with(b"HTTP/1.1 101"));
                Self::Socket(Box::new(stream), 0)
            }
        }
    }

    async fn ask(&mut self, body: Body) -> response::Body {
        let request = encode(&Request { body: Some(body) });
        let answer = match self {
            Self::Native(connection) => {
                let (mut send, mut recv) = connection.open_bi().await.unwrap();
                send.write_all(&request).await.unwrap();
                send.finish().unwrap();
                recv.read_to_end(1 << 20).await.unwrap()
            }
            Self::Web(session) => {
                let (mut send, mut recv) = session.open_bi().await.unwrap();
                send.write_all(&request).await.unwrap();
                send.finish().unwrap();
                recv.read_to_end(1 << 20).await.unwrap()
            }
            Self::Socket(stream, number) => {
                *number += 1;
                let message = [&[1][..], &number.to_be_bytes(), &request].concat();
                stream.write_all(&masked(&message)).await.unwrap();
                loop {
                    let message = frame(stream).await;
                    // Events come beside the answers.
                    if message.first() == Some(&1) && message[1..5] == number.to_be_bytes() {
                        break message[5..].to_vec();
                    }
                }
            }
        };
        decode::<Response>(&answer, 1 << 20).unwrap().body.unwrap()
    }

    async fn refusal(&mut self, body: Body) -> Option<ErrorCode> {
        match self.ask(body).await {
            response::Body::Error(error) => ErrorCode::from_number(error.code),
            _ => None,
        }
    }
}

/// A binary message from a client (RFC 6455, section 5.2), under a mask of nothing.
fn masked(message: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x82];
    match message.len() {
        short @ ..126 => frame.push(0x80 | short as u8),
        long => {
            frame.push(0xfe);
            frame.extend((long as u16).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(message);
    frame
}

/// The next binary message of a server.
async fn frame(stream: &mut TlsStream<TcpStream>) -> Vec<u8> {
    loop {
        let kind = stream.read_u8().await.unwrap() & 15;
        let length = match stream.read_u8().await.unwrap() & 127 {
            126 => u64::from(stream.read_u16().await.unwrap()),
            127 => stream.read_u64().await.unwrap(),
            short => u64::from(short),
        };
        let mut message = vec![0; length as usize];
        stream.read_exact(&mut message).await.unwrap();
        if kind == 2 {
            return message;
        }
    }
}

fn hello() -> Body {
    Body::Hello(Hello { version_min: 1, version_max: 1, client: "test".to_owned(), ..Hello::default() })
}

/// What somebody of a kind is refused, by rule: what is expected of each.
fn expected(actor: &str, rule: Rule) -> Option<ErrorCode> {
    let guest = Permissions::VIEW.union(Permissions::JOIN).union(Permissions::SPEAK);
    let allowed = match actor {
        "guest" => guest,
        "member" => guest
            .union(Permissions::TEXT)
            .union(Permissions::WHISPER)
            .union(Permissions::LISTEN)
            .union(Permissions::CREATE_TEMPORARY),
        // A key that may see, and nothing else, whatever its owner may.
        _ => Permissions::VIEW,
    };
    match rule {
        Rule::Before => Some(ErrorCode::Unexpected),
        Rule::Own if actor == "member" => None,
        Rule::Needs(permission) if !allowed.contains(permission) => Some(ErrorCode::Forbidden),
        Rule::Own | Rule::Operator => Some(ErrorCode::Forbidden),
        Rule::Anybody | Rule::Needs(_) => None,
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
        for name in operations().iter().filter(|name| *name != "hello") {
            let mut link = Link::open(transport, address).await;
            let (body, rule) = operation(name, channel.0, root.id().0);
            assert_eq!(
                link.refusal(body.clone()).await,
                Some(ErrorCode::Unexpected),
                "{transport}: {name} first"
            );
            let mut link = Link::open(transport, address).await;
            assert_eq!(link.refusal(hello()).await, None);
            if rule != Rule::Before {
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
            for name in operations().iter().filter(|name| *name != "log_out") {
                let (body, rule) = operation(name, channel.0, root.id().0);
                let refused = link.refusal(body).await;
                match expected(actor, rule) {
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
