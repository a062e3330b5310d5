//! What a call asks of whoever makes it.

use std::time::Duration;

use super::grant::Grant;

/// What a plugin asks of a host on the network (Extism's `http_request`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAsked {
    /// Where.
    pub url: String,
    /// How.
    pub method: String,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: Vec<u8>,
}

/// What a host on the network answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The status (RFC 9110, section 15).
    pub status: u16,
    /// As many bytes as are kept.
    pub body: Vec<u8>,
}

/// Does what a plugin asks the server for while it is called. It was granted that: the call has looked.
pub trait Host: Send {
    /// Whether it has to end now, since the server stops.
    fn is_over(&self) -> bool {
        false
    }

    /// Whether the plugin still has what it was granted when the call began.
    fn still_has(&self, _grant: &Grant) -> bool {
        true
    }

    /// A variable of the plugin's that outlasts calls.
    fn value(&mut self, name: &str) -> Result<Option<Vec<u8>>, String>;

    /// Keeps variables, `None` for those that go, when the call has come to its end.
    fn keep(&mut self, values: Vec<(String, Option<Vec<u8>>)>) -> Result<(), String>;

    /// Answers a question that is asked by a function of the server's own, which was granted, within the time that is left.
    fn ask(&mut self, function: &'static str, asked: &[u8], left: Duration) -> Result<Vec<u8>, String>;

    /// Asks a host on the network, whose name was granted, within the time that is left.
    fn http(&mut self, asked: HttpAsked, left: Duration) -> Result<Answered, String>;
}
