"""The picture is sound SVG whose bars have the lengths of the values."""

from xml.etree import ElementTree

from b200_kernels.benchmark.picture import bars


def test_bars_are_as_long_as_their_values():
    root = ElementTree.fromstring(bars("a & b", {"one": 10.0, "two <x>": 5.0, "three": 0.0}, "×"))
    widths = [float(rect.get("width", 0)) for rect in root.iter("{http://www.w3.org/2000/svg}rect")][1:]
    assert widths[0] == 2 * widths[1] > 100 * widths[2]
    assert "two <x>" in [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
