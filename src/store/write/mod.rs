//! The writes, each done whole or not at all inside the transaction of its group. Each function makes a
//! [`Write`] for [`Store::run`](super::Store::run); its error says why it may be refused.

mod audit;
mod channel;
mod device;
mod job;
mod key;
mod mail;
mod note;
mod organization;
mod owner;
mod preference;
mod role;
mod second_factor;
mod session;
mod token;
mod user;

pub use audit::prune_audit;
pub use channel::{
    ChannelEdit, DeleteChannelError, LinkChannelsError, PutChannelError, PutOverwriteError,
    RemoveOverwriteError, add_channel, create_channel, delete_channel, edit_channel, link_channels,
    put_overwrite, remove_overwrite,
};
pub use device::{
    Exchange, Exchanged, MAX_DEVICE_KEYS, NOTICE, RegisterDeviceKeyError, RemoveDeviceKeyError,
    exchange_token, note_device_log_in, put_device, register_device_key, remove_device_key,
    remove_device_keys_of, take_notice,
};
pub use job::{put_job, sweep_jobs};
pub use key::{
    BanError, CreateApiKeyError, LiftBanError, NewApiKey, NewBan, RevokeApiKeyError, ban, create_api_key,
    lift_ban, revoke_api_key,
};
pub use mail::{MAX_OUTBOX, put_mail, remove_mail, sweep_mail};
pub use note::note;
pub use organization::{
    CreateOrganizationError, DeleteOrganizationError, Deleted, EditOrganizationError, NewOrganization,
    OrganizationEdit, create_organization, delete_organization, edit_organization,
};
pub use preference::{
    FavouriteError, MAX_FAVOURITES, MAX_SETTING, PutOrganizationSettingsError, PutRestraintError,
    SettingError, put_organization_settings, put_restraint, put_setting, set_favourite,
};
pub use role::{
    CreateRoleError, DeleteRoleError, EditRoleError, GrantError, NewRole, PutRoleError, RoleEdit,
    SetSecondFactorError, add_role, create_role, delete_role, edit_role, grant, put_role, revoke,
    set_second_factor,
};
pub use second_factor::{
    SecondFactorError, begin_second_factor, confirm_second_factor, remove_second_factor, take_recovery,
    take_step,
};
pub use session::{
    CreateSessionError, EndSessionError, RefreshSessionError, create_session, end_session, end_sessions_of,
    refresh_session, sweep_sessions,
};
pub use token::{
    CreateTokenError, NewToken, RedeemClaimError, RegisterError, RevokeTokenError, TakeTokenError,
    create_token, redeem_claim, register_by_invite, revoke_token, set_claim, sweep_tokens, take_token,
};
pub(super) use user::keep_look;
pub use user::{
    CreateUserError, DeleteUserError, EditUserError, MAX_AVATAR, MAX_BIO, NewUser, SetProfileError, UserEdit,
    create_user, delete_user, edit_user, replace_password, set_profile, verify_email,
};

use std::convert::Infallible;

use thiserror::Error;

use super::error::{ReadError, Stop};
use super::index::Indexed;
use super::open::{By, Open, Taken};

type Work<T, E> = Box<dyn FnOnce(&mut Open<'_>) -> Result<T, Stop<E>> + Send>;

/// Something to be written, what it answers with when it is done, and why it may be refused.
#[must_use = "nothing is written until a store runs it"]
pub struct Write<T, E>(pub(super) Work<T, E>);

impl<T, E> std::fmt::Debug for Write<T, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Write(..)")
    }
}

impl<T: 'static, E: 'static> Write<T, E> {
    pub(super) fn new(work: impl FnOnce(&mut Open<'_>) -> Result<T, Stop<E>> + Send + 'static) -> Self {
        Self(Box::new(work))
    }

    /// The same as one of several of different kinds.
    pub fn erased(self) -> Write<(), Rejected>
    where
        Rejected: From<E>,
    {
        Write::new(move |open| (self.0)(open).map(drop).map_err(reject))
    }

    /// The same, where it doesn't matter when there is nothing to do.
    pub fn or_nothing(self) -> Write<(), Rejected> {
        Write::new(move |open| match (self.0)(open) {
            Ok(_) | Err(Stop::Refused(_)) => Ok(()),
            Err(Stop::Broken(error)) => Err(Stop::Broken(error)),
        })
    }

    /// This and then another one that is made of what this answered. If the other is refused, this stays
    /// done.
    pub fn then<U: 'static, F: 'static>(
        self,
        next: impl FnOnce(&T) -> Write<U, F> + Send + 'static,
    ) -> Write<(T, U), Rejected>
    where
        Rejected: From<E> + From<F>,
    {
        Write::new(move |open| {
            let first = (self.0)(open).map_err(reject)?;
            let second = (next(&first).0)(open).map_err(reject)?;
            Ok((first, second))
        })
    }
}

fn reject<E>(stop: Stop<E>) -> Stop<Rejected>
where
    Rejected: From<E>,
{
    match stop {
        Stop::Refused(error) => Stop::Refused(error.into()),
        Stop::Broken(error) => Stop::Broken(error),
    }
}

/// The first of a record's unique keys that is another row's already: what a write that writes more than one row asks
/// before the first of them.
fn taken<R: Indexed>(open: &Open<'_>, old: Option<&R>, new: &R) -> Result<Option<Taken>, ReadError> {
    let own = old.map(Indexed::entries).unwrap_or_default();
    for key in new.entries().into_iter().filter(|key| !own.contains(key)) {
        if open.find(key)?.is_some() {
            return Ok(Some(Taken(key)));
        }
    }
    Ok(None)
}

/// All of them in order, each done or refused by itself, each on behalf of its own author.
pub fn all(writes: Vec<(By, Write<(), Rejected>)>) -> Write<Vec<Result<(), Rejected>>, Infallible> {
    Write::new(move |open| {
        let mut outcomes = Vec::with_capacity(writes.len());
        for (by, write) in writes {
            open.by = by;
            outcomes.push(match (write.0)(open) {
                Ok(()) => Ok(()),
                Err(Stop::Refused(error)) => Err(error),
                Err(Stop::Broken(error)) => return Err(Stop::Broken(error)),
            });
        }
        Ok(outcomes)
    })
}

/// Why one of several writes of different kinds was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Rejected {
    /// A channel.
    #[error(transparent)]
    PutChannel(#[from] PutChannelError),
    /// A channel's removal.
    #[error(transparent)]
    DeleteChannel(#[from] DeleteChannelError),
    /// Two channels' link.
    #[error(transparent)]
    LinkChannels(#[from] LinkChannelsError),
    /// A setting.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// What an organization says to whoever comes.
    #[error(transparent)]
    PutOrganizationSettings(#[from] PutOrganizationSettingsError),
    /// What is laid upon somebody.
    #[error(transparent)]
    PutRestraint(#[from] PutRestraintError),
    /// A channel's exception.
    #[error(transparent)]
    PutOverwrite(#[from] PutOverwriteError),
    /// An exception's removal.
    #[error(transparent)]
    RemoveOverwrite(#[from] RemoveOverwriteError),
    /// A role.
    #[error(transparent)]
    PutRole(#[from] PutRoleError),
    /// A new role.
    #[error(transparent)]
    CreateRole(#[from] CreateRoleError),
    /// A role's removal.
    #[error(transparent)]
    DeleteRole(#[from] DeleteRoleError),
    /// A role that is granted or revoked.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// A user's change.
    #[error(transparent)]
    EditUser(#[from] EditUserError),
    /// A new user.
    #[error(transparent)]
    CreateUser(#[from] CreateUserError),
    /// A session's beginning.
    #[error(transparent)]
    CreateSession(#[from] CreateSessionError),
    /// A session's end.
    #[error(transparent)]
    EndSession(#[from] EndSessionError),
    /// A claim.
    #[error(transparent)]
    RedeemClaim(#[from] RedeemClaimError),
    /// A one-time token.
    #[error(transparent)]
    TakeToken(#[from] TakeTokenError),
}

impl From<Infallible> for Rejected {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
