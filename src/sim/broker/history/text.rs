//! Histories as text.

use std::fmt;
use std::str::FromStr;

use super::{Answer, Captured, Life, Offset, Operation, PLACES, Step};
use crate::ports::log::Topic;

impl FromStr for Step {
    type Err = String;

    fn from_str(line: &str) -> Result<Step, String> {
        let (operation, answer) = line.split_once(" = ").ok_or("no answer")?;
        let operation = read_operation(operation).ok_or("no operation")?;
        Ok(Step { operation, answer: answer.to_owned() })
    }
}

fn read_operation(text: &str) -> Option<Operation> {
    let words: Vec<&str> = text.split(' ').collect();
    Some(match *words {
        ["init", id] => Operation::Init(read(id)?),
        ["produce", life, place, ref numbers @ ..] => {
            let numbers = numbers.iter().map(|number| read(number)).collect::<Option<_>>()?;
            Operation::Produce(read_life(life)?, read_place(place)?, numbers)
        }
        ["offsets", life, partition, offset, "by", member] => {
            let (offset, number) = offset.split_once(':')?;
            let offset = Offset { offset: read(offset)?, number: read(number)? };
            let (member, generation) = member.split_once('@')?;
            let captured = Captured { life: read_life(member)?, generation: read(generation)? };
            Operation::Offsets(read_life(life)?, read(partition)?, offset, captured)
        }
        ["commit", life] => Operation::End(read_life(life)?, true),
        ["abort", life] => Operation::End(read_life(life)?, false),
        ["append", partition, number] => Operation::Append(read(partition)?, read(number)?),
        ["join", instance] => Operation::Join(read(instance)?),
        ["settle"] => Operation::Settle,
        ["leave", life] => Operation::Leave(read_life(life)?),
        ["lose", life] => Operation::Lose(read_life(life)?),
        ["end", place] => Operation::EndOf(read_place(place)?),
        ["stable", place] => Operation::StableEnd(read_place(place)?),
        ["read", place] => Operation::Read(read_place(place)?),
        ["position", partition] => Operation::Position(read(partition)?),
        ["stable", "position", partition] => Operation::StablePosition(read(partition)?),
        _ => return None,
    })
}

fn read<T: FromStr>(word: &str) -> Option<T> {
    word.parse().ok()
}

fn read_life(word: &str) -> Option<Life> {
    let name = word.chars().next()?;
    Some(Life { name, number: read(word.strip_prefix(name)?)? })
}

fn read_place(word: &str) -> Option<(Topic, i32)> {
    PLACES.into_iter().find(|place| Place(*place).to_string() == word)
}

struct Place((Topic, i32));

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place((topic, partition)) = *self;
        write!(f, "{}/{partition}", topic.name().trim_start_matches("booking."))
    }
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name, self.number)
    }
}

impl fmt::Display for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.life, self.generation)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operation::Init(id) => write!(f, "init {id}"),
            Operation::Produce(life, place, numbers) => {
                write!(f, "produce {life} {}", Place(*place))?;
                numbers.iter().try_for_each(|number| write!(f, " {number}"))
            }
            Operation::Offsets(life, partition, Offset { offset, number }, member) => {
                write!(f, "offsets {life} {partition} {offset}:{number} by {member}")
            }
            Operation::End(life, true) => write!(f, "commit {life}"),
            Operation::End(life, false) => write!(f, "abort {life}"),
            Operation::Append(partition, number) => write!(f, "append {partition} {number}"),
            Operation::Join(instance) => write!(f, "join {instance}"),
            Operation::Settle => f.write_str("settle"),
            Operation::Leave(life) => write!(f, "leave {life}"),
            Operation::Lose(life) => write!(f, "lose {life}"),
            Operation::EndOf(place) => write!(f, "end {}", Place(*place)),
            Operation::StableEnd(place) => write!(f, "stable {}", Place(*place)),
            Operation::Read(place) => write!(f, "read {}", Place(*place)),
            Operation::Position(partition) => write!(f, "position {partition}"),
            Operation::StablePosition(partition) => write!(f, "stable position {partition}"),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Done => f.write_str("done"),
            Answer::At(offset) => write!(f, "at {offset}"),
            Answer::Fenced => f.write_str("fenced"),
            Answer::Stale => f.write_str("stale"),
            Answer::Invalid => f.write_str("invalid"),
            Answer::Generation(generation, members) => {
                write!(f, "generation {generation}")?;
                members.iter().try_for_each(|(life, partitions)| {
                    let partitions: Vec<String> =
                        partitions.iter().map(ToString::to_string).collect();
                    write!(f, " {life}:{}", partitions.join(","))
                })
            }
            Answer::Rebalance => f.write_str("rebalance"),
            Answer::Empty => f.write_str("empty"),
            Answer::Offset(offset) => write!(f, "{offset}"),
            Answer::Records(records) if records.is_empty() => f.write_str("none"),
            Answer::Records(records) => {
                let records: Vec<String> =
                    records.iter().map(|(offset, number)| format!("{offset}:{number}")).collect();
                f.write_str(&records.join(" "))
            }
            Answer::Position(None) => f.write_str("none"),
            Answer::Position(Some((offset, number))) => write!(f, "{offset}:{number}"),
            Answer::Unstable => f.write_str("unstable"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.operation, self.answer)
    }
}
