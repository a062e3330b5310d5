//! The keys beside the database: a data directory from before they were apart from the server's identity, and what
//! becomes of log-ins and one-time codes when the identity is another.

use std::fs;
use std::path::Path;

use crate::account::otp;
use crate::support::{TestServer, code, log_in, with};
use parlour::auth::{SealKey, TokenKey};
use parlour::client::Credentials;
use parlour::clock::Clock;
use parlour::endpoint::Identity;
use parlour::id::{SessionId, Timestamp, UserId};
use parlour::protocol::ErrorCode;
use parlour::secrets::{SEALING, Secrets, TOKENS};
use parlour::store::{self, By, STORE_FILE, Store, write};
use tempfile::TempDir;

/// What `tests/data/README.md` says of the file of schema 4.
const SECRET: &str = "UZDAW6OVBVXLRI2YTPTLXRHUGNCWIRBB";
const ALICE: (UserId, &str) = (UserId(1), "correct horse battery");
const BOB: (UserId, &str) = (UserId(2), "stapled paper tigers");

/// The data directory of a server of schema 4.
fn before() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    for (from, to) in [
        ("store-v4.redb", STORE_FILE),
        ("identity-v4.crt", "identity.crt"),
        ("identity-v4.key", "identity.key"),
    ] {
        fs::copy(data.join(from), directory.path().join(to)).unwrap();
    }
    directory
}

fn forget_identity(directory: &TempDir) {
    for name in ["identity.crt", "identity.key"] {
        fs::remove_file(directory.path().join(name)).unwrap();
    }
}

fn sealed(directory: &TempDir) -> Vec<u8> {
    let store = Store::open(&directory.path().join(STORE_FILE), Timestamp(1)).unwrap();
    store.second_factor(ALICE.0).unwrap().unwrap().secret
}

#[tokio::test]
async fn a_second_factor_from_before_outlives_the_identity_that_sealed_it() {
    let server = TestServer::again(before()).await;
    let asked = log_in(&server.address(), "alice", ALICE.1).await;
    assert_eq!(code(asked), ErrorCode::SecondFactorNeeded);
    let one = otp(SECRET, &Clock::system(), 0);
    with(&server, Credentials::password_and_code("alice", ALICE.1, &one, "test")).await.unwrap();
    // What was laid upon somebody in that schema is still laid upon them.
    let bob = log_in(&server.address(), "bob", BOB.1).await.unwrap();
    let own = bob.view().own().unwrap().clone();
    assert!(own.muted && own.deafened);
    drop(bob);
    let directory = server.stop().await;

    let key = fs::read(directory.path().join(SEALING)).unwrap();
    assert!(SealKey::new(&key).open(ALICE.0.0, &sealed(&directory)).is_some());
    forget_identity(&directory);
    let server = TestServer::again(directory).await;
    let next = otp(SECRET, &Clock::system(), 30);
    with(&server, Credentials::password_and_code("alice", ALICE.1, &next, "test")).await.unwrap();
}

/// The process ended after the key files were made and before the transaction that seals anew.
#[tokio::test]
async fn sealing_anew_is_finished_by_the_next_start() {
    let directory = before();
    let keys = Secrets::load_or_create(directory.path()).unwrap();
    let identity = Identity::load_or_create(directory.path()).unwrap();
    let former = sealed(&directory);
    assert!(SealKey::new(identity.key().secret_der()).open(ALICE.0.0, &former).is_some());
    assert!(SealKey::new(keys.sealing.as_bytes()).open(ALICE.0.0, &former).is_none());
    let directory = TestServer::again(directory).await.stop().await;
    let now = sealed(&directory);
    assert!(SealKey::new(keys.sealing.as_bytes()).open(ALICE.0.0, &now).is_some());
    // Once is enough: the next start leaves it as it is.
    let directory = TestServer::again(directory).await.stop().await;
    assert_eq!(sealed(&directory), now);
}

/// Without its key a second factor stays as it is, and works again when the key is back.
#[tokio::test]
async fn a_sealing_key_that_is_lost_can_be_put_back() {
    let directory = TestServer::again(before()).await.stop().await;
    let (path, aside) = (directory.path().join(SEALING), directory.path().join("aside"));
    fs::rename(&path, &aside).unwrap();
    let server = TestServer::again(directory).await;
    let one = otp(SECRET, &Clock::system(), 0);
    let refused = with(&server, Credentials::password_and_code("alice", ALICE.1, &one, "test")).await;
    assert_eq!(code(refused), ErrorCode::Internal);
    let directory = server.stop().await;
    fs::rename(&aside, &path).unwrap();
    let server = TestServer::again(directory).await;
    with(&server, Credentials::password_and_code("alice", ALICE.1, &one, "test")).await.unwrap();
}

#[tokio::test]
async fn a_log_in_from_before_is_exchanged_for_one_that_outlives_the_identity() {
    let directory = before();
    let identity = Identity::load_or_create(directory.path()).unwrap();
    let at = Clock::system().wall();
    let (session, expires) = (SessionId(1_000), at.plus(std::time::Duration::from_secs(3_600)));
    let key = TokenKey::new(identity.key().secret_der());
    let token = key.first(BOB.0, session, [5; 16]);
    {
        let store = Store::open(&directory.path().join(STORE_FILE), at).unwrap();
        let device = "laptop".to_owned();
        let (token, address) = (token.hash(), None);
        let row = store::Session { id: session, user: BOB.0, token, created: at, expires, device, address };
        store.run(By::server(at), write::begin_session(write::NewSession::unproven(row))).unwrap();
    }
    let server = TestServer::again(directory).await;
    let short = key.short(BOB.0, session, at.plus(std::time::Duration::from_secs(60)));
    with(&server, Credentials::token(short.as_bytes())).await.unwrap();
    let bob = with(&server, Credentials::token(token.as_bytes())).await.unwrap();
    let next = bob.logged_in().token.clone();
    drop(bob);
    let directory = server.stop().await;
    forget_identity(&directory);
    let server = TestServer::again(directory).await;
    let bob = with(&server, Credentials::token(&next)).await.unwrap();
    assert_eq!(bob.logged_in().user, BOB.0.0);
    let refused = with(&server, Credentials::token(short.as_bytes())).await;
    assert_eq!(code(refused), ErrorCode::TokenInvalid, "short ones of the former key are of no use any more");
    assert!(server.stop().await.path().join(TOKENS).exists());
}
