//! The log: `tracing` events on standard error. Addresses of peers are logged at DEBUG at most, packets
//! at TRACE.

use std::io;

use thiserror::Error;
use tracing_subscriber::EnvFilter;

/// Why the log can't be set up.
#[derive(Debug, Error)]
pub enum TelemetryError {
    /// The filter isn't one.
    #[error("the log filter can't be read: {0}; use error, warn, info, debug or trace")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Something else has set a log up.
    #[error("the log is set up already")]
    Twice,
}

/// Sends events that pass `filter` to standard error, as text or as a JSON object a line.
pub fn init(filter: &str, json: bool) -> Result<(), TelemetryError> {
    // It warns of every browser that closes its window.
    let quiet = if filter.contains("web_transport") { "" } else { ",web_transport_quinn=error" };
    let filter = EnvFilter::builder().parse(format!("{filter}{quiet}"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let set = if json { builder.json().try_init() } else { builder.with_target(false).try_init() };
    set.map_err(|_| TelemetryError::Twice)
}
