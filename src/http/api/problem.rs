//! What went wrong, as HTTP tells it: a problem (RFC 9457) with the protocol's code and sentence.

use axum::Json;
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::control::Refused;
use crate::id::Timestamp;
use crate::protocol::{ErrorCode, wire};

/// Seconds after which somebody may come again where there is no room, or nothing can be written: how long that lasts isn't known.
pub(in crate::http) const LATER: u64 = 10;

/// Why a request in HTTP was refused. Nothing was changed.
#[derive(Clone, Debug)]
pub(in crate::http) struct Problem {
    status: StatusCode,
    code: ErrorCode,
    detail: String,
    retry_after_ms: u64,
    /// What a person said who keeps the asker out, and until when.
    kept_out: Option<(String, u64)>,
}

impl Problem {
    pub(in crate::http) fn of(status: StatusCode, code: ErrorCode, detail: &str) -> Self {
        Self { status, code, detail: detail.to_owned(), retry_after_ms: 0, kept_out: None }
    }

    pub(in crate::http) fn malformed(detail: &str) -> Self {
        Self::of(StatusCode::BAD_REQUEST, ErrorCode::Malformed, detail)
    }

    /// Nobody asks: no token was shown.
    pub(in crate::http) fn nobody() -> Self {
        let words = "show who asks: `Authorization: Bearer` with an API key, or with an access token from /api/auth/login";
        Self::of(StatusCode::UNAUTHORIZED, ErrorCode::Unexpected, words)
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let code = refused.code();
        let wire::Error { message, retry_after_ms, reason, until_ms, .. } = refused.to_wire();
        let kept_out = (code == ErrorCode::Banned).then_some((reason, until_ms));
        Self { status: status(code), code, detail: message, retry_after_ms, kept_out }
    }
}

impl Problem {
    pub(in crate::http) fn code(&self) -> ErrorCode {
        self.code
    }

    /// As the body of an answer has it.
    pub(in crate::http) fn to_json(&self) -> Value {
        let mut body = json!({
            "type": format!("urn:parlour:error:{}", self.code.name()),
            "title": self.code.sentence(),
            "status": self.status.as_u16(),
            "detail": self.detail,
            "code": self.code.name(),
        });
        if let Some((reason, until)) = &self.kept_out {
            body["reason"] = reason.as_str().into();
            body["until"] = (*until > 0).then(|| Timestamp(*until).to_string()).into();
        }
        body
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let fixed = [(CONTENT_TYPE, "application/problem+json"), (CACHE_CONTROL, "no-store")];
        let mut answer = (self.status, Json(self.to_json())).into_response();
        let headers = answer.headers_mut();
        for (name, value) in fixed {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let wait = match self.retry_after_ms.div_ceil(1_000) {
            0 if self.status == StatusCode::SERVICE_UNAVAILABLE => LATER,
            wait => wait,
        };
        if wait > 0 {
            headers.insert(RETRY_AFTER, wait.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = match self.code {
                ErrorCode::TokenInvalid => "Bearer realm=\"parlour\", error=\"invalid_token\"",
                _ => "Bearer realm=\"parlour\"",
            };
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        answer
    }
}

/// The answer to a method that an address doesn't take; to `OPTIONS`, what it takes.
pub(in crate::http) fn no_method(asked: &Method, methods: &[&'static str]) -> Response {
    let allowed = methods.join(", ");
    if *asked == Method::OPTIONS {
        return (StatusCode::NO_CONTENT, [(ALLOW, allowed)]).into_response();
    }
    let words = format!("this address takes {allowed}");
    let problem = Problem::of(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::Unsupported, &words);
    ([(ALLOW, allowed)], problem).into_response()
}

/// The status that says to HTTP what a code says (RFC 9110, section 15).
pub(in crate::http) fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::Malformed | ErrorCode::Version => StatusCode::BAD_REQUEST,
        ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::LogInFailed
        | ErrorCode::TokenInvalid
        | ErrorCode::SecondFactorNeeded
        | ErrorCode::SecondFactorWrong => StatusCode::UNAUTHORIZED,
        ErrorCode::RateLimited | ErrorCode::TooManyAttempts => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::Busy | ErrorCode::Full | ErrorCode::ReadOnly => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorCode::PluginFailed => StatusCode::BAD_GATEWAY,
        ErrorCode::GuestsRefused
        | ErrorCode::PasswordRefused
        | ErrorCode::ClaimInvalid
        | ErrorCode::Forbidden
        | ErrorCode::InviteInvalid
        | ErrorCode::RegistrationClosed
        | ErrorCode::Banned
        | ErrorCode::CodeInvalid
        | ErrorCode::ChannelPassword
        | ErrorCode::LogInAnew
        | ErrorCode::Outranked => StatusCode::FORBIDDEN,
        ErrorCode::Unsupported
        | ErrorCode::NoSuchChannel
        | ErrorCode::NoSuchSession
        | ErrorCode::NoSuchUser
        | ErrorCode::NoSuchRole
        | ErrorCode::NotFound
        | ErrorCode::NoSuchOrganization => StatusCode::NOT_FOUND,
        ErrorCode::Unexpected
        | ErrorCode::Pending
        | ErrorCode::NameTaken
        | ErrorCode::Cycle
        | ErrorCode::TooDeep
        | ErrorCode::TooMany
        | ErrorCode::ChannelFull
        | ErrorCode::LastOwner
        | ErrorCode::QuotaReached => StatusCode::CONFLICT,
        ErrorCode::Changed => StatusCode::PRECONDITION_FAILED,
        ErrorCode::NameInvalid
        | ErrorCode::TextInvalid
        | ErrorCode::PasswordInvalid
        | ErrorCode::EmailInvalid
        | ErrorCode::TargetInvalid => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_too_early_is_told_when_to_come_again() {
        let told = |refused: Refused| {
            let answer = Problem::from(refused).into_response();
            let wait = answer.headers().get(RETRY_AFTER).map(|wait| wait.to_str().unwrap().to_owned());
            (answer.status().as_u16(), wait)
        };
        let seconds = |wait: u64| Some(wait.to_string());
        assert_eq!(told(Refused::Busy), (503, seconds(1)));
        assert_eq!(told(Refused::ReadOnly), (503, seconds(LATER)));
        assert_eq!(told(Refused::Rejected(ErrorCode::Full, String::new())), (503, seconds(LATER)));
        assert_eq!(told(Refused::RateLimited(std::time::Duration::from_millis(1_500))), (429, seconds(2)));
        // No time makes room where there are as many as there can be.
        assert_eq!(told(Refused::Rejected(ErrorCode::TooMany, String::new())), (409, None));
    }
}
