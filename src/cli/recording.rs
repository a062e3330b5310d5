//! `parlour recording`.

mod fetch;
mod measure;
mod start;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use indicatif::HumanBytes;
use serde_json::{Value, json};

use super::connect::{JoinPassword, RemoteServer, Server};
use super::output::Output;
use super::span::Span;
use super::words::clock;
use crate::client::{Recording as Made, Session};
use crate::id::ChannelId;
use measure::{length, size};

/// Recordings that the server makes: a file for each speaker; everybody in the channel is told.
#[derive(Debug, Args)]
pub(super) struct Recording {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Join a channel and have it recorded until Ctrl-C.
    Start(Start),
    /// End the recording of a channel.
    Stop {
        /// The channel.
        #[arg(long, value_name = "PATH")]
        channel: String,
    },
    /// Show the recordings of the channels where you may record.
    List,
    /// Fetch the files of a recording.
    Fetch {
        /// Its number in the list.
        recording: u64,
        /// The directory for its files. Default: recording-NUMBER.
        #[arg(long, value_name = "DIRECTORY")]
        out: Option<PathBuf>,
    },
    /// Remove a recording with its files.
    Remove {
        /// Its number in the list.
        recording: u64,
    },
}

#[derive(Debug, Args)]
struct Start {
    /// The channel. Default: the first one.
    #[arg(long, value_name = "PATH")]
    channel: Option<String>,
    /// Stop after so long: 10s, 1h. Default: at Ctrl-C.
    #[arg(long = "for", value_name = "TIME")]
    length: Option<Span>,
    #[command(flatten)]
    password: JoinPassword,
}

impl Recording {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let remote = RemoteServer::find(self.server.address.as_deref())?;
        let entered = remote.enter().await?;
        let session = &entered.session;
        match self.command {
            Command::Start(start) => return start.run(&remote, entered, output).await,
            Command::Stop { channel } => {
                let view = session.view();
                let channel = view.find(&channel)?;
                session.stop_recording(ChannelId(channel.id)).await?;
                let path = view.path(channel);
                output.line(format!("{path} is recorded no more."));
                output.object(&json!({ "channel": path, "stopped": true }));
            }
            Command::List => list(session, output).await?,
            Command::Fetch { recording, out } => fetch::fetch(session, recording, out, output).await?,
            Command::Remove { recording } => {
                session.remove_recording(recording).await?;
                output.line(format!("Recording {recording} is removed."));
                output.object(&json!({ "removed": recording }));
            }
        }
        entered.session.close().await;
        Ok(())
    }
}

async fn list(session: &Session, output: Output) -> anyhow::Result<()> {
    let found = session.recordings().await?;
    let mut rows = Vec::new();
    for recording in &found.recordings {
        let state = if recording.ended.is_some() { "" } else { " (runs)" };
        rows.push(vec![
            recording.id.to_string(),
            recording.channel_path.clone(),
            recording.by.clone(),
            recording.started.to_string(),
            format!("{}{state}", clock(length(recording))),
            HumanBytes(size(recording)).to_string(),
            speakers(recording),
        ]);
        output.object(&object(recording));
    }
    if rows.is_empty() {
        output.line("There is no recording of a channel where you may record.");
        output.line("Make one with: parlour recording start --channel PATH");
    } else {
        let headings = ["Recording", "Channel", "By", "Started", "Length", "Size", "Speakers"];
        output.table(&headings, rows);
        output.line(format!(
            "All recordings take {} of {}.",
            HumanBytes(found.used),
            HumanBytes(found.quota)
        ));
    }
    Ok(())
}

fn speakers(recording: &Made) -> String {
    let mut names: Vec<_> = recording.files.iter().map(|file| file.speaker.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}

fn object(recording: &Made) -> Value {
    let file = |file: &crate::client::RecordingFile| json!({ "name": file.name, "speaker": file.speaker, "bytes": file.bytes });
    json!({
        "recording": recording.id, "channel": recording.channel_path, "by": recording.by,
        "started": recording.started, "ended": recording.ended, "seconds": length(recording).as_secs_f64(),
        "bytes": size(recording), "files": recording.files.iter().map(file).collect::<Vec<_>>(),
    })
}
