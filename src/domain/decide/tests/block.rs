//! Places kept from sale, and what returns there.

use super::table::{Sale, check, check_in, venue};
use crate::domain::layout::{Places, Row};
use crate::domain::limits::{LAPSED_ROWS_MAX, LAPSED_ROWS_OF_BLOCK_MAX};
use crate::domain::outcome::{Outcome, Role};

#[test]
fn a_house_seat_comes_back_to_its_block() {
    // F7
    check(
        "
        0:00      define                         -> defined 1
        0:00      block A/1/4 A/1/1 A/1/2 A/1/3 for=press -> blocked 1 press A/1/1 A/1/2 A/1/3 A/1/4
        0:00      open                           -> opened 2
        0:01      b1 claim A/1/5 A/1/2 A/1/1     -> refused blocked A/1/2 A/1/1 (press)
        0:02   h1 b1 claim A/1/1 staff           -> held h1 A/1/1@2000 staff
        0:03      b2 claim A/1/1                 -> refused seats-taken A/1/1 rival=h1
        0:03      b2 claim A/1/1 A/1/2           -> refused seats-taken A/1/1 rival=h1
        10:02.500 b2 claim A/1/1                 -> derived h1 expired A/1/1; refused blocked A/1/1 (press)
        10:03  h2 b2 claim A/1/1 A/1/5 staff     -> held h2 A/1/1@2000 A/1/5@2000 staff
        10:04     b2 release h2                  -> h2 released A/1/1 A/1/5
        10:05     b3 claim A/1/1                 -> refused blocked A/1/1 (press)
        10:06  h3 b3 claim A/1/5                 -> held h3 A/1/5@2000
        10:07  h4 b4 claim A/1/1 A/1/2 staff     -> held h4 A/1/1@2000 A/1/2@2000 staff
        10:08     b4 confirm h4 pay-4            -> booked h4 A/1/1@2000 A/1/2@2000
        10:09     b4 cancel h4 A/1/1             -> cancelled h4 A/1/1@2000 left=1 refund=2000 press:A/1/1
        10:10     b5 claim A/1/1                 -> refused blocked A/1/1 (press)
        10:11     unblock A/1/1                  -> unblocked 2 A/1/1
        10:12  h5 b5 claim A/1/1                 -> held h5 A/1/1@2000
        10:13     b4 cancel h4                   -> cancelled h4 A/1/2@2000 left=0 refund=2000 press:A/1/2
        10:14     b4 confirm h4 pay-4            -> refused hold-ended (cancelled)
        10:15     unblock A/1/2                  -> unblocked 2 A/1/2
        10:16     b4 confirm h4 pay-4            -> refused hold-ended (cancelled)
        10:17  h6 b6 claim A/1/2                 -> held h6 A/1/2@2000
        ",
    );
}

#[test]
fn a_place_unblocked_while_somebody_has_it_becomes_free() {
    check(
        "
        0:00      define                         -> defined 1
        0:00      block A/1 for=press            -> blocked 1 press A/1/1 A/1/2 A/1/3 A/1/4 A/1/5
        0:00      open                           -> opened 2
        0:01   h1 b1 claim A/1/1 A/1/2 A/1/3 staff -> held h1 A/1/1@2000 A/1/2@2000 A/1/3@2000 staff
        0:02   h2 b2 claim A/1/4 staff           -> held h2 A/1/4@2000 staff
        0:03      b2 confirm h2 pay-2            -> booked h2 A/1/4@2000
        0:04      unblock A/1/1 A/1/4 A/1/5      -> unblocked 2 A/1/1 A/1/4 A/1/5
        0:05      unblock A/1/4                  -> refused not-blocked A/1/4
        0:06      b2 cancel h2                   -> cancelled h2 A/1/4@2000 left=0 refund=2000
        0:07      b1 release h1                  -> h1 released A/1/1 A/1/2 A/1/3
        0:08      b3 claim A/1/1 A/1/2 A/1/3 A/1/4 A/1/5 -> refused blocked A/1/2 A/1/3 (press)
        0:09   h3 b3 claim A/1/1 A/1/4 A/1/5     -> held h3 A/1/1@2000 A/1/4@2000 A/1/5@2000
        ",
    );
}

#[test]
fn a_cancel_into_a_block_leaves_no_claim_in_between() {
    // F27
    check(
        "
        0:00      define                         -> defined 1
        0:00      open                           -> opened 2
        0:01   h1 b1 claim A/1/1 A/1/2           -> held h1 A/1/1@2000 A/1/2@2000
        0:01      b1 cancel h1 into=waiting-list -> refused nothing-booked
        0:02      b1 confirm h1 pay-1            -> booked h1 A/1/1@2000 A/1/2@2000
        0:03      b1 cancel h1 A/1/3 into=waiting-list -> refused not-in-booking A/1/3
        0:03      b1 cancel h1 into=             -> refused bad-request
        0:04      b1 cancel h1 A/1/1 into=waiting-list -> cancelled h1 A/1/1@2000 left=1 refund=2000 waiting-list:A/1/1
        0:05      b2 claim A/1/1                 -> refused blocked A/1/1 (waiting-list)
        0:06      b1 cancel h1 A/1/1 into=waiting-list -> refused not-in-booking A/1/1
        0:07   h7 b7 claim A/1/1 staff           -> held h7 A/1/1@2000 staff
        10:07.500 b2 claim A/1/1                 -> derived h7 expired A/1/1; refused blocked A/1/1 (waiting-list)
        10:08     close @2                       -> closed 3
        10:09     b1 cancel h1 into=waiting-list -> cancelled h1 A/1/2@2000 left=0 refund=2000 waiting-list:A/1/2
        10:10     b1 cancel h1 into=waiting-list -> refused hold-ended (cancelled)
        10:10     b1 confirm h1 pay-1            -> refused hold-ended (cancelled)
        10:11     unblock A/1/1 A/1/2            -> unblocked 3 A/1/1 A/1/2
        ",
    );
}

#[test]
fn a_cancel_takes_places_out_of_another_block_only_where_it_names_one() {
    check(
        "
        0:00      define                         -> defined 1
        0:00      block A/1/1 A/1/2 A/1/3 for=press -> blocked 1 press A/1/1 A/1/2 A/1/3
        0:00      open                           -> opened 2
        0:01   h1 b1 claim A/1/1 A/1/2 A/1/3 A/1/4 G*1 staff -> held h1 A/1/1@2000 A/1/2@2000 A/1/3@2000 A/1/4@2000 G/1@2000 staff
        0:02      b1 confirm h1 pay-1            -> booked h1 A/1/1@2000 A/1/2@2000 A/1/3@2000 A/1/4@2000 G/1@2000
        0:03      b1 cancel h1 A/1/1 A/1/4       -> cancelled h1 A/1/1@2000 A/1/4@2000 left=3 refund=4000 press:A/1/1
        0:04      b1 cancel h1 A/1/2 G/1 into=list -> cancelled h1 A/1/2@2000 G/1@2000 left=1 refund=4000 list:A/1/2 list:G/1
        0:05      b2 claim A/1/2                 -> refused blocked A/1/2 (list)
        0:06   h2 b2 claim A/1/4                 -> held h2 A/1/4@2000
        0:07      unblock A/1/3                  -> unblocked 2 A/1/3
        0:08      call-off                       -> called-off 3
        0:09      b1 cancel h1 into=list         -> cancelled h1 A/1/3@2000 left=0 refund=0 list:A/1/3
        ",
    );
}

#[test]
fn a_block_never_takes_what_somebody_has() {
    // F21
    check_in(
        |venue| venue.sections[1].places = Places::General(10),
        "
        0:00      define                         -> defined 1
        0:00      open                           -> opened 2
        0:01   h1 b1 claim A/1/1                 -> held h1 A/1/1@2000
        0:01   h2 b2 claim G*9                   -> held h2 G/1@2000 G/2@2000 G/3@2000 G/4@2000 G/5@2000 G/6@2000 G/7@2000 G/8@2000 G/9@2000
        0:02      block A/1/1 A/1/2 A/1/3 for=press -> refused seats-taken A/1/1 rival=h1
        0:03   h3 b3 claim A/1/2 A/1/3           -> held h3 A/1/2@2000 A/1/3@2000
        0:03      b3 release h3                  -> h3 released A/1/2 A/1/3
        0:04      b1 confirm h1 pay-1            -> booked h1 A/1/1@2000
        0:05      block A/1/1 for=press          -> refused seats-taken A/1/1 rival=h1
        0:06      block A/1/2 A/1/3 for=press    -> blocked 2 press A/1/2 A/1/3
        0:07      block A/1/2 for=house          -> refused blocked A/1/2 (press)
        0:07      block A/1/1 A/1/2 for=house    -> refused seats-taken A/1/1 rival=h1
        0:07      block A/1/4 A/1/3 A/1/2 for=x  -> refused blocked A/1/2 A/1/3 (press)
        0:08      unblock A/1/2 A/1/1            -> refused not-blocked A/1/1
        0:09      unblock A/1/2                  -> unblocked 2 A/1/2
        0:10      block G=3 for=crew             -> refused not-enough G limit=1 count=3
        0:11      block G=1 for=crew             -> blocked 2 crew G/10
        0:12      b4 claim G*1                   -> refused not-enough G limit=0 count=1
        0:12      b4 claim G*1 staff             -> refused not-enough G limit=0 count=1
        0:13      unblock G=1                    -> unblocked 2 G/10
        0:14      unblock G=1                    -> refused not-enough G limit=0 count=1
        0:15      block G for=crew               -> refused seats-taken G/1 G/2 G/3 G/4 G/5 G/6 G/7 G/8 G/9 rival=h2
        0:16   h4 b4 claim G*1                   -> held h4 G/10@2000
        ",
    );
}

#[test]
fn a_block_means_each_place_once() {
    check(
        "
        0:00      define                         -> defined 1
        0:00      block A/1/2 A/1 A/1/2 for=a    -> blocked 1 a A/1/1 A/1/2 A/1/3 A/1/4 A/1/5
        0:00      block G/1 G=1 G=1 for=b        -> blocked 1 b G/1 G/2 G/3
        0:01      block G/2 G=1 for=c            -> refused blocked G/2 (b)
        0:01      block G/4 G=1 for=c            -> refused not-enough G limit=0 count=1
        0:01      block G=2 for=c                -> refused not-enough G limit=1 count=2
        0:02      unblock G/1 G=2                -> unblocked 1 G/1 G/2 G/3
        0:03      unblock G/1 G=1                -> refused not-enough G limit=0 count=1
        0:04      block G for=d                  -> blocked 1 d G/1 G/2 G/3 G/4
        0:05      unblock G=1                    -> unblocked 1 G/1
        0:06      unblock G/1 A/2 A/1            -> refused not-blocked A/2/1 A/2/2 A/2/3 A/2/4 A/2/5 G/1
        0:07      unblock A/1 G=3                -> unblocked 1 A/1/1 A/1/2 A/1/3 A/1/4 A/1/5 G/2 G/3 G/4
        0:08      block A G for=all              -> blocked 1 all A/1/1 A/1/2 A/1/3 A/1/4 A/1/5 A/2/1 A/2/2 A/2/3 A/2/4 A/2/5 G/1 G/2 G/3 G/4
        ",
    );
}

#[test]
fn what_a_block_cannot_mean_is_refused() {
    check_in(
        |venue| venue.sections[1].places = Places::General(2_000),
        "
        0:00      block A/1/1 for=press          -> refused unknown-event
        0:00      define                         -> defined 1
        0:00      block for=press                -> refused bad-request
        0:00      block A/1/1                    -> refused bad-request
        0:00      block G=0 for=press            -> refused bad-request
        0:00      block A=2 for=press            -> refused bad-request
        0:00      unblock A=2                    -> refused bad-request
        0:00      unblock                        -> refused bad-request
        0:00      block Z=1 A/1/1 Q A/9 A/1/9 G/0 G/2001 G/01 for=press -> refused unknown-seat Z Q A/9 A/1/9 G/0 G/2001 G/01
        0:00      unblock Z=1 A/9                -> refused unknown-seat Z A/9
        0:00      block G for=press              -> refused request-limit limit=1000 count=2000
        0:00      block G=4000000000 G for=press -> refused request-limit limit=1000 count=4000002000
        0:00      block A/1 G=996 for=press      -> refused request-limit limit=1000 count=1001
        0:00      unblock A/1 G=996              -> refused request-limit limit=1000 count=1001
        ",
    );
}

#[test]
fn lapsed_holds_are_not_in_the_way_of_a_block() {
    check(
        "
        0:00      define                         -> defined 1
        0:00      open                           -> opened 2
        0:01   h1 b1 claim A/1/1 A/1/2           -> held h1 A/1/1@2000 A/1/2@2000
        0:02   h2 b2 claim G*4                   -> held h2 G/1@2000 G/2@2000 G/3@2000 G/4@2000
        11:00     block A/1/1 G=1 for=press      -> derived h1 expired A/1/1 A/1/2; derived h2 expired G/1 G/2 G/3 G/4; blocked 2 press A/1/1 G/1
        11:01     b1 confirm h1 pay-1            -> refused hold-ended
        11:02  h3 b1 claim A/1/2                 -> held h3 A/1/2@2000
        11:03     b1 confirm h1 pay-1            -> refused hold-ended
        11:04     unblock A/1/1                  -> unblocked 2 A/1/1
        11:05     b1 confirm h1 pay-1            -> refused hold-ended
        11:06  h4 b1 claim A/1/1                 -> held h4 A/1/1@2000
        11:07     b1 confirm h1 pay-1            -> refused unknown-hold
        ",
    );
}

/// Rows of A. Each is a hold together with a place of G: more than one decision and one block end.
const HOLDS: usize = (LAPSED_ROWS_MAX + LAPSED_ROWS_OF_BLOCK_MAX) / 50 + 2;

#[test]
fn a_block_ends_lapsed_holds_up_to_a_bound() {
    let mut definition = venue();
    let row = |n: usize| Row {
        name: n.to_string(),
        seats: "1-49".into(),
        tier: None,
        bays: String::new(),
        companions: String::new(),
    };
    definition.sections[0].places = Places::Rows((1..=HOLDS).map(row).collect());
    definition.sections[1].places = Places::General(HOLDS.try_into().expect("small"));
    let mut sale = Sale::new(definition);
    sale.ask("0:00 define");
    sale.ask("0:00 open");
    for n in 1..=HOLDS {
        let seats: String = (1..=49).map(|seat| format!(" A/{n}/{seat}")).collect();
        sale.ask(&format!("{}:{:02} h{n} b{n} claim{seats} G*1", n / 60, n % 60));
    }
    let ends = |places: &str| {
        let mut sale = sale.clone();
        [(); 2].map(|()| {
            let decision = sale.ask(&format!("30:00 block{places} for=press"));
            let derived = |o: &&Outcome| o.header.role == Role::Derived;
            let ended = decision.outcomes.iter().filter(derived).count();
            (ended, sale.tell(decision.outcomes.last().expect("an answer")))
        })
    };
    let firsts: String = (1..=HOLDS).map(|n| format!(" A/{n}/1")).collect();
    let taken = format!("refused seats-taken A/{}/1 A/{HOLDS}/1 rival=h{}", HOLDS - 1, HOLDS - 1);
    assert_eq!(ends(&firsts), [(HOLDS - 2, taken), (2, format!("blocked 2 press{firsts}"))]);
    let lacking = format!("refused not-enough G limit={} count={HOLDS}", HOLDS - 2);
    let all: String = (1..=HOLDS).map(|n| format!(" G/{n}")).collect();
    let counted = format!(" G={HOLDS}");
    assert_eq!(ends(&counted), [(HOLDS - 2, lacking), (2, format!("blocked 2 press{all}"))]);
}

#[test]
fn staff_may_let_somebody_have_a_blocked_seat_and_nothing_else() {
    check_in(
        |venue| venue.limits.seats_per_buyer = Some(1),
        "
        0:00      define                         -> defined 1
        0:00      block A/1/1 A/1/2 G=2 for=vips -> blocked 1 vips A/1/1 A/1/2 G/1 G/2
        0:00      b1 claim A/1/1 staff           -> refused sale-not-open
        0:00      open                           -> opened 2
        0:01   h1 b1 claim A/1/1 A/1/2 staff     -> held h1 A/1/1@2000 A/1/2@2000 staff
        0:02      b1 claim A/1/3                 -> refused buyer-limit limit=1 count=3
        0:03   h2 b2 claim G*1                   -> held h2 G/3@2000
        0:04      b3 claim G*2 staff             -> refused not-enough G limit=1 count=2
        0:05      b3 claim A/1/1 staff           -> refused seats-taken A/1/1 rival=h1
        ",
    );
}
