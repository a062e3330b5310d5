//! Addresses that a program is come back to at, which have to be registered, and are compared to the letter (RFC 9700,
//! section 2.1).

use thiserror::Error;
use url::{Host, Url, form_urlencoded};

/// Bytes of an address at most.
pub const MAX_URI: usize = 512;

/// Why an address can't be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RedirectError {
    /// It isn't one, or a part of it is more than there may be.
    #[error(
        "an address to come back to is a whole one, such as https://example.org/callback: without a fragment, a name or a password in it, of letters that need no escape, and of {MAX_URI} bytes at most"
    )]
    Malformed,
    /// Everybody on the way could read the code.
    #[error(
        "an address to come back to begins with https://; with http:// only on this machine (127.0.0.1, [::1] or localhost)"
    )]
    Plain,
    /// Its scheme is one that browsers do things with, or any program could have.
    #[error("a program's own scheme has a dot in it, as org.example.app: (RFC 8252, section 7.1)")]
    Scheme,
}

/// Whether an address may be registered.
pub fn check_redirect(uri: &str) -> Result<(), RedirectError> {
    let url = whole(uri)?;
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(&url) => Ok(()),
        "http" => Err(RedirectError::Plain),
        scheme if scheme.contains('.') => Ok(()),
        _ => Err(RedirectError::Scheme),
    }
}

/// Whether an address may be registered as a resource that tokens are for (RFC 8707, section 2).
pub fn check_resource(uri: &str) -> Result<(), RedirectError> {
    match whole(uri)?.scheme() {
        "https" | "http" | "urn" => Ok(()),
        _ => Err(RedirectError::Malformed),
    }
}

fn whole(uri: &str) -> Result<Url, RedirectError> {
    let written = uri
        .bytes()
        .all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'<' | b'>' | b'\\' | b'#' | b'*'));
    if uri.is_empty() || uri.len() > MAX_URI || !written {
        return Err(RedirectError::Malformed);
    }
    let url = Url::parse(uri).map_err(|_| RedirectError::Malformed)?;
    // A host may hold characters that end a directive of a content security policy.
    let plain = |host: &str| {
        host.bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']'))
    };
    let is_named = !url.username().is_empty() || url.password().is_some();
    if is_named || !url.host_str().is_none_or(plain) {
        return Err(RedirectError::Malformed);
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Whether the address that is asked for is the registered one: to the letter, but for the port of a program on the
/// person's own machine, which it can't choose (RFC 8252, section 7.3).
pub fn is_same_redirect(registered: &str, asked: &str) -> bool {
    if registered == asked {
        return true;
    }
    let (Ok(one), Ok(other)) = (whole(registered), whole(asked)) else { return false };
    let is_own_machine = |url: &Url| {
        url.scheme() == "http"
            && matches!(url.host(), Some(Host::Ipv4(_) | Host::Ipv6(_)))
            && is_loopback(url)
    };
    let written = |url: &Url, text: &str| {
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let origin = format!("http://{}{port}", url.host_str().unwrap_or_default());
        text.strip_prefix(&origin)
            .map(|rest| (url.host_str().unwrap_or_default().to_owned(), rest.to_owned()))
    };
    let (one, other) = match (is_own_machine(&one), is_own_machine(&other)) {
        (true, true) => (written(&one, registered), written(&other, asked)),
        _ => return false,
    };
    // What comes after the port isn't more of an authority.
    one.is_some()
        && one == other
        && one.is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with(['/', '?']))
}

/// Whether a page of an origin, as a browser writes it (RFC 6454, section 6.2), is one of the program that is come back to at an
/// address. The port of a program on the person's own machine isn't looked at, as above.
pub fn is_origin_of(registered: &str, origin: &str) -> bool {
    match whole(registered) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => {
            is_same_redirect(&url.origin().ascii_serialization(), origin)
        }
        Ok(_) | Err(_) => false,
    }
}

/// An address with parameters added to those that it has.
pub fn with_parameters(uri: &str, parameters: &[(&str, &str)]) -> String {
    let mut more = form_urlencoded::Serializer::new(String::new());
    more.extend_pairs(parameters);
    let joint = match uri.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    format!("{uri}{joint}{}", more.finish())
}

/// Where a form may lead whose answer leads to an address, as a content security policy says it.
pub fn form_target(uri: &str) -> Option<String> {
    let url = whole(uri).ok()?;
    match url.host() {
        // A policy has no words for an address of IPv6.
        Some(Host::Ipv6(_)) => Some(format!("{}:", url.scheme())),
        Some(_) if matches!(url.scheme(), "http" | "https") => Some(url.origin().ascii_serialization()),
        _ => Some(format!("{}:", url.scheme())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_that_nobody_else_gets_are_registered() {
        for good in [
            "https://git.example.org/user/oauth2/parlour/callback",
            "https://git.example.org:3000/cb?x=1",
            "http://127.0.0.1/cb",
            "http://[::1]:8080/cb",
            "http://localhost:5000/",
            "org.example.app:/cb",
        ] {
            assert_eq!(check_redirect(good), Ok(()), "{good}");
        }
        for (bad, error) in [
            ("http://git.example.org/cb", RedirectError::Plain),
            ("http://127.0.0.1.evil.example/cb", RedirectError::Plain),
            ("javascript:alert(1)", RedirectError::Scheme),
            ("data:text/html,x", RedirectError::Scheme),
            ("https://git.example.org/cb#x", RedirectError::Malformed),
            ("https://a@git.example.org/cb", RedirectError::Malformed),
            ("https://*.example.org/cb", RedirectError::Malformed),
            ("https://a;script-src.example.org/", RedirectError::Malformed),
            ("/cb", RedirectError::Malformed),
            ("", RedirectError::Malformed),
        ] {
            assert_eq!(check_redirect(bad), Err(error), "{bad}");
        }
    }

    #[test]
    fn an_address_is_the_registered_one_to_the_letter() {
        let registered = "https://git.example.org/cb";
        assert!(is_same_redirect(registered, registered));
        for other in [
            "https://git.example.org/cb/",
            "https://git.example.org/cb?x",
            "https://git.example.org/CB",
            "https://git.example.org:443/cb",
            "https://git.example.org/x/../cb",
            "https://git.example.org.evil.example/cb",
            "https://git.example.org@evil.example/cb",
        ] {
            assert!(!is_same_redirect(registered, other), "{other}");
        }
        let own = "http://127.0.0.1/cb";
        assert!(is_same_redirect(own, "http://127.0.0.1:50123/cb"));
        for other in [
            "http://127.0.0.1:50123/",
            "http://127.0.0.2:50123/cb",
            "http://localhost:50123/cb",
            "https://127.0.0.1:50123/cb",
            "http://127.0.0.1:50123@evil.example/cb",
            "http://127.0.0.1:50123/cb?x",
        ] {
            assert!(!is_same_redirect(own, other), "{other}");
        }
        assert!(!is_same_redirect("https://127.0.0.1/cb", "https://127.0.0.1:50123/cb"));
    }

    #[test]
    fn a_page_is_a_program_s_by_the_origin_of_its_address() {
        for (registered, origin) in [
            ("https://club.example/cb?x", "https://club.example"),
            ("https://club.example:443/cb", "https://club.example"),
            ("https://club.example:8443/cb", "https://club.example:8443"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:5173"),
            ("http://[::1]:9/cb", "http://[::1]:5173"),
            ("http://localhost:5173/", "http://localhost:5173"),
        ] {
            assert!(is_origin_of(registered, origin), "{registered} {origin}");
        }
        for (registered, origin) in [
            ("https://club.example/cb", "http://club.example"),
            ("https://club.example/cb", "https://club.example:8443"),
            ("https://club.example/cb", "https://club.example.evil.example"),
            ("https://club.example/cb", "https://club.example/"),
            ("http://localhost:5173/", "http://localhost:5174"),
            ("http://127.0.0.1/cb", "http://127.0.0.1@evil.example"),
            ("http://127.0.0.1/cb", "https://127.0.0.1"),
            ("org.example.app:/cb", "null"),
            ("org.example.app:/cb", "org.example.app:"),
            ("https://club.example/cb", ""),
        ] {
            assert!(!is_origin_of(registered, origin), "{registered} {origin}");
        }
    }

    #[test]
    fn parameters_are_added_and_targets_are_origins() {
        assert_eq!(
            with_parameters("https://a/cb", &[("code", "x y"), ("state", "&=")]),
            "https://a/cb?code=x+y&state=%26%3D"
        );
        assert_eq!(with_parameters("https://a/cb?k=1", &[("code", "x")]), "https://a/cb?k=1&code=x");
        assert_eq!(form_target("https://a.example:8443/cb?x").as_deref(), Some("https://a.example:8443"));
        assert_eq!(form_target("org.example.app:/cb").as_deref(), Some("org.example.app:"));
        assert_eq!(form_target("http://[::1]:1/cb").as_deref(), Some("http:"));
    }

    proptest! {
        #[test]
        fn what_leads_elsewhere_is_never_the_same(asked: String, tail in "[ -~]{0,20}") {
            for registered in ["https://git.example.org/cb", "http://127.0.0.1/cb"] {
                for asked in [asked.clone(), format!("{registered}{tail}"), format!("http://127.0.0.1:{tail}/cb")] {
                    if is_same_redirect(registered, &asked) && asked != registered {
                        let url = Url::parse(&asked).unwrap();
                        prop_assert!(is_loopback(&url) && url.path() == "/cb" && url.query().is_none());
                    }
                }
            }
        }
    }
}
