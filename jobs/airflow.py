"""Closes the night of `nightly.toml` once a day. For Airflow 2.4 and later, and 3.

The business date of a run is the first day of its data interval, in the job's time zone. The timetable says so
itself: with a bare cron expression Airflow 2 gives a run the interval that ends when it starts, Airflow 3 an empty
one, and `{{ ds }}` is a day in UTC in both. Started by hand, a run takes the date from its parameter `date`.

What a run returns to XCom is the last line of `tieout run --json`, as an object: `totals`, `outputs`, `changed`.
"""

import json
import os
import re
from datetime import timedelta

import pendulum
from airflow.timetables.interval import CronDataIntervalTimetable

try:  # later releases of Airflow 3
    from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
except ImportError:
    from airflow.exceptions import AirflowException, AirflowFailException, AirflowSkipException
try:  # Airflow 3
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.sdk import DAG, Param
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.models.param import Param
    from airflow.operators.bash import BashOperator

HOME = os.environ.get("TIEOUT_HOME", "/srv/tieout")
TIMEZONE = "Asia/Shanghai"  # the job's

TRY_AGAIN = {"66", "75"}  # a file is late; another run holds the night


class Tieout(BashOperator):
    """Runs tieout. Exit 99 skips the task (so BashOperator); what waiting cannot mend fails without a retry."""

    def execute(self, context):
        try:
            return json.loads(super().execute(context))
        except (AirflowSkipException, AirflowFailException):
            raise
        except AirflowException as error:
            code = re.search(r"exit code (\d+)", str(error))
            if code is None or code[1] in TRY_AGAIN:
                raise
            raise AirflowFailException(str(error)) from None


with DAG(
    dag_id="tieout_nightly",
    description="Payment providers' settlement files against the merchant's records",
    # Half past eight in the evening: Stripe's day is complete at 12:00 UTC of the next.
    schedule=CronDataIntervalTimetable("30 20 * * *", timezone=TIMEZONE),
    start_date=pendulum.datetime(2026, 11, 17, 20, 30, tz=TIMEZONE),
    # A night carries in what the night before left open: one at a time, in order, none left out.
    catchup=True,
    max_active_runs=1,
    default_args={"depends_on_past": True},
    params={"date": Param(None, type=["null", "string"], format="date", description="Business date, when started by hand")},
    tags=["finance"],
) as dag:
    Tieout(
        task_id="run",
        bash_command=(
            "tieout run jobs/nightly.toml --json"
            " --date {{ params.date or data_interval_start.in_timezone('" + TIMEZONE + "').to_date_string() }}"
        ),
        cwd=HOME,
        retries=6,
        retry_delay=timedelta(minutes=30),
        execution_timeout=timedelta(hours=2),
    )
