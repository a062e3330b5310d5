//! What the machine's owner does about organizations: what there is, what each has and may have; made, limited and
//! deleted while the server runs. Each change is one write.

use std::time::Duration;

use super::{Handle, Refused};
use crate::account::random;
use crate::auth::ClaimCode;
use crate::id::OrganizationId;
use crate::name::{check_organization_name, check_tag};
use crate::protocol::wire::{self, response};
use crate::store::write::{self, NewOrganization, OrganizationEdit};
use crate::store::{By, Claim, Limits, Organization};
use crate::voice::Peer;

/// Organizations of one list at most, and when nothing is said.
const LISTED: (usize, usize) = (1_000, 100);

/// How long the first owner of a new organization has to come: the code can be made anew.
const CLAIM_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

impl<P: Peer> Handle<P> {
    /// The organizations after one, in order of creation.
    pub(super) fn organizations(&self, list: wire::ListOrganizations) -> Result<response::Body, Refused> {
        let limit = if list.limit == 0 { LISTED.1 } else { (list.limit as usize).min(LISTED.0) };
        let after = (list.after != 0).then_some(OrganizationId(list.after));
        let rows = self.0.store.organizations(after, limit)?;
        let organizations = rows.iter().map(|row| self.shown(row)).collect::<Result<_, _>>()?;
        Ok(response::Body::Organizations(wire::Organizations { organizations }))
    }

    /// Makes an organization with its first roles and channels, and a code for its first owner.
    pub(super) async fn create_organization(
        &self,
        create: wire::CreateOrganization,
        by: By,
    ) -> Result<response::Body, Refused> {
        let (tag, name) = (check_tag(&create.tag)?, check_organization_name(&create.name)?);
        let (code, expires) = (ClaimCode::from_random(random()?), by.at.plus(CLAIM_LIFE));
        let claim = Some(Claim { hash: code.hash(), expires });
        let new = NewOrganization { tag, name, limits: Limits::default(), claim };
        let made = self.0.store.commit(by, write::create_organization(new)).await?;
        let claim = wire::ClaimCode { code: code.to_string(), expires_ms: expires.0 };
        let organization = Some(self.shown(&made)?);
        Ok(response::Body::OrganizationMade(wire::OrganizationMade { organization, claim: Some(claim) }))
    }

    /// Gives an organization another name, or other limits. Those who are there follow.
    pub(super) async fn limit_organization(
        &self,
        limit: wire::LimitOrganization,
        by: By,
    ) -> Result<response::Body, Refused> {
        let row = self.organization_of(&limit.tag)?;
        let name = limit.name.as_deref().map(check_organization_name).transpose()?;
        let limits = Limits {
            users: limit.users.unwrap_or(row.limits.users),
            channels: limit.channels.unwrap_or(row.limits.channels),
            sessions_per_user: limit.sessions_per_user.unwrap_or(row.limits.sessions_per_user),
            audit_days: limit.audit_days.unwrap_or(row.limits.audit_days),
        };
        let edit = OrganizationEdit { name, owner: None, limits: Some(limits) };
        let row = self.0.store.commit(by, write::edit_organization(row.id, edit)).await?;
        if let Some(served) = self.served(row.id) {
            served.refresh().await?;
        }
        let organizations = vec![self.shown(&row)?];
        Ok(response::Body::Organizations(wire::Organizations { organizations }))
    }

    /// Deletes an organization with everything in it.
    pub(super) async fn delete_organization(
        &self,
        delete: &wire::DeleteOrganization,
        by: By,
    ) -> Result<response::Body, Refused> {
        let row = self.organization_of(&delete.tag)?;
        let gone = self.among()?.delete(&row, by).await?;
        tracing::info!(organization = %row.id, tag = row.tag, "an organization was deleted");
        Ok(response::Body::OrganizationDeleted(wire::OrganizationDeleted {
            users: gone.users,
            channels: gone.channels,
            sessions: gone.sessions,
        }))
    }

    fn organization_of(&self, tag: &str) -> Result<Organization, Refused> {
        self.0.store.organization_by_tag(tag)?.ok_or(Refused::NoSuchOrganization)
    }

    /// The organization's own handle, if somebody came to it.
    fn served(&self, organization: OrganizationId) -> Option<Self> {
        self.among().ok()?.served().into_iter().find(|handle| handle.0.organization == organization)
    }

    fn shown(&self, row: &Organization) -> Result<wire::OrganizationUse, Refused> {
        let served = self.served(row.id);
        let Limits { users, channels, sessions_per_user, audit_days } = row.limits;
        Ok(wire::OrganizationUse {
            id: row.id.0,
            tag: row.tag.clone(),
            name: row.name.clone(),
            created_ms: row.created.0,
            limits: Some(wire::OrganizationLimits { users, channels, sessions_per_user, audit_days }),
            users: self.0.store.user_count(row.id)?,
            channels: self.0.store.channel_count(row.id)?,
            sessions: served.as_ref().map_or(0, Self::connected),
            served: served.is_some(),
        })
    }
}
