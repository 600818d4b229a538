//! The structure of the house, checked: who may use whom, what may be called where, and how texts
//! look. Each check is a function of source texts, so that a test of its own can plant what it must
//! find. What it says names file, line and what to do instead.
//!
//! It reads texts, not a syntax tree: comments and quotes are taken out, the rest is looked at word
//! by word. What the compiler or clippy check already (unused code, long functions) is not checked
//! again.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Who may use whom, besides themselves: the direction `domain` <- `wire` <- `ports` <- logic and
/// drivers <- `app` <- `cli`, spelt out. Logic sees ports, never drivers; drivers do not see logic.
const MAY_USE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    // What is encoded goes to a topic under a key: those are shapes of `ports::log`, and a second
    // set of them in `wire` would only be translated back and forth. `WIRE_MAY_USE` keeps it at
    // that.
    ("wire", &["domain", "ports"]),
    ("ports", &["domain"]),
    // Encoding is pure, so logic and drivers may use it.
    ("audit", &["domain", "wire", "ports"]),
    ("engine", &["domain", "wire", "ports"]),
    ("expiry", &["domain", "wire", "ports"]),
    ("cql", &["domain", "wire", "ports"]),
    ("embedded", &["domain", "wire", "ports"]),
    ("kafka", &["domain", "wire", "ports"]),
    ("seal", &["domain", "wire", "ports"]),
    // Stands where the drivers stand, around the logic that it tries; of a driver it takes how the
    // answers of both stores are understood.
    ("sim", &["domain", "wire", "ports", "audit", "engine", "expiry", "cql"]),
    // Options become what the drivers take, so that no driver knows where options come from.
    ("config", &["domain", "cql", "kafka", "seal"]),
    (
        "app",
        &[
            "domain", "wire", "ports", "audit", "engine", "expiry", "cql", "embedded", "kafka",
            "seal", "config",
        ],
    ),
    (
        "bench",
        &[
            "domain", "wire", "ports", "audit", "engine", "expiry", "cql", "kafka", "seal",
            "config", "app",
        ],
    ),
    (
        "demo",
        &[
            "domain", "wire", "ports", "audit", "engine", "expiry", "cql", "kafka", "seal",
            "config", "app",
        ],
    ),
    (
        "cli",
        &[
            "domain", "wire", "ports", "audit", "engine", "expiry", "cql", "kafka", "seal",
            "config", "app", "bench", "demo", "sim",
        ],
    ),
    // The allocator is the binary's, what counts with it is the bench's.
    ("main", &["bench", "cli"]),
    ("lib", &[]),
];
/// All of `ports` that `wire` may use.
const WIRE_MAY_USE: &str = "ports::log";

/// Crates that live in the folders named and nowhere else.
const CRATES: &[(&str, &[&str])] = &[
    ("apache_avro", &["wire"]),
    ("clap", &["cli", "main"]),
    ("rdkafka", &["kafka"]),
    ("redb", &["embedded"]),
    ("scylla", &["cql"]),
    // Drivers wait, and so does who starts them; logic does not.
    ("tokio", &["app", "bench", "cli", "cql", "demo", "embedded", "kafka", "main"]),
];
/// Crates that `domain` may use besides the standard library: values and what holds them.
const DOMAIN_CRATES: &[&str] = &["foldhash", "smallvec", "thiserror", "uuid"];

/// What must not be called, where, but for which files, and what to do instead.
const BANNED: &[(&str, &[&str], &[&str], &str)] = &[
    ("SystemTime::now", &["src/"], &["src/ports/clock.rs"], "ask ports::clock"),
    ("Instant::now", &["src/"], &["src/ports/clock.rs"], "ask ports::clock"),
    ("Uuid::now_v7", PURE, &[], "ids are made outside and handed in"),
    ("Uuid::new_v4", PURE, &[], "ids are made outside and handed in"),
    ("thread_rng", PURE, &[], "chance is made outside and handed in"),
    ("rand", PURE, &[], "chance is made outside and handed in"),
    ("async", PURE, &[], "nothing in here waits: take the result as an input"),
    ("await", PURE, &[], "nothing in here waits: take the result as an input"),
    ("sleep", PURE, &[], "nothing in here waits: take a tick as an input"),
    ("println!", &["src/"], &["src/cli/output.rs"], "hand the text to cli::output"),
    ("eprintln!", &["src/"], &["src/cli/output.rs"], "hand the text to cli::output"),
    ("print!", &["src/"], &["src/cli/output.rs"], "hand the text to cli::output"),
    ("eprint!", &["src/"], &["src/cli/output.rs"], "hand the text to cli::output"),
    ("todo!", &["src/", "tests/"], &[], "write it, or leave it out"),
    ("unimplemented!", &["src/", "tests/"], &[], "write it, or leave it out"),
    ("#[ignore", &["src/", "tests/"], &[], "make the test run, or delete it"),
    ("allow(missing_docs", &["src/"], &[], "write the documentation"),
];
/// Where nothing waits, draws lots or asks what time it is.
const PURE: &[&str] = &["src/domain/", "src/engine/", "src/wire/", "src/audit/"];

/// Marks of unfinished work; in pieces, so that this file has none.
const MARKERS: &[&str] =
    &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")];
/// Folders of somebody's machine.
const MACHINE: &[&str] = &[concat!("/wo", "rk"), concat!("/ro", "ot"), concat!("/ho", "me")];

/// All that may lie at the top; a folder appears when it has a use.
const TOP: &[&str] = &[
    ".cargo",
    ".ci",
    ".clippy.toml",
    ".config",
    ".gitignore",
    ".rustfmt.toml",
    "Cargo.lock",
    "Cargo.toml",
    "README.md",
    "docker",
    "schemas",
    "src",
    "tests",
    "topics",
];
/// Not ours: the repository itself, and what builds leave behind.
const UNTRACKED: &[&str] = &[".git", "target"];

const LINES_MAX: usize = 600;
const COLUMNS_MAX: usize = 100;

/// A text of the house.
struct Text {
    path: String,
    full: String,
    /// Of Rust, without comments and without what is in quotes; lines stay where they are. Other
    /// files have other quotes and are left whole.
    bare: String,
    /// Of Rust, without what is in quotes.
    unquoted: String,
}

impl Text {
    fn new(path: &str, full: &str) -> Text {
        let (bare, unquoted) = match path.ends_with(".rs") {
            true => (strip(full, false), strip(full, true)),
            false => (full.into(), full.into()),
        };
        Text { path: path.into(), full: full.into(), bare, unquoted }
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// `engine` of `src/engine/mod.rs`, `app` of `src/app.rs`.
    fn folder(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        Some(inside.split('/').next()?.trim_end_matches(".rs"))
    }

    fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.path.starts_with(place))
    }

    /// A finding at a position of `bare`.
    fn at(&self, position: usize, problem: &str) -> String {
        let line = 1 + self.bare[..position].matches('\n').count();
        format!("{}:{line}: {problem}", self.path)
    }
}

/// Takes quotes out of a source text, and comments unless they are kept.
fn strip(text: &str, keep_comments: bool) -> String {
    let mut left = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (length, keep) = match (comment(rest), quoted(rest)) {
            (Some(length), _) => (length, keep_comments),
            (None, Some(length)) => (length, false),
            (None, None) => (first.len_utf8(), true),
        };
        let (part, after) = rest.split_at(length);
        left.extend(part.chars().filter(|c| keep || *c == '\n'));
        rest = after;
    }
    left
}

/// Bytes of the comment that a text begins with.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    text.starts_with("/*").then(|| text.find("*/").map_or(text.len(), |end| end + 2))
}

/// Bytes of the string or character that a text begins with; lifetimes are none.
fn quoted(text: &str) -> Option<usize> {
    let hashes = text.strip_prefix('r').map(|rest| rest.len() - rest.trim_start_matches('#').len());
    if let Some(hashes) = hashes.filter(|hashes| text[1 + hashes..].starts_with('"')) {
        let end = format!("\"{}", "#".repeat(hashes));
        let start = 2 + hashes;
        return Some(text[start..].find(&end).map_or(text.len(), |at| start + at + end.len()));
    }
    let quote = text.chars().next().filter(|c| ['"', '\''].contains(c))?;
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote && at > 1 || c == '"' && quote == '"' => return Some(at + 1),
            _ if quote == '\'' && text[1..].starts_with(c) && at == 1 => {}
            _ if quote == '\'' && !text[1..].starts_with('\\') => return None,
            _ => {}
        }
    }
    None
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Positions at which a text has a word that is not part of a longer one.
fn positions(text: &str, word: &str) -> Vec<usize> {
    let apart = |at: &usize| {
        let starts = !word.starts_with(is_word) || !text[..*at].ends_with(is_word);
        let ends = !word.ends_with(is_word) || !text[at + word.len()..].starts_with(is_word);
        starts && ends
    };
    text.match_indices(word).map(|(at, _)| at).filter(apart).collect()
}

/// Paths under a root, such as `ports::log` of `crate::ports::log`, each with its position. A group
/// in braces has a path for each member.
fn paths<'a>(bare: &'a str, root: &str) -> Vec<(usize, &'a str)> {
    let mut found = vec![];
    for at in positions(bare, root) {
        let Some(after) = bare[at + root.len()..].strip_prefix("::") else { continue };
        match after.strip_prefix('{') {
            Some(group) => found.extend(members(group).into_iter().map(|member| (at, member))),
            None => found.push((at, path(after))),
        }
    }
    found
}

fn path(text: &str) -> &str {
    let text = text.trim_start();
    text.split(|c: char| !is_word(c) && c != ':').next().unwrap_or_default()
}

/// The members of a group whose opening brace has just been read.
fn members(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (1, 0, vec![]);
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => {
                found.push(path(&text[start..at]));
                start = at + 1;
            }
            _ => {}
        }
        if depth == 0 {
            found.push(path(&text[start..at]));
            break;
        }
    }
    found.retain(|path| !path.is_empty());
    found
}

fn check_direction(text: &Text) -> Vec<String> {
    let Some(folder) = text.folder() else { return vec![] };
    let Some((_, may_use)) = MAY_USE.iter().find(|(name, _)| *name == folder) else {
        let problem = "this folder has no place yet; give it a line in MAY_USE of tests/tidy.rs";
        return vec![text.at(0, problem)];
    };
    let root = if folder == "main" { "holdfast" } else { "crate" };
    let mut problems = vec![];
    for (at, path) in paths(&text.bare, root) {
        let used = path.split("::").next().unwrap_or_default();
        if used != folder && !may_use.contains(&used) {
            let problem = format!(
                "`{folder}` uses `{used}`; it may use {may_use:?}. Hand values in, or move the code"
            );
            problems.push(text.at(at, &problem));
        }
        if folder == "wire" && used == "ports" && !path.starts_with(WIRE_MAY_USE) {
            let problem = format!("`wire` uses `{path}`; of the ports only `{WIRE_MAY_USE}`");
            problems.push(text.at(at, &problem));
        }
    }
    problems
}

/// `super` must not lead out of the folder, past the check of the direction.
fn check_super(text: &Text) -> Vec<String> {
    let Some(inside) = text.path.strip_prefix("src/") else { return vec![] };
    let depth = inside.trim_end_matches("/mod.rs").split('/').count();
    let mut problems = vec![];
    for at in positions(&text.bare, "super") {
        let up = text.bare[at..].split("::").take_while(|part| *part == "super").count();
        let nested = text.bare[..at].contains("mod tests {");
        if up >= depth + usize::from(nested) {
            problems.push(text.at(at, "`super` leaves the folder; write `crate::` and its name"));
        }
    }
    problems
}

/// Positions at which a crate is named as one: as the head of a path or as all of a `use`.
fn uses_of_crate(text: &Text, name: &str) -> Vec<usize> {
    let named = |at: &usize| {
        let before = text.bare[..*at].trim_end_matches("::");
        let path = text.bare[at + name.len()..].starts_with("::") && !before.ends_with(is_word);
        path || before.ends_with("use ")
    };
    positions(&text.bare, name).into_iter().filter(named).collect()
}

fn check_crates(text: &Text) -> Vec<String> {
    let Some(folder) = text.folder() else { return vec![] };
    let mut problems = vec![];
    for (name, homes) in CRATES.iter().filter(|(_, homes)| !homes.contains(&folder)) {
        let problem = format!("`{name}` lives in {homes:?} only; go through their functions");
        problems.extend(uses_of_crate(text, name).into_iter().map(|at| text.at(at, &problem)));
    }
    problems
}

/// The names under `[dependencies]`, as code spells them.
fn dependencies(manifest: &str) -> Vec<String> {
    let section = manifest.split("\n[dependencies]\n").nth(1).unwrap_or_default();
    let lines = section.lines().take_while(|line| !line.starts_with('['));
    lines.filter_map(|line| Some(line.split_once('=')?.0.trim().replace('-', "_"))).collect()
}

fn check_domain(text: &Text, manifest: &str) -> Vec<String> {
    if text.folder() != Some("domain") {
        return vec![];
    }
    let mut problems = vec![];
    for name in dependencies(manifest) {
        if !DOMAIN_CRATES.contains(&name.as_str()) {
            let problem = format!("`domain` uses {DOMAIN_CRATES:?} and std; keep `{name}` outside");
            problems.extend(uses_of_crate(text, &name).into_iter().map(|at| text.at(at, &problem)));
        }
    }
    problems
}

fn check_banned(text: &Text) -> Vec<String> {
    let mut problems = vec![];
    for (word, places, but, instead) in BANNED {
        if text.is_in(places) && !but.contains(&text.path.as_str()) {
            let problem = format!("`{word}` has no place here; {instead}");
            let found = positions(&text.bare, word).into_iter();
            problems.extend(found.map(|at| text.at(at, &problem)));
        }
    }
    problems
}

/// Marks of unfinished work and folders of one machine, in any text.
fn check_words(text: &Text) -> Vec<String> {
    let mut problems = vec![];
    for (number, line) in (1..).zip(text.full.lines()) {
        for marker in MARKERS.iter().filter(|marker| !positions(line, marker).is_empty()) {
            let path = &text.path;
            problems.push(format!("{path}:{number}: {marker} is left; do it, or say why not"));
        }
        let whole = |folder: &&&str| {
            positions(line, folder)
                .into_iter()
                .any(|at| !line[..at].ends_with(|c: char| is_word(c) || "-.*/<~}".contains(c)))
        };
        for folder in MACHINE.iter().filter(whole) {
            let path = &text.path;
            problems.push(format!("{path}:{number}: {folder} is on one machine; take it as input"));
        }
    }
    problems
}

/// Files can be read at one sitting and lines on one screen. A text in quotes may run on, so that
/// it is found whole when somebody looks for it.
fn check_size(text: &Text) -> Vec<String> {
    let mut problems = vec![];
    let lines = text.full.lines().count();
    if lines > LINES_MAX {
        let path = &text.path;
        let problem = format!("{path}:{lines}: more than {LINES_MAX} lines; part it by subject");
        problems.push(problem);
    }
    for (number, line) in (1..).zip(text.unquoted.lines()) {
        let columns = line.chars().count();
        if columns > COLUMNS_MAX {
            let path = &text.path;
            let problem = format!("{path}:{number}: {columns} columns; break it at {COLUMNS_MAX}");
            problems.push(problem);
        }
    }
    problems
}

fn check_top(names: &BTreeSet<String>) -> Vec<String> {
    let stray =
        |name: &&String| !TOP.contains(&name.as_str()) && !UNTRACKED.contains(&name.as_str());
    let problem = |name: &String| format!("{name}:1: not for the top level; it has {TOP:?}");
    names.iter().filter(stray).map(problem).collect()
}

/// The modules of the library stand in alphabetical order, so that merges find their place.
fn check_order(text: &Text) -> Vec<String> {
    let modules: Vec<&str> =
        text.bare.lines().filter(|line| line.starts_with("pub mod ")).collect();
    let fall = modules.windows(2).find(|pair| pair[0] >= pair[1]);
    let problem = |pair: &[&str]| {
        let at = text.bare.find(pair[1]).unwrap_or_default();
        text.at(at, &format!("`{}` stands after `{}`; sort them", pair[1], pair[0]))
    };
    fall.map(problem).into_iter().collect()
}

/// Every text of the house but for bytes, locks and this one's planted faults.
fn house() -> Vec<Text> {
    let mut texts = vec![];
    let mut paths: Vec<String> = TOP.iter().map(ToString::to_string).collect();
    while let Some(path) = paths.pop() {
        let full = root().join(&path);
        if full.is_dir() {
            let entries = fs::read_dir(&full).expect("a folder can be listed");
            let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
            paths.extend(entries.map(|entry| format!("{path}/{}", name(entry.expect("entry")))));
        } else if path != "Cargo.lock"
            && let Ok(text) = fs::read_to_string(&full)
        {
            texts.push(Text::new(&path, &text));
        }
    }
    assert!(texts.len() > 100, "the house has been found");
    texts.sort_by(|one, other| one.path.cmp(&other.path));
    texts
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn manifest() -> String {
    fs::read_to_string(root().join("Cargo.toml")).expect("the manifest can be read")
}

#[track_caller]
fn clean(problems: impl Iterator<Item = String>) {
    let problems: Vec<String> = problems.collect();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

/// Problems that planted lines of a file make; each must name the file and the line.
#[track_caller]
fn finds(check: impl Fn(&Text) -> Vec<String>, path: &str, planted: &[&str], harmless: &[&str]) {
    for line in planted {
        let problems = check(&Text::new(path, &format!("//! Doc.\n{line}\n")));
        let start = format!("{path}:2: ");
        assert!(problems.iter().any(|problem| problem.starts_with(&start)), "not found: {line}");
    }
    for line in harmless {
        assert_eq!(check(&Text::new(path, line)), Vec::<String>::new(), "{line}");
    }
}

#[test]
fn folders_use_each_other_in_one_direction() {
    clean(house().iter().filter(|text| text.is_rust()).flat_map(check_direction));
    clean(house().iter().filter(|text| text.is_rust()).flat_map(check_super));
    finds(
        check_direction,
        "src/engine/batch.rs",
        &[
            "use crate::kafka::Cluster;",
            "use crate::{domain::ids, cql::{self, Ledger}};",
            "fn f(_: &crate::app::Owner) {}",
        ],
        &[
            "use crate::{domain::ids::{EventId, HoldId}, ports::log, wire};",
            "//! See [`crate::kafka`].",
            "const TEXT: &str = \"crate::kafka\";",
            "use crate::engine::rule::Rule;",
        ],
    );
    let wire = ["use crate::ports::ledger::Fence;", "use crate::{ports::{ledger}};"];
    finds(check_direction, "src/wire/term.rs", &wire, &["use crate::ports::log::Topic;"]);
    finds(check_direction, "src/domain/ids.rs", &["use crate::wire::term;"], &[]);
    finds(check_direction, "src/main.rs", &["use holdfast::app::run;"], &["holdfast::cli::run()"]);
    assert!(check_direction(&Text::new("src/attic/mod.rs", ""))[0].contains("no place yet"));
    let nested = "mod tests { use super::*; use super::super::ids; }";
    finds(
        check_super,
        "src/engine/mod.rs",
        &["use super::kafka;"],
        &["mod tests { use super::*; }"],
    );
    finds(check_super, "src/engine/batch.rs", &["use super::super::kafka;"], &[nested]);
}

#[test]
fn foreign_crates_live_in_one_folder() {
    clean(house().iter().filter(|text| text.is_rust()).flat_map(check_crates));
    finds(
        check_crates,
        "src/engine/mod.rs",
        &["use rdkafka;", "use scylla::Session;", "fn f(_: ::tokio::time::Sleep) {}"],
        &["let scylla = 1;", "// tokio::time", "use crate::x::clap;"],
    );
    finds(check_crates, "src/cql/mod.rs", &["use rdkafka::Offset;"], &["use scylla::Session;"]);
}

#[test]
fn the_domain_is_pure() {
    let manifest = manifest();
    let check = |text: &Text| check_domain(text, &manifest);
    clean(house().iter().filter(|text| text.is_rust()).flat_map(check));
    let fine = ["use uuid::Uuid;", "use thiserror::Error;", "use std::fmt;"];
    finds(check, "src/domain/ids.rs", &["use serde::Serialize;", "lz4_flex::pack()"], &fine);
}

#[test]
fn nothing_is_called_where_it_must_not_be() {
    clean(house().iter().filter(|text| text.is_rust()).flat_map(check_banned));
    for (word, places, ..) in BANNED {
        let path = format!("{}x.rs", places[0]);
        let harmless = [format!("// {word}"), format!("\"{word}\""), format!("my_{word}")];
        let harmless: Vec<&str> =
            harmless.iter().take(if word.starts_with('#') { 2 } else { 3 }).map(|s| &**s).collect();
        finds(check_banned, &path, &[&format!("fn f() {{ {word} }}")], &harmless);
    }
    finds(check_banned, "src/ports/clock.rs", &[], &["SystemTime::now()"]);
}

#[test]
fn nothing_is_left_for_later_and_nothing_is_of_one_machine() {
    clean(house().iter().flat_map(check_words));
    for marker in MARKERS {
        let harmless = format!("mktemp {marker}{marker}");
        finds(check_words, "docker/x.yml", &[&format!("# {marker}: x")], &[&harmless]);
    }
    for folder in MACHINE {
        let harmless = [format!("frame{folder}/x"), format!("a {folder}er")];
        let harmless: Vec<&str> = harmless.iter().map(|s| &**s).collect();
        finds(check_words, "src/x.rs", &[&format!("open(\"{folder}/x\")")], &harmless);
    }
}

#[test]
fn files_and_lines_keep_to_their_size() {
    clean(house().iter().filter(|text| text.is_rust()).flat_map(check_size));
    let long = |line: &str| line.replace('~', &"a".repeat(COLUMNS_MAX));
    let planted = [long("// ~"), long("let ~ = 1;")];
    let planted: Vec<&str> = planted.iter().map(|s| &**s).collect();
    let harmless =
        [long("let a = \"~\";"), long("let a = r#\"~\"~\"#;"), long("let c = '\"'; \"~\"")];
    let harmless: Vec<&str> = harmless.iter().map(|s| &**s).collect();
    finds(check_size, "src/x.rs", &planted, &harmless);
    let tall = Text::new("src/x.rs", &"\n".repeat(LINES_MAX + 1));
    assert!(check_size(&tall)[0].starts_with("src/x.rs:601: "));
}

#[test]
fn the_top_level_has_only_what_was_agreed() {
    let entries = fs::read_dir(root()).expect("the top can be listed");
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let names = entries.map(|entry| name(entry.expect("entry"))).collect();
    clean(check_top(&names).into_iter());
    let planted = BTreeSet::from(["notes.md".to_owned(), "src".to_owned(), ".git".to_owned()]);
    assert!(check_top(&planted)[0].starts_with("notes.md:1: "));
    assert_eq!(check_top(&planted).len(), 1);
}

#[test]
fn the_modules_of_the_library_are_sorted() {
    clean(house().iter().filter(|text| text.path == "src/lib.rs").flat_map(check_order));
    let planted = check_order(&Text::new("src/lib.rs", "pub mod b;\n#[x]\npub mod a;\n"));
    assert!(planted[0].starts_with("src/lib.rs:3: "), "{planted:?}");
}
