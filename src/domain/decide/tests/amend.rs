//! Another definition for an event that is on sale.

use super::table::{Sale, check, check_in, venue};
use crate::domain::ids::RowNumber;
use crate::domain::layout::{Definition, Layout, Numbering, Places, Row, Run, Section, Tier};

/// A definition with some of it changed: `standard=2500` a price, `+child=900` one more tier,
/// `limit=2` places of a buyer, `currency=CZK`, `G*8` a capacity, `A/1:1-6` the seats of a row, new
/// or not, `A/1:` no such row, `A/1^` the row in front of all others, `-A` no such section,
/// `A/1&` no seat of the row kept back, `sold-in=4` all sections in tiers `t4` to `t7`.
pub(super) fn amended(before: &Definition, words: &[&str]) -> Definition {
    let mut definition = before.clone();
    for word in words.iter().filter(|word| !word.starts_with('@')) {
        change(&mut definition, word);
    }
    definition
}

fn change(definition: &mut Definition, word: &str) {
    let number = |text: &str| text.parse::<u32>().expect("a number");
    let section = |definition: &mut Definition, name: &str| -> usize {
        definition.sections.iter().position(|section| section.name == name).expect("a section")
    };
    if let Some(name) = word.strip_prefix('-') {
        definition.sections.retain(|section| section.name != name);
    } else if let Some((place, seats)) = word.split_once(':') {
        set_row(definition, place, seats);
    } else if let Some((name, capacity)) = word.split_once('*') {
        let at = section(definition, name);
        definition.sections[at].places = Places::General(number(capacity));
    } else if let Some(place) = word.strip_suffix('^') {
        let (at, row) = row_of(definition, place);
        rows(&mut definition.sections[at])[..=row].rotate_right(1);
    } else if let Some(place) = word.strip_suffix('&') {
        let (at, row) = row_of(definition, place);
        let row = &mut rows(&mut definition.sections[at])[row];
        (row.bays, row.companions) = (String::new(), String::new());
    } else {
        match word.split_once('=').expect("a change") {
            ("limit", most) => definition.limits.seats_per_buyer = Some(number(most)),
            ("sold-in", from) => {
                let tiers = four_tiers(number(from));
                definition.sections.iter_mut().for_each(|section| section.tiers = tiers.clone());
            }
            ("currency", code) => definition.currency = code.into(),
            (tier, price) => set_price(definition, tier, i64::from(number(price))),
        }
    }
}

fn set_price(definition: &mut Definition, tier: &str, price: i64) {
    match tier.strip_prefix('+') {
        Some(name) => {
            definition.tiers.push(Tier { name: name.into(), price, seats_per_buyer: None });
            definition.sections[0].tiers.push(name.into());
        }
        None => {
            let tier = definition.tiers.iter_mut().find(|own| own.name == tier).expect("a tier");
            tier.price = price;
        }
    }
}

fn set_row(definition: &mut Definition, place: &str, seats: &str) {
    let (name, row) = place.split_once('/').expect("a row");
    let section = definition.sections.iter_mut().find(|section| section.name == name);
    let rows = rows(section.expect("a section"));
    let at = rows.iter().position(|own| own.name == row);
    match at {
        Some(at) if seats.is_empty() => {
            rows.remove(at);
        }
        Some(at) => rows[at].seats = seats.replace('_', " "),
        None => rows.push(Row { name: row.into(), seats: seats.into(), ..rows[0].clone() }),
    }
}

fn row_of(definition: &Definition, place: &str) -> (usize, usize) {
    let (name, row) = place.split_once('/').expect("a row");
    let at = definition.sections.iter().position(|section| section.name == name);
    let at = at.expect("a section");
    let Places::Rows(rows) = &definition.sections[at].places else { panic!("{name} has rows") };
    (at, rows.iter().position(|own| own.name == row).expect("a row"))
}

fn rows(section: &mut Section) -> &mut Vec<Row> {
    match &mut section.places {
        Places::Rows(rows) => rows,
        Places::General(_) => panic!("{} has rows", section.name),
    }
}

#[test]
fn a_smaller_capacity_never_drops_what_is_taken() {
    // F14
    check_in(
        |venue| venue.sections[1].places = Places::General(10),
        "
        0:00      define                 -> defined 1
        0:00      open                   -> opened 2
        0:01   h1 b1 claim G*6           -> held h1 G/1@2000 G/2@2000 G/3@2000 G/4@2000 G/5@2000 G/6@2000
        0:02      b1 confirm h1 pay-1    -> booked h1 G/1@2000 G/2@2000 G/3@2000 G/4@2000 G/5@2000 G/6@2000
        0:03   h2 b2 claim G*2           -> held h2 G/7@2000 G/8@2000
        0:04      amend G*7              -> refused below-taken G limit=8 count=7
        0:05      amend G*8              -> amended 3
        0:06      b3 claim G*1           -> refused not-enough G limit=0 count=1
        10:03.500 expire                 -> h2 expired G/7 G/8
        10:04     b3 claim G*3           -> refused not-enough G limit=2 count=3
        10:05  h3 b3 claim G*2           -> held h3 G/7@2000 G/8@2000
        10:06     amend G*9              -> amended 4
        10:07  h4 b4 claim G*1           -> held h4 G/9@2000
        ",
    );
}

#[test]
fn places_of_general_admission_keep_their_names() {
    check(
        "
        0:00      define                 -> defined 1
        0:00      open                   -> opened 2
        0:01   h1 b1 claim G*4           -> held h1 G/1@2000 G/2@2000 G/3@2000 G/4@2000
        0:02      b1 confirm h1 pay-1    -> booked h1 G/1@2000 G/2@2000 G/3@2000 G/4@2000
        0:03      b1 cancel h1 G/2       -> cancelled h1 G/2@2000 left=3 refund=2000
        0:04      amend G*3              -> amended 3
        0:05      b2 claim G*1           -> refused not-enough G limit=0 count=1
        0:06      b1 cancel h1 G/4       -> cancelled h1 G/4@2000 left=2 refund=2000
        0:07      block G/2 for=press    -> refused unknown-seat G/2
        0:08      block G/4 for=press    -> blocked 3 press G/4
        0:09      amend G*2              -> amended 4
        0:10      amend G*1              -> refused below-taken G limit=2 count=1
        0:11      amend G*5              -> amended 5
        0:12   h2 b2 claim G*3           -> held h2 G/4@2000 G/5@2000 G/6@2000
        ",
    );
}

#[test]
fn a_seat_that_somebody_has_stays() {
    check(
        "
        0:00      define                 -> defined 1
        0:00      open                   -> opened 2
        0:01   h1 b1 claim A/1/5 A/2/1   -> held h1 A/1/5@2000 A/2/1@5000
        0:02      amend A/1:1-4          -> refused below-taken A/1/5
        0:03      amend A/1:1-4 A/2:     -> refused below-taken A/1/5 A/2/1
        0:04      amend -A               -> refused below-taken A/1/5 A/2/1
        0:05      amend A/2:1-4          -> amended 3
        0:06      b2 claim A/2/5         -> refused unknown-seat A/2/5
        10:01.500 amend A/1:1-4          -> derived h1 expired A/1/5 A/2/1; amended 4
        10:02     b1 confirm h1 pay-1    -> refused hold-ended
        10:03     b2 claim A/1/5         -> refused unknown-seat A/1/5
        10:04  h2 b2 claim A/2/1         -> held h2 A/2/1@5000
        10:05     amend -A               -> refused below-taken A/2/1
        10:06     amend A/1:1-5          -> amended 5
        10:07  h3 b3 claim A/1/5         -> held h3 A/1/5@2000
        ",
    );
}

#[test]
fn seats_are_added_in_front_between_and_behind() {
    check(
        "
        0:00      define                 -> defined 1
        0:00      open                   -> opened 2
        0:01   h1 b1 claim A/1/2 A/2/3 G*1 -> held h1 A/1/2@2000 A/2/3@5000 G/1@2000
        0:02      block A/1/5 for=press  -> blocked 2 press A/1/5
        0:03      amend A/1:0-6 A/0:1-2 A/0^ -> amended 3
        0:04      b2 claim A/1/2         -> refused seats-taken A/1/2 rival=h1
        0:05      b2 claim A/1/5         -> refused blocked A/1/5 (press)
        0:06   h2 b2 claim A/1/0 A/1/6 A/0/1 -> held h2 A/0/1@2000 A/1/0@2000 A/1/6@2000
        0:07      b1 confirm h1 pay-1    -> booked h1 A/1/2@2000 A/2/3@5000 G/1@2000
        0:08      b1 cancel h1 A/2/3     -> cancelled h1 A/2/3@5000 left=2 refund=5000
        0:09   h3 b3 claim best*5:A:vip  -> held h3 A/2/1@5000 A/2/2@5000 A/2/3@5000 A/2/4@5000 A/2/5@5000
        ",
    );
}

#[test]
fn a_place_keeps_its_row_and_a_new_one_gets_another() {
    let mut sale = Sale::new(venue());
    sale.check(
        "
        0:00      define                 -> defined 1
        0:00      open                   -> opened 2
        0:01   h1 b1 claim A/2/1         -> held h1 A/2/1@5000
        0:02      amend A/1:1_9_2-5 A/2^ -> amended 3
        0:03   h2 b2 claim A/1/9         -> held h2 A/1/9@2000
        ",
    );
    let row_of = |sale: &Sale, name: &str| {
        let layout = sale.state().layout().expect("defined");
        layout.ledger_row(layout.find(name).expect("a seat"))
    };
    assert_eq!(row_of(&sale, "A/2/1"), RowNumber(5));
    assert_eq!(row_of(&sale, "A/1/9"), RowNumber(14), "behind the ten seats and four places");
    sale.check("0:04 amend A/1:1-5 -> refused below-taken A/1/9");
    sale.check("0:05 b2 release h2 -> h2 released A/1/9");
    sale.check("0:06 amend A/1:1-5 -> amended 4");
    sale.check("0:07 amend A/1:1-5_9 -> amended 5");
    assert_eq!(row_of(&sale, "A/1/9"), RowNumber(15), "the name is another place");
    sale.take_over();
    sale.check("0:08 h3 b3 claim A/1/9 A/1/5 -> held h3 A/1/5@2000 A/1/9@2000");
}

#[test]
fn prices_bind_new_claims_only() {
    check(
        "
        0:00      define                 -> defined 1
        0:00      open                   -> opened 2
        0:01   h1 b1 claim A/1/1         -> held h1 A/1/1@2000
        0:02      amend standard=2500 +child=900 -> amended 3
        0:03      b2 claim A/1/2 sum=2000 -> refused price-changed limit=2500 count=2000
        0:04   h2 b2 claim A/1/2 sum=2500 -> held h2 A/1/2@2500
        0:05      b1 confirm h1 pay-1    -> booked h1 A/1/1@2000
        0:06      b1 exchange h1 A/1/1 for A/1/3 more=500 -> exchanged h1 A/1/1@2000 for A/1/3 sum=2000:500:2500 now A/1/3@2500
        0:07      amend currency=CZK     -> refused bad-request
        ",
    );
}

#[test]
fn a_lower_limit_traps_nobody() {
    // F13
    check(
        "
        0:00      define                 -> defined 1
        0:00      open                   -> opened 2
        0:01   h1 b1 claim A/1/1 A/1/2   -> held h1 A/1/1@2000 A/1/2@2000
        0:02   h2 b1 claim A/1/3 A/1/4   -> held h2 A/1/3@2000 A/1/4@2000
        0:03      amend limit=2          -> amended 3
        0:04      b1 confirm h1 pay-1    -> booked h1 A/1/1@2000 A/1/2@2000
        0:05      b1 release h2          -> h2 released A/1/3 A/1/4
        0:06      b1 claim A/1/3         -> refused buyer-limit limit=2 count=3
        ",
    );
}

#[test]
fn staff_lift_what_is_kept_back() {
    // F17
    check_in(
        |venue| {
            rows(&mut venue.sections[0])[0].bays = "2".into();
            rows(&mut venue.sections[0])[0].companions = "3".into();
        },
        "
        0:00      define                 -> defined 1
        0:00      open                   -> opened 2
        0:01      b1 claim A/1/3         -> refused kept-back A/1/3
        0:02      amend A/1&             -> amended 3
        0:03   h1 b1 claim A/1/3         -> held h1 A/1/3@2000
        ",
    );
}

#[test]
fn whoever_amends_has_the_present_edition_before_their_eyes() {
    check(
        "
        0:00      amend G*5              -> refused unknown-event
        0:00      define                 -> defined 1
        0:01      amend G*5 @2           -> refused wrong-edition limit=1 count=2
        0:02      amend G*5              -> amended 2
        0:03      open                   -> opened 3
        0:04      close                  -> closed 4
        0:05      amend G*6              -> amended 5
        0:06      call-off               -> called-off 6
        0:07      amend G*7              -> refused event-off
        ",
    );
}

#[test]
fn a_row_of_the_ledger_that_numbers_no_places_is_refused() {
    let layout = || Layout::compile(venue()).expect("sound");
    let run = |row, count, label| Run { row, count, label };
    let numbered = |runs: &[Run], next| layout().numbered(Numbering { next, runs: runs.to_vec() });
    assert!(numbered(&[run(0, 10, 0), run(10, 4, 1)], 14).is_ok_and(|it| it.numbering().is_none()));
    assert!(numbered(&[run(4, 10, 0), run(0, 4, 3)], 20).is_ok_and(|it| it.numbering().is_some()));
    for (runs, next) in [
        ([run(0, 10, 0), run(10, 3, 1)], 14),
        ([run(0, 10, 0), run(10, 5, 1)], 15),
        ([run(0, 10, 0), run(9, 4, 1)], 14),
        ([run(0, 10, 0), run(11, 4, 1)], 14),
        ([run(0, 10, 0), run(10, 4, 0)], 14),
        ([run(0, 10, 1), run(10, 4, 1)], 14),
        ([run(0, 10, 0), run(10, 4, u32::MAX - 1)], 14),
        ([run(0, 10, 0), run(10, 4, 1)], u32::MAX),
    ] {
        assert!(numbered(&runs, next).is_err(), "{runs:?} {next}");
    }
}

#[test]
fn tiers_that_places_were_taken_in_count_as_long_as_they_are() {
    let mut definition = venue();
    let tier = |name: String| Tier { name, price: 100, seats_per_buyer: None };
    definition.tiers = (0..8).map(|n| tier(format!("t{n}"))).collect();
    let section = |n: usize| Section {
        name: format!("s{n}"),
        rank: 1,
        tiers: four_tiers(0),
        places: Places::General(8),
    };
    definition.sections = (0..1_000).map(section).collect();
    Sale::new(definition).check(
        "
        0:00      define                 -> defined 1
        0:00      open                   -> opened 2
        0:01   h1 b1 claim s7*1:t2       -> held h1 s7/1@100
        0:02      amend sold-in=4        -> refused request-limit limit=4000 count=4001
        0:03      b1 release h1          -> h1 released s7/1
        0:04      amend sold-in=4        -> amended 3
        0:05   h2 b1 claim s7*1:t5       -> held h2 s7/1@100
        ",
    );
}

fn four_tiers(from: u32) -> Vec<String> {
    (from..from + 4).map(|number| format!("t{number}")).collect()
}
