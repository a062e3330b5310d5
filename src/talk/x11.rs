//! Keys that talk while another program has the focus, under X11: the raw events of `XInput` 2, which every client gets
//! whoever has the focus, and which grab nothing. Of what is typed, only the chosen keys are looked at.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use thiserror::Error;
use x11rb::connection::{Connection, RequestConnection};
use x11rb::errors::{ConnectError, ConnectionError, ReplyError, ReplyOrIdError};
use x11rb::protocol::Event;
use x11rb::protocol::xinput::{self, ConnectionExt as _, XIEventMask};
use x11rb::protocol::xproto::{
    ClientMessageEvent, ConnectionExt as _, CreateWindowAux, EventMask, GetKeyboardMappingReply, WindowClass,
};
use x11rb::rust_connection::RustConnection;

use super::key::{Chord, Code, MOST_KEYS, Strokes, Trigger, Watched};

/// All devices that are joined in one pointer and one keyboard (`XIAllMasterDevices`).
const MASTERS: u16 = 1;

/// The columns of a keyboard's table that are looked at: a key, with shift, and both in the second group.
const COLUMNS: usize = 4;

/// Why keys can't be watched.
#[derive(Debug, Error)]
pub enum GlobalKeysError {
    /// There is no X server, or it lets nobody in.
    #[error("the X server can't be reached ({0}); `parlour ptt` works without one")]
    Connect(#[from] ConnectError),
    /// It is of before 2009.
    #[error("the X server lacks XInput 2, by which keys are seen while another program has the focus")]
    NoXInput,
    /// It doesn't answer any more.
    #[error("the X server doesn't answer: {0}")]
    Lost(#[from] ConnectionError),
    /// It refused something.
    #[error("the X server refuses to tell of keys: {0}")]
    Refused(#[from] ReplyError),
    /// It has no more room.
    #[error("the X server has no room: {0}")]
    Room(#[from] ReplyOrIdError),
    /// The keyboard doesn't have it.
    #[error("this keyboard has no key {0}; choose another one")]
    NoSuchKey(Chord),
    /// There are more than can be watched.
    #[error("{0} keys are chosen, and {MOST_KEYS} can be")]
    TooMany(usize),
    /// The machine has no thread for it.
    #[error("can't start a thread: {0}")]
    Thread(#[from] io::Error),
}

/// Keys that are watched until this is dropped.
#[derive(Debug)]
pub struct GlobalKeys {
    connection: Arc<RustConnection>,
    /// What the thread is told by that it is to end.
    window: u32,
    thread: Option<JoinHandle<()>>,
}

impl GlobalKeys {
    /// Watches keys of an X server, `None` for the one of `DISPLAY`. `told` is called on a thread of its own with the place
    /// of the chord, and whether it went down; whatever is down comes up when the server ends or the keyboard's table changes.
    /// Once this is dropped, `told` isn't called any more; it must not drop this itself.
    pub fn watch(
        display: Option<&str>,
        chords: Vec<Chord>,
        mut told: impl FnMut(usize, bool) + Send + 'static,
    ) -> Result<Self, GlobalKeysError> {
        if chords.len() > MOST_KEYS {
            return Err(GlobalKeysError::TooMany(chords.len()));
        }
        let (connection, screen) = RustConnection::connect(display)?;
        let root = connection.setup().roots.get(screen).map(|screen| screen.root);
        let root = root.ok_or(GlobalKeysError::Connect(ConnectError::InvalidScreen))?;
        if connection.extension_information(xinput::X11_EXTENSION_NAME)?.is_none() {
            return Err(GlobalKeysError::NoXInput);
        }
        if connection.xinput_xi_query_version(2, 0)?.reply()?.major_version < 2 {
            return Err(GlobalKeysError::NoXInput);
        }
        let strokes = Strokes::new(watched(&connection, &chords)?);
        let window = connection.generate_id()?;
        let nothing = CreateWindowAux::new();
        connection
            .create_window(0, window, root, 0, 0, 1, 1, 0, WindowClass::INPUT_ONLY, 0, &nothing)?
            .check()?;
        let mask = XIEventMask::RAW_KEY_PRESS
            | XIEventMask::RAW_KEY_RELEASE
            | XIEventMask::RAW_BUTTON_PRESS
            | XIEventMask::RAW_BUTTON_RELEASE;
        let masks = [xinput::EventMask { deviceid: MASTERS, mask: vec![mask] }];
        connection.xinput_xi_select_events(root, &masks)?.check()?;

        let connection = Arc::new(connection);
        let of_thread = Arc::clone(&connection);
        let work = move || {
            follow(&of_thread, window, &chords, strokes, &mut told);
        };
        let thread = std::thread::Builder::new().name("keys".to_owned()).spawn(work)?;
        Ok(Self { connection, window, thread: Some(thread) })
    }
}

impl Drop for GlobalKeys {
    fn drop(&mut self) {
        let end = ClientMessageEvent::new(32, self.window, 1_u32, [0_u32; 5]);
        let sent = self.connection.send_event(false, self.window, EventMask::NO_EVENT, end).is_ok();
        // Where that fails the server is gone, and the thread has seen it or is about to.
        if self.connection.flush().is_ok()
            && sent
            && let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the thread that watches keys panicked");
        }
    }
}

/// Tells of keys until it is told to end, or the server does.
fn follow(
    connection: &RustConnection,
    window: u32,
    chords: &[Chord],
    mut strokes: Strokes,
    told: &mut dyn FnMut(usize, bool),
) {
    loop {
        let event = match connection.wait_for_event() {
            Ok(event) => event,
            Err(error) => {
                tracing::warn!(%error, "keys aren't seen any more while another program has the focus");
                break;
            }
        };
        let (places, is_down) = match event {
            Event::XinputRawKeyPress(event) => (press(&mut strokes, Code::Key, event.detail), true),
            Event::XinputRawKeyRelease(event) => (release(&mut strokes, Code::Key, event.detail), false),
            Event::XinputRawButtonPress(event) => (press(&mut strokes, Code::Button, event.detail), true),
            Event::XinputRawButtonRelease(event) => {
                (release(&mut strokes, Code::Button, event.detail), false)
            }
            Event::MappingNotify(_) => {
                let down = strokes.let_go();
                match watched(connection, chords) {
                    Ok(watched) => strokes = Strokes::new(watched),
                    Err(error) => tracing::warn!(%error, "the keyboard has changed"),
                }
                (down, false)
            }
            Event::ClientMessage(event) if event.window == window => break,
            _ => continue,
        };
        for place in places {
            told(place, is_down);
        }
    }
    for place in strokes.let_go() {
        told(place, false);
    }
}

fn press(strokes: &mut Strokes, code: fn(u8) -> Code, detail: u32) -> Vec<usize> {
    u8::try_from(detail).map(|detail| strokes.press(code(detail))).unwrap_or_default()
}

fn release(strokes: &mut Strokes, code: fn(u8) -> Code, detail: u32) -> Vec<usize> {
    u8::try_from(detail).map(|detail| strokes.release(code(detail))).unwrap_or_default()
}

/// Chords by the codes of the keyboard that is there.
fn watched(connection: &RustConnection, chords: &[Chord]) -> Result<Vec<Watched>, GlobalKeysError> {
    let (least, most) = (connection.setup().min_keycode, connection.setup().max_keycode);
    let count = most.saturating_sub(least).saturating_add(1);
    let table = connection.get_keyboard_mapping(least, count)?.reply()?;
    let of_chord = |chord: &Chord| {
        let trigger = match *chord.trigger() {
            Trigger::Button(number) => vec![Code::Button(number)],
            Trigger::Key(keysym) => codes(&table, least, &[keysym]),
        };
        let modifiers: Vec<Vec<Code>> =
            chord.modifiers().map(|modifier| codes(&table, least, &modifier.keysyms())).collect();
        if trigger.is_empty() || modifiers.iter().any(Vec::is_empty) {
            return Err(GlobalKeysError::NoSuchKey(chord.clone()));
        }
        Ok(Watched { trigger, modifiers })
    };
    chords.iter().map(of_chord).collect()
}

/// The keys that write any of these: those that do so by themselves, else those that do so with others.
fn codes(table: &GetKeyboardMappingReply, least: u8, keysyms: &[u32]) -> Vec<Code> {
    let columns = usize::from(table.keysyms_per_keycode).max(1);
    let of_column = |column: usize| {
        (least..=u8::MAX)
            .zip(table.keysyms.chunks(columns))
            .filter(move |(_, row)| row.get(column).is_some_and(|keysym| keysyms.contains(keysym)))
            .map(|(code, _)| Code::Key(code))
            .collect::<Vec<_>>()
    };
    (0..COLUMNS).map(of_column).find(|codes| !codes.is_empty()).unwrap_or_default()
}
