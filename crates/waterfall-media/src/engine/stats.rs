//! What an engine has counted.

use std::net::SocketAddr;
use std::time::Duration;

use crate::forward::{GroupId, Kind, LinkId};

/// A snapshot of all counters. Bytes are those of payloads, without RTP and what is below it.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// By link, in order of their ids.
    pub links: Vec<LinkStats>,
    /// By group and track.
    pub tracks: Vec<TrackStats>,
    /// Datagrams on all sockets.
    pub datagrams: DatagramStats,
}

/// Datagrams on all sockets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DatagramStats {
    /// All that came.
    pub received: u64,
    /// From addresses that no link knows, or too long, or of no protocol that is spoken here.
    pub unknown: u64,
    /// STUN messages for no link.
    pub unknown_stun: u64,
    /// All that were sent.
    pub sent: u64,
    /// Not sent because the system's queue was full for too long.
    pub unsent: u64,
    /// Packets to publish that were for no track or did not say what they claim to be.
    pub unpublished: u64,
    /// Commands lost because the engine did not keep up; more than none is an error of the caller.
    pub lost_commands: u64,
}

/// Counters of one link.
#[derive(Debug, Clone)]
pub struct LinkStats {
    /// Which link.
    pub link: LinkId,
    /// Its group.
    pub group: GroupId,
    /// Whether it is connected.
    pub up: bool,
    /// Whether it is a tree edge.
    pub edge: bool,
    /// The other end's address, once found.
    pub remote: Option<SocketAddr>,
    /// Last round trip measured.
    pub rtt: Option<Duration>,
    /// What the way seems to carry, bytes per second; `None` while no limit has shown.
    pub estimate: Option<u64>,
    /// Media packets sent, first transmissions only.
    pub media_packets_sent: u64,
    /// Their bytes.
    pub media_bytes_sent: u64,
    /// Media packets received, first transmissions only.
    pub media_packets_received: u64,
    /// Their bytes.
    pub media_bytes_received: u64,
    /// Retransmissions sent.
    pub repair_packets_sent: u64,
    /// Their bytes.
    pub repair_bytes_sent: u64,
    /// Retransmissions received.
    pub repair_packets_received: u64,
    /// Their bytes.
    pub repair_bytes_received: u64,
    /// Packets that came over this link before any other.
    pub first_copy_packets: u64,
    /// Their bytes.
    pub first_copy_bytes: u64,
    /// Packets that another link, or this one, had brought before.
    pub duplicates: u64,
    /// Packets given up after all requests.
    pub lost: u64,
    /// Packets that the other end asked for again, repetitions included.
    pub nacked: u64,
    /// Payload bytes per second that arrived at the other end in the last ten seconds, as far as it
    /// asked for no more. What is sent while it is silent does not count.
    pub delivered_rate: u64,
    /// The share of packets, 0 to 1, that did not arrive there at first, in the same time.
    pub loss: f64,
    /// The pause that would be taken for silence now.
    pub silence: Duration,
    /// Pauses of an edge that feeds this node that were told as silence, and ended within the upper bound of
    /// [`Config::feeder_silence`](super::Config::feeder_silence).
    pub false_alarms: u64,
    /// Whether the other end says that it is being fed; `None` before it said anything.
    pub fed: Option<bool>,
    /// Control messages sent.
    pub messages_sent: u64,
    /// Control messages received.
    pub messages_received: u64,
    /// Packets that wait.
    pub queued_packets: u64,
    /// Their bytes.
    pub queued_bytes: u64,
    /// What was dropped.
    pub dropped: Drops,
}

/// What a link dropped, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drops {
    /// Datagrams that were not authentic, repeated, or came too early.
    pub refused: u64,
    /// Authentic, but not what it must be.
    pub malformed: u64,
    /// Of no known track.
    pub unknown_kid: u64,
    /// Over a link that is no tree edge.
    pub not_edge: u64,
    /// With a counter far from all others.
    pub out_of_range: u64,
    /// Not sent: all slots of the kind are taken.
    pub no_slot: u64,
    /// Not sent: the queue was full.
    pub overflow: u64,
}

/// Counters of one track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackStats {
    /// Its group.
    pub group: GroupId,
    /// Which track.
    pub kid: u32,
    /// Sound or pictures.
    pub kind: Kind,
    /// The highest counter received or published.
    pub highest: Option<u64>,
    /// The highest counter that a neighbour says it has.
    pub announced: Option<u64>,
    /// Packets kept.
    pub ring_packets: u64,
    /// Their bytes.
    pub ring_bytes: u64,
    /// Bytes per second over the last second.
    pub rate: u64,
    /// The longest time between two new packets in the last ten to twenty seconds, the present one included: what
    /// a change of parent anywhere above cost this node, if the speaker never paused.
    pub longest_pause: Duration,
}
