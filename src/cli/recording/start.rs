//! `parlour recording start`.

use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::json;
use tokio::time::Instant;

use super::{Start, length, object, speakers};
use crate::cli::connect::{Entered, RemoteServer, join};
use crate::cli::output::Output;
use crate::cli::record::stop;
use crate::cli::words::clock;
use crate::client::{Restored, Session};
use crate::id::ChannelId;

/// How long everybody is told before the first voice is written.
const NOTICE: Duration = Duration::from_secs(1);

/// Why one isn't waiting any more.
enum Over {
    /// It is time, or the person says so.
    Stopped,
    /// The connection is gone.
    Lost,
    /// Somebody else ended the recording, or the channel is gone.
    Ended,
}

impl Start {
    pub(super) async fn run(
        self,
        remote: &RemoteServer,
        entered: Entered,
        output: Output,
    ) -> anyhow::Result<()> {
        let Entered { mut session, keeper } = entered;
        // Who only records says nothing, and needs to hear nothing.
        session.set_self(Some(true), Some(true)).await?;
        let path = join(&session, remote, self.channel.as_deref(), &self.password, output).await?;
        let channel = ChannelId(session.view().find(&path)?.id);
        session.start_recording().await.with_context(|| format!("can't record {path}"))?;
        output.line(format!("{path} is recorded, and everybody there is told. Ctrl-C stops."));
        output.object(&json!({ "event": "recording", "channel": path }));
        let stopping = stop(self.length.map(|length| Instant::now() + NOTICE + length.0));
        tokio::pin!(stopping);
        loop {
            let over = tokio::select! {
                () = &mut stopping => Over::Stopped,
                over = wait(&session, channel) => over,
            };
            match over {
                Over::Stopped => break session.stop_recording(channel).await?,
                Over::Ended => {
                    output.line("The recording was ended.");
                    break;
                }
                Over::Lost => (),
            }
            output.line("The connection is lost; coming back.");
            match keeper.restore(&session).await {
                Restored::Session(restored) => session = restored,
                Restored::Over(reason) => bail!("the connection ended: {reason}"),
            }
            // What ended with the connection is a recording of its own.
            session.start_recording().await.with_context(|| format!("can't go on recording {path}"))?;
            output.line("Back again, in another recording.");
            output.object(&json!({ "event": "restored" }));
        }
        show(&session, channel, output).await?;
        session.close().await;
        Ok(())
    }
}

/// Waits until the channel is recorded no more, or the connection ends.
async fn wait(session: &Session, channel: ChannelId) -> Over {
    let mut view = session.watch();
    let recorded = |view: &crate::client::View| {
        view.channels.get(&channel.0).is_some_and(|channel| channel.recorded_since_ms > 0)
    };
    let ended = async {
        if view.wait_for(recorded).await.is_err() {
            return Over::Lost;
        }
        let over = view.wait_for(|view| !recorded(view)).await;
        if over.is_ok() { Over::Ended } else { Over::Lost }
    };
    tokio::select! {
        over = ended => over,
        _ = session.closed() => Over::Lost,
    }
}

/// Says what was recorded, and how to get it.
async fn show(session: &Session, channel: ChannelId, output: Output) -> anyhow::Result<()> {
    let recordings = session.recordings().await?.recordings;
    let own = recordings.into_iter().filter(|recording| recording.channel == channel);
    let Some(last) = own.max_by_key(|recording| recording.started) else {
        output.line("Nothing was recorded.");
        return Ok(());
    };
    let who = match speakers(&last) {
        none if none.is_empty() => "nobody spoke".to_owned(),
        names => names,
    };
    output.line(format!("Recorded {} of {}: {who}.", clock(length(&last)), last.channel_path));
    output.line(format!("Fetch it with: parlour recording fetch {}", last.id));
    let mut done = object(&last);
    done["event"] = json!("done");
    output.object(&done);
    Ok(())
}
