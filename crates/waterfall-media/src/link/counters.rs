//! What a link counts.

/// What a link counts. Bytes are those of payloads, without RTP and what is below it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) media_packets_sent: u64,
    pub(crate) media_bytes_sent: u64,
    pub(crate) media_packets_received: u64,
    pub(crate) media_bytes_received: u64,
    pub(crate) repair_packets_sent: u64,
    pub(crate) repair_bytes_sent: u64,
    pub(crate) repair_packets_received: u64,
    pub(crate) repair_bytes_received: u64,
    pub(crate) first_copy_packets: u64,
    pub(crate) first_copy_bytes: u64,
    pub(crate) duplicates: u64,
    pub(crate) refused: u64,
    pub(crate) malformed: u64,
    pub(crate) unknown_kid: u64,
    pub(crate) not_edge: u64,
    pub(crate) out_of_range: u64,
    pub(crate) no_slot: u64,
    pub(crate) overflowed: u64,
    pub(crate) nacked: u64,
    pub(crate) messages_sent: u64,
    pub(crate) messages_received: u64,
}
