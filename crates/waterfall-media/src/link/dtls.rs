//! DTLS (RFC 6347) of one link and the SRTP keys that come out of it (RFC 5764).

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rtc::crypto::{HashAlgorithm, RTCCryptoProvider};
use rtc::dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc::dtls::crypto::Certificate;
use rtc::dtls::endpoint::{Endpoint, EndpointEvent};
use rtc::dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc::shared::TransportProtocol;
use rtc::shared::error::Error;
use rtc::shared::replay_detector::ReplayDetector;
use rtc::srtp::config::{Config as SrtpConfig, LABEL_EXTRACTOR_DTLS_SRTP};
use rtc::srtp::context::Context;
use rtc::srtp::option::srtcp_replay_protection;
use rtc::srtp::protection_profile::ProtectionProfile;

use super::repeats::Repeats;
use super::replay::ReplayWindow;

/// DTLS and SCTP are carried by ICE and never see the real address.
pub(super) const PLACEHOLDER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9);

/// First wait for an answer to a flight; doubled each time. Seven of them make 12.7 s, more than a link
/// gets to connect.
const FIRST_RETRANSMIT: Duration = Duration::from_millis(100);

/// Handshake datagrams taken at most: each may make the endpoint keep something.
const MAX_HANDSHAKE_DATAGRAMS: u32 = 256;

/// SRTCP packets behind the newest one that are still taken.
const SRTCP_WINDOW: usize = 128;

/// This engine's certificate, the same on all its links.
pub(crate) struct Identity {
    pub(super) provider: Arc<dyn RTCCryptoProvider>,
    certificate: Certificate,
    pub(super) fingerprint: [u8; 32],
}

impl Identity {
    /// Makes a fresh one.
    pub(crate) fn generate() -> Result<Self, Error> {
        let provider = rtc::crypto::default_provider().map_err(|error| Error::Crypto(error.to_string()))?;
        let certificate = Certificate::generate_self_signed(["waterfall".to_owned()], provider.crypto())?;
        let der = certificate.certificate.first().ok_or(Error::ErrNonCertificate)?;
        let fingerprint = fingerprint(provider.as_ref(), der)?;
        Ok(Self { provider, certificate, fingerprint })
    }
}

fn fingerprint(provider: &dyn RTCCryptoProvider, der: &[u8]) -> Result<[u8; 32], Error> {
    let hash = provider.crypto().hash(HashAlgorithm::Sha256, der).map_err(|error| Error::Crypto(error.to_string()))?;
    <[u8; 32]>::try_from(hash.as_slice()).map_err(|_| Error::Crypto("SHA-256 has 32 bytes".to_owned()))
}

/// Whether a datagram consists of whole records (RFC 6347 §4.1) that are encrypted or belong into a
/// handshake.
///
/// Alerts and data in the clear can come from anyone. The endpoint would answer them with alerts of its
/// own, in the end with encrypted ones that the other end has to believe.
fn is_plausible(mut datagram: &[u8]) -> bool {
    const CHANGE_CIPHER_SPEC: u8 = 20;
    const HANDSHAKE: u8 = 22;
    while !datagram.is_empty() {
        let Some((header, rest)) = datagram.split_first_chunk::<13>() else {
            return false;
        };
        let (kind, epoch) = (header[0], u16::from_be_bytes([header[3], header[4]]));
        let len = u16::from_be_bytes([header[11], header[12]]);
        let Some((body, next)) = rest.split_at_checked(usize::from(len)) else {
            return false;
        };
        let fits = match kind {
            HANDSHAKE => true,
            CHANGE_CIPHER_SPEC => body == [1],
            _ => epoch > 0,
        };
        if !fits {
            return false;
        }
        datagram = next;
    }
    true
}

/// What came out of a datagram.
#[derive(Default)]
pub(super) struct Read {
    /// The handshake is complete: keys to protect and to unprotect with.
    pub(super) keys: Option<(Context, Context)>,
    /// Decrypted application data: SCTP packets.
    pub(super) data: Vec<Bytes>,
    /// The other end closed the connection.
    pub(super) closed: bool,
    /// The handshake cannot succeed any more, or the connection is broken.
    pub(super) failed: Option<String>,
    /// Something of it was authentic.
    pub(super) authentic: bool,
}

/// DTLS of one link.
pub(super) struct Dtls {
    endpoint: Endpoint,
    client: Option<Arc<HandshakeConfig>>,
    provider: Arc<dyn RTCCryptoProvider>,
    mismatch: Arc<AtomicBool>,
    established: bool,
    datagrams: u32,
    repeats: Repeats,
    wait: Duration,
    /// The endpoint's own timer as it was last seen, and when it is taken for expired.
    timer: Option<(Instant, Instant)>,
}

impl Dtls {
    /// `client`: whether this end sends the first flight. `expected`: the other's fingerprint.
    pub(super) fn new(identity: &Identity, client: bool, expected: [u8; 32]) -> Result<Self, Error> {
        let mismatch = Arc::new(AtomicBool::new(false));
        let (provider, found) = (identity.provider.clone(), mismatch.clone());
        let verify = move |certificates: &[Vec<u8>], _: &[_]| {
            let leaf = certificates.first().ok_or(Error::ErrNonCertificate)?;
            if fingerprint(provider.as_ref(), leaf)? == expected {
                return Ok(());
            }
            found.store(true, Ordering::Relaxed);
            Err(Error::ErrNoMatchingCertificateFingerprint)
        };
        let config = ConfigBuilder::default()
            .with_crypto_provider(identity.provider.clone())
            .with_certificates(vec![identity.certificate.clone()])
            .with_srtp_protection_profiles(vec![SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm])
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            // There is no authority to ask: the fingerprint, checked above, came signed.
            // Never checked (fingerprints are), but without a name the crate warns.
            .with_server_name("waterfall".into())
            .with_insecure_skip_verify(true)
            .with_verify_peer_certificate(Some(Arc::new(verify)))
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            // Retransmission is timed here, with backoff.
            .with_flight_interval(Duration::from_millis(1))
            .build(client, None)?;
        let config = Arc::new(config);
        let (server, client) = if client { (None, Some(config)) } else { (Some(config), None) };
        Ok(Self {
            endpoint: Endpoint::new(PLACEHOLDER, TransportProtocol::UDP, server),
            client,
            provider: identity.provider.clone(),
            mismatch,
            established: false,
            datagrams: 0,
            repeats: Repeats::default(),
            wait: FIRST_RETRANSMIT,
            timer: None,
        })
    }

    pub(super) fn is_client(&self) -> bool {
        self.client.is_some()
    }

    /// Sends the first flight, if that is this end's part.
    pub(super) fn connect(&mut self, now: Instant) -> Result<(), Error> {
        if let Some(config) = &self.client {
            self.endpoint.connect(now, PLACEHOLDER, config.clone(), None)?;
            self.arm(now);
        }
        Ok(())
    }

    /// Takes a datagram of the other end, or of someone who claims to be it.
    pub(super) fn read(&mut self, now: Instant, datagram: &[u8]) -> Read {
        let mut read = Read::default();
        if !is_plausible(datagram) {
            return read;
        }
        if !self.established {
            self.datagrams += 1;
            if self.datagrams > MAX_HANDSHAKE_DATAGRAMS {
                read.failed = Some("the DTLS handshake does not end".to_owned());
                return read;
            }
            if self.repeats.only(datagram) && self.timer.is_some() {
                // The other end lacks what was sent to it; that is repeated when the timer expires.
                return read;
            }
        }
        let result = self.endpoint.read(now, PLACEHOLDER, None, BytesMut::from(datagram));
        if self.mismatch.load(Ordering::Relaxed) {
            read.failed = Some("the other end's certificate is not the one it was announced with".to_owned());
            return read;
        }
        match result {
            Ok(events) => {
                for event in events {
                    match event {
                        EndpointEvent::HandshakeComplete => match self.keys() {
                            Ok(keys) => {
                                self.established = true;
                                read.keys = Some(keys);
                                read.authentic = true;
                            }
                            Err(error) => read.failed = Some(error.to_string()),
                        },
                        EndpointEvent::ApplicationData(data) => {
                            read.authentic = true;
                            read.data.push(data.freeze());
                        }
                        EndpointEvent::PeerClosed => read.closed = self.established,
                        _ => {}
                    }
                }
            }
            // After the handshake only authentic alerts come this far. Before, anyone may have sent the
            // datagram, and the time to connect decides.
            Err(Error::ErrAlertFatalOrClose) if self.established => {
                read.failed = Some("the other end ended DTLS with an alert".to_owned());
            }
            Err(error) => tracing::debug!(%error, "a DTLS datagram was refused"),
        }
        self.wait = FIRST_RETRANSMIT;
        self.arm(now);
        read
    }

    /// Encrypts application data.
    pub(super) fn write(&mut self, now: Instant, data: &[u8]) -> Result<(), Error> {
        self.endpoint.write(now, PLACEHOLDER, data)
    }

    /// Says goodbye.
    pub(super) fn close(&mut self, now: Instant) {
        if let Err(error) = self.endpoint.close(now) {
            tracing::debug!(%error, "DTLS could not say goodbye");
        }
    }

    /// The next datagram to send.
    pub(super) fn poll_write(&mut self) -> Option<Bytes> {
        Some(self.endpoint.poll_transmit()?.message.freeze())
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.timer.map(|(_, due)| due)
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        let Some((expires, _)) = self.timer.take_if(|(_, due)| *due <= now) else {
            return;
        };
        self.wait *= 2;
        if let Err(error) = self.endpoint.handle_timeout(PLACEHOLDER, expires.max(now)) {
            tracing::debug!(%error, "DTLS could not repeat a flight");
        }
        self.arm(now);
    }

    /// Follows the endpoint's timer, at this end's pace.
    fn arm(&mut self, now: Instant) {
        let armed = self.endpoint.poll_timeout(&PLACEHOLDER).filter(|_| !self.established);
        self.timer = match (armed, self.timer) {
            (Some(expires), Some(timer)) if timer.0 == expires => Some(timer),
            (Some(expires), _) => Some((expires, now + self.wait)),
            (None, _) => None,
        };
    }

    fn keys(&self) -> Result<(Context, Context), Error> {
        let state = self.endpoint.get_connection_state(PLACEHOLDER).ok_or(Error::HandshakeInProgress)?;
        if state.srtp_protection_profile() != SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm {
            return Err(Error::ErrNoSuchSrtpProfile);
        }
        let mut config = SrtpConfig { profile: ProtectionProfile::AeadAes128Gcm, ..SrtpConfig::default() };
        let material = state.export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], config.keying_material_len())?;
        config.set_session_keys_from_keying_material(material.as_ref(), state.is_client())?;
        let keys = &config.keys;
        let crypto = self.provider.crypto();
        let protect =
            Context::new(&keys.local_master_key, &keys.local_master_salt, config.profile, None, None, crypto)?;
        let unprotect = Context::new(
            &keys.remote_master_key,
            &keys.remote_master_salt,
            config.profile,
            Some(Box::new(|| Box::new(ReplayWindow::new()) as Box<dyn ReplayDetector>)),
            Some(srtcp_replay_protection(SRTCP_WINDOW)),
            crypto,
        )?;
        Ok((protect, unprotect))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, epoch: u8, body: &[u8]) -> Vec<u8> {
        let mut record = vec![kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 1, 0, body.len() as u8];
        record.extend_from_slice(body);
        record
    }

    #[test]
    fn what_anyone_can_send_in_the_clear_is_refused() {
        assert!(is_plausible(&record(22, 0, b"hello")));
        assert!(is_plausible(&record(20, 0, &[1])));
        assert!(is_plausible(&record(21, 1, b"encrypted")));
        assert!(is_plausible(&[record(22, 0, b"a"), record(20, 0, &[1]), record(22, 1, b"b")].concat()));
        assert!(!is_plausible(&record(21, 0, &[2, 40])), "an alert");
        assert!(!is_plausible(&record(23, 0, b"data")));
        assert!(!is_plausible(&record(20, 0, &[2])), "no change of cipher");
        assert!(!is_plausible(&[record(22, 0, b"a"), record(21, 0, &[2, 40])].concat()), "an alert behind a handshake");
        let whole = record(22, 0, b"hello");
        for cut in 1..whole.len() {
            assert!(!is_plausible(&whole[..cut]), "cut at {cut}");
        }
    }
}
