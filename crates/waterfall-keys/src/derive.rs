//! HKDF-SHA256 (RFC 5869), the only way in which one secret becomes another here.

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// HKDF's salt: keeps everything derived here apart from any other use of the same secret.
const SALT: &[u8] = b"waterfall/keys/1";

/// Derives `N` bytes: `HKDF-Expand(HKDF-Extract(SALT, secret), label ‖ 0x00 ‖ context…, N)`.
///
/// The zero byte ends the label and each label has one context of fixed length, so no two
/// derivations share an input.
pub(crate) fn derive<const N: usize>(secret: &[u8; 32], label: &str, context: &[&[u8]]) -> Zeroizing<[u8; N]> {
    let mut info: Vec<&[u8]> = vec![label.as_bytes(), &[0]];
    info.extend_from_slice(context);
    let mut output = Zeroizing::new([0; N]);
    Hkdf::<Sha256>::new(Some(SALT), secret)
        .expand_multi_info(&info, output.as_mut_slice())
        .expect("all outputs here are far shorter than HKDF's limit of 8 160 bytes");
    output
}
