//! The log: `tracing` events on standard error. Addresses of peers are logged at DEBUG at most, packets
//! at TRACE.

use std::{fmt, io};

use thiserror::Error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::reload;

/// Why the log can't be set up.
#[derive(Debug, Error)]
pub enum TelemetryError {
    /// The filter isn't one.
    #[error("the log filter can't be read: {0}; use error, warn, info, debug or trace")]
    Filter(#[from] ParseError),
    /// Something else has set a log up.
    #[error("the log is set up already")]
    Twice,
    /// The log that was set up is gone.
    #[error("the log's filter can't be replaced: {0}")]
    Replace(#[from] reload::Error),
}

/// The log that is set up.
pub struct Log {
    replace: Box<dyn Fn(EnvFilter) -> Result<(), reload::Error> + Send + Sync>,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").finish_non_exhaustive()
    }
}

impl Log {
    /// Sends events that pass `filter` to standard error, as text or as a JSON object a line.
    pub fn init(filter: &str, json: bool) -> Result<Self, TelemetryError> {
        let builder = tracing_subscriber::fmt().with_env_filter(parse(filter)?).with_writer(io::stderr);
        if json {
            let builder = builder.json().with_filter_reloading();
            let handle = builder.reload_handle();
            builder.try_init().map_err(|_| TelemetryError::Twice)?;
            Ok(Self { replace: Box::new(move |filter| handle.reload(filter)) })
        } else {
            let builder = builder.with_target(false).with_filter_reloading();
            let handle = builder.reload_handle();
            builder.try_init().map_err(|_| TelemetryError::Twice)?;
            Ok(Self { replace: Box::new(move |filter| handle.reload(filter)) })
        }
    }

    /// Lets events that pass another filter through from now on. One that can't be read leaves the one of before.
    pub fn set_filter(&self, filter: &str) -> Result<(), TelemetryError> {
        Ok((self.replace)(parse(filter)?)?)
    }
}

fn parse(filter: &str) -> Result<EnvFilter, ParseError> {
    // It warns of every browser that closes its window.
    let quiet = if filter.contains("web_transport") { "" } else { ",web_transport_quinn=error" };
    EnvFilter::builder().parse(format!("{filter}{quiet}"))
}
