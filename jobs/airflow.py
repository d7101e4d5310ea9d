"""Closes the nights of a job, one a day and in order. For Airflow 2.7 and later, and 3.

    <provider>.ready >> <provider>.fetch  --+
    <bank>.ready     >> <bank>.fetch      --+-->  run  -->  later
    merchant.ready   >> merchant.fetch    --+

- `ready` asks every ten minutes whether the files are there, and takes no slot of a worker between: one late
  provider is seen by itself. `fetch` takes them into the lake, `run` closes the night.
- `later` closes anew, in order, what a restated file made stale; skipped when nothing is.
- What a task returns to XCom is the last line of `tieout --json`, as an object.
- Each night that is published is an event of NIGHTS, for other DAGs to be scheduled on: `schedule=[Asset("tieout://nightly")]`.
  Its `extra` says of which business dates, and whether anything changed.
- Exit 99 (nothing is due yet) skips, 75 is tried again, and anything else fails at once: waiting does not mend it.

The business date of a run is the first day of its data interval, in the job's time zone. The timetable says so
itself: with a bare cron expression Airflow 2 gives a run the interval that ends when it starts, Airflow 3 an empty
one, and `{{ ds }}` is a day in UTC in both. Started by hand, a run takes the date from its parameter `date`; with
`again`, providers are asked anew for what they have delivered already.
"""

import json
import os
import re
import shlex
from datetime import timedelta
from pathlib import Path

import pendulum

try:
    import tomllib
except ModuleNotFoundError:  # Python before 3.11
    import tomli as tomllib
try:  # later releases of Airflow 3
    from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
except ImportError:
    from airflow.exceptions import AirflowException, AirflowFailException, AirflowSkipException
try:  # Airflow 3
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.providers.standard.sensors.bash import BashSensor
    from airflow.sdk import DAG, Asset, CronDataIntervalTimetable, Param, TaskGroup
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.datasets import Dataset as Asset
    from airflow.models.param import Param
    from airflow.operators.bash import BashOperator
    from airflow.sensors.bash import BashSensor
    from airflow.timetables.interval import CronDataIntervalTimetable
    from airflow.utils.task_group import TaskGroup

JOB = Path(os.environ.get("TIEOUT_HOME", "/srv/tieout"), "jobs/nightly.toml")
with JOB.open("rb") as file:
    job = tomllib.load(file)

NIGHTS = Asset(f"tieout://{job['name']}")
DATE = "{{ params.date or data_interval_start.in_timezone('" + job["timezone"] + "').to_date_string() }}"
TRY_AGAIN = "75"  # a file is late; another task holds the night; a server does not answer


def tieout(command, *options):
    return shlex.join(["tieout", command, str(JOB)]) + "".join(f" {option}" for option in options)


class Tieout(BashOperator):
    """Runs tieout. Exit 99 skips the task (so BashOperator); what waiting cannot mend fails without a retry."""

    def execute(self, context):
        try:
            summary = json.loads(super().execute(context))
        except (AirflowSkipException, AirflowFailException):
            raise
        except AirflowException as error:
            code = re.search(r"exit code (\d+)", str(error))
            if code is None or code[1] == TRY_AGAIN:
                raise
            raise AirflowFailException(str(error)) from None
        if self.outlets and "outlet_events" in context:  # from Airflow 2.10 on
            nights = summary.get("nights", [summary])
            context["outlet_events"][NIGHTS].extra = {
                "business_dates": [night["business_date"] for night in nights],
                "changed": any(night.get("changed") or night.get("became") == "closed" for night in nights),
            }
        return summary


with DAG(
    dag_id=f"tieout_{job['name']}",
    description="Payment providers' settlement files against the merchant's records",
    # Half past eight in the evening: Stripe's day is complete at 12:00 UTC of the next.
    schedule=CronDataIntervalTimetable("30 20 * * *", timezone=job["timezone"]),
    start_date=pendulum.datetime(2026, 11, 17, 20, 30, tz=job["timezone"]),
    catchup=True,
    # The files of a night are taken although the night before waits for its own. Not 1: the night after a failed one
    # is active while it waits for it, and the failed one, cleared once it is mended, would never be started again.
    max_active_runs=31,
    default_args={
        "retries": 10,
        "retry_delay": timedelta(seconds=30),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=30),
        "execution_timeout": timedelta(hours=2),
    },
    params={
        "date": Param(
            None,
            type=["null", "string"],
            format="date",
            pattern=r"^\d{4}-\d{2}-\d{2}$",
            description="Business date, when started by hand",
        ),
        "again": Param(False, type="boolean", description="Ask providers anew for what they have delivered already"),
    },
    tags=["finance"],
) as dag:
    run = Tieout(
        task_id="run",
        bash_command=tieout("run", "--date", DATE, "--json"),
        outlets=[NIGHTS],
        # A night carries in what the night before left open: one at a time, in order, none left out.
        depends_on_past=True,
        wait_for_downstream=True,
    )

    branches = {source["name"]: [source["name"]] for kind in ("provider", "bank") for source in job.get(kind, [])}
    branches["merchant"] = list(job["merchant"])
    for branch, names in branches.items():
        only = [f"--only {shlex.quote(name)}" for name in names]
        with TaskGroup(branch):
            ready = BashSensor(
                task_id="ready",
                # A sensor knows one exit code for "not yet".
                bash_command=tieout("ready", "--date", DATE, *only) + "; code=$?; exit $((code == 99 ? 75 : code))",
                retry_exit_code=int(TRY_AGAIN),
                mode="reschedule",
                poke_interval=timedelta(minutes=10).total_seconds(),
                # Not the deadline: that is in the job, as `expected_by` of each provider.
                timeout=timedelta(days=7).total_seconds(),
            )
            fetch = Tieout(
                task_id="fetch",
                bash_command=tieout("fetch", "--date", DATE, "--json", *only, "{{ '--again' if params.again }}"),
            )
            ready >> fetch >> run

    stale = "{% set stale = ti.xcom_pull(task_ids='run')['stale'] %}"
    backfill = tieout("backfill", "--from {{ stale[0] }} --to {{ stale[-1] }} --json")
    run >> Tieout(
        task_id="later",
        bash_command=stale + "{% if stale %}" + backfill + "{% else %}exit 99{% endif %}",
        outlets=[NIGHTS],
    )
