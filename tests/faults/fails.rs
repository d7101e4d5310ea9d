//! One call fails, or all from one on: the run ends with a code and a message that say so, and the next ends it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use super::dies::changes;
use super::scene::{Ended, Scene, scenes};
use super::shim::{Call, Fault};
use super::{for_each_number, tries_all};

/// How many errors the library knows for an operation.
const ERRORS: [(&str, usize); 16] = [
    ("open", 3),
    ("create", 6),
    ("read", 1),
    ("write", 3),
    ("sync", 3),
    ("rename", 5),
    ("link", 5),
    ("mkdir", 5),
    ("remove", 3),
    ("truncate", 2),
    ("chmod", 3),
    ("lock", 2),
    ("try lock", 2),
    ("stat", 2),
    ("list", 2),
    ("resolve", 2),
];

/// Which calls fail, and with which of their errors: every one with every, or each change and each place once.
fn cases(calls: &[Call]) -> Vec<(usize, usize)> {
    let mut seen = BTreeSet::new();
    let mut cases = Vec::new();
    for call in calls {
        let errors = ERRORS.iter().find(|(operation, _)| *operation == call.operation).unwrap().1;
        if tries_all() {
            cases.extend((0..errors).map(|error| (call.number, error)));
        } else if seen.insert((&call.operation, &call.path)) || changes(&call.operation) {
            cases.push((call.number, call.number % errors));
        }
    }
    cases
}

/// Whether a run that failed says what, where and what next, and ends as it may.
pub(super) fn is_clear(hit: Option<&Call>, ended: &Ended) -> Result<(), String> {
    let said = |what: &str| Err(what.to_owned());
    if !matches!(ended.code, Some(73..=75 | 77)) {
        return said("no code of a disk");
    }
    // The name of the file or of a folder it is in: that of the archive tells a person less than the name as received.
    let names = |line: &str, path: &str| path.split('/').any(|name| name.len() > 1 && line.contains(name));
    let is_named =
        |line: &str| hit.is_none_or(|hit| line.contains("/lake") || names(line, &hit.path) || names(line, &hit.second));
    match ended.stderr.lines().find(|line| line.starts_with("error: ")) {
        None => said("no error"),
        Some(line) if !is_named(line) => said("no path"),
        Some(_) if !ended.stderr.contains("\n  next: ") => said("no next step"),
        Some(_) => Ok(()),
    }
}

/// Has a call fail; how it ended, by code.
fn fails(scene: &Scene, worker: usize, fault: &Fault) -> Result<Option<i32>, String> {
    let name = format!("worker{worker}");
    scene.prepare(&name);
    let ended = scene.run(&name, fault);
    let call = scene.hit(&name);
    let hit = call.as_ref().map_or_else(|| "nothing failed".to_owned(), ToString::to_string);
    let at = |said: String| format!("{hit}\n{said}\nthe run ended with {:?}, {}", ended.code, ended.stderr.trim_end());
    scene.is_whole(&name).map_err(at)?;
    match ended.code {
        Some(0) => scene.is_published(&name).map_err(at)?,
        _ => is_clear(call.as_ref(), &ended).map_err(at)?,
    }
    scene.settles(&name).map_err(|said| at(format!("after the next run: {said}")))?;
    Ok(ended.code)
}

#[test]
fn a_call_that_fails_ends_the_run_with_a_reason_and_leaves_nothing_half() {
    for (named, scene) in scenes() {
        let cases = cases(&scene.calls);
        let ends: Mutex<BTreeMap<i32, usize>> = Mutex::default();
        for_each_number(0..cases.len(), |worker, case| {
            let (at, error) = cases[case];
            let code = fails(&scene, worker, &Fault::at_call(at, format!("error={error}")))?;
            *ends.lock().unwrap().entry(code.unwrap_or(-1)).or_default() += 1;
            Ok(())
        });
        println!("{named}: {} calls, {} failures, ended with {:?}", scene.calls.len(), cases.len(), ends.into_inner().unwrap());
    }
}

#[test]
fn a_disk_that_takes_nothing_from_some_call_on_leaves_nothing_half() {
    for (_, scene) in scenes() {
        let changes = scene.calls.iter().filter(|call| changes(&call.operation)).count();
        let step = if tries_all() { 1 } else { 9 };
        for_each_number((1..=changes).step_by(step), |worker, at| {
            let fault = Fault { goes_on: true, ..Fault::at_change(at, "error=0") };
            fails(&scene, worker, &fault).map(drop)
        });
    }
}

#[test]
fn short_reads_and_writes_and_interrupted_calls_are_not_noticed() {
    for (_, scene) in scenes() {
        for every in ["short", "interrupt"] {
            let fault = Fault { every: Some(every), ..Fault::none() };
            scene.prepare(every);
            let ended = scene.run(every, &fault);
            assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{every}");
            scene.is_settled(every).unwrap_or_else(|said| panic!("{every}: {said}"));
            let reads = |calls: &[Call]| calls.iter().filter(|call| matches!(call.operation.as_str(), "read" | "write")).count();
            assert!(every != "short" || reads(&scene.log(every)) > 2 * reads(&scene.calls), "calls were cut short");
        }
    }
}
