//! Who hears whom, over the real endpoint.

use std::time::Duration;

use crate::support::{Talking, TestServer, channel_id, drain, eventually, hear, silence};
use parlour::id::{FlowId, Ssrc};
use parlour::protocol::{MAX_PACKET, OPUS_PAYLOAD_TYPE, VoiceHeader, write_packet};

#[tokio::test]
async fn only_the_speakers_channel_hears_and_bytes_are_unchanged() {
    let server = TestServer::start().await;
    let alice = server.in_channel("alice", "General").await;
    let (bob, carol) =
        (server.in_channel("bob", "General").await, server.in_channel("carol", "Social").await);
    let (mut own, mut near, mut far) = (alice.voice(), bob.voice(), carol.voice());
    let sent = alice.speaker().send(b"\xf8opaque").unwrap();
    let heard = hear(&mut near).await.unwrap();
    assert_eq!((heard.header, heard.payload.as_ref()), (sent, b"\xf8opaque".as_slice()));
    assert!(sent.marker);
    assert_eq!(bob.view().speaker(heard.header.ssrc).unwrap().name, "alice");
    assert!(silence(&mut far).await && silence(&mut own).await);
    assert_eq!(server.count("voice_delivered"), 1);
}

#[tokio::test]
async fn a_listener_skips_what_is_no_opus_and_plays_what_stands_behind_unknown_elements() {
    let server = TestServer::start().await;
    let (alice, bob) =
        (server.in_channel("alice", "General").await, server.in_channel("bob", "General").await);
    let mut voice = bob.voice();
    let packet = |payload_type, payload: &[u8]| {
        let (ssrc, mut bytes) = (alice.ssrc(), Vec::new());
        let header = VoiceHeader { ssrc, sequence: 1, timestamp: 960, marker: false, payload_type };
        write_packet(FlowId::CHANNEL, &header, payload, &mut bytes);
        bytes
    };
    // Another codec, and an RTCP packet of a later version (RFC 5761, section 4).
    assert!(alice.send_datagram(packet(96, b"something else").into()));
    assert!(alice.send_datagram(packet(76, b"NEXTsomething").into()));
    // A contributing source, elements that nobody knows, padding; one frame of Opus among them.
    let mut whole = packet(OPUS_PAYLOAD_TYPE, &[]);
    whole[1] |= 0x20 | 0x10 | 1;
    whole.extend([9, 9, 9, 9, 0xbe, 0xde, 0, 1, 0x71, 1, 2, 0]);
    whole.extend(b"\xf8opus\0\0\x03");
    assert!(alice.send_datagram(whole.into()));
    let heard = hear(&mut voice).await.unwrap();
    assert_eq!((heard.header.payload_type, &heard.payload[..]), (OPUS_PAYLOAD_TYPE, &b"\xf8opus"[..]));
    assert_eq!(server.count("voice_delivered"), 3, "the server passes on what it doesn't know");
}

/// Ends bob's hearing in the middle of alice's sentence by `end`; after its answer nothing more arrives.
async fn hears_nothing_after<F: Future<Output = ()>>(
    end: impl FnOnce(parlour::client::Session, parlour::client::Session) -> F,
) {
    let server = TestServer::start().await;
    let root = server.log_in("root").await;
    let (alice, bob) =
        (server.in_channel("alice", "General").await, server.in_channel("bob", "General").await);
    let carol = server.in_channel("carol", "General").await;
    let (mut voice, mut witness) = (bob.voice(), carol.voice());
    let talking = Talking::start(&alice);
    for _ in 0..20 {
        hear(&mut voice).await.unwrap();
    }
    end(root, bob.clone()).await;
    // What had arrived before the answer waits in the client.
    drain(&mut voice).await;
    assert!(silence(&mut voice).await);
    drain(&mut witness).await;
    assert!(hear(&mut witness).await.is_some(), "the others go on hearing");
    drop(talking);
}

#[tokio::test]
async fn deafened_mid_sentence() {
    hears_nothing_after(|_, bob| async move { bob.set_self(None, Some(true)).await.unwrap() }).await;
}

#[tokio::test]
async fn moving_away_mid_sentence() {
    hears_nothing_after(|_, bob| async move { bob.join(channel_id(&bob, "Social")).await.unwrap() }).await;
}

#[tokio::test]
async fn leaving_mid_sentence() {
    hears_nothing_after(|_, bob| async move { bob.leave().await.unwrap() }).await;
}

#[tokio::test]
async fn logged_out_mid_sentence() {
    hears_nothing_after(|_, bob| async move { bob.log_out().await.unwrap() }).await;
}

#[tokio::test]
async fn moved_by_somebody_else_mid_sentence() {
    // The answer goes to root; bob learns of it by an event, and from then on hears nothing.
    hears_nothing_after(|root, bob| async move {
        let social = channel_id(&root, "Social");
        let mut view = bob.watch();
        root.move_session(bob.id(), Some(social)).await.unwrap();
        view.wait_for(|view| view.own_channel().is_some_and(|channel| channel.id == social.0)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_disabled_account_is_silenced_and_disconnected() {
    hears_nothing_after(|root, bob| async move {
        root.set_user_disabled("bob", true).await.unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(2), bob.closed()).await.unwrap();
        assert_eq!(ended.to_string(), "the account was disabled");
    })
    .await;
}

#[tokio::test]
async fn muted_and_suppressed_speakers_are_not_heard() {
    let server = TestServer::start().await;
    let (alice, bob) =
        (server.in_channel("alice", "General").await, server.in_channel("bob", "General").await);
    let mut voice = bob.voice();
    alice.set_self(Some(true), None).await.unwrap();
    alice.speaker().send(&[1]);
    assert!(silence(&mut voice).await);
    alice.set_self(Some(false), None).await.unwrap();
    alice.speaker().send(&[2]);
    assert_eq!(hear(&mut voice).await.unwrap().payload.as_ref(), [2]);
    assert_eq!(server.count("voice_dropped_not_speaking"), 1);
}

fn datagram(ssrc: Ssrc, flow: FlowId, size: usize) -> Vec<u8> {
    let header =
        VoiceHeader { ssrc, sequence: 1, timestamp: 1, marker: false, payload_type: OPUS_PAYLOAD_TYPE };
    let mut bytes = Vec::new();
    write_packet(flow, &header, &vec![7; size], &mut bytes);
    bytes
}

#[tokio::test]
async fn bad_datagrams_are_counted_and_hurt_nobody() {
    let server = TestServer::start().await;
    let (alice, bob) =
        (server.in_channel("alice", "General").await, server.in_channel("bob", "General").await);
    let carol = server.in_channel("carol", "General").await;
    let mut voice = bob.voice();
    let own = alice.ssrc();
    for (bytes, counter) in [
        (datagram(carol.ssrc(), FlowId::CHANNEL, 20), "voice_dropped_foreign_ssrc"),
        (datagram(own, FlowId::CHANNEL, 20)[..9].to_vec(), "voice_dropped_malformed"),
        (datagram(own, FlowId::CHANNEL, 0), "voice_dropped_malformed"),
        (Vec::new(), "voice_dropped_malformed"),
        (datagram(own, FlowId::CHANNEL, MAX_PACKET - 11), "voice_dropped_too_large"),
        (datagram(own, FlowId(9), 20), "voice_dropped_not_speaking"),
    ] {
        let before = server.count(counter);
        assert!(alice.send_datagram(bytes.into()));
        eventually(counter, async || (server.count(counter) > before).then_some(())).await;
        assert_eq!(server.count(counter), before + 1, "{counter}");
    }
    assert!(silence(&mut voice).await);
    // The largest that may be sent, by the same session, and everybody else's connection, still work.
    assert!(alice.send_datagram(datagram(own, FlowId::CHANNEL, MAX_PACKET - 12).into()));
    assert_eq!(hear(&mut voice).await.unwrap().payload.len(), MAX_PACKET - 12);
    carol.speaker().send(&[3]);
    assert_eq!(hear(&mut voice).await.unwrap().header.ssrc, carol.ssrc());
}

#[tokio::test]
async fn a_flood_of_voice_is_cut_to_the_limit() {
    let server = TestServer::with(&[("limits.packets_per_second", "50")]).await;
    let (alice, bob) =
        (server.in_channel("alice", "General").await, server.in_channel("bob", "General").await);
    let mut voice = bob.voice();
    let mut speaker = alice.speaker();
    let started = std::time::Instant::now();
    for _ in 0..500 {
        speaker.send(&[1; 20]);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let counts = async || {
        let passed = server.count("voice_forwarded");
        (passed + server.count("voice_dropped_rate_limited") == 500).then_some(passed)
    };
    let heard = eventually("all of the flood is counted", counts).await;
    for _ in 0..heard {
        hear(&mut voice).await.unwrap();
    }
    assert!(silence(&mut voice).await, "more is heard than was passed on");
    let allowed = 50 + 50 * started.elapsed().as_secs_f64().ceil() as u64;
    assert!(
        heard <= allowed,
        "{heard} frames of a flood of 500 were passed on, in a time that allows {allowed}"
    );
    assert!(heard < 500, "the machine was too slow to make a flood");
}
