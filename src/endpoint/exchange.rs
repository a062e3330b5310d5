//! One request and its answer on a bidirectional stream.

use super::link::{Question, Reply, Unread};
use crate::control::Refused;
use crate::protocol::wire::{Request, Response, request, response};
use crate::protocol::{MAX_REQUEST, decode, encode};

/// Reads the one request on a stream. `None` when the client gave it up.
///
/// What comes before the handshake is through (0-RTT) may be somebody's repetition of it, so only a greeting,
/// which changes nothing, is taken (RFC 9001, section 9.2).
pub(super) async fn read(question: Question) -> Option<Result<request::Body, Refused>> {
    let early = question.is_early();
    let bytes = match question.read().await {
        Ok(bytes) => bytes,
        Err(Unread::TooLong) => return Some(Err(Refused::TooLarge)),
        Err(Unread::Lost) => return None,
    };
    Some(match decode::<Request>(&bytes, MAX_REQUEST) {
        Ok(Request { body: Some(body), .. }) if early && !matches!(body, request::Body::Hello(_)) => {
            Err(Refused::Unexpected)
        }
        // Only the machine's owner, on the local socket, names the organization by the request.
        Ok(Request { organization, .. }) if !organization.is_empty() => Err(Refused::Unexpected),
        Ok(Request { body: Some(body), .. }) => Ok(body),
        // A request of a later version decodes to nothing, its field being unknown here.
        Ok(Request { body: None, .. }) => Err(Refused::Unsupported),
        Err(error) => Err(error.into()),
    })
}

/// Writes the answer and closes the stream. A client that is gone doesn't mind.
pub(super) async fn answer(reply: &mut Reply, answer: Result<response::Body, Refused>) {
    let body = answer.unwrap_or_else(|refused| response::Body::Error(refused.to_wire()));
    let bytes = encode(&Response { body: Some(body) });
    if reply.write(bytes).await {
        reply.finish();
    }
}
