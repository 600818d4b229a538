use super::*;

fn key(id: &str, byte: u8) -> Key {
    Key { id: id.into(), secret: vec![byte; 32] }
}

fn keys() -> Keys {
    Keys { deployment: "east".into(), signing: key("2027:a", 1), also: vec![] }
}

fn signed(keys: &Keys) -> RawRecord {
    RawRecord {
        key: Some(b"cup-final".to_vec()),
        value: Some(b"open".to_vec()),
        headers: vec![keys.sign("east.requests", b"cup-final", b"open")],
        ..RawRecord::default()
    }
}

#[test]
fn a_signature_holds_for_its_own_bytes_only() {
    let (keys, record) = (keys(), signed(&keys()));
    assert_eq!(keys.check("east.requests", &record), Seal::Valid);
    assert_eq!(keys.check("west.requests", &record), Seal::Invalid);
    let elsewhere = Keys { deployment: "west".into(), ..keys.clone() };
    assert_eq!(elsewhere.check("east.requests", &record), Seal::Invalid);
    let other_key = RawRecord { key: Some(b"cup-fina".to_vec()), ..record.clone() };
    assert_eq!(keys.check("east.requests", &other_key), Seal::Invalid);
    let other_value = RawRecord { value: Some(b"close".to_vec()), ..record.clone() };
    assert_eq!(keys.check("east.requests", &other_value), Seal::Invalid);
    let moved =
        RawRecord { key: Some(b"cup-finalo".to_vec()), value: Some(b"pen".to_vec()), ..record };
    assert_eq!(keys.check("east.requests", &moved), Seal::Invalid);
}

/// Computed with another implementation, so that other languages can sign.
#[test]
fn the_signature_is_what_its_description_says() {
    let (name, value) = keys().sign("east.requests", b"cup-final", b"open");
    assert_eq!(name, "holdfast-signature");
    let text = String::from_utf8(value.unwrap()).unwrap();
    assert_eq!(text, "2027:a:60a0cbfd670d73b1a63b010c236563980900216051c80cb2cbf5660d1f5da244");
}

#[test]
fn a_null_is_never_signed() {
    let keys = keys();
    let record = RawRecord {
        headers: vec![keys.sign("east.requests", b"", b"")],
        key: Some(vec![]),
        value: Some(vec![]),
        ..RawRecord::default()
    };
    assert_eq!(keys.check("east.requests", &record), Seal::Valid);
    let no_key = RawRecord { key: None, ..record.clone() };
    assert_eq!(keys.check("east.requests", &no_key), Seal::Invalid);
    let no_value = RawRecord { value: None, ..record };
    assert_eq!(keys.check("east.requests", &no_value), Seal::Invalid);
}

#[test]
fn a_rotation_accepts_both_live_keys_and_then_only_the_new_one() {
    let old = keys();
    let during = Keys { signing: key("2028", 2), also: vec![key("2027:a", 1)], ..keys() };
    let new = Keys { also: vec![], ..during.clone() };
    assert_eq!(during.check("east.requests", &signed(&old)), Seal::Valid);
    assert_eq!(during.check("east.requests", &signed(&during)), Seal::Valid);
    assert_eq!(new.check("east.requests", &signed(&during)), Seal::Valid);
    assert_eq!(new.check("east.requests", &signed(&old)), Seal::Invalid);
    let renamed = Keys { signing: key("2027:a", 3), ..keys() };
    assert_eq!(renamed.check("east.requests", &signed(&old)), Seal::Invalid);
}

#[test]
fn what_is_no_signature_is_invalid_and_none_is_absent() {
    let keys = keys();
    let with = |headers| RawRecord { headers, ..signed(&keys) };
    let one = |text: &str| with(vec![(SIGNATURE_HEADER.into(), Some(text.as_bytes().to_vec()))]);
    let good = keys.sign("east.requests", b"cup-final", b"open");
    let hex = "0".repeat(64);
    assert_eq!(keys.check("east.requests", &with(vec![])), Seal::Absent);
    let foreign = ("other".to_owned(), Some(vec![1]));
    assert_eq!(keys.check("east.requests", &with(vec![foreign.clone()])), Seal::Absent);
    assert_eq!(keys.check("east.requests", &with(vec![foreign, good.clone()])), Seal::Valid);
    assert_eq!(keys.check("east.requests", &with(vec![good.clone(), good])), Seal::Invalid);
    assert_eq!(
        keys.check("east.requests", &with(vec![(SIGNATURE_HEADER.into(), None)])),
        Seal::Invalid
    );
    let long = format!("2027:a:{hex}00");
    for text in ["", ":", "2027:a", "2027:a:", "2027:a:zz", &format!("2027:a:{hex}"), &long, &hex] {
        assert_eq!(keys.check("east.requests", &one(text)), Seal::Invalid, "{text:?}");
    }
    let binary = with(vec![(SIGNATURE_HEADER.into(), Some(vec![0xff; 70]))]);
    assert_eq!(keys.check("east.requests", &binary), Seal::Invalid);
}

#[test]
fn secrets_are_not_printed() {
    let printed = format!("{:?}", keys());
    assert!(printed.contains("2027:a") && !printed.contains("1, 1"), "{printed}");
}
