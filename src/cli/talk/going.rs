//! Coming in at a server, and going on to another one.

use std::time::Duration;

use super::end::Signals;
#[cfg(target_os = "linux")]
use super::global::GlobalKeys;
use crate::audio::device::Backend;
use crate::cli::connect::{Entered, Place, directory};
use crate::cli::output::Output;
use crate::talk::{Choice, Options, Talk as Live};

/// How long a log-in that is under way when one wants to end may take to come to its goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// What live clients are started with.
#[derive(Debug)]
pub(super) struct Going {
    /// What is chosen for this time only.
    pub(super) choices: Vec<Choice>,
    pub(super) backend: Backend,
    #[cfg(target_os = "linux")]
    pub(super) keys: GlobalKeys,
    pub(super) output: Output,
}

impl Going {
    /// Connects, logs in, joins and begins to hear. `None` where one wanted to end meanwhile; then the server has been left.
    pub(super) async fn start(&self, place: &Place, signals: &mut Signals) -> anyhow::Result<Option<Live>> {
        let mut starting = std::pin::pin!(self.come_in(place));
        tokio::select! {
            live = &mut starting => return live.map(Some),
            () = signals.next() => (),
        }
        if let Ok(Ok(live)) = tokio::time::timeout(GOODBYE, starting).await {
            live.stop().await;
        }
        Ok(None)
    }

    /// Goes to another server, and leaves the one before only when that has worked; else one is still there, and says why. Answers
    /// with the live client, where it is, and what one has to know; `None` where one wanted to end meanwhile.
    pub(super) async fn elsewhere(
        &self,
        address: &str,
        from: &Place,
        left: Live,
        signals: &mut Signals,
    ) -> anyhow::Result<Option<(Live, Place, Option<String>)>> {
        let found = from.elsewhere(address).and_then(|there| Ok((there.remote()?.address.home(), there)));
        let (home, there) = match found {
            Ok(found) => found,
            Err(error) => return Ok(Some((left, from.clone(), Some(stayed(&error))))),
        };
        // At one server the session would be connected twice.
        let left = if left.watch().borrow().server == home {
            left.stop().await;
            None
        } else {
            Some(left)
        };
        match self.start(&there, signals).await {
            Ok(live) => {
                if let Some(left) = left {
                    left.stop().await;
                }
                Ok(live.map(|live| (live, there, None)))
            }
            Err(error) => {
                let live = match left {
                    Some(left) => Some(left),
                    None => self.start(from, signals).await?,
                };
                Ok(live.map(|live| (live, from.clone(), Some(stayed(&error)))))
            }
        }
    }

    async fn come_in(&self, place: &Place) -> anyhow::Result<Live> {
        let (place, output, mut remote) = (place.clone(), self.output, place.remote()?);
        let options = Options {
            server: remote.address.clone(),
            directory: directory(),
            backend: self.backend.clone(),
            choices: self.choices.clone(),
        };
        let enter = move || async move {
            let Entered { session, keeper } = place.enter_to_stay(&mut remote, output).await?;
            place.join(&session, &remote, output).await?;
            Ok::<_, anyhow::Error>((session, keeper))
        };
        let live = Live::start(options, enter).await?;
        #[cfg(target_os = "linux")]
        let live = self.keys.watch(live, output)?;
        Ok(live)
    }
}

fn stayed(error: &anyhow::Error) -> String {
    format!("You are where you were: {error:#}")
}
