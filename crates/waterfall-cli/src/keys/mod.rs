//! OpenPGP keys in files: who may watch, who we are.

mod generate;
mod show;

use std::io::{IsTerminal, Read};
use std::path::Path;

use waterfall::openpgp::{Certificate, ReadError, Reason, SecretKey, Unfit, UnlockError};
use waterfall::{Fingerprint, Password, unix_now};
use zeroize::Zeroizing;

use crate::cli::keys::{KeyArgs, KeysArgs, KeysCommand, PassphraseArgs};
use crate::common::first_line;
use crate::exit::Failure;

/// One byte more than is read of any file of keys, so that a longer one is told from it.
const MAX_FILE: usize = 16 * 1024 * 1024 + 1;
/// Room for nearly every file of keys.
const USUAL_FILE: usize = 64 * 1024;
/// How often a person may mistype a passphrase.
const TRIES: usize = 3;

/// Runs `waterfall key`.
pub(crate) fn run(args: &KeysArgs, json: bool) -> Result<(), Failure> {
    match &args.what {
        KeysCommand::Generate(args) => generate::run(args, json),
        KeysCommand::Show { file } => show::run(file, json),
    }
}

/// Everything a file holds, wiped when dropped: it may be a secret key.
fn read(file: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let result = if file == Path::new("-") {
        read_all(std::io::stdin().lock())
    } else {
        std::fs::File::open(file).and_then(read_all)
    };
    match result {
        Ok(bytes) if bytes.is_empty() => Err(Failure::sentence(format_args!(
            "{} is empty; gpg writes nothing when it does not know the name it is to export",
            file.display()
        ))),
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(Failure::sentence(format_args!("{} cannot be read: {error}", file.display()))),
    }
}

/// At most [`MAX_FILE`] bytes. A vector that grows by itself would leave copies behind.
fn read_all(mut input: impl Read) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(USUAL_FILE));
    loop {
        let room = bytes.capacity().min(MAX_FILE) - bytes.len();
        input.by_ref().take(room as u64).read_to_end(&mut bytes)?;
        if bytes.len() < bytes.capacity().min(MAX_FILE) || bytes.len() == MAX_FILE {
            return Ok(bytes);
        }
        let mut larger = Zeroizing::new(Vec::with_capacity(2 * bytes.capacity()));
        larger.extend_from_slice(&bytes);
        bytes = larger;
    }
}

/// The certificates of several files, each fit to be a member's.
pub(crate) fn members(files: &[impl AsRef<Path>]) -> Result<Vec<Certificate>, Failure> {
    let mut members: Vec<Certificate> = Vec::new();
    for file in files.iter().map(AsRef::as_ref) {
        let bytes = read(file)?;
        if SecretKey::read_all(&bytes).is_ok() {
            crate::output::say(format_args!(
                "{} holds a secret key, which nobody needs to give away; its certificate is used.",
                file.display()
            ));
        }
        for certificate in certificates_in(&bytes, file)? {
            certificate.check_recipient(unix_now()).map_err(|unfit| {
                Failure::sentence(format_args!("{}: {unfit}; {}", file.display(), remedy(&unfit.reason)))
            })?;
            if !members.contains(&certificate) {
                members.push(certificate);
            }
        }
    }
    Ok(members)
}

/// All certificates of a file; at least one.
pub(crate) fn certificates(file: &Path) -> Result<Vec<Certificate>, Failure> {
    certificates_in(&read(file)?, file)
}

fn certificates_in(bytes: &[u8], file: &Path) -> Result<Vec<Certificate>, Failure> {
    let found = Certificate::read_all(bytes).map_err(|error| in_file(file, &error))?;
    if found.is_empty() {
        return Err(in_file(file, &"there is no certificate in it; 'gpg --armor --export NAME' writes one"));
    }
    Ok(found)
}

/// The one certificate of a file, or a fingerprint as such.
pub(crate) fn owner(argument: &Path) -> Result<Fingerprint, Failure> {
    if let Some(Ok(fingerprint)) = argument.to_str().map(|text| text.replace(' ', "").parse()) {
        return Ok(fingerprint);
    }
    if !argument.exists() {
        return Err(in_file(argument, &"there is no such file, nor is it a fingerprint, which has 40 or 64 digits"));
    }
    match certificates(argument)?.as_slice() {
        [one] => Ok(one.fingerprint()),
        several => Err(in_file(
            argument,
            &format_args!(
                "it holds {} certificates, and a room has one owner; export that one alone, or give its fingerprint",
                several.len()
            ),
        )),
    }
}

/// Why a certificate does not serve has a way out.
pub(crate) fn remedy(reason: &Reason) -> &'static str {
    match reason {
        Reason::Expired { .. } | Reason::EncryptionKeyExpired { .. } => {
            "ask for a newer copy; its holder extends it with 'gpg --quick-set-expire FINGERPRINT 2y' (and '*' for its subkeys)"
        }
        Reason::Revoked | Reason::EncryptionKeyRevoked => "ask its holder for the key that is used now",
        Reason::NotYetValid { .. } => "compare the clocks of both machines",
        Reason::NoEncryptionKey => {
            "its holder adds a key for encryption with 'gpg --quick-add-key FINGERPRINT cv25519 encrypt'"
        }
        Reason::NoSigningKey => "its holder adds a key for signing with 'gpg --quick-add-key FINGERPRINT ed25519 sign'",
        Reason::Unsupported { .. } => {
            "its holder makes another: 'waterfall key generate', or 'gpg --quick-generate-key NAME'"
        }
        _ => "ask its holder for another copy",
    }
}

fn in_file(file: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::sentence(format_args!("{}: {error}", file.display()))
}

/// What a secret key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// To make a room: it has to sign.
    Own,
    /// To enter one: it has to decrypt, too.
    Enter,
}

/// The secret key that the command line names, unlocked and fit for its use; `None` if it names none.
pub(crate) fn secret_key(args: &KeyArgs, to: Use) -> Result<Option<SecretKey>, Failure> {
    let Some(file) = &args.key else { return Ok(None) };
    let mut key = one_secret_key(file)?;
    check(&key, to).map_err(|unfit| {
        Failure::sentence(format_args!("{}: {unfit}; {}", file.display(), own_remedy(&unfit.reason)))
    })?;
    if key.is_locked() {
        unlock(&mut key, file, &args.passphrase)?;
    }
    Ok(Some(key))
}

/// Whether a key would serve for this, once it is unlocked.
pub(crate) fn check(key: &SecretKey, to: Use) -> Result<(), Unfit> {
    let (certificate, now) = (key.certificate(), unix_now());
    certificate.check_signer(now)?;
    if to == Use::Enter { certificate.check_recipient(now) } else { Ok(()) }
}

/// The only secret key of a file.
pub(crate) fn one_secret_key(file: &Path) -> Result<SecretKey, Failure> {
    let mut keys = SecretKey::read_all(&read(file)?).map_err(|error| match error {
        ReadError::Elsewhere(_) => {
            in_file(file, &format_args!("{error}; use one that is in its file: 'waterfall key generate' makes another"))
        }
        _ => in_file(file, &error),
    })?;
    match keys.len() {
        1 => Ok(keys.remove(0)),
        several => Err(in_file(
            file,
            &format_args!(
                "it holds {several} secret keys; export the one to use: gpg --armor --export-secret-keys FINGERPRINT"
            ),
        )),
    }
}

/// As [`remedy`], said to the holder.
pub(crate) fn own_remedy(reason: &Reason) -> &'static str {
    match reason {
        Reason::Expired { .. } | Reason::EncryptionKeyExpired { .. } => {
            "extend it with 'gpg --quick-set-expire FINGERPRINT 2y' (and '*' for its subkeys), export it again, \
             and give the new certificate away"
        }
        Reason::NoEncryptionKey => {
            "add a key for encryption with 'gpg --quick-add-key FINGERPRINT cv25519 encrypt', and export it again"
        }
        Reason::NoSigningKey => {
            "add a key for signing with 'gpg --quick-add-key FINGERPRINT ed25519 sign', and export it again"
        }
        Reason::NotYetValid { .. } => "check this machine's clock",
        _ => "use another key: 'waterfall key generate' makes one",
    }
}

fn unlock(key: &mut SecretKey, file: &Path, args: &PassphraseArgs) -> Result<(), Failure> {
    let wrong = |error: UnlockError| {
        let what = format!("{}: {error}", file.display());
        match error {
            UnlockError::WrongPassphrase => Failure::Refused(format!("{what}; try again")),
            _ => Failure::sentence(format_args!("{what}; lock it anew with 'gpg --edit-key FINGERPRINT passwd'")),
        }
    };
    if let Some(passphrase) = given(args)? {
        return key.unlock(&passphrase).map_err(wrong);
    }
    let holder = key.certificate().holder(unix_now()).to_string();
    for tried in 1.. {
        let passphrase = ask(&format!("Passphrase of {holder}: "))?;
        match key.unlock(&passphrase) {
            Err(UnlockError::WrongPassphrase) if tried < TRIES => {
                crate::output::say(format_args!("That is not it; try again."));
            }
            result => return result.map_err(wrong),
        }
    }
    Ok(())
}

/// The passphrase from a file or a descriptor, if one is named.
fn given(args: &PassphraseArgs) -> Result<Option<Password>, Failure> {
    #[cfg(unix)]
    if let Some(descriptor) = args.key_passphrase_fd {
        return first_line(Path::new(&format!("/dev/fd/{descriptor}")), "the passphrase").map(Some);
    }
    args.key_passphrase_file.as_deref().map(|file| first_line(file, "the passphrase")).transpose()
}

fn ask(prompt: &str) -> Result<Password, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Usage(
            "the key is locked by a passphrase, and there is no terminal to ask on; use --key-passphrase-file FILE"
                .into(),
        ));
    }
    match rpassword::prompt_password(prompt) {
        Ok(typed) => Ok(Password::from(typed)),
        Err(error) => Err(Failure::sentence(format_args!("the passphrase could not be read: {error}"))),
    }
}
