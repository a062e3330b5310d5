//! The self-hoster's own certificate for browsers: read, watched, and what there is to say of it. One that can't be used
//! keeps no server from starting and nobody from talking: native clients never see it, and browsers get in without.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use thiserror::Error;

use super::validity::Validity;
use crate::id::Timestamp;
use crate::transport;

/// Time in which a certificate's renewal should have happened.
pub const RENEWAL: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Why the self-hoster's own certificate can't be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("can't use the certificate {}: {problem}; web.certificate names the chain (PEM), web.key its private key", path.display())]
pub struct OwnError {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong.
    pub problem: String,
}

/// Reads the self-hoster's own certificate and key as the server does, and says what the certificate is good for.
pub fn own_certificate(chain: &Path, key: &Path) -> Result<Validity, OwnError> {
    Own::read(chain, key).map(|own| own.validity)
}

/// A chain with its key.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) validity: Validity,
}

impl Own {
    fn read(chain: &Path, key: &Path) -> Result<Self, OwnError> {
        let wrong = |path: &Path, problem: &str| OwnError { path: path.into(), problem: problem.to_owned() };
        let bytes = fs::read(chain).map_err(|error| wrong(chain, &error.to_string()))?;
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
            .collect::<Result<_, _>>()
            .map_err(|_| wrong(chain, "it is no PEM file of certificates"))?;
        let bytes = fs::read(key).map_err(|error| wrong(key, &error.to_string()))?;
        let private = PrivateKeyDer::from_pem_slice(&bytes)
            .map_err(|_| wrong(key, "it is no PEM file of a private key"))?;
        let first = certificates.first().and_then(|first| Validity::of(first));
        let validity = first.ok_or_else(|| wrong(chain, "it can't be understood"))?;
        let key = CertifiedKey::from_der(certificates, private, &transport::crypto())
            .map_err(|error| wrong(chain, &error.to_string()))?;
        Ok(Self { key: Arc::new(key), validity })
    }

    /// Whether it hasn't ended yet.
    pub(super) fn lasts(&self, now: Timestamp) -> bool {
        now < self.validity.until
    }
}

/// What there is to say of the self-hoster's own certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnStatus {
    /// When the one in use ends; none while none could be read.
    pub until: Option<Timestamp>,
    /// Why the files as they are now can't be used.
    pub problem: Option<OwnError>,
}

/// By what a change of a file shows: its number, and when it or its rights were changed.
type Stamp = Option<(u64, i64, i64)>;

/// The files, as they are looked at now and then.
#[derive(Debug, Default)]
pub(super) struct Watched {
    files: Option<(PathBuf, PathBuf)>,
    seen: [Stamp; 2],
    own: Option<Arc<Own>>,
    problem: Option<OwnError>,
    said: Condition,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Condition {
    #[default]
    Good,
    EndsSoon,
    Ended,
    Unusable(OwnError),
}

impl Watched {
    /// Looks at these files from now on; none, where there is no certificate of one's own.
    pub(super) fn watch(&mut self, files: Option<(PathBuf, PathBuf)>) {
        if files.is_none() {
            (self.own, self.problem) = (None, None);
        }
        (self.files, self.seen) = (files, [None; 2]);
    }

    /// Reads what has changed, and says in the log when something is new about it. Answers with what is in use: what can't
    /// be read leaves in use what was.
    pub(super) fn look(&mut self, now: Timestamp) -> Option<Arc<Own>> {
        let (chain, key) = self.files.as_ref()?;
        // Before they are read, so that a change while reading shows later.
        let seen = [stamp(chain), stamp(key)];
        if seen != self.seen || seen.contains(&None) {
            match Own::read(chain, key) {
                Ok(own) => {
                    tracing::info!(path = %chain.display(), until = %own.validity.until, "the certificate is read");
                    (self.own, self.problem) = (Some(Arc::new(own)), None);
                }
                Err(error) => self.problem = Some(error),
            }
            self.seen = seen;
        }
        let condition = self.condition(now);
        if condition != self.said {
            self.say(&condition);
            self.said = condition;
        }
        self.own.clone()
    }

    pub(super) fn status(&self) -> Option<OwnStatus> {
        self.files.as_ref()?;
        let until = self.own.as_ref().map(|own| own.validity.until);
        Some(OwnStatus { until, problem: self.problem.clone() })
    }

    fn condition(&self, now: Timestamp) -> Condition {
        match (&self.problem, &self.own) {
            (Some(problem), _) => Condition::Unusable(problem.clone()),
            (None, Some(own)) if !own.lasts(now) => Condition::Ended,
            (None, Some(own)) if own.validity.until.since(now) < RENEWAL => Condition::EndsSoon,
            _ => Condition::Good,
        }
    }

    fn say(&self, condition: &Condition) {
        match condition {
            Condition::Good => (),
            Condition::EndsSoon => tracing::warn!(
                "the certificate ends in less than two weeks; its renewal seems not to work. `parlour doctor` says when"
            ),
            Condition::Ended => tracing::error!(
                "the certificate has ended: browsers warn until it is renewed. Voice goes on; the new files are read by themselves"
            ),
            Condition::Unusable(error) if self.own.is_some() => {
                tracing::error!(%error, "the certificate of before stays in use");
            }
            Condition::Unusable(error) => {
                tracing::error!(%error, "browsers warn until it can be read, which is tried again by itself. Voice goes on");
            }
        }
    }
}

fn stamp(path: &Path) -> Stamp {
    let data = fs::metadata(path).ok()?;
    Some((data.ino(), data.ctime(), data.ctime_nsec()))
}
