//! Ranks: nobody acts on a role, or on a person, at or above their own.

use super::{Actor, Denied, Held, Member, OWNER, Role, State};
use crate::id::RoleId;
use crate::permission::Permissions;

impl State {
    /// The highest rank of these roles, whether each grants anything now or not; 0 without any.
    pub(super) fn rank_of(&self, roles: &[Held]) -> u32 {
        roles.iter().filter_map(|held| self.roles.get(&held.role)).map(|role| role.rank).max().unwrap_or(0)
    }

    /// The rank by which an actor acts: that of the roles that grant it something. The operator's is above all.
    fn rank(&self, actor: Actor) -> Result<Option<u32>, Denied> {
        let Actor::Session(session) = actor else { return Ok(None) };
        let member = self.members.get(&session).ok_or(Denied::SessionEnded)?;
        let granting = member.class.grants().iter().filter_map(|grant| self.roles.get(&grant.role));
        Ok(Some(granting.map(|role| role.rank).max().unwrap_or(0)))
    }

    fn is_owner(&self, actor: Actor) -> bool {
        match actor {
            Actor::Operator => true,
            Actor::Session(session) => self
                .members
                .get(&session)
                .is_some_and(|member| self.permissions_on(member, None).contains(Permissions::ADMINISTER)),
        }
    }

    /// Whether an actor stands above a rank.
    pub(super) fn outranks(&self, actor: Actor, rank: u32) -> Result<(), Denied> {
        match self.rank(actor)? {
            Some(own) if own <= rank => Err(Denied::Outranked),
            _ => Ok(()),
        }
    }

    /// Whether an actor stands above somebody else who is connected.
    pub(super) fn outranks_member(&self, actor: Actor, other: &Member) -> Result<(), Denied> {
        if actor == Actor::Session(other.session) {
            return Ok(());
        }
        self.outranks(actor, self.rank_of(&other.roles))
    }

    /// Whether an actor may make, change or hand out a role: one below its own. Owners, above whom nobody is,
    /// hand out and take back ownership, too.
    pub(super) fn outranks_role(&self, actor: Actor, role: RoleId) -> Result<&Role, Denied> {
        let role = self.roles.get(&role).ok_or(Denied::NoSuchRole)?;
        if !(role.id == OWNER && self.is_owner(actor)) {
            self.outranks(actor, role.rank)?;
        }
        Ok(role)
    }
}
