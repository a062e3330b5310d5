//! Proof of identity: passwords, tokens, and how often one may try. Only arithmetic and CPU time: the
//! clock and the random source are arguments.

mod address;
mod api_key;
mod device;
mod lockout;
pub mod oauth;
pub mod oidc;
mod password;
mod sealed;
mod session_token;
mod token;
mod totp;
pub mod webhook;

pub use address::{AddressKey, NetworkKey, is_near, makes_room};
pub use api_key::{API_KEY, API_KEY_MARK, ApiKeySecret};
pub use device::{DEVICE_KEY, EXPORTED, EXPORTER, device_challenge, device_fingerprint, verify_device};
pub use lockout::{Attempt, Lockout, Policy};
pub use password::{
    HashError, MAX_PASSWORD, MIN_PASSWORD, PasswordError, Scheme, StoredPassword, check_guessing,
    check_password,
};
pub use sealed::{SEALING, SealKey};
pub use session_token::{Given, RANDOM, SESSION_TOKEN, SessionToken, TokenKey};
pub use token::{OneTimeCode, Token, TokenHash};
pub use totp::{DRIFT, TOTP_SECRET, TotpSecret};
