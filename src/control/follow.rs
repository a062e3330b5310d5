//! Those who are connected follow what was written past the live state: one account, the bans, or everything.

use tokio::sync::oneshot;

use super::command::{Command, Followed};
use super::handle::Handle;
use super::live::Control;
use super::load;
use super::refused::Refused;
use crate::account::Changed;
use crate::id::{SessionId, Timestamp, UserId};
use crate::protocol::CloseCode;
use crate::state::{Member, Standing};
use crate::store::{Ban, ReadError, ban_on};
use crate::voice::Peer;

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

    async fn follow_all(&self, what: Followed) -> Result<(), Refused> {
        let (reply, done) = oneshot::channel();
        // Waits for room: what is written already isn't to be refused.
        let command = Command::Follow { what, reply };
        self.queue.send(command).await.map_err(|_| self.gone())?;
        done.await.map_err(|_| self.gone())?
    }
}

impl<P: Peer> Control<P> {
    /// Brings what is live to what the store holds by now, as far as `what` says.
    pub(super) fn follow(&mut self, what: Followed) -> Result<(), Refused> {
        if let Followed::Account(changed) = what {
            self.make_account_known(changed);
        }
        match what {
            Followed::Account(Changed::User(user)) => {
                let (bans, now) = (self.bans()?, self.shared.clock.wall());
                let standing = |member: &Member| self.standing(&bans, member, now);
                let theirs: Vec<_> = self.state.sessions_of(user);
                let stand = theirs.iter().filter_map(|session| self.state.member(*session));
                let stand: Vec<_> = stand.map(|member| (member.session, standing(member))).collect();
                self.stand(stand);
            }
            Followed::Account(Changed::Bans) => {
                let (bans, now) = (self.bans()?, self.shared.clock.wall());
                let banned = self.state.members().filter(|member| self.is_banned(&bans, member, now));
                let gone: Vec<_> = banned.map(|member| (member.session, None)).collect();
                self.stand(gone);
            }
            Followed::Everything => {
                let stored = load::stored(
                    &self.shared.store,
                    self.shared.organization,
                    self.shared.settings.server_limits(),
                )?;
                let (bans, now) = (self.bans()?, self.shared.clock.wall());
                let standing = |member: &Member| (member.session, self.standing(&bans, member, now));
                let stand: Vec<_> = self.state.members().map(standing).collect();
                let events = self.state.refresh(stored);
                self.publish(&events, &[]);
                self.stand(stand);
            }
        }
        Ok(())
    }

    fn bans(&self) -> Result<Vec<Ban>, ReadError> {
        self.shared.store.bans(self.shared.organization, None, usize::MAX)
    }

    /// Whether somebody is kept out by now: by account, by address or by the key of the device.
    fn is_banned(&self, bans: &[Ban], member: &Member, now: Timestamp) -> bool {
        let address = self.connections.get(&member.session).map(|connection| connection.address);
        if ban_on(bans, member.user, address, None, now).is_some() {
            return true;
        }
        let key = |user: UserId| self.shared.store.device(user, member.session).ok()?.and_then(|row| row.key);
        let key = member.user.and_then(key);
        key.is_some() && ban_on(bans, None, None, key, now).is_some()
    }

    /// What a member is by what the store holds; nothing where the account, the session or the key is there no more.
    fn standing(&self, bans: &[Ban], member: &Member, now: Timestamp) -> Option<Standing> {
        let store = &self.shared.store;
        if self.is_banned(bans, member, now) {
            return None;
        }
        let Some(user) = member.user else {
            let (name, roles) = (member.name.clone(), member.roles.clone());
            return Some(Standing { name, roles, second_factor: false });
        };
        match member.key {
            Some(key) => drop(store.api_key_by_id(key, now).ok().flatten()?),
            None => drop(store.session(user, member.session, now).ok().flatten()?),
        }
        let user = store.user(user).ok().flatten().filter(|user| !user.disabled)?;
        let second_factor = load::has_second_factor(store, user.id).ok()?;
        Some(Standing { roles: load::held(&user, now), second_factor, name: user.name })
    }

    /// Members stand so from now on, or are sent away.
    fn stand(&mut self, standing: Vec<(SessionId, Option<Standing>)>) {
        let (events, removed) = self.state.stand(standing);
        self.publish(&events, &[]);
        for session in removed {
            if let Some(connection) = self.connections.remove(&session) {
                connection.send_away(CloseCode::LoggedOut, "");
            }
        }
    }
}
