//! That a disagreement is found: in answers that were altered, and by ledgers with a fault. That
//! there is none is for the integration tests to say, on all that was recorded.

mod faults;

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use super::*;
use crate::domain::ids::EventId;
use crate::sim::ledger::{Shape, SimLedger};

/// A hundred histories of a real server.
static RECORDED: LazyLock<Vec<History>> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories/ledger-0.txt");
    let text = fs::read_to_string(path).expect("it is part of the repository");
    History::read_all(&text).expect("it was written so")
});

/// A history that a simulated ledger answered, taking the last first of what is asked at once.
fn made_up(seed: u64) -> History {
    let event = EventId::new("made-up").unwrap();
    let mut ledger = SimLedger::new(Shape::Scylla);
    let mut recording = Recording::new(seed, event.clone());
    loop {
        let questions = recording.ask();
        if questions.is_empty() {
            return recording.finish();
        }
        let answer = |question: &Question| match question {
            Question::Commit(batch) => Answer::Commit(ledger.commit(batch)),
            Question::Fence => Answer::Fence(ledger.read_fence(&event)),
            Question::Rows => Answer::Rows(ledger.read_rows(&event)),
        };
        let mut answers: Vec<Answer> = questions.iter().rev().map(answer).collect();
        answers.reverse();
        recording.tell(&answers).unwrap_or_else(|disagreement| panic!("{disagreement}"));
    }
}

#[test]
fn a_history_is_the_same_after_being_written() {
    let histories: Vec<History> = (0..50).map(made_up).collect();
    let text: String = histories.iter().map(History::to_string).collect();
    assert_eq!(History::read_all(&text), Ok(histories));
}

#[test]
fn what_is_no_history_is_named() {
    let wrong = |text: &str, told: &str| {
        let error = History::read_all(text).unwrap_err();
        assert!(error.contains(told), "{error}");
    };
    wrong("read fence = absent", "line 1: a step of no history");
    wrong("# Comment.\nhistory x", "line 2: this is no seed");
    wrong("history 1\nread fence", "line 2: no answer");
    wrong("history 1\nread seats = none", "line 2: no operation");
    for (plan, told) in [
        ("", "is no number"),
        ("1 r1", "no condition"),
        ("1 r1 if 3 out 1/-", "half a fence"),
        ("1 r1 if - out 1", "a row without a guard"),
        ("1 r1 if - out 1/- places 1:1/-", "no part of a batch"),
        ("1 r1 if - out 1/- seats 1", "a place without a guard"),
    ] {
        wrong(&format!("history 1\nsend {plan} = applied"), told);
    }
}

/// Every answer in turn gives way to each other one of its kind that its history has.
#[test]
fn an_altered_answer_is_found() {
    let mut altered = 0;
    for history in RECORDED.iter().take(8) {
        for index in 0..history.steps.len() {
            let alone = |index: usize| history.steps.get(index).is_none_or(|step| !step.together);
            // Another order may explain another answer to what was sent together.
            if !alone(index) || !alone(index + 1) {
                continue;
            }
            let kind = |step: &Step| match step.operation {
                Operation::Send(_) | Operation::Again(_) => 0,
                Operation::ReadFence => 1,
                Operation::ReadRows => 2,
            };
            let step = &history.steps[index];
            for other in history.steps.iter().filter(|other| kind(other) == kind(step)) {
                if other.answer == step.answer {
                    continue;
                }
                let mut history = history.clone();
                history.steps[index].answer.clone_from(&other.answer);
                let found = history.replay(Shape::Scylla).unwrap_err();
                assert_eq!(found.steps, [history.steps[index].clone()]);
                altered += 1;
            }
        }
    }
    assert!(altered > 1_000, "{altered}");
}

#[test]
fn what_was_sent_together_is_explained_by_an_order() {
    let agree = |text: &str| History::read_all(text).unwrap()[0].replay(Shape::Cassandra);
    let made = "history 1\nsend 1 r1 if - out 1/- = applied\n";
    // The last one first.
    let rivals = "send 2 r2 if 1/1 out 2/1 = refused 2/3\n+ send 3 r2 if 1/1 out 2/1 = applied\n";
    let read = "+ read fence = 1 out 1 of 1\n";
    assert_eq!(agree(&format!("{made}{rivals}{read}")), Ok(()));
    let both = rivals.replace("refused 2/3", "applied");
    let found = agree(&format!("{made}{both}{read}")).unwrap_err().to_string();
    assert!(found.contains("no order of what was sent together"), "{found}");
    let neither = rivals.replace("applied", "refused 2/2");
    assert!(agree(&format!("{made}{neither}")).is_err());
    // What comes after them sees the one that was taken.
    assert_eq!(agree(&format!("{made}{rivals}read fence = 3 out 2 of 3\n")), Ok(()));
    assert!(agree(&format!("{made}{rivals}read fence = 2 out 2 of 2\n")).is_err());
}
