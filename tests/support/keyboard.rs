//! A keyboard under X11: a server without a screen, and hands whose keys go to nobody in particular.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use x11rb::connection::Connection;
use x11rb::protocol::xproto::{
    BUTTON_PRESS_EVENT, BUTTON_RELEASE_EVENT, ConnectionExt as _, KEY_PRESS_EVENT, KEY_RELEASE_EVENT,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

/// An X server without a screen, which ends with this.
pub struct XServer {
    process: Child,
    /// How it is called, as in `DISPLAY`.
    pub display: String,
}

impl XServer {
    pub fn start() -> Self {
        // `make setup-browser` installs it.
        let mut process = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "64x64x24", "-nolisten", "tcp"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { process, display: format!(":{}", line.trim()) }
    }

    pub fn end(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for XServer {
    fn drop(&mut self) {
        self.end();
    }
}

/// Somebody at the keyboard, whose keys go to whatever has the focus, which isn't us.
pub struct Hands(RustConnection);

impl Hands {
    pub fn on(server: &XServer) -> Self {
        Self(RustConnection::connect(Some(&server.display)).unwrap().0)
    }

    /// Presses a key, or lets it go, by what it writes (X11/keysymdef.h).
    pub fn key(&self, keysym: u32, is_down: bool) {
        let setup = self.0.setup();
        let count = setup.max_keycode - setup.min_keycode + 1;
        let table = self.0.get_keyboard_mapping(setup.min_keycode, count).unwrap().reply().unwrap();
        let rows = table.keysyms.chunks(table.keysyms_per_keycode.into());
        let mut keys = (setup.min_keycode..).zip(rows).filter(|(_, row)| row[0] == keysym);
        let (code, _) = keys.next().unwrap();
        self.event(if is_down { KEY_PRESS_EVENT } else { KEY_RELEASE_EVENT }, code);
    }

    fn event(&self, kind: u8, detail: u8) {
        self.0.xtest_fake_input(kind, detail, 0, 0, 0, 0, 0).unwrap().check().unwrap();
    }

    /// Presses a button of the mouse, or lets it go.
    pub fn button(&self, number: u8, is_down: bool) {
        self.event(if is_down { BUTTON_PRESS_EVENT } else { BUTTON_RELEASE_EVENT }, number);
    }
}
