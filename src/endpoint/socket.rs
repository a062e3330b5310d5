//! A UDP socket that sends for many connections at once: what they have to send while one packet or one tick
//! is dealt with goes to the kernel by one `sendmmsg` rather than by a call for each packet.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg};
use quinn::udp::{RecvMeta, Transmit, UdpSocketState};
use quinn::{AsyncUdpSocket, Runtime, UdpPoller};
use tokio::io::Interest;
use tokio::sync::Notify;

/// Packets that go by one call.
const BATCH: usize = 64;

/// What is longer is no packet of voice, and doesn't wait for others.
const LONGEST: usize = 1_500;

/// Tokio as quinn's runtime, but with a [`BatchingSocket`].
#[derive(Debug)]
pub(super) struct Batching;

impl Runtime for Batching {
    fn new_timer(&self, at: std::time::Instant) -> Pin<Box<dyn quinn::AsyncTimer>> {
        quinn::TokioRuntime.new_timer(at)
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        tokio::spawn(future);
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        socket.set_nonblocking(true)?;
        let state = UdpSocketState::new((&socket).into())?;
        let local = socket.local_addr()?;
        let socket = Arc::new(BatchingSocket {
            state,
            // One that is bound to an address sends from it anyway.
            names_source: local.ip().is_unspecified(),
            io: tokio::net::UdpSocket::from_std(socket)?,
            batch: Mutex::default(),
            waiting: Arc::default(),
        });
        tokio::spawn(send_what_waits(Arc::downgrade(&socket), Arc::clone(&socket.waiting)));
        Ok(socket)
    }
}

/// See the module.
struct BatchingSocket {
    io: tokio::net::UdpSocket,
    state: UdpSocketState,
    names_source: bool,
    batch: Mutex<Batch>,
    /// Told when the first packet of a batch waits.
    waiting: Arc<Notify>,
}

/// Packets that wait, [`BATCH`] at most: when they can't be sent, connections keep what they have, and their
/// own buffers drop what gets too old.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    packets: Vec<(SockaddrStorage, Range<usize>)>,
    /// The address of ours from which all of them go.
    source: Option<IpAddr>,
    /// Connections that wait until the kernel takes more.
    blocked: Vec<Waker>,
    is_blocked: bool,
}

/// Sends what waits after every connection that had something to send had its turn: it is woken by the
/// first, and tasks run in the order in which they were woken.
async fn send_what_waits(socket: Weak<BatchingSocket>, waiting: Arc<Notify>) {
    loop {
        waiting.notified().await;
        let Some(socket) = socket.upgrade() else { return };
        while socket.flush(&mut socket.lock()).is_err() {
            // The kernel's buffer is full. What it says when it is ready doesn't matter: the next try tells.
            let _ = socket.io.writable().await;
            let mut batch = socket.lock();
            batch.is_blocked = false;
            batch.blocked.drain(..).for_each(Waker::wake);
        }
    }
}

impl Drop for BatchingSocket {
    fn drop(&mut self) {
        self.waiting.notify_one();
    }
}

impl BatchingSocket {
    fn lock(&self) -> MutexGuard<'_, Batch> {
        self.batch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends all that waits. An error means that the kernel takes no more now; what it refuses for good is
    /// dropped, as a network drops it.
    fn flush(&self, batch: &mut Batch) -> Result<(), Full> {
        let mut done = 0;
        while done < batch.packets.len() {
            let sent =
                self.io.try_io(Interest::WRITABLE, || send(&self.io, batch, done).map_err(io::Error::from));
            match sent {
                Ok(sent) => done += sent.max(1),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    batch.packets.drain(..done);
                    batch.is_blocked = true;
                    return Err(Full);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                Err(error) => {
                    tracing::debug!(%error, "a packet can't be sent");
                    done += 1;
                }
            }
        }
        batch.packets.clear();
        batch.bytes.clear();
        Ok(())
    }
}

/// The kernel takes no more packets now.
#[derive(Debug)]
struct Full;

/// Sends from the packet of a number on; answers how many went.
fn send(socket: &tokio::net::UdpSocket, batch: &Batch, from: usize) -> Result<usize, Errno> {
    let rest = batch.packets.get(from..).unwrap_or_default();
    let slices: Vec<[IoSlice<'_>; 1]> = rest
        .iter()
        .map(|(_, range)| [IoSlice::new(batch.bytes.get(range.clone()).unwrap_or_default())])
        .collect();
    let addresses: Vec<Option<SockaddrStorage>> = rest.iter().map(|(address, _)| Some(*address)).collect();
    let (v4, v6);
    let control: &[ControlMessage<'_>] = match batch.source {
        Some(IpAddr::V4(source)) => {
            let address = libc::in_addr { s_addr: u32::from_ne_bytes(source.octets()) };
            v4 = libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: address,
                ipi_addr: libc::in_addr { s_addr: 0 },
            };
            &[ControlMessage::Ipv4PacketInfo(&v4)]
        }
        Some(IpAddr::V6(source)) => {
            v6 =
                libc::in6_pktinfo { ipi6_addr: libc::in6_addr { s6_addr: source.octets() }, ipi6_ifindex: 0 };
            &[ControlMessage::Ipv6PacketInfo(&v6)]
        }
        None => &[],
    };
    // Just as long as what is put into it: the kernel reads all of it.
    let space = batch.source.map(|source| match source {
        IpAddr::V4(_) => nix::cmsg_space!(libc::in_pktinfo),
        IpAddr::V6(_) => nix::cmsg_space!(libc::in6_pktinfo),
    });
    let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(rest.len(), space);
    let sent =
        sendmmsg(socket.as_raw_fd(), &mut headers, slices.iter(), addresses, control, MsgFlags::empty())?;
    Ok(sent.count())
}

impl fmt::Debug for BatchingSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchingSocket").field("io", &self.io).finish_non_exhaustive()
    }
}

impl AsyncUdpSocket for BatchingSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Poller(self))
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let mut batch = self.lock();
        let source = transmit.src_ip.filter(|_| self.names_source);
        let apart = transmit.segment_size.is_some() || transmit.contents.len() > LONGEST;
        let full = batch.packets.len() >= BATCH || batch.source != source;
        if (apart || full) && !batch.packets.is_empty() {
            self.flush(&mut batch).map_err(|Full| io::ErrorKind::WouldBlock)?;
        }
        if apart {
            return self.io.try_io(Interest::WRITABLE, || self.state.send((&self.io).into(), transmit));
        }
        batch.source = source;
        let from = batch.bytes.len();
        batch.bytes.extend_from_slice(transmit.contents);
        let range = from..batch.bytes.len();
        batch.packets.push((SockaddrStorage::from(transmit.destination), range));
        if batch.packets.len() == 1 {
            self.waiting.notify_one();
        }
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.io.poll_recv_ready(cx))?;
            let received =
                self.io.try_io(Interest::READABLE, || self.state.recv((&self.io).into(), buffers, meta));
            if let Ok(received) = received {
                return Poll::Ready(Ok(received));
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    /// One: packets of all connections go together here anyway, and a connection keeps a buffer as long as the most that it ever
    /// made at once, which after a snapshot would be ten packets for as long as it lasts.
    fn max_transmit_segments(&self) -> usize {
        1
    }

    fn max_receive_segments(&self) -> usize {
        self.state.gro_segments()
    }

    fn may_fragment(&self) -> bool {
        self.state.may_fragment()
    }
}

/// Waits for one connection until the kernel takes more.
#[derive(Debug)]
struct Poller(Arc<BatchingSocket>);

impl UdpPoller for Poller {
    fn poll_writable(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut batch = self.0.lock();
        if batch.is_blocked {
            batch.blocked.push(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}
