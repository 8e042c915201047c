//! What can happen in a world.

use super::fetch::SearchRef;
use super::link::LinkRef;

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The scenario's next step.
    Step,
    /// A participant's timer.
    Wake(u32),
    /// A message arrives.
    Deliver(u32),
    /// An offer arrives.
    Ring(u32),
    /// A refusal arrives.
    Answered(u32),
    /// The answer to an offer arrives.
    Taken(LinkRef),
    /// Nobody answered.
    Failed { node: u32, peer: u32, link: LinkRef },
    /// A link is set up.
    Up(LinkRef),
    /// An end of a link has heard nothing for too long.
    Silent { link: LinkRef, end: u8 },
    /// …and now for so long that it gives the link up.
    Dead { link: LinkRef, end: u8 },
    /// It hears something again.
    Heard { link: LinkRef, end: u8 },
    /// The entry record is there.
    Found(SearchRef),
    /// A question arrives at an entry participant.
    Probe { search: SearchRef, entry: u32 },
    /// Its answer arrives.
    Probed { search: SearchRef, answer: u32 },
    /// The root writes the entry record.
    WriteEntry,
    /// Others find it.
    EntrySpread,
    /// A session is over.
    Depart(u32),
    /// A viewer has noticed that its parent does not forward.
    Withheld(LinkRef),
    /// A relay has noticed that its upload does not carry a child.
    Congested(LinkRef),
    /// A process goes on.
    Thaw(u32),
    /// A link's outage is over.
    Mend(LinkRef),
    /// A link stalls.
    Outage,
    /// So many packets in a row are lost that somebody takes a neighbour for silent who is not.
    FalseAlarm,
    /// A partition is over.
    Heal,
    /// The root starts again.
    RootReturns,
    /// A look at the room as a whole.
    Sample,
}
