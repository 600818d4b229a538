//! Extensions, cancels and refunds.

use super::table::{check, check_in};
use crate::domain::layout::Places;
use crate::domain::time::Millis;

#[test]
fn a_hold_is_extended_up_to_its_cap_and_never_shortened() {
    check_in(
        |venue| venue.extend_max = Millis(300_000),
        "
        0:00      define                   -> defined 1
        0:00      open                     -> opened 2
        1:00   h1 b1 claim A/1/1 A/1/2     -> held h1 A/1/1@2000 A/1/2@2000
        1:00   h2 b2 claim A/1/3           -> held h2 A/1/3@2000
        2:00      b1 extend h1 10:59       -> repeat held h1 A/1/1@2000 A/1/2@2000
        2:00      b1 extend h1 11:00       -> repeat held h1 A/1/1@2000 A/1/2@2000
        3:00      b1 extend h1 14:00       -> extended h1 14:00 A/1/1@2000 A/1/2@2000
        4:00      b1 extend h1 13:00       -> repeat held h1 A/1/1@2000 A/1/2@2000
        4:00      b1 extend h1 16:00.001   -> refused extension-cap limit=16:00 count=16:00.001
        11:01     expire                   -> h2 expired A/1/3
        14:00.499 expire                   -> refused nothing-due limit=14:00
        14:00.499 b1 extend h1 16:00       -> extended h1 16:00 A/1/1@2000 A/1/2@2000
        16:00.499 b1 confirm h1 pay-1      -> booked h1 A/1/1@2000 A/1/2@2000
        16:00.499 b1 extend h1 15:00       -> refused hold-ended
        ",
    );
}

#[test]
fn an_extended_hold_ends_at_its_new_deadline() {
    check_in(
        |venue| venue.extend_max = Millis(300_000),
        "
        0:00      define                   -> defined 1
        0:00      open                     -> opened 2
        1:00   h1 b1 claim A/1/1           -> held h1 A/1/1@2000
        1:01   h2 b2 claim A/1/2           -> held h2 A/1/2@2000
        3:00      b1 extend h1 12:00       -> extended h1 12:00 A/1/1@2000
        11:30  h3 b3 claim A/1/2           -> derived h2 expired A/1/2; held h3 A/1/2@2000
        11:30     b3 claim A/1/1           -> refused seats-taken A/1/1 rival=h1
        12:00.500 b1 extend h1 13:00       -> derived h1 expired A/1/1; refused hold-ended
        12:01  h4 b3 claim A/1/1           -> held h4 A/1/1@2000
        ",
    );
}

#[test]
fn without_an_allowance_a_hold_is_not_extended() {
    check(
        "
        0:00      define                   -> defined 1
        0:00      open                     -> opened 2
        1:00   h1 b1 claim A/1/1           -> held h1 A/1/1@2000
        2:00      b1 extend h1 11:00.001   -> refused extension-cap limit=11:00 count=11:00.001
        2:00      b1 extend h1 11:00       -> repeat held h1 A/1/1@2000
        ",
    );
}

#[test]
fn of_all_reasons_against_an_extension_the_lowest_code_is_told() {
    check_in(
        |venue| venue.extend_max = Millis(300_000),
        "
        0:00      b1 extend h1 9:00               -> refused unknown-event
        0:00      define                          -> defined 1
        0:00      open                            -> opened 2
        1:00   h1 b1 claim A/1/1                  -> held h1 A/1/1@2000
        1:00   h2 b1 claim A/1/2                  -> held h2 A/1/2@2000
        1:00   h3 b1 claim A/1/3                  -> held h3 A/1/3@2000
        1:01      b1 confirm h2 pay-2             -> booked h2 A/1/2@2000
        1:01      b1 release h3                   -> h3 released A/1/3
        2:00      b2 extend h1 99:00 old waited=30001 -> refused id-out-of-window
        2:00      b2 extend h1 99:00 waited=30001 -> refused stale limit=30000 count=30001
        2:00      b2 extend h1 99:00              -> refused extension-cap limit=16:00 count=99:00
        2:00      b2 extend h1 12:00              -> refused not-holder
        2:00      b1 extend h2 99:00              -> refused extension-cap limit=16:00 count=99:00
        2:00      b1 extend h2 12:00              -> refused hold-ended
        2:00      b2 extend h3 99:00              -> refused not-holder
        2:00      b1 extend h3 99:00              -> refused hold-ended
        2:00      b1 extend h9 99:00              -> refused unknown-hold
        2:01      close                           -> closed 3
        2:02      b2 extend h9 99:00              -> refused sale-closed
        2:02      b1 extend h1 9:00               -> refused sale-closed
        ",
    );
}

#[test]
fn an_extension_asked_again_is_told_where_its_hold_stands() {
    check_in(
        |venue| venue.extend_max = Millis(300_000),
        "
        0:00      define                   -> defined 1
        0:00      open                     -> opened 2
        1:00   h1 b1 claim A/1/1           -> held h1 A/1/1@2000
        2:00   r1 b1 extend h1 12:00       -> extended h1 12:00 A/1/1@2000
        2:01   r1 b1 extend h1 12:00       -> repeat held h1 A/1/1@2000
        2:02   r2 b1 extend h1 14:00       -> extended h1 14:00 A/1/1@2000
        2:03   r1 b1 extend h1 12:00       -> repeat held h1 A/1/1@2000
        2:04   r3 b1 extend h1 17:00       -> refused extension-cap limit=16:00 count=17:00
        2:05   r3 b1 extend h1 17:00       -> refused repeated first=r3
        2:06   r4 b2 extend h1 12:00       -> refused not-holder
        2:07   r4 b2 extend h1 12:00       -> refused repeated first=r4
        2:08      close                    -> closed 3
        2:09   r1 b1 extend h1 12:00       -> repeat held h1 A/1/1@2000
        2:10      b1 confirm h1 pay-1      -> booked h1 A/1/1@2000
        2:11   r2 b1 extend h1 14:00       -> repeat booked h1 A/1/1@2000
        ",
    );
}

#[test]
fn a_booking_is_cancelled_in_parts_and_each_place_is_refunded_once() {
    check(
        "
        0:00      define                          -> defined 1
        0:00      open                            -> opened 2
        0:01   h1 b1 claim A/1/1 A/2/1 G*2:vip    -> held h1 A/1/1@2000 A/2/1@5000 G/1@5000 G/2@5000
        0:02      b1 confirm h1 pay-1             -> booked h1 A/1/1@2000 A/2/1@5000 G/1@5000 G/2@5000
        0:03      b1 cancel h1 G/2 A/1/1          -> cancelled h1 A/1/1@2000 G/2@5000 left=2 refund=7000
        0:04      b1 cancel h1 G/2 A/1/1          -> refused not-in-booking G/2 A/1/1
        0:04      b1 cancel h1 A/2/1 A/1/1 Z/9 G A/2 -> refused not-in-booking A/1/1 Z/9 G A/2
        0:05      b1 confirm h1 pay-1             -> repeat booked h1 A/2/1@5000 G/1@5000
        0:05   h1 b1 claim A/1/1 A/2/1 G*2:vip    -> repeat booked h1 A/2/1@5000 G/1@5000
        0:06   h2 b2 claim A/1/1                  -> held h2 A/1/1@2000
        0:07      b2 confirm h2 pay-1             -> refused reference-used rival=h1
        0:08      b1 cancel h1                    -> cancelled h1 A/2/1@5000 G/1@5000 left=0 refund=10000
        0:09      b1 cancel h1                    -> refused hold-ended (cancelled)
        0:09      b1 cancel h1 A/2/1              -> refused hold-ended (cancelled)
        0:10      b1 confirm h1 pay-1             -> refused hold-ended (cancelled)
        0:10      b1 confirm h1 pay-9             -> refused hold-ended
        0:10      b1 release h1                   -> refused hold-ended (cancelled)
        0:11      b1 confirm h1 pay-1             -> refused hold-ended (cancelled)
        0:12      b2 confirm h2 pay-1             -> refused reference-used rival=h1
        0:13   h3 b3 claim A/2/1 G*1              -> held h3 A/2/1@5000 G/1@2000
        0:14      b2 confirm h2 pay-1             -> refused reference-used rival=h1
        0:15   h4 b4 claim G*1                    -> held h4 G/2@2000
        0:16      b1 confirm h1 pay-1             -> refused unknown-hold
        0:16      b1 cancel h1                    -> refused unknown-hold
        0:17      b2 confirm h2 pay-1             -> booked h2 A/1/1@2000
        ",
    );
}

#[test]
fn a_section_of_one_place_is_no_name_of_that_place() {
    check_in(
        |venue| venue.sections[1].places = Places::General(1),
        "
        0:00      define                   -> defined 1
        0:00      open                     -> opened 2
        0:01   h1 b1 claim G*1             -> held h1 G/1@2000
        0:02      b1 confirm h1 pay-1      -> booked h1 G/1@2000
        0:03      b1 cancel h1 G           -> refused not-in-booking G
        0:04      b1 cancel h1 G/1         -> cancelled h1 G/1@2000 left=0 refund=2000
        ",
    );
}

#[test]
fn a_booking_that_lost_its_cancelled_places_to_others_is_still_a_booking() {
    check(
        "
        0:00      define                   -> defined 1
        0:00      open                     -> opened 2
        0:01   h1 b1 claim A/1/1 A/1/2     -> held h1 A/1/1@2000 A/1/2@2000
        0:02      b1 confirm h1 pay-1      -> booked h1 A/1/1@2000 A/1/2@2000
        0:03      b1 cancel h1 A/1/1       -> cancelled h1 A/1/1@2000 left=1 refund=2000
        0:04   h2 b2 claim A/1/1           -> held h2 A/1/1@2000
        0:05      b2 confirm h2 pay-1      -> refused reference-used rival=h1
        0:05      b1 confirm h1 pay-1      -> repeat booked h1 A/1/2@2000
        0:06      b1 cancel h1             -> cancelled h1 A/1/2@2000 left=0 refund=2000
        0:07      b2 confirm h2 pay-1      -> refused reference-used rival=h1
        ",
    );
}

#[test]
fn what_was_given_back_is_not_paid_for_later() {
    // F1
    check(
        "
        0:00      define                   -> defined 1
        0:00      open                     -> opened 2
        0:01   h1 b1 claim A/1/1           -> held h1 A/1/1@2000
        0:02      b1 release h1            -> h1 released A/1/1
        0:03      b1 confirm h1 pay-1      -> refused hold-ended
        0:04   h2 b2 claim A/1/1           -> held h2 A/1/1@2000
        0:05      b1 confirm h1 pay-1      -> refused unknown-hold
        0:06      b2 confirm h2 pay-2      -> booked h2 A/1/1@2000
        0:07      b2 cancel h2             -> cancelled h2 A/1/1@2000 left=0 refund=2000
        0:08   h3 b3 claim A/1/1           -> held h3 A/1/1@2000
        0:09      b2 confirm h2 pay-2      -> refused unknown-hold
        0:09      b2 cancel h2             -> refused unknown-hold
        ",
    );
}

#[test]
fn only_a_booking_is_cancelled_and_only_by_its_buyer() {
    // F2
    check(
        "
        0:00      b1 cancel h1             -> refused unknown-event
        0:00      define                   -> defined 1
        0:00      open                     -> opened 2
        0:01   h1 b1 claim A/1/1           -> held h1 A/1/1@2000
        0:02      b1 cancel h1             -> refused nothing-booked
        0:02      b1 cancel h1 Z/9/9       -> refused nothing-booked
        0:02      b2 cancel h1             -> refused not-holder
        0:02      b1 cancel h9             -> refused unknown-hold
        0:02      b1 cancel h1 A/1/1 A/1/1 -> refused bad-request
        11:00     b1 cancel h1             -> derived h1 expired A/1/1; refused nothing-booked
        11:01     b1 cancel h1             -> refused nothing-booked
        11:02  h2 b2 claim A/1/1           -> held h2 A/1/1@2000
        11:03     b1 cancel h1             -> refused unknown-hold
        11:04     b2 confirm h2 pay-2      -> booked h2 A/1/1@2000
        11:05     b1 cancel h2             -> refused not-holder
        11:06     b2 cancel h2             -> cancelled h2 A/1/1@2000 left=0 refund=2000
        11:07     b1 cancel h2             -> refused not-holder
        11:08  h3 b1 claim A/1/2           -> held h3 A/1/2@2000
        11:09     b1 release h3            -> h3 released A/1/2
        11:10     b1 cancel h3             -> refused nothing-booked
        ",
    );
}

#[test]
fn cancelled_places_no_longer_count_against_their_buyer() {
    // F13
    check_in(
        |venue| {
            venue.limits.seats_per_buyer = Some(4);
            venue.tiers[1].seats_per_buyer = Some(1);
        },
        "
        0:00      define                         -> defined 1
        0:00      open                           -> opened 2
        0:01   h1 b1 claim A/1/1 A/1/2 A/1/3 A/2/1 -> held h1 A/1/1@2000 A/1/2@2000 A/1/3@2000 A/2/1@5000
        0:02      b1 confirm h1 pay-1            -> booked h1 A/1/1@2000 A/1/2@2000 A/1/3@2000 A/2/1@5000
        0:03      b1 claim A/1/4                 -> refused buyer-limit limit=4 count=5
        0:04      b1 cancel h1 A/1/1             -> cancelled h1 A/1/1@2000 left=3 refund=2000
        0:05      b1 claim A/2/2                 -> refused tier-limit limit=1 count=2
        0:06   h2 b1 claim A/1/4                 -> held h2 A/1/4@2000
        0:07      b1 cancel h1 A/2/1             -> cancelled h1 A/2/1@5000 left=2 refund=5000
        0:08   h3 b1 claim A/2/2                 -> held h3 A/2/2@5000
        0:09   h4 b1 claim G*2 staff             -> held h4 G/1@2000 G/2@2000 staff
        0:10      b1 claim G*1                   -> refused buyer-limit limit=4 count=7
        0:11   h5 b2 claim G*1                   -> held h5 G/3@2000
        ",
    );
}
