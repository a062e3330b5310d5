//! `parlour reset`.

use std::io::{IsTerminal, stdin};

use clap::Args;
use serde_json::json;

use super::account::{ended_as_json, ended_with};
use super::connect::RemoteServer;
use super::output::Output;
use super::secret::{ask, code, password};

/// Choose another password when you forgot yours, by an e-mail to your e-mail address.
#[derive(Debug, Args)]
pub(super) struct Reset {
    /// The code of the e-mail. Left out, it is asked for, and without one an e-mail is; `-` reads it from standard input.
    code: Option<String>,
    /// The server: `parlour://HOST[:PORT]`. Default: the one logged in to last.
    #[arg(long = "server", short = 's', env = "PARLOUR_ADDRESS", value_name = "ADDRESS")]
    address: Option<String>,
    /// Your e-mail address, where the e-mail goes. Default: asked for.
    #[arg(long)]
    email: Option<String>,
    /// Leave your API keys as they are. Without this they end, as every log-in does.
    #[arg(long)]
    keep_keys: bool,
    /// Read the new password from standard input.
    #[arg(long)]
    password_stdin: bool,
}

impl Reset {
    /// The code, if there is one already.
    fn code(&self, output: Output) -> anyhow::Result<Option<String>> {
        if self.code.is_none() && (self.email.is_some() || !stdin().is_terminal()) {
            return Ok(None);
        }
        let code = code(self.code.as_deref(), "The code of the e-mail (Enter: send me one)", output)?;
        Ok(Some(code).filter(|code| !code.is_empty()))
    }

    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let remote = RemoteServer::find(self.address.as_deref())?;
        if let Some(code) = self.code(output)? {
            let new = password(self.password_stdin, "The new password (10 characters or more)", true)?;
            let ended = remote.connect(None).await?.reset_password(&code, &new, self.keep_keys).await?;
            output.line(format!("The password is changed. {}", ended_with(&ended)));
            output.line(format!("Log in with: parlour login {}", remote.address));
            output.object(&ended_as_json(&ended));
        } else {
            let email = self.email.map_or_else(|| ask("Your e-mail address"), Ok)?;
            let connected = remote.connect(None).await?;
            connected.request_reset(&email).await?;
            output.line(if connected.welcome().sends_emails {
                "If there is an account with this address, an e-mail with a code is on its way there."
            } else {
                "This server sends no e-mails. Whoever runs it finds the code with `parlour admin outbox`, if there is an account with this address; ask them for it."
            });
            output.line("Then: parlour reset");
            output.object(&json!({ "asked": true }));
        }
        Ok(())
    }
}
