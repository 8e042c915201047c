//! The node record: what the room graph shows of a participant.

use std::time::Duration;

use waterfall_wire::{NodeRecord, Summary};

use crate::config::PUBLISH_REFRESH;
use crate::neighbour::Child;
use crate::plan::beginning;
use crate::telling::digests;
use crate::timer::Timer;
use crate::tree::Phase;
use crate::{Output, Timestamp, Tree};

/// The first record waits this long for the first children to arrive together.
const PUBLISH_DEBOUNCE: Duration = Duration::from_millis(500);

/// Least time between two records that differ in sizes and spots only: a PUT is some 60 KB of traffic
/// in all, and whoever needs spots asks for them.
const DETAILS_INTERVAL: Duration = Duration::from_secs(60);

/// What was last put out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Published {
    at: Timestamp,
    /// Of who it is and who its neighbours are.
    edges: u64,
    /// Of the rest.
    details: u64,
}

impl Tree {
    /// What the room graph shows of this participant.
    #[must_use]
    pub fn node_record(&self) -> NodeRecord {
        let (size, height) = self.extent();
        NodeRecord {
            depth: self.own_depth(),
            parent: self.parent.as_ref().map(|parent| parent.id()),
            children: self.attached().map(|(node, _)| *node).collect(),
            fan_out: self.fan_out,
            size,
            height,
            spots: self.spots(),
            contact: self.me.clone(),
        }
    }

    /// Whether there is a record of us: those without children show in their parents'.
    fn is_published(&self) -> bool {
        self.phase == Phase::Active && (self.is_root || self.children.values().any(Child::is_attached))
    }

    /// Something in the record may have changed.
    pub(crate) fn settle_publication(&mut self) {
        match self.published {
            _ if !self.is_published() => self.timers.clear(Timer::Publish),
            None if self.timers.is_set(Timer::Publish) => {}
            None => self.timers.set(Timer::Publish, self.now + PUBLISH_DEBOUNCE),
            Some(published) => {
                let next = (published.at + self.config.publish_interval).max(self.now);
                self.timers.set_by(Timer::Publish, next);
            }
        }
    }

    pub(crate) fn publish(&mut self) {
        if !self.is_published() {
            return;
        }
        let record = self.node_record();
        let (edges, details) = record_digests(&record);
        if let Some(published) = self.published.filter(|published| published.edges == edges) {
            let pause = if published.details == details { PUBLISH_REFRESH } else { DETAILS_INTERVAL };
            let next = published.at + pause;
            if next > self.now {
                return self.timers.set(Timer::Publish, next);
            }
        }
        self.published = Some(Published { at: self.now, edges, details });
        self.timers.set(Timer::Publish, self.now + PUBLISH_REFRESH);
        self.output(Output::Publish(record));
    }
}

fn record_digests(record: &NodeRecord) -> (u64, u64) {
    let NodeRecord { size, height, spots, .. } = record;
    let summary = Summary {
        size: *size,
        height: *height,
        spots: spots.clone(),
        open: 0,
        wards: Vec::new(),
        strength: record.depth,
        climber: None,
    };
    let neighbours = record.parent.iter().chain(&record.children);
    let neighbours = neighbours.fold(u64::from(record.fan_out), |sum, node| sum.rotate_left(9) ^ beginning(node));
    let contact = record.contact.addresses.iter().flat_map(|address| &address.0);
    let contact = contact.fold(0u64, |sum, byte| sum.rotate_left(5) ^ u64::from(*byte));
    (neighbours ^ contact.rotate_left(31), digests(&summary).1)
}
