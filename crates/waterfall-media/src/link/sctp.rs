//! SCTP over DTLS (RFC 8261) of one link, with its two data channels (RFC 8831).

use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc::sctp::{
    Association, AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, EndpointEvent, Event,
    Payload, PayloadProtocolIdentifier, ReliabilityType, ServerConfig, StreamEvent, TimerConfig, TransportConfig,
};
use rtc::shared::TransportProtocol;
use rtc::shared::error::Error;

use super::dtls::PLACEHOLDER;

/// Longest message on a data channel, bytes.
pub const MAX_MESSAGE: usize = 32 * 1024;

/// Bytes of messages that may wait to be sent or acknowledged before the link is closed.
const MAX_BUFFERED: usize = 256 * 1024;

/// Fillers that may wait: an old one is worth nothing.
const MAX_FILLERS: usize = 1024;

/// Bytes that the other end may send before they are read.
const RECEIVE_BUFFER: u32 = 256 * 1024;

/// SCTP's clock runs this much faster than time.
///
/// Its timers are those of the telephone network: at least a second before a lost chunk is sent again,
/// 200 ms before one is acknowledged, up to a minute of backoff. The association knows no other clock
/// than the one it is told, so that this makes them 200 ms, 40 ms and 12 s.
const HASTE: u32 = 5;

/// The two channels of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channel {
    /// Reliable and ordered: control messages.
    Control = 0,
    /// Unreliable and unordered: fillers.
    Filler = 1,
}

/// SCTP of one link.
pub(super) struct Sctp {
    endpoint: Endpoint,
    association: Option<(AssociationHandle, Association)>,
    began: Instant,
    connected: bool,
    readable: [bool; 2],
    lost: bool,
    /// What the other end's INIT was answered with, and whether it asked for that again.
    init_ack: Option<Bytes>,
    asked_again: bool,
}

fn config() -> TransportConfig {
    let never = usize::MAX;
    // Whether the other end is alive is decided by the link.
    let timers = TimerConfig {
        max_t1_init_retrans: never,
        max_t1_cookie_retrans: never,
        max_t3_rtx_retrans: never,
        ..TimerConfig::default()
    };
    TransportConfig::default()
        .with_max_message_size(MAX_MESSAGE as u32)
        .with_max_receive_buffer_size(RECEIVE_BUFFER)
        .with_max_num_inbound_streams(2)
        .with_max_num_outbound_streams(2)
        .with_timer_config(timers)
}

impl Sctp {
    /// `client`: whether this end begins.
    pub(super) fn new(now: Instant, client: bool) -> Self {
        let server = (!client).then(|| ServerConfig::new(config()).into());
        Self {
            endpoint: Endpoint::new(PLACEHOLDER, TransportProtocol::UDP, EndpointConfig::default().into(), server),
            association: None,
            began: now,
            connected: false,
            readable: [false; 2],
            lost: false,
            init_ack: None,
            asked_again: false,
        }
    }

    /// The time as the association is told it.
    fn hasty(&self, now: Instant) -> Instant {
        self.began + now.saturating_duration_since(self.began) * HASTE
    }

    /// Begins the association.
    pub(super) fn connect(&mut self, now: Instant) -> Result<(), Error> {
        let now = self.hasty(now);
        let association = self
            .endpoint
            .connect(now, ClientConfig::new(config()), PLACEHOLDER)
            .map_err(|error| Error::Other(error.to_string()))?;
        self.association = Some(association);
        Ok(())
    }

    /// Whether both channels are open.
    pub(super) fn is_connected(&self) -> bool {
        self.connected
    }

    /// Whether the association ended.
    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    /// Takes a decrypted packet.
    pub(super) fn read(&mut self, now: Instant, packet: Bytes) {
        let now = self.hasty(now);
        match self.endpoint.handle(now, PLACEHOLDER, None, packet) {
            Some((handle, DatagramEvent::NewAssociation(association))) => match &self.association {
                None => self.association = Some((handle, association)),
                // The answer to its INIT was lost, and the endpoint takes the repeated one for another
                // association's (RFC 9260 §5.2.2 wants the same answer again).
                Some(_) => {
                    self.asked_again = !self.connected;
                    self.endpoint.handle_event(handle, EndpointEvent::drained());
                }
            },
            Some((handle, DatagramEvent::AssociationEvent(event))) => {
                if let Some((own, association)) = &mut self.association
                    && *own == handle
                {
                    association.handle_event(event);
                }
            }
            _ => {}
        }
        self.events();
    }

    fn events(&mut self) {
        let Some((handle, association)) = &mut self.association else {
            return;
        };
        while let Some(event) = association.poll() {
            match event {
                Event::Connected if !self.connected => {
                    self.connected = open(association).is_ok();
                    self.lost |= !self.connected;
                }
                Event::Stream(StreamEvent::Readable { id: id @ (0 | 1) }) => self.readable[usize::from(id)] = true,
                // A third stream is none of ours; its data would never be read.
                Event::Stream(StreamEvent::Opened { id: 2.. }) => self.lost = true,
                Event::HandshakeFailed { .. } | Event::AssociationLost { .. } => self.lost = true,
                _ => {}
            }
        }
        while let Some(event) = association.poll_endpoint_event() {
            self.endpoint.handle_event(*handle, event);
            self.lost = true;
        }
    }

    /// The next message that came, control messages first; `None` also when the association ended.
    pub(super) fn poll_message(&mut self) -> Option<(Channel, Bytes)> {
        let (_, association) = self.association.as_mut().filter(|_| self.connected && !self.lost)?;
        for channel in [Channel::Control, Channel::Filler] {
            let id = channel as u16;
            if !self.readable[usize::from(id)] {
                continue;
            }
            match association.stream(id).and_then(|mut stream| stream.read_sctp()) {
                Ok(Some(chunks)) => match chunks.to_payload(MAX_MESSAGE) {
                    Ok(payload) => return Some((channel, payload.freeze())),
                    Err(_) => self.lost = true,
                },
                Ok(None) => self.readable[usize::from(id)] = false,
                Err(_) => self.lost = true,
            }
        }
        None
    }

    /// Sends a message.
    ///
    /// # Errors
    ///
    /// If it is too long, or too much waits already. A filler that would wait is forgotten without an
    /// error.
    pub(super) fn write(&mut self, now: Instant, channel: Channel, message: &Bytes) -> Result<(), Error> {
        let now = self.hasty(now);
        let (_, association) = self.association.as_mut().ok_or(Error::ErrAssociationNotExisted)?;
        let mut stream = association.stream(channel as u16)?;
        let buffered = stream.buffered_amount()? + message.len();
        match channel {
            Channel::Control if buffered > MAX_BUFFERED => return Err(Error::ErrBufferFull),
            Channel::Filler if buffered > MAX_FILLERS => return Ok(()),
            _ => {}
        }
        stream.write_chunk_with_ppi(now, message, PayloadProtocolIdentifier::Binary)?;
        Ok(())
    }

    /// The next packets to encrypt and send.
    pub(super) fn poll_write(&mut self, now: Instant) -> Vec<Bytes> {
        let now = self.hasty(now);
        let Some((_, association)) = &mut self.association else {
            return Vec::new();
        };
        let mut packets = Vec::new();
        if std::mem::take(&mut self.asked_again) {
            packets.extend(self.init_ack.clone());
        }
        while let Some(transmit) = association.poll_transmit(now) {
            if let Payload::RawEncode(raw) = transmit.message {
                packets.extend(raw);
            }
        }
        if !self.connected && self.init_ack.is_none() {
            self.init_ack = packets.first().cloned();
        }
        packets
    }

    pub(super) fn due(&self) -> Option<Instant> {
        let due = self.association.as_ref()?.1.poll_timeout()?;
        Some(self.began + due.saturating_duration_since(self.began) / HASTE + Duration::from_micros(1))
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        let now = self.hasty(now);
        if let Some((_, association)) = &mut self.association {
            association.handle_timeout(now);
        }
        self.events();
    }

    /// Ends the association; the last packets are still to be sent.
    pub(super) fn close(&mut self) {
        if let Some((_, association)) = &mut self.association
            && let Err(error) = association.abort()
        {
            tracing::debug!(%error, "SCTP could not say goodbye");
        }
    }
}

/// Opens both channels. What the other end sent before has opened them already.
fn open(association: &mut Association) -> Result<(), Error> {
    for channel in [Channel::Control, Channel::Filler] {
        let id = channel as u16;
        match association.open_stream(id, PayloadProtocolIdentifier::Binary) {
            Ok(_) | Err(Error::ErrStreamAlreadyExist) => {}
            Err(error) => return Err(error),
        }
        if channel == Channel::Filler {
            association.stream(id)?.set_reliability_params(true, ReliabilityType::Rexmit, 0)?;
        }
    }
    Ok(())
}
