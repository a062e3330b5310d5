//! A datagram, as the server and the client read it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parlour::audio::packet_duration;
use parlour::protocol::VoicePacket;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(packet) = VoicePacket::parse(bytes) {
        let _ = packet_duration(&bytes[packet.payload]);
    }
});
