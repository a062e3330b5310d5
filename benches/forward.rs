//! What does the forwarding table cost for each listener? Beside the limit: the same work over a plain
//! slice, which knows nothing of channels and speakers.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use arc_swap::ArcSwap;
use bytes::Bytes;
use parlour::id::{ChannelId, FlowId, Ssrc};
use parlour::protocol::CloseCode;
use parlour::voice::{Audience, ForwardTable, Listener, Peer, Route};

/// Takes a packet as a connection does, up to where the transport begins.
#[derive(Clone)]
struct Counting(Arc<AtomicU64>);

impl Peer for Counting {
    fn send(&self, datagram: Bytes) -> bool {
        self.0.fetch_add(datagram.len() as u64, Ordering::Relaxed);
        true
    }
    fn close(&self, _: CloseCode) {}
}

const RUNS: usize = 21;

/// The median of several runs, in nanoseconds for each of `units`.
fn median_ns(units: usize, mut work: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let started = Instant::now();
            work();
            started.elapsed().as_secs_f64() * 1e9 / units as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[RUNS / 2]
}

fn main() {
    println!("forwarding table, median of {RUNS} runs");
    println!(
        "{:>9} {:>16} {:>16} {:>7} {:>18}",
        "listeners", "table ns/copy", "slice ns/copy", "ratio", "build ns/session"
    );
    for listeners in [1, 10, 100, 1_000] {
        let seats: Vec<Listener<Counting>> = (0..=listeners)
            .map(|ssrc| Listener {
                ssrc: Ssrc(ssrc),
                context: 0,
                peer: Counting(Arc::new(AtomicU64::new(0))),
            })
            .collect();
        let build = || {
            let audience = Audience::new(Some(ChannelId(1)), seats.iter().cloned());
            let audience = Arc::new(ArcSwap::from_pointee(audience));
            let mut table = ForwardTable::default();
            for seat in &seats {
                let audience = Arc::clone(&audience);
                let route = Route { audience, context: 0, priority: false, selection: None, tap: None };
                table.set(seat.ssrc, vec![(FlowId::CHANNEL, route)]);
            }
            table
        };
        let table = build();
        let plain: Vec<Counting> = seats[1..].iter().map(|seat| seat.peer.clone()).collect();
        let packet = Bytes::from(vec![7; 92]);
        let rounds = 200_000 / listeners as usize;
        let copies = rounds * listeners as usize;
        let by_table = median_ns(copies, || {
            for _ in 0..rounds {
                let Some(route) = table.route(black_box(Ssrc(0)), FlowId::CHANNEL) else { return };
                for listener in route.audience().on_shard(0).iter().filter(|one| one.ssrc != Ssrc(0)) {
                    black_box(listener.peer.send(packet.clone()));
                }
            }
        });
        let by_slice = median_ns(copies, || {
            for _ in 0..rounds {
                for peer in black_box(&plain) {
                    black_box(peer.send(packet.clone()));
                }
            }
        });
        let build = median_ns(seats.len(), || drop(black_box(build())));
        let ratio = by_table / by_slice;
        println!("{listeners:>9} {by_table:>16.1} {by_slice:>16.1} {ratio:>7.2} {build:>18.0}");
        println!(
            "{{\"bench\":\"forward\",\"listeners\":{listeners},\"table_ns\":{by_table:.2},\"slice_ns\":{by_slice:.2},\"build_ns\":{build:.1}}}"
        );
    }
}
