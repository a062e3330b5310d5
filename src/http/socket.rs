//! The WebSocket of the page: what it carries is the endpoint's; here it is moved.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use super::headers;
use super::parts::{Asker, Parts};
use super::web_socket::{self, Bounded, Heard};
use crate::endpoint::{Outgoing, SocketEnd};
use crate::protocol::{CloseCode, MAX_REQUEST};

/// Codes from here on are an application's (RFC 6455, section 7.4.2); the session's close code is added.
const CLOSE_CODES: u16 = 4_000;

/// How often a silent client is asked whether it is there.
const PING: Duration = Duration::from_secs(10);

/// A message holds one request, with its number and size.
const LARGEST: usize = MAX_REQUEST + 16;

/// How long a client has for the code with which it is closed.
const FAREWELL: Duration = Duration::from_secs(1);

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
            web_socket::accept(upgrade, LARGEST, move |socket| pump(socket, end, idle))
        }
        Err(no_room) => (StatusCode::SERVICE_UNAVAILABLE, format!("{no_room}\n")).into_response(),
    }
}

/// Moves messages both ways until one side ends it, or the client is silent for too long.
async fn pump(mut socket: Bounded, mut end: SocketEnd, idle: Duration) {
    let entrance = end.entrance();
    let mut heard = Instant::now();
    let mut ping = tokio::time::interval(PING.min(idle / 3));
    loop {
        let send = tokio::select! {
            biased;
            outgoing = end.next() => match outgoing {
                Outgoing::Message(message) => Message::Binary(message),
                Outgoing::Close(code, reason) => return close(socket, code, reason).await,
            },
            message = async { entrance.ready().await; socket.hear().await } => {
                heard = Instant::now();
                let wrong = match message {
                    Heard::Binary(message) => {
                        (!entrance.take(message).await).then_some(CloseCode::ProtocolViolation)
                    }
                    Heard::Life => None,
                    Heard::Flood => Some(CloseCode::RateLimited),
                    Heard::Text(_) => Some(CloseCode::ProtocolViolation),
                    Heard::Gone => return,
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
                Message::Ping(axum::body::Bytes::new())
            }
        };
        // A client that takes nothing is as good as gone.
        if !socket.send(send, idle).await {
            return;
        }
    }
}

async fn close(socket: Bounded, code: u32, reason: &'static str) {
    let code = CLOSE_CODES.saturating_add(code.try_into().unwrap_or(u16::MAX));
    socket.close(code, reason, None, FAREWELL).await;
}
