//! Flows of an account: added, changed, found in the catalogue, begun by others, turned off.

mod runs;
mod unfit;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::{AccountError, Accounts, sentence};
use crate::auth::webhook::{Secret, is_signed};
use crate::bounds::{MAX_FLOW_PARAMETERS, MAX_FLOW_SETTINGS, MAX_RUN_INPUT, MAX_STARS};
use crate::flow::{self, About, InputError, On, Parameter};
use crate::id::{FlowNumber, Timestamp, UserId};
use crate::name::folded;
use crate::protocol::wire;
use crate::store::write::{self, FlowEdit, FlowError, FlowText, NewEmail, NewRun};
use crate::store::{By, Flow, FlowOff, FlowOpinion, FlowStats, FlowVersion};

pub use unfit::FlowUnfit;

/// For how long a letter of a flow is of use.
const LETTER: Duration = Duration::from_secs(7 * 24 * 60 * 60);

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
        all_set(&flow, &settings)?;
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
        if text.is_some() || edit.settings.is_some() {
            let flow = match text {
                Some(flow) => flow,
                None => self.read_flow(&row, row.version)?,
            };
            if let Some(settings) = edit.settings {
                change.settings = Some(settings_of(flow.parameters(), &settings.values)?);
            }
            all_set(&flow, change.settings.as_ref().unwrap_or(&row.settings))?;
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

/// Whether each parameter that has to be given is set, or given by every trigger. Whoever begins a run by hand gives it then.
fn all_set(flow: &flow::Flow, settings: &str) -> Result<(), FlowUnfit> {
    let flow::Flow::Workflow(workflow) = flow else { return Ok(()) };
    let set = object(settings);
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
