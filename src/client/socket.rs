//! A UDP socket that knows when packets reached this machine, whatever this program was doing then: the
//! kernel notes it (`SO_TIMESTAMPNS`). The network's delay and jitter are told from our own by it.
//!
//! It reads and writes packet by packet: a client has few, and a packet that is read alone has its own time.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant, SystemTime};

use nix::errno::Errno;
use nix::sys::socket::sockopt::ReceiveTimestampns;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt};
use nix::sys::time::TimeSpec;
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, Runtime, UdpPoller};
use rustix::net::sockopt::{
    Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery, set_ip_mtu_discover, set_ipv6_mtu_discover,
};
use tokio::io::Interest;

/// When the latest packet reached this machine.
#[derive(Clone, Debug, Default)]
pub(super) struct Arrival(Arc<AtomicU64>);

impl Arrival {
    /// When the latest packet came; now, when the kernel doesn't say.
    pub(super) fn latest(&self) -> Instant {
        let now = Instant::now();
        let stamp = Duration::from_nanos(self.0.load(Ordering::Relaxed));
        let clock = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        // The clock may be set in between; a packet is neither from the future nor minutes old.
        match clock.checked_sub(stamp) {
            Some(ago) if ago < Duration::from_secs(60) => now.checked_sub(ago).unwrap_or(now),
            _ => now,
        }
    }
}

/// Tokio as quinn's runtime, with a [`TimedSocket`].
#[derive(Debug)]
pub(super) struct Timed(pub(super) Arrival);

impl Runtime for Timed {
    fn new_timer(&self, at: Instant) -> Pin<Box<dyn quinn::AsyncTimer>> {
        quinn::TokioRuntime.new_timer(at)
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        tokio::spawn(future);
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        socket.set_nonblocking(true)?;
        setsockopt(&socket, ReceiveTimestampns, &true)?;
        let fragments = keep_whole(&socket).is_err();
        let io = Arc::new(tokio::net::UdpSocket::from_std(socket)?);
        Ok(Arc::new(TimedSocket { io, arrival: self.0.clone(), fragments }))
    }
}

/// Has packets go through the network whole or not at all, which is how the size that passes is found (RFC 9000,
/// section 14.3).
fn keep_whole(socket: &std::net::UdpSocket) -> io::Result<()> {
    match socket.local_addr()? {
        SocketAddr::V4(_) => set_ip_mtu_discover(socket, Ipv4PathMtuDiscovery::PROBE)?,
        SocketAddr::V6(_) => set_ipv6_mtu_discover(socket, Ipv6PathMtuDiscovery::PROBE)?,
    }
    Ok(())
}

struct TimedSocket {
    io: Arc<tokio::net::UdpSocket>,
    arrival: Arrival,
    fragments: bool,
}

impl fmt::Debug for TimedSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimedSocket").field("io", &self.io).finish_non_exhaustive()
    }
}

impl TimedSocket {
    /// Reads a packet, and notes when it came.
    fn receive(&self, buffer: &mut IoSliceMut<'_>) -> io::Result<(usize, SocketAddr)> {
        let mut control = nix::cmsg_space!(TimeSpec);
        let mut into = [IoSliceMut::new(buffer)];
        let message = recvmsg::<SockaddrStorage>(
            self.io.as_raw_fd(),
            &mut into,
            Some(&mut control),
            MsgFlags::empty(),
        )?;
        for note in message.cmsgs()? {
            if let ControlMessageOwned::ScmTimestampns(time) = note {
                let stamp = Duration::from(time).as_nanos();
                self.arrival.0.store(u64::try_from(stamp).unwrap_or(0), Ordering::Relaxed);
            }
        }
        let from = message.address.as_ref();
        let v4 = from.and_then(SockaddrStorage::as_sockaddr_in).map(|from| SocketAddr::V4((*from).into()));
        let v6 =
            || from.and_then(SockaddrStorage::as_sockaddr_in6).map(|from| SocketAddr::V6((*from).into()));
        let from = v4.or_else(v6).ok_or(io::ErrorKind::InvalidData)?;
        Ok((message.bytes, from))
    }
}

impl AsyncUdpSocket for TimedSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Poller(Arc::clone(&self.io)))
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        match self.io.try_send_to(transmit.contents, transmit.destination) {
            // A packet that the network takes only in parts is one that asked whether it passes: it doesn't.
            Err(error) if error.raw_os_error() == Some(Errno::EMSGSIZE as i32) => Ok(()),
            sent => sent.map(drop),
        }
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let (Some(buffer), Some(meta)) = (buffers.first_mut(), meta.first_mut()) else {
            return Poll::Ready(Ok(0));
        };
        loop {
            ready!(self.io.poll_recv_ready(cx))?;
            if let Ok((length, from)) = self.io.try_io(Interest::READABLE, || self.receive(buffer)) {
                *meta = RecvMeta { addr: from, len: length, stride: length, ecn: None, dst_ip: None };
                return Poll::Ready(Ok(1));
            }
        }
    }

    fn may_fragment(&self) -> bool {
        self.fragments
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }
}

/// Waits for the socket. It has one connection, and so one that waits.
#[derive(Debug)]
struct Poller(Arc<tokio::net::UdpSocket>);

impl UdpPoller for Poller {
    fn poll_writable(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_send_ready(cx)
    }
}
