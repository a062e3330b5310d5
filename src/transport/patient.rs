//! Acknowledgements that wait: what a listener sends back is the largest cost of a voice packet after its
//! sending.
//!
//! A server asks its peer for fewer by `ACK_FREQUENCY` frames (draft-ietf-quic-ack-frequency), but quinn never asks
//! for a delay above 25 ms or the round-trip time, and a frame of voice comes each 20 ms. What a peer says is
//! its least delay (`min_ack_delay`, same draft, section 3) is what quinn asks for at least, so our clients say
//! that theirs is [`ACK_DELAY`]. Gaps are acknowledged at once all the same (section 6.2), so what is lost is sent again as
//! early as before wherever something follows it. Where nothing does, quinn's probe waits for that delay in addition,
//! whether or not an acknowledgement was asked for at once (RFC 9002, section 6.2.1), so the server has something follow
//! what it says on streams (`endpoint::cover`).

use std::sync::Arc;
use std::time::Duration;

use quinn::ConnectError;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::crypto::{ClientConfig, Session};
use quinn_proto::coding::Codec;
use quinn_proto::transport_parameters::TransportParameters;
use quinn_proto::{Side, VarInt};

/// How long a client waits before it acknowledges voice.
const ACK_DELAY: Duration = Duration::from_millis(400);

/// Packets after which it doesn't wait any longer.
pub(super) const ACK_EACH: u32 = 24;

/// By how many packets one has to be overtaken for an acknowledgement at once (same draft, section 6.2): by the next one, which
/// is all that may follow.
pub(super) const ACK_GAP: u32 = 1;

/// `max_ack_delay` in milliseconds (RFC 9000, section 18.2).
const MAX_ACK_DELAY: u64 = 0x0b;

/// `min_ack_delay` in microseconds (draft-ietf-quic-ack-frequency-07, section 10.1).
const MIN_ACK_DELAY: u64 = 0xff04_de1b;

/// A client's TLS that announces patience.
pub(super) struct Patient(pub(super) Arc<QuicClientConfig>);

impl ClientConfig for Patient {
    fn start_session(
        self: Arc<Self>,
        version: u32,
        server_name: &str,
        params: &TransportParameters,
    ) -> Result<Box<dyn Session>, ConnectError> {
        let patient = patient(params);
        Arc::clone(&self.0).start_session(version, server_name, patient.as_ref().unwrap_or(params))
    }
}

/// The same parameters but for the delays; none when they can't be read, which a test would show.
fn patient(params: &TransportParameters) -> Option<TransportParameters> {
    let (mut written, mut out) = (Vec::new(), Vec::new());
    params.write(&mut written);
    let mut rest = &written[..];
    while !rest.is_empty() {
        let id = VarInt::decode(&mut rest).ok()?;
        let length = VarInt::decode(&mut rest).ok()?;
        let (value, more) = rest.split_at_checked(usize::try_from(length.into_inner()).ok()?)?;
        rest = more;
        if ![MAX_ACK_DELAY, MIN_ACK_DELAY].contains(&id.into_inner()) {
            id.encode(&mut out);
            length.encode(&mut out);
            out.extend_from_slice(value);
        }
    }
    let most = u32::try_from(ACK_DELAY.as_millis()).ok()?;
    for (id, value) in [(MAX_ACK_DELAY, most), (MIN_ACK_DELAY, most * 1_000)] {
        let mut encoded = Vec::new();
        VarInt::from_u32(value).encode(&mut encoded);
        VarInt::from_u64(id).ok()?.encode(&mut out);
        VarInt::from_u32(encoded.len() as u32).encode(&mut out);
        out.extend_from_slice(&encoded);
    }
    TransportParameters::read(Side::Server, &mut &out[..]).ok()
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use rustls::sign::{CertifiedKey, SingleCertAndKey};

    use super::*;
    use crate::transport;

    const PROTOCOL: &[u8] = b"test";

    /// 50 datagrams at intervals of 20 ms, and how many packets came back for them.
    async fn answers_to_voice() -> u64 {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(vec!["parlour.local".to_owned()]).unwrap();
        let (chain, key) = (vec![cert.der().clone()], signing_key.serialize_der().try_into().unwrap());
        let certified = CertifiedKey::from_der(chain, key, &transport::crypto()).unwrap();
        let resolver = Arc::new(SingleCertAndKey::from(certified));
        let config = transport::server_config(resolver, &[PROTOCOL], Duration::from_secs(10)).unwrap();
        let server = quinn::Endpoint::server(config, (Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let client = quinn::Endpoint::client(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let (config, _) = transport::client_config(None, PROTOCOL).unwrap();
        let connecting = client.connect_with(config, server.local_addr().unwrap(), "parlour.local").unwrap();
        let (speaker, listener) = tokio::join!(async { server.accept().await.unwrap().await }, connecting);
        let (speaker, _listener) = (speaker.unwrap(), listener.unwrap());
        tokio::time::sleep(Duration::from_millis(300)).await;
        let before = speaker.stats().udp_rx.datagrams;
        for _ in 0..50 {
            speaker.send_datagram(vec![0; 100].into()).unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        speaker.stats().udp_rx.datagrams - before
    }

    #[tokio::test]
    async fn a_listener_acknowledges_voice_a_few_times_a_second() {
        // 2 or 3 at 400 ms each, and what belongs to the path itself; without patience it would be 25.
        let answers = answers_to_voice().await;
        assert!((1..=5).contains(&answers), "{answers} packets for a second of voice");
    }
}
