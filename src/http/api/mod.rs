//! REST, for other programs: each operation at the method and the path that `protocol.proto` says of it, in JSON. The
//! organization is in the address, as it is of the page: `/api/...` is the first one's, `/+TAG/api/...` another's.
//!
//! Nothing is decided here. A request in HTTP becomes the same request that a connection would send (`request`), is asked
//! by the account that a bearer token speaks for, and its answer becomes JSON (`answer`).

mod answer;
mod limits;
mod problem;
mod request;
mod routes;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, Request, State};
use axum::http::header::{ALLOW, AUTHORIZATION, USER_AGENT};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;

use super::home::{TAGGED, tag_in};
use super::parts::{Asker, Parts};
use crate::bounds::is_unprintable;
use crate::control::{Actor, Entered, Handle, Refused, Unseated, Visitor, Way};
use crate::endpoint::LinkPeer;
use crate::protocol::ErrorCode;
use crate::protocol::call::Call;
use crate::protocol::operation::Who;
use crate::protocol::wire::{self, request::Body, response};
use limits::{Limits, Standing};
use problem::Problem;
use routes::{Found, Route};

/// Bytes of the address of a request at most.
const LONGEST_ADDRESS: usize = 8 * 1_024;

/// Bytes of a bearer token at most.
const LONGEST_TOKEN: usize = 4 * 1_024;

/// Characters of a program's name that are kept.
const CLIENT_NAME: usize = 64;

/// All of it.
pub(super) fn routes() -> Router<Arc<Parts>> {
    let mut router = Router::new();
    for home in ["", TAGGED] {
        router = router.route(&format!("{home}/api/{{*path}}"), any(serve));
    }
    router.layer(Extension(Arc::<Limits>::default()))
}

async fn serve(
    State(parts): State<Arc<Parts>>,
    Extension(asker): Extension<Asker>,
    Extension(limits): Extension<Arc<Limits>>,
    request: Request,
) -> Response {
    let from = parts.visitor(&asker, request.headers());
    let mut standing = None;
    let mut answer = match answered(&parts, from, &limits, &mut standing, request).await {
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
    limits: &Limits,
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
    let asked = request::read(route, named, &head, body).await?;
    let counts = home.counts();
    let answer = match by {
        Some(actor) => home.request(actor, of_session(asked, actor)).await,
        None => enter(&home, asked, from, &head.headers).await,
    };
    match &answer {
        Ok(_) => counts.answered(),
        Err(refused) => counts.refused(refused.code()),
    }
    Ok(answer::write(route, &answer?)?)
}

/// What of an address is below `/api/`.
fn below(path: &str) -> &str {
    path.split_once("/api/").map_or("", |(_, below)| below)
}

fn no_method(asked: &Method, methods: &[&'static str]) -> Response {
    let allowed = methods.join(", ");
    if *asked == Method::OPTIONS {
        return (StatusCode::NO_CONTENT, [(ALLOW, allowed)]).into_response();
    }
    let words = format!("this address takes {allowed}");
    let problem = Problem::of(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::Unsupported, &words);
    ([(ALLOW, allowed)], problem).into_response()
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
    let actor = match bearer(headers) {
        // Whoever shows nothing good is counted by their address, so that nobody tries one token after the other.
        Ok(token) => home.bearer(token, from).inspect_err(|_| {
            *standing = limits.admit_address(from, rate, now).ok();
        })?,
        Err(problem) => {
            *standing = Some(limits.admit_address(from, rate, now)?);
            return Err(problem);
        }
    };
    if let Actor::Account { user, origin, .. } = actor {
        *standing = Some(limits.admit_account(user, origin.way, rate, now)?);
    }
    Ok(Some(actor))
}

/// The token of a request (RFC 6750, section 2.1). It stands in no address and in no cookie, so no other page can have a
/// browser send it.
fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let shown = match (all.next(), all.next()) {
        (Some(shown), None) => shown.to_str().ok(),
        (Some(_), Some(_)) => return Err(Problem::malformed("only one token can be shown with a request")),
        (None, _) => None,
    };
    let token = shown.and_then(|shown| {
        let (scheme, token) = shown.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    let token = token.filter(|token| !token.is_empty()).ok_or_else(Problem::nobody)?;
    if token.len() > LONGEST_TOKEN {
        let code = ErrorCode::TokenInvalid;
        return Err(Problem::of(StatusCode::UNAUTHORIZED, code, code.sentence()));
    }
    Ok(token)
}

/// To log out is to end the session whose token is shown; an API key has none.
fn of_session(asked: Body, actor: Actor) -> Body {
    match (asked, actor) {
        (Body::LogOut(_), Actor::Account { origin, .. }) => match origin.way {
            Way::Session(session) => Body::EndDevice(wire::EndDevice { session: session.0 }),
            _ => Body::LogOut(wire::LogOut {}),
        },
        (asked, _) => asked,
    }
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
    let visitor = Visitor { from, client: &client, exported: None, room: &Unseated };
    Ok(match home.enter(&entry, visitor).await? {
        Entered::Answer(answer) => answer,
        Entered::Proven(proven) => response::Body::LoggedIn(proven.logged_in()),
    })
}
