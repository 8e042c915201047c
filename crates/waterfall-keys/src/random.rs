//! The one place where randomness comes from.

/// Fresh random bytes from the operating system (on wasm, from the host).
///
/// # Panics
/// When the system has no randomness to give: every key drawn from then on would be worthless, so
/// there is nothing sensible to go on with.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("no key can be made on a system without randomness");
    bytes
}
