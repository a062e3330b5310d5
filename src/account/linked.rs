//! Log-ins at other servers that lead to accounts here: whoever has proven there who they are comes in by that. Only the
//! subject says it, never a name or an e-mail address.

use std::net::IpAddr;

use super::begin::account_of;
use super::proven::{Proven, Visitor};
use super::room::Who;
use super::{AccountError, Accounts, random};
use crate::auth::oidc::Identity;
use crate::id::{OrganizationId, RoleId, SessionId, UserId, Way};
use crate::name::{MAX_USER_NAME, check_user_name, folded};
use crate::protocol::wire;
use crate::store::write::{self, LinkError, NewLink, NewUser, Proof, RegisterLinkedError, UnlinkError};
use crate::store::{Author, By, LinkedLogIn, OWNER, OneTimeToken, ReadError, User};

/// Names that are tried for a new account whose name is taken.
const TRIES: u32 = 50;

/// What an account is called about which nothing is told that could be a name.
const NAMELESS: &str = "Newcomer";

impl Accounts {
    /// The account to which a log-in at another server leads, and the link; nothing where it leads to none.
    pub fn linked_to(
        &self,
        identity: &Identity,
        from: IpAddr,
    ) -> Result<Option<(User, LinkedLogIn)>, AccountError> {
        self.check_address(from)?;
        let Identity { issuer, subject, .. } = identity;
        let Some(link) = self.0.store.linked_log_in(self.0.organization, issuer, subject)? else {
            return Ok(None);
        };
        let user = self.enabled(link.user).map_err(|refused| match refused {
            AccountError::TokenInvalid => AccountError::LinkedDisabled,
            other => other,
        })?;
        Ok(Some((user, link)))
    }

    /// A session for whoever came by a log-in at another server.
    pub async fn by_linked(
        &self,
        user: &User,
        link: &LinkedLogIn,
        device: &str,
        visitor: Visitor<'_>,
    ) -> Result<Proven, AccountError> {
        self.begin(user, device, Proof::Linked(link.id()), visitor).await
    }

    /// An account for somebody who has none, by their log-in at another server, and its first session. An invite that they take
    /// up by that has a use less.
    pub async fn register_linked(
        &self,
        identity: &Identity,
        invite: Option<&OneTimeToken>,
        roles: Vec<RoleId>,
        device: &str,
        visitor: Visitor<'_>,
    ) -> Result<Proven, AccountError> {
        if invite.is_none() {
            self.check_returning(visitor.from)?;
        }
        let (code, way) = (invite.map(|invite| invite.hash), invite.map(|invite| Way::Invite(invite.id)));
        let (organization, wished) = (self.0.organization, name_for(identity));
        let email = identity.email.clone().filter(|email| super::email::is_address(email));
        let email = match email {
            // An address is one account's; this one goes without.
            Some(email) if self.0.store.user_by_email(organization, &email)?.is_some() => None,
            email => email,
        };
        for number in 1..=TRIES {
            let name = numbered(&wished, number);
            if self.0.store.has_name_like(organization, &name)? {
                continue;
            }
            let blank = self.session(device, Proof::None, visitor);
            self.take_room(blank.session.id, Who::New, false, visitor)?;
            visitor.is_let_in(&name, None).await?;
            let new =
                NewUser { organization, name, email: email.clone(), password: None, roles: roles.clone() };
            let (accounts, random) = (self.clone(), random()?);
            let session = move |user| accounts.of_user(&blank, user, random);
            let by = By::new(Author::Guest, Some(visitor.from), self.0.clock.wall()).by_way_of(way);
            match self.run(by, write::register_linked(new, link_of(identity), code, session)).await {
                // Somebody else took it at the same moment.
                Err(AccountError::NameTaken) => (),
                Err(error) => return Err(error),
                Ok((user, row)) => {
                    let proven = self.begun(&user, &row, random).await?;
                    return Ok(proven.newly_begun());
                }
            }
        }
        Err(AccountError::NameTaken)
    }

    /// Who may link a log-in to their account, by the token of the session that the page keeps.
    pub fn who_links(&self, token: &[u8], from: IpAddr) -> Result<(UserId, SessionId), AccountError> {
        self.check_address(from)?;
        let (user, session) = self.holder_of(token)?;
        Ok((user.id, session.id))
    }

    /// A log-in at another server leads to the account of whoever asked for it by this session.
    pub async fn link(
        &self,
        user: UserId,
        session: SessionId,
        identity: &Identity,
        from: IpAddr,
    ) -> Result<(), AccountError> {
        self.check_address(from)?;
        self.enabled(user)?;
        let by = By::new(Author::User(user), Some(from), self.0.clock.wall());
        self.run(by, write::link_log_in(user, session, link_of(identity))).await?;
        Ok(())
    }

    /// The log-ins at other servers that lead to an account.
    pub fn linked_log_ins(&self, user: UserId) -> Result<wire::LinkedLogIns, AccountError> {
        let shown = |link: LinkedLogIn| wire::LinkedLogIn {
            id: link.id(),
            provider: self.0.settings.provider_of(&link.issuer),
            issuer: link.issuer,
            name: link.name,
            created_ms: link.created.0,
            used_ms: link.used.0,
        };
        let log_ins = self.0.store.linked_log_ins_of(user)?.into_iter().map(shown).collect();
        Ok(wire::LinkedLogIns { log_ins })
    }

    /// One of them leads there no more. Whoever came by it stays.
    pub async fn unlink(&self, user: UserId, id: u64, by: By) -> Result<(), AccountError> {
        self.run(by, write::unlink_log_in(user, id)).await?;
        Ok(())
    }

    /// Whether a password logs everybody in here, not owners alone.
    pub fn passwords_log_in(&self) -> bool {
        // Where the organization can't be read, nobody is logged in anyway.
        self.is_for_owners().is_ok_and(|is_so| !is_so)
    }

    /// Whether a password logs this account in: where the settings want it so, it does for owners alone.
    pub(super) fn check_password_log_in(&self, user: &User) -> Result<(), AccountError> {
        let owns = matches!(account_of(user), Who::Account { owns: true, .. });
        if owns || !self.is_for_owners()? { Ok(()) } else { Err(AccountError::PasswordRefused) }
    }

    fn is_for_owners(&self) -> Result<bool, AccountError> {
        let (organization, meant) = (self.0.organization, &self.0.settings.owners_only);
        if meant.is_empty() {
            return Ok(false);
        }
        let home = self.0.store.organization(organization)?.ok_or(ReadError::NoOrganization)?;
        Ok(meant.iter().any(|tag| match tag.as_str() {
            "" => organization == OrganizationId::FIRST,
            tag => folded(tag) == folded(&home.tag),
        }))
    }

    /// The roles of these names that a provider may give: none that owns the organization.
    pub fn roles_named<'n>(
        &self,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Result<Vec<RoleId>, AccountError> {
        let mut found = Vec::new();
        for name in names {
            match self.0.store.role_by_name(self.0.organization, name)? {
                Some(role) if role.id == self.0.organization.role(OWNER) => {
                    tracing::warn!(
                        role = name,
                        "log_in.providers: no group makes an owner; this role isn't given"
                    );
                }
                Some(role) => found.push(role.id),
                None => tracing::warn!(role = name, "log_in.providers: there is no role of this name"),
            }
        }
        found.sort_unstable_by_key(|role| role.0);
        found.dedup();
        Ok(found)
    }
}

fn link_of(identity: &Identity) -> NewLink {
    let name = identity.names.first().map(String::as_str).unwrap_or_default();
    NewLink {
        issuer: identity.issuer.clone(),
        subject: identity.subject.clone(),
        name: super::sentence(name),
    }
}

/// What a new account is called: the first of what somebody is called there that can be a name here.
fn name_for(identity: &Identity) -> String {
    let as_it_is = identity.names.iter().find_map(|name| check_user_name(name).ok());
    let mended = || identity.names.iter().find_map(|name| check_user_name(&mended(name)).ok());
    as_it_is.or_else(mended).unwrap_or_else(|| NAMELESS.to_owned())
}

/// A name without what names can't have, and with hyphens for spaces.
fn mended(name: &str) -> String {
    let kept = name.split('@').next().unwrap_or_default();
    let kept: String = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_')).collect();
    let words: Vec<_> = kept.split_whitespace().collect();
    words.join("-").chars().take(MAX_USER_NAME).collect()
}

/// The name that is tried next.
fn numbered(name: &str, number: u32) -> String {
    if number == 1 {
        return name.to_owned();
    }
    let ending = format!("-{number}");
    let kept: String = name.chars().take(MAX_USER_NAME - ending.len()).collect();
    // What is cut in the middle of a character that others make up may be none.
    check_user_name(&format!("{kept}{ending}")).unwrap_or_else(|_| format!("{NAMELESS}{ending}"))
}

impl From<LinkError> for AccountError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Outdated => Self::TokenInvalid,
            error => Self::Linked(error),
        }
    }
}

impl From<UnlinkError> for AccountError {
    fn from(error: UnlinkError) -> Self {
        Self::Unlinked(error)
    }
}

impl From<RegisterLinkedError> for AccountError {
    fn from(error: RegisterLinkedError) -> Self {
        match error {
            RegisterLinkedError::Taken => Self::LinkedAlready,
            RegisterLinkedError::InviteInvalid => Self::InviteInvalid,
            RegisterLinkedError::User(error) => error.into(),
            RegisterLinkedError::Session(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn called(names: &[&str]) -> Identity {
        Identity {
            issuer: "https://id.example".to_owned(),
            subject: "7".to_owned(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            email: None,
            groups: Vec::new(),
        }
    }

    #[test]
    fn a_new_account_is_called_as_its_person_is_there() {
        assert_eq!(name_for(&called(&["anna", "Anna B."])), "anna");
        assert_eq!(name_for(&called(&["a/b", "Anna"])), "Anna");
        assert_eq!(name_for(&called(&["~anna/b"])), "annab");
        assert_eq!(name_for(&called(&["Anna B. (crew)"])), "Anna-B-crew");
        assert_eq!(name_for(&called(&[])), NAMELESS);
        assert_eq!(name_for(&called(&["///"])), NAMELESS);
        assert_eq!((numbered("anna", 1), numbered("anna", 2)), ("anna".to_owned(), "anna-2".to_owned()));
        assert_eq!(numbered(&"a".repeat(MAX_USER_NAME), 10).chars().count(), MAX_USER_NAME);
    }

    proptest! {
        #[test]
        fn whatever_somebody_is_called_makes_a_name(names: Vec<String>, number in 1..=TRIES) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let name = name_for(&called(&names));
            prop_assert_eq!(check_user_name(&name).unwrap(), name.clone());
            prop_assert!(check_user_name(&numbered(&name, number)).is_ok());
        }
    }
}
