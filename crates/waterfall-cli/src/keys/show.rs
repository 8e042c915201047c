//! `waterfall key show`.

use std::path::Path;

use serde::Serialize;
use waterfall::openpgp::{Certificate, Details, KeyDetails, ReadError, SecretKey, SecretPart, Stub};
use waterfall::{Fingerprint, unix_now};
use waterfall_wire::UnixMillis;

use super::{in_file, read};
use crate::exit::Failure;
use crate::live::words::day;
use crate::output::{print, print_json};

/// One certificate, for programs.
#[derive(Serialize)]
struct Shown {
    fingerprint: Fingerprint,
    user_ids: Vec<String>,
    /// Whether a room key can be encrypted to it, or why not.
    member: Fit,
    /// Whether it can own a room, given its secret key, or why not.
    owner: Fit,
    secret: &'static str,
    keys: Vec<ShownKey>,
}

#[derive(Serialize)]
struct Fit {
    fit: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Serialize)]
struct ShownKey {
    fingerprint: Fingerprint,
    algorithm: String,
    version: u8,
    created: UnixMillisText,
    expires: Option<UnixMillisText>,
    revoked: bool,
    uses: Vec<&'static str>,
    secret: &'static str,
}

/// Milliseconds since 1970 in JSON, a day in text.
#[derive(Serialize, Clone, Copy)]
#[serde(transparent)]
struct UnixMillisText(u64);

impl From<UnixMillis> for UnixMillisText {
    fn from(at: UnixMillis) -> Self {
        Self(at.0)
    }
}

/// Shows all that a file holds.
pub(super) fn run(file: &Path, json: bool) -> Result<(), Failure> {
    let bytes = read(file)?;
    let certificates = Certificate::read_all(&bytes).map_err(|error| in_file(file, &error))?;
    let secrets = match SecretKey::read_all(&bytes) {
        Ok(secrets) => secrets,
        Err(ReadError::NoSecretKey | ReadError::Elsewhere(_)) => Vec::new(),
        Err(error) => return Err(in_file(file, &error)),
    };
    if certificates.is_empty() {
        return Err(in_file(file, &"there is no key or certificate in it"));
    }
    let shown: Vec<Shown> = certificates
        .iter()
        .map(|certificate| {
            let secret = secrets.iter().find(|key| key.certificate() == certificate);
            Shown::new(certificate.details(unix_now()), secret)
        })
        .collect();
    if json {
        print_json(&shown)?;
    } else {
        print(shown.iter().map(Shown::text).collect::<Vec<_>>().join("\n\n"))?;
    }
    Ok(())
}

impl Shown {
    fn new(details: Details, secret: Option<&SecretKey>) -> Self {
        let fit = |result: Result<(), waterfall::openpgp::Unfit>| Fit {
            fit: result.is_ok(),
            reason: result.err().map(|unfit| unfit.reason.to_string()),
        };
        let keys: Vec<_> = details.keys.into_iter().map(|key| ShownKey::new(key, secret)).collect();
        Self {
            fingerprint: details.fingerprint,
            user_ids: details.user_ids,
            member: fit(details.recipient),
            owner: fit(details.signer),
            secret: match secret {
                None => "not in this file",
                Some(key) if key.is_locked() => "here, locked by a passphrase",
                Some(_) => "here, not locked",
            },
            keys,
        }
    }

    fn text(&self) -> String {
        let name = self.user_ids.first().map_or("nobody's name holds on it", String::as_str);
        let mut lines = vec![name.to_owned()];
        lines.extend(self.user_ids.iter().skip(1).map(|name| format!("  also         {name}")));
        lines.push(format!("  fingerprint  {}", self.fingerprint));
        let fit = |fit: &Fit| match &fit.reason {
            None => "yes".to_owned(),
            Some(reason) => format!("no: {reason}"),
        };
        lines.push(format!("  member       {}", fit(&self.member)));
        lines.push(format!("  owner        {}", fit(&self.owner)));
        lines.push(format!("  secret key   {}", self.secret));
        lines.extend(self.keys.iter().map(|key| format!("  key          {}", key.text())));
        lines.join("\n")
    }
}

impl ShownKey {
    fn new(key: KeyDetails, secret: Option<&SecretKey>) -> Self {
        let uses = [
            (key.certifies, "certifies"),
            (key.signs, "signs"),
            (key.encrypts, "encrypts"),
            (key.authenticates, "authenticates"),
        ];
        let part = secret.map_or(SecretPart::Absent, |secret| secret.part(&key.fingerprint));
        Self {
            fingerprint: key.fingerprint,
            algorithm: key.algorithm,
            version: key.version,
            created: key.created.into(),
            expires: key.expires.map(UnixMillisText::from),
            revoked: key.revoked,
            uses: uses.into_iter().filter_map(|(does, what)| does.then_some(what)).collect(),
            secret: match part {
                SecretPart::Locked => "locked",
                SecretPart::Open => "open",
                SecretPart::Elsewhere(Stub::Card) => "on a card",
                SecretPart::Elsewhere(_) => "elsewhere",
                _ => "absent",
            },
        }
    }

    fn text(&self) -> String {
        let uses = if self.uses.is_empty() { "is not used".to_owned() } else { self.uses.join(", ") };
        let expires = match self.expires {
            Some(UnixMillisText(at)) => format!("expires {}", day(at)),
            None => "never expires".to_owned(),
        };
        let revoked = if self.revoked { ", revoked" } else { "" };
        let secret = match self.secret {
            "on a card" => ", its secret part is on a card",
            "elsewhere" => ", its secret part is elsewhere",
            _ => "",
        };
        format!("{} {uses}; made {}, {expires}{revoked}{secret}", self.algorithm, day(self.created.0))
    }
}
