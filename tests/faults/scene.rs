//! A lake as it is before a run, what an undisturbed run makes of it, and what may be seen in between.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tieout::lake::Lake;
use tieout::sample::{Plan, write};

use super::shim::{Call, Fault};
use super::tries_all;
use crate::nights::{files, november, package};

/// Files by their path from the lake.
pub(super) type Files = BTreeMap<PathBuf, Vec<u8>>;

/// A run that is about to happen.
pub(super) struct Scene {
    folder: TempDir,
    pub(super) date: String,
    /// The lake before it.
    pub(super) before: Files,
    /// The lake after it, when nothing disturbs it.
    pub(super) after: Files,
    /// What it adds to the audit trail then.
    added: Vec<String>,
    /// The calls it makes then.
    pub(super) calls: Vec<Call>,
}

/// How a run ended.
pub(super) struct Ended {
    pub(super) code: Option<i32>,
    pub(super) signal: Option<i32>,
    pub(super) stderr: String,
}

impl Scene {
    /// The first night of a lake.
    pub(super) fn first_night(is_whole: bool) -> Self {
        let folder = shop(is_whole);
        Self::of(folder, "2026-11-17")
    }

    /// A night that was published, whose provider stated its file anew; before it lies another.
    pub(super) fn restated(is_whole: bool) -> Self {
        let folder = shop(is_whole);
        for date in ["2026-11-17", "2026-11-18"] {
            let ended = ended(tieout(&folder.path().join("base"), &format!("run nightly.toml --date {date} --quiet --by first")));
            assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        }
        restate(&folder.path().join("data"), 18);
        Self::of(folder, "2026-11-18")
    }

    fn of(folder: TempDir, date: &str) -> Self {
        let before = files(&folder.path().join("base/lake"));
        let mut scene = Self { folder, date: date.to_owned(), before, after: Files::new(), added: Vec::new(), calls: Vec::new() };
        scene.prepare("undisturbed");
        let ended = scene.run("undisturbed", &Fault::none());
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        scene.after = files(&scene.lake("undisturbed"));
        scene.calls = scene.log("undisturbed");
        scene.added = trail(&scene.lake("undisturbed")).split_off(trail(&scene.folder.path().join("base/lake")).len());
        assert!(scene.calls.len() > 500, "the program was watched");
        assert!(!scene.before.contains_key(&scene.manifest()) && scene.after.contains_key(&scene.manifest()));
        scene
    }

    /// The manifest whose creation publishes the night.
    fn manifest(&self) -> PathBuf {
        let generation = if self.before.is_empty() { 1 } else { 2 };
        format!("meta/nights/{}/{generation}.json", self.date).into()
    }

    fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folders and files that the run makes.
    pub(super) fn made(&self) -> BTreeSet<String> {
        let paths = |files: &Files| -> BTreeSet<String> {
            let paths = files.keys().flat_map(|path| path.ancestors());
            paths.map(|path| path.to_str().unwrap().to_owned()).filter(|path| !path.is_empty()).collect()
        };
        paths(&self.after).difference(&paths(&self.before)).cloned().collect()
    }

    /// The lake of the attempt `name`.
    pub(super) fn lake(&self, name: &str) -> PathBuf {
        self.place(name).join("lake")
    }

    /// Makes the lake of the attempt `name` what it is before the run.
    pub(super) fn prepare(&self, name: &str) {
        self.prepare_folder(name);
        self.fill(name);
    }

    /// The folder of an attempt, with nothing in the lake.
    pub(super) fn prepare_folder(&self, name: &str) {
        let place = self.place(name);
        match fs::remove_dir_all(&place) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{}: {error}", place.display()),
            _ => fs::create_dir_all(&place).unwrap(),
        }
        fs::copy(self.place("base/nightly.toml"), place.join("nightly.toml")).unwrap();
        if !self.before.is_empty() {
            fs::create_dir(self.lake(name)).unwrap();
        }
    }

    /// Puts into its lake what was there before.
    pub(super) fn fill(&self, name: &str) {
        for (path, bytes) in &self.before {
            let path = self.lake(name).join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }

    /// The run, not started yet.
    pub(super) fn command(&self, name: &str, fault: &Fault) -> Command {
        // One thread makes the same calls in nearly the same order every time.
        let arguments = format!("run nightly.toml --date {} --quiet --by second --threads 1", self.date);
        let mut command = tieout(&self.place(name), &arguments);
        fault.load(&mut command, &self.lake(name), &self.place(name).join("log"));
        command
    }

    /// Does the run.
    pub(super) fn run(&self, name: &str, fault: &Fault) -> Ended {
        ended(self.command(name, fault))
    }

    /// The calls of the last run of an attempt.
    pub(super) fn log(&self, name: &str) -> Vec<Call> {
        Call::read(&self.place(name).join("log"))
    }

    /// The call of the last run to which something was done.
    pub(super) fn hit(&self, name: &str) -> Option<Call> {
        Call::hit(&self.place(name).join("log"))
    }

    /// Whether what a reader finds is whole: each file of before or of after, and all of after once the manifest is there.
    pub(super) fn is_whole(&self, name: &str) -> Result<(), String> {
        let archive = files(&self.lake(name).join("raw"));
        let changed = archive.iter().find(|(path, bytes)| Some(hash(bytes).as_str()) != path.iter().nth(2).unwrap().to_str());
        match changed {
            // Bytes that came are kept under their own hash.
            Some((path, _)) => Err(format!("raw/{} is not what came", path.display())),
            None => self.is_published_whole(name),
        }
    }

    /// The same of what is published: the archive of a night may come to the disk until then.
    pub(super) fn is_published_whole(&self, name: &str) -> Result<(), String> {
        let lake = self.lake(name);
        let found = files(&lake);
        let is_published = found.contains_key(&self.manifest());
        for path in self.before.keys().filter(|path| !is_passing(path)) {
            if !found.contains_key(path) {
                return Err(format!("{} is gone", path.display()));
            }
        }
        for (path, bytes) in &found {
            let text = path.to_str().unwrap();
            let whole = match text.split('/').collect::<Vec<_>>()[..] {
                ["data", ..] | ["meta", "nights" | "acts", ..] => {
                    let was = self.before.get(path) == Some(bytes) && (!is_published || self.after.get(path) == Some(bytes));
                    was || self.after.get(path) == Some(bytes)
                }
                ["raw", ..] => !is_published || !self.after.contains_key(path) || self.after.get(path) == Some(bytes),
                ["meta", "texts", text] => Some(hash(bytes).as_str()) == text.strip_suffix(".toml"),
                ["meta", "deliveries", ..] => serde_json::from_slice::<serde_json::Value>(bytes).is_ok(),
                ["meta", "audit.jsonl"] | ["staging", ..] => true,
                _ => return Err(format!("nobody expects {text}")),
            };
            if !whole {
                return Err(format!("{text} is neither of the generation before nor of the one after"));
            }
        }
        if is_published {
            for path in self.after.keys().filter(|path| !is_passing(path)) {
                if !found.contains_key(path) {
                    return Err(format!("the manifest is there, {} is not", path.display()));
                }
            }
        }
        let audit = Lake::open(&lake).unwrap().audit();
        audit.map(drop).map_err(|error| error.to_string())
    }

    /// Whether the night is published, whatever was left in the staging folder.
    pub(super) fn is_published(&self, name: &str) -> Result<(), String> {
        if self.lake(name).join(self.manifest()).exists() { Ok(()) } else { Err("the run says that all is well".to_owned()) }
    }

    /// Whether the lake is what an undisturbed run leaves, and nothing else.
    pub(super) fn is_settled(&self, name: &str) -> Result<(), String> {
        let lake = self.lake(name);
        let found = files(&lake);
        let paths: BTreeSet<&PathBuf> = found.keys().chain(self.after.keys()).collect();
        for path in paths {
            let alike = match (found.get(path), self.after.get(path)) {
                (Some(_), Some(_)) if path.ends_with("audit.jsonl") => true,
                (Some(found), Some(after)) if path.starts_with("meta/deliveries") => delivery(found) == delivery(after),
                (found, after) => found == after,
            };
            if !alike {
                return Err(format!("{} is not as an undisturbed run leaves it", path.display()));
            }
        }
        let staged: Vec<_> =
            fs::read_dir(lake.join("staging")).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
        if !staged.is_empty() {
            return Err(format!("the run left {staged:?}"));
        }
        // A run that died while it moved files leaves a generation before that is put back first.
        let mut added = trail(&lake).split_off(trail(&self.folder.path().join("base/lake")).len());
        added.retain(|line| !line.starts_with("restored"));
        if added == self.added { Ok(()) } else { Err(format!("the audit trail says {added:?}, not {:?}", self.added)) }
    }

    /// Whether the next run makes the lake what it should be.
    pub(super) fn settles(&self, name: &str) -> Result<(), String> {
        let ended = self.run(name, &Fault::default());
        if ended.code != Some(0) {
            return Err(format!("the next run ends with {:?}: {}", ended.code, ended.stderr));
        }
        self.is_settled(name)
    }
}

/// Whether a file may be there or not: what is staged, and the audit trail, whose line the next run writes where a run died
/// right after it published.
fn is_passing(path: &Path) -> bool {
    path.starts_with("staging") || path.ends_with("audit.jsonl")
}

pub(super) fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// A record of deliveries without when it was asked.
fn delivery(bytes: &[u8]) -> Option<serde_json::Value> {
    let mut record: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    record.as_object_mut()?.remove("asked");
    Some(record)
}

/// What the audit trail says, line by line, without when and by whom.
fn trail(lake: &Path) -> Vec<String> {
    let lines = Lake::open(lake).unwrap().audit().unwrap();
    let line = |line: tieout::lake::AuditLine| {
        format!("{} {} generation {} {}", line.action, line.business_date, line.generation, line.manifest_sha256)
    };
    lines.into_iter().map(line).collect()
}

/// A shop of three nights: all of the sample's sources, or one provider and the orders.
pub(super) fn shop(is_whole: bool) -> TempDir {
    let folder = crate::nights::folder();
    let data = folder.path().join("data");
    write(&Plan { out: data.clone(), orders: 200, nights: 3, seed: 7, date: november(17) }).unwrap();
    let job = fs::read_to_string(package().join("jobs/nightly.toml")).unwrap();
    let job = job.replace("../sample-data", data.to_str().unwrap()).replace("\"../lake\"", "\"lake\"");
    let is_kept =
        |section: &&str| is_whole || !section.contains("source = ") || section.contains("stripe") || section.contains("/orders_");
    let job = job.split("\n\n").filter(is_kept).collect::<Vec<_>>().join("\n\n");
    fs::create_dir(folder.path().join("base")).unwrap();
    fs::write(folder.path().join("base/nightly.toml"), job).unwrap();
    folder
}

/// Has the provider state its file of a night anew: without its first line.
pub(super) fn restate(data: &Path, day: u32) {
    let path = data.join(format!("provider/stripe/payout_reconciliation_202611{day}.csv"));
    let text = fs::read_to_string(&path).unwrap();
    let lines = text.lines().enumerate().filter(|(number, _)| *number != 1);
    fs::write(&path, lines.map(|(_, line)| line.to_owned() + "\n").collect::<String>()).unwrap();
}

/// The program, about to run in `folder`.
pub(super) fn tieout(folder: &Path, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tieout"));
    command.args(arguments.split_whitespace()).current_dir(folder);
    command
}

/// Waits for its end.
pub(super) fn ended(mut command: Command) -> Ended {
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Ended { code: output.status.code(), signal: output.status.signal(), stderr }
}

/// Both scenes, by their names.
pub(super) fn scenes() -> [(&'static str, Scene); 2] {
    [("first night", Scene::first_night(tries_all())), ("restated night", Scene::restated(tries_all()))]
}
