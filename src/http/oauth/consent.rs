//! A program sends somebody here, who is asked whether it may, and is sent back with the answer.
//!
//! No cookie says who that is, so a page of another origin can decide nothing for them: they show their password, or the
//! page's own script shows the session that it keeps. The page can't be framed, and its form leads here and to the
//! program's address alone.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::answer::{Asked, form};
use super::given::{Given, is_own_page};
use super::page::{More, Question, html};
use super::words::{Words, whole};
use crate::account::{Allowed, Consent};
use crate::auth::oauth::{Form, OAuthError, Prompt, Refusal, form_target, with_parameters};
use crate::http::page::in_html;
use crate::http::parts::{Asker, Parts};

/// What somebody is asked by a request.
fn question<'a>(words: &'static Words, query: &'a str, consent: &'a Consent) -> Question<'a> {
    Question {
        words,
        program: &consent.program,
        scopes: consent.asked.scopes,
        target: form_target(&consent.asked.redirect_uri),
        hidden: ("query", query),
        log_in: false,
    }
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
    match read.and_then(|form| asked.accounts.read_consent(&form, &asked.issuer, asked.from)) {
        Ok(consent) => {
            let session = consent.asked.prompt != Prompt::LogIn;
            let silently = consent.silent;
            let name = consent.asked.login_hint.clone();
            question(words, query, &consent).page(&More { name: &name, session, silently, ..More::default() })
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
    let consent = match read.and_then(|form| asked.accounts.read_consent(&form, &asked.issuer, asked.from)) {
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
    let gate = asked.gate();
    let outcome = asked.accounts.allow(consent, shown.shows(), silently, asked.visitor(&gate)).await;
    let question = question(words, query, consent);
    match outcome {
        Ok(Allowed::Code(code)) => {
            let more = [("code", code.as_str())];
            back(&asked.issuer, &consent.asked.redirect_uri, consent.asked.state.as_deref(), &more)
        }
        Ok(Allowed::Ask) => {
            question.page(&More { name: &shown.proof.name, session: true, ..More::default() })
        }
        Ok(Allowed::LogIn) => question.log_in(&shown),
        Err(error) => question.again(&shown, &error),
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
            // What is the author's affair is quoted for them, in the language of the standard.
            let (whom, why) = match words.unanswered(&error) {
                Some(why) => (String::new(), why.to_owned()),
                None => (format!("<p>{}</p>", words.back), whole(&error.to_string())),
            };
            let body = format!(
                "<h1>{}</h1>{whom}<p class=\"problem\" role=\"alert\">{}</p>",
                words.refused,
                in_html(&why)
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
