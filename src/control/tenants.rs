//! What the machine's owner does about organizations: what there is, what each has and may have; made, limited and
//! deleted while the server runs. Each change is one write.

use std::time::Duration;

use super::{Actor, Handle, Organizations, Refused};
use crate::account::{AccountError, random};
use crate::auth::OneTimeCode;
use crate::bounds::{check_allowed, page};
use crate::id::OrganizationId;
use crate::name::{check_organization_name, check_tag};
use crate::protocol::ErrorCode;
use crate::protocol::call::{Call, On, Operator, Organizations as OfAll};
use crate::protocol::wire::{self, response};
use crate::state::Denied;
use crate::store::write::{self, NewOrganization, OrganizationEdit};
use crate::store::{By, Claim, Limits, Organization, Store};
use crate::voice::Peer;

/// How long the first owner of a new organization has to come: the code can be made anew.
const CLAIM_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// To the machine's owner an unknown tag is one of a command, not of an address.
fn unknown(refused: Refused, tag: &str) -> Refused {
    match refused {
        Refused::NoSuchOrganization => {
            let words = format!("there is no org \"{tag}\"; list them with `parlour org list`");
            Refused::Rejected(ErrorCode::NoSuchOrganization, words)
        }
        other => other,
    }
}

impl<P: Peer> Organizations<P> {
    /// Does what the machine's owner asks for, in the organization that the request names.
    pub async fn operate(&self, request: wire::Request) -> Result<response::Body, Refused> {
        let wire::Request { body, organization } = request;
        let permitted = async |operation| {
            let asked = self.first().permit(Actor::Operator, operation, On::Organization, |_, _| Ok(()));
            asked.await.map(|((), by)| by)
        };
        let call = match Call::from(body.ok_or(Refused::Unsupported)?) {
            Call::Organizations(call) => call,
            // Unless one is named, the server's own status is meant.
            Call::Operator(call @ Operator::ServerStatus(_)) if organization.is_empty() => {
                permitted(call.operation()).await?;
                return Ok(response::Body::Status(self.status()));
            }
            // What is of one organization is answered by it.
            call @ (Call::Entry(_)
            | Call::Live(_)
            | Call::View(_)
            | Call::Rights(_)
            | Call::Account(_)
            | Call::Admission(_)
            | Call::Directory(_)
            | Call::Recording(_)
            | Call::Element(_)
            | Call::Profile(_)
            | Call::Hook(_)
            | Call::Flow(_)
            | Call::Plugin(_)
            | Call::Operator(_)) => {
                let found = self.find(&organization).await;
                let home = found.map_err(|error| unknown(error, &organization))?;
                return home.do_call(Actor::Operator, call).await;
            }
        };
        let by = permitted(call.operation()).await?;
        match call {
            OfAll::ListOrganizations(list) => self.list(list),
            OfAll::CreateOrganization(create) => self.create(create, by).await,
            OfAll::LimitOrganization(limit) => self.limit(limit, by).await,
            OfAll::DeleteOrganization(delete) => {
                let row = self.row(&delete.tag)?;
                let gone = self.delete(&row, by).await?;
                tracing::info!(organization = %row.id, tag = row.tag, "an organization was deleted");
                let write::Deleted { users, channels, sessions } = gone;
                let deleted = wire::OrganizationDeleted { users, channels, sessions };
                Ok(response::Body::OrganizationDeleted(deleted))
            }
        }
    }

    fn store(&self) -> &Store {
        &self.first().shared.store
    }

    /// The organizations after one, in order of creation.
    fn list(&self, list: wire::ListOrganizations) -> Result<response::Body, Refused> {
        let after = (list.after != 0).then_some(OrganizationId(list.after));
        let rows = self.store().organizations(after, page(list.limit))?;
        let organizations = rows.iter().map(|row| self.shown(row)).collect::<Result<_, _>>()?;
        Ok(response::Body::Organizations(wire::Organizations { organizations }))
    }

    /// Makes an organization with its first roles and channels, and a code for its first owner.
    async fn create(&self, create: wire::CreateOrganization, by: By) -> Result<response::Body, Refused> {
        let (tag, name) = (check_tag(&create.tag)?, check_organization_name(&create.name)?);
        let (code, expires) = (OneTimeCode::from_random(random()?), by.at.plus(CLAIM_LIFE));
        let claim = Some(Claim { hash: code.hash(), expires });
        let new = NewOrganization { tag, name, limits: Limits::default(), claim };
        let made = self.store().commit(by, write::create_organization(new)).await?;
        let claim = wire::ClaimCode { code: code.to_string(), expires_ms: expires.0 };
        let organization = Some(self.shown(&made)?);
        Ok(response::Body::OrganizationMade(wire::OrganizationMade { organization, claim: Some(claim) }))
    }

    /// Gives an organization another name, or other limits. Those who are there follow.
    async fn limit(&self, limit: wire::LimitOrganization, by: By) -> Result<response::Body, Refused> {
        let row = self.row(&limit.tag)?;
        let name = limit.name.as_deref().map(check_organization_name).transpose()?;
        let limits = Limits {
            users: limit.users.unwrap_or(row.limits.users),
            channels: limit.channels.unwrap_or(row.limits.channels),
            sessions_per_user: limit.sessions_per_user.unwrap_or(row.limits.sessions_per_user),
            audit_days: limit.audit_days.unwrap_or(row.limits.audit_days),
            sessions: limit.sessions.unwrap_or(row.limits.sessions),
        };
        let counts = [limits.users, limits.channels, limits.sessions];
        check_allowed(counts, limits.sessions_per_user, limits.audit_days).map_err(Denied::from)?;
        let guests = limit.guests.map(|_| match limit.guests() {
            wire::Guests::Configured => None,
            wire::Guests::Refused => Some(false),
            wire::Guests::Admitted => Some(true),
        });
        let registration = limit.registration.map(|_| limit.registration().into());
        let owner = match limit.owner.as_deref() {
            Some(owner) => {
                let user = self.store().user_by_name(row.id, owner)?.ok_or(AccountError::NoSuchUser)?;
                Some(Some(user.id))
            }
            None => None,
        };
        let edit = OrganizationEdit { name, owner, limits: Some(limits), guests, registration };
        let row = self.store().commit(by, write::edit_organization(row.id, edit)).await?;
        if let Some(served) = self.handle_of(row.id) {
            served.refresh().await?;
        }
        let organizations = vec![self.shown(&row)?];
        Ok(response::Body::Organizations(wire::Organizations { organizations }))
    }

    fn row(&self, tag: &str) -> Result<Organization, Refused> {
        self.store()
            .organization_by_tag(tag)?
            .ok_or(Refused::NoSuchOrganization)
            .map_err(|error| unknown(error, tag))
    }

    /// The handle of an organization, if somebody came to it.
    fn handle_of(&self, organization: OrganizationId) -> Option<Handle<P>> {
        self.served().into_iter().find(|handle| handle.shared.organization == organization)
    }

    fn shown(&self, row: &Organization) -> Result<wire::OrganizationUse, Refused> {
        let served = self.handle_of(row.id);
        let Limits { users, channels, sessions_per_user, audit_days, sessions } = row.limits;
        let guests = match row.guests {
            None => wire::Guests::Configured,
            Some(false) => wire::Guests::Refused,
            Some(true) => wire::Guests::Admitted,
        };
        let registration = row.registration.map_or(wire::Registration::Configured, Into::into);
        let limits = wire::OrganizationLimits {
            users,
            channels,
            sessions_per_user,
            audit_days,
            sessions,
            guests: guests.into(),
            registration: registration.into(),
        };
        Ok(wire::OrganizationUse {
            id: row.id.0,
            tag: row.tag.clone(),
            name: row.name.clone(),
            created_ms: row.created.0,
            limits: Some(limits),
            users: self.store().user_count(row.id)?,
            channels: self.store().channel_count(row.id)?,
            sessions: served.as_ref().map_or(0, Handle::connected),
            served: served.is_some(),
            owner: match row.owner {
                Some(owner) => self.store().user(owner)?.map(|user| user.name).unwrap_or_default(),
                None => String::new(),
            },
        })
    }
}
