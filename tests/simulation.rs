//! Ten thousand worlds, each from a seed.

fn main() {
    let from: u64 = std::env::var("FROM").map_or(1, |v| v.parse().unwrap());
    let seeds: u64 = std::env::var("SEEDS").map_or(100, |v| v.parse().unwrap());
    let words = std::env::var("TRACE").is_ok();
    let began = std::time::Instant::now();
    let mut requests = 0;
    let mut bad = 0;
    for seed in from..from + seeds {
        let verdict = std::panic::catch_unwind(|| holdfast::sim::run(seed, words));
        match verdict {
            Ok(v) => {
                requests += v.requests;
                if words { for line in &v.trace { println!("{line}"); } }
                if !v.violations.is_empty() {
                    bad += 1;
                    println!("seed {seed} trouble {:?}: {} {}", v.trouble, v.violations.len(), v.violations[0].chars().take(600).collect::<String>());
                }
                if std::env::var("HASH").is_ok() { println!("seed {seed} {:016x}", v.hash); }
            }
            Err(_) => { bad += 1; println!("seed {seed}: panic") }
        }
    }
    println!("{seeds} seeds, {requests} requests, {bad} bad, {:?}", began.elapsed());
}
