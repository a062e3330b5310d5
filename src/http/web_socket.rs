//! What WebSockets of both kinds have in common, those of the page (`/ws`) and those of programs (`/api/events`): how much of
//! one waits, how often it may ping, and how it is closed. Whoever hasn't logged in over one has a place among the
//! strangers of the endpoint (`endpoint::Intake`).

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use tokio::time::{Instant, timeout};

use crate::protocol::MAX_RESPONSE;

/// Bytes that are read, and collected for writing, at once. The library's own bound is sixteen times as much, for each
/// connection.
const BUFFER: usize = 8 * 1_024;

/// Bytes that wait to be written at most. The largest answer has to fit; the library's own bound is none.
const UNWRITTEN: usize = MAX_RESPONSE + BUFFER;

/// Pings and pongs of a client at most, in [`WINDOW`]. Each ping has an answer that waits until the client takes it.
const PINGS: u32 = 32;

/// For how long pings are counted together.
const WINDOW: Duration = Duration::from_secs(10);

/// Takes a WebSocket in, of which messages of up to `largest` bytes are read, and has `serve` serve it.
pub(super) fn accept<F>(
    upgrade: WebSocketUpgrade,
    largest: usize,
    serve: impl FnOnce(Bounded) -> F + Send + 'static,
) -> Response
where
    F: Future<Output = ()> + Send + 'static,
{
    upgrade
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_write_buffer_size(UNWRITTEN)
        .max_message_size(largest)
        .max_frame_size(largest)
        .on_upgrade(move |socket| serve(Bounded { socket, pings: Pings::begin(Instant::now()) }))
}

/// A WebSocket within these bounds.
#[derive(Debug)]
pub(super) struct Bounded {
    socket: WebSocket,
    pings: Pings,
}

/// What came of a client.
#[derive(Debug)]
pub(super) enum Heard {
    /// A message of text.
    Text(Utf8Bytes),
    /// A message of bytes.
    Binary(Bytes),
    /// It is there: a ping, which is answered already, or a pong.
    Life,
    /// It pings without end, and is to be closed.
    Flood,
    /// It is gone, or has sent what no WebSocket sends.
    Gone,
}

impl Bounded {
    /// The next thing that comes.
    pub(super) async fn hear(&mut self) -> Heard {
        match self.socket.recv().await {
            Some(Ok(Message::Text(text))) => Heard::Text(text),
            Some(Ok(Message::Binary(bytes))) => Heard::Binary(bytes),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) if self.pings.admit(Instant::now()) => Heard::Life,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Heard::Flood,
            Some(Ok(Message::Close(_)) | Err(_)) | None => Heard::Gone,
        }
    }

    /// Sends a message. Answers `false` for a client that is gone, or takes nothing for so long.
    pub(super) async fn send(&mut self, message: Message, patience: Duration) -> bool {
        matches!(timeout(patience, self.socket.send(message)).await, Ok(Ok(())))
    }

    /// Closes it with a code (RFC 6455, section 7.4) and a reason, after a last word where there is one. For so long the
    /// client may take them.
    pub(super) async fn close(
        mut self,
        code: u16,
        reason: &'static str,
        word: Option<String>,
        patience: Duration,
    ) {
        let word = word.map(Message::text);
        let end = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
        let _ = timeout(patience, async {
            for message in word.into_iter().chain([end]) {
                if self.socket.send(message).await.is_err() {
                    return;
                }
            }
            // The client's own close ends it; closing before would lose what it hasn't read.
            while let Some(Ok(_)) = self.socket.recv().await {}
        })
        .await;
    }
}

/// How often a client has pinged lately.
#[derive(Debug)]
struct Pings {
    since: Instant,
    count: u32,
}

impl Pings {
    fn begin(since: Instant) -> Self {
        Self { since, count: 0 }
    }

    /// Counts one more, if there may be one.
    fn admit(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) >= WINDOW {
            *self = Self::begin(now);
        }
        self.count += 1;
        self.count <= PINGS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_pings_so_often_and_again_when_time_has_passed() {
        let begun = Instant::now();
        let mut pings = Pings::begin(begun);
        let admitted = |pings: &mut Pings, at| (0..200).filter(|_| pings.admit(at)).count();
        assert_eq!(admitted(&mut pings, begun), 32);
        assert_eq!(admitted(&mut pings, begun + WINDOW / 2), 0);
        assert_eq!(admitted(&mut pings, begun + WINDOW), 32);
    }
}
