"""Those who watch a run read what they are told: Prometheus its metrics, a consumer of OpenLineage its events, and whoever
reads JSON by a schema the object a run ends with.

    watchers.py METRICS LINEAGE RESULT SCHEMA
"""

import datetime
import importlib
import json
import pkgutil
import sys
import uuid

import jsonschema
from openlineage.client import generated
from openlineage.client.generated.base import InputDataset, Job, OutputDataset, Run, RunEvent
from openlineage.client.generated.schema_dataset import SchemaDatasetFacetFields
from prometheus_client.parser import text_string_to_metric_families

metrics, lineage, result, schema = sys.argv[1:]

with open(metrics, encoding="utf-8") as file:
    families = list(text_string_to_metric_families(file.read()))
assert len(families) == 13, [family.name for family in families]
for family in families:
    assert family.type == "gauge" and family.documentation and family.samples, family.name
    assert all(sample.labels["job"] for sample in family.samples), family.name


# What a facet of each name may and must hold, as the client of OpenLineage has it from the specification.
CLASSES = {
    name: each
    for module in pkgutil.iter_modules(generated.__path__)
    for name, each in vars(importlib.import_module(f"{generated.__name__}.{module.name}")).items()
    if name.endswith("Facet") and isinstance(each, type)
}


def facets(of, event):
    """The facets of a run, a job or a dataset, each made as the client makes it: nothing lacks, and nothing else is there."""
    made = {}
    for key, facet in of.items():
        name = facet["_schemaURL"].rpartition("/")[2]
        url, major = CLASSES[name]._get_schema(), facet["_schemaURL"].split("/facets/")[1].partition("-")[0]
        assert facet["_schemaURL"].startswith("https://openlineage.io/spec/facets/") and f"/facets/{major}-" in url, (facet, url)
        assert facet["_producer"] == event["producer"]
        content = {field: value for field, value in facet.items() if not field.startswith("_")}
        if "fields" in content:
            content["fields"] = [SchemaDatasetFacetFields(**field) for field in content["fields"]]
        made[key] = CLASSES[name](**content)
    return made


def datasets(kind, of, own, event):
    for dataset in of:
        assert dataset["namespace"] and dataset["name"]
        yield kind(**{**dataset, **{key: facets(dataset.get(key, {}), event) for key in ("facets", own)}})


with open(lineage, encoding="utf-8") as file:
    events = [json.loads(line) for line in file]
assert [event["eventType"] for event in events] == ["START", "COMPLETE"], events
for event in events:
    uuid.UUID(event["run"]["runId"])
    assert datetime.datetime.fromisoformat(event["eventTime"]).tzinfo
    assert event["schemaURL"] == "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
    made = RunEvent(
        eventTime=event["eventTime"],
        eventType=event["eventType"],
        producer=event["producer"],
        run=Run(**{**event["run"], "facets": facets(event["run"]["facets"], event)}),
        job=Job(**{**event["job"], "facets": facets(event["job"]["facets"], event)}),
        inputs=list(datasets(InputDataset, event["inputs"], "inputFacets", event)),
        outputs=list(datasets(OutputDataset, event["outputs"], "outputFacets", event)),
    )
    assert made.schemaURL == event["schemaURL"] and all(hasattr(made, key) for key in event)
assert events[1]["inputs"] and events[1]["outputs"]

with open(result, encoding="utf-8") as file, open(schema, encoding="utf-8") as rules:
    jsonschema.Draft7Validator(json.load(rules)).validate(json.load(file))
