//! From a ticket to an opened room, through the DHT.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until, timeout_at};
use waterfall_keys::{Locator, RoomKey, chunk, open_record};
use waterfall_signal::Signal;
use waterfall_wire::{
    AccessKind, Charter, Contact, Entry, Header, KeyChunk, NodeId, NodeRecord, RecordKind, RoomId, Salt, Ticket, Wire,
    record_key,
};

use crate::address::dialable;
use crate::driver::secrets::Secrets;
use crate::{Credentials, JoinError};

/// How long the charter is looked for. A cold node behind a slow link needs a few seconds to meet
/// its first peers; a room that nobody knows is told within this time.
const SEARCH: Duration = Duration::from_secs(15);
/// Between two looks for a record that was not there. Peers are still being met.
const AGAIN: Duration = Duration::from_millis(300);

/// Reads a room's records with what its ticket tells.
pub(crate) struct Lookup<'a> {
    signal: &'a Signal,
    room: RoomId,
    locator: Locator,
}

impl<'a> Lookup<'a> {
    pub(crate) fn new(signal: &'a Signal, room: RoomId, locator: Locator) -> Self {
        Self { signal, room, locator }
    }

    /// Finds the room, reads its charter and opens it.
    pub(crate) async fn open(
        signal: &'a Signal,
        ticket: &Ticket,
        credentials: &Credentials,
    ) -> Result<Secrets, JoinError> {
        match (ticket.access, credentials) {
            (AccessKind::Open, Credentials::Open) | (AccessKind::Password, Credentials::Password(_)) => {}
            (wants, _) => return Err(JoinError::WrongCredentials { wants }),
        }
        let lookup = Self::new(signal, ticket.room, Locator::from_bytes(ticket.locator));
        introduce(signal, ticket).await;
        let deadline = Instant::now() + SEARCH;
        let charter = lookup.charter(deadline).await?;
        let room_key = lookup.room_key(&charter, credentials, deadline).await?;
        Ok(Secrets::new(ticket.room, lookup.locator, &room_key, charter, None))
    }

    async fn charter(&self, deadline: Instant) -> Result<Charter, JoinError> {
        let header = self.find(self.locator.charter_salt(), deadline).await?;
        self.read(&header, RecordKind::Charter)
    }

    async fn room_key(
        &self,
        charter: &Charter,
        credentials: &Credentials,
        deadline: Instant,
    ) -> Result<RoomKey, JoinError> {
        let Credentials::Password(password) = credentials else {
            return Ok(self.locator.open_room_key(&self.room, charter.epoch));
        };
        let mut refused = false;
        for index in 0..charter.chunk_count {
            let header = self.find(self.locator.chunk_salt(charter.epoch, index), deadline).await?;
            let key_chunk: KeyChunk = self.read(&header, RecordKind::KeyChunk)?;
            if (key_chunk.epoch, key_chunk.index) != (charter.epoch, index) {
                return Err(JoinError::Unreadable("a key chunk lies in another's place".into()));
            }
            let password = password.clone();
            // Argon2 takes a good part of a second and tens of megabytes: not on an async thread.
            let opened = tokio::task::spawn_blocking(move || chunk::open_password(&key_chunk.message, &password));
            match opened.await.map_err(|_| JoinError::Closed)? {
                Ok(key) => return Ok(key),
                Err(chunk::ChunkError::WrongPassword) => refused = true,
                Err(other) => return Err(JoinError::Unreadable(other.to_string())),
            }
        }
        if refused { Err(JoinError::WrongPassword) } else { Err(JoinError::Unreadable("it has no key chunk".into())) }
    }

    /// Looks for a record under the room key pair until it is there or time is up.
    async fn find(&self, salt: Salt, deadline: Instant) -> Result<Header, JoinError> {
        let key = record_key(&self.room.0, &salt);
        loop {
            let next = Instant::now() + AGAIN;
            if let Ok(Ok(Some(header))) = timeout_at(deadline, self.signal.get(key)).await {
                return Ok(header);
            }
            if next >= deadline {
                let alone = *self.signal.peers().borrow() == 0;
                return Err(if alone { JoinError::NoPeers } else { JoinError::NotFound });
            }
            sleep_until(next).await;
        }
    }

    fn read<T: Wire>(&self, header: &Header, kind: RecordKind) -> Result<T, JoinError> {
        open_record(header, kind, &self.locator.record_seal(kind)).map_err(|e| JoinError::Unreadable(e.to_string()))
    }

    /// The entry records of all delegates, those that can be found.
    pub(crate) async fn entries(&self, charter: &Charter) -> Vec<Entry> {
        let gets: FuturesUnordered<_> = charter.delegates.iter().map(|delegate| self.entry(delegate)).collect();
        gets.filter_map(std::future::ready).collect().await
    }

    async fn entry(&self, delegate: &NodeId) -> Option<Entry> {
        let key = record_key(&delegate.0, &self.locator.entry_salt());
        let header = self.signal.get(key).await.ok()??;
        self.read(&header, RecordKind::Entry).ok()
    }
}

/// Meets the peers that a ticket names.
async fn introduce(signal: &Signal, ticket: &Ticket) {
    for address in ticket.bootstrap.iter().filter_map(waterfall_signal::address_to_multiaddr) {
        signal.dial(address).await;
    }
    for Contact { node, addresses } in &ticket.entries {
        for address in addresses.iter().filter_map(|a| dialable(a, node)) {
            signal.dial(address).await;
        }
    }
}

/// A participant's own record, if it has one.
pub(crate) async fn node_record(signal: &Signal, secrets: &Secrets, node: &NodeId) -> Option<NodeRecord> {
    let key = record_key(&node.0, &secrets.epoch_key.node_salt());
    let header = signal.get(key).await.ok()??;
    open_record(&header, RecordKind::Node, &secrets.epoch_key.node_seal()).ok()
}
