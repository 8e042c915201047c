//! The UDP sockets of an engine.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};

use bytes::Bytes;
use socket2::{Domain, Protocol, SockRef, Socket as RawSocket, Type};
use tokio::net::UdpSocket;

use crate::link::Datagram;

/// Datagrams that wait for a socket whose queue in the system is full. More are dropped, as the network
/// would.
const MAX_WAITING: usize = 256;

/// Longest datagram read: more than any link sends.
pub(super) const MAX_DATAGRAM: usize = 2048;

/// Most sets of sockets.
const MAX_SETS: usize = 8;

struct Socket {
    io: UdpSocket,
    local: SocketAddr,
    waiting: VecDeque<(SocketAddr, Bytes)>,
}

impl Socket {
    fn bind(ip: IpAddr, port: u16, buffer: usize) -> io::Result<Self> {
        let address = SocketAddr::new(ip, port);
        let raw = RawSocket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if ip.is_ipv6() {
            raw.set_only_v6(true)?;
        }
        // The system may grant less; the link's pacing copes with its default.
        if raw.set_recv_buffer_size(buffer).and_then(|()| raw.set_send_buffer_size(buffer)).is_err() {
            tracing::debug!(buffer, "the socket keeps its default buffers");
        }
        raw.set_nonblocking(true)?;
        raw.bind(&address.into())?;
        let io = UdpSocket::from_std(raw.into())?;
        let local = io.local_addr()?;
        Ok(Self { io, local, waiting: VecDeque::new() })
    }

    /// Sends what waits; `false` if the system's queue is still full.
    fn drain(&mut self) -> bool {
        while let Some((to, bytes)) = self.waiting.front() {
            match self.io.try_send_to(bytes, *to) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                _ => {
                    self.waiting.pop_front();
                }
            }
        }
        true
    }
}

/// All sockets, in sets of one per local address.
///
/// A datagram is told apart by its two addresses, so that two links with the same neighbour (two rooms,
/// say) need different ports at one of its ends: the second one gets a set of its own.
pub(super) struct Sockets {
    sets: Vec<Vec<usize>>,
    sockets: Vec<Socket>,
    by_local: HashMap<SocketAddr, usize>,
    buffer: usize,
    pub(super) sent: u64,
    pub(super) unsent: u64,
}

impl Sockets {
    /// Binds the first set.
    pub(super) fn bind(addresses: &[IpAddr], port: u16, buffer: usize) -> Result<Self, (SocketAddr, io::Error)> {
        let mut sockets =
            Self { sets: Vec::new(), sockets: Vec::new(), by_local: HashMap::new(), buffer, sent: 0, unsent: 0 };
        sockets.add_set(addresses, port)?;
        Ok(sockets)
    }

    fn add_set(&mut self, addresses: &[IpAddr], port: u16) -> Result<usize, (SocketAddr, io::Error)> {
        let bound: Result<Vec<Socket>, _> = addresses
            .iter()
            .map(|&ip| Socket::bind(ip, port, self.buffer).map_err(|error| (SocketAddr::new(ip, port), error)))
            .collect();
        let first = self.sockets.len();
        for socket in bound? {
            self.by_local.insert(socket.local, self.sockets.len());
            self.sockets.push(socket);
        }
        self.sets.push((first..self.sockets.len()).collect());
        Ok(self.sets.len() - 1)
    }

    /// The addresses of a set.
    pub(super) fn local(&self, set: usize) -> Vec<SocketAddr> {
        self.sets[set].iter().map(|&index| self.sockets[index].local).collect()
    }

    /// The first set whose addresses please; a new one, on ports that the system picks, if none does.
    pub(super) fn choose(&mut self, mut fits: impl FnMut(&[SocketAddr]) -> bool) -> io::Result<usize> {
        for set in 0..self.sets.len() {
            if fits(&self.local(set)) {
                return Ok(set);
            }
        }
        if self.sets.len() >= MAX_SETS {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "too many links to the same address"));
        }
        let addresses: Vec<IpAddr> = self.local(0).iter().map(SocketAddr::ip).collect();
        self.add_set(&addresses, 0).map_err(|(_, error)| error)
    }

    /// Waits until something can be read, or what waits can be sent.
    pub(super) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut ready = Poll::Pending;
        for socket in &self.sockets {
            if socket.io.poll_recv_ready(cx).is_ready() {
                ready = Poll::Ready(());
            }
            if !socket.waiting.is_empty() && socket.io.poll_send_ready(cx).is_ready() {
                ready = Poll::Ready(());
            }
        }
        ready
    }

    /// How many sockets there are.
    pub(super) fn len(&self) -> usize {
        self.sockets.len()
    }

    /// Reads a datagram from one socket: its length, where it came to and from.
    pub(super) fn read(&self, index: usize, buffer: &mut [u8]) -> Option<(usize, SocketAddr, SocketAddr)> {
        let socket = &self.sockets[index];
        loop {
            match socket.io.try_recv_from(buffer) {
                Ok((len, from)) => return Some((len, socket.local, from)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                // Some systems report here that an earlier datagram could not be delivered.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
                Err(error) => {
                    tracing::debug!(%error, "a socket could not be read");
                    return None;
                }
            }
        }
    }

    /// Whether the system has datagrams that were not read yet. It is asked itself: what the runtime knows of
    /// it is old when the machine is busy.
    pub(super) fn has_unread(&self) -> bool {
        self.sockets.iter().any(|socket| SockRef::from(&socket.io).peek_sender().is_ok())
    }

    /// Sends a datagram, or lets it wait.
    pub(super) fn send(&mut self, datagram: Datagram) {
        let Some(socket) = self.by_local.get(&datagram.local).map(|&index| &mut self.sockets[index]) else {
            self.unsent += 1;
            return;
        };
        if socket.waiting.is_empty() {
            match socket.io.try_send_to(&datagram.bytes, datagram.to) {
                Ok(_) => {
                    self.sent += 1;
                    return;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    // No way there, say: for a candidate that is nothing unusual.
                    tracing::trace!(%error, "a datagram could not be sent");
                    self.unsent += 1;
                    return;
                }
            }
        }
        if socket.waiting.len() < MAX_WAITING {
            self.sent += 1;
            socket.waiting.push_back((datagram.to, datagram.bytes));
        } else {
            self.unsent += 1;
        }
    }

    /// Sends what waited.
    pub(super) fn drain(&mut self) {
        for socket in &mut self.sockets {
            socket.drain();
        }
    }

    /// Whether the system's queue behind an address is full.
    pub(super) fn is_blocked(&self, local: SocketAddr) -> bool {
        self.by_local.get(&local).is_some_and(|&index| !self.sockets[index].waiting.is_empty())
    }
}
