//! What happens, as it happens: the feed as JSON, filtered as the account sees it that asks, over a WebSocket or as Server-Sent
//! Events (HTML, "Server-sent events").
//!
//! Over a WebSocket the first frame is the token, `{"token": "...", "from": "...", "kinds": ["presence"]}`: a browser's script
//! can't send it otherwise, and an address is no place for it. Each event has a number; whoever comes back says from which
//! on, or is told that it isn't kept any more.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, FromRequestParts, Request, State};
use axum::http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use axum::http::request::Parts as Head;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::Frame;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, timeout, timeout_at};

use super::cors;
use super::limits::{Following, Limits};
use super::problem::{Problem, no_method};
use super::token::bearer;
use super::told::{KINDS, told};
use crate::control::{Actor, Handle, Refused};
use crate::endpoint::LinkPeer;
use crate::feed::{Filter, Subscription};
use crate::http::home::tag_in;
use crate::http::parts::{Asker, Parts};
use crate::protocol::ErrorCode;

/// How often a silent follower is written to, and looked at whether its token is still good.
const BEAT: Duration = Duration::from_secs(15);

/// How long a WebSocket has for the frame with its token, and for taking a frame.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of the first frame at most.
const FIRST_FRAME: usize = 8 * 1_024;

/// Parts of an answer that wait for a slow reader. Behind them the feed holds what it holds for everybody.
const WAITING: usize = 16;

/// What a follower wants.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    #[serde(default)]
    token: String,
    /// The number of the first event that is wanted; from now on, without one.
    from: Option<String>,
    #[serde(default)]
    kinds: Vec<String>,
}

/// Whoever follows, with what they read.
struct Follower {
    home: Handle<LinkPeer>,
    token: String,
    from: IpAddr,
    events: Subscription,
    beat: Interval,
    _place: Following,
}

/// What there is for them.
enum Next {
    /// An event: its number, its word, and all of it.
    Event(u64, &'static str, Value),
    /// Nothing happened for a while.
    Silence,
    /// It is over.
    Over(Problem),
}

pub(super) async fn serve(
    State(parts): State<Arc<Parts>>,
    Extension(asker): Extension<Asker>,
    Extension(limits): Extension<Arc<Limits>>,
    request: Request,
) -> Response {
    let from = parts.visitor(&asker, request.headers());
    let (mut head, _) = request.into_parts();
    match answered(&parts, &limits, (from, asker.until), &mut head).await {
        Ok(answer) => answer,
        Err(problem) => problem.into_response(),
    }
}

async fn answered(
    parts: &Arc<Parts>,
    limits: &Arc<Limits>,
    (from, until): (IpAddr, Instant),
    head: &mut Head,
) -> Result<Response, Problem> {
    if head.method != Method::GET {
        return Ok(no_method(&head.method, &["GET"]));
    }
    let home = parts.organizations.find(tag_in(&head.uri)).await?;
    limits.admit_address(from, parts.requests, home.clock().monotonic())?;
    if head.headers.contains_key("upgrade") {
        return web_socket(parts, home, limits, from, head).await;
    }
    let mut wish = of_query(head.uri.query().unwrap_or_default())?;
    wish.token = bearer(&head.headers)?.to_owned();
    if let Some(last) = head.headers.get("last-event-id") {
        let last = last.to_str().ok().and_then(|last| last.parse::<u64>().ok());
        let last = last.ok_or_else(|| Problem::malformed("Last-Event-ID must be the number of an event"))?;
        wish.from = Some(last.saturating_add(1).to_string());
    }
    let follower = Follower::begin(home, limits, from, wish).await?;
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(tell(follower, sender, until));
    // The connection is as good as used up.
    let fixed = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store"), (CONNECTION, "close")];
    Ok((fixed, Body::new(Stream(receiver))).into_response())
}

fn of_query(query: &str) -> Result<Wish, Problem> {
    let mut wish = Wish::default();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "from" => wish.from = Some(value.into_owned()),
            "kinds" => wish.kinds.extend(value.split(',').map(|kind| kind.trim().to_owned())),
            _ => return Err(Problem::malformed("the address may say `from` and `kinds`")),
        }
    }
    Ok(wish)
}

impl Follower {
    async fn begin(
        home: Handle<LinkPeer>,
        limits: &Arc<Limits>,
        from: IpAddr,
        wish: Wish,
    ) -> Result<Self, Problem> {
        let actor = home.bearer(&wish.token, from)?;
        let Actor::Account { user, .. } = actor else { return Err(Problem::nobody()) };
        let place = limits.follow(user)?;
        let first = wish.from.map(|from| from.parse::<u64>()).transpose();
        let first = first.map_err(|_| Problem::malformed("`from` must be the number of an event"))?;
        let kind = |word: &String| {
            let found = KINDS.iter().find(|(_, known)| known == word).map(|(kind, _)| *kind);
            found.ok_or_else(|| {
                let known: Vec<_> = KINDS.iter().map(|(_, word)| *word).collect();
                Problem::malformed(&format!("`kinds` are some of {}", known.join(", ")))
            })
        };
        let kinds = wish.kinds.iter().map(kind).collect::<Result<_, _>>()?;
        let events = home.subscribe(actor, first, Filter { kinds }).await?;
        let mut beat = tokio::time::interval_at(Instant::now() + BEAT, BEAT);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        Ok(Self { home, token: wish.token, from, events, beat, _place: place })
    }

    async fn next(&mut self) -> Next {
        tokio::select! {
            biased;
            happened = self.events.next() => match happened {
                Some(happened) => {
                    let (word, all) = told(&happened);
                    Next::Event(happened.number, word, all)
                }
                None if self.events.has_lost() => Next::Over(too_slow()),
                None => Next::Over(Refused::Stopping.into()),
            },
            _ = self.beat.tick() => match self.home.bearer(&self.token, self.from) {
                Ok(_) => Next::Silence,
                Err(refused) => Next::Over(refused.into()),
            },
        }
    }

    /// What is told first: the number that the first event has at least, by which one comes back before anything happened.
    fn ready(&self) -> Value {
        json!({ "event": "ready", "next": self.events.first().to_string() })
    }
}

fn too_slow() -> Problem {
    let words = "so much happened that wasn't read that it isn't kept any more; read what is there now, and follow anew";
    Problem::of(StatusCode::GONE, ErrorCode::NotFound, words)
}

/// Writes Server-Sent Events until it is over, or until the connection has been there for long enough. Whoever follows comes
/// again by itself, with the number of what it had last.
async fn tell(mut follower: Follower, sender: mpsc::Sender<Bytes>, end: Instant) {
    let last = follower.events.first().saturating_sub(1);
    let mut text = part(Some(last), "ready", &follower.ready());
    loop {
        // Behind whoever takes nothing it piles up in the feed, and the listener ends the connection.
        if sender.send(text.into()).await.is_err() {
            return;
        }
        let next = tokio::select! {
            next = timeout_at(end, follower.next()) => next,
            // Whoever is gone makes room for another.
            () = sender.closed() => return,
        };
        text = match next {
            Ok(Next::Event(number, word, all)) => part(Some(number), word, &all),
            Ok(Next::Silence) => ":\n\n".to_owned(),
            Ok(Next::Over(problem)) => {
                drop(follower);
                let text = part(None, "over", &problem.to_json());
                let _ = timeout(PATIENCE, sender.send(text.into())).await;
                return;
            }
            Err(_) => return,
        };
    }
}

/// An event on the stream. JSON has no end of a line in it.
fn part(id: Option<u64>, word: &str, data: &Value) -> String {
    let id = id.map_or_else(String::new, |id| format!("id: {id}\n"));
    format!("{id}event: {word}\ndata: {data}\n\n")
}

/// The body of an answer that goes on.
struct Stream(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Stream {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

async fn web_socket(
    parts: &Parts,
    home: Handle<LinkPeer>,
    limits: &Arc<Limits>,
    from: IpAddr,
    head: &mut Head,
) -> Result<Response, Problem> {
    if !cors::may_connect(&head.headers, parts) {
        let words = "a page of another origin has no business here";
        return Err(Problem::of(StatusCode::FORBIDDEN, ErrorCode::Forbidden, words));
    }
    let stranger = limits.enter()?;
    let upgrade = match WebSocketUpgrade::from_request_parts(head, &()).await {
        Ok(upgrade) => upgrade,
        Err(refused) => return Ok(refused.into_response()),
    };
    let limits = Arc::clone(limits);
    let upgrade = upgrade.read_buffer_size(FIRST_FRAME).write_buffer_size(FIRST_FRAME);
    Ok(upgrade.max_message_size(FIRST_FRAME).max_frame_size(FIRST_FRAME).on_upgrade(
        move |socket| async move {
            let mut socket = socket;
            let wish = timeout(PATIENCE, first(&mut socket)).await.unwrap_or_else(|_| Err(Problem::nobody()));
            let follower = match wish {
                Ok(wish) => Follower::begin(home, &limits, from, wish).await,
                Err(problem) => Err(problem),
            };
            drop(stranger);
            match follower {
                Ok(follower) => pump(socket, follower).await,
                Err(problem) => close(socket, &problem).await,
            }
        },
    ))
}

/// The frame that says who follows, and from where on.
async fn first(socket: &mut WebSocket) -> Result<Wish, Problem> {
    let wrong = |why: &dyn std::fmt::Display| {
        Problem::malformed(&format!(
            "the first frame must be {{\"token\": \"...\"}}, beside it `from` and `kinds`: {why}"
        ))
    };
    loop {
        match socket.recv().await {
            Some(Ok(Message::Text(text))) => {
                return serde_json::from_str(&text).map_err(|error| wrong(&error));
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => (),
            Some(Ok(Message::Binary(_))) => return Err(wrong(&"it isn't text")),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Problem::nobody()),
        }
    }
}

async fn pump(mut socket: WebSocket, mut follower: Follower) {
    let mut frame = Message::text(follower.ready().to_string());
    loop {
        if !matches!(timeout(BEAT * 2, socket.send(frame)).await, Ok(Ok(()))) {
            return;
        }
        frame = loop {
            tokio::select! {
                next = follower.next() => match next {
                    Next::Event(_, _, all) => break Message::text(all.to_string()),
                    Next::Silence => break Message::Ping(Bytes::new()),
                    Next::Over(problem) => return close(socket, &problem).await,
                },
                message = socket.recv() => match message {
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => (),
                    Some(Ok(Message::Text(_) | Message::Binary(_))) => {
                        return close(socket, &Problem::malformed("nothing but the first frame is read")).await;
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                },
            }
        };
    }
}

/// Says why it is over, and closes with a code of the kind "policy violation" (RFC 6455, section 7.4.1).
async fn close(mut socket: WebSocket, problem: &Problem) {
    let words = problem.to_json();
    let frame =
        CloseFrame { code: axum::extract::ws::close_code::POLICY, reason: problem.code().name().into() };
    let _ = timeout(PATIENCE, async {
        if socket.send(Message::text(words.to_string())).await.is_ok()
            && socket.send(Message::Close(Some(frame))).await.is_ok()
        {
            // The other side's own close ends it; closing before would lose what it hasn't read.
            while let Some(Ok(_)) = socket.recv().await {}
        }
    })
    .await;
}
