//! Every number that a client sends has a bound.

use parlour::protocol::ErrorCode;
use parlour::protocol::wire;
use parlour::protocol::wire::request::Body;

use crate::support::{TestServer, channel_id, code};

/// The amounts of a request at their largest: times, counts and sizes. What is an identifier, a set of permissions or an
/// order isn't among them.
#[expect(clippy::too_many_lines, reason = "one list")]
fn enormous(channel: u64) -> Vec<(&'static str, Body)> {
    let (most, largest) = (u64::MAX, u32::MAX);
    let voice = |bitrate, frame_ms, last_speakers| {
        let voice = Some(wire::VoicePolicy { bitrate, frame_ms, last_speakers });
        Body::EditChannel(wire::EditChannel { channel, voice, ..Default::default() })
    };
    let create = wire::CreateChannel { name: "enormous".to_owned(), ..Default::default() };
    let edit = wire::EditChannel { channel, ..Default::default() };
    let role = wire::CreateRole { name: "enormous".to_owned(), ..Default::default() };
    let target = || wire::VoiceTarget { to: Some(wire::voice_target::To::Role(1)), ..Default::default() };
    let limit = || wire::LimitOrganization { tag: "home".to_owned(), ..Default::default() };
    let ban = Some(wire::create_ban::Subject::User("alice".to_owned()));
    let uris = vec!["https://example.org/".to_owned(); 1_000];
    let value = |number| wire::FlowValue { name: format!("a{number}"), value: String::new() };
    let values = || (0..1_000).map(value).collect::<Vec<_>>();
    let source =
        "[workflow]\nname = \"a\"\n[[triggers]]\non = \"hand\"\n[[steps]]\ndo = \"stop\"\n".to_owned();
    let program = wire::CreateOauthClient { name: "enormous".to_owned(), device: true, ..Default::default() };
    vec![
        (
            "CreateChannel.temporary_ms",
            Body::CreateChannel(wire::CreateChannel { temporary_ms: Some(most), ..create.clone() }),
        ),
        (
            "CreateChannel.user_limit",
            Body::CreateChannel(wire::CreateChannel { user_limit: largest, ..create }),
        ),
        (
            "EditChannel.user_limit",
            Body::EditChannel(wire::EditChannel { user_limit: Some(largest), ..edit }),
        ),
        ("VoicePolicy.bitrate", voice(largest, 0, 0)),
        ("VoicePolicy.frame_ms", voice(0, largest, 0)),
        ("VoicePolicy.last_speakers", voice(0, 0, largest)),
        (
            "Listen.volume",
            Body::Listen(wire::Listen { channel, on: true, volume: largest, ..Default::default() }),
        ),
        ("Watch.channels", Body::Watch(wire::Watch { channels: vec![channel; 1_000] })),
        (
            "SetVoiceTarget.flow",
            Body::SetVoiceTarget(wire::SetVoiceTarget { flow: largest, targets: vec![target()] }),
        ),
        (
            "SetVoiceTarget.targets",
            Body::SetVoiceTarget(wire::SetVoiceTarget {
                flow: 2,
                targets: std::iter::repeat_with(target).take(1_000).collect(),
            }),
        ),
        (
            "EditOrganization.afk_ms",
            Body::EditOrganization(wire::EditOrganization { afk_ms: Some(most), ..Default::default() }),
        ),
        (
            "ListProfiles.sessions",
            Body::ListProfiles(wire::ListProfiles { sessions: vec![u64::from(largest); 1_000] }),
        ),
        ("CreateRole.colour", Body::CreateRole(wire::CreateRole { colour: largest, ..role })),
        (
            "EditRole.colour",
            Body::EditRole(wire::EditRole { role: 3, colour: Some(largest), ..Default::default() }),
        ),
        (
            "GrantRole.life_ms",
            Body::GrantRole(wire::GrantRole { user: "alice".to_owned(), role: 2, life_ms: most }),
        ),
        (
            "CreateApiKey.life_ms",
            Body::CreateApiKey(wire::CreateApiKey { life_ms: most, ..Default::default() }),
        ),
        (
            "CreateOauthClient.redirect_uris",
            Body::CreateOauthClient(wire::CreateOauthClient {
                redirect_uris: uris.clone(),
                ..program.clone()
            }),
        ),
        (
            "CreateOauthClient.logout_uris",
            Body::CreateOauthClient(wire::CreateOauthClient { logout_uris: uris.clone(), ..program.clone() }),
        ),
        (
            "CreateOauthClient.resources",
            Body::CreateOauthClient(wire::CreateOauthClient { resources: uris, ..program }),
        ),
        ("AddFlow.settings", Body::AddFlow(wire::AddFlow { source, settings: values(), shared: false })),
        (
            "FlowValues.values",
            Body::EditFlow(wire::EditFlow {
                settings: Some(wire::FlowValues { values: values(), keep: Vec::new() }),
                ..Default::default()
            }),
        ),
        (
            "FlowValues.keep",
            Body::EditFlow(wire::EditFlow {
                settings: Some(wire::FlowValues {
                    values: Vec::new(),
                    keep: vec!["theme".to_owned(); 1_000],
                }),
                ..Default::default()
            }),
        ),
        ("RunFlow.input", Body::RunFlow(wire::RunFlow { input: values(), ..Default::default() })),
        ("RateFlow.stars", Body::RateFlow(wire::RateFlow { stars: Some(largest), ..Default::default() })),
        (
            "CreateHook.kinds",
            Body::CreateHook(wire::CreateHook {
                url: "https://example.org/".to_owned(),
                kinds: vec!["texts".to_owned(); 1_000],
                ..Default::default()
            }),
        ),
        (
            "HookKinds.kinds",
            Body::EditHook(wire::EditHook {
                id: 1,
                filter: Some(wire::HookKinds { kinds: vec!["texts".to_owned(); 1_000] }),
                ..Default::default()
            }),
        ),
        (
            "InstallPlugin.grants",
            Body::InstallPlugin(wire::InstallPlugin {
                manifest: "name = \"enormous\"\nfunctions = [\"run\"]\ngrants = [\"kv\"]".to_owned(),
                grants: vec!["kv".to_owned(); 1_000],
                ..Default::default()
            }),
        ),
        (
            "PluginGrants.grants",
            Body::EditPlugin(wire::EditPlugin {
                granted: Some(wire::PluginGrants { grants: vec!["kv".to_owned(); 1_000] }),
                ..Default::default()
            }),
        ),
        ("CreateInvite.uses", Body::CreateInvite(wire::CreateInvite { uses: largest, ..Default::default() })),
        (
            "CreateInvite.life_ms",
            Body::CreateInvite(wire::CreateInvite { life_ms: most, ..Default::default() }),
        ),
        (
            "CreateInvite.roles",
            Body::CreateInvite(wire::CreateInvite {
                roles: vec!["Member".to_owned(); 1_000],
                ..Default::default()
            }),
        ),
        (
            "CreateBan.life_ms",
            Body::CreateBan(wire::CreateBan { subject: ban, life_ms: most, ..Default::default() }),
        ),
        (
            "LimitOrganization.users",
            Body::LimitOrganization(wire::LimitOrganization { users: Some(largest), ..limit() }),
        ),
        (
            "LimitOrganization.channels",
            Body::LimitOrganization(wire::LimitOrganization { channels: Some(largest), ..limit() }),
        ),
        (
            "LimitOrganization.sessions_per_user",
            Body::LimitOrganization(wire::LimitOrganization { sessions_per_user: Some(largest), ..limit() }),
        ),
        (
            "LimitOrganization.audit_days",
            Body::LimitOrganization(wire::LimitOrganization { audit_days: Some(largest), ..limit() }),
        ),
        (
            "LimitOrganization.sessions",
            Body::LimitOrganization(wire::LimitOrganization { sessions: Some(largest), ..limit() }),
        ),
    ]
}

/// Fields of a request that hold a number and no amount: identifiers, sets of permissions, versions, an order among
/// others; times in a filter; and the lengths of lists and parts, of which an answer has no more than its own bound.
const NO_AMOUNT: &[&str] = &[
    "Hello.version_min",
    "Hello.version_max",
    "Hello.features",
    "CreateChannel.position",
    "EditChannel.position",
    "MoveChannel.position",
    "CreateRole.rank",
    "EditRole.rank",
    "FetchRecording.offset",
    "SendPluginPart.offset",
    "ListUsers.limit",
    "ListOrganizations.limit",
    "ListHookDeliveries.limit",
    "ListAssistantCalls.limit",
    "ListRuns.limit",
    "ReadAudit.limit",
    "ReadAudit.since_ms",
    "ReadAudit.until_ms",
    "ShowFlow.version",
    "SetElement.version",
    "RemoveElement.version",
];

/// What the fields of an identifier are called.
const IDENTIFIERS: &[&str] = &[
    "id",
    "user",
    "session",
    "channel",
    "other",
    "parent",
    "role",
    "after",
    "before",
    "default_channel",
    "afk_channel",
    "ssrc",
    "recording",
    "delivery",
    "run",
];

/// The numbers and the lists in what is asked for, `Message.field`, as protocol.proto has them.
fn numbers_asked_for() -> Vec<String> {
    let proto = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/protocol/protocol.proto"));
    let mut messages = std::collections::BTreeMap::new();
    let mut name = "";
    for line in proto.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
        if let Some(rest) = line.strip_prefix("message ") {
            name = rest.split([' ', '{']).next().unwrap();
        } else if let [kind, field, "=", ..] =
            line.trim_start_matches("optional ").split(' ').collect::<Vec<_>>()[..]
        {
            messages.entry(name).or_insert_with(Vec::new).push((kind, field, line));
        } else if let ["repeated", kind, field, "=", ..] = line.split(' ').collect::<Vec<_>>()[..] {
            messages.entry(name).or_insert_with(Vec::new).push((kind, field, line));
        }
    }
    let mut reached = vec!["Request"];
    let mut found = Vec::new();
    let mut next = 0;
    while let Some(message) = reached.get(next).copied() {
        next += 1;
        for (kind, field, line) in messages.get(message).into_iter().flatten() {
            let number = matches!(*kind, "uint32" | "uint64" | "sint32" | "sint64" | "int32" | "int64");
            let set = line.contains("options.permissions");
            if (number && !set && !IDENTIFIERS.contains(field)) || line.starts_with("repeated ") {
                found.push(format!("{message}.{field}"));
            }
            if messages.contains_key(kind) && !reached.contains(kind) {
                reached.push(kind);
            }
        }
    }
    found
}

#[tokio::test]
async fn every_time_count_and_size_that_a_client_sends_has_a_bound() {
    let asked = numbers_asked_for();
    assert!(asked.len() > 30, "{asked:?}");
    let bounded: Vec<_> = enormous(1).into_iter().map(|(field, _)| field).collect();
    for field in &asked {
        let is_known = bounded.contains(&field.as_str()) || NO_AMOUNT.contains(&field.as_str());
        assert!(is_known, "{field} is new: give it a bound in `bounds` and try it here at its largest");
    }
    for known in bounded.iter().chain(NO_AMOUNT) {
        assert!(asked.iter().any(|field| field == known), "{known} isn't asked for any more");
    }
    let server = TestServer::start().await;
    let root = server.log_in("root").await;
    let before = root.list().await.unwrap();
    for (field, body) in enormous(channel_id(&root, "General").0) {
        let refused = match body {
            // For the machine's owner.
            Body::LimitOrganization(_) => {
                server.server.organizations().operate(body.into()).await.unwrap_err().code()
            }
            body => code(root.request(body).await),
        };
        assert!(matches!(refused, ErrorCode::Malformed | ErrorCode::TargetInvalid), "{field}: {refused:?}");
    }
    assert_eq!(before.channels, root.list().await.unwrap().channels);
}
