//! From a request to whoever does it: by the group of its operation, each of which is matched whole where it is done.

use std::net::IpAddr;

use tokio::sync::oneshot;
use tracing::Span;

use super::command::Command;
use super::given::{Condition, Given};
use super::live::Control;
use super::plugin_gate::{PluginGate, way_of};
use super::{Actor, Handle, Proven, Refused, Visitor};
use crate::account::{AccountError, Changed, Gate, Shown};
use crate::id::Way;
use crate::permission::Permissions;
use crate::protocol::call::{Call, Entry, Live, On, Operator};
use crate::protocol::operation::Operation;
use crate::protocol::wire::{self, request, response};
use crate::recording::RecordingError;
use crate::state::{Asked, Asker, Denied, Facts, Origin, State};
use crate::store::By;
use crate::voice::Peer;

/// What a request before the log-in comes to.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it is taken apart where it comes from")]
pub enum Entered {
    /// An answer; whoever asks is nobody yet.
    Answer(response::Body),
    /// Whoever asks has proven who they are.
    Proven(Box<Proven>),
}

impl<P: Peer> Handle<P> {
    /// Does what `actor` asks for, and answers when it has taken effect.
    pub async fn request(&self, actor: Actor, body: request::Body) -> Result<response::Body, Refused> {
        self.do_call(actor, Call::from(body)).await
    }

    pub(super) async fn do_call(&self, actor: Actor, call: Call) -> Result<response::Body, Refused> {
        self.timed(call.operation(), self.call(actor, call)).await
    }

    async fn call(&self, actor: Actor, call: Call) -> Result<response::Body, Refused> {
        match call {
            Call::Entry(_) => Err(Refused::Unexpected),
            Call::Live(live) => self.live(actor, live, None).await,
            Call::View(view) => self.view(actor, view).await,
            Call::Rights(rights) => self.change(actor, rights.into(), Given::default()).await,
            Call::Account(account) => self.own_account(actor, account).await,
            Call::Admission(admission) => self.admission(actor, admission).await,
            Call::Directory(directory) => self.directory(actor, directory).await,
            Call::Element(element) => self.element(actor, element).await,
            Call::Profile(profile) => self.profile(actor, profile).await,
            Call::Hook(hook) => self.hook(actor, hook).await,
            Call::Flow(flow) => self.do_flow(actor, flow).await,
            Call::Plugin(plugin) => self.plugin(actor, plugin).await,
            Call::Recording(recording) => self.recording(actor, recording).await,
            Call::Operator(operator) => self.operator(actor, operator).await,
            // They are about all of them, so `Organizations::operate` does them, for the machine's owner alone.
            Call::Organizations(_) => Err(Denied::Forbidden(Permissions::ADMINISTER).into()),
        }
    }

    /// Does what a visitor asks for who isn't logged in.
    pub async fn enter(&self, entry: &Entry, visitor: Visitor<'_>) -> Result<Entered, Refused> {
        // What it takes to make an account would be in every connection's future.
        self.timed(entry.operation(), Box::pin(self.admit(entry, visitor))).await
    }

    async fn admit(&self, entry: &Entry, visitor: Visitor<'_>) -> Result<Entered, Refused> {
        let accounts = &self.shared.accounts;
        let gate = PluginGate { handle: self, way: way_of(entry), from: visitor.from };
        // Whoever claims the server is to own it.
        let gate = Some(&gate as &dyn Gate).filter(|_| !matches!(entry, Entry::RedeemClaim(_)));
        let visitor = Visitor { gate, ..visitor };
        let proven = match entry {
            Entry::Hello(_) => return Err(Refused::Unexpected),
            Entry::LogInPassword(proof) => accounts.by_password(proof, visitor).await?,
            Entry::LogInToken(proof) => self.by_token(&proof.token, visitor).await?,
            Entry::LogInGuest(proof) => accounts.as_guest(proof, visitor)?,
            Entry::LogInKey(proof) => accounts.by_device_key(proof, visitor).await?,
            Entry::LogInApiKey(proof) => accounts.by_api_key(&proof.key, visitor)?,
            Entry::RedeemClaim(proof) => accounts.redeem_claim(proof, visitor).await?,
            Entry::Register(register) => {
                let applicant = accounts.apply(register, visitor)?;
                let invited = match applicant.invite() {
                    Some(invite) => self.still_given(invite).await?,
                    None => Vec::new(),
                };
                accounts.register(applicant, invited, register, visitor).await?
            }
            Entry::LookAtInvite(look) => {
                let invite = accounts.shown_invite(&look.code, visitor.from)?;
                let roles = self.still_given(&invite).await?;
                let mut invite = accounts.look_at_invite(&invite, &roles)?;
                let invite = self
                    .look(move |control| {
                        control.state.show_invite_to_newcomer(&mut invite);
                        Ok(invite)
                    })
                    .await?;
                return Ok(Entered::Answer(response::Body::Invite(invite)));
            }
            Entry::BeginWebLogIn(begin) => {
                let begun = accounts.begin_web_log_in(begin, visitor.from)?;
                return Ok(Entered::Answer(response::Body::WebLogIn(begun)));
            }
            Entry::LogInWeb(proof) => accounts.by_web(proof, visitor).await?,
            Entry::RequestReset(reset) => {
                accounts.request_reset(reset, visitor.from)?;
                return Ok(Entered::Answer(response::Body::Done(wire::Done {})));
            }
            Entry::ResetPassword(reset) => {
                let (told, changed) = accounts.reset_password(reset, visitor.from).await?;
                self.follow(changed).await?;
                return Ok(Entered::Answer(response::Body::PasswordChanged(told)));
            }
            Entry::AskByKey(ask) => return self.by_key(ask, visitor.from).await.map(Entered::Answer),
        };
        let is_new = matches!(entry, Entry::Register(_) | Entry::RedeemClaim(_));
        if let Some(user) = proven.user.filter(|_| is_new || proven.displaced) {
            self.follow(Changed::User(user)).await?;
        }
        if is_new {
            return Ok(Entered::Proven(Box::new(proven)));
        }
        self.ask_about(&proven, way_of(entry), visitor.from).await?;
        Ok(Entered::Proven(Box::new(proven)))
    }

    async fn by_token(&self, token: &[u8], visitor: Visitor<'_>) -> Result<Proven, Refused> {
        match self.shared.accounts.by_token(token, visitor).await? {
            Shown::Proven(proven) => Ok(*proven),
            Shown::Copied(changed) => {
                self.follow(changed).await?;
                Err(AccountError::TokenInvalid.into())
            }
        }
    }

    /// Does one request for the account of an API key, which doesn't connect for it.
    async fn by_key(&self, ask: &wire::AskByKey, from: IpAddr) -> Result<response::Body, Refused> {
        let (user, key) = self.shared.accounts.check_api_key(&ask.key, from)?;
        self.shared.asked_by_key.admit(key.id).map_err(Refused::RateLimited)?;
        let request = ask.request.as_deref().ok_or(Denied::Missing("request"))?;
        if !request.organization.is_empty() {
            return Err(Refused::Unexpected);
        }
        let body = request.body.clone().ok_or(Refused::Unsupported)?;
        let origin = Origin { way: Way::Key(key.id), address: Some(from) };
        let actor = Actor::Account { user: user.id, ceiling: key.scopes, origin };
        let response = Box::new(wire::Response { body: Some(self.request(actor, body).await?) });
        Ok(response::Body::Answered(Box::new(wire::Answered { response: Some(response) })))
    }

    async fn operator(&self, actor: Actor, call: Operator) -> Result<response::Body, Refused> {
        self.permit(actor, call.operation(), call.on(), |_, _| Ok(())).await?;
        match call {
            Operator::NewClaimCode(_) => {
                Ok(response::Body::ClaimCode(self.shared.accounts.new_claim_code().await?))
            }
            Operator::ServerStatus(_) => Ok(response::Body::Status(self.status())),
            Operator::Administer(administer) => {
                self.administer(&administer.request).await.map(response::Body::Administered)
            }
        }
    }

    pub(super) async fn live(
        &self,
        actor: Actor,
        mut live: Live,
        only_if: Option<Condition>,
    ) -> Result<response::Body, Refused> {
        if let Live::SendText(send) = live {
            live = Live::SendText(Box::pin(self.ask_about_text(actor, send)).await?);
        }
        if let Live::StartRecording(_) = live {
            self.permit(actor, live.operation(), live.on(), |_, _| Ok(())).await?;
            let recordings = self.shared.recordings.as_ref().filter(|recordings| recordings.quota() > 0);
            let recordings = recordings.ok_or(Denied::NoRecording)?;
            if recordings.usage() >= recordings.quota() {
                return Err(RecordingError::Quota.into());
            }
        }
        let given = Given { only_if, ..self.passwords_in(actor, &live).await? };
        self.change(actor, live.into(), given).await
    }

    /// Has the control thread make a change, and answers when it is durable and published.
    pub(super) async fn change(
        &self,
        actor: Actor,
        asked: Asked,
        given: Given,
    ) -> Result<response::Body, Refused> {
        let (reply, answer) = oneshot::channel();
        let span = Span::current();
        self.enqueue(Command::Change { actor, asked: Box::new(asked), given, span, reply })?;
        answer.await.map_err(|_| self.gone())?
    }

    /// Whether a change would be made. Nothing is.
    pub(super) async fn would(&self, actor: Actor, asked: Asked) -> Result<(), Refused> {
        self.look(move |control| {
            let facts = control.facts(actor, &asked, &Given::default())?;
            Ok(control.state.decide(actor, &asked, &facts).map(drop)?)
        })
        .await
    }

    /// Asks the control thread something about what is live.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Control<P>) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Refused> {
        let (reply, answer) = oneshot::channel();
        let look = move |control: &Control<P>| {
            // The one who asked may be gone.
            let _ = reply.send(question(control));
        };
        self.enqueue(Command::Look(Box::new(look)))?;
        answer.await.map_err(|_| self.gone())?
    }

    /// Whether an actor may do an operation that is done elsewhere: by the table of operations, and by a rule of the
    /// live state, whose answer is handed on with the author of what follows.
    pub(super) async fn permit<T: Send + 'static>(
        &self,
        actor: Actor,
        operation: &'static Operation,
        on: On,
        rule: impl FnOnce(&State, Asker<'_>) -> Result<T, Denied> + Send + 'static,
    ) -> Result<(T, By), Refused> {
        self.look(move |control| {
            let facts = Facts { asker: control.unconnected(actor)?, ..Facts::default() };
            let asker = control.state.asker(actor, &facts)?;
            control.state.permit(asker, operation, on)?;
            let found = rule(&control.state, asker)?;
            control.count_kept(actor, operation)?;
            Ok((found, control.by(actor)))
        })
        .await
    }
}
