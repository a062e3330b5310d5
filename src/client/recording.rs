//! Recordings that the server makes: a file for each speaker.

use std::io::{self, Write};
use std::time::Duration;

use thiserror::Error;

use super::{RequestError, Session};
use crate::id::{ChannelId, Timestamp};
use crate::protocol::ErrorCode;
use crate::protocol::wire::{self, request, response};

/// How often a part is asked for again when the server wants a pause.
const TRIES: u32 = 20;

/// The recordings of the channels where one may record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recordings {
    /// Them.
    pub recordings: Vec<Recording>,
    /// What all of the server's may take, in bytes.
    pub quota: u64,
    /// What they take.
    pub used: u64,
}

/// A recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Its number.
    pub id: u64,
    /// The channel.
    pub channel: ChannelId,
    /// Its path when it was recorded.
    pub channel_path: String,
    /// Who began it.
    pub by: String,
    /// When it began.
    pub started: Timestamp,
    /// When it ended; `None` while it runs.
    pub ended: Option<Timestamp>,
    /// A file for each speaker, in Ogg Opus (RFC 7845); all of them begin at the same time.
    pub files: Vec<RecordingFile>,
}

/// One speaker's voice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingFile {
    /// The file's name.
    pub name: String,
    /// Whose voice it is.
    pub speaker: String,
    /// Its size.
    pub bytes: u64,
}

impl From<wire::Recording> for Recording {
    fn from(recording: wire::Recording) -> Self {
        let file = |wire::RecordingFile { name, speaker, bytes }| RecordingFile { name, speaker, bytes };
        Self {
            id: recording.id,
            channel: ChannelId(recording.channel),
            channel_path: recording.channel_path,
            by: recording.by,
            started: Timestamp(recording.started_ms),
            ended: (recording.ended_ms > 0).then_some(Timestamp(recording.ended_ms)),
            files: recording.files.into_iter().map(file).collect(),
        }
    }
}

/// Why a file isn't here.
#[derive(Debug, Error)]
pub enum FetchError {
    /// The server doesn't give it.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// It can't be written.
    #[error("can't write it here: {0}")]
    Write(#[from] io::Error),
}

impl Session {
    /// Begins to record the channel that one is in; the first voice is written a second later, when everybody has
    /// been told.
    pub async fn start_recording(&self) -> Result<(), RequestError> {
        match self.request(request::Body::StartRecording(wire::StartRecording { channel: 0 })).await? {
            response::Body::Done(_) | response::Body::Created(_) => Ok(()),
            _ => Err(RequestError::Misfit),
        }
    }

    /// Ends the recording of a channel.
    pub async fn stop_recording(&self, channel: ChannelId) -> Result<(), RequestError> {
        self.done(request::Body::StopRecording(wire::StopRecording { channel: channel.0 })).await
    }

    /// The recordings that there are.
    pub async fn recordings(&self) -> Result<Recordings, RequestError> {
        match self.request(request::Body::ListRecordings(wire::ListRecordings {})).await? {
            response::Body::Recordings(wire::Recordings { recordings, quota, used }) => {
                let recordings = recordings.into_iter().map(Recording::from).collect();
                Ok(Recordings { recordings, quota, used })
            }
            _ => Err(RequestError::Misfit),
        }
    }

    /// Fetches a file of a recording, part by part, into `out`. `progress` is told how many bytes are here, and how
    /// many there are. Answers with the size.
    pub async fn fetch_recording(
        &self,
        recording: u64,
        file: &str,
        out: &mut impl Write,
        progress: &mut impl FnMut(u64, u64),
    ) -> Result<u64, FetchError> {
        let mut offset = 0;
        loop {
            let part = self.recording_part(recording, file, offset).await?;
            if part.bytes.is_empty() {
                return Ok(offset);
            }
            out.write_all(&part.bytes)?;
            offset += part.bytes.len() as u64;
            progress(offset, part.size);
        }
    }

    /// Removes a recording with its files.
    pub async fn remove_recording(&self, recording: u64) -> Result<(), RequestError> {
        self.done(request::Body::RemoveRecording(wire::RemoveRecording { id: recording })).await
    }

    /// What begins at an offset; waits as long as the server wants where it has asked too often.
    async fn recording_part(
        &self,
        id: u64,
        file: &str,
        offset: u64,
    ) -> Result<wire::RecordingPart, RequestError> {
        let mut tries = 0;
        loop {
            let fetch = wire::FetchRecording { id, file: file.to_owned(), offset };
            match self.request(request::Body::FetchRecording(fetch)).await {
                Ok(response::Body::RecordingPart(part)) => return Ok(part),
                Ok(_) => return Err(RequestError::Misfit),
                Err(RequestError::Refused {
                    code: Some(ErrorCode::RateLimited | ErrorCode::Busy),
                    retry_after_ms,
                    ..
                }) if tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(Duration::from_millis(retry_after_ms.clamp(10, 5_000))).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}
