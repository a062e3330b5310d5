//! A program sends somebody here, who is asked whether it may, and is sent back with the answer.
//!
//! No cookie says who that is, so a page of another origin can decide nothing for them: they show their password, or the
//! page's own script shows the session that it keeps. The page can't be framed, and its form leads here and to the
//! program's address alone.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::header::{CACHE_CONTROL, LOCATION, RETRY_AFTER};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;

use super::answer::{Asked, form};
use super::page::{Look, consent_page, html};
use super::words::Words;
use crate::account::{AccountError, Allowed, Consent, Shows};
use crate::auth::oauth::{Form, OAuthError, Prompt, Refusal, form_target, with_parameters};
use crate::http::headers::is_same_origin;
use crate::http::page::in_html;
use crate::http::parts::{Asker, Parts};
use crate::protocol::wire;

/// What somebody gives who decides.
pub(super) struct Given {
    pub(super) proof: wire::LogInPassword,
    /// The token of the session that the page keeps.
    pub(super) token: Option<Vec<u8>>,
}

impl Given {
    pub(super) fn of(form: &Form) -> Self {
        let text = |name| form.get(name).unwrap_or_default().to_owned();
        let proof = wire::LogInPassword {
            name: text("name"),
            password: text("password"),
            code: text("code").trim().to_owned(),
            ..wire::LogInPassword::default()
        };
        let token = form.get("session").map(|text| BASE64.decode(text.as_bytes()).unwrap_or_default());
        Self { proof, token }
    }

    pub(super) fn shows(&self) -> Shows<'_> {
        self.token.as_deref().map_or(Shows::Password(&self.proof), Shows::Session)
    }
}

/// Whether a form comes from a page of this server, or from no page at all.
pub(super) fn is_own_page(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
    is_same_origin(headers) && site.is_none_or(|site| site == "same-origin")
}

/// What differs between the first time that the page is shown and the next ones.
#[derive(Default)]
struct More<'a> {
    problem: String,
    name: &'a str,
    session: bool,
    silently: bool,
}

/// The page that asks what a request asks for.
fn page(
    words: &'static Words,
    query: &str,
    consent: &Consent,
    more: More<'_>,
    status: StatusCode,
) -> Response {
    let target = form_target(&consent.asked.redirect_uri);
    let More { problem, name, session, silently } = more;
    let look = Look {
        words,
        program: &consent.program,
        scopes: consent.asked.scopes,
        target: target.as_deref(),
        hidden: ("query", query),
        problem,
        name,
        session,
        silently,
    };
    consent_page(&look, status)
}

/// The program's request: shown to the person.
pub(super) async fn ask(
    State(parts): State<Arc<Parts>>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    match Asked::of(&parts, &asker, &uri, &headers).await {
        Ok(asked) => show(&asked, &headers, uri.query().unwrap_or_default()),
        Err(error) => error.into_response(),
    }
}

/// A request for the first time.
fn show(asked: &Asked, headers: &HeaderMap, query: &str) -> Response {
    let words = Words::of(headers);
    let read = Form::parse(query.as_bytes()).map_err(Refusal::Person);
    match read.and_then(|form| asked.accounts.read_consent(&form, asked.from)) {
        Ok(consent) => {
            let session = consent.asked.prompt != Prompt::LogIn;
            let silently = session && consent.asked.prompt == Prompt::Needed;
            let name = consent.asked.login_hint.clone();
            let more = More { name: &name, session, silently, ..More::default() };
            page(words, query, &consent, more, StatusCode::OK)
        }
        Err(refusal) => refused(words, &asked.issuer, refusal),
    }
}

/// The person's answer; or a request that a program sends by a form (OpenID Connect Core 1.0, section 3.1.2.1).
pub(super) async fn decide(
    State(parts): State<Arc<Parts>>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let words = Words::of(&headers);
    let asked = match Asked::of(&parts, &asker, &uri, &headers).await {
        Ok(asked) => asked,
        Err(error) => return error.into_response(),
    };
    let given = match form(&headers, &body) {
        Ok(form) => form,
        Err(error) => return refused(words, &asked.issuer, Refusal::Person(error)),
    };
    let Some(decision) = given.get("decision") else {
        return show(&asked, &headers, &String::from_utf8_lossy(&body));
    };
    if !is_own_page(&headers) {
        return (StatusCode::FORBIDDEN, "a page of another origin decides nothing here\n").into_response();
    }
    let query = given.get("query").unwrap_or_default();
    let read = Form::parse(query.as_bytes()).map_err(Refusal::Person);
    let consent = match read.and_then(|form| asked.accounts.read_consent(&form, asked.from)) {
        Ok(consent) => consent,
        Err(refusal) => return refused(words, &asked.issuer, refusal),
    };
    match decision {
        "allow" | "silent" => allow(&asked, words, query, &given, &consent).await,
        _ => refused(words, &asked.issuer, told(&consent, OAuthError::Denied)),
    }
}

async fn allow(
    asked: &Asked,
    words: &'static Words,
    query: &str,
    given: &Form,
    consent: &Consent,
) -> Response {
    let shown = Given::of(given);
    let silently = given.get("decision") == Some("silent");
    let outcome = asked.accounts.allow(consent, shown.shows(), silently, asked.from).await;
    let name = shown.proof.name.as_str();
    let again = |session| More { name, session, ..More::default() };
    match outcome {
        Ok(Allowed::Code(code)) => {
            let more = [("code", code.as_str())];
            back(&asked.issuer, &consent.asked.redirect_uri, consent.asked.state.as_deref(), &more)
        }
        Ok(Allowed::Ask) => page(words, query, consent, again(true), StatusCode::OK),
        // The session has ended, or isn't enough: they log in.
        Ok(Allowed::LogIn) | Err(AccountError::TokenInvalid) => {
            page(words, query, consent, again(false), StatusCode::OK)
        }
        Err(error) => {
            let more = More { problem: words.refusal(&error), ..again(shown.token.is_some()) };
            let mut answer = page(words, query, consent, more, StatusCode::FORBIDDEN);
            let after = error.retry_after().as_secs();
            if after > 0 {
                answer.headers_mut().insert(RETRY_AFTER, after.into());
            }
            answer
        }
    }
}

fn told(consent: &Consent, error: OAuthError) -> Refusal {
    let (redirect_uri, state) = (consent.asked.redirect_uri.clone(), consent.asked.state.clone());
    Refusal::Client { redirect_uri, state, error }
}

/// Sends the person back to the program: with the issuer, so that no other server's answer is taken for this one's
/// (RFC 9207).
fn back(issuer: &str, redirect_uri: &str, state: Option<&str>, more: &[(&str, &str)]) -> Response {
    let mut parameters = more.to_vec();
    parameters.extend(state.map(|state| ("state", state)));
    parameters.push(("iss", issuer));
    let to = with_parameters(redirect_uri, &parameters);
    // What is posted here isn't posted on (RFC 9700, section 4.12).
    (StatusCode::SEE_OTHER, [(LOCATION, to)], [(CACHE_CONTROL, "no-store")]).into_response()
}

/// Tells the program, or the person, that a request is refused.
fn refused(words: &'static Words, issuer: &str, refusal: Refusal) -> Response {
    match refusal {
        Refusal::Client { redirect_uri, state, error } => {
            let description = error.to_string();
            let more = [("error", error.code()), ("error_description", description.as_str())];
            back(issuer, &redirect_uri, state.as_deref(), &more)
        }
        Refusal::Person(error) => {
            let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
            // There is nobody to be asked for a password by the browser itself.
            let status = if status == StatusCode::UNAUTHORIZED { StatusCode::BAD_REQUEST } else { status };
            let body = format!(
                "<h1>{}</h1><p>{}</p><p class=\"problem\" role=\"alert\">{}</p>",
                words.refused,
                words.back,
                in_html(&error.to_string())
            );
            html(words, words.refused, &body, None, status)
        }
    }
}

/// Somebody comes from a program that they log out of.
pub(super) async fn log_out(
    State(parts): State<Arc<Parts>>,
    Extension(asker): Extension<Asker>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let words = Words::of(&headers);
    let asked = match Asked::of(&parts, &asker, &uri, &headers).await {
        Ok(asked) => asked,
        Err(error) => return error.into_response(),
    };
    let given = match method {
        Method::POST => form(&headers, &body),
        _ => Form::parse(uri.query().unwrap_or_default().as_bytes()),
    };
    let outcome = match &given {
        Ok(form) => asked.accounts.oauth_log_out(form, &asked.issuer, asked.from).await,
        Err(error) => Err(error.clone()),
    };
    match outcome {
        Ok((_, Some(to))) => {
            let state = given.as_ref().ok().and_then(|form| form.get("state"));
            let parameters: Vec<_> = state.map(|state| ("state", state)).into_iter().collect();
            let to = if parameters.is_empty() { to } else { with_parameters(&to, &parameters) };
            (StatusCode::SEE_OTHER, [(LOCATION, to)], [(CACHE_CONTROL, "no-store")]).into_response()
        }
        Ok((program, None)) => {
            let (before, after) = words.logged_out;
            let said = match program {
                Some(program) => format!("{before}{}{after}", in_html(&program)),
                None => words.nothing_to_log_out.to_owned(),
            };
            html(words, "Parlour", &format!("<h1>{said}</h1>"), None, StatusCode::OK)
        }
        Err(error) => refused(words, &asked.issuer, Refusal::Person(error)),
    }
}
