//! The records a node keeps: its own, and those that the DHT places on it.
//!
//! What others place is verified before it is stored and has a budget for each kind. When a kind
//! is full, room is made among the records of the source prefix (/24 or /48 of the peer that
//! brought them) that holds most of it, farthest from this node first; so one who fills the
//! store only throws out his own. Own records are pinned and never count against that budget.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;

use libp2p::PeerId;
use libp2p::kad::store::{Error as KadError, RecordStore, Result as KadResult};
use libp2p::kad::{self, KBucketDistance, KBucketKey, ProviderRecord};
use waterfall_wire::{Envelope, RecordKey, RecordKind, UnixMillis};

use crate::clock;
use crate::stats::Refused;

/// Most own records; more are refused. A room needs three and one per relay role, so this serves dozens of rooms.
pub(crate) const MAX_OWN: usize = 512;
/// What a record costs beside its bytes: map entry, key, distance, allocation.
const OVERHEAD: usize = 256;

/// Where a record came from, as coarse as one party usually owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Source {
    V4([u8; 3]),
    V6([u8; 6]),
}

impl From<IpAddr> for Source {
    fn from(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => {
                let [a, b, c, _] = ip.octets();
                Self::V4([a, b, c])
            }
            IpAddr::V6(ip) => {
                let [a, b, c, d, e, f, ..] = ip.octets();
                Self::V6([a, b, c, d, e, f])
            }
        }
    }
}

/// What became of an offered record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    /// It is new, or newer than what was held; so many others were thrown out for it.
    New { evicted: u64 },
    /// The very same was held already.
    Known,
}

#[derive(Debug)]
struct Held {
    envelope: Vec<u8>,
    kind: RecordKind,
    seq: UnixMillis,
    not_after: UnixMillis,
    source: Source,
    distance: KBucketDistance,
}

impl Held {
    fn cost(&self) -> usize {
        self.envelope.len() + OVERHEAD
    }
}

#[derive(Debug)]
struct Own {
    envelope: Vec<u8>,
    seq: UnixMillis,
    not_after: UnixMillis,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Store {
    local: KBucketKey<PeerId>,
    capacity: usize,
    own: HashMap<RecordKey, Own>,
    held: HashMap<RecordKey, Held>,
    /// Bytes held by kind and source; a kind's total is their sum.
    usage: HashMap<RecordKind, HashMap<Source, usize>>,
}

impl Store {
    /// A store of about `capacity` bytes for a node of this name.
    pub(crate) fn new(local: PeerId, capacity: usize) -> Self {
        let local = KBucketKey::from(local);
        Self { local, capacity, own: HashMap::new(), held: HashMap::new(), usage: HashMap::new() }
    }

    /// Most bytes of one kind. Node records are the many, key chunks the large.
    fn budget(&self, kind: RecordKind) -> usize {
        let percent = match kind {
            RecordKind::Charter | RecordKind::Entry | RecordKind::Letter | RecordKind::Owner => 10,
            RecordKind::KeyChunk => 25,
            RecordKind::Node => 30,
            // Small, and a node that takes callers has no more than a few.
            RecordKind::Doorbell => 5,
            // A kind that this build does not know does not decode, so it is never asked for.
            _ => 0,
        };
        self.capacity / 100 * percent
    }

    /// Checks a record that a peer brought and stores it if it counts and there is room for it.
    pub(crate) fn offer(
        &mut self,
        now: UnixMillis,
        key: RecordKey,
        envelope: Vec<u8>,
        source: Source,
    ) -> Result<Stored, Refused> {
        let header = Envelope::open(&envelope, &key, now).map_err(|e| Refused::from(&e))?;
        if let Some(own) = self.own.get(&key)
            && own.not_after > now
            && own.seq >= header.seq
        {
            return if own.envelope == envelope { Ok(Stored::Known) } else { Err(Refused::Stale) };
        }
        // A newer version keeps the first bringer's name: passing a record on must not make it ours to evict.
        let source = match self.held.get(&key) {
            Some(held) if held.envelope == envelope => return Ok(Stored::Known),
            Some(held) if held.seq >= header.seq => return Err(Refused::Stale),
            Some(held) => held.source,
            None => source,
        };
        self.remove_held(&key);
        let distance = KBucketKey::new(key.0.to_vec()).distance(&self.local);
        let held = Held { envelope, kind: header.kind, seq: header.seq, not_after: header.not_after, source, distance };
        *self.usage.entry(held.kind).or_default().entry(source).or_default() += held.cost();
        self.held.insert(key, held);
        self.make_room(header.kind, &key)
    }

    fn make_room(&mut self, kind: RecordKind, newcomer: &RecordKey) -> Result<Stored, Refused> {
        let budget = self.budget(kind);
        let mut evicted = 0;
        while let Some(source) = self.largest_source(kind, budget) {
            let of_source = self.held.iter().filter(|(_, h)| h.kind == kind && h.source == source);
            let Some(victim) = of_source.max_by_key(|(_, h)| h.distance).map(|(key, _)| *key) else { break };
            self.remove_held(&victim);
            if victim == *newcomer {
                return Err(Refused::Full);
            }
            evicted += 1;
        }
        Ok(Stored::New { evicted })
    }

    /// The source that holds most of a kind, if the kind is over its budget.
    fn largest_source(&self, kind: RecordKind, budget: usize) -> Option<Source> {
        let by_source = self.usage.get(&kind)?;
        if by_source.values().sum::<usize>() <= budget {
            return None;
        }
        by_source.iter().max_by_key(|(source, bytes)| (**bytes, **source)).map(|(source, _)| *source)
    }

    fn remove_held(&mut self, key: &RecordKey) {
        let Some(held) = self.held.remove(key) else { return };
        if let Some(by_source) = self.usage.get_mut(&held.kind)
            && let Some(bytes) = by_source.get_mut(&held.source)
        {
            *bytes -= held.cost();
            if *bytes == 0 {
                by_source.remove(&held.source);
            }
        }
    }

    /// Pins an own record; the caller has opened it. A version older than the pinned one is refused.
    pub(crate) fn pin(
        &mut self,
        key: RecordKey,
        envelope: Vec<u8>,
        seq: UnixMillis,
        not_after: UnixMillis,
    ) -> Result<(), Refused> {
        match self.own.get(&key) {
            Some(own) if own.seq > seq => return Err(Refused::Stale),
            None if self.own.len() >= MAX_OWN => return Err(Refused::Full),
            _ => {}
        }
        self.own.insert(key, Own { envelope, seq, not_after });
        Ok(())
    }

    /// Lets go of an own record.
    pub(crate) fn unpin(&mut self, key: &RecordKey) {
        self.own.remove(key);
    }

    /// The latest version here that still counts, own or held.
    pub(crate) fn newest(&self, key: &RecordKey, now: UnixMillis) -> Option<&[u8]> {
        let own = self.own.get(key).filter(|r| r.not_after > now).map(|r| (r.seq, &r.envelope));
        let held = self.held.get(key).filter(|r| r.not_after > now).map(|r| (r.seq, &r.envelope));
        own.into_iter().chain(held).max_by_key(|(seq, _)| *seq).map(|(_, envelope)| envelope.as_slice())
    }

    /// Keys of own records.
    pub(crate) fn own_keys(&self) -> impl Iterator<Item = RecordKey> + '_ {
        self.own.keys().copied()
    }

    /// Keys of records held for others.
    pub(crate) fn held_keys(&self) -> impl Iterator<Item = RecordKey> + '_ {
        self.held.keys().copied()
    }

    /// Forgets what has expired; returns own records among it.
    pub(crate) fn expire(&mut self, now: UnixMillis) -> Vec<RecordKey> {
        let dead: Vec<_> = self.held.iter().filter(|(_, h)| h.not_after <= now).map(|(k, _)| *k).collect();
        dead.iter().for_each(|key| self.remove_held(key));
        let own: Vec<_> = self.own.iter().filter(|(_, o)| o.not_after <= now).map(|(k, _)| *k).collect();
        own.iter().for_each(|key| self.unpin(key));
        own
    }

    /// How many records are held for others, and their bytes with overhead.
    pub(crate) fn held_size(&self) -> (usize, usize) {
        (self.held.len(), self.usage.values().flat_map(HashMap::values).sum())
    }

    /// How many own records there are.
    pub(crate) fn own_len(&self) -> usize {
        self.own.len()
    }
}

/// A key of this network among Kademlia's, which may be of any length.
pub(crate) fn record_key(key: &kad::RecordKey) -> Option<RecordKey> {
    key.as_ref().try_into().ok().map(RecordKey)
}

/// Kademlia only reads here: it is configured to hand every incoming record to the driver, which
/// calls [`Store::offer`], and to republish nothing by itself.
impl RecordStore for Store {
    type RecordsIter<'a> = std::iter::Empty<Cow<'a, kad::Record>>;
    type ProvidedIter<'a> = std::iter::Empty<Cow<'a, ProviderRecord>>;

    fn get(&self, key: &kad::RecordKey) -> Option<Cow<'_, kad::Record>> {
        let envelope = self.newest(&record_key(key)?, clock::now())?;
        Some(Cow::Owned(kad::Record::new(key.clone(), envelope.to_vec())))
    }

    fn put(&mut self, _: kad::Record) -> KadResult<()> {
        Err(KadError::MaxRecords)
    }

    fn remove(&mut self, _: &kad::RecordKey) {}

    fn records(&self) -> Self::RecordsIter<'_> {
        std::iter::empty()
    }

    fn add_provider(&mut self, _: ProviderRecord) -> KadResult<()> {
        Err(KadError::MaxProvidedKeys)
    }

    fn providers(&self, _: &kad::RecordKey) -> Vec<ProviderRecord> {
        Vec::new()
    }

    fn provided(&self) -> Self::ProvidedIter<'_> {
        std::iter::empty()
    }

    fn remove_provider(&mut self, _: &kad::RecordKey, _: &PeerId) {}
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
