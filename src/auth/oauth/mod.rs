//! What OAuth 2 (RFC 6749, RFC 9700) and OpenID Connect are made of: requests read and checked, proofs of clients and of
//! codes, scopes, keys and signed tokens. Only arithmetic: the clock and the random source are arguments.

mod client;
mod error;
mod form;
mod jwt;
mod key;
mod pkce;
mod redirect;
mod request;
mod rotation;
mod scope;
mod user_code;

pub use client::{CLIENT_SECRET, ClientProof, ClientSecret};
pub use error::OAuthError;
pub use form::{Form, MAX_FORM};
pub use jwt::{MAX_JWT, Type, sign, verify};
pub use key::{Algorithm, SigningKey};
pub use pkce::Challenge;
pub use redirect::{
    MAX_URI, RedirectError, check_redirect, check_resource, form_target, is_origin_of, is_same_redirect,
    with_parameters,
};
pub use request::{Authorization, ClientRules, Prompt, Refusal, assistant_at};
pub use rotation::{AHEAD, KEPT, LIFE, Span, is_gone, next_span, signing};
pub use scope::{Claims, Scopes};
pub use user_code::UserCode;
