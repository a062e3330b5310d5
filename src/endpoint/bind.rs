//! Binding an address: one socket, or one for each shard, among which the kernel deals packets out by the
//! connection id they carry.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use nix::libc::{
    BPF_ABS, BPF_ALU, BPF_B, BPF_JA, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_MOD, BPF_RET, sock_filter,
    sock_fprog,
};
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::AttachReusePortCbpf;
use socket2::{Domain, Protocol, Socket, Type};

/// What the kernel is asked to hold for a socket, in bytes, each way.
const BUFFER: usize = 4 * 1024 * 1024;

/// "A" in classic BPF's return instruction (`linux/bpf_common.h`).
const BPF_A: u32 = 0x10;

/// Expedited forwarding (RFC 3246) as the upper six bits of the traffic class: what voice is marked with.
const EXPEDITED: u32 = 46 << 2;

/// Sockets on `address`, one for each shard, in their order. Where the kernel can't deal packets out, there
/// is just one.
pub(super) fn bind(address: SocketAddr, shards: usize) -> io::Result<Vec<UdpSocket>> {
    // Alone on the port: a second server that shared it would take half of the packets.
    let alone = open(address, false)?;
    if shards < 2 {
        return Ok(vec![alone]);
    }
    let address = alone.local_addr()?;
    drop(alone);
    let mut group = vec![open(address, true)?];
    match deal_out(&group, shards) {
        Ok(()) => {
            for _ in 1..shards {
                group.push(open(address, true)?);
            }
        }
        Err(error) => {
            tracing::warn!(%error, "the kernel doesn't deal packets out to several sockets; using one core for voice");
        }
    }
    Ok(group)
}

fn open(address: SocketAddr, shared: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
        // Of use where routers look at it, and no harm done where it is refused.
        let _ = socket.set_tclass_v6(EXPEDITED);
    } else {
        let _ = socket.set_tos_v4(EXPEDITED);
    }
    socket.set_reuse_port(shared)?;
    socket.bind(&address.into())?;
    // The kernel caps these at its own limit; less room only means earlier loss under load.
    let _ = socket.set_recv_buffer_size(BUFFER);
    let _ = socket.set_send_buffer_size(BUFFER);
    Ok(socket.into())
}

/// Has the kernel choose the socket by the first byte of the destination connection id: in a connection
/// that byte is the number of its shard, and in a client's first packets it is random (RFC 8999, sections
/// 5.1 and 5.2, have the places).
fn deal_out(group: &[UdpSocket], shards: usize) -> io::Result<()> {
    let Some(first) = group.first() else { return Ok(()) };
    let shards = u32::try_from(shards).unwrap_or(1);
    let step = |code: u32, jt: u8, jf: u8, k: u32| sock_filter { code: code as u16, jt, jf, k };
    let mut program = [
        // The header's form: long when the first bit is set.
        step(BPF_LD | BPF_B | BPF_ABS, 0, 0, 0),
        step(BPF_JMP | BPF_JSET | BPF_K, 0, 2, 0x80),
        step(BPF_LD | BPF_B | BPF_ABS, 0, 0, 6),
        step(BPF_JMP | BPF_JA, 0, 0, 1),
        step(BPF_LD | BPF_B | BPF_ABS, 0, 0, 1),
        step(BPF_ALU | BPF_MOD | BPF_K, 0, 0, shards),
        step(BPF_RET | BPF_A, 0, 0, 0),
    ];
    let program = sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    Ok(setsockopt(first, AttachReusePortCbpf, &program)?)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;

    #[test]
    fn packets_go_to_the_shard_that_their_connection_id_names() {
        let group = bind((Ipv4Addr::LOCALHOST, 0).into(), 3).unwrap();
        assert_eq!(group.len(), 3);
        let to = group[0].local_addr().unwrap();
        for socket in &group {
            assert_eq!(socket.local_addr().unwrap(), to);
            socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        }
        for round in 0..60_u8 {
            // From another port each time, as after a change of a NAT's mind.
            let from = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let shard = round % 3;
            let short = [0x40, shard, 1, 2, 3, 4, 5, 6, 7, 9, 9];
            let long = [0xc0, 0, 0, 0, 1, 8, shard + 30, 1, 2, 3, 4, 5, 6, 7];
            from.send_to(if round % 2 == 0 { &short } else { &long }, to).unwrap();
            let mut buffer = [0; 64];
            let (_, sender) = group[usize::from(shard)].recv_from(&mut buffer).unwrap();
            assert_eq!(sender, from.local_addr().unwrap());
        }
    }

    #[test]
    fn a_port_is_not_shared_with_another_server() {
        let group = bind((Ipv4Addr::LOCALHOST, 0).into(), 2).unwrap();
        let again = bind(group[0].local_addr().unwrap(), 2);
        assert_eq!(again.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
