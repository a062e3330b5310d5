//! What a trusted proxy says of whom it stands for: a header of the PROXY protocol, or `X-Forwarded-For`.
#![no_main]

use std::net::IpAddr;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use parlour::config::Network;
use parlour::http::proxy::{read, visitor};

/// Bytes of a header of the PROXY protocol at most.
const LONGEST: usize = 16 + 1_024;

static TRUSTED: LazyLock<Vec<Network>> = LazyLock::new(|| {
    ["127.0.0.0/8", "10.0.0.0/8", "::1"].map(|range| range.parse().expect("a range")).to_vec()
});

fuzz_target!(|bytes: &[u8]| {
    let mut rest = bytes;
    {
        let reading = pin!(read(&mut rest));
        let Poll::Ready(_) = reading.poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("nobody waits for what is in memory");
        };
    }
    assert!(bytes.len() - rest.len() <= LONGEST, "what comes after the header is left");
    let Ok(said) = HeaderValue::from_bytes(bytes) else { return };
    let (proxy, stranger) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([203, 0, 113, 9]));
    let mut headers = HeaderMap::new();
    headers.append("x-forwarded-for", said);
    assert_eq!(visitor(stranger, &headers, &TRUSTED), stranger, "nobody else is believed");
    let _ = visitor(proxy, &headers, &TRUSTED);
    headers.append("x-forwarded-for", HeaderValue::from_static("203.0.113.9, 10.0.0.1"));
    assert_eq!(visitor(proxy, &headers, &TRUSTED), stranger, "the visitor's own words are worth nothing");
});
