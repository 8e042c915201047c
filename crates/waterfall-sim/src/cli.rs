//! What can be said on the command line.

use std::path::PathBuf;

use clap::{ArgGroup, Parser};
use waterfall_sim::{Options, Population, Size, Strategy};

const AFTER_HELP: &str = "\
A run follows from its options alone: the same command gives the same events in the same order, told by the
digest in the report. Progress goes to stderr, the report to stdout.

Exit codes: 0 all well, 1 something happened that must not (the report says what), 2 usage or an unreadable
trace, 130 interrupted (what had been run until then is printed).

Examples:
  waterfall-sim --list
  waterfall-sim --scenario churn-lognormal --nodes 10000 --baselines
  waterfall-sim --scenario all --nodes 1000 --seed 1,2,3 --markdown
  waterfall-sim --scenario growth --nodes 1000,10000,100000 --json > growth.json
  waterfall-sim --scenario growth --nodes 1000000 --skip-codec --json > million.json
  waterfall-sim --from growth.json,million.json --markdown --plots docs/plots";

/// Simulates rooms of up to millions of participants with the state machine that runs in the node.
#[derive(Debug, Parser)]
#[command(name = "waterfall-sim", version, after_help = AFTER_HELP)]
#[command(group(ArgGroup::new("what").required(true).args(["scenario", "csv", "list", "from"])))]
pub(crate) struct Cli {
    /// What happens to the room; `--list` tells the names. Several are run one after the other; `all`: every one.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) scenario: Vec<String>,

    /// Take who joins and leaves when from a file: join_ms,leave_ms,uplink_kbps,leaf_only,x,y (`-`: standard input).
    #[arg(long, value_name = "FILE", visible_alias = "trace")]
    pub(crate) csv: Option<PathBuf>,

    /// Run nothing: show reports that were printed with `--json`.
    #[arg(long, value_name = "FILE", value_delimiter = ',')]
    pub(crate) from: Vec<PathBuf>,

    /// Tell the scenarios and end.
    #[arg(long)]
    pub(crate) list: bool,

    /// Participants beside the speaker; several sizes are run one after the other.
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1000", value_parser = nodes)]
    pub(crate) nodes: Vec<u32>,

    /// Decides everything that is left to chance; with several each run is done once for each.
    #[arg(long, value_name = "S", value_delimiter = ',', default_value = "1")]
    pub(crate) seed: Vec<u64>,

    /// The scheme that participants follow.
    #[arg(long, value_enum, default_value_t = Strategy::Waterfall)]
    pub(crate) strategy: Strategy,

    /// Run the other schemes as well, for comparison.
    #[arg(long)]
    pub(crate) baselines: bool,

    /// Print the report as JSON, an array with one object for each run.
    #[arg(long)]
    pub(crate) json: bool,

    /// Print the reports as tables for a document.
    #[arg(long, conflicts_with = "json")]
    pub(crate) markdown: bool,

    /// Draw gaps, height, stretch and traffic as SVG into this folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) plots: Option<PathBuf>,

    /// Write every event into this file, a line each. For small runs: 1 000 participants make some 100 MB a minute.
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,

    /// With `--log`: write only what this participant is told and what it wants. The speaker is 0.
    #[arg(long, value_name = "NUMBER", requires = "log")]
    pub(crate) follow: Option<u32>,

    /// Hand messages over instead of encoding and decoding them: faster, for the largest runs. Their lengths are
    /// measured all the same.
    #[arg(long)]
    pub(crate) skip_codec: bool,

    /// Simulated seconds after the last join [default: 600, from a million participants on 300].
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) after: Option<u64>,

    /// Seconds in which everyone joins [default: 60, or as many as 2 500 joins a second need].
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) ramp: Option<u64>,

    /// Mean session where participants come and go, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 600.0, value_parser = session)]
    pub(crate) session: f64,

    /// Children a participant with enough upload serves.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) fan_out: u8,

    /// What the stream takes, in kbit/s; with it an upload serves fewer or more.
    #[arg(long, value_name = "KBPS", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) stream_kbps: u32,

    /// Share of participants that serve nobody.
    #[arg(long, value_name = "SHARE", default_value_t = 0.3, value_parser = share)]
    pub(crate) leaves: f64,

    /// Share of participants behind a NAT.
    #[arg(long, value_name = "SHARE", default_value_t = 0.5, value_parser = share)]
    pub(crate) nat: f64,

    /// Median round trip between two participants, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 50.0, value_parser = round_trip)]
    pub(crate) rtt: f64,

    /// Let participants know round trips to others before they call, as if they had measured them.
    #[arg(long)]
    pub(crate) distances: bool,

    /// How often in an hour each link stalls for some 150 ms.
    #[arg(long, value_name = "TIMES", default_value_t = 0.0, value_parser = outages)]
    pub(crate) outages: f64,

    /// Let no upload carry a stream more than it has room for: a child over that gets nothing, and finds out.
    #[arg(long)]
    pub(crate) strict_uplinks: bool,

    /// Share of packets lost on each link: what is lost is sent again, late, and silence is found later.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = loss)]
    pub(crate) loss: f64,

    /// Mean jitter as a share of a link's one-way delay.
    #[arg(long, value_name = "SHARE", default_value_t = 0.04, value_parser = share)]
    pub(crate) jitter: f64,

    /// The longest interruption allowed, in seconds; beyond it the run fails.
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0, value_parser = positive)]
    pub(crate) gap_bound: f64,

    /// No progress bar.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

fn nodes(text: &str) -> Result<u32, String> {
    match text.replace('_', "").parse() {
        Ok(count @ 1..=10_000_000) => Ok(count),
        _ => Err("a number from 1 to 10 000 000".to_owned()),
    }
}

fn number(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(|| "not a number".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    let share = number(text)?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err("a share is from 0 to 1".to_owned()) }
}

fn loss(text: &str) -> Result<f64, String> {
    let share = number(text)?;
    if (0.0..=0.3).contains(&share) { Ok(share) } else { Err("a share is from 0 to 0.3".to_owned()) }
}

fn positive(text: &str) -> Result<f64, String> {
    let value = number(text)?;
    if value > 0.0 && value <= 1e6 { Ok(value) } else { Err("more than 0 and at most 1 000 000".to_owned()) }
}

fn round_trip(text: &str) -> Result<f64, String> {
    let value = number(text)?;
    // Beyond that every call is given up before it can be answered.
    if value > 0.0 && value <= 2_000.0 { Ok(value) } else { Err("more than 0 and at most 2 000".to_owned()) }
}

fn session(text: &str) -> Result<f64, String> {
    let value = number(text)?;
    if (10.0..=1e6).contains(&value) { Ok(value) } else { Err("from 10 to 1 000 000".to_owned()) }
}

fn outages(text: &str) -> Result<f64, String> {
    let value = number(text)?;
    if (0.0..=3_600.0).contains(&value) { Ok(value) } else { Err("from 0 to 3 600".to_owned()) }
}

/// A look at everyone costs as much as a second of a room at rest, so the largest are looked at less often.
const fn sample_every(nodes: u32) -> u64 {
    match nodes {
        0..=20_000 => 1_000_000,
        20_001..=200_000 => 5_000_000,
        _ => 10_000_000,
    }
}

impl Cli {
    /// Who takes part.
    pub(crate) fn population(&self) -> Population {
        Population {
            fan_out: self.fan_out,
            stream_kbps: self.stream_kbps,
            leaf_share: self.leaves,
            nat_share: self.nat,
            round_trip_ms: self.rtt,
        }
    }

    /// How a run of this size is done.
    pub(crate) fn options(&self, nodes: u32, seed: u64, strategy: Strategy) -> Options {
        Options {
            seed,
            strategy,
            population: self.population(),
            distances: self.distances,
            skip_codec: self.skip_codec,
            // What other schemes do is shown, not held against us.
            checks: strategy == Strategy::Waterfall,
            gap_bound: (self.gap_bound * 1e6) as u64,
            sample_every: sample_every(nodes),
            outages_per_hour: self.outages,
            strict_uplinks: self.strict_uplinks,
            loss: self.loss,
            jitter: self.jitter,
            ..Options::default()
        }
    }

    /// How large and how long.
    pub(crate) fn size(&self, nodes: u32) -> Size {
        let usual = Size::of(nodes);
        Size {
            after: self.after.unwrap_or(usual.after),
            ramp: self.ramp.unwrap_or(usual.ramp),
            session: self.session,
            ..usual
        }
    }
}
