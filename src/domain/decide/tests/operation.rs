//! What operators do to the sale: pause it, and call the event off.

use super::table::{check, check_in};
use crate::domain::time::Millis;

#[test]
fn a_paused_sale_promises_nothing_and_keeps_what_it_promised() {
    // F5
    check_in(
        |venue| venue.extend_max = Millis(600_000),
        "
        0:00      define                   -> defined 1
        0:00      pause                    -> paused 2
        0:00      b1 claim A/1/1           -> refused sale-not-open
        0:00      open                     -> opened 3
        0:01   h1 b1 claim A/1/1           -> held h1 A/1/1@2000
        0:01   h2 b2 claim A/1/2           -> held h2 A/1/2@2000
        0:01   h3 b3 claim A/1/3           -> held h3 A/1/3@2000
        0:02      pause                    -> paused 4
        0:03      pause @3                 -> refused wrong-edition limit=4 count=3
        0:03      b4 claim A/1/1           -> refused sale-not-open
        0:03      b1 extend h1 12:00       -> refused sale-not-open
        0:04      b2 release h2            -> h2 released A/1/2
        9:00      b1 confirm h1 pay-1      -> booked h1 A/1/1@2000
        9:01      b1 confirm h1 pay-1      -> repeat booked h1 A/1/1@2000
        9:02      b1 cancel h1             -> cancelled h1 A/1/1@2000 left=0 refund=2000
        10:02     expire                   -> h3 expired A/1/3
        10:03     open                     -> opened 5
        10:04  h4 b4 claim A/1/1           -> held h4 A/1/1@2000
        10:05     b4 extend h4 25:00       -> extended h4 25:00 A/1/1@2000
        10:06     close                    -> closed 6
        10:07     pause                    -> paused 7
        10:08     close                    -> closed 8
        10:09     b4 extend h4 27:00       -> refused sale-closed
        10:10     b4 confirm h4 pay-4      -> booked h4 A/1/1@2000
        10:11     b4 cancel h4             -> cancelled h4 A/1/1@2000 left=0 refund=2000
        ",
    );
}

#[test]
fn what_is_called_off_keeps_no_promise_and_gives_every_booking_back_once() {
    // F28
    check_in(
        |venue| venue.extend_max = Millis(600_000),
        "
        0:00      define                   -> defined 1
        0:00      open                     -> opened 2
        0:01   h1 b1 claim A/1/1 A/1/5     -> held h1 A/1/1@2000 A/1/5@2000
        0:01   h2 b2 claim A/1/2           -> held h2 A/1/2@2000
        0:01   h3 b3 claim A/1/3           -> held h3 A/1/3@2000
        0:01   h4 b1 claim A/2/1           -> held h4 A/2/1@5000
        0:02      b1 confirm h1 pay-1      -> booked h1 A/1/1@2000 A/1/5@2000
        0:02      b1 confirm h4 pay-4      -> booked h4 A/2/1@5000
        0:02      b1 cancel h4             -> cancelled h4 A/2/1@5000 left=0 refund=5000
        0:03      call-off @1              -> refused wrong-edition limit=2 count=1
        0:03   r1 call-off @2              -> called-off 3
        0:04      b4 claim A/1/4           -> refused event-off
        0:04      b4 claim Z/9/9           -> refused event-off
        0:04      b2 confirm h2 pay-2      -> refused event-off
        0:04      b4 confirm h2 pay-2      -> refused event-off
        0:04      b2 extend h2 12:00       -> refused event-off
        0:05      b1 confirm h1 pay-1      -> repeat booked h1 A/1/1@2000 A/1/5@2000
        0:05      b1 confirm h1 pay-9      -> refused event-off
        0:05      b1 confirm h4 pay-4      -> refused hold-ended (cancelled)
        0:05      b1 confirm h4 pay-9      -> refused event-off
        0:06      b2 release h2            -> h2 released A/1/2
        0:06      b2 claim A/1/2           -> refused event-off
        0:07      b1 cancel h1 A/1/5       -> cancelled h1 A/1/5@2000 left=1 refund=0
        0:07      b1 cancel h1             -> cancelled h1 A/1/1@2000 left=0 refund=0
        0:07      b1 cancel h1             -> refused hold-ended (cancelled)
        0:08      open                     -> refused event-off
        0:08      pause                    -> refused event-off
        0:08      close                    -> refused event-off
        0:08      call-off                 -> refused event-off
        0:08      block A/1/4 for=press    -> refused event-off
        0:08      unblock A/1/4            -> refused event-off
        0:08   r1 call-off @2              -> refused repeated first=r1
        0:08      open @2                  -> refused wrong-edition limit=3 count=2
        10:02     b9 claim A/1/3           -> derived h3 expired A/1/3; refused event-off
        10:03     b3 confirm h3 pay-3      -> refused event-off
        10:04     expire                   -> refused nothing-due
        ",
    );
}

#[test]
fn operators_are_told_the_lowest_code() {
    check(
        "
        0:00      pause                            -> refused unknown-event
        0:00      call-off                         -> refused unknown-event
        0:00      define                           -> defined 1
        0:01      call-off @9 old waited=30001     -> refused id-out-of-window
        0:01      call-off @9 waited=30001         -> refused stale limit=30000 count=30001
        0:01      pause @9                         -> refused wrong-edition limit=1 count=9
        0:02      block Z for=press @9 old         -> refused id-out-of-window
        0:02      block Z for=press @9 waited=30001 -> refused stale limit=30000 count=30001
        0:02      block Z for=press @9             -> refused wrong-edition limit=1 count=9
        0:02      unblock Z @9                     -> refused wrong-edition limit=1 count=9
        ",
    );
}

#[test]
fn a_suspended_event_changes_nothing() {
    check(
        "
        0:00      define suspended                 -> refused event-suspended
        0:00      define                           -> defined 1
        0:00      open                             -> opened 2
        0:01   h1 b1 claim A/1/1                   -> held h1 A/1/1@2000
        0:02      b1 claim A/1/1 A/1/1 suspended   -> refused bad-request
        0:02      define suspended                 -> refused event-suspended
        0:02      b1 claim A/1/2 old suspended     -> refused event-suspended
        0:02      b1 release h1 suspended          -> refused event-suspended
        11:00     expire suspended                 -> refused event-suspended
        11:00     b1 confirm h1 pay-1 suspended    -> refused event-suspended
        11:01     b1 confirm h1 pay-1              -> derived h1 expired A/1/1; refused hold-ended
        ",
    );
}
