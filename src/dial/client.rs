//! A question to somebody else's server, and the answer: one connection for each.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use url::{Host, Position, Url};

use super::address::{host, is_plain, judge, number};
use super::error::DialError;
use super::look_up::{LookUp, Machine};
use super::reach::Reach;

/// How long a delivery may take, from the look-up of the name to the last byte that is kept.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// How long one address of several is tried before the next one is.
const TRY: Duration = Duration::from_secs(4);

/// Addresses of one name that are tried.
const MOST_TRIED: usize = 4;

/// Bytes of an answer's headers at most.
const LARGEST_HEADERS: usize = 64 * 1024;

/// Who asks. Clones share the certificates that are trusted, which are read when the first one is needed, and the room for
/// look-ups: what asks for the machine's owner and what asks for others has one each.
#[derive(Clone)]
pub struct Client {
    names: Arc<dyn LookUp>,
    tls: Arc<OnceCell<TlsConnector>>,
}

/// What is asked. It may hold secrets, so it isn't shown.
#[derive(Clone)]
pub struct Question<'a> {
    /// How.
    pub method: Method,
    /// Where, by `http` or `https`.
    pub url: &'a Url,
    /// Headers beside those that are the connection's, which are refused; one of `User-Agent` takes the place of our own.
    pub headers: &'a [(&'a str, &'a str)],
    /// What is sent.
    pub body: Bytes,
    /// How long it may take, from the look-up of the name to the end of the answer.
    pub patience: Duration,
    /// Bytes of the answer's body at most; what comes after them isn't read.
    pub keep: usize,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status (RFC 9110, section 15). One that names another address is an answer like every other.
    pub status: u16,
    /// As many bytes as are kept.
    pub body: Bytes,
    /// Whether the answer may have had more.
    pub cut: bool,
    /// How long it took.
    pub took: Duration,
}

type Broken = Box<dyn std::error::Error + Send + Sync>;

impl Client {
    /// Goes by where this machine says that names lead, and trusts the certificates that it trusts.
    pub fn new() -> Self {
        Self::with(Arc::new(Machine::new()), None)
    }

    /// Goes by somebody else's knowledge of names and, where they are given, trusts other certificates.
    pub fn with(names: Arc<dyn LookUp>, roots: Option<RootCertStore>) -> Self {
        let tls = roots.and_then(|roots| connector(roots).ok());
        Self { names, tls: Arc::new(OnceCell::new_with(tls)) }
    }

    /// Posts something, within [`PATIENCE`]. Answers with what came back, whatever it was, of which `keep` bytes are kept.
    pub async fn post(
        &self,
        url: &Url,
        headers: &[(&str, &str)],
        body: Bytes,
        reach: &Reach,
        keep: usize,
    ) -> Result<Answer, DialError> {
        let question = Question { method: Method::POST, url, headers, body, patience: PATIENCE, keep };
        self.ask(question, reach).await
    }

    /// Asks, and answers with what came back, whatever it was.
    pub async fn ask(&self, question: Question<'_>, reach: &Reach) -> Result<Answer, DialError> {
        let (began, patience) = (Instant::now(), question.patience);
        let host = host(question.url)?;
        let shown = host.to_string();
        let headers = headers(&question)?;
        let asked = async {
            let unreachable =
                |why: Broken| DialError::Unreachable { host: shown.clone(), why: why.to_string() };
            let found = self.leads_to(&host).await.map_err(|why| unreachable(why.into()))?;
            judge(question.url, &found, reach)?;
            self.exchange(&question, headers, &found).await.map_err(unreachable)
        };
        match timeout(patience, asked).await {
            Ok(answer) => answer.map(|answer| Answer { took: began.elapsed(), ..answer }),
            Err(_) => Err(DialError::Slow { host: shown.clone(), seconds: patience.as_secs() }),
        }
    }

    /// All addresses of a host.
    async fn leads_to(&self, host: &Host<&str>) -> io::Result<Vec<IpAddr>> {
        let found = match (number(host), host) {
            (Some(address), _) => vec![address],
            (None, host) => self.names.look_up(&host.to_string()).await?,
        };
        if found.is_empty() { Err(io::Error::other("the name leads nowhere")) } else { Ok(found) }
    }

    async fn exchange(
        &self,
        question: &Question<'_>,
        headers: HeaderMap,
        addresses: &[IpAddr],
    ) -> Result<Answer, Broken> {
        let url = question.url;
        let port = url.port_or_known_default().unwrap_or(443);
        let stream = connect(addresses, port).await?;
        if is_plain(url) {
            return over(stream, question, headers).await;
        }
        let bare = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(bare)?;
        let tls = self.tls.get_or_try_init(trusted).await?;
        over(tls.connect(name, stream).await?, question, headers).await
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client(..)")
    }
}

/// What trusts the certificates that this machine trusts.
async fn trusted() -> Result<TlsConnector, Broken> {
    let read = spawn_blocking(|| {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "a certificate that this machine trusts can't be read");
        }
        roots.add_parsable_certificates(found.certs);
        connector(roots)
    });
    Ok(read.await??)
}

fn connector(roots: RootCertStore) -> Result<TlsConnector, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(tls)))
}

/// A connection to the first of these addresses that takes one.
async fn connect(addresses: &[IpAddr], port: u16) -> io::Result<TcpStream> {
    let (last, others) =
        addresses[..addresses.len().min(MOST_TRIED)].split_last().ok_or(io::ErrorKind::NotFound)?;
    for address in others {
        if let Ok(Ok(stream)) = timeout(TRY, TcpStream::connect(SocketAddr::new(*address, port))).await {
            return Ok(stream);
        }
    }
    TcpStream::connect(SocketAddr::new(*last, port)).await
}

/// All headers of a request.
fn headers(question: &Question<'_>) -> Result<HeaderMap, DialError> {
    let mut headers = HeaderMap::new();
    let of_host = &question.url[Position::BeforeHost..Position::AfterPort];
    let agent = concat!("parlour/", env!("CARGO_PKG_VERSION"));
    let own = [(HOST.as_str(), of_host), (USER_AGENT.as_str(), agent), (CONNECTION.as_str(), "close")];
    for (name, value) in own.into_iter().chain(question.headers.iter().copied()) {
        let name =
            HeaderName::try_from(name).map_err(|_| DialError::Header(name.chars().take(64).collect()))?;
        let value = HeaderValue::try_from(value).map_err(|_| DialError::Header(name.to_string()))?;
        let is_kept = |own: &(&str, &str)| name.as_str() == own.0 && own.0 != USER_AGENT.as_str();
        let is_own = own.iter().any(is_kept) && headers.contains_key(&name);
        if is_own || OF_CONNECTION.contains(&name) || headers.try_insert(name.clone(), value).is_err() {
            return Err(DialError::Taken(name.as_str().chars().take(64).collect()));
        }
    }
    Ok(headers)
}

/// What a request says that is the connection's, beside its own: whoever says it might have the server ask another host than
/// the one that was judged, or put a second request into the first one's place.
const OF_CONNECTION: [HeaderName; 6] = [CONTENT_LENGTH, TRANSFER_ENCODING, TE, TRAILER, UPGRADE, EXPECT];

/// A task that ends with whoever waits for it.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn over(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    question: &Question<'_>,
    headers: HeaderMap,
) -> Result<Answer, Broken> {
    let (mut send, connection) = http1::Builder::new()
        .max_buf_size(LARGEST_HEADERS)
        .handshake::<_, Full<Bytes>>(TokioIo::new(stream))
        .await?;
    let _driver = Driver(tokio::spawn(async move {
        // What went wrong is told to whoever waits for the answer.
        let _ = connection.await;
    }));
    let path = &question.url[Position::BeforePath..Position::AfterQuery];
    let mut request =
        Request::builder().method(&question.method).uri(path).body(Full::new(question.body.clone()))?;
    *request.headers_mut() = headers;
    let answer = send.send_request(request).await?;
    let status = answer.status().as_u16();
    let (body, cut) = read(answer.into_body(), question.keep).await?;
    Ok(Answer { status, body, cut, took: Duration::ZERO })
}

/// The first bytes of a body, and whether it may have more.
async fn read(mut body: Incoming, keep: usize) -> Result<(Bytes, bool), hyper::Error> {
    let mut kept = BytesMut::new();
    while !body.is_end_stream() {
        if kept.len() == keep {
            return Ok((kept.freeze(), true));
        }
        let Some(frame) = body.frame().await.transpose()? else { break };
        let Ok(data) = frame.into_data() else { continue };
        let room = keep - kept.len();
        kept.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            return Ok((kept.freeze(), true));
        }
    }
    Ok((kept.freeze(), false))
}

#[cfg(test)]
mod tests;
