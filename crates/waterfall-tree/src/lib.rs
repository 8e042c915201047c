//! The room tree: a sans-IO state machine for joining, serving and repairing.
