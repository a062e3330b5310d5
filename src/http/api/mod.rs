//! REST, for other programs: each operation at the method and the path that `protocol.proto` says of it, in JSON. The
//! organization is in the address, as it is of the page: `/api/...` is the first one's, `/+TAG/api/...` another's.
//!
//! Nothing is decided here. A request in HTTP becomes the same request that a connection would send (`request`), is asked
//! by the account that a bearer token speaks for, and its answer becomes JSON (`answer`).

mod answer;
mod begin;
mod condition;
mod cors;
mod docs;
mod events;
mod followers;
mod limits;
mod paging;
mod problem;
mod repeats;
mod request;
mod routes;
mod token;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Request, State};
use axum::http::header::{LINK, USER_AGENT};
use axum::http::request::Parts as Head;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};

use super::home::{TAGGED, tag_in};
use super::parts::{Asker, Parts};
use crate::bounds::is_unprintable;
use crate::control::{Actor, Entered, Handle, Refused, Unseated, Visitor};
use crate::endpoint::LinkPeer;
use crate::protocol::ErrorCode;
use crate::protocol::call::Call;
use crate::protocol::operation::Who;
use crate::protocol::wire::{request::Body, response};
use condition::Condition;
pub(super) use cors::{admit as admit_pages, is_allowed};
pub(super) use followers::FOLLOWERS;
use followers::Followers;
pub(super) use limits::{Limits, Standing};
pub(super) use problem::{LATER, status};
pub(super) use problem::{Problem, no_method};
use repeats::Repeats;
use routes::{Found, Route};
pub(super) use token::bearer;

/// The header by which a request may come twice.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Bytes of the address of a request at most.
const LONGEST_ADDRESS: usize = 8 * 1_024;

/// Characters of a program's name that are kept.
const CLIENT_NAME: usize = 64;

/// All of it, within what is asked at once.
pub(super) fn routes(parts: &Arc<Parts>, limits: &Arc<Limits>) -> Router<Arc<Parts>> {
    let mut router = Router::new();
    for home in ["", TAGGED] {
        router = router
            .route(&format!("{home}/api/openapi.json"), get(docs::description))
            .route(&format!("{home}/api/docs"), get(docs::page))
            .route(&format!("{home}/api/events"), any(events::serve))
            .route(&format!("{home}/api/flows/{{name}}/hook"), post(begin::serve))
            .route(&format!("{home}/api/{{*path}}"), any(serve));
    }
    router
        .layer(Extension(Arc::clone(limits)))
        .layer(Extension(Arc::new(Followers::new(parts.files))))
        .layer(Extension(Arc::<Repeats>::default()))
        .layer(middleware::from_fn_with_state(Arc::clone(parts), cors::admit))
}

async fn serve(
    State(parts): State<Arc<Parts>>,
    Extension(asker): Extension<Asker>,
    Extension(limits): Extension<Arc<Limits>>,
    Extension(repeats): Extension<Arc<Repeats>>,
    request: Request,
) -> Response {
    let from = parts.visitor(&asker, request.headers());
    let mut standing = None;
    let mut answer = match answered(&parts, from, (&limits, &repeats), &mut standing, request).await {
        Ok(answer) => answer,
        Err(problem) => problem.into_response(),
    };
    if let Some(standing) = standing {
        standing.tell(answer.headers_mut());
    }
    answer
}

async fn answered(
    parts: &Parts,
    from: IpAddr,
    (limits, repeats): (&Limits, &Arc<Repeats>),
    standing: &mut Option<Standing>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    if head.uri.to_string().len() > LONGEST_ADDRESS {
        return Err(Problem::of(StatusCode::URI_TOO_LONG, ErrorCode::TooLarge, "the address is too long"));
    }
    let home = parts.organizations.find(tag_in(&head.uri)).await?;
    let (route, named) = match routes::find(&head.method, below(head.uri.path()))? {
        Found::Route(route, named) => (route, named),
        Found::Methods(methods) => return Ok(no_method(&head.method, &methods)),
        Found::Nothing => {
            let words = "there is nothing at this address; /api/openapi.json has all that there is";
            return Err(Problem::of(StatusCode::NOT_FOUND, ErrorCode::Unsupported, words));
        }
    };
    let by = admit(parts, &home, route, limits, (from, &head.headers), standing)?;
    let condition = Condition::of(&head.headers)?;
    let fields = request::fields(route, named, &head, body).await?;
    let only_if = if route.is_read() || condition.is_none() {
        None
    } else {
        let Found::Route(question, _) = routes::find(&Method::GET, below(head.uri.path()))? else {
            let words = "what is at this address has no ETag; leave If-Match and If-None-Match out";
            return Err(condition::failed(words));
        };
        Some((question, request::question(question, &fields)?, condition.clone()))
    };
    let asked = request::read(route, fields)?;
    let counts = home.counts();
    let answer = match by {
        Some(actor) => {
            let work = Work { asked: asked.clone(), only_if };
            once(&home, actor, work, repeats, &head).await?
        }
        None => enter(&home, asked.clone(), from, &head.headers).await,
    };
    match &answer {
        Ok(_) => counts.answered(),
        Err(refused) => counts.refused(refused.code()),
    }
    let answer = answer?;
    let mut response = answer::write(route, &answer, &condition)?;
    if let Some(link) = paging::link(&head.uri, &asked, &answer).and_then(|link| link.parse().ok()) {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

/// What is to be done.
struct Work {
    asked: Body,
    /// The question about what it changes, and what has to hold of the answer.
    only_if: Option<(&'static Route, Body, Condition)>,
}

impl Work {
    async fn done(self, home: &Handle<LinkPeer>, actor: Actor) -> Result<response::Body, Refused> {
        let Some((question, read, condition)) = self.only_if else {
            return home.request(actor, self.asked).await;
        };
        let holds = move |there: Option<&response::Body>| {
            let tag = there.and_then(|there| answer::tag(question, there));
            condition.holds(tag.as_deref())
        };
        home.request_if(actor, self.asked, read, holds).await
    }
}

/// Has something done, once: what came before with the same key is answered as it was.
async fn once(
    home: &Handle<LinkPeer>,
    actor: Actor,
    work: Work,
    repeats: &Arc<Repeats>,
    head: &Head,
) -> Result<Result<response::Body, Refused>, Problem> {
    let key = head.headers.get(IDEMPOTENCY_KEY).filter(|_| head.method == Method::POST);
    let (Some(key), Actor::Account { user, origin, .. }) = (key, actor) else {
        return Ok(work.done(home, actor).await);
    };
    let named = (user, origin.way, key.to_str().unwrap_or_default().to_owned());
    if let Some(answer) = repeats.begin(&named, &work.asked, home.clock().monotonic())? {
        return Ok(Ok(answer));
    }
    let (home, repeats) = (home.clone(), Arc::clone(repeats));
    // It is done, and its answer kept, whether or not whoever asked waits for it.
    let doing = tokio::spawn(async move {
        let answer = work.done(&home, actor).await;
        repeats.end(&named, answer.as_ref());
        answer
    });
    Ok(doing.await.unwrap_or(Err(Refused::Internal)))
}

/// What of an address is below `/api/`.
fn below(path: &str) -> &str {
    path.split_once("/api/").map_or("", |(_, below)| below)
}

/// Who asks, within what they may ask at once; nobody for what is done before a log-in.
fn admit(
    parts: &Parts,
    home: &Handle<LinkPeer>,
    route: &Route,
    limits: &Limits,
    (from, headers): (IpAddr, &HeaderMap),
    standing: &mut Option<Standing>,
) -> Result<Option<Actor>, Problem> {
    let (rate, now) = (parts.requests, home.clock().monotonic());
    if route.operation.who == Who::Stranger {
        *standing = Some(limits.admit_address(from, rate, now)?);
        return Ok(None);
    }
    let token = match bearer(headers) {
        Ok(token) => token,
        Err(problem) => {
            *standing = Some(limits.admit_address(from, rate, now)?);
            return Err(problem);
        }
    };
    let actor = limits.admit_bearer((token, from), rate, now, standing, || home.bearer(token, from))?;
    Ok(Some(actor))
}

/// What is done before a log-in, and log-ins themselves. Whoever logs in here has a session that isn't connected: its
/// access token is what they ask by.
async fn enter(
    home: &Handle<LinkPeer>,
    asked: Body,
    from: IpAddr,
    headers: &HeaderMap,
) -> Result<response::Body, Refused> {
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let client: String = agent.chars().filter(|c| !is_unprintable(*c)).take(CLIENT_NAME).collect();
    let Call::Entry(entry) = Call::from(asked) else { return Err(Refused::Unexpected) };
    let visitor = Visitor { from, client: &client, exported: None, room: &Unseated, gate: None };
    Ok(match home.enter(&entry, visitor).await? {
        Entered::Answer(answer) => answer,
        Entered::Proven(proven) => response::Body::LoggedIn(proven.logged_in()),
    })
}
