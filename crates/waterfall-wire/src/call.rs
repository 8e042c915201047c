//! Questions to a participant before there is a link to it, and the answers.
//!
//! Outside goes [`Routed`]: a blinded room name and bytes sealed under the epoch key. Inside is a
//! [`Signed`](crate::Signed) [`Ask`] or [`Reply`].

use std::net::{IpAddr, SocketAddr};

use minicbor::{Decode, Encode};

use crate::sign::Authored;
use crate::tree::check_spots;
use crate::{DecodeError, Epoch, Mark, NodeId, Refusal, RouteId, Spot, UnixMillis, Wire};

/// Most ICE candidates in an offer or answer.
pub const MAX_CANDIDATES: usize = 10;

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Role {
    /// A tree edge: the callee becomes the caller's parent.
    #[n(0)]
    Child,
    /// A second, warm parent that does not feed.
    #[n(1)]
    Standby,
    /// As [`Role::Child`], by someone whose stream stands still, or who must move, has much below it and has found no
    /// place: it may be taken over the fan-out for a while.
    #[n(2)]
    Orphan,
}

/// Where a candidate was learned (RFC 8445 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum CandidateKind {
    /// An address of an own interface.
    #[n(0)]
    Host,
    /// The address that a STUN server saw.
    #[n(1)]
    ServerReflexive,
}

/// An ICE candidate over UDP (RFC 8445).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Where it was learned.
    pub kind: CandidateKind,
    /// Where packets go.
    pub address: SocketAddr,
}

impl Candidate {
    /// Whether a single host may answer there: no port 0, no unspecified, multicast or broadcast
    /// address, so that an offer cannot make its recipient send to a whole network.
    #[must_use]
    pub fn is_callable(&self) -> bool {
        let ip = self.address.ip().to_canonical();
        let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
        self.address.port() != 0 && !ip.is_unspecified() && !ip.is_multicast() && !broadcast
    }
}

impl<C> Encode<C> for Candidate {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.array(3)?;
        self.kind.encode(e, ctx)?;
        match self.address.ip() {
            IpAddr::V4(ip) => e.bytes(&ip.octets())?,
            IpAddr::V6(ip) => e.bytes(&ip.octets())?,
        };
        e.u16(self.address.port())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Candidate {
    fn decode(d: &mut minicbor::Decoder<'b>, ctx: &mut C) -> Result<Self, minicbor::decode::Error> {
        if d.array()? != Some(3) {
            return Err(minicbor::decode::Error::message("a candidate has three fields"));
        }
        let kind = CandidateKind::decode(d, ctx)?;
        let octets = d.bytes()?;
        let ip = if let Ok(v4) = <[u8; 4]>::try_from(octets) {
            IpAddr::from(v4)
        } else if let Ok(v6) = <[u8; 16]>::try_from(octets) {
            IpAddr::from(v6)
        } else {
            return Err(minicbor::decode::Error::message("an IP address has 4 or 16 bytes"));
        };
        Ok(Self { kind, address: SocketAddr::new(ip, d.u16()?) })
    }
}

/// All that one side of a WebRTC connection must know of the other.
///
/// Every link negotiates the same slots, so the rest of the SDP (RFC 8866) is written from a
/// template on both sides and no SDP text is ever taken from the network.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Session {
    /// ICE user name fragment, 4-32 ice-chars (RFC 8839 §5.4).
    #[n(0)]
    pub ufrag: String,
    /// ICE password, 22-64 ice-chars.
    #[n(1)]
    pub pwd: String,
    /// SHA-256 fingerprint of the DTLS certificate (RFC 8122).
    #[cbor(n(2), with = "minicbor::bytes")]
    pub fingerprint: [u8; 32],
    /// First SSRC of this side's slots; the others follow from it.
    #[n(3)]
    pub ssrc_base: u32,
    /// Slots this side can receive, audio then video, 1-16 each.
    #[n(4)]
    pub audio_slots: u8,
    /// See `audio_slots`.
    #[n(5)]
    pub video_slots: u8,
    /// Where this side can be reached; at most [`MAX_CANDIDATES`].
    #[n(6)]
    pub candidates: Vec<Candidate>,
}

impl std::fmt::Debug for Session {
    // Whoever knows the ICE password can take part in the connection's checks.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("ufrag", &self.ufrag)
            .field("candidates", &self.candidates)
            .finish_non_exhaustive()
    }
}

impl Session {
    fn check<T: Wire>(&self) -> Result<(), DecodeError> {
        let ice_chars = |s: &str| s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/');
        if !(4..=32).contains(&self.ufrag.len()) || !ice_chars(&self.ufrag) {
            return Err(DecodeError::invalid::<T>("the ICE user name fragment is not 4-32 ice-chars"));
        }
        if !(22..=64).contains(&self.pwd.len()) || !ice_chars(&self.pwd) {
            return Err(DecodeError::invalid::<T>("the ICE password is not 22-64 ice-chars"));
        }
        if !(1..=16).contains(&self.audio_slots) || !(1..=16).contains(&self.video_slots) {
            return Err(DecodeError::invalid::<T>("a link has 1-16 audio and 1-16 video slots"));
        }
        if self.candidates.len() > MAX_CANDIDATES {
            return Err(DecodeError::invalid::<T>("too many candidates"));
        }
        if !self.candidates.iter().all(Candidate::is_callable) {
            return Err(DecodeError::invalid::<T>("a candidate that nobody can be reached at"));
        }
        Ok(())
    }
}

/// A call for a link.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Offer {
    /// What the link is to be.
    #[n(0)]
    pub role: Role,
    /// The lowest mark the caller has advertised, so that an infeasible call ends here. Who has advertised none but has
    /// a place says how deep it is, with counter 0.
    #[n(1)]
    pub advertised: Option<Mark>,
    /// The caller's side of the connection.
    #[n(2)]
    pub session: Session,
}

/// The callee's side of the connection.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Answer {
    /// As in the offer; its slot counts are at most the offer's.
    #[n(0)]
    pub session: Session,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum AskBody {
    /// Where is room?
    #[n(0)]
    Probe,
    /// Take a link from me.
    #[n(1)]
    Offer(#[n(0)] Offer),
}

/// A question from one participant to another.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Ask {
    /// [`crate::PROTOCOL_VERSION`].
    #[n(0)]
    pub version: u8,
    /// Who asks, and signs.
    #[n(1)]
    pub from: NodeId,
    /// Who is asked; anyone else drops it.
    #[n(2)]
    pub to: NodeId,
    /// The epoch under whose key it is sealed.
    #[n(3)]
    pub epoch: Epoch,
    /// Drawn anew for each question; a repeated one is a replay.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub nonce: [u8; 16],
    /// When it stops being of use, at most two minutes ahead: as long as a letter lies.
    #[n(5)]
    pub not_after: UnixMillis,
    /// What is asked.
    #[n(6)]
    pub body: AskBody,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ReplyBody {
    /// To a probe: open spots, nearest the root first.
    #[n(0)]
    Spots(#[n(0)] Vec<Spot>),
    /// To an offer: taken.
    #[n(1)]
    Answer(#[n(0)] Answer),
    /// To an offer: not taken; try these.
    #[n(2)]
    Refused {
        /// Why.
        #[n(0)]
        reason: Refusal,
        /// Where else; at most [`crate::MAX_SPOTS`].
        #[n(1)]
        spots: Vec<Spot>,
    },
}

/// The answer to an [`Ask`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Reply {
    /// [`crate::PROTOCOL_VERSION`].
    #[n(0)]
    pub version: u8,
    /// Who answers, and signs.
    #[n(1)]
    pub from: NodeId,
    /// Who asked.
    #[n(2)]
    pub to: NodeId,
    /// The epoch under whose key it is sealed.
    #[n(3)]
    pub epoch: Epoch,
    /// The question's nonce.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub nonce: [u8; 16],
    /// What is answered.
    #[n(5)]
    pub body: ReplyBody,
}

/// What an outsider sees of a question or an answer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Routed {
    /// Which room, blinded.
    #[n(0)]
    pub route: RouteId,
    /// A sealed [`crate::Signed`] [`Ask`] or [`Reply`].
    #[cbor(n(1), with = "minicbor::bytes")]
    pub sealed: Vec<u8>,
}

impl Wire for Ask {
    const NAME: &'static str = "ask";
    const MAX_LEN: usize = 1024;
    const VERSIONED: bool = true;
    fn check(&self) -> Result<(), DecodeError> {
        match &self.body {
            AskBody::Probe => Ok(()),
            AskBody::Offer(offer) => offer.session.check::<Self>(),
        }
    }
}

impl Authored for Ask {
    const DOMAIN: &'static [u8] = b"waterfall/ask/1";
    fn author(&self) -> NodeId {
        self.from
    }
}

impl Wire for Reply {
    const NAME: &'static str = "reply";
    const MAX_LEN: usize = 2 * 1024;
    const VERSIONED: bool = true;
    fn check(&self) -> Result<(), DecodeError> {
        match &self.body {
            ReplyBody::Spots(spots) | ReplyBody::Refused { spots, .. } => check_spots::<Self>(spots),
            ReplyBody::Answer(answer) => answer.session.check::<Self>(),
        }
    }
}

impl Authored for Reply {
    const DOMAIN: &'static [u8] = b"waterfall/reply/1";
    fn author(&self) -> NodeId {
        self.from
    }
}

impl Wire for Routed {
    const NAME: &'static str = "routed call";
    const MAX_LEN: usize = 4 * 1024;
}
