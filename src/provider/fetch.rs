//! What is asked of providers, within bounds of its own: whoever runs the machine wrote their addresses, so that they may be in
//! networks of their own.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use thiserror::Error;
use tokio::sync::Semaphore;
use url::Url;

use crate::auth::oidc::is_address;
use crate::bounds::MAX_PROVIDER_QUESTIONS;
use crate::dial::{self, Client, DialError, Reach};

/// How long a question may take, from the look-up of the name to the end of the answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of an answer at most.
const LARGEST: usize = 256 * 1024;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FetchError {
    /// The address isn't one that may be asked.
    #[error("{0} is no address that may be asked: it begins with https://")]
    Address(String),
    /// Nobody answers there, or not in a way that is understood.
    #[error("{host} can't be reached: {why}")]
    Unreachable {
        /// Who.
        host: String,
        /// What the operating system, TLS or HTTP says.
        why: String,
    },
    /// It takes too long.
    #[error("{0} didn't answer within {seconds} seconds", seconds = PATIENCE.as_secs())]
    Slow(String),
    /// So much is asked of it already.
    #[error("many log in by it at this moment")]
    Busy,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(super) struct Question<'a> {
    /// Where.
    pub(super) address: &'a str,
    /// What is shown of whoever asks.
    pub(super) authorization: Option<String>,
    /// The form that is posted, where one is.
    pub(super) form: Option<String>,
}

impl<'a> Question<'a> {
    /// What is there for everybody.
    pub(super) fn open(address: &'a str) -> Self {
        Self { address, authorization: None, form: None }
    }
}

/// What was answered.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

/// Who asks one provider.
#[derive(Debug)]
pub(super) struct Fetch {
    client: Client,
    room: Semaphore,
}

impl Fetch {
    /// By the client of the whole server.
    pub(super) fn new(client: Client) -> Self {
        Self { client, room: Semaphore::new(MAX_PROVIDER_QUESTIONS) }
    }

    /// Asks, and answers with what came back, whatever it was.
    pub(super) async fn ask(&self, question: Question<'_>) -> Result<Answer, FetchError> {
        let _one = self.room.try_acquire().map_err(|_| FetchError::Busy)?;
        let url = Url::parse(question.address).ok().filter(|_| is_address(question.address));
        let url = url.ok_or_else(|| FetchError::Address(question.address.chars().take(128).collect()))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let mut headers = vec![(ACCEPT.as_str(), "application/json")];
        headers.extend(question.authorization.as_deref().map(|shown| (AUTHORIZATION.as_str(), shown)));
        let form =
            question.form.as_ref().map(|_| (CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded"));
        headers.extend(form);
        let asked = dial::Question {
            method: if question.form.is_some() { Method::POST } else { Method::GET },
            url: &url,
            headers: &headers,
            body: Bytes::from(question.form.unwrap_or_default()),
            patience: PATIENCE,
            keep: LARGEST,
        };
        let unreachable = |why| Err(FetchError::Unreachable { host: host.clone(), why });
        match self.client.ask(asked, &Reach::everything()).await {
            Ok(answer) if answer.cut => unreachable(format!("it answers with more than {LARGEST} bytes")),
            Ok(dial::Answer { status, body, .. }) => Ok(Answer { status, body }),
            Err(DialError::Slow { host, .. }) => Err(FetchError::Slow(host)),
            Err(DialError::Unreachable { why, .. }) => unreachable(why),
            Err(error) => unreachable(error.to_string()),
        }
    }
}
