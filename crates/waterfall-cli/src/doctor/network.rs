//! Ports of this machine, and the well-known peers.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use futures::future::join_all;
use socket2::{Domain, Socket, Type};
use tokio::time::timeout;
use waterfall::{Multiaddr, generate_key};
use waterfall_signal::{Config, Event, Signal};

use super::report::Finding;
use super::{ANSWER, machine};

/// Where multicast DNS is spoken, RFC 6762.
const MDNS: u16 = 5353;

/// Whether the ports that libp2p and media want can be had.
pub(super) fn ports(listen: &[IpAddr], port: u16) -> Vec<Finding> {
    let any = [machine::ANY, IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
    let wanted = if listen.is_empty() { &any[..] } else { listen };
    let which = if port == 0 { "free UDP and TCP ports".to_owned() } else { format!("UDP and TCP port {port}") };
    let (mut fine, mut findings) = (Vec::new(), Vec::new());
    for ip in wanted {
        match [Type::DGRAM, Type::STREAM].into_iter().try_for_each(|kind| bind(*ip, port, kind, false)) {
            Ok(()) => fine.push(ip.to_string()),
            // No IPv6 at all: the other half does.
            Err(_) if listen.is_empty() && ip.is_ipv6() => {}
            Err(error) => findings.push(refused(*ip, port, &error)),
        }
    }
    if !fine.is_empty() {
        let note = if port == 0 { "" } else { "; media takes free ones" };
        findings.insert(0, Finding::ok("ports", format!("{which} can be opened on {}{note}", fine.join(" and "))));
    }
    findings
}

fn refused(ip: IpAddr, port: u16, error: &std::io::Error) -> Finding {
    let remedy = match error.kind() {
        ErrorKind::AddrInUse => "stop the program that uses it, or choose another: --port N, 0 for any free one",
        ErrorKind::PermissionDenied => "choose a port from 1024 on: --port N",
        ErrorKind::AddrNotAvailable => "use an address of this machine: --listen IP",
        _ => "choose another address or port: --listen IP, --port N",
    };
    Finding::problem("ports", format!("{} cannot be opened: {error}", SocketAddr::new(ip, port)), remedy)
}

fn bind(ip: IpAddr, port: u16, kind: Type, shared: bool) -> std::io::Result<()> {
    let socket = Socket::new(Domain::for_address(SocketAddr::new(ip, port)), kind, None)?;
    if ip.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if shared || kind == Type::STREAM {
        // TCP: connections that are closing do not count as users of the port.
        socket.set_reuse_address(true)?;
    }
    #[cfg(unix)]
    if shared {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&SocketAddr::new(ip, port).into())
}

/// Whether multicast DNS could listen. Nothing is sent.
pub(super) fn multicast(wanted: bool) -> Finding {
    const WHAT: &str = "local";
    if !wanted {
        return Finding::ok(WHAT, "the local network is not searched, as asked for");
    }
    match bind(IpAddr::V4(Ipv4Addr::UNSPECIFIED), MDNS, Type::DGRAM, true) {
        Ok(()) => Finding::ok(WHAT, format!("the local network is searched by multicast DNS (UDP {MDNS})")),
        Err(error) => Finding::warning(
            WHAT,
            format!("multicast DNS cannot listen on UDP {MDNS}: {error}"),
            "others on the local network are not found; name a well-known peer: --bootstrap ADDR",
        ),
    }
}

/// Whether the well-known peers answer, by each of their transports.
pub(super) async fn bootstrap(named: &[(String, Vec<Multiaddr>)]) -> Vec<Finding> {
    if named.is_empty() {
        return vec![Finding::ok(
            "bootstrap",
            "none is named; on one local network none is needed (else: --bootstrap ADDR)",
        )];
    }
    join_all(named.iter().map(|(text, addresses)| async move {
        let answers = join_all(addresses.iter().map(|address| reach(address.clone()))).await;
        judge(text, addresses.iter().zip(answers))
    }))
    .await
}

fn judge<'a>(text: &str, answers: impl Iterator<Item = (&'a Multiaddr, Result<u128, String>)>) -> Finding {
    const WHAT: &str = "bootstrap";
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (address, answer) in answers {
        let over = if address.to_string().contains("/udp/") { "UDP (QUIC)" } else { "TCP" };
        match answer {
            Ok(ms) => good.push(format!("{over} in {ms} ms")),
            Err(reason) => bad.push(format!("not over {over}: {}", reason.trim_end_matches('.'))),
        }
    }
    let says = format!(
        "{text}: {}",
        good.iter()
            .map(|good| format!("answers over {good}"))
            .chain(bad.iter().cloned())
            .collect::<Vec<_>>()
            .join("; ")
    );
    match (good.is_empty(), bad.is_empty()) {
        (true, _) => Finding::problem(
            WHAT,
            says,
            "check the address and that it runs, and that a firewall lets its port through",
        ),
        (false, true) => Finding::ok(WHAT, says),
        (false, false) => Finding::warning(
            WHAT,
            says,
            "one of two is enough to find others; but media needs UDP, so let it out if that is what fails",
        ),
    }
}

/// Calls one address with a node of its own; how many milliseconds until both had shown who they are.
async fn reach(address: Multiaddr) -> Result<u128, String> {
    let began = Instant::now();
    let config = Config::new(generate_key()).listen(Vec::new()).mdns(false).bootstrap(vec![address]);
    let (signal, mut events) = Signal::start(config).await.map_err(|error| error.to_string())?;
    let mut peers = signal.peers();
    let answered = timeout(ANSWER, async {
        tokio::select! {
            peers = peers.wait_for(|peers| *peers > 0) => peers.map(drop).map_err(|_| "the node ended".to_owned()),
            reason = unreachable(&mut events) => Err(reason),
        }
    });
    let answered = answered.await.unwrap_or_else(|_| Err("no answer".into()));
    let took = began.elapsed().as_millis();
    signal.close().await;
    answered.map(|()| took)
}

async fn unreachable(events: &mut tokio::sync::mpsc::Receiver<Event>) -> String {
    loop {
        match events.recv().await {
            Some(Event::BootstrapUnreachable { reason, .. }) => return reason,
            Some(_) => {}
            None => std::future::pending().await,
        }
    }
}
