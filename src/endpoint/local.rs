//! The local socket: how the person who owns the machine talks to the running server, which alone
//! has the database open. It speaks the control protocol, one request a connection, and only the
//! user who runs the server can open it.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use super::{LinkPeer, exchange};
use crate::control::Organizations;
use crate::protocol::wire::{Request, Response, request, response};
use crate::protocol::{FrameError, MAX_REQUEST, MAX_RESPONSE, decode, encode};

/// Name of the socket in the data directory.
pub const SOCKET_FILE: &str = "parlour.sock";

/// Connections served at once; further ones wait in the listener's backlog.
const AT_ONCE: usize = 8;

/// Time for one request and its answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The same for a request to the database, which may be large.
const LONG_PATIENCE: Duration = Duration::from_secs(60 * 60);

/// A bound local socket; the file goes when it is dropped.
#[derive(Debug)]
pub struct LocalSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl LocalSocket {
    /// Binds the socket in the data directory, whose owner has made sure that no other server runs
    /// there: a file left behind by one that was killed is replaced.
    pub fn bind(directory: &Path) -> io::Result<Self> {
        let path = directory.join(SOCKET_FILE);
        if let Err(error) = fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        Ok(Self { listener, path })
    }

    /// Answers requests until dropped.
    pub async fn run(self, organizations: Organizations<LinkPeer>) {
        let room = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
            let Ok((stream, _)) = self.listener.accept().await else {
                // Out of file descriptors, most likely: they come back as connections end.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let organizations = organizations.clone();
            tokio::spawn(async move {
                if tokio::time::timeout(LONG_PATIENCE, serve(stream, &organizations)).await.is_err() {
                    tracing::debug!("a request on the local socket took too long");
                }
                drop(place);
            });
        }
    }
}

impl Drop for LocalSocket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

async fn serve(mut stream: UnixStream, organizations: &Organizations<LinkPeer>) {
    let mut bytes = Vec::new();
    let limit = MAX_REQUEST as u64 + 4;
    let mut asked = (&mut stream).take(limit);
    if !matches!(tokio::time::timeout(PATIENCE, asked.read_to_end(&mut bytes)).await, Ok(Ok(_))) {
        return;
    }
    let answer = match decode::<Request>(&bytes, MAX_REQUEST) {
        Ok(request) => organizations.operate(request).await,
        Err(error) => Err(error.into()),
    };
    // A client that is gone doesn't mind.
    let _ = stream.write_all(&exchange::encoded(answer)).await;
}

/// Why a running server can't be asked.
#[derive(Debug, Error)]
pub enum AskError {
    /// No server runs on that data directory.
    #[error("no server is running on {}", .0.display())]
    NotRunning(PathBuf),
    /// The socket is there and doesn't let us in, or breaks off.
    #[error("can't talk to the server through {}: {source}", path.display())]
    Socket {
        /// The socket's file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The answer isn't one.
    #[error("the server's answer can't be read: {0}; are server and command of the same version?")]
    Answer(#[from] FrameError),
    /// The answer is empty or of a later version.
    #[error("the server's answer is unknown here; are server and command of the same version?")]
    Unknown,
}

/// Asks the server that runs on a data directory, waiting 30 s at most, or an hour for what it does to the
/// database.
pub async fn ask_local(directory: &Path, request: impl Into<Request>) -> Result<response::Body, AskError> {
    let request = request.into();
    let path = directory.join(SOCKET_FILE);
    let mut stream = match UnixStream::connect(&path).await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Err(AskError::NotRunning(directory.into()));
        }
        Err(source) => return Err(AskError::Socket { path, source }),
    };
    let patience =
        if matches!(request.body, Some(request::Body::Administer(_))) { LONG_PATIENCE } else { PATIENCE };
    let exchange = async {
        stream.write_all(&encode(&request)).await?;
        stream.shutdown().await?;
        let mut bytes = Vec::new();
        stream.take(MAX_RESPONSE as u64).read_to_end(&mut bytes).await?;
        io::Result::Ok(bytes)
    };
    let bytes = tokio::time::timeout(patience, exchange)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(|source| AskError::Socket { path, source })?;
    decode::<Response>(&bytes, MAX_RESPONSE)?.body.ok_or(AskError::Unknown)
}
