//! What no history shows, since no server can be asked for it: backups, damage, and our own bounds.

use super::history::Plan;
use super::*;
use crate::domain::seat::Status;
use crate::ports::ledger::Conflict;
use crate::wire::outbox;

fn event() -> EventId {
    EventId::new("concert").unwrap()
}

fn batch(plan: &str) -> Batch {
    Plan::read(plan).unwrap().batch(&event())
}

/// A ledger in which these batches were applied, one after another.
fn ledger(shape: Shape, plans: &[&str]) -> SimLedger {
    let mut ledger = SimLedger::new(shape);
    for plan in plans {
        assert_eq!(ledger.commit(&batch(plan)), CommitResult::Applied, "{plan}");
    }
    ledger
}

/// The second place is booked: its row of a hold with one place.
const MADE: &str = "1 r1 if - out 1/- def 1/- seats 3-6:1/-";
const MOVED: &str = "2 r2 if 1/1 out 2/1 keep seats 4:2/1";

#[test]
fn a_backup_is_what_was_there() {
    for shape in Shape::ALL {
        let mut ledger = ledger(shape, &[MADE]);
        let read = |ledger: &SimLedger| {
            (ledger.read_fence(&event()).unwrap(), ledger.read_rows(&event()).unwrap())
        };
        let (before, backup) = (read(&ledger), ledger.image(&event()));
        assert_eq!(ledger.commit(&batch(MOVED)), CommitResult::Applied);
        assert_ne!(read(&ledger), before);
        let later = ledger.image(&event());
        ledger.restore(&event(), backup.clone());
        assert_eq!(read(&ledger), before);
        // What came after the backup applies to it once more, and comes to the same.
        assert_eq!(ledger.commit(&batch(MOVED)), CommitResult::Applied);
        assert_eq!(ledger.image(&event()), later);
        assert_ne!(later, backup);
        ledger.restore(&event(), None);
        assert_eq!((ledger.image(&event()), ledger.events().count()), (None, 0));
        let absent = CommitResult::Rejected(Conflict { fence: None });
        assert_eq!(ledger.commit(&batch(MOVED)), absent);
        assert_eq!(ledger.read_rows(&event()).unwrap().seats, []);
    }
}

#[test]
fn events_are_apart() {
    let mut ledger = ledger(Shape::Scylla, &[MADE]);
    let other = EventId::new("concert-2").unwrap();
    let made = Plan::read("1 r1 if - out 1/- seats 9:1/-").unwrap().batch(&other);
    assert_eq!(ledger.commit(&made), CommitResult::Applied);
    assert_eq!(ledger.events().collect::<Vec<_>>(), [&event(), &other]);
    assert_eq!((ledger.seats(&event()).len(), ledger.seats(&other).len()), (4, 1));
    ledger.restore(&event(), None);
    assert_eq!(ledger.read_fence(&other).unwrap().unwrap().fence, made.next);
}

#[test]
fn damage_is_read_and_passes_the_guards() {
    let one_hold = |ledger: &mut SimLedger| {
        let mut moved = batch("2 r2 if 1/1 out 2/1 seats 4-5:2/1");
        let hold = moved.seats[0].row.clone();
        moved.seats[1].row = StoredSeat { number: RowNumber(5), ..hold };
        assert_eq!(ledger.commit(&moved), CommitResult::Applied);
    };
    let damaged = |damage| {
        let mut ledger = ledger(Shape::Scylla, &[MADE]);
        one_hold(&mut ledger);
        assert!(ledger.damage_rows(&event(), damage));
        ledger
    };
    let mut unreadable = damaged(RowDamage::UnknownStatus);
    let error = unreadable.read_rows(&event()).unwrap_err();
    assert_eq!(error, ReadError::Corrupt("seat row 3: its status is not known".into()));

    let unsound = damaged(RowDamage::HeldByNobody).read_rows(&event()).unwrap().seats;
    assert_eq!((unsound[0].status, unsound[0].is_sound()), (Status::Held, false));
    assert!(unsound[1..].iter().all(StoredSeat::is_sound));

    let at_odds = damaged(RowDamage::OtherClaim).read_rows(&event()).unwrap().seats;
    assert!(at_odds.iter().all(StoredSeat::is_sound));
    assert_eq!(at_odds[1].hold, at_odds[2].hold);
    assert_ne!(at_odds[1].offset, at_odds[2].offset);

    // Written over, a row is whole again.
    let over = batch("3 r3 if 2/2 out 3/2 seats 3:3/1");
    assert_eq!(unreadable.commit(&over), CommitResult::Applied);
    assert_eq!(unreadable.read_rows(&event()).unwrap().seats[0], over.seats[0].row);
}

#[test]
fn damage_needs_something_to_damage() {
    let mut empty = SimLedger::new(Shape::Scylla);
    assert!(!empty.damage_outbox(&event()));
    for damage in RowDamage::ALL {
        assert!(!empty.damage_rows(&event(), damage));
    }
    let mut apart = ledger(Shape::Scylla, &[MADE]);
    assert!(!apart.damage_rows(&event(), RowDamage::OtherClaim));
}

#[test]
fn a_damaged_outbox_is_not_decoded() {
    let mut made = batch(MADE);
    made.outbox.bytes = Some(outbox::encode([].into_iter()).into());
    let mut ledger = SimLedger::new(Shape::Scylla);
    assert_eq!(ledger.commit(&made), CommitResult::Applied);
    let decodes = |ledger: &SimLedger| {
        outbox::decode(&ledger.read_fence(&event()).unwrap().unwrap().outbox).is_ok()
    };
    assert!(decodes(&ledger));
    for _ in 0..4 {
        assert!(ledger.damage_outbox(&event()));
        assert!(!decodes(&ledger));
    }
}

#[test]
#[should_panic(expected = "each place once")]
fn a_place_is_named_once() {
    let _ = ledger(Shape::Scylla, &["1 r1 if - out 1/- seats 3:1/- 1:1/- 3:1/-"]);
}

#[test]
#[should_panic(expected = "written with content")]
fn a_new_row_has_content() {
    let _ = ledger(Shape::Scylla, &["1 r1 if - out 1/- keep"]);
}
