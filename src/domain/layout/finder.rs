//! Which section and row a place lies in, found in a step or two where rows are as long as they
//! are in houses.

use super::CompiledSection;

/// Places after which the row of the next one is noted.
const STRIDE: u32 = 64;

/// Where rows and sections of general admission begin.
#[derive(Clone, Debug, Default)]
pub(super) struct Finder {
    starts: Vec<Start>,
    /// Of each stride the last start that is not beyond its first place.
    hints: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Start {
    first: u32,
    section: u32,
    /// None in a section of general admission.
    row: Option<u32>,
}

impl Finder {
    pub(super) fn new(sections: &[CompiledSection]) -> Finder {
        let mut starts = vec![];
        for (section, compiled) in (0..).zip(sections) {
            if compiled.rows.is_empty() {
                starts.push(Start { first: compiled.first, section, row: None });
            }
            let rows = (0..).zip(&compiled.rows);
            starts.extend(rows.map(|(row, it)| Start { first: it.first, section, row: Some(row) }));
        }
        let end = sections.last().map_or(0, |last| last.first + last.count);
        let mut hints = vec![];
        let mut last = 0;
        for place in (0..end).step_by(STRIDE as usize) {
            while starts.get(last as usize + 1).is_some_and(|next| next.first <= place) {
                last += 1;
            }
            hints.push(last);
        }
        Finder { starts, hints }
    }

    /// Section and row of a place; no row where it is one of general admission.
    pub(super) fn find(&self, place: u32) -> (usize, Option<usize>) {
        let mut index = self.hints[(place / STRIDE) as usize] as usize;
        while self.starts.get(index + 1).is_some_and(|next| next.first <= place) {
            index += 1;
        }
        let Start { section, row, .. } = self.starts[index];
        (section as usize, row.map(|row| row as usize))
    }
}
