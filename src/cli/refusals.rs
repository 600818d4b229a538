//! `holdfast refusals`: the codes.

use clap::Args;
use serde_json::{Value, json};

use super::Ending;
use super::failure::Failure;
use super::output::{Output, table};
use crate::domain::refusal::Code;

/// Print the refusal codes, in order of precedence
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  holdfast refusals --json")]
pub(super) struct Arguments {}

pub(super) fn execute(output: Output) -> Result<Ending, Failure> {
    output.data(text(), &Code::ALL.iter().map(json_of).collect())?;
    Ok(Ending::Done)
}

fn text() -> String {
    let head = ["code", "name", "retry", "meaning"].map(str::to_owned).to_vec();
    let row = |code: &Code| {
        let retry = if code.is_retryable() { "new id" } else { "no" };
        vec![code.number().to_string(), code.name().into(), retry.into(), code.help().into()]
    };
    let rows: Vec<Vec<String>> = [head].into_iter().chain(Code::ALL.iter().map(row)).collect();
    table(&rows)
}

fn json_of(code: &Code) -> Value {
    json!({
        "code": code.number(),
        "name": code.name(),
        "retryable": code.is_retryable(),
        "help": code.help(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::golden;

    #[test]
    fn the_table_of_codes_is_the_golden_one() {
        golden("refusals.txt", &super::text());
    }
}
