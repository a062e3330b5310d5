//! Mumble in Parlour's place: Debian's server, and two of its clients with the settings that they come with, but for the microphone,
//! which is open all the time. No screen is needed, and what a first start asks people for is there already.

use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::sound::SoundServer;

const CLIENT: &str = "/usr/bin/mumble";

/// How long the server and its clients may take to come in.
const COMES_IN: Duration = Duration::from_secs(60);

/// What clients then take until what they hear stands behind each other evenly.
const SETTLES: Duration = Duration::from_secs(5);

/// A server and two people in its first channel; ends when dropped.
pub(crate) struct Mumble {
    processes: Vec<Child>,
    home: TempDir,
}

impl Mumble {
    /// The speaker and the listener at the rig's devices. The error says why there is none.
    pub(crate) fn start(sound: &SoundServer) -> Result<Self, String> {
        if !Path::new(CLIENT).exists() {
            return Err("Mumble's client isn't installed".to_owned());
        }
        let home = tempfile::tempdir().unwrap();
        let port = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let digest = certificate(home.path(), "server");
        let mut mumble = Self { processes: vec![serve(home.path(), port)?], home };
        within(|| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok(), "Mumble's server doesn't listen")?;
        for (name, microphone, loudspeaker) in
            [("anna", "mouth.monitor", "away"), ("ben", "quiet.monitor", "ear")]
        {
            let home = mumble.home.path().join(name);
            prepare(&home, (port, &digest), microphone, loudspeaker);
            let mut client = Command::new(CLIENT);
            client.envs(sound.environment()).env("QT_QPA_PLATFORM", "offscreen").env("HOME", &home);
            client.env("XDG_CONFIG_HOME", home.join("config")).env("XDG_DATA_HOME", home.join("data"));
            client.env("PULSE_SOURCE", microphone).env("PULSE_SINK", loudspeaker);
            client.args(["-m", &format!("mumble://{name}@127.0.0.1:{port}/")]);
            mumble.processes.push(quiet(&mut client).spawn().map_err(|error| error.to_string())?);
        }
        let hear = || sound.count("source-outputs") >= 2 && sound.count("sink-inputs") >= 2;
        within(hear, "Mumble's clients don't open their devices")?;
        sleep(SETTLES);
        Ok(mumble)
    }
}

impl Drop for Mumble {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Waits until something is so.
fn within(is_so: impl Fn() -> bool, else_what: &str) -> Result<(), String> {
    let start = Instant::now();
    while !is_so() {
        if start.elapsed() > COMES_IN {
            return Err(else_what.to_owned());
        }
        sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn serve(home: &Path, port: u16) -> Result<Child, String> {
    let settings = home.join("mumble-server.ini");
    let user = std::env::var("USER").unwrap_or_else(|_| "root".to_owned());
    let directory = home.display();
    let text = format!(
        "database={directory}/server.sqlite\nport={port}\nhost=127.0.0.1\nlogfile=\nbonjour=False\nuname={user}\n\
         sslCert={directory}/server.crt\nsslKey={directory}/server.key\n"
    );
    std::fs::write(&settings, text).unwrap();
    let program = ["/usr/sbin/murmurd", "/usr/bin/mumble-server", "/usr/sbin/mumble-server"]
        .into_iter()
        .find(|path| Path::new(path).exists());
    let mut command = Command::new(program.ok_or("Mumble's server isn't installed")?);
    quiet(command.arg("-fg").arg("-ini").arg(settings)).spawn().map_err(|error| error.to_string())
}

/// What a client would ask for: its devices, a certificate of its own, and whether it trusts the server's.
fn prepare(home: &Path, (port, digest): (u16, &str), microphone: &str, loudspeaker: &str) {
    let [config, data, documents] =
        ["config/Mumble", "data/Mumble/Mumble", "Documents"].map(|name| home.join(name));
    for directory in [&config, &data, &documents] {
        std::fs::create_dir_all(directory).unwrap();
    }
    let settings = format!(
        "[General]\nlastupdate=2\n\n[audio]\ntransmit=0\nmute=false\n\n[pulseaudio]\ninput={microphone}\noutput={loudspeaker}\n\n\
         [ui]\nusage=false\nupdatecheck=false\npluginupdatecheck=false\n\n[overlay]\nenable=false\n"
    );
    std::fs::write(config.join("Mumble.conf"), settings).unwrap();
    certificate(home, "own");
    let backup = documents.join("MumbleAutomaticCertificateBackup.p12");
    let directory = home.display();
    shell(&format!(
        "openssl pkcs12 -export -inkey {directory}/own.key -in {directory}/own.crt -passout pass: -out {}",
        backup.display()
    ));
    let known = rusqlite::Connection::open(data.join("mumble.sqlite")).unwrap();
    let table =
        "CREATE TABLE cert (id INTEGER PRIMARY KEY AUTOINCREMENT, hostname TEXT, port INTEGER, digest TEXT)";
    known.execute(table, ()).unwrap();
    let row = "INSERT INTO cert (hostname, port, digest) VALUES ('127.0.0.1', ?1, ?2)";
    known.execute(row, (port, digest)).unwrap();
}

/// Makes a certificate, `NAME.crt` with `NAME.key`, and answers with its digest as Mumble keeps it.
fn certificate(home: &Path, name: &str) -> String {
    let base = home.join(name).display().to_string();
    shell(&format!(
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout {base}.key -out {base}.crt -days 100 -subj /CN={name}"
    ));
    let digest = shell(&format!("openssl x509 -in {base}.crt -noout -fingerprint -sha1"));
    digest.rsplit('=').next().unwrap().trim().replace(':', "").to_lowercase()
}

/// What a command of the shell prints.
fn shell(command: &str) -> String {
    let output = Command::new("sh").args(["-c", command]).output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}
