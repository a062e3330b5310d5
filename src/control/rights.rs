//! Requests about who may do what, as far as they aren't the state's alone: passwords of channels, holders of roles,
//! questions.

use super::batch::Control;
use super::{Actor, Done, Given, Handle, NewPassword, Refused};
use crate::auth::StoredPassword;
use crate::bounds::check_channel_password;
use crate::id::{ChannelId, RoleId, SessionId};
use crate::permission::{Permissions, Subject};
use crate::protocol::wire::{self, overwrite, request, response};
use crate::state::{Change, Difference, Explained, ExplainedStep, Facts, Named, Reason, State};
use crate::store::SEEDED_ORGANIZATION;
use crate::voice::Peer;

/// Rows of a list at most.
const LISTED: usize = 1_000;

/// A change that is looked at and not made.
#[derive(Debug)]
pub(super) struct Imagined {
    state: State,
    change: Change,
    named: Option<Named>,
}

impl Imagined {
    pub(super) fn new(state: State, change: Change, named: Option<Named>) -> Self {
        Self { state, change, named }
    }

    fn differences(self) -> wire::Differences {
        let state = self.state.clone();
        let found = self.state.differences(self.change, self.named.as_ref());
        let shown = |one: &Difference| wire::Difference {
            session: one.session.map_or(0, u64::from),
            name: one.name.clone(),
            channel: one.channel.map_or(0, u64::from),
            channel_path: state.path_of(one.channel),
            before: one.before.bits(),
            after: one.after.bits(),
        };
        wire::Differences {
            count: u32::try_from(found.len()).unwrap_or(u32::MAX),
            differences: found.iter().take(LISTED).map(shown).collect(),
        }
    }
}

impl<P: Peer> Handle<P> {
    /// Joins, makes or changes a channel. Its password is hashed before the request comes to the control thread.
    pub(super) async fn with_password(
        &self,
        actor: Actor,
        body: request::Body,
    ) -> Result<response::Body, Refused> {
        let mut given = Given::default();
        match &body {
            request::Body::Join(join) if !join.password.is_empty() => {
                given.password_fits = self.password_fits(actor, join).await?;
            }
            request::Body::CreateChannel(create) if !create.password.is_empty() => {
                // Permission first: who may not do it costs no hash.
                self.ask(actor, body.clone(), true).await?;
                given.password = NewPassword::Is(self.channel_password(&create.password).await?);
            }
            request::Body::EditChannel(wire::EditChannel { password: Some(password), .. }) => {
                self.ask(actor, body.clone(), true).await?;
                given.password = match password.as_str() {
                    "" => NewPassword::None,
                    password => NewPassword::Is(self.channel_password(password).await?),
                };
            }
            _ => (),
        }
        match self.ask_with(actor, body, given).await? {
            Done::Answer(answer) => Ok(answer),
            Done::Allowed(..) | Done::Imagined(_) => Err(Refused::Internal),
        }
    }

    async fn channel_password(&self, password: &str) -> Result<StoredPassword, Refused> {
        check_channel_password(password).map_err(|error| {
            Refused::Rejected(crate::protocol::ErrorCode::PasswordInvalid, error.to_string())
        })?;
        Ok(self.0.accounts.hash(password).await?)
    }

    /// Whether the password in a request to join is the channel's. Who tries many has to wait.
    async fn password_fits(&self, actor: Actor, join: &wire::Join) -> Result<bool, Refused> {
        let Some(stored) = self.0.store.channel(ChannelId(join.channel))?.and_then(|row| row.password) else {
            return Ok(false);
        };
        // Nobody learns of a channel that they don't see, nor costs a hash there.
        self.authorize(actor, Permissions::JOIN, Some(ChannelId(join.channel))).await?;
        let who = self.account_of(actor).await?;
        let guesser = format!("{} {who}", join.channel);
        Ok(self.0.accounts.check_channel_password(&guesser, stored, &join.password).await?)
    }

    /// A name for whom an actor is, in a list of tries: the account, or the address of a guest.
    async fn account_of(&self, actor: Actor) -> Result<String, Refused> {
        let list = request::Body::List(wire::List {});
        match self.ask(actor, list, true).await? {
            Done::Allowed(_, by) => Ok(format!("{:?} {:?}", by.author, by.from)),
            _ => Err(Refused::Internal),
        }
    }

    /// The accounts that have a role.
    pub(super) async fn holders(
        &self,
        actor: Actor,
        list: wire::ListHolders,
    ) -> Result<response::Body, Refused> {
        self.ask(actor, request::Body::ListHolders(list), true).await?;
        let (role, now) = (RoleId(list.role), self.0.clock.wall());
        let mut holders = Vec::new();
        for user in self.0.store.users(SEEDED_ORGANIZATION, None, usize::MAX)? {
            if let Some(grant) = user.grants.iter().find(|grant| grant.role == role && grant.holds(now)) {
                let until_ms = grant.expires.map_or(0, |until| until.0);
                holders.push(wire::Holder { user: user.id.0, name: user.name, until_ms });
            }
            if holders.len() == LISTED {
                break;
            }
        }
        Ok(response::Body::Holders(wire::Holders { holders }))
    }

    /// What a change would change. It is looked at beside the control thread, which goes on meanwhile.
    pub(super) async fn what_if(&self, actor: Actor, body: request::Body) -> Result<response::Body, Refused> {
        let Done::Imagined(imagined) = self.ask(actor, body, false).await? else {
            return Err(Refused::Internal);
        };
        let work = tokio::task::spawn_blocking(move || imagined.differences());
        let differences = work.await.map_err(|_| Refused::Internal)?;
        Ok(response::Body::Differences(differences))
    }
}

impl<P: Peer> Control<P> {
    pub(super) fn overwrites(&self, channel: ChannelId) -> Result<wire::Overwrites, Refused> {
        let shown = |one: &crate::permission::Overwrite| -> Result<wire::Overwrite, Refused> {
            let (subject, name) = match one.subject {
                Subject::Role(role) => (overwrite::Subject::Role(role.0), self.role_name(role)),
                Subject::User(user) => {
                    let name = self.shared.store.user(user)?.map(|user| user.name);
                    (overwrite::Subject::User(user.0), name.unwrap_or_default())
                }
            };
            Ok(wire::Overwrite {
                channel: channel.0,
                subject: Some(subject),
                name,
                allow: one.allow.bits(),
                deny: one.deny.bits(),
                reach: i32::from(one.reach as u8),
            })
        };
        let overwrites = self.state.overwrites_on(channel).iter().map(shown).collect::<Result<_, _>>()?;
        Ok(wire::Overwrites { overwrites })
    }

    fn role_name(&self, role: RoleId) -> String {
        self.state.role(role).map(|role| role.name.clone()).unwrap_or_default()
    }

    /// The answer to a question that was allowed.
    pub(super) fn why(
        &self,
        actor: Actor,
        why: &wire::Why,
        facts: &Facts,
    ) -> Result<wire::Explanation, Refused> {
        let asked = Permissions::from_bits(why.permissions);
        let session = match actor {
            Actor::Session(own) if why.session == 0 => own,
            _ => SessionId(why.session),
        };
        let member = match &facts.named {
            // One who is connected may have come by a key, or lost a role since; the account is what is asked about.
            Some(named) => self.state.as_member(named),
            None => self.state.member(session).cloned().ok_or(crate::state::Denied::NoSuchSession)?,
        };
        let on = (why.channel != 0).then_some(ChannelId(why.channel));
        let Explained { has, steps } = self.state.explain(&member, on, asked);
        let steps = steps.iter().map(|step| self.shown_step(step, asked)).collect::<Result<_, _>>()?;
        Ok(wire::Explanation {
            allowed: has.contains(asked),
            name: member.name,
            channel_path: self.state.path_of(on),
            steps,
            has: has.bits(),
        })
    }

    fn shown_step(&self, step: &ExplainedStep, asked: Permissions) -> Result<wire::Step, Refused> {
        let of_those = |permissions: Permissions| permissions.intersection(asked).bits();
        let mut shown = wire::Step { after: of_those(step.after), ..wire::Step::default() };
        let kind = match step.reason {
            Reason::Grant { role, allow, until } => {
                shown.role = self.role_name(role);
                shown.allow = of_those(allow);
                shown.until_ms = until.map_or(0, |until| until.0);
                wire::StepKind::Grant
            }
            Reason::FactorLacking { role, allow } => {
                (shown.role, shown.allow) = (self.role_name(role), of_those(allow));
                wire::StepKind::FactorLacking
            }
            Reason::Owner => wire::StepKind::Owner,
            Reason::Overwrite(one) => {
                match one.subject {
                    Subject::Role(role) => shown.role = self.role_name(role),
                    Subject::User(user) => {
                        let name = self.shared.store.user(user)?.map(|user| user.name);
                        shown.user = name.unwrap_or_default();
                    }
                }
                shown.channel = one.channel.0;
                shown.channel_path = self.state.path_of(Some(one.channel));
                (shown.allow, shown.deny) = (of_those(one.allow), of_those(one.deny));
                shown.reach = i32::from(one.reach as u8);
                wire::StepKind::Overwrite
            }
            Reason::Unseen => wire::StepKind::Unseen,
            Reason::Key(_) => wire::StepKind::Key,
        };
        shown.set_kind(kind);
        Ok(shown)
    }
}
