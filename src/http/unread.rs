//! A request that is answered before its body was read: refused for its token, its address or its length. Its connection can take
//! another request only when the body is out of the way. A client that isn't told so sends the next one into a connection that ends.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::{CONNECTION, EXPECT};
use axum::middleware::Next;
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use tokio::time::timeout;

/// Bytes of an unwanted body that are taken from the connection and thrown away. More end it with the answer.
const MOST: usize = 1 << 20;

/// For how long they are waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Lets a request be answered. What the answer didn't need of its body is thrown away; where that is more than is worth waiting for,
/// the answer says that it is the connection's last (RFC 9112, section 9.6).
pub(super) async fn finish(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    // Whoever asks whether to send the body at all hasn't sent it (RFC 9110, section 10.1.1).
    let asks_first = request.headers().contains_key(EXPECT);
    let (head, body) = request.into_parts();
    let kept = Arc::new(Mutex::new(Kept { body, is_begun: false }));
    let lent = Body::new(Lent(Arc::clone(&kept)));
    let mut answer = next.run(Request::from_parts(head, lent)).await;
    let is_coming = !asks_first || kept.lock().unwrap_or_else(PoisonError::into_inner).is_begun;
    let is_read = is_coming && matches!(timeout(PATIENCE, rest(Lent(kept))).await, Ok(true));
    if !is_read {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// Whether the body came to its end.
async fn rest(mut lent: Lent) -> bool {
    let mut left = MOST;
    loop {
        match std::future::poll_fn(|context| Pin::new(&mut lent).poll_frame(context)).await {
            None => return true,
            Some(Err(_)) => return false,
            Some(Ok(frame)) => match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
                Some(less) => left = less,
                None => return false,
            },
        }
    }
}

struct Kept {
    body: Body,
    /// Whether somebody read of it.
    is_begun: bool,
}

/// The body, lent to who answers the request: it is still there when they have thrown it away.
struct Lent(Arc<Mutex<Kept>>);

impl Lent {
    fn with<T>(&self, look: impl FnOnce(&mut Kept) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.with(|kept| {
            kept.is_begun = true;
            Pin::new(&mut kept.body).poll_frame(context)
        })
    }

    fn is_end_stream(&self) -> bool {
        self.with(|kept| kept.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.with(|kept| kept.body.size_hint())
    }
}
