from __future__ import annotations

from xml.etree import ElementTree

import pytest

from cluster.profile.book import Snapshot
from cluster.profile.picture import picture
from tests.cluster.profile.hand_overs import hand_over

SVG = "{http://www.w3.org/2000/svg}"


def test_a_line_a_worker_and_a_colour_a_stage():
    told = (
        hand_over("a", [10.0], node="<n1> & co"),
        hand_over("b", [5.0]),
        hand_over("c", [10.0], operation="decode", stage="listen"),
    )
    root = ElementTree.fromstring(picture(Snapshot(100.0, told)))
    texts = {"".join(text.itertext()) for text in root.iter(f"{SVG}text")}
    assert {"<n1> & co actor a", "10.0.0.1 actor b", "listen", "translate", "10 s"} <= texts
    filled: dict[str, float] = {}
    for rect in root.iter(f"{SVG}rect"):
        if "fill-opacity" in rect.attrib:
            filled[rect.attrib["fill"]] = filled.get(rect.attrib["fill"], 0.0) + float(rect.attrib["width"])
    listened, translated = sorted(filled.values())
    assert translated / listened == pytest.approx(1.5, rel=0.01)  # 15 s of work beside 10 s


def test_a_run_without_work_has_a_picture_too():
    assert "0 of 0 workers" in picture(Snapshot(1.0))
