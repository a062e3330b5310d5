//! What another server says of somebody who logs in by it (OpenID Connect Core 1.0), read and checked by this one: its
//! metadata, its keys, the token that tells who somebody is. Only arithmetic: the clock is an argument.

mod distrust;
mod id_token;
mod identity;
mod keys;
mod metadata;

pub use distrust::Distrust;
pub use id_token::{Expected, MAX_ID_TOKEN, SKEW, check_id_token};
pub use identity::{Identity, MAX_GROUPS};
pub use keys::{Algorithm, MAX_KEYS, PublicKeys};
pub use metadata::{MAX_ADDRESS, Metadata, SecretGoes, is_address};

use serde_json::{Map, Value};

/// The members of a JSON object.
pub type Members = Map<String, Value>;
