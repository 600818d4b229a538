//! Values on the command line that are more than texts.

use std::time::{Duration, UNIX_EPOCH};

use uuid::Uuid;

use crate::domain::ids::{BuyerId, EventId, Reference, RequestId};
use crate::domain::request::{Line, Target};
use crate::domain::time::At;

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

/// A section, `section/row`, `section/row/seat`, `section/n` of general admission, or
/// `section=count`.
pub(super) fn target(text: &str) -> Result<Target, String> {
    let advice = "write it as section, section/row, section/row/seat or section=count, such as \
                  stalls/A or floor=20";
    if let Some((section, count)) = text.split_once('=') {
        let count = count.parse().map_err(|_| advice)?;
        return Ok(Target::Places { section: section.into(), count });
    }
    let parts: Vec<&str> = text.split('/').collect();
    if parts.len() > 3 || parts.contains(&"") {
        return Err(advice.into());
    }
    Ok(Target::Named(text.into()))
}

/// A point in time.
pub(super) fn time(text: &str) -> Result<At, String> {
    let advice = || "write it in UTC as 2027-03-14T19:30:00Z".to_owned();
    let time = humantime::parse_rfc3339(text).map_err(|_| advice())?;
    let since = time.duration_since(UNIX_EPOCH).map_err(|_| advice())?;
    Ok(At(i64::try_from(since.as_millis()).map_err(|_| advice())?))
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
        for text in ["", "stalls/", "/A", "a/b/c/d", "floor=", "floor=-1"] {
            assert!(target(text).is_err_and(|advice| advice.contains("floor=20")), "{text}");
        }
        for text in ["tomorrow", "2027-03-14", "2027-03-14T19:30:00+01:00"] {
            assert!(time(text).is_err_and(|advice| advice.contains("T19:30:00Z")), "{text}");
        }
    }

    #[test]
    fn what_to_block_is_a_name_or_a_count() {
        for name in ["stalls", "stalls/A", "stalls/A/7", "floor/7"] {
            assert_eq!(target(name), Ok(Target::Named(name.into())));
        }
        let twenty = Target::Places { section: "floor".into(), count: 20 };
        assert_eq!(target("floor=20"), Ok(twenty));
    }

    #[test]
    fn a_time_is_read_to_the_millisecond() {
        assert_eq!(time("2023-11-14T22:13:20.007Z"), Ok(At(1_700_000_000_007)));
    }
}
