//! Several runs at once, and people who read meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tieout::lake::Lake;
use tieout::table::TABLES;

use super::scene::{Scene, ended, hash, restate, shop, tieout};
use super::shim::{Call, Fault};
use crate::nights::{files, november};

/// Every file below `data` that can be read until `is_over`, by its path and the hash of its bytes; and how many were read.
fn read_on(lake: &Path, is_over: &AtomicBool) -> (BTreeSet<(PathBuf, String)>, usize) {
    let (mut seen, mut reads) = (BTreeSet::new(), 0);
    while !is_over.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(5));
        for (path, bytes) in files(&lake.join("data")) {
            reads += 1;
            seen.insert((Path::new("data").join(path), hash(&bytes)));
        }
    }
    (seen, reads)
}

/// Every file that a manifest of the lake says was published, by path and hash.
fn published(lake: &Path) -> BTreeSet<(PathBuf, String)> {
    let lake = Lake::open(lake).unwrap();
    let nights = lake.nights().unwrap();
    let generations = nights.iter().flat_map(|night| lake.generations(night.night.business_date).unwrap());
    generations.flat_map(|manifest| manifest.outputs).map(|output| (output.path.into(), output.sha256)).collect()
}

/// What a run says in the last line on stdout.
fn said(stdout: &[u8]) -> serde_json::Value {
    serde_json::from_str(String::from_utf8_lossy(stdout).lines().last().unwrap_or_default()).unwrap_or_default()
}

#[test]
fn of_many_runs_of_a_night_one_publishes_it() {
    for scene in [Scene::first_night(false), Scene::restated(false)] {
        let mut ends: BTreeMap<i32, usize> = BTreeMap::new();
        let mut all_reads = 0;
        for count in [2, 2, 2, 8, 8] {
            scene.prepare("many");
            let is_over = AtomicBool::new(false);
            let (outputs, (seen, reads)) = std::thread::scope(|scope| {
                let reader = scope.spawn(|| read_on(&scene.lake("many"), &is_over));
                let run =
                    || scene.command("many", &Fault::none()).arg("--json").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
                let runs: Vec<Child> = (0..count).map(|_| run().unwrap()).collect();
                let outputs: Vec<_> = runs.into_iter().map(|run| run.wait_with_output().unwrap()).collect();
                is_over.store(true, Ordering::Relaxed);
                (outputs, reader.join().unwrap())
            });
            let mut publishers = 0;
            for output in outputs {
                let stderr = String::from_utf8_lossy(&output.stderr);
                match output.status.code() {
                    Some(0) => publishers += usize::from(said(&output.stdout)["changed"] == true),
                    Some(75) => {
                        assert!(stderr.contains("is being closed by another run\n") && stderr.contains("next: "), "{stderr}");
                    }
                    code => panic!("{code:?}: {stderr}"),
                }
                *ends.entry(output.status.code().unwrap()).or_default() += 1;
            }
            assert_eq!(publishers, 1, "of {count} runs one publishes");
            scene.is_settled("many").unwrap();
            let whole: BTreeSet<(PathBuf, String)> =
                scene.before.iter().chain(&scene.after).map(|(path, bytes)| (path.clone(), hash(bytes))).collect();
            assert!(seen.is_subset(&whole), "what was read is of the generation before or the one after");
            all_reads += reads;
        }
        println!("of 22 runs, by how they ended: {ends:?}; {all_reads} files were read meanwhile");
    }
}

/// Closes every generation of every night again, and holds the audit trail against them.
fn verifies(folder: &Path) {
    let lake = Lake::open(&folder.join("lake")).unwrap();
    for night in lake.nights().unwrap() {
        let date = night.night.business_date;
        for generation in lake.generations(date).unwrap() {
            let generation = generation.generation;
            let verified = ended(tieout(folder, &format!("verify nightly.toml --date {date} --generation {generation}")));
            assert_eq!(verified.code, Some(0), "{date}, generation {generation}: {}", verified.stderr);
        }
    }
    let verified = ended(tieout(folder, "verify nightly.toml --chain"));
    assert_eq!(verified.code, Some(0), "{}", verified.stderr);
}

/// The data of a lake, but for the rates of generations before: those depend on which there were.
fn data(lake: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    files(&lake.join("data")).into_iter().filter(|(path, _)| !path.starts_with("rates_history")).collect()
}

#[test]
fn overlapping_backfills_publish_only_what_can_be_closed_again() {
    const RANGES: [(u32, u32); 4] = [(17, 19), (18, 19), (17, 18), (19, 19)];
    let shop = shop(false);
    let (folder, sources) = (shop.path().join("base"), shop.path().join("data"));
    let backfill = |folder: &Path, (from, to): (u32, u32)| {
        let mut command = tieout(folder, &format!("backfill nightly.toml --from 2026-11-{from} --to 2026-11-{to} --quiet"));
        Fault::none().load(&mut command, &folder.join("lake"), &folder.join("log"));
        command
    };
    let mut ends: BTreeMap<i32, usize> = BTreeMap::new();
    let mut all_reads = 0;
    for (round, count) in [2, 8, 4].into_iter().enumerate() {
        if round > 0 {
            restate(&sources, 17);
        }
        let is_over = AtomicBool::new(false);
        let (outputs, (seen, reads)) = std::thread::scope(|scope| {
            let reader = scope.spawn(|| read_on(&folder.join("lake"), &is_over));
            let start = |at: usize| backfill(&folder, RANGES[at % RANGES.len()]).stderr(Stdio::piped()).spawn().unwrap();
            let runs: Vec<Child> = (0..count).map(start).collect();
            let outputs: Vec<_> = runs.into_iter().map(|run| run.wait_with_output().unwrap()).collect();
            is_over.store(true, Ordering::Relaxed);
            (outputs, reader.join().unwrap())
        });
        for output in outputs {
            let code = output.status.code();
            assert!(matches!(code, Some(0 | 75)), "{code:?}: {}", String::from_utf8_lossy(&output.stderr));
            *ends.entry(code.unwrap()).or_default() += 1;
        }
        all_reads += reads;
        let last = ended(backfill(&folder, (17, 19)));
        assert_eq!(last.code, Some(0), "{}", last.stderr);
        let published = published(&folder.join("lake"));
        let strange: Vec<_> = seen.difference(&published).collect();
        assert!(strange.is_empty(), "no generation published what was read: {strange:?}");
        verifies(&folder);
        let alone = shop.path().join(format!("alone{round}"));
        fs::create_dir(&alone).unwrap();
        fs::copy(folder.join("nightly.toml"), alone.join("nightly.toml")).unwrap();
        assert_eq!(ended(backfill(&alone, (17, 19))).code, Some(0));
        let (together, alone) = (data(&folder.join("lake")), data(&alone.join("lake")));
        for (path, bytes) in &alone {
            // How often a file came, and so what the tables of nights and files say of it, is another matter.
            let is_of_deliveries = path.starts_with("files") || path.starts_with("nights");
            assert!(
                is_of_deliveries || together.get(path) == Some(bytes),
                "{} is not what one backfill publishes",
                path.display()
            );
        }
    }
    println!("of 14 backfills, by how they ended: {ends:?}; {all_reads} files were read meanwhile");
}

/// Waits until the run waits at its call, or has ended.
fn is_waiting(run: &mut Child, log: &Path) -> bool {
    let begun = Instant::now();
    loop {
        if Call::hit(log).is_some() {
            return true;
        }
        if run.try_wait().unwrap().is_some() {
            return false;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "the run neither waits nor ends");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A run that stops at the call `at` until `meanwhile` is done; how it ended.
fn held(mut command: Command, log: &Path, meanwhile: impl FnOnce()) -> (Option<i32>, String) {
    let go = log.with_extension("go");
    let _ = fs::remove_file(&go);
    let mut run = command.stderr(Stdio::piped()).spawn().unwrap();
    if is_waiting(&mut run, log) {
        meanwhile();
    }
    fs::write(&go, "").unwrap();
    let output = run.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

// A night reads what the one before left while another run publishes that one anew: it may not be closed on half of each.
#[test]
fn a_night_before_that_is_published_anew_meanwhile_is_not_half_read() {
    let shop = shop(false);
    let (base, sources) = (shop.path().join("base"), shop.path().join("data"));
    let run = |day: u32| tieout(&base, &format!("run nightly.toml --date 2026-11-{day} --quiet --threads 1"));
    let stated = sources.join("provider/stripe/payout_reconciliation_20261117.csv");
    let first = fs::read(&stated).unwrap();
    let (lake, log) = (base.join("lake"), base.join("log"));
    let again = |fault: &Fault| {
        let _ = fs::remove_dir_all(&lake);
        fs::write(&stated, &first).unwrap();
        assert_eq!(ended(run(17)).code, Some(0));
        let mut command = run(18);
        fault.load(&mut command, &lake, &log);
        command
    };
    assert_eq!(ended(again(&Fault::none())).code, Some(0));
    let mut places = BTreeSet::new();
    let is_of_before = |call: &Call| call.operation == "open" && call.path.contains("/date=2026-11-17/");
    let mut calls: Vec<Call> = Call::read(&log).into_iter().filter(is_of_before).collect();
    // The first opening of each file, and the last of all.
    let last = calls.pop().unwrap();
    calls.retain(|call| places.insert(call.path.clone()));
    assert!(calls.len() > 5, "a night reads what the one before left");
    let mut ends: BTreeMap<i32, usize> = BTreeMap::new();
    for call in calls.into_iter().chain([last]) {
        let command = again(&Fault::at_call(call.number, "wait"));
        let (code, stderr) = held(command, &log, || {
            restate(&sources, 17);
            assert_eq!(ended(run(17)).code, Some(0));
        });
        assert!(matches!(code, Some(0 | 75)), "{call} {code:?}: {stderr}");
        *ends.entry(code.unwrap()).or_default() += 1;
        let next = ended(run(18));
        assert_eq!(next.code, Some(0), "{call} {}", next.stderr);
        verifies(&base);
    }
    println!("of nights whose night before changed while they read it, by how they ended: {ends:?}");
}

// The program's own reader opens a file more than once.
#[test]
fn every_table_can_be_read_while_its_night_is_published() {
    let scene = Scene::restated(false);
    let rows = |lake: &Path| -> Vec<String> {
        let lake = Lake::open(lake).unwrap();
        TABLES.iter().map(|table| format!("{:?}", lake.read(table, november(18)).unwrap())).collect()
    };
    let lake = scene.lake("read");
    scene.prepare("read");
    let before = rows(&lake);
    let after = rows(&scene.lake("undisturbed"));
    let (mut reads, mut wrong) = (0, Vec::new());
    for _ in 0..4 {
        scene.prepare("read");
        let mut run = scene.command("read", &Fault::none()).spawn().unwrap();
        while run.try_wait().unwrap().is_none() {
            for (at, table) in TABLES.iter().enumerate() {
                reads += 1;
                match Lake::open(&lake).unwrap().read(table, november(18)) {
                    Ok(batch) if [&before[at], &after[at]].contains(&&format!("{batch:?}")) => {}
                    Ok(_) => wrong.push(format!("{} has rows of two generations", table.name)),
                    Err(error) => wrong.push(error.to_string()),
                }
            }
        }
    }
    println!("{reads} tables were read while their night was published");
    assert!(wrong.is_empty(), "{} of {reads}: {}", wrong.len(), wrong.join("\n"));
}
