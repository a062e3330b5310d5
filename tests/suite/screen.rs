//! `parlour talk` with its screen, in a terminal: keys go in, and what is shown and heard comes out.

mod pty;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use parlour::audio::packet_duration;
use parlour::client::{ChannelEdit, Session, VoiceIn};
use parlour::id::SessionId;
use parlour::protocol::wire::{VoicePolicy, event};
use pty::{Terminal, WITH_RELEASES, WITHOUT_RELEASES};
use rustix::process::{Signal, kill_process};

use crate::support::{TestServer, channel_id, drain, eventually, eventually_within, hear, parlour, silence};

const SPEECH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/speech.wav");

/// A server, and a place where Alice is logged in.
struct Place {
    server: TestServer,
    home: tempfile::TempDir,
}

impl Place {
    async fn new() -> Self {
        let (server, home) = (TestServer::start().await, tempfile::tempdir().unwrap());
        let address = format!("parlour://alice@{}", server.address().server());
        let mut log_in = parlour(home.path());
        log_in.args(["login", &address]).env("PARLOUR_PASSWORD", crate::support::PASSWORD);
        // The server is of this process, and has to answer meanwhile.
        let logged_in = tokio::task::spawn_blocking(move || log_in.output().unwrap()).await.unwrap();
        assert!(logged_in.status.success(), "{logged_in:?}");
        Self { server, home }
    }

    /// `parlour talk` as Alice, who hears speech in her microphone.
    fn talk(&self, more: &[&str]) -> Command {
        let mut command = parlour(self.home.path());
        let control = self.home.path().join("control.sock");
        command.args(["talk", "--channel", "General", "--microphone-file", SPEECH]).args(more);
        command.env("PARLOUR_TALK_CONTROL", control).env("TERM", "xterm-256color");
        command.env_remove("NO_COLOR").env_remove("COLORTERM").env_remove("COLORFGBG");
        command
    }

    /// Has another command of Alice's done, which succeeds.
    async fn runs(&self, words: &[&str]) {
        let mut command = parlour(self.home.path());
        command.args(words);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    fn terminal(&self, more: &[&str], answer: &'static str) -> Terminal {
        Terminal::start(&mut self.talk(more), (100, 30), answer)
    }

    /// Bob, who listens in General.
    async fn bob(&self) -> (Session, VoiceIn) {
        let bob = self.server.in_channel("bob", "General").await;
        let voice = bob.voice();
        (bob, voice)
    }
}

/// How many frames come until a while has passed without any.
async fn frames(voice: &mut VoiceIn) -> usize {
    let mut count = 0;
    while let Ok(Ok(_)) = tokio::time::timeout(Duration::from_millis(600), voice.next()).await {
        count += 1;
    }
    count
}

#[tokio::test]
async fn one_talks_while_a_key_is_held_where_the_terminal_tells_when_it_comes_up() {
    let place = Place::new().await;
    let (_bob, mut voice) = place.bob().await;
    let mut terminal = place.terminal(&["--mode", "push-to-talk"], WITH_RELEASES);
    terminal.sees("Hold Space to talk").await;
    terminal.sees("bob").await;
    assert!(silence(&mut voice).await, "nothing is sent before the key");
    let pressed = Instant::now();
    terminal.press(" ");
    assert!(hear(&mut voice).await.is_some());
    terminal.sees("Talking").await;
    for _ in 0..40 {
        assert!(hear(&mut voice).await.is_some());
    }
    let held = pressed.elapsed();
    terminal.press("\x1b[32;1:3u");
    // The first frame is that of the push, and the last words are sent by the release delay: all that was said while the key was
    // held arrives.
    let sound = Duration::from_millis(20) * u32::try_from(41 + frames(&mut voice).await).unwrap();
    assert!(sound >= held, "{sound:?} of sound arrived, of {held:?}");
    assert!(sound < held + Duration::from_secs(2), "{sound:?} of sound arrived, of {held:?}");
    terminal.sees("Hold Space to talk").await;
}

#[tokio::test]
async fn elsewhere_the_key_begins_and_ends_and_that_is_said() {
    let place = Place::new().await;
    let (_bob, mut voice) = place.bob().await;
    let mut terminal = place.terminal(&["--mode", "push-to-talk"], WITHOUT_RELEASES);
    terminal.sees("Space to talk, Space to end").await;
    terminal.press(" ");
    terminal.sees("Talking; Space ends").await;
    assert!(hear(&mut voice).await.is_some());
    terminal.press(" ");
    terminal.sees("Space to talk, Space to end").await;
    eventually("it ends", async || silence(&mut voice).await.then_some(())).await;
    drain(&mut voice).await;
}

#[tokio::test]
async fn one_writes_and_is_written_to_and_sees_who_comes() {
    let place = Place::new().await;
    let (bob, _voice) = place.bob().await;
    let mut events = bob.events();
    let mut terminal = place.terminal(&["--mode", "push-to-talk"], WITHOUT_RELEASES);
    terminal.sees("Write to General").await;
    terminal.press("hello, bob\r");
    let said = async {
        loop {
            if let event::Body::Text(text) = events.recv().await.unwrap() {
                return text.text;
            }
        }
    };
    assert_eq!(tokio::time::timeout(Duration::from_secs(10), said).await.unwrap(), "hello, bob");
    terminal.sees("alice hello, bob").await;
    bob.text_channel(channel_id(&bob, "General"), "hello yourself").await.unwrap();
    terminal.sees("bob hello yourself").await;
    let carol = place.server.in_channel("carol", "General").await;
    terminal.sees("carol came in.").await;
    carol.set_self(Some(true), None).await.unwrap();
    terminal.sees("× carol muted").await;
    terminal.press("/why alice speak\r");
    terminal.sees("alice may speak in General").await;
    terminal.press("/join nowhere\r");
    terminal.sees("there is no channel").await;
    terminal.press("\x1b[15~");
    terminal.sees("Microphone threshold").await;
    terminal.press("\x1b[15~");
    // What was refused is still there to be mended.
    terminal.press("\x15/mute\r");
    terminal.sees("Muted").await;
    eventually("others know", async || {
        let view = bob.view();
        view.members.values().any(|member| member.name == "alice" && member.mute).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_terminal_is_given_back_whatever_ends_it() {
    let place = Place::new().await;
    for signal in [None, Some(Signal::TERM), Some(Signal::HUP)] {
        let mut terminal = place.terminal(&["--mode", "push-to-talk"], WITH_RELEASES);
        terminal.sees("Write to General").await;
        assert!(!terminal.is_usual());
        match signal {
            None => terminal.press("\x1b[99;5u"),
            Some(signal) => kill_process(terminal.id(), signal).unwrap(),
        }
        assert!(terminal.ended().await.success(), "{signal:?}: {}", terminal.came());
        assert!(terminal.is_usual(), "{signal:?}");
        let came = terminal.came();
        for (taken, given_back) in [
            ("\x1b[?1049h", "\x1b[?1049l"),
            ("\x1b[?1006h", "\x1b[?1006l"),
            ("\x1b[?2004h", "\x1b[?2004l"),
            ("\x1b[>3u", "\x1b[<1u"),
        ] {
            let (taken, given_back) = (came.rfind(taken), came.rfind(given_back));
            assert!(taken.is_some() && taken < given_back, "{signal:?}: {came:?}");
        }
    }
}

#[tokio::test]
async fn what_its_person_does_elsewhere_leaves_it_alone_until_they_log_out() {
    let place = Place::new().await;
    let (bob, _voice) = place.bob().await;
    let mut events = bob.events();
    let mut terminal = place.terminal(&[], WITHOUT_RELEASES);
    terminal.sees("Write to General").await;
    let is_there = || bob.view().members.values().find(|one| one.name == "alice").map(|one| one.session);
    let session = eventually("alice comes", async || is_there()).await;
    for words in [&["say", "--to", "General", "from elsewhere"][..], &["who"], &["status"]] {
        place.runs(words).await;
    }
    terminal.sees("from elsewhere").await;
    while !matches!(events.recv().await.unwrap(), event::Body::Text(_)) {}
    assert!(bob.view().member(SessionId(session)).is_some(), "it is the session that it was");
    terminal.press("/who\r");
    terminal.sees("connected:").await;
    place.runs(&["logout"]).await;
    terminal.sees("The connection has ended").await;
    terminal.sees("/connect comes to this server anew").await;
    terminal.press("\x03");
    assert!(terminal.ended().await.success());
    let came = terminal.came();
    assert!(came[came.rfind("\x1b[?1049l").unwrap()..].contains("The connection has ended"), "{came:?}");
    // Nor does it come in again by what it had.
    let mut terminal = place.terminal(&[], WITHOUT_RELEASES);
    assert!(!terminal.ended().await.success());
    assert!(terminal.came().contains("you aren't logged in to"), "{}", terminal.came());
}

#[tokio::test]
async fn another_server_that_can_t_be_reached_leaves_one_where_one_was() {
    let place = Place::new().await;
    let (bob, _voice) = place.bob().await;
    let mut terminal = place.terminal(&["--mode", "push-to-talk"], WITHOUT_RELEASES);
    terminal.sees("Write to General").await;
    let session = || bob.view().members.values().find(|one| one.name == "alice").map(|one| one.session);
    let before = eventually("alice comes", async || session()).await;
    for (address, why) in [
        ("nowhere.example", "You are where you were: you aren't"),
        ("http://nowhere", "You are where you were: `http://` isn't"),
    ] {
        terminal.press(&format!("/connect {address}\r"));
        terminal.sees(why).await;
        terminal.sees("Write to General").await;
    }
    assert_eq!(session(), Some(before));
    // The same server with a channel that there isn't: one comes back to where one was.
    terminal.press(&format!("/connect {}/Nowhere\r", place.server.address().server()));
    terminal.sees("You are where you were: there is no channel").await;
    terminal.press("/connect\r");
    terminal.sees("Write to General").await;
    eventually("alice is back", async || session()).await;
}

#[tokio::test]
async fn frames_are_as_long_as_the_channel_says() {
    let place = Place::new().await;
    let root = place.server.log_in("root").await;
    let (_bob, mut voice) = place.bob().await;
    let general = channel_id(&root, "General");
    let mut terminal = place.terminal(&["--mode", "continuous"], WITHOUT_RELEASES);
    terminal.sees("Write to General").await;
    for milliseconds in [60, 10, 0] {
        let policy = VoicePolicy { frame_ms: milliseconds, ..VoicePolicy::default() };
        root.edit_channel_with(general, ChannelEdit { voice: Some(policy), ..ChannelEdit::default() })
            .await
            .unwrap();
        let samples = 48 * if milliseconds == 0 { 20 } else { milliseconds };
        let wanted = Some(samples);
        // Some are on their way from before; then all are so long, and come so far apart.
        while packet_duration(&hear(&mut voice).await.unwrap().payload) != wanted {}
        let mut before = hear(&mut voice).await.unwrap().header;
        for _ in 0..20 {
            let heard = hear(&mut voice).await.unwrap();
            assert_eq!(packet_duration(&heard.payload), wanted);
            let header = heard.header;
            let steps = u32::from(header.sequence.wrapping_sub(before.sequence));
            assert_eq!(header.timestamp.wrapping_sub(before.timestamp), steps * samples);
            before = header;
        }
    }
    terminal.press("\x03");
    assert!(terminal.ended().await.success());
}

#[tokio::test]
async fn the_shell_has_the_terminal_while_it_is_suspended() {
    let place = Place::new().await;
    let talk = place.talk(&["--mode", "push-to-talk"]);
    let words = std::iter::once(talk.get_program()).chain(talk.get_args());
    let words: Vec<_> = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
    let mut shell = Command::new("bash");
    shell.args(["--norc", "--noprofile", "--noediting", "-i"]).env("PS1", "ready> ");
    for (name, value) in talk.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let mut terminal = Terminal::start(&mut shell, (100, 30), WITH_RELEASES);
    terminal.sees("ready>").await;
    terminal.press(&format!("{}\n", words.join(" ")));
    terminal.sees("Write to General").await;
    for stopped in 1..3 {
        terminal.press("\x1a");
        let is_stopped = || terminal.came().matches("Stopped").count() == stopped;
        eventually("the shell says so", async || is_stopped().then_some(())).await;
        eventually("the shell reads lines", async || terminal.is_usual().then_some(())).await;
        let came = terminal.came();
        let last = |what: &str| came.rfind(what);
        assert!(last("\x1b[?1049h") < last("\x1b[?1049l") && last("\x1b[>3u") < last("\x1b[<1u"), "{came:?}");
        assert!(last("\x1b[?1006h") < last("\x1b[?1006l"), "{came:?}");
        terminal.press("fg\n");
        let is_drawn = || {
            let came = terminal.came();
            let taken = came.rfind("\x1b[?1049h").filter(|taken| Some(*taken) > came.rfind("\x1b[?1049l"));
            taken.is_some_and(|taken| came[taken..].contains("General"))
        };
        eventually("it is drawn again", async || is_drawn().then_some(())).await;
        assert!(!terminal.is_usual());
    }
    terminal.press("\x1b[99;5u");
    eventually("it ends", async || terminal.is_usual().then_some(())).await;
}

#[tokio::test]
async fn a_signal_before_the_first_picture_says_goodbye_too() {
    let place = Place::new().await;
    let (bob, _voice) = place.bob().await;
    let is_there = || bob.view().members.values().any(|member| member.name == "alice");
    for _ in 0..3 {
        let mut terminal = place.terminal(&[], WITHOUT_RELEASES);
        eventually("alice comes", async || is_there().then_some(())).await;
        kill_process(terminal.id(), Signal::TERM).unwrap();
        assert!(terminal.ended().await.success(), "{}", terminal.came());
        assert!(terminal.is_usual());
        let is_gone = async || (!is_there()).then_some(());
        eventually_within(Duration::from_secs(40), "alice is gone", is_gone).await;
    }
}

#[tokio::test]
async fn it_ends_with_its_terminal() {
    let place = Place::new().await;
    let (bob, _voice) = place.bob().await;
    let talk = place.talk(&["--mode", "push-to-talk"]);
    // script(1) is the terminal here, which is gone when it is killed.
    let words = std::iter::once(talk.get_program()).chain(talk.get_args());
    let words: Vec<_> = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
    let mut terminal = Command::new("script");
    terminal.args(["-qfc", &words.join(" "), "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::null());
    for (name, value) in talk.get_envs() {
        match value {
            Some(value) => terminal.env(name, value),
            None => terminal.env_remove(name),
        };
    }
    let mut terminal = terminal.spawn().unwrap();
    let is_there = |bob: &Session| bob.view().members.values().any(|member| member.name == "alice");
    eventually("alice comes", async || is_there(&bob).then_some(())).await;
    terminal.kill().unwrap();
    terminal.wait().unwrap();
    // One that is ended before it could say goodbye is gone when the server misses it.
    let is_gone = async || (!is_there(&bob)).then_some(());
    eventually_within(Duration::from_secs(40), "alice is gone", is_gone).await;
}

#[tokio::test]
async fn colours_are_left_out_where_nobody_wants_them() {
    let place = Place::new().await;
    // Foreground and background (ECMA-48, "select graphic rendition"): 30 to 49 but the usual ones, and bright ones.
    let has_colours = |came: &str| {
        let sequences =
            came.split("\x1b[").skip(1).filter_map(|rest| rest.split_once('m')).map(|(codes, _)| codes);
        let mut codes =
            sequences.filter(|codes| codes.bytes().all(|byte| byte.is_ascii_digit() || byte == b';'));
        codes.any(|codes| {
            codes
                .split(';')
                .next()
                .is_some_and(|code| matches!(code.parse(), Ok(30..=38 | 40..=48 | 90..=107)))
        })
    };
    let terminal = place.terminal(&[], WITHOUT_RELEASES);
    terminal.sees("Write to General").await;
    assert!(has_colours(&terminal.came()));
    drop(terminal);
    let mut command = place.talk(&[]);
    command.env("NO_COLOR", "1");
    let terminal = Terminal::start(&mut command, (100, 30), WITHOUT_RELEASES);
    terminal.sees("Write to General").await;
    assert!(!has_colours(&terminal.came()), "{:?}", terminal.came());
}

#[tokio::test]
async fn plain_is_lines_of_text_and_nothing_else() {
    let place = Place::new().await;
    let (bob, mut voice) = place.bob().await;
    let mut command = place.talk(&["--plain", "--mode", "push-to-talk"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut keys, out) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (sender, lines) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    let mut all = Vec::new();
    let mut says = async |text: &str| {
        let found = eventually(text, async || {
            all.extend(lines.try_iter());
            let at = all.iter().position(|line: &String| line.contains(text));
            at.map(|at| all.drain(..=at).next_back().unwrap())
        });
        let line = found.await;
        assert!(!line.contains('\x1b'), "{line:?}");
    };
    says("as alice.").await;
    says("You are in General with bob.").await;
    bob.text_channel(channel_id(&bob, "General"), "hello").await.unwrap();
    says("bob: hello").await;
    writeln!(keys, "/volume bob 50").unwrap();
    says("You hear bob at 50 %.").await;
    writeln!(keys).unwrap();
    says("You talk; an empty line ends it.").await;
    assert!(hear(&mut voice).await.is_some());
    writeln!(keys).unwrap();
    says("You talk no more.").await;
    writeln!(keys, "/nonsense").unwrap();
    says("there is no command /nonsense").await;
    // Not a line is lost on the way to another server.
    writeln!(keys, "/connect nowhere.example\n/volume bob 60").unwrap();
    says("You are where you were: you aren't logged in").await;
    says("You hear bob at 60 %.").await;
    writeln!(keys, "/quit").unwrap();
    assert!(eventually("it ends", async || child.try_wait().unwrap()).await.success());
}

#[tokio::test]
async fn without_a_terminal_it_is_said_what_to_do() {
    let place = Place::new().await;
    let mut command = place.talk(&[]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("--plain reads and writes lines"), "{said}");
}
