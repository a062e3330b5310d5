//! Whose address it is, where a proxy stands between: what one tells that the self-hoster trusts, by the header
//! `X-Forwarded-For` or by the PROXY protocol (versions 1 and 2, as haproxy.org describes it). Nobody else is believed.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::http::HeaderMap;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::config::Network;

/// What proxies add to a request that they pass on.
const MARKS: [&str; 8] = [
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-server",
    "x-real-ip",
    "cf-connecting-ip",
];

/// Hops that are looked at; a longer list is somebody's joke.
const HOPS: usize = 32;

/// What a header of version 2 begins with, and the first byte of one of version 1.
const SECOND: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
const FIRST: &[u8] = b"PROXY ";

/// Bytes of a line of version 1 at most, and of what follows the first 16 of version 2.
const LONGEST_LINE: usize = 107;
const LONGEST: usize = 1_024;

/// Whether a request came by a proxy that says so.
pub(super) fn is_forwarded(headers: &HeaderMap) -> bool {
    MARKS.iter().any(|mark| headers.contains_key(*mark))
}

/// The address of whoever a request comes from: the last one in `X-Forwarded-For` that is no trusted proxy's, where a
/// trusted one passed the request on.
pub fn visitor(from: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut visitor = from.to_canonical();
    let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
    // What the visitor wrote may be anything, and the proxy's word stands behind it in the same line.
    let hops = lines.iter().rev().flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    for hop in hops.take(HOPS) {
        // Each proxy says from whom it has the request, so it is believed as far as it is trusted itself.
        match std::str::from_utf8(hop).ok().and_then(|hop| address(hop.trim())) {
            Some(address) if is_trusted(visitor) => visitor = address,
            _ => break,
        }
    }
    visitor
}

/// An address with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse().or_else(|_| text.parse().map(|address: SocketAddr| address.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

/// Whether what a trusted proxy sends first may be a header of the PROXY protocol. TLS and HTTP begin otherwise, but for
/// `POST`, `PUT` and the like, which nobody asks for without TLS.
pub(super) fn begins(first: u8) -> bool {
    first == SECOND[0] || first == FIRST[0]
}

/// Reads such a header, and no byte more. Answers with whom the proxy stands for; with nothing where it speaks for itself.
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<SocketAddr>> {
    let mut head = [0; 6];
    stream.read_exact(&mut head).await?;
    if head == FIRST {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            if line.len() + FIRST.len() >= LONGEST_LINE {
                return Err(wrong());
            }
            line.push(stream.read_u8().await?);
        }
        return source_in(&line);
    }
    let mut rest = [0; 10];
    stream.read_exact(&mut rest).await?;
    let [.., what, family, high, low] = rest;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if head != SECOND[..6] || rest[..6] != SECOND[6..] || length > LONGEST {
        return Err(wrong());
    }
    let mut told = vec![0; length];
    stream.read_exact(&mut told).await?;
    match what {
        // "LOCAL": the proxy looks whether the server is there.
        0x20 => Ok(None),
        0x21 => source(family, &told),
        _ => Err(wrong()),
    }
}

fn wrong() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the header of the PROXY protocol can't be read")
}

/// The source in what a header of version 2 tells; nothing for families that have no IP addresses.
fn source(family: u8, told: &[u8]) -> io::Result<Option<SocketAddr>> {
    let bytes = |from: usize, to: usize| told.get(from..to).ok_or_else(wrong);
    let port = |at| -> io::Result<u16> {
        Ok(u16::from_be_bytes(bytes(at, at + 2)?.try_into().map_err(|_| wrong())?))
    };
    match family >> 4 {
        1 => {
            let ip: [u8; 4] = bytes(0, 4)?.try_into().map_err(|_| wrong())?;
            Ok(Some((Ipv4Addr::from(ip), port(8)?).into()))
        }
        2 => {
            let ip: [u8; 16] = bytes(0, 16)?.try_into().map_err(|_| wrong())?;
            Ok(Some((Ipv6Addr::from(ip), port(32)?).into()))
        }
        _ => Ok(None),
    }
}

/// The source in the line of version 1 after its first word.
fn source_in(line: &[u8]) -> io::Result<Option<SocketAddr>> {
    let line = std::str::from_utf8(line).map_err(|_| wrong())?;
    let words: Vec<&str> = line.trim_end_matches("\r\n").split(' ').collect();
    match words.as_slice() {
        ["UNKNOWN", ..] => Ok(None),
        ["TCP4" | "TCP6", from, _, port, _] => {
            let from: IpAddr = from.parse().map_err(|_| wrong())?;
            Ok(Some((from, port.parse().map_err(|_| wrong())?).into()))
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn of(from: &str, lines: &[&str]) -> String {
        let trusted: Vec<Network> =
            ["127.0.0.1", "10.0.0.0/8"].iter().map(|text| text.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        visitor(from.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn a_trusted_proxy_says_who_it_is_and_nobody_says_it_of_themselves() {
        assert_eq!(of("203.0.113.9", &["198.51.100.1"]), "203.0.113.9", "who isn't trusted isn't believed");
        assert_eq!(of("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(of("127.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(of("::ffff:127.0.0.1", &["198.51.100.1:443"]), "198.51.100.1");
        assert_eq!(of("127.0.0.1", &["[2001:db8::1]:443"]), "2001:db8::1");
        assert_eq!(of("127.0.0.1", &["1.2.3.4, 198.51.100.1"]), "198.51.100.1", "the rest the visitor wrote");
        assert_eq!(of("127.0.0.1", &["caf\u{e9}, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(of("127.0.0.1", &["1.2.3.4", "198.51.100.1, 10.1.1.1"]), "198.51.100.1");
        assert_eq!(of("127.0.0.1", &["10.2.2.2, 10.1.1.1"]), "10.2.2.2");
        assert_eq!(of("127.0.0.1", &["198.51.100.1, unknown"]), "127.0.0.1");
        let long = vec!["10.0.0.1"; 10_000].join(",");
        assert_eq!(of("127.0.0.1", &[&long]), "10.0.0.1");
    }

    async fn read_all(bytes: &[u8]) -> io::Result<(Option<SocketAddr>, Vec<u8>)> {
        let mut stream = bytes;
        let told = read(&mut stream).await?;
        Ok((told, stream.to_vec()))
    }

    fn second(what: u8, family: u8, told: &[u8]) -> Vec<u8> {
        let mut bytes = SECOND.to_vec();
        bytes.extend([what, family]);
        bytes.extend((told.len() as u16).to_be_bytes());
        bytes.extend(told);
        bytes.extend(b"after");
        bytes
    }

    #[tokio::test]
    async fn headers_of_the_proxy_protocol_are_read_to_their_last_byte() {
        let after = b"after".to_vec();
        let four = [&[198, 51, 100, 1, 10, 0, 0, 1][..], &[0x30, 0x39, 0x12, 0xf0][..]].concat();
        let visitor = Some("198.51.100.1:12345".parse().unwrap());
        assert_eq!(read_all(&second(0x21, 0x11, &four)).await.unwrap(), (visitor, after.clone()));
        let with_more = [&four[..], &[4, 0, 1, 0][..]].concat();
        assert_eq!(read_all(&second(0x21, 0x11, &with_more)).await.unwrap(), (visitor, after.clone()));
        let ip = "2001:db8::7".parse::<Ipv6Addr>().unwrap();
        let six = [&ip.octets()[..], &[0; 16][..], &[0x30, 0x39, 0, 0][..]].concat();
        let visitor = Some(SocketAddr::from((ip, 12345)));
        assert_eq!(read_all(&second(0x21, 0x21, &six)).await.unwrap(), (visitor, after.clone()));
        assert_eq!(read_all(&second(0x20, 0, &[])).await.unwrap(), (None, after.clone()));
        let line = b"PROXY TCP4 198.51.100.1 10.0.0.1 12345 4848\r\nafter";
        assert_eq!(
            read_all(line).await.unwrap(),
            (Some("198.51.100.1:12345".parse().unwrap()), after.clone())
        );
        assert_eq!(read_all(b"PROXY UNKNOWN\r\nafter").await.unwrap(), (None, after));
        for wrong in [
            second(0x21, 0x11, &four[..6]),
            second(0x31, 0x11, &four),
            b"PROXY TCP4 here there 1 2\r\n".to_vec(),
            [b"PROXY ".as_slice(), &[b'x'; 500]].concat(),
            b"POST / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
            [&SECOND[..], &[0x21, 0x11, 0xff, 0xff]].concat(),
        ] {
            assert!(read_all(&wrong).await.is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), second: bool) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let begin: &[u8] = if second { &SECOND } else { FIRST };
            let _ = runtime.block_on(read_all(&[begin, &bytes].concat()));
        }
    }
}
