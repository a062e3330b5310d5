//! Roles, who has them, overwrites, and questions about them.

use super::super::{Actor, Change, Denied, Facts, Held, MAX_OVERWRITES, MAX_ROLES, OWNER, Role, State};
use super::optional;
use crate::bounds::check_colour;
use crate::id::{ChannelId, RoleId, SessionId, UserId};
use crate::name::{check_channel_name, folded};
use crate::permission::{Overwrite, Permissions, Reach, Subject};
use crate::protocol::wire::{self, request, set_overwrite};

impl State {
    pub(super) fn decide_rights(
        &self,
        actor: Actor,
        request: &request::Body,
        facts: &Facts,
    ) -> Result<Change, Denied> {
        use request::Body;
        match request {
            Body::CreateRole(create) => self.decide_create_role(actor, create),
            Body::EditRole(edit) => self.decide_edit_role(actor, edit),
            Body::RemoveRole(remove) => {
                self.authorize(actor, Permissions::MANAGE_ROLES, None)?;
                let role = RoleId(remove.role);
                if role == OWNER || role == super::super::GUEST {
                    return Err(Denied::Needed);
                }
                self.outranks_role(actor, role)?;
                Ok(Change::RemoveRole(role))
            }
            Body::GrantRole(grant) => self.decide_grant(actor, grant, facts),
            Body::RevokeRole(revoke) => self.decide_revoke(actor, revoke, facts),
            Body::ListHolders(list) => {
                self.authorize(actor, Permissions::MANAGE_ROLES, None)?;
                self.role(RoleId(list.role)).map(|_| Change::Nothing).ok_or(Denied::NoSuchRole)
            }
            Body::ListOverwrites(list) => {
                let on = Some(ChannelId(list.channel));
                let manages = self.authorize(actor, Permissions::MANAGE_ROLES, on);
                manages.or_else(|_| self.authorize(actor, Permissions::INSPECT, on))?;
                Ok(Change::Nothing)
            }
            Body::SetOverwrite(set) => self.decide_overwrite(actor, set, facts),
            Body::Why(why) => self.decide_why(actor, why, facts),
            _ => Err(Denied::Unexpected),
        }
    }

    fn decide_create_role(&self, actor: Actor, create: &wire::CreateRole) -> Result<Change, Denied> {
        self.authorize(actor, Permissions::MANAGE_ROLES, None)?;
        let id = RoleId(self.next_role);
        let wire::CreateRole { rank, colour, allow, .. } = *create;
        let name = self.check_role_name(&create.name, None)?;
        self.outranks(actor, rank)?;
        let allow = Permissions::from_bits(allow);
        self.authorize(actor, allow, None)?;
        if self.roles.len() >= MAX_ROLES {
            return Err(Denied::TooManyRoles);
        }
        let colour = check_colour(colour)?;
        Ok(Change::CreateRole(Role { id, name, rank, colour, allow, second_factor: false }))
    }

    fn decide_edit_role(&self, actor: Actor, edit: &wire::EditRole) -> Result<Change, Denied> {
        self.authorize(actor, Permissions::MANAGE_ROLES, None)?;
        let mut role = self.outranks_role(actor, RoleId(edit.role))?.clone();
        if let Some(name) = &edit.name {
            role.name = self.check_role_name(name, Some(role.id))?;
        }
        if let Some(rank) = edit.rank {
            if role.id != OWNER || rank < role.rank {
                self.outranks(actor, rank)?;
            }
            role.rank = rank;
        }
        if let Some(allow) = edit.allow.map(Permissions::from_bits) {
            // Nobody gives, or takes, what they lack.
            let changed = Permissions::from_bits(allow.bits() ^ role.allow.bits());
            self.authorize(actor, changed, None)?;
            if role.id == OWNER && !allow.contains(Permissions::ADMINISTER) {
                return Err(Denied::Needed);
            }
            role.allow = allow;
        }
        role.colour = check_colour(edit.colour.unwrap_or(role.colour))?;
        Ok(Change::PutRole(role))
    }

    fn decide_grant(&self, actor: Actor, grant: &wire::GrantRole, facts: &Facts) -> Result<Change, Denied> {
        self.authorize(actor, Permissions::MANAGE_ROLES, None)?;
        let named = facts.named.as_ref().ok_or(Denied::NoSuchUser)?;
        let role = self.outranks_role(actor, RoleId(grant.role))?;
        self.authorize(actor, role.allow, None)?;
        let until =
            (grant.life_ms > 0).then(|| crate::id::Timestamp(facts.now.0.saturating_add(grant.life_ms)));
        if role.id == OWNER && until.is_some() && named.last_owner {
            return Err(Denied::LastOwner);
        }
        self.may_regrant(actor, named)?;
        Ok(Change::Grant { user: named.user, held: Held { role: role.id, until } })
    }

    fn decide_revoke(
        &self,
        actor: Actor,
        revoke: &wire::RevokeRole,
        facts: &Facts,
    ) -> Result<Change, Denied> {
        self.authorize(actor, Permissions::MANAGE_ROLES, None)?;
        let named = facts.named.as_ref().ok_or(Denied::NoSuchUser)?;
        let role = self.outranks_role(actor, RoleId(revoke.role))?;
        if !named.roles.iter().any(|held| held.role == role.id) {
            return Err(Denied::NoSuchRole);
        }
        if role.id == OWNER && named.last_owner {
            return Err(Denied::LastOwner);
        }
        self.may_regrant(actor, named)?;
        Ok(Change::Revoke { user: named.user, role: role.id })
    }

    /// Whether somebody may change what an account has: its owner by a higher rank, themselves, and owners
    /// that of owners.
    fn may_regrant(&self, actor: Actor, named: &super::super::Named) -> Result<(), Denied> {
        let own = self.asker(actor).is_ok_and(|member| member.user == Some(named.user));
        let among_owners =
            named.roles.iter().any(|held| held.role == OWNER) && self.outranks_role(actor, OWNER).is_ok();
        if own || among_owners {
            return Ok(());
        }
        self.outranks(actor, self.rank_of(&named.roles))
    }

    fn decide_overwrite(
        &self,
        actor: Actor,
        set: &wire::SetOverwrite,
        facts: &Facts,
    ) -> Result<Change, Denied> {
        let channel = ChannelId(set.channel);
        self.authorize(actor, Permissions::MANAGE_ROLES, Some(channel))?;
        let subject = match &set.subject {
            Some(set_overwrite::Subject::Role(role)) => {
                let role = self.role(RoleId(*role)).ok_or(Denied::NoSuchRole)?;
                self.outranks(actor, role.rank)?;
                Subject::Role(role.id)
            }
            Some(set_overwrite::Subject::User(_)) => {
                let named = facts.named.as_ref().ok_or(Denied::NoSuchUser)?;
                if !self.is_own(actor, named.user) {
                    self.outranks(actor, self.rank_of(&named.roles))?;
                }
                Subject::User(named.user)
            }
            None => return Err(Denied::Missing("subject")),
        };
        let (allow, deny) = (Permissions::from_bits(set.allow), Permissions::from_bits(set.deny));
        let on = self.overwrites.get(&channel).map_or(&[][..], Vec::as_slice);
        let old = on.iter().find(|one| one.subject == subject);
        // Nobody gives, or takes, what they lack there. Ownership is no exception that a channel can make.
        let before = old.map_or(Permissions::NONE, |old| old.allow.union(old.deny));
        let touched = allow.union(deny).union(before).without(Permissions::ADMINISTER);
        self.authorize(actor, touched, Some(channel))?;
        if allow.union(deny).contains(Permissions::ADMINISTER) {
            return Err(Denied::Forbidden(Permissions::ADMINISTER));
        }
        if allow.is_empty() && deny.is_empty() {
            return Ok(old.map_or(Change::Nothing, |_| Change::RemoveOverwrite { channel, subject }));
        }
        if old.is_none() && on.len() >= MAX_OVERWRITES {
            return Err(Denied::TooManyOverwrites);
        }
        let reach = u8::try_from(set.reach).ok().and_then(Reach::from_number);
        let reach = reach.ok_or(Denied::Missing("reach"))?;
        Ok(Change::PutOverwrite(Overwrite { channel, subject, allow, deny, reach }))
    }

    fn decide_why(&self, actor: Actor, why: &wire::Why, facts: &Facts) -> Result<Change, Denied> {
        let on = optional(why.channel);
        let is_own = match (why.session, why.user.as_str(), actor) {
            (0, "", _) => true,
            (session, "", Actor::Session(own)) => SessionId(session) == own,
            (0, _, _) => facts.named.as_ref().is_some_and(|named| self.is_own(actor, named.user)),
            _ => false,
        };
        if is_own {
            self.asker(actor)?;
        }
        self.authorize(actor, if is_own { Permissions::NONE } else { Permissions::INSPECT }, on)?;
        if why.session != 0 && !self.members.contains_key(&SessionId(why.session)) {
            return Err(Denied::NoSuchSession);
        }
        if !why.user.is_empty() && facts.named.is_none() {
            return Err(Denied::NoSuchUser);
        }
        Ok(Change::Nothing)
    }

    pub(super) fn is_own(&self, actor: Actor, user: UserId) -> bool {
        self.asker(actor).is_ok_and(|member| member.user == Some(user))
    }

    fn check_role_name(&self, name: &str, but: Option<RoleId>) -> Result<String, Denied> {
        let name = check_channel_name(name)?;
        let taken = |role: &Role| Some(role.id) != but && folded(&role.name) == folded(&name);
        if self.roles.values().any(taken) { Err(Denied::RoleNameTaken(name)) } else { Ok(name) }
    }
}
