//! Speakers are told what gets lost on the way to their listeners.

use std::time::Duration;

use crate::link::{Link, hello};
use crate::support::network::{Link as Path, Proxy};
use crate::support::{PASSWORD, TestServer, channel_id, hear, log_in};
use parlour::client::{Address, Session};
use parlour::load::EVERY;
use parlour::protocol::Loss;
use parlour::protocol::wire::request::Body;
use parlour::protocol::wire::{Join, LogInPassword, response};
use tokio::time::MissedTickBehavior;

/// A proxy before a server that loses so many of a thousand packets, each way.
async fn lossy(server: &TestServer, loss: u64) -> Proxy {
    Proxy::start(server.server.addresses()[0], Path { delay: Duration::from_millis(5), loss }, 4_711).await
}

async fn behind(proxy: &Proxy, name: &str) -> Session {
    let address: Address = proxy.address().to_string().parse().unwrap();
    let session = log_in(&address, name, PASSWORD).await.unwrap();
    session.join(channel_id(&session, "General")).await.unwrap();
    session
}

/// Speaks a frame of 20 ms at a time, up to so many, until the server tells of loss. Answers with how many that took.
async fn speak_until_told(session: &Session, frames: u32) -> (u32, Option<Loss>) {
    // Notices are read by whoever receives.
    let mut own = session.voice();
    let reading = tokio::spawn(async move { while own.next().await.is_ok() {} });
    let mut speaker = session.speaker();
    let mut due = tokio::time::interval(EVERY);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut spoken = 0;
    while spoken < frames && speaker.loss().is_none() {
        due.tick().await;
        speaker.send(&[0x48; 80]);
        spoken += 1;
    }
    reading.abort();
    (spoken, speaker.loss())
}

#[tokio::test]
async fn a_speaker_is_told_within_three_seconds_what_its_listener_loses() {
    let server = TestServer::start().await;
    let alice = server.in_channel("alice", "General").await;
    let proxy = lossy(&server, 0).await;
    let bob = behind(&proxy, "bob").await;
    assert_eq!(speak_until_told(&alice, 60).await, (60, None), "nothing is lost yet");
    proxy.set(Path { delay: Duration::from_millis(5), loss: 150 });
    let (frames, told) = speak_until_told(&alice, 300).await;
    let told = told.unwrap();
    assert!(frames <= 150 && told.percent >= 4, "{told:?} after {frames} frames");
    drop(bob);
}

#[tokio::test]
async fn a_speaker_is_told_what_of_its_own_packets_the_server_never_got() {
    let server = TestServer::start().await;
    let bob = server.in_channel("bob", "General").await;
    let proxy = lossy(&server, 0).await;
    let alice = behind(&proxy, "alice").await;
    proxy.set(Path { delay: Duration::from_millis(5), loss: 150 });
    // What is told may be lost as well; it is told again after five seconds.
    let (frames, told) = speak_until_told(&alice, 800).await;
    assert!(told.is_some_and(|told| (4..=30).contains(&told.percent)), "{told:?} after {frames} frames");
    drop(bob);
}

#[tokio::test]
async fn one_who_loses_much_among_many_changes_nothing() {
    let server = TestServer::start().await;
    let alice = server.in_channel("alice", "General").await;
    for number in 0..10 {
        server.server.ensure_user(&format!("guest{number}"), PASSWORD, "Admin").await.unwrap();
    }
    let mut others = Vec::new();
    for number in 0..9 {
        others.push(server.in_channel(&format!("guest{number}"), "General").await);
    }
    let proxy = lossy(&server, 0).await;
    let bob = behind(&proxy, "bob").await;
    proxy.set(Path { delay: Duration::from_millis(5), loss: 300 });
    let mut voice = others[0].voice();
    let heard = tokio::spawn(async move { hear(&mut voice).await });
    assert_eq!(speak_until_told(&alice, 200).await, (200, None));
    assert!(heard.await.unwrap().is_some());
    // Where that one is all there is, it counts.
    for other in &others {
        other.leave().await.unwrap();
    }
    assert!(speak_until_told(&alice, 300).await.1.is_some());
    drop(bob);
}

/// A listener whose every frame is counted: what it sends acknowledges, and asks for nothing.
#[tokio::test]
async fn a_listener_sends_nothing_for_it() {
    let server = TestServer::start().await;
    let alice = server.in_channel("alice", "General").await;
    let proxy = lossy(&server, 0).await;
    let mut bob = Link::open("native", proxy.address()).await;
    let log_in =
        LogInPassword { name: "bob".to_owned(), password: PASSWORD.to_owned(), ..LogInPassword::default() };
    bob.ask(hello()).await;
    assert!(matches!(bob.ask(Body::LogInPassword(log_in)).await, response::Body::LoggedIn(_)));
    let channel = channel_id(&alice, "General").0;
    assert!(matches!(
        bob.ask(Body::Join(Join { channel, ..Join::default() })).await,
        response::Body::Done(_)
    ));
    let Link::Native(connection) = &bob else { unreachable!() };
    let before = connection.stats();
    proxy.set(Path { delay: Duration::from_millis(5), loss: 150 });
    assert!(speak_until_told(&alice, 300).await.1.is_some());
    let after = connection.stats();
    let asked = |stats: &quinn::ConnectionStats| (stats.frame_tx.datagram, stats.frame_tx.stream);
    assert_eq!(asked(&after), asked(&before), "{after:?}");
    assert!(after.frame_tx.acks > before.frame_tx.acks);
}
