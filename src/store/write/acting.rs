//! Programs that act for an account by themselves, with their secrets alone: what ends that.

use super::super::error::ReadError;
use super::super::open::Open;
use super::super::record::OAuthClient;
use super::super::row::Record;
use super::super::table::{organization_of, range_of};
use crate::id::{OAuthClientId, UserId};

/// The programs that act for an account by themselves. Looks at every program of the organization.
fn acting_for(open: &Open<'_>, user: UserId) -> Result<Vec<OAuthClient>, ReadError> {
    let mut found = Vec::new();
    for row in open.tables.oauth_clients.range(range_of(organization_of(user.0)))? {
        let client = OAuthClient::decode(row?.1.value())?;
        if client.account == Some(user) {
            found.push(client);
        }
    }
    Ok(found)
}

/// A program acts for nobody by itself any more. One that asks people goes on with that; another one is good for nothing
/// then, and is registered no more.
pub(super) fn end_acting(open: &mut Open<'_>, client: &OAuthClient) -> Result<(), ReadError> {
    let asks = client.device || !client.redirect_uris.is_empty();
    let left = OAuthClient { account: None, ..client.clone() };
    // It has nothing that must be unique but its identifier.
    let _ = open.put(Some(client), asks.then_some(&left))?;
    Ok(())
}

/// Nothing acts for an account by itself any more. Answers with the programs that did. What they were given ends with what
/// the account allowed programs (`end_grants_of`).
pub(super) fn end_acting_for(open: &mut Open<'_>, user: UserId) -> Result<Vec<OAuthClientId>, ReadError> {
    let acting = acting_for(open, user)?;
    for client in &acting {
        end_acting(open, client)?;
    }
    Ok(acting.iter().map(|client| client.id).collect())
}
