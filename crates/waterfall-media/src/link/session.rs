//! What one end of a link must know of the other.

use std::net::SocketAddr;

use super::slots::MAX_SLOTS;

/// Most candidates in a session.
pub const MAX_CANDIDATES: usize = 10;

/// Where a candidate was learned (RFC 8445 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CandidateKind {
    /// An address of an own interface.
    Host,
    /// The address that a STUN server saw.
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

/// All that one side of a link must know of the other.
///
/// The rest of what a session description (RFC 8866) would say is the same on every link: the
/// offerer is ICE-controlling and the DTLS server, SRTP is keyed by DTLS (RFC 5764), slots and payload
/// types are fixed, and SCTP (RFC 8831) carries two negotiated data channels, 0 reliable and ordered,
/// 1 unreliable and unordered.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// ICE user name fragment, 4-32 ice-chars (RFC 8839 §5.4).
    pub ufrag: String,
    /// ICE password, 22-64 ice-chars.
    pub pwd: String,
    /// SHA-256 fingerprint of the DTLS certificate (RFC 8122).
    pub fingerprint: [u8; 32],
    /// First SSRC of this side's slots; the others follow from it.
    pub ssrc_base: u32,
    /// Audio slots that this side can receive, 1-16.
    pub audio_slots: u8,
    /// Video slots that this side can receive, 1-16.
    pub video_slots: u8,
    /// Where this side can be reached; at most [`MAX_CANDIDATES`].
    pub candidates: Vec<Candidate>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("ufrag", &self.ufrag)
            .field("pwd", &"..")
            .field("candidates", &self.candidates.len())
            .finish_non_exhaustive()
    }
}

/// Why a session cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The user name fragment is not 4-32 ice-chars.
    #[error("the ICE user name fragment is not 4-32 ice-chars")]
    Ufrag,
    /// The password is not 22-64 ice-chars.
    #[error("the ICE password is not 22-64 ice-chars")]
    Pwd,
    /// A slot count is not 1-16.
    #[error("a link has 1-16 audio and 1-16 video slots")]
    Slots,
    /// There are no candidates, or too many.
    #[error("a session has 1-{MAX_CANDIDATES} candidates")]
    Candidates,
    /// A candidate is no address that packets can be sent to.
    #[error("a candidate is not a unicast address with a port")]
    Address,
}

impl Session {
    /// Checks every field that came from another machine.
    pub(crate) fn check(&self) -> Result<(), SessionError> {
        let ice_chars = |s: &str| s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/');
        if !(4..=32).contains(&self.ufrag.len()) || !ice_chars(&self.ufrag) {
            return Err(SessionError::Ufrag);
        }
        if !(22..=64).contains(&self.pwd.len()) || !ice_chars(&self.pwd) {
            return Err(SessionError::Pwd);
        }
        if !(1..=MAX_SLOTS).contains(&self.audio_slots) || !(1..=MAX_SLOTS).contains(&self.video_slots) {
            return Err(SessionError::Slots);
        }
        if self.candidates.is_empty() || self.candidates.len() > MAX_CANDIDATES {
            return Err(SessionError::Candidates);
        }
        let unusable = |address: SocketAddr| {
            let ip = address.ip();
            let broadcast = matches!(ip, std::net::IpAddr::V4(ip) if ip.is_broadcast());
            address.port() == 0 || ip.is_unspecified() || ip.is_multicast() || broadcast
        };
        if self.candidates.iter().any(|candidate| unusable(candidate.address)) {
            return Err(SessionError::Address);
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn session() -> Session {
        let candidate = Candidate { kind: CandidateKind::Host, address: "127.0.0.1:5000".parse().unwrap() };
        Session {
            ufrag: "abcd".into(),
            pwd: "a".repeat(22),
            fingerprint: [0; 32],
            ssrc_base: 0,
            audio_slots: 5,
            video_slots: 5,
            candidates: vec![candidate],
        }
    }

    fn check(change: impl FnOnce(&mut Session)) -> Result<(), SessionError> {
        let mut session = session();
        change(&mut session);
        session.check()
    }

    #[test]
    fn hostile_fields_are_refused() {
        assert_eq!(session().check(), Ok(()));
        assert_eq!(check(|s| s.ufrag = "abc".into()), Err(SessionError::Ufrag));
        assert_eq!(check(|s| s.ufrag = "ab:cd".into()), Err(SessionError::Ufrag));
        assert_eq!(check(|s| s.ufrag = "a\r\nb".into()), Err(SessionError::Ufrag));
        assert_eq!(check(|s| s.pwd = "a".repeat(21)), Err(SessionError::Pwd));
        assert_eq!(check(|s| s.pwd = "é".repeat(22)), Err(SessionError::Pwd));
        assert_eq!(check(|s| s.audio_slots = 0), Err(SessionError::Slots));
        assert_eq!(check(|s| s.video_slots = 17), Err(SessionError::Slots));
        assert_eq!(check(|s| s.candidates.clear()), Err(SessionError::Candidates));
        assert_eq!(check(|s| s.candidates = vec![s.candidates[0]; 11]), Err(SessionError::Candidates));
        for bad in ["127.0.0.1:0", "0.0.0.0:5", "224.0.0.1:5", "255.255.255.255:5", "[::]:5", "[ff02::1]:5"] {
            let address = bad.parse().unwrap();
            assert_eq!(check(|s| s.candidates[0].address = address), Err(SessionError::Address), "{bad}");
        }
    }

    #[test]
    fn the_password_is_not_printed() {
        assert!(!format!("{:?}", session()).contains(&"a".repeat(22)));
    }
}
