//! `holdfast audit redecide`: whether this release decides as it was decided.

use serde_json::{Value, json};

use super::super::Ending;
use super::super::failure::Failure;
use super::super::output::Output;
use super::{block, finding, partitions};
use crate::app::Backend;
use crate::app::audit::redecide::{Redecided, redecide};
use crate::domain::ids::EventId;

pub(super) fn execute(
    backend: &Backend,
    event: Option<&EventId>,
    output: Output,
) -> Result<Ending, Failure> {
    let partitions = partitions(backend, event);
    let found = redecide(backend, &partitions, event, |step| output.words(step))?;
    output.data(text(&found), &object(&found))?;
    Ok(if found.is_clean() { Ending::Done } else { Ending::Found })
}

fn verdict(found: &Redecided) -> &'static str {
    if found.is_clean() { "the same" } else { "not the same" }
}

fn text(found: &Redecided) -> String {
    let rows = [
        ("requests", found.requests),
        ("the same again", found.same),
        ("not comparable", found.not_comparable),
        ("suspended", found.suspended),
        ("after a divergence", found.after_divergence),
        ("divergences", found.divergences),
    ];
    let rows: Vec<String> =
        rows.iter().map(|(name, count)| format!("{name:<24}{count:>12}\n")).collect();
    let first = found.first_divergence.as_ref().map_or_else(String::new, block);
    format!("{}{first}{:<24}{:>12}", rows.concat(), "verdict", verdict(found))
}

fn object(found: &Redecided) -> Value {
    json!({
        "requests": found.requests,
        "same": found.same,
        "not_comparable": found.not_comparable,
        "suspended": found.suspended,
        "after_divergence": found.after_divergence,
        "divergences": found.divergences,
        "first_divergence": found.first_divergence.as_ref().map(finding),
        "verdict": verdict(found),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Check, Finding};
    use crate::domain::ids::Partition;

    #[test]
    fn what_is_not_compared_is_told_beside_what_is() {
        let mut found =
            Redecided { requests: 5, same: 3, not_comparable: 2, ..Redecided::default() };
        assert!(
            text(&found).contains("not comparable                     2\n"),
            "{}",
            text(&found)
        );
        assert!(text(&found).ends_with("the same"));
        found.divergences = 1;
        found.first_divergence = Some(Finding {
            check: Check::Decision,
            partition: Partition(1),
            offset: 7,
            topic: "booking.refused",
            event: None,
            expected: "another code".into(),
            found: "this one".into(),
        });
        assert!(text(&found).contains("  expected   another code\n"), "{}", text(&found));
        assert!(text(&found).ends_with("not the same"));
        assert_eq!(object(&found)["first_divergence"]["check"], "decision");
    }
}
