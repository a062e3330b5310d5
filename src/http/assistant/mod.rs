//! The assistant's door (docs/assistant.md): what an administrator's assistant asks the server by the Model Context Protocol, for whoever
//! allowed it. It is at `/mcp` below the address of each organization's page, and isn't there unless the machine's owner wants it.
//!
//! Each request is a message of its own, shows its token, and is answered by one: there is no session, no stream, and nothing that
//! anybody could hold open. Nothing is decided here: a tool is an operation, asked for as any other program asks.

mod message;
mod metadata;
mod tools;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Extension, Request, State};
use axum::http::header::{ACCEPT, ALLOW, CONTENT_TYPE, ORIGIN, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use serde_json::{Value, json};

use super::api::{Limits, Problem, Standing, admit_pages, bearer, is_allowed};
use super::home::TAGGED;
use super::oauth::Asked;
use super::parts::{Asker, Parts};
use crate::account::Assistant;
use crate::auth::oauth::Scopes;
use crate::control::Actor;
use crate::protocol::{ErrorCode, MAX_REQUEST};
use message::{BEFORE, Era, Fault, Message, NO_REQUEST, REVISION};
use metadata::{WELL_KNOWN, challenge};
use tools::Called;

/// Milliseconds for which a client needn't ask again which tools there are: what its person may may be another soon.
const KNOWN: u32 = 60_000;

/// All of it, within what programs ask at once; nothing where the machine's owner doesn't want it.
pub(super) fn routes(parts: &Arc<Parts>, limits: &Arc<Limits>) -> Router<Arc<Parts>> {
    let mut router = Router::new();
    if !parts.assistant {
        return router;
    }
    for home in ["", TAGGED] {
        router = router
            .route(&format!("{home}/mcp"), any(serve))
            .route(&format!("{WELL_KNOWN}{home}/mcp"), get(metadata::resource));
    }
    router
        .layer(Extension(Arc::clone(limits)))
        .layer(middleware::from_fn_with_state(Arc::clone(parts), admit_pages))
}

async fn serve(
    State(parts): State<Arc<Parts>>,
    Extension(asker): Extension<Asker>,
    Extension(limits): Extension<Arc<Limits>>,
    request: Request,
) -> Response {
    let asked = match Asked::of(&parts, &asker, request.uri(), request.headers()).await {
        Ok(asked) => asked,
        Err(error) => return error.into_response(),
    };
    let mut standing = None;
    let outcome = answered(&parts, &asked, &limits, &mut standing, request).await;
    let mut answer = outcome.unwrap_or_else(|refusal| refusal.into_response(&asked.issuer));
    if let Some(standing) = standing {
        standing.tell(answer.headers_mut());
    }
    answer
}

/// Why there is no answer.
enum Refusal {
    /// Of the request in HTTP.
    Problem(Problem),
    /// Of the message in it.
    Fault(Fault),
    /// The token lacks something.
    Lacks(Scopes),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Refusal {
    fn into_response(self, issuer: &str) -> Response {
        match self {
            Self::Fault(fault) => fault.into_response(),
            Self::Problem(problem) => {
                let error = (problem.code() == ErrorCode::TokenInvalid).then_some("invalid_token");
                let answer = problem.into_response();
                match answer.status() {
                    StatusCode::UNAUTHORIZED => with_challenge(answer, challenge(issuer, error, None)),
                    _ => answer,
                }
            }
            Self::Lacks(scopes) => {
                let words = "the assistant's token doesn't allow this; its person has to allow more";
                let problem = Problem::of(StatusCode::FORBIDDEN, ErrorCode::Forbidden, words);
                let said = challenge(issuer, Some("insufficient_scope"), Some(scopes));
                with_challenge(problem.into_response(), said)
            }
        }
    }
}

fn with_challenge(mut answer: Response, said: Option<HeaderValue>) -> Response {
    if let Some(said) = said {
        answer.headers_mut().insert(WWW_AUTHENTICATE, said);
    }
    answer
}

async fn answered(
    parts: &Parts,
    asked: &Asked,
    limits: &Limits,
    standing: &mut Option<Standing>,
    request: Request,
) -> Result<Response, Refusal> {
    let (head, body) = request.into_parts();
    if !may_ask(&head.headers, asked, parts) {
        let words = "a page of another origin asks; list it in web.api_origins, if it is yours";
        return Err(Fault::of(StatusCode::FORBIDDEN, NO_REQUEST, words).into());
    }
    match head.method {
        Method::POST => (),
        Method::OPTIONS => return Ok((StatusCode::NO_CONTENT, [(ALLOW, "POST")]).into_response()),
        _ => {
            let words = "messages are posted, one at a time; there is no stream to open";
            let fault = Fault::of(StatusCode::METHOD_NOT_ALLOWED, NO_REQUEST, words);
            return Ok(([(ALLOW, "POST")], fault).into_response());
        }
    }
    let (actor, assistant) = admit(parts, asked, limits, (asked.from, &head.headers), standing)?;
    let body = body_of(&head.headers, body).await?;
    let request = match Message::read(&head.headers, &body)? {
        Message::Request(request) => request,
        Message::Notification => return Ok(StatusCode::ACCEPTED.into_response()),
    };
    let home = &asked.handle;
    let mut result = match (request.method.as_str(), request.era) {
        ("initialize", Era::Before) => greeting(),
        ("ping", Era::Before) => json!({}),
        ("server/discover", Era::Now) => json!({
            "supportedVersions": [REVISION, BEFORE],
            "capabilities": { "tools": {} },
            "serverInfo": message::server(),
            "instructions": tools::INSTRUCTIONS,
        }),
        ("tools/list", _) if request.parameters.contains_key("cursor") => {
            return Err(request.unfit("all tools are in one list; leave `cursor` out").into());
        }
        ("tools/list", _) => tools::list(home, actor).await.map_err(Problem::from)?,
        ("tools/call", _) => {
            let (operation, arguments) = tools::named(&request).map_err(|words| request.unfit(&words))?;
            match tools::call(home, actor, assistant, operation, arguments).await.map_err(Problem::from)? {
                Called::Answer(result) => result,
                Called::Lacks(scopes) => return Err(Refusal::Lacks(scopes)),
            }
        }
        _ => return Err(request.unknown().into()),
    };
    if request.era == Era::Now && matches!(request.method.as_str(), "server/discover" | "tools/list") {
        result["ttlMs"] = KNOWN.into();
        result["cacheScope"] = "private".into();
    }
    Ok(request.answer(result))
}

/// What a client is told that greets. It goes on with what it is told, whatever it wanted.
fn greeting() -> Value {
    json!({
        "protocolVersion": BEFORE,
        "capabilities": { "tools": {} },
        "serverInfo": message::server(),
        "instructions": tools::INSTRUCTIONS,
    })
}

/// Whether no page asks, or one of this server's own address, or one that the machine's owner listed. What is asked of a name that
/// leads here and isn't this server's is a page of another origin: its address is told by the settings, and not by the request.
fn may_ask(headers: &HeaderMap, asked: &Asked, parts: &Parts) -> bool {
    let own = asked.issuer.split_once("/+").map_or(asked.issuer.as_str(), |(page, _)| page);
    headers.get(ORIGIN).is_none_or(|origin| origin.as_bytes() == own.as_bytes() || is_allowed(origin, parts))
}

/// For whom the assistant asks, within what it may ask at once.
fn admit(
    parts: &Parts,
    asked: &Asked,
    limits: &Limits,
    (from, headers): (IpAddr, &HeaderMap),
    standing: &mut Option<Standing>,
) -> Result<(Actor, Assistant), Problem> {
    let (rate, now) = (parts.requests, asked.handle.clock().monotonic());
    let token = match bearer(headers) {
        Ok(token) => token,
        Err(problem) => {
            *standing = Some(limits.admit_address(from, rate, now)?);
            return Err(match problem.code() {
                ErrorCode::Unexpected => nobody(),
                _ => problem,
            });
        }
    };
    let mut found = None;
    let look = || {
        let (actor, assistant) = asked.handle.assistant(token, &asked.issuer, from)?;
        found = Some(assistant);
        Ok(actor)
    };
    let actor = limits.admit_bearer((token, from), rate, now, standing, look)?;
    let assistant = found.ok_or_else(nobody)?;
    Ok((actor, assistant))
}

/// Nobody asks: no token was shown.
fn nobody() -> Problem {
    let words = "show who asks: `Authorization: Bearer` with an access token of OAuth 2 that is for this address (docs/assistant.md)";
    Problem::of(StatusCode::UNAUTHORIZED, ErrorCode::Unexpected, words)
}

/// The bytes of a message.
async fn body_of(headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Problem> {
    let said = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = said(CONTENT_TYPE).split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let words = "a message is JSON, and said to be: `Content-Type: application/json`";
        return Err(Problem::of(StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::Unsupported, words));
    }
    let takes = |range: &str| {
        let range = range.split(';').next().unwrap_or_default().trim();
        ["application/json", "application/*", "*/*"].iter().any(|one| range.eq_ignore_ascii_case(one))
    };
    if !said(ACCEPT).is_empty() && !said(ACCEPT).split(',').any(takes) {
        let words = "answers are JSON; say that you take it: `Accept: application/json, text/event-stream`";
        return Err(Problem::of(StatusCode::NOT_ACCEPTABLE, ErrorCode::Unsupported, words));
    }
    let bytes = to_bytes(body, MAX_REQUEST).await.map_err(|_| {
        let words = format!("the message has more than {MAX_REQUEST} bytes, or it ended too early");
        Problem::of(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::TooLarge, &words)
    })?;
    Ok(bytes.to_vec())
}
