//! What the machine itself offers: interfaces, buffers, files, a clock.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use socket2::{Domain, Socket, Type};

use super::report::Finding;
use crate::cli::NetworkArgs;
use crate::live::words::day;
use crate::state;

/// What the media sockets ask for.
const BUFFER: usize = 4 << 20;
/// Less than this loses packets when a burst comes in.
const SMALL_BUFFER: usize = 1 << 20;
/// A participant may have 64 connections, its links and its files open.
#[cfg(unix)]
const FILES: u64 = 256;
/// 2026, when this program was written: no clock that is right shows less.
const BUILT: Duration = Duration::from_secs(1_767_225_600);
/// Certificates and records do not reach so far.
const FAR: Duration = Duration::from_secs(4_102_444_800);
/// How far a clock may be from steady time while the doctor runs.
const JUMP: Duration = Duration::from_secs(1);

/// Whether media can use an address: it means the same machine to others.
fn is_used(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local() && !ip.is_unspecified(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local() && !ip.is_unspecified(),
    }
}

/// The interfaces, and which addresses are given to others.
pub(super) fn interfaces(listen: &[IpAddr]) -> Finding {
    const WHAT: &str = "interfaces";
    let found = match if_addrs::get_if_addrs() {
        Ok(found) => found,
        Err(error) => {
            return Finding::problem(
                WHAT,
                format!("they cannot be listed: {error}"),
                "name the address to use: --listen IP",
            );
        }
    };
    let wanted = |ip: IpAddr| match listen {
        [] => is_used(ip),
        some => some.iter().any(|listen| *listen == ip || listen.is_unspecified() && is_used(ip)),
    };
    if let Some(foreign) = listen.iter().find(|ip| !ip.is_unspecified() && !found.iter().any(|f| f.ip() == **ip)) {
        let all = found.iter().map(|f| f.ip().to_string()).collect::<Vec<_>>().join(", ");
        return Finding::problem(
            WHAT,
            format!("{foreign} is no address of this machine"),
            format!("choose one of {all}"),
        );
    }
    let (used, unused): (Vec<_>, Vec<_>) = found.iter().partition(|interface| wanted(interface.ip()));
    let names = |some: &[&if_addrs::Interface]| {
        some.iter().map(|interface| format!("{} {}", interface.name, interface.ip())).collect::<Vec<_>>().join(", ")
    };
    if used.is_empty() {
        return Finding::warning(
            WHAT,
            format!("nothing that others could reach; there is {}", names(&unused)),
            "connect to a network; until then only programs on this machine find each other",
        );
    }
    let mut says = format!("used: {}", names(&used));
    if !unused.is_empty() {
        says.push_str(&format!("; not used: {}", names(&unused)));
    }
    Finding::ok(WHAT, says)
}

/// What the system grants of the socket buffers that media wants.
pub(super) fn buffers() -> Finding {
    const WHAT: &str = "buffers";
    let granted = || {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
        // A refusal shows in what is granted.
        let _ = socket.set_recv_buffer_size(BUFFER);
        let _ = socket.set_send_buffer_size(BUFFER);
        // Linux counts its own bookkeeping in: twice what is for packets.
        let share = if cfg!(target_os = "linux") { 2 } else { 1 };
        Ok::<_, std::io::Error>((socket.recv_buffer_size()? / share, socket.send_buffer_size()? / share))
    };
    match granted() {
        Err(error) => Finding::warning(WHAT, format!("no socket can be asked: {error}"), "see 'ports'"),
        Ok((receive, send)) if receive.min(send) < SMALL_BUFFER => Finding::warning(
            WHAT,
            format!(
                "the system grants sockets {} KiB to receive and {} KiB to send, of {} KiB asked for; \
                 bursts may be lost and have to be repaired",
                receive / 1024,
                send / 1024,
                BUFFER / 1024
            ),
            if cfg!(target_os = "linux") {
                format!(
                    "sudo sysctl -w net.core.rmem_max={BUFFER} net.core.wmem_max={BUFFER}, and the same lines in /etc/sysctl.d/waterfall.conf"
                )
            } else {
                "raise the system's limit of socket buffers (kern.ipc.maxsockbuf on macOS and BSD)".into()
            },
        ),
        Ok((receive, send)) => {
            Finding::ok(WHAT, format!("sockets get {} KiB to receive, {} KiB to send", receive / 1024, send / 1024))
        }
    }
}

/// How many files this process may open; `None` where nothing is known of a limit.
#[cfg(unix)]
pub(super) fn open_files() -> Option<Finding> {
    const WHAT: &str = "files";
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    Some(match limit.current {
        Some(current) if current < FILES => Finding::warning(
            WHAT,
            format!("a process may have {current} open, sockets included; {FILES} should do"),
            format!("ulimit -n {}", limit.maximum.map_or(4096, |maximum| maximum.min(4096))),
        ),
        Some(current) => Finding::ok(WHAT, format!("a process may have {current} open, sockets included")),
        None => Finding::ok(WHAT, "a process may have any number open"),
    })
}

/// How many files this process may open; `None` where nothing is known of a limit.
#[cfg(not(unix))]
pub(super) fn open_files() -> Option<Finding> {
    None
}

/// Whether things can be remembered, and by nobody else be changed.
pub(super) fn state_folder(args: &NetworkArgs) -> Finding {
    const WHAT: &str = "state";
    let Some(folder) = state::folder(args) else {
        return if args.no_state {
            Finding::ok(WHAT, "nothing is remembered between runs, as asked for")
        } else {
            Finding::warning(
                WHAT,
                "this user has no home folder, so nothing is remembered",
                "name a folder: --state-dir DIR",
            )
        };
    };
    let shown = folder.display();
    let existing = folder.ancestors().find(|path| path.exists()).unwrap_or(&folder);
    if !existing.is_dir() {
        return Finding::problem(
            WHAT,
            format!("{} is no folder", existing.display()),
            "move it away, or name another folder: --state-dir DIR",
        );
    }
    // The only test that means something: to write there.
    if let Err(error) = tempfile::tempfile_in(existing) {
        let remedy = "give it to this user (chown), or name another folder: --state-dir DIR";
        return Finding::problem(WHAT, format!("nothing can be written in {}: {error}", existing.display()), remedy);
    }
    if existing != folder {
        return Finding::ok(WHAT, format!("{shown}, which is made when it is needed"));
    }
    #[cfg(unix)]
    if let Ok(data) = folder.metadata() {
        use std::os::unix::fs::PermissionsExt;
        let mode = data.permissions().mode() & 0o777;
        if mode & 0o022 != 0 {
            return Finding::warning(
                WHAT,
                format!("others may write in {shown} (mode {mode:o}) and so decide whom this user calls"),
                format!("chmod 700 {shown}"),
            );
        }
    }
    Finding::ok(WHAT, format!("{shown} can be written"))
}

/// The clock, watched while the doctor does other things.
pub(super) struct Clock {
    wall: SystemTime,
    steady: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { wall: SystemTime::now(), steady: Instant::now() }
    }

    pub(super) fn examine(self) -> Finding {
        const WHAT: &str = "clock";
        const REMEDY: &str = "let the system set its clock: timedatectl set-ntp true, or the settings of date and time";
        let now = SystemTime::now();
        let Some(since_1970) = now.duration_since(UNIX_EPOCH).ok().filter(|since| (BUILT..FAR).contains(since)) else {
            return Finding::problem(WHAT, "it cannot be right: no record would be taken by others", REMEDY);
        };
        let steady = self.steady.elapsed();
        let moved = now.duration_since(self.wall).unwrap_or_default();
        if moved.abs_diff(steady) > JUMP {
            return Finding::warning(WHAT, "it was set while the doctor looked; look again", REMEDY);
        }
        Finding::ok(
            WHAT,
            format!("{}, steady. Others take records that are dated up to 5 minutes ahead of theirs", utc(since_1970)),
        )
    }
}

/// A moment as RFC 3339 writes it, to the minute.
fn utc(since_1970: Duration) -> String {
    let minutes = since_1970.as_secs() / 60;
    let millis = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
    format!("{} {:02}:{:02} UTC", day(millis), minutes / 60 % 24, minutes % 60)
}

/// The address that stands for every interface.
pub(super) const ANY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        let at = |seconds| utc(Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01 00:00 UTC");
        assert_eq!(at(951_782_399), "2000-02-28 23:59 UTC");
    }

    #[test]
    fn a_clock_that_is_set_meanwhile_is_noticed() {
        let text = |clock: Clock| format!("{:?}", clock.examine());
        assert!(text(Clock::start()).contains("Ok"));
        let set = Clock { wall: SystemTime::now() - Duration::from_secs(3600), steady: Instant::now() };
        assert!(text(set).contains("was set"));
    }
}
