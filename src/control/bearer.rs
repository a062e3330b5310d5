//! Whoever asks by a bearer token, as an actor.

use std::net::IpAddr;

use super::{Actor, Handle, Origin, Refused};
use crate::account::{Assistant, Bearer};
use crate::voice::Peer;

impl<P: Peer> Handle<P> {
    /// Who asks that shows a token with a request from an address. Whether the account, its session or its key is still
    /// good is looked at when the request is decided.
    pub fn bearer(&self, token: &str, from: IpAddr) -> Result<Actor, Refused> {
        let Bearer { user, ceiling, way } = self.shared.accounts.check_bearer(token, from)?;
        Ok(Actor::Account { user, ceiling, origin: Origin { way, address: Some(from) } })
    }

    /// The same of an assistant, that knows the server as this issuer.
    pub fn assistant(&self, token: &str, issuer: &str, from: IpAddr) -> Result<(Actor, Assistant), Refused> {
        let assistant = self.shared.accounts.check_assistant(token, issuer, from)?;
        let Bearer { user, ceiling, way } = assistant.bearer;
        Ok((Actor::Account { user, ceiling, origin: Origin { way, address: Some(from) } }, assistant))
    }
}
