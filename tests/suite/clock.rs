//! The wall clock is set by a day, forward and back: nothing ends early, nothing is held up, nobody is locked out.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use parlour::client::{Credentials, NewChannel, OrganizationEdit, Trust, connect};
use parlour::clock::{Clock, TurnedClock};
use parlour::config::{Config, Sources};
use parlour::id::Timestamp;
use parlour::protocol::ErrorCode;
use parlour::protocol::wire::{self, create_ban, request};
use parlour::server::Server;
use parlour::store::{BACKUPS, STORE_FILE, Store};

use crate::account::otp;
use crate::support::{PASSWORD, TestServer, channel_id, code, eventually, with};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How often the server looks whether the clock was set.
const LOOK: Duration = Duration::from_secs(10);

fn yesterday(clock: &Clock) -> Timestamp {
    Timestamp(clock.wall().0 - DAY.as_millis() as u64)
}

fn tomorrow(clock: &Clock) -> Timestamp {
    clock.wall().plus(DAY)
}

/// A server at its first start, by a clock that shows a time.
async fn first_start(wall: Timestamp) -> (tempfile::TempDir, Server, TurnedClock) {
    let directory = tempfile::tempdir().unwrap();
    let (clock, turned) = Clock::turned(wall);
    let flags = vec![("data_dir", directory.path().display().to_string())];
    let config = Config::load(&Sources { flags, ..Sources::default() }).unwrap();
    let listen = ["127.0.0.1:0".parse().unwrap()];
    (directory, Server::start_by(&config, &listen, false, clock).await.unwrap(), turned)
}

async fn claim(server: &Server, name: &str) -> Option<ErrorCode> {
    let code = server.claim().unwrap().code.clone();
    let address = server.addresses()[0].to_string().parse().unwrap();
    let connected = connect(&address, Trust::FirstUse, "test/1").await.unwrap();
    let claimed = connected.log_in(Credentials::claim(&code, name, "seven small red boats", "test")).await;
    claimed.err().map(|refused| refused.code().unwrap())
}

#[tokio::test]
async fn a_claim_code_of_a_first_start_in_1970_is_good_for_a_day_once_the_clock_is_set() {
    let now = Clock::system().wall();
    let (_home, server, clock) = first_start(Timestamp(3_000)).await;
    clock.set_wall(now);
    clock.advance(LOOK);
    eventually("the server has seen it", async || server.handle().accounts().is_unclaimed().then_some(()))
        .await;
    // Maintenance, which removes what has expired, leaves it.
    server.handle().maintain(0).await;
    // It ends after a day that has passed, and no earlier.
    clock.advance(DAY.saturating_sub(2 * LOOK));
    assert!(server.handle().accounts().is_unclaimed());
    assert_eq!(claim(&server, "anna").await, None);
    assert!(!server.handle().accounts().is_unclaimed());
    // What was used isn't good again, whatever the clock is set to.
    clock.set_wall(now.plus(9 * DAY));
    clock.advance(LOOK);
    assert_eq!(claim(&server, "eve").await, Some(ErrorCode::ClaimInvalid));
}

#[tokio::test]
async fn a_claim_code_of_a_clock_that_was_ahead_ends_after_a_day_all_the_same() {
    let now = Clock::system().wall();
    let (_home, server, clock) = first_start(now.plus(3_650 * DAY)).await;
    clock.set_wall(now);
    clock.advance(DAY);
    eventually("it ends", async || (!server.handle().accounts().is_unclaimed()).then_some(())).await;
    assert_eq!(claim(&server, "anna").await, Some(ErrorCode::ClaimInvalid));
}

#[tokio::test]
async fn backups_are_due_after_a_day_whatever_the_clock_was_set_to() {
    let (server, clock) = TestServer::turned(&[]).await;
    let handle = server.server.handle();
    let backups = || -> BTreeSet<_> {
        let found = fs::read_dir(server.directory.path().join(BACKUPS)).into_iter().flatten();
        found.map(|entry| entry.unwrap().file_name()).collect()
    };
    handle.maintain(24).await;
    let first = backups();
    assert_eq!(first.len(), 1);
    clock.set_wall(tomorrow(handle.clock()));
    handle.maintain(24).await;
    let second = backups();
    assert_eq!(second.len(), 2, "a day seems to have passed");
    // Set right again: the last one is from a time to come, and would keep the next one off for two days.
    clock.set_wall(yesterday(handle.clock()));
    clock.advance(Duration::from_secs(1));
    handle.maintain(24).await;
    let third = backups();
    assert_eq!(third.difference(&second).count(), 1);
    clock.advance(Duration::from_secs(60 * 60));
    handle.maintain(24).await;
    assert_eq!(backups(), third, "and not each hour");
}

#[tokio::test]
async fn a_code_of_an_app_is_taken_after_the_clock_was_set_back() {
    let (server, clock) = TestServer::turned(&[]).await;
    let alice = server.log_in("alice").await;
    let secret = alice.set_up_second_factor().await.unwrap().secret;
    let time = server.server.handle().clock();
    alice.confirm_second_factor(&otp(&secret, time, 0)).await.unwrap();
    let log_in =
        async |one: &str| with(&server, Credentials::password_and_code("alice", PASSWORD, one, "test")).await;
    clock.set_wall(tomorrow(time));
    log_in(&otp(&secret, time, 0)).await.unwrap();
    clock.set_wall(yesterday(time));
    clock.advance(Duration::from_secs(60));
    let now = otp(&secret, time, 0);
    log_in(&now).await.unwrap();
    assert_eq!(code(log_in(&now).await), ErrorCode::SecondFactorWrong, "once");
}

#[tokio::test]
async fn a_clock_set_forward_by_a_day_ends_nothing_that_lasts_for_a_time() {
    let (server, clock) = TestServer::turned(&[]).await;
    let (root, alice) = (server.log_in("root").await, server.in_channel("alice", "General").await);
    let handle = server.server.handle();
    let afk = root.create_channel(None, "Away").await.unwrap();
    let edit = OrganizationEdit {
        afk_channel: Some(Some(afk)),
        afk_after: Some(Duration::from_secs(60)),
        ..OrganizationEdit::default()
    };
    root.edit_organization(edit).await.unwrap();
    let hour = Duration::from_secs(60 * 60);
    let temporary =
        NewChannel { name: "For tonight".to_owned(), temporary: Some(hour), ..NewChannel::default() };
    let tonight = alice.create_channel_with(temporary).await.unwrap();
    for wall in [tomorrow(handle.clock()), yesterday(handle.clock())] {
        clock.set_wall(wall);
        clock.advance(Duration::from_secs(1));
        let list = root.list().await.unwrap();
        assert!(list.channels.iter().any(|one| one.id == tonight.0), "the channel is there");
        let own = alice.id();
        assert_eq!(
            root.view().member(own).unwrap().channel,
            channel_id(&root, "General").0,
            "nobody is idle"
        );
    }
    clock.advance(hour);
    eventually("it goes", async || (!root.view().channels.contains_key(&tonight.0)).then_some(())).await;
    let moved = async || (root.view().member(alice.id())?.channel == afk.0).then_some(());
    eventually("she is idle", moved).await;
}

/// How long maintenance took is measured, and not what the wall clock was turned by meanwhile.
#[tokio::test]
async fn the_time_that_a_job_takes_is_no_difference_of_wall_times() {
    let (server, clock) = TestServer::turned(&[]).await;
    server.server.handle().maintain(24).await;
    clock.advance(Duration::from_secs(5));
    let directory = server.stop().await;
    let store = Store::open(&directory.path().join(STORE_FILE), Timestamp(0)).unwrap();
    let jobs = store.jobs(None, 10).unwrap();
    assert!(!jobs.is_empty());
    for job in jobs {
        assert_eq!(job.finished.unwrap(), job.started, "the clock stood still");
    }
}

/// So is how often a session may ask.
#[tokio::test]
async fn how_often_one_may_ask_goes_by_the_time_that_passes() {
    let limits = [("limits.request_burst", "5"), ("limits.requests_per_second", "1")];
    let (server, clock) = TestServer::turned(&limits).await;
    let alice = server.log_in("alice").await;
    let mut asked = 0;
    while alice.list().await.is_ok() {
        asked += 1;
    }
    assert!((1..=5).contains(&asked), "{asked}");
    for wall in [tomorrow(server.server.handle().clock()), yesterday(server.server.handle().clock())] {
        clock.set_wall(wall);
        assert_eq!(code(alice.list().await), ErrorCode::RateLimited, "no time has passed");
    }
    clock.advance(Duration::from_secs(1));
    alice.list().await.unwrap();
}

#[tokio::test]
async fn a_ban_lasts_as_long_as_it_was_made_for_whatever_the_clock_is_set_to() {
    let (server, clock) = TestServer::turned(&[]).await;
    let (root, handle) = (server.log_in("root").await, server.server.handle());
    let bob = || with(&server, Credentials::password("bob", PASSWORD, "test"));
    for set in [tomorrow, yesterday] {
        let subject = Some(create_ban::Subject::User("bob".to_owned()));
        let ban = wire::CreateBan { subject, life_ms: 3_600_000, ..wire::CreateBan::default() };
        root.request(request::Body::CreateBan(ban)).await.unwrap();
        clock.set_wall(set(handle.clock()));
        clock.advance(Duration::from_secs(59 * 60 + 59));
        assert_eq!(code(bob().await), ErrorCode::Banned);
        assert_eq!(root.bans().await.unwrap().len(), 1);
        clock.advance(Duration::from_secs(1));
        bob().await.unwrap();
        assert!(root.bans().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_clock_set_back_makes_nothing_good_for_longer_that_is_good_for_an_hour() {
    let (server, clock) = TestServer::turned(&[]).await;
    let (root, alice) = (server.log_in("root").await, server.log_in("alice").await);
    let (code_of, _) = root.make_reset_code("alice").await.unwrap();
    clock.set_wall(yesterday(server.server.handle().clock()));
    let token = with(&server, Credentials::token(&alice.logged_in().access_token)).await;
    assert_eq!(code(token), ErrorCode::TokenInvalid);
    let connected = connect(&server.address(), Trust::FirstUse, "test/1").await.unwrap();
    let reset = connected.reset_password(&code_of, "quite another one 7", false).await;
    assert_eq!(code(reset), ErrorCode::CodeInvalid);
    // What lasts still opens, and what is made now is good.
    with(&server, Credentials::token(&alice.logged_in().token)).await.unwrap();
    let (code_of, _) = root.make_reset_code("alice").await.unwrap();
    let connected = connect(&server.address(), Trust::FirstUse, "test/1").await.unwrap();
    connected.reset_password(&code_of, "quite another one 7", false).await.unwrap();
}
