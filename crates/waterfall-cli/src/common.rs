//! What several commands share: the node, passwords, tickets.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use anyhow::Context;
use waterfall::{Access, AccessKind, Credentials, Multiaddr, Node, Password, Ticket, parse_address};
use zeroize::Zeroizing;

use crate::cli::{AccessArgs, NetworkArgs};
use crate::exit::Failure;
use crate::output::say;
use crate::{keys, state};

/// Longest password or ticket file that is read.
const MAX_TEXT: u64 = 64 * 1024;

/// Starts a node as the command line wants it.
pub(crate) async fn start_node(args: &NetworkArgs) -> Result<Node, Failure> {
    let bootstrap = bootstrap_addresses(args)?.into_iter().flat_map(|(_, addresses)| addresses);
    let mut builder = Node::builder()
        .listen(args.listen.iter().copied())
        .port(args.port)
        .bootstrap(bootstrap)
        .lan_discovery(!args.no_lan)
        .signal_path(args.signal_path.into());
    if let Some(folder) = state::folder(args) {
        builder = builder.state_dir(folder);
    }
    Ok(builder.start().await?)
}

/// The well-known peers as named, each with its addresses.
pub(crate) fn bootstrap_addresses(args: &NetworkArgs) -> Result<Vec<(String, Vec<Multiaddr>)>, Failure> {
    let parse = |text: &String| match parse_address(text) {
        Ok(addresses) => Ok((text.clone(), addresses)),
        Err(error) => Err(Failure::Usage(format!("--bootstrap: {error}"))),
    };
    args.bootstrap.iter().map(parse).collect()
}

/// How a room that is being created is guarded; `to` are the certificates of those who may watch.
pub(crate) fn access(args: &AccessArgs, to: &[PathBuf]) -> Result<Access, Failure> {
    if let Some(owner) = keys::secret_key(&args.key, keys::Use::Own)? {
        if to.is_empty() {
            return Err(Failure::Usage("who may watch? name their certificates: --to FILE".into()));
        }
        return Ok(Access::Members { owner, members: keys::members(to)? });
    }
    if args.open {
        return Ok(Access::Open);
    }
    if let Some(file) = &args.password_file {
        return Ok(Access::Password(first_line(file, "the password")?));
    }
    if !args.password {
        return Err(Failure::Usage(
            "who may watch? say --open (anyone with the ticket), --password or --password-file FILE, \
             or --to CERTIFICATE with --key KEY"
                .into(),
        ));
    }
    let typed = ask_password("Password (empty: make one up): ")?;
    if !typed.is_empty() {
        return Ok(Access::Password(Password::from(typed)));
    }
    let made_up = waterfall::passphrase();
    say(format_args!("Password: {}", made_up.reveal()));
    Ok(Access::Password(made_up))
}

/// What a viewer brings; asks for a password only if the room wants one.
pub(crate) fn credentials(args: &AccessArgs, ticket: &Ticket) -> Result<Credentials, Failure> {
    if let Some(key) = keys::secret_key(&args.key, keys::Use::Enter)? {
        return Ok(Credentials::Key(key));
    }
    if args.open {
        return Ok(Credentials::Open);
    }
    if let Some(file) = &args.password_file {
        return Ok(Credentials::Password(first_line(file, "the password")?));
    }
    if ticket.access == AccessKind::Members {
        return Err(Failure::Refused("this room is for members; give your OpenPGP key: --key FILE".into()));
    }
    if args.password || ticket.access == AccessKind::Password {
        return Ok(Credentials::Password(Password::from(ask_password("Password: ")?)));
    }
    Ok(Credentials::Open)
}

fn ask_password(prompt: &str) -> Result<String, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Usage(
            "this room wants a password, and there is no terminal to ask on; use --password-file FILE".into(),
        ));
    }
    Ok(rpassword::prompt_password(prompt).context("the password could not be read")?)
}

/// The first line of a file that holds a secret.
pub(crate) fn first_line(file: &Path, what: &str) -> Result<Password, Failure> {
    let text = read_text(file).with_context(|| format!("{what} could not be read from {}", file.display()))?;
    let first = text.lines().next().unwrap_or_default().trim_end_matches('\r');
    if first.is_empty() {
        return Err(Failure::sentence(format_args!(
            "{what} cannot be empty, and the first line of {} is",
            file.display()
        )));
    }
    Ok(Password::from(first))
}

/// Reads a small text; it is wiped from memory when dropped, for it may hold a secret.
fn read_text(file: &Path) -> std::io::Result<Zeroizing<String>> {
    // Room for all of it at once, so that no copy is left behind by growing.
    let mut text = Zeroizing::new(String::with_capacity(MAX_TEXT as usize));
    if file == Path::new("-") {
        std::io::stdin().lock().take(MAX_TEXT).read_to_string(&mut text)?;
    } else {
        std::fs::File::open(file)?.take(MAX_TEXT).read_to_string(&mut text)?;
    }
    Ok(text)
}

/// Reads a ticket from an argument, a file ('@FILE') or standard input ('-').
pub(crate) fn ticket(argument: &str) -> Result<Ticket, Failure> {
    let text = match argument.strip_prefix('@') {
        Some(file) => {
            read_text(Path::new(file)).with_context(|| format!("the ticket file {file} could not be read"))?
        }
        None if argument == "-" => read_text(Path::new("-")).context("no ticket could be read from standard input")?,
        None => Zeroizing::new(argument.to_owned()),
    };
    text.parse().map_err(|error| Failure::Usage(format!("that is no ticket: {error}")))
}
