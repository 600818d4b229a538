//! The one place that writes to the terminal.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};

use serde_json::Value;

use super::failure::Failure;

/// Data to stdout, as text or as JSON; words to stderr.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    /// Whether data is JSON.
    pub(super) json: bool,
}

impl Output {
    /// A piece of data: `text` may have several lines, JSON has one.
    pub(super) fn data(self, text: impl Display, json: &Value) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        if self.json { writeln!(stdout, "{json}") } else { writeln!(stdout, "{text}") }
    }

    /// Something said to whoever sits there.
    pub(super) fn words(self, text: impl Display) {
        // There is nobody to tell that stderr is gone.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Lets a verb go on that cannot be taken back: `yes` says so at once, else whoever sits there
    /// is asked.
    pub(super) fn consent(self, yes: bool, question: impl Display) -> Result<(), Failure> {
        if yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            return Err(Failure::usage(format!("{question} Nobody is there to ask: add --yes")));
        }
        let _ = write!(io::stderr().lock(), "{question} [y/N] ");
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        let agreed = ["y", "yes"].contains(&answer.trim().to_lowercase().as_str());
        if agreed { Ok(()) } else { Err(Failure::declined()) }
    }
}

/// Rows with their columns aligned; the last column is as long as it likes.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        assert_eq!(table(&[row(["a", "one"]), row(["long", "two"])]), "a     one\nlong  two");
    }
}
