//! A channel is recorded: everybody is told before the first frame, each speaker has a file, and it sounds as they did.

use std::time::{Duration, Instant};

use crate::support::{self, TestServer, channel_id, code, hear};
use parlour::audio::{Encoder, FRAME, Source, compare};
use parlour::client::{ChannelEdit, NewOverwrite, OverwriteFor, Session};
use parlour::id::{ChannelId, RoleId};
use parlour::permission::{Permissions, Reach};
use parlour::protocol::ErrorCode;
use parlour::protocol::wire::{self, request};

fn channel(session: &Session, id: ChannelId) -> parlour::protocol::wire::Channel {
    session.view().channels[&id.0].clone()
}

/// A tone that changes, so that it is like nothing but itself.
fn sound(seed: f32, frames: usize) -> Vec<i16> {
    let samples = frames * FRAME;
    (0..samples)
        .map(|n| {
            let time = n as f32 / 48_000.0;
            let pitch = 200.0 + seed * 90.0 + 60.0 * (time * (1.0 + seed)).sin();
            (12_000.0 * (time * pitch * std::f32::consts::TAU).sin()) as i16
        })
        .collect()
}

async fn speak(session: &Session, sound: &[i16]) {
    let (mut speaker, mut encoder) = (session.speaker(), Encoder::new(48_000).unwrap());
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    for frame in sound.as_chunks::<FRAME>().0 {
        tick.tick().await;
        speaker.send(&encoder.encode(frame).unwrap());
    }
}

#[tokio::test]
async fn a_meeting_is_recorded_each_voice_in_a_file_that_sounds_like_it() {
    let server = TestServer::start().await;
    server.server.ensure_user("olaf", support::PASSWORD, "Officer").await.unwrap();
    let (olaf, alice) =
        (server.in_channel("olaf", "General").await, server.in_channel("alice", "General").await);
    let carol = server.in_channel("carol", "Social").await;
    let general = channel_id(&olaf, "General");
    assert_eq!(code(alice.start_recording().await), ErrorCode::Forbidden);
    assert_eq!(code(alice.recordings().await), ErrorCode::Forbidden);
    let began = Instant::now();
    olaf.start_recording().await.unwrap();
    assert_eq!(code(olaf.start_recording().await), ErrorCode::Unexpected);
    // Everybody is told at once, also who isn't there; what is said in the first second isn't written.
    for session in [&alice, &carol] {
        let mut view = session.watch();
        let told = view.wait_for(|view| view.channels[&general.0].recorded_by == "olaf");
        tokio::time::timeout(Duration::from_millis(500), told).await.unwrap().unwrap();
    }
    assert!(began.elapsed() < Duration::from_millis(700));
    speak(&alice, &sound(9.0, 10)).await;
    tokio::time::sleep(Duration::from_millis(1_200).saturating_sub(began.elapsed())).await;
    let (hers, his) = (sound(1.0, 100), sound(4.0, 100));
    tokio::join!(speak(&alice, &hers), speak(&olaf, &his), speak(&carol, &hers));
    olaf.stop_recording(general).await.unwrap();
    let shown = olaf.recordings().await.unwrap();
    let recording = &shown.recordings[0];
    assert_eq!((recording.channel_path.as_str(), recording.by.as_str()), ("General", "olaf"));
    assert!(recording.ended.is_some() && shown.used > 0 && shown.used < shown.quota);
    let mut speakers: Vec<_> = recording.files.iter().map(|file| file.speaker.as_str()).collect();
    speakers.sort_unstable();
    assert_eq!(speakers, ["alice", "olaf"], "who spoke elsewhere isn't in it");
    let directory = tempfile::tempdir().unwrap();
    for file in &recording.files {
        let bytes = fetch(&olaf, recording.id, &file.name).await;
        assert_eq!(bytes.len() as u64, file.bytes);
        let path = directory.path().join(&file.name);
        std::fs::write(&path, &bytes).unwrap();
        let info = std::process::Command::new("opusinfo").arg(&path).output().unwrap();
        let words =
            String::from_utf8_lossy(&info.stdout).to_lowercase() + &String::from_utf8_lossy(&info.stderr);
        assert!(info.status.success() && !words.contains("warning"), "{words}");
        let heard = Source::open(&path).unwrap().samples().unwrap();
        let (source, other) = if file.speaker == "alice" { (&hers, &his) } else { (&his, &hers) };
        let (like, unlike) = (compare(source, &heard).correlation, compare(other, &heard).correlation);
        assert!(like > 0.9 && unlike < 0.4, "{}: {like} {unlike}", file.speaker);
    }
    assert_eq!(code(alice.remove_recording(recording.id).await), ErrorCode::Forbidden);
    olaf.remove_recording(recording.id).await.unwrap();
    assert!(olaf.recordings().await.unwrap().recordings.is_empty());
}

async fn fetch(session: &Session, id: u64, file: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    session.fetch_recording(id, file, &mut bytes, &mut |_, _| ()).await.unwrap();
    bytes
}

#[tokio::test]
async fn a_recording_ends_with_who_began_it_and_with_their_permission() {
    let server = TestServer::start().await;
    server.server.ensure_user("olaf", support::PASSWORD, "Officer").await.unwrap();
    let root = server.in_channel("root", "Social").await;
    let (olaf, alice) =
        (server.in_channel("olaf", "General").await, server.in_channel("alice", "General").await);
    let general = channel_id(&olaf, "General");
    let mut view = alice.watch();
    let mut ends = async |what: &str| {
        let over = view.wait_for(|view| view.channels[&general.0].recorded_by.is_empty());
        assert!(tokio::time::timeout(Duration::from_secs(2), over).await.is_ok(), "{what}");
    };
    let told = async |session: &Session| {
        let mut view = session.watch();
        view.wait_for(|view| !view.channels[&general.0].recorded_by.is_empty()).await.unwrap();
    };
    olaf.start_recording().await.unwrap();
    told(&alice).await;
    olaf.join(channel_id(&olaf, "Social")).await.unwrap();
    ends("who began it left").await;
    olaf.join(general).await.unwrap();
    olaf.start_recording().await.unwrap();
    told(&alice).await;
    let deny = NewOverwrite {
        channel: general,
        subject: OverwriteFor::Role(RoleId(2)),
        allow: Permissions::NONE,
        deny: Permissions::RECORD,
        reach: Reach::Both,
    };
    root.set_overwrite(deny.clone()).await.unwrap();
    ends("who began it may no more").await;
    root.set_overwrite(NewOverwrite { deny: Permissions::NONE, ..deny }).await.unwrap();
    olaf.start_recording().await.unwrap();
    told(&alice).await;
    // A moderator ends it, too.
    assert_eq!(code(alice.stop_recording(general).await), ErrorCode::Forbidden);
    root.stop_recording(general).await.unwrap();
    ends("a moderator ended it").await;
    assert_eq!(code(root.stop_recording(general).await), ErrorCode::NotFound);
    let mut ears = alice.voice();
    olaf.speaker().send(&[1]);
    assert!(hear(&mut ears).await.is_some(), "talking goes on");
    assert!(channel(&alice, general).recorded_by.is_empty());
}

#[tokio::test]
async fn a_recording_is_heard_by_whoever_is_let_into_its_channel() {
    let (server, clock) = TestServer::turned(&[]).await;
    let (root, alice) =
        (server.in_channel("root", "General").await, server.in_channel("alice", "Social").await);
    let general = channel_id(&root, "General");
    let tapes = root.create_role("Tapes", 20, 0, Permissions::RECORD).await.unwrap();
    root.grant_role("alice", tapes, None).await.unwrap();
    root.start_recording().await.unwrap();
    clock.advance(Duration::from_millis(1_100));
    let listed = async || Some(alice.recordings().await.ok()?.recordings);
    let list = support::eventually("alice sees it", async || listed().await.filter(|all| !all.is_empty()));
    let id = list.await[0].id;
    root.stop_recording(general).await.unwrap();
    let password = |words: &str| ChannelEdit { password: Some(words.to_owned()), ..ChannelEdit::default() };
    root.edit_channel_with(general, password("hush")).await.unwrap();
    assert_eq!(listed().await.map(|all| all.len()), Some(0), "she lacks the password");
    let fetch =
        || request::Body::FetchRecording(wire::FetchRecording { id, file: "any".to_owned(), offset: 0 });
    assert_eq!(code(alice.request(fetch()).await), ErrorCode::ChannelPassword);
    assert_eq!(code(alice.remove_recording(id).await), ErrorCode::ChannelPassword);
    alice.listen_with_password(general, 100, "hush").await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(listed().await.map(|all| all.len()), Some(1), "she has shown it");
    let deny = |deny| NewOverwrite {
        channel: general,
        subject: OverwriteFor::Role(RoleId(3)),
        allow: Permissions::NONE,
        deny,
        reach: Reach::Both,
    };
    root.set_overwrite(deny(Permissions::JOIN)).await.unwrap();
    assert_eq!(code(alice.request(fetch()).await), ErrorCode::Forbidden);
    root.set_overwrite(deny(Permissions::VIEW)).await.unwrap();
    assert_eq!(code(alice.request(fetch()).await), ErrorCode::NotFound, "as if it weren't there");
    assert_eq!(code(alice.remove_recording(id).await), ErrorCode::NotFound);
    assert_eq!(root.recordings().await.unwrap().recordings.len(), 1);
}
