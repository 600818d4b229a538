//! What came of many worlds, in rows and in words.

use std::fmt;

use super::fault::{Fault, IMPOSSIBLE, Report, Step};
use super::run::{OUT_OF_REACH, Summary};
use crate::engine::path::Path;

/// Width of a count.
const COUNT: usize = 9;
/// Width of a name.
const NAME: usize = 36;

impl Summary {
    /// All counts: group, name, count.
    pub fn rows(&self) -> impl Iterator<Item = (&'static str, String, u64)> {
        let cell = move |step: &'static Step| {
            Fault::ALL.iter().map(move |fault| {
                let name = format!("{} / {}", fault.name(), step.name());
                ("fault", name, self.matrix.count(*fault, *step))
            })
        };
        let cells = Step::ALL.iter().flat_map(cell);
        let reports = Report::ALL
            .iter()
            .map(|report| ("report", report.name().to_owned(), self.matrix.reported(*report)));
        let paths = Path::ALL.iter().map(|path| ("way", path.name().to_owned(), self.went(*path)));
        let troubles =
            self.troubles.iter().map(|(name, count)| ("trouble", (*name).into(), *count));
        cells.chain(reports).chain(paths).chain(troubles).chain(self.coverage.rows())
    }

    /// How often a way was gone.
    #[must_use]
    pub fn went(&self, path: Path) -> u64 {
        self.paths.get(&path).copied().unwrap_or(0)
    }

    fn write_matrix(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<20}{:>COUNT$}", "step", "met")?;
        for fault in Fault::ALL {
            let (what, when) = fault.name().rsplit_once(' ').unwrap_or((fault.name(), ""));
            write!(f, "{:>COUNT$}", format!("{:.5} {:.2}", what, when))?;
        }
        writeln!(f)?;
        for step in Step::ALL {
            write!(f, "{:<20}{:>COUNT$}", step.name(), self.matrix.met(*step))?;
            if let Some((_, why)) = IMPOSSIBLE.iter().find(|(other, _)| other == step) {
                writeln!(f, "  impossible: {why}")?;
                continue;
            }
            for fault in Fault::ALL {
                write!(f, "{:>COUNT$}", self.matrix.count(*fault, *step))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "what struck processes, before (be) and after (af) each step")?;
        self.write_matrix(f)?;
        writeln!(f, "\nwhat drivers reported, and what lay behind it")?;
        for report in Report::ALL {
            let count = self.matrix.reported(*report);
            writeln!(f, "{:<NAME$}{count:>COUNT$}", report.name())?;
        }
        writeln!(f, "\ntroubles of worlds")?;
        for (name, count) in &self.troubles {
            writeln!(f, "{name:<NAME$}{count:>COUNT$}")?;
        }
        writeln!(f, "\nways that assignments, takeovers, batches and publications went")?;
        for path in Path::ALL {
            write!(f, "{:<NAME$}{:>COUNT$}", path.name(), self.went(*path))?;
            match OUT_OF_REACH.iter().find(|(other, _)| other == path) {
                Some((_, why)) => writeln!(f, "  out of reach: {why}")?,
                None => writeln!(f)?,
            }
        }
        write!(f, "\n{}", self.coverage)
    }
}
