//! Tracks and events: what speakers say to the whole room. Floods over the tree's edges.

use tokio::time::Instant;
use waterfall_keys::{TrackSealer, random, seal_event};
use waterfall_media::forward::TrackConfig;
use waterfall_wire::{Kid, LinkMessage, MAX_SPEAKERS, NodeId, PROTOCOL_VERSION, RoomEvent, RoomEventBody, Signed};

use super::Driver;
use crate::clock::unix_now;
use crate::event::Event;
use crate::{PublishError, TrackSpec, convert};

impl Driver {
    /// Lists tracks of ours and makes their sealers.
    pub(super) fn publish(&mut self, specs: &[TrackSpec]) -> Result<Vec<(Kid, TrackSealer)>, PublishError> {
        let me = self.shared.node_id();
        if !self.secrets.may_speak(&me) {
            return Err(PublishError::NotGranted);
        }
        if self.catalogues.other_speakers(&me) >= MAX_SPEAKERS {
            return Err(PublishError::TooManySpeakers);
        }
        if specs.iter().any(TrackSpec::is_too_long) {
            return Err(PublishError::TooLong);
        }
        let epoch = self.secrets.epoch;
        let started = self.own.add(specs.iter().map(|spec| spec.track(epoch, random())))?;
        let sealers = started
            .into_iter()
            .map(|(kid, start)| (kid, TrackSealer::new(&self.secrets.epoch_key, &self.shared.identity, kid, start)));
        let sealers = sealers.collect();
        self.spread_own_catalogue();
        Ok(sealers)
    }

    /// Takes in a catalogue and passes it on if it says anything new.
    pub(super) fn take_catalogue(&mut self, signed: Signed, from: Option<NodeId>) {
        let Some(change) = self.catalogues.accept(signed.clone(), &self.secrets) else { return };
        let group = self.registration.group;
        for kid in &change.removed {
            self.shared.engine.remove_track(group, kid.0);
        }
        for track in &change.added {
            let kind = convert::kind_to_media(track.kind());
            self.shared.engine.add_track(group, track.id.0, TrackConfig { kind, clock_rate: track.clock_rate });
        }
        self.outlets.catalogue.send_replace(self.catalogues.tracks());
        change.events().for_each(|event| self.emit(event));
        self.flood(&LinkMessage::Catalogue(signed), from);
    }

    fn flood(&self, message: &LinkMessage, except: Option<NodeId>) {
        for peer in self.links.feeding() {
            if Some(peer) != except {
                self.send(&peer, message);
            }
        }
    }

    pub(super) fn spread_own_catalogue(&mut self) {
        let signed = self.own.sign(&self.shared.identity);
        self.take_catalogue(signed, None);
    }

    /// Says something to the whole room.
    pub(super) fn announce(&mut self, body: RoomEventBody) {
        let event = RoomEvent {
            version: PROTOCOL_VERSION,
            room: self.secrets.room,
            from: self.shared.node_id(),
            at: unix_now(),
            body,
        };
        let signed = Signed::new(&event, &self.shared.identity);
        let topic = self.secrets.epoch_key.topic();
        self.shared.signal.gossip(topic, seal_event(&self.secrets.epoch_key, &signed));
        self.take_event(&signed, event);
    }

    /// Takes a room event in and passes it on down the tree. Whether it was new and meant anything.
    pub(super) fn take_event(&mut self, signed: &Signed, event: RoomEvent) -> bool {
        if !self.secrets.charter.delegates.contains(&event.from) {
            return false;
        }
        match event.body {
            // A notice is for its recipient, and is not passed on down the tree.
            RoomEventBody::Letter { .. } => false,
            RoomEventBody::Ended if self.ended.is_some() => false,
            RoomEventBody::Ended => {
                self.room_ended(Some(signed));
                true
            }
        }
    }

    /// The room is over, by a delegate's word, which is passed on, or by its entry record.
    pub(super) fn room_ended(&mut self, word: Option<&Signed>) {
        if self.ended.is_some() {
            return;
        }
        self.ended = Some(Instant::now());
        if let Some(signed) = word {
            self.last_event = Some(signed.clone());
            self.flood(&LinkMessage::Event(signed.clone()), None);
        }
        self.update_entry();
        self.records.write_due(&self.shared.signal, &self.secrets, &self.shared.identity, true);
        self.update_status();
        self.emit(Event::Ended);
    }
}
