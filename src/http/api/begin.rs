//! `POST /api/flows/NAME/hook`: somebody else's server begins a flow, by the secret that its owner gave it.

use std::sync::Arc;

use axum::Json;
use axum::body::to_bytes;
use axum::extract::{Extension, Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::limits::Limits;
use super::problem::Problem;
use super::token::bearer;
use crate::account::{FlowCalled, FlowProof};
use crate::bounds::{FLOW_DEPTH, MAX_RUN_INPUT};
use crate::http::home::tag_in;
use crate::http::parts::{Asker, Parts};
use crate::protocol::ErrorCode;

/// Takes what is posted, and answers when the run is queued.
pub(super) async fn serve(
    State(parts): State<Arc<Parts>>,
    Extension(asker): Extension<Asker>,
    Extension(limits): Extension<Arc<Limits>>,
    Path(path): Path<Vec<(String, String)>>,
    request: Request,
) -> Response {
    match begun(&parts, &asker, &limits, &path, request).await {
        Ok(run) => (StatusCode::ACCEPTED, Json(json!({ "run": run.to_string() }))).into_response(),
        Err(problem) => problem.into_response(),
    }
}

async fn begun(
    parts: &Parts,
    asker: &Asker,
    limits: &Limits,
    path: &[(String, String)],
    request: Request,
) -> Result<u64, Problem> {
    let from = parts.visitor(asker, request.headers());
    let (head, body) = request.into_parts();
    let home = parts.organizations.find(tag_in(&head.uri)).await?;
    limits.admit_address(from, parts.requests, home.clock().monotonic())?;
    let name = path.iter().find(|(part, _)| part == "name").map_or("", |(_, name)| name.as_str());
    let body = to_bytes(body, MAX_RUN_INPUT).await.map_err(|_| {
        let words = format!("the body has more than {MAX_RUN_INPUT} bytes, or it ended too early");
        Problem::of(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::TooLarge, &words)
    })?;
    let proof = proof(&head.headers)?;
    let message = head.headers.get("webhook-id").and_then(|id| id.to_str().ok());
    let after = head.headers.get(FLOW_DEPTH).and_then(|depth| depth.to_str().ok()?.parse().ok());
    let called =
        FlowCalled { proof, message: message.filter(|id| !id.is_empty()), after: after.unwrap_or(0) };
    Ok(home.begin_flow(name, &called, &body).await?)
}

/// What is shown: a signature of Standard Webhooks, or the secret itself as a bearer token (RFC 6750, section 2.1).
fn proof(headers: &HeaderMap) -> Result<FlowProof<'_>, Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("webhook-id"), text("webhook-timestamp"), text("webhook-signature")) {
        (Some(id), Some(at), Some(signatures)) => Ok(FlowProof::Signed { id, at, signatures }),
        _ => Ok(FlowProof::Shown(bearer(headers)?)),
    }
}
