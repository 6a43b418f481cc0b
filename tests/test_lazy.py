"""Names that are imported at their first use."""

import gc
import sys

import pytest

from vectormix_tf import lazy


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package whose module remembers how often garbage is collected."""
    folder = tmp_path / "late"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "slow.py").write_text("import gc\nduring = gc.get_threshold()\n")
    (folder / "broken.py").write_text("raise ImportError('broken')\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "late"
    for name in [name for name in sys.modules if name.partition(".")[0] == "late"]:
        del sys.modules[name]


def test_garbage_is_collected_less_often_during_an_import_alone(package):
    __import__(package)
    find, _, _ = lazy.attach(package, {"during": "slow", "gone": "broken"})
    before = gc.get_threshold()
    assert find("during") == (lazy.COLLECT_AFTER, *before[1:])
    with pytest.raises(ImportError, match="broken"):
        find("gone")
    assert gc.get_threshold() == before


def test_a_name_is_found_once_and_others_are_missing(package):
    module = __import__(package)
    find, names, public = lazy.attach(package, {"during": "slow", "slow": "slow."})
    assert find("during") is module.during
    assert find("slow") is sys.modules["late.slow"]
    assert public == ["during", "slow"] and set(public) <= set(names())
    with pytest.raises(AttributeError, match="'late' has no attribute 'other'"):
        find("other")
