//! What people do to their own accounts: password, devices, keys, second factor.

use super::given::Given;
use super::{Actor, Handle, Refused};
use crate::id::{OAuthClientId, SessionId, UserId};
use crate::permission::Permissions;
use crate::protocol::call::{Account, Live};
use crate::protocol::wire::{self, response};
use crate::state::{Asker, Own, State};
use crate::store::{By, User};
use crate::voice::Peer;

impl<P: Peer> Handle<P> {
    /// Does what `actor` asks for to their own account, which everybody may who has one and comes as a person.
    pub(super) async fn own_account(&self, actor: Actor, call: Account) -> Result<response::Body, Refused> {
        let (lent, life) = lent_by(&call);
        let rule = move |state: &State, asker: Asker<'_>| {
            state.may_lend(asker, lent, life)?;
            state.own_account(asker)
        };
        let (own, by) = self.permit(actor, call.operation(), call.on(), rule).await?;
        let (user, accounts) = (own.user, &self.shared.accounts);
        let account = accounts.account(user)?;
        let changed = match call {
            Account::GetAccount(_) => return Ok(response::Body::Account(accounts.describe_own(&account)?)),
            Account::ListDevices(_) => {
                let devices = accounts.devices(user, own.session, &own.connected)?;
                return Ok(response::Body::Devices(devices));
            }
            Account::ListOauthGrants(_) => {
                return Ok(response::Body::OauthGrants(accounts.oauth_grants(user)?));
            }
            Account::ListLinkedLogIns(_) => {
                return Ok(response::Body::LinkedLogIns(accounts.linked_log_ins(user)?));
            }
            Account::RemoveLinkedLogIn(remove) => {
                accounts.unlink(user, remove.id, by).await?;
                None
            }
            Account::RevokeOauthGrant(revoke) => {
                accounts.revoke_oauth_grant(user, OAuthClientId(revoke.id), by).await?;
                None
            }
            Account::ListApiKeys(_) => return Ok(response::Body::ApiKeys(accounts.api_keys(user)?)),
            Account::SetUpSecondFactor(_) => return self.set_up_second_factor(&account, by).await,
            Account::ConfirmSecondFactor(confirm) => {
                return self.confirm_second_factor(user, &confirm, by).await;
            }
            Account::CreateApiKey(create) => {
                return Ok(response::Body::ApiKeyMade(accounts.create_api_key(user, &create, by).await?));
            }
            Account::EndDevice(end) => {
                return self.end_device(actor, &own, SessionId(end.session), by).await;
            }
            Account::ChangePassword(change) => {
                return self.change_password(&account, &own, &change, by).await;
            }
            Account::EndOtherDevices(_) => Some(accounts.end_others(user, own.session, by).await?),
            Account::RegisterKey(key) => {
                accounts.register_key(user, own.session, &key, by).await?;
                None
            }
            Account::RemoveKey(key) => {
                Some(accounts.remove_key(user, &key.fingerprint, own.session, by).await?)
            }
            Account::RemoveSecondFactor(remove) => {
                Some(accounts.remove_second_factor(&account, &remove.proof, by).await?)
            }
            Account::SetEmail(set) => {
                accounts.set_email(&account, &set, by).await?;
                None
            }
            Account::VerifyEmail(verify) => {
                accounts.verify_email(user, &verify.code, by).await?;
                None
            }
            Account::RevokeApiKey(revoke) => Some(accounts.revoke_api_key(user, revoke.id, by).await?),
        };
        if let Some(changed) = changed {
            self.follow(changed).await?;
        }
        Ok(response::Body::Done(wire::Done {}))
    }

    /// Makes the secret of a second factor.
    async fn set_up_second_factor(&self, account: &User, by: By) -> Result<response::Body, Refused> {
        let secret = self.shared.accounts.set_up_second_factor(account, by).await?;
        Ok(response::Body::SecondFactorSecret(secret))
    }

    /// Puts a second factor in force.
    async fn confirm_second_factor(
        &self,
        user: UserId,
        confirm: &wire::ConfirmSecondFactor,
        by: By,
    ) -> Result<response::Body, Refused> {
        let accounts = &self.shared.accounts;
        let (codes, changed) = accounts.confirm_second_factor(user, &confirm.code, by).await?;
        // Roles that waited for it are there at once.
        self.follow(changed).await?;
        Ok(response::Body::RecoveryCodes(codes))
    }

    /// Gives an account another password.
    async fn change_password(
        &self,
        account: &User,
        own: &Own,
        change: &wire::ChangePassword,
        by: By,
    ) -> Result<response::Body, Refused> {
        let accounts = &self.shared.accounts;
        let (told, changed) = accounts.change_password(account, own.session, change, by).await?;
        self.follow(changed).await?;
        Ok(response::Body::PasswordChanged(told))
    }

    /// Logs a device out. The one that asks is told so before its connection ends.
    async fn end_device(
        &self,
        actor: Actor,
        own: &Own,
        ended: SessionId,
        by: By,
    ) -> Result<response::Body, Refused> {
        let accounts = &self.shared.accounts;
        let changed = accounts.end_device(own.user, ended, by).await?;
        if actor == Actor::Session(ended) {
            // What is live follows by the log-out, which tells the session why it ends.
            return self.change(actor, Live::LogOut(wire::LogOut {}).into(), Given::default()).await;
        }
        self.follow(changed).await?;
        Ok(response::Body::Done(wire::Done {}))
    }
}

/// What is lent to a new key, and for how many milliseconds: it may do what its owner may, at most.
fn lent_by(call: &Account) -> (Permissions, u64) {
    match call {
        Account::CreateApiKey(create) => (Permissions::from_bits(create.scopes), create.life_ms),
        Account::GetAccount(_)
        | Account::ListDevices(_)
        | Account::ListApiKeys(_)
        | Account::ListOauthGrants(_)
        | Account::RevokeOauthGrant(_)
        | Account::ListLinkedLogIns(_)
        | Account::RemoveLinkedLogIn(_)
        | Account::SetUpSecondFactor(_)
        | Account::ConfirmSecondFactor(_)
        | Account::EndDevice(_)
        | Account::ChangePassword(_)
        | Account::EndOtherDevices(_)
        | Account::RegisterKey(_)
        | Account::RemoveKey(_)
        | Account::RemoveSecondFactor(_)
        | Account::SetEmail(_)
        | Account::VerifyEmail(_)
        | Account::RevokeApiKey(_) => (Permissions::NONE, 0),
    }
}
