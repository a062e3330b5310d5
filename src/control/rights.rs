//! Requests about who may do what, as far as they aren't the state's alone: passwords of channels, holders of roles,
//! questions.

use super::given::{Given, NewPassword, mark};
use super::live::Control;
use super::{Actor, Handle, Refused};
use crate::auth::{AddressKey, StoredPassword};
use crate::bounds::{MAX_LISTED, check_channel_password};
use crate::id::{ChannelId, RoleId, SessionId, Ssrc};
use crate::permission::{Permissions, Subject};
use crate::protocol::call::{Live, On, View};
use crate::protocol::operation;
use crate::protocol::wire::{self, overwrite, response};
use crate::state::{
    Asker, Change, Denied, Difference, Explained, ExplainedStep, Facts, Member, Named, PasswordMark, Reason,
    State, imagined,
};
use crate::store::{Author, By};
use crate::voice::Peer;

/// Rows of a list at most.
const LISTED: usize = 1_000;

/// A change that is looked at and not made.
#[derive(Debug)]
pub(super) struct Imagined {
    state: State,
    change: Change,
    named: Option<Named>,
    /// Who looks at it; the machine's owner, as `None`, sees everything.
    viewer: Option<Member>,
}

impl Imagined {
    pub(super) fn new(state: State, change: Change, named: Option<Named>, viewer: Option<Member>) -> Self {
        Self { state, change, named, viewer }
    }

    fn differences(self) -> wire::Differences {
        let (state, viewer) = (self.state.clone(), self.viewer.as_ref());
        let mut found = self.state.differences(self.change, self.named.as_ref());
        let sees = |channel| {
            viewer.is_none_or(|viewer| state.permissions(viewer, channel).contains(Permissions::VIEW))
        };
        found.retain(|one| one.channel.is_none_or(sees));
        let shown = |one: &Difference| wire::Difference {
            session: one.session.map_or(0, u64::from),
            name: one.name.clone(),
            channel: one.channel.map_or(0, u64::from),
            channel_path: state.path_for(one.channel, viewer),
            before: one.before.bits(),
            after: one.after.bits(),
        };
        wire::Differences {
            count: u32::try_from(found.len()).unwrap_or(u32::MAX),
            differences: found.iter().take(LISTED).map(shown).collect(),
        }
    }
}

/// A name for who tries a channel's password: an account is one wherever it connects from, and guests are told apart by
/// their addresses, of IPv6 by the 64 bits that a household has.
fn guesser(channel: u64, by: By) -> String {
    match by.author {
        Author::User(user) => format!("{channel} user {user}"),
        Author::Guest | Author::Operator | Author::Server => {
            format!("{channel} {:?} {:?}", by.author, by.from.map(AddressKey::of))
        }
    }
}

impl<P: Peer> Handle<P> {
    /// What the passwords in a request come to, which are hashed before it comes to the control thread.
    pub(super) async fn passwords_in(&self, actor: Actor, live: &Live) -> Result<Given, Refused> {
        let new = match live {
            Live::Join(join) if !join.password.is_empty() => {
                let shown = self.shown(actor, live, ChannelId(join.channel), &join.password).await?;
                return Ok(Given { shown, ..Given::default() });
            }
            Live::Listen(listen) if listen.on && !listen.password.is_empty() => {
                let shown = self.shown(actor, live, ChannelId(listen.channel), &listen.password).await?;
                return Ok(Given { shown, ..Given::default() });
            }
            Live::CreateChannel(create) if !create.password.is_empty() => Some(&create.password),
            Live::EditChannel(edit) => edit.password.as_ref(),
            Live::Join(_)
            | Live::Leave(_)
            | Live::SetSelf(_)
            | Live::SendText(_)
            | Live::CreateChannel(_)
            | Live::MoveChannel(_)
            | Live::RemoveChannel(_)
            | Live::LogOut(_)
            | Live::SetUserDisabled(_)
            | Live::MoveSession(_)
            | Live::Listen(_)
            | Live::Watch(_)
            | Live::SetVoiceTarget(_)
            | Live::LinkChannels(_)
            | Live::Moderate(_)
            | Live::Kick(_)
            | Live::StartRecording(_)
            | Live::StopRecording(_)
            | Live::EditOrganization(_) => None,
        };
        let Some(password) = new else { return Ok(Given::default()) };
        // Permission first: who may not do it costs no hash.
        self.would(actor, live.clone().into()).await?;
        let password = match password.as_str() {
            "" => NewPassword::None,
            password => NewPassword::Is(self.channel_password(actor, password).await?),
        };
        Ok(Given { password, ..Given::default() })
    }

    async fn channel_password(&self, actor: Actor, password: &str) -> Result<StoredPassword, Refused> {
        check_channel_password(password).map_err(|error| {
            Refused::Rejected(crate::protocol::ErrorCode::PasswordInvalid, error.to_string())
        })?;
        let by = self.look(move |control| Ok(control.by(actor))).await?;
        Ok(self.shared.accounts.hash_channel_password(password, by).await?)
    }

    /// Which password a request to be let in shows, if it is the channel's. Whoever tries many has to wait.
    async fn shown(
        &self,
        actor: Actor,
        live: &Live,
        channel: ChannelId,
        password: &str,
    ) -> Result<Option<PasswordMark>, Refused> {
        // Nobody learns of a channel that they don't see, nor costs a hash where the password isn't what they lack.
        let needed = live.operation().needs;
        let lacks_password = self.look(move |control| {
            let facts = Facts { asker: control.unconnected(actor)?, ..Facts::default() };
            let asker = control.state.asker(actor, &facts)?;
            match control.state.authorize_within(asker, needed, channel) {
                Ok(()) => Ok(false),
                Err(Denied::ChannelPassword) => Ok(true),
                Err(denied) => Err(denied.into()),
            }
        });
        if !lacks_password.await? {
            return Ok(None);
        }
        let Some(stored) = self.shared.store.channel(channel)?.and_then(|row| row.password) else {
            return Ok(None);
        };
        let by = self.look(move |control| Ok(control.by(actor))).await?;
        let (guesser, which) = (guesser(channel.0, by), mark(&stored));
        let fits = self.shared.accounts.check_channel_password(&guesser, stored, password, by).await?;
        Ok(fits.then_some(which))
    }

    /// Answers a question about what is live, or about who may do what.
    pub(super) async fn view(&self, actor: Actor, view: View) -> Result<response::Body, Refused> {
        let (operation, on) = (view.operation(), view.on());
        match view {
            View::Ping(_) => Ok(response::Body::Pong(wire::Pong {})),
            View::ListHolders(list) => {
                let role = RoleId(list.role);
                let rule =
                    move |state: &State, _: Asker<'_>| state.role(role).map(|_| ()).ok_or(Denied::NoSuchRole);
                self.permit(actor, operation, on, rule).await?;
                self.holders(role).map(response::Body::Holders)
            }
            View::WhatIf(what_if) => {
                let rule = |_: &State, _: Asker<'_>| Ok(());
                self.permit(actor, operation, on, rule).await?;
                self.what_if(actor, what_if).await.map(response::Body::Differences)
            }
            View::List(_)
            | View::GetOrganization(_)
            | View::GetChannel(_)
            | View::ListRoles(_)
            | View::GetRole(_)
            | View::ListOverwrites(_)
            | View::Why(_) => self.look(move |control| control.viewed(actor, &view)).await,
        }
    }

    /// The accounts that have a role.
    fn holders(&self, role: RoleId) -> Result<wire::Holders, Refused> {
        let now = self.shared.clock.wall();
        let mut holders = Vec::new();
        for user in self.shared.store.users(self.shared.organization, None, usize::MAX)? {
            if let Some(grant) = user.grants.iter().find(|grant| grant.role == role && grant.holds(now)) {
                let until_ms = grant.expires.map_or(0, |until| until.0);
                holders.push(wire::Holder { user: user.id.0, name: user.name, until_ms });
            }
            if holders.len() == LISTED {
                break;
            }
        }
        Ok(wire::Holders { holders })
    }

    /// What a change would change. It is looked at beside the control thread, which goes on meanwhile.
    async fn what_if(&self, actor: Actor, what_if: wire::WhatIf) -> Result<wire::Differences, Refused> {
        let imagined = self.look(move |control| control.imagine(actor, what_if)).await?;
        let work = tokio::task::spawn_blocking(move || imagined.differences());
        work.await.map_err(|_| Refused::Internal)
    }
}

impl<P: Peer> Control<P> {
    /// Answers a question by the live state alone.
    pub(super) fn viewed(&self, actor: Actor, view: &View) -> Result<response::Body, Refused> {
        let facts = Facts { asker: self.unconnected(actor)?, ..Facts::default() };
        let asker = self.state.asker(actor, &facts)?;
        match view {
            View::Why(why) => self.why(actor, why).map(response::Body::Explanation),
            view => {
                self.state.permit(asker, view.operation(), view.on())?;
                self.permitted_view(asker, view)
            }
        }
    }

    fn permitted_view(&self, asker: Asker<'_>, view: &View) -> Result<response::Body, Refused> {
        let (state, viewer) = (&self.state, asker.viewer());
        match view {
            View::List(list) => self.list(list, viewer).map(response::Body::Listing),
            View::GetOrganization(_) => Ok(response::Body::Organization(state.show_settings(viewer))),
            View::GetChannel(get) => {
                let shown = state.show_one_channel(ChannelId(get.channel), viewer);
                Ok(response::Body::Channel(shown.ok_or(Denied::NoSuchChannel)?))
            }
            View::ListRoles(_) => Ok(response::Body::Roles(state.show_roles())),
            View::GetRole(get) => {
                let role = state.role(RoleId(get.role)).ok_or(Denied::NoSuchRole)?;
                Ok(response::Body::Role(State::show_role(role)))
            }
            View::ListOverwrites(list) => {
                let channel = ChannelId(list.channel);
                state.may_list_overwrites(asker, channel)?;
                self.overwrites(channel).map(response::Body::Overwrites)
            }
            // What takes long is answered beside this thread.
            View::Ping(_) | View::ListHolders(_) | View::WhatIf(_) | View::Why(_) => Err(Refused::Unexpected),
        }
    }

    fn imagine(&self, actor: Actor, what_if: wire::WhatIf) -> Result<Imagined, Refused> {
        let asked = imagined(what_if.change.ok_or(Denied::Missing("change"))?);
        let facts = self.facts(actor, &asked, &Given::default())?;
        let change = self.state.decide(actor, &asked, &facts)?;
        let viewer = self.state.asker(actor, &facts)?.viewer().cloned();
        Ok(Imagined::new(self.state.clone(), change, facts.named, viewer))
    }

    /// What a viewer may see of what is asked for, with what only a look at it tells: who is idle, and who talks.
    fn list(&self, list: &wire::List, viewer: Option<&Member>) -> Result<wire::Listing, Refused> {
        let some = |members| wire::Snapshot {
            members,
            self_session: viewer.map_or(0, |member| member.session.0),
            ..wire::Snapshot::default()
        };
        let (mut snapshot, more) = match (list.channel, list.ssrc) {
            (_, Some(ssrc)) => {
                (some(self.state.show_speaker(Ssrc(ssrc), viewer).into_iter().collect()), false)
            }
            (Some(channel), None) => {
                let channel = (channel != 0).then_some(ChannelId(channel));
                let (page, more) = self.state.page(channel, SessionId(list.after), MAX_LISTED, viewer)?;
                (some(page), more)
            }
            (None, None) => (self.state.snapshot(viewer), false),
        };
        let now = self.shared.clock.monotonic();
        for member in &mut snapshot.members {
            let session = SessionId(member.session);
            let hidden =
                self.state.member(session).and_then(|of| of.channel).is_some() && member.channel == 0;
            if let Some(connection) = self.connections.get(&session).filter(|_| !hidden) {
                member.idle_ms = u64::try_from(connection.activity.idle(now).as_millis()).unwrap_or(u64::MAX);
                member.talking = connection.activity.talks(now);
            }
        }
        Ok(wire::Listing { snapshot: Some(snapshot), more })
    }

    fn overwrites(&self, channel: ChannelId) -> Result<wire::Overwrites, Refused> {
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

    /// Why somebody may do something, for who may know.
    fn why(&self, actor: Actor, why: &wire::Why) -> Result<wire::Explanation, Refused> {
        let named = if why.user.is_empty() { None } else { self.named(&why.user, false)? };
        let facts = Facts { named, asker: self.unconnected(actor)?, ..Facts::default() };
        let asker = self.state.asker(actor, &facts)?;
        self.state.permit(asker, &operation::WHY, On::Organization)?;
        self.state.may_ask_why(asker, why, &facts)?;
        let asked = Permissions::from_bits(why.permissions);
        let member = match (&facts.named, asker.viewer()) {
            // One who is connected may have come by a key, or lost a role since; the account is what is asked about.
            (Some(named), _) => self.state.as_member(named),
            (None, Some(own)) if why.session == 0 => own.clone(),
            (None, _) => self.state.member(SessionId(why.session)).cloned().ok_or(Denied::NoSuchSession)?,
        };
        let on = (why.channel != 0).then_some(ChannelId(why.channel));
        let Explained { has, steps } = self.state.explain(&member, on, asked);
        let shown = |step| self.shown_step(step, asked, asker.viewer());
        let steps = steps.iter().map(shown).collect::<Result<_, _>>()?;
        Ok(wire::Explanation {
            allowed: has.contains(asked),
            name: member.name,
            channel_path: self.state.path_for(on, asker.viewer()),
            steps,
            has: has.bits(),
        })
    }

    fn shown_step(
        &self,
        step: &ExplainedStep,
        asked: Permissions,
        viewer: Option<&Member>,
    ) -> Result<wire::Step, Refused> {
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
                // What is above may be hidden from whoever sees the channel below.
                let seen = viewer.is_none_or(|viewer| {
                    self.state.permissions(viewer, one.channel).contains(Permissions::VIEW)
                });
                if seen {
                    shown.channel = one.channel.0;
                    shown.channel_path = self.state.path_for(Some(one.channel), viewer);
                }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Timestamp, UserId};

    #[test]
    fn whoever_tries_a_channel_s_password_is_one_by_whatever_address_they_come() {
        let by = |author, from: &str| By::new(author, Some(from.parse().unwrap()), Timestamp(0));
        let name = |author, from| guesser(7, by(author, from));
        let alice = Author::User(UserId(1));
        assert_eq!(name(alice, "192.0.2.1"), name(alice, "2001:db8::1"));
        assert_ne!(name(alice, "192.0.2.1"), name(Author::User(UserId(2)), "192.0.2.1"));
        assert_eq!(name(Author::Guest, "2001:db8::1"), name(Author::Guest, "2001:db8::2"));
        assert_ne!(name(Author::Guest, "2001:db8::1"), name(Author::Guest, "2001:db8:0:1::1"));
        assert_ne!(guesser(7, by(alice, "192.0.2.1")), guesser(8, by(alice, "192.0.2.1")));
    }
}
