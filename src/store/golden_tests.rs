//! The bytes of each record's row, here or in the tests of the record's file. A difference is a change of the format:
//! it needs a new version of the record, a migration, and the old layout frozen beside it.

use std::fmt::Write;
use std::net::IpAddr;

use super::record::*;
use super::row::Record;
use crate::auth::{StoredPassword, TokenHash};
use crate::bounds::Registration;
use crate::id::{
    ApiKeyId, BanId, ChannelId, Fingerprint, JobId, OneTimeTokenId, OrganizationId, RoleId, SessionId,
    Timestamp, UserId,
};
use crate::permission::{Overwrite, Permissions, Reach, Subject};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Holds a row to its bytes, and each of them to the checks of a row.
#[track_caller]
pub(super) fn golden<R: Record>(record: &R, bytes: &str) {
    let row = record.encode().unwrap();
    assert_eq!(hex(&row), bytes, "the layout of {} has changed", R::LAYOUT);
    assert_eq!(&R::decode(&row).unwrap(), record);
    for index in 0..row.len() {
        let mut damaged = row.clone();
        damaged[index] ^= 0x10;
        assert!(R::decode(&damaged).is_err(), "byte {index} of {} isn't checked", R::LAYOUT);
        assert!(R::decode(&row[..index]).is_err());
    }
}

const AT: Timestamp = Timestamp(0x0102_0304);

#[test]
#[expect(clippy::too_many_lines, reason = "one list")]
fn the_bytes_of_every_row_are_these() {
    let password = StoredPassword { salt: [1; 16], hash: [2; 32], ..StoredPassword::decoy() };
    golden(
        &Organization {
            id: OrganizationId(1),
            tag: "home".into(),
            name: "Home".into(),
            owner: Some(UserId(5)),
            limits: Limits::default(),
            created: AT,
            guests: Some(true),
            registration: Some(Registration::Closed),
        },
        concat!(
            "03849720f80100000000000000686f6d65ffffffff486f6d65ffffffff010500000000000000a0860100e80300",
            "00200000006d010000a0860100040302010000000001010100"
        ),
    );
    golden(
        &User {
            id: UserId(5),
            organization: OrganizationId(1),
            name: "alice".into(),
            email: Some("alice@example.org".into()),
            email_verified: true,
            password: Some(password.clone()),
            disabled: false,
            grants: vec![Grant { role: RoleId(3), expires: Some(AT) }],
            created: AT,
        },
        concat!(
            "0223fda8ff616c696365406578616d706c652e6f72670300000000000000010403020100000000050000000000",
            "00000100000000000000616c696365ffffff0191000000c5ffffff010101004c00000200000001000000010101",
            "010101010101010101010101010202020202020202020202020202020202020202020202020202020202020202",
            "008effffff010000000403020100000000"
        ),
    );
    let profile =
        Profile { user: UserId(5), display_name: "A".into(), bio: "a bio".into(), avatar: vec![1, 2, 3] };
    golden(&profile, "01b296e4d6010203050000000000000041ffffffffffffff612062696fffffffe5ffffff03000000");
    let (id, organization, name, allow) = (RoleId(3), OrganizationId(1), "Member".into(), Permissions::SPEAK);
    golden(
        &Role { id, organization, name, rank: 10, colour: 0x33_66_99, allow, second_factor: true },
        "04327642f7030000000000000001000000000000004d656d626572ffff0a00000099663300040000000000000001",
    );
    let (default_channel, afk_channel) = (Some(ChannelId(5)), None);
    let welcome = "Be kind to each other.".to_owned();
    golden(
        &OrganizationSettings {
            organization,
            welcome,
            default_channel,
            afk_channel,
            afk_ms: 60_000,
            guests: false,
            registration: Registration::Invite,
        },
        concat!(
            "02be7f32494265206b696e6420746f2065616368206f746865722e010000000000000096000000e2ffffff0105",
            "0000000000000000000000000000000060ea0000000000000001"
        ),
    );
    golden(
        &Channel {
            id: ChannelId(7),
            organization: OrganizationId(1),
            parent: Some(ChannelId(2)),
            name: "Alpha".into(),
            description: "first".into(),
            position: -1,
            mode: 0,
            password: Some(password),
            created: AT,
            user_limit: 12,
            temporary_ms: Some(60_000),
            bitrate: 32_000,
            frame_ms: 20,
            last_speakers: 5,
            links: vec![ChannelId(3), ChannelId(9)],
        },
        concat!(
            "030bd188ff03000000000000000900000000000000070000000000000001000000000000000102000000000000",
            "00416c706861ffffff6669727374ffffffffffffff000101004c00000200000001000000010101010101010101",
            "010101010101010202020202020202020202020202020202020202020202020202020202020202040302010000",
            "00000c0000000160ea000000000000007d00001400050067ffffff02000000"
        ),
    );
    let (channel, subject) = (ChannelId(7), Subject::User(UserId(5)));
    let (allow, deny) = (Permissions::TEXT, Permissions::SPEAK);
    golden(
        &StoredOverwrite(Overwrite { channel, subject, allow, deny, reach: Reach::Below }),
        "02b8cae35e07000000000000000105000000000000000800000000000000040000000000000002",
    );
    golden(
        &Session {
            id: SessionId(9),
            user: UserId(5),
            token: TokenHash([3; 32]),
            created: AT,
            expires: AT,
            device: "laptop".into(),
            address: Some(IpAddr::from([192, 0, 2, 7])),
        },
        concat!(
            "02d221765309000000000000000500000000000000030303030303030303030303030303030303030303030303",
            "0303030303030303040302010000000004030201000000006c6170746f70ffff0100c000020700000000000000",
            "0000000000"
        ),
    );
    golden(
        &OneTimeToken {
            id: OneTimeTokenId(4),
            organization: OrganizationId(1),
            purpose: Purpose::Invite,
            hash: TokenHash([4; 32]),
            user: None,
            uses: 3,
            created: AT,
            expires: AT,
            email: Some("a@b.c".into()),
            channel: Some(ChannelId(7)),
            roles: vec![RoleId(3)],
        },
        concat!(
            "0181e2ace603000000000000000400000000000000010000000000000004040404040404040404040404040404",
            "040404040404040404040404040404040400000000000000000003000000040302010000000004030201000000",
            "00016140622e63ffffff01070000000000000098ffffff01000000"
        ),
    );
    golden(
        &ApiKey {
            id: ApiKeyId(2),
            user: UserId(5),
            prefix: "prl_2".into(),
            hash: TokenHash([5; 32]),
            name: "bot".into(),
            scopes: Permissions::TEXT,
            created: AT,
            expires: None,
        },
        concat!(
            "01df6d9a6a0200000000000000050000000000000070726c5f32ffffff05050505050505050505050505050505",
            "05050505050505050505050505050505626f74ffffffffff080000000000000004030201000000000000000000",
            "00000000"
        ),
    );
    let subject = BanSubject::Address { network: IpAddr::from([192, 0, 2, 0]), prefix: 24 };
    let (id, organization, reason) = (BanId(6), OrganizationId(1), "noise".into());
    golden(
        &Ban { id, organization, subject, reason, created: AT, until: Some(AT) },
        concat!(
            "011d02ea35060000000000000001000000000000000100c0000200000000000000000000000000180000000000",
            "0000000000000000006e6f697365ffffff0403020100000000010403020100000000"
        ),
    );
    golden(
        &Device {
            user: UserId(5),
            session: SessionId(9),
            client: "parlour/1".into(),
            address: Some(IpAddr::from([192, 0, 2, 7])),
            exchanged: AT,
            key: Some(Fingerprint([8; 32])),
        },
        concat!(
            "01667a284b7061726c6f75722f310500000000000000090000000000000089000000e7ffffff0100c000020700",
            "000000000000000000000004030201000000000108080808080808080808080808080808080808080808080808",
            "08080808080808"
        ),
    );
    golden(
        &DeviceKey {
            user: UserId(5),
            fingerprint: Fingerprint([8; 32]),
            public: [9; 32],
            name: "laptop".into(),
            created: AT,
            address: None,
            session: Some(SessionId(9)),
        },
        concat!(
            "01570793fb05000000000000000808080808080808080808080808080808080808080808080808080808080808",
            "09090909090909090909090909090909090909090909090909090909090909096c6170746f70ffff0403020100",
            "000000000000000000000000000000000000000000010900000000000000"
        ),
    );
    golden(
        &SecondFactor {
            user: UserId(5),
            secret: vec![1, 2, 3],
            confirmed: Some(AT),
            last_step: 7,
            recovery: vec![TokenHash([4; 32])],
        },
        concat!(
            "0114b934ca01020304040404040404040404040404040404040404040404040404040404040404040500000000",
            "000000d5ffffff030000000104030201000000000700000000000000bfffffff01000000"
        ),
    );
    golden(
        &Email {
            number: 3,
            to: "a@b.c".into(),
            subject: "s".into(),
            text: "t".into(),
            created: AT,
            expires: AT,
        },
        concat!(
            "01f5a6682703000000000000006140622e63ffffff73ffffffffffffff74ffffffffffffff0403020100000000",
            "0403020100000000"
        ),
    );
    golden(
        &AuditEntry {
            organization: OrganizationId(1),
            number: 8,
            at: AT,
            author: Author::User(UserId(5)),
            from: None,
            verb: Verb::Change,
            subject: SubjectKind::Channel,
            subject_id: 7,
            before: "{}".into(),
            after: String::new(),
            hash: TokenHash([6; 32]),
        },
        concat!(
            "010666f72b01000000000000000800000000000000040302010000000002050000000000000000000000000000",
            "0000000000000000000000020507000000000000007b7dffffffffffffffffffffffffffff0606060606060606",
            "060606060606060606060606060606060606060606060606"
        ),
    );
    golden(
        &Job {
            id: JobId(1),
            kind: JobKind::Backup,
            state: JobState::Done,
            progress: 100,
            steps: vec!["copying".into()],
            started: AT,
            finished: Some(AT),
            error: None,
        },
        concat!(
            "0129c014a0636f7079696e67ff0100000000000000010364edffffff0100000004030201000000000104030201",
            "00000000000000000000000000"
        ),
    );
    golden(
        &Ledger::new(OrganizationId(1)),
        concat!(
            "01abdd9c5c01000000000000000000000000000000000000000000000000000000000000000000000000000000",
            "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
            "000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000",
            "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
            "00"
        ),
    );
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
        // With a check that fits them, so that the archive itself is looked at.
        for version in [1_u8, 2, 3, 4] {
            let mut check = crc32fast::Hasher::new();
            check.update(&[version]);
            check.update(&bytes);
            let mut row = vec![version];
            row.extend_from_slice(&check.finalize().to_le_bytes());
            row.extend_from_slice(&bytes);
            let _ = (Organization::decode(&row), User::decode(&row), Profile::decode(&row), Role::decode(&row));
            let _ = (Channel::decode(&row), StoredOverwrite::decode(&row), Session::decode(&row));
            let _ = (OneTimeToken::decode(&row), ApiKey::decode(&row), Ban::decode(&row));
            let _ = (Restraint::decode(&row), OrganizationSettings::decode(&row));
            let _ = (AuditEntry::decode(&row), Job::decode(&row), Ledger::decode(&row));
            let _ = (Device::decode(&row), DeviceKey::decode(&row), SecondFactor::decode(&row), Email::decode(&row));
        }
    }
}

/// A reach that no version knows is no reach.
#[test]
fn an_unknown_reach_is_an_error() {
    let (channel, subject, none) = (ChannelId(7), Subject::User(UserId(5)), Permissions::NONE);
    let overwrite = |reach| StoredOverwrite(Overwrite { channel, subject, allow: none, deny: none, reach });
    let (both, below) = (overwrite(Reach::Both).encode().unwrap(), overwrite(Reach::Below).encode().unwrap());
    let place = (5..both.len()).find(|place| both[*place] != below[*place]).unwrap();
    for reach in 0..=u8::MAX {
        let mut row = both.clone();
        row[place] = reach;
        let mut check = crc32fast::Hasher::new();
        check.update(&row[..1]);
        check.update(&row[5..]);
        row[1..5].copy_from_slice(&check.finalize().to_le_bytes());
        assert_eq!(StoredOverwrite::decode(&row).ok().map(|row| row.0.reach), Reach::from_number(reach));
    }
}

/// The chain's form is the format, too.
#[test]
fn the_hash_of_an_audit_entry_is_this() {
    let entry = AuditEntry {
        organization: OrganizationId(1),
        number: 8,
        at: AT,
        author: Author::User(UserId(5)),
        from: Some(IpAddr::from([192, 0, 2, 7])),
        verb: Verb::Change,
        subject: SubjectKind::Channel,
        subject_id: 7,
        before: r#"{"name":"a"}"#.into(),
        after: r#"{"name":"b"}"#.into(),
        hash: TokenHash([0; 32]),
    };
    assert_eq!(
        hex(&entry.chained(&TokenHash([7; 32])).0),
        "33af65e1c0f1cf08cbad30090e8f1455a5adf5340d290caabf4a1ea4ed133d88"
    );
}
