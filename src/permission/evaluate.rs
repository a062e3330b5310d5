//! The evaluation, and the same with what decided.

use super::{Overwrite, Permissions, RoleGrant, Subject};
use crate::id::UserId;

/// Whose permissions are evaluated.
#[derive(Clone, Copy, Debug)]
pub struct Holder<'a> {
    /// The account; `None` for a guest.
    pub user: Option<UserId>,
    /// What the roles grant, each once, in order of role.
    pub grants: &'a [RoleGrant],
}

/// One step of an evaluation, for the person who asks why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A role's grant.
    Grant(RoleGrant),
    /// The owner's bypass of every overwrite.
    Bypass,
    /// A channel's overwrite.
    Overwrite(Overwrite),
    /// Who may not see the channel may do nothing there.
    Unseen,
}

/// What somebody may do on a channel, given the overwrites of each channel on the way to it: the channel
/// at the top first, the one asked about last. Without a way, what is granted wherever no channel is meant.
pub fn effective(holder: Holder<'_>, path: &[&[Overwrite]]) -> Permissions {
    evaluate(holder, path, &mut |_, _| ())
}

/// The same as [`effective`], with each step that touched one of `asked` and the set after it.
pub fn explain(
    holder: Holder<'_>,
    path: &[&[Overwrite]],
    asked: Permissions,
) -> (Permissions, Vec<(Step, Permissions)>) {
    let mut steps = Vec::new();
    let result = evaluate(holder, path, &mut |step, after| {
        let touches = match step {
            // Ownership decides whatever is asked about.
            Step::Grant(grant) if grant.allow.contains(Permissions::ADMINISTER) => asked,
            Step::Grant(grant) => grant.allow,
            Step::Overwrite(overwrite) => overwrite.allow.union(overwrite.deny),
            Step::Bypass | Step::Unseen => asked,
        };
        if !touches.intersection(asked).is_empty() {
            steps.push((step, after));
        }
    });
    (result, steps)
}

fn evaluate(
    holder: Holder<'_>,
    path: &[&[Overwrite]],
    note: &mut impl FnMut(Step, Permissions),
) -> Permissions {
    let mut now = Permissions::NONE;
    for grant in holder.grants {
        now = now.union(grant.allow);
        note(Step::Grant(*grant), now);
    }
    if now.contains(Permissions::ADMINISTER) {
        note(Step::Bypass, Permissions::ALL);
        return Permissions::ALL;
    }
    let has_role = |role| holder.grants.binary_search_by_key(&role, |grant| grant.role).is_ok();
    for (level, on_channel) in (1..).zip(path) {
        let reaches = |overwrite: &&Overwrite| overwrite.reach.holds(level == path.len());
        let for_role = |overwrite: &&Overwrite| match overwrite.subject {
            Subject::Role(role) => has_role(role),
            Subject::User(_) => false,
        };
        let for_user = |overwrite: &&Overwrite| match overwrite.subject {
            Subject::Role(_) => false,
            Subject::User(user) => holder.user == Some(user),
        };
        let (mut denied, mut allowed) = (Permissions::NONE, Permissions::NONE);
        for overwrite in on_channel.iter().filter(reaches).filter(for_role) {
            denied = denied.union(overwrite.deny);
            allowed = allowed.union(overwrite.allow);
            // What roles allow and deny on a channel applies together, so each step shows all so far.
            note(Step::Overwrite(*overwrite), now.without(denied).union(allowed));
        }
        now = now.without(denied).union(allowed);
        for overwrite in on_channel.iter().filter(reaches).filter(for_user) {
            now = now.without(overwrite.deny).union(overwrite.allow);
            note(Step::Overwrite(*overwrite), now);
        }
    }
    if !path.is_empty() && !now.contains(Permissions::VIEW) {
        note(Step::Unseen, Permissions::NONE);
        return Permissions::NONE;
    }
    now
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Reach;
    use super::*;
    use crate::id::{ChannelId, RoleId};

    const USER: UserId = UserId(1);

    fn holder(grants: &[RoleGrant]) -> Holder<'_> {
        Holder { user: Some(USER), grants }
    }

    fn grants(allow: u64) -> [RoleGrant; 1] {
        [RoleGrant { role: RoleId(1), allow: Permissions::from_bits(allow) }]
    }

    fn overwrite(subject: Subject, allow: u64, deny: u64, reach: Reach) -> Overwrite {
        let (allow, deny) = (Permissions::from_bits(allow), Permissions::from_bits(deny));
        Overwrite { channel: ChannelId(1), subject, allow, deny, reach }
    }

    const ROLE: Subject = Subject::Role(RoleId(1));

    #[test]
    fn a_user_overwrite_beats_a_role_overwrite_on_the_same_channel() {
        let on =
            [overwrite(Subject::User(USER), 0b10, 0, Reach::Both), overwrite(ROLE, 0, 0b10, Reach::Both)];
        assert_eq!(effective(holder(&grants(0b111)), &[&on]), Permissions::from_bits(0b111));
    }

    #[test]
    fn a_deeper_channel_beats_a_higher_one() {
        let (above, on) =
            ([overwrite(Subject::User(USER), 0b10, 0, Reach::Both)], [overwrite(ROLE, 0, 0b10, Reach::Both)]);
        assert_eq!(effective(holder(&grants(0b11)), &[&above, &on]), Permissions::from_bits(0b01));
    }

    #[test]
    fn an_overwrite_for_somebody_else_changes_nothing() {
        let on = [
            overwrite(Subject::User(UserId(9)), 0, 0xff, Reach::Both),
            overwrite(Subject::Role(RoleId(9)), 0, 0xff, Reach::Both),
        ];
        assert_eq!(effective(holder(&grants(0b11)), &[&on]), Permissions::from_bits(0b11));
    }

    #[test]
    fn an_overwrite_holds_where_it_reaches() {
        for (reach, on_own, below) in
            [(Reach::Both, 1, 1), (Reach::ThisChannel, 1, 0b11), (Reach::Below, 0b11, 1)]
        {
            let on = [overwrite(ROLE, 0, 0b10, reach)];
            assert_eq!(effective(holder(&grants(0b11)), &[&on]).bits(), on_own, "{reach:?}");
            assert_eq!(effective(holder(&grants(0b11)), &[&on, &[]]).bits(), below, "{reach:?}");
        }
    }

    #[test]
    fn who_may_not_see_may_do_nothing() {
        let on = [overwrite(ROLE, 0, Permissions::VIEW.bits(), Reach::Both)];
        let (has, steps) = explain(holder(&grants(0b111)), &[&on], Permissions::JOIN);
        assert_eq!(has, Permissions::NONE);
        assert_eq!(steps.last(), Some(&(Step::Unseen, Permissions::NONE)));
    }

    prop_compose! {
        fn any_overwrite()(role in any::<bool>(), who in 1..3_u64, allow: u8, deny: u8, reach in 0..3_u8) -> Overwrite {
            let subject = if role { Subject::Role(RoleId(who)) } else { Subject::User(UserId(who)) };
            overwrite(subject, allow.into(), deny.into(), Reach::from_number(reach).unwrap())
        }
    }

    proptest! {
        #[test]
        fn the_explanation_ends_in_the_decision(
            allow: u8,
            path in proptest::collection::vec(proptest::collection::vec(any_overwrite(), 0..5), 0..5),
            asked in 0..8_u32,
        ) {
            let (grants, asked) = (grants(allow.into()), Permissions::from_bits(1 << asked));
            let path: Vec<&[Overwrite]> = path.iter().map(Vec::as_slice).collect();
            let (result, steps) = explain(holder(&grants), &path, asked);
            prop_assert_eq!(result, effective(holder(&grants), &path));
            let last = steps.last().map_or(Permissions::NONE, |(_, after)| *after);
            prop_assert_eq!(last.contains(asked), result.contains(asked));
        }

        #[test]
        fn an_owner_may_do_everything(on in proptest::collection::vec(any_overwrite(), 0..8)) {
            let granted = effective(holder(&grants(Permissions::ADMINISTER.bits())), &[&on]);
            prop_assert_eq!(granted, Permissions::ALL);
        }
    }
}
