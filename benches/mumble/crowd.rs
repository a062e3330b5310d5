//! Clients of Mumble: TLS for control, one UDP socket each for voice, all of them on one thread, as Parlour's
//! load generator has its own.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::IoSliceMut;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, bail};
use nix::sys::socket::sockopt::ReceiveTimestampns;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt};
use nix::sys::time::TimeSpec;
use parlour::load::{Counting, Crowd, Delays, EVERY, Stamp, Workload, rhythm};
use prost::Message;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest, ReadHalf, WriteHalf, split};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::ocb::Direction;
use super::server::PASSWORD;
use super::wire::{self, Kind};

type Reader = ReadHalf<TlsStream<TcpStream>>;

/// One who is connected.
struct Client {
    write: tokio::sync::Mutex<WriteHalf<TlsStream<TcpStream>>>,
    udp: UdpSocket,
    out: RefCell<Direction>,
    back: RefCell<Direction>,
    session: u32,
    /// The channel that the server says it is in.
    channel: Cell<u32>,
}

/// Everybody who is connected.
pub(crate) struct Mumblers {
    channels: Vec<Vec<Rc<Client>>>,
    pub(crate) log_ins: Delays,
    counting: Rc<Counting>,
    _tasks: JoinSet<()>,
}

impl Mumblers {
    /// Connects everybody and puts them into their channels.
    pub(crate) async fn gather(workload: Workload, server: SocketAddr) -> anyhow::Result<Self> {
        let (channels, people, _) = workload.shape();
        let at_once = if workload == Workload::Storm { 64 } else { 16 };
        let connector = connector()?;
        let rooms = rooms(&connector, server, channels).await?;
        let room = Arc::new(Semaphore::new(at_once));
        let mut arriving = JoinSet::new();
        for number in 0..channels * people {
            let (connector, room) = (connector.clone(), Arc::clone(&room));
            arriving.spawn_local(async move {
                let _room = room.acquire_owned().await?;
                let begun = Instant::now();
                let client = connect(&connector, server, &format!("load{number}"), None).await?;
                anyhow::Ok((number, client, begun.elapsed()))
            });
        }
        let counting = Rc::new(Counting::default());
        let (mut tasks, mut log_ins, mut all) = (JoinSet::new(), Delays::default(), Vec::new());
        while let Some(arrived) = arriving.join_next().await {
            let (number, (client, read), took) = arrived??;
            log_ins.add(took);
            let client = Rc::new(client);
            // What others do must be read, or the server stops at a full socket.
            tasks.spawn_local(drain(read, Rc::clone(&client)));
            tasks.spawn_local(listen(Rc::clone(&client), Rc::clone(&counting)));
            tasks.spawn_local(stay(Rc::clone(&client), rhythm(number) * 250));
            all.push((number, client));
        }
        all.sort_by_key(|(number, _)| *number);
        let mut by_channel: Vec<Vec<Rc<Client>>> = vec![Vec::new(); channels];
        for (number, client) in all {
            let room = number / people;
            if !matches!(workload, Workload::Storm | Workload::Idle) {
                client.enter(rooms[room]).await?;
            }
            by_channel[room].push(client);
        }
        Ok(Self { channels: by_channel, log_ins, counting, _tasks: tasks })
    }
}

impl Crowd for Mumblers {
    fn talk(&self, speakers: usize) -> JoinSet<()> {
        let mut talking = JoinSet::new();
        for (room, people) in self.channels.iter().enumerate() {
            let listeners = people.len() as u64 - 1;
            for (number, client) in people.iter().take(speakers).enumerate() {
                let offset = rhythm(room * speakers + number);
                talking.spawn_local(speak(Rc::clone(client), offset, listeners, Rc::clone(&self.counting)));
            }
        }
        talking
    }

    fn counting(&self) -> &Counting {
        &self.counting
    }
}

impl Client {
    async fn send(&self, kind: Kind, message: &impl Message) -> anyhow::Result<()> {
        let mut write = self.write.lock().await;
        write.write_all(&wire::framed(kind, message)).await?;
        Ok(write.flush().await?)
    }

    /// Goes into a channel and waits until the server says so.
    async fn enter(&self, channel: u32) -> anyhow::Result<()> {
        let there = wire::UserState { session: Some(self.session), channel: Some(channel) };
        self.send(Kind::UserState, &there).await?;
        for _ in 0..2_000 {
            if self.channel.get() == channel {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bail!("the server doesn't move {} to channel {channel}", self.session)
    }
}

async fn speak(client: Rc<Client>, offset: Duration, listeners: u64, counting: Rc<Counting>) {
    let mut due = tokio::time::interval_at(tokio::time::Instant::now() + offset, EVERY);
    for number in 0.. {
        due.tick().await;
        // Mumble counts in steps of 10 ms.
        let packet = wire::voice(number * 2, &counting.send(number, listeners).frame());
        let sealed = client.out.borrow_mut().seal(&packet);
        let _ = client.udp.try_send(&sealed);
    }
}

async fn listen(client: Rc<Client>, counting: Rc<Counting>) {
    let mut last: HashMap<u32, u32> = HashMap::new();
    let mut buffer = [0; 2048];
    while client.udp.readable().await.is_ok() {
        // An error means that there was nothing after all.
        let received = client.udp.try_io(Interest::READABLE, || receive(&client.udp, &mut buffer));
        let Ok((length, at)) = received else { continue };
        let Some(plain) = client.back.borrow_mut().open(&buffer[..length]) else { continue };
        let Some((session, frame)) = wire::heard(&plain) else { continue };
        let Some(stamp) = Stamp::of(frame) else { continue };
        counting.heard(stamp, at, last.insert(session, stamp.number));
    }
}

/// A packet, and when the kernel says that it came, as Parlour's clients have it.
fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> std::io::Result<(usize, Instant)> {
    let mut control = nix::cmsg_space!(TimeSpec);
    let mut into = [IoSliceMut::new(buffer)];
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut into, Some(&mut control), MsgFlags::empty())?;
    let now = Instant::now();
    let mut at = now;
    for note in message.cmsgs()? {
        if let ControlMessageOwned::ScmTimestampns(time) = note {
            let clock = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
            at = clock.checked_sub(time.into()).and_then(|ago| now.checked_sub(ago)).unwrap_or(now);
        }
    }
    Ok((message.bytes, at))
}

/// What Mumble's client says every 5 s, over TCP and over UDP.
async fn stay(client: Rc<Client>, offset: Duration) {
    let mut due = tokio::time::interval_at(tokio::time::Instant::now() + offset, Duration::from_secs(5));
    loop {
        due.tick().await;
        let sealed = client.out.borrow_mut().seal(&wire::ping());
        let _ = client.udp.try_send(&sealed);
        if client.send(Kind::Ping, &wire::Ping { timestamp: 1 }).await.is_err() {
            return;
        }
    }
}

async fn drain(mut read: Reader, client: Rc<Client>) {
    while let Ok((kind, body)) = message(&mut read).await {
        if kind == Kind::UserState as u16
            && let Ok(state) = wire::UserState::decode(&body[..])
            && state.session == Some(client.session)
            && let Some(channel) = state.channel
        {
            client.channel.set(channel);
        }
    }
}

/// The channels for the load, made by the administrator.
async fn rooms(connector: &TlsConnector, server: SocketAddr, needed: usize) -> anyhow::Result<Vec<u32>> {
    let (client, mut read) = connect(connector, server, "SuperUser", Some(PASSWORD)).await?;
    let mut found = Vec::new();
    for number in 0..needed {
        let name = Some(format!("Load {number}"));
        client
            .send(Kind::ChannelState, &wire::ChannelState { id: None, parent: Some(0), name: name.clone() })
            .await?;
        loop {
            let (kind, body) = message(&mut read).await?;
            if kind != Kind::ChannelState as u16 {
                continue;
            }
            let made = wire::ChannelState::decode(&body[..])?;
            if made.name == name {
                found.push(made.id.context("a channel without an id")?);
                break;
            }
        }
    }
    Ok(found)
}

async fn connect(
    connector: &TlsConnector,
    server: SocketAddr,
    name: &str,
    password: Option<&str>,
) -> anyhow::Result<(Client, Reader)> {
    let tcp = TcpStream::connect(server).await?;
    tcp.set_nodelay(true)?;
    let (mut read, mut write) = split(connector.connect(ServerName::try_from("mumble.local")?, tcp).await?);
    let version = wire::Version { version: 0x0001_0304, release: "bench".to_owned() };
    write.write_all(&wire::framed(Kind::Version, &version)).await?;
    let who = wire::Authenticate { name: name.to_owned(), password: password.map(str::to_owned), opus: true };
    write.write_all(&wire::framed(Kind::Authenticate, &who)).await?;
    write.flush().await?;
    let mut keys = None;
    let session = loop {
        let (kind, body) = message(&mut read).await?;
        if kind == Kind::CryptSetup as u16 {
            keys = Some(wire::CryptSetup::decode(&body[..])?);
        } else if kind == Kind::Reject as u16 {
            bail!("{name} is refused: {}", wire::Reject::decode(&body[..])?.reason);
        } else if kind == Kind::ServerSync as u16 {
            break wire::ServerSync::decode(&body[..])?.session;
        }
    };
    let keys = keys.context("no keys for voice")?;
    let block = |bytes: Option<Vec<u8>>| -> anyhow::Result<[u8; 16]> {
        bytes.unwrap_or_default().try_into().ok().context("a key of another length")
    };
    let key = block(keys.key)?;
    let mut out = Direction::new(key, block(keys.client_nonce)?);
    let back = Direction::new(key, block(keys.server_nonce)?);
    let udp = UdpSocket::bind(("127.0.0.1", 0)).await?;
    udp.connect(server).await?;
    setsockopt(&udp, ReceiveTimestampns, &true)?;
    // The server learns where to send voice to; its answer shows that it did.
    let (mut buffer, mut heard) = ([0; 256], false);
    for _ in 0..20 {
        udp.send(&out.seal(&wire::ping())).await?;
        if tokio::time::timeout(Duration::from_millis(500), udp.recv(&mut buffer)).await.is_ok() {
            heard = true;
            break;
        }
    }
    if !heard {
        bail!("the server doesn't answer {name} over UDP");
    }
    let (write, out, back) = (tokio::sync::Mutex::new(write), RefCell::new(out), RefCell::new(back));
    Ok((Client { write, udp, out, back, session, channel: Cell::new(0) }, read))
}

async fn message(read: &mut Reader) -> anyhow::Result<(u16, Vec<u8>)> {
    let kind = read.read_u16().await?;
    let length = read.read_u32().await?;
    let mut body = vec![0; length as usize];
    read.read_exact(&mut body).await?;
    Ok((kind, body))
}

fn connector() -> anyhow::Result<TlsConnector> {
    // Its certificate is made at its start.
    let (config, _) = parlour::transport::tls_client(None, &[])?;
    Ok(TlsConnector::from(Arc::new(config)))
}
