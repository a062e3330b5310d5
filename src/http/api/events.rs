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
use axum::extract::ws::{Message, WebSocketUpgrade, close_code};
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
use super::followers::{Followers, Following};
use super::limits::Limits;
use super::problem::{Problem, no_method};
use super::token::bearer;
use crate::control::{Actor, Handle, Refused};
use crate::endpoint::{LinkPeer, Place};
use crate::feed::{Filter, KINDS, Shown, Subscription};
use crate::http::home::tag_in;
use crate::http::parts::{Asker, Parts};
use crate::http::web_socket::{self, Bounded, Heard};
use crate::protocol::ErrorCode;

/// How often it is looked at whether a follower's token is still good, and how often it learns how far it is.
const BEAT: Duration = Duration::from_secs(15);

/// How long a WebSocket has for the frame with its token, and a follower for the word that says why it is over.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long whoever hasn't shown a good token has for the word that says so. They keep their place meanwhile.
const FAREWELL: Duration = Duration::from_secs(1);

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
    /// Looks at whether their token is still good.
    check: Box<dyn Fn() -> Result<(), Refused> + Send>,
    events: Subscription,
    beat: Interval,
    place: Following,
}

/// What there is for them.
enum Next {
    /// An event.
    Event(Arc<Shown>),
    /// Time has passed: the number of the event from which on they come back.
    Beat(u64),
    /// It is over.
    Over(Problem),
}

pub(super) async fn serve(
    State(parts): State<Arc<Parts>>,
    Extension(asker): Extension<Asker>,
    Extension(limits): Extension<Arc<Limits>>,
    Extension(followers): Extension<Arc<Followers>>,
    request: Request,
) -> Response {
    let from = parts.visitor(&asker, request.headers());
    let (mut head, _) = request.into_parts();
    match answered(&parts, (&limits, &followers), (from, asker.until), &mut head).await {
        Ok(answer) => answer,
        Err(problem) => problem.into_response(),
    }
}

async fn answered(
    parts: &Arc<Parts>,
    (limits, followers): (&Arc<Limits>, &Arc<Followers>),
    (from, until): (IpAddr, Instant),
    head: &mut Head,
) -> Result<Response, Problem> {
    if head.method != Method::GET {
        return Ok(no_method(&head.method, &["GET"]));
    }
    let home = parts.organizations.find(tag_in(&head.uri)).await?;
    if head.headers.contains_key("upgrade") {
        return web_socket(parts, home, (limits, followers), from, head).await;
    }
    let mut wish = of_query(head.uri.query().unwrap_or_default())?;
    wish.token = match bearer(&head.headers) {
        Ok(token) => token.to_owned(),
        Err(problem) => {
            limits.admit_address(from, parts.requests, home.clock().monotonic())?;
            return Err(problem);
        }
    };
    if let Some(last) = head.headers.get("last-event-id") {
        let last = last.to_str().ok().and_then(|last| last.parse::<u64>().ok());
        let last = last.ok_or_else(|| Problem::malformed("Last-Event-ID must be the number of an event"))?;
        wish.from = Some(last.saturating_add(1).to_string());
    }
    let follower = Follower::begin(home, (limits, followers), (from, parts.requests), wish).await?;
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
        (limits, followers): (&Limits, &Arc<Followers>),
        (from, rate): (IpAddr, (u32, u32)),
        wish: Wish,
    ) -> Result<Self, Problem> {
        let (token, now) = (wish.token.as_str(), home.clock().monotonic());
        let look = || home.bearer(token, from);
        let actor = limits.admit_bearer((token, from), rate, now, &mut None, look)?;
        let Actor::Account { user, .. } = actor else { return Err(Problem::nobody()) };
        let place = followers.follow(user)?;
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
        let check = Box::new(move || home.bearer(&wish.token, from).map(drop));
        Ok(Self { check, events, beat, place })
    }

    async fn next(&mut self) -> Next {
        tokio::select! {
            biased;
            // First, since a token ends however much there is to tell.
            _ = self.beat.tick() => match (self.check)() {
                Ok(()) => Next::Beat(self.events.resume()),
                Err(refused) => Next::Over(refused.into()),
            },
            () = self.place.lost() => Next::Over(crowded()),
            happened = self.events.next() => match happened {
                Some(happened) => Next::Event(happened),
                None if self.events.has_lost() => Next::Over(too_slow()),
                None => Next::Over(Refused::Stopping.into()),
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

/// Its place is another one's.
fn crowded() -> Problem {
    let words =
        "others who follow what happens less often need the place; come again later from where this ends";
    Problem::of(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Full, words)
}

/// Writes Server-Sent Events until it is over, or until the connection has been there for long enough. Whoever follows comes
/// again by itself, with the number of what it had last.
async fn tell(mut follower: Follower, sender: mpsc::Sender<Bytes>, end: Instant) {
    let last = follower.events.first().saturating_sub(1);
    let mut text = part(Some(last), "ready", &follower.ready().to_string());
    loop {
        // Behind whoever takes nothing it piles up in the feed, and the listener ends the connection.
        let is_sent = tokio::select! {
            sent = sender.send(text.into()) => sent.is_ok(),
            () = follower.place.lost() => false,
        };
        if !is_sent {
            return;
        }
        let next = tokio::select! {
            next = timeout_at(end, follower.next()) => next,
            // Whoever is gone makes room for another.
            () = sender.closed() => return,
        };
        text = match next {
            Ok(Next::Event(happened)) => {
                let (word, all) = happened.text();
                part(Some(happened.number), word, all)
            }
            Ok(Next::Beat(next)) => so_far(next),
            Ok(Next::Over(problem)) => {
                drop(follower);
                let text = part(None, "over", &problem.to_json().to_string());
                let _ = timeout(PATIENCE, sender.send(text.into())).await;
                return;
            }
            Err(_) => {
                let text = so_far(follower.events.resume());
                let _ = timeout(PATIENCE, sender.send(text.into())).await;
                return;
            }
        };
    }
}

/// A number without an event, which is told nobody: a browser only keeps it, to come back by (HTML, "Server-sent events",
/// "Dispatch the event"). So whoever wants little doesn't fall behind what is kept.
fn so_far(next: u64) -> String {
    format!("id: {}\n\n", next.saturating_sub(1))
}

/// An event on the stream. JSON has no end of a line in it.
fn part(id: Option<u64>, word: &str, data: &str) -> String {
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
    (limits, followers): (&Arc<Limits>, &Arc<Followers>),
    from: IpAddr,
    head: &mut Head,
) -> Result<Response, Problem> {
    if !cors::may_connect(&head.headers, parts) {
        let words = "a page of another origin has no business here";
        return Err(Problem::of(StatusCode::FORBIDDEN, ErrorCode::Forbidden, words));
    }
    let stranger = parts.intake.place(from).map_err(|refused| no_room(&refused.to_string()))?;
    let upgrade = match WebSocketUpgrade::from_request_parts(head, &()).await {
        Ok(upgrade) => upgrade,
        Err(refused) => return Ok(refused.into_response()),
    };
    let (limits, followers, asker) = (Arc::clone(limits), Arc::clone(followers), (from, parts.requests));
    Ok(web_socket::accept(upgrade, FIRST_FRAME, move |socket| {
        follow(socket, stranger, home, (limits, followers), asker)
    }))
}

/// Serves a WebSocket: a stranger's until it has shown its token, then a follower's.
async fn follow(
    mut socket: Bounded,
    stranger: Place,
    home: Handle<LinkPeer>,
    (limits, followers): (Arc<Limits>, Arc<Followers>),
    asker: (IpAddr, (u32, u32)),
) {
    let begin = async {
        let wish = first(&mut socket).await?;
        Follower::begin(home, (&limits, &followers), asker, wish).await
    };
    let follower = tokio::select! {
        follower = timeout(PATIENCE, begin) => follower.unwrap_or_else(|_| Err(Problem::nobody())),
        () = stranger.lost() => Err(no_room("others need the place; send the first frame as soon as this is open")),
    };
    match follower {
        Ok(follower) => {
            drop(stranger);
            pump(socket, follower).await;
        }
        // Until it is closed, it takes up the place.
        Err(problem) => close(socket, &problem, FAREWELL).await,
    }
}

/// There is no place for another one that hasn't shown a token.
fn no_room(why: &str) -> Problem {
    Problem::of(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Full, why)
}

/// The frame that says who follows, and from where on.
async fn first(socket: &mut Bounded) -> Result<Wish, Problem> {
    let wrong = |why: &dyn std::fmt::Display| {
        Problem::malformed(&format!(
            "the first frame must be {{\"token\": \"...\"}}, beside it `from` and `kinds`: {why}"
        ))
    };
    loop {
        match socket.hear().await {
            Heard::Text(text) => return serde_json::from_str(&text).map_err(|error| wrong(&error)),
            Heard::Binary(_) => return Err(wrong(&"it isn't text")),
            Heard::Life => (),
            Heard::Flood => return Err(flood()),
            Heard::Gone => return Err(Problem::nobody()),
        }
    }
}

async fn pump(mut socket: Bounded, mut follower: Follower) {
    let mut told = follower.events.first();
    let mut frame = Message::text(follower.ready().to_string());
    loop {
        let is_sent = tokio::select! {
            is_sent = socket.send(frame, BEAT * 2) => is_sent,
            () = follower.place.lost() => false,
        };
        if !is_sent {
            return;
        }
        frame = loop {
            tokio::select! {
                next = follower.next() => match next {
                    Next::Event(happened) => {
                        told = happened.number.saturating_add(1);
                        break Message::text(happened.text().1);
                    }
                    Next::Beat(next) if next > told => {
                        told = next;
                        break Message::text(json!({ "event": "beat", "next": next.to_string() }).to_string());
                    }
                    Next::Beat(_) => break Message::Ping(Bytes::new()),
                    Next::Over(problem) => return close(socket, &problem, PATIENCE).await,
                },
                heard = socket.hear() => match heard {
                    Heard::Life => (),
                    Heard::Flood => return close(socket, &flood(), PATIENCE).await,
                    Heard::Text(_) | Heard::Binary(_) => {
                        let problem = Problem::malformed("nothing but the first frame is read");
                        return close(socket, &problem, PATIENCE).await;
                    }
                    Heard::Gone => return,
                },
            }
        };
    }
}

/// It pings without end.
fn flood() -> Problem {
    let words = "this sends pings without end; one in ten seconds shows that you are there";
    Problem::of(StatusCode::TOO_MANY_REQUESTS, ErrorCode::RateLimited, words)
}

/// Says why it is over, and closes with a code of the kind "policy violation" (RFC 6455, section 7.4.1).
async fn close(socket: Bounded, problem: &Problem, patience: Duration) {
    let word = problem.to_json().to_string();
    socket.close(close_code::POLICY, problem.code().name(), Some(word), patience).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::{Doer, Event, Feed, Happened, Kind};
    use crate::id::{OrganizationId, RoleId, Timestamp, UserId};

    /// A feed, in which roles are made.
    struct Happening(Feed);

    impl Happening {
        fn new() -> Self {
            Self(Feed::new(OrganizationId(1), Timestamp(1_000)))
        }

        /// Answers with the number of what happened.
        fn happen(&mut self) -> u64 {
            let event = Event::RoleChanged { role: RoleId(1) };
            let one = self.0.number(Timestamp(1_001), Doer::Server, event);
            let number = one.number;
            self.0.publish(vec![one], |_, one| Some(one.event.clone()));
            number
        }

        /// Whoever follows it, with a token that is good or isn't.
        fn follower(&mut self, kinds: Vec<Kind>, is_good: bool, first_beat: Instant) -> Follower {
            let filter = Filter { kinds };
            let all = |one: &Happened| Some(one.event.clone());
            let events = self.0.subscribe(Actor::Operator, None, filter, all).unwrap();
            let check = move || if is_good { Ok(()) } else { Err(Refused::Unexpected) };
            let beat = tokio::time::interval_at(first_beat, BEAT);
            let place = Arc::new(Followers::new(usize::MAX)).follow(UserId(1)).unwrap();
            Follower { check: Box::new(check), events, beat, place }
        }
    }

    async fn text(receiver: &mut mpsc::Receiver<Bytes>) -> Option<String> {
        let bytes = timeout(Duration::from_secs(5), receiver.recv()).await.unwrap();
        bytes.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_token_that_has_ended_ends_it_however_much_waits() {
        let mut feed = Happening::new();
        let due = Instant::now() - Duration::from_secs(1);
        let mut follower = feed.follower(Vec::new(), false, due);
        feed.happen();
        let Next::Over(over) = follower.next().await else { panic!("more was told") };
        assert_eq!(over.code(), ErrorCode::Unexpected);
        // While it is good, what waits is told.
        let mut follower = feed.follower(Vec::new(), true, due);
        let number = feed.happen();
        assert!(matches!(follower.next().await, Next::Beat(next) if next == number));
        assert!(matches!(follower.next().await, Next::Event(one) if one.number == number));
    }

    #[tokio::test]
    async fn whoever_wants_little_learns_how_far_it_is() {
        let mut feed = Happening::new();
        // On each beat, and at the end of an answer.
        for (beat, end) in [(1, 5_000), (5_000, 1)] {
            let in_ms = |ms| Instant::now() + Duration::from_millis(ms);
            let follower = feed.follower(vec![Kind::Recordings], true, in_ms(beat));
            let before = follower.events.first() - 1;
            let last = feed.happen();
            let (sender, mut receiver) = mpsc::channel(WAITING);
            let telling = tokio::spawn(tell(follower, sender, in_ms(end)));
            let ready = text(&mut receiver).await.unwrap();
            assert!(ready.starts_with(&format!("id: {before}\nevent: ready\n")), "{ready}");
            assert_eq!(text(&mut receiver).await.unwrap(), format!("id: {last}\n\n"));
            drop(receiver);
            timeout(Duration::from_secs(5), telling).await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn whoever_makes_room_for_another_is_told_so() {
        let (mut feed, followers) = (Happening::new(), Arc::new(Followers::new(16)));
        let mut those: Vec<_> = (0..4).map(|_| followers.follow(UserId(1)).unwrap()).collect();
        let later = Instant::now() + Duration::from_secs(5_000);
        let follower = Follower { place: those.remove(0), ..feed.follower(Vec::new(), true, later) };
        let (sender, mut receiver) = mpsc::channel(WAITING);
        let telling = tokio::spawn(tell(follower, sender, later));
        assert!(text(&mut receiver).await.unwrap().contains("event: ready\n"));
        let _newcomer = followers.follow(UserId(2)).unwrap();
        let over = text(&mut receiver).await.unwrap();
        assert!(over.starts_with("event: over\n") && over.contains("\"code\":\"full\""), "{over}");
        timeout(Duration::from_secs(5), telling).await.unwrap().unwrap();
    }
}
