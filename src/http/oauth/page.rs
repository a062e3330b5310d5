//! The pages that people see whom a program sends here, each with a policy of its own.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::given::Given;
use super::words::Words;
use crate::account::AccountError;
use crate::auth::oauth::Scopes;
use crate::http::page::{DIRECTORY, in_html};

/// What somebody is asked.
pub(super) struct Question<'a> {
    pub(super) words: &'static Words,
    /// What the program is called.
    pub(super) program: &'a str,
    /// What it asks for.
    pub(super) scopes: Scopes,
    /// Where the form's answer leads, as a policy says it; nothing where it stays here.
    pub(super) target: Option<String>,
    /// What the form says again of the request.
    pub(super) hidden: (&'static str, &'a str),
    /// Whether a device is to be logged in, which may then do whatever the person may.
    pub(super) log_in: bool,
}

/// What differs between the first time that the page is shown and the next ones.
#[derive(Default)]
pub(super) struct More<'a> {
    /// What is wrong; empty for nothing.
    pub(super) problem: String,
    pub(super) name: &'a str,
    /// Whether the session that the page keeps may be shown.
    pub(super) session: bool,
    /// Whether it is to be shown at once, to find out whether the program was allowed all of it before.
    pub(super) silently: bool,
}

impl Question<'_> {
    /// The page that asks.
    pub(super) fn page(&self, more: &More<'_>) -> Response {
        let status = if more.problem.is_empty() { StatusCode::OK } else { StatusCode::FORBIDDEN };
        html(self.words, self.program, &body(self, more), self.target.as_deref(), status)
    }

    /// The same to whoever has to log in: the session has ended, or isn't enough.
    pub(super) fn log_in(&self, given: &Given) -> Response {
        self.page(&More { name: &given.proof.name, ..More::default() })
    }

    /// The same once more, since what they gave isn't enough.
    pub(super) fn again(&self, given: &Given, error: &AccountError) -> Response {
        if matches!(error, AccountError::TokenInvalid) {
            return self.log_in(given);
        }
        let problem = self.words.refusal(error);
        let more = More { problem, name: &given.proof.name, session: given.token.is_some(), silently: false };
        let mut answer = self.page(&more);
        let after = error.retry_after().as_secs();
        if after > 0 {
            answer.headers_mut().insert(RETRY_AFTER, after.into());
        }
        answer
    }
}

/// What is on the page.
fn body(question: &Question<'_>, more: &More<'_>) -> String {
    let (words, scopes, (hidden, again)) = (question.words, question.scopes, question.hidden);
    let (before, after) = if question.log_in { words.logs_in } else { words.asks };
    let take_back = if question.log_in { words.log_in_ends } else { words.take_back };
    let program = in_html(question.program);
    let list = |title: &str, lines: &[&str]| match lines {
        [] => String::new(),
        lines => {
            let lines: Vec<_> = lines.iter().map(|line| format!("<li>{}</li>", in_html(line))).collect();
            format!("<p>{title}</p><ul class=\"scopes\">{}</ul>", lines.concat())
        }
    };
    let yes = |it: bool| if it { "yes" } else { "no" };
    let back = question.target.as_deref().map_or_else(String::new, |to| {
        format!("<p class=\"hint\">{} <b>{}</b>.</p>", words.comes_back, in_html(to))
    });
    format!(
        "<h1>{before}<b>{program}</b>{after}</h1>{learns}{may}\
         {back}\
         <p class=\"problem\" role=\"alert\">{problem}</p>\
         <form method=\"post\" id=\"consent\" data-session=\"{session}\" data-silent=\"{silently}\">\
         <input type=\"hidden\" name=\"{hidden}\" value=\"{again}\">\
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
        may = if question.log_in {
            format!("<p>{}</p>", words.log_in_may)
        } else {
            list(words.may, &words.permissions(scopes))
        },
        problem = in_html(&more.problem),
        session = yes(more.session),
        silently = yes(more.silently),
        again = in_html(again),
        as_you = words.as_you,
        other = words.other,
        name_label = words.name,
        name = in_html(more.name),
        password_label = words.password,
        code_label = words.code,
        allow = words.allow,
        deny = words.deny,
    )
}

/// A page with a policy of its own, for its form.
pub(super) fn html(
    words: &'static Words,
    title: &str,
    body: &str,
    target: Option<&str>,
    status: StatusCode,
) -> Response {
    scripted("consent.js", words, title, body, target, status)
}

/// The same, with this script of the page's.
pub(in crate::http) fn scripted(
    script: &str,
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
         <script type=\"module\" src=\"{DIRECTORY}/{script}\"></script></head>\
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
