//! ICE, DTLS, SRTP and SCTP of one link, put together; without sockets and without a clock.
//!
//! The pieces are those of the `rtc` crate, below its peer connection: that would bring a description
//! in SDP of what is always the same, an interceptor chain, and several queues for each packet.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc::rtp::Header;
use rtc::shared::error::Error;
use rtc::srtp::context::Context;

use super::dtls::{Dtls, Identity};
use super::ice::Ice;
use super::rtp;
use super::sctp::{Channel, Sctp};
use super::session::Session;
use super::slots::Slot;

/// DTLS datagrams kept while ICE has not settled yet: the other end may be a step ahead.
const MAX_EARLY: usize = 8;

/// A datagram to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Datagram {
    /// The own address that it leaves from.
    pub(crate) local: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Bytes,
}

/// What came over a link.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A media packet, unprotected: header, slot, whether it is a retransmission, payload.
    Rtp(Header, Slot, bool, Bytes),
    /// An RTCP packet, unprotected.
    Rtcp(Bytes),
    /// Something for the transport itself, and genuine.
    Handled,
    /// Something that is not genuine, or that cannot be used yet.
    Refused,
}

/// Why a transport ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// The other end said goodbye.
    Remote,
    /// It cannot go on.
    Failed(String),
}

/// One link's transport.
pub(crate) struct Transport {
    ice: Ice,
    dtls: Option<Dtls>,
    sctp: Option<Sctp>,
    protect: Option<Context>,
    unprotect: Option<Context>,
    remote_base: u32,
    early: Vec<Bytes>,
    /// Whether ICE has settled and DTLS was told so.
    settled: bool,
    out: VecDeque<Datagram>,
    end: Option<End>,
}

impl Transport {
    /// A transport that can be reached at `local`.
    pub(crate) fn new(now: Instant, identity: &Identity, local: &[SocketAddr]) -> Result<Self, Error> {
        Ok(Self {
            ice: Ice::new(now, local, identity.provider.clone())?,
            dtls: None,
            sctp: None,
            protect: None,
            unprotect: None,
            remote_base: 0,
            early: Vec::new(),
            settled: false,
            out: VecDeque::new(),
            end: None,
        })
    }

    /// ICE user name fragment and password of this end.
    pub(crate) fn credentials(&self) -> (String, String) {
        self.ice.credentials()
    }

    /// Begins to connect. The offerer controls ICE and is the server of DTLS.
    pub(crate) fn start(
        &mut self,
        now: Instant,
        identity: &Identity,
        offerer: bool,
        remote: &Session,
    ) -> Result<(), Error> {
        self.dtls = Some(Dtls::new(identity, !offerer, remote.fingerprint)?);
        self.sctp = Some(Sctp::new(now, !offerer));
        self.remote_base = remote.ssrc_base;
        self.ice.start(now, offerer, remote)
    }

    /// Whether media and messages flow.
    pub(crate) fn is_up(&self) -> bool {
        self.protect.is_some() && self.sctp.as_ref().is_some_and(Sctp::is_connected)
    }

    /// Why it ended, once it has.
    pub(crate) fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// The pair of addresses in use: own and the other's.
    pub(crate) fn addresses(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.ice.selected()
    }

    /// The last round trip of a connectivity check.
    pub(crate) fn round_trip(&self, now: Instant) -> Option<Duration> {
        self.ice.round_trip(now)
    }

    /// Takes a datagram that was demultiplexed to this link.
    pub(crate) fn read(&mut self, now: Instant, local: SocketAddr, from: SocketAddr, datagram: &[u8]) -> Incoming {
        // First bytes by RFC 7983.
        match datagram.first() {
            Some(0..=3) => {
                let genuine = self.ice.read(now, local, from, datagram);
                self.advance(now);
                if genuine { Incoming::Handled } else { Incoming::Refused }
            }
            Some(20..=63) => self.read_dtls(now, datagram),
            Some(128..=191) if rtp::is_rtcp(datagram) => self.read_rtcp(datagram),
            Some(128..=191) => self.read_rtp(datagram),
            _ => Incoming::Refused,
        }
    }

    fn read_dtls(&mut self, now: Instant, datagram: &[u8]) -> Incoming {
        if self.ice.selected().is_none() {
            if self.early.len() < MAX_EARLY {
                self.early.push(Bytes::copy_from_slice(datagram));
            }
            return Incoming::Refused;
        }
        let Some(dtls) = &mut self.dtls else {
            return Incoming::Refused;
        };
        let read = dtls.read(now, datagram);
        if let Some((protect, unprotect)) = read.keys {
            (self.protect, self.unprotect) = (Some(protect), Some(unprotect));
            if dtls.is_client()
                && let Some(sctp) = &mut self.sctp
                && let Err(error) = sctp.connect(now)
            {
                self.end.get_or_insert(End::Failed(format!("SCTP could not begin: {error}")));
            }
        }
        if let Some(sctp) = &mut self.sctp {
            for packet in read.data {
                sctp.read(now, packet);
            }
            if sctp.is_lost() {
                self.end.get_or_insert(End::Remote);
            }
        }
        if read.closed {
            self.end.get_or_insert(End::Remote);
        }
        if let Some(reason) = read.failed {
            self.end.get_or_insert(End::Failed(reason));
        }
        self.flush(now);
        if read.authentic { Incoming::Handled } else { Incoming::Refused }
    }

    fn read_rtp(&mut self, datagram: &[u8]) -> Incoming {
        // Only known streams: the context keeps something for each it is asked about.
        let Some(header) = rtp::read_header(datagram) else {
            return Incoming::Refused;
        };
        let Some((slot, rtx)) = Slot::of_ssrc(header.ssrc, self.remote_base) else {
            return Incoming::Refused;
        };
        if header.payload_type != slot.payload_type() + u8::from(rtx) {
            return Incoming::Refused;
        }
        let Some(context) = &mut self.unprotect else {
            return Incoming::Refused;
        };
        match context.decrypt_rtp_with_header(datagram, &header) {
            Ok(packet) if packet.len() >= rtp::HEADER_LEN => {
                Incoming::Rtp(header, slot, rtx, packet.freeze().slice(rtp::HEADER_LEN..))
            }
            _ => Incoming::Refused,
        }
    }

    fn read_rtcp(&mut self, datagram: &[u8]) -> Incoming {
        let sender = datagram.get(4..8).map(|bytes| bytes.iter().fold(0, |n, &byte| n << 8 | u32::from(byte)));
        if sender != Some(self.remote_base) {
            return Incoming::Refused;
        }
        match self.unprotect.as_mut().map(|context| context.decrypt_rtcp(datagram)) {
            Some(Ok(packet)) => Incoming::Rtcp(packet.freeze()),
            _ => Incoming::Refused,
        }
    }

    /// Protects and sends an RTP packet: `plain` is the header that `header` describes, and the payload.
    pub(crate) fn write_rtp(&mut self, header: &Header, plain: &[u8]) -> bool {
        let (Some(context), Some((local, to))) = (&mut self.protect, self.ice.selected()) else {
            return false;
        };
        match context.encrypt_rtp_with_header(plain, header) {
            Ok(packet) => {
                self.out.push_back(Datagram { local, to, bytes: packet.freeze() });
                true
            }
            Err(error) => {
                self.end.get_or_insert(End::Failed(format!("SRTP failed: {error}")));
                false
            }
        }
    }

    /// Protects and sends an RTCP packet.
    pub(crate) fn write_rtcp(&mut self, plain: &[u8]) {
        if let (Some(context), Some((local, to))) = (&mut self.protect, self.ice.selected())
            && let Ok(packet) = context.encrypt_rtcp(plain)
        {
            self.out.push_back(Datagram { local, to, bytes: packet.freeze() });
        }
    }

    /// Sends a control message.
    pub(crate) fn write_message(&mut self, now: Instant, message: &Bytes) -> Result<(), Error> {
        self.write_channel(now, Channel::Control, message)
    }

    /// Sends a filler; one that could only wait is forgotten.
    pub(crate) fn write_filler(&mut self, now: Instant, filler: &Bytes) -> Result<(), Error> {
        self.write_channel(now, Channel::Filler, filler)
    }

    fn write_channel(&mut self, now: Instant, channel: Channel, message: &Bytes) -> Result<(), Error> {
        let sctp = self.sctp.as_mut().ok_or(Error::ErrAssociationNotExisted)?;
        sctp.write(now, channel, message)?;
        self.flush(now);
        Ok(())
    }

    /// The next control message (`true`) or filler (`false`) that came. What is not fetched holds the
    /// other end back.
    pub(crate) fn poll_message(&mut self) -> Option<(bool, Bytes)> {
        let (channel, message) = self.sctp.as_mut()?.poll_message()?;
        Some((channel == Channel::Control, message))
    }

    /// The next datagram to send.
    pub(crate) fn poll_write(&mut self) -> Option<Datagram> {
        self.ice.poll_write().or_else(|| self.out.pop_front())
    }

    /// When [`Transport::handle_timeout`] is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        let dtls = self.dtls.as_ref().and_then(Dtls::due);
        let sctp = self.sctp.as_ref().and_then(Sctp::due);
        [self.ice.due(), dtls, sctp].into_iter().flatten().min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
        if let Some(dtls) = self.dtls.as_mut().filter(|dtls| dtls.due().is_some_and(|due| due <= now)) {
            dtls.handle_timeout(now);
        }
        if let Some(sctp) = self.sctp.as_mut().filter(|sctp| sctp.due().is_some_and(|due| due <= now)) {
            sctp.handle_timeout(now);
            if sctp.is_lost() {
                self.end.get_or_insert(End::Remote);
            }
        }
        self.flush(now);
    }

    /// Says goodbye; the last datagrams are still to be sent.
    pub(crate) fn close(&mut self, now: Instant) {
        if let Some(sctp) = &mut self.sctp {
            sctp.close();
        }
        self.flush(now);
        if let Some(dtls) = &mut self.dtls {
            dtls.close(now);
        }
        self.flush(now);
    }

    /// Runs ICE, and lets DTLS begin when ICE has found its pair.
    fn advance(&mut self, now: Instant) {
        self.ice.handle_timeout(now);
        self.ice.drain_events();
        if self.settled || self.ice.selected().is_none() {
            return;
        }
        self.settled = true;
        if let Some(dtls) = &mut self.dtls
            && let Err(error) = dtls.connect(now)
        {
            self.end.get_or_insert(End::Failed(format!("DTLS could not begin: {error}")));
        }
        for datagram in std::mem::take(&mut self.early) {
            self.read_dtls(now, &datagram);
        }
        self.flush(now);
    }

    /// Moves SCTP's packets into DTLS and DTLS's out.
    fn flush(&mut self, now: Instant) {
        let Some(dtls) = &mut self.dtls else {
            return;
        };
        if let Some(sctp) = &mut self.sctp {
            for packet in sctp.poll_write(now) {
                if let Err(error) = dtls.write(now, &packet) {
                    tracing::debug!(%error, "DTLS took no SCTP packet");
                }
            }
        }
        while let Some(bytes) = dtls.poll_write() {
            if let Some((local, to)) = self.ice.selected() {
                self.out.push_back(Datagram { local, to, bytes });
            }
        }
    }
}
