//! The values that owners set for their flows' parameters. Some of them are secret, so all of them are kept sealed, as one text.

use serde_json::{Map, Value};

use super::super::{AccountError, Accounts};
use super::sealed::{opened, sealed};
use super::{all_set, given};
use crate::bounds::MAX_FLOW_SETTINGS;
use crate::flow::{self, Parameter};
use crate::id::UserId;
use crate::protocol::wire;
use crate::store::Flow;
use crate::store::write::FlowError;

impl Accounts {
    /// The values that the owner of a flow set. An error where they were sealed by another key.
    pub fn flow_settings(&self, row: &Flow) -> Result<Map<String, Value>, AccountError> {
        Ok(opened(&self.0.seal, row.user, &row.settings).ok_or(FlowError::Sealed)?)
    }

    /// The values that somebody sets, as they are kept.
    pub(super) fn settings_of(
        &self,
        user: UserId,
        flow: &flow::Flow,
        values: &[wire::FlowValue],
    ) -> Result<String, AccountError> {
        let values = given(flow.parameters(), values, MAX_FLOW_SETTINGS)?;
        all_set(flow, &values)?;
        sealed(&self.0.seal, user, &values).ok_or(AccountError::Internal)
    }

    /// The values of a flow that gets another version, as they are kept from then on. `None` where they stay as they are.
    pub(super) fn settings_under(
        &self,
        row: &Flow,
        next: &flow::Flow,
    ) -> Result<Option<String>, AccountError> {
        let Ok(set) = self.flow_settings(row) else { return Ok(None) };
        let names: Vec<String> = set.keys().cloned().collect();
        let kept = self.kept_settings(row, next.parameters(), &names)?;
        let settings = self.settings_of(row.user, next, &kept)?;
        Ok((kept.len() < names.len()).then_some(settings))
    }

    /// The values of these names, as they are set, where the next version of the flow has such parameters. What was secret and isn't any
    /// more is left out, since it would be shown.
    pub(super) fn kept_settings(
        &self,
        row: &Flow,
        next: &[Parameter],
        names: &[String],
    ) -> Result<Vec<wire::FlowValue>, AccountError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let before = self.read_flow(row, row.version)?;
        let stays = |name: &String| {
            let is_known = next.iter().any(|parameter| parameter.name == *name);
            names.contains(name)
                && is_known
                && (!is_secret(before.parameters(), name) || is_secret(next, name))
        };
        let set = self.flow_settings(row)?.into_iter().filter(|(name, _)| stays(name));
        Ok(set.map(|(name, value)| wire::FlowValue { name, value: super::words_of(&value) }).collect())
    }

    /// The values as their owner is shown them: those that are secret as `***`.
    pub(super) fn shown_settings(&self, row: &Flow) -> Result<Vec<wire::FlowValue>, AccountError> {
        // What another key has sealed can't be shown; a run says so.
        let Ok(set) = self.flow_settings(row) else { return Ok(Vec::new()) };
        let flow = self.read_flow(row, row.version)?;
        let secrets = flow::secrets(flow.parameters(), &set);
        let shown = set.into_iter().map(|(name, mut value)| {
            flow::hide(&mut value, &secrets);
            wire::FlowValue { name, value: super::words_of(&value) }
        });
        Ok(shown.collect())
    }
}

fn is_secret(parameters: &[Parameter], name: &str) -> bool {
    parameters.iter().any(|parameter| parameter.name == name && parameter.kind.is_secret())
}
