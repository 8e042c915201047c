//! Creating and joining: from options to a running driver and a handle.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::timeout;
use waterfall_keys::{Locator, RoomKey, chunk, random};
use waterfall_tree::{Config, Timestamp, Tree};
use waterfall_wire::{Charter, Contact, Epoch, KeyChunk, RoomId, SigningKey, Ticket};

use super::{Driver, Lookup, Opening, Outlets, Records, Secrets};
use crate::clock::{Stopwatch, unix_now};
use crate::node::{CreateOptions, JoinBy, JoinOptions, Shared};
use crate::room::{Room, Seat};
use crate::status::{Counters, Status};
use crate::{Access, CreateError, Credentials, JoinError};

/// How long the first parent may take. A full, busy room redirects a few times; each call takes
/// well under a second when it works and five when it does not.
const ATTACH: Duration = Duration::from_secs(30);
/// Commands that wait for the driver; senders wait beyond that.
const COMMANDS: usize = 64;
/// Events that wait for a slow reader; beyond that the oldest are dropped and told as lagged.
const EVENTS: usize = 256;

/// Creates a room with this node as its root.
pub(crate) async fn create(shared: Arc<Shared>, access: Access, options: CreateOptions) -> Result<Room, CreateError> {
    let owner = SigningKey::from_bytes(&random());
    let room = RoomId(owner.public());
    let locator = Locator::generate();
    let epoch = Epoch(0);
    let (room_key, chunks) = room_key(&locator, &room, epoch, &access).await?;
    let charter = Charter {
        epoch,
        access: access.kind(),
        chunk_count: u16::try_from(chunks.len()).unwrap_or(u16::MAX),
        speakers: options.speakers,
        expelled: Vec::new(),
        delegates: vec![shared.node_id()],
        title: options.title,
    };
    let secrets = Arc::new(Secrets::new(room, locator, &room_key, charter, Some(owner)));
    let mut records = Records::default();
    records.constitute(&secrets, chunks);
    let (opening, room) = open(shared, secrets, JoinBy::Probe, Vec::new()).await.ok_or(CreateError::Closed)?;
    let clock = Stopwatch::start();
    // Above anything that an earlier process with this node key has counted.
    let config = Config::default().fan_out(options.fan_out).first_counter(unix_now().0);
    let tree = Tree::root(config, opening.shared.contact(), seed(), Timestamp::ZERO + clock.elapsed());
    let mut driver = Driver::new(opening, tree, clock, records);
    driver.constituted();
    tokio::spawn(driver.run());
    Ok(room)
}

async fn room_key(
    locator: &Locator,
    room: &RoomId,
    epoch: Epoch,
    access: &Access,
) -> Result<(RoomKey, Vec<KeyChunk>), CreateError> {
    let Access::Password(password) = access else {
        return Ok((locator.open_room_key(room, epoch), Vec::new()));
    };
    let room_key = RoomKey::generate();
    let (key, password) = (room_key.clone(), password.clone());
    let message =
        tokio::task::spawn_blocking(move || chunk::seal_password(&key, &password, chunk::Argon2Params::default()))
            .await
            .map_err(|_| CreateError::Closed)?
            .map_err(|error| CreateError::Seal(error.to_string()))?;
    Ok((room_key, vec![KeyChunk { epoch, index: 0, message, recipients: Vec::new() }]))
}

/// Joins a room; returns once a parent has taken us.
pub(crate) async fn join(
    shared: Arc<Shared>,
    ticket: &Ticket,
    credentials: &Credentials,
    options: JoinOptions,
) -> Result<Room, JoinError> {
    let secrets = Lookup::open(&shared.signal, ticket, credentials).await?;
    if secrets.charter.expelled.contains(&shared.node_id()) {
        return Err(JoinError::Expelled);
    }
    let lookup = Lookup::new(&shared.signal, secrets.room, secrets.locator.clone());
    if lookup.entries(&secrets.charter).await.iter().any(|entry| entry.ended) {
        return Err(JoinError::Ended);
    }
    let secrets = Arc::new(secrets);
    let (opening, room) =
        open(shared, secrets, options.by, ticket.entries.clone()).await.ok_or(JoinError::AlreadyJoined)?;
    let clock = Stopwatch::start();
    let me = opening.shared.contact();
    let mut config = Config::default().fan_out(options.fan_out);
    if let Some(root) = opening.secrets.root() {
        config = config.root(root);
    }
    let tree = Tree::participant(config, me, seed(), Timestamp::ZERO + clock.elapsed());
    tokio::spawn(Driver::new(opening, tree, clock, Records::default()).run());
    let mut status = room.status();
    let attached = timeout(ATTACH, status.wait_for(|status| status.parent.is_some())).await;
    match attached {
        Ok(Ok(_)) => {}
        Ok(Err(_)) => return Err(JoinError::Closed),
        Err(_) => return Err(JoinError::NoParent),
    }
    Ok(room)
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
