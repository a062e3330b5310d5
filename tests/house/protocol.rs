//! `docs/protocol.md` says what the program does: codes, permissions and counters are compared.

use parlour::permission::Permissions;
use parlour::protocol::{CloseCode, ErrorCode, MAX_EVENT, MAX_PACKET, MAX_REQUEST};
use parlour::voice::Fate;

fn document() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/protocol.md")).unwrap()
}

/// The rows of the first table below a heading.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let document = document();
    let section = document.split(&format!("## {heading}\n")).nth(1).unwrap().split("\n## ").next().unwrap();
    let table =
        section.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
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
    assert_eq!(counters, Fate::NAMED.iter().map(|(_, name)| (*name).to_owned()).collect::<Vec<_>>());
}

#[test]
fn sizes_are_those_of_the_program() {
    let document = document();
    for text in [
        format!("at most {MAX_REQUEST} bytes"),
        format!("13 to {MAX_PACKET} bytes"),
        format!("at most {} MiB", MAX_EVENT >> 20),
    ] {
        assert!(document.contains(&text), "{text}");
    }
}
