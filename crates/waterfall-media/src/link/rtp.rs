//! RTP headers (RFC 3550 §5.1) and the RTCP feedback that links use (RFC 4585, reduced size by RFC 5506).
//!
//! Links negotiate neither header extensions nor contributing sources, so a packet with any, or with
//! padding, is none of ours.

use rtc::rtp::Header;

/// Length of an RTP header without extensions.
pub(crate) const HEADER_LEN: usize = 12;

const TRANSPORT_FEEDBACK: u8 = 205;
const PAYLOAD_FEEDBACK: u8 = 206;
const GENERIC_NACK: u8 = 1;
const PICTURE_LOSS: u8 = 1;
/// Most entries in one NACK, each for up to 17 packets: 224 bytes.
const MAX_PAIRS: usize = 54;

/// Reads the header of an RTP packet that is long enough for one.
pub(crate) fn read_header(packet: &[u8]) -> Option<Header> {
    let (bytes, _) = packet.split_first_chunk::<HEADER_LEN>()?;
    let &[0x80, second, s0, s1, t0, t1, t2, t3, r0, r1, r2, r3] = bytes else {
        return None;
    };
    Some(header(
        second & 0x7f,
        second & 0x80 != 0,
        u16::from_be_bytes([s0, s1]),
        u32::from_be_bytes([t0, t1, t2, t3]),
        u32::from_be_bytes([r0, r1, r2, r3]),
    ))
}

/// A header without extensions.
pub(crate) fn header(payload_type: u8, marker: bool, sequence_number: u16, timestamp: u32, ssrc: u32) -> Header {
    Header { version: 2, marker, payload_type, sequence_number, timestamp, ssrc, ..Header::default() }
}

/// Writes what [`read_header`] reads.
pub(crate) fn write_header(header: &Header, out: &mut Vec<u8>) {
    out.push(0x80);
    out.push(u8::from(header.marker) << 7 | header.payload_type);
    out.extend_from_slice(&header.sequence_number.to_be_bytes());
    out.extend_from_slice(&header.timestamp.to_be_bytes());
    out.extend_from_slice(&header.ssrc.to_be_bytes());
}

/// Whether a packet in RTP's range is RTCP (RFC 5761 §4).
pub(crate) fn is_rtcp(packet: &[u8]) -> bool {
    packet.get(1).is_some_and(|kind| (192..=223).contains(kind))
}

/// A request from the receiver of a stream to its sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Feedback {
    /// Send these again.
    Nack { ssrc: u32, sequences: Vec<u16> },
    /// A key frame, please.
    PictureLoss { ssrc: u32 },
}

/// Writes NACKs for `sequences`, oldest first, in as many packets as it takes.
pub(crate) fn write_nacks(sender: u32, ssrc: u32, sequences: &[u16]) -> Vec<Vec<u8>> {
    let mut pairs: Vec<(u16, u16)> = Vec::new();
    for &sequence in sequences {
        match pairs.last_mut() {
            Some((first, mask)) if (1..=16).contains(&sequence.wrapping_sub(*first)) => {
                *mask |= 1 << (sequence.wrapping_sub(*first) - 1);
            }
            _ => pairs.push((sequence, 0)),
        }
    }
    let packet = |pairs: &[(u16, u16)]| {
        let mut out = feedback(TRANSPORT_FEEDBACK, GENERIC_NACK, sender, ssrc, pairs.len() as u16);
        for (first, mask) in pairs {
            out.extend_from_slice(&first.to_be_bytes());
            out.extend_from_slice(&mask.to_be_bytes());
        }
        out
    };
    pairs.chunks(MAX_PAIRS).map(packet).collect()
}

/// Writes a picture loss indication.
pub(crate) fn write_picture_loss(sender: u32, ssrc: u32) -> Vec<u8> {
    feedback(PAYLOAD_FEEDBACK, PICTURE_LOSS, sender, ssrc, 0)
}

fn feedback(packet_type: u8, format: u8, sender: u32, ssrc: u32, words: u16) -> Vec<u8> {
    let mut out = vec![0x80 | format, packet_type];
    out.extend_from_slice(&(2 + words).to_be_bytes());
    out.extend_from_slice(&sender.to_be_bytes());
    out.extend_from_slice(&ssrc.to_be_bytes());
    out
}

/// Reads the feedback in a (compound) RTCP packet; whatever is not feedback is passed over, and what
/// is cut short ends the reading.
pub(crate) fn read_feedback(mut bytes: &[u8]) -> Vec<Feedback> {
    let mut found = Vec::new();
    while let Some((&[first, packet_type, l0, l1], rest)) = bytes.split_first_chunk() {
        let len = 4 * usize::from(u16::from_be_bytes([l0, l1]));
        let Some((body, next)) = rest.split_at_checked(len) else {
            break;
        };
        bytes = next;
        let Some((_sender, body)) = body.split_first_chunk::<4>() else {
            continue;
        };
        let Some((&ssrc, body)) = body.split_first_chunk() else {
            continue;
        };
        let ssrc = u32::from_be_bytes(ssrc);
        match (packet_type, first & 0x1f) {
            (TRANSPORT_FEEDBACK, GENERIC_NACK) => {
                found.push(Feedback::Nack { ssrc, sequences: nacked(body) });
            }
            (PAYLOAD_FEEDBACK, PICTURE_LOSS) => found.push(Feedback::PictureLoss { ssrc }),
            _ => {}
        }
    }
    found
}

fn nacked(pairs: &[u8]) -> Vec<u16> {
    let (pairs, _) = pairs.as_chunks::<4>();
    let mut sequences = Vec::new();
    for &[f0, f1, m0, m1] in pairs.iter().take(4 * MAX_PAIRS) {
        let (first, mask) = (u16::from_be_bytes([f0, f1]), u16::from_be_bytes([m0, m1]));
        sequences.push(first);
        sequences.extend((0..16).filter(|bit| mask >> bit & 1 == 1).map(|bit| first.wrapping_add(bit + 1)));
    }
    sequences
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn headers_survive() {
        let sent = header(96, true, 0xfffe, 0x0102_0304, 0xaabb_ccdd);
        let mut bytes = Vec::new();
        write_header(&sent, &mut bytes);
        assert_eq!(bytes, [0x80, 0xe0, 0xff, 0xfe, 1, 2, 3, 4, 0xaa, 0xbb, 0xcc, 0xdd]);
        assert_eq!(read_header(&bytes), Some(sent));
        for (first, what) in [(0x40, "version"), (0xa0, "padding"), (0x90, "extension"), (0x81, "source")] {
            bytes[0] = first;
            assert_eq!(read_header(&bytes), None, "{what}");
        }
        assert_eq!(read_header(&bytes[..11]), None);
    }

    #[test]
    fn nacks_name_every_packet_across_the_wrap() {
        let sequences: Vec<u16> = [65_530, 65_535, 0, 3, 10, 11, 12, 400].to_vec();
        let packets = write_nacks(1, 2, &sequences);
        assert_eq!(packets.len(), 1);
        assert!(is_rtcp(&packets[0]));
        assert_eq!(read_feedback(&packets[0]), [Feedback::Nack { ssrc: 2, sequences }]);
        let many: Vec<u16> = (0..4000).step_by(17).map(|n| n as u16).collect();
        let packets = write_nacks(1, 2, &many);
        let read: Vec<u16> = packets
            .iter()
            .flat_map(|packet| read_feedback(packet))
            .flat_map(|feedback| match feedback {
                Feedback::Nack { sequences, .. } => sequences,
                Feedback::PictureLoss { .. } => Vec::new(),
            })
            .collect();
        assert_eq!(read, many);
        assert!(packets.iter().all(|packet| packet.len() <= 256));
    }

    #[test]
    fn compound_packets_are_read_and_broken_ones_end_quietly() {
        let mut compound = vec![0x80, 200, 0, 6];
        compound.extend_from_slice(&[0; 24]);
        compound.extend_from_slice(&write_picture_loss(1, 9));
        compound.extend_from_slice(&write_nacks(1, 9, &[5])[0]);
        let all = [Feedback::PictureLoss { ssrc: 9 }, Feedback::Nack { ssrc: 9, sequences: vec![5] }];
        assert_eq!(read_feedback(&compound), all);
        for cut in 0..compound.len() {
            assert!(read_feedback(&compound[..cut]).len() <= 1);
        }
        assert!(read_feedback(&[0xff; 64]).is_empty());
        assert!(read_feedback(&[0x81, 205, 0, 0]).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_break_the_reading(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..1500)) {
            read_header(&bytes);
            is_rtcp(&bytes);
            let named: usize = read_feedback(&bytes).iter().map(|feedback| match feedback {
                Feedback::Nack { sequences, .. } => sequences.len(),
                Feedback::PictureLoss { .. } => 1,
            }).sum();
            proptest::prop_assert!(named <= 17 * bytes.len() / 4);
        }
    }
}
