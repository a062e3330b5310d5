use std::f32::consts::TAU;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::*;
use crate::audio::{Encoder, OggOpusWriter, compare};

/// A tone at half of what is loudest.
fn tone(rate: u32, seconds: f32) -> Vec<f32> {
    let count = (rate as f32 * seconds) as usize;
    (0..count).map(|i| (i as f32 * 440.0 * TAU / rate as f32).sin() * 0.5).collect()
}

fn samples(bytes: &[u8]) -> Vec<i16> {
    Source::read(Cursor::new(bytes.to_vec())).unwrap().samples().unwrap()
}

/// How loud it is, in decibels below the loudest.
fn level(samples: &[i16]) -> f64 {
    let energy: f64 = samples.iter().map(|sample| (f64::from(*sample) / 32_768.0).powi(2)).sum();
    10.0 * (energy / samples.len().max(1) as f64).log10()
}

/// Whether this is the tone, so loud, and of this length in samples.
fn assert_tone(what: &str, samples: &[i16], level_db: f64, length: RangeInclusive<usize>) {
    assert!(length.contains(&samples.len()), "{what}: {} samples, not {length:?}", samples.len());
    let original: Vec<i16> = tone(48_000, 1.0).into_iter().map(to_i16).collect();
    let found = compare(&samples[samples.len() / 4..samples.len() / 2], &original);
    assert!(found.correlation > 0.98, "{what}: {found:?}");
    let is = level(&samples[samples.len() / 4..samples.len() / 2]);
    // An encoder of MP3 takes half a decibel off, so that nothing is cut.
    assert!((is - level_db).abs() < 0.6, "{what}: {is:.1} dB, not {level_db}");
}

fn data(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sound")).join(name)
}

/// A file by what it is made of: numbers as WAV has them.
#[derive(Clone)]
struct Wav {
    name: &'static [u8; 4],
    kind: u16,
    rate: u32,
    channels: u16,
    bits: u16,
    align: Option<u16>,
    /// The description's end, after the bits of a sample.
    more: Vec<u8>,
    before: Vec<u8>,
    /// The lengths that it claims.
    claims: Option<(u32, u32)>,
    sound: Vec<u8>,
    after: Vec<u8>,
}

impl Wav {
    /// Samples of one channel at 8 kHz.
    fn of(kind: u16, bits: u16, sound: Vec<u8>) -> Self {
        let (more, before, after) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            name: b"RIFF",
            kind,
            rate: 8_000,
            channels: 1,
            bits,
            align: None,
            more,
            before,
            claims: None,
            sound,
            after,
        }
    }

    /// The tone for half a second in 16 bits.
    fn plain() -> Self {
        Self::of(1, 16, whole(16))
    }

    fn bytes(&self) -> Vec<u8> {
        let big = self.name == b"RIFX";
        let short = |number: u16| if big { number.to_be_bytes() } else { number.to_le_bytes() };
        let long = |number: u32| if big { number.to_be_bytes() } else { number.to_le_bytes() };
        let align = self.align.unwrap_or(self.channels * self.bits.div_ceil(8));
        let mut format = [short(self.kind), short(self.channels)].concat();
        format.extend([long(self.rate), long(self.rate * u32::from(align))].concat());
        format.extend([short(align), short(self.bits)].concat());
        format.extend(&self.more);
        let mut chunks = self.before.clone();
        chunks.extend([b"fmt ".as_slice(), &long(format.len() as u32), &format].concat());
        let length = chunks.len() + 12 + self.sound.len() + self.after.len();
        let (riff, sound) = self.claims.unwrap_or((length as u32, self.sound.len() as u32));
        chunks.extend([b"data".as_slice(), &long(sound), &self.sound, &self.after].concat());
        [self.name.as_slice(), &long(riff), b"WAVE", &chunks].concat()
    }
}

/// The tone in so many bits, in as few bytes as hold them.
fn whole(bits: u32) -> Vec<u8> {
    let bytes = bits.div_ceil(8) as usize;
    let sample = |sample: f32| {
        let highest = (f64::from(sample) * (1_i64 << (bits - 1)) as f64).round() as i64;
        (highest << (bytes as u32 * 8 - bits)).to_le_bytes()[..bytes].to_vec()
    };
    tone(8_000, 0.5).into_iter().flat_map(sample).collect()
}

fn chunk(name: &str, body: &[u8]) -> Vec<u8> {
    [name.as_bytes(), &(body.len() as u32).to_le_bytes(), body].concat()
}

/// What makes a description extensible: valid bits, the mask, the kind and the rest of its GUID.
fn extensible(valid: u16, mask: u32, kind: u8) -> Vec<u8> {
    let guid = [kind, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71];
    [&22_u16.to_le_bytes()[..], &valid.to_le_bytes(), &mask.to_le_bytes(), &guid].concat()
}

/// The tone as the inverse of a table of 256 has it.
fn by_law(value: fn(u8) -> i32) -> Vec<u8> {
    let nearest = |sample: f32| {
        let wanted = (sample * 32_768.0) as i32;
        (0..=255).min_by_key(|byte| (value(*byte) - wanted).abs()).unwrap()
    };
    tone(8_000, 0.5).into_iter().map(nearest).collect()
}

/// ITU-T G.711, table 2a, as another one writes it down.
fn mu_law(byte: u8) -> i32 {
    let (sign, exponent, mantissa) = (!byte & 0x80, (!byte >> 4) & 7, i32::from(!byte & 15));
    let size = ((2 * mantissa + 33) << exponent) - 33;
    if sign == 0 { size * 4 } else { -size * 4 }
}

/// ITU-T G.711, table 1a.
fn a_law(byte: u8) -> i32 {
    let even = byte ^ 0x55;
    let (exponent, mantissa) = (even >> 4 & 7, i32::from(even & 15));
    let size = if exponent == 0 { 2 * mantissa + 1 } else { (2 * mantissa + 33) << (exponent - 1) };
    if even & 0x80 == 0 { -size * 8 } else { size * 8 }
}

/// Plays each, and holds it to be the tone, without a fault.
fn assert_tones(kinds: &[(&str, Wav)]) {
    for (what, wav) in kinds {
        let source = Source::read(Cursor::new(wav.bytes())).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(source.faults(), Faults::default(), "{what}");
        assert_tone(what, &source.samples().unwrap(), -9.0, 23_990..=24_010);
    }
}

#[test]
fn samples_of_every_kind_sound_as_they_are_meant() {
    let turned =
        |bytes: Vec<u8>, size| bytes.chunks(size).flat_map(|sample| sample.iter().rev().copied()).collect();
    let floats = || tone(8_000, 0.5).into_iter().flat_map(f32::to_le_bytes).collect::<Vec<u8>>();
    let doubles = tone(8_000, 0.5).into_iter().flat_map(|sample| f64::from(sample).to_le_bytes()).collect();
    let in_four = whole(24).chunks(3).flat_map(|sample| [&[0], sample].concat()).collect();
    let unsigned = whole(8).into_iter().map(|byte| byte.wrapping_add(128)).collect();
    let extended = |kind, wav: Wav| Wav { kind: 0xfffe, more: extensible(wav.bits, 4, kind), ..wav };
    let big = |wav: Wav| Wav { name: b"RIFX", ..wav };
    let with_end = |wav: Wav| Wav { more: vec![0, 0], ..wav };
    assert_tones(&[
        ("16 bits", Wav::plain()),
        ("8 bits", Wav::of(1, 8, unsigned)),
        ("24 bits", Wav::of(1, 24, whole(24))),
        ("32 bits", Wav::of(1, 32, whole(32))),
        ("12 bits in two bytes", Wav::of(1, 12, whole(12))),
        ("24 bits in four bytes", Wav { align: Some(4), ..Wav::of(1, 24, in_four) }),
        ("floating point", Wav::of(3, 32, floats())),
        ("double floating point", Wav::of(3, 64, doubles)),
        ("A-law", with_end(Wav::of(6, 8, by_law(a_law)))),
        ("A-law without an end of its description", Wav::of(6, 8, by_law(a_law))),
        ("mu-law", with_end(Wav::of(7, 8, by_law(mu_law)))),
        ("extensible", extended(1, Wav::plain())),
        ("extensible floating point", extended(3, Wav::of(3, 32, floats()))),
        ("extensible mu-law", extended(7, Wav::of(7, 8, by_law(mu_law)))),
        ("highest byte first", big(Wav::of(1, 16, turned(whole(16), 2)))),
        ("highest byte first, floating point", big(Wav::of(3, 32, turned(floats(), 4)))),
    ]);
}

#[test]
fn chunks_of_any_order_and_length_are_read_as_far_as_they_are_there() {
    const UNKNOWN: u32 = u32::MAX;
    let plain = Wav::plain();
    let sound = plain.sound.len() as u32;
    let (first, second) = plain.sound.split_at(plain.sound.len() / 2);
    let ds64 = |bytes: u64| chunk("ds64", &[&[0; 8][..], &bytes.to_le_bytes(), &[0; 12]].concat());
    let before = |before: &[&[u8]]| Wav { before: before.concat(), ..plain.clone() };
    let after = |after: Vec<u8>| Wav { after, ..plain.clone() };
    let claims = |riff, data| Wav { claims: Some((riff, data)), ..plain.clone() };
    let (hello, rest) = (chunk("note", b"hello"), chunk("junk", &[0x40; 4_000]));
    let parts = [chunk("note", b"between"), vec![0], chunk("data", second)].concat();
    assert_tones(&[
        (
            "RF64",
            Wav {
                name: b"RF64",
                before: ds64(sound.into()),
                after: rest.clone(),
                ..claims(UNKNOWN, UNKNOWN)
            },
        ),
        ("BW64 without a length", Wav { name: b"BW64", before: ds64(0), ..claims(UNKNOWN, UNKNOWN) }),
        ("two chunks of sound", Wav { sound: first.to_vec(), after: parts, ..plain.clone() }),
        ("a chunk of odd length without padding", before(&[&hello])),
        ("a chunk of odd length with padding", before(&[&hello, &[0]])),
        ("a chunk of odd length with padding that isn't zero", before(&[&hello, b"!"])),
        ("a picture before the sound", before(&[&chunk("id3 ", &vec![0x55; 90_000])])),
        ("another chunk behind the sound", after(rest)),
        ("rubbish behind the sound", after(vec![0xee; 999])),
        ("no length, from a pipe", claims(UNKNOWN, UNKNOWN)),
        ("no length, from a writer that was killed", claims(0, 0)),
        ("no length, from a writer that was killed later", claims(36, 0)),
        ("the length of another writer's pipe", claims(0x8000_0024, 0x8000_0000)),
        ("a wrong length of the file", claims(7, sound)),
        ("a wrong size of a frame", Wav { align: Some(77), ..plain.clone() }),
        ("a longer description", Wav { more: vec![0; 30], ..plain.clone() }),
    ]);
    let silence = chunk("slnt", &4_000_u32.to_le_bytes());
    let list = [b"wavl".to_vec(), chunk("data", first), silence, chunk("data", second)].concat();
    let heard = samples(&[&plain.bytes()[..36], &chunk("LIST", &list)].concat());
    assert!(heard.len().abs_diff(48_000) <= 4, "a list with silence: {} samples", heard.len());
    assert!(level(&heard[14_000..34_000]) < -80.0);
}

/// The table stands beside them.
#[test]
fn files_of_others_sound_as_their_table_says() {
    for (name, level_db, length, faults) in [
        ("wav-24-valid-of-32.wav", -9.0, 23_990..=24_010, (false, 0)),
        ("wav-20-valid-of-24.wav", -9.0, 23_990..=24_010, (false, 0)),
        ("wav-size-ffffffff.wav", -9.0, 23_990..=24_010, (false, 0)),
        ("wav-size-0.wav", -9.0, 23_990..=24_010, (false, 0)),
        ("wav-cut-off.wav", -9.0, 20_900..=21_100, (true, 0)),
        ("wav-odd-chunk-padded.wav", -9.0, 23_990..=24_010, (false, 0)),
        ("wav-byte-rate-wrong.wav", -9.0, 23_990..=24_010, (false, 0)),
        ("opus-gain-minus-20dB.opus", -29.0, 48_000..=48_000, (false, 0)),
        ("opus-cut-off.opus", -9.0, 44_000..=48_000, (true, 0)),
    ] {
        let mut source = Source::open(&data(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut heard = Vec::new();
        while let Some(frame) = source.next_frame().unwrap() {
            heard.extend(frame);
        }
        let (cut_off, damaged) = faults;
        assert_eq!(source.faults(), Faults { cut_off, damaged }, "{name}");
        let heard = samples(&std::fs::read(data(name)).unwrap());
        assert_tone(name, &heard, level_db, length);
    }
    let mut damaged = Source::open(&data("opus-one-page-damaged.opus")).unwrap();
    assert!(damaged.next_frame().unwrap().is_some());
    while damaged.next_frame().unwrap().is_some() {}
    assert_eq!(damaged.faults(), Faults { cut_off: false, damaged: 1 });
    let heard = samples(&std::fs::read(data("opus-one-page-damaged.opus")).unwrap());
    assert_eq!(heard.len(), 48_000, "what is lost takes as long as it took");
}

#[test]
fn what_is_no_sound_is_refused_in_words() {
    let read = |bytes: &[u8]| Source::read(Cursor::new(bytes.to_vec())).map(|_| ()).unwrap_err().to_string();
    let none = "the file is none of WAV, FLAC, MP3, Ogg (Opus, Vorbis or FLAC), AAC and M4A";
    assert!(read(b"").starts_with("the file holds no sound"));
    assert!(read(b"Dear diary, today nothing happened. ".repeat(300).as_slice()).starts_with(none));
    assert!(read(b"RIFF\x10\0\0\0AVI LIST").starts_with(none));
    assert!(read(b"RIFF").contains("it ends before its sound begins"));
    assert!(
        read(&Wav { sound: Vec::new(), after: chunk("note", b"ab"), ..Wav::plain() }.bytes())
            .contains("no sound")
    );
    assert!(read(&Wav { rate: 4_000, ..Wav::plain() }.bytes()).contains("4000 samples a second"));
    assert!(read(&Wav { channels: 900, ..Wav::plain() }.bytes()).contains("900 channels"));
    assert!(read(&Wav { kind: 0x161, ..Wav::plain() }.bytes()).contains("format 0x0161"));
    assert!(read(&Wav { bits: 0, ..Wav::plain() }.bytes()).contains("a sample has 0 bits"));
    assert!(
        read(&[b"RIFF\0\0\0\0WAVE".as_slice(), &chunk("data", &[0; 64])].concat()).contains("\"fmt \" chunk")
    );
    let directory = Source::open("/".as_ref()).unwrap_err().to_string();
    assert!(directory.starts_with("can't read the file"), "{directory}");
}

#[test]
fn a_voice_in_the_centre_of_a_film_is_at_its_own_loudness() {
    let frame = |sample: [u8; 2]| [[0, 0], [0, 0], sample, [0, 0], [0, 0], [0, 0]].concat();
    let sound: Vec<u8> = whole(16).as_chunks::<2>().0.iter().flat_map(|sample| frame(*sample)).collect();
    let with_mask =
        Wav { kind: 0xfffe, channels: 6, more: extensible(16, 0x3f, 1), ..Wav::of(1, 16, sound.clone()) };
    let without = Wav { channels: 6, ..Wav::of(1, 16, sound) };
    for wav in [with_mask, without] {
        assert_tone("the centre", &samples(&wav.bytes()), -9.0, 23_990..=24_010);
    }
}

#[test]
fn stereo_stays_stereo_where_that_is_asked() {
    let sound: Vec<u8> =
        whole(16).as_chunks::<2>().0.iter().flat_map(|left| [*left, [0, 0]].concat()).collect();
    let wav = Wav { channels: 2, ..Wav::of(1, 16, sound) }.bytes();
    let heard = Source::read(Cursor::new(wav.clone())).unwrap().in_stereo().samples().unwrap();
    let side = |side: usize| heard.iter().skip(side).step_by(2).copied().collect::<Vec<i16>>();
    assert_tone("left", &side(0), -9.0, 23_990..=24_010);
    assert!(level(&side(1)) < -80.0);
    assert_tone("both together", &samples(&wav), -15.0, 23_990..=24_010);
    let mut source = Source::read(Cursor::new(wav)).unwrap().in_stereo();
    assert_eq!(source.next_frame().unwrap().unwrap().len(), 2 * FRAME);
}

/// Twenty frames of the tone.
fn ogg(serial: u32, samples: u64) -> Vec<u8> {
    let mut encoder = Encoder::new(32_000).unwrap();
    let mut writer = OggOpusWriter::new(Vec::new(), serial, 312, &[("TITLE", "test")]).unwrap();
    let tone: Vec<i16> = tone(48_000, 0.4).into_iter().map(to_i16).collect();
    for (index, frame) in tone.chunks_exact(FRAME).enumerate() {
        writer.place((index * FRAME) as u64, &encoder.encode(frame).unwrap()).unwrap();
        writer.flush().unwrap();
    }
    writer.finish(samples).unwrap()
}

#[test]
fn an_ogg_file_is_as_long_as_it_says_and_so_is_a_chain_of_them() {
    assert_eq!(samples(&ogg(7, 19_000)).len(), 19_000);
    let chain = [ogg(7, 19_000), ogg(8, 18_000), ogg(7, 18_500)].concat();
    assert_tone("a chain", &samples(&chain)[19_000..], -9.0, 36_500..=36_500);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("one.opus");
    std::fs::write(&path, ogg(7, 19_000)).unwrap();
    let length = Source::open(&path).unwrap().length().unwrap();
    assert!((length.as_secs_f64() * 48_000.0 - 19_000.0).abs() < 0.5, "{length:?}");
    std::fs::write(&path, chain).unwrap();
    assert!(Source::open(&path).unwrap().length().is_none_or(|length| length.as_secs() < 1));
}

/// A stream of 5.1 as RFC 7845 maps it, with the tone in the centre.
fn surround() -> Vec<u8> {
    use opusic_c::multistream::{Config, Encoder};
    use opusic_c::{Application, SampleRate};

    use crate::audio::ogg_page::PageWriter;
    let mapping = [0, 4, 1, 2, 3, 5];
    let mut encoder =
        Encoder::new(Config::new(4, 2, mapping), SampleRate::Hz48000, Application::Audio).unwrap();
    let mut pages = PageWriter::new(Vec::new(), 9);
    let head = [&b"OpusHead\x01\x06\x38\x01\x80\xbb\0\0\0\0\x01\x04\x02"[..], &mapping].concat();
    pages.push(&head, 0).unwrap();
    pages.end(false).unwrap();
    pages.push(b"OpusTags\0\0\0\0\0\0\0\0", 0).unwrap();
    pages.end(false).unwrap();
    for (index, frame) in tone(48_000, 0.5).chunks_exact(FRAME).enumerate() {
        let frame: Vec<f32> = frame.iter().flat_map(|sample| [0.0, *sample, 0.0, 0.0, 0.0, 0.0]).collect();
        let mut packet = [0; 4_000];
        let length = encoder.encode_float_to_slice(&frame, &mut packet).unwrap();
        pages.push(&packet[..length], (index as u64 + 1) * 960).unwrap();
    }
    pages.end(true).unwrap();
    pages.into_inner()
}

#[test]
fn the_centre_of_a_surround_opus_file_is_heard_at_its_own_loudness() {
    assert_tone("5.1", &samples(&surround()), -9.0, 23_688..=23_688);
}

#[test]
fn a_page_that_is_lost_is_concealed_and_nothing_behind_it_moves() {
    let whole = ogg(7, 19_000);
    let starts: Vec<usize> = (0..whole.len()).filter(|at| whole[*at..].starts_with(b"OggS")).collect();
    let without = [&whole[..starts[8]], &whole[starts[10]..]].concat();
    let (expected, heard) = (samples(&whole), samples(&without));
    assert_eq!(heard.len(), 19_000);
    let difference = |from: usize, to: usize| {
        let both = expected[from * FRAME..to * FRAME].iter().zip(&heard[from * FRAME..to * FRAME]);
        level(&both.map(|(one, other)| one.saturating_sub(*other)).collect::<Vec<i16>>())
    };
    assert!(difference(0, 5) < -90.0, "what was before is the same: {}", difference(0, 5));
    assert!(difference(15, 19) < -20.0, "what comes behind is where it was: {}", difference(15, 19));
    // The first of the two frames that are lost begins where the look-ahead puts it.
    let lost = level(&heard[6 * FRAME - 312..7 * FRAME - 312]);
    assert!(lost > -18.0, "what is lost is made up, not silent: {lost:.1} dB");
}

#[test]
fn files_of_every_format_are_read_from_a_file_and_from_a_pipe() {
    for name in ["tone.flac", "tone.mp3", "tone-vorbis.ogg", "tone-flac.ogg", "tone.aac", "tone.m4a"] {
        let file = Source::open(&data(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let length = file.length();
        let heard = file.samples().unwrap();
        assert_tone(name, &heard, -9.0, 23_800..=27_000);
        assert!(
            length.is_none_or(|length| (0.45..0.6).contains(&length.as_secs_f64())),
            "{name}: {length:?}"
        );
        assert_eq!(samples(&std::fs::read(data(name)).unwrap()), heard, "{name} from a pipe");
    }
    let late = std::fs::read(data("tone-table-last.m4a")).unwrap();
    assert_tone(
        "its table last",
        &Source::open(&data("tone-table-last.m4a")).unwrap().samples().unwrap(),
        -9.0,
        23_800..=27_000,
    );
    let said = Source::read(Cursor::new(late)).unwrap_err().to_string();
    assert!(said.contains("save it as a file"), "{said}");
}

#[test]
fn a_tag_with_a_picture_of_any_size_is_passed_over() {
    let tag = [&b"ID3\x04\0\0\0\x0f\x42\x40"[..], &vec![0x55; 0x0f << 14 | 0x42 << 7 | 0x40]].concat();
    let mp3 = std::fs::read(data("tone.mp3")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    for bytes in [mp3, Wav::plain().bytes()] {
        let tagged = [&tag[..], &tag, &bytes].concat();
        assert_eq!(samples(&tagged), samples(&bytes));
        let path = directory.path().join("tagged");
        std::fs::write(&path, &tagged).unwrap();
        assert_eq!(Source::open(&path).unwrap().samples().unwrap(), samples(&bytes));
    }
}

/// Gives a byte at a time, or as much as is asked for, and counts what was taken.
struct Trickle(Cursor<Vec<u8>>, usize, Arc<AtomicUsize>);

impl Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let room = buffer.len().min(self.1);
        let read = self.0.read(&mut buffer[..room])?;
        self.2.fetch_add(read, Ordering::Relaxed);
        Ok(read)
    }
}

#[test]
fn a_pipe_that_trickles_gives_the_same() {
    let flac = std::fs::read(data("tone.flac")).unwrap();
    for bytes in [Wav::plain().bytes(), ogg(7, 19_000), surround(), flac] {
        let slow = Source::read(Trickle(Cursor::new(bytes.clone()), 1, Arc::default())).unwrap();
        assert_eq!(slow.samples().unwrap(), samples(&bytes));
    }
}

#[test]
fn no_more_is_read_than_is_about_to_be_played() {
    let hour = Wav { rate: 48_000, ..Wav::of(1, 16, vec![1; 2 * 48_000 * 600]) }.bytes();
    let chain = ogg(7, 19_000).repeat(200);
    for bytes in [hour, chain] {
        let taken = Arc::new(AtomicUsize::default());
        let total = bytes.len();
        let mut source = Source::read(Trickle(Cursor::new(bytes), usize::MAX, Arc::clone(&taken))).unwrap();
        for _ in 0..100 {
            source.next_frame().unwrap().unwrap();
        }
        let taken = taken.load(Ordering::Relaxed);
        assert!(taken < 2 * 960 * 100 + 65_536 && taken < total / 2, "{taken} of {total}");
        assert!(source.ready.len() < 65_536);
    }
}

#[test]
fn a_chain_of_other_rates_and_channels_goes_on() {
    let chain = [surround(), ogg(3, 19_000)].concat();
    let heard = samples(&chain);
    assert_eq!(heard.len(), 23_688 + 19_000);
    assert_tone("the second", &heard[23_688..], -9.0, 19_000..=19_000);
}

proptest! {
    #[test]
    fn a_damaged_file_never_panics(
        kind in 0..8_usize,
        places in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut: prop::sample::Index,
    ) {
        let names = ["tone.flac", "tone.mp3", "tone-vorbis.ogg", "tone.aac", "tone.m4a", "opus-cut-off.opus"];
        let mut bytes = match kind {
            0..6 => std::fs::read(data(names[kind])).unwrap(),
            6 => surround(),
            _ => Wav::plain().bytes(),
        };
        for (place, byte) in places {
            let index = place.index(bytes.len());
            bytes[index] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        if let Ok(mut source) = Source::read(Cursor::new(bytes)) {
            for _ in 0..1_000 {
                let Ok(Some(_)) = source.next_frame() else { break };
            }
        }
    }
}
