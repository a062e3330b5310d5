//! E-mails: proof that an address is somebody's own, and a forgotten password. They are written into the outbox, in the
//! transaction's own time, and sent from there.

use std::time::Duration;

use super::{AccountError, Accounts, random};
use crate::auth::OneTimeCode;
use crate::bounds::MAX_EMAIL;
use crate::id::{Timestamp, UserId};
use crate::protocol::wire;
use crate::store::write::{self, CodeEmail, NewEmail};
use crate::store::{By, Email, OneTimeToken, Purpose, User};

/// How long a code from an e-mail is good.
const LIFE: Duration = Duration::from_secs(30 * 60);

impl Accounts {
    /// The account's address, once it is proven by the code of an e-mail; none any more where it is empty. Whoever asks sees
    /// no difference whether the address is somebody else's.
    pub async fn set_email(&self, user: &User, set: &wire::SetEmail, by: By) -> Result<(), AccountError> {
        let email = set.email.trim().to_owned();
        if !email.is_empty() && !is_address(&email) {
            return Err(AccountError::EmailInvalid);
        }
        self.check_own_password(user, &set.password).await?;
        if email.is_empty() {
            self.run(by, write::set_email(user.id, None)).await?;
            return Ok(());
        }
        self.0.letters.admit_proof(user.id, by.from, &email)?;
        let code = OneTimeCode::from_random(random()?);
        let text = format!(
            "Hello {name},\n\nthis proves to {place} that the address is yours:\n\n    {code}\n\n{how}\n\nThe code is good for 30 minutes, once. If you didn't ask for it, nothing needs to be done.\n",
            name = user.name,
            place = self.name(),
            how = self.how("v", &code, "parlour account verify"),
        );
        let mail = self.email_with(&code, email, "Is this address yours?", text, by);
        self.run(by, write::set_email(user.id, Some(mail))).await?;
        self.note_email();
        Ok(())
    }

    /// Whether something has the form of an address, or is none at all.
    pub fn check_email_form(&self, email: &str) -> Result<(), AccountError> {
        if email.is_empty() || is_address(email.trim()) { Ok(()) } else { Err(AccountError::EmailInvalid) }
    }

    /// The address that waits for its code, for as long as that is good. Looks at the codes that were made since it may have
    /// been.
    pub(super) fn pending_email(&self, user: UserId) -> Result<String, AccountError> {
        let now = self.0.clock.wall();
        let since = Timestamp(now.0.saturating_sub(2 * LIFE.as_millis() as u64));
        let is_proof = |token: &OneTimeToken| {
            token.purpose == Purpose::EmailVerification && token.user == Some(user) && now < token.expires
        };
        let proof = self.0.store.newest_token(self.0.organization, since, is_proof)?;
        Ok(proof.and_then(|token| token.email).unwrap_or_default())
    }

    /// Proves it.
    pub async fn verify_email(&self, user: UserId, code: &str, by: By) -> Result<(), AccountError> {
        let code = OneTimeCode::parse(code).ok_or(AccountError::CodeInvalid)?;
        self.run(by, write::verify_email(user, code.hash())).await?;
        Ok(())
    }

    pub(super) fn token_of(&self, purpose: Purpose, code: &str) -> Result<OneTimeToken, AccountError> {
        let code = OneTimeCode::parse(code).ok_or(AccountError::CodeInvalid)?;
        self.token(purpose, &code)?.ok_or(AccountError::CodeInvalid)
    }

    /// How the code is used: a link to the page of this organization, and a command, which asks for it.
    pub(super) fn how(&self, path: &str, code: &OneTimeCode, command: &str) -> String {
        let page = self.0.settings.page.trim_end_matches('/');
        if page.is_empty() {
            return format!("On a terminal: {command}");
        }
        // Whoever has accounts in several places may be logged in elsewhere.
        let server = page.strip_prefix("https://").map(|place| format!(" --server parlour://{place}"));
        let server = server.unwrap_or_default();
        format!("Open {page}/{path}/{code}, or on a terminal: {command}{server}")
    }

    /// An e-mail with a code in it, which is good for as long as the e-mail is of use.
    pub(super) fn email_with(
        &self,
        code: &OneTimeCode,
        to: String,
        about: &str,
        text: String,
        by: By,
    ) -> CodeEmail {
        let subject = format!("{}: {about}", self.name());
        CodeEmail { code: code.hash(), mail: NewEmail { to, subject, text, expires: by.at.plus(LIFE) } }
    }

    /// An e-mail that waits to be sent is told of.
    pub(super) fn note_email(&self) {
        self.0.written.notify_one();
    }

    /// E-mails that wait to be sent, the oldest first.
    pub fn outbox(&self, limit: usize) -> Result<Vec<Email>, AccountError> {
        let now = self.0.clock.wall();
        let waiting = self.0.store.outbox(0, limit)?;
        Ok(waiting.into_iter().filter(|mail| now < mail.expires).collect())
    }

    /// An e-mail was sent.
    pub async fn sent(&self, mail: Email) -> Result<(), AccountError> {
        self.run(By::server(self.0.clock.wall()), write::remove_email(mail)).await?;
        Ok(())
    }

    /// Waits until an e-mail is written.
    pub async fn email_waits(&self) {
        self.0.written.notified().await;
    }
}

/// Whether text has the form of an e-mail address: something, an at sign, a domain. That it is one shows by the e-mail.
pub(super) fn is_address(text: &str) -> bool {
    let plain = text.len() <= MAX_EMAIL
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
