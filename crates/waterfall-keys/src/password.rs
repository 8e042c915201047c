//! Passwords: typed by people, or generated for them.

use std::fmt;

use zeroize::Zeroizing;

use crate::random;

/// A room's password, as UTF-8. Wiped from memory when dropped; never printed by `Debug`.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// The text itself, for the one place that shows a generated passphrase to its owner.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Password {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl From<&str> for Password {
    fn from(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Sixteen consonants that sound unlike each other and are spelled one way (no c, q, w, x, y).
const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
const VOWELS: &[u8; 5] = b"aeiou";
const WORDS: usize = 6;
const SYLLABLES_PER_WORD: usize = 2;

/// Entropy of a generated [`passphrase`], in bits, rounded down: 12 syllables of log2(16 · 5) each.
pub const PASSPHRASE_BITS: u32 = 75;

/// A generated passphrase of [`PASSPHRASE_BITS`] bits: six words of two syllables, joined by
/// hyphens, such as `tako-mivu-…`. Whoever holds a password room's ticket can guess at the
/// password without asking anyone, so a password that people make up is the weak spot.
///
/// # Panics
/// On a system that has no randomness.
#[must_use]
pub fn passphrase() -> Password {
    let mut text = Zeroizing::new(String::with_capacity(WORDS * (2 * SYLLABLES_PER_WORD + 1)));
    for word in 0..WORDS {
        if word > 0 {
            text.push('-');
        }
        for _ in 0..SYLLABLES_PER_WORD {
            let syllable = below_80();
            text.push(char::from(CONSONANTS[usize::from(syllable / 5)]));
            text.push(char::from(VOWELS[usize::from(syllable % 5)]));
        }
    }
    Password(text)
}

/// A uniform number below 80. A byte from 240 on is drawn again, or small numbers would come up
/// more often.
fn below_80() -> u8 {
    loop {
        let [byte] = random::<1>();
        if byte < 240 {
            return byte % 80;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_has_the_bits_it_claims() {
        let bits = ((WORDS * SYLLABLES_PER_WORD) as f64) * ((CONSONANTS.len() * VOWELS.len()) as f64).log2();
        assert_eq!(bits.floor() as u32, PASSPHRASE_BITS);
    }

    #[test]
    fn every_syllable_comes_up_about_equally_often() {
        let mut counts = [0_u32; 80];
        for _ in 0..80_000 {
            counts[usize::from(below_80())] += 1;
        }
        // 1 000 expected each, standard deviation 32: ten of these is never seen by chance.
        assert!(counts.iter().all(|&n| (680..1_320).contains(&n)), "{counts:?}");
    }
}
