//! How both ends set QUIC and TLS up: cipher suites, buffers, and a congestion controller that leaves
//! room for voice.

mod congestion;
mod id;
mod patient;
mod pin;

pub use congestion::FlooredConfig;
pub use id::toward;
pub use pin::Seen;

use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::{NoInitialCipherSuite, QuicClientConfig, QuicServerConfig};
use quinn::{AckFrequencyConfig, IdleTimeout, TransportConfig, VarInt};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{cipher_suite, default_provider};
use rustls::server::{ResolvesServerCert, ServerSessionMemoryCache};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::id::Fingerprint;
use id::ShardIds;
use patient::Patient;
use pin::Pinned;

/// Bytes of datagrams that wait for a connection at most: a few voice packets. What is above would be
/// heard too late, so the oldest goes.
pub const DATAGRAM_SEND_BUFFER: usize = 16 * 1024;

/// Bytes of UDP payload that are tried on a path at most: what Ethernet carries below IPv6 (quinn's bound).
pub const LARGEST_MTU: u16 = 1_452;

/// Request streams that a client may have open at once.
pub const REQUESTS_AT_ONCE: u32 = 8;

/// Sessions that can be resumed, at most; the oldest are forgotten.
const RESUMED: usize = 2_048;

/// Bytes of streams that the server takes ahead of a client that isn't logged in. One request of the largest size fits; all of
/// them at once share it.
const STRANGER_WINDOW: u32 = 96 * 1024;
/// The same of a client that is logged in.
pub const MEMBER_WINDOW: u32 = 256 * 1024;

/// Why TLS can't be set up.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The certificate or key is refused.
    #[error(transparent)]
    Rustls(#[from] rustls::Error),
    /// The cipher suite that QUIC begins with is missing.
    #[error(transparent)]
    Suite(#[from] NoInitialCipherSuite),
}

/// Cryptography with AES-128-GCM preferred: measured cheapest, and what QUIC's first packets need.
pub fn crypto() -> Arc<CryptoProvider> {
    let cipher_suites = vec![
        cipher_suite::TLS13_AES_128_GCM_SHA256,
        cipher_suite::TLS13_AES_256_GCM_SHA384,
        cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    ];
    Arc::new(CryptoProvider { cipher_suites, ..default_provider() })
}

/// Streams of HTTP/3 itself that a browser opens: control, and two of header compression (RFC 9114, section
/// 6.2); one more, as browsers open some without meaning to keep others ready for new kinds.
const WEB_STREAMS: u32 = 4;

/// The server's side, for these protocols (ALPN), of which `certificates` knows which gets what certificate. A
/// connection silent for `idle` is given up.
pub fn server_config(
    certificates: Arc<dyn ResolvesServerCert>,
    protocols: &[&[u8]],
    idle: Duration,
) -> Result<quinn::ServerConfig, TlsError> {
    let mut tls = rustls::ServerConfig::builder_with_provider(crypto())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    tls.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    tls.ignore_client_order = true;
    // In memory, since what comes early must not be taken twice (RFC 8446, section 8.1).
    tls.session_storage = ServerSessionMemoryCache::new(RESUMED);
    tls.send_tls13_tickets = 1;
    // QUIC knows all or nothing here (RFC 9001, section 4.6.1); what may come early is the endpoint's to say.
    tls.max_early_data_size = u32::MAX;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    let mut transport = common(idle);
    transport
        .max_concurrent_bidi_streams(REQUESTS_AT_ONCE.into())
        .max_concurrent_uni_streams(WEB_STREAMS.into())
        .datagram_receive_buffer_size(Some(64 * 1024))
        .stream_receive_window(VarInt::from_u32(80 * 1024))
        .receive_window(VarInt::from_u32(STRANGER_WINDOW))
        .send_window(1024 * 1024);
    config.transport_config(Arc::new(transport));
    // Who was here before needs no Retry from the same address for two weeks.
    let mut tokens = quinn::ValidationTokenConfig::default();
    tokens.sent(2);
    config.validation_token_config(tokens);
    Ok(config)
}

/// TLS of a client, for servers whose certificate is pinned: only `expected` is accepted, or any when there
/// is none. What was presented is left in the second value.
pub fn tls_client(
    expected: Option<Fingerprint>,
    protocols: &[&[u8]],
) -> Result<(rustls::ClientConfig, Seen), TlsError> {
    let seen = Seen::default();
    let mut tls = rustls::ClientConfig::builder_with_provider(crypto())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Pinned { expected, seen: seen.clone() }))
        .with_no_client_auth();
    tls.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    tls.enable_early_data = true;
    Ok((tls, seen))
}

/// The client's side of QUIC, for servers whose certificate is pinned, as [`tls_client`] has it.
pub fn client_config(
    expected: Option<Fingerprint>,
    protocol: &[u8],
) -> Result<(quinn::ClientConfig, Seen), TlsError> {
    let (tls, seen) = tls_client(expected, &[protocol])?;
    let mut config = quinn::ClientConfig::new(Arc::new(Patient(Arc::new(QuicClientConfig::try_from(tls)?))));
    let mut transport = common(CLIENT_IDLE);
    transport
        .keep_alive_interval(Some(KEEP_ALIVE))
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(1))
        .datagram_receive_buffer_size(Some(1024 * 1024));
    config.transport_config(Arc::new(transport));
    Ok((config, seen))
}

/// Silence after which a client takes its server for gone.
const CLIENT_IDLE: Duration = Duration::from_secs(10);

/// How often a client that has nothing to say shows that it is there. It keeps the way through a NAT
/// open for a silent listener, and finds out that the server was started anew.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

/// How an endpoint of the server answers packets of connections it doesn't know: with a stateless reset
/// (RFC 9000, section 10.3) under a key made of `secret`. A server that was killed and started again
/// knows its clients' connections no more, and this tells them at once. Connection ids name `shard`.
pub fn endpoint_config(secret: &[u8], shard: u8) -> quinn::EndpointConfig {
    let derive = |purpose: &str| -> [u8; 32] {
        Sha256::new().chain_update(purpose).chain_update(secret).finalize().into()
    };
    let key = |purpose: &str| ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &derive(purpose));
    let mut config = quinn::EndpointConfig::new(Arc::new(key("parlour stateless reset")));
    // The key of these must last, too, or the ids of before the restart would look foreign.
    let ids = key("parlour connection ids");
    config.cid_generator(move || Box::new(ShardIds::new(shard, ids.clone())));
    config
}

/// What both ends share.
pub fn common(idle: Duration) -> TransportConfig {
    let mut transport = TransportConfig::default();
    let mut acknowledgements = AckFrequencyConfig::default();
    acknowledgements
        .ack_eliciting_threshold(patient::ACK_EACH.into())
        .reordering_threshold(patient::ACK_GAP.into());
    transport
        // Durations beyond a QUIC integer, 2^62 ms, mean no limit.
        .max_idle_timeout(IdleTimeout::try_from(idle).ok())
        .ack_frequency_config(Some(acknowledgements))
        .datagram_send_buffer_size(DATAGRAM_SEND_BUFFER)
        .congestion_controller_factory(Arc::new(FlooredConfig::default()));
    transport
}
