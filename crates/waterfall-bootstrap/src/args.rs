//! The command line.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, ValueEnum};
use tracing_subscriber::EnvFilter;
use waterfall_bootstrap::{Multiaddr, parse_address};

/// Where bootstrap nodes listen unless told otherwise; libp2p's customary port.
pub(crate) const DEFAULT_PORT: u16 = 4001;
/// What the signalling uses of [`Args::peer`].
const MAX_PEER_ADDRESSES: usize = 16;

const ABOUT: &str = "\
A well-known peer for waterfall: others find the network through it.

It stores records that it cannot read and introduces nodes to each other. No stream passes through it, and who has \
met others goes on without it. Run it where many can reach it, open its port for TCP and UDP, and give the addresses \
that it prints to `waterfall … --bootstrap ADDR`.";

const AFTER: &str = "\
Standard output: its addresses, one a line, once it listens; with --json one object a line (event: ready, addresses, \
unreachable, stats, closed). Standard error: the log.

SIGINT (Ctrl-C) and SIGTERM close all connections and end it with code 0. Exit codes: 0 stopped, 1 failure, 2 usage.

Examples:
  waterfall-bootstrap
  waterfall-bootstrap --external bootstrap.example.org:4001 --peer other.example.org:4001
  waterfall-bootstrap --listen 127.0.0.1:0 --json --stats 10";

/// See [`ABOUT`].
#[derive(Debug, Clone, Parser)]
#[command(name = "waterfall-bootstrap", version, about = ABOUT, after_help = AFTER)]
pub(crate) struct Args {
    /// Listen here: IP, IP:PORT (TCP and QUIC; port 0: any free one) or a multiaddr. Repeatable. Default: port 4001 of
    /// every interface.
    #[arg(long, value_name = "ADDR", value_parser = listen)]
    pub listen: Vec<Addresses>,

    /// Where others reach it, where its interfaces do not show that: HOST:PORT or a multiaddr, with a DNS name or the
    /// address of a port forwarding. Repeatable.
    #[arg(long, value_name = "ADDR", value_parser = host_and_port)]
    pub external: Vec<Addresses>,

    /// The file with its secret identity; made if it is missing. Default: bootstrap.key in $WATERFALL_STATE_DIR, else
    /// in waterfall in $XDG_STATE_HOME, else in ~/.local/state/waterfall. Its addresses are good as long as this file is kept.
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,

    /// Another bootstrap node to share one network with: HOST:PORT or a multiaddr. Repeatable.
    #[arg(long, value_name = "ADDR", value_parser = host_and_port)]
    pub peer: Vec<Addresses>,

    /// Most connections at a time. From half of it on, those unused longest are closed for newcomers. About 0.2 MiB each.
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(16..=20_000))]
    pub max_connections: u32,

    /// Most bytes of others' records to keep, in memory: a number, or one with K, M or G.
    #[arg(long, value_name = "BYTES", default_value = "128M", value_parser = bytes)]
    pub store_bytes: usize,

    /// Print JSON, one object a line, on standard output.
    #[arg(long)]
    pub json: bool,

    /// Tell what it holds and has done every so many seconds: on standard output with --json, else in the log.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub stats: Option<u32>,

    /// What to log: error, warn, info, debug, trace, or a tracing filter.
    #[arg(
        long,
        value_name = "FILTER",
        default_value = "warn,waterfall_bootstrap=info",
        env = "WATERFALL_LOG",
        value_parser = filter
    )]
    pub log: String,

    /// How to log. Default: json with --json, else text.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// How to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// An object a line.
    Json,
}

/// The addresses that one argument stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Addresses(Vec<Multiaddr>);

impl Args {
    /// Reads the command line; ends the process with code 2 when it makes no sense.
    pub(crate) fn read() -> Self {
        let args = Self::parse();
        if let Err(error) = args.check() {
            error.exit();
        }
        args
    }

    pub(crate) fn log_format(&self) -> LogFormat {
        self.log_format.unwrap_or(if self.json { LogFormat::Json } else { LogFormat::Text })
    }

    pub(crate) fn listen(&self) -> Vec<Multiaddr> {
        if self.listen.is_empty() { waterfall_bootstrap::all_interfaces(DEFAULT_PORT) } else { concat(&self.listen) }
    }

    pub(crate) fn external(&self) -> Vec<Multiaddr> {
        concat(&self.external)
    }

    pub(crate) fn peers(&self) -> Vec<Multiaddr> {
        concat(&self.peer)
    }

    /// What no single argument shows.
    fn check(&self) -> Result<(), clap::Error> {
        let peers = self.peers().len();
        if peers > MAX_PEER_ADDRESSES {
            let text = format!(
                "--peer stands for {peers} addresses, and at most {MAX_PEER_ADDRESSES} are used; name fewer, or \
                 multiaddrs, for HOST:PORT counts twice\n"
            );
            return Err(Self::command().error(ErrorKind::TooManyValues, text));
        }
        Ok(())
    }
}

fn concat(addresses: &[Addresses]) -> Vec<Multiaddr> {
    addresses.iter().flat_map(|Addresses(list)| list.clone()).collect()
}

fn host_and_port(text: &str) -> Result<Addresses, String> {
    parse_address(text).map(Addresses).map_err(|error| error.to_string())
}

/// Listening takes an IP address of this machine; the port may be left out.
fn listen(text: &str) -> Result<Addresses, String> {
    let bare: Result<IpAddr, _> = text.trim_start_matches('[').trim_end_matches(']').parse();
    let Addresses(list) = match bare {
        Ok(ip) => host_and_port(&SocketAddr::new(ip, DEFAULT_PORT).to_string())?,
        Err(_) => host_and_port(text)?,
    };
    let is_ip = |address: &Multiaddr| {
        let text = address.to_string();
        text.starts_with("/ip4/") || text.starts_with("/ip6/")
    };
    if !list.iter().all(is_ip) {
        return Err("it is a name; listen on an IP address of this machine (0.0.0.0 for all), and give the name to \
                    --external"
            .into());
    }
    Ok(Addresses(list))
}

fn bytes(text: &str) -> Result<usize, String> {
    const MIN: usize = 1 << 20;
    let (digits, shift) = match text.as_bytes().last() {
        Some(b'K' | b'k') => (&text[..text.len() - 1], 10),
        Some(b'M' | b'm') => (&text[..text.len() - 1], 20),
        Some(b'G' | b'g') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let number: usize = digits.parse().map_err(|_| "write a number of bytes, or one with K, M or G: 128M")?;
    let bytes = number.checked_mul(1 << shift).ok_or("that is more than this machine can count")?;
    if bytes < MIN { Err("at least 1M".into()) } else { Ok(bytes) }
}

fn filter(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text).map_err(|error| format!("{error}; try error, warn, info or debug"))?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        listen(text).unwrap().0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn an_address_to_listen_on_is_written_in_many_ways() {
        assert_eq!(texts("127.0.0.1:5"), ["/ip4/127.0.0.1/udp/5/quic-v1", "/ip4/127.0.0.1/tcp/5"]);
        assert_eq!(texts("0.0.0.0"), ["/ip4/0.0.0.0/udp/4001/quic-v1", "/ip4/0.0.0.0/tcp/4001"]);
        assert_eq!(texts("::1"), ["/ip6/::1/udp/4001/quic-v1", "/ip6/::1/tcp/4001"]);
        assert_eq!(texts("[::1]:0"), ["/ip6/::1/udp/0/quic-v1", "/ip6/::1/tcp/0"]);
        assert_eq!(texts("/ip4/127.0.0.1/tcp/5"), ["/ip4/127.0.0.1/tcp/5"]);
        for bad in ["", "example.org:4001", "/dns4/example.org/tcp/1", "127.0.0.1:x", "/ip4/127.0.0.1/udp/5"] {
            assert!(listen(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn without_an_address_it_listens_everywhere() {
        let args = Args::parse_from(["waterfall-bootstrap"]);
        let listen: Vec<String> = args.listen().iter().map(ToString::to_string).collect();
        assert!(listen.contains(&"/ip4/0.0.0.0/tcp/4001".into()), "{listen:?}");
        assert!(listen.contains(&"/ip4/0.0.0.0/udp/4001/quic-v1".into()), "{listen:?}");
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(bytes("1048576"), Ok(1 << 20));
        assert_eq!((bytes("2M"), bytes("3g")), (Ok(2 << 20), Ok(3 << 30)));
        for bad in ["", "M", "1", "1K", "-1M", "1.5M", "999999999999999999G", "1T", "1é"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn more_peers_than_are_used_are_refused() {
        let peers = |count: usize| {
            let args = (0..count).flat_map(|i| ["--peer".to_owned(), format!("192.0.2.{i}:4001")]);
            Args::parse_from(["waterfall-bootstrap".to_owned()].into_iter().chain(args)).check()
        };
        assert!(peers(8).is_ok());
        assert!(peers(9).unwrap_err().to_string().contains("18 addresses"));
    }
}
