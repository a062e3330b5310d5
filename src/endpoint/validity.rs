//! What a certificate says of itself, for who looks after a server.

use std::net::IpAddr;

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

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

impl Validity {
    /// What a certificate in DER says; nothing when it can't be understood.
    pub fn of(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let at = |seconds: i64| Timestamp(u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000));
        let alternatives = certificate.subject_alternative_name().ok().flatten();
        let alternatives = alternatives.into_iter().flat_map(|found| &found.value.general_names);
        let names = alternatives.filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(bytes) => match bytes.len() {
                4 => <[u8; 4]>::try_from(*bytes).ok().map(|ip| IpAddr::from(ip).to_string()),
                _ => <[u8; 16]>::try_from(*bytes).ok().map(|ip| IpAddr::from(ip).to_string()),
            },
            _ => None,
        });
        Some(Self {
            names: names.collect(),
            since: at(certificate.validity().not_before.timestamp()),
            until: at(certificate.validity().not_after.timestamp()),
        })
    }
}
