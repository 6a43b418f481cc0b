"""Manifests: records of a run that any reader of JSON understands."""

import hashlib
import json
import os
import types

import numpy as np
import pytest

from vectormix_tf.config.mix import MixSettings
from vectormix_tf.io.manifest import manifest
from vectormix_tf.io.names import readable


@pytest.mark.parametrize("name", [b"bad\xff.png", b"new\nline.png", "中文 é".encode()])
def test_an_input_may_have_any_name(name, tmp_path):
    path = os.path.join(tmp_path, os.fsdecode(name))
    try:
        with open(path, "wb") as file:
            file.write(b"photo")
    except (OSError, UnicodeError):
        pytest.skip("this file system takes no such name")
    result = types.SimpleNamespace(
        settings=MixSettings(),
        x=np.zeros([1, 3, 4, 3]),
        finished=True,
        seconds=1.0,
        losses={"content": np.array([1.0])},
    )
    record = json.loads(manifest("mix", result, [path]).decode("utf-8"))
    assert record["size"] == [4, 3]
    assert record["inputs"] == {readable(path): hashlib.sha256(b"photo").hexdigest()}
