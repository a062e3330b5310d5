//! Who comes in: invites and bans.

use super::{Actor, Handle, Refused};
use crate::id::{BanId, UserId};
use crate::protocol::call::{Admission, On};
use crate::protocol::operation::Operation;
use crate::protocol::wire::{self, response};
use crate::state::{Asker, Facts, State};
use crate::store::By;
use crate::voice::Peer;

impl<P: Peer> Handle<P> {
    /// Does what `actor` asks for about who comes in.
    pub(super) async fn admission(&self, actor: Actor, call: Admission) -> Result<response::Body, Refused> {
        let (operation, on) = (call.operation(), call.on());
        let nothing_more = |_: &State, _: Asker<'_>| Ok(());
        let accounts = &self.shared.accounts;
        match call {
            Admission::CreateInvite(create) => {
                let invite = create.clone();
                let rule = move |state: &State, asker: Asker<'_>| state.invited_roles(asker, &invite);
                let (roles, by) = self.permit(actor, operation, on, rule).await?;
                let made = accounts.create_invite(&create, roles, by).await?;
                let shown = self.without_hidden(actor, vec![made.clone()]).await;
                // It is made, whatever can be said of it by now.
                let shown = shown.ok().and_then(|mut invites| invites.pop());
                let hidden = || wire::Invite { channel_path: String::new(), ..made };
                Ok(response::Body::Invite(shown.unwrap_or_else(hidden)))
            }
            Admission::ListInvites(_) => {
                self.permit(actor, operation, on, nothing_more).await?;
                let invites = self.without_hidden(actor, accounts.invites()?.invites).await?;
                Ok(response::Body::Invites(wire::Invites { invites }))
            }
            Admission::RevokeInvite(revoke) => {
                let ((), by) = self.permit(actor, operation, on, nothing_more).await?;
                accounts.revoke_invite(revoke.id, by).await?;
                Ok(response::Body::Done(wire::Done {}))
            }
            Admission::CreateBan(create) => {
                let (own, by) = self.permit_ban(actor, operation, create.clone()).await?;
                let (ban, changed) = accounts.ban(create, own, by).await?;
                self.follow(changed).await?;
                Ok(response::Body::Created(wire::Created { id: ban.0 }))
            }
            Admission::ListBans(_) => {
                self.permit(actor, operation, on, nothing_more).await?;
                Ok(response::Body::Bans(accounts.bans()?))
            }
            Admission::LiftBan(lift) => {
                let ((), by) = self.permit(actor, operation, on, nothing_more).await?;
                self.follow(accounts.lift_ban(BanId(lift.id), by).await?).await?;
                Ok(response::Body::Done(wire::Done {}))
            }
        }
    }

    /// Invites as an actor may know them: without channels that they don't see, nor the names of such channels.
    async fn without_hidden(
        &self,
        actor: Actor,
        mut invites: Vec<wire::Invite>,
    ) -> Result<Vec<wire::Invite>, Refused> {
        self.look(move |control| {
            let facts = Facts { asker: control.unconnected(actor)?, ..Facts::default() };
            let viewer = control.state.asker(actor, &facts)?.viewer();
            for invite in &mut invites {
                control.state.show_invite(invite, viewer);
            }
            Ok(invites)
        })
        .await
    }

    /// Whether an actor may keep somebody out, and which account is its own.
    async fn permit_ban(
        &self,
        actor: Actor,
        operation: &'static Operation,
        ban: wire::CreateBan,
    ) -> Result<(Option<UserId>, By), Refused> {
        self.look(move |control| {
            let facts = control.facts_of_ban(actor, &ban)?;
            let asker = control.state.asker(actor, &facts)?;
            control.state.permit(asker, operation, On::Organization)?;
            control.state.may_ban(asker, &facts, ban.life_ms)?;
            Ok((asker.user(), control.by(actor)))
        })
        .await
    }
}
