//! Whoever comes by a log-in at another server: to which account, and with which roles.

use std::net::IpAddr;

use super::given::Given;
use super::plugin_gate::PluginGate;
use super::{Actor, Handle, Refused};
use crate::account::{AccountError, Changed, Proven, Visitor};
use crate::auth::TokenHash;
use crate::auth::oidc::Identity;
use crate::id::RoleId;
use crate::name::DEFAULT_ROLE;
use crate::protocol::call::Rights;
use crate::protocol::wire;
use crate::store::User;
use crate::voice::Peer;

/// The word by which plugins are told of such a log-in.
const PROVIDER: &str = "provider";

/// What the machine's owner says of those who come by a provider.
#[derive(Clone, Copy, Debug)]
pub struct LinkedRules<'a> {
    /// Whether whoever has no account gets one.
    pub creates: bool,
    /// Groups, and the names of the roles that they give. A role that is named here is had by those alone who are in such a
    /// group, as of their last log-in by the provider.
    pub roles: &'a [(String, String)],
}

impl<P: Peer> Handle<P> {
    /// Logs in whoever has proven at another server who they are.
    pub async fn by_provider(
        &self,
        identity: &Identity,
        rules: LinkedRules<'_>,
        device: &str,
        visitor: Visitor<'_>,
    ) -> Result<Proven, Refused> {
        let accounts = &self.shared.accounts;
        let gate = PluginGate { handle: self, way: PROVIDER, from: visitor.from };
        let visitor = Visitor { gate: Some(&gate), ..visitor };
        let given = self.given_by(identity, rules)?;
        let Some((user, link)) = accounts.linked_to(identity, visitor.from)? else {
            if !rules.creates {
                return Err(AccountError::NotLinked.into());
            }
            let roles = together(accounts.roles_named([DEFAULT_ROLE])?, given);
            let proven = accounts.register_linked(identity, None, roles, device, visitor).await?;
            self.have_known(&proven).await?;
            return Ok(proven);
        };
        let managed = accounts.roles_named(rules.roles.iter().map(|(_, role)| role.as_str()))?;
        self.give_roles(&user, &managed, &given).await?;
        let proven = accounts.by_linked(&user, &link, device, visitor).await?;
        if proven.displaced {
            self.follow(Changed::User(user.id)).await?;
        }
        Ok(proven)
    }

    /// Whether the invite of a code can be taken up now: what is kept of it while somebody is away at another server.
    pub async fn invited_by(&self, code: &str, from: IpAddr) -> Result<TokenHash, Refused> {
        let accounts = &self.shared.accounts;
        let shown = accounts.shown_invite(code, from)?;
        let invite = accounts.invite_by(&shown.hash)?;
        self.still_given(&invite).await?;
        Ok(invite.hash)
    }

    /// Makes an account for whoever has proven at another server who they are, and was invited. Whoever has one already is told
    /// so, and the invite is as good as before.
    pub async fn by_invite(
        &self,
        identity: &Identity,
        code: &TokenHash,
        rules: LinkedRules<'_>,
        device: &str,
        visitor: Visitor<'_>,
    ) -> Result<Proven, Refused> {
        let accounts = &self.shared.accounts;
        let gate = PluginGate { handle: self, way: PROVIDER, from: visitor.from };
        let visitor = Visitor { gate: Some(&gate), ..visitor };
        if accounts.linked_to(identity, visitor.from)?.is_some() {
            return Err(AccountError::LinkedAlready.into());
        }
        let invite = accounts.invite_by(code)?;
        let roles = together(self.still_given(&invite).await?, self.given_by(identity, rules)?);
        let proven = accounts.register_linked(identity, Some(&invite), roles, device, visitor).await?;
        self.have_known(&proven).await?;
        Ok(proven)
    }

    /// Has it known that somebody has an account from now on.
    async fn have_known(&self, proven: &Proven) -> Result<(), Refused> {
        match proven.user {
            Some(user) => self.follow(Changed::User(user)).await,
            None => Ok(()),
        }
    }

    /// The roles that somebody's groups give.
    fn given_by(&self, identity: &Identity, rules: LinkedRules<'_>) -> Result<Vec<RoleId>, Refused> {
        let is_in = |group: &String| identity.groups.contains(group);
        let given = rules.roles.iter().filter(|(group, _)| is_in(group)).map(|(_, role)| role.as_str());
        Ok(self.shared.accounts.roles_named(given)?)
    }

    /// Somebody has of these roles those alone that they are given. It is the machine's owner who says so, by their settings,
    /// and it is done as if they asked for it: by the same request, with the same consequences for those who are connected.
    async fn give_roles(&self, user: &User, managed: &[RoleId], given: &[RoleId]) -> Result<(), Refused> {
        let now = self.shared.clock.wall();
        for role in managed {
            let grant = user.grants.iter().find(|grant| grant.role == *role && grant.holds(now));
            let (name, role, is_given) = (user.name.clone(), role.0, given.contains(role));
            let rights = match grant {
                // One that ends is made one that lasts for as long as they are in the group.
                Some(grant) if is_given && grant.expires.is_none() => continue,
                _ if is_given => Rights::GrantRole(wire::GrantRole { user: name, role, life_ms: 0 }),
                Some(_) => Rights::RevokeRole(wire::RevokeRole { user: name, role }),
                None => continue,
            };
            // The name may be somebody else's by then.
            let whom = Given { whom: Some(user.id), ..Given::default() };
            self.timed(rights.operation(), self.change(Actor::Operator, rights.into(), whom)).await?;
        }
        Ok(())
    }
}

/// Roles and more roles, each once.
fn together(mut roles: Vec<RoleId>, more: Vec<RoleId>) -> Vec<RoleId> {
    for role in more {
        if !roles.contains(&role) {
            roles.push(role);
        }
    }
    roles
}
