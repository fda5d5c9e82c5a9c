"""What the manifests say is true of the program that they run: commands, labels, sizes, ports, times, secrets."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import typer
import yaml
from typer.main import get_command

from cluster.derived import Machine, derive
from ray_apps.cli import app
from ray_apps.cli_settings import make_settings
from ray_apps.ray_session import is_meant
from ray_apps.serving.settings import DoorLimits, ServeSettings
from ray_apps.translator import TranslatorSettings
from tests.cluster.deploy.manifests import (
    DEPLOY,
    KUBERNETES,
    all_pods,
    documents,
    groups,
    of_kind,
    quantity,
    ray_cluster,
    ray_objects,
    the,
)

ROOT = DEPLOY.parents[1]
CONFIG = yaml.safe_load((ROOT / "serve_config.yaml").read_text())
PORT = CONFIG["http_options"]["port"]
LAUNCHER = yaml.safe_load((DEPLOY / "ray_up" / "aws.yaml").read_text())
PODS = pytest.mark.parametrize(("name", "template"), all_pods(), ids=[name for name, _ in all_pods()])
OBJECTS = pytest.mark.parametrize("document", ray_objects(), ids=lambda d: f"{d['kind']}/{d['metadata']['name']}")
TEARDOWN_S = 10
"""What a pod needs to end once it has drained."""


def parsed(words: list[str]) -> dict[str, Any]:
    """A command's arguments, as our own program reads them; a flag that there is not is an error."""
    assert words[0] == "voxtral"
    group: Any = get_command(app)
    context = typer.Context(group)
    name, command, rest = group.resolve_command(context, words[1:])
    return command.make_context(name, rest, parent=context).params


def commented_commands(text: str) -> list[list[str]]:
    """``voxtral`` commands of the comments, also those that go over several lines or behind ``ray job submit --``."""
    comments = "\n".join(line.lstrip("# ") for line in text.splitlines() if line.startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", comments)
    return [
        shlex.split(line) for line in re.findall(r"^(?:.*ray job submit .* --\s+)?(voxtral .*)$", joined, re.MULTILINE)
    ]


@pytest.mark.parametrize("job", of_kind("RayJob"), ids=lambda job: job["metadata"]["name"])
def test_a_jobs_command_and_its_settings_are_ones_that_the_program_takes(job, tmp_path):
    flags = parsed(shlex.split(job["spec"]["entrypoint"]))
    head = ray_cluster(job)["headGroupSpec"]["template"]["spec"]
    mount = next(m for m in head["containers"][0]["volumeMounts"] if str(flags["config"]).startswith(m["mountPath"]))
    volume = next(v for v in head["volumes"] if v["name"] == mount["name"])
    (tmp_path / "job.yaml").write_text(the("ConfigMap", volume["configMap"]["name"])["data"][flags["config"].name])
    settings = make_settings({"inputs": flags["inputs"], "out": flags["out"]}, tmp_path / "job.yaml")
    assert (settings.source, settings.targets) == ("tr", ("fr",))
    assert settings.max_actors in (None, sum(g["replicas"] for g in groups(job)[1:] if "b200" in g["groupName"]))


@pytest.mark.parametrize("file", [*KUBERNETES, DEPLOY / "ray_up" / "aws.yaml"], ids=lambda file: file.name)
def test_the_commands_of_the_comments_are_real_too(file):
    for words in commented_commands(file.read_text()):
        parsed(words)


def test_there_are_commands_in_the_comments():
    found = [words[1] for file in (DEPLOY).rglob("*.yaml") for words in commented_commands(file.read_text())]
    assert {"translate", "serve", "serve-key"} <= set(found)


def labels_by_pool(document):
    return {group["groupName"]: group["labels"] for group in groups(document)}


def test_jobs_work_on_nodes_that_are_there_and_never_on_the_head_or_on_those_that_serve():
    for config, document in (
        ("voxtral-job", the("RayJob", "voxtral-job")),
        ("voxtral-job-s3", the("RayJob", "voxtral-job-s3")),
        ("voxtral-settings", the("RayCluster", "voxtral")),
    ):
        nodes = yaml.safe_load(the("ConfigMap", config)["data"]["job.yaml"])["nodes"]
        chosen = {name for name, labels in labels_by_pool(document).items() if is_meant(labels, nodes)}
        assert chosen == set(labels_by_pool(document)) - {"head", "serving-b200"}
    types = LAUNCHER["available_node_types"]
    nodes = yaml.safe_load((DEPLOY / "ray_up" / "job.yaml").read_text())["nodes"]
    assert {name for name, node in types.items() if is_meant(node["labels"], nodes)} == {"b200"}


def test_the_service_beside_the_jobs_keeps_to_its_own_nodes():
    serving = yaml.safe_load(the("ConfigMap", "voxtral-settings")["data"]["serve.yaml"])
    settings = ServeSettings.model_validate(serving["applications"][0]["args"])
    labels = labels_by_pool(the("RayCluster", "voxtral"))
    assert {name for name in labels if is_meant(labels[name], settings.nodes)} == {"serving-b200"}
    assert settings.spool  # ingress and media preparation are then off the head, which has no CPUs to give
    assert serving["http_options"]["port"] == PORT


@OBJECTS
def test_the_cores_of_a_gpu_pod_are_those_that_its_gpu_needs(document):
    for group in groups(document):
        limits = group["template"]["spec"]["containers"][0]["resources"]["limits"]
        if "nvidia.com/gpu" not in limits:
            continue
        machine = Machine(
            cores=quantity(limits["cpu"]),
            memory_bytes=int(quantity(limits["memory"]) * 0.7 * 2**30),  # 30 % are Ray's shared memory
            gpu=group["template"]["spec"]["nodeSelector"]["nvidia.com/gpu.product"].replace("-", " "),
            gpus=int(limits["nvidia.com/gpu"]),
            gpu_bytes=179 * 2**30,
            gpu_processors=148,
            capability=(10, 0),
        )
        derived = derive(machine, actor_memory_gb=9.4 + 1)
        assert derived.notes == ()
        assert derived.settings["cores_to_feed_gpu"].value + 1 <= machine.cores
        listen_gb = 0.5 * derived.settings["listen_tasks"].value
        assert listen_gb + 9.4 + 1 <= machine.memory_bytes / 2**30
        assert 8 * machine.cores <= 192, "eight pods fit a node of 192 vCPUs"


def test_the_launchers_machine_feeds_its_gpus():
    has = LAUNCHER["available_node_types"]["b200"]["resources"]
    machine = Machine(has["CPU"], 2**41, "NVIDIA B200", has["GPU"], 179 * 2**30, 148, (10, 0))
    assert derive(machine).notes == ()


@PODS
def test_requests_and_limits_are_what_a_pod_may_really_use(name, template):
    """Ray takes a container's limits for what it has, and is killed where the node has less."""
    for container in template["spec"]["containers"]:
        resources = container["resources"]
        assert resources["requests"]["memory"] == resources["limits"]["memory"]
        assert {k: resources["requests"][k] for k in resources["limits"]} == resources["limits"]


@PODS
def test_no_pod_has_more_rights_than_a_user(name, template):
    spec = template["spec"]
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 1000
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert all("hostPath" not in volume for volume in spec.get("volumes", ()))
    for container in spec["containers"]:
        security = container["securityContext"]
        assert security == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


@PODS
def test_every_pod_is_one_that_the_policies_mean(name, template):
    for policy in of_kind("NetworkPolicy"):
        if policy["metadata"]["name"] == "ray-among-itself":
            wanted = policy["spec"]["podSelector"]["matchLabels"]
            assert wanted.items() <= template["metadata"]["labels"].items()
    assert template["spec"]["serviceAccountName"] == the("ServiceAccount", "voxtral")["metadata"]["name"]


def test_nobody_comes_in_who_is_not_named():
    nobody = the("NetworkPolicy", "nobody")["spec"]
    assert nobody == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for policy in of_kind("NetworkPolicy"):
        for rule in policy["spec"].get("ingress", ()):
            assert all(peer for peer in rule["from"]), "an empty peer is everybody"


@PODS
def test_one_image(name, template):
    image = template["spec"]["containers"][0]["image"]
    assert image == LAUNCHER["docker"]["image"]
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert image.endswith(f"/voxtral-b200:{version[1]}")


@OBJECTS
def test_the_token_is_a_secrets_and_stands_nowhere(document):
    assert ray_cluster(document)["authOptions"] == {"mode": "token", "secretName": "voxtral-ray-token"}
    assert of_kind("Secret") == []
    for file in [*KUBERNETES, DEPLOY / "ray_up" / "aws.yaml", DEPLOY / "Dockerfile"]:
        assert not re.search(r"RAY_AUTH_TOKEN[:=]\s*[\"']?\w|[0-9a-f]{32}|AKIA[0-9A-Z]{16}", file.read_text())


def test_the_launchers_machines_ask_for_the_token():
    assert "--env RAY_AUTH_MODE=token" in LAUNCHER["docker"]["run_options"]
    assert LAUNCHER["file_mounts"]["/home/voxtral/.ray/auth_token"] == "~/.ray/auth_token"
    assert "--dashboard-host=127.0.0.1" in " ".join(LAUNCHER["head_start_ray_commands"])
    source = ROOT / LAUNCHER["file_mounts"]["/home/voxtral/job.yaml"]
    assert source.is_file()


@OBJECTS
def test_ray_is_the_one_that_the_image_holds(document):
    assert f"ray=={ray_cluster(document)['rayVersion']}" in (ROOT / "constraints.txt").read_text().split()


@OBJECTS
def test_workers_drain_and_have_the_time_for_it(document):
    serving = document["kind"] == "RayService"
    for group in groups(document)[1:]:
        spec = group["template"]["spec"]
        command = spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
        assert command[0] in (DEPLOY / "Dockerfile").read_text()
        assert spec["terminationGracePeriodSeconds"] >= int(command[1]) + TEARDOWN_S
        if serving:
            assert int(command[1]) >= TranslatorSettings(model=None).window_deadline_s


def test_spot_nodes_are_gone_within_the_time_that_they_are_given():
    (spot,) = [g for g in groups(the("RayJob", "voxtral-job-s3")) if g["labels"].get("ray.io/market-type") == "spot"]
    assert spot["template"]["spec"]["terminationGracePeriodSeconds"] <= 120, "AWS tells it two minutes before"
    assert spot["minReplicas"] == 0
    head = groups(the("RayJob", "voxtral-job-s3"))[0]
    assert head["template"]["spec"]["nodeSelector"] == {"karpenter.sh/capacity-type": "on-demand"}


def test_every_volume_and_every_mount_belong_together():
    claims = {d["metadata"]["name"] for d in of_kind("PersistentVolumeClaim")}
    maps = {d["metadata"]["name"] for d in of_kind("ConfigMap")}
    for name, template in all_pods():
        volumes = template["spec"].get("volumes", [])
        mounts = {m["name"] for c in template["spec"]["containers"] for m in c.get("volumeMounts", ())}
        assert mounts == {volume["name"] for volume in volumes}, name
        for volume in volumes:
            if "persistentVolumeClaim" in volume:
                assert volume["persistentVolumeClaim"]["claimName"] in claims
            if "configMap" in volume:
                assert volume["configMap"]["name"] in maps


def test_what_a_job_reads_and_writes_is_mounted_on_every_node_that_works():
    job = the("RayJob", "voxtral-job")
    flags = parsed(shlex.split(job["spec"]["entrypoint"]))
    for group in groups(job):
        paths = {m["mountPath"] for m in group["template"]["spec"]["containers"][0]["volumeMounts"]}
        assert {*flags["inputs"], flags["out"]} <= paths


def test_the_service_is_serve_config_but_for_its_address_and_keys():
    service = the("RayService", "voxtral")
    config = yaml.safe_load(service["spec"]["serveConfigV2"])
    ServeSettings.model_validate(config["applications"][0]["args"])
    assert config["http_options"].pop("host") == "0.0.0.0"
    keys = config["applications"][0]["args"].pop("keys_file")
    mine = yaml.safe_load((ROOT / "serve_config.yaml").read_text())
    assert mine["http_options"].pop("host") == "127.0.0.1"
    assert config == mine
    head = groups(service)[0]["template"]["spec"]
    assert any(keys.startswith(m["mountPath"] + "/") for m in head["containers"][0]["volumeMounts"])


def test_ports_times_and_sizes_of_the_door():
    service = the("RayService", "voxtral")
    ingress = the("Ingress", "voxtral")
    annotations = ingress["metadata"]["annotations"]
    timeout = CONFIG["http_options"]["request_timeout_s"]
    (path,) = ingress["spec"]["rules"][0]["http"]["paths"]
    assert path["backend"]["service"] == {"name": "voxtral-serve-svc", "port": {"number": PORT}}
    assert annotations["nginx.ingress.kubernetes.io/proxy-body-size"] == f"{DoorLimits().upload_bytes // 2**30}g"
    assert float(annotations["nginx.ingress.kubernetes.io/proxy-read-timeout"]) >= timeout
    assert service["spec"]["rayClusterDeletionDelaySeconds"] >= timeout
    assert timeout >= DoorLimits().deadline_s
    head = groups(service)[0]["template"]["spec"]["containers"][0]
    assert {"name": "serve", "containerPort": PORT} in head["ports"]
    policies = {d["metadata"]["name"]: d["spec"] for d in of_kind("NetworkPolicy")}
    assert {"port": PORT, "protocol": "TCP"} in policies["front-door"]["ingress"][0]["ports"]
    assert {"port": PORT, "protocol": "TCP"} in policies["operator"]["ingress"][0]["ports"]


def test_the_health_routes_are_the_services_own():
    from ray_apps.serving.app import OPEN_ROUTES

    asked = the("Ingress", "voxtral")["metadata"]["annotations"]["alb.ingress.kubernetes.io/healthcheck-path"]
    assert asked == "/readyz"
    assert {asked, "/healthz"} <= set(OPEN_ROUTES)


def test_the_serving_head_holds_the_bodies_that_serve_buffers():
    """docs/security.md: a body of 400 MiB grew proxy and ingress by 664 and 850 MiB."""
    head = groups(the("RayService", "voxtral"))[0]["template"]["spec"]["containers"][0]
    door = DoorLimits()
    bodies = (door.working + door.waiting) * door.upload_bytes / 2**30 * (664 + 850) / 400
    assert quantity(head["resources"]["limits"]["memory"]) >= bodies + 8  # what Ray and Serve themselves hold there


def test_every_object_is_in_the_namespace():
    assert {d["metadata"].get("namespace", "voxtral") for d in documents()} == {"voxtral"}
    assert the("Namespace", "voxtral")["metadata"]["labels"] == {"pod-security.kubernetes.io/enforce": "restricted"}
