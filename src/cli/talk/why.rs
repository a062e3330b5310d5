//! A question why somebody may do something, and its answer in words.

use super::super::why::answered;
use crate::client::{About, Session};
use crate::id::ChannelId;
use crate::permission::Permissions;

/// Why somebody may do something somewhere, or may not.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Question {
    /// Who.
    pub(super) about: About,
    /// What.
    pub(super) permission: Permissions,
    /// Where; `None` for no channel in particular.
    pub(super) channel: Option<ChannelId>,
}

/// Asks the server. The answer has several lines.
pub(super) async fn answer(session: Option<Session>, question: Question) -> Result<String, String> {
    let session = session.ok_or("there is no connection to the server now; it is being tried again")?;
    let Question { about, permission, channel } = question;
    let found = session.why(&about, channel, permission).await.map_err(|error| error.to_string())?;
    let (lines, _) = answered(&found, permission, &session.view(), channel, false);
    Ok(lines.join("\n"))
}
