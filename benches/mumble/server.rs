//! Debian's mumble-server on a port of its own, with a directory that goes away with it.

use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use parlour::load::Process;

/// The password of its administrator.
pub(crate) const PASSWORD: &str = "for the bench";

/// A running server.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    _directory: tempfile::TempDir,
}

impl Server {
    /// Starts one on the first core.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let program = find().context("mumble-server isn't installed: apt-get install mumble-server")?;
        let directory = tempfile::tempdir()?;
        let settings = directory.path().join("mumble-server.ini");
        let port = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let database = directory.path().join("mumble.sqlite");
        // As it comes, but for more people, and clients that all live at one address.
        std::fs::write(
            &settings,
            format!(
                "database={}\nport={port}\nhost=127.0.0.1\nlogfile=\nusers=3000\nbandwidth=1000000\n\
                 autobanAttempts=0\ntimeout=600\nbonjour=False\nmessagelimit=100000\nmessageburst=100000\nuname={}\n",
                database.display(),
                std::env::var("USER").unwrap_or_else(|_| "root".to_owned()),
            ),
        )?;
        let quiet = |command: &mut Command| {
            command
                .arg("-ini")
                .arg(&settings)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
        };
        let mut first = Command::new(&program);
        quiet(&mut first);
        ensure!(first.args(["-supw", PASSWORD]).status().is_ok(), "mumble-server doesn't set a password");
        let mut command = Command::new(&program);
        quiet(&mut command);
        let process = Process::start_apart(command.arg("-fg"), 1)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        for _ in 0..100 {
            if TcpStream::connect(address).is_ok() {
                return Ok(Self { process, address, _directory: directory });
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        anyhow::bail!("mumble-server doesn't listen after 10 s")
    }
}

fn find() -> Option<PathBuf> {
    ["/usr/sbin/murmurd", "/usr/bin/mumble-server", "/usr/sbin/mumble-server"]
        .into_iter()
        .map(PathBuf::from)
        .find(|path| path.exists())
}
