//! From arguments to a node that runs until it is told to stop.

use std::future::pending;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::Context;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use waterfall_bootstrap::{Bootstrap, Config, Event, Limits};

use crate::args::Args;
use crate::report::{Figures, Line, Report};
use crate::stop::Stop;
use crate::{identity, open_files};

/// Runs a bootstrap node until a signal comes.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let mut stop = Stop::new().context("signals cannot be waited for")?;
    let path = args.identity.clone().map_or_else(identity::usual_path, Ok)?;
    // Held to the end: its file stays locked.
    let identity = identity::open(&path)?;
    open_files::allow_for(args.max_connections);
    // Twice as many connections as peers are let in before newcomers are refused.
    let limits = Limits::well_known().peers(args.max_connections as usize / 2).store_bytes(args.store_bytes);
    let config = Config::new(identity.key.clone())
        .listen(args.listen())
        .external(args.external())
        .peers(args.peers())
        .limits(limits);
    let mut bootstrap = Bootstrap::start(config).await?;
    let started = Instant::now();
    let mut report = Report::new(args.json);
    tracing::info!(identity = %path.display(), "ready");
    hint(&bootstrap.addresses());
    report.ready(&bootstrap, args.max_connections, args.store_bytes).await;

    let mut ticks = args.stats.map(ticks);
    let signal = loop {
        tokio::select! {
            signal = stop.wait() => break signal,
            event = bootstrap.event() => match event {
                Some(Event::PeerUnreachable { address, reason }) => {
                    tracing::warn!(%reason, "a peer named with --peer does not answer; it is tried again");
                    report.line(&Line::Unreachable { address: address.to_string(), reason: &reason }).await;
                }
                Some(Event::AddressesChanged) => {
                    tracing::info!("its addresses have changed");
                    report.addresses(bootstrap.addresses()).await;
                }
                Some(_) => {}
                None => anyhow::bail!("the node ended by itself, which is a fault of this program; start it again"),
            },
            () = tick(&mut ticks) => report.figures(Figures::new(&bootstrap.stats(), started)).await,
        }
    };
    tracing::info!(signal, "closing");
    bootstrap.close().await;
    report.line(&Line::Closed { signal, uptime_seconds: started.elapsed().as_secs() }).await;
    drop(identity);
    Ok(())
}

fn ticks(seconds: u32) -> Interval {
    let period = Duration::from_secs(seconds.into());
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}

/// The next time for figures; never, if none are wanted.
async fn tick(ticks: &mut Option<Interval>) {
    match ticks {
        Some(ticks) => {
            ticks.tick().await;
        }
        None => pending().await,
    }
}

/// Says so when nobody outside could use these addresses.
fn hint(addresses: &[String]) {
    if !addresses.iter().any(|address| is_public(address)) {
        tracing::warn!(
            "its addresses are good on this network only; if a name or a public address leads here, say it with --external"
        );
    }
}

/// Whether the whole internet could use a multiaddr: a name, or a public IP address.
fn is_public(address: &str) -> bool {
    let host = address.split('/').nth(2).unwrap_or_default();
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => {
            // RFC 6598: shared between a provider and its customers.
            let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
            !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || shared)
        }
        Ok(IpAddr::V6(ip)) => !(ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()),
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::is_public;

    #[test]
    fn who_could_use_an_address() {
        for public in ["/ip4/192.0.2.1/tcp/1", "/dns4/example.org/tcp/1", "/ip6/2001:db8::1/udp/1/quic-v1"] {
            assert!(is_public(public), "{public}");
        }
        for local in ["/ip4/10.0.0.1/tcp/1", "/ip4/127.0.0.1/tcp/1", "/ip4/100.64.0.1/tcp/1", "/ip6/fd00::1/tcp/1"] {
            assert!(!is_public(local), "{local}");
        }
    }
}
