//! Room keys: OpenPGP messages, epochs, derivations, record sealing and the media cipher.
