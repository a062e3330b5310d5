//! A datagram, as the server and the client read it: voice, its echo, and what the server tells a speaker.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use parlour::audio::packet_duration;
use parlour::protocol::{Echo, VoicePacket, read_echo, read_notice, write_echo, write_notice};

fuzz_target!(|bytes: &[u8]| {
    if let Some((ssrc, notice)) = read_notice(bytes) {
        assert_eq!(read_notice(&write_notice(ssrc, notice)), Some((ssrc, notice)));
    }
    if let Ok(packet) = VoicePacket::parse(bytes) {
        let payload = &bytes[packet.payload.clone()];
        let _ = packet_duration(payload);
        let _ = read_echo(bytes, &packet);
        let back = write_echo(bytes, &packet, Echo { at: Duration::from_micros(1), count: 2 });
        let noted = VoicePacket::parse(&back).expect("an echo is a packet");
        assert_eq!(&back[noted.payload], payload);
    }
});
