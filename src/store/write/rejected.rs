//! The refusals of different writes as one, for whoever does several of different kinds together.

use std::convert::Infallible;

use thiserror::Error;

use super::channel::{
    DeleteChannelError, LinkChannelsError, PutChannelError, PutOverwriteError, RemoveOverwriteError,
};
use super::preference::{PutOrganizationSettingsError, PutRestraintError, SettingError};
use super::registration::RegisterError;
use super::role::{CreateRoleError, DeleteRoleError, GrantError, PutRoleError};
use super::session::{BeginSessionError, EndSessionError};
use super::step::StepDone;
use super::token::TakeTokenError;
use super::user::{CreateUserError, EditUserError};

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
    BeginSession(#[from] BeginSessionError),
    /// An account with its first session.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// A session's end.
    #[error(transparent)]
    EndSession(#[from] EndSessionError),
    /// A one-time token.
    #[error(transparent)]
    TakeToken(#[from] TakeTokenError),
    /// What a step of a flow asks for that is done already.
    #[error(transparent)]
    StepDone(#[from] StepDone),
}

impl From<Infallible> for Rejected {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
