use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory as _, error::ErrorKind};

use super::*;

/// Compares with a file under `tests/golden/cli`, or writes it when `UPDATE_GOLDEN` is set.
pub(super) fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cli").join(name);
    let text = format!("{}\n", text.trim_end());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let wanted = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, wanted, "{name} differs; UPDATE_GOLDEN=1 writes it anew");
}

fn helps(command: &mut Command, path: &str, to: &mut String) {
    let _ = writeln!(to, "$ {path} --help\n{}", command.render_long_help().to_string().trim_end());
    for verb in command.get_subcommands_mut().filter(|verb| verb.get_name() != "help") {
        to.push('\n');
        let path = format!("{path} {}", verb.get_name());
        helps(verb, &path, to);
    }
}

#[test]
fn every_verb_has_the_golden_help() {
    let mut command = Cli::command().term_width(100);
    command.build();
    for verb in command.get_subcommands_mut().filter(|verb| verb.get_name() != "help") {
        let mut text = String::new();
        let name = verb.get_name().to_owned();
        helps(verb, &format!("holdfast {name}"), &mut text);
        golden(&format!("help-{name}.txt"), &text);
    }
    golden("help.txt", &command.render_long_help().to_string());
}

#[test]
fn every_verb_that_does_something_shows_an_example() {
    fn check(command: &Command) {
        let verbs: Vec<&Command> =
            command.get_subcommands().filter(|verb| verb.get_name() != "help").collect();
        let example =
            command.get_after_help().is_some_and(|help| help.to_string().contains("holdfast "));
        assert!(example || !verbs.is_empty(), "{} has no example", command.get_name());
        verbs.into_iter().for_each(check);
    }
    check(&Cli::command());
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn a_name_outside_the_alphabet_is_refused_at_once() {
    let words = ["holdfast", "request", "claim", "a b", "--buyer", "ann", "--seat", "s/A/1"];
    let error = Cli::try_parse_from(words).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ValueValidation);
    assert!(error.to_string().contains("has a character other than"), "{error}");
}

#[test]
fn without_a_configuration_the_advice_is_how_to_give_one() {
    let cli =
        Cli { config: None, embedded: None, json: false, verb: Verb::Topics(topics::Verb::Plan) };
    let failure = execute(cli, Output { json: false }).unwrap_err();
    assert_eq!(failure.status, 2);
    assert!(failure.to_string().contains("--config"), "{failure}");
}
