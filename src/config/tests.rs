use super::*;

const HUSH: &str = "hush-hush-hush-hush-hush-hush-hush";

fn parsed(text: &str) -> Result<Config, Error> {
    parse(text, Path::new("holdfast.toml"), &host)
}

fn host(name: &str) -> Option<String> {
    (name == "HOSTNAME").then(|| "box-1".to_owned())
}

fn check_refused(text: &str, sentence: &str) {
    assert_eq!(parsed(text).unwrap_err().to_string(), sentence);
}

#[test]
fn nothing_said_is_all_defaults() {
    let config = parsed("").unwrap();
    assert_eq!(config.deployment.partitions, 12);
    assert_eq!(config.kafka.group, "holdfast-owners");
    assert_eq!(config.worker.instance, "box-1");
}

#[test]
fn the_sample_can_be_used_as_it_is() {
    let text = include_str!("../../docker/holdfast.toml");
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/docker/holdfast.toml"));
    let config = parse(text, path, &host).unwrap();
    let keys = config.keys.read("holdfast").unwrap();
    assert_eq!(keys.signing.id, "development");
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_its_neighbour() {
    check_refused(
        "[kafka]\nbootstap = \"a:1\"\n",
        "holdfast.toml, line 2: the key \"bootstap\" is not known; \"bootstrap\" is",
    );
    check_refused(
        "[worker]\nthreads = 2\n",
        "holdfast.toml, line 2: the key \"threads\" is not known; known here: instance, owners",
    );
    check_refused(
        "[kafak]\n",
        "holdfast.toml, line 1: the key \"kafak\" is not known; \"kafka\" is",
    );
}

#[test]
fn values_that_cannot_work_say_what_would() {
    check_refused(
        "[deployment]\npartitions = 129\n",
        "holdfast.toml, [deployment]: partitions is 129: take a number from 1 to 128",
    );
    check_refused(
        "[deployment]\naudit-period = \"1h\"\n",
        "holdfast.toml, [deployment]: audit-period is shorter than the longest hold may last: take at \
         least 1day",
    );
    check_refused(
        "[kafka.settings]\n\"isolation.level\" = \"read_uncommitted\"\n",
        "holdfast.toml, [kafka]: settings: isolation.level is not yours to set, since the protocol \
         rests on it: remove it",
    );
    check_refused(
        "[worker]\nowners = 13\n",
        "holdfast.toml, [worker]: owners is 13: take from 1 to the number of partitions, 12",
    );
    check_refused(
        "[kafka]\nsession-timeout = \"6\"\n",
        "holdfast.toml, line 2: invalid value: string \"6\", expected a length of time with its unit, \
         such as \"500ms\", \"10s\" or \"30days\"",
    );
}

#[test]
fn the_environment_beats_the_file() {
    let environment = |name: &str| match name {
        "HOLDFAST_BOOTSTRAP" => Some("b:2".to_owned()),
        "HOLDFAST_NODES" => Some("n1:9042, n2:9042".to_owned()),
        "HOLDFAST_INSTANCE" => Some("slot-7".to_owned()),
        _ => None,
    };
    let text = "[kafka]\nbootstrap = \"a:1\"\n[worker]\ninstance = \"x\"\n";
    let config = parse(text, Path::new("holdfast.toml"), &environment).unwrap();
    assert_eq!(config.kafka.bootstrap, "b:2");
    assert_eq!(config.ledger.nodes, ["n1:9042", "n2:9042"]);
    assert_eq!(config.worker.instance, "slot-7");
}

#[test]
fn a_dump_has_no_secrets_and_reads_back() {
    let environment = |name: &str| match name {
        "HOLDFAST_KAFKA_PASSWORD" | "HOLDFAST_LEDGER_PASSWORD" | "HOLDFAST_SIGNING_SECRET" => {
            Some(HUSH.to_owned())
        }
        _ => host(name),
    };
    let text = "[ledger]\nuser = \"u\"\n[keys.signing]\nid = \"k\"\n\
                [kafka.settings]\n\"ssl.key.pem\" = \"hush\"\n\"socket.keepalive.enable\" = true\n";
    let config = parse(text, Path::new("holdfast.toml"), &environment).unwrap();
    assert_eq!(config.keys.read("holdfast").unwrap().signing.secret, HUSH.as_bytes());
    let dump = config.dump();
    assert!(!dump.contains("hush"), "{dump}");
    assert!(!format!("{config:?}").contains("hush"));
    let again = parsed(&dump).unwrap();
    assert_eq!(again.deployment, config.deployment);
    assert_eq!(again.kafka.session_timeout, config.kafka.session_timeout);
}

#[test]
fn a_secret_that_cannot_be_had_is_missed_only_when_it_is_used() {
    let config = parsed("[keys.signing]\nid = \"k\"\nsecret-file = \"nowhere\"\n").unwrap();
    let sentence = config.keys.read("holdfast").unwrap_err();
    assert!(sentence.starts_with("the secret of key k cannot be read from nowhere"), "{sentence}");
    let none = parsed("").unwrap().keys.read("holdfast").unwrap_err();
    assert!(none.contains("no signing key is configured"), "{none}");
    let short =
        |name: &str| (name == "HOLDFAST_SIGNING_SECRET").then(|| "short".into()).or(host(name));
    let config = parse("[keys.signing]\nid = \"k\"\n", Path::new("h.toml"), &short).unwrap();
    assert!(config.keys.read("holdfast").unwrap_err().contains("take at least 32"));
}
