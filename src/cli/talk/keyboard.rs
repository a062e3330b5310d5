//! The thread that waits for keys, since a terminal is read by blocking calls.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use ratatui::crossterm::event::{self, Event};
use tokio::sync::mpsc;

/// Events of the terminal that wait; the terminal keeps further ones.
const EVENTS: usize = 256;

/// How often it is looked whether it is to end.
const LOOK: Duration = Duration::from_millis(100);

/// What comes from the terminal, until this is dropped.
#[derive(Debug)]
pub(super) struct Keyboard {
    events: mpsc::Receiver<io::Result<Event>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Keyboard {
    /// Begins to read.
    pub(super) fn start() -> io::Result<Self> {
        let (sender, events) = mpsc::channel(EVENTS);
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let work = move || {
            while !over.load(Ordering::Relaxed) {
                let event = match event::poll(LOOK) {
                    Ok(true) => event::read(),
                    Ok(false) => continue,
                    Err(error) => Err(error),
                };
                let has_failed = event.is_err();
                if sender.blocking_send(event).is_err() || has_failed {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("keyboard".to_owned()).spawn(work)?;
        Ok(Self { events, is_over, thread: Some(thread) })
    }

    /// The next event; none once the terminal is gone.
    pub(super) async fn next(&mut self) -> Option<io::Result<Event>> {
        self.events.recv().await
    }
}

impl Drop for Keyboard {
    /// Waits until nothing reads any more: whoever reads next gets all of what is typed.
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.events.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
