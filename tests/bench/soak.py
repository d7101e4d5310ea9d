#!/usr/bin/env python3
"""Whether a night costs more the older its lake is: many nights closed in one lake, each by a process of its own, as cron does.

    python3 tests/bench/soak.py TIEOUT FOLDER                     2,000 nights of 200 orders, five and a half years
    python3 tests/bench/soak.py TIEOUT FOLDER --nights 100        whether it works, in half a minute

Prints a row for each tenth of the nights: time of the processor and peak memory of a run, the median of them, and what
`status` of the whole lake took at its end. At the end the trail is checked against all of it, and the last night closed
again from what the lake keeps.
"""

import argparse
import datetime
import os
import shutil
import statistics
import subprocess
import time
from pathlib import Path

JOB = "jobs/nightly.toml"
FIRST = datetime.date(2021, 6, 1)


def closed(tieout, night, folder):
    """Seconds of the processor, wall time in seconds, and peak memory in MB, of one run."""
    began = time.monotonic()
    run = subprocess.Popen([tieout, "run", JOB, "--date", night, "--quiet"], cwd=folder)
    _, status, used = os.wait4(run.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, f"the night {night} was not closed"
    return used.ru_utime + used.ru_stime, time.monotonic() - began, used.ru_maxrss / 1024


def timed(tieout, folder, *words):
    began = time.monotonic()
    subprocess.run([tieout, *words], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tieout", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--nights", type=int, default=2000)
    parser.add_argument("--orders", type=int, default=200)
    asked = parser.parse_args()
    tieout, folder = str(asked.tieout.resolve()), asked.folder
    assert not folder.exists(), f"{folder} is there already"
    folder.mkdir(parents=True)
    shutil.copytree(Path(__file__).resolve().parents[2] / "jobs", folder / "jobs")
    words = f"sample sample-data --nights {asked.nights} --orders {asked.orders} --seed 11 --date {FIRST}"
    timed(tieout, folder, *words.split())
    nights = [str(FIRST + datetime.timedelta(days=day)) for day in range(asked.nights)]
    tenth = max(asked.nights // 10, 1)
    print("| nights | processor, ms | wall, ms | peak, MB | `status`, ms |\n|---|---|---|---|---|")
    for start in range(0, asked.nights, tenth):
        ran = [closed(tieout, night, folder) for night in nights[start : start + tenth]]
        processor, wall, peak = (statistics.median(figures) for figures in zip(*ran, strict=True))
        status = timed(tieout, folder, "status", JOB)
        last = start + len(ran)
        print(f"| {start + 1:,} to {last:,} | {processor * 1e3:.0f} | {wall * 1e3:.0f} | {peak:.0f} | {status * 1e3:.0f} |", flush=True)
    timed(tieout, folder, "verify", JOB, "--chain")
    timed(tieout, folder, "verify", JOB, "--date", nights[-1])


main()
