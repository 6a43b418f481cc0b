"""Settings in words, addresses, and other small parts of the studio's pages."""

import pytest

from vectormix_tf.config.presets import PRESETS
from vectormix_tf.studio.contexts import Fact
from vectormix_tf.studio.web import sessions, words
from vectormix_tf.studio.web.site import local_path


def test_strengths_of_a_mix_are_those_of_the_package_s_presets():
    own = {each.name: each.value for each in words.PRESETS}
    shared = set(own) & set(PRESETS)
    assert shared == {"bold", "faithful"}
    assert {n: PRESETS[n]["alpha"] for n in shared} == {n: own[n] for n in shared}


def test_each_strength_of_a_dream_is_found_again_by_its_settings():
    for name, settings in words.DREAMS.items():
        assert words.strength_of(dict(settings)) == name
        assert words.checked("dream", settings).steps == settings["steps"]
    assert words.strength_of({"steps": 7}) == words.USUAL


@pytest.mark.parametrize(
    ("alpha", "begins"),
    [(0, "Nearly all style"), (0.5, "Half the"), (1, "Nearly all photograph")],
)
def test_a_mix_is_told_in_a_sentence(alpha, begins):
    text = words.in_words("mix", {"alpha": alpha, "steps": 20}, 512, "Harvest")
    assert text.startswith(begins)
    assert text.endswith(f"after Harvest: alpha {alpha:.2f}, 512 pixels, 20 steps.")


def test_all_settings_are_listed_once():
    settings = {"alpha": 0.3, "steps": 20, "seed": 5, "octaves": 2, "style_scale": 1.5}
    found = words.facts("mix", settings, (512, 340))
    assert found == (
        Fact("Kind", "Mix"),
        Fact("Alpha", "0.30"),
        Fact("Size", "512 × 340 pixels"),
        Fact("Steps", "20"),
        Fact("Octaves", "2"),
        Fact("Style scale", "1.5"),
        Fact("Seed", "5"),
    )


def test_a_removed_work_s_settings_are_not_made_up():
    assert words.facts("mix", {}, (5, 5)) == (Fact("Kind", "Mix"),)
    assert "no longer known" in words.in_words("dream", {}, 5)


@pytest.mark.parametrize("path", ["/", "/w/a?b=c#d", "/u/ann"])
def test_a_path_of_this_site_is_gone_to(path):
    assert local_path(path, "/me") == path


@pytest.mark.parametrize(
    "path",
    ["", "w", "//a", "/\\a", "/ a", "/\na", "http:/a", "/\x00", "\\/a", "///a"],
)
def test_what_may_lead_elsewhere_is_not(path):
    assert local_path(path, "/me") == "/me"


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) Gecko Firefox/140.0", "Firefox on Linux"),
        ("Mozilla (Windows NT 10.0) Chrome/1 Safari/5 Edg/1", "Edge on Windows"),
        ("Mozilla (Linux; Android 16) Chrome/1 Safari/5", "Chrome on Android"),
        ("curl/8.5", "A program"),
        ("", "A program"),
    ],
)
def test_a_browser_is_named_in_two_words(agent, device):
    from starlette.requests import HTTPConnection

    scope = {"type": "http", "headers": [(b"user-agent", agent.encode())]}
    assert sessions.device_of(HTTPConnection(scope)) == device
