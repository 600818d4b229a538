use super::*;
use crate::domain::ids::RequestId;
use crate::domain::outcome::{Header, Role};
use crate::domain::refusal::Refusal;
use crate::domain::request::Body;
use crate::domain::time::{At, Millis};
use crate::ports::log::OutRecord;
use crate::sim::broker;
use crate::sim::workload::Setting;

const NOW: At = At(1_800_000_000_000);

/// A partition that so many requests were asked in, and who looks at it.
struct Bench {
    cluster: Cluster,
    workload: Workload,
    trace: Trace,
    judge: Judge,
}

impl Bench {
    fn with(requests: i64) -> Bench {
        let mut cluster = Cluster::new(1);
        for _ in 0..requests {
            let value = Some(wire::request::encode(&expire()));
            let key = Some(b"nobody-knows-it".to_vec());
            let request = broker::Request { key, value, headers: vec![], seal: Seal::Valid };
            cluster.append(0, NOW, request);
        }
        let setting = Setting { partitions: 1, start: NOW, requests: 10, giant: false };
        let workload = Workload::new(&mut fastrand::Rng::with_seed(1), &setting);
        Bench { cluster, workload, trace: Trace::new(false), judge: Judge::new(1) }
    }

    /// Answers these requests in a transaction, which stays open where it is not committed.
    fn answer(&mut self, of: &[i64], commit: bool) {
        let epoch = self.cluster.init("owner").unwrap();
        let records: Vec<OutRecord> =
            of.iter().map(|of| wire::outcome::encode(&refused(*of))).collect();
        let place = (Topic::Refused, 0);
        self.cluster.produce(("owner", epoch), NOW, place, &records).unwrap();
        if commit {
            let markers = self.cluster.end(("owner", epoch), true).unwrap();
            for marker in &markers {
                self.cluster.write(marker);
            }
        }
    }

    fn move_to(&mut self, position: i64) {
        self.cluster.set_offset(0, Some((position, String::new())));
    }

    fn look(&mut self) -> bool {
        self.judge.look(&self.cluster, &mut self.workload, &mut self.trace)
    }

    fn found(mut self, refusable: &[i32]) -> Vec<String> {
        let Bench { cluster, workload, trace, judge } = &mut self;
        judge.conclude(cluster, refusable, workload, trace);
        let ledger = SimLedger::new(crate::sim::ledger::Shape::Scylla);
        self.judge.finish(&ledger, &[]).0
    }
}

fn expire() -> Request {
    let event = EventId::new("nobody-knows-it").unwrap();
    Request { id: RequestId::NONE, event, body: Body::Expire }
}

/// The id is none of version 7.
fn refused(of: i64) -> Outcome {
    let asked = expire();
    let (key, value) = (asked.event.as_str().as_bytes(), wire::request::encode(&asked));
    let header = Header {
        event: asked.event.clone(),
        sequence: 0,
        request: RequestId::NONE,
        partition: Partition(0),
        offset: of,
        role: Role::Answer,
        decided_at: NOW,
        waited: Millis(0),
        buyer: None,
        digest: wire::digest(Some(key), Some(&value)),
    };
    Outcome { header, body: OutcomeBody::Refused(Refusal::plain(Code::BadRequest)) }
}

#[test]
fn what_is_answered_once_and_in_order_is_clean() {
    let mut bench = Bench::with(3);
    bench.answer(&[0, 1], true);
    bench.move_to(2);
    assert!(bench.look());
    bench.answer(&[2], true);
    bench.move_to(3);
    assert_eq!(bench.found(&[]), Vec::<String>::new());
}

#[test]
fn the_last_transaction_is_not_published_twice() {
    let mut bench = Bench::with(2);
    bench.answer(&[0, 1], true);
    bench.move_to(2);
    assert!(bench.look());
    bench.answer(&[1], true);
    assert!(bench.look(), "no position has moved");
    let found = bench.found(&[]);
    assert!(found.len() == 1 && found[0].starts_with("duplicated"), "{found:?}");
}

#[test]
fn the_last_requests_are_judged_or_objected_to() {
    let mut bench = Bench::with(1);
    bench.answer(&[0], false);
    bench.move_to(1);
    assert!(bench.look() && bench.judge.is_hidden(&bench.cluster, 0));
    let found = bench.found(&[]);
    assert!(found.iter().any(|found| found.starts_with("partition 0: judged to")), "{found:?}");
    assert!(found.iter().any(|found| found.starts_with("lost")), "{found:?}");
}

#[test]
fn nobody_knows_how_far_a_refused_partition_should_have_come() {
    let mut bench = Bench::with(1);
    bench.answer(&[0], false);
    bench.move_to(1);
    assert_eq!(bench.found(&[0]), Vec::<String>::new());
}

#[test]
fn answers_of_one_topic_do_not_go_back() {
    let mut bench = Bench::with(2);
    bench.answer(&[1, 0], true);
    bench.move_to(2);
    assert!(!bench.look());
    assert_eq!(bench.found(&[]), ["booking.refused of partition 0 answers 0 after 1"]);
}

#[test]
fn a_grant_takes_the_signature_it_needs() {
    let mut outcome = refused(0);
    assert_eq!(unsigned(&expire(), Seal::Invalid, &outcome), None);
    let released = crate::domain::outcome::Released {
        hold: crate::domain::ids::HoldId::NONE,
        cause: crate::domain::seat::Cause::Expired,
        seats: vec![],
    };
    outcome.body = OutcomeBody::Released(released);
    assert_eq!(unsigned(&expire(), Seal::Valid, &outcome), None);
    assert!(unsigned(&expire(), Seal::Absent, &outcome).is_some());
}
