//! `holdfast audit explain`: the story of a request or of a place.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::super::Ending;
use super::super::failure::Failure;
use super::super::output::Output;
use super::super::render::{advice, cause_name, line, object, time};
use super::{Explain, partitions};
use crate::app::Backend;
use crate::app::audit::explain::{
    Asking, Explained, Fate, Holder, Moment, Question, Story, Turn, Who, explain,
};
use crate::domain::outcome::OutcomeBody;
use crate::domain::seat::Cause;

pub(super) fn execute(
    backend: &Backend,
    asked: &Explain,
    output: Output,
) -> Result<Ending, Failure> {
    let Some(question) = question(asked) else {
        return Err(Failure::usage("name a --request, or a --seat with its --event"));
    };
    let partitions = partitions(backend, asked.event.as_ref());
    let found = explain(backend, &partitions, &question, |step| output.words(step))?;
    if found.is_empty() {
        return Err(Failure::absent(nothing(&question)));
    }
    output.data(text(&found), &json_of(&found))?;
    Ok(Ending::Done)
}

fn question(asked: &Explain) -> Option<Question> {
    match (&asked.request, &asked.seat, &asked.event) {
        (Some(request), _, _) => Some(Question::Request(*request)),
        (None, Some(seat), Some(event)) => Some(Question::Seat(event.clone(), seat.clone())),
        (None, _, _) => None,
    }
}

fn nothing(question: &Question) -> String {
    match question {
        Question::Request(id) => format!(
            "no record of request {id} is on the topics; was it sent to this deployment, and is its \
             time within their retention?"
        ),
        Question::Seat(event, seat) => format!(
            "nobody had place {seat} of event {event}, and it was in no block; places are named as \
             their definition does, such as stalls/A/1"
        ),
    }
}

fn text(found: &Explained) -> String {
    let mut text = String::new();
    if found.left_out > 0 {
        let _ = writeln!(text, "{} earlier ones are left out", found.left_out);
    }
    match &found.story {
        Story::Request(askings) => askings.iter().for_each(|asking| tell_asking(&mut text, asking)),
        Story::Seat(turns) => turns.iter().for_each(|turn| tell_turn(&mut text, turn)),
    }
    text.trim_end().to_owned()
}

fn tell_asking(text: &mut String, asking: &Asking) {
    let Asking { partition, offset, appended, event, kind, .. } = asking;
    let whose = asking.buyer.as_ref().map_or(String::new(), |buyer| format!(" for buyer {buyer}"));
    let _ = writeln!(
        text,
        "asked     {kind} of event {event}{whose}, partition {partition}, offset {offset}, {}",
        time(*appended)
    );
    let Some(answer) = asking.outcomes.last() else {
        let _ = writeln!(text, "          not answered");
        return;
    };
    let (waited, at) = (answer.header.waited, time(answer.header.decided_at));
    let _ = writeln!(text, "decided   at {at}, after a wait of {waited}");
    for outcome in &asking.outcomes {
        text.push_str(&line(outcome));
        if let OutcomeBody::Refused(refusal) = &outcome.body {
            text.push_str(&advice(refusal));
        }
        text.push('\n');
    }
    for (seat, rival) in &asking.rivals {
        let _ = writeln!(text, "lost      {seat} to {}", holder(rival));
    }
    if let Some(own) = &asking.own {
        let _ = writeln!(text, "its hold  {}", holder(own));
    }
}

fn holder(holder: &Holder) -> String {
    let Holder { hold, buyer, claimed, fate } = holder;
    let fate = match fate {
        Fate::Held { deadline } => format!("held until {}", time(*deadline)),
        Fate::Booked(since) => format!("booked at {}", moment(since)),
        Fate::Left(since, cause) => format!("{} at {}", cause_name(*cause), moment(since)),
    };
    format!("hold {hold} of buyer {buyer}, claimed at {}: {fate}", moment(claimed))
}

fn moment(moment: &Moment) -> String {
    format!("offset {} ({})", moment.offset, time(moment.at))
}

fn tell_turn(text: &mut String, turn: &Turn) {
    let who = match &turn.who {
        Who::Hold(hold, buyer) => format!("hold {hold} of buyer {buyer}"),
        Who::Block(reason) => format!("blocked for {reason}"),
    };
    let booked = turn.booked.as_ref().map(|since| format!(", booked at {}", moment(since)));
    let to = match &turn.to {
        None => ", and still is".into(),
        Some((until, cause)) => format!(", until {}: {}", moment(until), ending(*cause)),
    };
    let from = moment(&turn.from);
    let _ = writeln!(text, "{who}, from {from}{}{to}", booked.unwrap_or_default());
}

/// A block has no cause of its own.
const fn ending(cause: Cause) -> &'static str {
    match cause {
        Cause::None => "unblocked",
        Cause::Expired | Cause::Released | Cause::Cancelled => cause_name(cause),
    }
}

fn json_of(found: &Explained) -> Value {
    let story = match &found.story {
        Story::Request(askings) => askings.iter().map(asking_object).collect::<Vec<_>>(),
        Story::Seat(turns) => turns.iter().map(turn_object).collect(),
    };
    json!({ "left_out": found.left_out, "story": story })
}

fn asking_object(asking: &Asking) -> Value {
    let rivals = asking.rivals.iter().map(|(seat, rival)| {
        let mut rival = holder_object(rival);
        rival["seat"] = json!(seat);
        rival
    });
    json!({
        "partition": asking.partition.0,
        "offset": asking.offset,
        "appended": time(asking.appended),
        "event": asking.event.as_str(),
        "kind": asking.kind,
        "buyer": asking.buyer.as_ref().map(|buyer| buyer.as_str()),
        "code": asking.code().map(|code| code.name()),
        "outcomes": asking.outcomes.iter().map(object).collect::<Vec<_>>(),
        "rivals": rivals.collect::<Vec<_>>(),
        "own": asking.own.as_ref().map(holder_object),
    })
}

fn holder_object(holder: &Holder) -> Value {
    let (state, deadline, since) = match &holder.fate {
        Fate::Held { deadline } => ("held", Some(*deadline), None),
        Fate::Booked(since) => ("booked", None, Some(since)),
        Fate::Left(since, cause) => (cause_name(*cause), None, Some(since)),
    };
    json!({
        "hold": holder.hold.to_string(),
        "buyer": holder.buyer.as_str(),
        "claimed": moment_object(&holder.claimed),
        "fate": state,
        "deadline": deadline.map(time),
        "since": since.map(moment_object),
    })
}

fn moment_object(moment: &Moment) -> Value {
    json!({ "offset": moment.offset, "at": time(moment.at) })
}

fn turn_object(turn: &Turn) -> Value {
    let (hold, buyer, block) = match &turn.who {
        Who::Hold(hold, buyer) => (Some(hold.to_string()), Some(buyer.as_str()), None),
        Who::Block(reason) => (None, None, Some(reason.as_str())),
    };
    json!({
        "hold": hold,
        "buyer": buyer,
        "block": block,
        "from": moment_object(&turn.from),
        "booked": turn.booked.as_ref().map(moment_object),
        "to": turn.to.as_ref().map(|(until, _)| moment_object(until)),
        "cause": turn.to.as_ref().map(|(_, cause)| ending(*cause)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{BuyerId, Digest, EventId, Partition, RequestId};
    use crate::domain::outcome::{Header, Outcome, Role};
    use crate::domain::refusal::{Code, Refusal};
    use crate::domain::time::{At, Millis};

    #[test]
    fn a_turn_says_from_when_to_when_and_why() {
        let at = |offset| Moment { offset, at: At(1_700_000_000_000 + offset) };
        let hold = RequestId::NONE;
        let ann = Turn {
            who: Who::Hold(hold, BuyerId::new("ann").unwrap()),
            from: at(2),
            booked: Some(at(5)),
            to: Some((at(9), Cause::Cancelled)),
        };
        let press = Turn { who: Who::Block("press".into()), from: at(11), booked: None, to: None };
        let found = Explained { story: Story::Seat(vec![ann, press]), left_out: 3 };
        let told = text(&found);
        assert!(told.starts_with("3 earlier ones are left out\nhold 00000000"), "{told}");
        assert!(told.contains("of buyer ann, from offset 2 (2023-11-14T22:13:20.002Z)"), "{told}");
        assert!(told.contains("booked at offset 5") && told.contains("until offset 9"), "{told}");
        assert!(
            told.ends_with(
                "blocked for press, from offset 11 (2023-11-14T22:13:20.011Z), and still is"
            ),
            "{told}"
        );
        let json = json_of(&found);
        assert_eq!(json["story"][0]["cause"], "cancelled");
        assert_eq!(json["story"][1]["to"], Value::Null);
    }

    #[test]
    fn a_refusal_is_told_with_its_ground_and_its_rivals() {
        let (event, hold) = (EventId::new("cup-final").unwrap(), RequestId::NONE);
        let buyer = |name| BuyerId::new(name).unwrap();
        let at = |offset| Moment { offset, at: At(1_700_000_000_000 + offset) };
        let header = Header {
            event: event.clone(),
            sequence: 3,
            request: hold,
            partition: Partition(4),
            offset: 9,
            role: Role::Answer,
            decided_at: at(9).at,
            waited: Millis(7),
            buyer: Some(buyer("bob")),
            digest: Digest::default(),
        };
        let refusal = Refusal::over_seats(Code::SeatsTaken, vec!["A/1".into()]);
        let fate = Fate::Booked(at(12));
        let rival = Holder { hold, buyer: buyer("ann"), claimed: at(2), fate };
        let asking = Asking {
            partition: Partition(4),
            offset: 9,
            appended: at(8).at,
            event,
            buyer: Some(buyer("bob")),
            kind: "claim",
            outcomes: vec![Outcome { header, body: OutcomeBody::Refused(refusal) }],
            rivals: vec![("A/1".into(), rival)],
            own: None,
        };
        let mut found = Explained { story: Story::Request(vec![asking.clone()]), left_out: 0 };
        let told = text(&found);
        assert!(told.starts_with("asked     claim of event cup-final for buyer bob"), "{told}");
        assert!(
            told.contains("after a wait of 7 ms\n") && told.contains("\n  seats: A/1"),
            "{told}"
        );
        assert!(
            told.contains("\nlost      A/1 to hold 0000") && told.contains("booked at offset 12")
        );
        let story = &json_of(&found)["story"][0];
        assert_eq!(
            (&story["code"], &story["rivals"][0]["seat"]),
            (&json!("seats-taken"), &json!("A/1"))
        );
        found.story = Story::Request(vec![Asking { outcomes: vec![], ..asking }]);
        assert!(text(&found).ends_with("not answered"));
    }

    #[test]
    fn what_is_not_there_is_told_with_what_to_look_at() {
        let event = EventId::new("cup-final").unwrap();
        let seat = nothing(&Question::Seat(event, "A/1".into()));
        assert!(seat.contains("place A/1 of event cup-final"), "{seat}");
        assert!(nothing(&Question::Request(RequestId::NONE)).contains("retention"));
    }
}
