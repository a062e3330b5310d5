//! Voice beyond one's own channel, end to end: whispers, shouts, links, listeners, priority, the last N speakers,
//! positions. What reaches nobody else is proved from the listeners' side.

use crate::support::{TestServer, channel_id, code, hear, silence};
use parlour::client::{
    ChannelEdit, Moderation, NewOverwrite, OverwriteFor, OwnState, Session, Target, VoiceIn,
};
use parlour::id::{FlowId, RoleId};
use parlour::permission::{Permissions, Reach};
use parlour::protocol::ErrorCode;
use parlour::protocol::wire::VoicePolicy;

const WHISPER: FlowId = FlowId(2);

/// Root and alice in General, bob in General, carol in Social.
async fn four() -> (TestServer, [Session; 4]) {
    let server = TestServer::start().await;
    let sessions = [
        server.in_channel("root", "General").await,
        server.in_channel("alice", "General").await,
        server.in_channel("bob", "General").await,
        server.in_channel("carol", "Social").await,
    ];
    (server, sessions)
}

/// Speaks once on a flow: exactly these hear it, by the flow that it was sent on.
async fn reaches(speaker: &Session, flow: FlowId, word: u8, all: &mut [(&str, VoiceIn)], who: &[&str]) {
    speaker.speaker_on(flow).send(&[word]);
    for (name, voice) in all {
        if who.contains(name) {
            let heard = hear(voice).await.unwrap_or_else(|| unreachable!("{name} hears nothing of {word}"));
            assert_eq!((heard.payload.as_ref(), heard.flow), (&[word][..], flow), "{name}");
            assert_eq!(heard.header.ssrc, speaker.ssrc());
        } else {
            assert!(silence(voice).await, "{name} hears {word}");
        }
    }
}

#[tokio::test]
async fn a_whisper_reaches_its_target_and_no_one_else() {
    let (server, [root, alice, bob, carol]) = four().await;
    let mut all =
        [("root", root.voice()), ("alice", alice.voice()), ("bob", bob.voice()), ("carol", carol.voice())];
    // Nothing is registered yet.
    reaches(&alice, WHISPER, 1, &mut all, &[]).await;
    alice.set_voice_target(WHISPER, &[Target::Session(carol.id())]).await.unwrap();
    reaches(&alice, WHISPER, 2, &mut all, &["carol"]).await;
    reaches(&alice, FlowId::CHANNEL, 3, &mut all, &["root", "bob"]).await;
    // It follows them.
    carol.join(channel_id(&carol, "General")).await.unwrap();
    reaches(&alice, WHISPER, 4, &mut all, &["carol"]).await;
    // Permissions decide whenever they change, not when it was registered.
    let deny = NewOverwrite {
        channel: channel_id(&root, "General"),
        subject: OverwriteFor::Role(RoleId(3)),
        allow: Permissions::NONE,
        deny: Permissions::WHISPER,
        reach: Reach::Both,
    };
    root.set_overwrite(deny.clone()).await.unwrap();
    reaches(&alice, WHISPER, 5, &mut all, &[]).await;
    root.set_overwrite(NewOverwrite { deny: Permissions::NONE, ..deny }).await.unwrap();
    reaches(&alice, WHISPER, 6, &mut all, &["carol"]).await;
    // Who is muted doesn't whisper, either; who is deaf doesn't hear it.
    alice.set_self(Some(true), None).await.unwrap();
    reaches(&alice, WHISPER, 7, &mut all, &[]).await;
    alice.set_self(Some(false), None).await.unwrap();
    carol.set_self(None, Some(true)).await.unwrap();
    reaches(&alice, WHISPER, 8, &mut all, &[]).await;
    carol.set_self(None, Some(false)).await.unwrap();
    alice.set_voice_target(WHISPER, &[]).await.unwrap();
    reaches(&alice, WHISPER, 9, &mut all, &[]).await;
    assert_eq!(server.count("voice_delivered"), 5);
}

#[tokio::test]
async fn a_shout_reaches_a_channel_what_is_below_and_what_is_linked_and_a_role() {
    let (_server, [root, alice, bob, carol]) = four().await;
    let (operations, squad) = (channel_id(&root, "Operations"), channel_id(&root, "Operations/Alpha Squad"));
    let social = channel_id(&root, "Social");
    bob.join(operations).await.unwrap();
    root.join(squad).await.unwrap();
    root.link_channels(operations, social, true).await.unwrap();
    let mut all = [("root", root.voice()), ("bob", bob.voice()), ("carol", carol.voice())];
    let shout = |subtree, links| Target::Channel { channel: operations, subtree, links };
    for (number, (target, who)) in [
        (shout(false, false), &["bob"][..]),
        (shout(true, false), &["bob", "root"]),
        (shout(false, true), &["bob", "carol"]),
        (shout(true, true), &["bob", "carol", "root"]),
        (Target::Role(RoleId(1)), &["root"]),
        (Target::Role(RoleId(3)), &["bob", "carol"]),
    ]
    .into_iter()
    .enumerate()
    {
        alice.set_voice_target(WHISPER, &[target]).await.unwrap();
        reaches(&alice, WHISPER, number as u8, &mut all, who).await;
    }
    let bad = alice.set_voice_target(FlowId(1), &[Target::Session(bob.id())]).await;
    assert_eq!(code(bad), ErrorCode::TargetInvalid);
    let nobody = Target::Session(parlour::id::SessionId(999_999));
    assert_eq!(code(alice.set_voice_target(WHISPER, &[nobody]).await), ErrorCode::NoSuchSession);
}

#[tokio::test]
async fn linked_channels_hear_each_other_where_one_may_speak() {
    let (_server, [root, alice, bob, carol]) = four().await;
    let (general, social) = (channel_id(&root, "General"), channel_id(&root, "Social"));
    let mut all =
        [("root", root.voice()), ("alice", alice.voice()), ("bob", bob.voice()), ("carol", carol.voice())];
    assert_eq!(code(alice.link_channels(general, social, true).await), ErrorCode::Forbidden);
    root.link_channels(general, social, true).await.unwrap();
    reaches(&alice, FlowId::CHANNEL, 1, &mut all, &["root", "bob", "carol"]).await;
    reaches(&carol, FlowId::CHANNEL, 2, &mut all, &["root", "alice", "bob"]).await;
    let deny = NewOverwrite {
        channel: social,
        subject: OverwriteFor::User("alice".to_owned()),
        allow: Permissions::NONE,
        deny: Permissions::SPEAK,
        reach: Reach::ThisChannel,
    };
    root.set_overwrite(deny).await.unwrap();
    reaches(&alice, FlowId::CHANNEL, 3, &mut all, &["root", "bob"]).await;
    reaches(&bob, FlowId::CHANNEL, 4, &mut all, &["root", "alice", "carol"]).await;
    root.link_channels(social, general, false).await.unwrap();
    reaches(&bob, FlowId::CHANNEL, 5, &mut all, &["root", "alice"]).await;
}

#[tokio::test]
async fn a_listener_hears_a_channel_without_being_there() {
    let (_server, [root, alice, bob, carol]) = four().await;
    let general = channel_id(&root, "General");
    let mut all =
        [("root", root.voice()), ("alice", alice.voice()), ("bob", bob.voice()), ("carol", carol.voice())];
    carol.listen(general, 150).await.unwrap();
    reaches(&alice, FlowId::CHANNEL, 1, &mut all, &["root", "bob", "carol"]).await;
    reaches(&carol, FlowId::CHANNEL, 2, &mut all, &[]).await;
    // Those who are heard know; the volume is the listener's own affair.
    let shown = |of: &parlour::protocol::wire::Snapshot| {
        of.members.iter().find(|one| one.session == carol.id().0).unwrap().listening.clone()
    };
    let (own, others) = (shown(&carol.list().await.unwrap()), shown(&alice.list().await.unwrap()));
    assert_eq!((own[0].channel, own[0].volume), (general.0, 150));
    assert_eq!((others[0].channel, others[0].volume), (general.0, 0));
    let deny = NewOverwrite {
        channel: general,
        subject: OverwriteFor::Role(RoleId(3)),
        allow: Permissions::NONE,
        deny: Permissions::LISTEN,
        reach: Reach::Both,
    };
    root.set_overwrite(deny).await.unwrap();
    reaches(&alice, FlowId::CHANNEL, 3, &mut all, &["root", "bob"]).await;
    assert_eq!(code(bob.listen(general, 0).await), ErrorCode::Forbidden);
    carol.stop_listening(general).await.unwrap();
}

/// Sends twenty frames: those who are named hear all of them, the others none.
async fn twenty_frames(speaker: &Session, flow: FlowId, word: u8, all: &mut [(&str, VoiceIn)], who: &[&str]) {
    for frame in 0..20 {
        speaker.speaker_on(flow).send(&[word, frame]);
    }
    for (name, voice) in all {
        let mut heard = 0;
        while who.contains(name) && heard < 20 {
            let frame = hear(voice).await.unwrap_or_else(|| unreachable!("{name} hears {heard} of {word}"));
            assert_eq!(frame.payload[0], word, "{name}");
            heard += 1;
        }
        assert!(silence(voice).await, "{name} hears {word}");
    }
}

#[tokio::test]
async fn a_member_without_the_password_hears_none_of_twenty_frames_and_is_heard_by_nobody_in_there() {
    let (_server, [root, alice, bob, carol]) = four().await;
    let (general, social) = (channel_id(&root, "General"), channel_id(&root, "Social"));
    let password = |words: &str| ChannelEdit { password: Some(words.to_owned()), ..ChannelEdit::default() };
    // Carol listened before there was a password.
    carol.listen(general, 100).await.unwrap();
    root.link_channels(general, social, true).await.unwrap();
    root.edit_channel_with(general, password("open sesame")).await.unwrap();
    let mut all = [("root", root.voice()), ("bob", bob.voice()), ("carol", carol.voice())];
    twenty_frames(&alice, FlowId::CHANNEL, 1, &mut all, &["root", "bob"]).await;
    assert_eq!(code(carol.listen(general, 100).await), ErrorCode::ChannelPassword);
    assert_eq!(code(carol.listen_with_password(general, 100, "guess").await), ErrorCode::ChannelPassword);
    let shout = Target::Channel { channel: general, subtree: false, links: false };
    assert_eq!(code(carol.set_voice_target(WHISPER, &[shout]).await), ErrorCode::ChannelPassword);
    assert_eq!(code(carol.text_channel(general, "hello").await), ErrorCode::ChannelPassword);
    carol.set_voice_target(WHISPER, &[Target::Session(bob.id()), Target::Role(RoleId(1))]).await.unwrap();
    let mut inside = [("root", root.voice()), ("alice", alice.voice()), ("bob", bob.voice())];
    twenty_frames(&carol, WHISPER, 2, &mut inside, &[]).await;
    twenty_frames(&carol, FlowId::CHANNEL, 3, &mut inside, &[]).await;
    // Whoever shows it hears and is heard, until it is another.
    carol.listen_with_password(general, 100, "open sesame").await.unwrap();
    twenty_frames(&alice, FlowId::CHANNEL, 4, &mut all, &["root", "bob", "carol"]).await;
    twenty_frames(&carol, WHISPER, 5, &mut inside, &["root", "bob"]).await;
    carol.text_channel(general, "hello").await.unwrap();
    root.edit_channel_with(general, password("open barley")).await.unwrap();
    twenty_frames(&alice, FlowId::CHANNEL, 6, &mut all, &["root", "bob"]).await;
    twenty_frames(&carol, WHISPER, 7, &mut inside, &[]).await;
}

#[tokio::test]
async fn who_is_suppressed_or_muted_by_others_is_not_heard_and_the_flags_are_shown() {
    let (server, [root, alice, bob, carol]) = four().await;
    let mut all = [("root", root.voice()), ("bob", bob.voice())];
    let set = |what| root.moderate(alice.id(), what);
    set(Moderation { suppress: Some(true), priority: Some(true), ..Default::default() }).await.unwrap();
    reaches(&alice, FlowId::CHANNEL, 1, &mut all, &[]).await;
    let row = |list: parlour::protocol::wire::Snapshot| {
        list.members.into_iter().find(|one| one.name == "alice").unwrap()
    };
    let shown = row(bob.list().await.unwrap());
    assert!(shown.suppressed && shown.priority && !shown.muted);
    // Both hold in that channel only.
    alice.join(channel_id(&alice, "Social")).await.unwrap();
    alice.join(channel_id(&alice, "General")).await.unwrap();
    let shown = row(bob.list().await.unwrap());
    assert!(!shown.suppressed && !shown.priority);
    reaches(&alice, FlowId::CHANNEL, 2, &mut all, &["root", "bob"]).await;
    // A mute goes along, and is there again after a new log-in.
    set(Moderation { mute: Some(true), deaf: Some(true), ..Default::default() }).await.unwrap();
    let lifts = Moderation { mute: Some(false), ..Default::default() };
    assert_eq!(code(alice.moderate(alice.id(), lifts).await), ErrorCode::Unexpected);
    alice.log_out().await.unwrap();
    let alice = server.in_channel("alice", "General").await;
    reaches(&alice, FlowId::CHANNEL, 3, &mut all, &[]).await;
    let mut hers = alice.voice();
    bob.speaker().send(&[4]);
    assert!(silence(&mut hers).await);
    let shown = row(carol.list().await.unwrap());
    assert!(shown.muted && shown.deafened);
    let lifts = Moderation { mute: Some(false), deaf: Some(false), ..Default::default() };
    root.moderate(alice.id(), lifts).await.unwrap();
    let mut all = [("bob", bob.voice())];
    reaches(&alice, FlowId::CHANNEL, 5, &mut all, &["bob"]).await;
}

#[tokio::test]
async fn so_many_are_passed_on_at_once_and_a_priority_speaker_always() {
    let (_server, [root, alice, bob, carol]) = four().await;
    let general = channel_id(&root, "General");
    let voice = VoicePolicy { last_speakers: 1, ..Default::default() };
    root.edit_channel_with(general, ChannelEdit { voice: Some(voice), ..Default::default() }).await.unwrap();
    carol.join(general).await.unwrap();
    let mut ears = carol.voice();
    let level = |session: &Session, level| {
        let mut speaker = session.speaker();
        speaker.set_level(Some(level));
        speaker
    };
    let (mut one, mut two) = (level(&alice, 30), level(&bob, 28));
    for _ in 0..20 {
        // Who came first has the place, and two connections have no order between them.
        one.send(&[1]);
        let heard = hear(&mut ears).await.unwrap();
        assert_eq!((heard.payload.as_ref(), heard.level), (&[1][..], Some(30)));
        two.send(&[2]);
    }
    assert!(silence(&mut ears).await);
    // Alice paused, so bob has the place.
    two.send(&[2]);
    assert_eq!(hear(&mut ears).await.unwrap().payload.as_ref(), [2]);
    one.send(&[1]);
    assert!(silence(&mut ears).await);
    let priority = Moderation { priority: Some(true), ..Default::default() };
    root.moderate(alice.id(), priority).await.unwrap();
    for _ in 0..3 {
        two.send(&[2]);
        assert_eq!(hear(&mut ears).await.unwrap().payload.as_ref(), [2]);
        one.send(&[1]);
        assert_eq!(hear(&mut ears).await.unwrap().payload.as_ref(), [1]);
    }
    let own = Moderation { priority: Some(true), ..Default::default() };
    assert_eq!(code(bob.moderate(bob.id(), own).await), ErrorCode::Forbidden);
}

#[tokio::test]
async fn a_position_reaches_only_the_same_context() {
    let (_server, [root, alice, bob, carol]) = four().await;
    carol.join(channel_id(&carol, "General")).await.unwrap();
    let context =
        |words: &str| OwnState { position_context: Some(words.as_bytes().to_vec()), ..OwnState::default() };
    alice.set_own_state(context("game:map1")).await.unwrap();
    bob.set_own_state(context("game:map1")).await.unwrap();
    carol.set_own_state(context("game:map2")).await.unwrap();
    let mut speaker = alice.speaker();
    speaker.set_position(Some([1.0, -2.5, 3.0]));
    speaker.set_level(Some(12));
    let (mut near, mut other, mut nowhere) = (bob.voice(), carol.voice(), root.voice());
    speaker.send(&[7]);
    let heard = hear(&mut near).await.unwrap();
    assert_eq!((heard.position, heard.level), (Some([1.0, -2.5, 3.0]), Some(12)));
    for voice in [&mut other, &mut nowhere] {
        let heard = hear(voice).await.unwrap();
        assert_eq!((heard.position, heard.level, heard.payload.as_ref()), (None, Some(12), &[7][..]));
    }
}
