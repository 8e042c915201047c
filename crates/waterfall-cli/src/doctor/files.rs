//! Key files: whether they would serve.

use std::path::Path;

use waterfall::openpgp::Unfit;
use waterfall::unix_now;

use super::report::Finding;
use crate::cli::DoctorArgs;
use crate::exit::Failure;
use crate::keys::{Use, certificates, check, one_secret_key, own_remedy, remedy};

/// What there is to say of the files that the command line names.
pub(super) fn keys(args: &DoctorArgs) -> Vec<Finding> {
    args.key.iter().map(|file| own(file)).chain(args.to.iter().map(|file| members(file))).collect()
}

fn own(file: &Path) -> Finding {
    const WHAT: &str = "key";
    let key = match one_secret_key(file) {
        Ok(key) => key,
        Err(failure) => return unreadable(WHAT, &failure),
    };
    let holder = key.certificate().holder(unix_now());
    if let Err(unfit) = check(&key, Use::Own) {
        return Finding::problem(WHAT, format!("{}: {unfit}", file.display()), own_remedy(&unfit.reason));
    }
    if let Err(unfit) = check(&key, Use::Enter) {
        let says = format!("{}: {unfit}; it can make a room, and enter none", file.display());
        return Finding::warning(WHAT, says, own_remedy(&unfit.reason));
    }
    let unlocking = if key.is_locked() { "a passphrase will be asked for" } else { "it opens without a passphrase" };
    Finding::ok(WHAT, format!("{}: {holder}; {unlocking}", file.display()))
}

fn members(file: &Path) -> Finding {
    const WHAT: &str = "members";
    let certificates = match certificates(file) {
        Ok(certificates) => certificates,
        Err(failure) => return unreadable(WHAT, &failure),
    };
    let now = unix_now();
    let unfit: Vec<Unfit> = certificates.iter().filter_map(|one| one.check_recipient(now).err()).collect();
    match unfit.first() {
        None => {
            let names: Vec<_> = certificates.iter().map(|one| one.holder(now).to_string()).collect();
            Finding::ok(WHAT, format!("{}: {}", file.display(), names.join(", ")))
        }
        Some(first) => {
            let all: Vec<_> = unfit.iter().map(ToString::to_string).collect();
            Finding::problem(WHAT, format!("{}: {}", file.display(), all.join("; ")), remedy(&first.reason))
        }
    }
}

fn unreadable(what: &'static str, failure: &Failure) -> Finding {
    Finding::problem(
        what,
        failure.message().unwrap_or_default(),
        "name a file that holds what is wanted: gpg --armor --export NAME, gpg --armor --export-secret-keys NAME",
    )
}
