//! The writes, each done whole or not at all inside the transaction of its group. Each function makes a
//! [`Write`] for [`Store::run`](super::Store::run); its error says why it may be refused.

mod audit;
mod channel;
mod close;
mod device;
mod email;
mod job;
mod key;
mod mail;
mod organization;
mod owner;
mod password;
mod preference;
mod registration;
mod rejected;
mod role;
mod rows;
mod second_factor;
mod session;
mod token;
mod user;

pub use audit::{note, prune_audit};
pub use channel::{
    ChannelEdit, DeleteChannelError, LinkChannelsError, PutChannelError, PutOverwriteError,
    RemoveOverwriteError, add_channel, create_channel, delete_channel, edit_channel, link_channels,
    put_overwrite, remove_overwrite,
};
pub use close::Ended;
pub use device::{
    Exchange, Exchanged, MAX_DEVICE_KEYS, NOTICE, RegisterDeviceKeyError, RemoveDeviceKeyError, end_device,
    end_other_devices, exchange_token, register_device_key, remove_device_key, take_notice,
};
pub use email::{
    CodeLetter, EmailSet, RequestResetError, SetEmailError, VerifyEmailError, request_reset, set_email,
    verify_email,
};
pub use job::{put_job, sweep_jobs};
pub use key::{
    BanError, Banned, CreateApiKeyError, LiftBanError, MAX_API_KEYS, NewApiKey, NewBan, RevokeApiKeyError,
    ban, create_api_key, lift_ban, revoke_api_key,
};
pub use mail::{MAX_OUTBOX, NewMail, put_mail, remove_mail, sweep_mail};
pub use organization::{
    CreateOrganizationError, DeleteOrganizationError, Deleted, EditOrganizationError, NewOrganization,
    OrganizationEdit, create_organization, delete_organization, edit_organization,
};
pub use password::{
    ChangePasswordError, PasswordChange, PasswordSet, ResetPasswordError, SetPasswordError, change_password,
    replace_password, reset_password, set_password,
};
pub use preference::{
    FavouriteError, MAX_FAVOURITES, MAX_SETTING, PutOrganizationSettingsError, PutRestraintError,
    SettingError, put_organization_settings, put_restraint, put_setting, set_favourite,
};
pub use registration::{Entry, RegisterError, register};
pub use rejected::Rejected;
pub use role::{
    CreateRoleError, DeleteRoleError, EditRoleError, GrantError, NewRole, PutRoleError, RoleEdit,
    SetSecondFactorError, add_role, create_role, delete_role, edit_role, grant, put_role, revoke,
    set_second_factor,
};
pub use second_factor::{
    FactorProof, RemovalProof, SecondFactorError, begin_second_factor, confirm_second_factor,
    remove_second_factor, reseal_second_factors,
};
pub use session::{
    BeginSessionError, Begun, EndSessionError, NewSession, Proof, RefreshSessionError, begin_session,
    end_session, end_sessions_of, refresh_session, sweep_sessions,
};
pub use token::{
    CreateTokenError, NewToken, RevokeTokenError, TakeTokenError, create_token, revoke_token, set_claim,
    sweep_tokens, take_token,
};
pub(super) use user::keep_look;
pub use user::{
    CreateUserError, DeleteUserError, EditUserError, MAX_AVATAR, MAX_BIO, NewUser, SetProfileError, UserEdit,
    create_user, delete_user, edit_user, set_profile,
};

use std::convert::Infallible;

use super::error::{ReadError, Stop};
use super::open::{By, Open, Taken};
use super::record::declare::Stored;

type Work<T, E> = Box<dyn Fn(&mut Open<'_>) -> Result<T, Stop<E>> + Send>;

/// Something to be written, what it answers with when it is done, and why it may be refused.
///
/// A write is done whole or not at all: one that is refused has written nothing, and the others of its transaction go on.
/// There is no undoing inside a transaction, so each write asks for everything that may refuse it before it writes its
/// first row. A use case of several steps is therefore one function here, which asks for all of them first, and never a
/// chain of writes; what two of them have in common is a function of the open tables that is called by both.
///
/// A write can be run again, in another transaction and on another copy of the database, and does the same on the same
/// rows: whatever is random is an argument of the function that makes it, and the time is that of its author
/// ([`By::at`]).
#[must_use = "nothing is written until a store runs it"]
pub struct Write<T, E>(pub(super) Work<T, E>);

impl<T, E> std::fmt::Debug for Write<T, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Write(..)")
    }
}

impl<T: 'static, E: 'static> Write<T, E> {
    pub(super) fn new(work: impl Fn(&mut Open<'_>) -> Result<T, Stop<E>> + Send + 'static) -> Self {
        Self(Box::new(work))
    }

    /// The same as one of several of different kinds, whose refusals are all told as an `F`, such as [`Rejected`].
    pub fn erased<F: From<E> + 'static>(self) -> Write<(), F> {
        Write::new(move |open| (self.0)(open).map(drop).map_err(refuse))
    }

    /// The same, where it doesn't matter when there is nothing to do.
    pub fn or_nothing<F: 'static>(self) -> Write<(), F> {
        Write::new(move |open| match (self.0)(open) {
            Ok(_) | Err(Stop::Refused(_)) => Ok(()),
            Err(Stop::Broken(error)) => Err(Stop::Broken(error)),
        })
    }
}

/// The same refusal as one of a write that does this and more.
fn refuse<E, F: From<E>>(stop: Stop<E>) -> Stop<F> {
    match stop {
        Stop::Refused(error) => Stop::Refused(error.into()),
        Stop::Broken(error) => Stop::Broken(error),
    }
}

/// The first of a record's unique keys that is another row's already: what a write that writes more than one row asks
/// before the first of them.
fn taken<R: Stored>(open: &Open<'_>, old: Option<&R>, new: &R) -> Result<Option<Taken>, ReadError> {
    let own = old.map(Stored::entries).unwrap_or_default();
    for key in new.entries().into_iter().filter(|key| !own.contains(key)) {
        if open.find(key)?.is_some() {
            return Ok(Some(Taken(key)));
        }
    }
    Ok(None)
}

/// All of them in order, each done or refused by itself, each on behalf of its own author.
pub fn all<E: 'static>(writes: Vec<(By, Write<(), E>)>) -> Write<Vec<Result<(), E>>, Infallible> {
    Write::new(move |open| {
        let mut outcomes = Vec::with_capacity(writes.len());
        for (by, write) in &writes {
            open.by = *by;
            outcomes.push(match (write.0)(open) {
                Ok(()) => Ok(()),
                Err(Stop::Refused(error)) => Err(error),
                Err(Stop::Broken(error)) => return Err(Stop::Broken(error)),
            });
        }
        Ok(outcomes)
    })
}
