#!/usr/bin/env python3
"""Writes keys.json: the key schedule, seals, media packets and a key chunk, computed from the
crate's documentation by other code than the crate's.

    pip install cryptography && python3 make.py > keys.json
"""
import hashlib
import hmac
import json
import struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESOCB3, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def u16(n): return struct.pack(">H", n)
def u32(n): return struct.pack(">I", n)
def u64(n): return struct.pack(">Q", n)


# RFC 5869

def hkdf(secret, salt, info, n):
    prk = hmac.digest(salt or bytes(32), secret, "sha256")
    out, block = b"", b""
    while len(out) < n:
        block = hmac.digest(prk, block + info + bytes([len(out) // 32 + 1]), "sha256")
        out += block
    return out[:n]


def derive(secret, label, context, n):
    return hkdf(secret, b"waterfall/keys/1", label.encode() + b"\0" + context, n)


# draft-irtf-cfrg-xchacha-03

def hchacha20(key, nonce):
    state = list(struct.unpack("<16I", b"expand 32-byte k" + key + nonce))

    def quarter(a, b, c, d):
        for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            state[x] = (state[x] + state[y]) & 0xFFFFFFFF
            value = state[z] ^ state[x]
            state[z] = ((value << turn) | (value >> (32 - turn))) & 0xFFFFFFFF

    for _ in range(10):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return struct.pack("<8I", *state[:4], *state[12:])


def seal(key, nonce, aad, plaintext):
    return nonce + ChaCha20Poly1305(hchacha20(key, nonce[:16])).encrypt(bytes(4) + nonce[16:], plaintext, aad)


# RFC 8949, as much as is needed

def cbor(value):
    def head(major, n):
        if n < 24:
            return bytes([major << 5 | n])
        for code, form, limit in ((24, ">B", 1 << 8), (25, ">H", 1 << 16), (26, ">I", 1 << 32), (27, ">Q", 1 << 64)):
            if n < limit:
                return bytes([major << 5 | code]) + struct.pack(form, n)
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    return head(4, len(value)) + b"".join(map(cbor, value))


class Signer:
    def __init__(self, seed):
        self.key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def sign(self, domain, message):
        return self.key.sign(domain + message)


def signed(author, domain, body):
    return cbor([body, author.sign(domain, body)])


# The secrets

locator, room_key, epoch = bytes(range(32)), bytes(range(32, 64)), 7
owner, alice, bob = Signer(b"\x01" * 32), Signer(b"\x02" * 32), Signer(b"\x03" * 32)
room = owner.public
nonce24 = bytes(range(100, 124))
epoch_key = derive(room_key, "epoch key", room + u32(epoch), 32)
route = derive(epoch_key, "route", b"", 16)
node_salt = derive(epoch_key, "node salt", b"", 16)

# A record: an entry without participants, of a room that has ended

SEQ, NOT_AFTER = 1_700_000_000_000, 1_700_000_600_000
entry_salt = derive(locator, "entry salt", b"", 16)
entry = cbor([[], True])
aad = b"waterfall/record-seal/1" + bytes([1, 2]) + alice.public + entry_salt + u64(SEQ) + u64(NOT_AFTER)
ciphertext = seal(derive(locator, "record seal", bytes([2]), 32), nonce24, aad, entry)
header = cbor([1, 2, alice.public, entry_salt, SEQ, NOT_AFTER, ciphertext])
envelope = cbor([header, alice.sign(b"waterfall/envelope/1", header)])
record_key = hashlib.sha256(b"waterfall/record/1" + alice.public + entry_salt).digest()

# A question and its answer, an event

call_seal = derive(epoch_key, "call seal", b"", 32)
ask_nonce = bytes(range(16))
ask = cbor([1, alice.public, bob.public, epoch, ask_nonce, NOT_AFTER, [0, []]])
ask = cbor([route, seal(call_seal, nonce24, b"waterfall/ask-seal/1" + route, signed(alice, b"waterfall/ask/1", ask))])
reply = cbor([1, bob.public, alice.public, epoch, ask_nonce, [0, [[]]]])
reply = cbor([route, seal(call_seal, nonce24, b"waterfall/reply-seal/1" + route, signed(bob, b"waterfall/reply/1", reply))])
event = signed(alice, b"waterfall/event/1", cbor([1, room, alice.public, SEQ, [1, []]]))
event = seal(derive(epoch_key, "event seal", b"", 32), nonce24, b"waterfall/event-seal/1", event)

# The same answer as a letter, and a ring at one of Alice's doorbells


def record(kind, author, salt, seal_key, lifetime, plaintext):
    dates = u64(SEQ) + u64(SEQ + lifetime)
    aad = b"waterfall/record-seal/1" + bytes([1, kind]) + author.public + salt + dates
    head = cbor([1, kind, author.public, salt, SEQ, SEQ + lifetime, seal(seal_key, nonce24, aad, plaintext)])
    return {"key": hashlib.sha256(b"waterfall/record/1" + author.public + salt).hexdigest(),
            "envelope": cbor([head, author.sign(b"waterfall/envelope/1", head)]).hex()}


reply_body = cbor([1, bob.public, alice.public, epoch, ask_nonce, [0, [[]]]])
letter = record(5, bob, derive(epoch_key, "letter salt", alice.public + bytes([1]), 16),
                derive(epoch_key, "letter seal", alice.public, 32), 120_000,
                cbor([1, [[reply_body, bob.sign(b"waterfall/reply/1", reply_body)]]]))
doorbell = record(7, Signer(derive(epoch_key, "doorbell key", alice.public + bytes([2]), 32)),
                  derive(epoch_key, "doorbell salt", b"", 16),
                  derive(epoch_key, "doorbell seal", alice.public, 32), 120_000, cbor([[[bob.public, SEQ]]]))

# A key chunk's recipients, and which chunk is whose

recipients = [bytes(range(20)), bytes(range(32))]
recipients_sealed = seal(derive(epoch_key, "recipients seal", b"", 32), nonce24,
                         b"waterfall/recipients-seal/1" + u16(258), cbor([recipients]))


def bucket(fingerprint, bits):
    return int.from_bytes(hashlib.sha256(b"waterfall/chunk-bucket/1" + fingerprint).digest(), "big") >> (256 - bits)


# A group of three media packets (RFC 9605, suite 4)

kid = int.from_bytes(alice.public[:3] + b"\x05", "big")
start = bytes(range(200, 216))
base_key = derive(epoch_key, "media", alice.public + u32(kid) + start, 32)
sframe_key = hkdf(base_key, b"", b"SFrame 1.0 Secret key " + u64(kid) + u16(4), 16)
sframe_salt = hkdf(base_key, b"", b"SFrame 1.0 Secret salt " + u64(kid) + u16(4), 12)


def sframe_header(kid, ctr):
    def field(n):
        if n < 8:
            return n, b""
        raw = n.to_bytes((n.bit_length() + 7) // 8, "big")
        return 8 | len(raw) - 1, raw
    (k, kid_bytes), (c, ctr_bytes) = field(kid), field(ctr)
    return bytes([k << 4 | c]) + kid_bytes + ctr_bytes


packets, entries = [], []
for ctr, (flags, timestamp, marker, data) in enumerate([
    (0x03, 90_000, 0, b"the first packet of a key frame"),
    (0x00, 90_000, 0, b""),
    (0x0C, 90_000, 1, b"its last"),
]):
    metadata = bytes([flags]) + u32(timestamp) + bytes([marker])
    head = sframe_header(kid, ctr)
    nonce = bytes(a ^ b for a, b in zip(sframe_salt, bytes(4) + u64(ctr)))
    sframe = head + AESGCM(sframe_key).encrypt(nonce, data, head + metadata)
    entries.append(metadata + hashlib.sha256(sframe).digest())
    payload = bytes([flags]) + sframe
    if flags & 8:
        statement = room + u32(epoch) + start + u32(kid) + u64(0) + u64(ctr) + b"".join(entries)
        payload += u16(len(entries)) + alice.sign(b"waterfall/media/1", statement)
    packets.append({"flags": flags & ~8, "timestamp": timestamp, "marker": bool(marker),
                    "data": data.hex(), "payload": payload.hex()})

# A key chunk's message (RFC 9580): AES-256 (9), OCB (2), Argon2id with 64 KiB

PASSWORD = "tako-mivu"
s2k_salt, iv, session, seipd_salt = bytes(range(16)), bytes(range(15)), bytes(range(64, 96)), bytes(range(32))
derived = Argon2id(salt=s2k_salt, length=32, iterations=2, lanes=2, memory_cost=64).derive(PASSWORD.encode())
ad = bytes([0xC3, 6, 9, 2])
lock = AESOCB3(hkdf(derived, b"", ad, 32)).encrypt(iv, session, ad)
s2k = bytes([4]) + s2k_salt + bytes([2, 2, 6])
skesk = bytes([6, 3 + len(s2k) + len(iv), 9, 2, len(s2k)]) + s2k + iv + lock
body = b"b" + bytes([0]) + u32(0) + b"waterfall/room-key/1" + room_key
literal = bytes([0xC0 | 11, len(body)]) + body
ad = bytes([0xD2, 2, 9, 2, 6])
keys = hkdf(session, seipd_salt, ad, 32 + 7)
ocb, prefix = AESOCB3(keys[:32]), keys[32:]
sealed = ocb.encrypt(prefix + u64(0), literal, ad)
final = ocb.encrypt(prefix + u64(1), b"", ad + u64(len(literal)))
seipd = bytes([2, 9, 2, 6]) + seipd_salt + sealed + final
message = bytes([0xC0 | 3, len(skesk)]) + skesk + bytes([0xC0 | 18, len(seipd)]) + seipd

print(json.dumps({
    "locator": locator.hex(), "room": room.hex(), "epoch": epoch, "room_key": room_key.hex(),
    "charter_salt": derive(locator, "charter salt", b"", 16).hex(),
    "chunk_salt": {"index": 258, "salt": derive(locator, "chunk salt", u32(epoch) + u16(258), 16).hex()},
    "entry_salt": entry_salt.hex(),
    "owner_salt": derive(locator, "owner salt", b"", 16).hex(),
    "open_room_key": derive(locator, "open room key", room + u32(epoch), 32).hex(),
    "route": route.hex(), "topic": derive(epoch_key, "topic", b"", 32).hex(), "node_salt": node_salt.hex(),
    "node_seal": {"aad": b"aad".hex(), "plaintext": b"node".hex(),
                  "sealed": seal(derive(epoch_key, "node seal", b"", 32), nonce24, b"aad", b"node").hex()},
    "record": {"writer": alice.public.hex(), "seq": SEQ, "not_after": NOT_AFTER,
               "key": record_key.hex(), "envelope": envelope.hex()},
    "ask": {"from": alice.public.hex(), "to": bob.public.hex(), "nonce": ask_nonce.hex(),
            "not_after": NOT_AFTER, "routed": ask.hex()},
    "reply": {"routed": reply.hex()},
    "letter": letter,
    "doorbell": {"owner": alice.public.hex(), "number": 2, **doorbell},
    "event": {"at": SEQ, "sealed": event.hex()},
    "recipients": {"index": 258, "sealed": recipients_sealed.hex(), "members": [
        {"fingerprint": one.hex(), "chunk_of_1024": bucket(one, 10), "chunk_of_8": bucket(one, 3)} for one in recipients]},
    "media": {"speaker_secret": ("02" * 32), "kid": kid, "start": start.hex(), "packets": packets},
    "chunk": {"password": PASSWORD, "message": message.hex()},
}, indent=2))
