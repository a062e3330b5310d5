//! `parlour://[user@]host[:port][/+TAG][/Channel/Sub]`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use url::{Host, Url};

use crate::protocol::DEFAULT_PORT;

/// Why text is no address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AddressError {
    /// It has another scheme.
    #[error("`{0}://` isn't Parlour's; write parlour://host")]
    Scheme(String),
    /// It names no host, or something that can't be one.
    #[error("`{0}` names no host; write parlour://[user@]host[:port][/+TAG][/Channel/Sub]")]
    Host(String),
    /// It carries a password.
    #[error("an address carries no password, since it is seen by others; leave it out, it is asked for")]
    Password,
}

/// Where a server is, and perhaps who one is there and where one wants to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The user's name.
    pub user: Option<String>,
    /// Name or IP address of the host: in lower case, as IDNA encodes it, without a final dot; IPv6 without brackets.
    pub host: String,
    /// UDP port.
    pub port: u16,
    /// Tag of the organization; empty for the server's first one.
    pub organization: String,
    /// Names of channels, from the top down; empty for none.
    pub channel: String,
}

impl Address {
    /// `host:port`, or `host:port/+tag`: what one logs in to. It names that in a profile.
    pub fn home(&self) -> String {
        match self.organization.to_lowercase() {
            tag if tag.is_empty() => self.server(),
            tag => format!("{}/+{}", self.server(), encode(&tag)),
        }
    }

    /// `host:port`, which names the server.
    pub fn server(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        let whole = if text.contains("://") { text.to_owned() } else { format!("parlour://{text}") };
        let url = Url::parse(&whole).map_err(|_| AddressError::Host(text.to_owned()))?;
        if url.scheme() != "parlour" {
            return Err(AddressError::Scheme(url.scheme().to_owned()));
        }
        if url.password().is_some() {
            return Err(AddressError::Password);
        }
        let decode = |part: &str| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned();
        let host = match url.host() {
            Some(Host::Ipv6(ip)) => Some(ip.to_canonical().to_string()),
            Some(host) => canonical(&decode(&host.to_string())),
            None => None,
        };
        let host = host.ok_or_else(|| AddressError::Host(text.to_owned()))?;
        let user = decode(url.username());
        let path = url.path().trim_start_matches('/');
        let (first, below) = path.split_once('/').unwrap_or((path, ""));
        // A channel whose name begins with a plus is written with %2B.
        let (organization, path) = match first.strip_prefix('+') {
            Some(tag) if !tag.is_empty() => (decode(tag), below),
            _ => (String::new(), path),
        };
        // A URL has no way to say `.` and `..` but as steps of a path (WHATWG URL, section 4.4).
        let is_name = |name: &&str| !matches!(*name, "" | "." | "..");
        let channel = decode(path).split('/').filter(is_name).collect::<Vec<_>>().join("/");
        Ok(Self {
            user: (!user.is_empty()).then_some(user),
            host,
            port: url.port().unwrap_or(DEFAULT_PORT),
            organization,
            channel,
        })
    }
}

/// A host's name in the one form that it has here, however it is written: as IDNA encodes it (Unicode Technical Standard
/// 46), in lower case, without the dot that may end it. Nothing for what is no name of a host.
fn canonical(host: &str) -> Option<String> {
    let host = host.strip_suffix(['.', '\u{3002}']).unwrap_or(host);
    match Host::parse(host).ok()? {
        Host::Domain(name) => (!name.split('.').any(str::is_empty)).then_some(name),
        Host::Ipv4(ip) => Some(ip.to_string()),
        Host::Ipv6(ip) => Some(ip.to_canonical().to_string()),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("parlour://")?;
        if let Some(user) = &self.user {
            write!(f, "{}@", encode(user))?;
        }
        let server = self.server();
        f.write_str(server.strip_suffix(&format!(":{DEFAULT_PORT}")).unwrap_or(&server))?;
        if !self.organization.is_empty() {
            write!(f, "/+{}", encode(&self.organization))?;
        }
        for name in self.channel.split('/').filter(|name| !name.is_empty()) {
            write!(f, "/{}", encode(name))?;
        }
        Ok(())
    }
}

fn encode(part: &str) -> impl fmt::Display {
    percent_encoding::utf8_percent_encode(part, percent_encoding::NON_ALPHANUMERIC)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_part_is_read() {
        let address: Address =
            "parlour://Zo%C3%AB@example.org:5000/Operations/Alpha%20Squad/".parse().unwrap();
        assert_eq!((address.user.as_deref(), address.port), (Some("Zoë"), 5000));
        assert_eq!(
            (address.server().as_str(), address.channel.as_str()),
            ("example.org:5000", "Operations/Alpha Squad")
        );
    }

    #[test]
    fn short_forms_are_read() {
        let address: Address = "localhost".parse().unwrap();
        assert_eq!((address.server().as_str(), address.channel.as_str()), ("localhost:4848", ""));
        assert_eq!(address.to_string(), "parlour://localhost");
        let address: Address = "demo@[::1]:5000/Alpha Squad".parse().unwrap();
        assert_eq!((address.server().as_str(), address.channel.as_str()), ("[::1]:5000", "Alpha Squad"));
    }

    #[test]
    fn what_is_read_of_an_address_is_read_again() {
        for written in ["host/..%2Fx", "host/a%2F.%2Fb", "host/+a%2Fb/c", "host/%252e%252e"] {
            let address: Address = written.parse().unwrap();
            assert_eq!(address.to_string().parse::<Address>().as_ref(), Ok(&address), "{written}");
        }
        assert!(
            "ts+a%2Fb/c".parse::<Address>().is_err(),
            "a host's name has no slash, however it is written"
        );
    }

    #[test]
    fn a_host_has_one_name_however_it_is_written() {
        for (written, host) in [
            ("Example.ORG", "example.org"),
            ("example.org.", "example.org"),
            ("EXAMPLE.org.:5000", "example.org"),
            ("b\u{fc}cher.example", "xn--bcher-kva.example"),
            ("B\u{dc}CHER.example.", "xn--bcher-kva.example"),
            ("bu\u{308}cher.example", "xn--bcher-kva.example"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("parlour://b%C3%BCcher.example", "xn--bcher-kva.example"),
            ("b\u{fc}cher\u{3002}example\u{3002}", "xn--bcher-kva.example"),
            ("my_server", "my_server"),
            ("192.0.2.7", "192.0.2.7"),
            ("[2001:DB8:0::1]", "2001:db8::1"),
            ("[::ffff:192.0.2.7]", "192.0.2.7"),
        ] {
            let address: Address = written.parse().unwrap();
            assert_eq!(address.host, host, "{written}");
            assert_eq!(address.to_string().parse(), Ok(address), "{written}");
        }
        for wrong in [".", "..", "a..b.", "exa mple", "parlour://%00"] {
            assert!(wrong.parse::<Address>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_organization_stands_before_the_channel() {
        let address: Address = "example.org/+Raid/Operations/Alpha".parse().unwrap();
        assert_eq!((address.organization.as_str(), address.channel.as_str()), ("Raid", "Operations/Alpha"));
        assert_eq!(address.to_string(), "parlour://example.org/+Raid/Operations/Alpha");
        assert_eq!(
            (address.server(), address.home()),
            ("example.org:4848".to_owned(), "example.org:4848/+raid".to_owned())
        );
        let only: Address = "parlour://zoe@example.org:5000/+raid".parse().unwrap();
        assert_eq!((only.organization.as_str(), only.channel.as_str()), ("raid", ""));
        assert_eq!(only.home(), "example.org:5000/+raid");
    }

    #[test]
    fn a_channel_may_begin_with_a_plus() {
        for (text, channel) in
            [("example.org/%2Bfun", "+fun"), ("example.org/Games/+fun", "Games/+fun"), ("example.org/+", "+")]
        {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.organization.as_str(), address.channel.as_str()), ("", channel), "{text}");
            assert_eq!(address.to_string().parse::<Address>().unwrap(), address);
            assert_eq!(address.home(), "example.org:4848");
        }
        let below: Address = "example.org/+raid/+fun".parse().unwrap();
        assert_eq!((below.organization.as_str(), below.channel.as_str()), ("raid", "+fun"));
        assert_eq!(below.to_string().parse::<Address>().unwrap(), below);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        assert_eq!("https://example.org".parse::<Address>(), Err(AddressError::Scheme("https".to_owned())));
        assert_eq!("parlour://a:b@example.org".parse::<Address>(), Err(AddressError::Password));
        assert!(matches!("parlour:///General".parse::<Address>(), Err(AddressError::Host(_))));
        assert!(matches!("host:port".parse::<Address>(), Err(AddressError::Host(_))));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(user in "[^\\s/]{1,10}", organization in "|[a-z0-9-]{1,12}", name in "[^/\\s][^/]{0,20}", port: u16) {
            // No channel can have these names; see `name`.
            prop_assume!(!matches!(name.trim(), "." | ".."));
            let address = Address { user: Some(user), host: "example.org".to_owned(), port, organization, channel: name.trim().to_owned() };
            prop_assert_eq!(address.to_string().parse::<Address>().unwrap(), address);
        }

        #[test]
        fn any_text_is_read_without_panic(text: String) {
            let _ = text.parse::<Address>();
        }
    }
}
