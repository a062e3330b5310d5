//! Which certificate a client gets. Native clients get the server's identity, which they pin. Browsers get the
//! self-hoster's own certificate where its name is asked for. Without one, WebTransport gets one of a few days
//! whose hash the page knows (W3C WebTransport, `serverCertificateHashes`: ECDSA, 14 days at most), and HTTPS
//! the identity, of which the browser warns once.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
use super::own::{Own, OwnStatus, Watched};
use crate::id::{Fingerprint, Timestamp};
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
    /// The identity's key isn't of a kind that TLS knows.
    #[error("the identity's key can't be used: {0}; restore it from a backup")]
    Identity(#[from] rustls::Error),
    /// One for browsers can't be made.
    #[error("can't make a certificate for browsers: {0}")]
    Make(#[from] rcgen::Error),
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
    watched: Mutex<Watched>,
    browser: ArcSwap<Vec<Short>>,
    file: PathBuf,
    renewing: Mutex<()>,
}

impl Certificates {
    /// Loads what the data directory and the self-hoster's files (chain and key) have, and makes what is missing. What of
    /// the self-hoster's can't be used is logged, and tried again by [`Certificates::look_after`].
    pub fn load(
        identity: &Identity,
        directory: &Path,
        own_files: Option<(PathBuf, PathBuf)>,
    ) -> Result<Self, CertificateError> {
        let key = transport::crypto().key_provider.load_private_key(identity.key())?;
        let file = directory.join(FILE);
        let browser = fs::read_to_string(&file).map(|text| parse(&text)).unwrap_or_default();
        let certificates = Self {
            identity: Arc::new(CertifiedKey::new(identity.chain(), key)),
            secret: identity.key().secret_der().to_vec(),
            own: ArcSwapOption::empty(),
            watched: Mutex::default(),
            browser: ArcSwap::from_pointee(browser),
            file,
            renewing: Mutex::new(()),
        };
        certificates.renew(seconds())?;
        certificates.read_anew(own_files);
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

    /// Whether a browser that asks for this name gets the self-hoster's own certificate, and trusts it.
    pub fn is_own(&self, name: Option<&str>) -> bool {
        self.own_for(name).is_some_and(|own| own.lasts(now()))
    }

    /// What there is to say of the self-hoster's own certificate; nothing where there is none.
    pub fn own_status(&self) -> Option<OwnStatus> {
        self.watched().status()
    }

    /// Makes the next certificate for browsers when it is time, and reads the self-hoster's own anew when its files
    /// changed. To be called now and then; what can't be done is logged, and what was is kept.
    pub fn look_after(&self) {
        if let Err(error) = self.renew(seconds()) {
            tracing::error!(%error, "browsers will not get in when the present certificate ends");
        }
        self.own.store(self.watched().look(now()));
    }

    /// Reads the self-hoster's own certificate (chain and key) anew, from other files perhaps.
    pub fn read_anew(&self, own_files: Option<(PathBuf, PathBuf)>) {
        let mut watched = self.watched();
        watched.watch(own_files);
        self.own.store(watched.look(now()));
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The self-hoster's own certificate, ended or not, if it is for this name.
    fn own_for(&self, name: Option<&str>) -> Option<Arc<Own>> {
        let own = self.own.load_full()?;
        let name = ServerName::try_from(name?).ok()?;
        let parsed = ParsedCertificate::try_from(own.key.end_entity_cert().ok()?).ok()?;
        rustls::client::verify_server_name(&parsed, &name).is_ok().then_some(own)
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
        if !offers(ALPN_WEB) {
            return Some(own.map_or_else(|| Arc::clone(&self.identity), |own| Arc::clone(&own.key)));
        }
        // A page is let in by the hash of a short-lived one where its browser wouldn't take the self-hoster's.
        if let Some(own) = own.filter(|own| own.lasts(now())) {
            return Some(Arc::clone(&own.key));
        }
        self.browser.load().first().map(|short| Arc::clone(&short.key))
    }
}

fn now() -> Timestamp {
    Timestamp::default().plus(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default())
}

fn seconds() -> u64 {
    now().0 / 1_000
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
        let day = |days: u64| seconds() + days * DAY.as_secs();
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
        assert_eq!(certificates.own_status().unwrap().problem.unwrap().path, files.0);
        write_own(directory.path(), "other.example.org");
        certificates.look_after();
        assert!(certificates.is_own(Some("other.example.org")));
        assert_eq!(certificates.own_status().unwrap().problem, None);
        certificates.read_anew(None);
        assert!(!certificates.is_own(Some("other.example.org")) && certificates.own_status().is_none());
    }

    #[test]
    fn a_key_that_cannot_be_read_keeps_nobody_out_and_is_tried_again() {
        let directory = tempfile::tempdir().unwrap();
        let (chain, key) = write_own(directory.path(), "voice.example.org");
        let sound = fs::read(&key).unwrap();
        fs::write(&key, "").unwrap();
        let certificates = certificates(directory.path(), Some((chain, key.clone())));
        assert!(!certificates.is_own(Some("voice.example.org")));
        assert_eq!(certificates.browser_hashes().len(), 1, "a page gets in without");
        let problem = certificates.own_status().unwrap().problem.unwrap().to_string();
        assert!(problem.contains(&key.display().to_string()), "{problem}");
        fs::write(&key, sound).unwrap();
        certificates.look_after();
        assert!(certificates.is_own(Some("voice.example.org")));
    }

    #[test]
    fn one_that_has_ended_is_said_to_have_and_a_page_gets_in_by_a_hash() {
        let directory = tempfile::tempdir().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["voice.example.org".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        let pair = rcgen::KeyPair::generate().unwrap();
        let (chain, key) = (directory.path().join("chain"), directory.path().join("key"));
        fs::write(&chain, params.self_signed(&pair).unwrap().pem()).unwrap();
        fs::write(&key, pair.serialize_pem()).unwrap();
        let certificates = certificates(directory.path(), Some((chain, key)));
        assert!(certificates.own_for(Some("voice.example.org")).is_some(), "it is there");
        assert!(
            !certificates.is_own(Some("voice.example.org")),
            "no page takes it for one that browsers trust"
        );
        let status = certificates.own_status().unwrap();
        assert_eq!((status.until, status.problem), (Some(Timestamp(1_609_459_200_000)), None));
    }
}
