//! Those who are connected follow what was written past the live state: one account, the bans, or everything.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::oneshot;

use super::command::{Command, Followed};
use super::connection::{Connection, Farewell};
use super::handle::Handle;
use super::live::Control;
use super::load;
use super::refused::Refused;
use crate::account::Changed;
use crate::id::{SessionId, Timestamp};
use crate::protocol::CloseCode;
use crate::state::{Member, Standing};
use crate::store::{Ban, ReadError, ban_on};
use crate::voice::Peer;

/// How often it is tried to read what was changed, and what lies between two tries: a database whose disk failed is opened
/// again once a second.
const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_secs(1);

impl<P: Peer> Handle<P> {
    /// Has those who are connected follow what a use case of `account` changed. Answers when they do.
    pub(super) async fn follow(&self, changed: Changed) -> Result<(), Refused> {
        self.follow_all(Followed::Account(changed)).await
    }

    /// Has what is live follow all that the store holds.
    pub(super) async fn refresh(&self) -> Result<(), Refused> {
        self.shared.accounts.read_bans()?;
        self.follow_all(Followed::Everything).await
    }

    pub(super) async fn follow_all(&self, what: Followed) -> Result<(), Refused> {
        for _ in 1..TRIES {
            match self.follow_once(what.clone()).await {
                Ok(()) => return Ok(()),
                Err(error) => {
                    // What is written is written: whoever is connected has to follow as soon as it can be read.
                    tracing::warn!(%error, "what was changed can't be read; those who are connected follow later");
                    self.shared.clock.sleep(PAUSE).await;
                }
            }
        }
        self.follow_once(what).await
    }

    async fn follow_once(&self, what: Followed) -> Result<(), Refused> {
        let (reply, done) = oneshot::channel();
        // Waits for room: what is written already isn't to be refused.
        let command = Command::Follow { what, reply };
        self.queue.send(command).await.map_err(|_| self.gone())?;
        done.await.map_err(|_| self.gone())?
    }
}

impl<P: Peer> Control<P> {
    /// Brings what is live to what the store holds by now, as far as `what` says. Where the store can't be read, nothing
    /// changes: nobody is sent away for what isn't known.
    pub(super) fn follow(&mut self, what: Followed) -> Result<(), Refused> {
        if !matches!(what, Followed::Element(_) | Followed::Personal(_)) {
            self.settle_anew();
        }
        if let Followed::Account(changed) = what {
            self.make_account_known(changed);
        }
        match what {
            Followed::Account(Changed::User(user)) => {
                let (bans, now) = (self.bans()?, self.shared.clock.wall());
                let standing = |member: &Member| self.standing(&bans, member, now);
                let theirs: Vec<_> = self.state.sessions_of(user);
                let stand = theirs.iter().filter_map(|session| self.state.member(*session));
                let stand = stand.map(|member| Ok((member.session, standing(member)?)));
                let stand = stand.collect::<Result<Vec<_>, ReadError>>()?;
                self.stand(stand);
                self.read_hooks();
                self.read_flows();
            }
            Followed::Account(Changed::Bans) => {
                let (bans, now) = (self.bans()?, self.shared.clock.wall());
                let mut gone = Vec::new();
                for member in self.state.members() {
                    if let Some(ban) = self.ban_of(&bans, member, now)? {
                        gone.push((member.session, Err(ban.into())));
                    }
                }
                self.stand(gone);
            }
            Followed::Element(change) => self.make_element_known(change),
            Followed::Personal(change) => self.make_personal_known(change),
            Followed::Hooks => self.read_hooks(),
            Followed::Flows => self.read_flows(),
            Followed::Everything => {
                let stored = load::stored(
                    &self.shared.store,
                    self.shared.organization,
                    self.shared.settings.server_limits(),
                )?;
                let (bans, now) = (self.bans()?, self.shared.clock.wall());
                let standing = |member: &Member| Ok((member.session, self.standing(&bans, member, now)?));
                let stand = self.state.members().map(standing).collect::<Result<Vec<_>, ReadError>>()?;
                let events = self.take_anew(stored);
                self.settle_anew();
                self.publish(&events, &[]);
                self.stand(stand);
                self.read_hooks();
                self.read_flows();
            }
        }
        Ok(())
    }

    fn bans(&self) -> Result<Vec<Ban>, ReadError> {
        self.shared.store.bans(self.shared.organization, None, usize::MAX)
    }

    /// What keeps somebody out by now: by account, by address or by the key of the device.
    fn ban_of<'a>(
        &self,
        bans: &'a [Ban],
        member: &Member,
        now: Timestamp,
    ) -> Result<Option<&'a Ban>, ReadError> {
        let address = self.connections.get(&member.session).map(|connection| connection.address);
        if let Some(ban) = ban_on(bans, member.user, address, None, now) {
            return Ok(Some(ban));
        }
        let Some(user) = member.user else { return Ok(None) };
        let key = self.shared.store.device(user, member.session)?.and_then(|row| row.key);
        Ok(key.and_then(|key| ban_on(bans, None, None, Some(key), now)))
    }

    /// What a member is by what the store holds; or what they are told where they aren't let in by now.
    fn standing(
        &self,
        bans: &[Ban],
        member: &Member,
        now: Timestamp,
    ) -> Result<Result<Standing, Farewell>, ReadError> {
        let store = &self.shared.store;
        if let Some(ban) = self.ban_of(bans, member, now)? {
            return Ok(Err(ban.into()));
        }
        let Some(user) = member.user else {
            let (name, roles) = (member.name.clone(), member.roles.clone());
            return Ok(Ok(Standing { name, roles, second_factor: false }));
        };
        let is_let_in = match member.key {
            Some(key) => store.api_key_by_id(key, now)?.is_some(),
            None => store.session(user, member.session, now)?.is_some(),
        };
        let user = match store.user(user)? {
            Some(user) if user.disabled => return Ok(Err(CloseCode::Disabled.into())),
            Some(user) if is_let_in => user,
            None => return Ok(Err(CloseCode::AccountDeleted.into())),
            Some(_) if self.is_over(member, now) => return Ok(Err(CloseCode::Expired.into())),
            Some(_) => return Ok(Err(CloseCode::LoggedOut.into())),
        };
        let second_factor = load::has_second_factor(store, user.id)?;
        Ok(Ok(Standing { roles: load::held(&user, now), second_factor, name: user.name }))
    }

    /// Whether the time of a member's log-in is over.
    fn is_over(&self, member: &Member, now: Timestamp) -> bool {
        let until = self.connections.get(&member.session).and_then(Connection::until);
        until.is_some_and(|until| until <= now)
    }

    /// Members stand so from now on, or are sent away with such words.
    pub(super) fn stand(&mut self, found: Vec<(SessionId, Result<Standing, Farewell>)>) {
        let mut farewells = HashMap::new();
        let standing = found.into_iter().map(|(session, found)| {
            let standing = found.map_err(|farewell| farewells.insert(session, farewell)).ok();
            (session, standing)
        });
        let (events, removed) = self.state.stand(standing.collect());
        self.publish(&events, &[]);
        for session in removed {
            if let Some(connection) = self.connections.remove(session) {
                let farewell = farewells.remove(&session);
                connection.send_away(farewell.unwrap_or_else(|| CloseCode::LoggedOut.into()));
            }
        }
    }
}
