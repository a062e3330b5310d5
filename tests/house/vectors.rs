//! The test vectors of `docs/protocol.md` are what the program reads and writes: they are taken from the page.

use std::time::Duration;

use data_encoding::HEXLOWER;
use parlour::auth::{device_challenge, verify_device};
use parlour::client::DeviceSecret;
use parlour::id::{FlowId, Ssrc};
use parlour::protocol::wire::{self, event, request, response};
use parlour::protocol::{
    Echo, Extensions, Loss, MAX_EVENT, MAX_REQUEST, MAX_RESPONSE, Notice, OPUS_PAYLOAD_TYPE, VoiceHeader,
    VoicePacket, decode, encode, read_echo, read_extensions, read_notice, without_position, write_echo,
    write_notice, write_packet, write_packet_with,
};

use super::protocol::document;

/// The payload of all voice here: a frame of silence.
const SILENCE: [u8; 3] = [0xf8, 0xff, 0xfe];

const SSRC: Ssrc = Ssrc(0x0102_0304);

const HEADER: VoiceHeader = VoiceHeader {
    ssrc: SSRC,
    sequence: 65_535,
    timestamp: 960,
    marker: true,
    payload_type: OPUS_PAYLOAD_TYPE,
};

/// The bytes below a mark of this name.
fn vector(name: &str) -> Vec<u8> {
    let document = document();
    let mark = format!("<!-- vector: {name} -->\n\n");
    let (_, rest) = document.split_once(&mark).unwrap_or_else(|| panic!("the page has no vector `{name}`"));
    let lines = rest.lines().take_while(|line| line.starts_with("    "));
    let digits: String = lines.flat_map(str::chars).filter(|c| !c.is_whitespace()).collect();
    HEXLOWER.decode(digits.as_bytes()).unwrap()
}

fn parsed(datagram: &[u8]) -> VoicePacket {
    VoicePacket::parse(datagram).unwrap()
}

/// A packet of one flow, with elements.
fn packet(flow: FlowId, extensions: Extensions) -> Vec<u8> {
    let mut out = Vec::new();
    write_packet_with(flow, &HEADER, extensions, &SILENCE, &mut out);
    out
}

#[test]
fn every_vector_of_the_page_is_checked() {
    let document = document();
    let names: Vec<&str> = document
        .split("<!-- vector: ")
        .skip(1)
        .filter_map(|rest| rest.split_once(" -->").map(|(name, _)| name))
        .collect();
    let checked = [
        "hello", "welcome", "error", "event", "voice", "extended", "stripped", "sent", "echo", "pace",
        "busy", "loss", "secret", "exported", "signed", "log in",
    ];
    assert_eq!(names, checked);
}

#[test]
fn messages_are_read_and_written_as_the_page_has_them() {
    let hello = wire::Request::from(request::Body::Hello(wire::Hello {
        version_min: 1,
        version_max: 1,
        features: vec!["audio-level".to_owned(), "pace".to_owned()],
        client: "example/1".to_owned(),
        ..wire::Hello::default()
    }));
    assert_eq!(decode::<wire::Request>(&vector("hello"), MAX_REQUEST).unwrap(), hello);
    assert_eq!(encode(&hello), vector("hello"));
    let socket = format!("`01 00 00 01 02 {:02x} {:02x}`", vector("hello")[0], vector("hello")[1]);
    assert!(document().contains(&socket), "{socket}");

    let limits = wire::Limits {
        request_bytes: 65_536,
        requests_per_second: 20,
        request_burst: 60,
        packet_bytes: 1_100,
        packets_per_second: 120,
        voice_bytes_per_second: 65_536,
        text_bytes: 4_096,
        idle_seconds: 30,
        channel_texts_per_second: 20,
        channel_text_burst: 100,
    };
    let welcome = response::Body::Welcome(wire::Welcome {
        version: 1,
        features: vec!["audio-level".to_owned(), "pace".to_owned()],
        server_name: "Parlour".to_owned(),
        server_version: "0.1.0".to_owned(),
        limits: Some(limits),
        registration: wire::Registration::Invite.into(),
        ..wire::Welcome::default()
    });
    let refusal = response::Body::Error(wire::Error {
        code: 6,
        message: "too many requests; slow down".to_owned(),
        retry_after_ms: 50,
        ..wire::Error::default()
    });
    for (name, body) in [("welcome", welcome), ("error", refusal)] {
        let response = wire::Response { body: Some(body) };
        assert_eq!(decode::<wire::Response>(&vector(name), MAX_RESPONSE).unwrap(), response, "{name}");
        assert_eq!(encode(&response), vector(name), "{name}");
    }

    let gone = wire::Event { number: 3, body: Some(event::Body::MemberGone(9)) };
    assert_eq!(decode::<wire::Event>(&vector("event"), MAX_EVENT).unwrap(), gone);
    assert_eq!(encode(&gone), vector("event"));
}

#[test]
fn voice_is_read_and_written_as_the_page_has_it() {
    let mut plain = Vec::new();
    write_packet(FlowId::CHANNEL, &HEADER, &SILENCE, &mut plain);
    assert_eq!(plain, vector("voice"));
    let read = parsed(&vector("voice"));
    assert_eq!((read.flow, read.header, &plain[read.payload]), (FlowId::CHANNEL, HEADER, &SILENCE[..]));

    let extensions = Extensions { level: Some(42), position: Some([1.0, -2.0, 0.5]) };
    let (extended, stripped) = (vector("extended"), vector("stripped"));
    assert_eq!(packet(FlowId::CHANNEL, extensions), extended);
    assert_eq!(read_extensions(&extended, &parsed(&extended)), extensions);
    assert_eq!(without_position(&extended, &parsed(&extended)).as_ref(), Some(&stripped));
    assert_eq!(&stripped[parsed(&stripped).payload], SILENCE);

    let (sent, echo) = (vector("sent"), Echo { at: Duration::from_millis(1_500), count: 2 });
    assert_eq!(packet(FlowId::ECHO, Extensions::default()), sent);
    assert_eq!(write_echo(&sent, &parsed(&sent), echo), vector("echo"));
    assert_eq!(read_echo(&vector("echo"), &parsed(&vector("echo"))), Some(echo));

    let notices = [
        ("pace", Notice::Pace(Duration::from_millis(7))),
        ("busy", Notice::Busy(Duration::from_secs(1))),
        ("loss", Notice::Loss(Loss { percent: 10, bursts: true })),
    ];
    for (name, notice) in notices {
        assert_eq!(write_notice(SSRC, notice), vector(name), "{name}");
        assert_eq!(read_notice(&vector(name)), Some((SSRC, notice)), "{name}");
    }
}

#[test]
fn a_device_signs_what_the_page_has() {
    let secret = DeviceSecret::from_seed(vector("secret").try_into().unwrap()).unwrap();
    let exported = vector("exported").try_into().unwrap();
    let user = 1_099_511_627_783;
    assert!(document().contains(&format!("user {user}")));
    let signed = device_challenge(&exported, user, secret.public());
    assert_eq!(signed, vector("signed"));
    let request: wire::Request = decode(&vector("log in"), MAX_REQUEST).unwrap();
    let Some(request::Body::LogInKey(log_in)) = &request.body else { panic!("{request:?}") };
    assert_eq!((log_in.user, &log_in.public_key[..]), (user, &secret.public()[..]));
    assert!(verify_device(secret.public(), &signed, &log_in.signature));
    assert_eq!(encode(&request), vector("log in"));
}
