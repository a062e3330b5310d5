//! Which providers there are for whom.

use serde_json::{Value, json};

use crate::http::parts::Parts;
use crate::name::folded;
use crate::provider::Provider;

/// Those by which people log in to an organization, as the page shows them.
pub(in crate::http) fn shown(parts: &Parts, tag: &str) -> Vec<Value> {
    let all =
        parts.providers.iter().filter(|provider| is_of(provider, tag)).map(|provider| provider.settings());
    all.map(|one| json!({ "id": one.id, "name": one.name, "icon": one.icon.is_some() })).collect()
}

/// Whether a provider leads to the accounts of an organization.
pub(super) fn is_of(provider: &Provider, tag: &str) -> bool {
    folded(&provider.settings().organization) == folded(tag)
}
