//! Ranks: nobody acts on a role, or on a person, at or above their own.

use super::{Asker, Denied, Held, Member, Role, State};
use crate::id::RoleId;
use crate::permission::Permissions;

impl State {
    /// The highest rank of these roles, whether each grants anything now or not; 0 without any.
    pub(super) fn rank_of(&self, roles: &[Held]) -> u32 {
        roles.iter().filter_map(|held| self.roles.get(&held.role)).map(|role| role.rank).max().unwrap_or(0)
    }

    /// The rank by which an asker acts: that of the roles that grant it something. The operator's is above all.
    fn rank(&self, asker: Asker<'_>) -> Option<u32> {
        let granting = asker.viewer()?.class.grants().iter().filter_map(|grant| self.roles.get(&grant.role));
        Some(granting.map(|role| role.rank).max().unwrap_or(0))
    }

    fn is_owner(&self, asker: Asker<'_>) -> bool {
        asker
            .viewer()
            .is_none_or(|member| self.permissions_on(member, None).contains(Permissions::ADMINISTER))
    }

    /// Whether an asker stands above a rank.
    pub(super) fn outranks(&self, asker: Asker<'_>, rank: u32) -> Result<(), Denied> {
        if self.rank(asker).is_some_and(|own| own <= rank) { Err(Denied::Outranked) } else { Ok(()) }
    }

    /// Whether an asker stands above somebody else who is connected.
    pub(super) fn outranks_member(&self, asker: Asker<'_>, other: &Member) -> Result<(), Denied> {
        if asker.is(other.session) {
            return Ok(());
        }
        self.outranks(asker, self.rank_of(&other.roles))
    }

    /// Whether an asker may make, change or hand out a role: one below its own. Owners, above whom nobody is,
    /// hand out and take back ownership, too.
    pub(super) fn outranks_role(&self, asker: Asker<'_>, role: RoleId) -> Result<&Role, Denied> {
        let role = self.roles.get(&role).ok_or(Denied::NoSuchRole)?;
        if !(role.id == self.owner_role() && self.is_owner(asker)) {
            self.outranks(asker, role.rank)?;
        }
        Ok(role)
    }
}
