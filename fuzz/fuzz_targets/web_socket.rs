//! A message of a WebSocket, and what it carries.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use parlour::endpoint::SocketMessage;
use parlour::protocol::wire::Request;
use parlour::protocol::{MAX_REQUEST, VoicePacket, decode};

fuzz_target!(|bytes: &[u8]| {
    match SocketMessage::read(&Bytes::copy_from_slice(bytes)) {
        Some(SocketMessage::Voice(packet)) => {
            assert_eq!(packet, bytes[1..]);
            let _ = VoicePacket::parse(&packet);
        }
        Some(SocketMessage::Request(number, request)) => {
            assert_eq!((&number.to_be_bytes()[..], &request[..]), (&bytes[1..5], &bytes[5..]));
            let _ = decode::<Request>(&request, MAX_REQUEST);
        }
        None => assert!(!(bytes.starts_with(&[0]) || bytes.starts_with(&[1]) && bytes.len() >= 5)),
    }
});
