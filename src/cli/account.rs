//! `parlour account`.

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::json;

use super::connect::Server;
use super::output::{Output, counted, paint, styled};
use super::secret::{ask, code, password};
use super::serve::qr_code;
use super::words::local;
use crate::client::Session;
use crate::id::Timestamp;
use crate::protocol::wire;

const LINKED: &[(&str, &str, &str)] = &[
    ("number", "Number", ""),
    ("server", "Server", ""),
    ("name", "Called there", ""),
    ("since", "Since", ""),
    ("used", "Used", ""),
];

/// Your own account: password, second factor, log-ins at other servers.
#[derive(Debug, Args)]
pub(super) struct Account {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what the server knows of you.
    Show,
    /// Choose another password. Every other device is logged out, and your API keys and the invites that you made end.
    Password {
        /// Leave your API keys as they are.
        #[arg(long)]
        keep_keys: bool,
        /// Read the present and the new password from standard input, a line each.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Set your e-mail address, for the day you forget the password; empty for none. An e-mail with a code goes there.
    Email {
        /// The address.
        email: String,
        /// Read your password from standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Prove by the code of that e-mail that the address is yours.
    Verify {
        /// The code. Asked for when it is left out; `-` reads it from standard input.
        code: Option<String>,
    },
    /// One-time codes of an app, asked for beside the password.
    SecondFactor {
        #[command(subcommand)]
        command: SecondFactor,
    },
    /// Show the log-ins at other servers that lead to your account. One is linked on the page, under "Your account".
    Linked,
    /// A log-in at another server leads to your account no more.
    Unlink {
        /// Its number in the list.
        number: u64,
    },
}

#[derive(Debug, Subcommand)]
enum SecondFactor {
    /// Show a secret for your app, as a QR code, and put it in force with the app's first code.
    SetUp {
        /// Only show the secret; put it in force later with `confirm`.
        #[arg(long)]
        begin_only: bool,
    },
    /// Put the secret that was shown in force, with the app's code.
    Confirm {
        /// The six digits that the app shows. Asked for when they are left out.
        code: Option<String>,
    },
    /// A role gives nothing to who has no second factor; for administrators.
    Require {
        /// The role.
        role: String,
        /// No longer.
        #[arg(long)]
        off: bool,
    },
    /// Do without.
    Remove {
        /// A code of the app, a recovery code, or the password. Default: asked for; `-` reads it from standard input.
        #[arg(long)]
        proof: Option<String>,
    },
}

impl Account {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<()> {
        let session = self.server.enter_for_lasting().await?;
        match self.command {
            Command::Show => show(&session, output).await?,
            Command::Password { keep_keys, password_stdin } => {
                let old = password(password_stdin, "Your present password", false)?;
                let new = password(password_stdin, "The new one (10 characters or more)", true)?;
                let ended = session.change_password(&old, &new, keep_keys).await?;
                output.line(format!("The password is changed. {}", ended_with(&ended)));
                output.object(&ended_as_json(&ended));
            }
            Command::Email { email, password_stdin } => {
                let own = password(password_stdin, "Your password", false)?;
                session.set_email(&email, &own).await?;
                if email.is_empty() {
                    output.line("You have no e-mail address here any more.");
                } else {
                    output.line(if session.welcome().sends_emails {
                        format!("An e-mail with a code is on its way to {email}.")
                    } else {
                        "This server sends no e-mails. Whoever runs it finds the code with `parlour admin outbox`; ask them for it.".to_owned()
                    });
                    output.line("Then: parlour account verify");
                }
                output.object(&json!({ "email": email }));
            }
            Command::Verify { code: given } => {
                let code = code(given.as_deref(), "The code of the e-mail", output)?;
                session.verify_email(&code).await?;
                output.line("The address is yours.");
                output.object(&json!({ "verified": true }));
            }
            Command::SecondFactor { command } => second_factor(&session, command, output).await?,
            Command::Linked => {
                let row = |one: &wire::LinkedLogIn| {
                    let server = if one.provider.is_empty() { &one.issuer } else { &one.provider };
                    json!({
                        "number": one.id, "server": server, "issuer": one.issuer, "name": one.name,
                        "since": Timestamp(one.created_ms), "used": Timestamp(one.used_ms),
                    })
                };
                let linked = session.linked_log_ins().await?;
                output.records(LINKED, &linked.iter().map(row).collect::<Vec<_>>());
            }
            Command::Unlink { number } => {
                session.remove_linked_log_in(number).await?;
                output.line(format!("Log-in {number} leads to your account no more."));
                output.object(&json!({ "unlinked": number }));
            }
        }
        session.close().await;
        Ok(())
    }
}

/// What ended with a password, in words.
pub(super) fn ended_with(ended: &wire::PasswordChanged) -> String {
    let counts = [
        (ended.sessions, "log-in"),
        (ended.device_keys, "device key"),
        (ended.api_keys, "API key"),
        (ended.invites, "invite"),
        (ended.programs, "program"),
        (ended.linked_log_ins, "linked log-in"),
        (ended.hooks, "webhook"),
        (ended.flows, "flow"),
    ];
    let words: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| counted(count.into(), word))
        .collect();
    match words.split_last() {
        None => "Nothing else was open.".to_owned(),
        Some((only, [])) => format!("Ended with it: {only}."),
        Some((last, others)) => format!("Ended with it: {} and {last}.", others.join(", ")),
    }
}

/// The same for programs.
pub(super) fn ended_as_json(ended: &wire::PasswordChanged) -> serde_json::Value {
    json!({
        "changed": true, "sessions": ended.sessions, "device_keys": ended.device_keys,
        "api_keys": ended.api_keys, "invites": ended.invites,
        "programs": ended.programs, "linked_log_ins": ended.linked_log_ins, "hooks": ended.hooks,
        "flows": ended.flows,
    })
}

async fn show(session: &Session, output: Output) -> anyhow::Result<()> {
    let account = session.account().await?;
    let email = match (account.email.as_str(), account.email_verified) {
        ("", _) => "none".to_owned(),
        (email, true) => email.to_owned(),
        (email, false) => format!("{email}, not verified"),
    };
    let email = match account.email_pending.as_str() {
        "" => email,
        pending => format!("{email}; {pending} once you show its code: parlour account verify CODE"),
    };
    let factor = if account.second_factor {
        format!("on, {} left", counted(account.recovery_codes.into(), "recovery code"))
    } else {
        "off; turn it on with: parlour account second-factor set-up".to_owned()
    };
    let created = Timestamp(account.created_ms);
    output.line(format!("{} (account {}, since {})", account.name, account.user, local(created)));
    output.line(format!("  roles          {}", account.roles.join(", ")));
    output.line(format!("  e-mail         {email}"));
    output.line(format!("  second factor  {factor}"));
    output.object(&json!({
        "user": account.user, "name": account.name, "roles": account.roles, "email": account.email,
        "email_verified": account.email_verified, "email_pending": account.email_pending, "second_factor": account.second_factor,
        "recovery_codes": account.recovery_codes, "created": created,
    }));
    Ok(())
}

async fn second_factor(session: &Session, command: SecondFactor, output: Output) -> anyhow::Result<()> {
    match command {
        SecondFactor::SetUp { begin_only } => {
            let secret = session.set_up_second_factor().await?;
            for line in qr_code(&secret.uri) {
                output.line(format!("  {}", paint(&line, "97;40", styled())));
            }
            output.line(format!("\nScan it with an authenticator app, or type: {}", secret.secret));
            output.object(&json!({ "secret": secret.secret, "uri": secret.uri }));
            if begin_only || output.is_json() {
                output.line("Then put it in force: parlour account second-factor confirm CODE");
                return Ok(());
            }
            let code = ask("The six digits that the app shows")?;
            confirm(session, &code, output).await
        }
        SecondFactor::Confirm { code: given } => {
            let code = code(given.as_deref(), "The six digits that the app shows", output)?;
            confirm(session, &code, output).await
        }
        SecondFactor::Require { role, off } => {
            session.require_second_factor(&role, !off).await?;
            if off {
                output.line(format!("{role} is there for everybody who has it."));
            } else {
                output.line(format!("{role} gives nothing to who has no second factor."));
            }
            output.object(&json!({ "role": role, "required": !off }));
            Ok(())
        }
        SecondFactor::Remove { proof } => {
            let question = "A code of the app, a recovery code, or your password";
            let proof = code(proof.as_deref(), question, output)?;
            if proof.is_empty() {
                bail!("nothing was given; nothing is changed");
            }
            session.remove_second_factor(&proof).await?;
            output.line("Your account has no second factor any more.");
            output.object(&json!({ "second_factor": false }));
            Ok(())
        }
    }
}

async fn confirm(session: &Session, code: &str, output: Output) -> anyhow::Result<()> {
    let codes = session.confirm_second_factor(code).await?;
    output.line("From now on a log-in with your password asks for a code of the app.");
    output.line("Keep these where you find them without your phone; each works once:\n");
    for code in &codes {
        output.line(format!("  {}", paint(code, "1", styled())));
    }
    output.object(&json!({ "second_factor": true, "recovery_codes": codes }));
    Ok(())
}
