//! A connection whatever carries it: QUIC itself, WebTransport over HTTP/3, or a WebSocket. What is above
//! knows no difference.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use quinn::{Connection, ReadToEndError};
use tokio::sync::Notify;
use web_transport_quinn as web;

use super::cover::{Cover, Covers};
use super::web_socket::{SocketLink, SocketReply};
use crate::auth::{EXPORTED, EXPORTER};
use crate::protocol::wire::MemberKind;
use crate::protocol::{CloseCode, MAX_REQUEST};
use crate::transport::MEMBER_WINDOW;

/// The longest size prefix of a request, in bytes.
const PREFIX: usize = 4;

/// A client's connection.
#[derive(Clone, Debug)]
pub(super) enum Link {
    Native(Connection, Arc<Cover>),
    Web(Arc<WebLink>),
    Socket(Arc<SocketLink>),
}

/// A WebTransport session, which takes a moment to close: its last word travels on a stream. What was closed
/// is silent at once.
#[derive(Debug)]
pub(super) struct WebLink {
    session: web::Session,
    closing: Notify,
    /// Closing needs a runtime; who closes may be a thread without one.
    runtime: tokio::runtime::Handle,
}

impl WebLink {
    /// Over a session that was accepted on the current runtime.
    pub(super) fn new(session: web::Session) -> Self {
        Self { session, closing: Notify::new(), runtime: tokio::runtime::Handle::current() }
    }

    /// Waits until this side closes it, or `other` has something.
    async fn unless_closing<T>(&self, other: impl Future<Output = Option<T>>) -> Option<T> {
        let closing = self.closing.notified();
        if self.session.close_reason().is_some() {
            return None;
        }
        tokio::select! {
            () = closing => None,
            found = other => found,
        }
    }
}

/// The client's half of a request's stream.
pub(super) enum Question {
    Native(quinn::RecvStream),
    Web(web::RecvStream),
    Socket(Bytes),
}

/// The server's half.
pub(super) enum Reply {
    Native(quinn::SendStream, Arc<Cover>),
    Web(web::SendStream),
    Socket(SocketReply),
}

/// Why a request can't be read.
pub(super) enum Unread {
    /// It is larger than the server accepts.
    TooLong,
    /// The client gave it up.
    Lost,
}

impl Link {
    /// Over a connection that a native client opened.
    pub(super) fn native(connection: Connection) -> Self {
        Self::Native(connection, Arc::default())
    }

    /// The next request; nothing when the connection is gone.
    pub(super) async fn accept(&self) -> Option<(Reply, Question)> {
        match self {
            Self::Native(connection, cover) => {
                let (send, recv) = connection.accept_bi().await.ok()?;
                Some((Reply::Native(send, Arc::clone(cover)), Question::Native(recv)))
            }
            Self::Web(link) => {
                let next = async { link.session.accept_bi().await.ok() };
                let (send, recv) = link.unless_closing(next).await?;
                Some((Reply::Web(send), Question::Web(recv)))
            }
            Self::Socket(link) => {
                let (number, request) = link.request().await?;
                Some((Reply::Socket(SocketReply::new(link, number)), Question::Socket(request)))
            }
        }
    }

    /// What only this connection has, for a device's key to sign; nothing where TLS ends before the link does.
    pub(super) fn exported(&self) -> Option<[u8; EXPORTED]> {
        let connection = match self {
            Self::Native(connection, _) => connection,
            Self::Web(link) => &*link.session,
            Self::Socket(_) => return None,
        };
        let mut exported = [0; EXPORTED];
        connection.export_keying_material(&mut exported, EXPORTER, b"").ok()?;
        Some(exported)
    }

    /// The stream of events; nothing when the connection is gone.
    pub(super) async fn open_events(&self) -> Option<Reply> {
        match self {
            Self::Native(connection, cover) => {
                let send = connection.open_uni().await.ok()?;
                Some(Reply::Native(send, Arc::clone(cover)))
            }
            Self::Web(link) => link.session.open_uni().await.ok().map(Reply::Web),
            Self::Socket(link) => Some(Reply::Socket(SocketReply::events(link))),
        }
    }

    /// Waits until the client opens a stream in one direction. It has nothing to say there: what nobody reads would only
    /// fill its connection (RFC 9000, section 4.1). The streams of HTTP/3 itself are the library's.
    pub(super) async fn uninvited(&self) {
        let came = match self {
            Self::Native(connection, _) => connection.accept_uni().await.is_ok(),
            Self::Web(link) => link.session.accept_uni().await.is_ok(),
            Self::Socket(_) => false,
        };
        if !came {
            // A connection that is gone opens none.
            std::future::pending::<()>().await;
        }
    }

    /// The next voice packet; nothing when the connection is gone.
    pub(super) async fn read_datagram(&self) -> Option<Bytes> {
        match self {
            Self::Native(connection, _) => connection.read_datagram().await.ok(),
            Self::Web(link) => link.unless_closing(async { link.session.read_datagram().await.ok() }).await,
            Self::Socket(link) => link.datagram().await,
        }
    }

    /// Hands over a voice packet without waiting. Answers `false` when it was dropped, or pushed out an older one.
    pub(super) fn send_datagram(&self, datagram: Bytes) -> bool {
        // quinn makes room by dropping the oldest datagram without a word; look before, to count it.
        match self {
            Self::Native(connection, _) => {
                let fits = connection.datagram_send_buffer_space() >= datagram.len();
                connection.send_datagram(datagram).is_ok() && fits
            }
            Self::Web(link) => {
                let fits = link.session.datagram_send_buffer_space() >= datagram.len();
                link.session.close_reason().is_none() && link.session.send_datagram(datagram).is_ok() && fits
            }
            Self::Socket(link) => link.send_datagram(datagram),
        }
    }

    /// Packets sent on it so far, and those of them that were lost, by what the client acknowledged; nothing where TCP
    /// sends what was lost again.
    pub(super) fn packets(&self) -> Option<(u64, u64)> {
        let connection = match self {
            Self::Native(connection, _) => connection,
            Self::Web(link) => &*link.session,
            Self::Socket(_) => return None,
        };
        let path = connection.stats().path;
        Some((path.sent_packets, path.lost_packets))
    }

    /// Has something follow whatever is said on its streams, so that a loss of it is noticed; doesn't end.
    pub(super) async fn cover(&self, covers: &Covers) {
        match self {
            Self::Native(connection, cover) => cover.run(connection, covers).await,
            // Browsers acknowledge within 25 ms, and TCP sees to it by itself.
            Self::Web(_) | Self::Socket(_) => std::future::pending().await,
        }
    }

    /// Closes it with a code and its sentence; a closed one stays closed.
    pub(super) fn close(&self, code: CloseCode) {
        let (number, sentence) = (code.number(), code.sentence());
        match self {
            Self::Native(connection, _) => connection.close(number.into(), sentence.as_bytes()),
            Self::Web(link) => {
                let _runtime = link.runtime.enter();
                link.session.close(number, sentence.as_bytes());
                link.closing.notify_waiters();
            }
            Self::Socket(link) => link.close(code),
        }
    }

    /// Waits until the connection is gone.
    pub(super) async fn closed(&self) {
        match self {
            Self::Native(connection, _) => drop(connection.closed().await),
            Self::Web(link) => drop(link.session.closed().await),
            Self::Socket(link) => link.closed().await,
        }
    }

    /// Lets it send as much ahead as a session may.
    pub(super) fn trust(&self) {
        let window = quinn::VarInt::from_u32(MEMBER_WINDOW);
        match self {
            Self::Native(connection, _) => connection.set_receive_window(window),
            Self::Web(link) => link.session.set_receive_window(window),
            Self::Socket(_) => (),
        }
    }

    /// What carries it, for the log.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Native(..) => "quic",
            Self::Web(_) => "webtransport",
            Self::Socket(_) => "websocket",
        }
    }

    /// What its sessions are shown as.
    pub(super) fn kind(&self) -> MemberKind {
        match self {
            Self::Native(..) => MemberKind::Native,
            Self::Web(_) | Self::Socket(_) => MemberKind::Browser,
        }
    }
}

impl Question {
    /// Whether it came before the handshake was through (0-RTT).
    pub(super) fn is_early(&self) -> bool {
        match self {
            Self::Native(stream) => stream.is_0rtt(),
            // Neither is served before.
            Self::Web(_) | Self::Socket(_) => false,
        }
    }

    /// All of it.
    pub(super) async fn read(self) -> Result<Bytes, Unread> {
        let most = MAX_REQUEST + PREFIX;
        match self {
            Self::Native(mut stream) => {
                stream.read_to_end(most).await.map(Bytes::from).map_err(|error| match error {
                    ReadToEndError::TooLong => Unread::TooLong,
                    ReadToEndError::Read(_) => Unread::Lost,
                })
            }
            Self::Web(mut stream) => {
                // In order, as what precedes it was read: quinn-proto 0.11 counts what a client sent twice, and was
                // partly read in order, twice when the rest is read out of order, and then more than there is.
                let mut all = BytesMut::new();
                while let Some(chunk) =
                    stream.read_chunk(most + 1 - all.len(), true).await.map_err(|_| Unread::Lost)?
                {
                    all.extend_from_slice(&chunk.bytes);
                    if all.len() > most {
                        return Err(Unread::TooLong);
                    }
                }
                Ok(all.freeze())
            }
            Self::Socket(request) if request.len() > most => Err(Unread::TooLong),
            Self::Socket(request) => Ok(request),
        }
    }
}

impl Reply {
    /// Writes some of it, waiting for room. Answers `false` when nobody reads any more.
    pub(super) async fn write(&mut self, bytes: Bytes) -> bool {
        match self {
            Self::Native(stream, cover) => {
                cover.said();
                stream.write_chunk(bytes).await.is_ok()
            }
            Self::Web(stream) => stream.write_chunk(bytes).await.is_ok(),
            Self::Socket(reply) => reply.write(bytes).await,
        }
    }

    /// Says that this was all.
    pub(super) fn finish(&mut self) {
        // A client that is gone doesn't mind.
        match self {
            Self::Native(stream, _) => drop(stream.finish()),
            Self::Web(stream) => drop(stream.finish()),
            Self::Socket(_) => (),
        }
    }

    /// Says that no more will come, and forgets what isn't sent yet.
    pub(super) fn abandon(&mut self) {
        // A client that is gone doesn't mind.
        match self {
            Self::Native(stream, _) => drop(stream.reset(quinn::VarInt::from_u32(0))),
            Self::Web(stream) => drop(stream.reset(0)),
            Self::Socket(_) => (),
        }
    }

    /// Waits until the client wants no more of it, or is gone.
    pub(super) async fn unwanted(&self) {
        match self {
            Self::Native(stream, _) => drop(stream.stopped().await),
            Self::Web(stream) => drop(stream.stopped().await),
            // It has no way to say so.
            Self::Socket(_) => std::future::pending().await,
        }
    }

    /// Waits until the client has all of it, or is gone.
    pub(super) async fn arrived(&mut self) {
        match self {
            Self::Native(stream, _) => drop(stream.stopped().await),
            Self::Web(stream) => drop(stream.stopped().await),
            Self::Socket(reply) => reply.sent().await,
        }
    }
}
