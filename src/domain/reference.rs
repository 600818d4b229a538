//! The tables of the README that are made from the code, each between two comments.

use std::fs;
use std::path::Path;

use super::decide::pairs::{
    HoldAsk, HoldState, Next, PlaceAsk, PlaceState, Step, of_hold, of_place,
};
use super::refusal::Code;

#[test]
fn the_tables_of_the_readme_are_those_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let parts = [("refusals", refusals()), ("holds", holds()), ("places", places())];
    let wanted = parts.iter().fold(readme.clone(), |text, (name, part)| with(&text, name, part));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &wanted).unwrap();
        return;
    }
    let differs = readme.lines().zip(wanted.lines()).find(|(is, wanted)| is != wanted);
    assert_eq!(differs, None, "README.md, in a table; UPDATE_GOLDEN=1 writes it anew");
    assert_eq!(readme.len(), wanted.len(), "README.md; UPDATE_GOLDEN=1 writes its tables anew");
}

/// The text with this part between the comments of its name.
fn with(text: &str, name: &str, part: &str) -> String {
    let (start, end) =
        (format!("<!-- {name}, from the code -->\n"), format!("<!-- end of {name} -->"));
    let (before, rest) = text.split_once(&start).expect("the README has the first comment");
    let (_, after) = rest.split_once(&end).expect("the README has the second comment");
    format!("{before}{start}\n{part}\n{end}{after}")
}

fn refusals() -> String {
    let row = |code: &Code| {
        let retry = if code.is_retryable() { "new id" } else { "no" };
        [&code.number().to_string(), code.name(), retry, code.help()].map(str::to_owned).to_vec()
    };
    markdown(&["code", "name", "retry", "meaning"], Code::ALL.iter().map(row))
}

fn holds() -> String {
    let row = |&hold: &HoldState| {
        let cell = |&ask: &HoldAsk| cell(of_hold(hold, ask), HoldState::name);
        [hold.name().to_owned()].into_iter().chain(HoldAsk::ALL.iter().map(cell)).collect()
    };
    let head: Vec<&str> =
        ["a hold that is"].into_iter().chain(HoldAsk::ALL.iter().map(|ask| ask.name())).collect();
    markdown(&head, HoldState::ALL.iter().map(row))
}

fn places() -> String {
    let row = |&place: &PlaceState| {
        let cell = |&ask: &PlaceAsk| cell(of_place(place, ask), PlaceState::name);
        [place.name().to_owned()].into_iter().chain(PlaceAsk::ALL.iter().map(cell)).collect()
    };
    let head: Vec<&str> =
        ["a place that is"].into_iter().chain(PlaceAsk::ALL.iter().map(|ask| ask.name())).collect();
    markdown(&head, PlaceState::ALL.iter().map(row))
}

fn cell<S>(next: Next<S>, name: impl Fn(S) -> &'static str) -> String {
    match next {
        Ok(Step::Becomes(state)) => format!("**{}**", name(state)),
        Ok(Step::Stays) => "as it was".into(),
        Ok(Step::Gone) => "**gone**".into(),
        Err(no) => format!("{} {}", no.code.number(), no.code),
    }
}

fn markdown(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head: Vec<String> = head.iter().map(ToString::to_string).collect();
    let rule = format!("|{}\n", "---|".repeat(head.len()));
    let rows: String = rows.map(|row| line(&row)).collect();
    line(&head) + &rule + &rows
}
