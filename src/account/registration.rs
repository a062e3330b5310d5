//! New accounts: by an invite, by anybody where that is allowed, by an administrator; and the first of all by its claim.

use std::time::Duration;

use super::attempts::Counted;
use super::hashing::Asker;
use super::proven::{Proven, Visitor};
use super::{AccountError, Accounts, random};
use crate::auth::OneTimeCode;
use crate::bounds::Registration;
use crate::id::{RoleId, UserId, Way};
use crate::name::{DEFAULT_ROLE, check_user_name};
use crate::protocol::wire;
use crate::store::write::{self, Entry, NewUser};
use crate::store::{By, Claim, OWNER, OneTimeToken, Purpose};

/// How long a claim code is good.
const CLAIM_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// Somebody who may make an account for themselves, by an invite or without one.
#[derive(Debug)]
pub struct Applicant {
    counted: Counted,
    invite: Option<OneTimeToken>,
}

impl Applicant {
    /// The invite that they showed.
    pub fn invite(&self) -> Option<&OneTimeToken> {
        self.invite.as_ref()
    }
}

impl Accounts {
    /// Whether somebody may make an account for themselves, and by which invite.
    pub fn apply(&self, register: &wire::Register, visitor: Visitor<'_>) -> Result<Applicant, AccountError> {
        self.check_address(visitor.from)?;
        // Whoever makes one account after the other without an invite has to wait, as whoever guesses has.
        let counted = self.0.attempts.admit(None, visitor.from)?;
        let invite = match self.entry_policy()?.registration {
            Registration::Closed => return Err(AccountError::RegistrationClosed),
            Registration::Open if register.invite.trim().is_empty() => {
                self.check_returning(visitor.from)?;
                None
            }
            Registration::Open | Registration::Invite => {
                let code = OneTimeCode::parse(&register.invite).ok_or(AccountError::InviteInvalid)?;
                // Looked at before the expensive hash; the store looks again in the transaction that uses it up.
                Some(self.token(Purpose::Invite, &code)?.ok_or(AccountError::InviteInvalid)?)
            }
        };
        Ok(Applicant { counted, invite })
    }

    /// Makes an account for whoever may have one, and logs it in. `invited` are the roles that their invite still gives.
    pub async fn register(
        &self,
        Applicant { counted, invite }: Applicant,
        invited: Vec<RoleId>,
        register: &wire::Register,
        visitor: Visitor<'_>,
    ) -> Result<Proven, AccountError> {
        let name = check_user_name(&register.name)?;
        if self.0.store.user_by_name(self.0.organization, &name)?.is_some() {
            return Err(AccountError::NameTaken);
        }
        self.check_new_password(Asker::Stranger(visitor.from), &register.password, &[&name]).await?;
        let roles = if invite.is_some() {
            invited
        } else {
            let default = self.0.store.role_by_name(self.0.organization, DEFAULT_ROLE)?;
            default.map(|role| role.id).into_iter().collect()
        };
        let password = Some(self.hash(Asker::Stranger(visitor.from), &register.password).await?);
        let new = NewUser { organization: self.0.organization, name, email: None, password, roles };
        let entry = invite.as_ref().map_or(Entry::Open, |invite| Entry::Invite(invite.hash));
        let way = invite.as_ref().map(|invite| Way::Invite(invite.id));
        let proven = self.enter(entry, way, new, &register.device, visitor).await?;
        if invite.is_some() {
            // An invite has a limit of its own; a club behind one address may come together.
            self.0.attempts.give_back(&counted);
        }
        Ok(proven)
    }

    /// Makes the first administrator of whoever has the claim code, and logs them in.
    pub async fn redeem_claim(
        &self,
        proof: &wire::RedeemClaim,
        visitor: Visitor<'_>,
    ) -> Result<Proven, AccountError> {
        self.check_address(visitor.from)?;
        let counted = self.0.attempts.admit(None, visitor.from)?;
        let code = OneTimeCode::parse(&proof.code).ok_or(AccountError::ClaimInvalid)?;
        let claim = self.0.store.claim(self.0.organization)?.filter(|claim| claim.hash == code.hash());
        // Looked at before the expensive hash; the store looks again in the transaction that uses it up.
        claim.ok_or(AccountError::ClaimInvalid)?;
        let name = check_user_name(&proof.name)?;
        self.check_new_password(Asker::Stranger(visitor.from), &proof.password, &[&name]).await?;
        let new = self
            .new_user(Asker::Stranger(visitor.from), name, &proof.password, self.0.organization.role(OWNER))
            .await?;
        let proven = self.enter(Entry::Claim(code.hash()), None, new, &proof.device, visitor).await?;
        self.0.attempts.give_back(&counted);
        Ok(proven)
    }

    /// Makes an account for somebody else, with one role.
    pub async fn create_user(
        &self,
        name: String,
        password: &str,
        role: RoleId,
        by: By,
    ) -> Result<UserId, AccountError> {
        let asker = Asker::of(by);
        self.check_new_password(asker, password, &[&name]).await?;
        let new = self.new_user(asker, name, password, role).await?;
        Ok(self.run(by, write::create_user(new)).await?.id)
    }

    /// Hashes the password of an account to be.
    async fn new_user(
        &self,
        asker: Asker,
        name: String,
        password: &str,
        role: RoleId,
    ) -> Result<NewUser, AccountError> {
        let password = Some(self.hash(asker, password).await?);
        Ok(NewUser { organization: self.0.organization, name, email: None, password, roles: vec![role] })
    }

    /// Makes a claim code for the first administrator; one made before is good no more.
    pub async fn new_claim_code(&self) -> Result<wire::ClaimCode, AccountError> {
        let (code, now) = (OneTimeCode::from_random(random()?), self.0.clock.wall());
        let expires = now.plus(CLAIM_LIFE);
        let claim = Claim { hash: code.hash(), expires };
        self.run(By::server(now), write::set_claim(self.0.organization, &claim)).await?;
        Ok(wire::ClaimCode { code: code.to_string(), expires_ms: expires.0 })
    }

    /// Has a claim code that was made here go on for so long, whatever the wall clock is set to meanwhile: at the first start of
    /// a machine without a battery it shows 1970. One that was used, or that another one replaced, isn't good again.
    pub async fn keep_claim_code(&self, code: &str, left: Duration) -> Result<(), AccountError> {
        let Some(code) = OneTimeCode::parse(code) else { return Ok(()) };
        let now = self.0.clock.wall();
        let claim = Claim { hash: code.hash(), expires: now.plus(left) };
        self.run(By::server(now), write::keep_claim(self.0.organization, &claim)).await?;
        Ok(())
    }

    /// Whether the organization has an administrator.
    pub fn has_administrator(&self) -> Result<bool, AccountError> {
        Ok(self.0.store.has_administrator(self.0.organization)?)
    }

    /// Whether a claim code waits to be used.
    pub fn is_unclaimed(&self) -> bool {
        let claim = self.0.store.claim(self.0.organization).ok().flatten();
        claim.is_some_and(|claim| self.0.clock.wall() < claim.expires)
    }
}
