//! The server's identity: a self-signed certificate made at the first start and kept. Clients pin
//! its SHA-256, so it lasts, and losing it looks to them like an impostor.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::files;
use crate::id::Fingerprint;

/// File of the certificate in the data directory.
const CERTIFICATE: &str = "identity.crt";
/// File of its private key.
const KEY: &str = "identity.key";

/// Why the identity can't be loaded or made.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// A file can't be read or written.
    #[error("can't use {}: {source}; make it readable and writable for the user who runs Parlour", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file isn't what it should be.
    #[error("{} is damaged: restore it from a backup, or remove {CERTIFICATE} and {KEY} to get a new identity (every client then warns of the change)", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
    },
    /// Only one of the two files is there.
    #[error("{} is missing while its counterpart is there: restore it from a backup, or remove both to get a new identity (every client then warns of the change)", path.display())]
    Half {
        /// Which is missing.
        path: PathBuf,
    },
    /// A new certificate can't be made.
    #[error("can't make an identity certificate: {0}")]
    Make(#[from] rcgen::Error),
}

/// A certificate with its key.
#[derive(Debug)]
pub struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Loads the identity from the data directory, or makes it when there is none.
    pub fn load_or_create(directory: &Path) -> Result<Self, IdentityError> {
        let (certificate, key) = (directory.join(CERTIFICATE), directory.join(KEY));
        match Self::files(directory).as_slice() {
            [_, _] => Self::load(&certificate, &key),
            [] => {
                create(&certificate, &key)?;
                Self::load(&certificate, &key)
            }
            [there, ..] if *there == certificate => Err(IdentityError::Half { path: key }),
            [..] => Err(IdentityError::Half { path: certificate }),
        }
    }

    /// Those of its two files that are in the data directory.
    pub fn files(directory: &Path) -> Vec<PathBuf> {
        let mut files = vec![directory.join(CERTIFICATE), directory.join(KEY)];
        files.retain(|file| file.exists());
        files
    }

    fn load(certificate: &Path, key: &Path) -> Result<Self, IdentityError> {
        let read =
            |path: &Path| fs::read(path).map_err(|source| IdentityError::File { path: path.into(), source });
        let damaged = |path: &Path| IdentityError::Damaged { path: path.into() };
        let certificate_der =
            CertificateDer::from_pem_slice(&read(certificate)?).map_err(|_| damaged(certificate))?;
        let key_der = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| damaged(key))?;
        Ok(Self { certificate: certificate_der, key: key_der })
    }

    /// SHA-256 of the certificate, which clients pin.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(Sha256::digest(&self.certificate).into())
    }

    /// The certificate, as TLS presents it.
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.certificate.clone()]
    }

    /// Its private key.
    pub fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key()
    }
}

fn create(certificate: &Path, key: &Path) -> Result<(), IdentityError> {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let mut params = rcgen::CertificateParams::new(vec!["parlour.local".to_owned()])?;
    params.distinguished_name.push(rcgen::DnType::CommonName, "Parlour server identity");
    // Pinned, not chained to an authority: an end would only lock everyone out on that day.
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(4096, 1, 1);
    let signed = params.self_signed(&pair)?;
    // The key first: a certificate without its key would be taken for a half-lost identity.
    write_private(key, &pair.serialize_pem())?;
    write_private(certificate, &signed.pem())
}

/// Writes a file that only its owner may read, whole or not at all.
pub(super) fn write_private(path: &Path, text: &str) -> Result<(), IdentityError> {
    files::write(path, text.as_bytes()).map_err(|source| IdentityError::File { path: path.into(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_kept_and_private() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let first = Identity::load_or_create(directory.path()).unwrap().fingerprint();
        assert_eq!(Identity::load_or_create(directory.path()).unwrap().fingerprint(), first);
        let mode = fs::metadata(directory.path().join(KEY)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_or_half_identity_is_never_replaced_silently() {
        let directory = tempfile::tempdir().unwrap();
        Identity::load_or_create(directory.path()).unwrap();
        fs::write(directory.path().join(KEY), "nonsense").unwrap();
        let damaged = Identity::load_or_create(directory.path());
        assert!(matches!(damaged, Err(IdentityError::Damaged { .. })), "{damaged:?}");
        fs::remove_file(directory.path().join(KEY)).unwrap();
        let half = Identity::load_or_create(directory.path());
        assert!(matches!(half, Err(IdentityError::Half { .. })), "{half:?}");
    }
}
