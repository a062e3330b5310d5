//! How far is the relay from what this machine can do at all? The limit: the same bytes, sealed with
//! AES-128-GCM and sent by `sendmmsg`, 64 packets a call, to as many sockets, and nothing else; a frame for each
//! listener in a packet of its own (W1), or the frames of ten speakers in one (W4, as they are gathered). In
//! the same run, `parlour bench voice` with the server alone on a core.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints its figures, and fails by panicking"
)]

use std::io::IoSlice;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::process::Command;
use std::time::Duration;

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// Bytes around a frame of 80: DATAGRAM frame's type and length, flow id, RTP header.
const AROUND_FRAME: usize = 3 + 1 + 12;
const FRAME: usize = 80;

/// Bytes around a packet's frames: QUIC's short header with an id of 8 bytes. The seal's 16 come on top.
const AROUND_PACKET: usize = 1 + 8 + 2;

const ROUNDS: usize = 3;

fn main() {
    println!("Frames delivered a second of processor time, medians of {ROUNDS} runs in turns.\n");
    println!("{:<6}{:>14}{:>14}{:>10}", "", "limit", "Parlour", "share");
    for (workload, listeners, frames) in [("w1", 200, 1), ("w4", 100, 10)] {
        let (mut limits, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            limits.push(limit(listeners, frames));
            ours.push(parlour(workload));
        }
        let (limit, ours) = (median(&mut limits), median(&mut ours));
        println!("{workload:<6}{limit:>14.0}{ours:>14.0}{:>9.0} %", ours / limit * 100.0);
    }
}

fn median(all: &mut [f64]) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn cpu() -> Duration {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID).unwrap();
    time.into()
}

/// Frames a second of processor time, for packets of so many frames to so many sockets.
fn limit(listeners: usize, frames: usize) -> f64 {
    let sockets: Vec<UdpSocket> =
        (0..listeners).map(|_| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).collect();
    let addresses: Vec<Option<SockaddrStorage>> = sockets
        .iter()
        .map(|socket| match socket.local_addr().unwrap() {
            SocketAddr::V4(address) => Some(address.into()),
            SocketAddr::V6(address) => Some(address.into()),
        })
        .collect();
    let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &[7; 16]).unwrap());
    let plain = vec![0x5a; AROUND_PACKET + frames * (AROUND_FRAME + FRAME)];
    let mut packets = vec![Vec::new(); listeners];
    let (mut number, mut used, mut delivered) = (0_u64, Duration::ZERO, 0);
    let mut drain = [0; 2_048];
    while used < Duration::from_secs(1) {
        let begun = cpu();
        for packet in &mut packets {
            number += 1;
            packet.clear();
            packet.extend_from_slice(&plain);
            let mut nonce = [0; 12];
            nonce[4..].copy_from_slice(&number.to_be_bytes());
            let (header, body) = packet.split_at_mut(AROUND_PACKET);
            let nonce = Nonce::assume_unique_for_key(nonce);
            let tag = key.seal_in_place_separate_tag(nonce, Aad::from(&*header), body).unwrap();
            packet.extend_from_slice(tag.as_ref());
        }
        for (packets, addresses) in packets.chunks(64).zip(addresses.chunks(64)) {
            let slices: Vec<[IoSlice<'_>; 1]> = packets.iter().map(|packet| [IoSlice::new(packet)]).collect();
            let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(slices.len(), None);
            sendmmsg(sender.as_raw_fd(), &mut headers, slices.iter(), addresses, [], MsgFlags::empty())
                .unwrap();
        }
        used += cpu().saturating_sub(begun);
        delivered += listeners * frames;
        // Reading is the listeners' business, and isn't counted.
        for socket in &sockets {
            socket.set_nonblocking(true).unwrap();
            while socket.recv(&mut drain).is_ok() {}
        }
    }
    delivered as f64 / used.as_secs_f64()
}

fn parlour(workload: &str) -> f64 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_parlour"));
    let output = command.args(["--json", "bench", "voice", workload, "--seconds", "6"]).output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    report["steps"][0]["frames_a_server_second"].as_f64().unwrap()
}
