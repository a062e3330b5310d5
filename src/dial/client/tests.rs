use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::dial::look_up::Found;

const HERE: [u8; 4] = [127, 0, 0, 1];
const BESIDE: [u8; 4] = [127, 0, 0, 2];
const PUBLIC: [u8; 4] = [8, 8, 8, 8];
const NO_CONTENT: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// Names that lead to the next of these lists at each look-up, and then on to the last one.
struct Names {
    lists: Vec<Vec<IpAddr>>,
    asked: Mutex<Vec<String>>,
}

impl Names {
    fn new(lists: &[&[[u8; 4]]]) -> Arc<Self> {
        let lists = lists.iter().map(|list| list.iter().map(|bytes| Ipv4Addr::from(*bytes).into()).collect());
        Arc::new(Self { lists: lists.collect(), asked: Mutex::default() })
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl LookUp for Names {
    fn look_up(&self, name: &str) -> Found {
        let mut asked = self.asked.lock().unwrap();
        asked.push(name.to_owned());
        let list = self.lists[asked.len().min(self.lists.len()) - 1].clone();
        Box::pin(async move { Ok(list) })
    }
}

/// A server that answers whatever it is asked with the same bytes.
struct Other {
    port: u16,
    connections: Arc<AtomicUsize>,
    heard: Arc<Mutex<String>>,
    sent: Arc<AtomicU64>,
}

impl Other {
    /// One at an address; with port 0 at any port. `repeat` sends the answer's last part again and again.
    async fn at(address: [u8; 4], port: u16, answer: Vec<u8>, repeat: Vec<u8>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::from(address), port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (connections, heard, sent) = (Arc::default(), Arc::default(), Arc::default());
        let other = Self { port, connections, heard, sent };
        let (connections, heard) = (Arc::clone(&other.connections), Arc::clone(&other.heard));
        let sent = Arc::clone(&other.sent);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                *heard.lock().unwrap() = hear(&mut stream).await;
                let _ = stream.write_all(&answer).await;
                while !repeat.is_empty() && stream.write_all(&repeat).await.is_ok() {
                    sent.fetch_add(repeat.len() as u64, Ordering::SeqCst);
                }
                if answer.is_empty() {
                    // It says nothing, and waits for the other to go.
                    let _ = stream.read(&mut [0]).await;
                }
            }
        });
        other
    }

    async fn new(answer: &[u8]) -> Self {
        Self::at(HERE, 0, answer.to_vec(), Vec::new()).await
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn url(&self, host: &str) -> Url {
        Url::parse(&format!("http://{host}:{}/a/b?c=d", self.port)).unwrap()
    }
}

/// The head of a request, and a body that ends with a full stop.
async fn hear(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let (mut heard, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let count = stream.read(&mut part).await.unwrap_or(0);
        heard.extend_from_slice(&part[..count]);
        if count == 0 || heard.ends_with(b".") || heard.starts_with(b"GET") && heard.ends_with(b"\r\n\r\n") {
            return String::from_utf8(heard).unwrap();
        }
    }
}

fn reach(networks: &[&str]) -> Reach {
    Reach::public_and(networks.iter().map(|network| network.parse().unwrap()).collect())
}

async fn post(names: &Arc<Names>, url: &Url, reach: &Reach) -> Result<Answer, DialError> {
    let names = Arc::clone(names) as Arc<dyn LookUp>;
    Client::with(names, None).post(url, &[("webhook-id", "1")], Bytes::from_static(b"hello."), reach, 4).await
}

/// The same where nobody may have to wait for long.
async fn ask(url: &Url, keep: usize) -> Result<Answer, DialError> {
    let client = Client::with(Names::new(&[&[HERE]]), None);
    let (headers, body, patience) = (&[][..], Bytes::from_static(b"hello."), Duration::from_millis(1_500));
    client
        .ask(Question { method: Method::POST, url, headers, body, patience, keep }, &reach(&["127.0.0.1"]))
        .await
}

#[tokio::test]
async fn a_request_is_what_was_asked_for_and_a_redirect_is_not_followed() {
    let elsewhere = Other::new(NO_CONTENT).await;
    let to = format!("Location: {}\r\n", elsewhere.url("there.test"));
    let answer = format!("HTTP/1.1 302 Found\r\n{to}Content-Length: 4\r\n\r\nmove");
    let other = Other::new(answer.as_bytes()).await;
    let names = Names::new(&[&[HERE]]);
    let answer = post(&names, &other.url("Hooks.Test"), &reach(&["127.0.0.0/8"])).await.unwrap();
    assert_eq!((answer.status, &answer.body[..], answer.cut), (302, &b"move"[..], false));
    assert!(answer.took > Duration::ZERO && answer.took < PATIENCE);
    let heard = other.heard.lock().unwrap().clone();
    assert!(heard.starts_with("POST /a/b?c=d HTTP/1.1\r\n") && heard.ends_with("\r\n\r\nhello."), "{heard}");
    let host = format!("host: hooks.test:{}", other.port);
    for line in [&host, "webhook-id: 1", "content-length: 6", "connection: close"] {
        assert!(heard.lines().any(|heard| heard == line), "{line}: {heard}");
    }
    assert_eq!((names.asked(), elsewhere.connections()), (vec!["hooks.test".to_owned()], 0));
}

#[tokio::test]
async fn a_name_that_changes_after_it_was_looked_up_is_dialled_where_it_was_judged() {
    let other = Other::new(NO_CONTENT).await;
    let trap = Other::at(BESIDE, other.port, NO_CONTENT.to_vec(), Vec::new()).await;
    // The first look-up leads where it may, and each one after it into the trap.
    let names = Names::new(&[&[HERE], &[BESIDE]]);
    let (url, reach) = (other.url("hooks.test"), reach(&["127.0.0.1"]));
    assert_eq!(post(&names, &url, &reach).await.unwrap().status, 204);
    assert_eq!((names.asked().len(), other.connections(), trap.connections()), (1, 1, 0));
    let refused = post(&names, &url, &reach).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "hooks.test leads to 127.0.0.2, a loopback address; such addresses are asked only in networks that the machine's \
         owner lists (hooks.networks)"
    );
    assert_eq!((names.asked().len(), other.connections(), trap.connections()), (2, 1, 0));
}

#[tokio::test]
async fn a_name_that_leads_to_one_address_that_is_kept_is_asked_at_none() {
    let other = Other::new(NO_CONTENT).await;
    let url = other.url("hooks.test");
    for two in [[HERE, BESIDE], [BESIDE, HERE]] {
        let refused = post(&Names::new(&[&two]), &url, &reach(&["127.0.0.1"])).await.unwrap_err();
        assert!(matches!(refused, DialError::Kept { of: 2, .. }), "{refused:?}");
        assert!(
            refused.to_string().ends_with("one of its 2 addresses is enough that none is asked"),
            "{refused}"
        );
    }
    // Nor where the other is public, and asked by https.
    let url = Url::parse(&format!("https://hooks.test:{}/", other.port)).unwrap();
    let refused = post(&Names::new(&[&[PUBLIC, HERE]]), &url, &reach(&[])).await;
    assert!(matches!(refused, Err(DialError::Kept { .. })), "{refused:?}");
    // What is public isn't asked without encryption.
    let refused = post(&Names::new(&[&[PUBLIC]]), &other.url("hooks.test"), &reach(&["127.0.0.1"])).await;
    assert!(matches!(refused, Err(DialError::Plain { .. })), "{refused:?}");
    // Numbers are judged without a look-up.
    let names = Names::new(&[]);
    for number in ["2130706433", "0x7f.1", "0177.0.0.1", "[::ffff:127.0.0.1]", "[::1]", "[64:ff9b::7f00:1]"] {
        let refused = post(&names, &other.url(number), &reach(&["10.0.0.0/8"])).await;
        assert!(matches!(refused, Err(DialError::Kept { .. })), "{number}: {refused:?}");
    }
    let wrong = Url::parse("ftp://hooks.test/").unwrap();
    assert!(matches!(post(&names, &wrong, &reach(&["127.0.0.1"])).await, Err(DialError::Address(_))));
    assert_eq!((other.connections(), names.asked().len()), (0, 0));
}

#[tokio::test]
async fn the_next_address_is_tried_where_nobody_listens_at_one() {
    let other = Other::new(NO_CONTENT).await;
    let names = Names::new(&[&[BESIDE, [127, 0, 0, 3], HERE]]);
    let reach = reach(&["127.0.0.0/8"]);
    assert_eq!(post(&names, &other.url("hooks.test"), &reach).await.unwrap().status, 204);
    let nobody = post(&Names::new(&[&[BESIDE]]), &other.url("hooks.test"), &reach).await.unwrap_err();
    assert!(nobody.to_string().starts_with("hooks.test can't be reached: "), "{nobody}");
    let nowhere = post(&Names::new(&[&[]]), &other.url("hooks.test"), &reach).await.unwrap_err();
    assert!(nowhere.to_string().ends_with("the name leads nowhere"), "{nowhere}");
}

#[tokio::test]
async fn a_large_answer_is_cut_and_one_that_fits_is_whole() {
    let answer = |length: usize| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").into_bytes();
    let huge = Other::at(HERE, 0, answer(1 << 40), vec![b'x'; 64 * 1024]).await;
    let got = ask(&huge.url("hooks.test"), 4096).await.unwrap();
    assert_eq!((got.status, got.body.len(), got.cut), (200, 4096, true));
    // What isn't kept isn't read: the other can send no more than what its socket takes.
    assert!(huge.sent.load(Ordering::SeqCst) < 64 << 20);
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let endless = Other::at(HERE, 0, chunked, b"5\r\nabcde\r\n".to_vec()).await;
    let got = ask(&endless.url("hooks.test"), 12).await.unwrap();
    assert_eq!((&got.body[..], got.cut), (&b"abcdeabcdeab"[..], true));
    for (length, keep, cut) in [(4, 4, false), (4, 3, true), (4, 0, true), (0, 0, false)] {
        let other = Other::new(&[answer(length), vec![b'x'; length]].concat()).await;
        let got = ask(&other.url("hooks.test"), keep).await.unwrap();
        assert_eq!((got.body.len(), got.cut), (length.min(keep), cut), "{length} {keep}");
    }
}

#[tokio::test]
async fn headers_have_a_bound_and_what_is_no_http_is_said() {
    let line = |count: usize| format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(count)).into_bytes();
    let many = Other::new(&line(101)).await;
    assert!(matches!(ask(&many.url("hooks.test"), 1).await, Err(DialError::Unreachable { .. })));
    let endless = Other::at(HERE, 0, b"HTTP/1.1 200 OK\r\na: ".to_vec(), vec![b'x'; 8192]).await;
    assert!(matches!(ask(&endless.url("hooks.test"), 1).await, Err(DialError::Unreachable { .. })));
    let other = Other::new(b"SSH-2.0-OpenSSH_9.2\r\n").await;
    assert!(matches!(ask(&other.url("hooks.test"), 1).await, Err(DialError::Unreachable { .. })));
    let client = Client::with(Names::new(&[&[HERE]]), None);
    for (name, value) in [("a b", "c"), ("a", "b\r\nc: d")] {
        let headers = [(name, value)];
        let wrong =
            client.post(&other.url("hooks.test"), &headers, Bytes::new(), &reach(&["127.0.0.1"]), 1).await;
        assert!(matches!(wrong, Err(DialError::Header(_))), "{wrong:?}");
    }
    // Whoever says who is asked might be answered by another than the one that was judged.
    for name in
        ["Host", "connection", "Content-Length", "transfer-encoding", "TE", "upgrade", "expect", "trailer"]
    {
        let headers = [(name, "x")];
        let taken =
            client.post(&other.url("hooks.test"), &headers, Bytes::new(), &reach(&["127.0.0.1"]), 1).await;
        assert!(matches!(taken, Err(DialError::Taken(_))), "{name}: {taken:?}");
    }
    let names: Vec<_> = (0..40_000).map(|number| format!("a{number}")).collect();
    let headers: Vec<_> = names.iter().map(|name| (name.as_str(), "x")).collect();
    let many = client.post(&other.url("hooks.test"), &headers, Bytes::new(), &reach(&["127.0.0.1"]), 1).await;
    assert!(matches!(many, Err(DialError::Taken(_))), "{many:?}");
    assert_eq!(other.connections(), 1);
}

#[tokio::test]
async fn whoever_is_slow_is_given_up() {
    // One that never answers, and one whose answer never ends.
    let silent = Other::new(b"").await;
    let begun = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let endless = Other::at(HERE, 0, begun, b"1\r\nx\r\n".to_vec()).await;
    for (other, keep) in [(&silent, 1), (&endless, usize::MAX)] {
        let began = Instant::now();
        let slow = ask(&other.url("hooks.test"), keep).await.unwrap_err();
        assert_eq!(slow.to_string(), "hooks.test didn't answer within 1 seconds");
        assert!(began.elapsed() >= Duration::from_millis(1_500) && began.elapsed() < PATIENCE);
    }
    assert_eq!(PATIENCE.as_secs(), 15);
}

/// What answers over TLS as `hooks.test`, and the certificate that says so.
async fn encrypted() -> (u16, RootCertStore) {
    let made = rcgen::generate_simple_self_signed(["hooks.test".to_owned()]).unwrap();
    let chain = vec![made.cert.der().clone()];
    let mut roots = RootCertStore::empty();
    roots.add(chain[0].clone()).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            hear(&mut stream).await;
            let _ = stream.write_all(NO_CONTENT).await;
            let _ = stream.shutdown().await;
        }
    });
    (port, roots)
}

#[tokio::test]
async fn a_certificate_has_to_be_trusted_and_to_be_of_the_name() {
    let (port, roots) = encrypted().await;
    let names = || Names::new(&[&[HERE]]) as Arc<dyn LookUp>;
    let trusting = Client::with(names(), Some(roots));
    let (reach, headers) = (reach(&["127.0.0.1"]), [("content-type", "text/plain")]);
    let ask = async |client: &Client, host: &str| {
        let url = Url::parse(&format!("https://{host}:{port}/")).unwrap();
        client.post(&url, &headers, Bytes::from_static(b"hello."), &reach, 1).await
    };
    assert_eq!(ask(&trusting, "hooks.test").await.unwrap().status, 204);
    for host in ["other.test", "127.0.0.1"] {
        let refused = ask(&trusting, host).await.unwrap_err();
        assert!(refused.to_string().contains("certificate"), "{refused}");
    }
    let refused = ask(&Client::with(names(), None), "hooks.test").await.unwrap_err();
    assert!(refused.to_string().contains("certificate"), "{refused}");
}

#[tokio::test]
async fn this_machine_knows_its_own_name() {
    let other = Other::new(NO_CONTENT).await;
    let url = other.url("localhost");
    let post =
        async |reach: &Reach| Client::new().post(&url, &[], Bytes::from_static(b"hello."), reach, 0).await;
    assert!(matches!(post(&reach(&["10.0.0.0/8"])).await, Err(DialError::Kept { .. })));
    assert_eq!(post(&reach(&["127.0.0.0/8", "::1"])).await.unwrap().status, 204);
    let unknown = Url::parse("https://nobody.invalid/").unwrap();
    let unknown = Client::new().post(&unknown, &[], Bytes::new(), &reach(&[]), 0).await;
    assert!(matches!(unknown, Err(DialError::Unreachable { .. })), "{unknown:?}");
}
