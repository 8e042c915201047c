//! The command line: what can be said, and how it is explained.

pub(crate) mod keys;

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use keys::{DebugArgs, KeyArgs, KeysArgs};
use waterfall::SignalPath;

/// Live streaming with no media server and no signalling server: viewers pass the stream on to each other.
#[derive(Debug, Parser)]
#[command(name = "waterfall", version, propagate_version = true, arg_required_else_help = true, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// Print JSON on standard output instead of text for people.
    #[arg(long, global = true)]
    pub json: bool,

    /// What to log on standard error: error, warn, info, debug, trace, or a tracing filter.
    // gossipsub warns of neighbours that come back to its mesh too soon, yamux of links that close from both ends: nobody
    // can do anything about it.
    #[arg(
        long,
        global = true,
        value_name = "FILTER",
        default_value = "warn,libp2p_gossipsub=error,yamux=error",
        env = "WATERFALL_LOG"
    )]
    pub log: String,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failure, 2 usage, 3 access refused, 4 room not found, 130 interrupted.";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Stream a media file, or a pipe, to everyone who has the ticket.
    Stream(StreamArgs),
    /// Watch a stream: count it, save it, or pipe it to a player.
    Watch(WatchArgs),
    /// Show who is in a room and who feeds whom.
    Graph(GraphArgs),
    /// Show what a ticket says.
    Ticket(TicketArgs),
    /// Run a bootstrap node, a speaker and many viewers on this machine, and check every frame.
    Demo(DemoArgs),
    /// Measure this machine: joins, forwarding.
    Bench(BenchArgs),
    /// Make OpenPGP keys, and look at them.
    Key(KeysArgs),
    /// Look at this machine and its network: what works, what does not, what to do.
    Doctor(DoctorArgs),
    /// Look at what the DHT holds of a room.
    Debug(DebugArgs),
    /// Print the completions for a shell.
    Completions(CompletionsArgs),
    /// Print the manual page, or write one for each command.
    Man(ManArgs),
}

/// How to reach others.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct NetworkArgs {
    /// A well-known peer, as a multiaddr (/ip4/192.0.2.7/udp/4001/quic-v1/p2p/…) or host:port. Repeatable.
    /// Not needed on one local network, nor where the ticket names a peer that can be reached.
    #[arg(long, value_name = "ADDR")]
    pub bootstrap: Vec<String>,

    /// Listen on this IP address only. Repeatable. Default: every interface.
    #[arg(long, value_name = "IP")]
    pub listen: Vec<IpAddr>,

    /// Port for libp2p, TCP and UDP. Default: any free one.
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    pub port: u16,

    /// Do not look for peers on the local network by multicast DNS.
    #[arg(long)]
    pub no_lan: bool,

    /// Folder for what is remembered between runs: peers met, to find the network when no bootstrap node answers.
    /// Default: $WATERFALL_STATE_DIR, else waterfall in $XDG_STATE_HOME, else in ~/.local/state.
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,

    /// Remember nothing, and use nothing remembered.
    #[arg(long)]
    pub no_state: bool,

    /// How links are offered and answered.
    #[arg(long, value_enum, default_value_t = SignalPathArg::Auto)]
    pub signal_path: SignalPathArg,

    /// How many others to forward the stream to: 0 (leaf) to 64.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(0..=64))]
    pub fan_out: u8,
}

/// See [`SignalPath`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SignalPathArg {
    /// Over a direct stream, and by letter when that brings no answer within a second.
    Auto,
    /// Over a direct stream only.
    Direct,
    /// By letter only: through records in the DHT. Slower; asks nobody directly.
    Letter,
}

impl From<SignalPathArg> for SignalPath {
    fn from(path: SignalPathArg) -> Self {
        match path {
            SignalPathArg::Auto => Self::Auto,
            SignalPathArg::Direct => Self::Direct,
            SignalPathArg::Letter => Self::Letter,
        }
    }
}

/// What opens a room.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Access")]
pub(crate) struct AccessArgs {
    /// Anyone who has the ticket may watch.
    #[arg(long, group = "access")]
    pub open: bool,

    /// Ask for a password on the terminal. `stream` makes one up when the answer is empty.
    #[arg(long, group = "access")]
    pub password: bool,

    /// Read the password from this file (its first line), or from standard input with '-'.
    #[arg(long, value_name = "FILE", group = "access")]
    pub password_file: Option<PathBuf>,

    /// An OpenPGP key.
    #[command(flatten)]
    pub key: KeyArgs,
}

/// `waterfall stream`.
#[derive(Debug, Args)]
pub(crate) struct StreamArgs {
    /// IVF, WebM or Matroska with VP8, VP9, AV1, H.264 and Opus; '-' reads a pipe:
    /// ffmpeg … -f webm - | waterfall stream - --open
    pub file: PathBuf,

    /// What opens the room.
    #[command(flatten)]
    pub access: AccessArgs,

    /// Certificate of somebody who may watch, from 'gpg --armor --export NAME'. Repeatable; a file may hold several.
    /// You need a key of your own, too: --key FILE.
    #[arg(long, value_name = "FILE", help_heading = "Access", requires = "key")]
    pub to: Vec<PathBuf>,

    /// Begin again when the file ends, until interrupted.
    #[arg(long = "loop")]
    pub repeat: bool,

    /// What the room is called; at most 200 bytes.
    #[arg(long, default_value = "")]
    pub title: String,

    /// Do not begin before this many viewers are there.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub wait: u32,

    /// Show the ticket as a QR code, too.
    #[arg(long)]
    pub qr: bool,

    /// Write the ticket to this file, too; only this user can read it.
    #[arg(long, value_name = "FILE")]
    pub ticket_file: Option<PathBuf>,

    /// Write a line for each frame as published: track, index, timestamp, size, SHA-256.
    #[arg(long, value_name = "FILE")]
    pub frame_log: Option<PathBuf>,

    /// How to reach others.
    #[command(flatten)]
    pub network: NetworkArgs,
}

/// `waterfall watch`.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// The ticket; '-' reads it from standard input, '@FILE' from a file.
    pub ticket: String,

    /// What opens the room. Default: by the ticket; a password is asked for when the room wants one.
    #[command(flatten)]
    pub access: AccessArgs,

    /// Refuse a room that was not made by the holder of this certificate: a file, or the fingerprint itself.
    #[arg(long, value_name = "FILE|FINGERPRINT", help_heading = "Access", requires = "key")]
    pub owner: Option<PathBuf>,

    /// Save all tracks as WebM or Matroska, by the file's ending; '-' writes Matroska to standard output:
    /// waterfall watch TICKET --out - | mpv -
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Stop after so many seconds. Default: when the stream ends.
    #[arg(long, value_name = "SECONDS")]
    pub duration: Option<u64>,

    /// Only forward to others; open nothing. For machines that lend their uplink.
    #[arg(long, conflicts_with_all = ["out", "frame_log"])]
    pub relay: bool,

    /// How to find an open spot in the room.
    #[arg(long, value_enum, default_value_t = JoinByArg::Probe)]
    pub join_by: JoinByArg,

    /// Write a line for each frame as received: track, index, timestamp, size, SHA-256.
    #[arg(long, value_name = "FILE")]
    pub frame_log: Option<PathBuf>,

    /// How to reach others.
    #[command(flatten)]
    pub network: NetworkArgs,
}

/// See [`waterfall::JoinBy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum JoinByArg {
    /// Ask the participants that the room names as entries.
    Probe,
    /// Read the participants' records in the DHT from the speaker down.
    Walk,
}

/// `waterfall graph`.
#[derive(Debug, Args)]
pub(crate) struct GraphArgs {
    /// The ticket; '-' reads it from standard input, '@FILE' from a file.
    pub ticket: String,

    /// List every leaf, also in rooms of more than 40.
    #[arg(long)]
    pub all: bool,

    /// What opens the room. Default: by the ticket; a password is asked for when the room wants one.
    #[command(flatten)]
    pub access: AccessArgs,

    /// How to reach others.
    #[command(flatten)]
    pub network: NetworkArgs,
}

/// `waterfall ticket`.
#[derive(Debug, Args)]
pub(crate) struct TicketArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub what: TicketCommand,
}

/// What can be done with a ticket.
#[derive(Debug, Subcommand)]
pub(crate) enum TicketCommand {
    /// Show which room it names, what opens the room and whom it asks first.
    Show {
        /// The ticket; '-' reads it from standard input, '@FILE' from a file.
        ticket: String,

        /// Show it as a QR code, too.
        #[arg(long, conflicts_with = "json")]
        qr: bool,
    },
}

/// `waterfall doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Look at this OpenPGP secret key, too: whether it could open or own a room.
    #[arg(long, value_name = "FILE", help_heading = "Access")]
    pub key: Option<PathBuf>,

    /// Look at these certificates, too: whether their holders could be members. Repeatable.
    #[arg(long, value_name = "FILE", help_heading = "Access")]
    pub to: Vec<PathBuf>,

    /// How others would be reached.
    #[command(flatten)]
    pub network: NetworkArgs,
}

/// `waterfall completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// For which shell.
    pub shell: clap_complete::Shell,
}

/// `waterfall man`.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write a page for each command into this folder, which is made if need be.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// `waterfall demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// How many viewers.
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=500))]
    pub viewers: u16,

    /// For how long to stream.
    #[arg(long, value_name = "S", default_value_t = 15, value_parser = clap::value_parser!(u16).range(3..=3600))]
    pub seconds: u16,

    /// How many others each participant forwards to: 1 to 64.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub fan_out: u8,

    /// Run each viewer as a process of its own.
    #[arg(long)]
    pub processes: bool,

    /// Kill a relay right below the speaker (SIGKILL) halfway through; wants --processes.
    #[arg(long, requires = "processes")]
    pub kill_relay: bool,
}

/// `waterfall bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// What to measure.
    #[command(subcommand)]
    pub what: BenchCommand,
}

/// Which signal paths are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchPath {
    /// A direct stream.
    Direct,
    /// Letters in the DHT.
    Letter,
    /// One after the other.
    Both,
}

/// How a relay is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BenchLoss {
    /// By SIGKILL, for good.
    Kill,
    /// By SIGSTOP; after two seconds it goes on. Not on Windows.
    Freeze,
}

/// What can be measured.
#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// From the call for a room to the first frame in hand, over many joins.
    Join {
        /// How many joins, one after the other.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
        count: u16,
        /// How links are offered and answered.
        #[arg(long, value_enum, default_value_t = BenchPath::Direct)]
        signal_path: BenchPath,
    },
    /// What viewers see when relays above them are killed or frozen: time without a frame, frames lost. After each,
    /// all viewers have to be one tree again and hold a new standby, by their own word; else it fails.
    Failover {
        /// How many viewers, each a process of its own.
        #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u16).range(3..=200))]
        viewers: u16,
        /// How many relays are lost, one after the other; for one that was killed a new viewer comes.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
        kills: u16,
        /// How they are lost.
        #[arg(long, value_enum, default_value_t = BenchLoss::Kill)]
        how: BenchLoss,
        /// How many others each participant forwards to: 1 to 64.
        #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
        fan_out: u8,
    },
    /// What forwarding to children costs: processor time per million packets sent, and the time a packet takes.
    Relay {
        /// How many children the relay has.
        #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=16))]
        children: u8,
        /// Packets a second that come in.
        #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(10..=20_000))]
        rate: u32,
        /// For how long.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=600))]
        seconds: u16,
    },
}
