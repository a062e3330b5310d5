//! What owners set for their flows, as it is kept: sealed, all values of a flow as one text.

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value};

use super::super::ResealError;
use crate::auth::{SEALING, SealKey};
use crate::id::UserId;
use crate::store::{By, Failed, Store, write};

/// How values lie that aren't sealed: as an object of JSON. There are none, or a version before this one kept them.
const PLAIN: char = '{';

/// The values that were kept. `None` where another key has sealed them.
pub(super) fn opened(seal: &SealKey, user: UserId, kept: &str) -> Option<Map<String, Value>> {
    if kept.is_empty() || kept.starts_with(PLAIN) {
        return Some(serde_json::from_str(kept).unwrap_or_default());
    }
    let sealed = BASE64URL_NOPAD.decode(kept.as_bytes()).ok()?;
    serde_json::from_slice(&seal.open(user.0, &sealed)?).ok()
}

/// Values as they are kept. `None` where nothing can be sealed.
pub(super) fn sealed(seal: &SealKey, user: UserId, values: &Map<String, Value>) -> Option<String> {
    if values.is_empty() {
        return Some("{}".to_owned());
    }
    let values = serde_json::to_vec(values).ok()?;
    let mut random = [0; SEALING];
    getrandom::fill(&mut random).ok()?;
    let sealed = seal.seal(user.0, &values, random)?;
    Some(BASE64URL_NOPAD.encode(&sealed))
}

/// Seals what a version before this one kept as it was, of all organizations, in one transaction. What is sealed stays so, so this may be done again.
pub(in crate::account) fn seal_flow_settings(
    store: &Store,
    seal: &SealKey,
    by: By,
) -> Result<(), ResealError> {
    let mut all = Vec::new();
    for row in store.all_flows()? {
        if !row.settings.starts_with(PLAIN) {
            continue;
        }
        let values: Map<String, Value> = serde_json::from_str(&row.settings).unwrap_or_default();
        if values.is_empty() {
            continue;
        }
        let settings = sealed(seal, row.user, &values).ok_or(ResealError::Random)?;
        all.push(((row.user, row.id), row.settings, settings));
    }
    if all.is_empty() {
        return Ok(());
    }
    let flows = all.len();
    store.run(by, write::seal_flow_settings(all)).map_err(Failed::into_commit_error)?;
    tracing::warn!(
        flows,
        "settings of flows, some of them secret, lay in the database as they were, and are sealed from now on; copies of it that were made \
         before hold them still, and so does what is free in it until `parlour db compact`"
    );
    Ok(())
}
