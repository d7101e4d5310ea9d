//! Feeds every decoder with bytes nobody wrote: what it may not do is stop, hang, or lose a line.
//!
//! `TARGET` names what is fed ([`TARGETS`]). With `SEEDS` naming a folder, what to begin with is written there instead.
#![no_main]
#![expect(clippy::unwrap_used, reason = "a panic is what is looked for")]

use std::env;
use std::fs;
use std::panic;
use std::path::PathBuf;
use std::process;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;

mod feed;
mod seeds;
#[allow(dead_code, reason = "made for the tests, which use all of it")]
#[path = "../../formats/wire.rs"]
mod wire;

/// The longest an input of some kilobytes may take of the processor.
const LONGEST: Duration = Duration::from_secs(1);
/// How often a slow input is tried before it counts.
const TRIES: usize = 3;

/// What is fed with the bytes.
type Feed = fn(&[u8]);

/// Every target by name.
const TARGETS: &[(&str, Feed)] = &[
    ("delimited", feed::delimited),
    ("records", feed::records),
    ("fixed_width", feed::fixed_width),
    ("containers", feed::containers),
    ("camt053", feed::camt053),
    ("mt940", feed::mt940),
    ("bai2", feed::bai2),
    ("ndjson", feed::ndjson),
    ("parquet", feed::parquet),
    ("format", feed::format),
    ("job", feed::job),
    ("calendar", feed::calendar),
    ("look", feed::look),
    ("keys", feed::keys),
    ("words", feed::words),
];

static FEED: LazyLock<Feed> = LazyLock::new(|| {
    let name = env::var("TARGET").unwrap_or_default();
    let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    TARGETS.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("TARGET is one of {names:?}")).1
});

fuzz_target!(
    init: {
        if let Some(folder) = env::var_os("SEEDS") {
            seeds::write(&PathBuf::from(folder));
            process::exit(0);
        }
        // The reader of Parquet may panic where that is caught; what is not is still found.
        if env::var("TARGET").is_ok_and(|target| target == "parquet") {
            panic::set_hook(Box::new(|_| {}));
        }
        // One thread, this one: the same bytes take the same branches.
        rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global().unwrap();
    },
    |bytes: &[u8]| {
        let took = |()| {
            let begin = worked();
            FEED(bytes);
            worked() - begin
        };
        let shortest = std::iter::repeat_n((), TRIES).map(took).find(|&took| took < LONGEST);
        assert!(shortest.is_some(), "an input of {} bytes takes more than {LONGEST:?}", bytes.len());
    }
);

/// How long this thread has had the processor: a busy machine makes no input slow. By the clock where the system does not
/// say.
fn worked() -> Duration {
    static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let told = fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = told.and_then(|told| told.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| BEGIN.elapsed(), Duration::from_nanos)
}

/// A file of these bytes, in memory where the system has such a folder, that goes with this value.
struct Scratch(PathBuf);

impl Scratch {
    fn new(bytes: &[u8], extension: &str) -> Self {
        let folder = Some(PathBuf::from("/dev/shm")).filter(|folder| folder.is_dir()).unwrap_or_else(env::temp_dir);
        let path = folder.join(format!("tieout-fuzz-{}.{extension}", process::id()));
        fs::write(&path, bytes).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
