//! What an export brings, and what is refused in one.

use crate::fixture::*;
use parlour::id::{ChannelId, RoleId};
use parlour::permission::{Overwrite, Permissions, Reach, Subject};
use parlour::store::write::*;
use parlour::store::*;
use redb::backends::InMemoryBackend;

/// Exports the store and loads the lines into another one, changed on the way.
fn loaded(store: &Store, change: impl Fn(&mut serde_json::Value)) -> Result<Fixture, ImportError> {
    let mut lines = Vec::new();
    store.export(&mut lines, NOW).unwrap();
    let text = String::from_utf8(lines).unwrap();
    let changed = text.lines().map(|line| {
        let mut line = serde_json::from_str(line).unwrap();
        change(&mut line);
        format!("{line}\n")
    });
    let changed: String = changed.collect();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(STORE_FILE);
    let rows = Store::import(&path, &mut changed.as_bytes(), NOW)?;
    assert_eq!(import_on(InMemoryBackend::new(), &mut changed.as_bytes(), NOW)?, rows);
    Ok(Fixture::of(directory))
}

#[test]
fn an_export_brings_everything_and_an_older_one_what_it_has() {
    let store = Fixture::new();
    let edit = ChannelEdit {
        user_limit: Some(12),
        temporary_ms: Some(Some(60_000)),
        bitrate: Some(32_000),
        frame_ms: Some(40),
        last_speakers: Some(5),
        ..ChannelEdit::default()
    };
    store.write(edit_channel(ChannelId(3), edit)).unwrap();
    store.write(link_channels(ChannelId(3), ChannelId(4), true)).unwrap();
    let (channel, subject) = (ChannelId(2), Subject::Role(GUEST));
    let (allow, deny, reach) = (Permissions::TEXT, Permissions::SPEAK, Reach::Below);
    store.write(put_overwrite(Overwrite { channel, subject, allow, deny, reach })).unwrap();
    let everything = |store: &Store| {
        let (channels, roles) =
            (store.channels(HOME, None, 99).unwrap(), store.roles(HOME, None, 99).unwrap());
        (channels, roles, store.overwrites(HOME, None, 99).unwrap())
    };
    assert_eq!(everything(&loaded(&store, |_| ()).unwrap()), everything(&store));

    // As a version before these fields would have written it, with the roles that it had.
    let older = loaded(&store, |line| {
        let new = [
            "user_limit",
            "temporary_ms",
            "bitrate",
            "frame_ms",
            "last_speakers",
            "links",
            "reach",
            "colour",
        ];
        for kind in ["channel", "overwrite", "role"] {
            if let Some(fields) = line.get_mut(kind).and_then(|fields| fields.as_object_mut()) {
                for name in new {
                    fields.remove(name);
                }
            }
        }
        if let Some(role) = line.get_mut("role") {
            match role["id"].as_u64().unwrap() {
                1 => (role["name"], role["rank"]) = ("Admin".into(), 100.into()),
                3 => role["allow"] = "view, join, speak, text".into(),
                5 => (role["name"], role["allow"]) = ("Helper".into(), "view".into()),
                6 => (role["name"], role["allow"]) = ("Scribe".into(), "text".into()),
                _ => (),
            }
        }
        if let Some(head) = line.get_mut("parlour") {
            head["schema"] = 3.into();
        }
    });
    let older = older.unwrap();
    let plain = Channel { id: ChannelId(3), ..store.channel(ChannelId(3)).unwrap().unwrap() };
    let (user_limit, bitrate, frame_ms, last_speakers) = (0, 0, 0, 0);
    let (temporary_ms, links) = (None, vec![]);
    let plain = Channel { user_limit, temporary_ms, bitrate, frame_ms, last_speakers, links, ..plain };
    assert_eq!(older.channel(ChannelId(3)).unwrap().unwrap(), plain);
    assert_eq!(older.overwrites(HOME, None, 9).unwrap()[0].reach, Reach::Both);
    let names: Vec<_> = older.roles(HOME, None, 9).unwrap().into_iter().map(|role| role.name).collect();
    assert_eq!(names, ["Owner", "Officer", "Member", "Guest", "Helper", "Scribe", "Admin", "Service"]);
    assert_eq!(older.role(RoleId(3)).unwrap(), store.role(RoleId(3)).unwrap());
    assert_eq!(older.role(OWNER).unwrap(), store.role(OWNER).unwrap());
}

#[test]
fn links_and_reaches_that_cannot_be_are_named() {
    let store = Fixture::new();
    store.write(link_channels(ChannelId(3), ChannelId(1), true)).unwrap();
    store.write(link_channels(ChannelId(3), ChannelId(4), true)).unwrap();
    let (channel, subject) = (ChannelId(2), Subject::Role(GUEST));
    let (allow, deny, reach) = (Permissions::TEXT, Permissions::SPEAK, Reach::Below);
    store.write(put_overwrite(Overwrite { channel, subject, allow, deny, reach })).unwrap();
    let broken = |links: &[u64]| {
        let loaded = loaded(&store, |line| match line.get_mut("channel") {
            Some(channel) if channel["id"] == 3 => channel["links"] = links.into(),
            _ => (),
        });
        loaded.unwrap_err().to_string()
    };
    for (links, why) in [
        (&[1][..], "channel 4 is linked with 3, which isn't with it"),
        (&[1, 4, 5], "channel 3 is linked with 5, which isn't with it"),
        (&[4, 1], "the links of channel 3 are out of order"),
        (&[1, 3, 4], "channel 3 is linked with 3, which it can't be"),
        (&[1, 4, 1 << 40], "which it can't be"),
        (&[1, 4, 77], "channel 3 is linked with 77, which isn't with it"),
    ] {
        let said = broken(links);
        assert!(said.contains(why), "{links:?}: {said}");
    }
    let far = loaded(&store, |line| {
        if let Some(overwrite) = line.get_mut("overwrite") {
            overwrite["reach"] = "far".into();
        }
    });
    assert!(matches!(far, Err(ImportError::Line { .. })));
}
