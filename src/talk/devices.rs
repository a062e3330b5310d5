//! Which devices are open: those that were chosen, and the microphone only while somebody is there to be heard.

use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;

use super::Note;
use super::ear::Ear;
use super::live::Live;
use super::mouth::Mouth;
use super::picture::Device;
use super::shared::{Shared, lock};
use crate::audio::device::{Backend, Change, Choice, DeviceEvent, EVENTS, Loudspeaker, Microphone, Side};

/// The devices of a live client.
#[derive(Debug)]
pub(super) struct Devices {
    shared: Arc<Shared>,
    backend: Backend,
    ear: Arc<Mutex<Ear>>,
    microphone: Option<(Choice, Microphone)>,
    loudspeaker: Option<(Choice, Loudspeaker)>,
    tell: mpsc::Sender<DeviceEvent>,
    told: mpsc::Receiver<DeviceEvent>,
}

impl Devices {
    /// None is open yet.
    pub(super) fn new(shared: Arc<Shared>, backend: Backend, ear: Ear) -> Self {
        let (tell, told) = mpsc::channel(EVENTS);
        let ear = Arc::new(Mutex::new(ear));
        Self { shared, backend, ear, microphone: None, loudspeaker: None, tell, told }
    }

    /// What happens to one of them. Safe to drop while it waits.
    pub(super) async fn next(&mut self) -> DeviceEvent {
        match self.told.recv().await {
            Some(event) => event,
            // It has a sender of its own.
            None => std::future::pending().await,
        }
    }

    /// Opens and closes what is to be open.
    pub(super) fn adjust(&mut self, live: &Live) {
        let (microphone, loudspeaker) = live.look(|state| {
            let picture = &state.picture;
            let choice = |name: &Option<String>| name.as_deref().map_or(Choice::Default, Choice::of);
            let microphone = Live::wants_microphone(picture).then(|| choice(&picture.settings.microphone));
            (microphone, choice(&picture.settings.loudspeaker))
        });
        if self.microphone.as_ref().map(|(choice, _)| choice) != microphone.as_ref() {
            // It is closed before another one is opened.
            self.microphone = None;
            live.change(|state| state.picture.microphone = Device::Closed);
            self.microphone = microphone.and_then(|choice| self.open_microphone(choice, live));
        }
        if self.loudspeaker.as_ref().map(|(choice, _)| choice) != Some(&loudspeaker) {
            self.loudspeaker = None;
            let ear = Arc::clone(&self.ear);
            let render = move |block: &mut _| lock(&ear).render(block);
            let open = self.backend.open_loudspeaker(loudspeaker.clone(), self.tell.clone(), render);
            self.loudspeaker = Some((loudspeaker, open));
        }
    }

    fn open_microphone(&self, choice: Choice, live: &Live) -> Option<(Choice, Microphone)> {
        let mut mouth = match Mouth::new(Arc::clone(&self.shared)) {
            Ok(mouth) => mouth,
            Err(error) => {
                live.note(Note::Device(format!("Nobody can hear you: {error}.")));
                return None;
            }
        };
        let hear = move |block: &_| mouth.hear(block);
        let open = self.backend.open_microphone(choice.clone(), self.tell.clone(), hear);
        Some((choice, open))
    }
}

impl Live {
    /// Something became of a device.
    pub(super) fn device(&self, event: &DeviceEvent) {
        let now = match &event.change {
            Change::Works { name, .. } | Change::Moved { name } => Device::Open(name.clone()),
            Change::Lost { why } => Device::Failing(why.to_string()),
        };
        let is_news = self.change(|state| {
            let device = match event.side {
                Side::Microphone if !Self::wants_microphone(&state.picture) => return false,
                Side::Microphone => &mut state.picture.microphone,
                Side::Loudspeaker => &mut state.picture.loudspeaker,
            };
            let was_closed = std::mem::replace(device, now) == Device::Closed;
            // That a device works as it did before it was closed is no news.
            !(was_closed && matches!(event.change, Change::Works { instead_of: None, .. }))
        });
        if is_news {
            self.note(Note::Device(event.to_string()));
        }
    }
}
