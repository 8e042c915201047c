//! Who speaks in the room and with what tracks.

use std::collections::BTreeMap;
use std::sync::Arc;

use waterfall_wire::{
    Catalogue, Kid, MAX_SPEAKERS, MAX_TRACKS_PER_SPEAKER, NodeId, PROTOCOL_VERSION, Signed, SigningKey, Track,
    UnixMillis,
};

use crate::driver::secrets::Secrets;
use crate::subscribe::TrackInfo;
use crate::{Event, PublishError};

/// What a catalogue changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    /// Tracks that are new.
    pub(crate) added: Vec<TrackInfo>,
    /// Tracks that ended.
    pub(crate) ended: Vec<Kid>,
    /// Tracks that are no longer listed at all.
    pub(crate) removed: Vec<Kid>,
}

impl Change {
    pub(crate) fn events(&self) -> impl Iterator<Item = Event> + '_ {
        let added = self.added.iter().cloned().map(Event::TrackAdded);
        added.chain(self.ended.iter().copied().map(Event::TrackEnded))
    }
}

#[derive(Debug)]
struct Known {
    signed: Signed,
    catalogue: Catalogue,
}

impl Known {
    fn silent(&self) -> bool {
        self.catalogue.tracks.iter().all(|track| track.ended.is_some())
    }
}

/// The newest catalogue of each speaker; at most [`MAX_SPEAKERS`].
#[derive(Debug, Default)]
pub(crate) struct Catalogues {
    known: BTreeMap<NodeId, Known>,
}

impl Catalogues {
    /// Takes a catalogue in if it is validly signed, newer, and its speaker may speak.
    /// `None` when it changes nothing and so need not be passed on.
    pub(crate) fn accept(&mut self, signed: Signed, secrets: &Secrets) -> Option<Change> {
        let catalogue: Catalogue = signed.verify().ok()?.body;
        if !secrets.may_speak(&catalogue.speaker) {
            return None;
        }
        let before = self.known.get(&catalogue.speaker);
        if before.is_some_and(|known| known.catalogue.revision >= catalogue.revision) {
            return None;
        }
        let mut change = Change::default();
        if before.is_none() {
            self.make_room(&mut change)?;
        }
        self.settle_collisions(&catalogue, &mut change)?;
        let before = self.known.get(&catalogue.speaker).map_or(&[][..], |known| &known.catalogue.tracks);
        for track in &catalogue.tracks {
            match before.iter().find(|old| old.kid == track.kid) {
                None => change.added.push(TrackInfo::new(&catalogue, track)),
                Some(old) if old.ended.is_none() && track.ended.is_some() => change.ended.push(track.kid),
                Some(_) => {}
            }
        }
        let gone = before.iter().filter(|old| catalogue.tracks.iter().all(|track| track.kid != old.kid));
        change.removed.extend(gone.map(|old| old.kid));
        self.known.insert(catalogue.speaker, Known { signed, catalogue });
        Some(change)
    }

    /// A full room takes a new speaker only in the place of one whose tracks have all ended.
    fn make_room(&mut self, change: &mut Change) -> Option<()> {
        if self.known.len() < MAX_SPEAKERS {
            return Some(());
        }
        let silent = self.known.iter().find(|(_, known)| known.silent()).map(|(speaker, _)| *speaker)?;
        self.remove(&silent, change);
        Some(())
    }

    /// Two speakers whose ids begin alike could claim one key id. The lesser node id keeps it, so
    /// that everyone decides alike whatever came first.
    fn settle_collisions(&mut self, catalogue: &Catalogue, change: &mut Change) -> Option<()> {
        let clashes = |other: &Catalogue| {
            other.speaker != catalogue.speaker
                && other.tracks.iter().any(|a| catalogue.tracks.iter().any(|b| a.kid == b.kid))
        };
        let rivals: Vec<NodeId> = self
            .known
            .values()
            .filter(|known| clashes(&known.catalogue))
            .map(|known| known.catalogue.speaker)
            .collect();
        if rivals.iter().any(|rival| *rival < catalogue.speaker) {
            return None;
        }
        for rival in rivals {
            self.remove(&rival, change);
        }
        Some(())
    }

    fn remove(&mut self, speaker: &NodeId, change: &mut Change) {
        if let Some(known) = self.known.remove(speaker) {
            change.removed.extend(known.catalogue.tracks.iter().map(|track| track.kid));
        }
    }

    /// All catalogues, for a new neighbour.
    pub(crate) fn signed(&self) -> impl Iterator<Item = &Signed> {
        self.known.values().map(|known| &known.signed)
    }

    /// All tracks, for the room's users.
    pub(crate) fn tracks(&self) -> Arc<[TrackInfo]> {
        let all = self
            .known
            .values()
            .flat_map(|known| known.catalogue.tracks.iter().map(|track| TrackInfo::new(&known.catalogue, track)));
        all.collect()
    }

    /// How many others speak now.
    pub(crate) fn other_speakers(&self, me: &NodeId) -> usize {
        self.known.iter().filter(|(speaker, known)| *speaker != me && !known.silent()).count()
    }
}

/// This node's own catalogue.
#[derive(Debug)]
pub(crate) struct OwnCatalogue {
    catalogue: Catalogue,
    next_index: u8,
}

impl OwnCatalogue {
    pub(crate) fn new(speaker: NodeId, now: UnixMillis) -> Self {
        // Revisions begin at the time, so that a node which keeps its key and starts again is
        // newer than what the room remembers of it.
        let catalogue =
            Catalogue { version: PROTOCOL_VERSION, speaker, revision: now.0, origin: now, tracks: Vec::new() };
        Self { catalogue, next_index: 0 }
    }

    /// The id of the next track.
    fn next_kid(&mut self) -> Option<Kid> {
        // 256 starts per process: an id that an older track still holds is passed over.
        for _ in 0..=u8::MAX {
            let kid = Kid::new(&self.catalogue.speaker, self.next_index);
            self.next_index = self.next_index.wrapping_add(1);
            if self.catalogue.tracks.iter().all(|track| track.kid != kid) {
                return Some(kid);
            }
        }
        None
    }

    /// Lists tracks, all or none; the oldest ended ones make room if need be. Their ids and starts.
    pub(crate) fn add(
        &mut self,
        new: impl ExactSizeIterator<Item = Track>,
    ) -> Result<Vec<(Kid, [u8; 16])>, PublishError> {
        let running = self.catalogue.tracks.iter().filter(|track| track.ended.is_none()).count();
        if running + new.len() > MAX_TRACKS_PER_SPEAKER {
            return Err(PublishError::TooManyTracks);
        }
        let mut started = Vec::with_capacity(new.len());
        for mut track in new {
            if self.catalogue.tracks.len() >= MAX_TRACKS_PER_SPEAKER {
                let ended = self.catalogue.tracks.iter().position(|track| track.ended.is_some());
                self.catalogue.tracks.remove(ended.ok_or(PublishError::TooManyTracks)?);
            }
            track.kid = self.next_kid().ok_or(PublishError::TooManyTracks)?;
            started.push((track.kid, track.start));
            self.catalogue.tracks.push(track);
        }
        Ok(started)
    }

    /// Marks a track as ended after so many packets.
    pub(crate) fn end(&mut self, kid: Kid, packets: u64) {
        if let Some(track) = self.catalogue.tracks.iter_mut().find(|track| track.kid == kid) {
            track.ended = Some(packets);
        }
    }

    /// The catalogue as it now stands, one revision on.
    pub(crate) fn sign(&mut self, key: &SigningKey) -> Signed {
        self.catalogue.revision += 1;
        Signed::new(&self.catalogue, key)
    }
}
