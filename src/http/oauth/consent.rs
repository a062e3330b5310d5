//! A program sends somebody here, who is asked whether it may, and is sent back with the answer.
//!
//! No cookie says who that is, so a page of another origin can decide nothing for them: they show their password, or the
//! page's own script shows the session that it keeps. The page can't be framed, and its form leads here and to the
//! program's address alone.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, RETRY_AFTER,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;

use super::answer::{Asked, form};
use super::words::Words;
use crate::account::{AccountError, Allowed, Consent, Shows};
use crate::auth::oauth::{Form, OAuthError, Prompt, Refusal, form_target, with_parameters};
use crate::http::headers::is_same_origin;
use crate::http::page::{DIRECTORY, in_html};
use crate::http::parts::{Asker, Parts};
use crate::protocol::wire;

/// What the page is to look like.
struct Look<'a> {
    words: &'static Words,
    /// The request, as it came.
    query: &'a str,
    /// What is wrong; empty for nothing.
    problem: String,
    name: &'a str,
    /// Whether the session that the page keeps may be shown.
    session: bool,
    /// Whether it is to be shown at once, to find out whether the program was allowed all of it before.
    silently: bool,
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
            let look = Look { words, query, problem: String::new(), name: &name, session, silently };
            page(&consent, &look, StatusCode::OK)
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
    let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
    if !is_same_origin(&headers) || site.is_some_and(|site| site != "same-origin") {
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
    let text = |name| given.get(name).unwrap_or_default().to_owned();
    let proof = wire::LogInPassword {
        name: text("name"),
        password: text("password"),
        code: text("code").trim().to_owned(),
        ..wire::LogInPassword::default()
    };
    let token = given.get("session").map(|text| BASE64.decode(text.as_bytes()).unwrap_or_default());
    let shows = token.as_deref().map_or(Shows::Password(&proof), Shows::Session);
    let silently = given.get("decision") == Some("silent");
    let outcome = asked.accounts.allow(consent, shows, silently, asked.from).await;
    let look =
        Look { words, query, problem: String::new(), name: &proof.name, session: true, silently: false };
    match outcome {
        Ok(Allowed::Code(code)) => {
            let more = [("code", code.as_str())];
            back(&asked.issuer, &consent.asked.redirect_uri, consent.asked.state.as_deref(), &more)
        }
        Ok(Allowed::Ask) => page(consent, &look, StatusCode::OK),
        // The session has ended, or isn't enough: they log in.
        Ok(Allowed::LogIn) | Err(AccountError::TokenInvalid) => {
            page(consent, &Look { session: false, ..look }, StatusCode::OK)
        }
        Err(error) => {
            let session = matches!(shows, Shows::Session(_));
            let mut answer = page(
                consent,
                &Look { problem: words.refusal(&error), session, ..look },
                StatusCode::FORBIDDEN,
            );
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

/// The page that asks.
fn page(consent: &Consent, look: &Look<'_>, status: StatusCode) -> Response {
    let (words, scopes) = (look.words, consent.asked.scopes);
    let (before, after) = words.asks;
    let program = in_html(&consent.program);
    let list = |title: &str, lines: &[&str]| match lines {
        [] => String::new(),
        lines => {
            let lines: Vec<_> = lines.iter().map(|line| format!("<li>{}</li>", in_html(line))).collect();
            format!("<p>{title}</p><ul class=\"scopes\">{}</ul>", lines.concat())
        }
    };
    let yes = |it: bool| if it { "yes" } else { "no" };
    let target = form_target(&consent.asked.redirect_uri);
    let body = format!(
        "<h1>{before}<b>{program}</b>{after}</h1>{learns}{may}\
         <p class=\"hint\">{comes_back} <b>{to}</b>.</p>\
         <p class=\"problem\" role=\"alert\">{problem}</p>\
         <form method=\"post\" id=\"consent\" data-session=\"{session}\" data-silent=\"{silently}\">\
         <input type=\"hidden\" name=\"query\" value=\"{query}\">\
         <input type=\"hidden\" name=\"session\" id=\"session\" value=\"\">\
         <p id=\"known\" hidden>{as_you} <b id=\"who\"></b>. <button type=\"button\" class=\"link\" id=\"other\">{other}</button></p>\
         <fieldset id=\"log-in\">\
         <div class=\"field\"><label for=\"name\">{name_label}</label><input id=\"name\" name=\"name\" autocomplete=\"username\" autocapitalize=\"none\" spellcheck=\"false\" required value=\"{name}\"></div>\
         <div class=\"field\"><label for=\"password\">{password_label}</label><input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required></div>\
         <div class=\"field\"><label for=\"code\">{code_label}</label><input id=\"code\" name=\"code\" autocomplete=\"one-time-code\" autocapitalize=\"none\" spellcheck=\"false\"></div>\
         </fieldset>\
         <button class=\"primary\" name=\"decision\" value=\"allow\">{allow}</button>\
         <button name=\"decision\" value=\"deny\" formnovalidate>{deny}</button>\
         </form><p class=\"hint\">{take_back}</p>",
        learns = list(words.learns, &words.claims(scopes)),
        may = list(words.may, &Words::permissions(scopes)),
        comes_back = words.comes_back,
        to = in_html(target.as_deref().unwrap_or_default()),
        problem = in_html(&look.problem),
        session = yes(look.session),
        silently = yes(look.silently),
        query = in_html(look.query),
        as_you = words.as_you,
        other = words.other,
        name_label = words.name,
        name = in_html(look.name),
        password_label = words.password,
        code_label = words.code,
        allow = words.allow,
        deny = words.deny,
        take_back = words.take_back,
    );
    html(words, &consent.program, &body, target.as_deref(), status)
}

/// A page with a policy of its own, for its form.
fn html(
    words: &'static Words,
    title: &str,
    body: &str,
    target: Option<&str>,
    status: StatusCode,
) -> Response {
    let (language, title) = (words.language, in_html(title));
    let text = format!(
        "<!doctype html><html lang=\"{language}\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <link rel=\"icon\" href=\"{DIRECTORY}/icon.svg\" type=\"image/svg+xml\">\
         <link rel=\"stylesheet\" href=\"{DIRECTORY}/main.css\">\
         <script type=\"module\" src=\"{DIRECTORY}/consent.js\"></script></head>\
         <body><main class=\"card\" id=\"asked\">{body}</main></body></html>"
    );
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; \
         form-action 'self' {}",
        target.unwrap_or_default()
    );
    let fixed = [(CONTENT_TYPE, "text/html; charset=utf-8"), (CACHE_CONTROL, "no-store")];
    let mut answer = (status, fixed, text).into_response();
    let headers = answer.headers_mut();
    // A target is of letters that end no directive.
    match HeaderValue::from_str(policy.trim_end()) {
        Ok(policy) => headers.insert(CONTENT_SECURITY_POLICY, policy),
        Err(_) => headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'")),
    };
    // Without it a browser says of its own form that it comes from nowhere (Fetch, "append a request `Origin` header").
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    answer
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
