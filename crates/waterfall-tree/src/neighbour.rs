//! What is known of the participants at the other ends of the links.

use waterfall_wire::{Contact, Down, Mark, NodeId, Spot, Summary};

use crate::Timestamp;
use crate::config::MAX_ASKED;
use crate::plan::ids;

/// Who feeds us, or did. Its path is the participant's own.
#[derive(Debug)]
pub(crate) struct Parent {
    pub(crate) contact: Contact,
    pub(crate) mark: Mark,
    /// How old the stream is when it comes to it, by its word, in milliseconds.
    pub(crate) lag: u16,
    /// The round trip to it in milliseconds, as far as measured.
    pub(crate) round_trip: u16,
    /// It says that it has no way to the root.
    pub(crate) starving: bool,
    /// What it told: the rescue plan, what is beside us below it, where standbys may be found.
    pub(crate) outside: Vec<Spot>,
    pub(crate) beside: Vec<Spot>,
    pub(crate) stand: Vec<Spot>,
    /// When its counter last grew.
    pub(crate) newer_at: Timestamp,
    /// Nothing is heard from it.
    pub(crate) silent: bool,
    /// When it last fell silent.
    pub(crate) silent_at: Timestamp,
    /// It tells no newer counter and does not say that it starves.
    pub(crate) stale: bool,
    /// It says that it is fed and does not pass on what it must have.
    pub(crate) withholding: bool,
    /// It has been starving for longer than patience allows.
    pub(crate) patience_over: bool,
    /// It wants us to move, to these.
    pub(crate) leaving: Option<Vec<Spot>>,
    /// How often it asked us to move because it has too many children; 0 if it leaves itself.
    pub(crate) asked: u8,
    /// The user knows that it is lost.
    pub(crate) loss_told: bool,
}

impl Parent {
    pub(crate) fn new(contact: Contact, down: Down, round_trip: u16, now: Timestamp) -> Self {
        Self {
            contact,
            mark: down.mark,
            lag: down.lag,
            round_trip,
            starving: down.starving,
            outside: down.outside,
            beside: down.beside,
            stand: down.stand,
            newer_at: now,
            silent: false,
            silent_at: now,
            stale: false,
            withholding: false,
            patience_over: false,
            leaving: None,
            asked: 0,
            loss_told: false,
        }
    }

    /// Takes over what it tells now; whether it starves is for the caller to see to.
    pub(crate) fn take_over(&mut self, down: Down) {
        let Down { mark, outside, beside, stand, lag, .. } = down;
        (self.mark, self.lag) = (mark, lag);
        (self.outside, self.beside, self.stand) = (outside, beside, stand);
    }

    pub(crate) fn id(&self) -> NodeId {
        self.contact.node
    }

    /// Whether it asked us to move and does not leave itself.
    pub(crate) fn stays(&self) -> bool {
        self.leaving.is_some() && self.asked > 0
    }

    /// Where it would have us move first.
    pub(crate) fn named(&self) -> Option<NodeId> {
        self.leaving.iter().flatten().next().map(|spot| spot.contact.node)
    }

    /// The deepest that we may move to as long as there is a choice: who finds no place among those that
    /// were named stays, and another moves.
    pub(crate) fn deepest(&self) -> Option<u16> {
        let named = self.leaving.iter().flatten().map(|spot| spot.depth);
        named.max().filter(|_| self.stays() && self.has_route() && self.asked < MAX_ASKED)
    }

    /// Whether there is a way to the root through it.
    pub(crate) fn has_route(&self) -> bool {
        !self.is_useless() && !self.starving
    }

    /// Whether another is needed at once.
    pub(crate) fn is_useless(&self) -> bool {
        self.silent || self.stale || self.withholding
    }

    /// The parent itself as a spot; `free` is one when it did not say.
    pub(crate) fn as_spot(&self) -> Spot {
        let told = self.beside.iter().find(|spot| spot.contact.node == self.id());
        let free = told.map_or(1, |spot| spot.free);
        Spot { contact: self.contact.clone(), depth: self.mark.depth, free, proven: 0 }
    }
}

/// The parent before this one.
#[derive(Debug)]
pub(crate) struct Former {
    pub(crate) contact: Contact,
    pub(crate) round_trip: u16,
}

/// What a warm standby has been asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resume {
    /// Nothing: it stands by.
    Idle,
    /// To be the parent. Media flows over the link, but the edge does not count yet. Until it is
    /// answered our counter stands still, lest an equally deep standby never be feasible.
    Asked,
    /// The same, although the parent is good: the standby is nearer the root and has room.
    Rising,
}

/// A second parent that does not feed, over a link that is up.
#[derive(Debug)]
pub(crate) struct Standby {
    pub(crate) contact: Contact,
    pub(crate) mark: Mark,
    /// From the root to it, itself included.
    pub(crate) path: Vec<NodeId>,
    pub(crate) starving: bool,
    pub(crate) silent: bool,
    /// Places to stand by for our children.
    pub(crate) stand: Vec<Spot>,
    pub(crate) resume: Resume,
    /// How old the stream is when it comes to it, by its word, in milliseconds.
    pub(crate) lag: u16,
    /// How long it took to answer when it was found, in milliseconds.
    pub(crate) round_trip: u16,
    /// When it last had no room for us as a child.
    pub(crate) declined_at: Option<Timestamp>,
    /// Not fit since then, although we have a way to the root.
    pub(crate) unfit_since: Option<Timestamp>,
}

impl Standby {
    pub(crate) fn id(&self) -> NodeId {
        self.contact.node
    }

    /// Whether it could feed us now, as far as known.
    pub(crate) fn is_fit(&self) -> bool {
        !self.starving && !self.silent
    }
}

/// A call for a parent that is under way.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) to: Contact,
    pub(crate) called_at: Timestamp,
    pub(crate) answered_at: Option<Timestamp>,
    /// When the link was up and the request sent. Until it is answered our counter stands still: if
    /// it went on growing through the old parent, an equally deep new parent would never be
    /// feasible.
    pub(crate) asked_at: Option<Timestamp>,
    /// Media may flow from there already: the stream stands still, and a round trip is saved.
    pub(crate) fed: bool,
    /// We have a good parent and would only be nearer the root.
    pub(crate) voluntary: bool,
    /// How many have sent us on since then.
    pub(crate) hops: u8,
}

/// How far someone is on the way to being a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Accepted; the link is being set up.
    Leased,
    /// The link is up.
    Linked,
    /// Asked, and waits for our counter to become newer than what it advertised.
    Held {
        /// What it advertised.
        advertised: Option<Mark>,
    },
    /// A child.
    Attached,
}

/// Whether a child is about to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Departure {
    /// It is not.
    No,
    /// It leaves the room.
    Leaves,
    /// It was asked to move.
    Asked,
}

/// What a child was last told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The version of our place.
    pub(crate) place: u32,
    pub(crate) starving: bool,
    /// The beginnings of the ids in its rescue plan, and of those that may stand by for it.
    pub(crate) plan: Vec<u64>,
    pub(crate) stand: Vec<u64>,
}

impl Told {
    pub(crate) fn new(place: u32, down: &Down) -> Self {
        let plan = ids(down.outside.iter().chain(&down.beside));
        Self { place, starving: down.starving, plan, stand: ids(&down.stand) }
    }
}

/// A child, or someone who is about to become one.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) stage: Stage,
    /// Grows with each caller; orders children by age.
    pub(crate) number: u32,
    pub(crate) summary: Summary,
    /// Where it can be called; without addresses until it has told of room once.
    pub(crate) contact: Option<Contact>,
    pub(crate) told: Told,
    /// When it became a child.
    pub(crate) attached_at: Timestamp,
    /// Since when all that was meant for it went out.
    pub(crate) clean_since: Timestamp,
    /// Since when nothing has been heard of it.
    pub(crate) silent: Option<Timestamp>,
    pub(crate) departure: Departure,
    /// How often it was asked to move since there are too many.
    pub(crate) asked: u8,
    /// Media flows to it. Before it is attached only if it was our ward.
    pub(crate) fed: bool,
    /// When it was asked to take the place of someone nearer the root.
    pub(crate) rises: Option<Timestamp>,
    /// It, or someone below it, waits for a counter above this.
    pub(crate) wants: Option<u64>,
}

impl Child {
    pub(crate) fn new(number: u32, now: Timestamp) -> Self {
        let summary =
            Summary { size: 1, height: 0, spots: Vec::new(), open: 0, wards: Vec::new(), strength: 0, climber: None };
        Self {
            stage: Stage::Leased,
            number,
            summary,
            contact: None,
            told: Told::default(),
            attached_at: now,
            clean_since: now,
            silent: None,
            departure: Departure::No,
            asked: 0,
            fed: false,
            rises: None,
            wants: None,
        }
    }

    /// Takes over what it says of its subtree.
    pub(crate) fn take_over(&mut self, node: &NodeId, mut summary: Summary) {
        let mut known = summary.spots.iter().chain(&summary.wards).map(|spot| &spot.contact);
        if let Some(contact) = known.find(|contact| contact.node == *node) {
            self.contact = Some(contact.clone());
        }
        summary.spots.shrink_to_fit();
        self.summary = summary;
    }

    /// Where it can be called, as far as known.
    pub(crate) fn contact(&self, node: &NodeId) -> Contact {
        self.contact.clone().unwrap_or_else(|| Contact::new(*node, []))
    }

    pub(crate) fn is_attached(&self) -> bool {
        self.stage == Stage::Attached
    }

    /// Whether it serves nobody and could not.
    pub(crate) fn is_leaf(&self) -> bool {
        self.is_attached() && self.summary.size == 1 && self.summary.spots.is_empty()
    }

    /// Whether there is a link to it.
    pub(crate) fn is_linked(&self) -> bool {
        self.stage != Stage::Leased
    }

    /// Whether it takes one of the `fan_out` places for longer than it takes to move.
    pub(crate) fn stays(&self) -> bool {
        self.silent.is_none() && self.departure == Departure::No
    }

    /// Whether it is part of the tree for good, as far as known.
    pub(crate) fn is_settled(&self) -> bool {
        self.is_attached() && self.stays()
    }

    /// The open spots below it that others may be sent to.
    pub(crate) fn spots(&self) -> &[Spot] {
        if self.is_settled() { &self.summary.spots } else { &[] }
    }

    /// The standby places below it.
    pub(crate) fn wards(&self) -> &[Spot] {
        if self.is_settled() { &self.summary.wards } else { &[] }
    }
}

/// How far someone is on the way to being a ward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WardStage {
    /// Accepted; the link is being set up.
    Leased,
    /// The link is up.
    Linked,
    /// It has been told our place.
    Warm,
}

/// Someone whose standby we are.
#[derive(Debug)]
pub(crate) struct Ward {
    pub(crate) stage: WardStage,
    /// The version of our place that it was told.
    pub(crate) place: u32,
    pub(crate) starving: bool,
    /// A digest of the places to stand by that it was told.
    pub(crate) stand: u64,
    /// How many hung from it when it asked, itself included.
    pub(crate) size: u32,
}

impl Ward {
    pub(crate) fn new(stage: WardStage) -> Self {
        Self { stage, place: 0, starving: false, stand: 0, size: 1 }
    }
}
