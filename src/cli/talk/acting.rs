//! What follows from keys and commands is done beside the screen, so that it goes on being drawn meanwhile.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::bars::named;
use super::complete::Devices;
use super::overlay::chosen;
use super::text::{cut, plain};
use super::why::{Question, answer};
use crate::audio::device::{Backend, Side};
use crate::client::Target;
use crate::id::SessionId;
use crate::protocol::ErrorCode;
use crate::talk::{Action, ActionError, Picture, Push, Talk};

/// Things that are done at once; what comes beyond that is refused.
const MOST: usize = 64;

/// Pushes of the key to whisper that wait for the server, at most; further ones are left out.
const WHISPERS: usize = 16;

/// Cells of a text that wasn't sent that are shown again.
const SHOWN: usize = 200;

/// For how long whispering goes on behind the release delay, so that no end of a word goes to the channel.
const AFTER: Duration = Duration::from_millis(150);

/// What became of something.
#[derive(Debug)]
pub(super) enum Done {
    /// An action is done, or was refused.
    Acted(Action, Result<(), ActionError>),
    /// The server has answered.
    Answered(Result<String, String>),
    /// The devices that there are.
    Devices(Result<Devices, String>),
}

/// What is being done.
#[derive(Debug)]
pub(super) struct Acting {
    talk: Arc<Talk>,
    backend: Backend,
    running: JoinSet<Done>,
    whispers: mpsc::Sender<Key>,
    refused: mpsc::Receiver<Done>,
    whispering: JoinSet<()>,
}

/// The key to whisper went down for some, or came up.
type Key = Option<Vec<Target>>;

impl Acting {
    pub(super) fn new(talk: Talk, backend: Backend) -> Self {
        let talk = Arc::new(talk);
        let ((whispers, waiting), (refusing, refused)) = (mpsc::channel(WHISPERS), mpsc::channel(1));
        let mut whispering = JoinSet::new();
        whispering.spawn(whisper(Arc::clone(&talk), waiting, refusing));
        Self { talk, backend, running: JoinSet::new(), whispers, refused, whispering }
    }

    pub(super) fn talk(&self) -> &Talk {
        &self.talk
    }

    /// Begins an action. `false` where too many are being done.
    pub(super) fn act(&mut self, action: Action) -> bool {
        let talk = Arc::clone(&self.talk);
        self.spawn(async move {
            let outcome = talk.act(action.clone()).await;
            Done::Acted(action, outcome)
        })
    }

    /// Asks the server.
    pub(super) fn ask(&mut self, question: Question) -> bool {
        let session = self.talk.session();
        self.spawn(async move { Done::Answered(answer(session, question).await) })
    }

    /// Looks the devices up.
    pub(super) fn list_devices(&mut self) -> bool {
        let backend = self.backend.clone();
        self.spawn(async move {
            let found = tokio::task::spawn_blocking(move || backend.list()).await;
            Done::Devices(match found {
                Ok(Ok(found)) => {
                    let of = |side: Side| {
                        let of_side = found.iter().filter(|device| device.side == side && !device.is_monitor);
                        of_side.map(|device| device.name.clone()).collect()
                    };
                    Ok(Devices { microphones: of(Side::Microphone), loudspeakers: of(Side::Loudspeaker) })
                }
                Ok(Err(error)) => Err(error.to_string()),
                Err(error) => Err(error.to_string()),
            })
        })
    }

    fn spawn(&mut self, work: impl Future<Output = Done> + Send + 'static) -> bool {
        if self.running.len() > MOST {
            return false;
        }
        self.running.spawn(work);
        true
    }

    /// The key to whisper went down, for these, or came up.
    pub(super) fn whisper(&self, key: Key) {
        // A key that is pushed so often while the server doesn't answer isn't heard.
        let _ = self.whispers.try_send(key);
    }

    /// Waits for something to be done; forever where nothing is.
    pub(super) async fn next(&mut self) -> Done {
        loop {
            tokio::select! {
                Some(done) = self.running.join_next() => if let Ok(done) = done { return done },
                Some(refused) = self.refused.recv() => return refused,
                else => std::future::pending().await,
            }
        }
    }

    /// Gives up what is being done, and answers with the live client, which goes on.
    pub(super) async fn end(mut self) -> Option<Talk> {
        self.running.shutdown().await;
        self.whispering.shutdown().await;
        Arc::into_inner(self.talk)
    }
}

/// Speaks to chosen people while a key is down: they are chosen before the first word, and the channel only after the last.
async fn whisper(talk: Arc<Talk>, mut keys: mpsc::Receiver<Key>, refusing: mpsc::Sender<Done>) {
    let mut next = keys.recv().await;
    while let Some(key) = next.take() {
        if key.is_none() {
            talk.push(Push::Up);
            let release = talk.watch().borrow().settings.release_ms;
            let wait = Duration::from_millis(u64::from(release)) + AFTER;
            if let Ok(again) = tokio::time::timeout(wait, keys.recv()).await {
                next = again;
                continue;
            }
        }
        let whom = key.unwrap_or_default();
        let (is_down, is_chosen) = (!whom.is_empty(), talk.watch().borrow().own.whisper == whom);
        let action = Action::Whisper(whom);
        let chosen = if is_chosen { Ok(()) } else { talk.act(action.clone()).await };
        match chosen {
            Ok(()) if is_down => talk.push(Push::Down),
            Ok(()) => (),
            // What can't be whispered is said to nobody.
            Err(error) => drop(refusing.send(Done::Acted(action, Err(error))).await),
        }
        next = keys.recv().await;
    }
}

/// Whether a channel was refused that asks for a password.
pub(super) fn wants_password(error: &ActionError) -> bool {
    matches!(error, ActionError::Request(error) if error.code() == Some(ErrorCode::ChannelPassword))
}

/// Why something wasn't done. What was written is in it, so that it isn't lost.
pub(super) fn refusal(action: &Action, error: &ActionError) -> String {
    match action {
        Action::Text { text, .. } => format!("\"{}\" wasn't sent: {error}", cut(&plain(text), SHOWN)),
        _ => error.to_string(),
    }
}

/// What was done, in a sentence, for whoever doesn't see it. The picture is that of afterwards.
pub(super) fn sentence(action: &Action, picture: &Picture) -> Option<String> {
    let name = |session: &SessionId| {
        picture
            .view
            .member(*session)
            .map_or_else(|| "somebody who left".to_owned(), |member| plain(&member.name))
    };
    Some(match action {
        Action::Volume { session, percent } => format!("You hear {} at {percent} %.", name(session)),
        Action::LocalMute { session, mute: true } => format!("You don't hear {}.", name(session)),
        Action::LocalMute { session, mute: false } => format!("You hear {} again.", name(session)),
        Action::Whisper(targets) if targets.is_empty() => "You speak to the channel.".to_owned(),
        Action::Whisper(targets) => format!("You speak to {} only.", named(targets, picture)),
        Action::Away(true) => "You are away.".to_owned(),
        Action::Away(false) => "You are back.".to_owned(),
        Action::Status(status) if status.is_empty() => "You show no status.".to_owned(),
        Action::Status(status) => format!("You show: {status}"),
        Action::Choose(choice) => format!("{}.", chosen(choice, picture)),
        Action::EchoTest(true) => "You hear yourself by way of the server; nobody else does.".to_owned(),
        Action::EchoTest(false) => "You don't hear yourself any more.".to_owned(),
        Action::Bookmark { name, address } => format!("{name} is kept: {address}"),
        Action::RemoveBookmark { name } => format!("{name} isn't kept any more."),
        // These are told, or seen in the conversation.
        Action::Join { .. }
        | Action::Leave
        | Action::Mute(_)
        | Action::Deafen(_)
        | Action::Push(_)
        | Action::Text { .. } => return None,
    })
}
