//! What may never change about migrations that have run on people's files.

use super::*;

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits = (0..hexadecimal.len()).step_by(2);
    digits.map(|at| u8::from_str_radix(&hexadecimal[at..at + 2], 16).unwrap()).collect()
}

/// The row is read and written again as it is.
#[track_caller]
fn frozen<R: Record>(row: &str) -> R {
    let row = bytes(row);
    let record = R::decode(&row).unwrap();
    assert_eq!(record.encode().unwrap(), row, "the frozen layout of {} has changed", R::LAYOUT);
    record
}

/// Identifiers stand in files: they stay, and so do the checksums that were there before them.
#[test]
fn migrations_are_known_by_what_they_were_known_by() {
    let known: Vec<_> =
        MIGRATIONS.iter().map(|migration| (migration.to, migration.id, migration.former)).collect();
    assert_eq!(
        known,
        [
            (
                2,
                "2-checked-rows",
                &[
                    "1a9678927d3357ca7026c323b889cdeef0bd49e991b83ebf68ebc4a8e7ed64b0",
                    "87ef9bd7f8814f511a978a7f6cb074fd0b652195f79d9611f5eeb2e22eb594aa"
                ][..]
            ),
            (3, "3-devices", &["a65b38860164cd09e9d658f5eed01be443243518fb15e8237c28026ede032f52"]),
            (4, "4-ranks-and-limits", &["065a5ac8e2b1f039fae515e620c1e9b102e77068b2623eef5ab96c2c6421b0fb"]),
            (5, "5-typed-settings", &[]),
            (6, "6-who-comes-in", &[]),
        ]
    );
}

#[test]
fn the_last_migration_leads_to_the_present_schema() {
    assert_eq!(MIGRATIONS.last().unwrap().to, SCHEMA);
    assert!(MIGRATIONS.windows(2).all(|pair| pair[0].to + 1 == pair[1].to));
}

/// Migrations import nothing of the records and tables of today.
#[test]
fn migrations_name_nothing_of_today() {
    let sources = [
        include_str!("book.rs"),
        include_str!("frozen.rs"),
        include_str!("to_2.rs"),
        include_str!("to_3.rs"),
        include_str!("to_4.rs"),
        include_str!("to_5.rs"),
        include_str!("to_6.rs"),
        include_str!("v1.rs"),
        include_str!("v2.rs"),
        include_str!("v3.rs"),
        include_str!("v4.rs"),
        include_str!("v5.rs"),
        include_str!("v6.rs"),
    ];
    for source in sources {
        for line in source.lines().filter(|line| line.starts_with("use ")) {
            let of_today =
                ["record::", "open::", "write::", "WriteTables", "crate::permission", "crate::auth"];
            assert!(!of_today.iter().any(|name| line.contains(name)), "{line}");
        }
    }
}

/// The bytes are those that the program was held to by `golden_tests` while it wrote them.
#[test]
fn rows_of_schema_2_are_what_they_were() {
    let organization: v2::Organization = frozen(concat!(
        "02149817d90100000000000000686f6d65ffffffff486f6d65ffffffff010500000000000000a0860100e80300",
        "00200000006d0100000403020100000000"
    ));
    assert_eq!(
        (organization.tag.as_str(), organization.owner, organization.limits),
        ("home", Some(5), v2::LIMITS)
    );
    let user: v2::User = frozen(concat!(
        "0223fda8ff616c696365406578616d706c652e6f72670300000000000000010403020100000000050000000000",
        "00000100000000000000616c696365ffffff0191000000c5ffffff010101004c00000200000001000000010101",
        "010101010101010101010101010202020202020202020202020202020202020202020202020202020202020202",
        "008effffff010000000403020100000000"
    ));
    assert_eq!((user.id, user.name.as_str(), user.grants[0].role), (5, "alice", 3));
    let role: v2::Role =
        frozen("027719da7f030000000000000001000000000000004d656d626572ffff0a0000000400000000000000");
    assert_eq!((role.id, role.name.as_str(), role.rank, role.allow), (3, "Member", 10, 4));
    let channel: v2::Channel = frozen(concat!(
        "024bf1182107000000000000000100000000000000010200000000000000416c706861ffffff6669727374ffff",
        "ffffffffff000101004c0000020000000100000001010101010101010101010101010101020202020202020202",
        "02020202020202020202020202020202020202020202020403020100000000"
    ));
    assert_eq!((channel.id, channel.name.as_str(), channel.position), (7, "Alpha", -1));
    let overwrite: v2::Overwrite =
        frozen("010635df5f070000000000000001050000000000000008000000000000000400000000000000");
    assert_eq!((overwrite.allow, overwrite.deny), (8, 4));
    let session: v2::Session = frozen(concat!(
        "02d221765309000000000000000500000000000000030303030303030303030303030303030303030303030303",
        "0303030303030303040302010000000004030201000000006c6170746f70ffff0100c000020700000000000000",
        "0000000000"
    ));
    assert_eq!((session.id, session.user, session.device.as_str()), (9, 5, "laptop"));
    let token: v2::OneTimeToken = frozen(concat!(
        "0181e2ace603000000000000000400000000000000010000000000000004040404040404040404040404040404",
        "040404040404040404040404040404040400000000000000000003000000040302010000000004030201000000",
        "00016140622e63ffffff01070000000000000098ffffff01000000"
    ));
    assert_eq!((token.id, token.uses, token.roles.as_slice()), (4, 3, &[3][..]));
}

#[test]
fn what_the_book_writes_is_what_it_was() {
    let entry: v2::AuditEntry = frozen(concat!(
        "010666f72b01000000000000000800000000000000040302010000000002050000000000000000000000000000",
        "0000000000000000000000020507000000000000007b7dffffffffffffffffffffffffffff0606060606060606",
        "060606060606060606060606060606060606060606060606"
    ));
    assert_eq!((entry.number, entry.author, entry.verb, entry.subject), (8, v2::Author::User(5), 2, 5));
    let job: v2::Job = frozen(concat!(
        "0129c014a0636f7079696e67ff0100000000000000010364edffffff0100000004030201000000000104030201",
        "00000000000000000000000000"
    ));
    assert_eq!((job.id, job.kind, job.state), (1, 1, 3));
    let ledger: v2::Ledger = frozen(concat!(
        "01abdd9c5c01000000000000000000000000000000000000000000000000000000000000000000000000000000",
        "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
        "000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000",
        "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
        "00"
    ));
    assert_eq!((ledger.organization, ledger.audit_first), (1, 1));
}

#[test]
fn rows_of_schema_4_are_what_they_were() {
    let role: v4::Role =
        frozen("0317e6beda030000000000000001000000000000004d656d626572ffff0a000000996633000400000000000000");
    assert_eq!((role.id, role.colour, role.allow), (3, 0x33_66_99, 4));
    let channel: v4::Channel = frozen(concat!(
        "030bd188ff03000000000000000900000000000000070000000000000001000000000000000102000000000000",
        "00416c706861ffffff6669727374ffffffffffffff000101004c00000200000001000000010101010101010101",
        "010101010101010202020202020202020202020202020202020202020202020202020202020202040302010000",
        "00000c0000000160ea000000000000007d00001400050067ffffff02000000"
    ));
    assert_eq!((channel.id, channel.user_limit, channel.links.as_slice()), (7, 12, &[3, 9][..]));
    let overwrite: v4::Overwrite =
        frozen("02b8cae35e07000000000000000105000000000000000800000000000000040000000000000002");
    assert_eq!((overwrite.channel, overwrite.subject, overwrite.reach), (7, 5, 2));
}

#[test]
fn rows_of_schema_6_are_what_they_were() {
    let organization: v6::Organization = frozen(concat!(
        "03849720f80100000000000000686f6d65ffffffff486f6d65ffffffff010500000000000000a0860100e80300",
        "00200000006d010000a0860100040302010000000001010100"
    ));
    assert_eq!((organization.limits.sessions, organization.guests), (v6::SESSIONS, Some(true)));
    assert_eq!(organization.registration, Some(0));
    let settings: v6::OrganizationSettings = frozen(concat!(
        "02be7f32494265206b696e6420746f2065616368206f746865722e010000000000000096000000e2ffffff0105",
        "0000000000000000000000000000000060ea0000000000000001"
    ));
    assert_eq!((settings.default_channel, settings.guests, settings.registration), (Some(5), false, 1));
}

#[test]
fn rows_of_schema_5_are_what_they_were() {
    let role: v5::Role = frozen(
        "04327642f7030000000000000001000000000000004d656d626572ffff0a00000099663300040000000000000001",
    );
    assert_eq!((role.id, role.colour, role.allow, role.second_factor), (3, 0x33_66_99, 4, true));
    let restraint: v5::Restraint = frozen("01d3058a1d010000000000000005000000000000000100");
    assert_eq!((restraint.user, restraint.muted, restraint.deafened), (5, true, false));
    let settings: v5::OrganizationSettings = frozen(concat!(
        "01bb69f1d94265206b696e6420746f2065616368206f746865722e010000000000000096000000e2ffffff0105",
        "0000000000000000000000000000000060ea000000000000"
    ));
    assert_eq!((settings.default_channel, settings.afk_channel, settings.afk_ms), (Some(5), None, 60_000));
}
