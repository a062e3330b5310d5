//! A provider that says whatever a test wants it to, over HTTP on loopback; and the browser of a person who logs in by it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use data_encoding::BASE64URL_NOPAD;
use parlour::auth::oauth::{Algorithm, SigningKey, Type, sign};
use ring::rand::SystemRandom;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use crate::support::TestServer;
use crate::web::https;

pub(super) const CLIENT: &str = "parlour";
pub(super) const SECRET: &str = "s3cret/+&";

pub(super) fn key(algorithm: Algorithm) -> SigningKey {
    let random = SystemRandom::new();
    SigningKey::read(algorithm, &SigningKey::generate(algorithm, &random).unwrap(), &random).unwrap()
}

/// What it says.
pub(super) struct Says {
    pub(super) key: SigningKey,
    pub(super) shown: Vec<Value>,
    /// Of whoever logs in next.
    pub(super) claims: Value,
    /// Told besides.
    pub(super) userinfo: Value,
    /// The token in place of the one that it would make of the claims.
    pub(super) token: Option<String>,
    /// It names itself when it sends somebody back.
    pub(super) names_itself: bool,
    /// It answers nobody.
    pub(super) is_down: bool,
    /// How often it was asked for what.
    pub(super) asked: HashMap<String, usize>,
    /// Whom it sent away with which challenge.
    challenge: String,
    redirect: String,
}

#[derive(Clone)]
pub(super) struct Lab {
    pub(super) issuer: String,
    pub(super) says: Arc<Mutex<Says>>,
}

impl Lab {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let key = key(Algorithm::Es256);
        let says = Says {
            shown: vec![key.public()],
            key,
            claims: json!({}),
            userinfo: json!({}),
            token: None,
            names_itself: false,
            is_down: false,
            asked: HashMap::new(),
            challenge: String::new(),
            redirect: String::new(),
        };
        let lab = Self { issuer, says: Arc::new(Mutex::new(says)) };
        let answering = lab.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answering.clone().answer(stream));
            }
        });
        lab
    }

    /// The setting of it under this name, with more of it.
    pub(super) fn setting(&self, id: &str, more: &str) -> String {
        let issuer = &self.issuer;
        format!(
            "{{ id = \"{id}\", name = \"The Lab\", issuer = \"{issuer}\", client_id = \"{CLIENT}\", client_secret = \"{SECRET}\"{more} }}"
        )
    }

    pub(super) fn say(&self, change: impl FnOnce(&mut Says)) {
        change(&mut self.says.lock().unwrap());
    }

    pub(super) fn asked(&self, path: &str) -> usize {
        self.says.lock().unwrap().asked.get(path).copied().unwrap_or_default()
    }

    async fn answer(self, mut stream: TcpStream) {
        let mut request = Vec::new();
        let (head, length) = loop {
            if stream.read_buf(&mut request).await.unwrap_or_default() == 0 {
                return;
            }
            let text = String::from_utf8_lossy(&request).into_owned();
            if let Some((head, _)) = text.split_once("\r\n\r\n") {
                let head = head.to_owned();
                let length = head.to_lowercase();
                let length =
                    length.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                break (head, length.unwrap_or(0));
            }
        };
        let start = head.len() + 4;
        while request.len() < start + length && stream.read_buf(&mut request).await.unwrap_or_default() > 0 {}
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let form = String::from_utf8_lossy(&request[start..]).into_owned();
        let (status, body) = {
            let mut says = self.says.lock().unwrap();
            *says.asked.entry(path.clone()).or_default() += 1;
            if says.is_down {
                return;
            }
            says.answer(&self.issuer, &path, &head, &form)
        };
        let mut text =
            format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nConnection: close\r\n");
        let body = body.to_string();
        write!(text, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        let _ = stream.write_all(text.as_bytes()).await;
    }
}

impl Says {
    fn answer(&self, issuer: &str, path: &str, head: &str, form: &str) -> (u16, Value) {
        let at = |path: &str| format!("{issuer}{path}");
        match path {
            "/.well-known/openid-configuration" => {
                let told = json!({
                    "issuer": issuer, "authorization_endpoint": at("/auth"), "token_endpoint": at("/token"),
                    "userinfo_endpoint": at("/me"), "jwks_uri": at("/jwks"),
                    "authorization_response_iss_parameter_supported": self.names_itself,
                });
                (200, told)
            }
            "/jwks" => (200, json!({ "keys": self.shown })),
            "/token" => {
                let form: HashMap<_, _> = url::form_urlencoded::parse(form.as_bytes()).into_owned().collect();
                let challenge = BASE64URL_NOPAD.encode(&Sha256::digest(&form["code_verifier"]));
                // Both are encoded before they are joined (RFC 6749, section 2.3.1).
                let proof = data_encoding::BASE64.encode(format!("{CLIENT}:s3cret%2F%2B%26").as_bytes());
                let is_right = challenge == self.challenge
                    && form["redirect_uri"] == self.redirect
                    && form["code"] == "the-code"
                    && head.to_lowercase().contains(&format!("basic {proof}").to_lowercase());
                if !is_right {
                    return (400, json!({ "error": "invalid_grant" }));
                }
                let random = SystemRandom::new();
                let made = || sign(&self.key, Type::Id, &self.claims, &random).unwrap();
                let token = self.token.clone().unwrap_or_else(made);
                (200, json!({ "access_token": "access", "token_type": "Bearer", "id_token": token }))
            }
            "/me" if head.to_lowercase().contains("authorization: bearer access") => {
                (200, self.userinfo.clone())
            }
            _ => (401, json!({})),
        }
    }
}

/// An answer to a browser.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Shown {
    /// The session's token that it hands to the page.
    pub(super) fn token(&self) -> Option<Vec<u8>> {
        let rest = self.body.split_once("data-token=\"")?.1;
        data_encoding::BASE64.decode(rest.split_once('"')?.0.as_bytes()).ok()
    }

    /// What is wrong, as it tells a person.
    pub(super) fn problem(&self) -> String {
        let rest = self.body.split_once("role=\"alert\">").map(|(_, rest)| rest).unwrap_or_default();
        rest.split_once("</p>").map(|(words, _)| words.to_owned()).unwrap_or_default()
    }

    pub(super) fn header(&self, name: &str) -> Option<String> {
        let start = format!("{name}: ");
        self.head.lines().find_map(|line| line.strip_prefix(&start)).map(str::to_owned)
    }
}

pub(super) async fn send(server: &TestServer, method: &str, path: &str, headers: &str, body: &str) -> Shown {
    let address = server.server.addresses()[0];
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    let answer = https(address, &request).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
    Shown { status, head: head.to_owned(), body: body.to_owned() }
}

/// Somebody whose browser was sent to a provider.
#[derive(Clone, Debug)]
pub(super) struct Away {
    pub(super) provider: String,
    pub(super) cookie: String,
    pub(super) state: String,
    pub(super) nonce: String,
}

impl Away {
    /// Reads where somebody was sent, and has the provider know of them.
    pub(super) fn of(lab: &Lab, provider: &str, location: &str, cookie: &str) -> Self {
        let url: Url = location.parse().unwrap();
        let asked: HashMap<_, _> = url.query_pairs().into_owned().collect();
        assert!(location.starts_with(&format!("{}/auth?", lab.issuer)), "{location}");
        assert_eq!((asked["client_id"].as_str(), asked["response_type"].as_str()), (CLIENT, "code"));
        assert_eq!(asked["code_challenge_method"], "S256");
        assert!(
            cookie.starts_with("__Host-") && cookie.contains("; Secure; HttpOnly; SameSite=Lax"),
            "{cookie}"
        );
        lab.say(|says| {
            says.challenge.clone_from(&asked["code_challenge"]);
            says.redirect.clone_from(&asked["redirect_uri"]);
        });
        Self {
            provider: provider.to_owned(),
            cookie: cookie.split(';').next().unwrap().to_owned(),
            state: asked["state"].clone(),
            nonce: asked["nonce"].clone(),
        }
    }

    /// A browser goes to log in.
    pub(super) async fn go(server: &TestServer, lab: &Lab, provider: &str) -> Self {
        let sent = send(server, "GET", &format!("/oidc/{provider}/start"), "", "").await;
        assert_eq!(sent.status, 303, "{sent:?}");
        Self::of(lab, provider, &sent.header("location").unwrap(), &sent.header("set-cookie").unwrap())
    }

    /// What a truthful token says of somebody.
    pub(super) fn claims(&self, lab: &Lab, server: &TestServer, subject: &str) -> Value {
        let now = server.server.handle().clock().wall().0 / 1_000;
        json!({
            "iss": lab.issuer, "aud": CLIENT, "sub": subject, "nonce": self.nonce, "iat": now, "exp": now + 60, "auth_time": now,
        })
    }

    /// The provider knows who this is, and says it truly; what it tells besides is `more`.
    pub(super) fn is(&self, lab: &Lab, server: &TestServer, subject: &str, more: Value) {
        let claims = self.claims(lab, server, subject);
        let mut userinfo = more;
        userinfo["sub"] = subject.into();
        lab.say(|says| (says.claims, says.userinfo, says.token) = (claims, userinfo, None));
    }

    /// They come back, with more parameters.
    pub(super) async fn come_back(&self, server: &TestServer, more: &str) -> Shown {
        let path = format!("/oidc/{}/callback?code=the-code&state={}{more}", self.provider, self.state);
        send(server, "GET", &path, &format!("Cookie: {}\r\n", self.cookie), "").await
    }
}

/// Somebody logs in by it from beginning to end.
pub(super) async fn log_in(server: &TestServer, lab: &Lab, subject: &str, more: Value) -> Shown {
    let away = Away::go(server, lab, "lab").await;
    away.is(lab, server, subject, more);
    away.come_back(server, "").await
}
