//! Other people's accounts, and what was done: for those who look after them.

use super::{Actor, Handle, Refused};
use crate::account::{AccountError, Changed};
use crate::bounds::page;
use crate::id::{SessionId, Timestamp, UserId};
use crate::protocol::ErrorCode;
use crate::protocol::call::{Directory, On};
use crate::protocol::operation::Operation;
use crate::protocol::wire::{self, response};
use crate::state::{Asker, Facts, Named, State};
use crate::store::{AuditEntry, AuditFilter, Author, By, NoSuchKind, SubjectKind, Verb};
use crate::voice::Peer;

impl<P: Peer> Handle<P> {
    /// Does what `actor` asks for about other people's accounts, or about what was done.
    pub(super) async fn directory(&self, actor: Actor, call: Directory) -> Result<response::Body, Refused> {
        let (operation, on) = (call.operation(), On::Organization);
        let nothing_more = |_: &State, _: Asker<'_>| Ok(());
        let accounts = &self.shared.accounts;
        match call {
            Directory::CreateUser(create) => {
                let asked = create.clone();
                // Permission first: who may not do it learns nothing of the password's rules, and costs no hash.
                let rule = move |state: &State, asker: Asker<'_>| state.new_account(asker, &asked);
                let ((name, role), by) = self.permit(actor, operation, on, rule).await?;
                let user = accounts.create_user(name, &create.password, role, by).await?;
                self.follow(Changed::User(user)).await?;
                Ok(response::Body::Created(wire::Created { id: user.0 }))
            }
            Directory::ListUsers(list) => {
                let ((), by) = self.permit(actor, operation, on, nothing_more).await?;
                // Of a prefix, all accounts are looked at.
                let accounts = accounts.clone();
                let read = move || accounts.users(&list, page(list.limit));
                Ok(response::Body::Users(self.elsewhere(by, read).await?))
            }
            Directory::ShowUser(show) => {
                let whose = |_: &State, asker: Asker<'_>| Ok(asker.user());
                let (asker, _) = self.permit(actor, operation, on, whose).await?;
                Ok(response::Body::User(accounts.show_user(&show.name, asker)?))
            }
            Directory::EditUser(edit) => {
                let (named, by) = self.permit_to_manage(actor, operation, &edit.name).await?;
                self.follow(accounts.edit_user(named.user, &edit, by).await?).await?;
                Ok(response::Body::Done(wire::Done {}))
            }
            Directory::DeleteUser(delete) => {
                let (named, by) = self.permit_to_manage(actor, operation, &delete.name).await?;
                accounts.delete_user(named.user, by).await?;
                // Exceptions for the account went, too, so this is about more than the account.
                self.refresh().await?;
                Ok(response::Body::Done(wire::Done {}))
            }
            Directory::SetUserPassword(set) => {
                let (named, by) = self.permit_to_manage(actor, operation, &set.name).await?;
                let (told, changed) = accounts.set_user_password(named.user, &set, by).await?;
                self.follow(changed).await?;
                Ok(response::Body::PasswordChanged(told))
            }
            Directory::SetNote(note) => {
                let (named, by) = self.permit_to_manage(actor, operation, &note.name).await?;
                accounts.set_note(named.user, note.text, by).await?;
                Ok(response::Body::Done(wire::Done {}))
            }
            Directory::ListUserSessions(list) => {
                self.permit(actor, operation, on, nothing_more).await?;
                Ok(response::Body::Devices(accounts.sessions_of(&list.name)?))
            }
            Directory::EndUserSession(end) => {
                let (named, by) = self.permit_to_manage(actor, operation, &end.name).await?;
                let session = (end.session != 0).then_some(SessionId(end.session));
                let (count, changed) = accounts.end_sessions(named.user, session, by).await?;
                self.follow(changed).await?;
                Ok(response::Body::SessionsEnded(wire::SessionsEnded { count }))
            }
            Directory::ReadAudit(read) => {
                let ((), by) = self.permit(actor, operation, on, nothing_more).await?;
                let handle = self.clone();
                let trail = self.elsewhere(by, move || handle.audit_trail(&read)).await?;
                Ok(response::Body::AuditTrail(trail))
            }
            Directory::ListAssistantCalls(list) => self.list_assistant_calls(actor, operation, list).await,
            Directory::GetUsage(_) => {
                self.permit(actor, operation, on, nothing_more).await?;
                Ok(response::Body::Usage(self.usage()?))
            }
        }
    }

    /// Whether an actor may change the account of a name.
    pub(super) async fn permit_to_manage(
        &self,
        actor: Actor,
        operation: &'static Operation,
        name: &str,
    ) -> Result<(Named, By), Refused> {
        let name = name.to_owned();
        self.look(move |control| {
            let named = control.named(&name, false)?;
            let facts = Facts { named, asker: control.unconnected(actor)?, ..Facts::default() };
            let asker = control.state.asker(actor, &facts)?;
            control.state.permit(asker, operation, On::Organization)?;
            let managed = control.state.may_manage(asker, &facts)?;
            control.count_kept(actor, operation)?;
            Ok((managed, control.by(actor)))
        })
        .await
    }

    /// A page of the organization's audit trail.
    fn audit_trail(&self, read: &wire::ReadAudit) -> Result<wire::AuditTrail, Refused> {
        let (store, home) = (&self.shared.store, self.shared.organization);
        let author = match read.by.as_str() {
            "" => None,
            "operator" => Some(Author::Operator),
            "server" => Some(Author::Server),
            "guest" => Some(Author::Guest),
            name => Some(Author::User(match store.user_by_name(home, name)? {
                Some(user) => user.id,
                None => gone(name).filter(|id| home.has(*id)).ok_or(AccountError::NoSuchUser)?,
            })),
        };
        let time = |ms: u64| (ms > 0).then_some(Timestamp(ms));
        let filter = AuditFilter {
            author,
            verb: word::<Verb>("verb", &read.verb)?,
            subject: kind(&read.subject)?,
            since: time(read.since_ms),
            until: time(read.until_ms),
        };
        let before = (read.before > 0).then_some(read.before);
        let found = store.audit(home, &filter, before, page(read.limit))?;
        let entries = found.into_iter().map(|entry| self.shown_entry(entry)).collect::<Result<_, _>>()?;
        Ok(wire::AuditTrail { entries })
    }

    fn shown_entry(&self, entry: AuditEntry) -> Result<wire::AuditEntry, Refused> {
        let by = match entry.author {
            Author::Server => "server".to_owned(),
            Author::Operator => "operator".to_owned(),
            Author::Guest => "guest".to_owned(),
            Author::User(id) => {
                self.shared.store.user(id)?.map_or_else(|| format!("user {id}"), |user| user.name)
            }
        };
        let (after, way) = entry.after_and_way();
        Ok(wire::AuditEntry {
            way,
            number: entry.number,
            at_ms: entry.at.0,
            by,
            from: entry.from.map(|from| from.to_string()).unwrap_or_default(),
            verb: entry.verb.word().to_owned(),
            subject: entry.subject.word().to_owned(),
            subject_id: entry.subject_id,
            before: entry.before,
            after,
        })
    }

    /// What the organization has, and may have.
    fn usage(&self) -> Result<wire::Usage, Refused> {
        let (store, home) = (&self.shared.store, self.shared.organization);
        let limits = store.organization(home)?.map(|row| row.limits).unwrap_or_default();
        Ok(wire::Usage {
            users: store.user_count(home)?,
            max_users: limits.users.into(),
            channels: store.channel_count(home)?,
            max_channels: limits.channels.into(),
            sessions_per_user: limits.sessions_per_user.into(),
            audit_days: limits.audit_days.into(),
        })
    }
}

/// The account that the trail calls by its number, since it is deleted.
fn gone(name: &str) -> Option<UserId> {
    name.strip_prefix("user ")?.parse().ok().map(UserId)
}

/// The kind of thing that a filter names; an empty word names none.
fn kind(word: &str) -> Result<Option<SubjectKind>, Refused> {
    let named = (!word.is_empty()).then(|| word.parse()).transpose();
    named.map_err(|error: NoSuchKind| Refused::Rejected(ErrorCode::Malformed, format!("subject: {error}")))
}

/// What a word of a filter names; an empty one names nothing.
fn word<T: serde::de::DeserializeOwned>(field: &str, text: &str) -> Result<Option<T>, Refused> {
    if text.is_empty() {
        return Ok(None);
    }
    let named = serde_json::from_value(text.into());
    named.map(Some).map_err(|error| Refused::Rejected(ErrorCode::Malformed, format!("{field}: {error}")))
}
