//! A server that is killed, and what its clients find when it is back.

use std::time::{Duration, Instant};

use crate::support::{PASSWORD, Process, channel_id};
use parlour::client::{Address, Credentials, InMemory, Keeper, Restored, Session, Trust, connect};
use parlour::store::SEEDED_ORGANIZATION;

async fn claim(process: &Process) -> (Session, Keeper) {
    let address: Address = process.address.to_string().parse().unwrap();
    let connected = connect(&address, Trust::FirstUse, "test/1").await.unwrap();
    let fingerprint = connected.fingerprint();
    let code = process.claim.as_deref().unwrap();
    let session = connected.log_in(Credentials::claim(code, "root", PASSWORD, "test")).await.unwrap();
    let store = std::sync::Arc::new(InMemory::new(session.logged_in()));
    (session, Keeper::new(address, fingerprint, store, "test/1".to_owned()))
}

/// Somebody who comes by the password: who came back by an access token makes no accounts.
async fn by_password(process: &Process) -> Session {
    let address: Address = process.address.to_string().parse().unwrap();
    let connected = connect(&address, Trust::FirstUse, "test/1").await.unwrap();
    connected.log_in(Credentials::password("root", PASSWORD, "test")).await.unwrap()
}

/// Fifty times: a user, a channel and a rename are acknowledged, and the server is killed at once. All of
/// them are there afterwards.
#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    let home = tempfile::tempdir().unwrap();
    let mut process = Process::serve(home.path(), "127.0.0.1:0", &[]);
    let listen = process.address.to_string();
    let (mut session, keeper) = claim(&process).await;
    for round in 0..50 {
        let maker = by_password(&process).await;
        maker.create_user(&format!("user{round}"), PASSWORD, "").await.unwrap();
        maker.log_out().await.unwrap();
        let channel = session.create_channel(None, &format!("new {round}")).await.unwrap();
        session.edit_channel(channel, Some(&format!("renamed {round}")), None, None).await.unwrap();
        process.kill();
        process = Process::serve(home.path(), &listen, &[]);
        let Restored::Session(restored) = keeper.restore(&session).await else { panic!("round {round}") };
        session = restored;
        let view = session.view();
        for earlier in 0..=round {
            assert!(view.find(&format!("renamed {earlier}")).is_ok(), "channel {earlier} after kill {round}");
        }
        let maker = by_password(&process).await;
        let again = maker.create_user(&format!("USER{round}"), PASSWORD, "").await.unwrap_err();
        assert_eq!(again.to_string(), "there is an account of this name; choose another");
        maker.log_out().await.unwrap();
    }
    process.kill();
    let path = home.path().join("data").join(parlour::store::STORE_FILE);
    let store = parlour::store::Store::open(&path, parlour::id::Timestamp(0)).unwrap();
    for round in 0..50 {
        assert!(store.user_by_name(SEEDED_ORGANIZATION, &format!("user{round}")).unwrap().is_some());
    }
    assert_eq!(store.verify().unwrap(), []);
}

/// A client that only listens finds out by itself, and comes back by its token.
#[tokio::test]
async fn a_silent_client_is_back_within_five_seconds() {
    let home = tempfile::tempdir().unwrap();
    let process = Process::serve(home.path(), "127.0.0.1:0", &[]);
    let listen = process.address.to_string();
    let (session, keeper) = claim(&process).await;
    session.join(channel_id(&session, "Social")).await.unwrap();
    process.kill();
    let back = Process::serve(home.path(), &listen, &[]);
    let started = Instant::now();
    let restored = tokio::time::timeout(Duration::from_secs(5), keeper.restore(&session)).await;
    let Ok(Restored::Session(restored)) = restored else {
        panic!("{restored:?} after {:?}", started.elapsed())
    };
    println!("back after {:?}", started.elapsed());
    assert_eq!(restored.id(), session.id());
    restored.list().await.unwrap();
    assert_eq!(restored.view().own_channel().unwrap().name, "Social");
    drop(back);
}
