//! Accounts, and who comes in: what only the live state can say of it.

use super::super::{Asker, Change, DEFAULT_ROLE, Denied, Facts, Named, State};
use crate::bounds::{MAX_INVITE_ROLES, OutOfBounds, check_life, check_uses};
use crate::id::{ChannelId, RoleId, SessionId, UserId};
use crate::permission::Permissions;
use crate::protocol::wire;

/// The account of whoever asks about their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// Which.
    pub user: UserId,
    /// The session that asks.
    pub session: SessionId,
    /// All sessions of the account that are connected.
    pub connected: Vec<SessionId>,
}

impl State {
    /// The account of an asker who may look after it: everybody may, whatever their roles.
    pub fn own_account(&self, asker: Asker<'_>) -> Result<Own, Denied> {
        let user = asker.user().ok_or(Denied::NoAccount)?;
        let session = asker.own_session()?;
        Ok(Own { user, session, connected: self.sessions_of(user) })
    }

    /// Whether the asker may make a program a key for this, good for so many milliseconds: it may do what its owner may,
    /// at most.
    pub fn may_lend(&self, asker: Asker<'_>, scopes: Permissions, life: u64) -> Result<(), Denied> {
        check_life(life)?;
        self.authorize(asker, scopes, None)
    }

    /// Whether the asker may register a program that acts by itself for this, with its secret alone: it may do no more than
    /// whoever registers it, who is a person, since it would outlast the key or the token of another program.
    pub fn may_let_act(&self, asker: Asker<'_>, scopes: Permissions) -> Result<(), Denied> {
        if asker.is_program() {
            return Err(Denied::NotByKey);
        }
        self.may_lend(asker, scopes, 0)
    }

    /// Whether an asker may keep somebody out for so many milliseconds: the account that is named, and whoever is
    /// connected and concerned.
    pub fn may_ban(&self, asker: Asker<'_>, facts: &Facts, life: u64) -> Result<(), Denied> {
        check_life(life)?;
        if let Some(named) = facts.named.as_ref().filter(|named| !asker.owns(named.user)) {
            self.outranks(asker, self.rank_of(&named.roles))?;
        }
        for other in facts.affected.iter().filter_map(|session| self.members.get(*session)) {
            self.outranks_member(asker, other)?;
        }
        Ok(())
    }

    /// The name and the role of an account that somebody makes for somebody else.
    pub fn new_account(
        &self,
        asker: Asker<'_>,
        create: &wire::CreateUser,
    ) -> Result<(String, RoleId), Denied> {
        let name = crate::name::check_user_name(&create.name)?;
        let wanted = if create.role.is_empty() { DEFAULT_ROLE } else { &create.role };
        let role = self.role_named(wanted).ok_or(Denied::NoSuchRole)?;
        self.may_hand_out(asker, role.id)?;
        Ok((name, role.id))
    }

    /// The roles that an invite gives.
    pub fn invited_roles(
        &self,
        asker: Asker<'_>,
        create: &wire::CreateInvite,
    ) -> Result<Vec<RoleId>, Denied> {
        // An invite is good for as long as its maker may make it, and of a guest nothing is kept.
        if asker.viewer().is_some_and(|viewer| viewer.user.is_none()) {
            return Err(Denied::NoAccount);
        }
        check_life(create.life_ms)?;
        check_uses(create.uses)?;
        if create.roles.len() > MAX_INVITE_ROLES {
            return Err(OutOfBounds::Roles.into());
        }
        if create.channel != 0 {
            self.authorize(asker, Permissions::VIEW, Some(ChannelId(create.channel)))?;
        }
        let default = [DEFAULT_ROLE.to_owned()];
        let names = if create.roles.is_empty() { &default[..] } else { &create.roles };
        let mut roles = Vec::new();
        for name in names {
            let role = self.role_named(name).ok_or(Denied::NoSuchRole)?;
            self.may_hand_out(asker, role.id)?;
            if !roles.contains(&role.id) {
                roles.push(role.id);
            }
        }
        Ok(roles)
    }

    /// Those of an invite's roles that its maker may still give. None once they may invite nobody.
    pub fn still_invited(&self, maker: Asker<'_>, roles: &[RoleId]) -> Vec<RoleId> {
        if self.authorize(maker, Permissions::INVITE, None).is_err() {
            return Vec::new();
        }
        roles.iter().copied().filter(|role| self.may_hand_out(maker, *role).is_ok()).collect()
    }

    /// Whether an asker may make an invite that gives these roles: then it may see the code of one.
    pub fn may_show_invite(&self, asker: Asker<'_>, roles: &[RoleId]) -> bool {
        asker.viewer().is_none_or(|viewer| viewer.user.is_some())
            && self.still_invited(asker, roles).len() == roles.len()
    }

    /// Whether an asker may take back what somebody else did: their own, or that of an account of a lower rank, which is
    /// named. What the machine's owner did is taken back by owners alone, and so is what nobody knows who did.
    pub fn may_take_back(&self, asker: Asker<'_>, by_owners: bool, facts: &Facts) -> Result<(), Denied> {
        match &facts.named {
            _ if by_owners => self.authorize(asker, Permissions::ADMINISTER, None),
            Some(named) if !asker.owns(named.user) => self.outranks(asker, self.rank_of(&named.roles)),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether an asker may change, delete or log out the account that is named: somebody else's, of a lower rank.
    pub fn may_manage(&self, asker: Asker<'_>, facts: &Facts) -> Result<Named, Denied> {
        let named = facts.named.as_ref().ok_or(Denied::NoSuchUser)?;
        if asker.owns(named.user) {
            return Err(Denied::Oneself);
        }
        self.outranks(asker, self.rank_of(&named.roles))?;
        Ok(named.clone())
    }

    pub(super) fn decide_disable(
        &self,
        asker: Asker<'_>,
        set: &wire::SetUserDisabled,
        facts: &Facts,
    ) -> Result<Change, Denied> {
        self.authorize(asker, Permissions::MANAGE_USERS, None)?;
        let named = facts.named.as_ref().ok_or(Denied::NoSuchUser)?;
        if asker.owns(named.user) {
            return Err(Denied::OwnAccount);
        }
        self.outranks(asker, self.rank_of(&named.roles))?;
        if set.disabled && named.last_owner {
            return Err(Denied::LastOwner);
        }
        Ok(Change::SetUserDisabled { user: named.user, disabled: set.disabled })
    }

    /// Whether somebody may give a new account this role: one that a member has who invites friends, or one
    /// below their own rank. Nobody hands out more than they have.
    fn may_hand_out(&self, asker: Asker<'_>, role: RoleId) -> Result<(), Denied> {
        let role = self.role(role).ok_or(Denied::NoSuchRole)?;
        self.authorize(asker, role.allow, None)?;
        if crate::name::folded(&role.name) == crate::name::folded(DEFAULT_ROLE) {
            return Ok(());
        }
        self.outranks_role(asker, role.id).map(|_| ())
    }
}
