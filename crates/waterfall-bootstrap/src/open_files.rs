//! The limit on open files: each TCP connection is one, and shells and service managers start with few.

/// Beside connections: listeners, the runtime, standard streams, and connections that are being made.
#[cfg(unix)]
const BESIDE: u64 = 128;

/// Raises this process' limit as far as it may for so many connections, and warns when that is not far enough.
#[cfg(unix)]
pub(crate) fn allow_for(connections: u32) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let wanted = u64::from(connections) + BESIDE;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // No number means no limit.
    if current.is_none_or(|current| current >= wanted) {
        return;
    }
    let reached = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(reached), maximum });
    if raised.is_err() || reached < wanted {
        tracing::warn!(
            "this process may open fewer files than {connections} connections need ({wanted}); raise the limit (ulimit \
             -n, LimitNOFILE=), or lower --max-connections"
        );
    }
}

/// There is no such limit here.
#[cfg(not(unix))]
pub(crate) fn allow_for(_: u32) {}
