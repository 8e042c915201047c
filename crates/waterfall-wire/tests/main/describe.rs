//! Values as JSON that a person can read beside their bytes: byte strings in hex, enums by name.

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use waterfall_wire::{
    Address, Answer, Ask, AskBody, Candidate, Catalogue, Certified, Charter, Climber, Contact, Doorbell, Down, Entry,
    Have, Header, KeyChunk, Mark, NodeId, NodeRecord, Offer, Owner, Recipients, Reply, ReplyBody, Ring, RoomEvent,
    RoomEventBody, Routed, Session, Speakers, Spot, Summary, Ticket, Track, TreeMessage,
};

/// A value's fields by name.
pub(crate) trait Describe {
    fn describe(&self) -> Value;
}

pub(crate) fn hex(bytes: &[u8]) -> Value {
    Value::from(HEXLOWER.encode(bytes))
}

fn name(variant: &impl std::fmt::Debug) -> Value {
    Value::from(format!("{variant:?}"))
}

impl<T: Describe> Describe for Vec<T> {
    fn describe(&self) -> Value {
        self.iter().map(Describe::describe).collect()
    }
}

impl<T: Describe> Describe for Option<T> {
    fn describe(&self) -> Value {
        self.as_ref().map_or(Value::Null, Describe::describe)
    }
}

impl Describe for NodeId {
    fn describe(&self) -> Value {
        hex(&self.0)
    }
}

impl Describe for Address {
    fn describe(&self) -> Value {
        hex(&self.0)
    }
}

impl Describe for Contact {
    fn describe(&self) -> Value {
        json!({ "node": self.node.describe(), "addresses": self.addresses.to_vec().describe() })
    }
}

impl Describe for Spot {
    fn describe(&self) -> Value {
        json!({ "contact": self.contact.describe(), "depth": self.depth, "free": self.free, "proven": self.proven })
    }
}

impl Describe for Mark {
    fn describe(&self) -> Value {
        json!({ "counter": self.counter, "depth": self.depth })
    }
}

impl Describe for Summary {
    fn describe(&self) -> Value {
        json!({
            "size": self.size, "height": self.height, "spots": self.spots.describe(), "open": self.open,
            "wards": self.wards.describe(),             "strength": self.strength, "climber": self.climber.describe(),
        })
    }
}

impl Describe for Climber {
    fn describe(&self) -> Value {
        json!({
            "contact": self.contact.describe(), "strength": self.strength, "size": self.size, "staying": self.staying,
        })
    }
}

impl Describe for Down {
    fn describe(&self) -> Value {
        json!({
            "mark": self.mark.describe(), "path": self.path.describe(), "starving": self.starving,
            "outside": self.outside.describe(), "beside": self.beside.describe(), "stand": self.stand.describe(),
            "lag": self.lag,
        })
    }
}

impl Describe for TreeMessage {
    fn describe(&self) -> Value {
        match self {
            Self::Attach { role, advertised, summary } => json!({ "Attach": {
                "role": name(role), "advertised": advertised.describe(), "summary": summary.describe(),
            } }),
            Self::Attached(down) => json!({ "Attached": down.describe() }),
            Self::Refused { reason, spots } => {
                json!({ "Refused": { "reason": name(reason), "spots": spots.describe() } })
            }
            Self::Summary(summary) => json!({ "Summary": summary.describe() }),
            Self::Down(down) => json!({ "Down": down.describe() }),
            Self::Mark(mark) => json!({ "Mark": mark.describe() }),
            Self::Leaving { spots } => json!({ "Leaving": { "spots": spots.describe() } }),
            Self::Detach => json!("Detach"),
            Self::Count(above) => json!({ "Count": above }),
            Self::Starving => json!("Starving"),
            Self::Move { spots } => json!({ "Move": { "spots": spots.describe() } }),
            Self::Rise { node, to } => json!({ "Rise": { "node": node.describe(), "to": to.describe() } }),
        }
    }
}

impl Describe for Charter {
    fn describe(&self) -> Value {
        let speakers = match &self.speakers {
            Speakers::Everyone => json!("Everyone"),
            Speakers::Only(nodes) => json!({ "Only": nodes.describe() }),
        };
        json!({
            "epoch": self.epoch.0, "access": name(&self.access), "chunk_count": self.chunk_count,
            "speakers": speakers, "expelled": self.expelled.describe(), "delegates": self.delegates.describe(),
            "title": self.title,
        })
    }
}

impl Describe for Entry {
    fn describe(&self) -> Value {
        json!({ "participants": self.participants.describe(), "ended": self.ended })
    }
}

impl Describe for KeyChunk {
    fn describe(&self) -> Value {
        json!({ "epoch": self.epoch.0, "index": self.index, "message": hex(&self.message),
            "recipients": hex(&self.recipients) })
    }
}

impl Describe for Recipients {
    fn describe(&self) -> Value {
        json!({ "fingerprints": self.fingerprints.iter().map(|one| hex(one.as_bytes())).collect::<Vec<_>>() })
    }
}

impl Describe for Certified {
    fn describe(&self) -> Value {
        json!({ "certificate": hex(&self.certificate), "signature": hex(&self.signature) })
    }
}

impl Describe for Owner {
    fn describe(&self) -> Value {
        json!({ "certified": self.certified.describe() })
    }
}

impl Describe for NodeRecord {
    fn describe(&self) -> Value {
        json!({
            "depth": self.depth, "parent": self.parent.describe(), "children": self.children.describe(),
            "fan_out": self.fan_out, "size": self.size, "height": self.height, "spots": self.spots.describe(),
            "contact": self.contact.describe(),
        })
    }
}

impl Describe for Header {
    fn describe(&self) -> Value {
        json!({
            "version": self.version, "kind": name(&self.kind), "write_key": hex(&self.write_key),
            "salt": hex(&self.salt), "seq": self.seq.0, "not_after": self.not_after.0,
            "ciphertext": hex(&self.ciphertext),
        })
    }
}

impl Describe for Candidate {
    fn describe(&self) -> Value {
        json!({ "kind": name(&self.kind), "address": self.address.to_string() })
    }
}

impl Describe for Session {
    fn describe(&self) -> Value {
        json!({
            "ufrag": self.ufrag, "pwd": self.pwd, "fingerprint": hex(&self.fingerprint),
            "ssrc_base": self.ssrc_base, "audio_slots": self.audio_slots, "video_slots": self.video_slots,
            "candidates": self.candidates.describe(),
        })
    }
}

impl Describe for Offer {
    fn describe(&self) -> Value {
        json!({
            "role": name(&self.role), "advertised": self.advertised.describe(), "session": self.session.describe(),
        })
    }
}

impl Describe for Answer {
    fn describe(&self) -> Value {
        json!({ "session": self.session.describe() })
    }
}

impl Describe for Ask {
    fn describe(&self) -> Value {
        let body = match &self.body {
            AskBody::Probe => json!("Probe"),
            AskBody::Offer(offer) => json!({ "Offer": offer.describe() }),
        };
        json!({
            "version": self.version, "from": self.from.describe(), "to": self.to.describe(), "epoch": self.epoch.0,
            "nonce": hex(&self.nonce), "not_after": self.not_after.0, "body": body,
        })
    }
}

impl Describe for Reply {
    fn describe(&self) -> Value {
        let body = match &self.body {
            ReplyBody::Spots(spots) => json!({ "Spots": spots.describe() }),
            ReplyBody::Answer(answer) => json!({ "Answer": answer.describe() }),
            ReplyBody::Refused { reason, spots } => {
                json!({ "Refused": { "reason": name(reason), "spots": spots.describe() } })
            }
        };
        json!({
            "version": self.version, "from": self.from.describe(), "to": self.to.describe(), "epoch": self.epoch.0,
            "nonce": hex(&self.nonce), "body": body,
        })
    }
}

impl Describe for Routed {
    fn describe(&self) -> Value {
        json!({ "route": hex(&self.route.0), "sealed": hex(&self.sealed) })
    }
}

impl Describe for Track {
    fn describe(&self) -> Value {
        json!({
            "kid": self.kid.0, "epoch": self.epoch.0, "start": hex(&self.start), "codec": name(&self.codec),
            "clock_rate": self.clock_rate, "width": self.width, "height": self.height, "channels": self.channels,
            "private": hex(&self.private), "title": self.title, "ended": self.ended,
        })
    }
}

impl Describe for Catalogue {
    fn describe(&self) -> Value {
        json!({
            "version": self.version, "speaker": self.speaker.describe(), "revision": self.revision,
            "origin": self.origin.0, "tracks": self.tracks.describe(),
        })
    }
}

impl Describe for Doorbell {
    fn describe(&self) -> Value {
        let ring = |ring: &Ring| json!({ "from": ring.from.describe(), "at": ring.at.0 });
        json!({ "rings": self.rings.iter().map(ring).collect::<Vec<_>>() })
    }
}

impl Describe for RoomEvent {
    fn describe(&self) -> Value {
        json!({
            "version": self.version, "room": hex(&self.room.0), "from": self.from.describe(), "at": self.at.0,
            "body": match &self.body {
                RoomEventBody::Ended => json!("Ended"),
                RoomEventBody::Letter { to, kind } => {
                    json!({ "Letter": { "to": to.describe(), "kind": name(kind) } })
                }
            },
        })
    }
}

impl Describe for Have {
    fn describe(&self) -> Value {
        json!({ "kid": self.kid.0, "next": self.next })
    }
}

impl Describe for Ticket {
    fn describe(&self) -> Value {
        json!({
            "version": 1, "room": hex(&self.room.0), "locator": hex(&self.locator), "access": name(&self.access),
            "bootstrap": self.bootstrap.describe(),
            "entries": self.entries.describe(), "text": self.to_string(),
        })
    }
}
