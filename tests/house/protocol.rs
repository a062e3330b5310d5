//! `docs/protocol.md` says what the program does: codes, permissions and counters are compared.

use parlour::bounds;
use parlour::name::MAX_CHANNEL_DEPTH;
use parlour::permission::Permissions;
use parlour::protocol::operation::{self, Operation, Rest, Who};
use parlour::protocol::{CloseCode, ErrorCode, FEATURES, MAX_EVENT, MAX_PACKET, MAX_REQUEST, MAX_RESPONSE};
use parlour::voice::Outcome;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/protocol.md");

pub(crate) fn document() -> String {
    std::fs::read_to_string(PATH).unwrap()
}

/// The rows of the first table below a heading.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let document = document();
    table(document.split(&format!("## {heading}\n")).nth(1).unwrap().split("\n## ").next().unwrap())
}

/// The rows of the first table of a text.
fn table(text: &str) -> Vec<Vec<String>> {
    let table =
        text.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    table
        .skip(2)
        .map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect())
        .collect()
}

#[test]
fn codes_are_those_of_the_program() {
    let errors = ErrorCode::ALL.iter().map(|code| (code.number(), code.name(), code.sentence()));
    let closes = CloseCode::ALL.iter().map(|code| (code.number(), code.name(), code.sentence()));
    let as_rows = |codes: &mut dyn Iterator<Item = (u32, &str, &str)>| -> Vec<Vec<String>> {
        codes
            .map(|(number, name, sentence)| {
                vec![number.to_string(), name.to_owned(), sentence.replace('`', "")]
            })
            .collect()
    };
    assert_eq!(rows("Error codes"), as_rows(&mut errors.into_iter()));
    assert_eq!(rows("Close codes"), as_rows(&mut closes.into_iter()));
}

#[test]
fn permissions_and_counters_are_those_of_the_program() {
    let permissions: Vec<_> =
        rows("Events").into_iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    let known = Permissions::NAMED
        .iter()
        .map(|(set, word)| (set.bits().trailing_zeros().to_string(), (*word).to_owned()));
    assert_eq!(permissions, known.collect::<Vec<_>>());
    let counters: Vec<_> = rows("Counters").into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(counters, Outcome::NAMED.iter().map(|(_, name)| (*name).to_owned()).collect::<Vec<_>>());
}

#[test]
fn sizes_are_those_of_the_program() {
    let document = document();
    for text in [
        format!("at most {MAX_REQUEST} bytes"),
        format!("13 to {MAX_PACKET} bytes"),
        format!("at most {} MiB", MAX_EVENT >> 20),
        format!("up to {} MiB, its size included", MAX_RESPONSE >> 20),
    ] {
        assert!(document.contains(&text), "{text}");
    }
}

/// Every field of `Limits` is explained where clients read, and every feature is in its list.
#[test]
fn limits_and_features_are_all_named() {
    let document = document();
    let proto = include_str!("../../src/protocol/protocol.proto");
    let limits = proto.split("\nmessage Limits {\n").nth(1).unwrap().split("\n}").next().unwrap();
    let fields: Vec<&str> =
        limits.lines().filter_map(|line| line.trim().strip_prefix("uint32 ")?.split(' ').next()).collect();
    assert!(fields.len() >= 10, "{fields:?}");
    for field in fields {
        assert!(document.contains(&format!("`limits.{field}`")), "`limits.{field}` is nowhere in the page");
    }
    for feature in FEATURES {
        assert!(document.contains(&format!("\n| `{feature}` |")), "{feature}");
    }
}

/// The table of lengths says the program's bounds.
#[test]
fn lengths_are_those_of_the_program() {
    let known = [
        ("a user's name", 1, bounds::MAX_USER_NAME),
        ("a channel's or a role's name", 1, bounds::MAX_CHANNEL_NAME),
        ("an account's password", bounds::MIN_PASSWORD, bounds::MAX_PASSWORD),
        ("a channel's password", 0, bounds::MAX_CHANNEL_PASSWORD),
        ("a text about oneself", 0, bounds::MAX_ABOUT),
        ("a message (limits.text_bytes)", 1, bounds::MAX_TEXT),
        ("an organization's welcome", 0, bounds::MAX_TEXT),
        ("a channel's description", 0, bounds::MAX_DESCRIPTION),
        ("a status, a position's context", 0, bounds::MAX_STATUS),
        ("the reason of a kick", 0, bounds::MAX_REASON),
        ("the reason of a ban, the purpose of an API key", 0, bounds::MAX_SENTENCE),
        ("an e-mail address", 5, bounds::MAX_EMAIL),
    ];
    let said: Vec<_> = rows("Names, passwords and texts").into_iter().map(|row| row[..3].to_vec()).collect();
    let known = known.map(|(what, least, most)| vec![what.to_owned(), least.to_string(), most.to_string()]);
    assert_eq!(said, known);
}

/// The table of times, counts and numbers says the program's bounds.
#[test]
fn times_and_counts_are_those_of_the_program() {
    const DAY: u64 = 24 * 60 * 60 * 1_000;
    let known = [
        ("how long a temporary channel stays empty, in days", 0, bounds::MAX_TEMPORARY / DAY),
        ("temporary channels of an account", 0, bounds::MAX_TEMPORARY_CHANNELS as u64),
        ("people in a channel", 1, bounds::MAX_USER_LIMIT as u64),
        ("bits a second of a speaker", 6_000, bounds::MAX_BITRATE as u64),
        ("speakers that are passed on at once", 1, bounds::MAX_LAST_SPEAKERS as u64),
        ("how long an invite, a ban, a key or a grant of a role holds, in days", 0, bounds::MAX_LIFE / DAY),
        ("accounts that an invite makes", 1, bounds::MAX_INVITE_USES.into()),
        ("roles that an invite gives", 1, bounds::MAX_INVITE_ROLES as u64),
        ("when somebody is idle, in minutes", bounds::IDLE.start() / 60_000, bounds::IDLE.end() / 60_000),
        (
            "flows that can be voice targets, by their number",
            (*bounds::TARGET_FLOWS.start()).into(),
            (*bounds::TARGET_FLOWS.end()).into(),
        ),
        ("targets of a flow", 0, bounds::MAX_TARGETS as u64),
        ("channels that one listens to", 0, bounds::MAX_LISTENING as u64),
        ("channels that one watches", 0, bounds::MAX_WATCHED as u64),
        ("channels that a channel is linked with", 0, bounds::MAX_LINKS as u64),
        ("names of channels in a path", 1, MAX_CHANNEL_DEPTH as u64),
    ];
    let document = document();
    let section = document.split("What a client may say of times, counts and numbers.").nth(1).unwrap();
    let said: Vec<_> = table(section).into_iter().map(|row| row[..3].to_vec()).collect();
    let known = known.map(|(what, least, most)| vec![what.to_owned(), least.to_string(), most.to_string()]);
    assert_eq!(said, known);
}

/// The list of requests is written from the table of operations: with `PARLOUR_WRITE=1` this test writes it.
#[test]
fn requests_are_those_of_the_program() {
    let list = operations();
    let document = document();
    let (begin, end) = ("<!-- the list of requests -->\n", "<!-- its end -->");
    let (before, rest) = document.split_once(begin).unwrap();
    let (present, after) = rest.split_once(end).unwrap();
    if present != list && std::env::var_os("PARLOUR_WRITE").is_some() {
        std::fs::write(PATH, format!("{before}{begin}{list}{end}{after}")).unwrap();
        return;
    }
    assert!(present == list, "docs/protocol.md lists other requests; write it with PARLOUR_WRITE=1:\n{list}");
}

fn operations() -> String {
    let rows = operation::ALL.iter().map(row);
    let head = "| request | who may | permission | answer | is | over HTTP, below `/api` |\n|---|---|---|---|---|---|\n";
    rows.fold(head.to_owned(), |all, row| all + &row)
}

fn row(one: &Operation) -> String {
    let who = match one.who {
        Who::Stranger => "whoever isn't logged in",
        Who::Anybody => "whoever is logged in",
        Who::Person => "a person with an account",
        Who::Owner => "the machine's owner",
    };
    let needs = if one.needs.is_empty() { String::new() } else { one.needs.to_string() };
    let on = match one.on {
        "" => String::new(),
        "own" => ", in the session's channel".to_owned(),
        field => format!(", by `{field}`"),
    };
    let more = if one.conditional { "; not always" } else { "" };
    let needs = if needs.is_empty() { needs } else { format!("{needs}{on}{more}") };
    let is = [(one.writes, "kept"), (one.connected, "for a connected session")];
    let is: Vec<_> = is.into_iter().filter(|(is, _)| *is).map(|(_, word)| word).collect();
    let rest = match one.rest {
        Rest::At { method, path } => format!("`{method} {path}`"),
        Rest::Never { why } => format!("no: {why}"),
    };
    format!("| `{}` | {who} | {needs} | `{}` | {} | {rest} |\n", one.name, one.answer, is.join(", "))
}
