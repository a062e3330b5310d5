//! What begins a run: whether it does, by what its trigger asks for, and with what.

use std::sync::PoisonError;

use serde_json::{Map, Value};

use super::call::is_kept_out;
use super::one::{Next, Work};
use super::scope::{object, of_run, restored, value};
use crate::bounds::MAX_RUN_INPUT;
use crate::control::Refused;
use crate::flow::{AnyName, On, Overlap, Trigger, bind, of_words, secrets};
use crate::store::RunState;
use crate::store::write::Advance;
use crate::voice::Peer;

/// What becomes of a run that is queued.
enum Begun {
    /// It begins, with this.
    With(Map<String, Value>),
    /// It comes to nothing; whether it is counted among those that weren't begun.
    Nothing(bool),
    /// It has failed.
    Failed(String),
}

impl<P: Peer> Work<P> {
    /// Begins the run, if what its trigger asks for holds.
    pub(super) async fn begin(&mut self) -> Result<Next, Refused> {
        if self.row.off.is_some() {
            return self.end(RunState::Cancelled, "the flow is off".to_owned()).await;
        }
        let earlier = self.handle.accounts().runs_at_work_of(self.run.user)?;
        let waits = earlier.iter().any(|other| other.flow == self.run.flow && other.run.0 < self.run.id.0);
        match self.workflow.overlap {
            Overlap::Queue if waits => return Ok(Next::Wait),
            Overlap::Skip if waits => {
                self.handle.accounts().discard_run(self.run.user, self.run.id, true).await?;
                return Ok(Next::Nothing);
            }
            Overlap::Parallel | Overlap::Queue | Overlap::Skip => (),
        }
        match self.judged().await? {
            Begun::Nothing(dropped) => {
                self.handle.accounts().discard_run(self.run.user, self.run.id, dropped).await?;
                Ok(Next::Nothing)
            }
            Begun::Failed(error) => self.end(RunState::Failed, error).await,
            Begun::With(input) => {
                self.hidden = secrets(&self.workflow.parameters, &input);
                let (kept, event) = (self.hidden(Value::Object(input)), self.hidden(self.event.clone()));
                // What is shown is what templates see, whether the server ends meanwhile or doesn't.
                self.input = restored(&self.workflow.parameters, &kept, &self.settings);
                self.event = value(&event);
                let (state, input, event) = (Some(RunState::InProgress), Some(kept), Some(event));
                self.advance(Advance { state, input, event, ..Advance::default() }).await
            }
        }
    }

    async fn judged(&mut self) -> Result<Begun, Refused> {
        let named = self.workflow.triggers.iter().find(|trigger| trigger.name == self.run.trigger);
        let Some(trigger) = named.cloned() else {
            return Ok(Begun::Failed("the flow has no such trigger any more".to_owned()));
        };
        let mut given = self.settings.clone();
        if let On::Command { arguments, .. } = &trigger.on {
            given.extend(of_words(arguments, self.words_after_command()));
        }
        given.extend(object(&self.run.input));
        let parameters = self.workflow.parameters.clone();
        // What has to be given may come from the trigger's own values, which see the others.
        // Names are looked up by now, so that `event.to == input.channel` holds also where the setting is a name.
        let named =
            self.handle.bind_for_flow(self.run.user, self.run.flow, parameters.clone(), given.clone()).await;
        let before = match named {
            Ok(Ok(bound)) => bound,
            _ => bind(&parameters, &given, &AnyName).unwrap_or_else(|_| given.clone()),
        };
        let mut scope = of_run(&self.run, &self.row.name, &self.owner, &before);
        scope.set("now", &self.handle.clock().wall().to_string().into());
        if let Some(when) = &trigger.when {
            match when.holds(&scope) {
                Ok(true) => (),
                Ok(false) => return Ok(Begun::Nothing(false)),
                Err(error) => return Ok(Begun::Failed(format!("`when` of the trigger: {error}"))),
            }
        }
        match self.is_often_enough(&trigger, &scope) {
            Ok(true) => (),
            Ok(false) => return Ok(Begun::Nothing(false)),
            Err(error) => return Ok(Begun::Failed(error)),
        }
        for (name, template) in &trigger.with {
            match template.render(&scope) {
                Ok(value) => given.insert(name.clone(), value),
                Err(error) => return Ok(Begun::Failed(format!("`with.{name}` of the trigger: {error}"))),
            };
        }
        if Value::Object(given.clone()).to_string().len() > MAX_RUN_INPUT {
            return Ok(Begun::Failed(format!("it is given more than {MAX_RUN_INPUT} bytes")));
        }
        match self.handle.bind_for_flow(self.run.user, self.run.flow, parameters, given).await {
            Ok(Ok(input)) => Ok(Begun::With(input)),
            Ok(Err(wrong)) => {
                let words: Vec<_> = wrong.iter().map(ToString::to_string).collect();
                Ok(Begun::Failed(format!("what it is given doesn't fit: {}", words.join("; "))))
            }
            Err(Refused::Account(error)) if is_kept_out(&error) => {
                Ok(Begun::Failed(self.not_let_in(&error).await?))
            }
            Err(error) => Err(error),
        }
    }

    /// The text behind a command's word.
    fn words_after_command(&self) -> &str {
        let text = self.event.get("text").and_then(Value::as_str).unwrap_or_default().trim_start();
        text.split_once(char::is_whitespace).map_or("", |(_, rest)| rest)
    }

    /// Whether it happened as often as the trigger asks for. One that is begun by hand, or again, isn't counted.
    fn is_often_enough(&self, trigger: &Trigger, scope: &crate::flow::Scope) -> Result<bool, String> {
        let Some(pace) = trigger.pace.as_ref().filter(|_| self.run.again == 0) else { return Ok(true) };
        let per = match &pace.per {
            Some(per) => per.value(scope).map_err(|error| format!("`per` of the trigger: {error}"))?,
            None => Value::Null,
        };
        let key = format!("{} {} {per}", self.run.flow, trigger.name);
        let mut tally = self.parts.tally.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(tally.admit(self.run.user, &key, pace, self.run.queued))
    }
}
