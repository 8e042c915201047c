//! Whole runs by seed.
