//! The node's secret identity on disk: whoever has it can pose as this node, and without it every address that was
//! given away goes bad.
//!
//! A text file. Lines that begin with `#` are for people; one line is `ed25519:` and 64 hexadecimal digits, the
//! secret key of RFC 8032. It is made with mode 0600 under another name and then moved into place, so that nobody
//! ever sees half of it, and never in place of a file that is there. A file that others can read is refused.

use std::fs::{DirBuilder, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER_PERMISSIVE;
use etcetera::{AppStrategy, AppStrategyArgs, choose_app_strategy};
use waterfall_wire::SigningKey;
use zeroize::Zeroizing;

/// Longest file that is read: the key, and room for an operator's remarks.
const MAX_FILE: usize = 4096;
const PREFIX: &str = "ed25519:";
const HEADER: &str = "# The secret identity of a waterfall-bootstrap node. Keep it secret, and keep a backup.\n";

/// Why there is no identity to run with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    #[error("the identity file {path} cannot be read: {error}; let this user read it, or name another with --identity")]
    Read { path: PathBuf, error: io::Error },
    #[error(
        "the identity file {path} could not be made: {error}; name one in a folder that this user can write to, with --identity"
    )]
    Make { path: PathBuf, error: io::Error },
    #[error("{0} is no file, so no identity can be read from it; name another with --identity")]
    NoFile(PathBuf),
    #[error(
        "the identity file {path} can be read by others (mode {mode:04o}), who could pose as this node; make it yours alone: chmod 600 '{path}'"
    )]
    Exposed { path: PathBuf, mode: u32 },
    #[error(
        "{0} holds no identity; put a backup in its place, or move it away, and this node gets a new name and new addresses"
    )]
    Malformed(PathBuf),
    #[error("the identity {0} is used by another process; stop that one, or name another file with --identity")]
    InUse(PathBuf),
    #[error("this user has no home folder to keep an identity in; name a file with --identity")]
    NoHome,
}

/// A node's secret key, and the hold on its file that keeps other processes from using it at the same time.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) key: SigningKey,
    /// Locked until this is dropped.
    _file: File,
}

/// Where the identity lies unless told otherwise.
pub(crate) fn usual_path() -> Result<PathBuf, IdentityError> {
    let named = std::env::var_os("WATERFALL_STATE_DIR").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let usual = || {
        let args = AppStrategyArgs { app_name: "waterfall".into(), ..AppStrategyArgs::default() };
        let places = choose_app_strategy(args).ok()?;
        Some(places.state_dir().unwrap_or_else(|| places.cache_dir()))
    };
    Ok(named.or_else(usual).ok_or(IdentityError::NoHome)?.join("bootstrap.key"))
}

/// Reads the identity; makes one if there is none.
pub(crate) fn open(path: &Path) -> Result<Identity, IdentityError> {
    match read(path) {
        Err(IdentityError::Read { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
            make(path).map_err(|error| IdentityError::Make { path: path.into(), error })?;
            read(path)
        }
        other => other,
    }
}

fn read(path: &Path) -> Result<Identity, IdentityError> {
    let unreadable = |error| IdentityError::Read { path: path.into(), error };
    // Opening a pipe would wait for somebody to write to it.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(IdentityError::NoFile(path.into()));
    }
    let file = File::open(path).map_err(unreadable)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(IdentityError::Exposed { path: path.into(), mode });
        }
    }
    // File systems without locks exist; there the operator takes care alone.
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        return Err(IdentityError::InUse(path.into()));
    }
    // Room for all of it at once, so that no copy is left behind by growing.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_FILE + 64));
    (&file).take(MAX_FILE as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let key = parse(&bytes).ok_or_else(|| IdentityError::Malformed(path.into()))?;
    Ok(Identity { key, _file: file })
}

fn parse(bytes: &[u8]) -> Option<SigningKey> {
    if bytes.len() > MAX_FILE {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?;
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    let digits = line.strip_prefix(PREFIX)?.as_bytes();
    let mut secret = Zeroizing::new([0; 32]);
    if digits.len() != 64 {
        return None;
    }
    HEXLOWER_PERMISSIVE.decode_mut(digits, &mut *secret).ok()?;
    Some(SigningKey::from_bytes(&secret))
}

fn make(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    let mut secret = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *secret).map_err(io::Error::other)?;
    let mut digits = Zeroizing::new([0; 64]);
    HEXLOWER_PERMISSIVE.encode_mut(&*secret, &mut *digits);
    // Of mode 0600 from the beginning.
    let mut file = tempfile::Builder::new().prefix(".identity-").tempfile_in(folder)?;
    for part in [HEADER.as_bytes(), PREFIX.as_bytes(), &*digits, b"\n"] {
        file.write_all(part)?;
    }
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => {}
        // Another process was faster; its identity is as good.
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error.error),
    }
    // The name, too, should survive a power cut; where folders cannot be synced there is nothing to be done.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_identity_is_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a").join("b").join("key");
        let first = open(&path).unwrap();
        assert!(matches!(open(&path).unwrap_err(), IdentityError::InUse(_)));
        let name = first.key.node_id();
        drop(first);
        assert_eq!(open(&path).unwrap().key.node_id(), name);
        let left: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
            let error = open(&path).unwrap_err().to_string();
            assert!(error.contains("0640") && error.contains("chmod 600"), "{error}");
        }
    }

    #[test]
    fn only_this_format_is_read() {
        let digits = "0123456789abcdefABCDEF0123456789".repeat(2);
        let good = format!("# mine\n\n  {PREFIX}{digits}  \r\n");
        assert!(parse(good.as_bytes()).is_some());
        for bad in [
            "".into(),
            digits.clone(),
            format!("{PREFIX}{}", &digits[1..]),
            format!("{PREFIX}{digits}0"),
            format!("{PREFIX}{}", digits.replace('a', "g")),
            format!("{good}{good}"),
            format!("{good}{}", "#".repeat(MAX_FILE)),
        ] {
            assert!(parse(bad.as_bytes()).is_none(), "{bad}");
        }
        assert!(parse(&[0xff; 80]).is_none());
    }

    #[test]
    fn what_is_no_identity_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(open(folder.path()).unwrap_err(), IdentityError::NoFile(_)));
        let mut file = tempfile::NamedTempFile::new_in(folder.path()).unwrap();
        file.write_all(b"something else").unwrap();
        assert!(matches!(open(file.path()).unwrap_err(), IdentityError::Malformed(_)));
        assert_eq!(std::fs::read(file.path()).unwrap(), b"something else");
        let below = file.path().join("key");
        assert!(matches!(open(&below).unwrap_err(), IdentityError::Read { .. }));
    }
}
