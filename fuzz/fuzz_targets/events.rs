//! A stream of events, cut anywhere, as the client reads and applies it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parlour::client::View;
use parlour::protocol::wire::Event;
use parlour::protocol::{Framed, MAX_EVENT};

fuzz_target!(|input: (u8, &[u8])| {
    let (cut, bytes) = input;
    let mut framed = Framed::new(MAX_EVENT);
    let mut view = View::default();
    for part in bytes.chunks(usize::from(cut).max(1)) {
        framed.handle_bytes(part);
        loop {
            match framed.poll_message::<Event>() {
                Ok(Some(event)) => event.body.iter().for_each(|body| view.apply(body)),
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
    let _ = view.find("General");
});
