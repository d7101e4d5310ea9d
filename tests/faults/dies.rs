//! The run is killed, as by `kill -9`, at every call that changes the disk, and at random instants.

use std::collections::BTreeMap;
use std::time::Duration;

use super::for_each_number;
use super::scene::{Scene, scenes};
use super::shim::Fault;
use crate::laws::Chance;

/// Kills the run where `fault` says; false where it ends before.
fn survives(scene: &Scene, worker: usize, fault: &Fault) -> Result<bool, String> {
    let name = format!("worker{worker}");
    scene.prepare(&name);
    let ended = scene.run(&name, fault);
    let Some(hit) = scene.hit(&name) else {
        return if ended.code == Some(0) { scene.is_settled(&name).map(|()| false) } else { Err(ended.stderr) };
    };
    assert_eq!(ended.signal, Some(9), "{hit}");
    scene.is_whole(&name).map_err(|said| format!("{hit}\n{said}"))?;
    scene.settles(&name).map_err(|said| format!("{hit}\nafter the next run: {said}"))?;
    Ok(true)
}

#[test]
fn a_run_that_is_killed_at_any_call_leaves_whole_files_and_the_next_ends_it() {
    for (named, scene) in scenes() {
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        for call in scene.calls.iter().filter(|call| changes(&call.operation)) {
            *kinds.entry(&call.operation).or_default() += 1;
        }
        let points: usize = kinds.values().sum();
        println!("{named}: killed at {points} calls: {kinds:?}");
        // Past the last, and some more: the order of two threads may add one.
        for_each_number(1..=points + 2, |worker, at| {
            let was_hit = survives(&scene, worker, &Fault::at_change(at, "kill"))?;
            if was_hit || at + 2 > points { Ok(()) } else { Err(format!("call {at} of {points} was not made")) }
        });
    }
}

/// Whether a call has a number when only changes have.
pub(super) fn changes(operation: &str) -> bool {
    !matches!(operation, "open" | "read" | "lock" | "try lock" | "stat" | "list" | "resolve")
}

#[test]
fn a_run_that_dies_right_after_it_made_something_visible_is_ended_by_the_next() {
    for (_, scene) in scenes() {
        let made = |call: &&super::shim::Call| matches!(call.operation.as_str(), "rename" | "link");
        let points = scene.calls.iter().filter(|call| changes(&call.operation)).enumerate().filter(|(_, call)| made(call));
        let points: Vec<usize> = points.map(|(at, _)| at + 1).collect();
        assert!(points.len() > 20);
        for_each_number(points.into_iter(), |worker, at| survives(&scene, worker, &Fault::at_change(at, "died")).map(drop));
    }
}

/// How many random instants are tried.
fn instants() -> usize {
    std::env::var("TIEOUT_INSTANTS").map_or(40, |asked| asked.parse().unwrap())
}

#[test]
fn a_run_that_is_killed_at_a_random_instant_is_ended_by_the_next() {
    let scenes = [Scene::first_night(true), Scene::restated(true)];
    let (by_number, by_time) = (std::sync::atomic::AtomicUsize::new(0), std::sync::atomic::AtomicUsize::new(0));
    let longest = scenes.each_ref().map(|scene| {
        scene.prepare("timed");
        let begun = std::time::Instant::now();
        assert_eq!(scene.run("timed", &Fault::default()).code, Some(0));
        begun.elapsed()
    });
    for_each_number(0..instants(), |worker, seed| {
        let mut chance = Chance(seed as u64);
        let at = chance.below(2);
        let (scene, longest) = (&scenes[at], longest[at]);
        if chance.below(2) == 0 {
            let at = 1 + chance.below(scene.calls.len());
            by_number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            return survives(scene, worker, &Fault::at_call(at, "kill")).map(drop).map_err(|said| format!("seed {seed}: {said}"));
        }
        let name = format!("worker{worker}");
        let after = Duration::from_micros(chance.below(usize::try_from(longest.as_micros()).unwrap()) as u64);
        scene.prepare(&name);
        let mut running = scene.command(&name, &Fault::default()).spawn().unwrap();
        std::thread::sleep(after);
        running.kill().unwrap();
        let was_killed = running.wait().unwrap().code().is_none();
        by_time.fetch_add(usize::from(was_killed), std::sync::atomic::Ordering::Relaxed);
        let said = |said: String| {
            let last = scene.log(&name).pop().map_or_else(String::new, |last| last.to_string());
            format!("seed {seed}: killed after {after:?}, after {last}\n{said}")
        };
        scene.is_whole(&name).map_err(said)?;
        scene.settles(&name).map_err(said)
    });
    println!("killed at {} random calls and {} random times", by_number.into_inner(), by_time.into_inner());
}
