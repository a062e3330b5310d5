//! Flows: added, given another version, turned off and on, removed, rated.

use std::collections::BTreeSet;
use std::convert::Infallible;

use thiserror::Error;

use super::super::error::{ReadError, Stop};
use super::super::open::Open;
use super::super::record::{
    Flow, FlowMessage, FlowOff, FlowOpinion, FlowRun, FlowStats, FlowStep, FlowUse, FlowVersion, RunAtWork,
    User,
};
use super::super::row::Record;
use super::super::table::{organization_of, range_of};
use super::rows::remove_in;
use super::{Write, taken};
use crate::bounds::{MAX_FLOW_VERSIONS, MAX_FLOWS, MAX_FLOWS_OF_ORGANIZATION, MAX_STARS, has_share};
use crate::id::{FlowNumber, Timestamp, UserId};

/// What the source of a flow says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowText {
    /// By which it is called.
    pub name: String,
    /// What people read in place of the name.
    pub title: String,
    /// What it is for.
    pub description: String,
    /// Who wrote it.
    pub author: String,
    /// By which words it is found.
    pub tags: Vec<String>,
    /// Which edition of it this is.
    pub edition: String,
    /// Whether it is a step for others.
    pub skill: bool,
    /// All of it.
    pub source: String,
}

/// Why nothing is done with a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FlowError {
    /// Its owner doesn't exist.
    #[error("there is no such user")]
    NoSuchUser,
    /// There is none of this name, or it is somebody else's.
    #[error("there is no such flow; list them to see which there are")]
    NoSuchFlow,
    /// There is no such version of it.
    #[error("this version of the flow isn't kept")]
    NoSuchVersion,
    /// There is no such run.
    #[error("there is no such run, or it isn't kept any more; list them to see which there are")]
    NoSuchRun,
    /// The name is another flow's.
    #[error("there is a flow of this name in the organization already; choose another `name`")]
    NameTaken,
    /// The owner has as many as one may have.
    #[error("an account has {MAX_FLOWS} flows at most; remove one first")]
    TooMany,
    /// The organization has as many as it may.
    #[error(
        "an organization has {MAX_FLOWS_OF_ORGANIZATION} flows at most; somebody has to remove one first"
    )]
    TooManyInAll,
    /// The owner has as many as are left free in the organization.
    #[error(
        "the organization has {MAX_FLOWS_OF_ORGANIZATION} flows at most, and you have your share of those that are left: remove one first"
    )]
    TooManyForOne,
    /// It begins nothing.
    #[error("this flow is off; turn it on first")]
    Off,
    /// Whoever begins it over HTTP hasn't its secret.
    #[error("there is no such flow, or this isn't its secret")]
    Unproven,
    /// As many runs wait as may.
    #[error("too many runs of your flows wait or are under way; wait until some have ended, or cancel them")]
    TooManyRuns,
    /// The run has ended.
    #[error("this run has ended already")]
    Ended,
    /// The run goes on.
    #[error("this run goes on; wait until it has ended, or cancel it")]
    GoesOn,
    /// What it did is undone already.
    #[error("what this run did is undone already")]
    Undone,
    /// It is the server's own.
    #[error(
        "this is what the server does for itself, which is listed and nothing else: `parlour db` and the settings of backups are for the machine's owner"
    )]
    BuiltIn,
    /// Its settings were sealed by another key.
    #[error(
        "what is set for this flow was sealed by another key; the server's owner restores sealing.key from a backup, or set it again"
    )]
    Sealed,
}

/// A new flow, which is on; `shared` says whether others see it. Answers with it.
pub fn create_flow(user: UserId, text: FlowText, settings: String, shared: bool) -> Write<Flow, FlowError> {
    use FlowError::{NameTaken, NoSuchUser, TooMany, TooManyForOne, TooManyInAll};
    Write::new(move |open| {
        let _: User = open.require(user.0, NoSuchUser)?;
        let own = flows_of(open, user)?.len();
        if own >= MAX_FLOWS {
            return Err(Stop::Refused(TooMany));
        }
        let ids = range_of(organization_of(user.0));
        let all = open.tables.flows.range((*ids.start(), 0)..=(*ids.end(), u64::MAX))?.count();
        if !has_share(own, all, MAX_FLOWS_OF_ORGANIZATION) {
            return Err(Stop::Refused(if own == 0 { TooManyInAll } else { TooManyForOne }));
        }
        let mut counted = flow_use_of(open, user)?;
        let id = FlowNumber(counted.flows + 1);
        let FlowText { name, title, description, author, tags, edition, skill, source } = text.clone();
        let (created, settings) = (open.by.at, settings.clone());
        let flow = Flow {
            user,
            id,
            name,
            title,
            description,
            author,
            tags,
            edition,
            skill,
            version: 1,
            settings,
            secret: Vec::new(),
            shared,
            off: None,
            created,
            changed: created,
        };
        if taken(open, None, &flow)?.is_some() {
            return Err(Stop::Refused(NameTaken));
        }
        let _ = open.put(None, Some(&flow))?;
        let version = FlowVersion { user, flow: id, version: 1, source, at: created };
        let _ = open.put_unaudited(None, Some(&version))?;
        // Of a schedule what was due before isn't missed.
        let stats = FlowStats { since: created, ..FlowStats::new(user, id) };
        let _ = open.put_unaudited(None, Some(&stats))?;
        counted.flows = id.0;
        let _ = open.put_unaudited(None, Some(&counted))?;
        Ok(flow)
    })
}

/// What changes about a flow; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowEdit {
    /// Another version.
    pub text: Option<FlowText>,
    /// The values of its parameters, sealed.
    pub settings: Option<String>,
    /// Whether others see it.
    pub shared: Option<bool>,
    /// Whether it is on.
    pub on: Option<bool>,
    /// What whoever begins it over HTTP has to show, sealed.
    pub secret: Option<Vec<u8>>,
}

/// A flow is another one.
pub fn edit_flow(user: UserId, id: FlowNumber, edit: FlowEdit) -> Write<Flow, FlowError> {
    Write::new(move |open| {
        let old: Flow = open.require((user.0, id.0), FlowError::NoSuchFlow)?;
        let edit = edit.clone();
        let off = match edit.on {
            Some(true) => None,
            Some(false) => Some(old.off.unwrap_or(FlowOff::Owner)),
            None => old.off,
        };
        let mut new = Flow {
            settings: edit.settings.unwrap_or_else(|| old.settings.clone()),
            shared: edit.shared.unwrap_or(old.shared),
            secret: edit.secret.unwrap_or_else(|| old.secret.clone()),
            off,
            ..old.clone()
        };
        let mut source = None;
        if let Some(text) = edit.text {
            let FlowText { name, title, description, author, tags, edition, skill, source: text } = text;
            let (version, changed) = (old.version + 1, open.by.at);
            new = Flow { name, title, description, author, tags, edition, skill, version, changed, ..new };
            source = Some(text);
        }
        if taken(open, Some(&old), &new)?.is_some() {
            return Err(Stop::Refused(FlowError::NameTaken));
        }
        let _ = open.put(Some(&old), Some(&new))?;
        if let Some(source) = source {
            let version = FlowVersion { user, flow: id, version: new.version, source, at: new.changed };
            let _ = open.put_unaudited(None, Some(&version))?;
            forget_versions(open, user, id, new.version.saturating_sub(MAX_FLOW_VERSIONS))?;
        }
        if new.version != old.version || (old.off.is_some() && new.off.is_none()) {
            let mut stats = stats_of(open, user, id)?;
            (stats.since, stats.seen_to) = (open.by.at, Vec::new());
            let _ = open.put_unaudited(None, Some(&stats))?;
        }
        Ok(new)
    })
}

/// Versions of a flow up to one are kept no longer, but for those by which runs go on: each is done, and undone, as it began.
fn forget_versions(open: &mut Open<'_>, user: UserId, id: FlowNumber, last: u64) -> Result<(), ReadError> {
    let rows = open.tables.runs_at_work.range((user.0, 0)..=(user.0, u64::MAX))?;
    let at_work: Vec<RunAtWork> =
        rows.map(|row| RunAtWork::decode(row?.1.value())).collect::<Result<_, ReadError>>()?;
    let mut used = BTreeSet::new();
    for RunAtWork { run, .. } in at_work.into_iter().filter(|run| run.flow == id) {
        used.extend(open.get::<FlowRun>((user.0, run.0))?.map(|run| run.version));
    }
    let kept = open.tables.flow_versions.range((user.0, id.0, 0)..=(user.0, id.0, last))?;
    let kept: Vec<u64> = kept.map(|row| Ok(row?.0.value().2)).collect::<Result<_, ReadError>>()?;
    for version in kept.into_iter().filter(|version| !used.contains(version)) {
        remove_in::<FlowVersion>(open, (user.0, id.0, version)..=(user.0, id.0, version))?;
    }
    Ok(())
}

/// The settings of flows in another form, which says the same: of each what they were and what they are. Those that were changed
/// meanwhile stay as they are.
pub fn seal_flow_settings(sealed: Vec<((UserId, FlowNumber), String, String)>) -> Write<(), Infallible> {
    Write::new(move |open| {
        for ((user, id), before, after) in &sealed {
            let old: Option<Flow> = open.get((user.0, id.0))?;
            if let Some(old) = old.filter(|old| old.settings == *before) {
                let new = Flow { settings: after.clone(), ..old.clone() };
                // The owner set the same, so the audit trail has nothing to say.
                let _ = open.put_unaudited(Some(&old), Some(&new))?;
            }
        }
        Ok(())
    })
}

/// A flow is there no more, nor are its runs.
pub fn remove_flow(user: UserId, id: FlowNumber) -> Write<Flow, FlowError> {
    Write::new(move |open| {
        let flow: Flow = open.require((user.0, id.0), FlowError::NoSuchFlow)?;
        let mut counted = flow_use_of(open, user)?;
        let mut runs = Vec::new();
        for row in open.tables.flow_runs.range((user.0, 0)..=(user.0, u64::MAX))? {
            let run = FlowRun::decode(row?.1.value())?;
            if run.flow == id {
                runs.push(run);
            }
        }
        for run in &runs {
            if run.state.has_ended() {
                counted.kept = counted.kept.saturating_sub(1);
                counted.bytes = counted.bytes.saturating_sub(run.bytes);
            }
            remove_in::<RunAtWork>(open, (user.0, run.id.0)..=(user.0, run.id.0))?;
            remove_in::<FlowStep>(open, (user.0, run.id.0, 0)..=(user.0, run.id.0, u64::MAX))?;
            let _ = open.put_unaudited(Some(run), None)?;
        }
        let _ = open.put_unaudited(None, Some(&counted))?;
        remove_in::<FlowVersion>(open, (user.0, id.0, 0)..=(user.0, id.0, u64::MAX))?;
        remove_in::<FlowStats>(open, (user.0, id.0)..=(user.0, id.0))?;
        remove_in::<FlowMessage>(open, (user.0, id.0, 0)..=(user.0, id.0, u64::MAX))?;
        let _ = open.put(Some(&flow), None)?;
        Ok(flow)
    })
}

/// A flow begins nothing any more, for a reason. One that is off, or gone, stays so.
pub fn turn_flow_off(user: UserId, id: FlowNumber, why: FlowOff) -> Write<(), Infallible> {
    Write::new(move |open| {
        if let Some(old) = open.get::<Flow>((user.0, id.0))? {
            turn_off(open, &old, why)?;
        }
        Ok(())
    })
}

fn turn_off(open: &mut Open<'_>, old: &Flow, why: FlowOff) -> Result<(), ReadError> {
    if old.off.is_none() {
        let _ = open.put(Some(old), Some(&Flow { off: Some(why), ..old.clone() }))?;
    }
    Ok(())
}

/// No flow of an account begins anything any more. Answers with how many that concerns.
pub(super) fn close_flows(open: &mut Open<'_>, user: UserId) -> Result<usize, ReadError> {
    let on: Vec<_> = flows_of(open, user)?.into_iter().filter(|flow| flow.off.is_none()).collect();
    for flow in &on {
        turn_off(open, flow, FlowOff::Closed)?;
    }
    Ok(on.len())
}

/// Somebody thinks this of a flow; what is `None` stays.
pub fn rate_flow(
    user: UserId,
    (of, id): (UserId, FlowNumber),
    stars: Option<u32>,
    favourite: Option<bool>,
) -> Write<(), FlowError> {
    Write::new(move |open| {
        let flow: Flow = open.require((of.0, id.0), FlowError::NoSuchFlow)?;
        if user != of && !flow.shared {
            return Err(Stop::Refused(FlowError::NoSuchFlow));
        }
        let _: User = open.require(user.0, FlowError::NoSuchUser)?;
        let none = FlowOpinion { user, of, flow: id, favourite: false, stars: 0 };
        let old: FlowOpinion = open.get((user.0, of.0, id.0))?.unwrap_or_else(|| none.clone());
        let stars = stars.map(|stars| stars.min(MAX_STARS) as u8);
        let new = FlowOpinion {
            favourite: favourite.unwrap_or(old.favourite),
            stars: stars.unwrap_or(old.stars),
            ..none.clone()
        };
        let mut stats = stats_of(open, of, id)?;
        let count = |count: u64, before: u64, after: u64| count.saturating_sub(before) + after;
        stats.stars = count(stats.stars, old.stars.into(), new.stars.into());
        stats.raters = count(stats.raters, u64::from(old.stars > 0), u64::from(new.stars > 0));
        stats.favourites = count(stats.favourites, old.favourite.into(), new.favourite.into());
        let _ = open.put_unaudited(None, Some(&stats))?;
        let _ = open.put_unaudited(Some(&old), (new != none).then_some(&new))?;
        Ok(())
    })
}

pub(super) fn flows_of(open: &Open<'_>, user: UserId) -> Result<Vec<Flow>, ReadError> {
    let rows = open.tables.flows.range((user.0, 0)..=(user.0, u64::MAX))?;
    rows.map(|row| Flow::decode(row?.1.value())).collect()
}

pub(super) fn stats_of(open: &mut Open<'_>, user: UserId, id: FlowNumber) -> Result<FlowStats, ReadError> {
    Ok(open.get((user.0, id.0))?.unwrap_or_else(|| FlowStats::new(user, id)))
}

pub(super) fn flow_use_of(open: &mut Open<'_>, user: UserId) -> Result<FlowUse, ReadError> {
    Ok(open.get(user.0)?.unwrap_or(FlowUse { user, flows: 0, runs: 0, kept: 0, bytes: 0 }))
}

impl FlowStats {
    /// Of one that never ran.
    pub fn new(user: UserId, flow: FlowNumber) -> Self {
        Self {
            user,
            flow,
            completed: 0,
            failed: 0,
            rolled_back: 0,
            cancelled: 0,
            dropped: 0,
            took_ms: 0,
            last: None,
            since: Timestamp(0),
            seen_to: Vec::new(),
            favourites: 0,
            raters: 0,
            stars: 0,
        }
    }
}
