//! The rules of a sale, as tables. The numbers of public failure reports are named where one is
//! told.

mod amend;
mod best;
mod block;
mod booking;
mod codes;
mod exchange;
mod fill;
mod lapse;
mod operation;
mod pairs;
mod table;

use crate::domain::layout::Places;
use table::{check, check_in};

#[test]
fn what_ended_a_hold_never_touches_the_next_holder() {
    // F2
    check(
        "
        0:00     define                  -> defined 1
        0:00     open                    -> opened 2
        0:00  h1 b1 claim A/1/1          -> held h1 A/1/1@2000
        11:00 h2 b2 claim A/1/1          -> derived h1 expired A/1/1; held h2 A/1/1@2000
        11:01    expire                  -> refused nothing-due limit=21:00
        11:02    b1 release h1           -> refused unknown-hold
        11:03    b1 confirm h1 pay-1     -> refused unknown-hold
        11:04    b1 release h2           -> refused not-holder
        11:05    b1 confirm h2 pay-1     -> refused not-holder
        12:00    b2 confirm h2 pay-2     -> booked h2 A/1/1@2000
        22:00    expire                  -> refused nothing-due
        22:00    b2 release h2           -> refused hold-ended
        22:01    b3 claim A/1/1          -> refused seats-taken A/1/1 rival=h2
        ",
    );
}

#[test]
fn free_places_remember_who_left_them_and_why() {
    check(
        "
        0:00     define                  -> defined 1
        0:00     open                    -> opened 2
        0:00  h1 b1 claim A/1/1 A/1/2    -> held h1 A/1/1@2000 A/1/2@2000
        0:00  h2 b2 claim A/1/3          -> held h2 A/1/3@2000
        0:01     b2 release h2           -> h2 released A/1/3
        0:02     b2 release h2           -> refused hold-ended
        0:02     b2 confirm h2 pay-2     -> refused hold-ended
        0:02     b1 release h2           -> refused not-holder
        10:01    expire                  -> h1 expired A/1/1 A/1/2
        10:02    b1 confirm h1 pay-1     -> refused hold-ended
        10:03 h3 b3 claim A/1/1          -> held h3 A/1/1@2000
        10:04    b1 confirm h1 pay-1     -> refused hold-ended
        10:05 h4 b3 claim A/1/2          -> held h4 A/1/2@2000
        10:06    b1 confirm h1 pay-1     -> refused unknown-hold
        ",
    );
}

#[test]
fn a_hold_lives_until_its_deadline_and_the_grace() {
    check(
        "
        0:00       define                -> defined 1
        0:00       open                  -> opened 2
        0:00    h1 b1 claim A/1/1        -> held h1 A/1/1@2000
        0:00    h2 b2 claim A/1/2        -> held h2 A/1/2@2000
        10:00.499  expire                -> refused nothing-due limit=10:00
        10:00.499  b3 claim A/1/1        -> refused seats-taken A/1/1 rival=h1
        10:00.499  b1 confirm h1 pay-1   -> booked h1 A/1/1@2000
        10:00.500  b2 confirm h2 pay-2   -> derived h2 expired A/1/2; refused hold-ended
        ",
    );
}

#[test]
fn the_time_of_an_event_never_goes_back() {
    check(
        "
        0:00     define                  -> defined 1
        0:00     open                    -> opened 2
        0:30  h1 b1 claim A/1/1          -> held h1 A/1/1@2000
        0:10  h2 b2 claim A/1/2          -> held h2 A/1/2@2000
        0:20     expire                  -> refused nothing-due limit=10:30
        10:31    expire                  -> h2 expired A/1/2; derived h1 expired A/1/1
        0:00  h3 b3 claim A/1/1          -> held h3 A/1/1@2000
        0:00     expire                  -> refused nothing-due limit=20:31
        ",
    );
}

#[test]
fn a_closed_sale_honours_what_it_promised() {
    // F5
    check(
        "
        0:00     define                  -> defined 1
        0:00     b1 claim A/1/1          -> refused sale-not-open
        0:00     open                    -> opened 2
        0:01  h1 b1 claim A/1/1          -> held h1 A/1/1@2000
        0:01  h2 b2 claim A/1/2          -> held h2 A/1/2@2000
        0:02     close                   -> closed 3
        0:03     b3 claim A/1/3          -> refused sale-closed
        0:03     b3 claim A/1/1          -> refused sale-closed
        0:04     b2 release h2           -> h2 released A/1/2
        9:00     b1 confirm h1 pay-1     -> booked h1 A/1/1@2000
        9:01     open                    -> opened 4
        9:02  h3 b3 claim A/1/2          -> held h3 A/1/2@2000
        9:03     close                   -> closed 5
        19:10    expire                  -> h3 expired A/1/2
        ",
    );
}

#[test]
fn the_lines_of_a_claim_are_judged_together() {
    // F6
    check(
        "
        0:00     define                              -> defined 1
        0:00     open                                -> opened 2
        0:01     b1 claim G*3 G*3:vip                -> refused not-enough G limit=4 count=6
        0:01     b1 claim G*1 G*1 G*1 G*1 G*1        -> refused not-enough G limit=4 count=5
        0:01     b1 claim A/1/1 A/1/2 G*5            -> refused not-enough G limit=4 count=5
        0:02  h1 b1 claim G*2 G*2:vip A/1/1          -> held h1 A/1/1@2000 G/1@2000 G/2@2000 G/3@5000 G/4@5000
        0:03     b2 claim G*1                        -> refused not-enough G limit=0 count=1
        0:03     b2 claim A/1/2 A/1/1 G*1            -> refused seats-taken A/1/1 rival=h1
        0:04  h2 b2 claim A/1/2                      -> held h2 A/1/2@2000
        0:05     b3 claim A/1/1 A/1/3 A/1/2          -> refused seats-taken A/1/1 A/1/2 rival=h1
        0:06     b1 release h1                       -> h1 released A/1/1 G/1 G/2 G/3 G/4
        0:07  h3 b3 claim G*1:vip G*2                -> held h3 G/1@5000 G/2@2000 G/3@2000
        ",
    );
}

#[test]
fn a_hold_keeps_its_price_and_an_answer_can_be_asked_again() {
    // F12
    check(
        "
        0:00     define                  -> defined 1
        0:00     open                    -> opened 2
        0:01     b1 claim G*4 sum=1      -> refused price-changed limit=8000 count=1
        0:01  h1 b1 claim G*4 sum=8000   -> held h1 G/1@2000 G/2@2000 G/3@2000 G/4@2000
        0:02  h1 b1 claim G*4 sum=8000   -> repeat held h1 G/1@2000 G/2@2000 G/3@2000 G/4@2000
        0:03     b1 confirm h1 pay-1     -> booked h1 G/1@2000 G/2@2000 G/3@2000 G/4@2000
        0:04     b1 confirm h1 pay-1     -> repeat booked h1 G/1@2000 G/2@2000 G/3@2000 G/4@2000
        0:05     b1 confirm h1 pay-2     -> refused hold-ended
        0:06  h1 b1 claim G*4 sum=8000   -> repeat booked h1 G/1@2000 G/2@2000 G/3@2000 G/4@2000
        0:07  h2 b2 claim A/1/1          -> held h2 A/1/1@2000
        0:08     b2 confirm h2 pay-1     -> refused reference-used rival=h1
        0:09     b2 confirm h2 pay-2     -> booked h2 A/1/1@2000
        ",
    );
}

#[test]
fn limits_count_what_the_buyer_holds_and_has_booked() {
    // F13
    check_in(
        |venue| {
            venue.limits.seats_per_buyer = Some(4);
            venue.tiers[1].seats_per_buyer = Some(1);
        },
        "
        0:00     define                  -> defined 1
        0:00     open                    -> opened 2
        0:01  h1 b1 claim A/1/1 A/1/2    -> held h1 A/1/1@2000 A/1/2@2000
        0:02     b1 confirm h1 pay-1     -> booked h1 A/1/1@2000 A/1/2@2000
        0:03  h2 b1 claim G*1:vip G*1    -> held h2 G/1@5000 G/2@2000
        0:04     b1 claim A/1/3          -> refused buyer-limit limit=4 count=5
        11:00 h3 b1 claim A/2/1          -> derived h2 expired G/1 G/2; held h3 A/2/1@5000
        11:01    b1 claim G*1:vip        -> refused tier-limit limit=1 count=2
        11:02 h4 b1 claim A/1/3          -> held h4 A/1/3@2000
        11:03    b1 claim A/1/4          -> refused buyer-limit limit=4 count=5
        11:04 h5 b1 claim A/1/4 G*1 staff -> held h5 A/1/4@2000 G/1@2000 staff
        11:05    b1 claim A/1/5          -> refused buyer-limit limit=4 count=7
        11:06    b1 release h4           -> h4 released A/1/3
        11:07    b1 claim A/1/5          -> refused buyer-limit limit=4 count=6
        11:08    b1 confirm h5 pay-5     -> booked h5 A/1/4@2000 G/1@2000
        11:09 h6 b2 claim A/1/5          -> held h6 A/1/5@2000
        ",
    );
    check_in(
        |venue| venue.limits.live_holds_per_buyer = Some(1),
        "
        0:00     define                  -> defined 1
        0:00     open                    -> opened 2
        0:01  h1 b1 claim A/1/1          -> held h1 A/1/1@2000
        0:02     b1 claim A/1/2          -> refused live-holds limit=1 count=2
        0:03     b1 confirm h1 pay-1     -> booked h1 A/1/1@2000
        0:04  h2 b1 claim A/1/2          -> held h2 A/1/2@2000
        11:00 h3 b1 claim A/1/3          -> derived h2 expired A/1/2; held h3 A/1/3@2000
        ",
    );
}

#[test]
fn of_several_bounds_the_smallest_wins_and_zero_is_a_bound() {
    // F26
    check_in(
        |venue| {
            venue.tiers[1].seats_per_buyer = Some(2);
            venue.sections[1].places = Places::General(5);
        },
        "
        0:00     define                  -> defined 1
        0:00     open                    -> opened 2
        0:01  h1 b1 claim G*3 G*1:vip    -> held h1 G/1@2000 G/2@2000 G/3@2000 G/4@5000
        0:02     b2 claim G*1 G*1:vip    -> refused not-enough G limit=1 count=2
        0:03  h2 b2 claim G*1            -> held h2 G/5@2000
        0:04     b1 claim G*1:vip        -> refused not-enough G limit=0 count=1
        0:04     b1 claim G*2:vip        -> refused tier-limit limit=2 count=3
        0:05     b1 claim G*0            -> refused bad-request
        0:06     b2 release h2           -> h2 released G/5
        0:07  h3 b1 claim G*1:vip        -> held h3 G/5@5000
        ",
    );
    check_in(
        |venue| {
            venue.limits.seats_per_buyer = Some(1);
            venue.tiers[1].seats_per_buyer = Some(0);
        },
        "
        0:00     define                  -> defined 1
        0:00     open                    -> opened 2
        0:01     b1 claim A/2/1          -> refused tier-limit limit=0 count=1
        0:02  h1 b1 claim A/1/1          -> held h1 A/1/1@2000
        0:03     b1 confirm h1 pay-1     -> booked h1 A/1/1@2000
        0:04     b1 claim A/1/2          -> refused buyer-limit limit=1 count=2
        ",
    );
}

#[test]
fn what_does_not_fit_the_venue_holds_nothing() {
    // F30
    check(
        "
        0:00     define                   -> defined 1
        0:00     open                     -> opened 2
        0:01     b1 claim A/2/1:standard  -> refused tier-mismatch A/2/1
        0:01     b1 claim A/1/1 G*1:child -> refused tier-mismatch G
        0:01     b1 claim Z/1/9           -> refused unknown-seat Z/1/9
        0:01     b1 claim A/1/1 A/1/1     -> refused bad-request
        0:01     b1 claim A/1/1 Q/1/7 A/9/1 A/1/9 Q*1 -> refused unknown-seat Q/1/7 A/9/1 A/1/9 Q
        0:01     b1 claim G/1             -> refused bad-request
        0:01     b1 claim A*2             -> refused bad-request
        0:01     b1 claim A/1/1 sum=1     -> refused price-changed limit=2000 count=1
        0:01     b1 claim                 -> refused bad-request
        0:02  h1 b1 claim A/2/1:vip A/1/1 -> held h1 A/1/1@2000 A/2/1@5000
        ",
    );
}

#[test]
fn of_all_reasons_the_lowest_code_is_told() {
    check_in(
        |venue| {
            venue.limits.seats_per_request = Some(2);
            venue.limits.seats_per_buyer = Some(2);
            venue.limits.live_holds_per_buyer = Some(1);
            venue.tiers[1].seats_per_buyer = Some(0);
        },
        "
        0:00     b1 claim A/1/1 A/1/1             -> refused bad-request
        0:00     b1 claim A/1/1 old               -> refused unknown-event
        0:00     define                           -> defined 1
        0:01     define old                       -> refused already-defined
        0:02     open @9 old waited=30001         -> refused id-out-of-window
        0:02     open @9 waited=30001             -> refused stale limit=30000 count=30001
        0:02     open @9                          -> refused wrong-edition limit=1 count=9
        0:03     b1 claim Z/1/1 G/1 old           -> refused bad-request
        0:03     b1 claim Z/1/1 waited=30001 old  -> refused id-out-of-window
        0:03     b1 claim Z/1/1 waited=30001      -> refused stale limit=30000 count=30001
        0:03     b1 claim Z/1/1 waited=30000      -> refused sale-not-open
        0:04     open                             -> opened 2
        0:05  h1 b2 claim A/1/1                   -> held h1 A/1/1@2000
        0:06  h2 b1 claim A/1/5                   -> held h2 A/1/5@2000
        0:07  h3 b3 claim G*4 staff               -> held h3 G/1@2000 G/2@2000 G/3@2000 G/4@2000 staff
        0:08     b1 claim Z/1/1 A/1/1:vip sum=1   -> refused unknown-seat Z/1/1
        0:08     b1 claim A/1/1:vip A/2/1 sum=1   -> refused tier-mismatch A/1/1
        0:08     b1 claim A/1/1:vip G*51          -> refused tier-mismatch A/1/1
        0:08     b1 claim A/1/1 A/2/1 G*1 sum=1   -> refused price-changed limit=9000 count=1
        0:08     b3 claim G*51 staff              -> refused request-limit limit=50 count=51
        0:08     b1 claim A/1/1 A/2/1 G*1         -> refused request-limit limit=2 count=3
        0:08     b1 claim A/1/1 A/2/1             -> refused buyer-limit limit=2 count=3
        0:08     b4 claim A/1/1 A/2/1             -> refused tier-limit limit=0 count=1
        0:08     b1 claim A/1/1                   -> refused live-holds limit=1 count=2
        0:08     b4 claim A/1/1 G*1               -> refused seats-taken A/1/1 rival=h1
        0:08     b4 claim A/1/2 G*1               -> refused not-enough G limit=0 count=1
        0:09     close                            -> closed 3
        0:10     b1 claim Z/1/1                   -> refused sale-closed
        ",
    );
}

#[test]
fn an_id_answers_for_one_record() {
    check(
        "
        0:00     define                  -> defined 1
        0:00  r1 b1 claim A/1/1          -> refused sale-not-open
        0:00     open                    -> opened 2
        0:01  r1 b1 claim A/1/1          -> refused repeated first=r1
        0:01  r1 b2 claim A/1/1          -> refused request-conflict first=r1
        0:02  h1 b1 claim A/1/1          -> held h1 A/1/1@2000
        0:03  h1 b1 claim A/1/1          -> repeat held h1 A/1/1@2000
        0:03  h1 b2 claim A/1/2          -> refused request-conflict first=h1
        0:04     b1 release h1           -> h1 released A/1/1
        0:05  h1 b1 claim A/1/1          -> refused repeated first=h1
        ",
    );
}

#[test]
fn a_forgotten_id_is_not_told_whose_hold_it_names() {
    check(
        "
        0:00     define                     -> defined 1
        0:00     open                       -> opened 2
        0:02  h1 b1 claim A/1/1             -> held h1 A/1/1@2000
        0:03  h1 b2 claim A/1/2 forgotten   -> refused request-conflict first=h1
        0:03  h1 b1 claim A/1/1 forgotten   -> refused request-conflict first=h1
        0:03  h1 close forgotten            -> refused request-conflict first=h1
        0:04     b1 confirm h1 pay-1        -> booked h1 A/1/1@2000
        0:05  h1 b2 claim A/1/2 forgotten   -> refused request-conflict first=h1
        0:06  h2 b1 claim A/1/3             -> held h2 A/1/3@2000
        0:07     b1 release h2              -> h2 released A/1/3
        0:08  h2 b2 claim A/1/2 forgotten   -> refused request-conflict first=h2
        0:09  h3 b2 claim A/1/3             -> held h3 A/1/3@2000
        ",
    );
}
