//! `waterfall key generate`.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use waterfall::openpgp::{self, GeneratedKey};
use waterfall::{Fingerprint, Password, unix_now};

use super::{ask, given};
use crate::cli::keys::GenerateArgs;
use crate::exit::Failure;
use crate::output::{print_json, say};

const YEAR: u64 = 365 * 24 * 3600 * 1000;

#[derive(Serialize)]
struct Made<'a> {
    fingerprint: Fingerprint,
    key: &'a Path,
    certificate: &'a Path,
    revocation: &'a Path,
}

/// Makes a key and writes its three files.
pub(super) fn run(args: &GenerateArgs, json: bool) -> Result<(), Failure> {
    let files = [args.out.clone(), beside(&args.out, ""), beside(&args.out, ".revocation")];
    // Before anybody is asked for a passphrase.
    if let Some(there) = files.iter().find(|file| file.exists()) {
        return Err(exists(there));
    }
    let passphrase = passphrase(args)?;
    let now = unix_now();
    let expires = (args.years > 0).then(|| now.plus(u64::from(args.years) * YEAR));
    let key = openpgp::generate(&args.name, now, expires, passphrase.as_ref())
        .map_err(|error| Failure::Usage(format!("--name, --years: {error}")))?;
    write_all(&key, &files)?;
    let [secret, certificate, revocation] = &files;
    if json {
        print_json(&Made { fingerprint: key.fingerprint, key: secret, certificate, revocation })?;
    } else {
        say(format_args!("{}", key.fingerprint));
        say(format_args!("  {}: the secret key; keep it to yourself", secret.display()));
        say(format_args!("  {}: the certificate; give it away", certificate.display()));
        say(format_args!("  {}: publish it if the key is lost or stolen; keep it elsewhere", revocation.display()));
    }
    Ok(())
}

/// `alice.key.asc` has `alice.asc` and `alice.revocation.asc` beside it; `alice.pgp` has `alice.cert.asc`.
fn beside(out: &Path, what: &str) -> PathBuf {
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.strip_suffix(".asc").unwrap_or(&name);
    let name = match stem.strip_suffix(".key") {
        Some(stem) => format!("{stem}{what}.asc"),
        None => format!("{stem}{}.asc", if what.is_empty() { ".cert" } else { what }),
    };
    out.with_file_name(name)
}

fn passphrase(args: &GenerateArgs) -> Result<Option<Password>, Failure> {
    if args.no_passphrase {
        return Ok(None);
    }
    if let Some(passphrase) = given(&args.passphrase)? {
        return Ok(Some(passphrase));
    }
    let first = ask("Passphrase for the new key (empty: none): ").map_err(|failure| match failure {
        Failure::Usage(_) => Failure::Usage(
            "what locks the key? say --key-passphrase-file FILE, or --no-passphrase to leave it unlocked".into(),
        ),
        other => other,
    })?;
    if first.reveal().is_empty() {
        return Ok(None);
    }
    if ask("The same again: ")?.reveal() != first.reveal() {
        return Err(Failure::sentence("the two passphrases differ; nothing was written"));
    }
    Ok(Some(first))
}

/// Writes all three or none.
fn write_all(key: &GeneratedKey, files: &[PathBuf; 3]) -> Result<(), Failure> {
    let texts = [(key.secret.as_str(), 0o600), (key.certificate.as_str(), 0o644), (key.revocation.as_str(), 0o600)];
    for (index, (file, (text, mode))) in files.iter().zip(texts).enumerate() {
        if let Err(error) = write(file, text, mode) {
            for written in &files[..index] {
                // Best effort: the error that is told is the one that matters.
                let _ = std::fs::remove_file(written);
            }
            return Err(if error.kind() == std::io::ErrorKind::AlreadyExists {
                exists(file)
            } else {
                Failure::sentence(format_args!("{} cannot be written: {error}", file.display()))
            });
        }
    }
    Ok(())
}

fn exists(file: &Path) -> Failure {
    Failure::sentence(format_args!(
        "{} is there already, and no key is overwritten; choose another name",
        file.display()
    ))
}

fn write(file: &Path, text: &str, mode: u32) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let mut out = options.open(file)?;
    let written = out.write_all(text.as_bytes()).and_then(|()| out.sync_all());
    if written.is_err() {
        // Half a key is none; the error is told.
        let _ = std::fs::remove_file(file);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_beside() {
        let of = |out: &str| [beside(Path::new(out), ""), beside(Path::new(out), ".revocation")];
        assert_eq!(of("k/alice.key.asc"), [Path::new("k/alice.asc"), Path::new("k/alice.revocation.asc")]);
        assert_eq!(of("alice.asc"), [Path::new("alice.cert.asc"), Path::new("alice.revocation.asc")]);
        assert_eq!(of("alice"), [Path::new("alice.cert.asc"), Path::new("alice.revocation.asc")]);
    }
}
