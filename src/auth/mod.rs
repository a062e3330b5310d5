//! Proof of identity: passwords, tokens, and how often one may try. Only arithmetic and CPU time: the
//! clock and the random source are arguments.

mod lockout;
mod password;
mod token;

pub use lockout::{AddressKey, Lockout, Policy};
pub use password::{
    HashError, MAX_PASSWORD, MIN_PASSWORD, PasswordError, Scheme, StoredPassword, check_password,
};
pub use token::{ClaimCode, Token, TokenHash};
