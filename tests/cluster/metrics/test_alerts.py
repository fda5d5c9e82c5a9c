"""The rules through promtool: they are sound, fire when they must, and keep quiet when all is well."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from cluster.metrics import alerts, prometheus
from cluster.metrics.alerts import Pace
from cluster.metrics.folder import export
from cluster.metrics.panels import rows
from cluster.metrics.prometheus import installed
from cluster.metrics.promql import Look

pytestmark = pytest.mark.skipif(
    not installed(), reason="needs Debian's package prometheus (apt-get install prometheus)"
)


def actor(name: str) -> str:
    """The labels that an actor's series begin with."""
    return f'{{SessionName="s",NodeAddress="n",WorkerId="{name}"'


WELL = {
    'ray_voxtral_job_progress_timestamp_seconds{SessionName="s",WorkerId="d"}': "0+60x120",
    'ray_voxtral_queue{SessionName="s",WorkerId="d",queue="shards"}': "200-1x120",
    'ray_voxtral_shards_total{SessionName="s",WorkerId="d",status="done"}': "0+60x120",
    'ray_voxtral_shards_total{SessionName="s",WorkerId="d",status="failed"}': "0+1x120",
    'ray_voxtral_texts_total{SessionName="s",WorkerId="a",verdict="accepted"}': "0+90x120",
    'ray_voxtral_texts_total{SessionName="s",WorkerId="a",verdict="needs_review"}': "0+10x120",
    'ray_voxtral_requests_total{SessionName="s",WorkerId="i",route="/r",status="200"}': "0+60x120",
    'ray_voxtral_requests_open{SessionName="s",WorkerId="i",state="waiting"}': "3+0x120",
    'ray_node_mem_used{SessionName="s",ip="n"}': "50+0x120",
    'ray_node_mem_total{SessionName="s",ip="n"}': "100+0x120",
    'ray_node_disk_utilization_percentage{SessionName="s",ip="n"}': "50+0x120",
    'ray_object_store_used_memory{SessionName="s",NodeAddress="n"}': "50+0x120",
    'ray_object_store_available_memory{SessionName="s",NodeAddress="n"}': "50+0x120",
}
for one in "abc":
    WELL[f"ray_voxtral_window_audio_seconds_total{actor(one)}}}"] = "0+600x120"
    WELL[f"ray_voxtral_engine_busy_seconds_total{actor(one)}}}"] = "0+60x120"

ILL = {
    "VoxtralJobStalled": {'ray_voxtral_job_progress_timestamp_seconds{SessionName="s",WorkerId="d"}': "3600+0x120"},
    "VoxtralShardsFail": {'ray_voxtral_shards_total{SessionName="s",WorkerId="d",status="failed"}': "0+6x120"},
    "VoxtralRequestsFail": {
        'ray_voxtral_requests_total{SessionName="s",WorkerId="i",route="/r",status="503"}': "0+6x120"
    },
    "VoxtralMemoryNearFull": {'ray_node_mem_used{SessionName="s",ip="n"}': "95+0x120"},
    "VoxtralDiskNearFull": {'ray_node_disk_utilization_percentage{SessionName="s",ip="n"}': "95+0x120"},
    "VoxtralGateRejectsRise": {
        'ray_voxtral_texts_total{SessionName="s",WorkerId="a",verdict="needs_review"}': "0+10x90 940+50x30"
    },
    "VoxtralSlowActor": {f"ray_voxtral_engine_busy_seconds_total{actor('c')}}}": "0+150x120"},
    "VoxtralQueueGrows": {'ray_voxtral_requests_open{SessionName="s",WorkerId="i",state="waiting"}': "0+1x120"},
    "VoxtralObjectStoreNearFull": {'ray_object_store_available_memory{SessionName="s",NodeAddress="n"}': "5+0x120"},
}
"""What differs from all being well, by the alert that it must bring."""


def promtool(*arguments: str, folder: Path) -> None:
    done = subprocess.run(["promtool", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def promtool_tests(folder: Path, series: dict[str, str], **expected: object) -> None:
    """Two hours of these series, a sample a minute, through promtool."""
    told = [{"series": name, "values": values} for name, values in series.items()]
    case = {
        "rule_files": [alerts.FILE],
        "evaluation_interval": "30s",
        "tests": [{"interval": "1m", "input_series": told}],
    }
    case["tests"][0].update(expected)
    (folder / "test.yml").write_text(json.dumps(case))
    promtool("test", "rules", "test.yml", folder=folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    export(tmp_path, tmp_path)
    return tmp_path


def test_promtool_takes_the_files(folder):
    promtool("check", "rules", alerts.FILE, folder=folder)
    promtool("check", "config", prometheus.CONFIGURATION, folder=folder)


FIRING = 'count by (alertname) (ALERTS{alertstate="firing"})'


@pytest.mark.parametrize("alert", [None, *ILL])
def test_an_alert_fires_for_its_ill_and_for_no_other(folder, alert):
    fires = [{"labels": f'{{alertname="{alert}"}}', "value": 1}] if alert else []
    case = {"expr": FIRING, "eval_time": "2h", "exp_samples": fires}
    promtool_tests(folder, WELL | ILL.get(alert, {}), promql_expr_test=[case])


def test_requests_that_are_turned_away_are_a_queue_that_grows(folder):
    full = {'ray_voxtral_requests_total{SessionName="s",WorkerId="i",route="/r",status="429"}': "0+6x120"}
    fires = [{"labels": '{alertname="VoxtralQueueGrows"}', "value": 1}]
    promtool_tests(folder, WELL | full, promql_expr_test=[{"expr": FIRING, "eval_time": "2h", "exp_samples": fires}])


def test_every_alert_is_tested():
    assert [alert.name for alert in alerts.alerts()] == list(ILL)


def test_a_run_that_is_over_is_not_stalled(folder):
    over = {
        'ray_voxtral_job_progress_timestamp_seconds{SessionName="s",WorkerId="d"}': "0+0x120",
        'ray_voxtral_queue{SessionName="s",WorkerId="d",queue="shards"}': "0+0x120",
    }
    promtool_tests(folder, over, promql_expr_test=[{"expr": FIRING, "eval_time": "2h", "exp_samples": []}])


def test_a_job_may_be_silent_for_as_long_as_it_is_told(tmp_path):
    export(tmp_path, tmp_path, Pace(standing_s=7200))
    silent = WELL | ILL["VoxtralJobStalled"]
    promtool_tests(tmp_path, silent, promql_expr_test=[{"expr": FIRING, "eval_time": "2h", "exp_samples": []}])


def test_gpu_panels_answer_where_there_are_gpus(folder):
    """On nodes without GPU Ray has no such series, so the queries are tried on series as Ray 2.60 writes them."""
    gpu = '{SessionName="s",ip="n",GpuIndex="0",GpuDeviceName="NVIDIA B200"}'
    series = {
        f"ray_node_gpus_utilization{gpu}": "80+0x120",
        f"ray_node_gram_used{gpu}": "150+0x120",
        f"ray_node_gram_available{gpu}": "50+0x120",
    }
    looked = rows(Look("5m", 'SessionName=~".+"'))
    queries = {p.title: q for row in looked for p in row.panels if p.gpu_only for q in p.queries.values()}
    labels = '{ip="n",GpuIndex="0"}'
    cases = [
        {"expr": queries[title], "eval_time": "1h", "exp_samples": [{"labels": labels, "value": value}]}
        for title, value in (("GPU", 80), ("GPU memory", 0.75))
    ]
    assert len(queries) == len(cases)
    promtool_tests(folder, series, promql_expr_test=cases)
