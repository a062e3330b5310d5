//! Webhooks: what happens becomes messages to them, each of which its owner may know of, and the control thread has them
//! written, with the runs of flows that it begins: those of a batch that is committed in its transaction, and those of what is kept nowhere soon after it.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::command::Followed;
use super::handle::Handle;
use super::hook_work::{HookWork, Row, Watched, split};
use super::live::Control;
use super::news::shown_of_batch;
use super::refused::Refused;
use super::shared::Shared;
use crate::account::AccountError;
use crate::bounds::MAX_HOOK_KINDS;
use crate::dial::read_address;
use crate::feed::{Event, Filter, Happened, KINDS, Message, Missing};
use crate::id::{HookId, UserId, Way};
use crate::permission::Permissions;
use crate::protocol::call::{self, On};
use crate::protocol::wire::{self, response};
use crate::state::{Actor, Asker, Held, Member, Named, Origin, State};
use crate::store::write::{self, HookEdit, NewMessage};
use crate::store::{By, Failed, HookDelivery, HookOff, Rejected, Write};
use crate::voice::Peer;

/// What the owner of a webhook may know of a message at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// So much.
    Told(Box<Message>),
    /// Nothing.
    Withheld,
    /// They can't come in.
    NotLetIn,
}

impl<P: Peer> Handle<P> {
    /// What there is to do for webhooks, of all organizations.
    pub fn hook_work(&self) -> &HookWork {
        &self.shared.settings.hook_work
    }

    /// Writes the messages and the runs of flows that wait for it, and answers when they are on disk. What can't be written goes on
    /// waiting.
    pub async fn write_hook_messages(&self) -> Result<(), Refused> {
        let (reply, written) = oneshot::channel();
        let messages = {
            // Whoever commits what happened later takes those along that wait here, or comes behind these in the store's queue.
            let mut waiting = self.shared.unwritten.lock();
            if waiting.is_empty() {
                return Ok(());
            }
            let messages: Vec<_> = waiting.drain(..).collect();
            let write = write_of(messages.clone());
            let by = By::server(self.shared.clock.wall());
            let submitted = self.shared.store.submit(by, write, move |outcome| {
                // Whoever asked may be gone; what is written stays.
                let _ = reply.send(outcome);
            });
            if let Err(error) = submitted {
                waiting.extend(messages);
                return Err(error.into());
            }
            messages
        };
        match written.await.map_err(|_| self.gone())?.map_err(Failed::into_commit_error) {
            Ok(()) => {
                self.shared.note_rows(&messages);
                Ok(())
            }
            Err(error) => {
                self.shared.unwritten.put_back(messages);
                Err(error.into())
            }
        }
    }

    /// What the owner of a webhook may know now of a message to it. Where nothing has changed since it happened that is what it
    /// says, and the control thread isn't asked.
    pub async fn judge_for_hook(
        &self,
        user: UserId,
        hook: HookId,
        message: Message,
    ) -> Result<Judged, Refused> {
        if let Message::Happened(happened) = &message
            && self.shared.settled.holds(happened.number, self.shared.clock.wall())
        {
            return Ok(Judged::Told(Box::new(message)));
        }
        self.look(move |control| {
            let Some(owner) = control.owner_of(user, Way::Hook(hook), &[])? else {
                return Ok(Judged::NotLetIn);
            };
            let Message::Happened(happened) = message else { return Ok(Judged::Told(Box::new(message))) };
            Ok(match happened.event.shown(&control.state, Some(&owner)) {
                Some(event) => Judged::Told(Box::new(Message::Happened(Happened { event, ..happened }))),
                None => Judged::Withheld,
            })
        })
        .await
    }

    /// Has all webhooks looked at which have messages that wait, at the server's start. Their receivers are told that something
    /// may be missing.
    pub async fn begin_hooks(&self) -> Result<(), Refused> {
        let (store, now) = (&self.shared.store, self.shared.clock.wall());
        let message = Message::Missed(Missing::Restart { until: now }).to_text();
        let (mut messages, mut waiting) = (Vec::new(), Vec::new());
        for hook in store.all_hooks_on()? {
            let (user, id) = (hook.user, hook.id);
            waiting.push((user, id));
            let progress = store.hook_progress(user, id)?;
            if progress.is_some_and(|progress| progress.next > 1) {
                messages.push(NewMessage { user, hook: id, at: now, message: message.clone() });
            }
        }
        if !messages.is_empty() {
            let write = write::add_hook_messages(messages, Message::cut);
            store.commit(By::server(now), write).await.map_err(Failed::into_commit_error)?;
        }
        self.hook_work().note(|due| due.changed.extend(waiting));
        Ok(())
    }

    /// Nothing is sent to a webhook any more.
    pub async fn turn_hook_off(&self, user: UserId, hook: HookId, why: HookOff) -> Result<(), Refused> {
        self.shared.accounts.turn_hook_off(user, hook, why).await?;
        self.follow_hooks().await
    }

    /// The control thread looks anew at which webhooks are on.
    pub async fn follow_hooks(&self) -> Result<(), Refused> {
        self.follow_all(Followed::Hooks).await
    }

    /// Does what somebody asks for about their own webhooks.
    pub(super) async fn hook(&self, actor: Actor, call: call::Hook) -> Result<response::Body, Refused> {
        let own = |state: &State, asker: Asker<'_>| state.own_user(asker);
        let (user, by) = self.permit(actor, call.operation(), On::Organization, own).await?;
        let (accounts, settings) = (&self.shared.accounts, &self.shared.settings);
        let now = self.shared.clock.wall();
        let (answer, changed) = match call {
            call::Hook::ListHooks(_) => return Ok(response::Body::Hooks(accounts.hooks(user)?)),
            call::Hook::ListHookDeliveries(list) => {
                let found = accounts.hook_deliveries(user, &list, known_by)?;
                return Ok(response::Body::HookDeliveries(found));
            }
            call::Hook::CreateHook(create) => {
                let url = read_address(&create.url, &settings.reach).map_err(unfit)?.to_string();
                let kinds = checked(create.kinds)?;
                let made = accounts.create_hook(user, url, &create.description, kinds, by).await?;
                let id = made.id;
                (response::Body::HookMade(made), id)
            }
            call::Hook::EditHook(edit) => {
                let url =
                    edit.url.map(|url| read_address(&url, &settings.reach)).transpose().map_err(unfit)?;
                let kinds = edit.filter.map(|filter| checked(filter.kinds)).transpose()?;
                let missed = Message::Missed(Missing::Off { until: now }).to_text();
                let (url, description) = (url.map(|url| url.to_string()), edit.description);
                let change = HookEdit { url, description, kinds, on: edit.on, missed };
                accounts.edit_hook(user, edit.id, change, Message::cut, by).await?;
                (response::Body::Done(wire::Done {}), edit.id)
            }
            call::Hook::RemoveHook(remove) => {
                accounts.remove_hook(user, remove.id, by).await?;
                (response::Body::Done(wire::Done {}), remove.id)
            }
            call::Hook::RotateHookSecret(rotate) => {
                let made = accounts.rotate_hook_secret(user, rotate.id, by).await?;
                (response::Body::HookMade(made), rotate.id)
            }
            call::Hook::TestHook(test) => {
                let message = Message::Test { at: now }.to_text();
                let id = accounts.add_hook_message(user, test.id, message, Message::cut, by).await?;
                (response::Body::Created(wire::Created { id }), test.id)
            }
            call::Hook::ReplayHook(replay) => {
                let messages = accounts.replay_hook(user, &replay, by).await?;
                (response::Body::Replayed(wire::Replayed { messages }), replay.id)
            }
        };
        self.follow_hooks().await?;
        self.hook_work().note(|due| {
            due.changed.insert((user, HookId(changed)));
        });
        Ok(answer)
    }
}

/// The write that writes rows.
fn write_of(rows: Vec<Row>) -> Write<(), Infallible> {
    let (messages, runs) = split(rows);
    write::add_event_rows(messages, Message::cut, runs)
}

impl<P> Shared<P> {
    /// Rows were written, and there is something to do.
    fn note_rows(&self, rows: &[Row]) {
        self.settings.hook_work.note_messages(rows);
        for row in rows {
            if let Row::Run(_, run) = row {
                self.settings.flow_work.note_queued(run.user);
            }
        }
    }
}

/// By what a message is known again, and the word for what it tells of.
fn known_by(row: &HookDelivery) -> (String, String) {
    let message = Message::from_text(&row.message);
    message.map_or_else(Default::default, |message| {
        (message.id(row.user, row.hook, row.number), message.word().to_owned())
    })
}

fn unfit(error: crate::dial::DialError) -> AccountError {
    AccountError::Unfit(Arc::new(error))
}

/// Kinds that there are, each once.
fn checked(mut kinds: Vec<String>) -> Result<Vec<String>, Refused> {
    let is_known = |kind: &String| KINDS.iter().any(|(_, word)| word == kind);
    if kinds.len() > MAX_HOOK_KINDS || !kinds.iter().all(is_known) {
        let known: Vec<_> = KINDS.iter().map(|(_, word)| *word).collect();
        return Err(Refused::Malformed(format!("`kinds` are some of {}", known.join(", "))));
    }
    kinds.sort_unstable();
    kinds.dedup();
    Ok(kinds)
}

impl<P: Peer> Control<P> {
    /// Looks at which webhooks are on. Where the store can't be read, those are that were.
    pub(super) fn read_hooks(&mut self) {
        match self.shared.store.hooks_on(self.shared.organization) {
            Ok(found) => {
                let kind = |kind: &String| KINDS.iter().find(|(_, word)| word == kind).map(|(kind, _)| *kind);
                let watched = found.into_iter().map(|hook| {
                    let filter = Filter { kinds: hook.kinds.iter().filter_map(kind).collect() };
                    Watched { user: hook.user, hook: hook.id, filter }
                });
                self.hooks = watched.collect();
            }
            Err(error) => error.complain(),
        }
    }

    /// The rows of a batch that is about to be committed, those before them that wait to be written, and the write that
    /// writes both; nothing where there are none.
    pub(super) fn write_for_hooks(&self, happened: &[Happened]) -> Option<(Vec<Row>, Write<(), Rejected>)> {
        let mut rows = self.shared.unwritten.take();
        rows.extend(self.rows_of(happened));
        if rows.is_empty() {
            return None;
        }
        let write = write_of(rows.clone()).or_nothing();
        Some((rows, write))
    }

    /// A commit with these rows is over. Where it failed, what happened didn't, but those before it did, and wait again.
    pub(super) fn hooks_are_written(&self, rows: Vec<Row>, first: Option<u64>, is_done: bool) {
        if is_done {
            return self.shared.note_rows(&rows);
        }
        let is_before = |number: u64| first.is_none_or(|first| number < first);
        let is_earlier = |row: &Row| match row {
            Row::Run(number, _) => is_before(*number),
            Row::Message(one) => match Message::from_text(&one.message) {
                Some(Message::Happened(happened)) => is_before(happened.number),
                _ => true,
            },
        };
        self.wait_for_hooks(rows.into_iter().filter(is_earlier).collect());
    }

    /// What happened and is written by nobody else waits to be written.
    pub(super) fn note_for_hooks(&self, happened: &[Happened]) {
        self.wait_for_hooks(self.rows_of(happened));
    }

    fn rows_of(&self, happened: &[Happened]) -> Vec<Row> {
        let mut rows: Vec<_> = self.messages_of(happened).into_iter().map(Row::Message).collect();
        rows.extend(self.runs_of(happened));
        rows
    }

    fn wait_for_hooks(&self, rows: Vec<Row>) {
        if !rows.is_empty() {
            self.shared.unwritten.put_behind(rows);
            self.shared.settings.hook_work.note_unwritten(self.shared.organization);
        }
    }

    /// Writes what waits for it, at the thread's end.
    pub(super) fn write_last_for_hooks(&self) {
        if let Some((_, write)) = self.write_for_hooks(&[]) {
            let by = By::server(self.shared.clock.wall());
            if let Err(error) = self.shared.store.run(by, write) {
                tracing::warn!(%error, "messages to webhooks are lost");
            }
        }
    }

    /// What is sent to webhooks of what happened: what their owners may know of it at this moment, by the function that says
    /// it for those who follow the feed ([`Event::shown`]).
    fn messages_of(&self, happened: &[Happened]) -> Vec<NewMessage> {
        let Some(first) = happened.first().filter(|_| !self.hooks.is_empty()) else { return Vec::new() };
        if self.shared.settled.is_over(self.shared.clock.wall()) {
            self.settle_anew();
        }
        let (mut messages, opened) = (Vec::new(), self.feed.opened_after(first.number));
        let mut texts = Texts::default();
        let mut owner: Option<(UserId, Result<Option<Member>, Refused>)> = None;
        for Watched { user, hook, filter } in &self.hooks {
            let wanted: Vec<_> = happened.iter().filter(|one| filter.admits(&one.event)).collect();
            let Some(last) = wanted.last() else { continue };
            // Those of one account are together.
            if owner.as_ref().is_none_or(|(of, _)| of != user) {
                owner = Some((*user, self.owner_of(*user, Way::Hook(*hook), happened)));
            }
            let new = |at, message| NewMessage { user: *user, hook: *hook, at, message };
            match owner.as_ref().map(|(_, owner)| owner) {
                Some(Ok(Some(owner))) => messages.extend(wanted.into_iter().filter_map(|one| {
                    let event = shown_of_batch(one, &opened, &self.state, Some(owner))?;
                    Some(new(one.at, texts.of(one, event)))
                })),
                Some(Ok(None)) => {
                    let stopped = (*user, *hook);
                    self.shared.settings.hook_work.note(|due| {
                        due.not_let_in.insert(stopped);
                    });
                }
                // It isn't known what they may know of it.
                Some(Err(_)) | None => {
                    let (count, since) = (wanted.len() as u64, wanted[0].at);
                    let missing = Missing::NotKept { count, since, until: last.at };
                    messages.push(new(last.at, Message::Missed(missing).to_text()));
                }
            }
        }
        messages
    }

    /// The member that an account would be of which something acts by itself, if they may come in. What `happened` gives or takes
    /// them isn't on disk yet.
    pub(super) fn owner_of(
        &self,
        user: UserId,
        way: Way,
        happened: &[Happened],
    ) -> Result<Option<Member>, Refused> {
        let origin = Origin { way, address: None };
        let actor = Actor::Account { user, ceiling: Permissions::ALL, origin };
        let shared = &self.shared;
        let known = self.owners.borrow_mut().get(user, || shared.let_in(user, None));
        let known = known.map(|mut named| {
            give(&mut named, happened);
            shared.settled.note(&named);
            named
        });
        match known.and_then(|named| shared.unconnected_as(&self.state, actor, &named)) {
            Ok(owner) => Ok(owner.map(|owner| *owner)),
            Err(Refused::Account(AccountError::TokenInvalid | AccountError::Banned { .. })) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Somebody may know less, or be another one: what was judged before is judged anew, and what is known of owners is read anew.
    pub(super) fn settle_anew(&self) {
        self.owners.borrow_mut().forget();
        self.shared.settled.begin(self.feed.next_number());
    }
}

/// The messages about what happened, as text: most owners may know the same of it.
#[derive(Default)]
struct Texts(HashMap<u64, (Event, String)>);

impl Texts {
    /// The message about one, of which so much is shown.
    fn of(&mut self, one: &Happened, shown: Event) -> String {
        match self.0.get(&one.number) {
            Some((event, text)) if *event == shown => text.clone(),
            _ => {
                let happened = Happened { event: shown.clone(), by: one.by.clone(), ..*one };
                let text = Message::Happened(happened).to_text();
                self.0.insert(one.number, (shown, text.clone()));
                text
            }
        }
    }
}

/// What happened gave an account, and took from it.
fn give(named: &mut Named, happened: &[Happened]) {
    for one in happened {
        match &one.event {
            Event::RoleGranted { user: to, role, until } if *to == named.user => {
                named.roles.retain(|held| held.role != *role);
                named.roles.push(Held { role: *role, until: *until });
            }
            Event::RoleRevoked { user: from, role } if *from == named.user => {
                named.roles.retain(|held| held.role != *role);
            }
            _ => (),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_that_there_are_not_are_told_of() {
        let texts = |kinds: &[&str]| kinds.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(checked(texts(&["texts", "presence", "texts"])).unwrap(), texts(&["presence", "texts"]));
        let refused = checked(texts(&["tea"])).unwrap_err().to_string();
        assert!(refused.contains("presence, moderation"), "{refused}");
        checked(texts(&["texts"; 1_000])).unwrap_err();
    }
}
