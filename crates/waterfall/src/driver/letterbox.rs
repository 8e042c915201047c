//! Calls by letter, as the callee takes them: heard of, read, answered. All of it in bounds, whoever
//! gossips and rings.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::{Duration, Instant};

use tokio::time::sleep;
use waterfall_keys::letter::{self, DOORBELLS, LetterError};
use waterfall_keys::{CallError, EpochKey};
use waterfall_signal::{RateLimit, Signal, Verdict};
use waterfall_wire::{
    Ask, Header, LetterKind, MAX_CLOCK_AHEAD, NodeId, RecordKey, RecordKind, Reply, Ring, UnixMillis,
};

use super::answers::{Repetition, Way};
use super::{Done, Driver};
use crate::clock::unix_now;

/// Letters that wait to be read; more are left for the next ring.
const MAX_WAITING: usize = 32;
/// Letters read at a time.
const MAX_READING: usize = 4;
/// Letters read of one sender at once and per second in the long run. An honest one writes a second
/// letter when it calls again after some seconds.
const OF_ONE: (f64, f64) = (4.0, 0.2);
/// Letters read in all at once and per second, apart for those that were gossiped of, which is
/// signed, and those that were rung for, which anyone may have made up. Each read is a look-up,
/// each answer a placement.
const OF_ALL: (f64, f64) = (16.0, 4.0);
/// Notices of one sender that are passed on.
const NOTICES: (f64, f64) = (8.0, 1.0);
/// Most notices and rings that are remembered to have been heard.
const MAX_HEARD: usize = 1024;
/// Most answers that are kept on offer; for more the oldest is let go. Each recipient has one.
const MAX_WRITTEN: usize = 128;
/// Pauses before the attempts to read a letter: a notice may be faster than it is.
const NOTICED: &[Duration] =
    &[Duration::ZERO, Duration::from_millis(200), Duration::from_millis(600), Duration::from_millis(1500)];
/// As above, of one that was rung for: that was written well before.
const RUNG: &[Duration] = &[Duration::ZERO, Duration::from_millis(500)];
/// First and longest pause between two looks at the own doorbells, which cost a look-up each.
const FIRST_LISTEN: Duration = Duration::from_secs(2);
const LAST_LISTEN: Duration = Duration::from_secs(16);
/// For so long after the last place was taken a node goes on listening: callers who still believe in
/// that place are told of another.
const LISTEN_ON: Duration = Duration::from_secs(30);

/// How word of a letter came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Word {
    Notice,
    Ring,
}

/// When something was last heard from whom; at most [`MAX_HEARD`].
#[derive(Debug)]
struct Heard<K>(HashMap<K, UnixMillis>);

impl<K: Hash + Eq + Clone> Heard<K> {
    /// Whether this is later than what was heard before, and no older than a letter may be.
    fn is_news(&self, key: &K, at: UnixMillis, now: UnixMillis) -> bool {
        let alive = at.plus(RecordKind::Letter.max_life()) > now && at <= now.plus(MAX_CLOCK_AHEAD);
        alive && self.0.get(key).is_none_or(|last| *last < at)
    }

    /// What is forgotten for it, the oldest, can be heard once more.
    fn note(&mut self, key: K, at: UnixMillis) {
        if self.0.len() >= MAX_HEARD && !self.0.contains_key(&key) {
            let oldest = self.0.iter().min_by_key(|(_, at)| **at).map(|(key, _)| key.clone());
            oldest.map(|oldest| self.0.remove(&oldest));
        }
        self.0.insert(key, at);
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Letterbox {
    waiting: VecDeque<(NodeId, UnixMillis, Word)>,
    reading: usize,
    notices: Heard<(NodeId, NodeId, LetterKind)>,
    /// Letters that have been read, or were rung for, by sender and date. A ring in another's name
    /// must not hide one of its own, so a later date does not cover an earlier.
    rings: Heard<(NodeId, UnixMillis)>,
    passed_on: RateLimit<NodeId>,
    of_one: RateLimit<NodeId>,
    of_all: RateLimit<Word>,
    written: VecDeque<RecordKey>,
    listen_at: Instant,
    pause: Duration,
    listening: bool,
    had_room: Option<Instant>,
}

impl Default for Letterbox {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            reading: 0,
            notices: Heard(HashMap::new()),
            rings: Heard(HashMap::new()),
            passed_on: RateLimit::new(NOTICES.0, NOTICES.1),
            of_one: RateLimit::new(OF_ONE.0, OF_ONE.1),
            of_all: RateLimit::new(OF_ALL.0, OF_ALL.1),
            written: VecDeque::new(),
            listen_at: Instant::now(),
            pause: FIRST_LISTEN,
            listening: false,
            had_room: None,
        }
    }
}

impl Letterbox {
    /// Puts a letter on the list of those to read, if the bounds allow it.
    fn want(&mut self, from: NodeId, at: UnixMillis, word: Word) -> bool {
        if let Some((_, wanted, _)) = self.waiting.iter_mut().find(|(sender, ..)| *sender == from) {
            *wanted = at.max(*wanted);
            return true;
        }
        let now = Instant::now();
        let allowed = self.waiting.len() < MAX_WAITING && self.of_one.allow(from, now) && self.of_all.allow(word, now);
        if allowed {
            self.waiting.push_back((from, at, word));
        }
        allowed
    }

    /// When to listen again; sooner while callers come.
    fn heard_rings(&mut self, any: bool) {
        self.listening = false;
        self.pause = if any { FIRST_LISTEN } else { (2 * self.pause).min(LAST_LISTEN) };
        self.listen_at = Instant::now() + self.pause;
    }

    fn is_due(&mut self, has_room: bool) -> bool {
        let now = Instant::now();
        if has_room {
            if self.had_room.is_none() {
                (self.pause, self.listen_at) = (FIRST_LISTEN, now + FIRST_LISTEN);
            }
            self.had_room = Some(now);
        } else if self.had_room.is_some_and(|had| now - had >= LISTEN_ON) {
            self.had_room = None;
        }
        self.had_room.is_some() && !self.listening && now >= self.listen_at
    }
}

/// Reads a letter that was written at `at` or later; an older one if that is all there is.
async fn read(signal: Signal, place: RecordKey, at: UnixMillis, attempts: &[Duration]) -> Option<Header> {
    let mut found = None;
    for pause in attempts {
        sleep(*pause).await;
        match signal.get(place).await {
            Ok(Some(header)) if header.seq >= at => return Some(header),
            Ok(older) => found = older.or(found),
            Err(_) => {}
        }
    }
    found
}

/// What all of a node's doorbells say.
async fn listen(signal: Signal, key: EpochKey, me: NodeId) -> Vec<Ring> {
    let places = (0..DOORBELLS).map(|which| signal.get(letter::doorbell(&key, &me, which)));
    let found = futures::future::join_all(places).await;
    let said =
        found.into_iter().flatten().flatten().filter_map(|header| letter::open_doorbell(&key, &me, &header).ok());
    said.flat_map(|doorbell| doorbell.rings).collect()
}

impl Driver {
    /// Someone gossips that a letter lies for someone. Worth passing on while it is news and its
    /// sender keeps to a pace.
    pub(super) fn noticed(&mut self, from: NodeId, at: UnixMillis, to: NodeId, kind: LetterKind, verdict: Verdict) {
        let (key, now) = ((from, to, kind), unix_now());
        let news = self.letterbox.notices.is_news(&key, at, now)
            && !self.secrets.charter.expelled.contains(&from)
            && self.letterbox.passed_on.allow(from, Instant::now());
        if !news {
            verdict.ignore();
            return;
        }
        self.letterbox.notices.note(key, at);
        verdict.accept();
        if to != self.shared.node_id() || !self.shared.signal_path.has_letters() {
            return;
        }
        match kind {
            LetterKind::Ask => {
                self.letterbox.want(from, at, Word::Notice);
                self.read_letters();
            }
            LetterKind::Reply => {
                if let Some(call) = self.outgoing.get(&from) {
                    call.heard.notify_one();
                }
            }
        }
    }

    /// Looks at the own doorbells when it is time to. Callers need them who are not in the gossip
    /// topic with us, and call only those that have a place.
    pub(super) fn listen_for_rings(&mut self) {
        let path = self.shared.signal_path;
        // Who can be dialled is asked directly, where that is allowed.
        let needed = path.has_letters() && !(path.is_direct() && self.shared.signal.stats().is_server);
        if needed && self.letterbox.is_due(self.has_room()) {
            self.letterbox.listening = true;
            let (signal, key) = (self.shared.signal.clone(), self.secrets.epoch_key.clone());
            let me = self.shared.node_id();
            self.tasks.push(Box::pin(async move { Done::Rings(listen(signal, key, me).await) }));
        }
    }

    fn has_room(&self) -> bool {
        let tree = self.tree.status();
        let attached = tree.parent.is_some() && tree.children.len() < usize::from(tree.fan_out);
        self.ended.is_none() && (self.is_root() || attached)
    }

    /// What the own doorbells say.
    pub(super) fn rung(&mut self, mut rings: Vec<Ring>) {
        let (me, now) = (self.shared.node_id(), unix_now());
        rings.sort_by_key(|ring| std::cmp::Reverse(ring.at));
        let mut any = false;
        for Ring { from, at } in rings {
            let welcome = from != me && !self.secrets.charter.expelled.contains(&from);
            let news = self.letterbox.rings.is_news(&(from, at), at, now);
            if welcome && news && self.letterbox.want(from, at, Word::Ring) {
                self.letterbox.rings.note((from, at), at);
                any = true;
            }
        }
        self.letterbox.heard_rings(any);
        self.read_letters();
    }

    fn read_letters(&mut self) {
        while self.letterbox.reading < MAX_READING {
            let Some((from, at, word)) = self.letterbox.waiting.pop_front() else { return };
            self.letterbox.reading += 1;
            let me = self.shared.node_id();
            let place = letter::key(&self.secrets.epoch_key, &from, &me, LetterKind::Ask);
            let attempts = if word == Word::Ring { RUNG } else { NOTICED };
            let signal = self.shared.signal.clone();
            self.tasks
                .push(Box::pin(async move { Done::Read { from, letter: read(signal, place, at, attempts).await } }));
        }
    }

    /// A letter was fetched, or is not there.
    pub(super) fn letter_read(&mut self, from: NodeId, letter: Option<Header>) {
        self.letterbox.reading -= 1;
        self.read_letters();
        let Some(letter) = letter else {
            tracing::debug!(%from, "no letter was found where one was said to lie");
            return;
        };
        self.letterbox.rings.note((from, letter.seq), letter.seq);
        let (key, me, now) = (self.secrets.epoch_key.clone(), self.shared.node_id(), unix_now());
        match letter::open_ask(&key, &letter, &me, now, &mut self.replays) {
            Ok(ask) if self.answers.is_outdated(&ask) => tracing::debug!(%from, "a letter of a call given up"),
            Ok(ask) => self.take_ask(ask, Way::Letter),
            Err(LetterError::Call(CallError::Repeated)) => {
                if let Ok(ask) = letter::reopen_ask(&key, &letter, &me, now) {
                    self.asked_again(&ask, Way::Letter);
                }
            }
            // The next letter is not there yet, or nobody has cleared the last away.
            Err(LetterError::Call(CallError::Expired)) => tracing::debug!(%from, "a letter has expired"),
            Err(error) => {
                tracing::debug!(%from, %error, "a letter was dropped");
                self.refused += 1;
            }
        }
    }

    /// Leaves an answer in the DHT and tells of it.
    pub(super) fn write_reply(&mut self, reply: &Reply) {
        let written = unix_now();
        match letter::seal_reply(&self.secrets.epoch_key, reply, &self.shared.identity, written) {
            Ok((key, envelope)) => {
                self.shared.signal.put(key, envelope);
                self.letterbox.written.retain(|other| *other != key);
                self.letterbox.written.push_back(key);
                if self.letterbox.written.len() > MAX_WRITTEN
                    && let Some(oldest) = self.letterbox.written.pop_front()
                {
                    self.shared.signal.forget(oldest);
                }
                self.caller().tell(reply.to, LetterKind::Reply, written);
            }
            Err(error) => tracing::warn!(%error, "an answer could not be written"),
        }
    }

    /// Lets go of the answers still on offer.
    pub(super) fn empty_letterbox(&mut self) {
        for key in self.letterbox.written.drain(..) {
            self.shared.signal.forget(key);
        }
    }

    /// A question that was heard before, now by another way.
    pub(super) fn asked_again(&mut self, ask: &Ask, way: Way) {
        match self.answers.again(ask, way) {
            Ok(Some((body, way))) => self.reply(ask, body, way),
            Ok(None) => {}
            // A letter is found again as long as it lies.
            Err(Repetition { by_letter: true }) => {}
            Err(Repetition { by_letter: false }) => self.refused += 1,
        }
    }
}

#[cfg(test)]
#[path = "letterbox_tests.rs"]
mod tests;
