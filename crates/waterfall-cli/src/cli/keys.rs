//! What can be said of OpenPGP keys.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// An OpenPGP secret key, and what unlocks it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Access")]
pub(crate) struct KeyArgs {
    /// Your OpenPGP secret key, from 'gpg --armor --export-secret-keys NAME' or 'waterfall key generate'.
    #[arg(long, value_name = "FILE", group = "access")]
    pub key: Option<PathBuf>,

    /// What unlocks the key.
    #[command(flatten)]
    pub passphrase: PassphraseArgs,
}

/// Where a passphrase comes from. Never the command line itself, which others on the machine can read.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Access")]
pub(crate) struct PassphraseArgs {
    /// Read the key's passphrase from this file (its first line), or from standard input with '-'.
    /// Default: asked for on the terminal.
    #[arg(long, value_name = "FILE", group = "passphrase")]
    pub key_passphrase_file: Option<PathBuf>,

    /// Read the key's passphrase from this open file descriptor (its first line).
    #[cfg(unix)]
    #[arg(long, value_name = "N", group = "passphrase")]
    pub key_passphrase_fd: Option<u32>,
}

/// `waterfall key`.
#[derive(Debug, Args)]
pub(crate) struct KeysArgs {
    /// What to do.
    #[command(subcommand)]
    pub what: KeysCommand,
}

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make an OpenPGP key: the secret key, its certificate to give away, and a revocation to keep apart.
    Generate(GenerateArgs),
    /// Show what a file with keys or certificates holds, and what it is good for.
    Show {
        /// The file; '-' for standard input.
        file: PathBuf,
    },
}

/// `waterfall key generate`.
#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// Whose key it is: 'Alice <alice@example.org>'.
    #[arg(long)]
    pub name: String,

    /// Where to write the secret key: alice.key.asc gets alice.asc and alice.revocation.asc beside it. Nothing is
    /// overwritten.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,

    /// After how many years it expires; 0 for never.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(0..=50))]
    pub years: u8,

    /// Leave the secret key unlocked: whoever reads the file has the key.
    #[arg(long, group = "passphrase")]
    pub no_passphrase: bool,

    /// What locks the key.
    #[command(flatten)]
    pub passphrase: PassphraseArgs,
}

/// `waterfall debug`.
#[derive(Debug, Args)]
pub(crate) struct DebugArgs {
    /// What to look at.
    #[command(subcommand)]
    pub what: DebugCommand,
}

/// What can be looked at.
#[derive(Debug, Subcommand)]
pub(crate) enum DebugCommand {
    /// Print the key chunk of a room of members as it lies in the DHT, an OpenPGP message in ASCII armor:
    /// … | gpg --decrypt
    Chunk(ChunkArgs),
}

/// `waterfall debug chunk`.
#[derive(Debug, Args)]
pub(crate) struct ChunkArgs {
    /// The ticket; '-' reads it from standard input, '@FILE' from a file.
    pub ticket: String,

    /// Whose chunk: a member's certificate, or secret key, which is not unlocked.
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,

    /// Write what ties the room to its owner into this folder, too: room.txt, the owner's signature room.txt.sig, the
    /// owner's certificate owner.pgp.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// How to reach others.
    #[command(flatten)]
    pub network: super::NetworkArgs,
}
