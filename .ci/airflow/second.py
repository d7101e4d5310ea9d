"""Airflow 2: the same DAG file over the same five nights, a run for each, without a scheduler.

    second.py TIEOUT JOBS FOLDER      with the Python that has Airflow 2
"""

import logging
import os
import runpy
import sys
import warnings
from pathlib import Path

from place import NIGHTS, Place, same

warnings.simplefilter("ignore")
place = Place(sys.argv[3], sys.argv[1], sys.argv[2])
os.environ |= {
    "PATH": f"{place.folder / 'bin'}:{os.environ['PATH']}",
    "AIRFLOW_HOME": str(place.folder / "airflow"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    "TIEOUT_HOME": str(place.folder),
}

from airflow.utils import db  # noqa: E402

db.initdb()
logging.disable(logging.WARNING)
dag = runpy.run_path(str(Path(sys.argv[2], "airflow.py")))["dag"]
assert dag.timetable.__class__.__name__ == "CronDataIntervalTimetable"


begin = dag.start_date
due = list(dag.iter_dagrun_infos_between(begin, begin.add(days=4)))
same("the nights of the timetable", [info.data_interval.start.in_timezone("Asia/Shanghai").to_date_string() for info in due], NIGHTS)


def close(night, info):
    """A run as it begins when its night is due."""
    run = dag.test(execution_date=info.run_after)
    same(f"the run of {night}", run.state, "success")
    states = {task.task_id: task.state for task in run.get_task_instances()}
    same(f"the tasks of {night}", states.pop("later"), "skipped")
    same(f"the tasks of {night}", set(states.values()), {"success"})
    summary = run.get_task_instance("run").xcom_pull(task_ids="run")
    same("its night", summary["business_date"], night)
    return summary["changed"]


runs = list(zip(NIGHTS, due, strict=True))
same("changed", [close(*run) for run in runs], [True] * 5)
before = place.data()
same("changed", [close(*run) for run in runs[:2]], [False] * 2)
same("the published files", place.data(), before)
same("generations", place.generations(), dict.fromkeys(NIGHTS, 1))
place.tieout("verify", "jobs/nightly.toml", "--chain")
print("five nights, and two of them again")
