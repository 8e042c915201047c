//! A well-known peer: stores records and introduces nodes to each other.
