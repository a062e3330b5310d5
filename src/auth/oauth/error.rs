//! Why a request of a program is refused: the code of the standard for the program, and a sentence for its author.

use std::time::Duration;

use thiserror::Error;

/// A refusal. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OAuthError {
    /// A parameter is there more than once (RFC 6749, section 3.1).
    #[error("the parameter {0} is there more than once")]
    Repeated(String),
    /// A parameter isn't there.
    #[error("the parameter {0} is missing")]
    Missing(&'static str),
    /// A parameter isn't what it has to be.
    #[error("the parameter {0} can't be read, or is too long")]
    Unreadable(&'static str),
    /// The body isn't a form, or too long for one.
    #[error("the request has to be a form (application/x-www-form-urlencoded) of 16 KiB at most")]
    NotAForm,
    /// A client showed two proofs of itself (RFC 6749, section 2.3).
    #[error("a client proves itself in one way: by the header, or by client_secret in the form")]
    TwoProofs,
    /// The client is unknown, or its secret is wrong; it isn't said which.
    #[error("there is no such client, or its secret is wrong")]
    ClientInvalid,
    /// The address to come back to isn't one of the client's.
    #[error(
        "redirect_uri isn't one that was registered for this client; it has to be the same to the letter"
    )]
    RedirectUnknown,
    /// Only codes are given (RFC 9700, section 2.1.2).
    #[error("response_type has to be \"code\"")]
    ResponseType,
    /// The answer is in the address, and nowhere else.
    #[error("response_mode has to be \"query\"")]
    ResponseMode,
    /// There is no such grant.
    #[error("grant_type is none that this server knows; its metadata lists those")]
    GrantType,
    /// The client may not ask so.
    #[error("this client isn't registered for that; add it with the flag for that")]
    Unauthorized,
    /// A scope is unknown, or none that the client may ask for.
    #[error("the scope {0:?} is unknown, or this client may not ask for it")]
    Scope(String),
    /// PKCE is missing or weak (RFC 7636).
    #[error("code_challenge is needed, with code_challenge_method \"S256\"")]
    Challenge,
    /// The resource isn't one of the client's (RFC 8707).
    #[error("the resource isn't one that was registered for this client")]
    Target,
    /// What was shown to get tokens is good no more.
    #[error("the code or token is wrong, used, expired or another client's, or its verifier is wrong")]
    GrantInvalid,
    /// The person said no.
    #[error("the person didn't allow it")]
    Denied,
    /// The person would have to be asked.
    #[error("the person has to log in")]
    LoginRequired,
    /// Requests as tokens aren't read.
    #[error("the parameter request isn't supported")]
    RequestObject,
    /// Requests at addresses aren't fetched.
    #[error("the parameter request_uri isn't supported")]
    RequestUri,
    /// An access token is wrong.
    #[error("the access token is wrong, expired or revoked")]
    TokenInvalid,
    /// An access token may not do this.
    #[error("the access token lacks the scope {0:?}")]
    ScopeLacking(&'static str),
    /// The person hasn't said yet whether the device may (RFC 8628, section 3.5).
    #[error("the person hasn't decided yet; ask again in a few seconds")]
    Pending,
    /// The device asks too often (RFC 8628, section 3.5).
    #[error("this is asked too often; wait five seconds longer each time")]
    SlowDown,
    /// The device's code is good no more (RFC 8628, section 3.5).
    #[error("the code has expired; begin anew")]
    Expired,
    /// Too many requests of a client or an address.
    #[error("too many requests; slow down")]
    RateLimited(Duration),
    /// There is no room for more.
    #[error("the server is busy; try again in a moment")]
    Busy,
    /// Something failed that the client can do nothing about.
    #[error("the server failed; its log says why")]
    Internal,
}

impl OAuthError {
    /// The code by which a program knows it (RFC 6749, sections 4.1.2.1 and 5.2; RFC 6750, section 3.1; RFC 8707,
    /// section 2; RFC 8628, section 3.5).
    pub fn code(&self) -> &'static str {
        match self {
            Self::Repeated(_)
            | Self::Missing(_)
            | Self::Unreadable(_)
            | Self::NotAForm
            | Self::TwoProofs
            | Self::RedirectUnknown
            | Self::ResponseMode
            | Self::Challenge => "invalid_request",
            Self::ClientInvalid => "invalid_client",
            Self::ResponseType => "unsupported_response_type",
            Self::GrantType => "unsupported_grant_type",
            Self::Unauthorized => "unauthorized_client",
            Self::Scope(_) => "invalid_scope",
            Self::Target => "invalid_target",
            Self::GrantInvalid => "invalid_grant",
            Self::Denied => "access_denied",
            Self::LoginRequired => "login_required",
            Self::RequestObject => "request_not_supported",
            Self::RequestUri => "request_uri_not_supported",
            Self::TokenInvalid => "invalid_token",
            Self::ScopeLacking(_) => "insufficient_scope",
            Self::Pending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::Expired => "expired_token",
            Self::RateLimited(_) | Self::Busy => "temporarily_unavailable",
            Self::Internal => "server_error",
        }
    }

    /// The status of HTTP with which an endpoint answers it.
    pub fn status(&self) -> u16 {
        match self {
            Self::ClientInvalid | Self::TokenInvalid => 401,
            Self::ScopeLacking(_) => 403,
            Self::RateLimited(_) => 429,
            Self::Busy => 503,
            Self::Internal => 500,
            _ => 400,
        }
    }
}
