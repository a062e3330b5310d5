//! The thread that waits for keys, since a terminal is read by blocking calls.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use ratatui::crossterm::event::{self, Event};
use tokio::sync::mpsc;

/// Events of the terminal that wait; the terminal keeps further ones.
const EVENTS: usize = 256;

/// How often it is looked whether it is to end.
const LOOK: Duration = Duration::from_millis(100);

/// How long it may take to end. Where the terminal is gone, what reads from it never comes back.
const ENDING: Duration = Duration::from_millis(500);

/// What comes from the terminal, until this is dropped.
#[derive(Debug)]
pub(super) struct Keyboard {
    events: mpsc::Receiver<io::Result<Event>>,
    is_over: Arc<AtomicBool>,
    /// Closed when the thread has ended.
    ended: Receiver<()>,
}

impl Keyboard {
    /// Begins to read.
    pub(super) fn start() -> io::Result<Self> {
        let (sender, events) = mpsc::channel(EVENTS);
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let (end, ended) = sync_channel::<()>(0);
        let work = move || {
            // Closes the channel at the end, whatever that is.
            let _end = end;
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
        std::thread::Builder::new().name("keyboard".to_owned()).spawn(work)?;
        Ok(Self { events, is_over, ended })
    }

    /// The next event; none once the terminal is gone.
    pub(super) async fn next(&mut self) -> Option<io::Result<Event>> {
        self.events.recv().await
    }
}

impl Drop for Keyboard {
    /// Waits until nothing reads any more, as long as there is a terminal: whoever reads next gets all of what is typed.
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.events.close();
        let _ = self.ended.recv_timeout(ENDING);
    }
}
