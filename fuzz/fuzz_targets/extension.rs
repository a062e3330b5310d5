//! What a voice packet tells beside the voice, as the server strips and the client reads it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parlour::protocol::{Extensions, VoicePacket, read_extensions, without_position, write_packet_with};

fuzz_target!(|bytes: &[u8]| {
    let Ok(packet) = VoicePacket::parse(bytes) else { return };
    let read = read_extensions(bytes, &packet);
    if let Some(stripped) = without_position(bytes, &packet) {
        let again = VoicePacket::parse(&stripped).expect("what is stripped is a packet");
        assert_eq!(again, packet);
        assert_eq!(read_extensions(&stripped, &again), Extensions { position: None, ..read });
    } else {
        assert_eq!(read.position, None);
    }
    let mut written = Vec::new();
    write_packet_with(packet.flow, &packet.header, read, &bytes[packet.payload], &mut written);
    if let Ok(packet) = VoicePacket::parse(&written) {
        assert_eq!(read_extensions(&written, &packet), read);
    }
});
