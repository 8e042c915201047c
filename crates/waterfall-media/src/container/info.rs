//! What a Matroska file says of itself: the EBML header and Info.

use super::{ebml, ids};

/// Nanoseconds per tick where the file does not say.
pub(super) const DEFAULT_SCALE: u64 = 1_000_000;

/// Whether this is a file that can be read here.
pub(super) fn check_header(content: &[u8]) -> Result<(), &'static str> {
    let mut doc_type = String::from("matroska");
    for child in ebml::children(content) {
        let (id, content) = child?;
        match id {
            ids::DOC_TYPE => doc_type = ebml::text(content, 32),
            ids::EBML_READ_VERSION if ebml::uint(content)? > 1 => return Err("an EBML version other than 1"),
            ids::DOC_TYPE_READ_VERSION if ebml::uint(content)? > 4 => return Err("a Matroska version above 4"),
            ids::EBML_MAX_ID_LENGTH if ebml::uint(content)? > 4 => return Err("element ids of more than 4 bytes"),
            ids::EBML_MAX_SIZE_LENGTH if ebml::uint(content)? > 8 => return Err("element sizes of more than 8 bytes"),
            _ => {}
        }
    }
    match &doc_type[..] {
        "matroska" | "webm" => Ok(()),
        _ => Err("EBML, but neither Matroska nor WebM"),
    }
}

/// Nanoseconds per tick.
pub(super) fn timestamp_scale(info: &[u8]) -> Result<u64, &'static str> {
    for child in ebml::children(info) {
        if let (ids::TIMESTAMP_SCALE, content) = child? {
            return match ebml::uint(content)? {
                0 => Err("a timestamp scale of zero"),
                scale => Ok(scale),
            };
        }
    }
    Ok(DEFAULT_SCALE)
}
