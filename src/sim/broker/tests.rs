use super::*;
use crate::domain::time::Millis;

const PLACE: Place = (Topic::Requests, 0);
const NOW: At = At(1_000);

fn request() -> Request {
    Request { key: None, value: None, headers: vec![], seal: Seal::Valid }
}

fn read(cluster: &Cluster) -> Vec<i64> {
    cluster.committed(PLACE, 0).map(|stored| stored.raw.offset).collect()
}

fn end(cluster: &mut Cluster, app: (&str, u32), commit: bool) {
    let markers = cluster.end(app, commit).unwrap();
    for marker in &markers {
        cluster.write(marker);
    }
}

#[test]
fn requests_of_a_transaction_hold_back_what_follows_and_leave_gaps() {
    let mut cluster = Cluster::new(1);
    let app = ("app", cluster.init("app").unwrap());
    cluster.append(0, NOW, request());
    assert_eq!(cluster.append_in(app, 0, NOW, request()), Ok(1));
    cluster.append(0, NOW, request());
    assert_eq!((read(&cluster), cluster.end_of(PLACE)), (vec![0], 3));
    end(&mut cluster, app, true);
    assert_eq!(cluster.append_in(app, 0, NOW, request()), Ok(4));
    cluster.append(0, NOW, request());
    assert_eq!(read(&cluster), [0, 1, 2], "the marker has an offset of its own");
    end(&mut cluster, app, false);
    assert_eq!(read(&cluster), [0, 1, 2, 5], "nobody reads what is aborted");
}

#[test]
fn an_open_transaction_hides_nothing_before_or_behind_what_is_left_of_it() {
    let mut cluster = Cluster::new(1);
    let app = ("app", cluster.init("app").unwrap());
    cluster.append(0, NOW, request());
    cluster.append_in(app, 0, NOW, request()).unwrap();
    let mut cut = cluster.clone();
    cut.cut_from(0, 1);
    cut.append(0, NOW, request());
    assert_eq!(read(&cut), [0, 1], "the transaction has lost its only record here");
    cluster.append(0, NOW, request());
    cluster.cut_before(0, 2);
    assert_eq!((read(&cluster), cluster.stable_end(PLACE)), (vec![], 2));
}

#[test]
fn an_app_whose_transaction_the_brokers_aborted_is_fenced() {
    let mut cluster = Cluster::new(1);
    let app = ("app", cluster.init("app").unwrap());
    cluster.append_in(app, 0, NOW, request()).unwrap();
    for marker in cluster.sweep(NOW.plus(Millis(1))) {
        cluster.write(&marker);
    }
    assert_eq!(cluster.append_in(app, 0, NOW, request()), Err(Denied::Fenced));
    assert_eq!((read(&cluster), cluster.end_of(PLACE)), (vec![], 2));
}
