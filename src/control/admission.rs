//! Who comes in: invites and bans; and which programs may ask people to act for them.

use std::sync::Arc;

use super::{Actor, Handle, Origin, Refused, Way};
use crate::account::AccountError;
use crate::auth::oauth::Scopes;
use crate::id::{BanId, OAuthClientId, OneTimeTokenId, RoleId, UserId};
use crate::permission::Permissions;
use crate::protocol::call::{Admission, On};
use crate::protocol::operation::Operation;
use crate::protocol::wire::{self, response};
use crate::state::{Asker, Denied, Facts, State};
use crate::store::write::LiftBanError;
use crate::store::{Author, By, OneTimeToken};
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
                let ((), by) = self.permit(actor, operation, on, nothing_more).await?;
                let invites = self.without_hidden(actor, self.invites(actor, by).await?.invites).await?;
                Ok(response::Body::Invites(wire::Invites { invites }))
            }
            Admission::RevokeInvite(revoke) => {
                // Permission first: who may not do it learns nothing of which there are.
                self.permit(actor, operation, on, nothing_more).await?;
                let invite = accounts.invite_of(OneTimeTokenId(revoke.id))?;
                let maker = invite.user.map_or(Author::Operator, Author::User);
                let by = self.permit_to_take_back(actor, operation, Some(maker)).await?;
                accounts.revoke_invite(invite.id, by).await?;
                Ok(response::Body::Done(wire::Done {}))
            }
            Admission::CreateOauthClient(create) => {
                let made = self.register_program(actor, operation, &create).await?;
                Ok(response::Body::OauthClientMade(made))
            }
            Admission::ListOauthClients(_) => {
                self.permit(actor, operation, on, nothing_more).await?;
                Ok(response::Body::OauthClients(accounts.oauth_clients()?))
            }
            Admission::RevokeOauthClient(revoke) => {
                let ((), by) = self.permit(actor, operation, on, nothing_more).await?;
                accounts.revoke_oauth_client(OAuthClientId(revoke.id), by).await?;
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
                let maker = self.author_of_ban(BanId(lift.id), by).await?;
                let by = self.permit_to_take_back(actor, operation, maker).await?;
                self.follow(accounts.lift_ban(BanId(lift.id), by).await?).await?;
                Ok(response::Body::Done(wire::Done {}))
            }
        }
    }

    /// Registers a program. One that acts by itself may do no more than the person who registers it, and acts for nobody
    /// else, unless it is the machine's owner who registers it.
    async fn register_program(
        &self,
        actor: Actor,
        operation: &'static Operation,
        create: &wire::CreateOauthClient,
    ) -> Result<wire::OauthClientMade, Refused> {
        let accounts = &self.shared.accounts;
        let acts = !create.account.is_empty();
        let lent = if acts { permissions_in(&create.scope) } else { Permissions::NONE };
        let rule = move |state: &State, asker: Asker<'_>| {
            if acts {
                state.may_let_act(asker, lent)?;
            }
            Ok((asker.viewer().is_none(), asker.user()))
        };
        let ((is_owner, own), by) = self.permit(actor, operation, On::Organization, rule).await?;
        let account = if acts { Some(accounts.user_named(&create.account)?) } else { None };
        if account.is_some() && account != own && !is_owner {
            return Err(Denied::Forbidden(Permissions::ADMINISTER).into());
        }
        Ok(accounts.create_oauth_client(create, account, by).await?)
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

    /// The invites that are good, as an actor may see them.
    async fn invites(&self, actor: Actor, by: By) -> Result<wire::Invites, Refused> {
        let invites = self.shared.accounts.good_invites()?;
        let invites = self
            .look(move |control| {
                let facts = Facts { asker: control.unconnected(actor)?, ..Facts::default() };
                let asker = control.state.asker(actor, &facts)?;
                let sight = |invite: OneTimeToken| {
                    let with_code = control.state.may_show_invite(asker, &invite.roles);
                    (invite, with_code)
                };
                Ok(invites.into_iter().map(sight).collect::<Vec<_>>())
            })
            .await?;
        let accounts = self.shared.accounts.clone();
        self.elsewhere(by, move || accounts.list_invites(&invites)).await
    }

    /// The roles that an invite still gives: those that its maker may give now. One whose maker may give none of them any
    /// more, or isn't let in any more, opens nothing.
    pub(super) async fn still_given(&self, invite: &OneTimeToken) -> Result<Vec<RoleId>, Refused> {
        let Some(user) = invite.user else { return Ok(invite.roles.clone()) };
        let origin = Origin { way: Way::Invite(invite.id), address: None };
        let maker = Actor::Account { user, ceiling: Permissions::ALL, origin };
        let roles = invite.roles.clone();
        let given = self
            .look(move |control| {
                let facts = Facts { asker: control.unconnected(maker)?, ..Facts::default() };
                let asker = control.state.asker(maker, &facts)?;
                Ok(control.state.still_invited(asker, &roles))
            })
            .await;
        match given {
            Ok(given) if !given.is_empty() => Ok(given),
            Ok(_) | Err(Refused::Account(AccountError::TokenInvalid | AccountError::Banned { .. })) => {
                Err(AccountError::InviteInvalid.into())
            }
            Err(refused) => Err(refused),
        }
    }

    /// Who made a ban; nobody where the audit trail doesn't go back so far. It is refused where there is no such ban. The trail
    /// is looked through elsewhere, since it may be long.
    async fn author_of_ban(&self, id: BanId, by: By) -> Result<Option<Author>, Refused> {
        let store = Arc::clone(&self.shared.store);
        let home = self.shared.organization;
        let read = move || -> Result<_, AccountError> {
            let ban = store.ban(id)?.filter(|ban| ban.organization == home);
            Ok(store.author_of_ban(&ban.ok_or(LiftBanError::NoSuchBan)?)?)
        };
        self.elsewhere(by, read).await
    }

    /// Whether an actor may take back what somebody did, who was permitted to do such a thing at all.
    async fn permit_to_take_back(
        &self,
        actor: Actor,
        operation: &'static Operation,
        maker: Option<Author>,
    ) -> Result<By, Refused> {
        self.look(move |control| {
            let named = match maker {
                Some(Author::User(user)) => control.named_by_id(user)?,
                Some(Author::Operator | Author::Server | Author::Guest) | None => None,
            };
            let facts = Facts { named, asker: control.unconnected(actor)?, ..Facts::default() };
            let asker = control.state.asker(actor, &facts)?;
            control.state.permit(asker, operation, On::Organization)?;
            let by_owners = matches!(maker, Some(Author::Operator) | None);
            control.state.may_take_back(asker, by_owners, &facts)?;
            Ok(control.by(actor))
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
            control.count_kept(actor, operation)?;
            Ok((asker.user(), control.by(actor)))
        })
        .await
    }
}

/// The permissions among scopes; those that can't be read are refused later.
fn permissions_in(scope: &str) -> Permissions {
    Scopes::parse(scope).map_or(Permissions::NONE, |scopes| scopes.permissions)
}
