//! From a ticket to an opened room, through the DHT.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until, timeout_at};
use waterfall_keys::openpgp::{self, SecretKey};
use waterfall_keys::{EpochKey, Locator, Password, RoomKey, chunk, open_record};
use waterfall_signal::Signal;
use waterfall_wire::{
    AccessKind, Charter, Contact, Entry, Fingerprint, Header, KeyChunk, NodeId, NodeRecord, Owner, RecordKind, RoomId,
    Salt, Ticket, Wire, record_key,
};

use crate::address::dialable;
use crate::clock::unix_now;
use crate::driver::membership::Membership;
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

    /// Finds the room, reads its charter and opens it for this node.
    pub(crate) async fn open(
        signal: &'a Signal,
        node: &NodeId,
        ticket: &Ticket,
        credentials: &Credentials,
    ) -> Result<Secrets, JoinError> {
        match (ticket.access, credentials) {
            (AccessKind::Open, Credentials::Open)
            | (AccessKind::Password, Credentials::Password(_))
            | (AccessKind::Members, Credentials::Key(_)) => {}
            (wants, _) => return Err(JoinError::WrongCredentials { wants }),
        }
        let lookup = Self::find_room(signal, ticket).await;
        let deadline = Instant::now() + SEARCH;
        let charter = lookup.charter(deadline).await?;
        if charter.access != ticket.access {
            return Err(JoinError::Unreadable("its charter and its ticket differ on what opens it".into()));
        }
        let (room_key, membership) = match credentials {
            Credentials::Open => (lookup.locator.open_room_key(&lookup.room, charter.epoch), None),
            Credentials::Password(password) => (lookup.by_password(&charter, password, deadline).await?, None),
            Credentials::Key(key) => {
                let (room_key, membership) = lookup.by_key(&charter, node, key, deadline).await?;
                (room_key, Some(membership))
            }
        };
        Ok(Secrets::new(ticket.room, lookup.locator, &room_key, charter, None, membership))
    }

    /// Meets the peers that a ticket names, and knows where the room's records are.
    pub(crate) async fn find_room(signal: &'a Signal, ticket: &Ticket) -> Self {
        introduce(signal, ticket).await;
        Self::new(signal, ticket.room, Locator::from_bytes(ticket.locator))
    }

    /// The room's records for those who want to look at them: its owner's certificate and one of its key chunks.
    pub(crate) async fn records_of_members(
        &self,
        member: Option<&Fingerprint>,
    ) -> Result<(Owner, KeyChunk), JoinError> {
        let deadline = Instant::now() + SEARCH;
        let charter = self.charter(deadline).await?;
        if charter.access != AccessKind::Members {
            return Err(JoinError::WrongCredentials { wants: charter.access });
        }
        let index = member.map_or(0, |member| openpgp::members::chunk_index(member, charter.chunk_count));
        tokio::try_join!(self.owner(deadline), self.chunk(&charter, index, deadline))
    }

    async fn charter(&self, deadline: Instant) -> Result<Charter, JoinError> {
        let header = self.find(self.locator.charter_salt(), deadline).await?;
        self.read(&header, RecordKind::Charter)
    }

    async fn by_password(
        &self,
        charter: &Charter,
        password: &Password,
        deadline: Instant,
    ) -> Result<RoomKey, JoinError> {
        let KeyChunk { message, .. } = self.chunk(charter, 0, deadline).await?;
        let password = password.clone();
        // Argon2 takes a good part of a second and tens of megabytes: not on an async thread.
        let opened = tokio::task::spawn_blocking(move || chunk::open_password(&message, &password));
        opened.await.map_err(|_| JoinError::Closed)?.map_err(|error| match error {
            chunk::ChunkError::WrongPassword => JoinError::WrongPassword,
            other => JoinError::Unreadable(other.to_string()),
        })
    }

    /// Opens a room of members with a member's key, after its owner has been checked.
    async fn by_key(
        &self,
        charter: &Charter,
        node: &NodeId,
        key: &SecretKey,
        deadline: Instant,
    ) -> Result<(RoomKey, Membership), JoinError> {
        key.check_member(unix_now())?;
        let fingerprint = key.certificate().fingerprint();
        let index = openpgp::members::chunk_index(&fingerprint, charter.chunk_count);
        let (owner, key_chunk) = tokio::try_join!(self.owner(deadline), self.chunk(charter, index, deadline))?;
        let (room, epoch, node, count) = (self.room, charter.epoch, *node, charter.chunk_count);
        let key = key.clone();
        // RSA takes its time: not on an async thread.
        let opened = tokio::task::spawn_blocking(move || {
            let owner = openpgp::verify_owner(&owner, &room, unix_now()).map_err(JoinError::Owner)?;
            let room_key =
                openpgp::members::open(&key_chunk.message, &key, unix_now()).map_err(|error| match error {
                    openpgp::members::OpenMembersError::NotForThisKey => JoinError::NotAMember(fingerprint),
                    other => JoinError::Unreadable(other.to_string()),
                })?;
            let membership = Membership::new(&room, epoch, &node, &key, owner, count).map_err(JoinError::Certify)?;
            membership.learn(index, listed(&key_chunk, &EpochKey::derive(&room_key, &room, epoch))?);
            Ok((room_key, membership))
        });
        opened.await.map_err(|_| JoinError::Closed)?
    }

    async fn owner(&self, deadline: Instant) -> Result<Owner, JoinError> {
        let header = self.find(self.locator.owner_salt(), deadline).await?;
        self.read(&header, RecordKind::Owner)
    }

    async fn chunk(&self, charter: &Charter, index: u16, deadline: Instant) -> Result<KeyChunk, JoinError> {
        let header = self.find(self.locator.chunk_salt(charter.epoch, index), deadline).await?;
        let chunk: KeyChunk = self.read(&header, RecordKind::KeyChunk)?;
        if (chunk.epoch, chunk.index) != (charter.epoch, index) {
            return Err(JoinError::Unreadable("a key chunk lies in another's place".into()));
        }
        Ok(chunk)
    }

    /// Who one of the key chunks is for.
    pub(crate) async fn recipients(&self, secrets: &Secrets, index: u16) -> Result<Vec<Fingerprint>, JoinError> {
        listed(&self.chunk(&secrets.charter, index, Instant::now() + SEARCH).await?, &secrets.epoch_key)
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

fn listed(chunk: &KeyChunk, key: &EpochKey) -> Result<Vec<Fingerprint>, JoinError> {
    openpgp::members::recipients(chunk, key).map_err(|error| JoinError::Unreadable(error.to_string()))
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
