//! Keys that sign what programs are given, opened.

use crate::auth::oauth::{Algorithm, SigningKey, Span, is_gone, next_span, signing};
use crate::id::Timestamp;
use crate::store::OAuthKey;

/// The keys of an organization, opened.
#[derive(Debug)]
pub(super) struct Keys(Vec<(OAuthKey, SigningKey)>);

impl Keys {
    /// Keys with what opened them, in the order in which they sign.
    pub(super) fn new(opened: Vec<(OAuthKey, SigningKey)>) -> Self {
        Self(opened)
    }

    /// Their rows.
    pub(super) fn rows(&self) -> impl Iterator<Item = &OAuthKey> {
        self.0.iter().map(|(row, _)| row)
    }

    /// Whether none has to be made or to go.
    pub(super) fn is_current(&self, now: Timestamp) -> bool {
        let is_whole = |algorithm| next_span(now, &self.spans(algorithm)).is_none();
        Algorithm::ALL.into_iter().all(is_whole) && !self.0.iter().any(|(row, _)| is_gone(now, span(row)))
    }

    /// When those of an algorithm sign.
    pub(super) fn spans(&self, algorithm: Algorithm) -> Vec<Span> {
        self.of(algorithm).map(|(row, _)| span(row)).collect()
    }

    fn of(&self, algorithm: Algorithm) -> impl Iterator<Item = &(OAuthKey, SigningKey)> {
        self.0.iter().filter(move |(_, key)| key.algorithm() == algorithm)
    }

    /// Each of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &SigningKey> {
        self.0.iter().map(|(_, key)| key)
    }

    /// The one that signs now.
    pub(super) fn signing(&self, algorithm: Algorithm, now: Timestamp) -> Option<&SigningKey> {
        let place = signing(now, &self.spans(algorithm))?;
        self.of(algorithm).nth(place).map(|(_, key)| key)
    }
}

/// When a key signs.
pub(super) fn span(row: &OAuthKey) -> Span {
    Span { from: row.from, until: row.until }
}
