//! How people pick places from a seat map: side by side if they can, near the front if they care,
//! and where they like to be before anywhere else.

use fastrand::Rng;

use super::map::{Row, SeatMap};
use crate::domain::ids::SeatNumber;
use crate::domain::request::Line;

/// Where in a section somebody looks first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taste {
    /// The very best: what everybody wants, so that these collide.
    Best,
    /// Near the front.
    Front,
    /// Wherever the eye falls.
    Anywhere,
}

/// Places somebody wants, as the lines of a claim, for so many as are free by the map: in the
/// section they like, else in another one. `None` when no section has so many.
pub(super) fn free(
    map: &SeatMap,
    (liked, taste): (usize, Taste),
    count: u32,
    rng: &mut Rng,
) -> Option<Vec<Line>> {
    let sections = map.layout().sections();
    let elsewhere = rng.usize(0..sections);
    let others = (0..sections).map(|step| (elsewhere + step) % sections);
    std::iter::once(liked)
        .chain(others)
        .filter(|&section| map.of_section(section).free >= count)
        .find_map(|section| in_section(map, section, taste, count, rng))
}

/// A place that is gone, by the map: somebody asks for it all the same. In general admission they
/// ask for `count`, whatever the map says.
pub(super) fn gone(map: &SeatMap, liked: usize, count: u32, rng: &mut Rng) -> Vec<Line> {
    if map.layout().is_general(liked) {
        return places(map, liked, count);
    }
    let (first, count) = map.layout().span(liked);
    let start = rng.u32(0..count);
    let mut all = (0..count).map(|step| first + (start + step) % count);
    vec![seat(map, all.find(|&number| !map.is_free(number)).unwrap_or(first + start))]
}

/// All that is free by the map, to be handed out from the first place to the last.
pub(super) struct Leftovers<'a> {
    map: &'a SeatMap,
    section: usize,
    next: u32,
}

impl<'a> Leftovers<'a> {
    pub(super) fn of(map: &'a SeatMap) -> Leftovers<'a> {
        Leftovers { map, section: 0, next: 0 }
    }

    /// The next free places, up to so many and all of one section; `None` when none is left.
    pub(super) fn take(&mut self, most: u32) -> Option<Vec<Line>> {
        while self.section < self.map.layout().sections() {
            let (first, count) = self.map.layout().span(self.section);
            let rest = self.next.max(first)..first + count;
            let taken: Vec<u32> =
                rest.filter(|&number| self.map.is_free(number)).take(most as usize).collect();
            let Some(&last) = taken.last() else {
                self.section += 1;
                continue;
            };
            self.next = last + 1;
            return Some(if self.map.layout().is_general(self.section) {
                let count = u32::try_from(taken.len()).expect("at most `most`");
                places(self.map, self.section, count)
            } else {
                taken.iter().map(|&number| seat(self.map, number)).collect()
            });
        }
        None
    }
}

fn in_section(
    map: &SeatMap,
    section: usize,
    taste: Taste,
    count: u32,
    rng: &mut Rng,
) -> Option<Vec<Line>> {
    if map.layout().is_general(section) {
        return Some(places(map, section, count));
    }
    let rows = map.rows_of(section);
    let first = match taste {
        Taste::Best => 0,
        Taste::Front => rng.usize(0..rows.len()).min(rng.usize(0..rows.len())),
        Taste::Anywhere => rng.usize(0..rows.len()),
    };
    let fitting = (0..rows.len())
        .map(|step| &rows[(first + step) % rows.len()])
        .filter(|row| row.free >= count);
    let side_by_side = fitting.clone().find_map(|row| run_of(map, row, taste, count, rng));
    let numbers =
        side_by_side.or_else(|| fitting.clone().next().map(|row| any_of(map, row, count)));
    numbers.map(|numbers| numbers.into_iter().map(|number| seat(map, number)).collect())
}

/// Free seats side by side, no aisle between them: the first of the row, or any.
fn run_of(map: &SeatMap, row: &Row, taste: Taste, count: u32, rng: &mut Rng) -> Option<Vec<u32>> {
    let mut lasts = vec![];
    let mut first = row.shape.first;
    for &length in &row.shape.segments {
        let mut run = 0;
        for number in first..first + length {
            run = if map.is_free(number) { run + 1 } else { 0 };
            if run >= count {
                lasts.push(number);
            }
        }
        first += length;
    }
    let last = match taste {
        Taste::Best => *lasts.first()?,
        Taste::Front | Taste::Anywhere => *lasts.get(rng.usize(0..lasts.len().max(1)))?,
    };
    Some((last + 1 - count..=last).collect())
}

/// The first free seats of a row that has so many.
fn any_of(map: &SeatMap, row: &Row, count: u32) -> Vec<u32> {
    let all = row.shape.first..row.shape.first + row.shape.seats();
    all.filter(|&number| map.is_free(number)).take(count as usize).collect()
}

fn seat(map: &SeatMap, number: u32) -> Line {
    Line::Seat { name: map.layout().name(SeatNumber(number)), tier: None }
}

fn places(map: &SeatMap, section: usize, count: u32) -> Vec<Line> {
    let section = map.layout().definition.sections[section].name.clone();
    vec![Line::Places { section, tier: None, count }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::venue::Venue;
    use crate::domain::request::Best;
    use crate::domain::time::Millis;

    fn names(lines: &[Line]) -> Vec<String> {
        let name = |line: &Line| match line {
            Line::Seat { name, .. } => name.clone(),
            Line::Places { section, count, .. } => format!("{section}={count}"),
            Line::Best(best) => format!("best={}", best.count),
        };
        lines.iter().map(name).collect()
    }

    fn map() -> SeatMap {
        SeatMap::new(&Venue::new(1_000, Millis(3_000)))
    }

    #[test]
    fn the_best_are_in_the_first_row_side_by_side_within_the_aisles() {
        let map = map();
        let mut rng = Rng::with_seed(1);
        let picked = free(&map, (0, Taste::Best), 3, &mut rng).unwrap();
        assert_eq!(names(&picked), ["stalls-1/A/1", "stalls-1/A/2", "stalls-1/A/3"]);
        let picked = free(&map, (0, Taste::Best), 6, &mut rng).unwrap();
        assert_eq!(names(&picked)[0], "stalls-1/B/1", "row A has two times five: {picked:?}");
    }

    #[test]
    fn a_party_too_large_for_any_row_goes_where_it_is_not() {
        let map = map();
        let mut rng = Rng::with_seed(1);
        let picked = free(&map, (0, Taste::Front), 40, &mut rng).unwrap();
        assert_eq!(names(&picked), ["floor=40"]);
        assert_eq!(free(&map, (0, Taste::Front), 201, &mut rng), None);
    }

    #[test]
    fn all_that_is_free_is_handed_out_once() {
        let map = map();
        let mut left = Leftovers::of(&map);
        let lots: Vec<Vec<Line>> = std::iter::from_fn(|| left.take(8)).collect();
        let size = |line: &Line| match line {
            Line::Seat { .. } => 1,
            Line::Places { count, .. } | Line::Best(Best { count, .. }) => *count,
        };
        assert_eq!(lots.iter().flatten().map(size).sum::<u32>(), 1_000);
        assert!(lots.iter().all(|lot| lot.iter().map(size).sum::<u32>() <= 8));
    }
}
