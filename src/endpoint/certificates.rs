//! Which certificate a client gets. Native clients get the server's identity, which they pin. Browsers get the
//! self-hoster's own certificate where its name is asked for. Without one, WebTransport gets one of a few days
//! whose hash the page knows (W3C WebTransport, `serverCertificateHashes`: ECDSA, 14 days at most), and HTTPS
//! the identity, of which the browser warns once.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::{ArcSwap, ArcSwapOption};
use rustls::crypto::ring::sign::any_ecdsa_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::identity::{Identity, write_private};
use crate::id::Fingerprint;
use crate::protocol::{ALPN, ALPN_WEB};
use crate::transport;

/// File of the certificates for browsers in the data directory, so that a page outlives a restart of the server.
const FILE: &str = "browser.pem";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A certificate for browsers is good from a day ago, for clocks that are behind, for this long from now on.
const LIFE: Duration = DAY.saturating_mul(12);
/// The next one is made, and its hash told, when less than this is left of the last one ...
const NEXT: Duration = DAY.saturating_mul(4);
/// ... and takes over when less than this is left: a page loaded in between knows both.
const OVER: Duration = DAY;

/// What stands before each certificate in the file, then the second since 1970 at which it ends.
const UNTIL: &str = "until ";

/// Why a certificate can't be used.
#[derive(Debug, Error)]
pub enum CertificateError {
    /// A file of the self-hoster's own can't be read or isn't what it should be.
    #[error("can't use the certificate {}: {problem}; web.certificate names the chain (PEM), web.key its private key", path.display())]
    Own {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The identity's key isn't of a kind that TLS knows.
    #[error("the identity's key can't be used: {0}; restore it from a backup")]
    Identity(#[from] rustls::Error),
    /// One for browsers can't be made.
    #[error("can't make a certificate for browsers: {0}")]
    Make(#[from] rcgen::Error),
}

/// The self-hoster's own certificate.
#[derive(Debug)]
pub(super) struct Own {
    key: Arc<CertifiedKey>,
    read: [Option<SystemTime>; 2],
}

impl Own {
    pub(super) fn end_entity(&self) -> Option<&[u8]> {
        self.key.cert.first().map(AsRef::as_ref)
    }
}

/// One for browsers.
#[derive(Clone, Debug)]
struct Short {
    /// Seconds since 1970.
    until: u64,
    key: Arc<CertifiedKey>,
    hash: Fingerprint,
    text: String,
}

/// All certificates of a server.
#[derive(Debug)]
pub struct Certificates {
    identity: Arc<CertifiedKey>,
    secret: Vec<u8>,
    own: ArcSwapOption<Own>,
    own_files: Option<(PathBuf, PathBuf)>,
    browser: ArcSwap<Vec<Short>>,
    file: PathBuf,
    renewing: Mutex<()>,
}

impl Certificates {
    /// Loads what the data directory and the self-hoster's files (chain and key) have, and makes what is missing.
    pub fn load(
        identity: &Identity,
        directory: &Path,
        own_files: Option<(PathBuf, PathBuf)>,
    ) -> Result<Self, CertificateError> {
        let key = transport::crypto().key_provider.load_private_key(identity.key())?;
        let file = directory.join(FILE);
        let browser = fs::read_to_string(&file).map(|text| parse(&text)).unwrap_or_default();
        let own = own_files.as_ref().map(|(chain, key)| read_own(chain, key)).transpose()?;
        let certificates = Self {
            identity: Arc::new(CertifiedKey::new(identity.chain(), key)),
            secret: identity.key().secret_der().to_vec(),
            own: ArcSwapOption::from_pointee(own),
            own_files,
            browser: ArcSwap::from_pointee(browser),
            file,
            renewing: Mutex::new(()),
        };
        certificates.renew(now())?;
        Ok(certificates)
    }

    /// What is derived from it lasts as long as the identity.
    pub(super) fn secret(&self) -> &[u8] {
        &self.secret
    }

    /// SHA-256 of the certificates that WebTransport may present: the one in use, and soon the next.
    pub fn browser_hashes(&self) -> Vec<Fingerprint> {
        self.browser.load().iter().map(|short| short.hash).collect()
    }

    /// Whether who asks for this name gets the self-hoster's own certificate.
    pub fn is_own(&self, name: Option<&str>) -> bool {
        self.own_for(name).is_some()
    }

    /// Makes the next certificate for browsers when it is time, and reads the self-hoster's own anew when its files
    /// changed. To be called now and then; what can't be done is logged, and what was is kept.
    pub fn look_after(&self) {
        if let Err(error) = self.renew(now()) {
            tracing::error!(%error, "browsers will not get in when the present certificate ends");
        }
        let (Some((chain, key)), Some(own)) = (&self.own_files, self.own.load_full()) else { return };
        if [changed(chain), changed(key)] == own.read {
            return;
        }
        match read_own(chain, key) {
            Ok(own) => {
                tracing::info!(path = %chain.display(), "the certificate was read anew");
                self.own.store(Some(Arc::new(own)));
            }
            Err(error) => tracing::warn!(%error, "the certificate of before stays in use"),
        }
    }

    fn own_for(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let own = self.own.load();
        let own = own.as_ref()?;
        let name = ServerName::try_from(name?).ok()?;
        let parsed = ParsedCertificate::try_from(own.key.end_entity_cert().ok()?).ok()?;
        rustls::client::verify_server_name(&parsed, &name).is_ok().then(|| Arc::clone(&own.key))
    }

    fn renew(&self, now: u64) -> Result<(), CertificateError> {
        let _one = self.renewing.lock().unwrap_or_else(PoisonError::into_inner);
        let left = |short: &Short| Duration::from_secs(short.until.saturating_sub(now));
        let mut kept: Vec<Short> =
            self.browser.load().iter().filter(|short| left(short) > OVER).cloned().collect();
        let enough = kept.last().is_some_and(|last| left(last) > NEXT);
        if enough && kept.len() == self.browser.load().len() {
            return Ok(());
        }
        if !enough {
            kept.push(make(now)?);
        }
        let text: String = kept.iter().map(|short| short.text.as_str()).collect();
        if let Err(error) = write_private(&self.file, &text) {
            tracing::warn!(%error, "open pages will have to be loaded anew after a restart");
        }
        self.browser.store(Arc::new(kept));
        Ok(())
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let offers = |protocol| hello.alpn().is_some_and(|mut offered| offered.any(|one| one == protocol));
        if offers(ALPN) {
            return Some(Arc::clone(&self.identity));
        }
        let own = self.own_for(hello.server_name());
        if own.is_some() || !offers(ALPN_WEB) {
            return own.or_else(|| Some(Arc::clone(&self.identity)));
        }
        self.browser.load().first().map(|short| Arc::clone(&short.key))
    }
}

fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs()
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|file| file.modified()).ok()
}

pub(super) fn read_own(chain: &Path, key: &Path) -> Result<Own, CertificateError> {
    let own = |path: &Path, problem: String| CertificateError::Own { path: path.into(), problem };
    // Before they are read, so that a change while reading shows later.
    let read = [changed(chain), changed(key)];
    let bytes = fs::read(chain).map_err(|error| own(chain, error.to_string()))?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|_| own(chain, "it is no PEM file of certificates".to_owned()))?;
    let bytes = fs::read(key).map_err(|error| own(key, error.to_string()))?;
    let private = PrivateKeyDer::from_pem_slice(&bytes)
        .map_err(|_| own(key, "it is no PEM file of a private key".to_owned()))?;
    let certified = CertifiedKey::from_der(certificates, private, &transport::crypto())
        .map_err(|error| own(chain, error.to_string()))?;
    Ok(Own { key: Arc::new(certified), read })
}

fn make(now: u64) -> Result<Short, CertificateError> {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let mut params = rcgen::CertificateParams::new(vec!["parlour.local".to_owned()])?;
    params.distinguished_name.push(rcgen::DnType::CommonName, "Parlour, for browsers");
    let until = now + LIFE.as_secs();
    let at = |second: u64| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(second);
    params.not_before = at(now.saturating_sub(DAY.as_secs()));
    params.not_after = at(until);
    let text = format!("{UNTIL}{until}\n{}{}", params.self_signed(&pair)?.pem(), pair.serialize_pem());
    let made = parse(&text).pop();
    made.ok_or_else(|| rustls::Error::General("a new certificate doesn't read back".to_owned()).into())
}

/// The certificates of a file. What is damaged is left out: a new one costs nobody more than loading the page anew.
fn parse(text: &str) -> Vec<Short> {
    let parse_one = |part: &str| -> Option<Short> {
        let until = part.lines().next()?.trim().parse().ok()?;
        let certificate = CertificateDer::from_pem_slice(part.as_bytes()).ok()?;
        let key = any_ecdsa_type(&PrivateKeyDer::from_pem_slice(part.as_bytes()).ok()?).ok()?;
        let hash = Fingerprint(Sha256::digest(&certificate).into());
        let key = Arc::new(CertifiedKey::new(vec![certificate], key));
        Some(Short { until, key, hash, text: format!("{UNTIL}{part}") })
    };
    text.split(UNTIL).skip(1).filter_map(parse_one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificates(directory: &Path, own: Option<(PathBuf, PathBuf)>) -> Certificates {
        let identity = Identity::load_or_create(directory).unwrap();
        Certificates::load(&identity, directory, own).unwrap()
    }

    fn write_own(directory: &Path, name: &str) -> (PathBuf, PathBuf) {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        let (chain, key) = (directory.join("fullchain.pem"), directory.join("privkey.pem"));
        fs::write(&chain, made.cert.pem()).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        (chain, key)
    }

    #[test]
    fn a_page_s_certificate_is_kept_renewed_and_overlaps() {
        let directory = tempfile::tempdir().unwrap();
        let first = certificates(directory.path(), None);
        let [hash] = first.browser_hashes()[..] else { panic!("one") };
        assert_eq!(certificates(directory.path(), None).browser_hashes(), [hash], "it outlives a restart");
        let day = |days: u64| now() + days * DAY.as_secs();
        first.renew(day(7)).unwrap();
        assert_eq!(first.browser_hashes(), [hash]);
        first.renew(day(9)).unwrap();
        let [kept, next] = first.browser_hashes()[..] else { panic!("two") };
        assert_eq!(kept, hash);
        first.renew(day(10)).unwrap();
        assert_eq!(first.browser_hashes(), [hash, next], "told for days before it is used");
        first.renew(day(12)).unwrap();
        assert_eq!(first.browser_hashes(), [next]);
    }

    #[test]
    fn a_damaged_file_is_made_anew() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE), "until tomorrow\n-----BEGIN NONSENSE").unwrap();
        assert_eq!(certificates(directory.path(), None).browser_hashes().len(), 1);
    }

    #[test]
    fn ones_own_certificate_is_for_its_name_and_read_anew() {
        let directory = tempfile::tempdir().unwrap();
        let files = write_own(directory.path(), "voice.example.org");
        let certificates = certificates(directory.path(), Some(files.clone()));
        assert!(certificates.is_own(Some("voice.example.org")));
        assert!(!certificates.is_own(Some("localhost")) && !certificates.is_own(None));
        fs::write(&files.0, "broken").unwrap();
        certificates.look_after();
        assert!(certificates.is_own(Some("voice.example.org")), "the old one stays");
        write_own(directory.path(), "other.example.org");
        // The clock of a file system may be coarse.
        let later = SystemTime::now() + Duration::from_secs(5);
        fs::File::options().write(true).open(&files.0).unwrap().set_modified(later).unwrap();
        certificates.look_after();
        assert!(certificates.is_own(Some("other.example.org")));
    }

    #[test]
    fn a_certificate_without_its_key_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let (chain, key) = write_own(directory.path(), "voice.example.org");
        write_own(tempfile::tempdir().unwrap().path(), "voice.example.org");
        fs::write(&key, "").unwrap();
        let identity = Identity::load_or_create(directory.path()).unwrap();
        let error = Certificates::load(&identity, directory.path(), Some((chain, key.clone()))).unwrap_err();
        assert!(error.to_string().contains(&key.display().to_string()), "{error}");
    }
}
