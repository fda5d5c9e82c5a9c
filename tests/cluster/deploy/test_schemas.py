"""The manifests against KubeRay's, Kubernetes' and Ray's own schemas."""

from __future__ import annotations

import json
from importlib import resources

import jsonschema
import kubernetes_validate
import pytest
import yaml
from ray.serve.schema import ServeDeploySchema

from tests.cluster.deploy.manifests import DEPLOY, all_pods, crd, documents, of_kind, ray_objects

KUBERNETES_VERSION = "1.33"
CONFIG = DEPLOY.parents[1] / "serve_config.yaml"


def named(document):
    return f"{document['kind']}/{document['metadata']['name']}"


@pytest.mark.parametrize("document", ray_objects(), ids=named)
def test_kuberay_takes_its_objects(document):
    errors = [f"{list(error.absolute_path)}: {error.message}" for error in crd(document["kind"]).iter_errors(document)]
    assert errors == []


def test_kuberays_schemas_would_see_a_misspelt_field():
    (job, *_) = of_kind("RayJob")
    broken = job | {"spec": job["spec"] | {"shutdownAfterJobFinish": True}}
    assert [error.validator for error in crd("RayJob").iter_errors(broken)] == ["additionalProperties"]
    job["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["template"]["spec"]["containers"][0]["imgae"] = "x"
    assert not crd("RayJob").is_valid(job)


@pytest.mark.parametrize("document", [d for d in documents() if d not in ray_objects()], ids=named)
def test_kubernetes_takes_its_objects(document):
    kubernetes_validate.validate(document, KUBERNETES_VERSION, strict=True)


@pytest.mark.parametrize(("name", "template"), all_pods(), ids=[name for name, _ in all_pods()])
def test_kubernetes_takes_the_pods(name, template):
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one", **template["metadata"]}}
    kubernetes_validate.validate(pod | {"spec": template["spec"]}, KUBERNETES_VERSION, strict=True)


def test_serve_takes_its_configurations():
    (service,) = of_kind("RayService")
    for text in (CONFIG.read_text(), service["spec"]["serveConfigV2"]):
        ServeDeploySchema.model_validate(yaml.safe_load(text))


def test_rays_cluster_launcher_takes_its_file():
    schema = json.loads(resources.files("ray").joinpath("autoscaler/ray-schema.json").read_text())
    launcher = yaml.safe_load((DEPLOY / "ray_up" / "aws.yaml").read_text())
    jsonschema.validate(launcher, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(launcher | {"max_worker": 2}, schema)
