//! What runs beside the server for as long as it does: certificates that are renewed, e-mails that are sent, maintenance, the
//! first claim code, and who tells the local network.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::control::{Handle, Organizations};
use crate::dial::{Client, Reach};
use crate::discovery::{Announcer, Card};
use crate::endpoint::{Certificates, LinkPeer};
use crate::hook::Deliverer;
use crate::id::{Fingerprint, Moment, Timestamp};
use crate::mail::Post;
use crate::protocol::wire;
use crate::runs::Runner;

/// How often it is looked whether maintenance is due, and how long after the start for the first time.
const MAINTENANCE: (Duration, Duration) = (Duration::from_secs(60 * 60), Duration::from_secs(60));

/// How often it is looked whether a certificate has to be renewed, or was replaced.
const CERTIFICATES: Duration = Duration::from_secs(10);

/// How often it is looked whether the wall clock was set, and what is taken for that.
const CLOCK: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(60));

/// Wait after an e-mail that wasn't taken: at first, and the longest.
const POST: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(5 * 60));

/// E-mails that are sent one after the other before it is looked whether there are more.
const EMAILS: usize = 100;

/// Renews certificates, and takes those that were replaced.
pub(super) async fn look_after(certificates: Arc<Certificates>) {
    let mut due = tokio::time::interval(CERTIFICATES);
    loop {
        due.tick().await;
        certificates.look_after();
    }
}

/// Sends e-mails as they are written. One that isn't taken waits, and is tried again.
pub(super) async fn deliver(handle: Handle<LinkPeer>, post: Post) {
    let mut pause = POST.0;
    loop {
        let mut failed = false;
        for mail in handle.accounts().outbox(EMAILS).unwrap_or_default() {
            match post.send(&mail.to, &mail.subject, &mail.text).await {
                Ok(()) => failed |= handle.accounts().sent(mail).await.is_err(),
                Err(error) => {
                    tracing::warn!(%error, "an e-mail waits in the outbox");
                    failed = true;
                }
            }
        }
        if failed {
            handle.clock().sleep(pause).await;
            pause = (pause * 2).min(POST.1);
        } else {
            pause = POST.0;
            handle.accounts().email_waits().await;
        }
    }
}

/// Tells the local network. That it can't be told keeps no server from starting.
pub(super) fn announce(
    config: &Config,
    addresses: &[SocketAddr],
    fingerprint: Fingerprint,
) -> Option<Announcer> {
    if !config.discovery() {
        return None;
    }
    let card =
        Card { name: config.name(), fingerprint, version: env!("CARGO_PKG_VERSION"), page: config.web() };
    Announcer::start(addresses, &card).unwrap_or_else(|error| {
        tracing::warn!(%error, "`parlour discover` won't find this server; with discovery.enabled = false this isn't tried");
        None
    })
}

/// Has the first claim code last for its time, whatever the wall clock is set to meanwhile.
pub(super) async fn keep_claim(handle: Handle<LinkPeer>, claim: wire::ClaimCode, made: Moment) {
    let (clock, mut seen, mut next) = (handle.clock(), made, made.monotonic + CLOCK.0);
    let life = Timestamp(claim.expires_ms).since(made.wall);
    loop {
        clock.until(next).await;
        let now = clock.now();
        next = now.monotonic + CLOCK.0;
        let left = life.saturating_sub(now.monotonic.saturating_sub(made.monotonic));
        let expected = seen.wall.plus(now.monotonic.saturating_sub(seen.monotonic));
        if left.is_zero() || expected.since(now.wall).max(now.wall.since(expected)) > CLOCK.1 {
            match handle.accounts().keep_claim_code(&claim.code, left).await {
                Ok(()) if left.is_zero() => return,
                Ok(()) => seen = now,
                Err(error) => {
                    tracing::warn!(%error, "the claim code may end too early or too late, as the clock was set");
                }
            }
        }
    }
}

pub(super) async fn maintain(handle: Handle<LinkPeer>, backup_hours: u32) {
    let mut next = handle.clock().monotonic() + MAINTENANCE.1;
    loop {
        handle.clock().until(next).await;
        next = handle.clock().monotonic() + MAINTENANCE.0;
        handle.maintain(backup_hours).await;
    }
}

/// Who delivers messages to webhooks, which are told that the server begins anew, and who does runs of flows.
pub(super) async fn doers(
    organizations: &Organizations<LinkPeer>,
    client: Client,
    config: &Config,
) -> (Deliverer<LinkPeer>, Runner<LinkPeer>) {
    let reach = Reach::public_and(config.hook_networks());
    let deliverer = Deliverer::new(organizations.clone(), client.clone(), reach.clone(), draw);
    (deliverer.begin().await, Runner::new(organizations.clone(), client, reach))
}

/// Until somebody tells it to stop, or nobody could any more.
async fn until(stopped: oneshot::Receiver<()>) {
    let _ = stopped.await;
}

/// What runs until it is told to stop.
type Running = (JoinHandle<()>, oneshot::Sender<()>);

/// Delivers messages to webhooks and does runs of flows until they are told to stop, or until nobody could tell them so any more.
pub(super) fn run(deliverer: Deliverer<LinkPeer>, runner: Runner<LinkPeer>) -> (Running, Running) {
    let ((stop_hooks, hooks_stopped), (stop_flows, flows_stopped)) = (oneshot::channel(), oneshot::channel());
    let hooks = tokio::spawn(deliverer.run(until(hooks_stopped)));
    let flows = tokio::spawn(runner.run(until(flows_stopped)));
    ((hooks, stop_hooks), (flows, stop_flows))
}

/// A number that nobody foresees, or none where the operating system gives no random bytes: then nothing is spread over time.
pub(super) fn draw() -> u64 {
    let mut bytes = [0; 8];
    let _ = getrandom::fill(&mut bytes);
    u64::from_ne_bytes(bytes)
}
