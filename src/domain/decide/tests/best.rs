//! Best available, and seats left on their own.

use super::table::check_in;
use crate::domain::layout::{Definition, Places, Row, Section, Tier};

/// A section for each of these texts, in which rows are parted by `/`, each of seats, and perhaps
/// its tier, bays and companions' seats behind colons.
pub(super) fn house(definition: &mut Definition, sections: &[(&str, &str)]) {
    let row = |(number, text): (u32, &str)| {
        let mut parts = text.split(':').map(|part| part.trim().to_owned());
        let mut part = || parts.next().unwrap_or_default();
        let (seats, tier, bays, companions) = (part(), part(), part(), part());
        let tier = Some(tier).filter(|tier| !tier.is_empty());
        Row { name: number.to_string(), seats, tier, bays, companions }
    };
    let section = |(name, rows): &(&str, &str)| Section {
        name: (*name).into(),
        rank: 1,
        tiers: vec!["standard".into(), "vip".into()],
        places: Places::Rows((1..).zip(rows.split('/')).map(row).collect()),
    };
    definition.sections = sections.iter().map(section).collect();
}

#[test]
fn the_best_seats_are_in_the_middle_of_the_first_row() {
    // F25
    check_in(
        |it| house(it, &[("A", "7 5 3 1 2 4 6 8")]),
        "
        0:00     define           -> defined 1
        0:00     open             -> opened 2
        0:01  h1 b1 claim best*4  -> held h1 A/1/3@2000 A/1/1@2000 A/1/2@2000 A/1/4@2000
        0:02     b1 release h1    -> h1 released A/1/3 A/1/1 A/1/2 A/1/4
        0:03  h2 b2 claim best*2  -> held h2 A/1/1@2000 A/1/2@2000
        0:04  h3 b3 claim best*2  -> held h3 A/1/5@2000 A/1/3@2000
        0:05  h4 b4 claim best*2  -> held h4 A/1/4@2000 A/1/6@2000
        0:06     b5 claim best*2  -> refused no-run limit=2 count=2
        0:06     b5 claim best*3  -> refused not-enough limit=2 count=3
        0:07  h5 b5 claim best*2+ -> held h5 A/1/7@2000 A/1/8@2000
        ",
    );
}

#[test]
fn an_aisle_parts_neighbours() {
    // F25
    check_in(
        |it| house(it, &[("A", "7 5 3 1 | 2 4 6 8")]),
        "
        0:00     define             -> defined 1
        0:00     open               -> opened 2
        0:01  h1 b1 claim best*2    -> held h1 A/1/3@2000 A/1/1@2000
        0:02     b2 claim best*5:A  -> refused no-run A limit=6 count=5
        0:03  h2 b2 claim best*5:A+ -> held h2 A/1/5@2000 A/1/2@2000 A/1/4@2000 A/1/6@2000 A/1/8@2000
        ",
    );
}

#[test]
fn section_tier_and_price_bound_the_choice() {
    check_in(
        |it| house(it, &[("A", "1-5:vip / 1-5"), ("B", "1-5")]),
        "
        0:00     define                    -> defined 1
        0:00     open                      -> opened 2
        0:01  h1 b1 claim best*1           -> held h1 A/1/3@5000
        0:02  h2 b2 claim best*1<=2000     -> held h2 B/1/3@2000
        0:03  h3 b3 claim best*1:A<=2000   -> held h3 A/2/3@2000
        0:04  h4 b4 claim best*2:B         -> held h4 B/1/1@2000 B/1/2@2000
        0:05  h5 b5 claim best*2::vip      -> held h5 A/1/1@5000 A/1/2@5000
        0:06     b6 claim best*3:A:vip     -> refused not-enough A limit=2 count=3
        0:06     b6 claim best*1:B:vip     -> refused tier-mismatch B
        0:06     b6 claim best*1::balcony  -> refused tier-mismatch balcony
        0:06     b6 claim best*1:C         -> refused unknown-seat C
        0:06     b6 claim best*1<=1999     -> refused not-enough limit=0 count=1
        0:07     b6 claim best*2:A sum=1   -> refused price-changed limit=10000 count=1
        0:08  h8 b6 claim best*2:A sum=10000 -> held h8 A/1/4@5000 A/1/5@5000
        ",
    );
}

#[test]
fn a_bound_of_the_tier_is_told_before_what_is_lacking() {
    // F26
    check_in(
        |it| {
            house(it, &[("A", "1-2:vip")]);
            it.tiers[1].seats_per_buyer = Some(0);
        },
        "
        0:00  define                 -> defined 1
        0:00  open                   -> opened 2
        0:01  b1 claim best*2::vip   -> refused tier-limit limit=0 count=2
        0:01  b1 claim best*3::vip   -> refused tier-limit limit=0 count=3
        0:01  b1 claim best*3        -> refused not-enough limit=2 count=3
        ",
    );
}

#[test]
fn the_lines_of_a_claim_never_choose_the_same_seat() {
    // F6
    check_in(
        |it| house(it, &[("A", "1 2"), ("B", "1-3")]),
        "
        0:00     define                       -> defined 1
        0:00     open                         -> opened 2
        0:01     b1 claim A/1/1 best*2:A      -> refused not-enough A limit=1 count=2
        0:01     b1 claim best*2:A best*1:A   -> refused not-enough A limit=0 count=1
        0:01     b1 claim best*60 sum=1       -> refused request-limit limit=50 count=60
        0:02  h1 b1 claim A/1/1 best*1:A      -> held h1 A/1/1@2000 A/1/2@2000
        0:03     b2 claim A/1/1 best*2:B      -> refused seats-taken A/1/1 rival=h1
        0:03  h2 b2 claim best*1:B best*2:B   -> held h2 B/1/1@2000 B/1/2@2000 B/1/3@2000
        ",
    );
}

#[test]
fn a_party_is_kept_together_rather_than_a_pair_of_seats() {
    // F18
    check_in(
        |it| house(it, &[("A", "1-10 / 1-4")]),
        "
        0:00     define             -> defined 1
        0:00     open               -> opened 2
        0:01  h1 b1 claim best*9+   -> held h1 A/1/1@2000 A/1/2@2000 A/1/3@2000 A/1/4@2000 A/1/5@2000 A/1/6@2000 A/1/7@2000 A/1/8@2000 A/1/9@2000
        0:02  h2 b2 claim best*1    -> held h2 A/1/10@2000
        0:03  h3 b3 claim best*2    -> held h3 A/2/1@2000 A/2/2@2000
        ",
    );
    check_in(
        |it| house(it, &[("A", "1-10 / 1-4")]),
        "
        0:00     define             -> defined 1
        0:00     open               -> opened 2
        0:01     b1 claim best*11   -> refused no-run limit=14 count=11
        0:02  h1 b1 claim best*11+  -> held h1 A/1/1@2000 A/1/2@2000 A/1/3@2000 A/1/4@2000 A/1/5@2000 A/1/6@2000 A/1/7@2000 A/1/8@2000 A/1/9@2000 A/1/10@2000 A/2/1@2000
        ",
    );
}

#[test]
fn a_claim_by_name_leaves_no_seat_on_its_own_where_another_would_not() {
    // F9
    let no_single_seats = |it: &mut Definition| {
        house(it, &[("A", "1-6"), ("B", "1-3:standard")]);
        it.no_single_seats = true;
    };
    check_in(
        no_single_seats,
        "
        0:00     define                      -> defined 1
        0:00     open                        -> opened 2
        0:01     block A/1/5 A/1/6 for=house -> blocked 2 house A/1/5 A/1/6
        0:02  h1 b1 claim A/1/3              -> refused strands-seat A/1/4
        0:02  h2 b1 claim A/1/1 A/1/2        -> held h2 A/1/1@2000 A/1/2@2000
        0:03  h4 b2 claim A/1/3 A/1/4        -> held h4 A/1/3@2000 A/1/4@2000
        ",
    );
}

#[test]
fn the_rule_gives_way_where_there_is_no_other_choice() {
    // F10
    check_in(
        |it| {
            house(it, &[("A", "1-6 / 1")]);
            it.no_single_seats = true;
        },
        "
        0:00     define                      -> defined 1
        0:00     open                        -> opened 2
        0:01  h1 b1 claim A/1/1 A/1/2 A/1/3 A/1/4 -> held h1 A/1/1@2000 A/1/2@2000 A/1/3@2000 A/1/4@2000
        0:02     b2 claim A/1/5              -> refused strands-seat A/1/6
        0:03  h3 b2 claim A/1/5 staff        -> held h3 A/1/5@2000 staff
        0:04     b2 release h3               -> h3 released A/1/5
        0:05  h4 b2 claim best*1             -> held h4 A/2/1@2000
        0:06  h5 b3 claim A/1/5              -> held h5 A/1/5@2000
        0:07     b3 confirm h5 pay-5         -> booked h5 A/1/5@2000
        ",
    );
}

#[test]
fn a_section_without_another_choice_excuses_no_other() {
    check_in(
        |it| {
            house(it, &[("A", "1-6"), ("B", "1-2")]);
            it.no_single_seats = true;
        },
        "
        0:00     define                      -> defined 1
        0:00     open                        -> opened 2
        0:01     b1 claim A/1/2 B/1/1        -> refused strands-seat A/1/1
        0:02  h1 b1 claim A/1/1 B/1/1        -> held h1 A/1/1@2000 B/1/1@2000
        ",
    );
}

#[test]
fn seats_chosen_for_a_claim_are_gone_for_those_it_names() {
    check_in(
        |it| {
            house(it, &[("A", "1-4 / 1")]);
            it.no_single_seats = true;
        },
        "
        0:00     define                      -> defined 1
        0:00     open                        -> opened 2
        0:01     b1 claim A/1/3              -> refused strands-seat A/1/4
        0:02  h1 b1 claim A/1/3 best*1       -> held h1 A/1/3@2000 A/1/4@2000
        ",
    );
}

#[test]
fn healing_a_row_is_never_refused() {
    // F10
    check_in(
        |it| {
            house(it, &[("A", "1-5"), ("B", "1-9")]);
            it.no_single_seats = true;
        },
        "
        0:00     define                       -> defined 1
        0:00     open                         -> opened 2
        0:01  h1 b1 claim A/1/1 A/1/2 A/1/3   -> held h1 A/1/1@2000 A/1/2@2000 A/1/3@2000
        0:02  h2 b3 claim A/1/4 A/1/5         -> held h2 A/1/4@2000 A/1/5@2000
        0:03     b1 confirm h1 pay-1          -> booked h1 A/1/1@2000 A/1/2@2000 A/1/3@2000
        0:04     b1 cancel h1 A/1/3           -> cancelled h1 A/1/3@2000 left=2 refund=2000
        0:05  h4 b4 claim A/1/3               -> held h4 A/1/3@2000
        ",
    );
}

#[test]
fn lapsed_holds_are_as_good_as_free() {
    check_in(
        |it: &mut Definition| {
            house(it, &[("A", "1-4")]);
            it.tiers.push(Tier { name: "none".into(), price: 1, seats_per_buyer: None });
        },
        "
        0:00     define             -> defined 1
        0:00     open               -> opened 2
        0:01  h1 b1 claim best*3    -> held h1 A/1/1@2000 A/1/2@2000 A/1/3@2000
        10:02 h2 b2 claim best*4    -> derived h1 expired A/1/1 A/1/2 A/1/3; held h2 A/1/1@2000 A/1/2@2000 A/1/3@2000 A/1/4@2000
        ",
    );
}

#[test]
fn bays_and_their_companions_are_kept_for_those_who_ask() {
    // F17
    check_in(
        |it| house(it, &[("F", "1-4::2:3 / 1-2")]),
        "
        0:00     define                     -> defined 1
        0:00     open                       -> opened 2
        0:01  h1 b1 claim best*2            -> held h1 F/2/1@2000 F/2/2@2000
        0:02  h2 b2 claim F/1/1 F/1/4       -> held h2 F/1/1@2000 F/1/4@2000
        0:03     b3 claim best*1            -> refused not-enough limit=0 count=1
        0:03     b3 claim F/1/3             -> refused kept-back F/1/3
        0:03     b3 claim F/1/2 F/1/3       -> refused kept-back F/1/2 F/1/3
        0:04  h4 b4 claim best*2&1          -> held h4 F/1/2@2000 F/1/3@2000
        0:05     b4 confirm h4 pay-4        -> booked h4 F/1/2@2000 F/1/3@2000
        0:06     b5 claim best*1&1          -> refused not-enough limit=0 count=1
        0:06     b5 claim best*1&2          -> refused bad-request
        0:07     b4 cancel h4 F/1/3         -> cancelled h4 F/1/3@2000 left=1 refund=2000
        0:08     b5 claim F/1/3             -> refused kept-back F/1/3
        0:09  h9 b4 claim F/1/3 accessible  -> held h9 F/1/3@2000
        ",
    );
}

#[test]
fn a_companion_gets_the_seat_kept_for_one() {
    // F17
    check_in(
        |it| house(it, &[("F", "1-9::4:3")]),
        "
        0:00     define                     -> defined 1
        0:00     open                       -> opened 2
        0:01  h1 b1 claim best*2&1          -> held h1 F/1/3@2000 F/1/4@2000
        0:02     b1 release h1              -> h1 released F/1/3 F/1/4
        0:03  h2 b2 claim best*3&1          -> held h2 F/1/3@2000 F/1/4@2000 F/1/5@2000
        ",
    );
}

#[test]
fn more_companions_sit_next_to_each_other_or_are_refused() {
    // F17
    check_in(
        |it| house(it, &[("F", "1-4::2:3 / 1-2 / 1-2 | 3::3:")]),
        "
        0:00     define                -> defined 1
        0:00     open                  -> opened 2
        0:01     b1 claim best*5&1     -> refused no-run limit=2 count=1
        0:02  h1 b1 claim best*4&1     -> held h1 F/1/1@2000 F/1/2@2000 F/1/3@2000 F/1/4@2000
        0:03     b2 claim best*2&1     -> refused no-run limit=1 count=1
        0:04  h2 b2 claim best*2&1+    -> held h2 F/2/1@2000 F/3/3@2000
        0:05  h3 b3 claim F/3/1 staff  -> held h3 F/3/1@2000 staff
        ",
    );
}
