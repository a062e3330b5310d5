//! Flows: what happens begins runs of those whose owners may know of it, and the control thread has them queued: those of a batch
//! that is committed in its transaction, and those of what is kept nowhere soon after it.

use serde_json::{Map, Value};

use super::command::Followed;
use super::flow_work::{FlowWork, WatchedFlow};
use super::handle::Handle;
use super::hook_work::Row;
use super::live::Control;
use super::news::shown_of_batch;
use super::refused::Refused;
use crate::account::{FlowCalled, shipped_flows};
use crate::bounds::MAX_FLOW_DEPTH;
use crate::feed::{Doer, Event, Happened, To, told};
use crate::flow::{self, InputError, Names, On as Begins, Parameter};
use crate::id::{ChannelId, FlowNumber, FlowRunId, RoleId, SessionId, UserId, Way};
use crate::name::folded;
use crate::permission::Permissions;
use crate::protocol::call::{self, On};
use crate::protocol::wire::{self, request, response};
use crate::state::{Actor, Asker, Denied, Facts, Member, Origin, State};
use crate::store::write::NewRun;
use crate::store::{FlowOff, RunWish};
use crate::voice::Peer;

/// The actor that a step of a flow is.
pub fn actor_of_step(user: UserId, flow: FlowNumber, run: FlowRunId, step: u32) -> Actor {
    let origin = Origin { way: Way::Flow { flow, run, step }, address: None };
    Actor::Account { user, ceiling: Permissions::ALL, origin }
}

impl<P: Peer> Handle<P> {
    /// What there is to do for flows, of all organizations.
    pub fn flow_work(&self) -> &FlowWork {
        &self.shared.settings.flow_work
    }

    /// Does what a step of a flow asks for, as its owner.
    pub async fn do_step(
        &self,
        (user, flow, run): (UserId, FlowNumber, FlowRunId),
        step: u32,
        body: request::Body,
    ) -> Result<response::Body, Refused> {
        self.request(actor_of_step(user, flow, run, step), body).await
    }

    /// The values of a flow's parameters, of what is given, with names as its owner sees them.
    pub async fn bind_for_flow(
        &self,
        user: UserId,
        flow: FlowNumber,
        parameters: Vec<Parameter>,
        given: Map<String, Value>,
    ) -> Result<Result<Map<String, Value>, Vec<InputError>>, Refused> {
        self.look(move |control| {
            let actor = actor_of_step(user, flow, FlowRunId(0), 0);
            let owner = control.shared.unconnected(&control.state, actor)?.ok_or(Denied::SessionEnded)?;
            let names = Known { control, owner: &owner };
            Ok(flow::bind(&parameters, &given, &names))
        })
        .await
    }

    /// Whether the owner of a flow is let in, for what it does that nobody permits.
    pub async fn let_in_for_flow(&self, user: UserId, flow: FlowNumber) -> Result<(), Refused> {
        self.look(move |control| {
            let actor = actor_of_step(user, flow, FlowRunId(0), 0);
            control.unconnected(actor).map(drop)
        })
        .await
    }

    /// Begins a flow for somebody else's server that shows its secret, once for each message, where it says which that is. Answers with the
    /// run's number.
    pub async fn begin_flow(&self, name: &str, called: &FlowCalled<'_>, body: &[u8]) -> Result<u64, Refused> {
        let admit = |user, flow| self.shared.runs.admit(user, flow);
        let (user, run) = self.shared.accounts.begin_flow(name, called, body, admit).await?;
        self.flow_work().note_queued(user);
        Ok(run)
    }

    /// Counts a run of a flow, or says how long to wait with it.
    pub fn admit_run(&self, user: UserId, flow: FlowNumber) -> Result<(), std::time::Duration> {
        self.shared.runs.admit(user, flow)
    }

    /// Writes a letter for a step of a flow: to its owner where nothing is said, and to others for whoever looks after accounts.
    pub async fn write_letter(
        &self,
        actor: Actor,
        owner: UserId,
        to: Option<u64>,
        subject: String,
        text: String,
    ) -> Result<(), Refused> {
        let to = to.map_or(owner, UserId);
        let by = self
            .look(move |control| {
                let facts = Facts { asker: control.unconnected(actor)?, ..Facts::default() };
                let asker = control.state.asker(actor, &facts)?;
                if to != owner {
                    control.state.authorize(asker, Permissions::MANAGE_USERS, None)?;
                }
                Ok(control.by(actor))
            })
            .await?;
        Ok(self.shared.accounts.write_flow_letter(owner, to, &subject, &text, by).await?)
    }

    /// A flow begins nothing any more.
    pub async fn turn_flow_off(&self, user: UserId, flow: FlowNumber, why: FlowOff) -> Result<(), Refused> {
        self.shared.accounts.turn_flow_off(user, flow, why).await?;
        self.follow_flows().await
    }

    /// The control thread looks anew at which flows are on, and so does whoever does their runs.
    pub async fn follow_flows(&self) -> Result<(), Refused> {
        self.follow_all(Followed::Flows).await?;
        self.flow_work().note_changed();
        Ok(())
    }

    /// Does what somebody asks for about flows.
    pub(super) async fn do_flow(&self, actor: Actor, call: call::Flow) -> Result<response::Body, Refused> {
        let own = |state: &State, asker: Asker<'_>| {
            Ok((state.own_user(asker)?, state.may_see_maintenance(asker).is_ok()))
        };
        let ((user, sees_server), by) = self.permit(actor, call.operation(), On::Organization, own).await?;
        let accounts = self.shared.accounts.clone();
        let done = response::Body::Done(wire::Done {});
        Ok(match call {
            call::Flow::AddFlow(add) => {
                let added = accounts.add_flow(user, &add, by).await?;
                self.follow_flows().await?;
                response::Body::Flow(added)
            }
            call::Flow::EditFlow(edit) => {
                accounts.edit_flow(user, edit, by).await?;
                self.follow_flows().await?;
                done
            }
            call::Flow::RemoveFlow(remove) => {
                accounts.remove_flow(user, &remove.name, by).await?;
                self.follow_flows().await?;
                done
            }
            call::Flow::MakeFlowSecret(make) => {
                response::Body::FlowSecret(accounts.make_flow_secret(user, &make.name, by).await?)
            }
            call::Flow::RateFlow(rate) => {
                accounts.rate_flow(user, &rate, by).await?;
                done
            }
            call::Flow::ListFlows(list) => {
                let read = move || accounts.flows(user, &list, sees_server);
                response::Body::Flows(self.elsewhere(by, read).await?)
            }
            call::Flow::ShowFlow(show) => {
                response::Body::FlowShown(accounts.show_flow(user, &show, sees_server)?)
            }
            call::Flow::CheckFlow(check) => {
                let read = move || Ok::<_, Refused>(accounts.check_flow(user, &check.source));
                response::Body::FlowChecked(self.elsewhere(by, read).await?)
            }
            call::Flow::ListShippedFlows(_) => {
                let read = || Ok::<_, Refused>(shipped_flows());
                response::Body::ShippedFlows(self.elsewhere(by, read).await?)
            }
            call::Flow::RunFlow(run) => {
                let admit = |flow| self.shared.runs.admit(user, flow);
                self.queued(user, accounts.run_flow(user, &run, admit, by).await?)
            }
            call::Flow::RunAgain(again) => {
                let admit = |flow| self.shared.runs.admit(user, flow);
                self.queued(user, accounts.run_again(user, again.run, admit, by).await?)
            }
            call::Flow::ListRuns(list) => {
                let read = move || accounts.flow_runs(user, &list, sees_server);
                response::Body::FlowRuns(self.elsewhere(by, read).await?)
            }
            call::Flow::ShowRun(show) => {
                response::Body::FlowRun(accounts.show_run(user, &show, sees_server)?)
            }
            call::Flow::CancelRun(cancel) => {
                accounts.ask_of_run(user, cancel.run, RunWish::Cancel, by).await?;
                self.asked(user, cancel.run)
            }
            call::Flow::RollBackRun(back) => {
                accounts.ask_of_run(user, back.run, RunWish::RollBack, by).await?;
                self.asked(user, back.run)
            }
        })
    }

    /// A run waits: whoever does the runs looks, and who asked for it is told its number.
    fn queued(&self, user: UserId, id: u64) -> response::Body {
        self.flow_work().note_queued(user);
        response::Body::Created(wire::Created { id })
    }

    /// Something is asked of a run: whoever does it looks.
    fn asked(&self, user: UserId, run: u64) -> response::Body {
        self.flow_work().note(|due| {
            due.queued.insert(user);
            due.asked.insert((user, FlowRunId(run)));
        });
        response::Body::Done(wire::Done {})
    }
}

/// What the owner of a flow calls something, and may know of.
struct Known<'a, P> {
    control: &'a Control<P>,
    owner: &'a Member,
}

impl<P: Peer> Names for Known<'_, P> {
    fn channel(&self, said: &str) -> Option<String> {
        let (state, owner) = (&self.control.state, Some(self.owner));
        if let Ok(id) = said.parse() {
            let is_seen = state.channel(ChannelId(id)).is_some()
                && state.permissions(self.owner, ChannelId(id)).contains(Permissions::VIEW);
            return is_seen.then(|| said.to_owned());
        }
        let said = folded(said.trim_matches('/'));
        let seen = state.channels().filter(|channel| state.sees_path(channel.id, owner));
        let mut named: Vec<_> =
            seen.filter(|channel| folded(&state.path_for(Some(channel.id), owner)) == said).collect();
        if named.is_empty() {
            let seen = state.channels().filter(|channel| state.sees_path(channel.id, owner));
            named = seen.filter(|channel| folded(&channel.name) == said).collect();
        }
        // Of two channels of this name it isn't known which is meant.
        if let [only] = &named[..] { Some(only.id.to_string()) } else { None }
    }

    fn user(&self, said: &str) -> Option<String> {
        let store = &self.control.shared.store;
        let home = self.control.state.organization();
        let (is_number, found) = match said.parse() {
            Ok(id) => (true, store.user(UserId(id)).ok()?.filter(|user| user.organization == home)),
            Err(_) => (false, store.user_by_name(home, said).ok()?),
        };
        let looks_after =
            self.control.state.permissions_on(self.owner, None).contains(Permissions::MANAGE_USERS);
        let seen = found.filter(|user| self.control.state.sees_person(self.owner, user.id));
        match seen {
            // By which operations know an account.
            Some(user) => Some(user.name),
            // Whoever doesn't look after accounts doesn't learn which there are: a name may be one, and a number has none.
            None => (!is_number && !looks_after).then(|| said.to_owned()),
        }
    }

    fn role(&self, said: &str) -> Option<String> {
        let state = &self.control.state;
        let found = match said.parse() {
            Ok(id) => state.role(RoleId(id)),
            Err(_) => state.role_named(said),
        };
        found.map(|role| role.id.to_string())
    }

    fn session(&self, said: &str) -> Option<String> {
        let state = &self.control.state;
        if let Ok(id) = said.parse() {
            return state.member(SessionId(id)).map(|member| member.session.to_string());
        }
        let named = state.members().find(|member| folded(&member.name) == folded(said));
        named.map(|member| member.session.to_string())
    }
}

impl<P: Peer> Control<P> {
    /// Looks at which flows are on, and what begins them of what happens. Where the store can't be read, those are that were.
    pub(super) fn read_flows(&mut self) {
        let rows = match self.shared.store.flows(self.shared.organization) {
            Ok(rows) => rows,
            Err(error) => return error.complain(),
        };
        let mut before = std::mem::take(&mut self.flows);
        for row in rows.into_iter().filter(|row| row.off.is_none() && !row.skill) {
            let same =
                |one: &WatchedFlow| (one.user, one.flow, one.version) == (row.user, row.id, row.version);
            if let Some(place) = before.iter().position(same) {
                self.flows.push(before.swap_remove(place));
                continue;
            }
            let Ok(flow::Flow::Workflow(workflow)) = self.shared.accounts.read_flow(&row, row.version) else {
                tracing::error!(user = %row.user, flow = %row.id, "a flow can't be read by this version of the program");
                continue;
            };
            let by_event = |begins: &Begins| matches!(begins, Begins::Event(_) | Begins::Command { .. });
            let triggers = workflow.triggers.into_iter().filter(|trigger| by_event(&trigger.on));
            let triggers = triggers.map(|trigger| (trigger.name, trigger.on)).collect();
            let (user, flow, version) = (row.user, row.id, row.version);
            self.flows.push(WatchedFlow { user, flow, version, triggers });
        }
        self.flows.sort_by_key(|flow| (flow.user.0, flow.flow.0));
    }

    /// The runs that what happened begins: of flows whose owners may know of it at this moment.
    pub(super) fn runs_of(&self, happened: &[Happened]) -> Vec<Row> {
        let is_watching = |flow: &WatchedFlow| !flow.triggers.is_empty();
        let Some(first) = happened.first().filter(|_| self.flows.iter().any(is_watching)) else {
            return Vec::new();
        };
        let words: Vec<&'static str> = happened.iter().map(|one| told(one).0).collect();
        let (mut rows, opened) = (Vec::new(), self.feed.opened_after(first.number));
        let mut owner: Option<(UserId, Result<Option<Member>, Refused>)> = None;
        for WatchedFlow { user, flow, triggers, .. } in &self.flows {
            for (one, word) in happened.iter().zip(&words) {
                let begun = triggers.iter().filter(|(_, begins)| self.is_begun(begins, one, word));
                for (trigger, _) in begun {
                    let Some(depth) = self.depth_after(&one.by) else { continue };
                    // Those of one account are together.
                    if owner.as_ref().is_none_or(|(of, _)| of != user) {
                        let way = Way::Flow { flow: *flow, run: FlowRunId(0), step: 0 };
                        owner = Some((*user, self.owner_of(*user, way, happened)));
                    }
                    match owner.as_ref().map(|(_, owner)| owner) {
                        Some(Ok(Some(owner))) => {
                            let Some(event) = shown_of_batch(one, &opened, &self.state, Some(owner)) else {
                                continue;
                            };
                            let over = self.shared.runs.admit(*user, *flow).is_err();
                            let event = told(&Happened { event, ..one.clone() }).1.to_string();
                            rows.push(Row::Run(
                                one.number,
                                NewRun {
                                    user: *user,
                                    flow: *flow,
                                    trigger: trigger.clone(),
                                    event,
                                    input: "{}".to_owned(),
                                    depth,
                                    again: 0,
                                    due: None,
                                    over,
                                },
                            ));
                        }
                        Some(Ok(None)) => {
                            let stopped = (*user, *flow);
                            self.shared.settings.flow_work.note(|due| {
                                due.not_let_in.insert(stopped);
                            });
                        }
                        Some(Err(error)) => {
                            tracing::warn!(%error, %user, %flow, "a flow isn't begun");
                        }
                        None => (),
                    }
                }
            }
        }
        rows
    }

    /// Whether something that happened is what a trigger waits for.
    fn is_begun(&self, begins: &Begins, one: &Happened, word: &str) -> bool {
        match begins {
            Begins::Event(words) => words.contains(&word),
            Begins::Command { word: command, permission, .. } => {
                let Event::TextSent { from, to: To::Channel(channel), text, .. } = &one.event else {
                    return false;
                };
                let first = text.split_whitespace().next().unwrap_or_default();
                let may =
                    |member: &Member| self.state.permissions_on(member, Some(*channel)).contains(*permission);
                folded(first) == folded(command) && self.state.member(*from).is_some_and(may)
            }
            Begins::Cron(_) | Begins::Webhook | Begins::Workflow { .. } | Begins::Hand => false,
        }
    }

    /// How many flows began each other by the time that what somebody did begins one; `None` where that are too many.
    fn depth_after(&self, by: &Doer) -> Option<u8> {
        let Doer::Account { user, way: Way::Flow { run, .. } } = by else { return Some(1) };
        let run = self.shared.store.flow_run(*user, *run).ok()?;
        let depth = run.map_or(1, |run| run.depth.saturating_add(1));
        (usize::from(depth) <= MAX_FLOW_DEPTH).then_some(depth)
    }
}
