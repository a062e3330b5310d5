//! Addresses that people write, of servers that are to be asked.

use std::net::IpAddr;

use url::{Host, Url};

use super::error::DialError;
use super::reach::{Kept, Reach};
use crate::bounds::MAX_HOOK_ADDRESS;

/// Reads an address that somebody wrote. One that is a number in any of its forms (`127.1`, `0x7f000001`, `2130706433`) is judged
/// at once; where a name leads is judged whenever it is asked, since that changes.
pub fn read_address(text: &str, reach: &Reach) -> Result<Url, DialError> {
    if text.len() > MAX_HOOK_ADDRESS {
        return Err(DialError::Address("an address has 1,024 bytes at most"));
    }
    let url = Url::parse(text).ok().filter(|_| text.bytes().all(|b| b.is_ascii_graphic()));
    let url =
        url.ok_or(DialError::Address("this is no address; write it as https://hooks.example.org/path"))?;
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(DialError::Address("an address has no user, no password and no # here; leave them out"));
    }
    let host = host(&url)?;
    if is_plain(&url) && !reach.lists_any() {
        return Err(DialError::Address(
            "an address begins with https://; http:// is for networks that the machine's owner lists (hooks.networks)",
        ));
    }
    if let Some(address) = number(&host) {
        judge(&url, &[address], reach)?;
    }
    Ok(url)
}

/// Judges all that an address leads to: one address that isn't dialled is enough.
pub(super) fn judge(url: &Url, leads_to: &[IpAddr], reach: &Reach) -> Result<(), DialError> {
    for address in leads_to.iter().copied() {
        let host = || url.host_str().unwrap_or_default().to_owned();
        reach.judge(address, is_plain(url)).map_err(|kept| match kept {
            Kept::Special(what) => DialError::Kept { host: host(), address, what, of: leads_to.len() },
            Kept::Plain => DialError::Plain { host: host(), address },
        })?;
    }
    Ok(())
}

/// Whom an address of the web names.
pub(super) fn host(url: &Url) -> Result<Host<&str>, DialError> {
    let host = url.host().filter(|_| matches!(url.scheme(), "http" | "https"));
    host.ok_or(DialError::Address("an address begins with https:// and names a host"))
}

/// The address that a host is, where it isn't a name. What a browser takes for a number is one here (WHATWG URL, "IPv4 parser").
pub(super) fn number(host: &Host<&str>) -> Option<IpAddr> {
    match host {
        Host::Ipv4(address) => Some((*address).into()),
        Host::Ipv6(address) => Some((*address).into()),
        Host::Domain(_) => None,
    }
}

/// Whether it is asked without encryption.
pub(super) fn is_plain(url: &Url) -> bool {
    url.scheme() == "http"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Url, DialError> {
        read_address(text, &Reach::public_and(Vec::new()))
    }

    #[test]
    fn every_way_to_write_an_address_of_this_machine_is_seen_through() {
        for host in [
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0x7F.0x0.0x0.0x1",
            "017700000001",
            "0177.0.0.1",
            "0177.1",
            "127.0.0.1.",
            "%31%32%37.0.0.1",
            "1²7.0.0.1",
            "①②⑦.0.0.1",
            "127。0。0。1",
            "０x7f.1",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[0:0:0:0:0:ffff:127.0.0.1]",
            "[::127.0.0.1]",
            "[64:ff9b::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[::]",
            "0",
            "0.0.0.0",
            "0x0",
        ] {
            let address = format!("https://{host}/hook");
            let refused = Url::parse(&address).ok().map(|url| {
                let number = number(&super::host(&url).unwrap()).expect(host);
                judge(&url, &[number], &Reach::public_and(Vec::new()))
            });
            assert!(matches!(refused, Some(Err(DialError::Kept { .. }))), "{host}: {refused:?}");
            assert!(read(&address).is_err(), "{host}");
        }
        for private in
            ["10.1", "0xa9fea9fe", "2852039166", "0300.0250.1", "192.168.257", "[fd00::1]", "[fe80::1]"]
        {
            let refused = read(&format!("https://{private}/")).unwrap_err();
            assert!(matches!(refused, DialError::Kept { .. }), "{private}: {refused}");
        }
        // What is public stays what it is, and a name isn't judged here.
        for fits in [
            "https://8.8.8.8/x?y=1",
            "https://134744072/",
            "https://hooks.example.org:8443/a",
            "https://localhost/",
        ] {
            assert!(read(fits).is_ok(), "{fits}");
        }
        assert_eq!(
            read("https://2130706433/").unwrap_err().to_string(),
            "127.0.0.1 is a loopback address; such addresses are asked only in networks that the machine's owner lists \
             (hooks.networks)"
        );
    }

    #[test]
    fn what_is_no_address_is_refused_in_words() {
        let long = format!("https://example.org/{}", "x".repeat(1_024));
        for (text, word) in [
            ("", "no address"),
            ("hooks.example.org", "no address"),
            ("https://", "no address"),
            ("https://exa mple.org/", "no address"),
            ("https://example.org/\u{e4}", "no address"),
            ("https://example.org/\n", "no address"),
            ("https://256.256.256.256/", "no address"),
            ("https://[::1%25eth0]/", "no address"),
            ("https://a:b@example.org/", "no user"),
            ("https://a@example.org/", "no user"),
            ("https://example.org/#x", "no #"),
            ("ftp://example.org/", "begins with https://"),
            ("file:///etc/passwd", "begins with https://"),
            ("data:text/plain,x", "begins with https://"),
            ("http://example.org/", "begins with https://"),
            (&long, "1,024 bytes"),
        ] {
            let refused = read(text).unwrap_err().to_string();
            assert!(refused.contains(word), "{text}: {refused}");
        }
        let home = Reach::public_and(vec!["10.0.0.0/8".parse().unwrap()]);
        assert!(
            read_address("http://10.0.0.1/", &home).is_ok()
                && read_address("http://nas.home/", &home).is_ok()
        );
        let outside = read_address("http://8.8.8.8/", &home).unwrap_err();
        assert!(matches!(outside, DialError::Plain { .. }), "{outside}");
        assert!(matches!(read_address("http://127.1/", &home), Err(DialError::Kept { .. })));
    }
}
