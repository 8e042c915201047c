//! How an engine is set up.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::forward::RingLimits;
use crate::link::QueueLimits;

/// Most addresses that an engine binds: all of them go into each session as candidates.
pub const MAX_ADDRESSES: usize = 8;

/// Settings of an engine.
#[derive(Debug, Clone)]
pub struct Config {
    pub(super) addresses: Option<Vec<IpAddr>>,
    pub(super) port: u16,
    pub(super) audio_slots: u8,
    pub(super) video_slots: u8,
    pub(super) silence: Duration,
    pub(super) feeder_silence: (Duration, Duration),
    pub(super) filler: Duration,
    pub(super) ring: RingLimits,
    pub(super) queue: QueueLimits,
    pub(super) pacing_floor: u64,
    pub(super) socket_buffer: usize,
    pub(super) max_links: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            addresses: None,
            port: 0,
            audio_slots: 5,
            video_slots: 5,
            silence: Duration::from_millis(500),
            feeder_silence: (Duration::from_millis(60), Duration::from_millis(500)),
            filler: Duration::from_millis(20),
            ring: RingLimits::default(),
            queue: QueueLimits::default(),
            pacing_floor: 4_000_000,
            socket_buffer: 4 << 20,
            max_links: 256,
        }
    }
}

impl Config {
    /// The addresses to bind, at most [`MAX_ADDRESSES`]. By default those of all interfaces but the
    /// loopback and link-local ones, or 127.0.0.1 if there are none.
    pub fn addresses(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.addresses = Some(addresses.into_iter().collect());
        self
    }

    /// The UDP port, the same on all addresses; by default 0: the system picks one for each.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Slots of each kind that a link takes, 1-16; by default five and five, enough for five speakers.
    pub fn slots(mut self, audio: u8, video: u8) -> Self {
        (self.audio_slots, self.video_slots) = (audio.clamp(1, 16), video.clamp(1, 16));
        self
    }

    /// How long nothing may come over a tree edge that does not feed this node before
    /// [`Event::Silent`](super::Event::Silent); by default 500 ms, and not less than three intervals of the
    /// other end's fillers, up to 3.5 s. Less makes it cry wolf, more keeps the spots of children that are gone.
    pub fn silence(mut self, threshold: Duration) -> Self {
        self.silence = threshold;
        self
    }

    /// Bounds of the same for an edge that feeds this node ([`Engine::set_feeder`](super::Engine::set_feeder)); by
    /// default 60 ms to 500 ms. In between it follows the longest pauses of late, 1.5 of them and a filler
    /// interval, so that it stays at the lower bound on a quiet way. A lower `least` finds a dead relay sooner
    /// and takes two lost fillers for one; a higher `most` bears worse ways, and everything above
    /// is a gap that someone sees. `most` is never less than `least`.
    pub fn feeder_silence(mut self, least: Duration, most: Duration) -> Self {
        self.feeder_silence = (least, most.max(least));
        self
    }

    /// How long an edge may be idle before it says so; by default 20 ms, towards the end that feeds this
    /// node five times that; at most a second. The other end is told, and waits for three of them unless that is
    /// more than its own upper bound. More finds dead relays later, and above 160 ms makes others cry wolf; less
    /// costs processor time on every idle edge (3 ms a second at 20 ms, both ends together).
    pub fn filler(mut self, interval: Duration) -> Self {
        self.filler = interval.clamp(Duration::from_millis(1), Duration::from_secs(1));
        self
    }

    /// How much of each track is kept.
    pub fn ring(mut self, limits: RingLimits) -> Self {
        self.ring = limits;
        self
    }

    /// How much may wait for a link before frames are dropped.
    pub fn queue(mut self, limits: QueueLimits) -> Self {
        self.queue = limits;
        self
    }

    /// Bytes per second that a link may send even if that is more than twice the stream's rate; by
    /// default 4 000 000. Less makes joining slower, more overruns small socket buffers.
    pub fn pacing_floor(mut self, bytes_per_second: u64) -> Self {
        self.pacing_floor = bytes_per_second.max(1);
        self
    }

    /// Bytes to ask the system for as send and receive buffer of each socket; by default 4 MiB, of which
    /// the system may grant less.
    pub fn socket_buffer(mut self, bytes: usize) -> Self {
        self.socket_buffer = bytes;
        self
    }

    /// Most links at a time, half-open ones included; by default 256.
    pub fn max_links(mut self, links: usize) -> Self {
        self.max_links = links;
        self
    }

    /// The addresses that will be bound.
    pub(super) fn resolve(&self) -> Vec<IpAddr> {
        let mut addresses = match &self.addresses {
            Some(addresses) if !addresses.iter().any(IpAddr::is_unspecified) => addresses.clone(),
            _ => interfaces(),
        };
        addresses.sort_unstable();
        addresses.dedup();
        if addresses.is_empty() {
            addresses.push(Ipv4Addr::LOCALHOST.into());
        }
        addresses
    }
}

/// Addresses of all interfaces that a packet from elsewhere can reach.
fn interfaces() -> Vec<IpAddr> {
    let found = if_addrs::get_if_addrs().unwrap_or_else(|error| {
        tracing::warn!(%error, "the network interfaces could not be listed");
        Vec::new()
    });
    let usable = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local() && !ip.is_unspecified(),
        // A link-local address is worth nothing without its zone, which a candidate cannot carry.
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local() && !ip.is_unspecified(),
    };
    found.into_iter().map(|interface| interface.ip()).filter(usable).take(MAX_ADDRESSES).collect()
}
