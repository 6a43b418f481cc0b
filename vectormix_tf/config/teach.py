"""Settings of `teach`."""

from typing import Any

from vectormix_tf.config.backbones import BACKBONES, DEFAULT, check_weights
from vectormix_tf.config.setting import choice, integer, number, same, settings_class
from vectormix_tf.config.settings import (
    MAX_STEPS,
    MIN_RATE,
    PRECISIONS,
    Settings,
)
from vectormix_tf.errors import InputError

MINUTES = 60.0
STATE_ENDING = ".state.npz"  # of the file beside the weights that a lesson goes on from
SIZE = 160  # pixels: the side at which `eps` is counted


@settings_class
class TeachSettings:
    """Settings of `teach`."""

    minutes: float | None = number(
        None,
        0.01,
        1e5,
        f"how long to teach, by the clock (default: {MINUTES:g}, unless steps are"
        " given)",
        optional=True,
    )
    steps: int | None = integer(
        None,
        1,
        MAX_STEPS,
        "how many steps to teach, in place of minutes: the same ones give the same"
        " bytes on the same machine",
        optional=True,
    )
    weights: str | None = same(
        Settings,
        "weights",
        default=None,
        optional=True,
        help="go on from bundled, imagenet (a download) or the path of a weights file;"
        " by default the lesson begins from random weights",
    )
    size: int = integer(
        SIZE, BACKBONES[DEFAULT].minimum, 1024, "side of the crops in pixels"
    )
    batch_size: int = integer(16, 2, 4096, "how many crops are seen at once")
    eps: float = number(
        3.0,
        0,
        1e3,
        f"radius of the L2 ball of the attacks at {SIZE} pixels, for values in [0, 1];"
        " 0 for no attacks",
    )
    replays: int = integer(
        4, 1, 64, "how many steps are made with the same crops, ever more attacked"
    )
    learning_rate: float = number(
        5e-4, MIN_RATE, 1.0, "AdamW's at its highest; larger batches can take more"
    )
    precision: str = choice(
        "float32",
        PRECISIONS,
        "what the network computes in: float32; bfloat16, which GPUs and some"
        " processors do faster",
    )
    seed: int = same(Settings, "seed", default=1)

    @classmethod
    def complete(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Fills in the minutes, and checks what goes together."""
        if values["weights"] is not None:
            check_weights(values["weights"])
        if values["steps"] is None:
            values["minutes"] = values["minutes"] or MINUTES
        elif values["minutes"] is not None:
            raise InputError("both `minutes` and `steps` are given; give one of them.")
        return values
