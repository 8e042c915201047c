//! Creating and joining: from options to a running driver and a handle.

use std::sync::Arc;

use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::timeout;
use waterfall_keys::openpgp::{self, Certificate, SecretKey};
use waterfall_keys::{EpochKey, Locator, Password, RoomKey, chunk, random};
use waterfall_tree::{Config, Timestamp, Tree};
use waterfall_wire::{Charter, Contact, Epoch, KeyChunk, NodeId, Owner, RoomId, SigningKey, Ticket};

use super::membership::Membership;
use super::{Driver, Lookup, Opening, Outlets, Records, Secrets};
use crate::clock::{Stopwatch, unix_now};
use crate::node::{CreateOptions, JoinBy, JoinOptions, Shared};
use crate::room::{Room, Seat};
use crate::status::{Counters, Status};
use crate::{Access, CreateError, Credentials, JoinError};

/// Commands that wait for the driver; senders wait beyond that.
const COMMANDS: usize = 64;
/// Events that wait for a slow reader; beyond that the oldest are dropped and told as lagged.
const EVENTS: usize = 256;

/// The epoch that every room begins with.
const FIRST_EPOCH: Epoch = Epoch(0);

/// What a room's access makes of its key.
struct Constitution {
    room_key: RoomKey,
    chunks: Vec<KeyChunk>,
    owner: Option<Owner>,
    membership: Option<Membership>,
}

/// Creates a room with this node as its root.
pub(crate) async fn create(shared: Arc<Shared>, access: Access, options: CreateOptions) -> Result<Room, CreateError> {
    let owner = SigningKey::from_bytes(&random());
    let room = RoomId(owner.public());
    let locator = Locator::generate();
    let kind = access.kind();
    let Constitution { room_key, chunks, owner: owner_record, membership } =
        constitute(&locator, &room, &shared.node_id(), access).await?;
    let charter = Charter {
        epoch: FIRST_EPOCH,
        access: kind,
        chunk_count: u16::try_from(chunks.len()).unwrap_or(u16::MAX),
        speakers: options.speakers,
        expelled: Vec::new(),
        delegates: vec![shared.node_id()],
        title: options.title,
    };
    let secrets = Arc::new(Secrets::new(room, locator, &room_key, charter, Some(owner), membership));
    let mut records = Records::default();
    records.constitute(&secrets, chunks, owner_record);
    let (opening, room) = open(shared, secrets, JoinBy::Probe, Vec::new()).await.ok_or(CreateError::Closed)?;
    let clock = Stopwatch::start();
    // Above anything that an earlier process with this node key has counted.
    let config = config(&opening.shared);
    let config = config.fan_out(options.fan_out).first_counter(unix_now().0);
    let tree = Tree::root(config, opening.shared.contact(), seed(), Timestamp::ZERO + clock.elapsed());
    let mut driver = Driver::new(opening, tree, clock, records);
    driver.constituted();
    tokio::spawn(driver.run());
    Ok(room)
}

async fn constitute(
    locator: &Locator,
    room: &RoomId,
    node: &NodeId,
    access: Access,
) -> Result<Constitution, CreateError> {
    let (room, node) = (*room, *node);
    let epoch = FIRST_EPOCH;
    // Argon2 and RSA take their time: not on an async thread.
    let sealed = match access {
        Access::Open => {
            let room_key = locator.open_room_key(&room, epoch);
            return Ok(Constitution { room_key, chunks: Vec::new(), owner: None, membership: None });
        }
        Access::Password(password) => tokio::task::spawn_blocking(move || under_password(epoch, &password)),
        Access::Members { owner, members } => {
            tokio::task::spawn_blocking(move || for_members(epoch, &room, &node, &owner, members))
        }
    };
    sealed.await.map_err(|_| CreateError::Closed)?
}

fn under_password(epoch: Epoch, password: &Password) -> Result<Constitution, CreateError> {
    let room_key = RoomKey::generate();
    let message = chunk::seal_password(&room_key, password, chunk::Argon2Params::default())
        .map_err(|error| CreateError::Seal(error.to_string()))?;
    let chunks = vec![KeyChunk { epoch, index: 0, message, recipients: Vec::new() }];
    Ok(Constitution { room_key, chunks, owner: None, membership: None })
}

fn for_members(
    epoch: Epoch,
    room: &RoomId,
    node: &NodeId,
    key: &SecretKey,
    mut members: Vec<Certificate>,
) -> Result<Constitution, CreateError> {
    let now = unix_now();
    // The owner may want to come back from another machine.
    let own = key.certificate();
    if own.check_recipient(now).is_ok() {
        members.push(own.clone());
    }
    let room_key = RoomKey::generate();
    let chunks = openpgp::members::seal(&room_key, room, epoch, &members, now)?;
    let owner = openpgp::certify_owner(room, key, now).map_err(CreateError::Owner)?;
    let count = u16::try_from(chunks.len()).unwrap_or(u16::MAX);
    let membership = Membership::new(room, epoch, node, key, own.clone(), count).map_err(CreateError::Owner)?;
    let epoch_key = EpochKey::derive(&room_key, room, epoch);
    for chunk in &chunks {
        let listed = openpgp::members::recipients(chunk, &epoch_key);
        membership.learn(chunk.index, listed.expect("it was sealed under this key a moment ago"));
    }
    Ok(Constitution { room_key, chunks, owner: Some(owner), membership: Some(membership) })
}

/// Joins a room; returns once a parent has taken us.
pub(crate) async fn join(
    shared: Arc<Shared>,
    ticket: &Ticket,
    credentials: &Credentials,
    options: JoinOptions,
) -> Result<Room, JoinError> {
    let secrets = Lookup::open(&shared.signal, &shared.node_id(), ticket, credentials).await?;
    if let Some(wanted) = options.owner {
        let owner = secrets.membership.as_ref().map(Membership::owner);
        let owner = owner.ok_or(JoinError::WrongCredentials { wants: secrets.access() })?;
        if owner.fingerprint != wanted {
            return Err(JoinError::OtherOwner(owner.fingerprint));
        }
    }
    if secrets.charter.expelled.contains(&shared.node_id()) {
        return Err(JoinError::Expelled);
    }
    let lookup = Lookup::new(&shared.signal, secrets.room, secrets.locator.clone());
    if lookup.entries(&secrets.charter).await.iter().any(|entry| entry.ended) {
        return Err(JoinError::Ended);
    }
    let limit = shared.signal_path.attach_limit();
    let room = enter(shared, Arc::new(secrets), ticket.entries.clone(), &options).await?;
    let mut status = room.status();
    let attached = timeout(limit, status.wait_for(|status| status.parent.is_some())).await;
    match attached {
        Ok(Ok(_)) => {}
        Ok(Err(_)) => return Err(JoinError::Closed),
        Err(_) => return Err(JoinError::NoParent),
    }
    Ok(room)
}

/// Takes part in a room that has been opened, and begins to look for a parent.
pub(crate) async fn enter(
    shared: Arc<Shared>,
    secrets: Arc<Secrets>,
    known: Vec<Contact>,
    options: &JoinOptions,
) -> Result<Room, JoinError> {
    let (opening, room) = open(shared, secrets, options.by, known).await.ok_or(JoinError::AlreadyJoined)?;
    let clock = Stopwatch::start();
    let me = opening.shared.contact();
    let mut config = config(&opening.shared).fan_out(options.fan_out);
    if let Some(root) = opening.secrets.root() {
        config = config.root(root);
    }
    let tree = Tree::participant(config, me, seed(), Timestamp::ZERO + clock.elapsed());
    tokio::spawn(Driver::new(opening, tree, clock, Records::default()).run());
    Ok(room)
}

/// What the tree should know of this node.
fn config(shared: &Shared) -> Config {
    shared.signal_path.configure(Config::default()).proximity(shared.distances.clone())
}

async fn open(shared: Arc<Shared>, secrets: Arc<Secrets>, by: JoinBy, known: Vec<Contact>) -> Option<(Opening, Room)> {
    let topic = secrets.epoch_key.topic();
    let (registration, inbox) = shared.router.register(secrets.epoch_key.route(), topic)?;
    shared.signal.join_topic(topic).await;
    let (commands_in, commands) = mpsc::channel(COMMANDS);
    let (status, status_out) = watch::channel(Status::default());
    let (catalogue, catalogue_out) = watch::channel(Arc::from([]));
    let (events, _) = broadcast::channel(EVENTS);
    let counters = Arc::new(Counters::default());
    let room = Room::new(Seat {
        shared: shared.clone(),
        secrets: secrets.clone(),
        group: registration.group,
        commands: commands_in,
        status: status_out,
        catalogue: catalogue_out,
        events: events.clone(),
        counters: counters.clone(),
        known: known.clone(),
    });
    let outlets = Outlets { status, catalogue, events };
    let opening = Opening { shared, secrets, registration, inbox, commands, outlets, counters, by, known };
    Some((opening, room))
}

fn seed() -> u64 {
    u64::from_le_bytes(random())
}

impl Driver {
    /// The owner's first acts: its records go out (or wait for a peer), and it says that it is there.
    fn constituted(&mut self) {
        self.update_entry();
        self.records.write_due(&self.shared.signal, &self.secrets, &self.shared.identity, true);
    }
}
