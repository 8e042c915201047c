//! What is known of the participants at the other ends of the links.

use waterfall_wire::{Contact, Down, Mark, NodeId, Spot, Summary};

use crate::Timestamp;

/// Who feeds us, or did.
#[derive(Debug, Clone)]
pub(crate) struct Parent {
    pub(crate) contact: Contact,
    /// The last it told, with its marks since.
    pub(crate) down: Down,
    /// Nothing is heard from it.
    pub(crate) silent: bool,
    /// It tells no newer counter and does not say that it starves.
    pub(crate) stale: bool,
    /// It has been starving for longer than patience allows.
    pub(crate) patience_over: bool,
    /// It wants us to move, to these.
    pub(crate) leaving: Option<Vec<Spot>>,
    /// The user knows that it is lost.
    pub(crate) loss_told: bool,
}

impl Parent {
    pub(crate) fn new(contact: Contact, down: Down) -> Self {
        Self { contact, down, silent: false, stale: false, patience_over: false, leaving: None, loss_told: false }
    }

    pub(crate) fn id(&self) -> NodeId {
        self.contact.node
    }

    /// Whether there is a way to the root through it.
    pub(crate) fn has_route(&self) -> bool {
        !self.silent && !self.stale && !self.down.starving
    }

    /// The parent itself as a spot; `free` is one when it did not say.
    pub(crate) fn as_spot(&self) -> Spot {
        let told = self.down.beside.iter().find(|spot| spot.contact.node == self.id());
        Spot { contact: self.contact.clone(), depth: self.down.mark.depth, free: told.map_or(1, |spot| spot.free) }
    }
}

/// The one call under way.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) to: Contact,
    /// The link is up and the request sent. Until it is answered our mark stands still: if it went
    /// on improving through the old parent, an equally deep new parent would never be feasible.
    pub(crate) attaching: bool,
}

/// How far someone is on the way to being a child.
#[derive(Debug, Clone)]
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

/// A child, or someone who is about to become one.
#[derive(Debug, Clone)]
pub(crate) struct Child {
    pub(crate) stage: Stage,
    /// Grows with each caller; orders children by age.
    pub(crate) number: u64,
    pub(crate) summary: Summary,
    /// What it was told last; the counter in it is not kept up to date.
    pub(crate) told: Option<Down>,
    /// When it became a child.
    pub(crate) attached_at: Option<Timestamp>,
    /// Since when nothing has been heard of it.
    pub(crate) silent: Option<Timestamp>,
    /// It leaves, or was asked to move.
    pub(crate) departing: bool,
}

impl Child {
    pub(crate) fn new(number: u64) -> Self {
        let summary = Summary { size: 1, height: 0, spots: Vec::new() };
        Self { stage: Stage::Leased, number, summary, told: None, attached_at: None, silent: None, departing: false }
    }

    pub(crate) fn is_attached(&self) -> bool {
        matches!(self.stage, Stage::Attached)
    }

    /// Whether it serves nobody and could not.
    pub(crate) fn is_leaf(&self) -> bool {
        self.is_attached() && self.summary.size == 1 && self.summary.spots.is_empty()
    }

    /// Whether there is a link to it.
    pub(crate) fn is_linked(&self) -> bool {
        !matches!(self.stage, Stage::Leased)
    }

    /// Whether it takes one of the `fan_out` places for longer than it takes to move.
    pub(crate) fn stays(&self) -> bool {
        self.silent.is_none() && !self.departing
    }

    /// The open spots below it that others may be sent to.
    pub(crate) fn spots(&self) -> &[Spot] {
        if self.is_attached() && self.stays() { &self.summary.spots } else { &[] }
    }
}
