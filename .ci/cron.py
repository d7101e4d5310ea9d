"""The line of jobs/crontab as several crons at once would run it, and backfills that overlap.

    cron.py TIEOUT FOLDER      FOLDER is to be made

Each loop starts the line again as long as it answers 75: another holds the night. At the end each night was published once.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

NIGHTS = [f"2026-11-{day}" for day in range(17, 22)]
ROOT = Path(__file__).parent.parent
LOOPS = 8
TRIES = 400

tieout, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
folder.mkdir()
folder = folder.resolve()


def line():
    """The command of the crontab, for the folder of this test and for the night $NIGHT."""
    [command] = re.findall(r"^[\d*].*?(tieout run .*)$", (ROOT / "jobs/crontab").read_text(), re.MULTILINE)
    # cron takes the backslash away; an unescaped percent sign would end the command.
    assert "%" not in command.replace(r"\%", ""), command
    command = command.replace(r"\%", "%").replace("/srv/tieout/", "")
    date = re.search(r"\$\(TZ=\S+ date -d '.*?' \+%F\)", command)
    return command.replace(date[0], "$NIGHT")


def every_try_is_of_one_night():
    """The hours of the crontab, of systemd with its tries, and of Kubernetes: all of one evening name the same night."""
    phrase = "43 hours ago"
    crontab, *others = [(ROOT / "jobs" / file).read_text() for file in ("crontab", "tieout.service", "kubernetes.yaml")]
    hours = re.search(r"^30 (\d+),(\d+) \* \* \*  tieout", crontab, re.MULTILINE)
    # Of the timer and of the CronJob the first try is at 12:30 UTC, the last six hours later or a little more.
    for text, tries in [(crontab, hours.groups()), *[(text, ("12", "18", "20")) for text in others]]:
        assert text.count(f"{phrase}' +") + text.count(f'{phrase}" +') == 1, text
        for hour in tries:
            command = ["date", "-d", f"{NIGHTS[1]} {hour}:30 UTC {phrase}", "+%F"]
            said = subprocess.run(command, env={"TZ": "Asia/Shanghai"}, check=True, capture_output=True, text=True)
            assert said.stdout.strip() == NIGHTS[0], (hour, said.stdout)


def place(name):
    """A customer of the same files as every other."""
    made = folder / name
    made.mkdir()
    shutil.copytree(ROOT / "jobs", made / "jobs")
    os.symlink(folder / "sample-data", made / "sample-data")
    (made / "tieout").symlink_to(tieout)
    return made


def loop(command, where, night, start, answers):
    """Starts the command until another answer comes than 75."""
    environment = {"PATH": f"{where}:{os.environ['PATH']}", "NIGHT": night}
    start.wait()
    for _ in range(TRIES):
        done = subprocess.run(["/bin/sh", "-c", command], cwd=where, env=environment, capture_output=True, text=True)
        answers.append((done.returncode, done.stdout, done.stderr))
        if done.returncode != 75:
            return
        time.sleep(0.3)


def at_once(commands, where, night=""):
    """What the loops of these commands were answered, started together: the number of answers 75."""
    start, answers = threading.Barrier(len(commands)), []
    loops = [threading.Thread(target=loop, args=(command, where, night, start, answers)) for command in commands]
    for each in loops:
        each.start()
    for each in loops:
        each.join()
    codes = [code for code, _, _ in answers]
    assert set(codes) <= {0, 75} and codes.count(0) == len(commands), answers
    # With --quiet cron has nothing to mail of a night that closed, and one clear reason of one that did not.
    for code, out, told in answers:
        assert not out and bool(told) == (code == 75), (code, out, told)
    return codes.count(75)


def published(where):
    lines = map(json.loads, (where / "lake/meta/audit.jsonl").read_text().splitlines())
    return [(told["business_date"], told["generation"]) for told in lines]


def tables(where):
    """The hash of every table but the two that tell of each generation of a night."""
    files = [file for file in sorted((where / "lake/data").glob("*/*/*.parquet")) if file.stem not in ("nights", "rates_history")]
    return {str(file.relative_to(where)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def whole(where):
    """Every night comes out again as it was published, and the audit trail is unbroken."""
    for words in (["--from", NIGHTS[0]], ["--chain"]):
        subprocess.run([tieout, "verify", "jobs/nightly.toml", "--quiet", *words], cwd=where, check=True)
    left = [path for path in (where / "lake/staging").rglob("*") if path.is_file() and path.suffix == ".parquet"]
    assert not left, left


def backfill(first, last):
    return f"tieout backfill jobs/nightly.toml --quiet --from {first} --to {last}"


every_try_is_of_one_night()
sample = "sample sample-data --nights 5 --orders 5000 --seed 11 --date 2026-11-17"
subprocess.run([tieout, *sample.split()], cwd=folder, check=True, stdout=subprocess.DEVNULL)

alone = place("alone")
for night in NIGHTS:
    assert at_once([line()], alone, night) == 0
whole(alone)

crons = place("crons")
waited = [at_once([line()] * LOOPS, crons, night) for night in NIGHTS]
assert all(waited), f"nobody had to wait in some night: {waited}"
assert published(crons) == [(night, 1) for night in NIGHTS], published(crons)
assert tables(crons) == tables(alone)
whole(crons)
print(f"{LOOPS} crons at once, five nights: each was published once; 75 was answered {sum(waited)} times")

backfills = place("backfills")
waited = at_once([backfill(NIGHTS[0], last) for last in (*NIGHTS[1:], NIGHTS[-1])] + [line()], backfills, NIGHTS[0])
assert published(backfills) == [(night, 1) for night in NIGHTS], published(backfills)
assert tables(backfills) == tables(alone)
whole(backfills)
print(f"five backfills and a cron at once, from the first night on: each was published once; 75 was answered {waited} times")

# Whoever begins later may publish a night before the one before it: it is then closed anew, never from half of each.
across = place("across")
waited = at_once([backfill(first, NIGHTS[-1]) for first in NIGHTS], across)
at_once([backfill(NIGHTS[0], NIGHTS[-1])], across)
assert tables(across) == tables(alone)
whole(across)
print(f"five backfills from a night each: the same tables, in {len(published(across))} generations; 75 was answered {waited} times")
