//! What the server says is told again when it is lost, however seldom the client acknowledges.

use std::time::Duration;

use crate::support::network::{Link as Path, Proxy};
use crate::support::{PASSWORD, TestServer, log_in};
use parlour::client::{Address, Session};
use tokio::time::Instant;

/// A round trip of 100 ms.
const DISTANT: Path = Path { delay: Duration::from_millis(50), loss: 0 };

async fn behind(proxy: &Proxy, name: &str) -> Session {
    let address: Address = proxy.address().to_string().parse().unwrap();
    log_in(&address, name, PASSWORD).await.unwrap()
}

/// How long the server takes to answer.
async fn answered(session: &Session) -> Duration {
    let asked = Instant::now();
    session.list().await.unwrap();
    asked.elapsed()
}

/// By a probe alone it would take the delay of an acknowledgement, 400 ms, beside two round trips.
#[tokio::test]
async fn an_answer_that_is_lost_is_told_again_without_waiting_for_an_acknowledgement() {
    let server = TestServer::start().await;
    let proxy = Proxy::start(server.server.addresses()[0], DISTANT, 4_711).await;
    let alice = behind(&proxy, "alice").await;
    let mut times = Vec::new();
    for _ in 0..5 {
        // Nothing is under way, and nothing else comes from the server.
        tokio::time::sleep(Duration::from_millis(700)).await;
        proxy.swallow(1);
        times.push(answered(&alice).await);
    }
    times.sort();
    // Now and then it is another packet that gets lost, such as an acknowledgement of the request.
    let usual = times[2];
    println!("{usual:?}");
    assert!(usual > Duration::from_millis(190), "nothing was lost: {times:?}");
    assert!(usual < Duration::from_millis(400), "{times:?}");
}
