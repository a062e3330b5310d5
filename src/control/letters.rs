//! Letters: proof that an address is somebody's own, and a forgotten password. They are written into the outbox, in the
//! transaction's own time, and sent from there.

use std::net::IpAddr;
use std::sync::PoisonError;
use std::time::Duration;

use super::log_in::random;
use super::{Handle, Refused};
use crate::auth::{ClaimCode, Policy};
use crate::id::UserId;
use crate::protocol::wire;
use crate::store::write::{self, NewToken, UserEdit};
use crate::store::{Author, By, Mail, OneTimeToken, Purpose, SEEDED_ORGANIZATION, User};
use crate::voice::Peer;

/// How long a code from a letter is good.
const LIFE: Duration = Duration::from_secs(30 * 60);

/// Letters to one address: five at once, then one a minute at first and ever fewer, up to one in a quarter of an hour.
/// Nobody's mailbox is filled, and nobody is locked out: log-ins aren't counted here.
pub(super) const POLICY: Policy = Policy {
    free: 5,
    first: Duration::from_secs(60),
    longest: Duration::from_secs(15 * 60),
    forget: Duration::from_secs(60 * 60),
    capacity: 16_384,
};

impl<P: Peer> Handle<P> {
    /// The account's address, which is to be proven by a letter.
    pub(super) async fn set_email(&self, user: &User, set: &wire::SetEmail, by: By) -> Result<(), Refused> {
        let email = set.email.trim().to_owned();
        if !email.is_empty() && !is_address(&email) {
            return Err(Refused::EmailInvalid);
        }
        self.check_own_password(user, &set.password).await?;
        self.may_write_to(&email)?;
        if let Some(other) = self.0.store.user_by_email(SEEDED_ORGANIZATION, &email)?
            && other.id != user.id
        {
            if other.email_verified {
                // Whose it is learns nothing of it, nor does who asked.
                return Ok(());
            }
            // Who only claims an address doesn't keep it from whose it may be.
            let none = UserEdit { email: Some(None), ..UserEdit::default() };
            self.run(By::server(by.at), write::edit_user(other.id, none)).await?;
        }
        let edit =
            UserEdit { email: Some((!email.is_empty()).then(|| email.clone())), ..UserEdit::default() };
        self.run(by, write::edit_user(user.id, edit)).await?;
        if email.is_empty() {
            return Ok(());
        }
        let code = self.code_for(Purpose::EmailVerification, user.id, Some(email.clone()), by).await?;
        let text = format!(
            "Hello {name},\n\nthis proves that the address is yours:\n\n    {code}\n\n{how}\n\nThe code is good for 30 minutes, once. If you didn't ask for it, nothing needs to be done.\n",
            name = user.name,
            how = self.how("v", &code, "parlour account verify CODE"),
        );
        self.write_letter(email, "Is this address yours?", text, by).await
    }

    /// Proves it.
    pub(super) async fn verify_email(&self, user: UserId, code: &str, by: By) -> Result<(), Refused> {
        let token = self.token_of(Purpose::EmailVerification, code)?;
        let email = token.email.clone().filter(|_| token.user == Some(user)).ok_or(Refused::CodeInvalid)?;
        let outcome = self.run(by, write::take_token(Purpose::EmailVerification, token.hash)).await;
        outcome.map_err(|_| Refused::CodeInvalid)?;
        self.run(by, write::verify_email(user, email)).await?;
        Ok(())
    }

    /// Writes a letter to who forgot the password, if there is somebody with this address. The answer doesn't wait for
    /// that, so that it is the same, and as quick, when there is nobody.
    pub fn request_reset(&self, request: &wire::RequestReset, from: IpAddr) -> Result<(), Refused>
    where
        P: 'static,
    {
        self.check_bans(None, Some(from), None)?;
        self.admit(None, from)?;
        let email = request.email.trim().to_owned();
        if !is_address(&email) {
            return Err(Refused::EmailInvalid);
        }
        self.may_write_to(&email)?;
        let handle = self.clone();
        tokio::spawn(async move {
            if let Err(error) = handle.write_reset(&email, from).await {
                tracing::warn!(%error, "a letter for a forgotten password can't be written");
            }
        });
        Ok(())
    }

    async fn write_reset(&self, email: &str, from: IpAddr) -> Result<(), Refused> {
        let user = self.0.store.user_by_email(SEEDED_ORGANIZATION, email)?;
        // An address that isn't proven may be anybody's.
        let Some(user) = user.filter(|user| user.email_verified && !user.disabled) else { return Ok(()) };
        let by = By { author: Author::Guest, from: Some(from), at: self.0.clock.wall() };
        let code = self.code_for(Purpose::PasswordReset, user.id, None, by).await?;
        let text = format!(
            "Hello {name},\n\nwith this you choose another password:\n\n    {code}\n\n{how}\n\nThe code is good for 30 minutes, once. Every device of yours will have to log in again. If you didn't ask for it, nothing needs to be done; your password is as it was.\n",
            name = user.name,
            how = self.how("r", &code, "parlour reset CODE"),
        );
        self.write_letter(email.to_owned(), "Another password", text, by).await
    }

    /// Another password for who has the code of a letter. Whoever was in is out, on every device.
    pub async fn reset_password(&self, reset: &wire::ResetPassword, from: IpAddr) -> Result<(), Refused> {
        self.check_bans(None, Some(from), None)?;
        self.admit(None, from)?;
        let token = self.token_of(Purpose::PasswordReset, &reset.code)?;
        let user = token.user.map(|user| self.0.store.user(user)).transpose()?.flatten();
        let user = user.ok_or(Refused::CodeInvalid)?;
        let email = user.email.clone().unwrap_or_default();
        // A password that can't be had uses nothing up.
        self.check_new_password(&reset.password, &[&user.name, &email]).await?;
        let password = self.hash(&reset.password).await?;
        let by = By { author: Author::User(user.id), from: Some(from), at: self.0.clock.wall() };
        let outcome = self.run(by, write::take_token(Purpose::PasswordReset, token.hash)).await;
        outcome.map_err(|_| Refused::CodeInvalid)?;
        let edit = UserEdit { password: Some(Some(password)), ..UserEdit::default() };
        self.run(by, write::edit_user(user.id, edit)).await?;
        self.run(by, write::end_sessions_of(user.id, None)).await?;
        self.run(by, write::remove_device_keys_of(user.id, None)).await?;
        self.forgive(from);
        self.forgive_account(&crate::name::folded(&user.name));
        self.refresh().await
    }

    fn token_of(&self, purpose: Purpose, code: &str) -> Result<OneTimeToken, Refused> {
        let code = ClaimCode::parse(code).ok_or(Refused::CodeInvalid)?;
        self.0.store.token(purpose, &code.hash(), self.0.clock.wall())?.ok_or(Refused::CodeInvalid)
    }

    async fn code_for(
        &self,
        purpose: Purpose,
        user: UserId,
        email: Option<String>,
        by: By,
    ) -> Result<ClaimCode, Refused> {
        let code = ClaimCode::from_random(random()?);
        let new = NewToken {
            organization: SEEDED_ORGANIZATION,
            purpose,
            hash: code.hash(),
            user: Some(user),
            uses: 1,
            expires: by.at.plus(LIFE),
            email,
            channel: None,
            roles: Vec::new(),
        };
        self.run(by, write::create_token(new)).await?;
        Ok(code)
    }

    /// How the code is used.
    fn how(&self, path: &str, code: &ClaimCode, command: &str) -> String {
        let page = self.0.settings.page.trim_end_matches('/');
        let command = command.replace("CODE", &code.to_string());
        if page.is_empty() {
            format!("On a terminal: {command}")
        } else {
            format!("Open {page}/{path}/{code}, or on a terminal: {command}")
        }
    }

    fn may_write_to(&self, email: &str) -> Result<(), Refused> {
        let (now, key) = (self.0.clock.wall(), email.to_lowercase());
        let mut resets = self.0.resets.lock().unwrap_or_else(PoisonError::into_inner);
        let delay = resets.delay(&key, now);
        if !delay.is_zero() {
            return Err(Refused::RateLimited(delay));
        }
        resets.tried(key, now);
        Ok(())
    }

    async fn write_letter(&self, to: String, about: &str, text: String, by: By) -> Result<(), Refused> {
        let subject = format!("{}: {about}", self.0.settings.name);
        self.run(by, write::put_mail(to, subject, text, by.at.plus(LIFE))).await?;
        self.0.written.notify_one();
        Ok(())
    }

    /// Letters that wait to be sent, the oldest first.
    pub fn outbox(&self, limit: usize) -> Result<Vec<Mail>, Refused> {
        let now = self.0.clock.wall();
        let waiting = self.0.store.outbox(0, limit)?;
        Ok(waiting.into_iter().filter(|mail| now < mail.expires).collect())
    }

    /// A letter was sent.
    pub async fn sent(&self, number: u64) -> Result<(), Refused> {
        self.run(By::server(self.0.clock.wall()), write::remove_mail(number)).await?;
        Ok(())
    }

    /// Waits until a letter is written.
    pub async fn letter(&self) {
        self.0.written.notified().await;
    }
}

/// Whether text has the form of an e-mail address: something, an at sign, a domain. That it is one shows by the letter.
fn is_address(text: &str) -> bool {
    let plain = text.len() <= 254
        && !text.chars().any(|c| c.is_whitespace() || c.is_control() || "<>,;:\"()[]\\".contains(c));
    plain
        && text.rsplit_once('@').is_some_and(|(local, domain)| {
            !local.is_empty()
                && local.len() <= 64
                && !local.contains('@')
                && domain.contains('.')
                && domain
                    .split('.')
                    .all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_other_text() {
        for good in ["a@b.cd", "zoë@example.org", "a.b+c@sub.example.org"] {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "a@b",
            "@b.cd",
            "a@",
            "a@@b.cd",
            "a b@c.de",
            "a@b.cd\r\nBcc: x@y.z",
            "<a@b.cd>",
            "a@-b.cd",
            "a@b..cd",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
