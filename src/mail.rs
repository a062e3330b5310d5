//! E-mails by SMTP (RFC 5321), over TLS unless the server is on this machine.

use std::net::IpAddr;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use thiserror::Error;

use crate::config::Config;

/// How long an e-mail may take to be handed over.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why e-mails can't be sent, or this one couldn't.
#[derive(Debug, Error)]
pub enum MailError {
    /// A setting is missing or wrong.
    #[error("{0}")]
    Setting(String),
    /// An address isn't one.
    #[error("`{address}` is no e-mail address: {source}")]
    Address {
        /// What it is.
        address: String,
        /// What is wrong with it.
        source: lettre::address::AddressError,
    },
    /// An e-mail can't be made.
    #[error("the e-mail can't be written: {0}")]
    Message(#[from] lettre::error::Error),
    /// The server didn't take it.
    #[error("the mail server didn't take the e-mail: {0}")]
    Smtp(#[from] lettre::transport::smtp::Error),
}

/// The way to the mail server.
#[derive(Debug)]
pub struct Post {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Post {
    /// The server of the settings; none where none is named.
    pub fn new(config: &Config) -> Result<Option<Self>, MailError> {
        let (server, security) = (config.mail_server(), config.mail_security());
        if server.is_empty() {
            return Ok(None);
        }
        let setting = |words: &str| MailError::Setting(words.to_owned());
        let usual = match security.as_str() {
            "tls" => 465,
            "none" => 25,
            _ => 587,
        };
        let (host, port) = match server.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') => {
                (host, port.parse().map_err(|_| setting("mail.server has no port after its colon"))?)
            }
            _ => (server.as_str(), usual),
        };
        let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if security == "none" && !is_here {
            return Err(setting(
                "mail.security = \"none\" would send passwords in the clear; it is for a mail server on this machine",
            ));
        }
        if config.mail_from().is_empty() {
            return Err(setting("mail.server needs mail.from, the address that e-mails come from"));
        }
        let parameters = || TlsParameters::new(host.to_owned());
        let tls = match security.as_str() {
            "tls" => Tls::Wrapper(parameters()?),
            "none" => Tls::None,
            _ => Tls::Required(parameters()?),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(port)
            .tls(tls)
            .timeout(Some(PATIENCE));
        if !config.mail_user().is_empty() {
            builder = builder.credentials(Credentials::new(config.mail_user(), config.mail_password()));
        }
        Ok(Some(Self { transport: builder.build(), from: mailbox(&config.mail_from())? }))
    }

    /// Hands an e-mail over.
    pub async fn send(&self, to: &str, subject: &str, text: &str) -> Result<(), MailError> {
        let mail = Message::builder()
            .from(self.from.clone())
            .to(mailbox(to)?)
            .subject(subject)
            .header(ContentType::TEXT_PLAIN)
            .body(text.to_owned())?;
        self.transport.send(mail).await?;
        Ok(())
    }
}

fn mailbox(address: &str) -> Result<Mailbox, MailError> {
    address.parse().map_err(|source| MailError::Address { address: address.to_owned(), source })
}
