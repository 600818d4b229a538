//! Exchanges: other places for a booking, in one decision.

use super::table::{check, check_in};
use crate::domain::layout::{Places, Row};

#[test]
fn a_booking_is_exchanged_in_a_full_house_and_at_the_limit() {
    // F19
    check_in(
        |venue| venue.limits.seats_per_buyer = Some(1),
        "
        0:00      define                         -> defined 1
        0:00      open                           -> opened 2
        0:01   h1 b1 claim A/1/1                 -> held h1 A/1/1@2000
        0:01      b1 confirm h1 pay-1            -> booked h1 A/1/1@2000
        0:01   h2 b2 claim A/1/2 A/1/3 A/1/5 A/2/1 A/2/2 A/2/3 A/2/4 A/2/5 G*4 staff -> held h2 A/1/2@2000 A/1/3@2000 A/1/5@2000 A/2/1@5000 A/2/2@5000 A/2/3@5000 A/2/4@5000 A/2/5@5000 G/1@2000 G/2@2000 G/3@2000 G/4@2000 staff
        0:01      b2 confirm h2 pay-2            -> booked h2 A/1/2@2000 A/1/3@2000 A/1/5@2000 A/2/1@5000 A/2/2@5000 A/2/3@5000 A/2/4@5000 A/2/5@5000 G/1@2000 G/2@2000 G/3@2000 G/4@2000
        0:02      b1 claim A/1/4                 -> refused buyer-limit limit=1 count=2
        0:03      b1 exchange h1 A/1/1 for A/1/2 -> refused seats-taken A/1/2 rival=h2
        0:03      b1 exchange h1 A/1/1 for A/1/4 G*1 -> refused buyer-limit limit=1 count=2
        0:04      b1 confirm h1 pay-1            -> repeat booked h1 A/1/1@2000
        0:05      b1 exchange h1 A/1/1 for A/1/4 -> exchanged h1 A/1/1@2000 for A/1/4 sum=2000:0:2000 now A/1/4@2000
        0:06      b1 claim A/1/1                 -> refused buyer-limit limit=1 count=2
        0:06   h3 b3 claim A/1/1                 -> held h3 A/1/1@2000
        0:07      b1 exchange h1 A/1/4 for A/1/1 -> refused seats-taken A/1/1 rival=h3
        0:08      b1 confirm h1 pay-1            -> repeat booked h1 A/1/4@2000
        0:09      b3 confirm h3 pay-1            -> refused reference-used rival=h1
        0:10      b1 cancel h1                   -> cancelled h1 A/1/4@2000 left=0 refund=2000
        ",
    );
}

#[test]
fn an_exchange_says_what_the_booking_cost_and_costs() {
    check(
        "
        0:00      define                         -> defined 1
        0:00      open                           -> opened 2
        0:01   h1 b1 claim A/1/1 A/1/2 G*1       -> held h1 A/1/1@2000 A/1/2@2000 G/1@2000
        0:02      b1 confirm h1 pay-1            -> booked h1 A/1/1@2000 A/1/2@2000 G/1@2000
        0:03      b1 exchange h1 A/1/1 for A/2/1 more=0 -> refused price-changed limit=3000 count=0
        0:04      b1 exchange h1 A/1/1 for A/2/1 more=3000 -> exchanged h1 A/1/1@2000 for A/2/1 sum=6000:3000:9000 now A/1/2@2000 A/2/1@5000 G/1@2000
        0:05      b1 exchange h1 A/2/1 G/1 for A/1/1 more=-5000 -> exchanged h1 A/2/1@5000 G/1@2000 for A/1/1 sum=9000:-5000:4000 now A/1/1@2000 A/1/2@2000
        0:06      b1 exchange h1 A/1/2 for G*2 G*1:vip -> exchanged h1 A/1/2@2000 for G/1 G/2 G/3 sum=4000:7000:11000 now A/1/1@2000 G/1@2000 G/2@2000 G/3@5000
        0:07      b1 exchange h1 G/1 for G*1:vip more=3000 -> exchanged h1 G/1@2000 for G/4 sum=11000:3000:14000 now A/1/1@2000 G/2@2000 G/3@5000 G/4@5000
        0:08      b1 cancel h1 G/4               -> cancelled h1 G/4@5000 left=3 refund=5000
        0:09      b1 cancel h1                   -> cancelled h1 A/1/1@2000 G/2@2000 G/3@5000 left=0 refund=9000
        0:10      b1 exchange h1 A/1/1 for A/1/2 -> refused hold-ended (cancelled)
        0:11      b1 confirm h1 pay-1            -> refused hold-ended (cancelled)
        ",
    );
}

#[test]
fn what_an_exchange_left_is_not_paid_for_later() {
    // F1
    check(
        "
        0:00      define                         -> defined 1
        0:00      open                           -> opened 2
        0:01   h1 b1 claim A/1/1 A/1/2           -> held h1 A/1/1@2000 A/1/2@2000
        0:02      b1 confirm h1 pay-1            -> booked h1 A/1/1@2000 A/1/2@2000
        0:03      b1 exchange h1 A/1/1 A/1/2 for A/1/3 A/1/4 -> exchanged h1 A/1/1@2000 A/1/2@2000 for A/1/3 A/1/4 sum=4000:0:4000 now A/1/3@2000 A/1/4@2000
        0:04      b1 confirm h1 pay-1            -> repeat booked h1 A/1/3@2000 A/1/4@2000
        0:04      b1 confirm h1 pay-9            -> refused hold-ended
        0:05   h2 b2 claim A/1/1                 -> held h2 A/1/1@2000
        0:06      b2 confirm h2 pay-1            -> refused reference-used rival=h1
        0:07      b2 confirm h2 pay-2            -> booked h2 A/1/1@2000
        0:08      b1 exchange h1 A/1/3 for A/1/1 -> refused seats-taken A/1/1 rival=h2
        0:09      b1 exchange h1 A/1/3 for A/1/2 -> exchanged h1 A/1/3@2000 for A/1/2 sum=4000:0:4000 now A/1/2@2000 A/1/4@2000
        0:10      b1 exchange h1 A/1/2 for A/1/3 -> exchanged h1 A/1/2@2000 for A/1/3 sum=4000:0:4000 now A/1/3@2000 A/1/4@2000
        0:11   h3 b3 claim A/1/2                 -> held h3 A/1/2@2000
        0:12      b1 cancel h1                   -> cancelled h1 A/1/3@2000 A/1/4@2000 left=0 refund=4000
        0:13      b1 confirm h1 pay-1            -> refused hold-ended (cancelled)
        0:14   h4 b4 claim A/1/3 A/1/4           -> held h4 A/1/3@2000 A/1/4@2000
        0:15      b1 confirm h1 pay-1            -> refused unknown-hold
        0:16      b1 exchange h1 A/1/3 for A/1/5 -> refused unknown-hold
        0:17      b4 confirm h4 pay-1            -> booked h4 A/1/3@2000 A/1/4@2000
        ",
    );
}

#[test]
fn limits_bind_what_an_exchange_adds() {
    // F13, F26
    check_in(
        |venue| {
            venue.limits.seats_per_request = Some(3);
            venue.limits.seats_per_buyer = Some(3);
            venue.limits.live_holds_per_buyer = Some(1);
            venue.tiers[1].seats_per_buyer = Some(1);
        },
        "
        0:00      define                         -> defined 1
        0:00      open                           -> opened 2
        0:01   h1 b1 claim A/1/1 A/2/1           -> held h1 A/1/1@2000 A/2/1@5000
        0:02      b1 confirm h1 pay-1            -> booked h1 A/1/1@2000 A/2/1@5000
        0:03   h2 b1 claim A/1/2                 -> held h2 A/1/2@2000
        0:04      b1 exchange h1 A/1/1 for A/1/3 A/1/4 A/1/5 G*1 -> refused request-limit limit=3 count=4
        0:04      b1 exchange h1 A/1/1 for A/1/3 A/1/4 -> refused buyer-limit limit=3 count=4
        0:04      b1 exchange h1 A/1/1 for A/2/2 -> refused tier-limit limit=1 count=2
        0:05      b1 exchange h1 A/2/1 for A/2/2 -> exchanged h1 A/2/1@5000 for A/2/2 sum=7000:0:7000 now A/1/1@2000 A/2/2@5000
        0:06      b1 exchange h1 A/1/1 A/2/2 for A/2/1 A/1/3 -> exchanged h1 A/1/1@2000 A/2/2@5000 for A/1/3 A/2/1 sum=7000:0:7000 now A/1/3@2000 A/2/1@5000
        10:03.500 b1 exchange h1 A/1/3 for A/1/4 A/1/5 -> derived h2 expired A/1/2; exchanged h1 A/1/3@2000 for A/1/4 A/1/5 sum=7000:2000:9000 now A/1/4@2000 A/1/5@2000 A/2/1@5000
        10:04  h3 b2 claim A/2/2 A/2/3 G*2 staff -> held h3 A/2/2@5000 A/2/3@5000 G/1@2000 G/2@2000 staff
        10:05     b2 confirm h3 pay-3            -> booked h3 A/2/2@5000 A/2/3@5000 G/1@2000 G/2@2000
        10:06     b2 exchange h3 G/1 for A/2/4   -> refused tier-limit limit=1 count=3
        10:06     b2 exchange h3 G/1 for G*2     -> refused buyer-limit limit=3 count=5
        10:07     b2 exchange h3 A/2/2 for A/2/4 -> exchanged h3 A/2/2@5000 for A/2/4 sum=14000:0:14000 now A/2/3@5000 A/2/4@5000 G/1@2000 G/2@2000
        ",
    );
}

#[test]
fn a_booking_never_has_more_places_than_one_claim() {
    let seats = |row, from: u32, to: u32| -> String {
        (from..=to).map(|seat| format!(" A/{row}/{seat}")).collect()
    };
    let told =
        |row, from, to| seats(row, from, to).replace(' ', "@2000 ")[6..].to_owned() + "@2000";
    let table = format!(
        "
        0:00      define                         -> defined 1
        0:00      open                           -> opened 2
        0:01   h1 b1 claim{first}                -> held h1 {first_told}
        0:02      b1 confirm h1 pay-1            -> booked h1 {first_told}
        0:03      b1 exchange h1 A/1/1 for{third} -> refused request-limit limit=50 count=51
        0:03      b1 exchange h1 A/1/1 for{second} A/3/1 -> refused bad-request
        0:03      b1 exchange h1 A/1/1 for{second} -> refused request-limit limit=50 count=98
        0:03      b1 exchange h1 A/1/1 for G*51  -> refused request-limit limit=50 count=51
        0:04      b1 exchange h1{first} for{second} -> exchanged h1 {first_told} for{second} sum=98000:2000:100000 now {second_told}
        0:05      b1 exchange h1 A/2/1 for A/1/1 -> exchanged h1 A/2/1@2000 for A/1/1 sum=100000:0:100000 now A/1/1@2000 {rest_told}
        ",
        first = seats(1, 1, 49),
        first_told = told(1, 1, 49),
        second = seats(2, 1, 50),
        second_told = told(2, 1, 50),
        rest_told = told(2, 2, 50),
        third = seats(2, 1, 3),
    );
    check_in(
        |venue| {
            let row = |n: u32| Row {
                name: n.to_string(),
                seats: "1-50".into(),
                tier: None,
                bays: String::new(),
                companions: String::new(),
            };
            venue.sections[0].places = Places::Rows((1..=3).map(row).collect());
        },
        &table,
    );
}

#[test]
fn only_an_open_sale_exchanges() {
    check(
        "
        0:00      b1 exchange h1 A/1/1 for A/1/2 -> refused unknown-event
        0:00      define                         -> defined 1
        0:00      b1 exchange h1 A/1/1 for A/1/2 -> refused sale-not-open
        0:00      open                           -> opened 2
        0:01   h1 b1 claim A/1/1                 -> held h1 A/1/1@2000
        0:02      b1 confirm h1 pay-1            -> booked h1 A/1/1@2000
        0:03      pause                          -> paused 3
        0:03      b1 exchange h1 A/1/1 for Z/1/1 -> refused sale-not-open
        0:04      close                          -> closed 4
        0:04      b1 exchange h1 A/1/1 for A/1/2 -> refused sale-closed
        0:05      call-off                       -> called-off 5
        0:05      b1 exchange h1 A/1/1 for A/1/2 -> refused event-off
        0:06      b1 cancel h1                   -> cancelled h1 A/1/1@2000 left=0 refund=0
        ",
    );
}

#[test]
fn an_exchange_takes_no_blocked_seat_and_leaves_one_to_its_block() {
    // F7
    check(
        "
        0:00      define                         -> defined 1
        0:00      block A/1/1 A/1/2 G=3 for=press -> blocked 1 press A/1/1 A/1/2 G/1 G/2 G/3
        0:00      open                           -> opened 2
        0:01   h1 b1 claim A/1/1 staff           -> held h1 A/1/1@2000 staff
        0:02      b1 confirm h1 pay-1            -> booked h1 A/1/1@2000
        0:03      b1 exchange h1 A/1/1 for A/1/2 -> refused blocked A/1/2 (press)
        0:03      b1 exchange h1 A/1/1 for G*2   -> refused not-enough G limit=1 count=2
        0:04      b1 exchange h1 A/1/1 for G*1   -> exchanged h1 A/1/1@2000 for G/4 sum=2000:0:2000 now G/4@2000 press:A/1/1
        0:05      b2 claim A/1/1                 -> refused blocked A/1/1 (press)
        0:06      b1 exchange h1 G/4 for G*1     -> refused not-enough G limit=0 count=1
        ",
    );
}

#[test]
fn lapsed_holds_are_not_in_the_way_of_an_exchange() {
    check(
        "
        0:00      define                         -> defined 1
        0:00      open                           -> opened 2
        0:01   h1 b1 claim A/1/1                 -> held h1 A/1/1@2000
        0:02      b1 confirm h1 pay-1            -> booked h1 A/1/1@2000
        0:03   h2 b2 claim A/1/2                 -> held h2 A/1/2@2000
        0:04   h3 b3 claim G*4                   -> held h3 G/1@2000 G/2@2000 G/3@2000 G/4@2000
        10:03.499 b1 exchange h1 A/1/1 for A/1/2 -> refused seats-taken A/1/2 rival=h2
        11:00     b1 exchange h1 A/1/1 for A/1/2 G*1 -> derived h2 expired A/1/2; derived h3 expired G/1 G/2 G/3 G/4; exchanged h1 A/1/1@2000 for A/1/2 G/1 sum=2000:2000:4000 now A/1/2@2000 G/1@2000
        11:01  h4 b4 claim A/1/5                 -> held h4 A/1/5@2000
        21:01.500 b4 exchange h4 A/1/5 for A/1/4 -> derived h4 expired A/1/5; refused nothing-booked
        ",
    );
}

#[test]
fn an_exchange_asked_again_is_told_where_its_booking_stands() {
    check(
        "
        0:00      define                         -> defined 1
        0:00      open                           -> opened 2
        0:01   h1 b1 claim A/1/1 A/1/2           -> held h1 A/1/1@2000 A/1/2@2000
        0:02      b1 confirm h1 pay-1            -> booked h1 A/1/1@2000 A/1/2@2000
        0:03   r1 b1 exchange h1 A/1/1 for G*2   -> exchanged h1 A/1/1@2000 for G/1 G/2 sum=4000:2000:6000 now A/1/2@2000 G/1@2000 G/2@2000
        0:04   r1 b1 exchange h1 A/1/1 for G*2   -> repeat booked h1 A/1/2@2000 G/1@2000 G/2@2000
        0:04   r1 b1 exchange h1 A/1/1 for G*1   -> refused request-conflict first=r1
        0:04      b1 exchange h1 A/1/1 for G*2   -> refused not-in-booking A/1/1
        0:05      b1 cancel h1 A/1/2             -> cancelled h1 A/1/2@2000 left=2 refund=2000
        0:06   r1 b1 exchange h1 A/1/1 for G*2   -> repeat booked h1 G/1@2000 G/2@2000
        0:07   r2 b1 exchange h1 G/1 for A/1/3   -> exchanged h1 G/1@2000 for A/1/3 sum=4000:0:4000 now A/1/3@2000 G/2@2000
        0:08   r1 b1 exchange h1 A/1/1 for G*2   -> refused repeated first=r1
        0:08   r2 b1 exchange h1 G/1 for A/1/3   -> repeat booked h1 A/1/3@2000 G/2@2000
        0:09   h2 b2 claim A/1/4                 -> held h2 A/1/4@2000
        0:10   r3 b1 exchange h1 A/1/3 for A/1/4 -> refused seats-taken A/1/4 rival=h2
        0:11      b2 release h2                  -> h2 released A/1/4
        0:12   r3 b1 exchange h1 A/1/3 for A/1/4 -> refused repeated first=r3
        0:13   h1 b1 exchange h1 A/1/3 for A/1/4 forgotten -> refused request-conflict first=h1
        0:14      b1 cancel h1                   -> cancelled h1 A/1/3@2000 G/2@2000 left=0 refund=4000
        0:15   r2 b1 exchange h1 G/1 for A/1/3   -> refused repeated first=r2
        ",
    );
}

#[test]
fn of_all_reasons_against_an_exchange_the_lowest_code_is_told() {
    check_in(
        |venue| {
            venue.limits.seats_per_request = Some(4);
            venue.limits.seats_per_buyer = Some(2);
            venue.tiers[1].seats_per_buyer = Some(0);
        },
        "
        0:00      define                         -> defined 1
        0:00      block A/1/5 for=press          -> blocked 1 press A/1/5
        0:00      open                           -> opened 2
        0:01   h1 b1 claim A/1/1                 -> held h1 A/1/1@2000
        0:01      b1 confirm h1 pay-1            -> booked h1 A/1/1@2000
        0:02   h2 b2 claim A/1/2                 -> held h2 A/1/2@2000
        0:02   h3 b2 claim A/1/4                 -> held h3 A/1/4@2000
        0:02      b2 release h3                  -> h3 released A/1/4
        0:03      b1 exchange h1 for A/1/3       -> refused bad-request
        0:03      b1 exchange h1 A/1/1 for       -> refused bad-request
        0:03      b1 exchange h1 A/1/1 for A/1/1 -> refused bad-request
        0:03      b1 exchange h1 A/1/1 A/1/1 for A/1/3 -> refused bad-request
        0:03      b1 exchange h1 A/1/1 for A/1/3 A/1/3 -> refused bad-request
        0:03      b1 exchange h1 A/1/1 for A*1   -> refused bad-request
        0:03      b1 exchange h1 A/1/1 for G/1   -> refused bad-request
        0:03      b1 exchange h1 A/1/1 for G*0   -> refused bad-request
        0:03      b1 exchange h1 A/1/1 for best*1 -> refused bad-request
        0:03      b1 exchange h1 Z/1/1 for Z/1/1 old -> refused bad-request
        0:04      b1 exchange h1 A/1/1 for Z/1/1 old waited=30001 -> refused id-out-of-window
        0:04      b1 exchange h1 A/1/1 for Z/1/1 waited=30001 -> refused stale limit=30000 count=30001
        0:05      b1 exchange h1 A/1/1 for Z/1/1 A/1/2:vip more=1 -> refused unknown-seat Z/1/1
        0:05      b1 exchange h1 A/1/1 for A/1/2:vip more=1 -> refused tier-mismatch A/1/2
        0:05      b1 exchange h1 A/1/1 for A/1/2 G*4 more=1 -> refused price-changed limit=8000 count=1
        0:05      b1 exchange h9 A/1/1 for A/1/2 G*4 more=1 -> refused request-limit limit=4 count=5
        0:05      b1 exchange h1 A/1/1 for A/1/2 A/2/1 G*1 -> refused buyer-limit limit=2 count=3
        0:05      b1 exchange h1 A/1/1 for A/1/2 A/2/1 -> refused tier-limit limit=0 count=1
        0:05      b1 exchange h9 A/1/1 for A/1/5 A/2/1 A/1/2 -> refused seats-taken A/1/2 rival=h2
        0:05      b1 exchange h1 A/1/1 for A/1/5 A/1/2 -> refused seats-taken A/1/2 rival=h2
        0:05      b1 exchange h9 A/1/1 for A/1/5 G*4 -> refused request-limit limit=4 count=5
        0:05      b1 exchange h9 A/1/1 for A/1/5 G*3 -> refused blocked A/1/5 (press)
        0:06   h4 b4 claim G*3 staff             -> held h4 G/1@2000 G/2@2000 G/3@2000 staff
        0:06      b1 exchange h9 A/1/1 for A/1/5 G*3 -> refused blocked A/1/5 (press)
        0:06      b1 exchange h9 A/1/1 for G*3   -> refused not-enough G limit=1 count=3
        0:07      b1 exchange h9 A/1/1 for A/1/3 more=1 -> refused unknown-hold
        0:07      b2 exchange h1 A/1/1 for A/1/3 more=1 -> refused not-holder
        0:07      b1 exchange h2 A/1/2 for A/1/3 -> refused not-holder
        0:07      b2 exchange h2 A/1/2 for A/1/3 more=1 -> refused nothing-booked
        0:07      b2 exchange h3 A/1/4 for A/1/3 -> refused nothing-booked
        0:07      b1 exchange h1 A/1/4 Z/9 A/1/1 A/1 for A/1/3 more=1 -> refused not-in-booking A/1/4 Z/9 A/1
        ",
    );
}
