//! A link's description, between the words of the wire and those of the media engine.

use waterfall_media::link as media;
use waterfall_wire as wire;

pub(crate) fn to_wire(session: &media::Session) -> wire::Session {
    wire::Session {
        ufrag: session.ufrag.clone(),
        pwd: session.pwd.clone(),
        fingerprint: session.fingerprint,
        ssrc_base: session.ssrc_base,
        audio_slots: session.audio_slots,
        video_slots: session.video_slots,
        candidates: session
            .candidates
            .iter()
            .take(wire::MAX_CANDIDATES)
            .map(|c| wire::Candidate {
                kind: match c.kind {
                    media::CandidateKind::Host => wire::CandidateKind::Host,
                    media::CandidateKind::ServerReflexive => wire::CandidateKind::ServerReflexive,
                },
                address: c.address,
            })
            .collect(),
    }
}

pub(crate) fn from_wire(session: &wire::Session) -> media::Session {
    media::Session {
        ufrag: session.ufrag.clone(),
        pwd: session.pwd.clone(),
        fingerprint: session.fingerprint,
        ssrc_base: session.ssrc_base,
        audio_slots: session.audio_slots,
        video_slots: session.video_slots,
        candidates: session
            .candidates
            .iter()
            .map(|c| media::Candidate {
                kind: match c.kind {
                    wire::CandidateKind::Host => media::CandidateKind::Host,
                    wire::CandidateKind::ServerReflexive => media::CandidateKind::ServerReflexive,
                },
                address: c.address,
            })
            .collect(),
    }
}
