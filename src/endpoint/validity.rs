//! What a certificate says of itself, for who looks after a server.

use std::path::Path;

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::certificates::{CertificateError, read_own};
use crate::id::Timestamp;

/// For whom a certificate is, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validity {
    /// DNS names and addresses (RFC 5280, section 4.2.1.6).
    pub names: Vec<String>,
    /// From when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// Reads the self-hoster's own certificate and key as the server does, and says what the certificate is good for.
pub fn own_certificate(chain: &Path, key: &Path) -> Result<Validity, CertificateError> {
    let own = read_own(chain, key)?;
    let damaged =
        || CertificateError::Own { path: chain.into(), problem: "it can't be understood".to_owned() };
    let der = own.end_entity().ok_or_else(damaged)?;
    let (_, certificate) = X509Certificate::from_der(der).map_err(|_| damaged())?;
    let at = |seconds: i64| Timestamp(u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000));
    let alternatives = certificate.subject_alternative_name().ok().flatten();
    let names =
        alternatives.into_iter().flat_map(|found| &found.value.general_names).filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(bytes) => match bytes.len() {
                4 => <[u8; 4]>::try_from(*bytes).ok().map(|ip| std::net::IpAddr::from(ip).to_string()),
                _ => <[u8; 16]>::try_from(*bytes).ok().map(|ip| std::net::IpAddr::from(ip).to_string()),
            },
            _ => None,
        });
    Ok(Validity {
        names: names.collect(),
        since: at(certificate.validity().not_before.timestamp()),
        until: at(certificate.validity().not_after.timestamp()),
    })
}
