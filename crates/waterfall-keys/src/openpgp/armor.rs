//! Files as people have them: binary or in ASCII armor (RFC 9580 §6), one block or several, with
//! text around them, in whatever encoding their shell wrote.

use std::borrow::Cow;
use std::io::Read;

use openpgp::armor::{Reader, ReaderMode};
use sequoia_openpgp as openpgp;
use zeroize::Zeroizing;

use super::packets::{Format, MAX_FILE, ReadError};

const BEGIN: &str = "-----BEGIN ";
const BEGIN_PGP: &str = "-----BEGIN PGP ";
const KEYS: [&str; 3] = ["PUBLIC KEY BLOCK-----", "PRIVATE KEY BLOCK-----", "SECRET KEY BLOCK-----"];

/// Every run of OpenPGP packets in a file that holds keys or certificates, in binary.
pub(super) fn blocks(file: &[u8]) -> Result<Vec<Zeroizing<Vec<u8>>>, ReadError> {
    if file.len() > MAX_FILE {
        return Err(ReadError::TooLong);
    }
    let text = to_text(file);
    if let Some(binary) = binary(&text) {
        return Ok(vec![Zeroizing::new(binary.to_vec())]);
    }
    let text = String::from_utf8_lossy(&text);
    let mut blocks = Vec::new();
    let mut foreign = None;
    for armored in sections(&text) {
        let label = &armored[BEGIN_PGP.len()..];
        if KEYS.iter().any(|key| label.starts_with(key)) {
            blocks.push(dearmor(armored.as_bytes())?);
        } else {
            let is_signature = label.starts_with("SIGNATURE-----");
            foreign.get_or_insert(if is_signature { Format::Signature } else { Format::Message });
        }
    }
    if blocks.is_empty() {
        return Err(ReadError::NotOpenPgp(foreign.unwrap_or_else(|| guess(&text))));
    }
    Ok(blocks)
}

/// Undoes what Windows does to text: UTF-16 (`>` in PowerShell) and byte order marks.
fn to_text(file: &[u8]) -> Cow<'_, [u8]> {
    match file {
        [0xff, 0xfe, rest @ ..] if rest.starts_with(b"-\0") => {
            let low = |pair: &[u8]| if pair.get(1) == Some(&0) { pair[0] } else { b'?' };
            Cow::Owned(rest.chunks(2).map(low).collect())
        }
        [0xef, 0xbb, 0xbf, rest @ ..] => Cow::Borrowed(rest),
        _ => Cow::Borrowed(file),
    }
}

/// A packet's first byte has the highest bit set (RFC 9580 §4.2), and no text begins so.
fn binary(bytes: &[u8]) -> Option<&[u8]> {
    bytes.first().is_some_and(|first| first & 0x80 != 0).then_some(bytes)
}

/// From each line that begins an armored block to the next such line.
fn sections(text: &str) -> impl Iterator<Item = &str> {
    let starts = text.match_indices(BEGIN_PGP).map(|(at, _)| at);
    let mut starts = starts.filter(|at| *at == 0 || text.as_bytes()[at - 1] == b'\n').peekable();
    std::iter::from_fn(move || {
        let start = starts.next()?;
        Some(&text[start..starts.peek().copied().unwrap_or(text.len())])
    })
}

fn dearmor(armored: &[u8]) -> Result<Zeroizing<Vec<u8>>, ReadError> {
    // Decoding makes it shorter, so this never grows and leaves no copy behind.
    let mut binary = Zeroizing::new(Vec::with_capacity(armored.len()));
    let mut reader = Reader::from_bytes(armored, ReaderMode::Tolerant(None));
    reader.read_to_end(&mut binary).map_err(|_| ReadError::Damaged)?;
    Ok(binary)
}

/// What a file may be instead, so that the error can say what to do.
fn guess(text: &str) -> Format {
    if text.get(8..12) == Some("KBXf") {
        Format::Keybox
    } else if text.starts_with("-----BEGIN OPENSSH") || text.starts_with("ssh-") || text.starts_with("ecdsa-sha2-") {
        Format::Ssh
    } else if text.contains("(private-key") || text.contains("11:private-key") || text.contains("protected-private-key")
    {
        Format::Agent
    } else if text.starts_with(BEGIN) {
        Format::Pem
    } else {
        Format::Unknown
    }
}
