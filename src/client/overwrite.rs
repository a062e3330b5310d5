//! Exceptions of channels, why somebody may do something or may not, and what a change would change.

use std::time::Duration;

use super::role::{self, RoleEdit};
use super::{RequestError, Session};
use crate::id::{ChannelId, RoleId, SessionId, Timestamp, UserId};
use crate::permission::{Overwrite, Permissions, Reach, Subject};
use crate::protocol::wire::{self, StepKind, request, response, set_overwrite, what_if};

/// Whom an overwrite is to be for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OverwriteFor {
    /// Everybody who has the role.
    Role(RoleId),
    /// The account of this name.
    User(String),
}

/// An overwrite that is to be: all of what the channel makes an exception of for somebody. One that neither
/// allows nor denies anything takes it away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOverwrite {
    /// The channel that has it.
    pub channel: ChannelId,
    /// Whom it is for.
    pub subject: OverwriteFor,
    /// What it adds.
    pub allow: Permissions,
    /// What it takes away.
    pub deny: Permissions,
    /// Where it holds.
    pub reach: Reach,
}

impl From<NewOverwrite> for wire::SetOverwrite {
    fn from(new: NewOverwrite) -> Self {
        Self {
            channel: new.channel.0,
            subject: Some(match new.subject {
                OverwriteFor::Role(role) => set_overwrite::Subject::Role(role.0),
                OverwriteFor::User(user) => set_overwrite::Subject::User(user),
            }),
            allow: new.allow.bits(),
            deny: new.deny.bits(),
            reach: i32::from(new.reach as u8),
        }
    }
}

/// An overwrite of a channel, with the name of whom it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedOverwrite {
    /// The role's or the person's name.
    pub name: String,
    /// The overwrite.
    pub overwrite: Overwrite,
}

impl NamedOverwrite {
    /// An overwrite as a server tells it; `None` for one that only a later version knows.
    pub fn read(told: wire::Overwrite) -> Option<Self> {
        let subject = match told.subject? {
            wire::overwrite::Subject::Role(role) => Subject::Role(RoleId(role)),
            wire::overwrite::Subject::User(user) => Subject::User(UserId(user)),
        };
        let overwrite = Overwrite {
            channel: ChannelId(told.channel),
            subject,
            allow: Permissions::from_bits(told.allow),
            deny: Permissions::from_bits(told.deny),
            reach: reach(told.reach)?,
        };
        Some(Self { name: told.name, overwrite })
    }
}

/// Whom a question is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// Oneself.
    Own,
    /// Somebody who is connected.
    Session(SessionId),
    /// The account of this name, connected or not.
    User(String),
}

/// Why somebody may do something, or may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Whether all that was asked about is allowed.
    pub allowed: bool,
    /// Who it is.
    pub name: String,
    /// The channel's path; empty where no channel is meant.
    pub channel_path: String,
    /// What decided, in its order.
    pub steps: Vec<DecisionStep>,
    /// All that they may do there.
    pub has: Permissions,
}

/// A step of a decision, and what of the permissions asked about is allowed after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionStep {
    /// What it is.
    pub decided: Decided,
    /// Which of those asked about are allowed after it.
    pub after: Permissions,
}

/// What took part in a decision; permissions are those of the ones asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decided {
    /// A role grants.
    Grant {
        /// The role's name.
        role: String,
        /// What it grants.
        allow: Permissions,
        /// When the person has it no longer; `None` for good.
        until: Option<Timestamp>,
    },
    /// A role grants nothing for want of a second factor.
    FactorLacking {
        /// The role's name.
        role: String,
    },
    /// An owner may do everything.
    Owner,
    /// A channel's overwrite.
    Overwrite {
        /// The channel.
        channel: ChannelId,
        /// Its path.
        channel_path: String,
        /// Whom it is for.
        whom: Whom,
        /// Where it holds.
        reach: Reach,
        /// What it allows.
        allow: Permissions,
        /// What it denies.
        deny: Permissions,
    },
    /// Who may not see the channel may do nothing there.
    Unseen,
    /// An API key is good for less than its owner may.
    Key,
    /// Something that this client doesn't know.
    Unknown,
}

/// Whom an overwrite of a decision is for, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// Everybody who has the role.
    Role(String),
    /// One person.
    User(String),
}

/// A change that may be asked about before it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// [`Session::set_overwrite`].
    SetOverwrite(NewOverwrite),
    /// [`Session::edit_role`].
    EditRole(RoleId, RoleEdit),
    /// [`Session::remove_role`].
    RemoveRole(RoleId),
    /// [`Session::grant_role`].
    GrantRole {
        /// The account's name.
        user: String,
        /// The role.
        role: RoleId,
        /// For how long; `None` for good.
        life: Option<Duration>,
    },
    /// [`Session::revoke_role`].
    RevokeRole {
        /// The account's name.
        user: String,
        /// The role.
        role: RoleId,
    },
    /// [`Session::move_channel`].
    MoveChannel {
        /// The channel.
        channel: ChannelId,
        /// Where it is put; `None` for the top.
        parent: Option<ChannelId>,
        /// Its place there.
        position: i32,
    },
}

/// What would be different after a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// 1000 at most.
    pub rows: Vec<Difference>,
    /// How many there are in all.
    pub count: u32,
}

/// What somebody may do somewhere, before a change and after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Their session; `None` for an account that isn't connected.
    pub session: Option<SessionId>,
    /// Their name.
    pub name: String,
    /// The channel; `None` for wherever no channel is meant.
    pub channel: Option<ChannelId>,
    /// Its path.
    pub channel_path: String,
    /// What they may do now.
    pub before: Permissions,
    /// What they could do then.
    pub after: Permissions,
}

impl Session {
    /// The overwrites of a channel.
    pub async fn overwrites(&self, channel: ChannelId) -> Result<Vec<NamedOverwrite>, RequestError> {
        let list = wire::ListOverwrites { channel: channel.0 };
        let overwrites = match self.request(request::Body::ListOverwrites(list)).await? {
            response::Body::Overwrites(overwrites) => overwrites.overwrites,
            _ => return Err(RequestError::Misfit),
        };
        overwrites.into_iter().map(|one| NamedOverwrite::read(one).ok_or(RequestError::Misfit)).collect()
    }

    /// The channel has this overwrite from now on.
    pub async fn set_overwrite(&self, overwrite: NewOverwrite) -> Result<(), RequestError> {
        self.done(request::Body::SetOverwrite(overwrite.into())).await
    }

    /// Why somebody may do something on a channel, or wherever no channel is meant.
    pub async fn why(
        &self,
        about: &About,
        channel: Option<ChannelId>,
        permissions: Permissions,
    ) -> Result<Explanation, RequestError> {
        let (session, user) = match about {
            About::Own => (0, String::new()),
            About::Session(session) => (session.0, String::new()),
            About::User(user) => (0, user.clone()),
        };
        let channel = channel.map_or(0, u64::from);
        let why = wire::Why { session, user, channel, permissions: permissions.bits() };
        match self.request(request::Body::Why(why)).await? {
            response::Body::Explanation(explanation) => Ok(explained(explanation)),
            _ => Err(RequestError::Misfit),
        }
    }

    /// What would be different after a change, which isn't made: for everybody who is connected, and for the
    /// account that the change names.
    pub async fn what_if(&self, change: Change) -> Result<Differences, RequestError> {
        let body = request::Body::WhatIf(wire::WhatIf { change: Some(change.into()) });
        let response::Body::Differences(found) = self.request(body).await? else {
            return Err(RequestError::Misfit);
        };
        let row = |row: wire::Difference| Difference {
            session: (row.session != 0).then_some(SessionId(row.session)),
            name: row.name,
            channel: (row.channel != 0).then_some(ChannelId(row.channel)),
            channel_path: row.channel_path,
            before: Permissions::from_bits(row.before),
            after: Permissions::from_bits(row.after),
        };
        Ok(Differences { rows: found.differences.into_iter().map(row).collect(), count: found.count })
    }
}

impl From<Change> for what_if::Change {
    fn from(change: Change) -> Self {
        match change {
            Change::SetOverwrite(overwrite) => Self::SetOverwrite(overwrite.into()),
            Change::EditRole(role, edit) => Self::EditRole(edit.of(role)),
            Change::RemoveRole(role) => Self::RemoveRole(wire::RemoveRole { role: role.0 }),
            Change::GrantRole { user, role, life } => Self::GrantRole(role::grant(&user, role, life)),
            Change::RevokeRole { user, role } => Self::RevokeRole(role::revoke(&user, role)),
            Change::MoveChannel { channel, parent, position } => Self::MoveChannel(wire::MoveChannel {
                channel: channel.0,
                parent: parent.map_or(0, u64::from),
                position,
            }),
        }
    }
}

/// `None` for a number that this version doesn't know.
fn reach(number: i32) -> Option<Reach> {
    u8::try_from(number).ok().and_then(Reach::from_number)
}

fn explained(explanation: wire::Explanation) -> Explanation {
    let step = |step: wire::Step| {
        let after = Permissions::from_bits(step.after);
        DecisionStep { decided: decided(step), after }
    };
    Explanation {
        allowed: explanation.allowed,
        name: explanation.name,
        channel_path: explanation.channel_path,
        steps: explanation.steps.into_iter().map(step).collect(),
        has: Permissions::from_bits(explanation.has),
    }
}

fn decided(step: wire::Step) -> Decided {
    let (allow, deny) = (Permissions::from_bits(step.allow), Permissions::from_bits(step.deny));
    match (step.kind(), reach(step.reach)) {
        (StepKind::Grant, _) => {
            let until = (step.until_ms > 0).then_some(Timestamp(step.until_ms));
            Decided::Grant { role: step.role, allow, until }
        }
        (StepKind::FactorLacking, _) => Decided::FactorLacking { role: step.role },
        (StepKind::Owner, _) => Decided::Owner,
        (StepKind::Overwrite, Some(reach)) => Decided::Overwrite {
            channel: ChannelId(step.channel),
            channel_path: step.channel_path,
            whom: if step.role.is_empty() { Whom::User(step.user) } else { Whom::Role(step.role) },
            reach,
            allow,
            deny,
        },
        (StepKind::Unseen, _) => Decided::Unseen,
        (StepKind::Key, _) => Decided::Key,
        (StepKind::Unspecified | StepKind::Overwrite, _) => Decided::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explanation_is_read_step_by_step() {
        let speak = Permissions::SPEAK;
        let read = explained(wire::Explanation {
            allowed: false,
            name: "ben".to_owned(),
            channel_path: "Club/Bar".to_owned(),
            has: 3,
            steps: vec![
                wire::Step {
                    kind: StepKind::Grant.into(),
                    role: "Member".to_owned(),
                    allow: speak.bits(),
                    after: speak.bits(),
                    until_ms: 5,
                    ..Default::default()
                },
                wire::Step {
                    kind: StepKind::Overwrite.into(),
                    user: "ben".to_owned(),
                    channel: 7,
                    channel_path: "Club".to_owned(),
                    reach: 2,
                    deny: speak.bits(),
                    ..Default::default()
                },
                wire::Step { kind: 99, ..Default::default() },
            ],
        });
        let grant = Decided::Grant { role: "Member".to_owned(), allow: speak, until: Some(Timestamp(5)) };
        assert_eq!(read.steps[0], DecisionStep { decided: grant, after: speak });
        let overwrite = Decided::Overwrite {
            channel: ChannelId(7),
            channel_path: "Club".to_owned(),
            whom: Whom::User("ben".to_owned()),
            reach: Reach::Below,
            allow: Permissions::NONE,
            deny: speak,
        };
        assert_eq!(read.steps[1], DecisionStep { decided: overwrite, after: Permissions::NONE });
        assert_eq!(read.steps[2].decided, Decided::Unknown);
        assert_eq!(read.has, Permissions::VIEW.union(Permissions::JOIN));
    }

    #[test]
    fn an_overwrite_is_sent_as_it_is() {
        let subject = OverwriteFor::User("ben".to_owned());
        let (allow, deny) = (Permissions::SPEAK, Permissions::TEXT);
        let new = NewOverwrite { channel: ChannelId(7), subject, allow, deny, reach: Reach::ThisChannel };
        let sent = wire::SetOverwrite::from(new);
        assert_eq!((sent.channel, sent.allow, sent.deny), (7, allow.bits(), deny.bits()));
        assert_eq!(sent.subject, Some(set_overwrite::Subject::User("ben".to_owned())));
        assert_eq!(sent.reach(), wire::Reach::ThisChannel);
    }
}
