//! Flows and their runs.

use super::get;
use crate::id::{FlowNumber, FlowRunId, OrganizationId, UserId};
use crate::store::Store;
use crate::store::error::ReadError;
use crate::store::index::IndexKey;
use crate::store::record::{
    Flow, FlowMessage, FlowOpinion, FlowRun, FlowStats, FlowStep, FlowVersion, RunAtWork,
};
use crate::store::row::Record;
use crate::store::table::range_of;

/// Flows.
impl Store {
    /// A flow.
    pub fn flow(&self, user: UserId, id: FlowNumber) -> Result<Option<Flow>, ReadError> {
        self.look(|tables| get(&tables.flows, (user.0, id.0)))
    }

    /// The flow of a name.
    pub fn flow_by_name(&self, home: OrganizationId, name: &str) -> Result<Option<Flow>, ReadError> {
        let key = IndexKey::flow_name(home, name);
        self.look(|tables| {
            let Some(user) = tables.index.get(key.0)?.map(|user| user.value()) else { return Ok(None) };
            for row in tables.flows.range((user, 0)..=(user, u64::MAX))? {
                let flow = Flow::decode(row?.1.value())?;
                if flow.name == name {
                    return Ok(Some(flow));
                }
            }
            Ok(None)
        })
    }

    /// The flows of an account.
    pub fn flows_of(&self, user: UserId) -> Result<Vec<Flow>, ReadError> {
        self.look(|tables| {
            let rows = tables.flows.range((user.0, 0)..=(user.0, u64::MAX))?;
            rows.map(|row| Flow::decode(row?.1.value())).collect()
        })
    }

    /// The flows of an organization; as many as there can be fit one answer.
    pub fn flows(&self, home: OrganizationId) -> Result<Vec<Flow>, ReadError> {
        let ids = range_of(home);
        self.look(|tables| {
            let rows = tables.flows.range((*ids.start(), 0)..=(*ids.end(), u64::MAX))?;
            rows.map(|row| Flow::decode(row?.1.value())).collect()
        })
    }

    /// The flows of all organizations.
    pub fn all_flows(&self) -> Result<Vec<Flow>, ReadError> {
        self.look(|tables| tables.flows.all()?.map(|row| Flow::decode(row?.1.value())).collect())
    }

    /// What a flow does by a version.
    pub fn flow_version(
        &self,
        user: UserId,
        id: FlowNumber,
        version: u64,
    ) -> Result<Option<FlowVersion>, ReadError> {
        self.look(|tables| get(&tables.flow_versions, (user.0, id.0, version)))
    }

    /// The versions of a flow that are kept, the latest first.
    pub fn flow_versions(&self, user: UserId, id: FlowNumber) -> Result<Vec<FlowVersion>, ReadError> {
        self.look(|tables| {
            let rows = tables.flow_versions.range((user.0, id.0, 0)..=(user.0, id.0, u64::MAX))?;
            rows.rev().map(|row| FlowVersion::decode(row?.1.value())).collect()
        })
    }

    /// What is counted of a flow.
    pub fn flow_stats(&self, user: UserId, id: FlowNumber) -> Result<FlowStats, ReadError> {
        self.look(|tables| {
            Ok(get(&tables.flow_stats, (user.0, id.0))?.unwrap_or_else(|| FlowStats::new(user, id)))
        })
    }

    /// What somebody thinks of flows.
    pub fn flow_opinions(&self, user: UserId) -> Result<Vec<FlowOpinion>, ReadError> {
        self.look(|tables| {
            let rows = tables.flow_opinions.range((user.0, 0, 0)..=(user.0, u64::MAX, u64::MAX))?;
            rows.map(|row| FlowOpinion::decode(row?.1.value())).collect()
        })
    }

    /// A run.
    pub fn flow_run(&self, user: UserId, id: FlowRunId) -> Result<Option<FlowRun>, ReadError> {
        self.look(|tables| get(&tables.flow_runs, (user.0, id.0)))
    }

    /// The run that a message of somebody else's server began.
    pub fn flow_message(
        &self,
        user: UserId,
        id: FlowNumber,
        message: u64,
    ) -> Result<Option<FlowMessage>, ReadError> {
        self.look(|tables| get(&tables.flow_messages, (user.0, id.0, message)))
    }

    /// Runs of an account that fit, the latest first: so many at most, of those before a number, where one is given.
    pub fn flow_runs(
        &self,
        user: UserId,
        before: Option<u64>,
        limit: usize,
        fits: impl Fn(&FlowRun) -> bool,
    ) -> Result<Vec<FlowRun>, ReadError> {
        let last = before.map_or(u64::MAX, |before| before.saturating_sub(1));
        self.look(|tables| {
            let mut found = Vec::new();
            for row in tables.flow_runs.range((user.0, 0)..=(user.0, last))?.rev() {
                let run = FlowRun::decode(row?.1.value())?;
                if found.len() >= limit {
                    break;
                }
                if fits(&run) {
                    found.push(run);
                }
            }
            Ok(found)
        })
    }

    /// The steps of a run, in the order in which they were begun.
    pub fn flow_steps(&self, user: UserId, run: FlowRunId) -> Result<Vec<FlowStep>, ReadError> {
        self.look(|tables| {
            let rows = tables.flow_steps.range((user.0, run.0, 0)..=(user.0, run.0, u64::MAX))?;
            rows.map(|row| FlowStep::decode(row?.1.value())).collect()
        })
    }

    /// A step of a run.
    pub fn flow_step(
        &self,
        user: UserId,
        run: FlowRunId,
        number: u32,
    ) -> Result<Option<FlowStep>, ReadError> {
        self.look(|tables| get(&tables.flow_steps, (user.0, run.0, u64::from(number))))
    }

    /// The runs of an account that haven't ended, the oldest first.
    pub fn runs_at_work_of(&self, user: UserId) -> Result<Vec<RunAtWork>, ReadError> {
        self.look(|tables| {
            let rows = tables.runs_at_work.range((user.0, 0)..=(user.0, u64::MAX))?;
            rows.map(|row| RunAtWork::decode(row?.1.value())).collect()
        })
    }

    /// The runs of all accounts that haven't ended.
    pub fn all_runs_at_work(&self) -> Result<Vec<RunAtWork>, ReadError> {
        self.look(|tables| tables.runs_at_work.all()?.map(|row| RunAtWork::decode(row?.1.value())).collect())
    }
}
