//! What the lake is when its disk refuses, or the run dies, at any call.
//!
//! Nothing in the program knows of it: a small library, loaded before the C library, counts the calls that concern the
//! lake, logs them, and makes one of them fail, or ends the process there. Every call gets its turn.
//!
//! `TIEOUT_FAULTS=all` tries every error at every call, with every source of the sample; otherwise each call that changes
//! the disk fails once, each place that is read once, and the nights are of one provider. `TIEOUT_INSTANTS=1000` kills at
//! that many random instants.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "says how much was tried")]

mod at_once;
mod dies;
mod fails;
mod full;
mod power;
mod scene;
mod shim;

/// Whether all there is to try is tried.
fn tries_all() -> bool {
    std::env::var("TIEOUT_FAULTS").is_ok_and(|asked| asked == "all")
}

/// Does `each` for as many numbers from one on as it says there are, on all cores; what went wrong is gathered.
fn for_each_number(numbers: impl Iterator<Item = usize> + Send, each: impl Fn(usize, usize) -> Result<(), String> + Sync) {
    use std::sync::Mutex;
    let (numbers, wrong) = (Mutex::new(numbers), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for worker in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            let (numbers, wrong, each) = (&numbers, &wrong, &each);
            scope.spawn(move || {
                loop {
                    let Some(number) = numbers.lock().unwrap().next() else { break };
                    if let Err(said) = each(worker, number) {
                        wrong.lock().unwrap().push((number, said));
                    }
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().unwrap();
    wrong.sort_unstable();
    let said: Vec<&str> = wrong.iter().take(30).map(|(_, said)| said.as_str()).collect();
    assert!(wrong.is_empty(), "{} cases are wrong, of which\n\n{}", wrong.len(), said.join("\n\n"));
}
