//! Shards: a thread each, with its own sockets and connections, so that voice takes as many cores as there
//! are and no connection is touched by two of them.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use thread_priority::{
    NormalThreadSchedulePolicy, RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};
use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::connection;
use super::intake::Arrival;
use super::relay::Frame;
use super::shared::Shared;
use super::socket::Batching;
use crate::protocol::CloseCode;

/// How long what is left of a shard's work may take when the server stops.
const FAREWELL: Duration = Duration::from_millis(1_500);

/// How long whoever didn't hear that the server stops is told so again. quinn would do that for three times the longest that an
/// acknowledgement may take, which is over a second; who sends nothing within this is told by a reset once there is a server again.
const SAID_AGAIN: Duration = Duration::from_millis(500);

/// By how much the nice value of a shard's thread is below that of the others, where the system grants that and no real-time
/// priority (`LimitNICE=` of config/parlour.service). A frame that comes then waits less for other threads; for one that has just
/// begun to run it may wait until the scheduler's next tick all the same (docs/measured.md, "500 programs").
const NICER: i32 = 10;

/// A thread that listens, and doesn't accept yet. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Shard {
    addresses: Vec<SocketAddr>,
    arrivals: Receiver<Arrival>,
    begin: oneshot::Sender<Begin>,
}

/// What a shard needs to serve.
#[derive(Debug)]
struct Begin {
    shared: Arc<Shared>,
    inbox: Receiver<Frame>,
    arrivals: Receiver<Arrival>,
    stop: oneshot::Receiver<()>,
    stopped: oneshot::Sender<()>,
}

/// A shard that serves.
#[derive(Debug)]
pub(super) struct Serving {
    stop: oneshot::Sender<()>,
    stopped: oneshot::Receiver<()>,
}

impl Shard {
    /// Starts the thread of a number, and waits until its sockets are set up.
    pub(super) fn start(
        number: usize,
        sockets: Vec<UdpSocket>,
        arrivals: Receiver<Arrival>,
        (endpoint, server): (quinn::EndpointConfig, quinn::ServerConfig),
    ) -> io::Result<Self> {
        let (ready, is_ready) = std::sync::mpsc::sync_channel(1);
        let (begin, order) = oneshot::channel();
        let work = move || {
            let usual = nice();
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            // What a request leaves to a thread of its own isn't voice, and would go first as this one does.
            let runtime = match runtime.enable_all().on_thread_start(move || go_as_usual(usual)).build() {
                Ok(runtime) => runtime,
                // Whoever started this thread waits for the answer.
                Err(error) => return drop(ready.send(Err(error))),
            };
            go_first(usual);
            let stopped = runtime.block_on(async {
                let endpoints = listen(sockets, &endpoint, &server);
                let addresses = |endpoints: &Vec<quinn::Endpoint>| -> io::Result<Vec<SocketAddr>> {
                    endpoints.iter().map(quinn::Endpoint::local_addr).collect()
                };
                let endpoints = match endpoints {
                    Ok(endpoints) => endpoints,
                    Err(error) => {
                        let _ = ready.send(Err(error));
                        return None;
                    }
                };
                let _ = ready.send(addresses(&endpoints));
                Some(serve(endpoints, order.await.ok()?).await)
            });
            // Tasks that are left hold the database open, and go with the runtime.
            runtime.shutdown_timeout(FAREWELL);
            if let Some(stopped) = stopped {
                let _ = stopped.send(());
            }
        };
        thread::Builder::new().name(format!("voice-{number}")).spawn(work)?;
        let addresses = is_ready.recv().map_err(|_| io::Error::other("the thread of a shard ended"))??;
        Ok(Self { addresses, arrivals, begin })
    }

    /// What it listens on.
    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Lets it accept connections.
    pub(super) fn begin(self, shared: Arc<Shared>, inbox: Receiver<Frame>) -> Serving {
        let (stop, stopping) = oneshot::channel();
        let (stopped, has_stopped) = oneshot::channel();
        // A thread that is gone shows when its stop is waited for.
        let _ = self.begin.send(Begin { shared, inbox, arrivals: self.arrivals, stop: stopping, stopped });
        Serving { stop, stopped: has_stopped }
    }
}

impl Serving {
    /// Tells it to stop; the future it answers with ends when it has and holds nothing any more, after 2 s at most.
    pub(super) fn stop(self) -> impl Future<Output = ()> {
        let _ = self.stop.send(());
        async {
            let _ = self.stopped.await;
        }
    }
}

/// The nice value of the calling thread: -20 (goes first) to 19.
fn nice() -> i32 {
    rustix::process::getpriority_process(None).unwrap_or_default()
}

/// Has the calling thread go before the machine's other work: by the lowest real-time priority (sched(7), `SCHED_RR`) where the
/// limit on these grants one, and else by its nice value. Root may do the former without a limit; it is done where it is
/// said, since what is real-time work goes before whatever else the machine is for.
fn go_first(usual: i32) {
    set_nice(usual - NICER);
    if grants_real_time()
        && let Err(error) = set_thread_priority_and_policy(
            thread_native_id(),
            ThreadPriority::Min,
            ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin),
        )
    {
        tracing::debug!(?error, "voice has no real-time priority");
    }
}

/// Has the calling thread, which was begun by one that goes first, wait its turn as all others do.
fn go_as_usual(usual: i32) {
    if grants_real_time() {
        let other = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
        // What is given beside it stands for a nice value, which stays what it is.
        let all = (0..100_u8).filter_map(|value| value.try_into().ok()).map(ThreadPriority::Crossplatform);
        let same = |one: &ThreadPriority| one.to_posix(other).is_ok_and(|nice| nice == usual);
        if let Some(nice) = all.into_iter().find(same)
            && let Err(error) = set_thread_priority_and_policy(thread_native_id(), nice, other)
        {
            tracing::debug!(?error, "a thread keeps the real-time priority of voice");
        }
    }
    set_nice(usual);
}

/// Whether a real-time priority is granted by the limit on these (getrlimit(2), `RLIMIT_RTPRIO`), which Linux alone has.
#[cfg(target_os = "linux")]
fn grants_real_time() -> bool {
    use rustix::process::{Resource, getrlimit};
    getrlimit(Resource::Rtprio).current.is_none_or(|highest| highest > 0)
}

#[cfg(not(target_os = "linux"))]
fn grants_real_time() -> bool {
    false
}

/// Gives the calling thread a nice value. Without the right to it the thread waits its turn, as all others do.
fn set_nice(value: i32) {
    // The calling thread is meant on Linux alone, and elsewhere its whole process (setpriority(2), "C library/kernel differences").
    if cfg!(target_os = "linux")
        && let Err(error) = rustix::process::setpriority_process(None, value)
    {
        tracing::debug!(%error, "voice isn't put before this machine's other work");
    }
}

fn listen(
    sockets: Vec<UdpSocket>,
    endpoint: &quinn::EndpointConfig,
    server: &quinn::ServerConfig,
) -> io::Result<Vec<quinn::Endpoint>> {
    let listen =
        |socket| quinn::Endpoint::new(endpoint.clone(), Some(server.clone()), socket, Arc::new(Batching));
    sockets.into_iter().map(listen).collect()
}

/// Serves until it is told to stop, and answers with whom to tell that it has.
async fn serve(endpoints: Vec<quinn::Endpoint>, begin: Begin) -> oneshot::Sender<()> {
    let Begin { shared, inbox, arrivals, stop, stopped } = begin;
    let mut tasks = JoinSet::new();
    for endpoint in &endpoints {
        tasks.spawn(accept(endpoint.clone(), Arc::clone(&shared)));
    }
    tasks.spawn(accept_sockets(arrivals, Arc::clone(&shared)));
    let relaying = Arc::clone(&shared);
    tasks.spawn(async move { relaying.relay.run(inbox).await });
    // An error means that the server was dropped, which ends it, too.
    let _ = stop.await;
    tasks.abort_all();
    let reason = CloseCode::ShuttingDown;
    for endpoint in &endpoints {
        endpoint.close(reason.number().into(), reason.sentence().as_bytes());
    }
    let farewell = async {
        for endpoint in &endpoints {
            endpoint.wait_idle().await;
        }
    };
    // It ends earlier where nobody is there.
    let _ = tokio::time::timeout(SAID_AGAIN, farewell).await;
    stopped
}

/// How often the log says that connections are refused: strangers must not be able to fill it.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// A handshake costs half a millisecond. In a rush they come one after the other at this distance, so that what is said
/// meanwhile isn't heard late; ...
const PACE: Duration = Duration::from_millis(1);

/// ... but for so many, which come at once.
const AT_ONCE: u32 = 8;

async fn accept(endpoint: quinn::Endpoint, shared: Arc<Shared>) {
    let mut told: Option<Instant> = None;
    let mut next = Instant::now();
    while let Some(incoming) = endpoint.accept().await {
        // A stranger gets nothing but a Retry, for which nothing is kept: what never answers takes nobody's
        // place, and no address is sent more than it sent (RFC 9000, section 8.1). Who was here before has
        // a token that proves the address.
        if !incoming.remote_address_validated() {
            // Fails only for an address that is validated already, which was just ruled out.
            let _ = incoming.retry();
            continue;
        }
        let Some(place) = shared.places.strangers.enter(incoming.remote_address().ip()) else {
            if told.is_none_or(|told| told.elapsed() > TELL_AGAIN) {
                tracing::warn!(
                    "connections are refused, since an address has too many, or comes too often \
                     (limits.address_strangers, limits.address_connects), or too many of all addresses aren't logged in"
                );
                told = Some(Instant::now());
            }
            incoming.refuse();
            continue;
        };
        let now = Instant::now();
        next = next.max(now.checked_sub(PACE * AT_ONCE).unwrap_or(now)) + PACE;
        if next > now {
            tokio::time::sleep_until(next.into()).await;
        }
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            connection::serve(incoming, place, &shared).await;
        });
    }
}

async fn accept_sockets(mut arrivals: Receiver<Arrival>, shared: Arc<Shared>) {
    while let Some(Arrival { link, place }) = arrivals.recv().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            connection::serve_socket(link, place, &shared).await;
        });
    }
}
