"""Keys: made once, known by their hash, and by nothing that resembles them."""

from __future__ import annotations

import stat

import pytest

from ray_apps.serving.keys import Keys, KeysError, add_key


def test_the_file_holds_no_key_and_is_for_its_owner(tmp_path):
    path = tmp_path / "keys"
    key = add_key(path, "anna")
    assert key not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert add_key(path, "bert") != key


@pytest.mark.parametrize(
    "header", ["{key}", "Basic {key}", "Bearer", "Bearer ", "Bearer {key}x", "Bearer {hash}", None, "Bearer \udcff"]
)
def test_only_the_key_itself_opens(tmp_path, header):
    path = tmp_path / "keys"
    key = add_key(path, "anna")
    digest = path.read_text().split()[1]
    assert not Keys(path).owner(header and header.format(key=key, hash=digest))
    assert Keys(path).owner(f"bearer {key}")


def test_comments_and_blank_lines_are_no_keys(tmp_path):
    path = tmp_path / "keys"
    key = add_key(path, "anna")
    path.write_text(f"# ours\n\n{path.read_text().strip()}  # until May\n")
    assert Keys(path).owner(f"Bearer {key}")
    path.write_text("")
    assert not Keys(path).owner(f"Bearer {key}")


def test_what_cannot_be_a_name_or_a_file_is_told(tmp_path):
    with pytest.raises(ValueError, match="one word"):
        add_key(tmp_path / "keys", "two words")
    with pytest.raises(KeysError, match="cannot be written"):
        add_key(tmp_path, "anna")
    with pytest.raises(KeysError):
        Keys(tmp_path / "none").owner("Bearer x")
