//! A stream of messages of any kind, cut anywhere: the parts give what the whole gives.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parlour::protocol::wire::{Request, Response};
use parlour::protocol::{Framed, MAX_REQUEST, decode, read_varint, write_varint};
use prost::Message;

/// What a stream gives when it comes in parts of this length.
fn read<M: Message + Default>(bytes: &[u8], part: usize) -> (Vec<Vec<u8>>, bool) {
    let (mut framed, mut messages) = (Framed::new(MAX_REQUEST), Vec::new());
    for part in bytes.chunks(part) {
        framed.handle_bytes(part);
        loop {
            match framed.poll_message::<M>() {
                Ok(Some(message)) => messages.push(message.encode_to_vec()),
                Ok(None) => break,
                Err(_) => return (messages, false),
            }
        }
    }
    (messages, true)
}

fuzz_target!(|input: (u8, &[u8])| {
    let (part, bytes) = input;
    let part = usize::from(part).max(1);
    let whole = read::<Request>(bytes, bytes.len().max(1));
    assert_eq!(read::<Request>(bytes, part), whole);
    let _ = read::<Response>(bytes, part);
    if let Ok(request) = decode::<Request>(bytes, MAX_REQUEST) {
        assert_eq!(whole, (vec![request.encode_to_vec()], true));
    }
    if let Some((value, length)) = read_varint(bytes) {
        let mut written = Vec::new();
        write_varint(value, &mut written);
        assert!(written.len() <= length && read_varint(&written) == Some((value, written.len())));
    }
});
