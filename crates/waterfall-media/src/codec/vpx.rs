//! VP8 (RFC 6386 §9.1) and VP9 (bitstream specification §6.2): is it a key frame?

use super::bits::Bits;

/// Bit 0 of the frame tag is clear and the start code follows.
pub(super) fn is_vp8_keyframe(data: &[u8]) -> bool {
    data.len() >= 10 && data[0] & 1 == 0 && data[3..6] == [0x9d, 0x01, 0x2a]
}

/// Looks at the first frame of a superframe: the others build on it.
pub(super) fn is_vp9_keyframe(data: &[u8]) -> bool {
    read_vp9(data).unwrap_or(false)
}

fn read_vp9(data: &[u8]) -> Option<bool> {
    let mut bits = Bits::new(data);
    if bits.take(2)? != 2 {
        return Some(false);
    }
    let profile = u32::from(bits.flag()?) | u32::from(bits.flag()?) << 1;
    if profile == 3 && bits.flag()? {
        return Some(false);
    }
    let show_existing_frame = bits.flag()?;
    let inter_frame = bits.flag()?;
    Some(!show_existing_frame && !inter_frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vp8_needs_the_start_code() {
        assert!(is_vp8_keyframe(&[0x10, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 48, 0]));
        assert!(!is_vp8_keyframe(&[0x11, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 48, 0]));
        assert!(!is_vp8_keyframe(&[0x10, 0, 0, 0x9d, 0x01]));
        assert!(!is_vp8_keyframe(&[]));
    }

    #[test]
    fn vp9_reads_the_uncompressed_header() {
        assert!(is_vp9_keyframe(&[0b1000_0010]));
        assert!(!is_vp9_keyframe(&[0b1000_0110]), "an inter frame");
        assert!(!is_vp9_keyframe(&[0b1000_1000]), "shows a frame that is there already");
        assert!(!is_vp9_keyframe(&[0b0000_0010]), "no frame marker");
        assert!(is_vp9_keyframe(&[0b1011_0001, 0]), "profile 3 has one more bit");
        assert!(!is_vp9_keyframe(&[]));
    }
}
