//! What a definition comes to, and what is refused.

use super::*;

fn row(name: &str, seats: &str) -> Row {
    let (bays, companions) = (String::new(), String::new());
    Row { name: name.into(), seats: seats.into(), tier: None, bays, companions }
}

fn theatre() -> Definition {
    Definition {
        event: EventId::new("hamlet").unwrap(),
        hold_time: Millis(600_000),
        max_wait: Millis(30_000),
        extend_max: Millis(0),
        no_single_seats: false,
        currency: "EUR".into(),
        limits: Limits::default(),
        tiers: vec![
            Tier { name: "standard".into(), price: 2_000, seats_per_buyer: None },
            Tier { name: "premium".into(), price: 5_000, seats_per_buyer: None },
        ],
        sections: vec![
            Section {
                name: "stalls".into(),
                rank: 1,
                tiers: vec!["standard".into()],
                places: Places::Rows(vec![
                    row("A", "7 5 3 1 | 2 4 6 8"),
                    Row { tier: Some("premium".into()), ..row("B", "10-1") },
                ]),
            },
            Section {
                name: "floor".into(),
                rank: 2,
                tiers: vec!["standard".into(), "premium".into()],
                places: Places::General(5),
            },
        ],
    }
}

#[test]
fn every_numbered_seat_is_found_under_its_own_name() {
    let layout = Layout::compile(theatre()).unwrap();
    assert_eq!(layout.seats(), 23);
    for number in 0..18 {
        let seat = SeatNumber(number);
        assert_eq!(layout.find(&layout.name(seat)), Some(seat));
    }
    assert_eq!(layout.name(SeatNumber(0)), "stalls/A/7");
    assert_eq!(layout.name(SeatNumber(8)), "stalls/B/10");
    assert_eq!(layout.name(SeatNumber(18)), "floor/1");
    assert_eq!(layout.find("floor/1"), None, "general places have no names to claim");
}

#[test]
fn a_name_means_a_seat_a_row_a_section_or_a_general_place() {
    let layout = Layout::compile(theatre()).unwrap();
    assert_eq!(layout.named("stalls/B/10"), Some(8..9));
    assert_eq!(layout.named("stalls/A"), Some(0..8));
    assert_eq!(layout.named("stalls/B"), Some(8..18));
    assert_eq!(layout.named("stalls"), Some(0..18));
    assert_eq!(layout.named("floor"), Some(18..23));
    assert_eq!((layout.named("floor/1"), layout.named("floor/5")), (Some(18..19), Some(22..23)));
    let unknown = ["", "/", "pit", "stalls/", "stalls/C", "stalls/A/9", "stalls/A/7/1", "floor/0"];
    let odd = ["floor/6", "floor/01", "floor/+1", "floor/1/1", "floor/"];
    for name in unknown.into_iter().chain(odd) {
        assert_eq!(layout.named(name), None, "{name:?}");
    }
}

#[test]
fn a_row_has_its_own_tier_and_a_general_section_several() {
    let layout = Layout::compile(theatre()).unwrap();
    assert_eq!(layout.tiers_of(SeatNumber(7)), [0]);
    assert_eq!(layout.tiers_of(SeatNumber(8)), [1]);
    assert_eq!(layout.tiers_of(SeatNumber(20)), [0, 1]);
}

#[test]
fn what_cannot_be_is_refused_with_its_place() {
    let check = |change: fn(&mut Definition), text: &str| {
        let mut definition = theatre();
        change(&mut definition);
        assert_eq!(Layout::compile(definition).unwrap_err().to_string(), text);
    };
    check(
        |d| d.currency = "eur".into(),
        "currency \"eur\" is not three capital letters, such as EUR",
    );
    check(
        |d| d.tiers[0].name = "vip".into(),
        "section \"stalls\" is sold in tier \"standard\", which is not defined",
    );
    check(|d| d.sections[1].name = "stalls".into(), "section \"stalls\" is there twice");
    check(
        |d| d.sections[1].places = Places::General(0),
        "places of a section is 0; it must be from 1 to 200000",
    );
    check(|d| d.hold_time = Millis(0), "hold-time (ms) is 0; it must be from 1000 to 86400000");
    check(
        |d| {
            d.tiers = (0..100)
                .map(|n| Tier { name: format!("t{n}"), price: 1, seats_per_buyer: None })
                .collect();
            let tiers: Vec<String> = d.tiers.iter().map(|tier| tier.name.clone()).collect();
            d.sections = (0..41)
                .map(|n| Section {
                    name: format!("s{n}"),
                    rank: 1,
                    tiers: tiers.clone(),
                    places: Places::General(1),
                })
                .collect();
        },
        "tiers over all sections is 4100; it must be from 1 to 4000",
    );
    check(
        |d| d.sections[0].places = Places::Rows(vec![row("A", "1 2 1")]),
        "seat \"1\" is there twice",
    );
    check(
        |d| d.sections[0].places = Places::Rows(vec![row("A", "1 ä")]),
        "row \"A\": \"ä\" is not a seat label or a range such as 1-20",
    );
    check(
        |d| d.sections[0].places = Places::Rows(vec![]),
        "rows of a section is 0; it must be from 1 to 200000",
    );
    check(
        |d| d.sections[0].places = Places::Rows(vec![row("A", "01-05")]),
        "row \"A\": \"01-05\" is a range whose leading zeros would be lost; \
         write its labels one by one",
    );
    check(
        |d| d.sections[0].places = Places::Rows(vec![row("A", "1-200001")]),
        "row \"A\": \"1-200001\" is a range of more seats than an event may have",
    );
    check(
        |d| d.sections[0].places = Places::Rows(vec![row("A", "1-99999999999")]),
        "row \"A\": \"1-99999999999\" is a range of more seats than an event may have",
    );
}
