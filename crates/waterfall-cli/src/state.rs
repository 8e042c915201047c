//! Where the program keeps what it remembers between runs.

use std::path::PathBuf;

use etcetera::{AppStrategy, AppStrategyArgs, choose_app_strategy};

use crate::cli::NetworkArgs;

/// The folder as the command line, the environment or the platform wants it, in this order. `None` when nothing
/// is to be remembered, or when this user has no home.
pub(crate) fn folder(args: &NetworkArgs) -> Option<PathBuf> {
    if args.no_state {
        return None;
    }
    // Read here and not by clap, for which an empty variable is a mistake.
    let named = std::env::var_os("WATERFALL_STATE_DIR").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let folder = args.state_dir.clone().or(named).or_else(usual);
    if folder.is_none() {
        tracing::warn!("this user has no home folder, so nothing is remembered; name a folder with --state-dir");
    }
    folder
}

/// The platform's place: the XDG state folder, on Windows the folder for data of this machine.
fn usual() -> Option<PathBuf> {
    let args = AppStrategyArgs { app_name: "waterfall".into(), ..AppStrategyArgs::default() };
    let places = choose_app_strategy(args).ok()?;
    Some(places.state_dir().unwrap_or_else(|| places.cache_dir()))
}
