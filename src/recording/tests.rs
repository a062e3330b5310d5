//! Recordings of real speech on a clock of the tests' own, and some on the real one.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::Receiver;

use bytes::Bytes;
use tempfile::TempDir;

use super::*;
use crate::audio::{Comparison, Encoder, FRAME, SAMPLE_RATE, Source, compare};
use crate::id::FlowId;
use crate::protocol::{OPUS_PAYLOAD_TYPE, VoiceHeader, write_packet};

const MIB: u64 = 1024 * 1024;
const NOW: Timestamp = Timestamp(1_760_000_000_000);

/// Recordings whose writer the test drives.
struct Fixture {
    directory: TempDir,
    recordings: Recordings,
    queue: Receiver<Message>,
    writer: Writer,
    began: Instant,
}

impl Fixture {
    fn new(quota: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let recordings = Recordings::open(directory.path().join("recordings"), quota).unwrap();
        let queue = recordings.shared.ledger().queue.take().unwrap();
        let writer = Writer::new(recordings.shared.clone());
        Self { directory, recordings, queue, writer, began: Instant::now() }
    }

    fn start(&self) -> Tap {
        let (path, by) = ("Club/Talk".to_owned(), "alice".to_owned());
        self.recordings.start_at(ChannelId(3), path, by, NOW, self.began).unwrap()
    }

    fn at(&self, milliseconds: u64) -> Instant {
        self.began + Duration::from_millis(milliseconds)
    }

    /// Lets the writer do what it would until then.
    fn tick(&mut self, milliseconds: u64) {
        for message in self.queue.try_iter() {
            self.writer.take(message);
        }
        self.writer.tick(self.at(milliseconds));
    }

    /// Has packets arrive at their milliseconds, the writer ticking between them.
    fn play(&mut self, tap: &Tap, packets: Vec<(u64, Ssrc, Bytes)>) {
        let mut packets: BTreeMap<u64, Vec<_>> =
            packets.into_iter().fold(BTreeMap::new(), |mut by_tick, (at, ssrc, bytes)| {
                by_tick.entry(at / 100).or_insert_with(Vec::new).push((at, ssrc, bytes));
                by_tick
            });
        for tick in 0..=packets.last_key_value().map_or(0, |(tick, _)| *tick) {
            let mut now = packets.remove(&tick).unwrap_or_default();
            now.sort_by_key(|(at, ..)| *at);
            for (at, ssrc, bytes) in now {
                assert!(tap.offer_at(ssrc, bytes, self.at(at)));
            }
            self.tick(100 * (tick + 1));
        }
    }

    fn stop(&mut self, tap: &Tap, milliseconds: u64) {
        let end = Timestamp(NOW.0 + milliseconds);
        self.recordings.stop_at(tap.recording(), end, self.at(milliseconds)).unwrap();
        self.tick(milliseconds);
    }

    fn path(&self, tap: &Tap) -> PathBuf {
        self.recordings.shared.directory_of(tap.recording())
    }
}

/// A microphone: an encoder, and where its stream's numbers are.
struct Speaker {
    ssrc: Ssrc,
    encoder: Encoder,
    sequence: u16,
    timestamp: u32,
}

impl Speaker {
    fn new(ssrc: u32) -> Self {
        // Both wrap on the way.
        let (sequence, timestamp) = (u16::MAX - 20, u32::MAX - 30_000);
        Self { ssrc: Ssrc(ssrc), encoder: Encoder::new(32_000).unwrap(), sequence, timestamp }
    }

    /// A talk spurt that begins at a millisecond and arrives 40 ms later, without its packets' losses.
    fn say(&mut self, at: u64, sound: &[i16]) -> Vec<(u64, Ssrc, Bytes)> {
        let mut packets = Vec::new();
        for (index, frame) in sound.as_chunks::<FRAME>().0.iter().enumerate() {
            let payload = self.encoder.encode(frame).unwrap();
            let bytes = self.packet(index == 0, OPUS_PAYLOAD_TYPE, FlowId::CHANNEL, &payload);
            packets.push((at + 40 + 20 * index as u64, self.ssrc, bytes));
        }
        // The clock goes on while nobody speaks, and not quite as ours does.
        self.timestamp = self.timestamp.wrapping_add(100_000);
        packets
    }

    fn packet(&mut self, marker: bool, payload_type: u8, flow: FlowId, payload: &[u8]) -> Bytes {
        let (sequence, timestamp) = (self.sequence, self.timestamp);
        let header = VoiceHeader { ssrc: self.ssrc, sequence, timestamp, marker, payload_type };
        let mut bytes = Vec::new();
        write_packet(flow, &header, payload, &mut bytes);
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(FRAME as u32);
        bytes.into()
    }
}

fn speech() -> Vec<i16> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/speech.wav");
    Source::open(path.as_ref()).unwrap().samples().unwrap()
}

/// What the reference tool says of a file; it must find nothing wrong.
fn inspect(file: &Path) -> String {
    let said = Command::new("opusinfo")
        .arg(file)
        .output()
        .expect("opusinfo of opus-tools, which make test installs");
    let text = String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success() && !text.contains("WARNING") && !text.contains("ERROR"), "{text}");
    text
}

fn decoded(file: &Path) -> Vec<i16> {
    inspect(file);
    Source::open(file).unwrap().samples().unwrap()
}

/// Whether the original is in the recording where it should begin, 40 ms on the way included.
fn assert_there(original: &[i16], recording: &[i16], milliseconds: u64, least: f64) {
    let found: Comparison = compare(original, recording);
    let expected = ((milliseconds + 40) * u64::from(SAMPLE_RATE) / 1_000) as i64;
    assert!((found.offset - expected).abs() < 960, "{found:?}, expected {expected}");
    assert!(found.correlation > least, "{found:?}");
}

#[test]
fn everybody_is_heard_where_they_spoke() {
    let speech = speech();
    let (first, second, third) = (&speech[..144_000], &speech[200_000..296_000], &speech[400_000..544_000]);
    let mut fixture = Fixture::new(MIB);
    let tap = fixture.start();
    fixture.recordings.speaker(tap.recording(), Ssrc(7), SessionId(1), "Ada/../x");
    fixture.recordings.speaker(tap.recording(), Ssrc(9), SessionId(2), "Böb");
    let (mut ada, mut bob) = (Speaker::new(7), Speaker::new(9));
    let mut packets = ada.say(500, first);
    // Every 20th is lost, every 7th comes 90 ms later than it should, and some twice.
    packets =
        packets.into_iter().enumerate().filter(|(index, _)| index % 20 != 13).map(|(_, it)| it).collect();
    for (index, packet) in packets.iter_mut().enumerate().skip(1) {
        packet.0 += if index % 7 == 0 { 90 } else { 0 };
    }
    let again = packets[5].clone();
    packets.push(again);
    packets.extend(ada.say(6_000, second));
    packets.extend(bob.say(4_000, third));
    fixture.play(&tap, packets);
    assert!(fixture.recordings.running(tap.recording()));
    fixture.stop(&tap, 10_000);
    assert!(!fixture.recordings.running(tap.recording()));

    let about = fixture.recordings.about(tap.recording()).unwrap();
    assert_eq!((about.ended, about.left_out), (Some(Timestamp(NOW.0 + 10_000)), 0));
    let names: Vec<_> = about.files.iter().map(|file| (file.name.as_str(), file.speaker.as_str())).collect();
    assert_eq!(names, [("Ada____x-1.opus", "Ada/../x"), ("Böb-2.opus", "Böb")]);
    let sounds: Vec<_> =
        about.files.iter().map(|file| decoded(&fixture.path(&tap).join(&file.name))).collect();
    assert!(sounds.iter().all(|sound| sound.len() == 480_000));
    assert_there(first, &sounds[0], 500, 0.8);
    assert_there(second, &sounds[0], 6_000, 0.9);
    assert_there(third, &sounds[1], 4_000, 0.9);
    let quiet = |sound: &[i16]| sound.iter().all(|sample| sample.abs() < 100);
    assert!(
        quiet(&sounds[0][180_000..288_000]) && quiet(&sounds[1][..190_000]) && quiet(&sounds[1][350_000..])
    );
    let weight: u64 = std::fs::read_dir(fixture.path(&tap))
        .unwrap()
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum();
    assert_eq!(fixture.recordings.usage(), weight);
}

#[test]
fn a_session_that_comes_back_goes_on_in_its_file_and_the_unknown_have_numbers() {
    let speech = speech();
    let mut fixture = Fixture::new(MIB);
    let tap = fixture.start();
    fixture.recordings.speaker(tap.recording(), Ssrc(7), SessionId(1), "ada");
    let mut packets = Speaker::new(7).say(0, &speech[..48_000]);
    fixture.play(&tap, packets);
    fixture.recordings.speaker(tap.recording(), Ssrc(8), SessionId(1), "ada");
    packets = Speaker::new(8).say(2_000, &speech[48_000..96_000]);
    packets.extend(Speaker::new(5).say(2_000, &speech[..48_000]));
    // Neither a whisper nor another kind of payload is the channel's speech.
    let mut other = Speaker::new(6);
    packets.push((2_100, Ssrc(6), other.packet(true, OPUS_PAYLOAD_TYPE, FlowId(2), &[0xf8, 0xff, 0xfe])));
    packets.push((2_120, Ssrc(6), other.packet(true, 96, FlowId::CHANNEL, &[0xf8, 0xff, 0xfe])));
    packets.push((2_140, Ssrc(6), Bytes::from_static(b"no packet")));
    fixture.play(&tap, packets);
    fixture.stop(&tap, 4_000);
    let files = fixture.recordings.about(tap.recording()).unwrap().files;
    let names: Vec<_> = files.iter().map(|file| (file.name.as_str(), file.session)).collect();
    assert_eq!(names, [("ada-1.opus", Some(SessionId(1))), ("unknown-5.opus", None)]);
    let ada = decoded(&fixture.path(&tap).join("ada-1.opus"));
    assert_there(&speech[..48_000], &ada, 0, 0.9);
    assert_there(&speech[48_000..96_000], &ada, 2_000, 0.9);
}

#[test]
fn a_long_pause_costs_little() {
    let speech = speech();
    let mut fixture = Fixture::new(16 * MIB);
    let tap = fixture.start();
    let mut speaker = Speaker::new(7);
    let hours = 5 * 3_600_000;
    for (at, ssrc, bytes) in speaker.say(hours, &speech[..48_000]) {
        tap.offer_at(ssrc, bytes, fixture.at(at));
    }
    fixture.tick(hours + 2_000);
    fixture.stop(&tap, hours + 2_000);
    let about = fixture.recordings.about(tap.recording()).unwrap();
    assert!(about.files[0].bytes < 560_000, "{}", about.files[0].bytes);
    let said = inspect(&fixture.path(&tap).join(&about.files[0].name));
    assert!(said.contains("Playback length: 300m:02"), "{said}");
}

#[test]
fn the_quota_ends_what_runs() {
    let speech = speech();
    let mut fixture = Fixture::new(60_000);
    let (tap, other) = (fixture.start(), fixture.start());
    let quiet = Speaker::new(8).say(0, &speech[..96_000]);
    let mut packets = Speaker::new(7).say(0, &speech);
    fixture.play(&other, quiet);
    fixture.play(&tap, packets.clone());
    assert!(!fixture.recordings.running(tap.recording()) && !fixture.recordings.running(other.recording()));
    let mut ended = fixture.recordings.ended();
    ended.sort();
    assert_eq!(ended, [(tap.recording(), EndedBy::Quota), (other.recording(), EndedBy::Quota)]);
    assert!(fixture.recordings.ended().is_empty());
    assert!((50_000..61_000).contains(&fixture.recordings.usage()), "{}", fixture.recordings.usage());
    for about in fixture.recordings.list() {
        assert!(about.ended.is_some());
        let file = fixture.recordings.shared.directory_of(about.id).join(&about.files[0].name);
        assert!(decoded(&file).len() > 48_000);
        assert_eq!(about.files[0].bytes, file.metadata().unwrap().len());
    }
    // What is still offered is nobody's.
    packets.truncate(10);
    fixture.play(&tap, packets);
    let full = Fixture {
        recordings: Recordings::open(fixture.recordings.shared.directory.clone(), 50_000).unwrap(),
        ..fixture
    };
    let refused = full.recordings.start(ChannelId(1), String::new(), String::new(), NOW);
    assert!(matches!(refused, Err(RecordingError::Quota)));
    full.recordings.remove(tap.recording()).unwrap();
    let third = full.recordings.start(ChannelId(1), String::new(), String::new(), NOW).unwrap();
    assert!(third.recording() > other.recording());
    full.recordings.close(NOW);
}

#[test]
fn a_disk_that_fails_ends_the_recording() {
    let speech = speech();
    let mut fixture = Fixture::new(MIB);
    let (tap, other) = (fixture.start(), fixture.start());
    fixture.play(&other, Speaker::new(8).say(0, &speech[..96_000]));
    let mut speaker = Speaker::new(7);
    fixture.play(&tap, speaker.say(0, &speech[..96_000]));
    fixture.tick(3_000);
    let file = fixture.path(&tap).join("unknown-7.opus");
    // A directory in the file's place can't be written to, whoever runs the test.
    std::fs::rename(&file, file.with_extension("away")).unwrap();
    std::fs::create_dir(&file).unwrap();
    let mut packets = Speaker::new(9).say(4_000, &speech[..48_000]);
    packets.extend(speaker.say(4_000, &speech[..48_000]));
    fixture.play(&tap, packets);
    assert_eq!(fixture.recordings.ended(), [(tap.recording(), EndedBy::Disk)]);
    assert!(!fixture.recordings.running(tap.recording()) && fixture.recordings.running(other.recording()));
}

/// As a crash would leave it: a copy of the directory while the recording runs.
fn copied(fixture: &Fixture) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    let from = fixture.directory.path().join("recordings");
    assert!(Command::new("cp").arg("-a").arg(from).arg(copy.path()).status().unwrap().success());
    copy
}

#[test]
fn a_crash_loses_less_than_a_second() {
    let speech = speech();
    let mut fixture = Fixture::new(MIB);
    let tap = fixture.start();
    fixture.recordings.speaker(tap.recording(), Ssrc(7), SessionId(1), "ada");
    let mut packets = Speaker::new(7).say(0, &speech[..144_000]);
    packets.extend(Speaker::new(8).say(500, &speech[..9_600]));
    packets.extend(Speaker::new(9).say(2_900, &speech[..9_600]));
    packets.retain(|(at, ..)| *at < 2_950);
    fixture.play(&tap, packets);
    let copy = copied(&fixture);
    let directory = copy.path().join("recordings");
    let mine = directory.join(tap.recording().to_string());
    // A write that was torn, one that was never made, and a removal that was begun.
    let torn = mine.join("ada-1.opus");
    let whole = std::fs::read(&torn).unwrap();
    std::fs::write(&torn, [&whole[..], &whole[whole.len() - 1_000..whole.len() - 500]].concat()).unwrap();
    std::fs::create_dir(directory.join("9.removed")).unwrap();
    std::fs::create_dir(directory.join("12")).unwrap();

    let found = Recordings::open(directory.clone(), MIB).unwrap();
    let about = found.about(tap.recording()).unwrap();
    let names: Vec<_> = about.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["ada-1.opus", "unknown-8.opus"]);
    assert!(about.ended >= Some(about.started));
    let (ada, other) = (decoded(&mine.join("ada-1.opus")), decoded(&mine.join("unknown-8.opus")));
    assert!(ada.len() > 2 * 48_000, "{}", ada.len());
    assert_there(&speech[..96_000], &ada, 0, 0.9);
    assert_there(&speech[..7_680], &other, 500, 0.8);
    assert!(!directory.join("9.removed").exists() && !mine.join("unknown-9.opus").exists());
    // It is ended once, and the next one has a number of its own.
    assert_eq!(Recordings::open(directory.clone(), MIB).unwrap().list(), [about]);
    let next = found.start(ChannelId(1), String::new(), String::new(), NOW).unwrap();
    assert_eq!(next.recording(), RecordingId(13));
    found.close(NOW);
}

#[test]
fn files_are_read_in_parts_and_only_those_of_the_recording() {
    let mut fixture = Fixture::new(MIB);
    let tap = fixture.start();
    let id = tap.recording();
    fixture.play(&tap, Speaker::new(7).say(0, &speech()[..96_000]));
    assert!(matches!(fixture.recordings.remove(id), Err(RecordingError::Running)));
    fixture.stop(&tap, 3_000);
    let (mut bytes, mut size) = (Vec::new(), 1);
    while (bytes.len() as u64) < size {
        let part = fixture.recordings.read(id, "unknown-7.opus", bytes.len() as u64, 1_000).unwrap();
        assert!(!part.0.is_empty() && part.0.len() <= 1_000);
        bytes.extend(part.0);
        size = part.1;
    }
    assert_eq!(bytes, std::fs::read(fixture.path(&tap).join("unknown-7.opus")).unwrap());
    assert_eq!(fixture.recordings.read(id, "unknown-7.opus", u64::MAX, 1_000).unwrap(), (Vec::new(), size));
    std::fs::write(fixture.directory.path().join("secret"), "x").unwrap();
    for name in ["../../secret", "/etc/passwd", "about.json", "", ".", "../1/unknown-7.opus"] {
        assert!(matches!(fixture.recordings.read(id, name, 0, 10), Err(RecordingError::File)), "{name}");
    }
    assert!(matches!(fixture.recordings.read(RecordingId(9), "a", 0, 1), Err(RecordingError::Unknown)));
    // Not even when the list itself was tampered with.
    let about = fixture.path(&tap).join("about.json");
    let text = std::fs::read_to_string(&about).unwrap().replace("unknown-7.opus", "../../secret");
    std::fs::write(&about, text).unwrap();
    let tampered = Recordings::open(fixture.recordings.shared.directory.clone(), MIB).unwrap();
    assert!(matches!(tampered.read(id, "../../secret", 0, 10), Err(RecordingError::File)));
    fixture.recordings.remove(id).unwrap();
    assert!(
        fixture.recordings.list().is_empty()
            && fixture.recordings.usage() == 0
            && !fixture.path(&tap).exists()
    );
    assert!(matches!(fixture.recordings.remove(id), Err(RecordingError::Unknown)));
}

#[test]
fn bounds_hold() {
    let mut fixture = Fixture::new(64 * MIB);
    let taps: Vec<_> = (0..RUNNING).map(|_| fixture.start()).collect();
    let refused = fixture.recordings.start(ChannelId(1), String::new(), String::new(), NOW);
    assert!(matches!(refused, Err(RecordingError::TooMany)));
    let packet = Speaker::new(1).packet(true, OPUS_PAYLOAD_TYPE, FlowId::CHANNEL, &[0xf8, 0xff, 0xfe]);
    // Nobody reads: the queue fills, whichever tap it is offered to.
    for (index, tap) in taps.iter().cycle().take(QUEUE - RUNNING).enumerate() {
        assert!(
            tap.offer_at(Ssrc(1 + (index / RUNNING) as u32 % 300), packet.clone(), fixture.at(10)),
            "{index}"
        );
    }
    assert!(!taps[0].offer(Ssrc(1), packet.clone()));
    fixture.tick(100);
    for ssrc in 250..300 {
        assert!(taps[3].offer_at(Ssrc(ssrc), packet.clone(), fixture.at(200)));
    }
    fixture.tick(1_000);
    fixture.stop(&taps[3], 1_000);
    let about = fixture.recordings.about(taps[3].recording()).unwrap();
    assert_eq!((about.files.len(), about.left_out), (SPEAKERS, 43));
    let off = Fixture::new(0);
    let refused = off.recordings.start(ChannelId(1), String::new(), String::new(), NOW);
    assert!(matches!(refused, Err(RecordingError::Off)));
    assert!(!off.directory.path().join("recordings").exists());
}

#[test]
fn the_thread_writes_while_it_runs_and_ends_what_is_left() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data/recordings");
    let speech = speech();
    let packets = Speaker::new(7).say(0, &speech[..96_000]);
    let recordings = Recordings::open(path.clone(), MIB).unwrap();
    let began = Instant::now();
    let tap = recordings.start(ChannelId(3), "Talk".to_owned(), "ada".to_owned(), NOW).unwrap();
    let left = recordings.start(ChannelId(4), "Two".to_owned(), "ada".to_owned(), NOW).unwrap();
    recordings.speaker(tap.recording(), Ssrc(7), SessionId(1), "ada");
    let latest = (began.elapsed().as_secs_f64() * f64::from(SAMPLE_RATE)) as i64 + 4_800;
    for (at, ssrc, bytes) in packets {
        std::thread::sleep(Duration::from_millis(at - 40).saturating_sub(began.elapsed()));
        assert!(tap.offer(ssrc, bytes.clone()) && left.offer(ssrc, bytes));
    }
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let mine = path.join("1");
    assert_eq!((mode(&path), mode(&mine), mode(&mine.join("ada-1.opus"))), (0o700, 0o700, 0o600));
    let running = &recordings.list()[1].files[0];
    assert!(running.bytes > 3_000, "{running:?}");
    recordings.stop(tap.recording(), Timestamp(NOW.0 + 2_000)).unwrap();
    let (bytes, size) = recordings.read(tap.recording(), "ada-1.opus", 0, 1_000_000).unwrap();
    assert_eq!(bytes.len() as u64, size);
    let found = compare(&speech[..96_000], &decoded(&mine.join("ada-1.opus")));
    assert!(found.correlation > 0.9 && (-960..latest).contains(&found.offset), "{found:?} {latest}");
    recordings.close(Timestamp(NOW.0 + 3_000));
    assert!(decoded(&path.join("2/unknown-7.opus")).len() > 90_000);
    let ended: Vec<_> = recordings.list().into_iter().map(|about| about.ended.unwrap().0 - NOW.0).collect();
    assert_eq!(ended, [3_000, 2_000]);
    assert!(left.offer(Ssrc(7), Bytes::new()));
    let refused = recordings.start(ChannelId(1), String::new(), String::new(), NOW);
    assert!(matches!(refused, Err(RecordingError::Off)));
}

#[test]
fn the_last_to_go_ends_what_runs() {
    let directory = tempfile::tempdir().unwrap();
    let recordings = Recordings::open(directory.path().to_owned(), MIB).unwrap();
    let tap = recordings.start(ChannelId(3), "Talk".to_owned(), "ada".to_owned(), NOW).unwrap();
    let thread = recordings.shared.ledger().thread.take().unwrap();
    drop((recordings, tap));
    thread.join().unwrap();
    let about: serde_json::Value =
        serde_json::from_slice(&std::fs::read(directory.path().join("1/about.json")).unwrap()).unwrap();
    assert!(about["ended"].is_string(), "{about}");
}
