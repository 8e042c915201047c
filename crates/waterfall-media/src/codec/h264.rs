//! H.264 (ITU-T H.264 §7.3.1, Annex B) and its avcC record (ISO/IEC 14496-15 §5.3.3.1).

use bytes::{BufMut, Bytes, BytesMut};

use super::MAX_UNITS;
use super::bits::Bits;

const IDR: u8 = 5;
const SPS: u8 = 7;
const PPS: u8 = 8;
const ACCESS_UNIT_DELIMITER: u8 = 9;

/// How the NAL units of an access unit are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NalFraming {
    /// Each unit behind its length in so many bytes (1 to 4); 4 is the canonical form.
    LengthPrefixed(u8),
    /// Each unit behind a start code 00 00 01.
    AnnexB,
    /// Not told: Annex B if the data starts with a start code and is not also well-formed behind
    /// 4-byte lengths.
    #[default]
    Unknown,
}

/// What the container's private data says about its framing.
pub(crate) fn framing_of(private: &[u8]) -> NalFraming {
    match private {
        [1, _, _, _, lengths, ..] => NalFraming::LengthPrefixed((lengths & 3) + 1),
        [0, 0, 1, ..] | [0, 0, 0, 1, ..] => NalFraming::AnnexB,
        _ => NalFraming::Unknown,
    }
}

/// The same avcC, saying that lengths take 4 bytes as they do in canonical frames. Annex B
/// parameter sets become an avcC.
pub(crate) fn with_four_byte_lengths(private: Bytes) -> Bytes {
    match framing_of(&private) {
        NalFraming::LengthPrefixed(4) | NalFraming::Unknown => private,
        NalFraming::LengthPrefixed(_) => {
            let mut out = BytesMut::from(&private[..]);
            out[4] |= 3;
            out.freeze()
        }
        NalFraming::AnnexB => annex_b(&private).and_then(record).unwrap_or(private),
    }
}

fn kind(unit: &[u8]) -> Option<u8> {
    unit.first().map(|byte| byte & 0x1f)
}

/// Units behind lengths of `width` bytes; `None` unless they fill the data exactly.
fn length_prefixed(data: &[u8], width: usize) -> Option<Vec<&[u8]>> {
    let mut rest = data;
    let mut units = Vec::new();
    while !rest.is_empty() {
        let (prefix, after) = rest.split_at_checked(width)?;
        let len = prefix.iter().fold(0usize, |len, byte| len << 8 | usize::from(*byte));
        let (unit, after) = after.split_at_checked(len)?;
        if units.len() == MAX_UNITS {
            return None;
        }
        units.push(unit);
        rest = after;
    }
    Some(units)
}

/// Units between start codes; trailing zero bytes belong to no unit (Annex B, trailing_zero_8bits). `None` if there
/// are too many.
fn annex_b(data: &[u8]) -> Option<Vec<&[u8]>> {
    let mut units = Vec::new();
    let mut start = None;
    let mut i = 0;
    while i + 3 <= data.len() {
        if data[i..i + 3] == [0, 0, 1] {
            if let Some(start) = start {
                units.push(&data[start..i]);
            }
            if units.len() == MAX_UNITS {
                return None;
            }
            start = Some(i + 3);
            i += 3;
        } else {
            i += 1;
        }
    }
    if let Some(start) = start {
        units.push(&data[start..]);
    }
    let without_zeros = |unit: &'_ [u8]| unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let units = units.into_iter().map(|unit| &unit[..without_zeros(unit)]);
    Some(units.filter(|unit| !unit.is_empty()).collect())
}

fn is_annex_b(data: &[u8]) -> bool {
    data.starts_with(&[0, 0, 1]) || data.starts_with(&[0, 0, 0, 1])
}

/// 4-byte lengths and no access unit delimiters.
pub(super) fn canonical(data: Bytes, framing: NalFraming) -> Bytes {
    let (units, four) = match framing {
        NalFraming::LengthPrefixed(width) => (length_prefixed(&data, usize::from(width.clamp(1, 4))), width == 4),
        NalFraming::AnnexB => (is_annex_b(&data).then(|| annex_b(&data)).flatten(), false),
        NalFraming::Unknown => match length_prefixed(&data, 4) {
            Some(units) => (Some(units), true),
            None => (is_annex_b(&data).then(|| annex_b(&data)).flatten(), false),
        },
    };
    let Some(units) = units else { return data };
    if four && !units.iter().any(|unit| kind(unit) == Some(ACCESS_UNIT_DELIMITER)) {
        return data;
    }
    let mut out = BytesMut::with_capacity(data.len() + 3 * units.len());
    for unit in units.iter().filter(|unit| kind(unit) != Some(ACCESS_UNIT_DELIMITER)) {
        // A unit is part of a frame, whose size is limited far below 4 GiB.
        out.put_u32(unit.len() as u32);
        out.put_slice(unit);
    }
    out.freeze()
}

/// Has an instantaneous decoding refresh slice.
pub(super) fn is_keyframe(data: &[u8]) -> bool {
    length_prefixed(data, 4).is_some_and(|units| units.iter().any(|unit| kind(unit) == Some(IDR)))
}

/// The avcC of an access unit in canonical form that carries its parameter sets.
pub(super) fn configuration_record(data: &[u8]) -> Option<Bytes> {
    record(length_prefixed(data, 4)?)
}

fn record(units: Vec<&[u8]>) -> Option<Bytes> {
    let of = |wanted| units.iter().copied().filter(move |unit| kind(unit) == Some(wanted));
    let (sps, pps): (Vec<_>, Vec<_>) = (of(SPS).take(31).collect(), of(PPS).take(255).collect());
    let first = *sps.first()?;
    if first.len() < 4 || pps.is_empty() {
        return None;
    }
    let mut out = BytesMut::new();
    out.put_slice(&[1, first[1], first[2], first[3], 0xff, 0xe0 | sps.len() as u8]);
    for unit in &sps {
        out.put_u16(u16::try_from(unit.len()).ok()?);
        out.put_slice(unit);
    }
    out.put_u8(pps.len() as u8);
    for unit in &pps {
        out.put_u16(u16::try_from(unit.len()).ok()?);
        out.put_slice(unit);
    }
    if matches!(first[1], 100 | 110 | 122 | 144) {
        let [chroma, luma_depth, chroma_depth] = sample_format(first)?;
        out.put_slice(&[0xfc | chroma, 0xf8 | luma_depth, 0xf8 | chroma_depth, 0]);
    }
    Some(out.freeze())
}

/// Chroma format and the bit depths less 8, which the high profiles repeat at the end of avcC.
fn sample_format(sps: &[u8]) -> Option<[u8; 3]> {
    // The fields lie within the first bytes; 00 00 03 stands for 00 00 (§7.4.1).
    let mut raw: Vec<u8> = Vec::with_capacity(32);
    for byte in sps.iter().skip(4).take(32) {
        if *byte != 3 || !raw.ends_with(&[0, 0]) {
            raw.push(*byte);
        }
    }
    let mut bits = Bits::new(&raw);
    bits.ue()?; // seq_parameter_set_id
    let chroma = bits.ue()?;
    if chroma == 3 {
        bits.flag()?; // separate_colour_plane_flag
    }
    let (luma_depth, chroma_depth) = (bits.ue()?, bits.ue()?);
    (chroma <= 3 && luma_depth <= 6 && chroma_depth <= 6).then_some([
        chroma as u8,
        luma_depth as u8,
        chroma_depth as u8,
    ])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ANNEX_B: &[u8] = &[
        0, 0, 0, 1, 9, 0xf0, // delimiter
        0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1e, 0xaa, // sequence parameter set
        0, 0, 0, 1, 0x68, 0xce, // picture parameter set
        0, 0, 1, 0x65, 0x88, 0x84, 0x80, 0, 0, // slice, with trailing zeros
    ];
    const LENGTHS: &[u8] =
        &[0, 0, 0, 5, 0x67, 0x42, 0xc0, 0x1e, 0xaa, 0, 0, 0, 2, 0x68, 0xce, 0, 0, 0, 4, 0x65, 0x88, 0x84, 0x80];

    #[test]
    fn annex_b_becomes_lengths_without_delimiter() {
        for framing in [NalFraming::AnnexB, NalFraming::Unknown] {
            let canonical = canonical(Bytes::from_static(ANNEX_B), framing);
            assert_eq!(canonical, LENGTHS);
            assert!(is_keyframe(&canonical));
        }
    }

    #[test]
    fn short_lengths_are_widened() {
        let short = Bytes::from_static(&[0, 2, 0x41, 0x9a, 0, 1, 9]);
        let wide = canonical(short, NalFraming::LengthPrefixed(2));
        assert_eq!(wide, &[0, 0, 0, 2, 0x41, 0x9a][..]);
        assert!(!is_keyframe(&wide));
        assert_eq!(canonical(wide.clone(), NalFraming::LengthPrefixed(4)), wide, "twice is once");
    }

    #[test]
    fn record_names_the_parameter_sets() {
        let record = configuration_record(LENGTHS).unwrap();
        assert_eq!(&record[..6], [1, 0x42, 0xc0, 0x1e, 0xff, 0xe1]);
        assert_eq!(framing_of(&record), NalFraming::LengthPrefixed(4));
        assert_eq!(configuration_record(&LENGTHS[9..]), None);
        assert_eq!(with_four_byte_lengths(Bytes::from_static(&ANNEX_B[6..])), record);
        let two = Bytes::from_static(&[1, 0x42, 0xc0, 0x1e, 0xfd, 0xe0, 0]);
        assert_eq!(framing_of(&two), NalFraming::LengthPrefixed(2));
        assert_eq!(framing_of(&with_four_byte_lengths(two)), NalFraming::LengthPrefixed(4));
    }

    #[test]
    fn a_frame_of_countless_units_is_left_alone() {
        let empty_units = Bytes::from(vec![0; 100_000]);
        assert_eq!(canonical(empty_units.clone(), NalFraming::LengthPrefixed(1)), empty_units);
        let start_codes = Bytes::from([0, 0, 1].repeat(100_000));
        assert_eq!(canonical(start_codes.clone(), NalFraming::AnnexB), start_codes);
    }

    #[test]
    fn broken_lengths_stay_as_they_are() {
        let broken = Bytes::from_static(&[0, 0, 0, 9, 0x65]);
        for framing in [NalFraming::LengthPrefixed(4), NalFraming::AnnexB, NalFraming::Unknown] {
            assert_eq!(canonical(broken.clone(), framing), broken);
        }
        assert!(!is_keyframe(&broken));
    }
}
