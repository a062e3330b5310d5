//! Second factors that an older version sealed with the server's identity are sealed with a key of their own.

use thiserror::Error;

use crate::auth::{SEALING, SealKey};
use crate::id::OrganizationId;
use crate::store::{By, CommitError, Failed, ReadError, SecondFactor, Store, write};

/// Why secrets aren't sealed anew. They are what they were.
#[derive(Debug, Error)]
pub enum ResealError {
    /// The store can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The store can't be written.
    #[error(transparent)]
    Write(#[from] CommitError),
    /// Nothing can be sealed.
    #[error("the operating system gives no random bytes to seal secrets with")]
    Random,
}

/// Seals with `seal` what only `former` opens of an organization's, all of it in one transaction. What `seal` opens stays as it is, so this may
/// be done again, and a server that stopped before the transaction does it at its next start.
pub(super) fn reseal(
    store: &Store,
    organization: OrganizationId,
    seal: &SealKey,
    former: &SealKey,
    by: By,
) -> Result<(), ResealError> {
    let (mut resealed, mut lost) = (Vec::new(), 0_usize);
    for factor in store.second_factors(organization, None, usize::MAX)? {
        let SecondFactor { user, secret: sealed, .. } = factor;
        if seal.open(user.0, &sealed).is_some() {
            continue;
        }
        let Some(secret) = former.open(user.0, &sealed) else {
            lost += 1;
            continue;
        };
        let mut random = [0; SEALING];
        getrandom::fill(&mut random).map_err(|_| ResealError::Random)?;
        let new = seal.seal(user.0, &secret, random).ok_or(ResealError::Random)?;
        resealed.push((user, sealed, new));
    }
    if lost > 0 {
        tracing::error!(
            accounts = lost,
            "second factors were sealed by another key; restore sealing.key from a backup, or remove them"
        );
    }
    if resealed.is_empty() {
        return Ok(());
    }
    let accounts = resealed.len();
    store.run(by, write::reseal_second_factors(resealed)).map_err(Failed::into_commit_error)?;
    tracing::info!(accounts, "second factors are sealed with sealing.key from now on");
    Ok(())
}
