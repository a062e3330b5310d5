//! `parlour login --web`: somebody types a code on the page, here or on another device, and this one is logged in.

use std::time::Duration;

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::connect::{Expected, RemoteServer, announce, device};
use super::output::Output;
use super::serve::qr_code;
use crate::client::{Address, ConnectError, Connected, Credentials, Session};
use crate::id::Fingerprint;
use crate::protocol::ErrorCode;
use crate::protocol::wire::{WebLogIn, Welcome};

/// How much longer it waits after it asked too soon (RFC 8628, section 3.5).
const LATER: Duration = Duration::from_secs(5);

/// Shows the code, and waits for whoever types it. Answers with what the server said of itself, too.
pub(super) async fn log_in(
    remote: &RemoteServer,
    expected: Expected,
    output: Output,
) -> anyhow::Result<(Session, Welcome, Fingerprint)> {
    let connected = remote.connect(expected.trust).await?;
    let fingerprint = connected.fingerprint();
    announce(output, remote, expected, fingerprint);
    let welcome = connected.welcome().clone();
    let begun = connected.begin_web_log_in(&device()).await?;
    drop(connected);
    let page = page(&welcome, &remote.address);
    let whole = format!("{page}?user_code={}", begun.user_code);
    output.line(format!(
        "Open this page, here or on another device, and type the code:\n\n  {page}\n  {}\n",
        begun.user_code
    ));
    for line in qr_code(&whole) {
        output.line(format!("  {line}"));
    }
    output
        .object(&json!({ "page": page, "code": begun.user_code, "whole": whole, "life_ms": begun.life_ms }));
    let bar = ProgressBar::new_spinner();
    let style = ProgressStyle::with_template("{spinner} {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(Duration::from_millis(100));
    let waiting = wait(remote, fingerprint, &begun, &bar);
    let outcome = tokio::time::timeout(Duration::from_millis(begun.life_ms), waiting).await;
    bar.finish_and_clear();
    let session =
        outcome.ok().context("nobody allowed it in time; ask again with: parlour login --web")??;
    Ok((session, welcome, fingerprint))
}

/// Asks again and again, each time on a connection of its own: the server doesn't wait with one.
async fn wait(
    remote: &RemoteServer,
    fingerprint: Fingerprint,
    begun: &WebLogIn,
    bar: &ProgressBar,
) -> anyhow::Result<Session> {
    let (mut pause, mut waited) = (Duration::from_millis(begun.pause_ms.max(1_000)), Duration::ZERO);
    loop {
        let left = Duration::from_millis(begun.life_ms).saturating_sub(waited).as_secs().div_ceil(60);
        bar.set_message(format!(
            "Waiting for somebody to allow it; the code is good for {left} minutes more"
        ));
        tokio::time::sleep(pause).await;
        waited += pause;
        let connected: Connected = match remote.connect(Some(fingerprint)).await {
            Ok(connected) => connected,
            // Whoever is offline for a moment goes on afterwards.
            Err(error) => {
                tracing::debug!(%error, "the server can't be asked");
                continue;
            }
        };
        match connected.log_in(Credentials::web(&begun.code)).await {
            Ok(session) => return Ok(session),
            Err(error) => match error.code() {
                Some(ErrorCode::Pending | ErrorCode::Busy) => (),
                Some(ErrorCode::RateLimited) => pause += LATER,
                Some(ErrorCode::CodeInvalid) => {
                    bail!("the code isn't good any more; ask again with: parlour login --web")
                }
                _ => return Err(ConnectError::from(error).into()),
            },
        }
    }
}

/// Where the code is typed: below the page as the server's owner says it, else where this device reaches the server.
fn page(welcome: &Welcome, address: &Address) -> String {
    let site = match welcome.public_page.as_str() {
        "" => format!("https://{}", address.server()),
        page => page.trim_end_matches('/').to_owned(),
    };
    let tag = Address { user: None, channel: String::new(), ..address.clone() }.home();
    let tag = tag.strip_prefix(&address.server()).unwrap_or_default();
    format!("{site}{tag}/oauth/device")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_typed_where_people_reach_the_page() {
        let address = |text: &str| text.parse::<Address>().unwrap();
        let public = Welcome { public_page: "https://voice.example".to_owned(), ..Welcome::default() };
        let own = Welcome::default();
        assert_eq!(page(&public, &address("alice@192.0.2.1")), "https://voice.example/oauth/device");
        assert_eq!(page(&own, &address("alice@192.0.2.1:4849")), "https://192.0.2.1:4849/oauth/device");
        assert_eq!(
            page(&public, &address("voice.example/+guild/Lobby")),
            "https://voice.example/+guild/oauth/device"
        );
    }
}
