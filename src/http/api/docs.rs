//! What says of the interface what there is: its description, and a page that shows it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use crate::control::Refused;
use crate::http::home::{home, tag_in};
use crate::http::page;
use crate::http::parts::Parts;

/// The description (`OpenAPI` 3.1), from the build.
const DESCRIPTION: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));

/// Where it says that the operations are.
const SERVER: &str = "\"url\":\"/api\"";

/// The description, for the organization whose address it is at.
pub(super) async fn description(State(parts): State<Arc<Parts>>, uri: Uri) -> Response {
    match site(&parts, &uri) {
        Ok((home, _)) => {
            let text = DESCRIPTION.replace(SERVER, &format!("\"url\":\"{home}api\""));
            ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")], text).into_response()
        }
        Err(problem) => problem.into_response(),
    }
}

/// The page that shows it.
pub(super) async fn page(State(parts): State<Arc<Parts>>, uri: Uri, headers: HeaderMap) -> Response {
    match site(&parts, &uri) {
        Ok((home, name)) => page::api(&home, &name, &headers),
        Err(problem) => problem.into_response(),
    }
}

/// Where an organization's page is, and what it is called.
fn site(parts: &Parts, uri: &Uri) -> Result<(String, String), Problem> {
    let site = parts.organizations.site(tag_in(uri))?.ok_or(Refused::NoSuchOrganization)?;
    Ok((home(&site), site.name))
}
