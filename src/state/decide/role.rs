//! Roles, who has them, overwrites, and questions about them.

use std::time::Duration;

use super::super::{Asker, Change, Denied, Facts, Held, MAX_OVERWRITES, MAX_ROLES, Role, State};
use crate::bounds::{check_colour, check_life};
use crate::id::{ChannelId, RoleId};
use crate::name::check_channel_name;
use crate::permission::{Overwrite, Permissions, Reach, Subject};
use crate::protocol::wire::{self, set_overwrite};

impl State {
    pub(super) fn decide_create_role(
        &self,
        asker: Asker<'_>,
        create: &wire::CreateRole,
    ) -> Result<Change, Denied> {
        let id = RoleId(self.next_role);
        let wire::CreateRole { rank, colour, allow, .. } = *create;
        let name = self.check_role_name(&create.name, None)?;
        self.outranks(asker, rank)?;
        let allow = Permissions::from_bits(allow);
        self.authorize(asker, allow, None)?;
        if self.roles.len() >= MAX_ROLES {
            return Err(Denied::TooManyRoles);
        }
        let colour = check_colour(colour)?;
        Ok(Change::CreateRole(Role { id, name, rank, colour, allow, second_factor: false }))
    }

    pub(super) fn decide_edit_role(&self, asker: Asker<'_>, edit: &wire::EditRole) -> Result<Change, Denied> {
        let mut role = self.outranks_role(asker, RoleId(edit.role))?.clone();
        if let Some(name) = &edit.name {
            role.name = self.check_role_name(name, Some(role.id))?;
        }
        if let Some(rank) = edit.rank {
            if role.id != self.owner_role() || rank < role.rank {
                self.outranks(asker, rank)?;
            }
            role.rank = rank;
        }
        if let Some(allow) = edit.allow.map(Permissions::from_bits) {
            // Nobody gives, or takes, what they lack.
            let changed = Permissions::from_bits(allow.bits() ^ role.allow.bits());
            self.authorize(asker, changed, None)?;
            if role.id == self.owner_role() && !allow.contains(Permissions::ADMINISTER) {
                return Err(Denied::Needed);
            }
            role.allow = allow;
        }
        role.colour = check_colour(edit.colour.unwrap_or(role.colour))?;
        Ok(Change::PutRole(role))
    }

    pub(super) fn decide_remove_role(
        &self,
        asker: Asker<'_>,
        remove: wire::RemoveRole,
    ) -> Result<Change, Denied> {
        let role = RoleId(remove.role);
        if role == self.owner_role() || role == self.guest_role() {
            return Err(Denied::Needed);
        }
        self.outranks_role(asker, role)?;
        Ok(Change::RemoveRole(role))
    }

    pub(super) fn decide_require_second_factor(
        &self,
        asker: Asker<'_>,
        require: &wire::RequireSecondFactor,
    ) -> Result<Change, Denied> {
        let role = self.role_named(&require.role).ok_or(Denied::NoSuchRole)?;
        let role = self.outranks_role(asker, role.id)?;
        Ok(Change::PutRole(Role { second_factor: require.required, ..role.clone() }))
    }

    pub(super) fn decide_grant(
        &self,
        asker: Asker<'_>,
        grant: &wire::GrantRole,
        facts: &Facts,
    ) -> Result<Change, Denied> {
        let named = facts.named.as_ref().ok_or(Denied::NoSuchUser)?;
        let role = self.outranks_role(asker, RoleId(grant.role))?;
        self.authorize(asker, role.allow, None)?;
        let life = Duration::from_millis(check_life(grant.life_ms)?);
        let until = (!life.is_zero()).then(|| facts.now.plus(life));
        if role.id == self.owner_role() && until.is_some() && named.last_owner {
            return Err(Denied::LastOwner);
        }
        self.may_regrant(asker, named)?;
        Ok(Change::Grant { user: named.user, held: Held { role: role.id, until } })
    }

    pub(super) fn decide_revoke(
        &self,
        asker: Asker<'_>,
        revoke: &wire::RevokeRole,
        facts: &Facts,
    ) -> Result<Change, Denied> {
        let named = facts.named.as_ref().ok_or(Denied::NoSuchUser)?;
        let role = self.outranks_role(asker, RoleId(revoke.role))?;
        if !named.roles.iter().any(|held| held.role == role.id) {
            return Err(Denied::NoSuchRole);
        }
        if role.id == self.owner_role() && named.last_owner {
            return Err(Denied::LastOwner);
        }
        self.may_regrant(asker, named)?;
        Ok(Change::Revoke { user: named.user, role: role.id })
    }

    /// Whether somebody may change what an account has: its owner by a higher rank, themselves, and owners
    /// that of owners.
    fn may_regrant(&self, asker: Asker<'_>, named: &super::super::Named) -> Result<(), Denied> {
        let own = asker.owns(named.user);
        let among_owners = named.roles.iter().any(|held| held.role == self.owner_role())
            && self.outranks_role(asker, self.owner_role()).is_ok();
        if own || among_owners {
            return Ok(());
        }
        self.outranks(asker, self.rank_of(&named.roles))
    }

    pub(super) fn decide_overwrite(
        &self,
        asker: Asker<'_>,
        set: &wire::SetOverwrite,
        facts: &Facts,
    ) -> Result<Change, Denied> {
        let channel = ChannelId(set.channel);
        let subject = match &set.subject {
            Some(set_overwrite::Subject::Role(role)) => {
                let role = self.role(RoleId(*role)).ok_or(Denied::NoSuchRole)?;
                self.outranks(asker, role.rank)?;
                Subject::Role(role.id)
            }
            Some(set_overwrite::Subject::User(_)) => {
                let named = facts.named.as_ref().ok_or(Denied::NoSuchUser)?;
                if !asker.owns(named.user) {
                    self.outranks(asker, self.rank_of(&named.roles))?;
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
        self.authorize(asker, touched, Some(channel))?;
        if allow.union(deny).contains(Permissions::ADMINISTER) {
            return Err(Denied::OwnerByChannel);
        }
        let reach = u8::try_from(set.reach).ok().and_then(Reach::from_number);
        let is_removed = allow.is_empty() && deny.is_empty();
        let holds_below = |reach: Option<Reach>| reach.is_some_and(|reach| reach.holds(false));
        if holds_below(old.map(|old| old.reach)) || (!is_removed && holds_below(reach)) {
            self.authorize_below(asker, touched, channel)?;
        }
        if is_removed {
            return Ok(old.map_or(Change::Nothing, |_| Change::RemoveOverwrite { channel, subject }));
        }
        if old.is_none() && on.len() >= MAX_OVERWRITES {
            return Err(Denied::TooManyOverwrites);
        }
        let reach = reach.ok_or(Denied::Missing("reach"))?;
        Ok(Change::PutOverwrite(Overwrite { channel, subject, allow, deny, reach }))
    }

    /// Whether an asker has permissions on every channel below one. Nobody gives there, or takes, what they lack there, and
    /// so nobody opens to themselves what is hidden from them.
    fn authorize_below(
        &self,
        asker: Asker<'_>,
        needed: Permissions,
        channel: ChannelId,
    ) -> Result<(), Denied> {
        for below in self.subtree(channel).into_iter().filter(|below| *below != channel) {
            self.authorize(asker, needed, Some(below)).map_err(|denied| match denied {
                Denied::Forbidden(lacking) => Denied::LacksBelow(lacking),
                _ => Denied::LacksBelow(needed),
            })?;
        }
        Ok(())
    }

    fn check_role_name(&self, name: &str, but: Option<RoleId>) -> Result<String, Denied> {
        let name = check_channel_name(name)?;
        if self.role_looks.is_taken(None, &name, but) { Err(Denied::RoleNameTaken(name)) } else { Ok(name) }
    }
}
