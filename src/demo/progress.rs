//! How the sale stands, for people: one line, or a block that is drawn again in its place.
//!
//! Pure: made of a [`Snapshot`] and nothing else. Who writes it knows whether there is a terminal.

use std::fmt::Write as _;
use std::time::Duration;

use super::crowd::Counts;

/// Columns of the bar of the whole house.
const BAR: u32 = 60;
/// Columns of the bar of one section.
const SECTION_BAR: u32 = 16;
/// Sections drawn at most; a larger house shows its first ones.
const SECTIONS_MAX: usize = 24;
/// Sections side by side.
const SECTIONS_ABREAST: usize = 3;

/// The phase after which nothing more is drawn.
pub const QUIET: &str = "quiet";

/// How the sale stands at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Since the opening.
    pub elapsed: Duration,
    /// What is going on.
    pub phase: &'static str,
    /// Places of the house by state.
    pub house: Counts,
    /// Places of each section by state.
    pub sections: Vec<(String, Counts)>,
    /// Buyers who have come, and how many there are.
    pub buyers: (u64, u64),
    /// Requests sent.
    pub requests: u64,
    /// Requests whose answers have not been read.
    pub under_way: u64,
    /// Refusals read.
    pub refused: u64,
    /// Requests sent in the last second.
    pub requests_per_s: f64,
    /// Answers read in the last second.
    pub answers_per_s: f64,
    /// Latency of the answers read in the last second, if there were any.
    pub p50_ms: Option<f64>,
    /// The same for the slowest hundredth.
    pub p99_ms: Option<f64>,
}

/// Whether bars are coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Signs tell the states apart.
    Plain,
    /// Colours do, too.
    Ansi,
}

/// One line, for a log.
#[must_use]
pub fn line(now: &Snapshot) -> String {
    format!(
        "{:>5.1}s  {}  free {} held {} booked {}  buyers {}/{}  requests {} ({:.0}/s) answers {:.0}/s \
         waiting {}  refused {}  p50 {} p99 {}",
        now.elapsed.as_secs_f64(),
        now.phase,
        now.house.free,
        now.house.held,
        now.house.booked,
        now.buyers.0,
        now.buyers.1,
        now.requests,
        now.requests_per_s,
        now.answers_per_s,
        now.under_way,
        now.refused,
        millis(now.p50_ms),
        millis(now.p99_ms),
    )
}

/// A block of lines, for a screen.
#[must_use]
pub fn block(now: &Snapshot, colour: Colour) -> Vec<String> {
    let mut lines = vec![
        format!(
            "{:>5.1}s  {:<24}buyers {} of {}",
            now.elapsed.as_secs_f64(),
            now.phase,
            now.buyers.0,
            now.buyers.1
        ),
        format!("[{}]", bar(now.house, BAR, colour)),
        format!(
            " {} booked {:>7}   {} held {:>7}   {} free {:>7}",
            paint(Sign::Booked, 1, colour),
            now.house.booked,
            paint(Sign::Held, 1, colour),
            now.house.held,
            paint(Sign::Free, 1, colour),
            now.house.free
        ),
    ];
    let shown = &now.sections[..now.sections.len().min(SECTIONS_MAX)];
    for abreast in shown.chunks(SECTIONS_ABREAST) {
        let mut text = String::new();
        for (name, counts) in abreast {
            let _ = write!(text, " {name:<11}[{}]", bar(*counts, SECTION_BAR, colour));
        }
        lines.push(text);
    }
    lines.push(format!(
        " requests {:>8}  {:>7.0}/s   answers {:>7.0}/s   waiting {:>6}",
        now.requests, now.requests_per_s, now.answers_per_s, now.under_way
    ));
    lines.push(format!(
        " refused  {:>8}   latency p50 {}   p99 {}",
        now.refused,
        millis(now.p50_ms),
        millis(now.p99_ms)
    ));
    lines
}

fn millis(length: Option<f64>) -> String {
    length.map_or_else(|| "-".into(), |length| format!("{length:.1} ms"))
}

#[derive(Clone, Copy)]
enum Sign {
    Booked,
    Held,
    Free,
}

/// A bar of so many columns: booked, held, free. What there is of a state is seen, however little.
fn bar(counts: Counts, columns: u32, colour: Colour) -> String {
    let mut parts =
        [(Sign::Booked, counts.booked), (Sign::Held, counts.held), (Sign::Free, counts.free)];
    let total: u64 = parts.iter().map(|(_, count)| u64::from(*count)).sum();
    for (_, count) in &mut parts {
        let share = u64::from(*count) * u64::from(columns) / total.max(1);
        let share = u32::try_from(share).expect("no more than the columns");
        *count = share.max(u32::from(*count > 0));
    }
    // The widest part makes up for what was rounded.
    let others: u32 = parts.iter().map(|(_, width)| width).sum();
    let widest = parts.iter_mut().max_by_key(|(_, width)| *width).expect("there are three");
    widest.1 = columns - (others - widest.1);
    parts.map(|(sign, width)| paint(sign, width, colour)).concat()
}

fn paint(sign: Sign, count: u32, colour: Colour) -> String {
    let (text, code) = match sign {
        Sign::Booked => ("#", "32"),
        Sign::Held => ("+", "33"),
        Sign::Free => (".", "2"),
    };
    let text = text.repeat(count as usize);
    match colour {
        Colour::Ansi if count > 0 => format!("\x1b[{code}m{text}\x1b[0m"),
        Colour::Ansi | Colour::Plain => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot() -> Snapshot {
        let house = Counts { free: 120, held: 60, booked: 420 };
        Snapshot {
            elapsed: Duration::from_millis(4_250),
            phase: "on sale",
            house,
            sections: vec![
                ("stalls-1".into(), Counts { free: 0, held: 1, booked: 299 }),
                ("floor".into(), Counts { free: 120, held: 59, booked: 121 }),
            ],
            buyers: (1_700, 5_000),
            requests: 6_400,
            under_way: 212,
            refused: 3_900,
            requests_per_s: 1_511.4,
            answers_per_s: 1_499.6,
            p50_ms: Some(12.34),
            p99_ms: Some(40.0),
        }
    }

    #[test]
    fn a_line_has_it_all() {
        assert_eq!(
            line(&snapshot()),
            "  4.2s  on sale  free 120 held 60 booked 420  buyers 1700/5000  requests 6400 (1511/s) \
             answers 1500/s waiting 212  refused 3900  p50 12.3 ms p99 40.0 ms"
        );
        let early = Snapshot::default();
        assert!(line(&early).ends_with("p50 - p99 -"));
    }

    #[test]
    fn a_block_shows_the_house_and_its_sections() {
        let lines = block(&snapshot(), Colour::Plain);
        let house = format!("[{}{}{}]", "#".repeat(42), "+".repeat(6), ".".repeat(12));
        assert_eq!(lines[1], house);
        assert_eq!(lines[3], " stalls-1   [###############+] floor      [######+++.......]");
        assert_eq!(lines.len(), 6);
        assert!(lines.iter().all(|line| line.chars().count() <= 100));
    }

    #[test]
    fn bars_are_as_wide_as_they_should_be_and_show_what_there_is() {
        for (free, held, booked) in [(0, 0, 0), (1, 0, 0), (1, 1, 9_998), (9_998, 1, 1), (3, 0, 5)]
        {
            let bar = bar(Counts { free, held, booked }, 16, Colour::Plain);
            assert_eq!(bar.len(), 16);
            assert_eq!(bar.contains('#'), booked > 0);
            assert_eq!(bar.contains('+'), held > 0);
            assert_eq!(bar.contains('.'), free > 0 || booked == 0);
        }
    }

    #[test]
    fn only_colours_bring_escapes() {
        assert!(block(&snapshot(), Colour::Plain).iter().all(|line| !line.contains('\x1b')));
        assert!(block(&snapshot(), Colour::Ansi)[1].contains("\x1b[32m"));
    }
}
