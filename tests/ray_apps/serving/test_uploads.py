"""What arrives lands in the file, however it is cut; what a killed service left is swept up."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from ray_apps.serving.settings import DoorLimits
from ray_apps.serving.uploads import receive, spooled, sweep

HEADERS = {"content-type": 'multipart/form-data; boundary="b"'}


@given(st.binary(max_size=400), st.lists(st.integers(1, 60), min_size=1, max_size=8))
@settings(max_examples=100)
def test_a_file_arrives_as_it_was_sent_however_it_is_cut(tmp_path_factory, content, lengths):
    if b"\r\n--b" in content:
        return
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="../x"\r\nContent-Type: a/b\r\n\r\n' + content
    body += b'\r\n--b\r\nContent-Disposition: form-data; name="language"\r\n\r\nT\xc3\xbcrk\xc3\xa7e\r\n--b--\r\n'

    async def blocks():
        at = turn = 0
        while at < len(body):
            length = lengths[turn % len(lengths)]
            yield body[at : at + length]
            at, turn = at + length, turn + 1

    with spooled(tmp_path_factory.getbasetemp()) as path:
        upload = asyncio.run(receive(blocks(), HEADERS, path, DoorLimits()))
        assert path.read_bytes() == content
    assert not path.exists()
    assert (upload.size, upload.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert upload.fields == [("language", "Türkçe")]


def test_only_old_uploads_are_swept_up(tmp_path):
    (tmp_path / "film.mp4").touch()
    for name, age_s in (("voxtral-upload-old", 100), ("voxtral-upload-new", 10)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() - age_s,) * 2)
    sweep(tmp_path, 50)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mp4", "voxtral-upload-new"]
