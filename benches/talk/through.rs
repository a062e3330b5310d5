//! A program that plays what it hears.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use parlour::audio::device::{BLOCK, Backend, Choice, Loudspeaker, Microphone};

use crate::sound::Told;

/// Blocks that wait to be played at most: 10 ms.
const WAITING: usize = 2;

/// It ends when it is dropped.
pub(crate) struct Through {
    _microphone: Microphone,
    _loudspeaker: Loudspeaker,
}

impl Through {
    /// From the rig's mouth to its ear.
    pub(crate) fn start(backend: &Backend) -> Self {
        let queue = Arc::new(Mutex::new(VecDeque::<[f32; BLOCK]>::new()));
        let (heard, played) = (Arc::clone(&queue), queue);
        let (events, mut told) = Told::new();
        let microphone = backend.open_microphone(Choice::of("mouth.monitor"), events.clone(), move |block| {
            let mut queue = heard.lock().unwrap();
            queue.push_back(*block);
            let surplus = queue.len().saturating_sub(WAITING);
            queue.drain(..surplus);
        });
        let loudspeaker = backend.open_loudspeaker(Choice::of("ear"), events, move |block| {
            if let Some(next) = played.lock().unwrap().pop_front() {
                *block = next;
            }
        });
        told.works();
        told.works();
        Self { _microphone: microphone, _loudspeaker: loudspeaker }
    }
}
