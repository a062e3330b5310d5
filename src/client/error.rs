//! What can go wrong between a client and its server.

use std::io;

use thiserror::Error;

use crate::id::Fingerprint;
use crate::protocol::{CloseCode, ErrorCode, FrameError, wire};
use crate::transport::TlsError;

/// Why a server can't be reached.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The host's name leads nowhere.
    #[error("can't find the host {host}: {source}; is its name right?")]
    Resolve {
        /// The name.
        host: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// Nothing answers.
    #[error(
        "no Parlour server answers at {server}; is it running, and does UDP reach it (a firewall, a missing port forwarding)?"
    )]
    NoAnswer {
        /// Host and port.
        server: String,
    },
    /// Another certificate than the pinned one.
    #[error(
        "the identity of {server} has changed!\n  it was  {expected}\n  it is   {found}\nEither the server was set up anew, or somebody pretends to be it. Ask whoever runs it. If the change is right:\n  parlour login --trust {found} {server}"
    )]
    CertificateChanged {
        /// Host and port.
        server: String,
        /// What was pinned.
        expected: Fingerprint,
        /// What was presented.
        found: Fingerprint,
    },
    /// The connection broke before it was of use.
    #[error("the connection to {server} failed: {reason}")]
    Failed {
        /// Host and port.
        server: String,
        /// Why.
        reason: Ended,
    },
    /// The greeting was refused.
    #[error(transparent)]
    Greeting(#[from] RequestError),
    /// The local side can't be set up.
    #[error("can't open a UDP socket: {0}")]
    Socket(#[from] io::Error),
    /// TLS can't be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Ended {
    /// The server closed it and said why.
    #[error("{0}")]
    ByServer(CloseCode),
    /// We closed it.
    #[error("it was closed here")]
    ByUs,
    /// It broke.
    #[error("{0}")]
    Lost(String),
}

impl Ended {
    /// The sentence for a person, with what the server said last where that is more than its code means.
    pub fn with_reason(&self, goodbye: Option<&str>) -> String {
        match (self, goodbye) {
            (Self::ByServer(code), Some(reason)) if !reason.is_empty() && reason != code.sentence() => {
                format!("{self}: {reason}")
            }
            _ => self.to_string(),
        }
    }
}

impl From<quinn::ConnectionError> for Ended {
    fn from(error: quinn::ConnectionError) -> Self {
        match error {
            quinn::ConnectionError::ApplicationClosed(close) => {
                let code = u32::try_from(close.error_code.into_inner()).ok().and_then(CloseCode::from_number);
                code.map_or_else(|| Self::Lost(format!("closed by the server: {close}")), Self::ByServer)
            }
            quinn::ConnectionError::LocallyClosed => Self::ByUs,
            quinn::ConnectionError::TimedOut => Self::Lost("the server doesn't answer any more".to_owned()),
            quinn::ConnectionError::Reset => Self::Lost("the server was started anew".to_owned()),
            error => Self::Lost(error.to_string()),
        }
    }
}

/// Why a request wasn't done.
#[derive(Debug, Error)]
pub enum RequestError {
    /// The server says no.
    #[error("{message}")]
    Refused {
        /// Its code; `None` for one of a later version.
        code: Option<ErrorCode>,
        /// Its sentence.
        message: String,
        /// When trying again may help, in milliseconds; 0 when it won't.
        retry_after_ms: u64,
    },
    /// The connection ended first.
    #[error("the connection ended: {0}")]
    Ended(Ended),
    /// The answer can't be read.
    #[error("the server's answer can't be read: {0}")]
    Answer(#[from] FrameError),
    /// The answer isn't one to this request.
    #[error("the server's answer doesn't fit the request; is the client up to date?")]
    Misfit,
}

impl From<wire::Error> for RequestError {
    fn from(wire::Error { code, message, retry_after_ms, .. }: wire::Error) -> Self {
        Self::Refused { code: ErrorCode::from_number(code), message, retry_after_ms }
    }
}

impl RequestError {
    /// The server's code, if it refused.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { code, .. } => *code,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_reaches_the_person_once() {
        let kicked = Ended::ByServer(CloseCode::Kicked);
        assert_eq!(kicked.with_reason(Some("too loud")), "a moderator ended the connection: too loud");
        for said in [None, Some(""), Some(CloseCode::Kicked.sentence())] {
            assert_eq!(kicked.with_reason(said), "a moderator ended the connection");
        }
        assert_eq!(Ended::Lost("gone".to_owned()).with_reason(Some("too loud")), "gone");
    }
}
