//! One's own flows and their runs, and the catalogue.

use super::{RequestError, Session};
use crate::protocol::wire::{self, request, response};

impl Session {
    /// Adds a flow.
    pub async fn add_flow(&self, add: wire::AddFlow) -> Result<wire::Flow, RequestError> {
        match self.request(request::Body::AddFlow(add)).await? {
            response::Body::Flow(flow) => Ok(flow),
            _ => Err(RequestError::Misfit),
        }
    }

    /// The catalogue.
    pub async fn flows(&self, list: wire::ListFlows) -> Result<Vec<wire::Flow>, RequestError> {
        match self.request(request::Body::ListFlows(list)).await? {
            response::Body::Flows(flows) => Ok(flows.flows),
            _ => Err(RequestError::Misfit),
        }
    }

    /// A flow with what it does by a version, 0 for the last one.
    pub async fn flow(&self, name: &str, version: u64) -> Result<wire::FlowShown, RequestError> {
        let show = wire::ShowFlow { name: name.to_owned(), version };
        match self.request(request::Body::ShowFlow(show)).await? {
            response::Body::FlowShown(shown) => Ok(shown),
            _ => Err(RequestError::Misfit),
        }
    }

    /// What is wrong with a flow, or else what it says.
    pub async fn check_flow(&self, source: String) -> Result<wire::FlowChecked, RequestError> {
        match self.request(request::Body::CheckFlow(wire::CheckFlow { source })).await? {
            response::Body::FlowChecked(checked) => Ok(checked),
            _ => Err(RequestError::Misfit),
        }
    }

    /// The flows that come with the server's program.
    pub async fn shipped_flows(&self) -> Result<Vec<wire::ShippedFlow>, RequestError> {
        match self.request(request::Body::ListShippedFlows(wire::ListShippedFlows {})).await? {
            response::Body::ShippedFlows(shipped) => Ok(shipped.flows),
            _ => Err(RequestError::Misfit),
        }
    }

    /// Changes a flow.
    pub async fn edit_flow(&self, edit: wire::EditFlow) -> Result<(), RequestError> {
        self.done(request::Body::EditFlow(edit)).await
    }

    /// Takes a flow away, and what is kept of its runs.
    pub async fn remove_flow(&self, name: &str) -> Result<(), RequestError> {
        self.done(request::Body::RemoveFlow(wire::RemoveFlow { name: name.to_owned() })).await
    }

    /// Gives a flow another secret, by which somebody else's server begins it.
    pub async fn make_flow_secret(&self, name: &str) -> Result<wire::FlowSecret, RequestError> {
        let make = wire::MakeFlowSecret { name: name.to_owned() };
        match self.request(request::Body::MakeFlowSecret(make)).await? {
            response::Body::FlowSecret(made) => Ok(made),
            _ => Err(RequestError::Misfit),
        }
    }

    /// Says what one thinks of a flow.
    pub async fn rate_flow(&self, rate: wire::RateFlow) -> Result<(), RequestError> {
        self.done(request::Body::RateFlow(rate)).await
    }

    /// Begins a run, and answers with its number.
    pub async fn run_flow(&self, name: &str, input: Vec<wire::FlowValue>) -> Result<u64, RequestError> {
        let run = wire::RunFlow { name: name.to_owned(), input };
        self.created(request::Body::RunFlow(run)).await
    }

    /// Runs of one's flows, the latest first.
    pub async fn flow_runs(&self, list: wire::ListRuns) -> Result<Vec<wire::FlowRun>, RequestError> {
        match self.request(request::Body::ListRuns(list)).await? {
            response::Body::FlowRuns(runs) => Ok(runs.runs),
            _ => Err(RequestError::Misfit),
        }
    }

    /// A run with its steps.
    pub async fn flow_run(&self, run: u64) -> Result<wire::FlowRun, RequestError> {
        self.run_of_flow("", run).await
    }

    /// The same of a flow, which has to be said for what the server does for itself.
    pub async fn run_of_flow(&self, flow: &str, run: u64) -> Result<wire::FlowRun, RequestError> {
        match self.request(request::Body::ShowRun(wire::ShowRun { run, flow: flow.to_owned() })).await? {
            response::Body::FlowRun(run) => Ok(run),
            _ => Err(RequestError::Misfit),
        }
    }

    /// Ends a run before its next step.
    pub async fn cancel_run(&self, run: u64) -> Result<(), RequestError> {
        self.done(request::Body::CancelRun(wire::CancelRun { run })).await
    }

    /// Has what a run did undone.
    pub async fn roll_back_run(&self, run: u64) -> Result<(), RequestError> {
        self.done(request::Body::RollBackRun(wire::RollBackRun { run })).await
    }

    /// Begins the same flow again, with what a run was given, and answers with the new run's number.
    pub async fn run_again(&self, run: u64) -> Result<u64, RequestError> {
        self.created(request::Body::RunAgain(wire::RunAgain { run })).await
    }
}
