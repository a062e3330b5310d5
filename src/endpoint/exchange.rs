//! One request and its answer on a bidirectional stream.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use super::link::{Question, Reply, Unread};
use crate::control::Refused;
use crate::protocol::wire::{Request, Response, request, response};
use crate::protocol::{MAX_REQUEST, MAX_RESPONSE, decode, encode};

/// How long an answer may be under way until the client took it all.
const ANSWER: Duration = Duration::from_secs(60);

/// Reads the one request on a stream. `None` when the client gave it up. One that doesn't end within `patience` is
/// refused: it would keep one of the client's streams for ever.
///
/// What comes before the handshake is through (0-RTT) may be somebody's repetition of it, so only a greeting,
/// which changes nothing, is taken (RFC 9001, section 9.2).
pub(super) async fn read(question: Question, patience: Duration) -> Option<Result<request::Body, Refused>> {
    let early = question.is_early();
    let bytes = match timeout(patience, question.read()).await {
        Ok(Ok(bytes)) => bytes,
        Err(_) => return Some(Err(Refused::Unfinished)),
        Ok(Err(Unread::TooLong)) => return Some(Err(Refused::TooLarge)),
        Ok(Err(Unread::Lost)) => return None,
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

/// Writes the answer and closes the stream. A client that is gone, or takes nothing of it, doesn't mind.
pub(super) async fn answer(reply: &mut Reply, answer: Result<response::Body, Refused>) {
    match timeout(ANSWER, reply.write(encoded(answer))).await {
        Ok(true) => reply.finish(),
        Ok(false) => (),
        Err(_) => reply.abandon(),
    }
}

/// An answer as it is sent. What is larger than a client has to take is a refusal: nothing that changes something has
/// such an answer, and whoever asked can ask for less.
pub(super) fn encoded(answer: Result<response::Body, Refused>) -> Bytes {
    let refusal = |refused: Refused| response::Body::Error(refused.to_wire());
    let whole = |body| encode(&Response { body: Some(body) });
    let bytes = whole(answer.unwrap_or_else(refusal));
    if bytes.len() <= MAX_RESPONSE { bytes } else { whole(refusal(Refused::AnswerTooLarge)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ErrorCode;
    use crate::protocol::wire::RecoveryCodes;

    #[test]
    fn an_answer_that_a_client_need_not_take_is_a_refusal() {
        let of =
            |bytes: usize| response::Body::RecoveryCodes(RecoveryCodes { codes: vec!["x".repeat(bytes)] });
        // Three sizes of four bytes each, with the tags of two fields before them.
        let most = MAX_RESPONSE - 14;
        for (bytes, fits) in [(0, true), (most, true), (most + 1, false), (2 * most, false)] {
            let answer = encoded(Ok(of(bytes)));
            assert!(answer.len() <= MAX_RESPONSE, "{bytes}: {}", answer.len());
            match decode::<Response>(&answer, MAX_RESPONSE).unwrap().body {
                Some(response::Body::Error(error)) => {
                    assert_eq!((error.code, fits), (ErrorCode::TooLarge.number(), false), "{bytes}");
                    assert!(error.message.contains("4 MiB"), "{}", error.message);
                }
                whole => assert_eq!((whole, fits), (Some(of(bytes)), true), "{bytes}"),
            }
        }
    }
}
