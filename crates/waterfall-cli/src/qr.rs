//! A ticket as a QR code (ISO/IEC 18004) in half blocks, for cameras that look at a terminal.

use console::Term;
use qrcode::{Color, EcLevel, QrCode};
use waterfall::Ticket;

use crate::exit::Failure;

/// Light modules around the code that readers need.
const QUIET: usize = 4;

/// The code for standard error; a sentence in its place where the terminal is too narrow for it.
pub(crate) fn for_stderr(ticket: &Ticket) -> String {
    match draw(ticket, &Term::stderr(), console::colors_enabled_stderr()) {
        Ok(code) => code,
        Err(columns) => too_narrow(columns),
    }
}

/// The code for standard output.
///
/// # Errors
/// When the terminal is too narrow for it.
pub(crate) fn for_stdout(ticket: &Ticket) -> Result<String, Failure> {
    draw(ticket, &Term::stdout(), console::colors_enabled()).map_err(|columns| Failure::sentence(too_narrow(columns)))
}

fn too_narrow(columns: usize) -> String {
    format!("the QR code takes {columns} columns; make the terminal wider, or its letters smaller")
}

/// `Err` is the width it would take, in columns.
fn draw(ticket: &Ticket, on: &Term, coloured: bool) -> Result<String, usize> {
    let code = encode(ticket);
    let columns = code.width() + 2 * QUIET;
    match on.size_checked() {
        Some((_, width)) if on.is_term() && usize::from(width) < columns => Err(columns),
        _ => Ok(blocks(&code, coloured)),
    }
}

/// In upper case a ticket is all letters of the alphanumeric mode, 5.5 bits each in place of 8.
fn encode(ticket: &Ticket) -> QrCode {
    QrCode::with_error_correction_level(ticket.to_string().to_ascii_uppercase(), EcLevel::L)
        .expect("the largest code holds 4296 such letters, the longest ticket has 3300")
}

/// Two modules to a character, one above the other.
fn blocks(code: &QrCode, coloured: bool) -> String {
    let width = code.width();
    let is_dark = |x: usize, y: usize| {
        let inside = |at: usize| at.checked_sub(QUIET).filter(|at| *at < width);
        matches!((inside(x), inside(y)), (Some(x), Some(y)) if code[(x, y)] == Color::Dark)
    };
    let columns = width + 2 * QUIET;
    let mut lines = Vec::with_capacity(columns.div_ceil(2));
    for y in (0..columns).step_by(2) {
        let line: String = (0..columns)
            .map(|x| match (is_dark(x, y), y + 1 < columns && is_dark(x, y + 1)) {
                (false, false) => '█',
                (false, true) => '▀',
                (true, false) => '▄',
                (true, true) => ' ',
            })
            .collect();
        // White on black, as most terminals are without being told; with colours, on all of them.
        lines.push(if coloured { format!("\u{1b}[97;40m{line}\u{1b}[0m") } else { line });
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use waterfall::AccessKind;
    use waterfall_wire::{Address, Contact, NodeId, RoomId};

    use super::*;

    /// Reads the picture as a camera would: white paper, the drawn modules on it.
    fn read(picture: &str) -> String {
        const SCALE: usize = 4;
        let rows: Vec<Vec<char>> = picture.lines().map(|line| line.chars().collect()).collect();
        let (width, height) = (rows[0].len() * SCALE, rows.len() * 2 * SCALE);
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| {
            let (x, y) = (x / SCALE, y / SCALE);
            let light = match rows[y / 2][x] {
                '█' => true,
                '▀' => y % 2 == 0,
                '▄' => y % 2 == 1,
                _ => false,
            };
            if light { 255 } else { 0 }
        });
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1, "one code in the picture");
        grids[0].decode().unwrap().1
    }

    fn ticket(entries: u8, addresses: usize) -> Ticket {
        let address = |n: usize| Address(vec![4, 192, 0, 2, n as u8, 145, 2, 15, 161, 204, 3]);
        let contact = |n: u8| Contact::new(NodeId([n; 32]), (0..addresses).map(address));
        Ticket::new(RoomId([7; 32]), [9; 32], AccessKind::Open, Vec::new(), (0..entries).map(contact).collect())
    }

    #[test]
    fn what_a_camera_reads_is_the_ticket() {
        for (entries, addresses) in [(0, 0), (1, 1), (3, 6)] {
            let ticket = ticket(entries, addresses);
            let text = read(&blocks(&encode(&ticket), false));
            assert_eq!(text.parse::<Ticket>().unwrap(), ticket);
        }
    }

    #[test]
    fn a_usual_ticket_fits_80_columns() {
        let code = encode(&ticket(1, 4));
        assert!(code.width() + 2 * QUIET <= 79, "{}", code.width());
    }

    #[test]
    fn colours_change_no_module() {
        let code = encode(&ticket(1, 1));
        let bare = console::strip_ansi_codes(&blocks(&code, true)).into_owned();
        assert_eq!(bare, blocks(&code, false));
    }
}
