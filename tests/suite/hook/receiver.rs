//! Whoever receives what is sent to webhooks: a real server on this machine.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::eventually;
use data_encoding::BASE64;
use ring::hmac;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A message that came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) headers: HashMap<String, String>,
    pub(crate) raw: Vec<u8>,
    pub(crate) body: Value,
}

impl Received {
    pub(crate) fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    pub(crate) fn word(&self) -> &str {
        self.body["type"].as_str().unwrap()
    }

    /// Whether one of its signatures is by this secret (Standard Webhooks, "Verifying signatures").
    pub(crate) fn is_signed_by(&self, secret: &str) -> bool {
        let key = BASE64.decode(secret.strip_prefix("whsec_").unwrap().as_bytes()).unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let head = format!("{}.{}.", self.id(), self.headers["webhook-timestamp"]);
        let signed = [head.as_bytes(), &self.raw].concat();
        let is_one = |text: &str| {
            let signature = BASE64.decode(text.strip_prefix("v1,").unwrap().as_bytes()).unwrap();
            hmac::verify(&key, &signed, &signature).is_ok()
        };
        self.headers["webhook-signature"].split(' ').any(is_one)
    }
}

/// How messages are answered.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// With this status, and a body.
    Status(u16, &'static str),
    /// Elsewhere.
    Redirect(String),
    /// Not at all.
    Silence,
    /// Not before the test has it answered otherwise, and then so.
    Held,
}

/// A server that takes messages, one after the other or many at once, until it is dropped.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    answer: Arc<Mutex<Answer>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap()).await
    }

    pub(crate) async fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let answer = Arc::new(Mutex::new(Answer::Status(204, "")));
        let (all, answers) = (Arc::clone(&received), Arc::clone(&answer));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(take(stream, Arc::clone(&all), Arc::clone(&answers)));
            }
        });
        Self { address, received, answer, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/in", self.address)
    }

    pub(crate) fn answer(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    pub(crate) fn all(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// How many came.
    pub(crate) fn count(&self) -> usize {
        self.received.lock().unwrap().len()
    }

    pub(crate) fn words(&self) -> Vec<String> {
        self.all().iter().map(|one| one.word().to_owned()).collect()
    }

    /// Waits for so many, and answers with all that came.
    pub(crate) async fn wait(&self, count: usize) -> Vec<Received> {
        eventually(&format!("{count} messages come"), async || (self.count() >= count).then_some(())).await;
        self.all()
    }
}

async fn take(mut stream: TcpStream, all: Arc<Mutex<Vec<Received>>>, answer: Arc<Mutex<Answer>>) {
    let mut read = Vec::new();
    let head = loop {
        let mut part = [0; 4_096];
        let count = stream.read(&mut part).await.unwrap_or(0);
        if count == 0 {
            return;
        }
        read.extend_from_slice(&part[..count]);
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = String::from_utf8(read[..head].to_vec()).unwrap();
    let headers: HashMap<_, _> = text
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers["content-length"].parse().unwrap();
    while read.len() < head + length {
        let mut part = [0; 4_096];
        let count = stream.read(&mut part).await.unwrap_or(0);
        if count == 0 {
            return;
        }
        read.extend_from_slice(&part[..count]);
    }
    let raw = read[head..].to_vec();
    let body = serde_json::from_slice(&raw).unwrap();
    all.lock().unwrap().push(Received { headers, raw, body });
    let answer = loop {
        let answer = answer.lock().unwrap().clone();
        if !matches!(answer, Answer::Held) {
            break answer;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let text = match answer {
        Answer::Status(status, body) => {
            format!("HTTP/1.1 {status} So\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        }
        Answer::Redirect(to) => {
            format!("HTTP/1.1 307 Elsewhere\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")
        }
        Answer::Silence | Answer::Held => return std::future::pending().await,
    };
    let _ = stream.write_all(text.as_bytes()).await;
}
