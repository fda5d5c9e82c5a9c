"""What may be asked for, who may see it, and what is told of it; nobody works on these jobs."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import ValidationError

from pipelines.archive.storage import StoreError
from pipelines.ledger.finished_files import FinishedFile
from ray_apps.serving.jobs.folder import JobFolder
from ray_apps.serving.jobs.forms import ManifestForm
from ray_apps.serving.jobs.records import Problem, Status
from ray_apps.serving.keys import add_key
from tests.ray_apps.serving.asgi_service import Service

JOBS = "/v1/jobs"
ALLOWED = "https://media.example/films/"
FILES = [("file", ("../../etc/cron.d/x", b"one")), ("file", ("list.jsonl", b'{"url": "/etc/passwd"}'))]


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    return JobFolder(str(tmp_path / "jobs"))


@pytest.fixture
def service(tmp_path: Path, folder: JobFolder) -> Service:
    return made(tmp_path, folder)


def made(tmp_path: Path, folder: JobFolder, limits: dict[str, Any] | None = None, **settings: Any) -> Service:
    spool = tmp_path / "spool"
    spool.mkdir(exist_ok=True)
    return Service(spool, jobs={"folder": folder.store.url, "urls": [ALLOWED], **(limits or {})}, **settings)


def posted(service: Service, **body: Any) -> httpx2.Response:
    return service.post(JOBS, files=None, json={"media": [f"{ALLOWED}a.mp4"]} | body)


def media_of(folder: JobFolder, job: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in folder.store.read_bytes(f"lists/{job}.jsonl").splitlines()]


def test_without_a_folder_it_says_what_to_configure(tmp_path):
    service = Service(tmp_path)
    job = f"{JOBS}/job_1"
    asked = [("POST", JOBS), *(("GET", path) for path in (JOBS, job, f"{job}/results", f"{job}/results/x"))]
    for answer in [service.ask(*one) for one in [*asked, ("DELETE", job)]]:
        assert (answer.status_code, answer.json()["error"]["code"]) == (501, "jobs_not_configured")
        assert "jobs: {folder" in answer.json()["error"]["message"]


def test_addresses_become_a_job(service, folder):
    row = {"url": f"{ALLOWED}röportaj.ogg", "language": "Turkish", "to_language": "French"}
    answer = posted(service, media=[f"{ALLOWED}a.mp4?signature=x", row], formats=["srt"])
    told = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (202, f"{JOBS}/{told['id']}")
    assert (told["status"], told["media"]["total"], told["to_language"]) == ("queued", 2, ["fr"])
    assert media_of(folder, told["id"]) == [
        {"url": f"{ALLOWED}a.mp4?signature=x"},
        {"url": f"{ALLOWED}röportaj.ogg", "source_lang": "tr", "target_lang": ["fr"]},
    ]
    assert "signature" not in service.get(f"{JOBS}/{told['id']}").text
    assert service.get(JOBS).json()["data"] == [service.get(f"{JOBS}/{told['id']}").json()]


def test_uploads_become_one_under_numbers_and_no_name_of_theirs_is_looked_at(service, folder):
    answer = service.post(JOBS, files=FILES, data={"to_language": "fr", "formats": "srt,ttml"})
    told = answer.json()
    assert (answer.status_code, told["media"]["total"], told["formats"]) == (202, 2, ["srt", "ttml"])
    urls = [row["url"] for row in media_of(folder, told["id"])]
    assert urls == [folder.store.url_of(f"media/{told['id']}/{number}") for number in (1, 2)]
    assert [Path(url).read_bytes() for url in urls] == [b"one", b'{"url": "/etc/passwd"}']
    assert list(service.spool.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    [
        "/etc/passwd",
        "file:///etc/passwd",
        "http://media.example/films/a",
        "https://media.example/other",
        "https://media.example.evil.example/films/a",
        "https://media.example/films/../other",
        "http://169.254.169.254/latest/meta-data",
        "s3://bucket/a",
        "https://media.example@127.0.0.1/films/a",
        "",
    ],
)
def test_an_address_that_is_not_allowed_is_refused_and_nothing_stays(service, folder, url):
    answer = posted(service, media=[f"{ALLOWED}a", url])
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "url_not_allowed")
    assert answer.json()["error"]["param"] == "media.1.url"
    assert folder.store.list() == []


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"media": []}, "media"),
        ({"media": "x"}, "media"),
        ({"media": [{"url": 1}]}, "media.0.url"),
        ({"media": [{"url": "x", "path": "/etc"}]}, "media.0.path"),
        ({"to_language": ["Klingonish"]}, "to_language.0"),
        ({"to_language": ["German"]}, "to_language"),
        ({"language": "German"}, "to_language"),
        ({"formats": ["docx"]}, "formats.0"),
        ({"formats": []}, "formats"),
    ],
)
def test_a_field_that_does_not_fit_is_named(service, body, param):
    answer = posted(service, **body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize("entry", ["", 1, None, [], {"path": 1}])
def test_a_body_of_countless_media_is_refused_before_one_is_looked_at(service, folder, monkeypatch, entry):
    """As many as 16 MiB hold would each become an object, or an error, of hundreds of bytes."""
    monkeypatch.setattr(ManifestForm, "model_validate", lambda _: pytest.fail("validated"))
    answer = posted(service, media=[entry] * 10_001)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_many_media")
    assert folder.store.list() == []


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"media": [1] * 9_000}, "media.0"),
        ({"media": [{"url": ALLOWED} | {str(n): n for n in range(9_000)}]}, "media.0"),
        ({"formats": ["docx"] * 9_000}, "formats"),
        ({"formats": "srt," * 9_000}, "formats"),
        ({"to_language": ["fr"] * 9_000 + [1]}, "to_language"),
        ({"media": [{"url": ALLOWED, "to_language": "fr," * 9_000}] * 100}, "media.0.to_language"),
    ],
)
def test_of_countless_errors_no_list_is_made(service, body, param):
    answer = posted(service, **body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    with pytest.raises(ValidationError) as raised:
        ManifestForm.model_validate({"media": [ALLOWED]} | body)
    assert raised.value.error_count() <= 2


def test_bodies_that_are_no_job_are_refused(service, folder):
    as_json = {"content-type": "application/json"}
    for content, status in ((b"{", 400), (b"[" * 100_000, 400), (b"null", 400), (b"x" * (16 * 2**20 + 1), 413)):
        answer = service.post(JOBS, files=None, content=content, headers=as_json)
        assert (answer.status_code, bool(answer.json()["error"]["message"])) == (status, True)
    assert service.post(JOBS, files=None, content=b"x", headers={"content-type": "text/plain"}).status_code == 415
    assert service.post(JOBS, files={"other": b"x"}).status_code == 422
    assert posted(service, model="whisper-1").status_code == 404
    assert folder.store.list() == []


def test_there_is_room_for_so_many_and_no_more(tmp_path, folder):
    service = made(tmp_path, folder, {"open": 2, "media": 3})
    first = posted(service).json()["id"]
    assert posted(service).status_code == 202
    refused = posted(service)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
    assert refused.json()["error"]["type"] == "rate_limit_error"
    folder.end(first, Status(state="completed"))
    assert posted(service).status_code == 202
    assert posted(service, media=[f"{ALLOWED}{n}" for n in range(4)]).status_code == 429
    assert posted(made(tmp_path, folder, {"media": 3}), media=[f"{ALLOWED}{n}" for n in range(4)]).status_code == 413


def test_jobs_that_come_at_once_do_not_pass_the_bound(tmp_path, folder):
    service = made(tmp_path, folder, {"open": 2})

    async def ask() -> list[int]:
        async with service.client() as client:
            asking = (client.post(JOBS, json={"media": [f"{ALLOWED}a"]}) for _ in range(8))
            return [answer.status_code for answer in await asyncio.gather(*asking)]

    assert sorted(asyncio.run(ask())) == [202, 202] + [429] * 6


def test_a_key_sees_its_own_jobs_alone(tmp_path, folder):
    keys = tmp_path / "keys"
    anna, bert = ({"Authorization": f"Bearer {add_key(keys, name)}"} for name in ("anna", "bert"))
    service = made(tmp_path, folder, {"open_a_key": 1}, keys_file=str(keys))
    job = posted_by(service, anna).json()["id"]
    assert posted_by(service, anna).json()["error"]["code"] == "too_many_jobs"
    assert posted_by(service, bert).status_code == 202
    paths = [f"{JOBS}/{job}", f"{JOBS}/{job}/results", f"{JOBS}/{job}/results/1.fr.srt"]
    assert [service.get(path, headers=bert).status_code for path in paths] == [404] * 3
    assert service.delete(paths[0], headers=bert).status_code == 404
    unknown = service.get(f"{JOBS}/job_{'0' * 42}", headers=bert)
    assert service.get(paths[0], headers=bert).json() == unknown.json()
    assert job not in service.get(JOBS, headers=bert).text
    assert service.get(paths[0]).status_code == 401
    new = {"Authorization": f"Bearer {add_key(keys, 'anna')}"}
    assert [service.get(paths[0], headers=key).json()["status"] for key in (anna, new)] == ["queued"] * 2


def posted_by(service: Service, key: dict[str, str]) -> httpx2.Response:
    return service.post(JOBS, files=None, json={"media": [f"{ALLOWED}a"]}, headers=key)


@pytest.mark.parametrize(
    "job", ["job_1", "..", "%2e%2e", "..%2fstatus", "job_" + "g" * 42, "job_" + "0" * 42 + "%00", "job_" + "0" * 43]
)
def test_what_is_no_id_is_no_job(service, folder, job):
    folder.store.write_bytes("jobs/job_1.json", b"{}")
    assert {service.get(f"{JOBS}/{job}").status_code, service.delete(f"{JOBS}/{job}").status_code} <= {404, 405}
    assert service.get(f"{JOBS}/{job}/results").status_code == 404


def test_only_files_that_a_job_lists_are_given(service, folder):
    job = posted(service).json()["id"]
    work = folder.work(job)
    for path in ("talks/ö.fr.srt", "talks/half.fr.srt", "summary.json", "_voxtral/parts/x.json"):
        work.write_bytes(path, path.encode())
    file = FinishedFile(path="talks/ö.fr.srt", medium="talks/ö.mp4", language="fr", format="srt")
    folder.end(job, Status(state="completed"))
    folder.store.write_bytes(f"results/{job}.json", json.dumps([file.model_dump()]).encode())
    listed = service.get(f"{JOBS}/{job}/results").json()["data"]
    assert [(one["name"], one["medium"], one["language"]) for one in listed] == [
        ("talks/ö.fr.srt", "talks/ö.mp4", "fr")
    ]
    answer = service.get(listed[0]["url"])
    assert (answer.content.decode(), answer.headers["content-length"]) == ("talks/ö.fr.srt", "15")
    assert answer.headers["content-type"].startswith("application/x-subrip")
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''%C3%B6.fr.srt"
    others = (
        "talks/half.fr.srt",
        "summary.json",
        "_voxtral/parts/x.json",
        "%2e%2e/%2e%2e/jobs",
        "..%2f..%2fjobs",
        "",
    )
    for name in (*others, "talks%5c..%5cx", "/etc/passwd", "%2fetc%2fpasswd", "talks/%00"):
        assert service.get(f"{JOBS}/{job}/results/{name}").status_code == 404, name


def test_the_list_goes_page_by_page_newest_first(service):
    jobs = [posted(service).json()["id"] for _ in range(3)]
    first = service.get(JOBS, params={"limit": 2}).json()
    rest = service.get(JOBS, params={"limit": 2, "after": first["data"][-1]["id"]}).json()
    seen = [one["id"] for one in (*first["data"], *rest["data"])]
    assert (first["has_more"], rest["has_more"], sorted(seen)) == (True, False, sorted(jobs))
    assert seen == sorted(jobs, reverse=True)
    for limit in ("0", "101", "many"):
        answer = service.get(JOBS, params={"limit": limit})
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "limit")


def test_delete_ends_what_is_open_and_takes_away_what_has_ended(service, folder):
    job = posted(service).json()["id"]
    path = f"{JOBS}/{job}"
    assert [service.delete(path).json()["status"] for _ in range(2)] == ["cancelling"] * 2
    folder.end(job, Status(state="cancelled"))
    assert service.get(path).json()["status"] == "cancelled"
    assert service.delete(path).json() == {"id": job, "object": "job.deleted", "deleted": True}
    assert [service.get(path).status_code, service.delete(path).status_code] == [404, 404]
    assert folder.store.list() == []


def test_what_went_wrong_is_told_without_the_inside(service, folder):
    job = posted(service).json()["id"]
    problems = (Problem(medium="a.mp4", code="not_allowed"), Problem(medium="b.mp4", code="worker_died"))
    folder.end(job, Status(state="completed", media_total=2, media_failed=2, problems=problems))
    told = service.get(f"{JOBS}/{job}").json()
    assert [one["code"] for one in told["errors"]] == ["not_allowed", "worker_died"]
    assert all(one["message"] for one in told["errors"])
    other = posted(service).json()["id"]
    folder.end(other, Status(state="failed", code="gave_up"))
    assert service.get(f"{JOBS}/{other}").json()["error"]["code"] == "gave_up"


def test_a_store_that_is_away_is_told_and_says_when_to_come_again(service, folder, monkeypatch):
    def away(*_arguments: Any) -> None:
        raise StoreError("cannot reach /srv/secret")

    job = posted(service).json()["id"]
    monkeypatch.setattr("pipelines.archive.storage.Store.read_bytes", away)
    for answer in (service.get(f"{JOBS}/{job}"), service.get(JOBS), posted(service)):
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
        assert "secret" not in answer.text
