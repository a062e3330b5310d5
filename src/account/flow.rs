//! Flows of an account: added, changed, found in the catalogue, run; and what became of their runs.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use thiserror::Error;

use super::{AccountError, Accounts, sentence};
use crate::auth::webhook::{Secret, is_signed};
use crate::bounds::{MAX_FLOW_PARAMETERS, MAX_FLOW_SETTINGS, MAX_RUN_INPUT, MAX_STARS, page};
use crate::flow::{self, About, InputError, On, Parameter, Problem};
use crate::id::{FlowNumber, FlowRunId, Timestamp, UserId};
use crate::name::folded;
use crate::protocol::wire::{self, FlowRunState, FlowStepState};
use crate::store::write::{self, Advance, FlowEdit, FlowError, FlowText, NewEmail, NewRun};
use crate::store::{
    By, Flow, FlowOff, FlowOpinion, FlowRun, FlowStats, FlowStep, FlowVersion, RunAtWork, RunState, RunWish,
    StepState,
};

/// For how long a letter of a flow is of use.
const LETTER: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Bytes of what runs were given and began them that a list has at most.
const LIST: usize = 1 << 20;

/// Bytes of inputs and outputs of steps that one run shows at most.
const SHOWN: usize = 3 << 20;

/// Why a flow isn't taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FlowUnfit {
    /// It isn't right.
    #[error("this flow isn't right:{}", lines(.0))]
    Problems(Vec<Problem>),
    /// Values don't fit its parameters.
    #[error("what the flow is given doesn't fit:{}", lines(.0))]
    Input(Vec<InputError>),
    /// More is given than any flow takes.
    #[error("a flow has {MAX_FLOW_PARAMETERS} parameters at most, and more is given")]
    TooMany,
    /// The same parameter is given twice.
    #[error("`{0}` is given twice")]
    Twice(String),
    /// Too much is given.
    #[error("what a flow is given has {0} bytes at most")]
    TooLong(usize),
    /// A secret is given to a run.
    #[error(
        "`{0}` is secret: set it with the flow (`parlour flow edit NAME --set {0}=...`), since a run is kept"
    )]
    Secret(String),
    /// It is no workflow.
    #[error("this flow is a step for others (a skill): use it in a workflow, as `do = \"skill.NAME\"`")]
    Skill,
    /// It isn't begun by hand.
    #[error("nobody begins this flow by hand: give it a trigger with `on = \"hand\"`")]
    NotByHand,
    /// It isn't begun over HTTP.
    #[error("nobody begins this flow over HTTP: give it a trigger with `on = \"webhook\"`")]
    NotByWebhook,
    /// A state that there isn't.
    #[error(
        "there is no state {0:?}; there is queued, in-progress, completed, failed, rolled-back, cancelled"
    )]
    State(String),
    /// An order that there isn't.
    #[error("there is no order {0:?}; there is name, popularity, rating, changed")]
    Order(String),
    /// Nobody can write to an account.
    #[error("the account {0} has no e-mail address that it has proven")]
    NoAddress(String),
    /// So many stars there aren't.
    #[error("a flow is given 1 to {MAX_STARS} stars; 0 takes them back")]
    Stars,
}

fn lines(all: &[impl std::fmt::Display]) -> String {
    let mut text = String::new();
    for one in all {
        // Writing to a String can't fail.
        let _ = write!(text, "\n  {one}");
    }
    text
}

impl From<FlowUnfit> for AccountError {
    fn from(error: FlowUnfit) -> Self {
        Self::Unfit(Arc::new(error))
    }
}

/// What somebody else's server shows that begins a flow.
#[derive(Clone, Copy)]
pub enum FlowProof<'a> {
    /// The secret.
    Shown(&'a str),
    /// A message that is signed by it (Standard Webhooks).
    Signed {
        /// By which it is known again.
        id: &'a str,
        /// When it was sent, in seconds since 1970.
        at: &'a str,
        /// Its signatures, with spaces between them.
        signatures: &'a str,
    },
}

/// How far the time of a signed message may be from this server's, in seconds.
const TOLERANCE: u64 = 300;

impl Accounts {
    /// Another secret by which a flow is begun over HTTP. The one before is good no more.
    pub async fn make_flow_secret(
        &self,
        user: UserId,
        name: &str,
        by: By,
    ) -> Result<wire::FlowSecret, AccountError> {
        let row = self.own_flow(user, name)?;
        let (secret, sealed) = self.new_hook_secret(user)?;
        let edit = FlowEdit { secret: Some(sealed), ..FlowEdit::default() };
        self.run(by, write::edit_flow(user, row.id, edit)).await?;
        Ok(wire::FlowSecret { secret, path: format!("/api/flows/{}/hook", row.name) })
    }

    /// A run that somebody else's server begins, where it shows the flow's secret, is queued. Answers with whose it is, too.
    pub async fn begin_flow(
        &self,
        name: &str,
        proof: &FlowProof<'_>,
        body: &[u8],
        admit: impl Fn(UserId, FlowNumber) -> Result<(), Duration>,
    ) -> Result<(UserId, u64), AccountError> {
        let now = self.0.clock.wall();
        let row = self.0.store.flow_by_name(self.0.organization, name)?;
        // Whoever hasn't the secret doesn't learn which flows there are.
        let row = row.filter(|row| self.is_proven(row, proof, body, now)).ok_or(FlowError::Unproven)?;
        let flow::Flow::Workflow(workflow) = self.read_flow(&row, row.version)? else {
            return Err(FlowUnfit::Skill.into());
        };
        let trigger = workflow.triggers.iter().find(|trigger| matches!(trigger.on, On::Webhook));
        let trigger = trigger.ok_or(FlowUnfit::NotByWebhook)?;
        admit(row.user, row.id).map_err(AccountError::RateLimited)?;
        let body = serde_json::from_slice(body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()));
        let event = serde_json::json!({ "at": now.to_string(), "body": body }).to_string();
        if event.len() > 2 * MAX_RUN_INPUT {
            return Err(FlowUnfit::TooLong(MAX_RUN_INPUT).into());
        }
        let new = NewRun {
            user: row.user,
            flow: row.id,
            trigger: trigger.name.clone(),
            event,
            input: "{}".to_owned(),
            depth: 1,
            again: 0,
            due: None,
            over: false,
        };
        let run = self.run(By::server(now), write::queue_run(new)).await?;
        Ok((row.user, run.0))
    }

    fn is_proven(&self, row: &Flow, proof: &FlowProof<'_>, body: &[u8], now: Timestamp) -> bool {
        let secret = self.0.seal.open(row.user.0, &row.secret).and_then(|bytes| Secret::of(&bytes));
        let Some(secret) = secret else { return false };
        match proof {
            FlowProof::Shown(shown) => {
                Secret::read(shown).is_some_and(|shown| is_same(shown.bytes(), secret.bytes()))
            }
            FlowProof::Signed { id, at, signatures } => {
                let Ok(at) = at.parse::<u64>() else { return false };
                (now.0 / 1_000).abs_diff(at) <= TOLERANCE && is_signed(&secret, id, at, body, signatures)
            }
        }
    }

    /// Adds a flow.
    pub async fn add_flow(
        &self,
        user: UserId,
        add: &wire::AddFlow,
        by: By,
    ) -> Result<wire::Flow, AccountError> {
        few(&add.settings)?;
        let (flow, text) = self.checked(user, &add.source)?;
        let settings = settings_of(flow.parameters(), &add.settings)?;
        let added = self.run(by, write::create_flow(user, text, settings)).await?;
        if add.shared {
            let edit = FlowEdit { shared: Some(true), ..FlowEdit::default() };
            self.run(by, write::edit_flow(user, added.id, edit)).await?;
        }
        self.shown_flow(&Flow { shared: add.shared, ..added }, user, &[])
    }

    /// A flow is another one.
    pub async fn edit_flow(&self, user: UserId, edit: wire::EditFlow, by: By) -> Result<(), AccountError> {
        few(edit.settings.as_ref().map_or(&[], |settings| &settings.values))?;
        let row = self.own_flow(user, &edit.name)?;
        let (mut change, mut text) =
            (FlowEdit { shared: edit.shared, on: edit.on, ..FlowEdit::default() }, None);
        if let Some(source) = &edit.source {
            let (flow, says) = self.checked(user, source)?;
            text = Some(flow);
            change.text = Some(says);
        }
        if let Some(settings) = edit.settings {
            let flow = match text {
                Some(flow) => flow,
                None => self.read_flow(&row, row.version)?,
            };
            change.settings = Some(settings_of(flow.parameters(), &settings.values)?);
        }
        self.run(by, write::edit_flow(user, row.id, change)).await?;
        Ok(())
    }

    /// A flow is there no more, nor are its runs. Answers with its number.
    pub async fn remove_flow(&self, user: UserId, name: &str, by: By) -> Result<(), AccountError> {
        let row = self.own_flow(user, name)?;
        self.run(by, write::remove_flow(user, row.id)).await?;
        Ok(())
    }

    /// What somebody thinks of a flow.
    pub async fn rate_flow(&self, user: UserId, rate: &wire::RateFlow, by: By) -> Result<(), AccountError> {
        if rate.stars.is_some_and(|stars| stars > MAX_STARS) {
            return Err(FlowUnfit::Stars.into());
        }
        let row = self.seen_flow(user, &rate.name)?;
        self.run(by, write::rate_flow(user, (row.user, row.id), rate.stars, rate.favourite)).await?;
        Ok(())
    }

    /// The catalogue, as somebody sees it.
    pub fn flows(&self, user: UserId, list: &wire::ListFlows) -> Result<wire::Flows, AccountError> {
        let opinions = self.0.store.flow_opinions(user)?;
        let words: Vec<String> = list.query.split_whitespace().map(folded).collect();
        let mut found = Vec::new();
        for row in self.0.store.flows(self.0.organization)? {
            let is_seen = row.user == user || (row.shared && !list.own);
            let Some(score) = score(&row, &words).filter(|_| is_seen) else { continue };
            let shown = self.shown_flow(&row, user, &opinions)?;
            if !list.favourites || shown.favourite {
                found.push((score, shown));
            }
        }
        let ran = |flow: &wire::Flow| flow.completed + flow.failed + flow.rolled_back + flow.cancelled;
        let rating = |flow: &wire::Flow| (flow.stars * 1_000).checked_div(flow.raters).unwrap_or(0);
        found.sort_by(|one, other| one.1.name.cmp(&other.1.name));
        match list.order.as_str() {
            "" => found
                .sort_by_key(|(score, flow)| std::cmp::Reverse((*score, flow.own, rating(flow), ran(flow)))),
            "name" => (),
            "popularity" => found.sort_by_key(|(_, flow)| std::cmp::Reverse((flow.favourites, ran(flow)))),
            "rating" => found.sort_by_key(|(_, flow)| std::cmp::Reverse((rating(flow), flow.raters))),
            "changed" => found.sort_by_key(|(_, flow)| std::cmp::Reverse(flow.changed_ms)),
            other => return Err(FlowUnfit::Order(other.chars().take(64).collect()).into()),
        }
        Ok(wire::Flows { flows: found.into_iter().map(|(_, flow)| flow).collect() })
    }

    /// A flow with what it does.
    pub fn show_flow(&self, user: UserId, show: &wire::ShowFlow) -> Result<wire::FlowShown, AccountError> {
        let row = self.seen_flow(user, &show.name)?;
        let number = if show.version == 0 { row.version } else { show.version };
        let version = self.0.store.flow_version(row.user, row.id, number)?.ok_or(FlowError::NoSuchVersion)?;
        let kept = self.0.store.flow_versions(row.user, row.id)?;
        let opinions = self.0.store.flow_opinions(user)?;
        let mut settings = Vec::new();
        if row.user == user {
            let flow = self.read_flow(&row, row.version)?;
            let set = object(&row.settings);
            let secrets = flow::secrets(flow.parameters(), &set);
            for (name, mut value) in set {
                flow::hide(&mut value, &secrets);
                settings.push(wire::FlowValue { name, value: words_of(&value) });
            }
        }
        Ok(wire::FlowShown {
            flow: Some(self.shown_flow(&row, user, &opinions)?),
            source: version.source,
            version: number,
            versions: kept
                .iter()
                .map(|one: &FlowVersion| wire::FlowVersion { version: one.version, at_ms: one.at.0 })
                .collect(),
            settings,
        })
    }

    /// A run that somebody begins by hand is queued, where `admit` lets it be.
    pub async fn run_flow(
        &self,
        user: UserId,
        run: &wire::RunFlow,
        admit: impl Fn(FlowNumber) -> Result<(), Duration>,
        by: By,
    ) -> Result<u64, AccountError> {
        few(&run.input)?;
        let row = self.own_flow(user, &run.name)?;
        let flow::Flow::Workflow(workflow) = self.read_flow(&row, row.version)? else {
            return Err(FlowUnfit::Skill.into());
        };
        let trigger = workflow.triggers.iter().find(|trigger| matches!(trigger.on, On::Hand));
        let trigger = trigger.ok_or(FlowUnfit::NotByHand)?;
        let given = given(&workflow.parameters, &run.input, MAX_RUN_INPUT)?;
        no_secret(&workflow.parameters, &given)?;
        admit(row.id).map_err(AccountError::RateLimited)?;
        let event = serde_json::json!({ "at": by.at.to_string() }).to_string();
        let new = NewRun {
            user,
            flow: row.id,
            trigger: trigger.name.clone(),
            event,
            input: Value::Object(given).to_string(),
            depth: 1,
            again: 0,
            due: None,
            over: false,
        };
        Ok(self.run(by, write::queue_run(new)).await?.0)
    }

    /// The same flow is begun again, with what began a run and what it was given, where `admit` lets it be.
    pub async fn run_again(
        &self,
        user: UserId,
        run: u64,
        admit: impl Fn(FlowNumber) -> Result<(), Duration>,
        by: By,
    ) -> Result<u64, AccountError> {
        let old = self.flow_run(user, FlowRunId(run))?.ok_or(FlowError::NoSuchRun)?;
        admit(old.flow).map_err(AccountError::RateLimited)?;
        let new = NewRun {
            user,
            flow: old.flow,
            trigger: old.trigger,
            event: old.event,
            input: old.input,
            depth: 1,
            again: run,
            due: None,
            over: false,
        };
        Ok(self.run(by, write::queue_run(new)).await?.0)
    }

    /// Somebody asks something of a run.
    pub async fn ask_of_run(
        &self,
        user: UserId,
        run: u64,
        wish: RunWish,
        by: By,
    ) -> Result<(), AccountError> {
        self.run(by, write::ask_of_run(user, FlowRunId(run), wish)).await?;
        Ok(())
    }

    /// Runs of somebody's flows, the latest first.
    pub fn flow_runs(&self, user: UserId, list: &wire::ListRuns) -> Result<wire::FlowRuns, AccountError> {
        let names = self.flow_names(user)?;
        let of = match list.flow.as_str() {
            "" => None,
            name => Some(self.own_flow(user, name)?.id),
        };
        let state = match list.state.as_str() {
            "" => None,
            word => Some(state_of(word).ok_or_else(|| FlowUnfit::State(word.chars().take(64).collect()))?),
        };
        let words: Vec<String> = list.query.split_whitespace().map(folded).collect();
        let name_of =
            |run: &FlowRun| names.iter().find(|(id, _)| *id == run.flow).map(|(_, name)| name.clone());
        let fits = |run: &FlowRun| {
            let text = || {
                let name = name_of(run).unwrap_or_default();
                folded(&format!("{name} {} {} {} {}", run.trigger, run.event, run.input, run.error))
            };
            of.is_none_or(|of| of == run.flow)
                && state.is_none_or(|state| state == run.state)
                && (words.is_empty() || words.iter().all(|word| text().contains(word.as_str())))
        };
        let before = (list.before > 0).then_some(list.before);
        let mut room = LIST;
        let found = self.0.store.flow_runs(user, before, page(list.limit), fits)?;
        let runs = found.into_iter().map(|run| {
            let name = name_of(&run).unwrap_or_default();
            shown_run(run, name, Vec::new(), &mut room)
        });
        Ok(wire::FlowRuns { runs: runs.collect() })
    }

    /// One run with its steps.
    pub fn show_run(&self, user: UserId, run: u64) -> Result<wire::FlowRun, AccountError> {
        let row = self.flow_run(user, FlowRunId(run))?.ok_or(FlowError::NoSuchRun)?;
        let name = self.0.store.flow(user, row.flow)?.map_or_else(String::new, |flow| flow.name);
        let mut room = SHOWN;
        let steps = self.0.store.flow_steps(user, row.id)?;
        let steps = steps.into_iter().map(|step| shown_step(step, &mut room)).collect();
        Ok(shown_run(row, name, steps, &mut SHOWN.clone()))
    }

    /// A run.
    pub fn flow_run(&self, user: UserId, run: FlowRunId) -> Result<Option<FlowRun>, AccountError> {
        Ok(self.0.store.flow_run(user, run)?)
    }

    /// A run goes on. Nothing is answered where it has ended meanwhile.
    pub async fn advance_run(
        &self,
        user: UserId,
        run: FlowRunId,
        advance: Advance,
    ) -> Result<Option<FlowRun>, AccountError> {
        self.run(By::server(self.0.clock.wall()), write::advance_run(user, run, advance)).await
    }

    /// A run that waits comes to nothing.
    pub async fn discard_run(&self, user: UserId, run: FlowRunId, dropped: bool) -> Result<(), AccountError> {
        self.run(By::server(self.0.clock.wall()), write::discard_run(user, run, dropped)).await
    }

    /// Runs wait from now on.
    pub async fn queue_runs(&self, new: Vec<NewRun>) -> Result<(), AccountError> {
        self.run(By::server(self.0.clock.wall()), write::queue_runs(new)).await?;
        Ok(())
    }

    /// A schedule of a flow was seen to, up to a time; nothing begins by that.
    pub async fn see_to_flow(
        &self,
        user: UserId,
        id: FlowNumber,
        trigger: String,
        until: Timestamp,
    ) -> Result<(), AccountError> {
        self.run(By::server(self.0.clock.wall()), write::see_to_flow(user, id, trigger, until)).await
    }

    /// The runs of all accounts of all organizations that haven't ended.
    pub fn all_runs_at_work(&self) -> Result<Vec<RunAtWork>, AccountError> {
        Ok(self.0.store.all_runs_at_work()?)
    }

    /// The runs of an account that haven't ended, the oldest first.
    pub fn runs_at_work_of(&self, user: UserId) -> Result<Vec<RunAtWork>, AccountError> {
        Ok(self.0.store.runs_at_work_of(user)?)
    }

    /// The flows of all organizations that are on, with what is counted of each.
    pub fn all_flows_on(&self) -> Result<Vec<(Flow, FlowStats)>, AccountError> {
        let with_stats = |flow: Flow| {
            let stats = self.0.store.flow_stats(flow.user, flow.id)?;
            Ok((flow, stats))
        };
        self.0.store.all_flows_on()?.into_iter().map(with_stats).collect()
    }

    /// The flows of an account that are on.
    pub fn flows_on_of(&self, user: UserId) -> Result<Vec<Flow>, AccountError> {
        Ok(self.0.store.flows_of(user)?.into_iter().filter(|flow| flow.off.is_none()).collect())
    }

    /// A flow.
    pub fn flow_row(&self, user: UserId, id: FlowNumber) -> Result<Option<Flow>, AccountError> {
        Ok(self.0.store.flow(user, id)?)
    }

    /// The steps of a run.
    pub fn flow_steps(&self, user: UserId, run: FlowRunId) -> Result<Vec<FlowStep>, AccountError> {
        Ok(self.0.store.flow_steps(user, run)?)
    }

    /// A step of a run.
    pub fn flow_step(
        &self,
        user: UserId,
        run: FlowRunId,
        number: u32,
    ) -> Result<Option<FlowStep>, AccountError> {
        Ok(self.0.store.flow_step(user, run, number)?)
    }

    /// The name of an account; empty where it is there no more.
    pub fn owner_name(&self, user: UserId) -> Result<String, AccountError> {
        Ok(self.0.store.user(user)?.map_or_else(String::new, |user| user.name))
    }

    /// A letter of a flow's owner to an account's address, which it has proven. It is counted with those that the owner asks for.
    pub async fn write_flow_letter(
        &self,
        owner: UserId,
        to: UserId,
        subject: &str,
        text: &str,
        by: By,
    ) -> Result<(), AccountError> {
        let to = self.user(to)?.filter(|user| user.organization == self.0.organization);
        let to = to.ok_or(AccountError::NoSuchUser)?;
        let Some(address) = to.email.clone().filter(|_| to.email_verified) else {
            return Err(FlowUnfit::NoAddress(to.name).into());
        };
        self.0.letters.admit_proof(owner, None, &address)?;
        let subject = format!("{}: {}", self.name(), sentence(subject));
        let expires = by.at.plus(LETTER);
        let mail = NewEmail { to: address, subject, text: text.to_owned(), expires };
        self.run(by, write::put_email(mail)).await?;
        self.note_email();
        Ok(())
    }

    /// A flow begins nothing any more.
    pub async fn turn_flow_off(
        &self,
        user: UserId,
        id: FlowNumber,
        why: FlowOff,
    ) -> Result<(), AccountError> {
        self.run(By::server(self.0.clock.wall()), write::turn_flow_off(user, id, why)).await
    }

    /// A flow as it is read by a version. An error where that isn't kept, or can't be read by this version of the program.
    pub fn read_flow(&self, row: &Flow, version: u64) -> Result<flow::Flow, AccountError> {
        let version =
            self.0.store.flow_version(row.user, row.id, version)?.ok_or(FlowError::NoSuchVersion)?;
        Ok(flow::read(&version.source).map_err(FlowUnfit::Problems)?)
    }

    /// The skill of a name that somebody may use: their own, or one that its owner shares.
    pub fn skill_for(&self, user: UserId, name: &str) -> Result<Option<Arc<flow::Skill>>, AccountError> {
        let Some(row) = self.0.store.flow_by_name(self.0.organization, name)? else { return Ok(None) };
        if row.user != user && !row.shared {
            return Ok(None);
        }
        match self.read_flow(&row, row.version)? {
            flow::Flow::Skill(skill) => Ok(Some(Arc::new(skill))),
            flow::Flow::Workflow(_) => Ok(None),
        }
    }

    /// A flow that is right, with all that it uses.
    fn checked(&self, user: UserId, source: &str) -> Result<(flow::Flow, FlowText), AccountError> {
        let flow = flow::read(source).map_err(FlowUnfit::Problems)?;
        let find = |name: &str| self.skill_for(user, name).ok().flatten();
        let problems = flow::check_links(&flow, &find);
        if !problems.is_empty() {
            return Err(FlowUnfit::Problems(problems).into());
        }
        let About { name, version, title, description, author, tags, .. } = flow.about().clone();
        let skill = matches!(flow, flow::Flow::Skill(_));
        let source = source.to_owned();
        let text = FlowText { name, title, description, author, tags, edition: version, skill, source };
        Ok((flow, text))
    }

    /// A flow of somebody's own, by its name.
    fn own_flow(&self, user: UserId, name: &str) -> Result<Flow, AccountError> {
        let found = self.0.store.flow_by_name(self.0.organization, name)?;
        Ok(found.filter(|flow| flow.user == user).ok_or(FlowError::NoSuchFlow)?)
    }

    /// A flow that somebody sees in the catalogue.
    fn seen_flow(&self, user: UserId, name: &str) -> Result<Flow, AccountError> {
        let found = self.0.store.flow_by_name(self.0.organization, name)?;
        Ok(found.filter(|flow| flow.user == user || flow.shared).ok_or(FlowError::NoSuchFlow)?)
    }

    fn flow_names(&self, user: UserId) -> Result<Vec<(FlowNumber, String)>, AccountError> {
        Ok(self.0.store.flows_of(user)?.into_iter().map(|flow| (flow.id, flow.name)).collect())
    }

    fn shown_flow(
        &self,
        row: &Flow,
        viewer: UserId,
        opinions: &[FlowOpinion],
    ) -> Result<wire::Flow, AccountError> {
        let stats: FlowStats = self.0.store.flow_stats(row.user, row.id)?;
        let owner = self.0.store.user(row.user)?.map_or_else(String::new, |user| user.name);
        let opinion = opinions.iter().find(|one| one.of == row.user && one.flow == row.id);
        let ended = stats.completed + stats.failed + stats.rolled_back + stats.cancelled;
        Ok(wire::Flow {
            name: row.name.clone(),
            title: row.title.clone(),
            description: row.description.clone(),
            author: row.author.clone(),
            tags: row.tags.clone(),
            edition: row.edition.clone(),
            skill: row.skill,
            version: row.version,
            owner,
            own: row.user == viewer,
            shared: row.shared,
            off: row.off.map_or(wire::FlowOff::On, off).into(),
            created_ms: row.created.0,
            changed_ms: row.changed.0,
            completed: stats.completed,
            failed: stats.failed,
            rolled_back: stats.rolled_back,
            cancelled: stats.cancelled,
            dropped: stats.dropped,
            average_ms: stats.took_ms.checked_div(ended).unwrap_or(0),
            last_ms: stats.last.map_or(0, |last| last.0),
            favourites: stats.favourites,
            raters: stats.raters,
            stars: stats.stars,
            favourite: opinion.is_some_and(|one| one.favourite),
            own_stars: opinion.map_or(0, |one| one.stars.into()),
        })
    }
}

/// How well a flow fits words; nothing where it lacks one of them.
fn score(row: &Flow, words: &[String]) -> Option<u32> {
    let (name, title, tags) = (folded(&row.name), folded(&row.title), folded(&row.tags.join(" ")));
    let rest = folded(&format!("{} {}", row.description, row.author));
    let mut all = 0;
    for word in words {
        let of = |text: &str, weight: u32| if text.contains(word.as_str()) { weight } else { 0 };
        let score = of(&name, 8) + of(&title, 6) + of(&tags, 4) + of(&rest, 1);
        if score == 0 {
            return None;
        }
        all += score;
    }
    Some(all)
}

/// No more values than a flow can have parameters.
fn few(values: &[wire::FlowValue]) -> Result<(), FlowUnfit> {
    if values.len() > MAX_FLOW_PARAMETERS { Err(FlowUnfit::TooMany) } else { Ok(()) }
}

/// Values that are given in words, each of a parameter that there is.
fn given(
    parameters: &[Parameter],
    values: &[wire::FlowValue],
    longest: usize,
) -> Result<Map<String, Value>, AccountError> {
    let mut given = Map::new();
    for wire::FlowValue { name, value } in values {
        if given.insert(name.clone(), Value::String(value.clone())).is_some() {
            return Err(FlowUnfit::Twice(name.chars().take(64).collect()).into());
        }
    }
    // Here it isn't known which channels and people there are, nor is everything given: what of that is wrong, the run says.
    let is_wrong = |error: &InputError| !matches!(error, InputError::Missing { .. });
    if let Err(wrong) = flow::bind(parameters, &given, &flow::AnyName) {
        let wrong: Vec<_> = wrong.into_iter().filter(is_wrong).collect();
        if !wrong.is_empty() {
            return Err(FlowUnfit::Input(wrong).into());
        }
    }
    if Value::Object(given.clone()).to_string().len() > longest {
        return Err(FlowUnfit::TooLong(longest).into());
    }
    Ok(given)
}

/// What is secret is set with the flow: no record of a run holds it.
fn no_secret(parameters: &[Parameter], given: &Map<String, Value>) -> Result<(), FlowUnfit> {
    let is_secret =
        |parameter: &&Parameter| !flow::secrets(std::slice::from_ref(*parameter), given).is_empty();
    match parameters.iter().find(is_secret) {
        Some(secret) => Err(FlowUnfit::Secret(secret.name.clone())),
        None => Ok(()),
    }
}

fn settings_of(parameters: &[Parameter], values: &[wire::FlowValue]) -> Result<String, AccountError> {
    Ok(Value::Object(given(parameters, values, MAX_FLOW_SETTINGS)?).to_string())
}

/// An object of JSON that was kept as text.
fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_default()
}

/// Whether two secrets are the same, in a time that doesn't say how much of them is.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |all, (one, other)| all | (one ^ other)) == 0
}

fn words_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn off(why: FlowOff) -> wire::FlowOff {
    match why {
        FlowOff::Owner => wire::FlowOff::Owner,
        FlowOff::NotLetIn => wire::FlowOff::NotLetIn,
        FlowOff::Closed => wire::FlowOff::Closed,
    }
}

/// The state of a word.
fn state_of(word: &str) -> Option<RunState> {
    Some(match word {
        "queued" => RunState::Queued,
        "in-progress" => RunState::InProgress,
        "rolling-back" => RunState::RollingBack,
        "completed" => RunState::Completed,
        "failed" => RunState::Failed,
        "rolled-back" => RunState::RolledBack,
        "cancelled" => RunState::Cancelled,
        _ => return None,
    })
}

fn shown_run(run: FlowRun, flow: String, steps: Vec<wire::FlowStep>, room: &mut usize) -> wire::FlowRun {
    let state = match run.state {
        RunState::Queued => FlowRunState::Queued,
        RunState::InProgress => FlowRunState::InProgress,
        RunState::RollingBack => FlowRunState::RollingBack,
        RunState::Completed => FlowRunState::Completed,
        RunState::Failed => FlowRunState::Failed,
        RunState::RolledBack => FlowRunState::RolledBack,
        RunState::Cancelled => FlowRunState::Cancelled,
    };
    wire::FlowRun {
        run: run.id.0,
        flow,
        version: run.version,
        state: state.into(),
        progress: run.progress.into(),
        trigger: run.trigger,
        event: within(run.event, room),
        input: within(run.input, room),
        depth: run.depth.into(),
        again: run.again,
        queued_ms: run.queued.0,
        began_ms: run.began.map_or(0, |at| at.0),
        ended_ms: run.ended.map_or(0, |at| at.0),
        error: run.error,
        steps,
    }
}

fn shown_step(step: FlowStep, room: &mut usize) -> wire::FlowStep {
    let state = match step.state {
        StepState::Begun | StepState::Noted => FlowStepState::Begun,
        StepState::Done => FlowStepState::Done,
        StepState::Skipped => FlowStepState::Skipped,
        StepState::Failed => FlowStepState::Failed,
    };
    wire::FlowStep {
        number: step.number,
        name: step.name,
        index: step.index,
        undoes: step.undoes,
        state: state.into(),
        attempts: step.attempts,
        input: within(step.input, room),
        output: within(step.output, room),
        error: step.error,
        began_ms: step.began.0,
        until_ms: step.until.map_or(0, |at| at.0),
        ended_ms: step.ended.map_or(0, |at| at.0),
    }
}

/// A text, while there is room for it.
fn within(text: String, room: &mut usize) -> String {
    let left = room.checked_sub(text.len());
    *room = left.unwrap_or(0);
    if left.is_some() { text } else { String::new() }
}
