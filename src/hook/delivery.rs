//! The deliveries of one webhook.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use url::Url;

use super::schedule;
use crate::auth::webhook::headers;
use crate::bounds::MAX_HOOK_ANSWER;
use crate::control::{Handle, Judged, Organizations, Refused, Shares};
use crate::dial::{Answer, Client, Reach};
use crate::feed::Message;
use crate::id::{HookId, OrganizationId, Timestamp, UserId};
use crate::store::write::Tried;
use crate::store::{Hook, HookDelivery, HookOff, HookTry};
use crate::voice::Peer;

/// How long it is waited after something that can't be done now, such as a write while the disk fails.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// A webhook: whose, and which.
pub(super) type Key = (UserId, HookId);

/// What every delivery needs.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) client: Client,
    pub(super) reach: Reach,
    /// Draws a number at random.
    pub(super) draw: fn() -> u64,
    /// What may be under way.
    pub(super) shares: Shares,
}

/// The deliveries of one webhook.
pub(super) struct Delivery<P> {
    pub(super) organizations: Organizations<P>,
    pub(super) parts: Arc<Parts>,
    pub(super) key: Key,
    /// Something is new: a message, or the webhook itself.
    pub(super) news: Arc<Notify>,
}

/// What is next.
enum Next {
    /// To look again at what there is.
    Look,
    /// Nothing.
    Nothing,
}

impl<P: Peer> Delivery<P> {
    /// Delivers what waits, until nothing does.
    pub(super) async fn run(&self) {
        loop {
            match self.deliver_next().await {
                Ok(Next::Look) => (),
                Ok(Next::Nothing) | Err(Refused::NoSuchOrganization | Refused::Stopping) => return,
                Err(error) => {
                    let (user, hook) = self.key;
                    tracing::warn!(%error, %user, %hook, "messages to a webhook wait");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn deliver_next(&self) -> Result<Next, Refused> {
        let (user, hook) = self.key;
        let handle = self.organizations.numbered(OrganizationId::of(user.0)).await?;
        let Some((_, waiting)) = handle.accounts().hook_at_work(user, hook)? else {
            return Ok(Next::Nothing);
        };
        if handle.clock().wall() < waiting.due {
            tokio::select! {
                () = handle.clock().until_wall(waiting.due) => (),
                () = self.news.notified() => (),
            }
            return Ok(Next::Look);
        }
        let Some(_place) = self.parts.shares.take(user).await else { return Ok(Next::Nothing) };
        // It may have taken a while.
        let Some((hook, waiting)) = handle.accounts().hook_at_work(user, hook)? else {
            return Ok(Next::Nothing);
        };
        if handle.clock().wall() < waiting.due {
            return Ok(Next::Look);
        }
        let Some(message) = Message::from_text(&waiting.message) else {
            tracing::error!(%user, hook = %hook.id, number = waiting.number, "a message to a webhook can't be read");
            handle.accounts().note_hook_try(&hook, waiting.number, Tried::Withheld).await?;
            return Ok(Next::Look);
        };
        match handle.judge_for_hook(user, hook.id, message).await? {
            Judged::Told(message) => self.deliver(&handle, &hook, &waiting, &message).await,
            Judged::Withheld => {
                handle.accounts().note_hook_try(&hook, waiting.number, Tried::Withheld).await?;
                Ok(Next::Look)
            }
            Judged::NotLetIn => {
                handle.turn_hook_off(user, hook.id, HookOff::NotLetIn).await?;
                Ok(Next::Nothing)
            }
        }
    }

    async fn deliver(
        &self,
        handle: &Handle<P>,
        hook: &Hook,
        waiting: &HookDelivery,
        message: &Message,
    ) -> Result<Next, Refused> {
        let at = handle.clock().wall();
        let tried = self.post(handle, hook, waiting, message, at).await;
        let done = match tried {
            one if (200..300).contains(&one.status) => Tried::Delivered(one),
            one if one.status == 410 => Tried::Gone(one),
            one => {
                let pause = schedule::pause(waiting.attempts + 1, (self.parts.draw)());
                let now = handle.clock().wall();
                Tried::Failed(one, pause.map(|pause| now.plus(pause)))
            }
        };
        let after = handle.accounts().note_hook_try(hook, waiting.number, done).await?;
        if after.turned_off {
            handle.follow_hooks().await?;
            return Ok(Next::Nothing);
        }
        Ok(Next::Look)
    }

    /// Posts a message, and says what came of it.
    async fn post(
        &self,
        handle: &Handle<P>,
        hook: &Hook,
        waiting: &HookDelivery,
        message: &Message,
        at: Timestamp,
    ) -> HookTry {
        let failed = |error: String| HookTry { at, took_ms: 0, status: 0, error, answer: String::new() };
        let secrets = handle.accounts().hook_secrets(hook);
        if secrets.is_empty() {
            return failed("its secret was sealed by another key; rotate the secret".to_owned());
        }
        let Ok(url) = Url::parse(&hook.url) else { return failed("its address can't be read".to_owned()) };
        let body = Bytes::from(message.payload().to_string());
        let id = message.id(hook.user, hook.id, waiting.number);
        let signed = headers(&secrets, &id, at.0 / 1_000, &body);
        let mut sent = vec![("content-type", "application/json")];
        sent.extend(signed.iter().map(|(name, value)| (*name, value.as_str())));
        let began = handle.clock().monotonic();
        match self.parts.client.post(&url, &sent, body, &self.parts.reach, MAX_HOOK_ANSWER).await {
            Ok(Answer { status, body, took, .. }) => {
                HookTry { at, took_ms: milliseconds(took), status, error: String::new(), answer: text(&body) }
            }
            Err(error) => {
                let took_ms = milliseconds(handle.clock().monotonic().saturating_sub(began));
                HookTry { took_ms, ..failed(error.to_string()) }
            }
        }
    }
}

fn milliseconds(took: Duration) -> u32 {
    u32::try_from(took.as_millis()).unwrap_or(u32::MAX)
}

/// An answer as it is kept: what is no text in it is shown as such, within the same bound.
fn text(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    let mut end = text.len().min(MAX_HOOK_ANSWER);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_kept_within_its_bound_whatever_it_is() {
        assert_eq!(text("grüße".as_bytes()), "grüße");
        let kept = text(&[0xff; MAX_HOOK_ANSWER]);
        assert!(kept.len() <= MAX_HOOK_ANSWER && kept.starts_with('\u{fffd}'));
        assert_eq!(text(b""), "");
    }
}
