//! Plugins that are told what happens: each event once at most, in their order, on a thread that is for events alone. What piles up
//! behind a plugin that is slow is bounded by the feed's queue, and what doesn't fit isn't told.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::handle::Handle;
use super::plugin_turn::{Occasion, Purpose};
use super::plugin_work::Watching;
use super::refused::Refused;
use crate::account::Whose;
use crate::feed::{Event, Filter, Happened, Kind, Subscription, To, told};
use crate::id::SessionId;
use crate::state::Actor;
use crate::voice::Peer;

/// How long it is waited where the feed can't be followed now.
const PAUSE: Duration = Duration::from_secs(1);

/// Where the server is that tells.
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

impl<P: Peer> Handle<P> {
    /// Tells plugins what happens, for as long as the organization is served.
    pub(super) async fn tell_plugins(&self) {
        let mut changes = self.shared.plugins.changes();
        // From which number on it goes on, so that what waits is told where something changes about another plugin.
        let mut next = None;
        loop {
            changes.borrow_and_update();
            let kinds = match self.watching() {
                Ok(watching) => wanted(&watching),
                Err(error) => {
                    tracing::warn!(%error, "it can't be read which plugins are told what happens");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            if kinds.is_empty() {
                next = None;
                if changes.changed().await.is_err() {
                    return;
                }
                continue;
            }
            let mut events = match self.subscribe(Actor::Operator, next, Filter { kinds }).await {
                Ok(events) => events,
                Err(Refused::Stopping | Refused::NoSuchOrganization) => return,
                Err(error) => {
                    tracing::warn!(%error, "plugins can't be told what happens");
                    next = None;
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let is_over = loop {
                let happened = tokio::select! {
                    biased;
                    changed = changes.changed() => {
                        next = Some(events.resume());
                        break changed.is_err();
                    }
                    happened = events.next() => happened,
                };
                let Some(happened) = happened else {
                    next = None;
                    break !events_lost(&events);
                };
                self.tell(&happened).await;
            };
            if is_over {
                return;
            }
        }
    }

    /// Tells each plugin that is told of it what happened.
    async fn tell(&self, happened: &Happened) {
        if !is_for_plugins(happened) {
            return;
        }
        let Ok(watching) = self.watching() else { return };
        let (_, said) = told(happened);
        for one in watching.iter().filter(|one| !one.is_off) {
            let Some((function, kinds)) = &one.event else { continue };
            if kinds.contains(&happened.event.kind()) {
                let input = said.to_string().into_bytes();
                // What comes of it is in the plugin's log.
                let occasion = Occasion { purpose: Purpose::Event, whose: Whose::Owner, from: HERE };
                let called = self.run_plugin(&one.name, function, input, occasion).await;
                if let Err(error) = called {
                    tracing::debug!(plugin = one.name, %error, "a plugin isn't told what happened");
                }
            }
        }
    }
}

fn events_lost(events: &Subscription) -> bool {
    if events.has_lost() {
        tracing::warn!("plugins aren't told all that happens: too much of it waits for them");
    }
    events.has_lost()
}

/// The kinds that somebody wants to be told of.
fn wanted(watching: &[Watching]) -> Vec<Kind> {
    let mut kinds = Vec::new();
    for (_, wants) in watching.iter().filter(|one| !one.is_off).filter_map(|one| one.event.as_ref()) {
        for kind in wants {
            if !kinds.contains(kind) {
                kinds.push(*kind);
            }
        }
    }
    kinds
}

/// Whether plugins are told something. What is written to one person is for nobody else, and what plugins write themselves might
/// have them answer each other for ever.
fn is_for_plugins(happened: &Happened) -> bool {
    match &happened.event {
        Event::TextSent { to: To::Session(..), .. } => false,
        Event::TextSent { from, author, .. } => *from != SessionId(0) || author.is_some(),
        _ => true,
    }
}
