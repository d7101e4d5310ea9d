"""Those who watch a run read what they are told: Prometheus its metrics, a consumer of OpenLineage its events, and whoever
reads JSON by a schema the object a run ends with.

    watchers.py METRICS LINEAGE RESULT SCHEMA
"""

import datetime
import json
import sys
import uuid

import jsonschema
from prometheus_client.parser import text_string_to_metric_families

metrics, lineage, result, schema = sys.argv[1:]

with open(metrics, encoding="utf-8") as file:
    families = list(text_string_to_metric_families(file.read()))
assert len(families) == 13, [family.name for family in families]
for family in families:
    assert family.type == "gauge" and family.documentation and family.samples, family.name
    assert all(sample.labels["job"] for sample in family.samples), family.name


def facets(event):
    yield from event["run"]["facets"].values()
    yield from event["job"]["facets"].values()
    for dataset in event["inputs"] + event["outputs"]:
        assert dataset["namespace"] and dataset["name"]
        for kind in ("facets", "inputFacets", "outputFacets"):
            yield from dataset.get(kind, {}).values()


with open(lineage, encoding="utf-8") as file:
    events = [json.loads(line) for line in file]
assert [event["eventType"] for event in events] == ["START", "COMPLETE"], events
for event in events:
    uuid.UUID(event["run"]["runId"])
    assert datetime.datetime.fromisoformat(event["eventTime"]).tzinfo
    assert event["schemaURL"] == "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
    for facet in facets(event):
        assert facet["_producer"] == event["producer"] and facet["_schemaURL"].startswith("https://openlineage.io/spec/facets/")
assert events[1]["inputs"] and events[1]["outputs"]

with open(result, encoding="utf-8") as file, open(schema, encoding="utf-8") as rules:
    jsonschema.Draft7Validator(json.load(rules)).validate(json.load(file))
