//! A sound server that only one test has, with devices that are sound in memory: PulseAudio, which `make setup-browser` installs, or
//! PipeWire.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use parlour::audio::SAMPLE_RATE;
use parlour::audio::device::{
    BLOCK, Backend, Change, Choice, DeviceEvent, EVENTS, Events, Loudspeaker, Microphone,
};
use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;
use tokio::sync::mpsc;

/// A private sound server; ends when dropped.
pub struct SoundServer {
    directory: TempDir,
    socket: PathBuf,
    child: Option<Child>,
}

impl SoundServer {
    /// A place for one that isn't started.
    pub fn absent() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("sound");
        Self { directory, socket, child: None }
    }

    /// Starts one with loudspeakers of these names; what each plays is a microphone called so with ".monitor" behind it.
    pub fn start(sinks: &[&str]) -> Self {
        let mut server = Self::absent();
        server.begin(sinks);
        server
    }

    /// PipeWire in PulseAudio's place, with such loudspeakers. It needs `pipewire`, `pipewire-pulse`, `wireplumber` and
    /// `dbus-run-session`, which `make bench` installs.
    pub fn pipewire(sinks: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        // By PULSE_RUNTIME_PATH, as PulseAudio's own would be.
        let socket = directory.path().join("native");
        let mut server = Self { directory, socket, child: None };
        let mut command = server.command("dbus-run-session");
        command
            .env("XDG_CONFIG_HOME", server.directory.path())
            .env("XDG_STATE_HOME", server.directory.path());
        command.args(["--", "sh", "-c", "pipewire & sleep 0.5; wireplumber & exec pipewire-pulse"]);
        server.child = Some(command.process_group(0).spawn().unwrap());
        server.wait();
        for sink in sinks {
            server.add(sink);
        }
        server
    }

    /// Starts it at its place.
    pub fn begin(&mut self, sinks: &[&str]) {
        let mut command = self.command("pulseaudio");
        command.args([
            "-n",
            "--daemonize=no",
            "--exit-idle-time=-1",
            "--use-pid-file=no",
            "--realtime=no",
            "-L",
        ]);
        command
            .arg(format!("module-native-protocol-unix socket={} auth-anonymous=1", self.socket().display()));
        for sink in sinks {
            command.args(["-L", &module(sink)]);
        }
        self.child = Some(command.process_group(0).spawn().unwrap());
        self.wait();
    }

    /// Waits until it answers.
    fn wait(&self) {
        let start = Instant::now();
        while !self.socket.exists() || !self.try_control(&["info"]) {
            assert!(start.elapsed() < Duration::from_secs(20), "the sound server doesn't answer");
            sleep(Duration::from_millis(20));
        }
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.socket.clone()
    }

    /// Its devices.
    pub fn backend(&self) -> Backend {
        Backend::Server(self.socket())
    }

    /// What a program needs to use it.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let directory = self.directory.path().display().to_string();
        let server = format!("unix:{}", self.socket().display());
        let of_directory = ["XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH"].map(|name| (name, directory.clone()));
        of_directory.into_iter().chain([("PULSE_SERVER", server)]).collect()
    }

    /// Adds a loudspeaker.
    pub fn add(&self, sink: &str) {
        let module = module(sink);
        let arguments: Vec<&str> = ["load-module"].into_iter().chain(module.split(' ')).collect();
        self.control(&arguments);
    }

    /// Has `pactl` do something.
    pub fn control(&self, arguments: &[&str]) {
        assert!(self.try_control(arguments), "pactl {arguments:?}");
    }

    /// How many there are of something that `pactl` lists.
    pub fn count(&self, what: &str) -> usize {
        let output =
            self.command("pactl").args(["list", "short", what]).stdout(Stdio::piped()).output().unwrap();
        String::from_utf8_lossy(&output.stdout).lines().count()
    }

    fn try_control(&self, arguments: &[&str]) -> bool {
        let mut command = self.command("pactl");
        command.args(arguments).stdout(Stdio::null());
        command.status().unwrap().success()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("HOME", self.directory.path()).envs(self.environment());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Takes it away from one moment to the next.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // With what it has started: PipeWire is several programs.
            if let Some(group) = Pid::from_raw(child.id().cast_signed()) {
                let _ = kill_process_group(group, Signal::KILL);
            }
            let _ = child.wait();
        }
        let _ = std::fs::remove_file(&self.socket);
    }

    /// Stops its process, or lets it go on.
    pub fn signal(&self, name: &str) {
        let process = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-s", name, &process]).status().unwrap().success());
    }
}

impl Drop for SoundServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A sink that keeps a moment at most, so that it begins at once.
fn module(sink: &str) -> String {
    format!(
        "module-null-sink sink_name={sink} rate={SAMPLE_RATE} norewinds=1 sink_properties=device.description={sink}"
    )
}

/// A loudspeaker that plays a tone.
pub fn play(backend: &Backend, choice: &str, events: Events) -> Loudspeaker {
    let mut at = 0_u32;
    backend.open_loudspeaker(Choice::of(choice), events, move |block| {
        for sample in block {
            *sample = 0.5 * (std::f32::consts::TAU * 440.0 * at as f32 / SAMPLE_RATE as f32).sin();
            at = (at + 1) % SAMPLE_RATE;
        }
    })
}

/// A loudspeaker that plays a sound again and again.
pub fn say(backend: &Backend, choice: &str, sound: Vec<f32>, events: Events) -> Loudspeaker {
    let mut samples = sound.into_iter().cycle();
    backend.open_loudspeaker(Choice::of(choice), events, move |block| {
        for (sample, next) in block.iter_mut().zip(&mut samples) {
            *sample = next;
        }
    })
}

/// A microphone, and when it heard something last.
pub struct Ear {
    pub microphone: Microphone,
    heard: Arc<Mutex<Option<Instant>>>,
}

impl Ear {
    pub fn open(backend: &Backend, choice: &str, events: Events) -> Self {
        let heard = Arc::new(Mutex::new(None));
        let last = Arc::clone(&heard);
        let microphone = backend.open_microphone(Choice::of(choice), events, move |block: &[f32; BLOCK]| {
            if block.iter().any(|sample| sample.abs() > 0.05) {
                *last.lock().unwrap() = Some(Instant::now());
            }
        });
        Self { microphone, heard }
    }

    /// Waits until something is heard that came after a moment, and answers how long after.
    pub fn hears_after(&self, moment: Instant, limit: Duration) -> Duration {
        loop {
            if let Some(heard) = self.heard.lock().unwrap().filter(|heard| *heard > moment) {
                return heard - moment;
            }
            assert!(moment.elapsed() < limit, "nothing was heard again within {limit:?}");
            sleep(Duration::from_millis(5));
        }
    }
}

/// What is told of devices.
pub struct Told(mpsc::Receiver<DeviceEvent>);

impl Told {
    pub fn new() -> (Events, Self) {
        let (events, told) = mpsc::channel(EVENTS);
        (events, Self(told))
    }

    /// The next thing that is told, ten seconds waited for.
    pub fn next(&mut self) -> DeviceEvent {
        let start = Instant::now();
        loop {
            if let Ok(event) = self.0.try_recv() {
                return event;
            }
            assert!(start.elapsed() < Duration::from_secs(10), "nothing is told");
            sleep(Duration::from_millis(5));
        }
    }

    /// The name of the device that works from now on, however often it was lost before.
    pub fn works(&mut self) -> String {
        loop {
            match self.next().change {
                Change::Works { name, .. } | Change::Moved { name } => return name,
                Change::Lost { .. } => (),
            }
        }
    }
}
