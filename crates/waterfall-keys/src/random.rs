//! The one place where randomness comes from.

/// Fresh random bytes from the operating system (on wasm, from the host), good enough for keys.
///
/// # Panics
/// When the system has no randomness to give: every key drawn from then on would be worthless, so
/// there is nothing sensible to go on with.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("no key can be made on a system without randomness");
    bytes
}
