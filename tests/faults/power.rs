//! A disk that loses power keeps what was synced: of a file its bytes, of a folder the names in it. From the log of a run
//! it is seen that nothing is relied on before.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::dies::changes;
use super::scene::{Scene, scenes};
use super::shim::{Call, Fault};
use super::{for_each_number, tries_all};

/// What is not on the disk yet.
#[derive(Default)]
struct Waiting {
    /// Files with bytes that were written and not synced.
    bytes: BTreeSet<String>,
    /// Names that were made or moved, by the folder they are in, and not synced with it.
    names: BTreeMap<String, BTreeSet<String>>,
    /// Folders and files that were made: a folder is asked for more often than it is missing, and before the one above it.
    made: BTreeSet<String>,
}

fn folder_of(path: &str) -> String {
    path.rsplit_once('/').map_or(".", |(folder, _)| folder).to_owned()
}

/// Whether the next run sweeps it, so that nothing of it has to last.
fn is_staged(path: &str) -> bool {
    path == "staging" || path.starts_with("staging/")
}

impl Waiting {
    fn name(&mut self, path: &str) {
        if !is_staged(path) {
            self.names.entry(folder_of(path)).or_default().insert(path.to_owned());
        }
    }

    /// What a reader, or a run to come, would find and the disk may not have.
    fn visible(&self) -> Vec<String> {
        let bytes = self.bytes.iter().filter(|path| !is_staged(path)).map(|path| format!("the bytes of {path}"));
        bytes.chain(self.names.values().flatten().map(|path| format!("the name {path}"))).collect()
    }

    /// Follows a call; says what is wrong with it.
    fn follow(&mut self, call: &Call, new: &BTreeSet<String>) -> Option<String> {
        let Call { operation, path, second, .. } = call;
        match operation.as_str() {
            "write" | "truncate" => drop(self.bytes.insert(path.clone())),
            "sync" => {
                self.bytes.remove(path);
                self.names.remove(path);
            }
            "mkdir" | "create" if new.contains(path) => {
                let above = folder_of(path);
                if (!new.contains(&above) || self.made.contains(&above)) && self.made.insert(path.clone()) {
                    self.name(path);
                }
            }
            "rename" | "link" => {
                let is_unsynced = self.bytes.contains(path);
                if is_unsynced && operation == "rename" {
                    self.bytes.remove(path);
                    self.bytes.insert(second.clone());
                }
                self.name(second);
                // What came goes into the archive first, and to the disk while it is read: nobody is told of it before.
                if is_unsynced && !second.starts_with("raw/") {
                    return Some(format!("{second} is made visible before its bytes are on the disk"));
                }
            }
            _ => {}
        }
        None
    }
}

/// What is wrong with the order of a run's calls.
fn wrong_order(scene: &Scene, calls: &[Call]) -> Vec<String> {
    let made = scene.made();
    let (mut waiting, mut wrong, mut commits) = (Waiting::default(), Vec::new(), 0);
    for call in calls {
        let is_commit = call.operation == "link" && call.second.starts_with("meta/nights/");
        if is_commit {
            commits += 1;
            // The folder of the manifest is made just before, and is synced with it.
            let visible = waiting.visible().into_iter().filter(|what| !what.contains("meta/nights"));
            wrong.extend(visible.map(|what| format!("the night is published before {what} is on the disk")));
        }
        wrong.extend(waiting.follow(call, &made));
    }
    assert_eq!(commits, 1, "a manifest was linked");
    wrong.extend(waiting.visible().into_iter().map(|what| format!("the run ends before {what} is on the disk")));
    wrong
}

#[test]
fn nothing_is_relied_on_before_it_is_on_the_disk() {
    for (named, scene) in scenes() {
        let wrong = wrong_order(&scene, &scene.calls);
        assert!(wrong.is_empty(), "{named}:\n{}", wrong.join("\n"));
        for threads in [2, 4] {
            scene.prepare("threads");
            let mut command = scene.command("threads", &Fault::none());
            command.args(["--memory-limit", "1GB"]).env("RAYON_NUM_THREADS", threads.to_string());
            assert!(command.status().unwrap().success());
            let wrong = wrong_order(&scene, &scene.log("threads"));
            assert!(wrong.is_empty(), "{named}, {threads} threads:\n{}", wrong.join("\n"));
        }
    }
}

#[test]
fn an_order_that_a_disk_may_not_keep_is_seen() {
    let scene = Scene::first_night(false);
    let is_of = |call: &Call, operation: &str, begins: &str| call.operation == operation && call.path.starts_with(begins);
    let without = |operation: &str, begins: &str| {
        let at = scene.calls.iter().position(|call| is_of(call, operation, begins)).unwrap();
        let mut calls = scene.calls.clone();
        calls.remove(at);
        wrong_order(&scene, &calls)
    };
    for begins in [
        "staging/2026-11-17/entries.parquet",
        "staging/2026-11-17/meta.nights.2026-11-17.1.json",
        "data/entries/date=2026-11-17",
        "data/entries",
        "data",
        "meta/nights/2026-11-17",
        "meta/audit.jsonl",
        "raw/stripe",
    ] {
        assert!(!without("sync", begins).is_empty(), "a run that does not sync {begins} passes");
    }
}

/// Takes from the lake of an attempt what its disk may lack once the power went out: the bytes that were not synced, and the
/// names as well where `loses_names`.
fn lose(scene: &Scene, name: &str, loses_names: bool) {
    let (mut waiting, made, lake) = (Waiting::default(), scene.made(), scene.lake(name));
    for call in scene.log(name).iter().filter(|call| call.fault.is_empty()) {
        waiting.follow(call, &made);
    }
    for path in waiting.bytes.iter().filter(|path| !is_staged(path)) {
        let Ok(bytes) = fs::read(lake.join(path)) else { continue };
        // Of a file that grows, what was there before stays.
        let mut left =
            scene.before.get(std::path::Path::new(path)).filter(|_| !path.starts_with("data/")).cloned().unwrap_or_default();
        left.resize(bytes.len(), 0);
        fs::remove_file(lake.join(path)).unwrap();
        fs::write(lake.join(path), left).unwrap();
    }
    // The deepest first.
    for path in waiting.names.values().flatten().rev().filter(|_| loses_names) {
        let place = lake.join(path);
        match scene.before.get(std::path::Path::new(path)) {
            Some(bytes) => fs::write(&place, bytes).unwrap(),
            None if place.is_dir() => fs::remove_dir_all(&place).unwrap(),
            None => drop(fs::remove_file(&place)),
        }
    }
}

#[test]
fn a_run_whose_power_goes_out_leaves_whole_files_and_the_next_ends_it() {
    for (_, scene) in scenes() {
        let points = scene.calls.iter().filter(|call| changes(&call.operation)).count();
        let step = if tries_all() { 1 } else { 5 };
        for_each_number((1..=points).step_by(step), |worker, at| {
            for loses_names in [false, true] {
                let name = format!("worker{worker}");
                scene.prepare(&name);
                scene.run(&name, &Fault::at_change(at, "kill"));
                let Some(hit) = scene.hit(&name) else { continue };
                lose(&scene, &name, loses_names);
                let said = |said: String| format!("{hit}, then the power went out, names lost: {loses_names}\n{said}");
                scene.is_published_whole(&name).map_err(said)?;
                scene.settles(&name).map_err(said)?;
            }
            Ok(())
        });
    }
}
