//! Why somebody may do something, and what a change would change.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Change, Class, Held, Member, Named, State};
use crate::id::{ChannelId, RoleId, SessionId, Ssrc, Timestamp};
use crate::permission::{Overwrite, Permissions, Step, explain};

/// What decided a permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// All that the person may do there.
    pub has: Permissions,
    /// What touched the permissions asked about, in the order of evaluation.
    pub steps: Vec<ExplainedStep>,
}

/// One step of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExplainedStep {
    /// What it is.
    pub reason: Reason,
    /// All that is allowed after it.
    pub after: Permissions,
}

/// What a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A role grants, for good or until a time.
    Grant {
        /// Which.
        role: RoleId,
        /// What it allows.
        allow: Permissions,
        /// When it ends.
        until: Option<Timestamp>,
    },
    /// A role that the person has grants nothing, for want of a second factor.
    FactorLacking {
        /// Which.
        role: RoleId,
        /// What it would allow.
        allow: Permissions,
    },
    /// An owner may do everything.
    Owner,
    /// A channel's overwrite.
    Overwrite(Overwrite),
    /// Who may not see the channel may do nothing there.
    Unseen,
    /// The API key is good for less.
    Key(Permissions),
}

/// What somebody may do on a channel, before a change and after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The session; none for an account that isn't connected.
    pub session: Option<SessionId>,
    /// Whose.
    pub name: String,
    /// The channel; `None` for wherever no channel is meant.
    pub channel: Option<ChannelId>,
    /// Before.
    pub before: Permissions,
    /// After.
    pub after: Permissions,
}

impl State {
    /// Somebody who has an account, as if they were connected: for questions about them.
    pub fn as_member(&self, named: &Named) -> Member {
        let mut member = Member::new(SessionId(0), Some(named.user), named.name.clone(), Ssrc(0));
        (member.roles, member.second_factor) = (named.roles.clone(), named.second_factor);
        member.roles.retain(|held| held.until.is_none_or(|until| self.now.wall < until));
        member.class = self.passing_class(&member);
        member
    }

    /// What decides whether somebody may do what is `asked` on a channel, or wherever no channel is meant.
    pub fn explain(&self, member: &Member, channel: Option<ChannelId>, asked: Permissions) -> Explained {
        let path = channel.map(|channel| self.overwrites_on_the_way(channel)).unwrap_or_default();
        let mut steps = Vec::new();
        for held in &member.roles {
            let Some(role) = self.roles.get(&held.role) else { continue };
            let touches = !role.allow.intersection(asked.union(Permissions::ADMINISTER)).is_empty();
            if role.second_factor && !member.second_factor && touches {
                let reason = Reason::FactorLacking { role: role.id, allow: role.allow };
                steps.push(ExplainedStep { reason, after: Permissions::NONE });
            }
        }
        // Ownership decides whatever is asked about, so the role that grants it is told.
        let (has, decided) = explain(member.class.holder(), &path, asked);
        for (step, after) in decided {
            let reason = match step {
                Step::Grant(grant) => {
                    let until = member.roles.iter().find(|held| held.role == grant.role);
                    let until = until.and_then(|held| held.until);
                    Reason::Grant { role: grant.role, allow: grant.allow, until }
                }
                Step::Bypass => Reason::Owner,
                Step::Overwrite(overwrite) => Reason::Overwrite(overwrite),
                Step::Unseen => Reason::Unseen,
            };
            steps.push(ExplainedStep { reason, after });
        }
        let kept = member.ceiling.intersection(has);
        if kept.intersection(asked) != has.intersection(asked) {
            steps.push(ExplainedStep { reason: Reason::Key(member.ceiling), after: kept });
        }
        Explained { has: kept, steps }
    }

    /// What `change` would make different for who is connected, and for an account that it names. Takes a copy
    /// of the state, since it makes the change there.
    pub fn differences(mut self, change: Change, named: Option<&Named>) -> Vec<Difference> {
        let named = named.filter(|named| self.sessions_of(named.user).is_empty());
        let mut after_named = named.cloned();
        if let Some(named) = &mut after_named {
            regrant(&mut named.roles, &change);
        }
        let before = self.all_rights(named);
        let _ = self.apply(change);
        let after = self.all_rights(after_named.as_ref());
        let mut differences = Vec::new();
        for (key, (name, rights)) in &after {
            let was = before.get(key).map(|(_, rights)| rights);
            for (channel, now) in rights.iter() {
                let then = was.and_then(|was| was.get(channel)).copied().unwrap_or(Permissions::NONE);
                if then != *now {
                    let (session, name, channel) = (*key, name.clone(), *channel);
                    differences.push(Difference { session, name, channel, before: then, after: *now });
                }
            }
        }
        differences
    }

    /// What everybody may do everywhere, once for each class.
    fn all_rights(&self, named: Option<&Named>) -> BTreeMap<Option<SessionId>, (String, Rights)> {
        let mut by_class: BTreeMap<(*const Class, u64), Rights> = BTreeMap::new();
        let named = named.map(|named| self.as_member(named));
        let mut all = BTreeMap::new();
        for (key, member) in self
            .members
            .iter()
            .map(|member| (Some(member.session), member))
            .chain(named.as_ref().map(|member| (None, member)))
        {
            let class = (Arc::as_ptr(&member.class), member.ceiling.bits());
            let rights = by_class.entry(class).or_insert_with(|| {
                let channels = self.channels.keys().map(|id| Some(*id));
                let on = |channel| (channel, self.permissions_on(member, channel));
                Arc::new(std::iter::once(None).chain(channels).map(on).collect())
            });
            all.insert(key, (member.name.clone(), Arc::clone(rights)));
        }
        all
    }
}

type Rights = Arc<BTreeMap<Option<ChannelId>, Permissions>>;

/// What a change does to the roles of the account that it names.
fn regrant(roles: &mut Vec<Held>, change: &Change) {
    match change {
        Change::Grant { held, .. } => {
            roles.retain(|one| one.role != held.role);
            roles.push(*held);
        }
        Change::Revoke { role, .. } => roles.retain(|one| one.role != *role),
        Change::Nothing
        | Change::Arrive(_)
        | Change::Depart(_)
        | Change::End { .. }
        | Change::Move { .. }
        | Change::SetSelf { .. }
        | Change::Present { .. }
        | Change::Listen { .. }
        | Change::Watch { .. }
        | Change::SetTarget { .. }
        | Change::Moderate { .. }
        | Change::Kick { .. }
        | Change::TextChannel { .. }
        | Change::TextSession { .. }
        | Change::CreateChannel(_)
        | Change::PutChannel(_)
        | Change::Link { .. }
        | Change::Record { .. }
        | Change::StopRecording(_)
        | Change::PutSettings(_)
        | Change::CreateRole(_)
        | Change::PutRole(_)
        | Change::RemoveRole(_)
        | Change::PutOverwrite(_)
        | Change::RemoveOverwrite { .. }
        | Change::RemoveChannels(_)
        | Change::SetUserDisabled { .. } => (),
    }
}
