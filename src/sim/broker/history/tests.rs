//! That a disagreement is found: in answers that were altered, and by brokers with a fault. That
//! there is none is for the integration tests to say, on all that was recorded.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use super::replay::Ways;
use super::*;
use crate::domain::time::At;
use crate::sim::broker::{Cluster, Marker, State};
use crate::sim::group::{Membership, Turn};

/// So that no fault is found by one lucky history alone.
const FOUND_MIN: usize = 3;

/// A hundred histories of real brokers.
static RECORDED: LazyLock<Vec<History>> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories/log-0.txt");
    let text = fs::read_to_string(path).expect("it is part of the repository");
    History::read_all(&text).expect("it was written so")
});

#[test]
fn a_history_is_the_same_after_being_written() {
    let text: String = RECORDED.iter().map(History::to_string).collect();
    assert_eq!(History::read_all(&text).as_ref(), Ok(&*RECORDED));
}

#[test]
fn what_is_no_history_is_named() {
    let wrong = |text: &str, told: &str| {
        let error = History::read_all(text).unwrap_err();
        assert!(error.contains(told), "{error}");
    };
    wrong("init x = done", "line 1: a step of no history");
    wrong("# Comment.\nhistory x", "line 2: this is no seed");
    wrong("history 1\ninit x", "line 2: no answer");
    for operation in ["init", "produce x1 sold/0 1", "offsets x1 0 9 by a1@1", "commit 1", ""] {
        wrong(&format!("history 1\n{operation} = done"), "line 2: no operation");
    }
}

/// Every answer in turn gives way to each other one of its kind that its history has. Which of the
/// looks comes first after an end may be a matter of chance, so not each of them is found.
#[test]
fn an_altered_answer_is_found() {
    let (mut altered, mut found) = (0, 0);
    for history in RECORDED.iter().take(20) {
        for index in 0..history.steps.len() {
            let kind = |step: &Step| std::mem::discriminant(&step.operation);
            let step = &history.steps[index];
            for other in history.steps.iter().filter(|other| kind(other) == kind(step)) {
                if other.answer == step.answer {
                    continue;
                }
                let mut history = history.clone();
                history.steps[index].answer.clone_from(&other.answer);
                altered += 1;
                found += usize::from(history.replay().is_err());
            }
        }
    }
    assert!(altered > 1_000 && found * 100 > altered * 98, "{found} of {altered}");
}

#[test]
fn markers_may_be_written_before_any_look() {
    let agree = |text: &str| History::read_all(text).unwrap()[0].replay();
    let made = "history 1\ninit x = done\nproduce x1 held/0 1 = at 0\ncommit x1 = done\n";
    assert_eq!(agree(&format!("{made}read held/0 = none\nread held/0 = 0:1\n")), Ok(()));
    assert_eq!(agree(&format!("{made}end held/0 = 2\nread held/0 = 0:1\n")), Ok(()));
    assert!(agree(&format!("{made}end held/0 = 2\nread held/0 = none\n")).is_err());
    let again = format!("{made}init x = done\n");
    assert!(agree(&format!("{again}stable held/0 = 0\n")).is_err());
    let found = agree(&format!("{made}end held/0 = 3\n")).unwrap_err();
    assert_eq!((found.number, found.simulated.len()), (4, 2));
    assert!(found.to_string().contains("simulated: 2"), "{found}");
}

/// Brokers with one fault.
fn check(fault: &str, ways: &Ways) {
    let found = RECORDED.iter().filter(|history| history.replay_with(ways).is_err()).count();
    assert!(found >= FOUND_MIN, "brokers of which {fault}: {found} notice it");
}

#[test]
fn faults_of_what_may_be_read_are_found() {
    let real = Ways::REAL;
    let stable_end = |cluster: &Cluster, place| cluster.end_of(place);
    check("the stable end ignores open transactions", &Ways { stable_end, ..real });
    let end = |cluster: &mut Cluster, id: (&str, u32), _| cluster.end(id, true);
    check("an abort keeps the records", &Ways { end, ..real });
    let read = |cluster: &Cluster, place| {
        let log = cluster.log(place);
        let committed = log.records.iter().filter(|stored| !stored.marker);
        let committed = committed.filter(|stored| cluster.is_committed(stored));
        committed.map(|stored| (stored.raw.offset, number(stored.raw.value.as_deref()))).collect()
    };
    check("readers see past open transactions", &Ways { read, ..real });
    let write = |cluster: &mut Cluster, marker: &Marker| {
        cluster.write(marker);
        if let Some(place) = marker.place {
            cluster.log_mut(place).records.retain(|stored| !stored.marker);
        }
    };
    check("markers take no offsets", &Ways { write, ..real });
}

fn number(value: Option<&[u8]>) -> u32 {
    std::str::from_utf8(value.unwrap()).unwrap().parse().unwrap()
}

#[test]
fn faults_of_fencing_are_found() {
    let real = Ways::REAL;
    let init = |cluster: &mut Cluster, id: &str| {
        let before = cluster.producers.get(id).map_or(0, |producer| producer.epoch);
        let initialised = cluster.init(id);
        let producer = cluster.producers.get_mut(id).unwrap();
        producer.epoch = before.max(1);
        initialised.map(|_| producer.epoch)
    };
    check("a new producer has its predecessor's epoch", &Ways { init, ..real });
    let init = |cluster: &mut Cluster, id: &str| match cluster.init(id) {
        Err(markers) if !markers.is_empty() => {
            let producer = cluster.producers.get_mut(id).unwrap();
            if let State::Completing(completing) = &mut producer.state {
                completing.commit = true;
                cluster.fates[completing.txn.0 as usize] = crate::sim::broker::Fate::Committed;
            }
            Err(markers)
        }
        initialised => initialised,
    };
    check("a new producer commits what was open", &Ways { init, ..real });
    let init = |cluster: &mut Cluster, id: &str| {
        let open =
            matches!(cluster.producers.get(id), Some(p) if matches!(p.state, State::Ongoing(_)));
        if !open {
            return cluster.init(id);
        }
        let producer = cluster.producers.get_mut(id).unwrap();
        producer.epoch += 1;
        Ok(producer.epoch)
    };
    check("a new producer goes on with what was open", &Ways { init, ..real });
}

#[test]
fn faults_of_offsets_are_found() {
    let real = Ways::REAL;
    let send_offsets =
        |cluster: &mut Cluster, id: (&str, u32), member: &Membership, offsets: &_| {
            let generation = cluster.group.generation();
            let member = Membership { generation, ..member.clone() };
            cluster.send_offsets(id, At(0), &member, offsets)
        };
    check("the generation is not looked at", &Ways { send_offsets, ..real });
    let send_offsets =
        |cluster: &mut Cluster, id: (&str, u32), member: &Membership, offsets: &_| {
            if cluster.group.is_rebalancing() {
                let stranger = Membership { member: 0, ..member.clone() };
                return cluster.send_offsets(id, At(0), &stranger, offsets);
            }
            cluster.send_offsets(id, At(0), member, offsets)
        };
    check("nobody is admitted in a rebalance", &Ways { send_offsets, ..real });
    let send_offsets =
        |cluster: &mut Cluster, id: (&str, u32), member: &Membership, offsets: &_| {
            let latest = (1..100).rev().find(|id| cluster.group.knows(&member.instance, *id));
            let member = Membership { member: latest.unwrap_or(0), ..member.clone() };
            cluster.send_offsets(id, At(0), &member, offsets)
        };
    check("whoever was replaced is a member", &Ways { send_offsets, ..real });
    let send_offsets = |cluster: &mut Cluster,
                        id: (&str, u32),
                        member: &Membership,
                        offsets: &[(i32, i64, String)]| {
        let bare: Vec<_> = offsets
            .iter()
            .map(|(partition, offset, _)| (*partition, *offset, "0".to_owned()))
            .collect();
        cluster.send_offsets(id, At(0), member, &bare)
    };
    check("metadata is lost", &Ways { send_offsets, ..real });
}

#[test]
fn faults_of_positions_are_found() {
    let real = Ways::REAL;
    let stable_offset = |cluster: &Cluster, partition| Some(cluster.offset(partition));
    check("every position is stable", &Ways { stable_offset, ..real });
    let offset = |cluster: &Cluster, partition| {
        let pending = cluster.producers.values().find_map(|producer| match &producer.state {
            State::Ongoing(ongoing) => ongoing.offsets.get(&partition),
            State::Empty | State::Completing(_) => None,
        });
        pending.map(|sent| sent.1.clone()).or_else(|| cluster.offset(partition))
    };
    check("positions are seen before they are committed", &Ways { offset, ..real });
    let end = |cluster: &mut Cluster, (id, epoch): (&str, u32), commit| {
        let markers = cluster.end((id, epoch), commit)?;
        if let (false, State::Completing(completing)) = (commit, &cluster.producers[id].state) {
            let offsets = completing.offsets.clone();
            cluster.offsets.extend(offsets);
        }
        Ok(markers)
    };
    check("an abort keeps the positions", &Ways { end, ..real });
    let write = |cluster: &mut Cluster, marker: &Marker| {
        let sent = BTreeMap::clone(&cluster.offsets);
        for (number, _) in cluster.offsets.values_mut() {
            *number = 0;
        }
        cluster.write(marker);
        for (partition, (number, _)) in &mut cluster.offsets {
            if *number == 0 {
                *number = sent[partition].0;
            }
        }
    };
    check("what is committed last counts, not what was sent last", &Ways { write, ..real });
}

#[test]
fn faults_of_the_group_are_found() {
    let real = Ways::REAL;
    let join = |cluster: &mut Cluster, instance: &str| {
        let (member, turn) = cluster.group.join(instance);
        match turn {
            Turn::Replaced(_) => (member, cluster.group.shake()),
            Turn::Nothing | Turn::Rebalance | Turn::Generation(_) => (member, turn),
        }
    };
    check("whoever comes back begins a generation", &Ways { join, ..real });
    let join = |cluster: &mut Cluster, instance: &str| match cluster.group.join(instance) {
        (member, Turn::Replaced(mut assigned)) => {
            assigned.partitions.pop();
            (member, Turn::Replaced(assigned))
        }
        joined => joined,
    };
    check("whoever comes back loses a partition", &Ways { join, ..real });
}
