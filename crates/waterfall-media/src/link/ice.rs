//! ICE (RFC 8445) of one link: finding the pair of addresses that works, and keeping it alive.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc::crypto::RTCCryptoProvider;
use rtc::ice::candidate::CandidateConfig;
use rtc::ice::candidate::candidate_host::CandidateHostConfig;
use rtc::ice::candidate::candidate_server_reflexive::CandidateServerReflexiveConfig;
use rtc::ice::mdns::MulticastDnsMode;
use rtc::ice::state::ConnectionState;
use rtc::ice::{Agent, AgentConfig};
use rtc::sansio::Protocol;
use rtc::shared::error::Error;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{CLASS_REQUEST, CLASS_SUCCESS_RESPONSE, Message};

use super::session::{Candidate, CandidateKind, Session};
use super::transport::Datagram;

/// Checks start this far apart and become rarer.
const FIRST_INTERVAL: Duration = Duration::from_millis(10);
/// Checks of one pair are never rarer than this while no pair is found.
const LAST_INTERVAL: Duration = Duration::from_millis(500);
/// How often the agent looks whether it has to prove its consent (RFC 7675).
const IDLE_INTERVAL: Duration = Duration::from_millis(500);
/// Consent checks; they also keep NAT bindings open, and measure the round trip.
const KEEPALIVE: Duration = Duration::from_secs(2);
/// Checks of one pair before the agent gives it up: more than fit into the time to connect.
const MAX_CHECKS: u16 = 100;
/// Addresses that one peer may be seen at; authenticated peers could otherwise invent any number.
const MAX_REMOTE_ADDRESSES: usize = 32;

/// STUN's success response to a binding request (RFC 8489 §5).
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];

/// The agent of one link.
///
/// The agent's own clock is only its means of pacing: it is built with the shortest interval and
/// told the time when a check is due, so that checks are dense at first and become rare.
pub(super) struct Ice {
    agent: Agent,
    provider: Arc<dyn RTCCryptoProvider>,
    remote: Vec<SocketAddr>,
    interval: Duration,
    due: Option<Instant>,
}

impl Ice {
    pub(super) fn new(now: Instant, local: &[SocketAddr], provider: Arc<dyn RTCCryptoProvider>) -> Result<Self, Error> {
        let none = Some(Duration::ZERO);
        let config = AgentConfig {
            multicast_dns_mode: MulticastDnsMode::Disabled,
            // Liveness is the link's own business: ICE never declares it dead.
            disconnected_timeout: none,
            failed_timeout: none,
            keepalive_interval: Some(KEEPALIVE),
            check_interval: Duration::from_millis(1),
            max_binding_requests: Some(MAX_CHECKS),
            // The defaults make a link through a NAT wait for half a second or a whole one, in case
            // a better pair turns up.
            host_acceptance_min_wait: none,
            srflx_acceptance_min_wait: none,
            prflx_acceptance_min_wait: none,
            relay_acceptance_min_wait: none,
            ..AgentConfig::default()
        };
        let mut agent = Agent::new(now, Arc::new(config), provider.clone())?;
        for &address in local {
            agent.add_local_candidate(host(address)?)?;
        }
        Ok(Self { agent, provider, remote: Vec::new(), interval: FIRST_INTERVAL, due: None })
    }

    /// User name fragment and password of this end.
    pub(super) fn credentials(&self) -> (String, String) {
        let local = self.agent.get_local_credentials();
        (local.ufrag.clone(), local.pwd.clone())
    }

    /// Begins to check the way to the other end.
    pub(super) fn start(&mut self, now: Instant, controlling: bool, remote: &Session) -> Result<(), Error> {
        for candidate in &remote.candidates {
            self.agent.add_remote_candidate(ice_candidate(*candidate)?)?;
            self.remote.push(candidate.address);
        }
        self.agent.start_connectivity_checks(now, controlling, remote.ufrag.clone(), remote.pwd.clone())?;
        self.due = Some(now);
        Ok(())
    }

    /// Addresses of the pair in use: own and the other's.
    pub(super) fn selected(&self) -> Option<(SocketAddr, SocketAddr)> {
        let (local, remote) = self.agent.get_selected_candidate_pair()?;
        Some((local.base_addr(), remote.addr()))
    }

    /// The last round trip of a check.
    pub(super) fn round_trip(&self, now: Instant) -> Option<Duration> {
        let stats = self.agent.get_candidate_pairs_stats(now);
        let pair = stats.iter().find(|pair| pair.nominated)?;
        let seconds = pair.current_round_trip_time;
        (seconds > 0.0).then(|| Duration::from_secs_f64(seconds))
    }

    /// Takes a STUN message. `true` if it was a genuine one of the other end.
    pub(super) fn read(&mut self, now: Instant, local: SocketAddr, from: SocketAddr, bytes: &[u8]) -> bool {
        let known = self.remote.contains(&from);
        if (!known && self.remote.len() >= MAX_REMOTE_ADDRESSES) || !self.is_authentic(bytes) {
            return false;
        }
        let transport = TransportContext {
            local_addr: local,
            peer_addr: from,
            ecn: None,
            transport_protocol: TransportProtocol::UDP,
        };
        let message = TaggedBytesMut { now, transport, message: BytesMut::from(bytes) };
        if self.agent.handle_read(message).is_err() {
            return false;
        }
        if !known {
            self.remote.push(from);
        }
        // A pair that works is nominated at once instead of when the next check is due.
        if bytes.starts_with(&BINDING_SUCCESS) && self.selected().is_none() {
            self.due = Some(now);
        }
        true
    }

    /// Whether a message was made by who knows the right password. The agent looks too, but only after
    /// it has let the message change who controls.
    fn is_authentic(&self, bytes: &[u8]) -> bool {
        let mut message = Message { raw: bytes.to_vec(), ..Message::default() };
        if message.decode().is_err() {
            return false;
        }
        let password = match (message.typ.class, self.agent.get_remote_credentials()) {
            (CLASS_REQUEST, Some(_)) => &self.agent.get_local_credentials().pwd,
            (CLASS_SUCCESS_RESPONSE, Some(remote)) => &remote.pwd,
            _ => return false,
        };
        MessageIntegrity::check(&mut message, password.as_bytes(), self.provider.crypto()).is_ok()
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.due.is_none_or(|due| due > now) {
            return;
        }
        // The agent runs its checks if its interval of a millisecond has passed.
        if self.agent.handle_timeout(now).is_err() || self.agent.state() == ConnectionState::Failed {
            self.due = None;
            return;
        }
        if self.selected().is_some() {
            self.interval = IDLE_INTERVAL;
        }
        self.due = Some(now + self.interval);
        self.interval = (self.interval + self.interval / 4).min(LAST_INTERVAL);
    }

    /// The next message to send.
    pub(super) fn poll_write(&mut self) -> Option<Datagram> {
        let transmit = self.agent.poll_write()?;
        let (local, to) = (transmit.transport.local_addr, transmit.transport.peer_addr);
        Some(Datagram { local, to, bytes: transmit.message.freeze() })
    }

    /// Forgets the agent's events: the state is read where it is needed.
    pub(super) fn drain_events(&mut self) {
        while self.agent.poll_event().is_some() {}
    }
}

fn base(address: SocketAddr) -> CandidateConfig {
    let ip = match address.ip() {
        IpAddr::V6(ip) => ip.to_canonical(),
        ip => ip,
    };
    CandidateConfig {
        network: "udp".to_owned(),
        address: ip.to_string(),
        port: address.port(),
        component: 1,
        ..CandidateConfig::default()
    }
}

fn host(address: SocketAddr) -> Result<rtc::ice::candidate::Candidate, Error> {
    CandidateHostConfig { base_config: base(address), ..CandidateHostConfig::default() }.new_candidate_host()
}

fn ice_candidate(candidate: Candidate) -> Result<rtc::ice::candidate::Candidate, Error> {
    match candidate.kind {
        CandidateKind::Host => host(candidate.address),
        CandidateKind::ServerReflexive => {
            let config = CandidateServerReflexiveConfig {
                base_config: base(candidate.address),
                rel_addr: "0.0.0.0".to_owned(),
                ..CandidateServerReflexiveConfig::default()
            };
            config.new_candidate_server_reflexive()
        }
    }
}
