//! Disks that are really full, and limits that the system really sets.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::fails::is_clear;
use super::scene::{Ended, Scene, ended};
use super::shim::Fault;

/// Where the night did not fit, that it says so and left all whole; whether it fit.
fn fits(scene: &Scene, name: &str, ended: &Ended) -> bool {
    scene.is_whole(name).unwrap_or_else(|said| panic!("{said}: {}", ended.stderr));
    if ended.code == Some(0) {
        scene.is_published(name).unwrap();
        return true;
    }
    is_clear(None, ended)
        .unwrap_or_else(|said| panic!("{said}: code {:?}, signal {:?}: {}", ended.code, ended.signal, ended.stderr));
    assert!(ended.stderr.contains("make room on the disk"), "{}", ended.stderr);
    false
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_like_a_full_disk() {
    let scene = Scene::restated(false);
    let mut refused = 0;
    for blocks in [0, 1, 4, 8, 12, 16, 20, 24, 32, 48, 64, 96, 1_000_000] {
        scene.prepare("limited");
        let run = scene.command("limited", &Fault::none());
        let mut limited = Command::new("sh");
        // No log: it would be limited too.
        limited.arg("-c").arg(format!("ulimit -f {blocks}; exec \"$0\" \"$@\"")).arg(run.get_program()).args(run.get_args());
        limited.current_dir(run.get_current_dir().unwrap());
        let ended = ended(limited);
        refused += usize::from(!fits(&scene, "limited", &ended));
        scene.settles("limited").unwrap();
    }
    assert!((3..13).contains(&refused), "{refused} limits were too low");
}

/// A disk of its own, gone when dropped.
struct Disk(PathBuf);

impl Disk {
    /// None where this user may not mount one.
    fn mount(at: PathBuf, kibibytes: usize) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={kibibytes}k"), "tmpfs"]).arg(&at);
        mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success()).then_some(Self(at))
    }

    fn grow(&self) {
        let grown = Command::new("mount").args(["-o", "remount,size=64m"]).arg(&self.0).status().unwrap();
        assert!(grown.success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_night_that_fills_its_disk_leaves_all_as_it_was_and_is_closed_once_there_is_room() {
    for scene in [Scene::first_night(false), Scene::restated(false)] {
        let before = scene.before.values().map(|bytes| bytes.len().div_ceil(4096) * 4).sum::<usize>();
        let (mut refused, mut kibibytes) = (0, before + 64);
        loop {
            scene.prepare_folder("full");
            std::fs::create_dir_all(scene.lake("full")).unwrap();
            let Some(disk) = Disk::mount(scene.lake("full"), kibibytes) else {
                println!("NOT CHECKED: no disk can be mounted here");
                return;
            };
            scene.fill("full");
            let ended = ended(scene.command("full", &Fault::none()));
            let fits = fits(&scene, "full", &ended);
            disk.grow();
            scene.settles("full").unwrap();
            drop(disk);
            if fits {
                break;
            }
            refused += 1;
            kibibytes += 64;
        }
        assert!(refused > 2, "the disk was full {refused} times");
        println!("a disk of {kibibytes} KiB is enough; {refused} smaller ones were full");
    }
}
