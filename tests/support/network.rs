//! A bad network between a client and its server: a UDP proxy that delays, loses by a seed, and changes its
//! port, as a router does that forgets.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use parlour::load::Delays;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Packets of this size carry voice: a frame of 80 bytes and what is around it. Acknowledgements are shorter,
/// everything else is longer.
const VOICE: std::ops::Range<usize> = 105..200;

/// What the link does to packets, each way.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    pub delay: Duration,
    /// The share that is lost, in thousandths.
    pub loss: u64,
}

/// Voice packets that came to the link in one direction, those that left it, and how long they were in it.
#[derive(Default)]
pub struct Way {
    came: AtomicU64,
    left: AtomicU64,
    held: Mutex<Delays>,
}

impl Way {
    pub fn share(&self) -> f64 {
        self.left.load(Ordering::Relaxed) as f64 / self.came.load(Ordering::Relaxed).max(1) as f64
    }

    pub fn held(&self, share: f64) -> Duration {
        self.held.lock().unwrap().at(share)
    }
}

struct Inner {
    link: Mutex<Link>,
    random: Mutex<u64>,
    /// Packets from the server that are lost next.
    swallows: AtomicU64,
    server: SocketAddr,
    near: UdpSocket,
    client: Mutex<Option<SocketAddr>>,
    /// The socket that the server sees now.
    far: Mutex<Arc<UdpSocket>>,
    up: Way,
    down: Way,
}

/// A link to `server`; clients connect to its address. It ends when dropped.
pub struct Proxy {
    inner: Arc<Inner>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    lines: (Line, Line),
}

/// Packets under way in one direction, in their order.
type Line = mpsc::UnboundedSender<(Instant, Vec<u8>)>;

impl Proxy {
    pub async fn start(server: SocketAddr, link: Link, seed: u64) -> Self {
        let near = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let far = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap());
        let inner = Arc::new(Inner {
            link: Mutex::new(link),
            random: Mutex::new(seed | 1),
            swallows: AtomicU64::new(0),
            server,
            near,
            client: Mutex::new(None),
            far: Mutex::new(far),
            up: Way::default(),
            down: Way::default(),
        });
        let (up, mut to_server) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
        let (down, mut to_client) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
        let mut tasks = Vec::new();
        let here = Arc::clone(&inner);
        tasks.push(tokio::spawn(async move {
            while let Some((came, packet)) = to_server.recv().await {
                let delay = here.link.lock().unwrap().delay;
                tokio::time::sleep_until(came + delay).await;
                let far = Arc::clone(&here.far.lock().unwrap());
                here.up.leave(came, &packet);
                let _ = far.send_to(&packet, here.server).await;
            }
        }));
        let here = Arc::clone(&inner);
        tasks.push(tokio::spawn(async move {
            while let Some((came, packet)) = to_client.recv().await {
                let delay = here.link.lock().unwrap().delay;
                tokio::time::sleep_until(came + delay).await;
                let client = *here.client.lock().unwrap();
                here.down.leave(came, &packet);
                if let Some(client) = client {
                    let _ = here.near.send_to(&packet, client).await;
                }
            }
        }));
        let (here, way) = (Arc::clone(&inner), up.clone());
        tasks.push(tokio::spawn(async move {
            let mut buffer = vec![0; 65_536];
            loop {
                let Ok((length, from)) = here.near.recv_from(&mut buffer).await else { continue };
                *here.client.lock().unwrap() = Some(from);
                if here.passes(&here.up, length) {
                    let _ = way.send((Instant::now(), buffer[..length].to_vec()));
                }
            }
        }));
        let proxy = Self { inner, tasks: Mutex::new(tasks), lines: (up, down) };
        proxy.listen_far();
        proxy
    }

    pub fn address(&self) -> SocketAddr {
        self.inner.near.local_addr().unwrap()
    }

    pub fn set(&self, link: Link) {
        *self.inner.link.lock().unwrap() = link;
    }

    /// The next packets from the server are lost, so many of them.
    pub fn swallow(&self, packets: u64) {
        self.inner.swallows.store(packets, Ordering::Relaxed);
    }

    /// From now on the server sees another port; what it sends to the old one is lost.
    pub async fn change_port(&self) {
        let socket = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap());
        *self.inner.far.lock().unwrap() = socket;
        self.listen_far();
    }

    pub fn up(&self) -> &Way {
        &self.inner.up
    }

    pub fn down(&self) -> &Way {
        &self.inner.down
    }

    fn listen_far(&self) {
        let (here, line) = (Arc::clone(&self.inner), self.lines.1.clone());
        let far = Arc::clone(&here.far.lock().unwrap());
        self.tasks.lock().unwrap().push(tokio::spawn(async move {
            let mut buffer = vec![0; 65_536];
            loop {
                let Ok((length, _)) = far.recv_from(&mut buffer).await else { continue };
                let one_less = |left: u64| left.checked_sub(1);
                let swallowed =
                    here.swallows.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok();
                let passes = here.passes(&here.down, length) && !swallowed;
                if passes && Arc::ptr_eq(&far, &here.far.lock().unwrap()) {
                    let _ = line.send((Instant::now(), buffer[..length].to_vec()));
                }
            }
        }));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.tasks.lock().unwrap().iter().for_each(JoinHandle::abort);
    }
}

impl Inner {
    /// Whether a packet isn't lost (xorshift64).
    fn passes(&self, way: &Way, length: usize) -> bool {
        if VOICE.contains(&length) {
            way.came.fetch_add(1, Ordering::Relaxed);
        }
        let mut random = self.random.lock().unwrap();
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        *random % 1_000 >= self.link.lock().unwrap().loss
    }
}

impl Way {
    fn leave(&self, came: Instant, packet: &[u8]) {
        if VOICE.contains(&packet.len()) {
            self.left.fetch_add(1, Ordering::Relaxed);
            self.held.lock().unwrap().add(came.elapsed());
        }
    }
}
