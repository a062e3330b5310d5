//! One-time codes: set up, confirmed, asked for at a log-in, removed.

use super::{AccountError, Accounts, Changed, random};
use crate::auth::{OneTimeCode, TotpSecret};
use crate::id::UserId;
use crate::protocol::wire;
use crate::store::write::{self, FactorProof, RemovalProof};
use crate::store::{By, SecondFactor, User};

/// Recovery codes that an account gets.
const RECOVERY: usize = 10;

impl Accounts {
    /// What is shown of the account's second factor, if it has one in force. It is used up by the write that it is
    /// shown for.
    pub(super) fn check_second_factor(
        &self,
        user: UserId,
        code: &str,
    ) -> Result<Option<FactorProof>, AccountError> {
        let factor = self.0.store.second_factor(user)?.filter(|factor| factor.confirmed.is_some());
        let Some(factor) = factor else { return Ok(None) };
        if code.is_empty() {
            return Err(AccountError::SecondFactorNeeded);
        }
        self.check_code(&factor, code).map(Some)
    }

    /// Counts a try, and says what the code proves. Whether it was used before, or there is such a recovery code at all,
    /// shows when it is used up.
    fn check_code(&self, factor: &SecondFactor, code: &str) -> Result<FactorProof, AccountError> {
        self.0.attempts.admit_code(factor.user)?;
        if let Some(recovery) = OneTimeCode::parse(code) {
            return Ok(FactorProof::Recovery(recovery.hash()));
        }
        let step = self.secret_of(factor)?.step_of(code, self.0.clock.wall());
        step.map(FactorProof::Step).ok_or(AccountError::SecondFactorWrong)
    }

    fn secret_of(&self, factor: &SecondFactor) -> Result<TotpSecret, AccountError> {
        let opened = self.0.seal.open(factor.user.0, &factor.secret);
        opened.and_then(|bytes| TotpSecret::from_bytes(&bytes)).ok_or_else(|| {
            tracing::error!(user = %factor.user, "a second factor was sealed by another key; restore sealing.key from a backup, or remove the factor");
            AccountError::Internal
        })
    }

    /// Begins: a secret that waits for its first code.
    pub async fn set_up_second_factor(
        &self,
        user: &User,
        by: By,
    ) -> Result<wire::SecondFactorSecret, AccountError> {
        let secret = TotpSecret::from_random(random()?);
        let sealed =
            self.0.seal.seal(user.id.0, secret.as_bytes(), random()?).ok_or(AccountError::Internal)?;
        self.run(by, write::begin_second_factor(user.id, sealed)).await?;
        let uri = secret.uri(&self.name(), &user.name);
        let (qr_side, qr) = modules(&uri);
        Ok(wire::SecondFactorSecret { secret: secret.base32(), uri, qr_side, qr: qr.into() })
    }

    /// The first code puts the secret in force.
    pub async fn confirm_second_factor(
        &self,
        user: UserId,
        code: &str,
        by: By,
    ) -> Result<(wire::RecoveryCodes, Changed), AccountError> {
        let factor = self.0.store.second_factor(user)?;
        let factor = factor.ok_or(write::SecondFactorError::Absent)?;
        let step = self.secret_of(&factor)?.step_of(code, by.at).ok_or(AccountError::SecondFactorWrong)?;
        let codes = (0..RECOVERY).map(|_| Ok(OneTimeCode::from_random(random()?)));
        let codes: Vec<OneTimeCode> = codes.collect::<Result<_, AccountError>>()?;
        let hashes: Vec<_> = codes.iter().map(OneTimeCode::hash).collect();
        self.run(by, write::confirm_second_factor(user, factor.secret, step, hashes)).await?;
        // Roles that waited for it are there at once.
        let codes = codes.iter().map(ToString::to_string).collect();
        Ok((wire::RecoveryCodes { codes }, Changed::User(user)))
    }

    /// What somebody lacks for want of a second factor, in a sentence; empty for nothing.
    pub(super) fn dormant_roles(&self, user: &User) -> Result<String, AccountError> {
        let mut names = Vec::new();
        for grant in &user.grants {
            let role = self.0.store.role(grant.role)?.filter(|role| role.second_factor);
            names.extend(role.map(|role| role.name));
        }
        let confirmed = |factor: SecondFactor| factor.confirmed.is_some();
        if names.is_empty() || self.0.store.second_factor(user.id)?.is_some_and(confirmed) {
            return Ok(String::new());
        }
        Ok(format!(
            "Your role {} gives you nothing until you have a second factor: set one up in your account, or with `parlour account second-factor set-up`.",
            names.join(", ")
        ))
    }

    /// Takes it away, for who shows a code of it or the password.
    pub async fn remove_second_factor(
        &self,
        user: &User,
        proof: &str,
        by: By,
    ) -> Result<Changed, AccountError> {
        let factor = self.0.store.second_factor(user.id)?;
        let factor = factor.ok_or(write::SecondFactorError::Absent)?;
        let looks_like_code = proof.trim().len() <= 7 || OneTimeCode::parse(proof).is_some();
        let proof = if factor.confirmed.is_none() {
            RemovalProof::Unconfirmed
        } else if looks_like_code {
            RemovalProof::Factor(self.check_code(&factor, proof.trim())?)
        } else {
            self.check_own_password(user, proof).await?;
            RemovalProof::Password(user.password.clone().ok_or(AccountError::OwnPasswordWrong)?)
        };
        self.run(by, write::remove_second_factor(user.id, proof)).await?;
        self.0.attempts.forgive_code(user.id);
        Ok(Changed::User(user.id))
    }
}

/// The modules of a QR code, a bit each; none for what is too long for one.
fn modules(text: &str) -> (u32, Vec<u8>) {
    let Ok(code) = qrcode::QrCode::with_error_correction_level(text, qrcode::EcLevel::M) else {
        return (0, Vec::new());
    };
    let colors = code.to_colors();
    let mut bits = vec![0; colors.len().div_ceil(8)];
    for (index, _) in colors.iter().enumerate().filter(|(_, color)| **color == qrcode::Color::Dark) {
        bits[index / 8] |= 128 >> (index % 8);
    }
    (u32::try_from(code.width()).unwrap_or(0), bits)
}
