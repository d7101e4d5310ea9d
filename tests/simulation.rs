//! Thirty nights of a merchant from one seed, held every night against a model that knows nothing of the program.
//!
//! A world tells stories of orders, refunds and payouts and what becomes of them, and writes them as the files of thirty
//! nights. Each night is closed, and what is published is what the model says: who met whom, every break, what is carried
//! and how it rolls forward. What there is to find is known to the world alone: nothing of it may be missed, and nothing
//! else found.
//!
//! `TIEOUT_SEEDS=1000` tries more seeds than usual, `TIEOUT_SEED=7` one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod again;
mod answers;
mod files;
mod model;
mod payments;
mod payouts;
mod published;
mod refunds;
mod schedule;
mod stories;
mod tangled;
mod world;

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tempfile::TempDir;
use tieout::job::Job;
use tieout::lake::{Lake, Manifest};
use tieout::night::reperform::Reperformance;
use tieout::night::{Memory, Options, close};

use crate::nights::{board, folder, messages};
use answers::Found;
use model::State;
use published::Tables;
use world::{NIGHTS, Step, World};

/// How many seeds a plain run of the tests tries.
const SEEDS: u64 = 20;

/// A world on disk, with its lake and what the model made of it so far.
struct Simulation {
    folder: TempDir,
    world: World,
    job: Job,
    lake: Lake,
    /// What each night that was closed leaves, by the model.
    states: BTreeMap<usize, State>,
    /// What each night says that was closed, as published last.
    said: BTreeMap<usize, Tables>,
    manifests: BTreeMap<usize, Manifest>,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let world = stories::world(seed);
        let folder = folder();
        files::write_job(folder.path(), &world.setting);
        for (night, stated) in world.nights.iter().enumerate() {
            files::write_night(folder.path(), world.setting.date(night), world.before.get(&night).unwrap_or(stated));
        }
        let job = Job::load(&folder.path().join("job.toml")).unwrap_or_else(|error| panic!("{error}"));
        let lake = Lake::open(&folder.path().join("lake")).unwrap();
        let (states, said, manifests) = Default::default();
        Self { folder, world, job, lake, states, said, manifests }
    }

    /// Does one thing; what differs, if anything.
    fn step(&mut self, at: usize, restated: &mut Vec<usize>) -> Result<(), String> {
        match self.world.steps[at] {
            Step::Close(night) => self.close(night, restated),
            Step::Unchanged(night) => {
                let date = self.world.setting.date(night);
                let closed = close(&self.job, Options::of(date), &board(), &|_| {}).map_err(|errors| messages(&errors))?;
                if closed.changed {
                    Err(format!("{date} was closed again without change, and is published anew"))
                } else {
                    Ok(())
                }
            }
            Step::Restate(night) => {
                let date = self.world.setting.date(night);
                files::write_night(self.folder.path(), date, &self.world.nights[night]);
                restated.push(night);
                Ok(())
            }
        }
    }

    fn close(&mut self, night: usize, restated: &[usize]) -> Result<(), String> {
        let date = self.world.setting.date(night);
        let closed = close(&self.job, Options::of(date), &board(), &|_| {}).map_err(|errors| messages(&errors))?;
        let stated = match self.world.before.get(&night) {
            Some(before) if !restated.contains(&night) => before,
            _ => &self.world.nights[night],
        };
        let ids = published::identifiers(&self.lake, date);
        let none = State::default();
        let before = self.states.range(..night).next_back().map_or(&none, |(_, state)| state);
        let meant = model::close(&self.world.setting, date, stated, &ids, before);
        let said = published::tables(&self.lake, date);
        let difference = published::difference(&said, &meant.tables);
        self.states.insert(night, meant.state);
        self.said.insert(night, said);
        self.manifests.insert(night, closed.manifest);
        if difference.is_empty() { Ok(()) } else { Err(format!("night {night}, {date}:\n{difference}")) }
    }

    /// Nights come out as they were published after their tables were deleted.
    fn verify(&self, nights: &[usize]) -> Result<(), String> {
        fs::remove_dir_all(self.folder.path().join("lake/data")).unwrap();
        let mut again = Reperformance::new(&self.lake, Memory::Unlimited, &|_| {});
        for night in nights {
            let manifest = &self.manifests[night];
            let made = again.again(manifest).map_err(|error| error.to_string())?;
            let differing = made.differing(manifest);
            if !differing.is_empty() || made.manifest != *manifest {
                return Err(format!("night {night} does not come out as it was published: {differing:?}"));
            }
        }
        Ok(())
    }
}

/// Everything a seed is tried with. What was found, or what differs.
fn simulate(seed: u64) -> Result<Found, String> {
    let mut simulation = Simulation::new(seed);
    let mut restated = Vec::new();
    for at in 0..simulation.world.steps.len() {
        simulation.step(at, &mut restated)?;
    }
    // Of a night all that came before it is made again. One seed has every night verified, one in ten any night, and the
    // others an early one.
    let number = usize::try_from(seed).unwrap();
    let chosen = if number % 10 == 0 { number / 10 % NIGHTS } else { number % 5 };
    let nights: Vec<usize> = if seed == 0 { (0..NIGHTS).collect() } else { vec![chosen] };
    simulation.verify(&nights)?;
    let found = Found::of(&simulation.world, &simulation.said);
    let wrong = found.wrong(&simulation.world);
    if wrong.is_empty() { Ok(found) } else { Err(format!("not as the answer key has it:\n{wrong}")) }
}

fn seeds() -> Vec<u64> {
    let number =
        |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().unwrap_or_else(|_| panic!("{name} is no number")));
    match (number("TIEOUT_SEED"), number("TIEOUT_SEEDS")) {
        (Some(seed), _) => vec![seed],
        (None, count) => (0..count.unwrap_or(SEEDS)).collect(),
    }
}

#[test]
fn thirty_nights_are_what_a_naive_model_says() {
    let seeds = seeds();
    let (next, failed) = (AtomicU64::new(0), AtomicBool::new(false));
    let (total, wrong) = (Mutex::new(Found::default()), Mutex::new(String::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    // Seeds share the cores, a thread each: what one waits for is never the work of another.
    let work = || {
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        while let Some(&seed) = seeds.get(usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap()) {
            if failed.load(Ordering::Relaxed) {
                break;
            }
            match alone.install(|| simulate(seed)) {
                Ok(found) => total.lock().unwrap().add(&found),
                Err(said) => {
                    failed.store(true, Ordering::Relaxed);
                    writeln!(wrong.lock().unwrap(), "TIEOUT_SEED={seed}: {said}").unwrap();
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong}");
    let total = total.into_inner().unwrap();
    #[expect(clippy::print_stdout, reason = "precision and recall, for whoever asks with --nocapture")]
    {
        println!("{} seeds of {NIGHTS} nights\n{total}", seeds.len());
    }
}
