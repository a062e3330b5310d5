//! What a provider says of itself (OpenID Connect Discovery 1.0, section 3).

use serde::Deserialize;
use url::{Host, Url};

use super::{Algorithm, Distrust};

/// Bytes of an address at most.
pub const MAX_ADDRESS: usize = 2 * 1024;

const WHAT: &str = "metadata";

/// Where a client's secret goes when it asks for tokens (RFC 6749, section 2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretGoes {
    /// Into the header.
    Header,
    /// Into the form.
    Form,
}

/// What a provider says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Where people are sent.
    pub authorization: String,
    /// Where a code is exchanged.
    pub token: String,
    /// Where more is told of somebody.
    pub userinfo: Option<String>,
    /// Where its keys are.
    pub keys: String,
    /// Whether it names itself whenever it sends somebody back (RFC 9207).
    pub names_itself: bool,
    /// Where a secret goes; `None` where it takes one in neither way.
    pub secret: Option<SecretGoes>,
}

#[derive(Deserialize)]
struct Document {
    issuer: Option<String>,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    userinfo_endpoint: Option<String>,
    jwks_uri: Option<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    id_token_signing_alg_values_supported: Option<Vec<String>>,
}

impl Metadata {
    /// Reads what the issuer of these settings answers.
    pub fn read(document: &[u8], issuer: &str) -> Result<Self, Distrust> {
        let said: Document = serde_json::from_slice(document).map_err(|_| Distrust::Unreadable(WHAT))?;
        let own = said.issuer.ok_or(Distrust::Lacks(WHAT, "issuer"))?;
        if own != issuer {
            return Err(Distrust::OtherIssuer(own.chars().filter(|c| !c.is_control()).take(128).collect()));
        }
        let need = |name, address: Option<String>| {
            let address = address.ok_or(Distrust::Lacks(WHAT, name))?;
            if is_address_beside(&address, issuer) { Ok(address) } else { Err(Distrust::Address(name)) }
        };
        let signs = said.id_token_signing_alg_values_supported;
        if signs.is_some_and(|names| !names.iter().any(|name| Algorithm::named(name).is_some())) {
            return Err(Distrust::NoAlgorithm);
        }
        let takes = |proof: &str| {
            let methods = said.token_endpoint_auth_methods_supported.as_ref();
            // Where nothing is said, it is the header (section 3).
            methods.map_or(proof == "client_secret_basic", |all| all.iter().any(|one| one == proof))
        };
        let secret = if takes("client_secret_basic") {
            Some(SecretGoes::Header)
        } else {
            takes("client_secret_post").then_some(SecretGoes::Form)
        };
        Ok(Self {
            authorization: need("authorization_endpoint", said.authorization_endpoint)?,
            token: need("token_endpoint", said.token_endpoint)?,
            userinfo: match said.userinfo_endpoint {
                Some(address) => Some(need("userinfo_endpoint", Some(address))?),
                None => None,
            },
            keys: need("jwks_uri", said.jwks_uri)?,
            names_itself: said.authorization_response_iss_parameter_supported,
            secret,
        })
    }
}

/// Whether this is an address at which a provider may be asked: by `https://`, or on this machine itself.
pub fn is_address(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let is_plain = text.bytes().all(|b| b.is_ascii_graphic());
    let is_bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    let is_safe = url.scheme() == "https" || url.scheme() == "http" && is_here(&url);
    text.len() <= MAX_ADDRESS && is_plain && is_bare && is_safe && url.host().is_some()
}

/// The same of an address that an issuer names: none leads from elsewhere to this machine itself.
fn is_address_beside(text: &str, issuer: &str) -> bool {
    let plain = |text: &str| text.starts_with("http:");
    is_address(text) && (!plain(text) || plain(issuer))
}

fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const ISSUER: &str = "https://id.example";

    fn document() -> Value {
        json!({
            "issuer": ISSUER,
            "authorization_endpoint": "https://id.example/auth",
            "token_endpoint": "https://id.example/token",
            "userinfo_endpoint": "https://id.example/me",
            "jwks_uri": "https://id.example/jwks",
            "authorization_response_iss_parameter_supported": true,
            "id_token_signing_alg_values_supported": ["HS256", "RS256"],
        })
    }

    fn read(document: &Value) -> Result<Metadata, Distrust> {
        Metadata::read(document.to_string().as_bytes(), ISSUER)
    }

    #[test]
    fn what_a_provider_says_of_itself_is_read() {
        let told = read(&document()).unwrap();
        assert_eq!(told.token, "https://id.example/token");
        assert_eq!((told.secret, told.names_itself), (Some(SecretGoes::Header), true));
        let mut posts = document();
        posts["token_endpoint_auth_methods_supported"] = json!(["private_key_jwt", "client_secret_post"]);
        assert_eq!(read(&posts).unwrap().secret, Some(SecretGoes::Form));
        posts["token_endpoint_auth_methods_supported"] = json!(["private_key_jwt"]);
        assert_eq!(read(&posts).unwrap().secret, None);
    }

    #[test]
    fn a_provider_that_is_another_or_leads_elsewhere_is_not_believed() {
        let with = |name: &str, value: Value| {
            let mut document = document();
            document[name] = value;
            read(&document).unwrap_err()
        };
        for other in ["https://id.example/", "https://ID.example", "https://evil.example", ""] {
            assert_eq!(with("issuer", json!(other)), Distrust::OtherIssuer(other.to_owned()));
        }
        assert_eq!(with("issuer", Value::Null), Distrust::Lacks(WHAT, "issuer"));
        assert_eq!(with("jwks_uri", Value::Null), Distrust::Lacks(WHAT, "jwks_uri"));
        assert_eq!(with("issuer", json!(1)), Distrust::Unreadable(WHAT));
        assert_eq!(with("id_token_signing_alg_values_supported", json!(["none"])), Distrust::NoAlgorithm);
        for bad in ["http://id.example/token", "http://127.0.0.1/token", "file:///etc/passwd", "token"] {
            assert_eq!(with("token_endpoint", json!(bad)), Distrust::Address("token_endpoint"), "{bad}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for good in
            ["https://id.example/x?y", "http://127.0.0.1:80/", "http://[::1]:3000", "http://localhost:1"]
        {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "http://id.example",
            "http://127.0.0.1.evil.example",
            "https://a@id.example",
            "https://id.example/#x",
            "ftp://x",
            "",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = Metadata::read(&bytes, ISSUER);
        }
    }
}
