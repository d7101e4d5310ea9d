"""A folder with a job, five nights of files, and a tieout whose clock is told to it."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

NIGHTS = [f"2026-11-{day}" for day in range(17, 22)]

# Says of each night that it is the evening after it, at the hour of the file `hour/<night>`, and notes what it answered.
CLOCKED = """#!/bin/bash
night=$(sed -n 's/.*--date \\([^ ]*\\).*/\\1/p' <<<"$*")
now=()
[[ $night ]] && now=(--now "$(date -d "$night + 1 day" +%F)T$(cat {folder}/hour/$night 2>/dev/null || echo 20:30):00+08:00")
{tieout} "$@" "${{now[@]}}"
code=$?
echo "$code $*" >>{folder}/calls
exit $code
"""


def same(what, found, expected):
    assert found == expected, f"{what}: found {found}, expected {expected}"


class Place:
    def __init__(self, folder, tieout, jobs):
        self.folder, self.program = Path(folder), str(tieout)
        (self.folder / "hour").mkdir(parents=True)
        shutil.copytree(jobs, self.folder / "jobs")
        job = self.folder / "jobs/nightly.toml"
        job.write_text(job.read_text().replace("\nsettles_in", '\nexpected_by = "20:00"\ngrace = "2 hours"\nsettles_in'))
        subprocess.run(
            [tieout, *"sample sample-data --nights 5 --orders 200 --seed 11 --date 2026-11-17".split()],
            cwd=self.folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        clocked = self.folder / "bin/tieout"
        clocked.parent.mkdir()
        clocked.write_text(CLOCKED.format(folder=self.folder, tieout=tieout))
        clocked.chmod(0o755)
        (self.folder / "calls").touch()

    def provider(self, path):
        return self.folder / "sample-data/provider" / path

    def withhold(self, path):
        file = self.provider(path)
        file.rename(self.folder / file.name)

    def deliver(self, path):
        (self.folder / Path(path).name).rename(self.provider(path))

    def hour(self, night, hour):
        (self.folder / "hour" / night).write_text(hour)

    def calls(self, *words):
        """The exit codes of the calls that have all of the words, in order."""
        lines = (self.folder / "calls").read_text().splitlines()
        return [int(line.split()[0]) for line in lines if all(word in line for word in words)]

    def tieout(self, *words):
        done = subprocess.run([self.program, *words], cwd=self.folder, check=True, capture_output=True, text=True)
        return done.stdout

    def data(self):
        """The hash of every published file."""
        files = sorted((self.folder / "lake/data").rglob("*"))
        return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.is_file()}

    def generations(self):
        """How many manifests each night has."""
        nights = self.folder / "lake/meta/nights"
        return {night: len(list((nights / night).glob("*.json"))) for night in NIGHTS if (nights / night).is_dir()}

    def published(self):
        """What was published, in order: night and generation."""
        lines = map(json.loads, (self.folder / "lake/meta/audit.jsonl").read_text().splitlines())
        return [(line["business_date"], line["generation"]) for line in lines if line.get("generation")]
