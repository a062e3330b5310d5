//! Talking without a screen: what happens is printed, a line each.

use std::path::PathBuf;

use serde_json::json;
use tokio::sync::broadcast::error::RecvError;

use super::super::output::Output;
use super::end::Signals;
use crate::talk::{Connection, Note, Talk, To};

/// Prints what happens until it is ended, by a signal or by the server.
pub(super) async fn run(
    talk: Talk,
    control: PathBuf,
    output: Output,
    signals: &mut Signals,
) -> anyhow::Result<()> {
    let mut notes = talk.notes();
    let picture = talk.watch().borrow().clone();
    let channel = picture.channel().map(|channel| picture.view.path(channel)).unwrap_or_default();
    output.line(format!("You are {} in {channel} on {}. Ctrl-C ends it.", picture.name, picture.server));
    output.object(
        &json!({ "event": "talking", "name": picture.name, "channel": channel, "server": picture.server }),
    );
    let _control = match talk.control(control) {
        Ok(control) => Some(control),
        Err(error) => {
            output.warn(&format!("parlour ptt and its kin don't reach this one: {error}"));
            None
        }
    };
    loop {
        tokio::select! {
            note = notes.recv() => match note {
                Ok(note) => print(&note, output),
                Err(RecvError::Lagged(missed)) => output.line(format!("({missed} lines are missing here)")),
                Err(RecvError::Closed) => break,
            },
            () = talk.ended() => break,
            () = signals.next() => break,
        }
    }
    // What was told last is printed, too.
    while let Ok(note) = notes.try_recv() {
        print(&note, output);
    }
    let ended = talk.watch().borrow().connection.clone();
    talk.stop().await;
    match ended {
        Connection::Over { reason } => anyhow::bail!("the connection ended: {reason}"),
        _ => Ok(()),
    }
}

fn print(note: &Note, output: Output) {
    output.line(note.to_string());
    let kind = match note {
        Note::Text(line) => {
            let private = matches!(line.to, To::Person(_));
            let (from, text) = (&line.name, &line.text);
            return output
                .object(&json!({ "event": "text", "from": from, "text": text, "private": private }));
        }
        Note::Came { .. } => "came",
        Note::Left { .. } => "left",
        Note::Moved { .. } => "moved",
        Note::Muted { .. } => "muted",
        Note::Deafened { .. } => "deafened",
        Note::Recorded { .. } => "recorded",
        Note::TalkingWhileMuted => "talking-while-muted",
        Note::Busy => "busy",
        Note::Device(_) => "device",
        Note::Lost(_) => "lost",
        Note::Back => "back",
        Note::Over(_) => "over",
        Note::NotRestored(_) => "not-restored",
    };
    output.object(&json!({ "event": kind, "text": note.to_string() }));
}
