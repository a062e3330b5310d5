//! Flows of an account: added, changed, found in the catalogue, begun by others, turned off.

mod begun;
mod built_in;
mod maintenance;
mod outline;
mod runs;
mod sealed;
mod settings;
mod unfit;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::{AccountError, Accounts, sentence};
use crate::bounds::{MAX_FLOW_PARAMETERS, MAX_STARS};
use crate::flow::{self, About, InputError, On, Parameter};
use crate::id::{FlowNumber, UserId};
use crate::name::folded;
use crate::protocol::wire;
use crate::store::write::{self, FlowEdit, FlowError, FlowText, NewEmail};
use crate::store::{By, Flow, FlowOff, FlowOpinion, FlowStats, FlowVersion};

pub use begun::{FlowCalled, FlowProof};
pub use outline::shipped_flows;
pub(super) use sealed::seal_flow_settings;
pub use unfit::FlowUnfit;

/// For how long a letter of a flow is of use.
const LETTER: Duration = Duration::from_secs(7 * 24 * 60 * 60);

impl Accounts {
    /// Adds a flow.
    pub async fn add_flow(
        &self,
        user: UserId,
        add: &wire::AddFlow,
        by: By,
    ) -> Result<wire::Flow, AccountError> {
        few(&add.settings)?;
        let (flow, text) = self.checked(user, &add.source)?;
        let settings = self.settings_of(user, &flow, &add.settings)?;
        let added = self.run(by, write::create_flow(user, text, settings, add.shared)).await?;
        self.shown_flow(&added, user, &[])
    }

    /// A flow is another one.
    pub async fn edit_flow(&self, user: UserId, edit: wire::EditFlow, by: By) -> Result<(), AccountError> {
        if let Some(settings) = &edit.settings {
            few(&settings.values)?;
            few(&settings.keep)?;
        }
        let row = self.own_flow(user, &edit.name)?;
        let (mut change, mut text) =
            (FlowEdit { shared: edit.shared, on: edit.on, ..FlowEdit::default() }, None);
        if let Some(source) = &edit.source {
            let (flow, says) = self.checked(user, source)?;
            text = Some(flow);
            change.text = Some(says);
        }
        change.settings = match (edit.settings, text) {
            (Some(settings), text) => {
                let flow = text.map_or_else(|| self.read_flow(&row, row.version), Ok)?;
                let mut values = settings.values;
                values.extend(self.kept_settings(&row, flow.parameters(), &settings.keep)?);
                Some(self.settings_of(user, &flow, &values)?)
            }
            (None, Some(flow)) => self.settings_under(&row, &flow)?,
            (None, None) => None,
        };
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
        built_in::changeable(&rate.name)?;
        if rate.stars.is_some_and(|stars| stars > MAX_STARS) {
            return Err(FlowUnfit::Stars.into());
        }
        let row = self.seen_flow(user, &rate.name)?;
        self.run(by, write::rate_flow(user, (row.user, row.id), rate.stars, rate.favourite)).await?;
        Ok(())
    }

    /// The catalogue, as somebody sees it; with what the server does for itself where they may see that.
    pub fn flows(
        &self,
        user: UserId,
        list: &wire::ListFlows,
        sees_server: bool,
    ) -> Result<wire::Flows, AccountError> {
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
        let mut flows: Vec<_> = found.into_iter().map(|(_, flow)| flow).collect();
        if sees_server && !list.own && !list.favourites {
            flows.extend(self.built_in_flows(&words)?);
        }
        Ok(wire::Flows { flows })
    }

    /// A flow with what it does.
    pub fn show_flow(
        &self,
        user: UserId,
        show: &wire::ShowFlow,
        sees_server: bool,
    ) -> Result<wire::FlowShown, AccountError> {
        if sees_server && built_in::is_built_in(&show.name) {
            return self.show_built_in(&show.name);
        }
        let row = self.seen_flow(user, &show.name)?;
        let number = if show.version == 0 { row.version } else { show.version };
        let version = self.0.store.flow_version(row.user, row.id, number)?.ok_or(FlowError::NoSuchVersion)?;
        let kept = self.0.store.flow_versions(row.user, row.id)?;
        let opinions = self.0.store.flow_opinions(user)?;
        let settings = if row.user == user { self.shown_settings(&row)? } else { Vec::new() };
        Ok(wire::FlowShown {
            flow: Some(self.shown_flow(&row, user, &opinions)?),
            outline: flow::read(&version.source).ok().map(|flow| Box::new(outline::of(&flow))),
            source: version.source,
            version: number,
            versions: kept
                .iter()
                .map(|one: &FlowVersion| wire::FlowVersion { version: one.version, at_ms: one.at.0 })
                .collect(),
            settings,
        })
    }

    /// The flows of all organizations that are on, with what is counted of each.
    pub fn all_flows_on(&self) -> Result<Vec<(Flow, FlowStats)>, AccountError> {
        let with_stats = |flow: Flow| {
            let stats = self.0.store.flow_stats(flow.user, flow.id)?;
            Ok((flow, stats))
        };
        let on = self.0.store.all_flows()?.into_iter().filter(|flow| flow.off.is_none());
        on.map(with_stats).collect()
    }

    /// The flows of an account that are on.
    pub fn flows_on_of(&self, user: UserId) -> Result<Vec<Flow>, AccountError> {
        Ok(self.0.store.flows_of(user)?.into_iter().filter(|flow| flow.off.is_none()).collect())
    }

    /// A flow.
    pub fn flow_row(&self, user: UserId, id: FlowNumber) -> Result<Option<Flow>, AccountError> {
        Ok(self.0.store.flow(user, id)?)
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
        let problems = self.unlinked(user, &flow);
        if !problems.is_empty() {
            return Err(FlowUnfit::Problems(problems).into());
        }
        let About { name, version, title, description, author, tags, .. } = flow.about().clone();
        let skill = matches!(flow, flow::Flow::Skill(_));
        let source = source.to_owned();
        let text = FlowText { name, title, description, author, tags, edition: version, skill, source };
        Ok((flow, text))
    }

    /// What is wrong with what a flow uses.
    fn unlinked(&self, user: UserId, flow: &flow::Flow) -> Vec<flow::Problem> {
        let find = |name: &str| self.skill_for(user, name).ok().flatten();
        flow::check_links(flow, &find)
    }

    /// A flow of somebody's own, by its name.
    fn own_flow(&self, user: UserId, name: &str) -> Result<Flow, AccountError> {
        built_in::changeable(name)?;
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
            built_in: false,
            favourite: opinion.is_some_and(|one| one.favourite),
            own_stars: opinion.map_or(0, |one| one.stars.into()),
        })
    }
}

/// How well a flow fits words; nothing where it lacks one of them.
fn score(row: &Flow, words: &[String]) -> Option<u32> {
    let (tags, rest) = (row.tags.join(" "), format!("{} {}", row.description, row.author));
    score_of([&row.name, &row.title, &tags, &rest], words)
}

/// The same of a name, a title, tags and the rest.
fn score_of(texts: [&str; 4], words: &[String]) -> Option<u32> {
    let [name, title, tags, rest] = texts.map(folded);
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
fn few<T>(values: &[T]) -> Result<(), FlowUnfit> {
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

/// Whether each parameter that has to be given is set, or given by every trigger. Whoever begins a run by hand gives it then.
fn all_set(flow: &flow::Flow, set: &Map<String, Value>) -> Result<(), FlowUnfit> {
    let flow::Flow::Workflow(workflow) = flow else { return Ok(()) };
    for trigger in &workflow.triggers {
        let is_given = |name: &String| match &trigger.on {
            On::Hand => true,
            On::Command { arguments, .. } => arguments.contains(name) || trigger.with.contains_key(name),
            On::Event(_) | On::Cron(_) | On::Webhook | On::Workflow { .. } => trigger.with.contains_key(name),
        };
        let is_missing =
            |one: &&Parameter| one.required && !set.contains_key(&one.name) && !is_given(&one.name);
        if let Some(missing) = workflow.parameters.iter().find(is_missing) {
            let (name, what, trigger) = (missing.name.clone(), missing.kind.wanted(), trigger.name.clone());
            return Err(FlowUnfit::Unset { name, what, trigger });
        }
    }
    Ok(())
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
