//! The viewer's side of a track.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use sframe::frame::EncryptedFrameView;
use sframe::key::DecryptionKey;
use waterfall_wire::{Ctr, Kid, NodeId};

use super::group::{self, Entry};
use super::packet::{Packet, ParseError, Trailer, parse};
use super::window::Window;
use super::{Metadata, SUITE, TrackContext, metadata};
use crate::EpochKey;

/// Most packets that wait for their signature: eight groups of the largest size.
const MAX_HELD: usize = 4_096;
/// Most bytes of data that wait for their signature: eight groups of the largest size.
const MAX_HELD_BYTES: usize = 8 * 1024 * 1024;

/// A packet that its speaker has signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Its number in the track.
    pub ctr: Ctr,
    /// The flags; [`super::SIGNED`] tells whether it ended a group.
    pub flags: u8,
    /// RTP timestamp, as it was sealed.
    pub timestamp: u32,
    /// RTP marker, as it was sealed.
    pub marker: bool,
    /// What was sealed.
    pub data: Bytes,
}

/// Why a packet was not taken. It leaves no trace but a count, [`Self::BadSignature`] excepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It is no media packet.
    #[error(transparent)]
    Malformed(#[from] ParseError),
    /// It is another track's.
    #[error("the media packet is of another track")]
    WrongTrack,
    /// It is held or was yielded already.
    #[error("the media packet came before")]
    Duplicate,
    /// It is so far behind that it cannot be told from one that was yielded.
    #[error("the media packet comes too late")]
    TooLate,
    /// It was not sealed with the track's key, or was altered, or its timestamp or marker was.
    #[error("the media packet was not made by a member, or was altered")]
    Forged,
    /// It completed a group which the speaker has not signed. The whole group was dropped, as
    /// there is no telling which packet is wrong; the right ones are taken if they come again.
    #[error("the media packets are not signed by the speaker")]
    BadSignature,
}

/// What an opener has done so far. Counts are of packets unless they say otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Verified and yielded.
    pub opened: u64,
    /// Refused as malformed, another track's, or forged.
    pub refused: u64,
    /// Refused as duplicates or as too late.
    pub repeated: u64,
    /// Groups that were dropped over a wrong signature.
    pub bad_groups: u64,
    /// Dropped without having been verified: with a bad group, or because too much was held, or
    /// because the track went on without them.
    pub dropped: u64,
    /// Waiting for a signature now.
    pub held: usize,
    /// Bytes of data waiting for a signature now.
    pub held_bytes: usize,
}

struct Held {
    entry: Entry,
    data: Bytes,
    trailer: Option<Trailer>,
    /// Its place in the order of arrival.
    arrival: u64,
}

/// The packets a signature is over, all of which have not yet come.
struct Group {
    first: Ctr,
    /// The lowest counter that was missing when last looked at.
    awaits: Ctr,
}

/// Opens and verifies the packets of one start of a track.
///
/// Packets are decrypted as they come and held until a signature that covers them has come too,
/// in any order. Bounded: at most 4 096 packets and 8 MiB are held; beyond, those that came first
/// are dropped. Counters mean nothing for what is kept until they are verified, so a member that
/// forges packets far ahead gains nothing by it.
pub struct TrackOpener {
    key: DecryptionKey,
    context: TrackContext,
    held: BTreeMap<Ctr, Held>,
    held_bytes: usize,
    arrivals: BTreeMap<u64, Ctr>,
    next_arrival: u64,
    /// By last counter.
    groups: BTreeMap<Ctr, Group>,
    yielded: Window,
    stats: Stats,
}

impl TrackOpener {
    /// An opener for the track that the speaker's catalogue lists with this `kid` and `start`.
    #[must_use]
    pub fn new(key: &EpochKey, speaker: NodeId, kid: Kid, start: [u8; 16]) -> Self {
        let base_key = key.media(&speaker, kid, &start);
        Self {
            key: DecryptionKey::derive_from(SUITE, u64::from(kid.0), &*base_key)
                .expect("the suite is built in and its key lengths fit HKDF"),
            context: TrackContext::new(key, speaker, kid, start),
            held: BTreeMap::new(),
            held_bytes: 0,
            arrivals: BTreeMap::new(),
            next_arrival: 0,
            groups: BTreeMap::new(),
            yielded: Window::new(),
            stats: Stats::default(),
        }
    }

    /// What was done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats { held: self.held.len(), held_bytes: self.held_bytes, ..self.stats }
    }

    /// Takes a packet, with the timestamp and marker of its RTP header. Gives the packets of the
    /// group that it completes, in order; often none. Groups come out as they are completed,
    /// which after a loss need not be the order of their counters.
    ///
    /// # Errors
    /// [`OpenError`] when the packet, or the group that it completes, is not the speaker's. Never
    /// panics.
    pub fn open(&mut self, timestamp: u32, marker: bool, payload: impl AsRef<[u8]>) -> Result<Vec<Opened>, OpenError> {
        let result = self.take(timestamp, marker, payload.as_ref());
        match &result {
            Ok(group) => self.stats.opened += group.len() as u64,
            Err(OpenError::Duplicate | OpenError::TooLate) => self.stats.repeated += 1,
            Err(OpenError::BadSignature) => self.stats.bad_groups += 1,
            Err(_) => self.stats.refused += 1,
        }
        result
    }

    fn take(&mut self, timestamp: u32, marker: bool, payload: &[u8]) -> Result<Vec<Opened>, OpenError> {
        let packet = parse(payload)?;
        if packet.kid != self.context.kid {
            return Err(OpenError::WrongTrack);
        }
        // Cheap refusals first: most duplicates never cost a decryption.
        if packet.ctr < self.yielded.floor() {
            return Err(OpenError::TooLate);
        }
        if self.yielded.contains(packet.ctr) || self.held.contains_key(&packet.ctr) {
            return Err(OpenError::Duplicate);
        }
        let metadata = metadata(packet.flags, timestamp, marker);
        let data = self.decrypt(&packet, &metadata)?;
        self.hold(&packet, group::entry(&metadata, packet.sframe), data);
        match self.completed_by(packet.ctr) {
            Some((first, last)) => self.release(first, last),
            None => Ok(Vec::new()),
        }
    }

    fn decrypt(&self, packet: &Packet<'_>, metadata: &Metadata) -> Result<Bytes, OpenError> {
        let mut frame = Vec::new();
        EncryptedFrameView::try_with_meta_data(packet.sframe, metadata)
            .and_then(|view| view.decrypt_into(&self.key, &mut frame).map(|_| ()))
            .map_err(|_| OpenError::Forged)?;
        Ok(Bytes::from(frame).slice(metadata.len()..))
    }

    fn hold(&mut self, packet: &Packet<'_>, entry: Entry, data: Bytes) {
        while self.held.len() >= MAX_HELD || self.held_bytes + data.len() > MAX_HELD_BYTES {
            let Some((_, &oldest)) = self.arrivals.first_key_value() else { break };
            self.drop_held(oldest);
        }
        let arrival = self.next_arrival;
        self.next_arrival += 1;
        self.arrivals.insert(arrival, packet.ctr);
        self.held_bytes += data.len();
        self.held.insert(packet.ctr, Held { entry, data, trailer: packet.trailer, arrival });
        if let Some(trailer) = packet.trailer {
            let first = packet.ctr + 1 - u64::from(trailer.count);
            self.groups.insert(packet.ctr, Group { first, awaits: first });
        }
    }

    /// The group that the packet just held has completed, if any.
    ///
    /// Groups of a speaker do not overlap, so the packet belongs to the group that ends next or to
    /// none that is known. Where a forged packet pretends otherwise, it stands in the place of a
    /// true one, and that place's group could not be completed anyway.
    fn completed_by(&mut self, ctr: Ctr) -> Option<(Ctr, Ctr)> {
        let (&last, group) = self.groups.range_mut(ctr..).next()?;
        if group.first > ctr || (group.awaits != ctr && last != ctr) {
            return None;
        }
        // Only the search from the packet awaited on is repeated, so all the searches of a group
        // together pass over it once. From the start at the end, as packets may have been dropped.
        let held = &self.held;
        let missing = |from: Ctr| (from..=last).find(|ctr| !held.contains_key(ctr));
        match missing(group.awaits).or_else(|| missing(group.first)) {
            Some(awaits) => {
                group.awaits = awaits;
                None
            }
            None => Some((group.first, last)),
        }
    }

    /// Verifies a group that is complete: yields it, or drops it.
    fn release(&mut self, first: Ctr, last: Ctr) -> Result<Vec<Opened>, OpenError> {
        let group: Vec<_> = (first..=last).filter_map(|ctr| Some((ctr, self.remove(ctr)?))).collect();
        let entries: Vec<_> = group.iter().map(|(_, held)| held.entry).collect();
        let signed = group
            .last()
            .and_then(|(_, held)| held.trailer)
            .is_some_and(|trailer| group::verify(&self.context, last, &entries, &trailer.signature));
        if !signed {
            self.stats.dropped += group.len() as u64;
            return Err(OpenError::BadSignature);
        }
        for ctr in first..=last {
            self.yielded.insert(ctr);
        }
        self.drop_passed();
        Ok(group.into_iter().map(|(ctr, held)| opened(ctr, held)).collect())
    }

    /// Drops what can no longer be yielded, the window having moved on.
    fn drop_passed(&mut self) {
        while let Some((&ctr, _)) = self.held.first_key_value() {
            if ctr >= self.yielded.floor() {
                break;
            }
            self.drop_held(ctr);
        }
    }

    fn drop_held(&mut self, ctr: Ctr) {
        if self.remove(ctr).is_some() {
            self.stats.dropped += 1;
        }
    }

    fn remove(&mut self, ctr: Ctr) -> Option<Held> {
        let held = self.held.remove(&ctr)?;
        self.held_bytes -= held.data.len();
        self.arrivals.remove(&held.arrival);
        self.groups.remove(&ctr);
        Some(held)
    }
}

fn opened(ctr: Ctr, held: Held) -> Opened {
    let [flags, a, b, c, d, marker, ..] = held.entry;
    Opened { ctr, flags, timestamp: u32::from_be_bytes([a, b, c, d]), marker: marker != 0, data: held.data }
}

impl fmt::Debug for TrackOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrackOpener")
            .field("kid", &self.context.kid)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
