"""Airflow 3 as it is in production, but for its database: scheduler, DAG processor and API server, over five nights.

    scheduler.py TIEOUT JOBS FOLDER      with the Python that has Airflow

One file is late, one missing, one restated. What the tasks came to is read from Airflow's own database.
"""

import json
import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from place import NIGHTS, Place, same

DAG = "tieout_nightly"
BRANCHES = ["adyen", "alipay", "house_bank", "merchant", "stripe", "wechat_pay"]
FIRST, SECOND, THIRD, FOURTH, LAST = NIGHTS
PATIENCE = 180  # seconds, for what takes some ten


class Airflow:
    def __init__(self, place, jobs):
        self.home = place.folder / "airflow"
        for part in ("dags", "config"):
            (self.home / part).mkdir(parents=True)
        here = Path(__file__).parent
        # Not as `airflow.py`: the name is Airflow's.
        (self.home / "dags/tieout_nightly.py").write_bytes((jobs / "airflow.py").read_bytes())
        (self.home / "dags/books.py").write_bytes((here / "books.py").read_bytes())
        (self.home / "config/airflow_local_settings.py").write_bytes((here / "settings.py").read_bytes())
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        self.environment = {
            "PATH": f"{place.folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "AIRFLOW_HOME": str(self.home),
            "TIEOUT_HOME": str(place.folder),
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__BASE_URL": self.address,
            "AIRFLOW__API__SECRET_KEY": secrets.token_hex(),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.address}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__PARALLELISM": "3",
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
            "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        }
        self.processes = []

    def __enter__(self):
        self.start("db", "migrate").wait()
        for part in ("api-server", "scheduler", "dag-processor"):
            self.processes.append(self.start(part))
        until("the API answers", self.answers)
        return self

    def __exit__(self, *_):
        for process in self.processes:
            os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)

    def start(self, *words):
        log = (self.home / f"{words[0]}.log").open("w")
        command = [sys.executable, "-m", "airflow", *words]
        return subprocess.Popen(command, env=self.environment, stdout=log, stderr=log, start_new_session=True)

    def answers(self):
        try:
            return bool(self.ask("GET", "/api/v2/version"))
        except OSError:
            return False

    def ask(self, method, path, body=None):
        """What the API answers. SQLite has one writer: a request that finds it busy is undone and refused ("database
        is locked", 500), and sent again."""
        headers = {"Content-Type": "application/json"}
        if path.startswith("/api/v2/dags"):
            headers["Authorization"] = "Bearer " + self.ask("GET", "/auth/token")["access_token"]
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, headers, method=method)
        began = time.monotonic()
        while True:
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code != 500 or time.monotonic() - began > PATIENCE:
                    error.msg += f", to {method} {path}: {error.read().decode()}"
                    raise
            time.sleep(0.3)

    def rows(self, query, *values):
        with sqlite3.connect(f"file:{self.home / 'airflow.db'}?mode=ro", uri=True, timeout=30) as database:
            return database.execute(query, values).fetchall()

    def scheduled(self):
        """The scheduled runs. The interval of each begins at 20:30 of its night in Shanghai, 12:30 UTC."""
        query = "SELECT date(data_interval_start), run_id, state FROM dag_run WHERE dag_id = ? AND run_type = 'scheduled'"
        return sorted(self.rows(query, DAG))

    def runs(self):
        """The state of the run of each night."""
        return {night: state for night, _, state in self.scheduled()}

    def all_states(self):
        """The states of all runs, those by hand too."""
        return [state for (state,) in self.rows("SELECT state FROM dag_run WHERE dag_id = ?", DAG)]

    def run_of(self, night):
        return next(run for of, run, _ in self.scheduled() if of == night)

    def tasks(self, run):
        """The state of each task of a run."""
        return dict(self.rows("SELECT task_id, state FROM task_instance WHERE dag_id = ? AND run_id = ?", DAG, run))

    def states(self, night):
        return self.tasks(self.run_of(night))

    def returned(self, run, task):
        """What a task returned, or nothing."""
        query = "SELECT value FROM xcom WHERE dag_id = ? AND run_id = ? AND task_id = ? AND key = 'return_value'"
        found = self.rows(query, DAG, run, task)
        value = found[0][0] if found else "null"
        while isinstance(value, str):
            value = json.loads(value)
        return value

    def events(self):
        """What other DAGs were told."""
        return [json.loads(extra) for (extra,) in self.rows("SELECT extra FROM asset_event ORDER BY id")]

    def clear(self, **which):
        body = {"dry_run": False, "reset_dag_runs": True, "only_failed": False, **which}
        return self.ask("POST", f"/api/v2/dags/{DAG}/clearTaskInstances", body)

    def by_hand(self, **parameters):
        body = {"logical_date": None, "conf": parameters}
        return self.ask("POST", f"/api/v2/dags/{DAG}/dagRuns", body)["dag_run_id"]

    def ended(self, run):
        return self.rows("SELECT state FROM dag_run WHERE dag_id = ? AND run_id = ?", DAG, run)[0][0] in ("success", "failed")


def until(what, holds):
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < PATIENCE, f"not within {PATIENCE} s: {what}"
        time.sleep(0.3)
    print(f"{what}: {time.monotonic() - began:.0f} s", flush=True)


def all_well(later="skipped"):
    steps = {f"{branch}.{step}": "success" for branch in BRANCHES for step in ("ready", "fetch")}
    return steps | {"run": "success", "later": later}


def late(place, airflow):
    """A file that comes after its sensor first looked: others go on, its branch waits, and the night with it."""
    asked = ("ready", SECOND, "--only wechat_pay")
    until("nobody has to deliver the second night yet", lambda: place.calls(*asked)[:2] == [99, 99])
    place.hour(SECOND, "20:30")
    until("it is late", lambda: 75 in place.calls(*asked))
    until("the other branches are done", lambda: list(airflow.states(SECOND).values()).count("success") == 10)
    until("the first night is closed", lambda: airflow.runs()[FIRST] == "success")
    same("the second night's run", airflow.states(SECOND)["run"], None)
    same("closed", place.generations(), {FIRST: 1})
    place.deliver(LATE)
    until("the second night is closed", lambda: airflow.runs()[SECOND] == "success")
    same("the second night", airflow.states(SECOND), all_well())
    answers = place.calls(*asked)
    assert answers == sorted(answers, reverse=True) and answers[-1] == 0, answers
    same("the first night", airflow.states(FIRST), all_well())


def missing(place, airflow):
    """A file that is not there at its deadline: the night fails at once, and none after it is closed before it."""
    until("those after it have taken their files, and wait for it", lambda: place.calls("fetch").count(0) == 29)
    until("the third night waits", lambda: 75 in place.calls("ready", THIRD, "--only adyen"))
    place.hour(THIRD, "22:30")
    until("the third night is refused", lambda: airflow.runs()[THIRD] == "failed")
    refused = {"adyen.ready": "failed", "adyen.fetch": "upstream_failed", "run": "upstream_failed", "later": "upstream_failed"}
    same("the third night", airflow.states(THIRD), all_well() | refused)
    same("refusals", place.calls("ready", THIRD, "--only adyen").count(66), 1)
    time.sleep(5)
    same("closed", place.generations(), {FIRST: 1, SECOND: 1})

    place.deliver(MISSING)
    airflow.clear(dag_run_id=airflow.run_of(THIRD), only_failed=True)
    until("all five are closed", lambda: list(airflow.runs().values()) == ["success"] * 5)
    for night in NIGHTS:
        same(night, airflow.states(night), all_well())
    same("published, in order", place.published(), [(night, 1) for night in NIGHTS])
    same("told others", airflow.events(), [{"business_dates": [night], "changed": True} for night in NIGHTS])


def restated(place, airflow):
    """A file of the first night is delivered anew: the night is closed again by hand, and those after it follow in order."""
    file = place.provider(f"stripe/payout_reconciliation_{FIRST.replace('-', '')}.csv")
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:-1]))
    run = airflow.by_hand(date=FIRST, again=True)
    until("the first night is closed anew", lambda: airflow.ended(run))
    same("the run by hand", airflow.tasks(run), all_well(later="success"))
    summary = airflow.returned(run, "run")
    same("its night", (summary["business_date"], summary["generation"], summary["changed"]), (FIRST, 2, True))
    same("stale", summary["stale"], NIGHTS[1:])
    answers = airflow.returned(run, "stripe.fetch")["answers"]
    same("the answer", [answer["answer"] for answer in answers], ["restated"])
    same("asked anew", place.calls("fetch", FIRST, "--again"), [0] * 6)
    same("published anew, in order", place.published()[5:], [(night, 2) for night in NIGHTS])
    same("told others", [event["business_dates"] for event in airflow.events()[5:]], [[FIRST], NIGHTS[1:]])


def again(place, airflow):
    """Every night once more, and the run by hand with them: nothing changes."""
    before, generations = place.data(), place.generations()
    airflow.clear()
    until("all are there to be run again", lambda: "success" not in airflow.runs().values())
    until("all five are closed again", lambda: airflow.all_states() == ["success"] * 6)
    for night in NIGHTS:
        same(night, airflow.states(night), all_well())
        summary = airflow.returned(airflow.run_of(night), "run")
        same("its night", (summary["business_date"], summary["generation"], summary["changed"]), (night, 2, False))
    same("generations", place.generations(), generations)
    assert place.data() == before, "a published file is other than before"
    told = [event["business_dates"] for event in airflow.events() if not event["changed"]]
    same("told others", sorted(told), [[night] for night in [FIRST, *NIGHTS]])


def corrupt(place, airflow):
    """A file that is broken: waiting does not mend it, so the task fails at its first try."""
    file = place.provider(f"stripe/payout_reconciliation_{LAST.replace('-', '')}.csv")
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    run = airflow.by_hand(date=LAST, again=True)
    until("the run of a broken file ends", lambda: airflow.ended(run))
    same("what failed", {task for task, state in airflow.tasks(run).items() if state == "failed"}, {"run"})
    same("refusals", place.calls("run", LAST).count(65), 1)
    file.write_bytes(whole)


LATE = f"wechat_pay/1900000109_tradebill_ALL_{SECOND.replace('-', '')}.csv"
MISSING = f"adyen/{THIRD}"


def main(tieout, jobs, folder):
    place = Place(folder, tieout, jobs)
    place.withhold(LATE)
    place.hour(SECOND, "19:30")
    place.withhold(MISSING)
    with Airflow(place, jobs) as airflow:
        late(place, airflow)
        missing(place, airflow)
        restated(place, airflow)
        again(place, airflow)
        corrupt(place, airflow)
    place.tieout("verify", "jobs/nightly.toml", "--from", FIRST)
    place.tieout("verify", "jobs/nightly.toml", "--chain")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
