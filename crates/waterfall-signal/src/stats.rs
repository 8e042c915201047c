//! What a node counts.

use std::sync::{Mutex, MutexGuard, PoisonError};

use waterfall_wire::EnvelopeError;

/// Why a record was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Refused {
    /// It is no envelope.
    Malformed,
    /// It is longer than an envelope, or than its kind allows.
    TooLong,
    /// It does not belong under the key it came with.
    ForeignKey,
    /// Its signature does not fit.
    Forged,
    /// It is past its time.
    Expired,
    /// It is dated in the future.
    Future,
    /// It claims a longer life than its kind may have.
    LivesTooLong,
    /// A later one under the same key is held.
    Stale,
    /// The store has no room that it would be right to give it.
    Full,
    /// Its sender sends too many.
    TooFast,
}

impl Refused {
    /// Every reason, in the order of [`Tally::iter`].
    pub const ALL: [Self; 10] = [
        Self::Malformed,
        Self::TooLong,
        Self::ForeignKey,
        Self::Forged,
        Self::Expired,
        Self::Future,
        Self::LivesTooLong,
        Self::Stale,
        Self::Full,
        Self::TooFast,
    ];
}

impl From<&EnvelopeError> for Refused {
    fn from(error: &EnvelopeError) -> Self {
        use waterfall_wire::DecodeError;
        match error {
            EnvelopeError::Decode(DecodeError::TooLong { .. }) | EnvelopeError::TooLong => Self::TooLong,
            EnvelopeError::Signature(_) => Self::Forged,
            EnvelopeError::Expired => Self::Expired,
            EnvelopeError::Future => Self::Future,
            EnvelopeError::LivesTooLong => Self::LivesTooLong,
            EnvelopeError::WrongKey => Self::ForeignKey,
            _ => Self::Malformed,
        }
    }
}

/// How often each [`Refused`] happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally([u64; Refused::ALL.len()]);

impl Tally {
    /// How often for this reason.
    #[must_use]
    pub fn get(&self, reason: Refused) -> u64 {
        self.0[reason as usize]
    }

    /// How often in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Each reason with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Refused, u64)> + '_ {
        Refused::ALL.into_iter().map(|reason| (reason, self.get(reason)))
    }

    pub(crate) fn add(&mut self, reason: Refused) {
        self.0[reason as usize] += 1;
    }
}

/// What a node has done and seen since its start, and what it holds now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Connected peers, now.
    pub peers: usize,
    /// Connections, now (a peer may have more than one for a moment).
    pub connections: usize,
    /// Peers in the Kademlia routing table, now.
    pub routing_table: usize,
    /// Whether this node is a DHT server, now.
    pub is_server: bool,
    /// Records held for others, now.
    pub records_held: usize,
    /// Their bytes, overhead included, now.
    pub bytes_held: usize,
    /// Own records in the outbox, now.
    pub records_own: usize,
    /// Those of them that are known to be held by at least one other node, now.
    pub records_placed: usize,
    /// Records of others stored, newer versions included.
    pub records_stored: u64,
    /// Records of others thrown out to make room.
    pub records_evicted: u64,
    /// Records that peers wanted stored and were not.
    pub records_refused: Tally,
    /// Records found on lookups that did not count.
    pub answers_refused: Tally,
    /// Own records that [`crate::Signal::put`] was given and were not taken.
    pub puts_refused: Tally,
    /// Provider records, which this network has no use for, refused.
    pub providers_refused: u64,
    /// Look-ups asked for ([`crate::Signal::get`]); callers that wait for the same record count once.
    pub gets: u64,
    /// Own records taken to be placed ([`crate::Signal::put`]), newer versions included.
    pub puts: u64,
    /// DHT queries started, whatever for: a look-up is one, placing a record about three.
    pub queries: u64,
    /// Holders of an older version, or of none, that were given the newest one found.
    pub repairs: u64,
    /// Questions asked.
    pub asks_sent: u64,
    /// Questions received and handed on.
    pub asks_received: u64,
    /// Questions refused: too fast, too many at once, or nobody took them.
    pub asks_refused: u64,
    /// Neighbours in the gossip meshes of all topics, now. Without any, what is gossiped reaches only those
    /// who happen to be connected.
    pub mesh_peers: usize,
    /// Gossip messages sent by this node.
    pub gossip_sent: u64,
    /// Gossip messages dropped unsent, for nobody subscribed in time or too many waited.
    pub gossip_unsent: u64,
    /// Gossip messages received and handed on.
    pub gossip_received: u64,
    /// Gossip messages that were ignored: too fast, or nobody took them.
    pub gossip_ignored: u64,
    /// Gossip messages that the application rejected.
    pub gossip_rejected: u64,
    /// Connections closed to stay within the limit.
    pub connections_trimmed: u64,
    /// Connections refused because the hard limit was reached.
    pub connections_refused: u64,
}

/// The counters, shared between the driver and its handles.
#[derive(Debug, Default)]
pub(crate) struct Counters(Mutex<Stats>);

impl Counters {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Stats> {
        // Counters stay usable whatever panicked while holding them.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
