//! Calls by letter, as the caller makes them: written, told of, answered.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::sleep;
use waterfall_keys::{letter, seal_event};
use waterfall_signal::{RateLimit, Signal};
use waterfall_wire::{
    Ask, Doorbell, LetterKind, NodeId, PROTOCOL_VERSION, RecordKey, RecordKind, ReplyBody, Ring, RoomEvent,
    RoomEventBody, Signed, UnixMillis,
};

use super::calls::Caller;
use crate::clock::unix_now;

/// First pause before the answer is looked for; grows by half each time, and begins anew when an
/// answer is said to be there.
const FIRST_LOOK: Duration = Duration::from_millis(250);
/// Longest such pause: a look-up a second or two is what one call may cost the DHT.
const LAST_LOOK: Duration = Duration::from_secs(2);
/// When nobody has answered by then, the callee has not heard of the letter by gossip: ring.
const RING_AFTER: Duration = Duration::from_secs(1);
/// Between two rings. The callee looks at least every 16 s, and every ring is at another doorbell.
const RING_AGAIN: Duration = Duration::from_secs(8);
/// Own questions written at once, and per second in the long run: a call takes longer than that
/// unless somebody redirects in circles.
const WRITE_BURST: f64 = 8.0;
const WRITES_PER_SECOND: f64 = 1.0;

/// Holds back own letters that follow each other too fast.
#[derive(Debug)]
pub(crate) struct Pace(Mutex<RateLimit<()>>);

impl Default for Pace {
    fn default() -> Self {
        Self(Mutex::new(RateLimit::new(WRITE_BURST, WRITES_PER_SECOND)))
    }
}

impl Pace {
    async fn keep(&self) {
        while !self.0.lock().unwrap_or_else(PoisonError::into_inner).allow((), Instant::now()) {
            sleep(FIRST_LOOK).await;
        }
    }
}

/// An own record that is offered for as long as this lives. Copies at other nodes live on until
/// they expire.
struct Posted<'a> {
    signal: &'a Signal,
    key: RecordKey,
}

impl<'a> Posted<'a> {
    fn put(signal: &'a Signal, key: RecordKey, envelope: Vec<u8>) -> Self {
        signal.put(key, envelope);
        Self { signal, key }
    }
}

impl Drop for Posted<'_> {
    fn drop(&mut self) {
        self.signal.forget(self.key);
    }
}

impl Caller {
    /// Leaves an offer in the DHT, makes its recipient look there, and waits for the answer.
    pub(super) async fn by_letter(&self, ask: &Ask, heard: &Notify) -> Option<ReplyBody> {
        let call = async {
            self.pace.keep().await;
            let written = unix_now();
            let (key, envelope) =
                letter::seal_ask(&self.secrets.epoch_key, ask, &self.shared.identity, written).ok()?;
            let _letter = Posted::put(&self.shared.signal, key, envelope);
            self.tell(ask.to, LetterKind::Ask, written);
            tokio::select! {
                reply = self.reply_to(ask, heard) => Some(reply),
                () = self.keep_ringing(ask.to, written) => None,
            }
        };
        tokio::time::timeout(self.shared.signal_path.letter_patience(), call).await.ok()?
    }

    /// Tells those in the gossip topic that a letter of ours lies for somebody.
    pub(super) fn tell(&self, to: NodeId, kind: LetterKind, at: UnixMillis) {
        let event = RoomEvent {
            version: PROTOCOL_VERSION,
            room: self.secrets.room,
            from: self.shared.node_id(),
            at,
            body: RoomEventBody::Letter { to, kind },
        };
        let sealed = seal_event(&self.secrets.epoch_key, &Signed::new(&event, &self.shared.identity));
        self.shared.signal.gossip(self.secrets.epoch_key.topic(), sealed);
    }

    /// Looks for the answer where it will lie, until it is there.
    async fn reply_to(&self, ask: &Ask, heard: &Notify) -> ReplyBody {
        let place = letter::key(&self.secrets.epoch_key, &ask.to, &ask.from, LetterKind::Reply);
        let mut pause = FIRST_LOOK;
        loop {
            tokio::select! {
                () = sleep(pause) => pause = (pause * 3 / 2).min(LAST_LOOK),
                () = heard.notified() => pause = FIRST_LOOK,
            }
            if let Ok(Some(header)) = self.shared.signal.get(place).await
                && let Ok(reply) = letter::open_reply(&self.secrets.epoch_key, &header, ask)
            {
                return reply.body;
            }
        }
    }

    /// Rings at one doorbell after the other until dropped.
    async fn keep_ringing(&self, to: NodeId, at: UnixMillis) {
        sleep(RING_AFTER).await;
        for attempt in 0.. {
            // Kept while it is worth reading, so that a ring which lost a race comes back by itself.
            let _ring = self.ring(to, at, letter::doorbell_for(&self.shared.node_id(), attempt)).await;
            sleep(RING_AGAIN).await;
        }
    }

    async fn ring(&self, to: NodeId, at: UnixMillis, which: u8) -> Option<Posted<'_>> {
        let (key, signal) = (&self.secrets.epoch_key, &self.shared.signal);
        let found = signal.get(letter::doorbell(key, &to, which)).await.ok()?;
        let now = unix_now();
        // Whatever lies there, the next version must be later to count.
        let seq = found.as_ref().map_or(now, |header| now.max(header.seq.plus(1)));
        let mut doorbell: Doorbell =
            found.and_then(|header| letter::open_doorbell(key, &to, &header).ok()).unwrap_or_default();
        let since = UnixMillis(now.0.saturating_sub(RecordKind::Letter.max_life()));
        doorbell.ring(Ring { from: self.shared.node_id(), at }, since);
        let (place, envelope) = letter::seal_doorbell(key, &to, which, &doorbell, seq).ok()?;
        Some(Posted::put(signal, place, envelope))
    }
}
