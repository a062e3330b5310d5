//! Requests about recordings, which are files: listed, fetched and removed.

use serde_json::json;

use super::handle::Handle;
use super::refused::Refused;
use crate::id::RecordingId;
use crate::permission::Permissions;
use crate::protocol::ErrorCode;
use crate::protocol::call::{self, On};
use crate::protocol::wire::{self, response};
use crate::recording::{About, RecordingError, Recordings};
use crate::state::{Actor, Asker, Denied, Facts, State};
use crate::store::write;
use crate::voice::Peer;

/// Recordings and files that one list has at most: the newest. An answer has its bound.
const LISTED: usize = 5_000;

/// Bytes of a file that one answer has.
const PART: usize = 60_000;

impl<P: Peer> Handle<P> {
    /// What is asked for about recordings, which are files. Whoever may record a channel, and is let into it, may hear
    /// what was recorded there.
    pub(super) async fn recording(
        &self,
        actor: Actor,
        call: call::Recording,
    ) -> Result<response::Body, Refused> {
        let needed = call.operation().needs;
        // Which of them is decided by the channel of each.
        let rule = move |state: &State, asker: Asker<'_>| state.authorize_somewhere(asker, needed);
        let ((), by) = self.permit(actor, call.operation(), On::Other, rule).await?;
        let recordings = self.shared.recordings.as_ref().filter(|recordings| recordings.quota() > 0);
        let recordings = recordings.ok_or(Denied::NoRecording)?;
        match call {
            call::Recording::ListRecordings(_) => {
                let (mut shown, mut files) = (Vec::new(), 0);
                for about in all(recordings).await?.into_iter().filter(|about| self.has(about)) {
                    files += 1 + about.files.len();
                    if files > LISTED {
                        break;
                    }
                    if let Ok(path) = self.may_hear(actor, &about).await {
                        shown.push(show(About { channel_path: path, ..about }));
                    }
                }
                let (quota, used) = (recordings.quota(), recordings.usage());
                Ok(response::Body::Recordings(wire::Recordings { recordings: shown, quota, used }))
            }
            call::Recording::FetchRecording(fetch) => {
                let about = self.audible(actor, recordings, fetch.id).await?;
                let recordings = recordings.clone();
                let read = move || recordings.read(about.id, &fetch.file, fetch.offset, PART);
                let (bytes, size) =
                    tokio::task::spawn_blocking(read).await.map_err(|_| Refused::Internal)??;
                Ok(response::Body::RecordingPart(wire::RecordingPart { bytes: bytes.into(), size }))
            }
            call::Recording::RemoveRecording(remove) => {
                let about = self.audible(actor, recordings, remove.id).await?;
                self.may_remove(actor, about.clone()).await?;
                let (id, recordings) = (about.id, recordings.clone());
                let remove = move || recordings.remove(id);
                tokio::task::spawn_blocking(remove).await.map_err(|_| Refused::Internal)??;
                let said = json!({ "channel": about.channel_path, "recording": about.id, "by": about.by });
                let forget = write::forget_recording(self.shared.organization, about.channel, id, said);
                self.shared.store.commit(by, forget).await?;
                Ok(response::Body::Done(wire::Done {}))
            }
        }
    }

    /// The recording of a number, for those who may record anywhere at all.
    pub(super) async fn about_recording(&self, actor: Actor, id: u64) -> Result<About, Refused> {
        self.look(move |control| {
            let facts = Facts { asker: control.unconnected(actor)?, ..Facts::default() };
            let asker = control.state.asker(actor, &facts)?;
            Ok(control.state.authorize_somewhere(asker, Permissions::RECORD)?)
        })
        .await?;
        let recordings = self.shared.recordings.as_ref().filter(|recordings| recordings.quota() > 0);
        let mut all = all(recordings.ok_or(Denied::NoRecording)?).await?.into_iter();
        let found = all.find(|about| about.id == RecordingId(id) && self.has(about));
        Ok(found.ok_or(RecordingError::Unknown)?)
    }

    async fn may_remove(&self, actor: Actor, about: About) -> Result<(), Refused> {
        self.look(move |control| {
            let facts = Facts { asker: control.unconnected(actor)?, ..Facts::default() };
            control.may_remove_recording(control.state.asker(actor, &facts)?, &about)
        })
        .await
    }

    /// Whether a recording is of a channel of this organization. Those of all are in one place.
    fn has(&self, about: &About) -> bool {
        self.shared.organization.has(about.channel)
    }

    async fn audible(&self, actor: Actor, recordings: &Recordings, id: u64) -> Result<About, Refused> {
        let mut all = all(recordings).await?.into_iter();
        let found = all.find(|about| about.id == RecordingId(id) && self.has(about));
        let about = found.ok_or(RecordingError::Unknown)?;
        match self.may_hear(actor, &about).await {
            Ok(_) => Ok(about),
            // What is recorded in a channel that nobody shows them isn't there for them either.
            Err(Refused::Denied(Denied::NoSuchChannel)) => Err(RecordingError::Unknown.into()),
            Err(refused) => Err(refused),
        }
    }

    /// Whether somebody may hear a recording. Answers with the path of its channel as they may know it.
    async fn may_hear(&self, actor: Actor, about: &About) -> Result<String, Refused> {
        let (channel, path) = (about.channel, about.channel_path.clone());
        self.look(move |control| {
            let facts = Facts { asker: control.unconnected(actor)?, ..Facts::default() };
            let asker = control.state.asker(actor, &facts)?;
            control.state.may_hear_recordings(asker, channel)?;
            let whole =
                control.state.channel(channel).is_none() || control.state.sees_path(channel, asker.viewer());
            Ok(if whole { path } else { control.state.path_for(Some(channel), asker.viewer()) })
        })
        .await
    }
}

/// All of them. Those that end now are waited for, so not on this thread.
async fn all(recordings: &Recordings) -> Result<Vec<About>, Refused> {
    let recordings = recordings.clone();
    tokio::task::spawn_blocking(move || recordings.list()).await.map_err(|_| Refused::Internal)
}

fn show(about: About) -> wire::Recording {
    wire::Recording {
        id: about.id.0,
        channel: about.channel.0,
        channel_path: about.channel_path,
        by: about.by,
        started_ms: about.started.0,
        ended_ms: about.ended.map_or(0, |ended| ended.0),
        files: about
            .files
            .into_iter()
            .map(|file| wire::RecordingFile { name: file.name, speaker: file.speaker, bytes: file.bytes })
            .collect(),
    }
}

impl From<RecordingError> for Refused {
    fn from(error: RecordingError) -> Self {
        let code = match &error {
            RecordingError::Off => ErrorCode::Unsupported,
            RecordingError::Quota => ErrorCode::QuotaReached,
            RecordingError::TooMany => ErrorCode::Busy,
            RecordingError::Unknown | RecordingError::File => ErrorCode::NotFound,
            RecordingError::Running => ErrorCode::Unexpected,
            RecordingError::Disk(_) => ErrorCode::ReadOnly,
        };
        Self::Rejected(code, error.to_string())
    }
}
