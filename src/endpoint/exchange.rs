//! One request and its answer on a bidirectional stream.

use quinn::{ReadToEndError, RecvStream, SendStream};

use crate::control::Refused;
use crate::protocol::wire::{Request, Response, request, response};
use crate::protocol::{MAX_REQUEST, decode, encode};

/// The longest size prefix that [`decode`] reads, in bytes.
const PREFIX: usize = 4;

/// Reads the one request on a stream. `None` when the client gave it up.
///
/// What comes before the handshake is through (0-RTT) may be somebody's repetition of it, so only a greeting,
/// which changes nothing, is taken (RFC 9001, section 9.2).
pub(super) async fn read(stream: &mut RecvStream) -> Option<Result<request::Body, Refused>> {
    let early = stream.is_0rtt();
    let bytes = match stream.read_to_end(MAX_REQUEST + PREFIX).await {
        Ok(bytes) => bytes,
        Err(ReadToEndError::TooLong) => return Some(Err(Refused::TooLarge)),
        Err(ReadToEndError::Read(_)) => return None,
    };
    Some(match decode::<Request>(&bytes, MAX_REQUEST) {
        Ok(Request { body: Some(body) }) if early && !matches!(body, request::Body::Hello(_)) => {
            Err(Refused::Unexpected)
        }
        Ok(Request { body: Some(body) }) => Ok(body),
        // A request of a later version decodes to nothing, its field being unknown here.
        Ok(Request { body: None }) => Err(Refused::Unsupported),
        Err(error) => Err(error.into()),
    })
}

/// Writes the answer and closes the stream. A client that is gone doesn't mind.
pub(super) async fn answer(stream: &mut SendStream, answer: Result<response::Body, Refused>) {
    let body = answer.unwrap_or_else(|refused| response::Body::Error(refused.to_wire()));
    let bytes = encode(&Response { body: Some(body) });
    if stream.write_all(&bytes).await.is_ok() {
        let _ = stream.finish();
    }
}
