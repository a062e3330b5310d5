//! Accounts and claims: asked of the state whether they may be made, and then made in the store, which
//! alone keeps them.

use std::time::Duration;

use super::log_in::random;
use super::{Actor, Done, Handle, Refused};
use crate::auth::ClaimCode;
use crate::protocol::wire::{self, request, response};
use crate::state::Change;
use crate::store::{By, Claim, SEEDED_ORGANIZATION, write};
use crate::voice::Peer;

/// How long a claim code is good.
const CLAIM_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

impl<P: Peer> Handle<P> {
    /// Creates an account, if `actor` may.
    pub(super) async fn create_user(
        &self,
        actor: Actor,
        body: request::Body,
    ) -> Result<response::Body, Refused> {
        let request::Body::CreateUser(wire::CreateUser { password, .. }) = &body else {
            return Err(Refused::Internal);
        };
        let password = password.clone();
        // Permission first: who may not do it learns nothing of the password's rules, and costs no hash.
        let Done::Allowed(Change::CreateUser { name, role }, by) = self.ask(actor, body, true).await? else {
            return Err(Refused::Internal);
        };
        self.check_new_password(&password, &[&name]).await?;
        let new = self.new_user(name, &password, role).await?;
        let user = self.run(by, write::create_user(new)).await?;
        Ok(response::Body::Created(wire::Created { id: user.id.0 }))
    }

    /// Makes a claim code for the first administrator; one made before is good no more.
    pub async fn new_claim_code(&self) -> Result<wire::ClaimCode, Refused> {
        let (code, now) = (ClaimCode::from_random(random()?), self.0.clock.wall());
        let expires = now.plus(CLAIM_LIFE);
        let claim = Claim { hash: code.hash(), expires };
        self.run(By::server(now), write::set_claim(SEEDED_ORGANIZATION, &claim)).await?;
        Ok(wire::ClaimCode { code: code.to_string(), expires_ms: expires.0 })
    }

    /// Whether the server waits for its first administrator.
    pub fn has_administrator(&self) -> Result<bool, Refused> {
        Ok(self.0.store.has_administrator()?)
    }
}
