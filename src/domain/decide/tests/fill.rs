//! Each kind of claim in an empty, a half-taken and a full house.

use super::best::house;
use super::table::{check, check_in};

#[test]
fn seats_by_name() {
    check_in(
        |it| house(it, &[("A", "1-4")]),
        "
        0:00     define                        -> defined 1
        0:00     open                          -> opened 2
        0:01  h1 b1 claim A/1/2 A/1/3          -> held h1 A/1/2@2000 A/1/3@2000
        0:02     b2 claim A/1/1 A/1/2          -> refused seats-taken A/1/2 rival=h1
        0:02  h2 b2 claim A/1/1 A/1/4          -> held h2 A/1/1@2000 A/1/4@2000
        0:03     b3 claim A/1/1                -> refused seats-taken A/1/1 rival=h2
        0:03     b3 claim A/1/1 A/1/2          -> refused seats-taken A/1/1 A/1/2 rival=h2
        0:03     b3 claim A/1/1 staff          -> refused seats-taken A/1/1 rival=h2
        ",
    );
}

#[test]
fn places_of_general_admission() {
    check(
        "
        0:00     define                        -> defined 1
        0:00     open                          -> opened 2
        0:01     b1 claim G*5                  -> refused not-enough G limit=4 count=5
        0:01  h1 b1 claim G*2                  -> held h1 G/1@2000 G/2@2000
        0:02     b2 claim G*3                  -> refused not-enough G limit=2 count=3
        0:02  h2 b2 claim G*2:vip              -> held h2 G/3@5000 G/4@5000
        0:03     b3 claim G*1                  -> refused not-enough G limit=0 count=1
        0:03     b3 claim G*1:vip              -> refused not-enough G limit=0 count=1
        ",
    );
}

#[test]
fn the_best_seats_next_to_each_other() {
    check_in(
        |it| house(it, &[("A", "1-4 / 1-4")]),
        "
        0:00     define                        -> defined 1
        0:00     open                          -> opened 2
        0:01     b1 claim best*5               -> refused no-run limit=8 count=5
        0:01  h1 b1 claim best*4               -> held h1 A/1/1@2000 A/1/2@2000 A/1/3@2000 A/1/4@2000
        0:02     b2 claim best*5               -> refused not-enough limit=4 count=5
        0:02  h2 b2 claim best*4               -> held h2 A/2/1@2000 A/2/2@2000 A/2/3@2000 A/2/4@2000
        0:03     b3 claim best*1               -> refused not-enough limit=0 count=1
        ",
    );
}

#[test]
fn the_best_seats_parted_where_need_be() {
    check_in(
        |it| house(it, &[("A", "1-6")]),
        "
        0:00     define                        -> defined 1
        0:00     open                          -> opened 2
        0:01  h1 b1 claim best*2+              -> held h1 A/1/3@2000 A/1/4@2000
        0:01     b1 release h1                 -> h1 released A/1/3 A/1/4
        0:01  h2 b1 claim A/1/2 A/1/4 A/1/6    -> held h2 A/1/2@2000 A/1/4@2000 A/1/6@2000
        0:02     b2 claim best*2               -> refused no-run limit=3 count=2
        0:02     b2 claim best*4+              -> refused not-enough limit=3 count=4
        0:02  h3 b2 claim best*3+              -> held h3 A/1/1@2000 A/1/3@2000 A/1/5@2000
        0:03     b3 claim best*1+              -> refused not-enough limit=0 count=1
        ",
    );
}

#[test]
fn seats_kept_for_those_who_need_them() {
    check_in(
        |it| house(it, &[("A", "1-4::1 4:2 3")]),
        "
        0:00     define                        -> defined 1
        0:00     open                          -> opened 2
        0:01     b1 claim best*1               -> refused not-enough limit=0 count=1
        0:01     b1 claim A/1/1                -> refused kept-back A/1/1
        0:01  h1 b1 claim best*2&1             -> held h1 A/1/1@2000 A/1/2@2000
        0:02     b2 claim best*1               -> refused not-enough limit=0 count=1
        0:02     b2 claim A/1/4                -> refused kept-back A/1/4
        0:02     b2 claim best*2&2             -> refused not-enough limit=1 count=2
        0:02  h2 b2 claim A/1/3 A/1/4 accessible -> held h2 A/1/3@2000 A/1/4@2000
        0:03     b3 claim best*1&1             -> refused not-enough limit=0 count=1
        0:03     b3 claim A/1/1                -> refused kept-back A/1/1
        0:03     b3 claim A/1/1 accessible     -> refused seats-taken A/1/1 rival=h1
        ",
    );
}
