//! What a recording is, as `about.json` in its directory tells.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::audio::end_stream;
use crate::files;
use crate::id::{ChannelId, RecordingId, SessionId, Timestamp};

/// The file's name, and that of the next version until it is whole.
const NAME: &str = "about.json";
const NEXT: &str = "about.json.new";

/// A recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The name of its directory, too.
    pub id: RecordingId,
    /// Where it was recorded.
    pub channel: ChannelId,
    /// That channel's path then.
    pub channel_path: String,
    /// Who began it.
    pub by: String,
    /// When all of its files begin.
    pub started: Timestamp,
    /// When it ended; `None` while it runs.
    pub ended: Option<Timestamp>,
    /// A file for each who spoke, in the order in which they began.
    pub files: Vec<SpeakerFile>,
    /// Packets of speakers for whom there was no file any more.
    #[serde(default)]
    pub left_out: u64,
}

/// One speaker's voice, in Ogg Opus (RFC 7845).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpeakerFile {
    /// The file's name in the recording's directory.
    pub name: String,
    /// Who speaks.
    pub speaker: String,
    /// In which session; `None` when nobody told.
    pub session: Option<SessionId>,
    /// How large it is.
    #[serde(skip)]
    pub bytes: u64,
}

impl About {
    /// Reads it from a recording's directory, and looks how large the files are.
    pub(super) fn load(directory: &Path) -> io::Result<Self> {
        let mut about: Self = serde_json::from_slice(&fs::read(directory.join(NAME))?)?;
        about.files.retain(|file| {
            Path::new(&file.name).file_name().is_some_and(|name| name.to_str() == Some(file.name.as_str()))
        });
        for file in &mut about.files {
            file.bytes = size(&directory.join(&file.name))?;
        }
        Ok(about)
    }

    /// Puts it into a recording's directory, whole or not at all.
    pub(super) fn save(&self, directory: &Path) -> io::Result<()> {
        let next = directory.join(NEXT);
        let mut file = files::create_over(&next)?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(next, directory.join(NAME))
    }

    /// Bytes of the recording: its files', and its own.
    pub(super) fn weigh(&self, directory: &Path) -> u64 {
        size(&directory.join(NAME)).unwrap_or(0) + self.files.iter().map(|file| file.bytes).sum::<u64>()
    }

    /// Ends files that were cut off after their last whole page; those without any sound go.
    pub(super) fn mend(&mut self, directory: &Path) {
        self.files.retain_mut(|file| {
            let path = directory.join(&file.name);
            let mended = File::options().read(true).write(true).open(&path).and_then(|mut file| {
                let sound = end_stream(&mut file)?;
                Ok(sound.is_some().then_some(file.metadata()?.len()))
            });
            match mended {
                Ok(Some(bytes)) => {
                    file.bytes = bytes;
                    true
                }
                // It was begun, and nothing was placed yet.
                Ok(None) => fs::remove_file(&path).is_err(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => false,
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "a file of a recording can't be ended properly");
                    true
                }
            }
        });
    }
}

/// The size of a file; none when it isn't there.
fn size(path: &Path) -> io::Result<u64> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}
