"""What a test cannot wait for: Airflow's own place to change DAGs without touching their files.

Airflow reads this as `airflow_local_settings`. The DAG itself is the one that is shipped, byte for byte.
"""

from datetime import timedelta

import pendulum


def dag_policy(dag):
    if dag.dag_id == "tieout_nightly":
        dag.end_date = pendulum.datetime(2026, 11, 21, 21, tz="Asia/Shanghai")


def task_policy(task):
    task.retry_delay = timedelta(seconds=1)
    task.retry_exponential_backoff = False
    if hasattr(task, "poke_interval"):
        # Sooner, and the scheduler takes what it hears of one look for the end of the next.
        task.poke_interval = 5
