//! Voices over a network that loses packets.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::stage::{Stage, run, sentence};
use crate::support::Process;
use crate::support::network::{Link, Proxy};

const WHOLE: Link = Link { delay: Duration::from_millis(5), loss: 0 };

/// A network before a server, in a thread of its own: the page comes over TCP, and nothing of it is lost; voice comes over UDP,
/// on the same port, and a tenth of it is lost from when that is said. It ends when this is dropped.
struct Network {
    address: SocketAddr,
    lose: UnboundedSender<()>,
}

impl Network {
    fn before(server: SocketAddr) -> Self {
        let (told, address) = mpsc::channel();
        let (lose, mut losing) = unbounded_channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (proxy, pages) = loop {
                    let proxy = Proxy::start(server, WHOLE, 4_711).await;
                    // The port of UDP is perhaps somebody's of TCP.
                    if let Ok(pages) = TcpListener::bind(proxy.address()).await {
                        break (proxy, pages);
                    }
                };
                told.send(proxy.address()).unwrap();
                tokio::spawn(async move {
                    while let Ok((mut near, _)) = pages.accept().await {
                        tokio::spawn(async move {
                            let mut far = TcpStream::connect(server).await.unwrap();
                            let _ = copy_bidirectional(&mut near, &mut far).await;
                        });
                    }
                });
                while losing.recv().await.is_some() {
                    proxy.set(Link { loss: 100, ..WHOLE });
                }
            });
        });
        Self { address: address.recv().unwrap(), lose }
    }
}

/// What is lost of a voice is repaired, by what later packets repeat of it; the decoder that does it is fetched then, and not before.
/// Where nothing repairs, 14 of a hundred frames are others than were said, and half of a hundred where nothing is lost.
#[test]
fn a_voice_of_which_a_tenth_is_lost_is_heard_well() {
    let home = Stage::enter();
    let process = Process::serve(home.path(), "127.0.0.1:0", &["--demo"]);
    let network = Network::before(process.address);
    // The voice by which the page is measured without browsers, too: another one makes another figure.
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/speech.wav");
    let voices = [sample, sentence(1, home.path())].map(|voice| voice.display().to_string());
    let result = run(
        "lossy.mjs",
        &[
            ("SERVER", process.address.to_string()),
            ("LOSSY", network.address.to_string()),
            ("VOICES", voices.join(":")),
            ("OUT", std::env::var("SOUNDS").unwrap_or_else(|_| home.path().display().to_string())),
        ],
        |word| {
            assert_eq!(word, "lose");
            network.lose.send(()).unwrap();
        },
    );
    println!("{result:#}");
    assert_eq!(result["errors"], serde_json::json!([]));
    let share = |name: &str| result[name]["share"].as_f64().unwrap();
    assert!(share("whole") < 0.05 && share("lossy") < 0.07, "{result}");
}
