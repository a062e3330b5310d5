//! The handle by which a live client is started, looked at and stopped.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{broadcast, oneshot, watch};

use super::act;
use super::ear::Ear;
#[cfg(target_os = "linux")]
use super::global::{self, KeyDoes};
use super::kept::{Kept, KeptKeys};
#[cfg(target_os = "linux")]
use super::key::Chord;
use super::live::Live;
use super::network;
use super::picture::{Meters, Picture};
use super::shared::{Orders, Shared};
#[cfg(target_os = "linux")]
use super::x11::{GlobalKeys, GlobalKeysError};
use super::{Action, ActionError, Choice, Control, ControlError, KeptError, Note, OutOfRange, Push};
use crate::audio::device::Backend;
use crate::client::{Address, Keeper, Session};

/// How a live client is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the server is; what lasts is kept for it.
    pub server: Address,
    /// Where what lasts is kept: beside the log-ins.
    pub directory: PathBuf,
    /// What one hears and speaks by.
    pub backend: Backend,
    /// Choices for this time only; they aren't kept.
    pub choices: Vec<Choice>,
}

/// Why a live client can't be started.
#[derive(Debug, Error)]
pub enum StartError {
    /// The machine has no thread for it.
    #[error("can't start a thread: {0}")]
    Thread(#[from] io::Error),
    /// What is kept can't be read.
    #[error(transparent)]
    Kept(#[from] KeptError),
    /// A choice can't be made.
    #[error(transparent)]
    Choice(#[from] OutOfRange),
    /// It ended before it began.
    #[error("it ended before it began")]
    Ended,
}

/// A live client. It runs on threads of its own until it is stopped or dropped.
#[derive(Debug)]
pub struct Talk {
    live: Arc<Live>,
    /// Of the thread that holds the connection.
    runtime: Handle,
    ended: watch::Receiver<bool>,
    kept_keys: KeptKeys,
    #[cfg(target_os = "linux")]
    keys: Option<GlobalKeys>,
}

impl Talk {
    /// Starts one: `enter` connects and logs in, on the thread that the connection then stays on, so that whatever the caller's
    /// thread does delays no voice. A failure of it is the failure of the start.
    pub async fn start<E, Enter, Entering>(options: Options, enter: Enter) -> Result<Self, E>
    where
        E: From<StartError> + Send + 'static,
        Enter: FnOnce() -> Entering + Send + 'static,
        Entering: Future<Output = Result<(Session, Keeper), E>>,
    {
        let kept = Kept::new(&options.directory);
        let contents = kept.read().map_err(StartError::from)?;
        let home = options.server.home();
        let of_server = contents.server(&home);
        let mut settings = contents.settings.clone();
        for choice in options.choices {
            settings.choose(choice).map_err(StartError::from)?;
        }
        let settings = Arc::new(settings);
        let picture = Picture {
            server: home,
            bookmarks: Arc::new(contents.bookmarks()),
            settings: Arc::clone(&settings),
            ..Picture::default()
        };
        let (shared, packets) = Shared::new(Orders::first(settings));
        let ear = Ear::new(Arc::clone(&shared), packets, of_server.way_here());
        let live = Arc::new(Live::new(shared, kept, picture, of_server));
        let (entered, entering) = oneshot::channel();
        let (ending, ended) = watch::channel(false);
        let (of_thread, backend) = (Arc::clone(&live), options.backend);
        let work = move || {
            // Told when the thread ends, however it does.
            let ending = Ending(ending);
            let runtime = match Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(entered.send(Err(StartError::Thread(error).into()))),
            };
            runtime.block_on(async move {
                match enter().await {
                    Ok((session, keeper)) => {
                        of_thread.connected(&session);
                        match entered.send(Ok(Handle::current())) {
                            Ok(()) => network::run(&of_thread, session, &keeper, backend, ear).await,
                            // Nobody waits for it any more.
                            Err(_) => session.close().await,
                        }
                    }
                    Err(error) => drop(entered.send(Err(error))),
                }
            });
            runtime.shutdown_background();
            drop(ending);
        };
        std::thread::Builder::new().name("talk".to_owned()).spawn(work).map_err(StartError::from)?;
        let runtime = entering.await.unwrap_or_else(|_| Err(StartError::Ended.into()))?;
        Ok(Self {
            live,
            runtime,
            ended,
            kept_keys: contents.keys,
            #[cfg(target_os = "linux")]
            keys: None,
        })
    }

    /// The picture as of now, to wait for the next one.
    pub fn watch(&self) -> watch::Receiver<Arc<Picture>> {
        self.live.watch()
    }

    /// What moves all the time, as of now. Cheap enough to be asked twenty times a second.
    pub fn meters(&self) -> Meters {
        self.live.meters()
    }

    /// Has the meters be whole for a second from now on. Else, where only a key opens the gate and it isn't down, they tell how loud
    /// the microphone is, before anything is done with it, and not how likely that is speech.
    pub fn watch_closely(&self) {
        self.live.shared.watch_closely();
    }

    /// What one is told, from now on. A reader that falls 256 behind misses some.
    pub fn notes(&self) -> broadcast::Receiver<Note> {
        self.live.notes()
    }

    /// Does something. What only concerns this client is done at once; what the server has to do is done when this answers.
    pub async fn act(&self, action: Action) -> Result<(), ActionError> {
        act::act(&self.live, action).await
    }

    /// Pushes the key to talk: at once, without waiting for anything.
    pub fn push(&self, push: Push) {
        act::push(&self.live, push);
    }

    /// Watches keys of an X server, `None` for the one of `DISPLAY`, whatever program has the focus, until this ends. Those that
    /// were watched before aren't any more.
    #[cfg(target_os = "linux")]
    pub fn watch_keys(
        &mut self,
        display: Option<&str>,
        keys: Vec<(Chord, KeyDoes)>,
    ) -> Result<(), GlobalKeysError> {
        drop(self.keys.take());
        self.keys = Some(global::watch(display, keys, &self.live, &self.runtime)?);
        Ok(())
    }

    /// The keys that the person wants watched ([`Talk::watch_keys`]), as the file says.
    pub fn kept_keys(&self) -> &KeptKeys {
        &self.kept_keys
    }

    /// The session, to ask for what there is no [`Action`] for; none while there is no connection.
    pub fn session(&self) -> Option<Session> {
        self.live.look(|state| state.session.clone())
    }

    /// Opens the control socket at a place, until that is dropped. What is asked there is done on the connection's thread.
    pub fn control(&self, path: PathBuf) -> Result<Control, ControlError> {
        Control::open(path, Arc::clone(&self.live), &self.runtime)
    }

    /// What whoever looks for a fault wants to know, as text. It names nobody, and no address; devices have the names that the
    /// machine gives them.
    pub fn statistics(&self) -> String {
        self.live.statistics()
    }

    /// Waits until it has ended by itself: the server has sent one away, say. The picture says why.
    pub async fn ended(&self) {
        let mut ended = self.ended.clone();
        // A thread that is gone has ended, too.
        let _ = ended.wait_for(|ended| *ended).await;
    }

    /// Ends it: devices are closed, and the server is told.
    pub async fn stop(self) {
        self.live.stop.notify_one();
        let _ = tokio::time::timeout(STOPPING, self.ended()).await;
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.live.stop.notify_one();
    }
}

/// How long stopping may take: what the server is told takes a second at most.
const STOPPING: Duration = Duration::from_secs(3);

/// Says that the thread has ended when it is dropped.
struct Ending(watch::Sender<bool>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}
