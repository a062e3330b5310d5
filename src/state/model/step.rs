//! What happens in the model: random changes and deeds.

use proptest::prelude::*;

use crate::permission::Permissions;
use crate::protocol::wire::{self, request, set_overwrite, voice_target};

/// Permissions that overwrites and roles of the model are about.
pub(super) const ABOUT: [Permissions; 7] = [
    Permissions::VIEW,
    Permissions::JOIN,
    Permissions::EDIT_CHANNEL,
    Permissions::SPEAK,
    Permissions::WHISPER,
    Permissions::LISTEN,
    Permissions::MUTE_OTHERS,
];

/// Something that happens.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Somebody asks for something.
    Ask(u64, request::Body),
    /// Time passes, in milliseconds.
    Pass(u64),
}

/// None, or one of two.
fn password() -> impl Strategy<Value = String> {
    proptest::sample::select(vec!["", "one", "another"]).prop_map(str::to_owned)
}

fn permissions() -> impl Strategy<Value = u64> {
    proptest::sample::subsequence(ABOUT.to_vec(), 0..=3)
        .prop_map(|some| some.into_iter().fold(0, |all, one| all | one.bits()))
}

/// An overwrite that somebody sets.
pub(super) fn overwrite() -> impl Strategy<Value = wire::SetOverwrite> {
    let subject = prop_oneof![
        (1..8_u64).prop_map(set_overwrite::Subject::Role),
        (1..5_u64).prop_map(|user| set_overwrite::Subject::User(format!("user{user}"))),
    ];
    (1..8_u64, subject, permissions(), permissions(), 0..3_i32).prop_map(
        |(channel, subject, allow, deny, reach)| wire::SetOverwrite {
            channel,
            subject: Some(subject),
            allow,
            deny,
            reach,
        },
    )
}

/// Changes of roles, grants, overwrites and the tree.
pub(super) fn change() -> impl Strategy<Value = request::Body> {
    use request::Body;
    let user = || (1..5_u64).prop_map(|user| format!("user{user}"));
    prop_oneof![
        4 => overwrite().prop_map(Body::SetOverwrite),
        2 => (2..8_u64, permissions()).prop_map(|(role, allow)| {
            Body::EditRole(wire::EditRole { role, allow: Some(allow), ..Default::default() })
        }),
        1 => (0..20_u32, permissions()).prop_map(|(rank, allow)| {
            Body::CreateRole(wire::CreateRole { name: format!("role {rank}"), rank, allow, colour: 0 })
        }),
        1 => (2..8_u64).prop_map(|role| Body::RemoveRole(wire::RemoveRole { role })),
        2 => (user(), 1..8_u64, 0..60_u64).prop_map(|(user, role, life_ms)| {
            Body::GrantRole(wire::GrantRole { user, role, life_ms })
        }),
        1 => (user(), 1..8_u64).prop_map(|(user, role)| Body::RevokeRole(wire::RevokeRole { user, role })),
        1 => (1..8_u64, 0..8_u64).prop_map(|(channel, parent)| {
            Body::MoveChannel(wire::MoveChannel { channel, parent, position: 0 })
        }),
        1 => (1..8_u64, password()).prop_map(|(channel, password)| {
            Body::EditChannel(wire::EditChannel { channel, password: Some(password), ..Default::default() })
        }),
        1 => (0..8_u64, 0..9_u64).prop_map(|(parent, name)| {
            Body::CreateChannel(wire::CreateChannel { parent, name: format!("channel {name}"), ..Default::default() })
        }),
    ]
}

/// What people do.
fn deed() -> impl Strategy<Value = request::Body> {
    use request::Body;
    let target = prop_oneof![
        (1..5_u64).prop_map(voice_target::To::Session),
        (1..8_u64).prop_map(voice_target::To::Channel),
        (1..8_u64).prop_map(voice_target::To::Role),
    ];
    let target = (target, any::<bool>(), any::<bool>()).prop_map(|(to, subtree, links)| wire::VoiceTarget {
        to: Some(to),
        subtree,
        links,
    });
    prop_oneof![
        4 => (1..8_u64, password()).prop_map(|(channel, password)| Body::Join(wire::Join { channel, password })),
        1 => Just(Body::Leave(wire::Leave {})),
        2 => any::<(Option<bool>, Option<bool>, Option<bool>)>().prop_map(|(mute, deaf, away)| {
            Body::SetSelf(wire::SetSelf { mute, deaf, away, ..Default::default() })
        }),
        2 => (1..8_u64, any::<bool>(), password()).prop_map(|(channel, on, password)| {
            Body::Listen(wire::Listen { channel, on, volume: 0, password })
        }),
        2 => (2..4_u32, proptest::collection::vec(target, 0..3)).prop_map(|(flow, targets)| {
            Body::SetVoiceTarget(wire::SetVoiceTarget { flow, targets })
        }),
        1 => (1..8_u64, 1..8_u64, any::<bool>()).prop_map(|(channel, other, linked)| {
            Body::LinkChannels(wire::LinkChannels { channel, other, linked })
        }),
        1 => (1..5_u64, any::<(Option<bool>, Option<bool>, Option<bool>)>()).prop_map(|(session, (mute, deaf, suppress))| {
            Body::Moderate(wire::Moderate { session, mute, deaf, suppress, priority: None })
        }),
        1 => (1..5_u64, 0..8_u64).prop_map(|(session, channel)| Body::MoveSession(wire::MoveSession { session, channel })),
        1 => (1..8_u64).prop_map(|channel| Body::RemoveChannel(wire::RemoveChannel { channel })),
        1 => (0..8_u64).prop_map(|channel| Body::StartRecording(wire::StartRecording { channel })),
    ]
}

/// Changes by anybody, and by the owner, and time that passes.
pub(super) fn changes() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1..5_u64, change()).prop_map(|(session, body)| Step::Ask(session, body)),
        6 => change().prop_map(|body| Step::Ask(1, body)),
        1 => (1..50_u64).prop_map(Step::Pass),
    ];
    proptest::collection::vec(step, 0..10)
}

/// What people do, while the owner changes things and time passes.
pub(super) fn life() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1..5_u64, deed()).prop_map(|(session, body)| Step::Ask(session, body)),
        3 => change().prop_map(|body| Step::Ask(1, body)),
        1 => deed().prop_map(|body| Step::Ask(1, body)),
        1 => (1..50_u64).prop_map(Step::Pass),
    ];
    proptest::collection::vec(step, 0..40)
}
