//! What somebody doesn't see is to them as if it weren't there, whatever they ask about it.

use std::time::Duration;

use crate::operations::request_for;
use crate::support::{TestServer, channel_id, eventually};
use parlour::client::{NewOverwrite, OverwriteFor, RequestError, Session};
use parlour::id::{ChannelId, RoleId};
use parlour::permission::{Permissions, Reach};
use parlour::protocol::operation;
use parlour::protocol::wire::request::Body;
use parlour::protocol::wire::{self, voice_target};

/// Requests that name a channel elsewhere than in the field where they act.
fn beside(channel: u64, seen: u64, session: u64) -> Vec<(&'static str, Body)> {
    let target = wire::VoiceTarget { to: Some(voice_target::To::Channel(channel)), ..Default::default() };
    let edit = wire::EditOrganization::default;
    vec![
        ("link", Body::LinkChannels(wire::LinkChannels { channel: seen, other: channel, linked: true })),
        ("unlink", Body::LinkChannels(wire::LinkChannels { channel: seen, other: channel, linked: false })),
        ("parent", Body::MoveChannel(wire::MoveChannel { channel: seen, parent: channel, position: 0 })),
        ("invite", Body::CreateInvite(wire::CreateInvite { channel, ..Default::default() })),
        ("target", Body::SetVoiceTarget(wire::SetVoiceTarget { flow: 2, targets: vec![target] })),
        ("move", Body::MoveSession(wire::MoveSession { session, channel })),
        (
            "default",
            Body::EditOrganization(wire::EditOrganization { default_channel: Some(channel), ..edit() }),
        ),
        ("away", Body::EditOrganization(wire::EditOrganization { afk_channel: Some(channel), ..edit() })),
        ("join", Body::Join(wire::Join { channel, password: "hush".to_owned() })),
        (
            "password",
            Body::EditChannel(wire::EditChannel {
                channel,
                password: Some("hush".to_owned()),
                ..Default::default()
            }),
        ),
        (
            "listen",
            Body::Listen(wire::Listen { channel, on: true, volume: 100, password: "hush".to_owned() }),
        ),
    ]
}

/// What somebody is told, but for the number of what they make.
async fn told(session: &Session, body: Body) -> String {
    match session.request(body).await {
        Ok(answer) => format!("{answer:?}"),
        Err(RequestError::Refused { code, message, .. }) => format!("{code:?}: {message}"),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_channel_that_somebody_doesn_t_see_is_as_one_that_isn_t_there() {
    let (server, clock) = TestServer::turned(&[("limits.request_burst", "1000")]).await;
    let root = server.log_in("root").await;
    // An owner's permission knows no overwrites.
    let most = Permissions::ALL.without(Permissions::ADMINISTER);
    let all = root.create_role("Everything", 90, 0, most).await.unwrap();
    root.grant_role("alice", all, None).await.unwrap();
    let secret = root.create_channel(None, "Secret").await.unwrap();
    root.join(secret).await.unwrap();
    root.start_recording().await.unwrap();
    clock.advance(Duration::from_millis(1_100));
    let list = async || root.recordings().await.unwrap().recordings.first().map(|one| one.id);
    let recording = eventually("it is recorded", list).await;
    let hide = |subject| NewOverwrite {
        channel: secret,
        subject,
        allow: Permissions::NONE,
        deny: Permissions::VIEW,
        reach: Reach::Both,
    };
    root.set_overwrite(hide(OverwriteFor::User("alice".to_owned()))).await.unwrap();
    root.set_overwrite(hide(OverwriteFor::Role(RoleId(3)))).await.unwrap();
    let alice = server.log_in("alice").await;
    let (seen, nowhere) = (channel_id(&alice, "General").0, ChannelId(secret.0 + 1_000));
    assert!(!alice.view().channels.contains_key(&secret.0));
    let session = root.id().0;
    let mut asked = 0;
    for one in operation::ALL {
        let ask = |channel: u64| request_for(one.name, channel, session, "root");
        if ask(secret.0) == ask(nowhere.0) || one.name == "log_out" {
            continue;
        }
        let (hidden, absent) = (told(&alice, ask(secret.0)).await, told(&alice, ask(nowhere.0)).await);
        assert_eq!(hidden, absent, "{}", one.name);
        asked += 1;
    }
    assert!(asked > 15, "{asked}");
    for ((what, there), (_, absent)) in
        beside(secret.0, seen, alice.id().0).into_iter().zip(beside(nowhere.0, seen, alice.id().0))
    {
        assert_eq!(told(&alice, there).await, told(&alice, absent).await, "{what}");
    }
    let of_recording = |id: u64| {
        let (file, name) = (String::new(), "bot".to_owned());
        let on = Some(wire::list_elements::On::Recording(id));
        let set = Some(wire::set_element::On::Recording(id));
        [
            Body::FetchRecording(wire::FetchRecording { id, file, offset: 0 }),
            Body::RemoveRecording(wire::RemoveRecording { id }),
            Body::ListElements(wire::ListElements { on }),
            Body::SetElement(wire::SetElement { on: set, name, value: "1".to_owned(), version: None }),
        ]
    };
    for (there, absent) in of_recording(recording).into_iter().zip(of_recording(recording + 1_000)) {
        let what = format!("{there:?}");
        assert_eq!(told(&alice, there).await, told(&alice, absent).await, "{what}");
    }
    assert_eq!(root.recordings().await.unwrap().recordings.len(), 1);
}
