//! Values on the command line that are more than texts.

use std::time::Duration;

use uuid::Uuid;

use crate::domain::ids::{BuyerId, EventId, Reference, RequestId};
use crate::domain::request::Line;

/// How long to wait for an answer where nothing is said.
pub(super) const PATIENCE: &str = "10s";

/// An event id.
pub(super) fn event(text: &str) -> Result<EventId, String> {
    EventId::new(text).map_err(|problem| problem.to_string())
}

/// A buyer id.
pub(super) fn buyer(text: &str) -> Result<BuyerId, String> {
    BuyerId::new(text).map_err(|problem| problem.to_string())
}

/// A payment's reference.
pub(super) fn reference(text: &str) -> Result<Reference, String> {
    Reference::new(text).map_err(|problem| problem.to_string())
}

/// A hold id.
pub(super) fn hold(text: &str) -> Result<RequestId, String> {
    let id =
        Uuid::try_parse(text).map_err(|_| "is no UUID; take the hold of the claim's answer")?;
    Ok(RequestId(id))
}

/// A length of time.
pub(super) fn length(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| "write it with its unit, such as 500ms or 10s".into())
}

/// `section/row/seat` or `section/row/seat=tier`.
pub(super) fn seat(text: &str) -> Result<Line, String> {
    let (name, tier) = match text.split_once('=') {
        Some((name, tier)) => (name, Some(tier.to_owned())),
        None => (text, None),
    };
    if name.split('/').count() != 3 {
        return Err("write it as section/row/seat, such as stalls/A/1".into());
    }
    Ok(Line::Seat { name: name.into(), tier })
}

/// `section=count` or `section=count:tier`.
pub(super) fn places(text: &str) -> Result<Line, String> {
    let advice = || "write it as section=count or section=count:tier, such as floor=2".to_owned();
    let (section, rest) = text.split_once('=').ok_or_else(advice)?;
    let (count, tier) = match rest.split_once(':') {
        Some((count, tier)) => (count, Some(tier.to_owned())),
        None => (rest, None),
    };
    let count = count.parse().map_err(|_| advice())?;
    Ok(Line::Places { section: section.into(), tier, count })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_read_with_and_without_a_tier() {
        let named = Line::Seat { name: "stalls/A/1".into(), tier: None };
        assert_eq!(seat("stalls/A/1"), Ok(named));
        let tier = Some("premium".to_owned());
        let named = Line::Seat { name: "stalls/A/1".into(), tier };
        assert_eq!(seat("stalls/A/1=premium"), Ok(named));
        let two = Line::Places { section: "floor".into(), tier: None, count: 2 };
        assert_eq!(places("floor=2"), Ok(two));
        let tier = Some("student".to_owned());
        let two = Line::Places { section: "floor".into(), tier, count: 2 };
        assert_eq!(places("floor=2:student"), Ok(two));
    }

    #[test]
    fn wishes_that_cannot_be_read_say_how_to_write_them() {
        assert!(seat("stalls").is_err_and(|advice| advice.contains("stalls/A/1")));
        assert!(places("floor").is_err_and(|advice| advice.contains("floor=2")));
        assert!(places("floor=two").is_err_and(|advice| advice.contains("floor=2")));
    }
}
