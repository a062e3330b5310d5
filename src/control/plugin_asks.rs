//! What plugins ask of accounts and sessions: each a use case that there is anyway, by the one that decides for everybody, and
//! told in the audit trail as by way of the plugin. Questions and answers are JSON (docs/plugins.md).

use std::net::IpAddr;

use data_encoding::BASE64;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::dispatch::Entered;
use super::handle::Handle;
use super::plugin_turn::Purpose;
use super::refused::Refused;
use crate::account::{AccountError, Changed, Unseated, Visitor};
use crate::id::{PluginId, Way};
use crate::protocol::call::{self, Entry, On};
use crate::protocol::operation;
use crate::protocol::wire::{self, request};
use crate::state::{Actor, Asker, Denied, State};
use crate::store::write::PluginError;
use crate::store::{By, User};
use crate::voice::Peer;

/// What it is called as which a plugin has somebody log in.
const CLIENT: &str = "plugin";

/// Passwords of one call that wait to be made accounts of.
const PASSWORDS: usize = 8;

/// Who asks, and what a call has asked for so far.
pub(super) struct Asking<P> {
    pub(super) handle: Handle<P>,
    pub(super) plugin: PluginId,
    /// Where whoever called the plugin is.
    pub(super) from: IpAddr,
    /// Passwords that accounts are to have. Neither they nor their hashes are handed over again.
    passwords: Vec<Option<String>>,
    /// What the plugin is called for.
    purpose: Purpose,
}

#[derive(Deserialize)]
struct ByEmail {
    email: String,
}

#[derive(Deserialize)]
struct ByName {
    name: String,
}

#[derive(Deserialize)]
struct Password {
    password: String,
}

#[derive(Deserialize)]
struct NewAccount {
    name: String,
    password_hash: String,
    #[serde(default)]
    email: String,
}

#[derive(Deserialize)]
struct Proof {
    name: String,
    password: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    device: String,
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

#[derive(Deserialize)]
struct Proven {
    token: String,
    code: String,
}

#[derive(Deserialize)]
struct Text {
    channel: String,
    text: String,
}

#[derive(Deserialize)]
struct Reset {
    code: String,
    password: String,
}

impl<P: Peer> Asking<P> {
    pub(super) fn new(handle: Handle<P>, plugin: PluginId, from: IpAddr, purpose: Purpose) -> Self {
        Self { handle, plugin, from, passwords: Vec::new(), purpose }
    }

    /// The answer to a question. A refusal is an answer: `{"error": {"code", "message"}}`. What can't be read is none.
    pub(super) async fn answer(&mut self, function: &str, asked: &[u8]) -> Result<Vec<u8>, String> {
        let answer = match function {
            "db_get_user_by_email" => self.user_by_email(&read::<ByEmail>(asked)?.email).await,
            "db_get_user" => self.user_by_name(&read::<ByName>(asked)?.name).await,
            "password_hash" => self.keep_password(read::<Password>(asked)?.password),
            "db_create_user" => self.create_user(read(asked)?).await,
            "password_verify" => self.verify(read(asked)?).await,
            "db_create_session" => self.create_session(read(asked)?).await,
            "db_get_session" => self.session(&read::<Token>(asked)?.token),
            "db_end_session" => {
                let token = read::<Token>(asked)?.token;
                self.as_whoever_has(&token, request::Body::LogOut(wire::LogOut {})).await
            }
            "db_verify_email" => {
                let Proven { token, code } = read(asked)?;
                self.as_whoever_has(&token, request::Body::VerifyEmail(wire::VerifyEmail { code })).await
            }
            "db_request_reset" => {
                let email = read::<ByEmail>(asked)?.email;
                self.enter(Entry::RequestReset(wire::RequestReset { email })).await
            }
            "db_reset_password" => {
                let Reset { code, password } = read(asked)?;
                let reset = wire::ResetPassword { code, password, keep_keys: false };
                self.enter(Entry::ResetPassword(reset)).await
            }
            "text_send" => self.send_text(read(asked)?).await,
            _ => return Err("there is no such function".to_owned()),
        };
        let answer = answer.unwrap_or_else(
            |refused| json!({ "error": { "code": refused.code().name(), "message": refused.to_string() } }),
        );
        Ok(answer.to_string().into_bytes())
    }

    /// Whom what is asked of accounts is decided for: the flow's owner in a step of a flow, else the server itself.
    fn actor(&self) -> Actor {
        match self.purpose {
            Purpose::Step(actor) => actor,
            Purpose::Call | Purpose::LogIn(_) | Purpose::Text(_) | Purpose::Event => Actor::Operator,
        }
    }

    /// Whether accounts may be looked up.
    async fn check_look(&self) -> Result<(), Refused> {
        let operation = operation::named("show_user").ok_or(Refused::Unsupported)?;
        self.handle.permit(self.actor(), operation, On::Organization, |_, _| Ok(())).await?;
        Ok(())
    }

    async fn user_by_email(&self, email: &str) -> Result<Value, Refused> {
        self.check_look().await?;
        let shared = &self.handle.shared;
        // An address that isn't proven may be anybody's.
        Ok(show(shared.store.user_by_email(shared.organization, email)?))
    }

    async fn user_by_name(&self, name: &str) -> Result<Value, Refused> {
        self.check_look().await?;
        let shared = &self.handle.shared;
        Ok(show(shared.store.user_by_name(shared.organization, name)?))
    }

    /// A password is kept for an account that the call makes, and a word that stands for it is answered.
    fn keep_password(&mut self, password: String) -> Result<Value, Refused> {
        if self.passwords.len() >= PASSWORDS {
            return Err(Refused::unfit(format!("a call has {PASSWORDS} passwords hashed at most")));
        }
        self.passwords.push(Some(password));
        Ok(json!({ "hash": self.passwords.len().to_string() }))
    }

    async fn create_user(&mut self, new: NewAccount) -> Result<Value, Refused> {
        let actor = self.actor();
        let index = new.password_hash.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        let password = match index {
            Some(index) => self.passwords.get_mut(index),
            None => None,
        };
        let Some((password, place)) = password.and_then(|place| Some((place.clone()?, place))) else {
            let words =
                "`password_hash` is what `password_hash` answered in this call, and makes one account";
            return Err(Refused::unfit(words.to_owned()));
        };
        let (handle, accounts) = (&self.handle, self.handle.accounts());
        accounts.check_email_form(&new.email)?;
        let create = wire::CreateUser { name: new.name, ..Default::default() };
        let rule = move |state: &State, asker: Asker<'_>| state.new_account(asker, &create);
        let operation = operation::named("create_user").ok_or(Refused::Unsupported)?;
        let ((name, role), by) = handle.permit(actor, operation, On::Organization, rule).await?;
        let by = if actor == Actor::Operator { By::server(by.at) } else { by };
        let by = by.by_way_of(Some(Way::Plugin(self.plugin)));
        let id = accounts.create_user(name, &password, role, by).await?;
        *place = None;
        handle.follow(Changed::User(id)).await?;
        let user = handle.shared.store.user(id)?.ok_or(AccountError::NoSuchUser)?;
        let mut shown = show(Some(user.clone()));
        if !new.email.is_empty() {
            // It is theirs when they show the code that is sent there. The account is made, whether one can be sent or not.
            let set = wire::SetEmail { email: new.email, password };
            shown["code_sent"] = accounts.set_email(&user, &set, by).await.is_ok().into();
        }
        Ok(shown)
    }

    async fn verify(&self, proof: Proof) -> Result<Value, Refused> {
        self.purpose.check_log_ins()?;
        let proven = self.handle.accounts().prove(&proof.into(), self.from).await;
        match proven {
            Ok(_) => Ok(json!({ "matches": true })),
            Err(AccountError::LogInFailed) => Ok(json!({ "matches": false })),
            Err(refused) => Err(refused.into()),
        }
    }

    async fn create_session(&self, proof: Proof) -> Result<Value, Refused> {
        self.enter(Entry::LogInPassword(proof.into())).await
    }

    async fn send_text(&self, text: Text) -> Result<Value, Refused> {
        let channel = text.channel.parse().map_err(|_| Denied::NoSuchChannel)?;
        let (handle, plugin, purpose) = (&self.handle, self.plugin, self.purpose);
        let row = handle.shared.store.plugin_numbered(handle.shared.organization, plugin)?;
        let name = row.ok_or(PluginError::NoSuchPlugin)?.name;
        handle.write_for_plugin(&name, channel, text.text, purpose).await?;
        Ok(json!({ "done": true }))
    }

    /// Does what strangers may do, and their log-ins.
    async fn enter(&self, entry: Entry) -> Result<Value, Refused> {
        self.purpose.check_log_ins()?;
        let visitor =
            Visitor { from: self.from, client: CLIENT, exported: None, room: &Unseated, gate: None };
        let proven = match self.handle.enter(&entry, visitor).await? {
            Entered::Answer(_) => return Ok(json!({ "done": true })),
            Entered::Proven(proven) => proven.logged_in(),
        };
        Ok(json!({
            "user": proven.user.to_string(),
            "name": proven.name,
            "session": proven.session.to_string(),
            "token": BASE64.encode(&proven.access_token),
            "expires_ms": proven.access_token_expires_ms,
            "long_token": BASE64.encode(&proven.token),
            "long_token_expires_ms": proven.token_expires_ms,
        }))
    }

    /// Whose session an access token is of.
    fn session(&self, token: &str) -> Result<Value, Refused> {
        let bearer = self.handle.accounts().check_bearer(token, self.from)?;
        let Way::Session(session) = bearer.way else { return Err(AccountError::TokenInvalid.into()) };
        let (store, now) = (&self.handle.shared.store, self.handle.shared.clock.wall());
        let row = store.session(bearer.user, session, now)?.ok_or(AccountError::TokenInvalid)?;
        let user = show(store.user(bearer.user)?);
        Ok(json!({ "user": user["user"], "session": session.to_string(), "expires_ms": row.expires.0 }))
    }

    /// Does something for whoever has shown their session's access token.
    async fn as_whoever_has(&self, token: &str, body: request::Body) -> Result<Value, Refused> {
        let actor = self.handle.bearer(token, self.from)?;
        let Actor::Account { origin, .. } = actor else { return Err(AccountError::TokenInvalid.into()) };
        if !matches!(origin.way, Way::Session(_)) {
            return Err(AccountError::TokenInvalid.into());
        }
        let done = Box::pin(self.handle.do_call(actor, call::Call::from(body)));
        done.await?;
        Ok(json!({ "done": true }))
    }
}

impl From<Proof> for wire::LogInPassword {
    fn from(Proof { name, password, code, device }: Proof) -> Self {
        Self { name, password, device, code }
    }
}

fn read<T: DeserializeOwned>(asked: &[u8]) -> Result<T, String> {
    serde_json::from_slice(asked).map_err(|error| format!("what it asks can't be read: {error}"))
}

/// What a plugin is told of an account: no hash, and nothing of what moderators keep.
fn show(user: Option<User>) -> Value {
    let user = user.map(|user| {
        json!({
            "id": user.id.0.to_string(), "name": user.name, "email": user.email,
            "email_verified": user.email_verified, "disabled": user.disabled,
        })
    });
    json!({ "user": user })
}
