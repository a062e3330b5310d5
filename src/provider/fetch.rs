//! What is asked of providers, over HTTPS: one connection for each question, no redirect followed, bounds for the time and
//! for the answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{Method, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::Url;

use crate::auth::oidc::is_address;
use crate::bounds::MAX_PROVIDER_QUESTIONS;

/// How long a question may take, from the look-up of the name to the end of the answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of an answer at most.
pub(super) const LARGEST: usize = 256 * 1024;

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
pub(super) struct Fetch {
    tls: TlsConnector,
    room: Semaphore,
}

impl Fetch {
    /// Trusts the certificates that this machine trusts.
    pub(super) fn new() -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "a certificate that this machine trusts can't be read");
        }
        roots.add_parsable_certificates(found.certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { tls: TlsConnector::from(Arc::new(tls)), room: Semaphore::new(MAX_PROVIDER_QUESTIONS) })
    }

    /// Who asks another one, with the same trust.
    pub(super) fn beside(&self) -> Self {
        Self { tls: self.tls.clone(), room: Semaphore::new(MAX_PROVIDER_QUESTIONS) }
    }

    /// Asks, and answers with what came back, whatever it was.
    pub(super) async fn ask(&self, question: Question<'_>) -> Result<Answer, FetchError> {
        let _one = self.room.try_acquire().map_err(|_| FetchError::Busy)?;
        let url = Url::parse(question.address).ok().filter(|_| is_address(question.address));
        let url = url.ok_or_else(|| FetchError::Address(question.address.chars().take(128).collect()))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        match timeout(PATIENCE, self.get(&url, question)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(why)) => Err(FetchError::Unreachable { host, why: why.to_string() }),
            Err(_) => Err(FetchError::Slow(host)),
        }
    }

    async fn get(&self, url: &Url, question: Question<'_>) -> Result<Answer, Broken> {
        let host = url.host_str().unwrap_or_default();
        let bare = host.trim_matches(['[', ']']);
        let port = url.port_or_known_default().unwrap_or(443);
        let stream = TcpStream::connect((bare, port)).await?;
        if url.scheme() == "http" {
            return exchange(stream, url, question).await;
        }
        let name = ServerName::try_from(bare.to_owned())?;
        exchange(self.tls.connect(name, stream).await?, url, question).await
    }
}

type Broken = Box<dyn std::error::Error + Send + Sync>;

/// A task that ends with whoever waits for it.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    url: &Url,
    question: Question<'_>,
) -> Result<Answer, Broken> {
    let (mut send, connection) = http1::Builder::new()
        .max_buf_size(64 * 1024)
        .handshake::<_, Full<Bytes>>(TokioIo::new(stream))
        .await?;
    let _driver = Driver(tokio::spawn(async move {
        // What went wrong is told to whoever waits for the answer.
        let _ = connection.await;
    }));
    let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let mut request = Request::builder()
        .method(if question.form.is_some() { Method::POST } else { Method::GET })
        .uri(path)
        .header(HOST, authority)
        .header(USER_AGENT, concat!("parlour/", env!("CARGO_PKG_VERSION")))
        .header(ACCEPT, "application/json");
    if let Some(shown) = question.authorization {
        request = request.header(AUTHORIZATION, shown);
    }
    if question.form.is_some() {
        request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    }
    let body = Full::new(Bytes::from(question.form.unwrap_or_default()));
    let answer = send.send_request(request.body(body)?).await?;
    let status = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), LARGEST).collect().await?.to_bytes();
    Ok(Answer { status, body })
}

impl std::fmt::Debug for Fetch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fetch(..)")
    }
}
