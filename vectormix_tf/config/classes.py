"""Classes: the 1000 of ImageNet by number and by name, as `logits` has them.

Keras counts them in the order of their WordNet ids; `labels/imagenet.txt` has a line
with the names of each. See labels/NOTICE.
"""

import difflib
import functools
import importlib.resources

from vectormix_tf.config.backbones import LOGITS
from vectormix_tf.errors import InputError

LABELS = importlib.resources.files("vectormix_tf") / "config/labels/imagenet.txt"

# Common words that are no class: a few well-known ones that fall under them.
WORDS = {
    "bear": "brown bear, American black bear, ice bear",
    "bird": "robin, jay, goldfinch, hummingbird, bald eagle",
    "boat": "schooner, yawl, catamaran, speedboat, gondola",
    "building": "castle, palace, church, mosque, monastery",
    "butterfly": "monarch, ringlet, cabbage butterfly, sulphur butterfly",
    "car": "sports car, convertible, racer, beach wagon, limousine",
    "cat": "tabby, tiger cat, Persian cat, Siamese cat, Egyptian cat",
    "dog": "golden retriever, Labrador retriever, German shepherd, beagle, pug",
    "fish": "goldfish, tench, anemone fish, lionfish, coho",
    "flower": "daisy, yellow lady's slipper",
    "fruit": "banana, orange, lemon, strawberry, pineapple",
    "monkey": "macaque, capuchin, baboon, squirrel monkey, howler monkey",
    "parrot": "African grey, macaw, sulphur-crested cockatoo, lorikeet",
    "snake": "king snake, garter snake, boa constrictor, Indian cobra, green mamba",
    "spider": "tarantula, black widow, wolf spider, garden spider, barn spider",
}

MOST_HINTS = 5


def names() -> list[str]:
    """Returns a short name of each class, in Keras' order.

    Two names come twice: crane (a bird, 134, and a machine, 517) and maillot.
    """
    return [synonyms[0] for synonyms in _synonyms()]


def channel_label(layer: str, channel: int) -> str:
    """Returns what people call a channel: a class by its name, others by number."""
    return names()[channel] if layer == LOGITS else str(channel)


def find(text: str) -> list[int]:
    """Finds classes by a name, a common word for several, or a number.

    Args:
        text: E.g. "giant panda", "sports-car", "parrots" or "88"; of a name letters and
            digits count, and neither case nor an s at the end.

    Returns:
        Numbers of the classes, rising; several where they share the name.

    Raises:
        InputError: If there are none; the text names close ones.
    """
    numbers = {str(number): {number} for number in range(len(_synonyms()))}
    found = numbers.get(text.strip()) or _named().get(_key(text))
    if found is None:
        raise InputError(f"ImageNet has no class {text!r}; {_hint(text)}")
    return sorted(found)


@functools.cache
def _synonyms() -> list[list[str]]:
    lines = LABELS.read_text("utf-8").splitlines()
    return [line.split(", ") for line in lines]


def _key(text: str) -> str:
    letters = "".join(char for char in text.casefold() if char.isalnum())
    return letters.removesuffix("s")


@functools.cache
def _named() -> dict[str, set[int]]:
    """The key of each name and word -> classes."""
    found: dict[str, set[int]] = {}
    for number, synonyms in enumerate(_synonyms()):
        for name in synonyms:
            found.setdefault(_key(name), set()).add(number)
    for word, members in WORDS.items():
        found[word] = set.union(*(found[_key(name)] for name in members.split(", ")))
    return found


def _hint(text: str) -> str:
    word = text.strip().casefold().removesuffix("s")
    # A part of names, such as shark or terrier; one name of a class is enough.
    close = [
        next(name for name in synonyms if word in name.casefold().split())
        for synonyms in _synonyms()
        if word in " ".join(synonyms).casefold().split()
    ]
    if not close:
        every = [*WORDS, *(name for synonyms in _synonyms() for name in synonyms)]
        lower = {name.casefold(): name for name in every}
        close = [lower[n] for n in difflib.get_close_matches(word, lower, n=3)]
    if not close:
        return (
            "give a name such as macaw, a word such as parrot, or a number below 1000."
        )
    return f"did you mean {' or '.join(close[:MOST_HINTS])}?"
