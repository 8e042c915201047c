//! The records a participant keeps in the DHT, and when they are written anew.

use std::time::Duration;

use tokio::time::Instant;
use waterfall_keys::{SealKey, seal_record};
use waterfall_signal::Signal;
use waterfall_wire::{
    Charter, Contact, Entry, KeyChunk, NodeRecord, Owner, RecordKey, RecordKind, Salt, SigningKey, Wire,
};

use crate::clock::unix_now;
use crate::driver::secrets::Secrets;

/// A record about the present changes at most this often; what happens in between is gathered.
const DEBOUNCE: Duration = Duration::from_secs(1);

/// How often a record of this kind is written again though nothing changed: well within its life,
/// and often enough that storing peers which left are replaced.
const fn refresh(kind: RecordKind) -> Duration {
    const MINUTE: u64 = 60;
    Duration::from_secs(match kind {
        RecordKind::Entry => 3 * MINUTE,
        RecordKind::Node => 5 * MINUTE,
        RecordKind::Charter | RecordKind::Owner => 60 * MINUTE,
        _ => 12 * 60 * MINUTE,
    })
}

/// A record as it should stand in the DHT.
struct Kept {
    kind: RecordKind,
    salt: Salt,
    plaintext: Plaintext,
    changed: bool,
    written: Option<(Instant, RecordKey)>,
}

/// What can be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Plaintext {
    Charter(Charter),
    Owner(Owner),
    Chunk(KeyChunk),
    Entry(Entry),
    Node(NodeRecord),
}

/// All records of one participant in one room.
#[derive(Default)]
pub(crate) struct Records {
    kept: Vec<Kept>,
}

impl Records {
    /// The owner's records: charter, key chunks, and in a room of members who the owner is.
    pub(crate) fn constitute(&mut self, secrets: &Secrets, chunks: Vec<KeyChunk>, owner: Option<Owner>) {
        self.keep(RecordKind::Charter, secrets.locator.charter_salt(), Plaintext::Charter(secrets.charter.clone()));
        if let Some(owner) = owner {
            self.keep(RecordKind::Owner, secrets.locator.owner_salt(), Plaintext::Owner(owner));
        }
        for chunk in chunks {
            let salt = secrets.locator.chunk_salt(chunk.epoch, chunk.index);
            self.keep(RecordKind::KeyChunk, salt, Plaintext::Chunk(chunk));
        }
    }

    /// Where to enter, written by a delegate.
    pub(crate) fn entry(&mut self, secrets: &Secrets, participants: Vec<Contact>, ended: bool) {
        let entry = Entry { participants, ended };
        self.keep(RecordKind::Entry, secrets.locator.entry_salt(), Plaintext::Entry(entry));
    }

    /// This participant's own record.
    pub(crate) fn node(&mut self, secrets: &Secrets, record: NodeRecord) {
        self.keep(RecordKind::Node, secrets.epoch_key.node_salt(), Plaintext::Node(record));
    }

    fn keep(&mut self, kind: RecordKind, salt: Salt, plaintext: Plaintext) {
        match self.kept.iter_mut().find(|kept| kept.salt == salt) {
            Some(kept) if kept.plaintext == plaintext => {}
            Some(kept) => (kept.plaintext, kept.changed) = (plaintext, true),
            None => self.kept.push(Kept { kind, salt, plaintext, changed: true, written: None }),
        }
    }

    /// Writes whatever is due. Call it about once a second; `at_once` overrides the debouncing.
    pub(crate) fn write_due(&mut self, signal: &Signal, secrets: &Secrets, node: &SigningKey, at_once: bool) {
        let now = Instant::now();
        for kept in &mut self.kept {
            let age = kept.written.map(|(when, _)| now - when);
            let due = match age {
                None => true,
                Some(age) => age >= refresh(kept.kind) || (kept.changed && (at_once || age >= DEBOUNCE)),
            };
            if !due {
                continue;
            }
            let Some((key, envelope)) = kept.seal(secrets, node) else { continue };
            signal.put(key, envelope);
            kept.changed = false;
            kept.written = Some((now, key));
        }
    }

    /// Stops writing records, for instance on leaving.
    pub(crate) fn forget_all(&mut self, signal: &Signal) {
        for (_, key) in self.kept.drain(..).filter_map(|kept| kept.written) {
            signal.forget(key);
        }
    }
}

impl Kept {
    fn seal(&self, secrets: &Secrets, node: &SigningKey) -> Option<(RecordKey, Vec<u8>)> {
        let locator_seal = || secrets.locator.record_seal(self.kind);
        match &self.plaintext {
            Plaintext::Charter(charter) => self.sealed(charter, &locator_seal(), secrets.owner.as_ref()?),
            Plaintext::Owner(owner) => self.sealed(owner, &locator_seal(), secrets.owner.as_ref()?),
            Plaintext::Chunk(chunk) => self.sealed(chunk, &locator_seal(), secrets.owner.as_ref()?),
            Plaintext::Entry(entry) => self.sealed(entry, &locator_seal(), node),
            Plaintext::Node(record) => self.sealed(record, &secrets.epoch_key.node_seal(), node),
        }
    }

    fn sealed<T: Wire>(&self, record: &T, seal: &SealKey, writer: &SigningKey) -> Option<(RecordKey, Vec<u8>)> {
        let now = unix_now();
        let sealed = seal_record(record, self.kind, seal, self.salt, writer, now, now.plus(self.kind.max_life()));
        if let Err(error) = &sealed {
            tracing::warn!(kind = ?self.kind, %error, "a record could not be written");
        }
        sealed.ok()
    }
}
