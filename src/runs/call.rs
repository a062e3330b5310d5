//! What a step does.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use url::Url;

use super::one::{Next, Outcome, Work};
use super::scope::{at_item, at_step};
use crate::account::AccountError;
use crate::auth::webhook::{Secret, headers};
use crate::bounds::{FLOW_DEPTH, MAX_FLOW_DEPTH, MAX_STEP_OUTPUT, MAX_STEP_TRIES};
use crate::control::{Refused, actor_of_step};
use crate::dial::{Question, read_address};
use crate::flow::{
    Action, BuiltIn, Call, Letter, Scope, Step, StepError, Template, WebhookCall, render, secrets,
};
use crate::protocol::json::secrets_of;
use crate::protocol::operation::{Group, Operation};
use crate::protocol::wire::{self, get_element, request, response, set_element};
use crate::protocol::{ErrorCode, rest};
use crate::store::{FlowStep, StepState};
use crate::voice::Peer;

/// How long somebody else's server has for its answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long it is waited at most before a step is tried again that can't be done now.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What is done, with what.
type Doing<'a> = (&'a Action, &'a BTreeMap<String, Template>);

/// What a call came to.
enum Came {
    /// This is its output.
    To(Value),
    /// It can't be done.
    Nothing(String),
    /// It can't be done now; for how long.
    Later(Duration),
    /// The run ends, and is completed.
    Stop(Value),
    /// The run ends, and has failed.
    Fail(String),
}

impl<P: Peer> Work<P> {
    /// A step is done, of an item where it has a list.
    pub(super) async fn do_step(
        &mut self,
        step: &Step,
        item: Option<(u32, &Value)>,
    ) -> Result<Outcome, Refused> {
        let index = item.map(|(index, _)| index);
        let begun = self.step_row(&step.name, index).cloned();
        let row = begun.clone().unwrap_or_else(|| self.new_step(&step.name, index, 0));
        let scope = at_item(&at_step(&self.scope(), row.began, &self.steps), item);
        if let Some(when) = &step.when
            && begun.is_none()
        {
            match when.holds(&scope) {
                Ok(true) => (),
                Ok(false) => {
                    return Ok(self.over(row, StepState::Skipped, "null".to_owned(), String::new()));
                }
                Err(error) => return Ok(self.failed(row, step.may_fail, format!("`when`: {error}"))),
            }
        }
        let outcome = self.do_call(row, begun.is_some(), (&step.action, &step.with), &scope).await?;
        match outcome {
            Outcome::Fail(_) if step.may_fail => Ok(Outcome::Over),
            outcome => Ok(outcome),
        }
    }

    fn failed(&mut self, row: FlowStep, may_fail: bool, error: String) -> Outcome {
        self.over(row, StepState::Failed, "null".to_owned(), error.clone());
        if may_fail { Outcome::Over } else { Outcome::Fail(error) }
    }

    /// Does something that is to be noted in a row. `is_begun` where it was begun before, and it isn't known what came of it.
    pub(super) async fn do_call(
        &mut self,
        mut row: FlowStep,
        is_begun: bool,
        (action, with): Doing<'_>,
        scope: &Scope,
    ) -> Result<Outcome, Refused> {
        let resolved = self.resolve(&row, (action, with), scope).await?;
        if row.state == StepState::Noted {
            // Its effect was there before the server ended, or before its answer could be written.
            let output = match &resolved {
                Ok((Call::Operation(operation, body), _)) => {
                    self.recovered(&row, operation, read_back(body), row.made).await?
                }
                // A skill by which it went is another one meanwhile, or gone. What was made is there, and can be undone.
                _ => row.made.map_or(Value::Null, |id| json!({ "id": id.to_string() })),
            };
            return self.came_to(row, output);
        }
        let (call, given) = match resolved {
            Ok(found) => found,
            Err(error) => return Ok(self.failed(row, false, error)),
        };
        if is_begun {
            if let Call::Operation(operation, _) = &call
                && operation.group == Group::Live
                && !operation.writes
                && row.until.is_none()
            {
                let words = "the server ended while this was done; what is live ended with it, so it isn't done again";
                self.over(row, StepState::Done, "null".to_owned(), words.to_owned());
                return Ok(Outcome::Over);
            }
            row.attempts += 1;
        }
        if let Call::Wait(until) = call {
            let until = row.until.unwrap_or(until);
            if !is_begun {
                row.until = Some(until);
                row.input = self.hidden(json!({ "do": name_of(action), "with": given }));
                self.write(row.clone()).await?;
            }
            if self.handle.clock().wall() < until {
                return Ok(Outcome::Later(Next::Until(until)));
            }
            return Ok(self.over(row, StepState::Done, "null".to_owned(), String::new()));
        }
        // One that can't be done now waits for its next try.
        if let Some(until) = row.until.filter(|until| self.handle.clock().wall() < *until) {
            return Ok(Outcome::Later(Next::Until(until)));
        }
        row.input = self.hidden(json!({ "do": name_of(action), "with": given }));
        row.until = None;
        self.write(row.clone()).await?;
        match self.done(&row, call).await? {
            Came::To(output) => self.came_to(row, output),
            Came::Stop(output) => {
                let output = self.hidden(output);
                self.over(row, StepState::Done, output, String::new());
                Ok(Outcome::Stop)
            }
            Came::Nothing(error) | Came::Fail(error) => Ok(self.failed(row, false, error)),
            Came::Later(pause) if row.attempts < MAX_STEP_TRIES => {
                let until =
                    self.handle.clock().wall().plus(pause.min(LONGEST_PAUSE).max(Duration::from_secs(1)));
                row.until = Some(until);
                self.write(row).await?;
                Ok(Outcome::Later(Next::Until(until)))
            }
            Came::Later(_) => {
                let words = format!("the server couldn't do it at {MAX_STEP_TRIES} tries; it is busy");
                Ok(self.failed(row, false, words))
            }
        }
    }

    /// A step is done, and this is its output, which is shown without what is secret.
    fn came_to(&mut self, row: FlowStep, output: Value) -> Result<Outcome, Refused> {
        let output = self.hidden(output);
        // The store may have noted that it is done.
        let noted = self.handle.accounts().flow_step(row.user, row.run, row.number)?;
        let row = FlowStep { made: noted.and_then(|noted| noted.made), ..row };
        if output.len() > MAX_STEP_OUTPUT {
            let words = format!("its answer has more than {} KiB", MAX_STEP_OUTPUT / 1_024);
            return Ok(self.failed(row, false, words));
        }
        Ok(self.over(row, StepState::Done, output, String::new()))
    }

    /// What is to be done, and what it is given; through the skills that it goes by. The text says why it can't be.
    async fn resolve(
        &mut self,
        row: &FlowStep,
        (action, with): Doing<'_>,
        scope: &Scope,
    ) -> Result<Result<(Call, Value), String>, Refused> {
        let (mut action, mut with, mut scope) = (action.clone(), with.clone(), scope.clone());
        for _ in 0..=MAX_FLOW_DEPTH {
            let given = match render(&with, &scope) {
                Ok(given) => given,
                Err(error) => return Ok(Err(error.to_string())),
            };
            let Action::Skill(name) = &action else {
                if let Action::Operation(operation) = &action {
                    self.hide_also(secrets_of(operation.request, &given.clone().into()));
                }
                return Ok(match Call::of(&action, &given, row.began) {
                    Ok(call) => Ok((call, given.into())),
                    Err(error) => Err(error.to_string()),
                });
            };
            let skill = match self.handle.accounts().skill_for(self.run.user, name) {
                Ok(Some(skill)) => skill,
                Ok(None) => {
                    return Ok(Err(format!("there is no skill `{name}` any more that its owner may use")));
                }
                Err(error @ (AccountError::Flow(_) | AccountError::Unfit(_))) => {
                    return Ok(Err(format!("skill `{name}`: {error}")));
                }
                Err(error) => return Err(error.into()),
            };
            scope = match self.entered(&skill, given, &scope).await? {
                Ok(scope) => scope,
                Err(error) => return Ok(Err(format!("skill `{name}`: {error}"))),
            };
            if let Some(when) = &skill.step.when {
                match when.holds(&scope) {
                    Ok(true) => (),
                    Ok(false) => return Ok(Ok((Call::Value(Value::Null), Value::Null))),
                    Err(error) => return Ok(Err(format!("skill `{name}`: `when`: {error}"))),
                }
            }
            (action, with) = (skill.step.action.clone(), skill.step.with.clone());
        }
        Ok(Err(format!("skills go by more than {MAX_FLOW_DEPTH} others")))
    }

    /// What the templates of a skill's step see. What is secret for the skill is shown by no record, either.
    async fn entered(
        &mut self,
        skill: &crate::flow::Skill,
        given: Map<String, Value>,
        around: &Scope,
    ) -> Result<Result<Scope, String>, Refused> {
        let (user, flow) = (self.run.user, self.run.flow);
        match self.handle.bind_for_flow(user, flow, skill.parameters.clone(), given).await {
            Ok(Ok(input)) => {
                self.hide_also(secrets(&skill.parameters, &input));
                Ok(Ok(around.only(&["run", "owner", "now"]).with("input", &input.into())))
            }
            Ok(Err(wrong)) => Ok(Err(StepError::Input(wrong).to_string())),
            Err(Refused::Account(error)) if is_kept_out(&error) => Ok(Err(self.not_let_in(&error).await?)),
            Err(refused) => Err(refused),
        }
    }

    /// More texts that no record of the run shows from now on.
    fn hide_also(&mut self, more: Vec<String>) {
        self.hidden.extend(more);
        // The longest first, so that one that is a part of another leaves nothing of it.
        self.hidden.sort_by_key(|text| std::cmp::Reverse(text.len()));
        self.hidden.dedup();
    }

    async fn done(&self, row: &FlowStep, call: Call) -> Result<Came, Refused> {
        match call {
            Call::Operation(operation, body) => self.operate(row, operation, *body).await,
            Call::Webhook(call) => match self.handle.let_in_for_flow(self.run.user, self.run.flow).await {
                Ok(()) => Ok(self.ask(row, call).await),
                Err(refused) => self.refused(refused).await,
            },
            Call::Letter(letter) => self.write_letter(row, letter).await,
            Call::Value(value) => Ok(Came::To(value)),
            Call::Stop(reason) => Ok(Came::Stop(reason.into())),
            Call::Fail(reason) => Ok(Came::Fail(reason)),
            Call::Plugin { plugin, function, input } => {
                self.call_plugin(row, (&plugin, &function), input).await
            }
            // Neither comes here.
            Call::Wait(_) | Call::Skill(_) => Ok(Came::To(Value::Null)),
        }
    }

    /// Calls a function of a plugin, which is told the key by which it may ask others the same, however often it is called.
    async fn call_plugin(
        &self,
        row: &FlowStep,
        (plugin, function): (&str, &str),
        with: Value,
    ) -> Result<Came, Refused> {
        let (user, flow) = (self.run.user, self.run.flow);
        let asked = json!({
            "with": with, "key": key_of(row), "owner": user.to_string(), "flow": flow.to_string(),
            "run": row.run.to_string(), "step": row.number,
        });
        // What it asks for is several things perhaps, so none of it is the step's own effect.
        let actor = actor_of_step(user, flow, row.run, 0);
        let called =
            self.handle.call_plugin_for_step(actor, plugin, function, asked.to_string().into_bytes()).await;
        match called {
            Ok(output) if output.is_empty() => Ok(Came::To(Value::Null)),
            Ok(output) => Ok(Came::To(
                serde_json::from_slice(&output)
                    .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&output).into_owned())),
            )),
            Err(refused) => self.refused(refused).await,
        }
    }

    async fn operate(
        &self,
        row: &FlowStep,
        operation: &'static Operation,
        body: request::Body,
    ) -> Result<Came, Refused> {
        let whose = (self.run.user, self.run.flow, self.run.id);
        let reads = read_back(&body);
        let answer = self.handle.do_step(whose, row.number, body).await;
        let refused = match answer {
            Ok(answer) => return Ok(told(operation, &answer)),
            Err(refused) => refused,
        };
        // Its effect may be there all the same: it was before the server ended, or what came after it failed.
        let noted = self.handle.accounts().flow_step(row.user, row.run, row.number)?;
        if let Some(noted) = noted.filter(|noted| noted.state == StepState::Noted) {
            return Ok(Came::To(self.recovered(row, operation, reads, noted.made).await?));
        }
        self.refused(refused).await
    }

    /// The output of an operation that was done before the server ended: the identifier of what it made, or what can be read of it now.
    async fn recovered(
        &self,
        row: &FlowStep,
        operation: &Operation,
        reads: Option<request::Body>,
        made: Option<u64>,
    ) -> Result<Value, Refused> {
        let answer = match (operation.response.name, made, reads) {
            ("Created", Some(id), _) => response::Body::Created(wire::Created { id }),
            ("Done", ..) => response::Body::Done(wire::Done {}),
            (_, _, Some(reads)) => {
                let whose = (self.run.user, self.run.flow, self.run.id);
                match self.handle.do_step(whose, row.number, reads).await {
                    Ok(response::Body::Invites(all)) => {
                        let found = all.invites.into_iter().find(|invite| Some(invite.id) == made);
                        let Some(invite) = found else { return Ok(Value::Null) };
                        response::Body::Invite(invite)
                    }
                    Ok(answer) => answer,
                    Err(refused @ (Refused::Stopping | Refused::NoSuchOrganization)) => return Err(refused),
                    // It isn't there any more, or its owner may not read it.
                    Err(_) => return Ok(Value::Null),
                }
            }
            _ => return Ok(Value::Null),
        };
        Ok(rest::write_answer(operation, &answer).unwrap_or_default())
    }

    /// What a refusal means for the run.
    async fn refused(&self, refused: Refused) -> Result<Came, Refused> {
        if let Refused::Account(error) = &refused
            && is_kept_out(error)
        {
            return Ok(Came::Fail(self.not_let_in(error).await?));
        }
        Ok(match refused.code() {
            ErrorCode::Busy | ErrorCode::RateLimited | ErrorCode::ReadOnly => {
                Came::Later(Duration::from_millis(refused.to_wire().retry_after_ms))
            }
            _ if matches!(refused, Refused::Stopping | Refused::NoSuchOrganization) => return Err(refused),
            _ => Came::Nothing(refused.to_string()),
        })
    }

    /// Asks somebody else's server, by a key that is the same however often it is asked.
    async fn ask(&self, row: &FlowStep, call: WebhookCall) -> Came {
        let url = match read_address(&call.url, &self.parts.reach) {
            Ok(url) => url,
            Err(error) => return Came::Nothing(error.to_string()),
        };
        let body = Bytes::from(call.body);
        let id = key_of(row);
        let at = self.handle.clock().wall();
        let mut sent: Vec<(String, String)> = call.headers;
        sent.retain(|(name, _)| !name.eq_ignore_ascii_case(FLOW_DEPTH));
        sent.push((FLOW_DEPTH.to_owned(), self.run.depth.to_string()));
        if call.is_json {
            sent.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        match call.secret.as_deref().map(Secret::read) {
            None => sent.push(("webhook-id".to_owned(), id)),
            Some(Some(secret)) => {
                let signed = headers(&[secret], &id, at.0 / 1_000, &body);
                sent.extend(signed.map(|(name, value)| (name.to_owned(), value)));
            }
            Some(None) => {
                return Came::Nothing("`secret` isn't one of Standard Webhooks: whsec_...".to_owned());
            }
        }
        let sent: Vec<(&str, &str)> =
            sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.asked(&url, call.method, &sent, body).await
    }

    async fn asked(&self, url: &Url, method: &str, sent: &[(&str, &str)], body: Bytes) -> Came {
        let Ok(method) = method.parse() else { return Came::Nothing(format!("there is no method {method}")) };
        let question =
            Question { method, url, headers: sent, body, patience: PATIENCE, keep: MAX_STEP_OUTPUT };
        match self.parts.client.ask(question, &self.parts.reach).await {
            Ok(answer) => {
                let text = String::from_utf8_lossy(&answer.body).into_owned();
                if answer.status >= 400 {
                    let text = self.hidden_text(&text);
                    let text: String = text.chars().take(200).collect();
                    return Came::Nothing(format!("it answered with status {}: {text}", answer.status));
                }
                let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
                Came::To(json!({ "status": answer.status, "body": body }))
            }
            Err(error) => Came::Nothing(error.to_string()),
        }
    }

    /// Puts a letter into the outbox, in the transaction that says that the step is done.
    async fn write_letter(&self, row: &FlowStep, letter: Letter) -> Result<Came, Refused> {
        let actor = actor_of_step(row.user, self.run.flow, row.run, row.number);
        let to = letter.to.as_deref().map(str::parse).transpose();
        let Ok(to) = to else { return Ok(Came::Nothing("`to` names no account".to_owned())) };
        match self.handle.write_letter(actor, row.user, to, letter.subject, letter.text).await {
            Ok(()) => Ok(Came::To(Value::Null)),
            Err(refused) => {
                let noted = self.handle.accounts().flow_step(row.user, row.run, row.number)?;
                if noted.is_some_and(|noted| noted.state == StepState::Noted) {
                    return Ok(Came::To(Value::Null));
                }
                self.refused(refused).await
            }
        }
    }
}

/// Whether the flow's owner isn't let in.
pub(super) fn is_kept_out(error: &AccountError) -> bool {
    matches!(error, AccountError::TokenInvalid | AccountError::Banned { .. })
}

/// By what somebody else's server knows a step again, however often it is done.
fn key_of(row: &FlowStep) -> String {
    format!("flow_{}_{}_{}", row.user, row.run, row.number)
}

/// An answer as the output of a step.
fn told(operation: &Operation, answer: &response::Body) -> Came {
    match rest::write_answer(operation, answer) {
        Ok(output) => Came::To(output),
        Err(error) => Came::Nothing(format!("its answer can't be told: {error}")),
    }
}

/// What is to be asked to know again what an operation answered that was done already.
fn read_back(body: &request::Body) -> Option<request::Body> {
    match body {
        request::Body::SetElement(set) => {
            let on = set.on.clone().map(|on| match on {
                set_element::On::Channel(channel) => get_element::On::Channel(channel),
                set_element::On::User(user) => get_element::On::User(user),
                set_element::On::Recording(recording) => get_element::On::Recording(recording),
            });
            Some(request::Body::GetElement(wire::GetElement { on, name: set.name.clone() }))
        }
        request::Body::CreateInvite(_) => Some(request::Body::ListInvites(wire::ListInvites {})),
        _ => None,
    }
}

/// What people call what a step does.
fn name_of(action: &Action) -> String {
    match action {
        Action::Operation(operation) => operation.name.replace('_', "-"),
        Action::BuiltIn(built_in) => BuiltIn::name(*built_in).to_owned(),
        Action::Plugin { plugin, function } => format!("plugin.{plugin}.{function}"),
        Action::Skill(name) => format!("skill.{name}"),
    }
}
