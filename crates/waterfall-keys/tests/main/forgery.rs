//! What a member can try: it holds the epoch key, so every track's key, but not the speaker's
//! signing key.

use hkdf::Hkdf;
use sequoia_openpgp::crypto::symmetric::{BlockCipherMode, Encryptor, PaddingMode};
use sequoia_openpgp::types::SymmetricAlgorithm;
use sframe::CipherSuite;
use sframe::frame::{EncryptedFrameView, FrameCounter, MediaFrameView};
use sframe::key::{DecryptionKey, EncryptionKey};
use sha2::Sha256;
use std::io::Write;
use waterfall_keys::media::SIGNED;
use waterfall_keys::{OpenError, TrackOpener};
use waterfall_wire::{Ctr, SigningKey};

use crate::support::{START, kid, node, room, track};

const SUITE: CipherSuite = CipherSuite::AesGcm128Sha256;

fn expand<const N: usize>(secret: &[u8], salt: &[u8], info: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    Hkdf::<Sha256>::new(Some(salt), secret).expand(info, &mut out).unwrap();
    out
}

/// The key schedule by hand, from the room key of [`crate::support`] to the speaker's track.
fn base_key() -> [u8; 32] {
    let salt = b"waterfall/keys/1";
    let epoch = [b"epoch key\0".as_slice(), &room().0, &7_u32.to_be_bytes()].concat();
    let epoch_key: [u8; 32] = expand(&[0x11; 32], salt, &epoch);
    let media = [b"media\0".as_slice(), &node(1).node_id().0, &kid().0.to_be_bytes(), &START].concat();
    expand(&epoch_key, salt, &media)
}

struct At(Ctr);

impl FrameCounter for At {
    type Error = std::convert::Infallible;
    fn try_next(&mut self) -> Result<Ctr, Self::Error> {
        Ok(self.0)
    }
}

/// An unsigned payload, with timestamp 0 and no marker, as any member can make it.
fn forge(ctr: Ctr, flags: u8, data: &[u8]) -> Vec<u8> {
    let key = EncryptionKey::derive_from(SUITE, u64::from(kid().0), base_key()).unwrap();
    let metadata = [flags, 0, 0, 0, 0, 0];
    let mut frame = Vec::new();
    MediaFrameView::with_meta_data(&mut At(ctr), data, &metadata).encrypt_into(&key, &mut frame).unwrap();
    [&[flags], &frame[6..]].concat()
}

/// A payload that ends a group, signed with a key of the forger's choice over words of its choice.
fn forge_signed(ctr: Ctr, data: &[u8], count: u16, key: &SigningKey) -> Vec<u8> {
    let mut payload = forge(ctr, SIGNED, data);
    let signature = key.sign(b"waterfall/media/1", &payload);
    payload.extend_from_slice(&count.to_be_bytes());
    payload.extend_from_slice(&signature);
    payload
}

#[test]
fn a_forged_group_is_refused() {
    let (_, mut opener) = track();
    assert_eq!(opener.open(0, false, forge(0, 0, b"forged")), Ok(Vec::new()), "it decrypts, so it is held");
    let end = forge_signed(1, b"forged", 2, &node(2));
    assert_eq!(opener.open(0, false, end), Err(OpenError::BadSignature));
    assert_eq!((opener.stats().opened, opener.stats().bad_groups, opener.stats().dropped), (0, 1, 2));
}

#[test]
fn a_forged_packet_in_a_true_group_is_refused() {
    let (mut sealer, mut opener) = track();
    let sent: Vec<_> = (0..3).map(|n| sealer.seal(0, 0, false, b"true", n == 2).unwrap().payload).collect();
    opener.open(0, false, forge(1, 0, b"forged")).unwrap();
    opener.open(0, false, &sent[0]).unwrap();
    assert_eq!(opener.open(0, false, &sent[2]), Err(OpenError::BadSignature));
    let opened: Vec<_> = sent.iter().flat_map(|payload| opener.open(0, false, payload).unwrap()).collect();
    assert!(opened.len() == 3 && opened.iter().all(|packet| packet.data == "true"));
}

#[test]
fn a_signature_covers_its_own_packets_only() {
    let (mut sealer, mut opener) = track();
    let first = sealer.seal(0, 0, false, b"one", true).unwrap().payload;
    // The true signature under another packet, and under the same one in another place.
    for ctr in [0, 1] {
        let mut moved = forge(ctr, SIGNED, if ctr == 0 { b"two" } else { b"one" });
        moved.extend_from_slice(&first[first.len() - 66..]);
        assert_eq!(opener.open(0, false, moved), Err(OpenError::BadSignature));
    }
    assert_eq!(opener.open(0, false, &first).unwrap().len(), 1);
}

#[test]
fn packets_forged_far_ahead_gain_nothing() {
    let (mut sealer, mut opener) = track();
    let far = Ctr::MAX - 30_000;
    for n in 0..10_000 {
        let forged = if n % 2 == 0 {
            forge(far + 2 * n, 0, b"forged")
        } else {
            forge_signed(far + 2 * n, b"forged", 500, &node(2))
        };
        assert_eq!(opener.open(0, false, forged), Ok(Vec::new()));
        // A true group of two, with forgeries between them: the first waits for the second.
        if n % 100 == 0 || n % 100 == 50 {
            let signed = n % 100 == 50;
            let payload = sealer.seal(0, 0, false, b"true", signed).unwrap().payload;
            let opened = opener.open(0, false, payload).unwrap();
            assert_eq!(opened.len(), if signed { 2 } else { 0 }, "the track goes on all the while");
        }
    }
    assert_eq!((opener.stats().held, opener.stats().opened), (4_096, 200));
}

#[test]
fn a_group_over_what_was_yielded_before_never_comes_out() {
    let (mut sealer, mut opener) = track();
    for _ in 0..5 {
        opener.open(0, false, sealer.seal(0, 0, false, b"true", true).unwrap().payload).unwrap();
    }
    assert_eq!(opener.open(0, false, forge_signed(5, b"forged", 6, &node(2))), Ok(Vec::new()));
    assert_eq!(opener.stats().opened, 5);
}

/// Multiplication in GHASH's field (NIST SP 800-38D §6.3).
fn multiply(x: u128, mut y: u128) -> u128 {
    let mut product = 0;
    for bit in (0..128).rev() {
        if x >> bit & 1 == 1 {
            product ^= y;
        }
        let carry = y & 1;
        y >>= 1;
        if carry == 1 {
            y ^= 0xe1 << 120;
        }
    }
    product
}

/// GHASH's key, `AES(key, 0)`: the first block that CFB makes of zeros with a zero IV.
fn ghash_key() -> u128 {
    let info = [b"SFrame 1.0 Secret key ".as_slice(), &u64::from(kid().0).to_be_bytes(), &4_u16.to_be_bytes()].concat();
    let key: [u8; 16] = expand(&base_key(), &[], &info);
    let mut block = Vec::new();
    let mut cfb = Encryptor::new(
        SymmetricAlgorithm::AES128,
        BlockCipherMode::CFB,
        PaddingMode::None,
        &key.as_slice().into(),
        Some(&[0; 16]),
        &mut block,
    )
    .unwrap();
    cfb.write_all(&[0; 16]).unwrap();
    cfb.finalize().unwrap();
    u128::from_be_bytes(block.try_into().unwrap())
}

/// A member alters a packet so that even its GCM tag stays the same: with the key at hand, a change
/// of one block is undone in the tag by another in the next. A signature over tags would let it
/// through.
#[test]
fn another_packet_with_the_same_tag_is_refused() {
    let (mut sealer, mut opener) = track();
    let payload = sealer.seal(0, 0, false, &[0x77; 32], true).unwrap().payload;
    let header = 1 + 1 + 4;
    assert_eq!(payload.len(), header + 32 + 16 + 66);

    let change: u128 = 0x0123_4567_89ab_cdef;
    let undo = multiply(change, ghash_key());
    let mut altered = payload.to_vec();
    for (at, byte) in change.to_be_bytes().into_iter().chain(undo.to_be_bytes()).enumerate() {
        altered[header + at] ^= byte;
    }
    // The forgery works against SFrame alone:
    let key = DecryptionKey::derive_from(SUITE, u64::from(kid().0), base_key()).unwrap();
    let mut frame = Vec::new();
    let view = EncryptedFrameView::try_with_meta_data(&altered[1..header + 32 + 16], &[SIGNED, 0, 0, 0, 0, 0]).unwrap();
    view.decrypt_into(&key, &mut frame).expect("the tag fits");
    assert_ne!(frame[6..], [0x77; 32], "other data under the same tag");
    // ... and not against the speaker's signature.
    assert_eq!(opener.open(0, false, altered), Err(OpenError::BadSignature));
    assert_eq!(opener.open(0, false, &payload).unwrap()[0].data, &[0x77; 32][..]);
}

#[test]
fn a_speaker_key_of_small_order_signs_nothing() {
    // The neutral element as a public key: lax verification takes any message for signed by it.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let speaker = waterfall_wire::NodeId(neutral);
    let key = crate::support::epoch_key();
    let mut opener = TrackOpener::new(&key, speaker, kid(), START);
    let info = [b"media\0".as_slice(), &speaker.0, &kid().0.to_be_bytes(), &START].concat();
    let epoch = [b"epoch key\0".as_slice(), &room().0, &7_u32.to_be_bytes()].concat();
    let epoch_key: [u8; 32] = expand(&[0x11; 32], b"waterfall/keys/1", &epoch);
    let base: [u8; 32] = expand(&epoch_key, b"waterfall/keys/1", &info);
    let key = EncryptionKey::derive_from(SUITE, u64::from(kid().0), base).unwrap();
    let mut frame = Vec::new();
    MediaFrameView::with_meta_data(&mut At(0), b"x", &[SIGNED, 0, 0, 0, 0, 0]).encrypt_into(&key, &mut frame).unwrap();
    // R = the neutral element, S = 0.
    let signature = [neutral, [0; 32]].concat();
    let payload = [&[SIGNED], &frame[6..], &1_u16.to_be_bytes(), &signature].concat();
    assert_eq!(opener.open(0, false, payload), Err(OpenError::BadSignature));
}
