//! Accounts, and who comes in.

use super::super::{Actor, Change, DEFAULT_ROLE, Denied, Facts, State};
use super::session_of;
use crate::id::{ChannelId, RoleId};
use crate::permission::Permissions;
use crate::protocol::wire::{self, request};

impl State {
    pub(super) fn decide_account(
        &self,
        actor: Actor,
        request: &request::Body,
        facts: &Facts,
    ) -> Result<Change, Denied> {
        use request::Body;
        match request {
            Body::CreateUser(create) => self.decide_create_user(actor, create),
            Body::SetUserDisabled(set) => self.decide_disable(actor, set, facts),
            Body::GetAccount(_)
            | Body::ChangePassword(_)
            | Body::ListDevices(_)
            | Body::EndDevice(_)
            | Body::EndOtherDevices(_)
            | Body::RegisterKey(_)
            | Body::RemoveKey(_)
            | Body::SetUpSecondFactor(_)
            | Body::ConfirmSecondFactor(_)
            | Body::RemoveSecondFactor(_)
            | Body::ListApiKeys(_)
            | Body::SetEmail(_)
            | Body::VerifyEmail(_)
            | Body::RevokeApiKey(_) => self.decide_own_account(actor),
            Body::CreateApiKey(create) => {
                let change = self.decide_own_account(actor)?;
                // A key may do what its owner may, at most.
                self.authorize(actor, Permissions::from_bits(create.scopes), None)?;
                Ok(change)
            }
            Body::CreateInvite(create) => self.decide_invite(actor, create),
            Body::ListInvites(_) | Body::RevokeInvite(_) => self.decide_admission(actor, Permissions::INVITE),
            Body::RequireSecondFactor(require) => {
                self.authorize(actor, Permissions::MANAGE_ROLES, None)?;
                let role = self.role_named(&require.role).ok_or(Denied::NoSuchRole)?;
                let role = self.outranks_role(actor, role.id)?;
                Ok(Change::Admission { roles: vec![role.id], own: None })
            }
            Body::CreateBan(_) => {
                let change = self.decide_admission(actor, Permissions::BAN)?;
                if let Some(named) = facts.named.as_ref().filter(|named| !self.is_own(actor, named.user)) {
                    self.outranks(actor, self.rank_of(&named.roles))?;
                }
                for other in facts.affected.iter().filter_map(|session| self.members.get(session)) {
                    self.outranks_member(actor, other)?;
                }
                Ok(change)
            }
            Body::ListBans(_) | Body::LiftBan(_) => self.decide_admission(actor, Permissions::BAN),
            _ => Err(Denied::Unexpected),
        }
    }

    fn decide_create_user(&self, actor: Actor, create: &wire::CreateUser) -> Result<Change, Denied> {
        self.authorize(actor, Permissions::MANAGE_USERS, None)?;
        let name = crate::name::check_user_name(&create.name)?;
        let wanted = if create.role.is_empty() { DEFAULT_ROLE } else { &create.role };
        let role = self.role_named(wanted).ok_or(Denied::NoSuchRole)?;
        self.may_hand_out(actor, role.id)?;
        Ok(Change::CreateUser { name, role: role.id })
    }

    fn decide_disable(
        &self,
        actor: Actor,
        set: &wire::SetUserDisabled,
        facts: &Facts,
    ) -> Result<Change, Denied> {
        self.authorize(actor, Permissions::MANAGE_USERS, None)?;
        let named = facts.named.as_ref().ok_or(Denied::NoSuchUser)?;
        let user = named.user;
        if let Actor::Session(session) = actor
            && self.members.get(&session).is_some_and(|member| member.user == Some(user))
        {
            return Err(Denied::OwnAccount);
        }
        self.outranks(actor, self.rank_of(&named.roles))?;
        if set.disabled && named.last_owner {
            return Err(Denied::LastOwner);
        }
        Ok(Change::SetUserDisabled { user, disabled: set.disabled })
    }

    /// Everybody may look after their own account, whatever their roles.
    fn decide_own_account(&self, actor: Actor) -> Result<Change, Denied> {
        let session = session_of(actor)?;
        let member = self.members.get(&session).ok_or(Denied::SessionEnded)?;
        let user = member.user.ok_or(Denied::NoAccount)?;
        if member.key.is_some() {
            return Err(Denied::NotByKey);
        }
        Ok(Change::OwnAccount { user, session, connected: self.sessions_of(user) })
    }

    /// Whether somebody may decide who comes in.
    fn decide_admission(&self, actor: Actor, needed: Permissions) -> Result<Change, Denied> {
        self.authorize(actor, needed, None)?;
        let own = match actor {
            Actor::Session(session) => self.members.get(&session).and_then(|member| member.user),
            Actor::Operator => None,
        };
        Ok(Change::Admission { roles: Vec::new(), own })
    }

    fn decide_invite(&self, actor: Actor, create: &wire::CreateInvite) -> Result<Change, Denied> {
        let Change::Admission { own, .. } = self.decide_admission(actor, Permissions::INVITE)? else {
            return Err(Denied::Unexpected);
        };
        if create.channel != 0 {
            self.authorize(actor, Permissions::VIEW, Some(ChannelId(create.channel)))?;
        }
        let default = [DEFAULT_ROLE.to_owned()];
        let names = if create.roles.is_empty() { &default[..] } else { &create.roles };
        let mut roles = Vec::new();
        for name in names {
            let role = self.role_named(name).ok_or(Denied::NoSuchRole)?;
            self.may_hand_out(actor, role.id)?;
            roles.push(role.id);
        }
        Ok(Change::Admission { roles, own })
    }

    /// Whether somebody may give a new account this role: one that a member has who invites friends, or one
    /// below their own rank. Nobody hands out more than they have.
    fn may_hand_out(&self, actor: Actor, role: RoleId) -> Result<(), Denied> {
        let role = self.role(role).ok_or(Denied::NoSuchRole)?;
        self.authorize(actor, role.allow, None)?;
        if crate::name::folded(&role.name) == crate::name::folded(DEFAULT_ROLE) {
            return Ok(());
        }
        self.outranks_role(actor, role.id).map(|_| ())
    }
}
