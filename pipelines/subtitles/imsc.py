"""TTML: cues as an IMSC 1.1 text document (the profile of TTML that broadcasters take), made by ttconv.

One region at the bottom of the picture, within the safe area of a tenth on each side. It knows no other format.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from fractions import Fraction

from ttconv import model
from ttconv.imsc import writer
from ttconv.imsc.config import ContentProfilesSignaling, IMSCWriterConfiguration
from ttconv.imsc.designators import IMSC_11_TEXT_PROFILE_DESIGNATOR
from ttconv.imsc.namespaces import TTML
from ttconv.style_properties import (
    CoordinateType,
    DisplayAlignType,
    ExtentType,
    LengthType,
    StyleProperties,
    TextAlignType,
)

from pipelines.records import Cue
from pipelines.subtitles.cue_text import shown_lines

_METADATA = "http://www.w3.org/ns/ttml#metadata"


def write(cues: Sequence[Cue], language: str, title: str) -> bytes:
    """The document, UTF-8; ``language`` is a code, ``title`` is left out if it is empty."""
    document = model.ContentDocument()
    document.set_lang(language)
    document.set_content_profiles({IMSC_11_TEXT_PROFILE_DESIGNATOR})
    region = _region(document)
    body, division = model.Body(document), model.Div(document)
    body.set_region(region)
    body.push_child(division)
    document.set_body(body)
    for cue in cues:
        if lines := shown_lines(cue):
            division.push_child(_paragraph(document, cue, lines))
    signalled = IMSCWriterConfiguration(profile_signaling=ContentProfilesSignaling.CONTENT_PROFILES)
    root = writer.from_model(document, signalled).getroot()
    if title:
        _entitle(root, title)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def count(data: bytes) -> int:
    """How many cues a document holds. Raises ValueError if it is no TTML."""
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise ValueError(f"it is no XML: {error}") from error
    if root.tag != f"{{{TTML}}}tt":
        raise ValueError("it is no TTML document")
    return sum(1 for _ in root.iter(f"{{{TTML}}}p"))


def _paragraph(document: model.ContentDocument, cue: Cue, lines: Sequence[str]) -> model.P:
    paragraph = model.P(document)
    paragraph.set_begin(Fraction(round(cue.start_s * 1000), 1000))
    paragraph.set_end(Fraction(round(cue.end_s * 1000), 1000))
    for number, line in enumerate(lines):
        if number:
            paragraph.push_child(model.Br(document))
        span = model.Span(document)
        span.push_child(model.Text(document, line))
        paragraph.push_child(span)
    return paragraph


def _region(document: model.ContentDocument) -> model.Region:
    region = model.Region("bottom", document)
    tenth, rest = LengthType(10, LengthType.Units.pct), LengthType(80, LengthType.Units.pct)
    region.set_style(StyleProperties.Origin, CoordinateType(x=tenth, y=tenth))
    region.set_style(StyleProperties.Extent, ExtentType(width=rest, height=rest))
    region.set_style(StyleProperties.DisplayAlign, DisplayAlignType.after)
    region.set_style(StyleProperties.TextAlign, TextAlignType.center)
    region.set_style(StyleProperties.FontSize, rest)
    document.put_region(region)
    return region


def _entitle(root: ElementTree.Element, title: str) -> None:
    ElementTree.register_namespace("ttm", _METADATA)
    head = root.find(f"{{{TTML}}}head")
    assert head is not None  # the region stands in it
    metadata = ElementTree.Element(f"{{{TTML}}}metadata")
    ElementTree.SubElement(metadata, f"{{{_METADATA}}}title").text = title
    head.insert(0, metadata)
