//! Standard error as people see it: lines that scroll by, and on a terminal a panel below them that
//! is drawn again and again. Whatever is said goes through here, so that it lands above the panel.
//!
//! The panel is plain text and a few cursor movements. No raw mode, no hidden cursor: a process that
//! is killed leaves nothing to be put right.

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use console::{Term, measure_text_width, truncate_str};
use tracing_subscriber::fmt::MakeWriter;

static SCREEN: Mutex<Screen> = Mutex::new(Screen { panel: Vec::new(), drawn: Vec::new() });

/// Width and height of a terminal that does not tell.
const SIZE: (u16, u16) = (24, 80);

struct Screen {
    /// The lines wanted.
    panel: Vec<String>,
    /// Widths in columns of the lines as they stand above the cursor.
    drawn: Vec<usize>,
}

/// Whether a panel can be shown: standard error is a terminal that can move its cursor.
pub(crate) fn is_live() -> bool {
    let term = Term::stderr();
    term.is_term() && (cfg!(windows) || !console::is_dumb())
}

/// Says a line, above the panel if there is one.
pub(crate) fn say(line: std::fmt::Arguments<'_>) {
    lock().write(format!("{line}\n").as_bytes());
}

/// Shows these lines in place of those of the last time; they are cut to the terminal's width.
/// Only where [`is_live`].
pub(crate) fn draw(lines: Vec<String>) {
    let mut screen = lock();
    screen.panel = lines;
    screen.redraw(&[]);
}

/// Takes the panel away.
pub(crate) fn clear() {
    draw(Vec::new());
}

fn lock() -> MutexGuard<'static, Screen> {
    // What is on the terminal is known well enough whatever panicked while writing to it.
    SCREEN.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Screen {
    fn write(&mut self, text: &[u8]) {
        if self.panel.is_empty() && self.drawn.is_empty() {
            // With standard error gone there is nobody left to tell.
            let _ = std::io::stderr().lock().write_all(text);
        } else {
            self.redraw(text);
        }
    }

    /// Erases the panel, writes `above`, draws the panel again: in one write, so that nothing flickers.
    fn redraw(&mut self, above: &[u8]) {
        let mut term = Term::buffered_stderr();
        let (rows, columns) = term.size_checked().unwrap_or(SIZE);
        let (rows, columns) = (usize::from(rows.max(2)), usize::from(columns.max(2)));
        let up = rows_taken(&self.drawn, columns).min(rows - 1);
        // Errors: as in `write`.
        let _ = term.move_cursor_up(up);
        if up > 0 {
            let _ = term.write_all(b"\r");
            let _ = term.clear_to_end_of_screen();
        }
        let _ = term.write_all(above);
        // The last column stays free: a full line makes some terminals wrap.
        let lines = self.panel.iter().take(rows - 1).map(|line| truncate_str(line, columns - 1, "…"));
        self.drawn.clear();
        for line in lines {
            self.drawn.push(measure_text_width(&line));
            let _ = term.write_all(line.as_bytes());
            let _ = term.write_all(b"\n");
        }
        let _ = term.flush();
    }
}

/// How many rows lines of these widths take, now that the terminal has so many columns: when it was
/// made narrower, it has wrapped them.
fn rows_taken(widths: &[usize], columns: usize) -> usize {
    widths.iter().map(|width| width.div_ceil(columns).max(1)).sum()
}

/// Sends log lines to the screen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        // A formatted event comes whole, its end of line included.
        lock().write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}

/// A text from elsewhere as it can be shown: without control characters, which could move the cursor, and
/// without those that turn the direction of writing.
pub(crate) fn printable(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
    };
    text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !hidden(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrower_terminal_has_wrapped_the_lines() {
        assert_eq!(rows_taken(&[], 80), 0);
        assert_eq!(rows_taken(&[0, 10, 79], 80), 3);
        assert_eq!(rows_taken(&[0, 10, 79], 20), 1 + 1 + 4);
    }

    #[test]
    fn foreign_text_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\r\n\tc\u{202e}d\u{9b}e"), "a[2Jb   cde");
        assert_eq!(printable("Grüße, 世界 🎥"), "Grüße, 世界 🎥");
    }
}
