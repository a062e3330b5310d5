//! Servers that this program was connected to before: the second time costs a round trip less for the proof of
//! our address (RFC 9000, section 8.1.3), one less for the greeting, which goes with the first packet (0-RTT:
//! RFC 9001, section 4.6), and no signature.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::id::Fingerprint;
use crate::protocol::ALPN;
use crate::transport::{self, Seen, TlsError};

/// Servers that are remembered at most; then all are forgotten, which costs a round trip each.
const MOST: usize = 64;

type Config = (quinn::ClientConfig, Seen);

static KNOWN: LazyLock<Mutex<HashMap<Fingerprint, Config>>> = LazyLock::new(Mutex::default);

/// How to connect to the server of a fingerprint, or to any. What is learnt of one is kept with its
/// configuration.
pub(super) fn config(expected: Option<Fingerprint>) -> Result<Config, TlsError> {
    let Some(fingerprint) = expected else { return transport::client_config(None, ALPN) };
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(config) = known.get(&fingerprint) {
        return Ok(config.clone());
    }
    if known.len() >= MOST {
        known.clear();
    }
    let config = transport::client_config(expected, ALPN)?;
    known.insert(fingerprint, config.clone());
    Ok(config)
}
