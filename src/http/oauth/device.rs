//! Somebody types the code that a device shows, and allows it what it asks for (RFC 8628, section 3.3).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::answer::{Asked, form};
use super::given::{Given, is_own_page};
use super::page::{More, Question, html};
use super::words::Words;
use crate::account::{AccountError, DeviceConsent};
use crate::auth::oauth::Form;
use crate::http::page::in_html;
use crate::http::parts::{Asker, Parts};
use crate::protocol::ErrorCode;

/// The page on which the code is typed, or, with one, what its device asks for.
pub(super) async fn ask(
    State(parts): State<Arc<Parts>>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let asked = match Asked::of_person(&parts, &asker, &uri, &headers).await {
        Ok(asked) => asked,
        Err(error) => return error.into_response(),
    };
    let words = Words::of(&headers);
    let given = Form::parse(uri.query().unwrap_or_default().as_bytes()).ok();
    match given.as_ref().and_then(|form| form.get("user_code")) {
        None => code_page(words, "", "", StatusCode::OK),
        // Another site's page sent them here, or shows this as a picture or a frame: wrong codes would be counted as failed
        // log-ins of its visitor. They look at the code, and go on by themselves.
        Some(code) if !is_own_page(&headers) => code_page(words, code, "", StatusCode::OK),
        Some(code) => match asked.accounts.read_device(code, asked.from) {
            Ok(consent) => question(words, &consent, &consent.code.to_string()).page(&known()),
            Err(error) => wrong(words, &error),
        },
    }
}

/// What they say to it.
pub(super) async fn decide(
    State(parts): State<Arc<Parts>>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let words = Words::of(&headers);
    let asked = match Asked::of_person(&parts, &asker, &uri, &headers).await {
        Ok(asked) => asked,
        Err(error) => return error.into_response(),
    };
    if !is_own_page(&headers) {
        return (StatusCode::FORBIDDEN, "a page of another origin decides nothing here\n").into_response();
    }
    let Ok(form) = form(&headers, &body) else { return code_page(words, "", "", StatusCode::BAD_REQUEST) };
    let consent = match asked.accounts.read_device(form.get("user_code").unwrap_or_default(), asked.from) {
        Ok(consent) => consent,
        Err(error) => return wrong(words, &error),
    };
    let given = Given::of(&form);
    let code = consent.code.to_string();
    let question = question(words, &consent, &code);
    let gate = asked.gate();
    let outcome = match form.get("decision") {
        Some("allow") => asked.accounts.allow_device(&consent, given.shows(), asked.visitor(&gate)).await,
        // The page's script asks whether it was allowed before; a device is always asked for.
        Some("silent") => return question.page(&known()),
        _ => asked.accounts.deny_device(&consent),
    };
    match outcome {
        Ok(()) => {
            let said = if form.get("decision") == Some("allow") {
                words.device_allowed
            } else {
                words.device_denied
            };
            html(words, "Parlour", &format!("<h1>{said}</h1>"), None, StatusCode::OK)
        }
        Err(error) if error.code() == ErrorCode::CodeInvalid => wrong(words, &error),
        Err(error) => question.again(&given, &error),
    }
}

/// What somebody is asked by a device.
fn question<'a>(words: &'static Words, consent: &'a DeviceConsent, code: &'a str) -> Question<'a> {
    Question {
        words,
        program: &consent.program,
        scopes: consent.scopes,
        target: None,
        hidden: ("user_code", code),
        log_in: consent.is_log_in(),
    }
}

/// Whoever is logged in on the page needs no password.
fn known() -> More<'static> {
    More { session: true, ..More::default() }
}

fn wrong(words: &'static Words, error: &AccountError) -> Response {
    let problem = match error.code() {
        ErrorCode::CodeInvalid => words.device_unknown.to_owned(),
        _ => words.refusal(error),
    };
    code_page(words, "", &problem, StatusCode::BAD_REQUEST)
}

fn code_page(words: &'static Words, code: &str, problem: &str, status: StatusCode) -> Response {
    let body = format!(
        "<h1>{title}</h1><p class=\"problem\" role=\"alert\">{problem}</p>\
         <form method=\"get\"><div class=\"field\"><label for=\"user_code\">{label}</label>\
         <input id=\"user_code\" name=\"user_code\" value=\"{code}\" autocomplete=\"off\" autocapitalize=\"characters\" spellcheck=\"false\" required></div>\
         <button class=\"primary\">{on}</button></form>",
        title = words.device,
        code = in_html(code),
        problem = in_html(problem),
        label = words.device_code,
        on = words.go_on,
    );
    html(words, words.device, &body, None, status)
}
