"""The files of ``cluster/deploy`` as the tests read them, and the schemas that they are held against."""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

DEPLOY = Path(__file__).parents[3] / "cluster" / "deploy"
KUBERNETES = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
_CRDS = Path(__file__).parent / "kuberay"
_CLUSTER_AT = {"RayCluster": "spec", "RayJob": "rayClusterSpec", "RayService": "rayClusterConfig"}


def documents() -> list[dict[str, Any]]:
    """Every object of every manifest."""
    return [document for file in KUBERNETES for document in yaml.safe_load_all(file.read_text())]


def of_kind(*kinds: str) -> list[dict[str, Any]]:
    return [document for document in documents() if document["kind"] in kinds]


def ray_objects() -> list[dict[str, Any]]:
    return of_kind(*_CLUSTER_AT)


def the(kind: str, name: str) -> dict[str, Any]:
    (found,) = [d for d in of_kind(kind) if d["metadata"]["name"] == name]
    return found


def ray_cluster(document: dict[str, Any]) -> dict[str, Any]:
    """The cluster's spec inside a RayCluster, a RayJob or a RayService."""
    where = _CLUSTER_AT[document["kind"]]
    return document["spec"] if where == "spec" else document["spec"][where]


def groups(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Head and worker groups."""
    cluster = ray_cluster(document)
    return [cluster["headGroupSpec"] | {"groupName": "head"}, *cluster["workerGroupSpecs"]]


def pod_templates(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Names and templates of all pods that come of a Ray object."""
    for group in groups(document):
        yield f"{document['kind']}/{document['metadata']['name']}/{group['groupName']}", group["template"]
    if submitter := document["spec"].get("submitterPodTemplate"):
        yield f"{document['kind']}/{document['metadata']['name']}/submitter", submitter


def all_pods() -> list[tuple[str, dict[str, Any]]]:
    return [pod for document in ray_objects() for pod in pod_templates(document)]


def quantity(text: str) -> float:
    """Kubernetes' ``64Gi`` in GiB, ``500m`` and ``22`` in ones."""
    for suffix, factor in (("Ti", 1024.0), ("Gi", 1.0), ("Mi", 1 / 1024), ("m", 1 / 1000)):
        if text.endswith(suffix):
            return float(text.removesuffix(suffix)) * factor
    return float(text)


@functools.cache
def crd(kind: str) -> Draft202012Validator:
    """KubeRay's own schema; a field that it does not know is an error, where the operator would drop it silently."""
    schema = json.loads(gzip.decompress((_CRDS / f"{kind}.json.gz").read_bytes()))
    return Draft202012Validator(_closed(schema))


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(value) for name, value in schema.items()}
    open_ended = "additionalProperties" in closed or closed.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(closed.get("properties"), dict) and closed.get("type") == "object" and not open_ended:
        closed["additionalProperties"] = False
    return closed
