//! AV1 (bitstream specification §5): open bitstream units of one temporal unit.

use bytes::{BufMut, Bytes, BytesMut};

use super::MAX_UNITS;
use super::bits::Bits;

const SEQUENCE_HEADER: u8 = 1;
const TEMPORAL_DELIMITER: u8 = 2;
const FRAME_HEADER: u8 = 3;
const FRAME: u8 = 6;

/// One open bitstream unit.
struct Obu<'a> {
    kind: u8,
    payload: &'a [u8],
    /// With its header.
    whole: &'a [u8],
}

/// Splits off the first unit; `None` at the end and for what cannot be parsed.
fn split(data: &[u8]) -> Option<(Obu<'_>, &[u8])> {
    let header = *data.first()?;
    if header & 0x80 != 0 {
        return None;
    }
    let has_extension = header & 0x04 != 0;
    let has_size = header & 0x02 != 0;
    let mut start = 1 + usize::from(has_extension);
    let end = if has_size {
        let (size, len) = leb128(data.get(start..)?)?;
        start += len;
        start.checked_add(size)?
    } else {
        data.len()
    };
    let payload = data.get(start..end)?;
    Some((Obu { kind: header >> 3 & 0x0f, payload, whole: &data[..end] }, &data[end..]))
}

fn leb128(data: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0u64;
    for (i, byte) in data.iter().take(8).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, i + 1));
        }
    }
    None
}

/// All units, or `None` if the data does not consist of units from start to end.
fn parse(data: &[u8]) -> Option<Vec<Obu<'_>>> {
    let mut rest = data;
    let mut units = Vec::new();
    while !rest.is_empty() {
        let (unit, after) = split(rest)?;
        if units.len() == MAX_UNITS {
            return None;
        }
        units.push(unit);
        rest = after;
    }
    Some(units)
}

/// A temporal unit that brings its own sequence header and whose first frame is a key frame.
pub(super) fn is_keyframe(data: &[u8]) -> bool {
    let mut rest = data;
    let mut still_picture = None;
    while let Some((unit, after)) = split(rest) {
        match unit.kind {
            SEQUENCE_HEADER => still_picture = unit.payload.first().map(|byte| byte & 0x08 != 0),
            FRAME_HEADER | FRAME => {
                let Some(reduced_still_picture) = still_picture else { return false };
                // show_existing_frame, then two bits of frame type: 0 is a key frame.
                return reduced_still_picture || unit.payload.first().is_some_and(|byte| byte & 0xe0 == 0);
            }
            _ => {}
        }
        rest = after;
    }
    false
}

/// Matroska and MP4 leave temporal delimiters out.
pub(super) fn without_delimiters(data: Bytes) -> Bytes {
    let Some(units) = parse(&data) else { return data };
    let delimiters = units.iter().filter(|unit| unit.kind == TEMPORAL_DELIMITER).count();
    if delimiters == 0 {
        return data;
    }
    if delimiters == 1 && units[0].kind == TEMPORAL_DELIMITER {
        let skip = units[0].whole.len();
        return data.slice(skip..);
    }
    let mut out = BytesMut::with_capacity(data.len());
    for unit in units.iter().filter(|unit| unit.kind != TEMPORAL_DELIMITER) {
        out.put_slice(unit.whole);
    }
    out.freeze()
}

/// The av1C of the temporal unit's sequence header (AV1 codec ISO media file format binding §2.3).
pub(super) fn configuration_record(data: &[u8]) -> Option<Bytes> {
    let mut rest = data;
    while let Some((unit, after)) = split(rest) {
        if unit.kind == SEQUENCE_HEADER {
            let mut out = BytesMut::with_capacity(unit.payload.len() + 8);
            out.put_slice(&configuration_bytes(unit.payload)?);
            out.put_u8(SEQUENCE_HEADER << 3 | 0x02);
            put_leb128(&mut out, unit.payload.len());
            out.put_slice(unit.payload);
            return Some(out.freeze());
        }
        rest = after;
    }
    None
}

fn put_leb128(out: &mut BytesMut, mut value: usize) {
    while value >= 0x80 {
        out.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

/// Reads sequence_header_obu() (§5.5.1) as far as color_config() for the four fixed bytes of av1C.
fn configuration_bytes(sequence_header: &[u8]) -> Option<[u8; 4]> {
    let mut bits = Bits::new(sequence_header);
    let profile = bits.take(3)?;
    let _still_picture = bits.flag()?;
    let reduced = bits.flag()?;
    let (level, tier) = if reduced { (bits.take(5)?, 0) } else { operating_points(&mut bits)? };
    let width_bits = bits.take(4)? + 1;
    let height_bits = bits.take(4)? + 1;
    bits.take(width_bits)?;
    bits.take(height_bits)?;
    if !reduced && bits.flag()? {
        bits.take(4 + 3)?; // delta_frame_id_length, additional_frame_id_length
    }
    bits.take(3)?; // superblock size, filter intra, intra edge filter
    if !reduced {
        coding_tools(&mut bits)?;
    }
    bits.take(3)?; // superres, cdef, restoration
    let colour = colour(&mut bits, profile)?;
    Some([0x81, (profile << 5 | level) as u8, (tier << 7 | colour) as u8, 0])
}

/// Level and tier of the first operating point.
fn operating_points(bits: &mut Bits<'_>) -> Option<(u32, u32)> {
    let mut decoder_model = None;
    if bits.flag()? {
        bits.take(32)?; // num_units_in_display_tick
        bits.take(32)?; // time_scale
        if bits.flag()? {
            bits.ue()?; // num_ticks_per_picture
        }
        if bits.flag()? {
            decoder_model = Some(bits.take(5)? + 1);
            bits.take(32)?; // num_units_in_decoding_tick
            bits.take(5 + 5)?;
        }
    }
    let display_delay = bits.flag()?;
    let mut first = None;
    for _ in 0..=bits.take(5)? {
        bits.take(12)?; // operating_point_idc
        let level = bits.take(5)?;
        let tier = if level > 7 { bits.take(1)? } else { 0 };
        if let Some(delay_bits) = decoder_model
            && bits.flag()?
        {
            bits.take(delay_bits)?;
            bits.take(delay_bits)?;
            bits.flag()?;
        }
        if display_delay && bits.flag()? {
            bits.take(4)?;
        }
        first.get_or_insert((level, tier));
    }
    first
}

fn coding_tools(bits: &mut Bits<'_>) -> Option<()> {
    bits.take(4)?; // interintra, masked compound, warped motion, dual filter
    let order_hint = bits.flag()?;
    if order_hint {
        bits.take(2)?; // jnt_comp, ref_frame_mvs
    }
    // seq_choose_screen_content_tools: 2 (chosen per frame) counts as on.
    let screen_content = if bits.flag()? { true } else { bits.flag()? };
    if screen_content && !bits.flag()? {
        bits.flag()?; // seq_force_integer_mv
    }
    if order_hint {
        bits.take(3)?; // order_hint_bits
    }
    Some(())
}

/// color_config() (§5.5.2), packed as the low seven bits of av1C's third byte.
fn colour(bits: &mut Bits<'_>, profile: u32) -> Option<u32> {
    let high_bitdepth = bits.take(1)?;
    let twelve_bit = if profile == 2 && high_bitdepth == 1 { bits.take(1)? } else { 0 };
    let monochrome = if profile == 1 { 0 } else { bits.take(1)? };
    let description = if bits.flag()? { Some((bits.take(8)?, bits.take(8)?, bits.take(8)?)) } else { None };
    let packed = high_bitdepth << 6 | twelve_bit << 5 | monochrome << 4;
    if monochrome == 1 {
        return Some(packed | 1 << 3 | 1 << 2);
    }
    // BT.709 primaries, sRGB transfer and identity matrix mean 4:4:4 without further bits.
    if description == Some((1, 13, 0)) {
        return Some(packed);
    }
    bits.flag()?; // color_range
    let (x, y) = match (profile, twelve_bit) {
        (0, _) => (1, 1),
        (1, _) => (0, 0),
        (_, 0) => (1, 0),
        _ => {
            let x = bits.take(1)?;
            (x, if x == 1 { bits.take(1)? } else { 0 })
        }
    };
    let position = if x == 1 && y == 1 { bits.take(2)? } else { 0 };
    Some(packed | x << 3 | y << 2 | position)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELIMITER: [u8; 2] = [0x12, 0x00];
    const PADDING: [u8; 3] = [0x7a, 0x01, 0x80];

    fn joined(parts: &[&[u8]]) -> Bytes {
        Bytes::from(parts.concat())
    }

    #[test]
    fn delimiters_are_dropped_wherever_they_are() {
        assert_eq!(without_delimiters(joined(&[&DELIMITER, &PADDING])), joined(&[&PADDING]));
        let twice = joined(&[&PADDING, &DELIMITER, &PADDING, &DELIMITER]);
        assert_eq!(without_delimiters(twice), joined(&[&PADDING, &PADDING]));
    }

    #[test]
    fn what_cannot_be_parsed_stays() {
        for bad in [&[0x80u8, 0][..], &[0x12, 0x05], &[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], &[]] {
            let data = Bytes::copy_from_slice(bad);
            assert_eq!(without_delimiters(data.clone()), data);
            assert!(!is_keyframe(&data));
            assert_eq!(configuration_record(&data), None);
        }
    }

    #[test]
    fn a_key_frame_needs_its_sequence_header() {
        let sequence = [0x0a, 0x01, 0x00];
        assert!(is_keyframe(&joined(&[&DELIMITER, &sequence, &[0x32, 0x01, 0x10]])));
        assert!(!is_keyframe(&joined(&[&DELIMITER, &sequence, &[0x32, 0x01, 0x30]])), "an inter frame");
        assert!(!is_keyframe(&joined(&[&DELIMITER, &[0x32, 0x01, 0x10]])));
    }
}
