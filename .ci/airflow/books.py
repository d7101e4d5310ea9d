"""A DAG of somebody else, that runs when nights were published: it is told of which dates."""

try:
    from airflow.sdk import Asset, dag, task
except ImportError:
    from airflow.datasets import Dataset as Asset
    from airflow.decorators import dag, task


@dag(schedule=[Asset("tieout://nightly")], catchup=False)
def books():
    @task
    def told(triggering_asset_events=None):
        return [event.extra for events in triggering_asset_events.values() for event in events]

    told()


books()
