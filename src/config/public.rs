//! Where others reach the server, as its owner says it.

use url::{Host, Url};

use super::key::DEFAULT_PORT;

/// The port of HTTPS (RFC 9110, section 4.2.2).
const HTTPS: u16 = 443;

/// The address by which others reach the server, which it can't know by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublicAddress {
    /// The page: `https://HOST[:PORT]`, without a slash at its end.
    pub page: String,
    /// What native clients connect to: `HOST`, or `HOST:PORT` for a port that isn't the protocol's own.
    pub server: String,
}

impl PublicAddress {
    /// Reads `HOST`, `HOST:PORT`, or the page's address as `https://HOST[:PORT]`, for a page that another server passes on.
    /// `listened` is the port that the server listens on: a host by itself is reached there.
    pub fn parse(text: &str, listened: u16) -> Option<Self> {
        let page_is_named = text.starts_with("https://");
        let bare = text.strip_prefix("https://").unwrap_or(text).trim_end_matches('/');
        if bare.is_empty() || bare.contains(['/', '@', '?', '#', '\\']) || bare.contains(char::is_whitespace)
        {
            return None;
        }
        let url = Url::parse(&format!("https://{bare}")).ok()?;
        let host = match url.host()? {
            // What a browser takes for an address must look like one to people, too.
            Host::Ipv4(ip) if !bare.starts_with(&ip.to_string()) => return None,
            host => host.to_string(),
        };
        let named = url.port().or_else(|| bare.ends_with(":443").then_some(HTTPS));
        let at = |port: u16, own: u16| if port == own { host.clone() } else { format!("{host}:{port}") };
        let page = if page_is_named { named.unwrap_or(HTTPS) } else { named.unwrap_or(listened) };
        // Whoever passes the page on has its port, and voice comes to the server's own.
        let server = if page_is_named { listened } else { page };
        Some(Self { page: format!("https://{}", at(page, HTTPS)), server: at(server, DEFAULT_PORT) })
    }

    /// The host alone; IPv6 in brackets.
    pub fn host(&self) -> &str {
        match self.server.rsplit_once(':') {
            Some((host, _)) if !self.server.ends_with(']') => host,
            _ => &self.server,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_a_port_and_a_page_behind_another_server_are_read() {
        let read = |text: &str| {
            let found = PublicAddress::parse(text, 4848)?;
            Some((found.page.clone(), found.server.clone(), found.host().to_owned()))
        };
        let is = |page: &str, server: &str, host: &str| {
            Some((page.to_owned(), server.to_owned(), host.to_owned()))
        };
        assert_eq!(
            read("Voice.example.org"),
            is("https://voice.example.org:4848", "voice.example.org", "voice.example.org")
        );
        assert_eq!(
            read("voice.example.org:5000"),
            is("https://voice.example.org:5000", "voice.example.org:5000", "voice.example.org")
        );
        assert_eq!(
            read("https://voice.example.org/"),
            is("https://voice.example.org", "voice.example.org", "voice.example.org")
        );
        assert_eq!(
            read("voice.example.org:443"),
            is("https://voice.example.org", "voice.example.org:443", "voice.example.org")
        );
        assert_eq!(read("192.0.2.7"), is("https://192.0.2.7:4848", "192.0.2.7", "192.0.2.7"));
        assert_eq!(
            read("[2001:db8::7]:5000"),
            is("https://[2001:db8::7]:5000", "[2001:db8::7]:5000", "[2001:db8::7]")
        );
        assert_eq!(read("[2001:db8::7]"), is("https://[2001:db8::7]:4848", "[2001:db8::7]", "[2001:db8::7]"));
        for bad in [
            "",
            "https://",
            "a b",
            "anna@host",
            "host/path",
            "parlour://host",
            "http://host",
            "host:0x",
            "2001:db8::7",
            "7",
            "host:99999",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(PublicAddress::parse("host", 5000).map(|it| it.server), Some("host:5000".to_owned()));
    }
}
