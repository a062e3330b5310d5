//! Who comes in: accounts that are made for others, invites and bans.

use super::{Actor, Done, Handle, Refused};
use crate::id::BanId;
use crate::protocol::wire::{self, request, response};
use crate::state::Change;
use crate::voice::Peer;

impl<P: Peer> Handle<P> {
    /// Creates an account, if `actor` may.
    pub(super) async fn create_user(
        &self,
        actor: Actor,
        body: request::Body,
    ) -> Result<response::Body, Refused> {
        let request::Body::CreateUser(wire::CreateUser { password, .. }) = &body else {
            return Err(Refused::Internal);
        };
        let password = password.clone();
        // Permission first: who may not do it learns nothing of the password's rules, and costs no hash.
        let Done::Allowed(Change::CreateUser { name, role }, by) = self.ask(actor, body, true).await? else {
            return Err(Refused::Internal);
        };
        let user = self.0.accounts.create_user(name, &password, role, by).await?;
        Ok(response::Body::Created(wire::Created { id: user.0 }))
    }

    /// Does what `actor` asks for about who comes in, which the state allows to whoever may.
    pub(super) async fn admission(
        &self,
        actor: Actor,
        body: request::Body,
    ) -> Result<response::Body, Refused> {
        let allowed = self.ask(actor, body.clone(), true).await?;
        let Done::Allowed(Change::Admission { roles, own }, by) = allowed else {
            return Err(Refused::Internal);
        };
        let accounts = &self.0.accounts;
        let done = response::Body::Done(wire::Done {});
        match body {
            request::Body::CreateInvite(create) => {
                Ok(response::Body::Invite(accounts.create_invite(&create, roles, by).await?))
            }
            request::Body::ListInvites(_) => Ok(response::Body::Invites(accounts.invites()?)),
            request::Body::RevokeInvite(revoke) => {
                accounts.revoke_invite(revoke.id, by).await?;
                Ok(done)
            }
            request::Body::CreateBan(create) => {
                let (ban, changed) = accounts.ban(create, own, by).await?;
                self.follow(changed).await?;
                Ok(response::Body::Created(wire::Created { id: ban.0 }))
            }
            request::Body::ListBans(_) => Ok(response::Body::Bans(accounts.bans()?)),
            request::Body::LiftBan(lift) => {
                self.follow(accounts.lift_ban(BanId(lift.id), by).await?).await?;
                Ok(done)
            }
            request::Body::RequireSecondFactor(require) => {
                accounts.require_second_factor(&roles, require.required, by).await?;
                self.refresh().await?;
                Ok(done)
            }
            _ => Err(Refused::Unexpected),
        }
    }
}
