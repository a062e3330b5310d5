//! The WebSocket: what it carries is the endpoint's; here it is moved.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::time::{Instant, timeout};

use super::headers;
use super::parts::{Asker, Parts};
use crate::endpoint::{Outgoing, SocketEnd};
use crate::protocol::{CloseCode, MAX_REQUEST, MAX_RESPONSE};

/// Codes from here on are an application's (RFC 6455, section 7.4.2); the session's close code is added.
const CLOSE_CODES: u16 = 4_000;

/// How often a silent client is asked whether it is there.
const PING: Duration = Duration::from_secs(10);

/// A message holds one request, with its number and size.
const LARGEST: usize = MAX_REQUEST + 16;

/// Bytes that are read, and collected for writing, at once. The library's own bound is sixteen times as much, for each
/// connection.
const BUFFER: usize = 8 * 1_024;

/// Bytes that wait to be written at most. The largest answer has to fit; the library's own bound is none.
const UNWRITTEN: usize = MAX_RESPONSE + BUFFER;

/// Pings and pongs of a client between two of ours at most. Each ping has an answer that waits until the client takes it.
const PINGS: u32 = 32;

/// Takes a browser in whose UDP doesn't come through.
pub(super) async fn upgrade(
    State(parts): State<Arc<Parts>>,
    Extension(asker): Extension<Asker>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !headers::is_same_origin(&headers) {
        return (StatusCode::FORBIDDEN, "a page of another origin has no business here\n").into_response();
    }
    match parts.intake.web_socket(parts.visitor(&asker, &headers)) {
        Ok(end) => {
            let idle = parts.idle;
            upgrade
                .read_buffer_size(BUFFER)
                .write_buffer_size(BUFFER)
                .max_write_buffer_size(UNWRITTEN)
                .max_message_size(LARGEST)
                .max_frame_size(LARGEST)
                .on_upgrade(move |socket| pump(socket, end, idle))
        }
        Err(no_room) => (StatusCode::SERVICE_UNAVAILABLE, format!("{no_room}\n")).into_response(),
    }
}

/// Moves messages both ways until one side ends it, or the client is silent for too long.
async fn pump(mut socket: WebSocket, mut end: SocketEnd, idle: Duration) {
    let entrance = end.entrance();
    let mut heard = Instant::now();
    let mut ping = tokio::time::interval(PING.min(idle / 3));
    let mut pings = 0;
    loop {
        let send = tokio::select! {
            biased;
            outgoing = end.next() => match outgoing {
                Outgoing::Message(message) => Message::Binary(message),
                Outgoing::Close(code, reason) => return close(socket, code, reason).await,
            },
            message = async { entrance.ready().await; socket.recv().await } => {
                heard = Instant::now();
                let wrong = match message {
                    Some(Ok(Message::Binary(message))) => {
                        (!entrance.take(message).await).then_some(CloseCode::ProtocolViolation)
                    }
                    // Answered by the library.
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
                        pings += 1;
                        (pings > PINGS).then_some(CloseCode::RateLimited)
                    }
                    Some(Ok(Message::Text(_))) => Some(CloseCode::ProtocolViolation),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                };
                if let Some(code) = wrong {
                    return close(socket, code.number(), code.sentence()).await;
                }
                continue;
            }
            _ = ping.tick() => {
                if heard.elapsed() > idle {
                    return;
                }
                pings = 0;
                Message::Ping(axum::body::Bytes::new())
            }
        };
        // A client that takes nothing is as good as gone.
        match timeout(idle, socket.send(send)).await {
            Ok(Ok(())) => (),
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

async fn close(mut socket: WebSocket, code: u32, reason: &'static str) {
    let code = CLOSE_CODES.saturating_add(code.try_into().unwrap_or(u16::MAX));
    let frame = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
    let _ = timeout(Duration::from_secs(1), async {
        if socket.send(frame).await.is_ok() {
            // The client's own close ends it; closing before would lose what it hasn't read.
            while let Some(Ok(_)) = socket.recv().await {}
        }
    })
    .await;
}
