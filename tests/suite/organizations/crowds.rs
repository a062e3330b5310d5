//! Two organizations with two hundred people each, in one server.

use std::net::IpAddr;
use std::time::Duration;

use super::{address, create, enter, operate, visit, written};
use crate::support::{PASSWORD, Talking, TestServer, code, drain, hear, silence};
use parlour::client::{Credentials, Ended, Session, Trust, connect};
use parlour::id::ChannelId;
use parlour::permission::Permissions;
use parlour::protocol::wire::{self, create_ban, request};
use parlour::protocol::{CloseCode, ErrorCode};
use tokio::task::JoinSet;

/// People of each organization, without its owner.
const PEOPLE: usize = 200;

/// Those who connect at once.
const AT_ONCE: usize = 20;

/// An organization with its owner, a tree, a role of its own, and its people: half of them in the lounge.
struct Crowd {
    owner: Session,
    lounge: ChannelId,
    people: Vec<Session>,
}

impl Crowd {
    async fn gather(server: &TestServer, tag: &'static str) -> Self {
        let claim = create(server, tag, tag).await;
        let claim = Credentials::claim(&claim, "boss", PASSWORD, "test");
        let owner = enter(server, tag, claim).await.unwrap();
        let hall = owner.create_channel(None, "Hall").await.unwrap();
        let lounge = owner.create_channel(Some(hall), "Lounge").await.unwrap();
        let role = owner.create_role("Host", 50, 0, Permissions::KICK).await.unwrap();
        owner.grant_role("boss", role, None).await.unwrap();
        owner.join(lounge).await.unwrap();
        let mut people = Vec::new();
        while people.len() < PEOPLE {
            let mut coming = JoinSet::new();
            for _ in 0..AT_ONCE {
                let (number, address) = (people.len() + coming.len(), address(server, tag));
                coming.spawn(async move {
                    let connected = connect(&address, Trust::FirstUse, "test/1").await.unwrap();
                    let guest = connected
                        .log_in(Credentials::guest(&format!("{tag}-{number}"), "test"))
                        .await
                        .unwrap();
                    if number % 2 == 0 {
                        guest.join(lounge).await.unwrap();
                    }
                    guest
                });
            }
            people.extend(coming.join_all().await);
        }
        Self { owner, lounge, people }
    }

    /// Those who are in the lounge, and one of those who aren't.
    fn inside(&self) -> Vec<&Session> {
        self.people
            .iter()
            .filter(|person| person.view().own_channel().is_some_and(|channel| channel.id == self.lounge.0))
            .collect()
    }

    async fn count(&self) -> usize {
        self.owner.list().await.unwrap().members.len()
    }
}

/// How many listeners hear somebody who speaks, while none of those elsewhere does.
async fn hearers(speaker: &Session, listeners: &[&Session], elsewhere: &[Session]) -> usize {
    let mut voices: Vec<_> = listeners.iter().map(|listener| listener.voice()).collect();
    let mut other: Vec<_> = elsewhere.iter().map(Session::voice).collect();
    let talking = Talking::start(speaker);
    let mut heard = 0;
    for voice in &mut voices {
        let packet = hear(voice).await;
        heard += usize::from(packet.is_some_and(|packet| packet.header.ssrc == speaker.ssrc()));
    }
    drop(talking);
    // What would come to others is on its way for a moment.
    silence(&mut voices[0]).await;
    for voice in &mut other {
        let overheard = drain(voice).await;
        assert!(overheard.iter().all(|packet| packet.header.ssrc != speaker.ssrc()), "heard elsewhere");
    }
    heard
}

#[tokio::test]
async fn two_crowds_in_one_server_have_nothing_of_each_other() {
    let flags = [
        ("sessions.guests", "true"),
        ("limits.address_tries", "10000"),
        ("limits.max_sessions", "1000"),
        ("limits.address_guests", "1000"),
    ];
    let server = TestServer::with(&flags).await;
    let (club, guild) = (Crowd::gather(&server, "club").await, Crowd::gather(&server, "guild").await);
    assert_eq!((club.count().await, guild.count().await), (PEOPLE + 1, PEOPLE + 1));
    assert_ne!(club.lounge, guild.lounge);

    // Voice: everybody in the lounge hears its owner, nobody of the other organization does.
    let (of_club, of_guild) = (club.inside(), guild.inside());
    assert_eq!((of_club.len(), of_guild.len()), (PEOPLE / 2, PEOPLE / 2));
    assert_eq!(hearers(&club.owner, &of_club, &guild.people).await, of_club.len());
    assert_eq!(hearers(&guild.owner, &of_guild, &club.people).await, of_guild.len());

    // Text.
    let (mut at_club, mut at_guild) = (of_club[0].events(), of_guild[0].events());
    club.owner.text_channel(club.lounge, "for the club").await.unwrap();
    assert_eq!(written(&mut at_club).await.as_deref(), Some("for the club"));
    assert_eq!(written(&mut at_guild).await, None);

    // Invites.
    let invite = club.owner.create_invite(wire::CreateInvite::default()).await.unwrap().code;
    let looked = visit(&server, "guild").await.look_at_invite(&invite).await;
    assert_eq!(code(looked), ErrorCode::InviteInvalid);
    visit(&server, "club").await.look_at_invite(&invite).await.unwrap();

    // A ban of everybody's address sends away those of its own organization.
    let here: IpAddr = server.address().host.parse().unwrap();
    let ban = wire::CreateBan {
        subject: Some(create_ban::Subject::Network(here.to_string())),
        ..Default::default()
    };
    // An owner can't keep out themselves, so it is the machine's owner who does it.
    let ban = wire::Request { organization: "club".to_owned(), ..request::Body::CreateBan(ban).into() };
    server.server.organizations().operate(ban).await.unwrap();
    for person in club.people.iter().chain([&club.owner]) {
        let ended = tokio::time::timeout(Duration::from_secs(5), person.closed()).await;
        assert!(matches!(ended, Ok(Ended::ByServer(CloseCode::Banned))), "{ended:?}");
    }
    let again = enter(&server, "club", Credentials::guest("again", "test")).await;
    assert_eq!(again.unwrap_err(), ErrorCode::Banned);
    enter(&server, "guild", Credentials::guest("again", "test")).await.unwrap();
    assert!(guild.owner.bans().await.unwrap().is_empty());

    // One is deleted, and the other one goes on.
    let delete = wire::DeleteOrganization { tag: "club".to_owned() };
    operate(&server, request::Body::DeleteOrganization(delete)).await;
    assert_eq!(hearers(&guild.owner, &of_guild, &[]).await, of_guild.len());
    assert!(guild.count().await > PEOPLE);
}
