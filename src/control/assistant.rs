//! What assistants ask for: noted before it is done and after, and read by those who look after the organization.

use super::{Actor, Handle, Refused};
use crate::bounds::{MAX_ASSISTANT_ARGUMENTS, page};
use crate::id::{OAuthClientId, Timestamp, UserId, Way};
use crate::permission::Permissions;
use crate::protocol::call::On;
use crate::protocol::operation::Operation;
use crate::protocol::wire::{self, response};
use crate::state::{Facts, Origin};
use crate::store::{AssistantCall, Author, By, write};
use crate::voice::Peer;

/// A call that is noted, and hasn't ended yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "it is told that it ended"]
pub struct Begun {
    number: u64,
    by: By,
}

impl Begun {
    /// What came of a call that was done.
    pub const DONE: &str = AssistantCall::DONE;
}

impl<P: Peer> Handle<P> {
    /// Which of some operations the account may ask for at all for which an assistant acts, whatever its token allows.
    pub async fn askable(
        &self,
        actor: Actor,
        among: Vec<&'static Operation>,
    ) -> Result<Vec<&'static Operation>, Refused> {
        let actor = match actor {
            Actor::Account { user, origin, .. } => Actor::Account { user, ceiling: Permissions::ALL, origin },
            Actor::Session(_) | Actor::Operator => actor,
        };
        self.look(move |control| {
            let facts = Facts { asker: control.unconnected(actor)?, ..Facts::default() };
            let asker = control.state.asker(actor, &facts)?;
            Ok(control.state.askable(asker, among.into_iter()))
        })
        .await
    }

    /// Notes what an assistant asks for, before it is done: what can't be noted isn't done.
    pub async fn begin_assistant_call(
        &self,
        actor: Actor,
        tool: &str,
        arguments: &str,
    ) -> Result<Begun, Refused> {
        let Actor::Account { user, origin: Origin { way: Way::Program { client, .. }, address }, .. } = actor
        else {
            return Err(Refused::Unexpected);
        };
        let now = self.shared.clock.wall();
        let by = By::new(Author::User(user), address, now);
        let call = AssistantCall {
            organization: self.shared.organization,
            number: 0,
            user,
            client,
            from: address,
            tool: tool.to_owned(),
            arguments: shortened(arguments),
            begun: now,
            ended: None,
            outcome: String::new(),
        };
        let number = self.shared.store.commit(by, write::begin_assistant_call(call)).await?;
        Ok(Begun { number, by })
    }

    /// Notes what came of it. What is done is done, so a disk that takes no more leaves it as one that never ended.
    pub async fn end_assistant_call(&self, begun: Begun, outcome: &str) {
        let (home, by) = (self.shared.organization, By { at: self.shared.clock.wall(), ..begun.by });
        let ended = write::end_assistant_call(home, begun.number, outcome.to_owned());
        if let Err(error) = self.shared.store.commit(by, ended).await {
            let error = Refused::from(error);
            tracing::error!(%error, number = begun.number, "what came of an assistant's call isn't noted");
        }
    }

    /// What assistants asked for, for those who look after the organization.
    pub(super) async fn list_assistant_calls(
        &self,
        actor: Actor,
        operation: &'static Operation,
        list: wire::ListAssistantCalls,
    ) -> Result<response::Body, Refused> {
        let ((), by) = self.permit(actor, operation, On::Organization, |_, _| Ok(())).await?;
        let handle = self.clone();
        let calls = self.elsewhere(by, move || handle.assistant_calls(&list)).await?;
        Ok(response::Body::AssistantCalls(calls))
    }

    /// A page of what assistants asked for.
    fn assistant_calls(&self, list: &wire::ListAssistantCalls) -> Result<wire::AssistantCalls, Refused> {
        let (store, home) = (&self.shared.store, self.shared.organization);
        let before = (list.before > 0).then_some(list.before);
        let found = store.assistant_calls(home, before, page(list.limit))?;
        let calls = found.into_iter().map(|call| self.shown_call(call)).collect::<Result<_, _>>()?;
        Ok(wire::AssistantCalls { calls })
    }

    fn shown_call(&self, call: AssistantCall) -> Result<wire::AssistantCall, Refused> {
        Ok(wire::AssistantCall {
            number: call.number,
            by: self.name_of(call.user)?,
            program: self.program_of(call.client)?,
            client: call.client.0,
            from: call.from.map(|from| from.to_string()).unwrap_or_default(),
            tool: call.tool,
            arguments: call.arguments,
            begun_ms: call.begun.0,
            ended_ms: call.ended.map_or(0, |ended: Timestamp| ended.0),
            outcome: call.outcome,
        })
    }

    fn name_of(&self, id: UserId) -> Result<String, Refused> {
        let user = self.shared.store.user(id)?;
        Ok(user.map_or_else(|| format!("user {id}"), |user| user.name))
    }

    fn program_of(&self, id: OAuthClientId) -> Result<String, Refused> {
        Ok(self.shared.store.oauth_client(id)?.map(|client| client.name).unwrap_or_default())
    }
}

/// As much of a text as is kept.
fn shortened(text: &str) -> String {
    if text.len() <= MAX_ASSISTANT_ARGUMENTS {
        return text.to_owned();
    }
    let end = (0..=MAX_ASSISTANT_ARGUMENTS).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}\u{2026}", &text[..end])
}
