"""Mixes pictures and dreams them, with TensorFlow and Keras' InceptionV3.

    from vectormix_tf import mix, dream

    mix("photo.jpg", "painting.jpg", alpha=0.5).save("mix.png")
    dream("photo.jpg", layers="mixed4").save("dream.png")

A mix of x1 and x2 is the x that minimizes

    alpha * ||f1(x) - f1(x1)|| + (1 - alpha) * ||f2(x) - f2(x2)||,

and a dream is the same loop with a term that amplifies instead of matching. Reading
order, in which a file imports only from those above it:

    checks      a mistake is one line that helps
    layers      backbones and the names of their layers
    classes     ImageNet's 1000, by name
    settings    what can be chosen, checked; the record of progress
    dream_settings  of dreams and their films
    channels    which of a layer are shown, and how
    profiles    what a file's colors mean
    images      read and fit pictures       output    write them
    results     what a run made
    fingerprints  what decides the bytes    manifest  record a run
    bars        show progress               stencils  pictures that say where
    presets     settings that go together
    messages    what a server is told       connection  over gRPC or REST
    client      mixes and dreams of a server
    twins       a network of Keras with one thing changed
    networks    Keras' networks with numbers in them
    features    a network -> extractor
    turns       time a little of each       precision  which is faster here
    canvas      how x is stored             roots     of matrices
    colors      one picture's in another's
    places      where a part of a layer is  cells     sums over a layer
    distances   of anything                 transport  those of sorted cells
    statistics  what of a layer is compared
    objectives  terms: match, amplify, ...  guides    and one that is led
    batches     terms of several images     rules     gradient -> step
    plans       sizes of a run, and steps
    export_settings  of a model that is served
    octaves     resizing, borders           frames    that a picture has in between
    problem     what is minimized; tapes    parts     the same, part by part
    loop        steps, octaves              checkpoint  a run that was stopped goes on
    tiles       how a side is cut           masks     where something counts
    views       from where a picture is seen
    estimates   memory and time, known before
    pictures    what all recipes for pictures share
    amplifying  what a dream raises
    scenes      the pictures of a mix
    mixing      mix                         dreaming  dream
    vectors     mix_vectors                 classifying  what a picture shows
    decoding    pictures that are sent      admission  what may be asked for
    states      a run as one string         chunks    some steps of it, in a graph
    staging     a request -> what is minimized
    signatures  what a model can be asked   versions  their folder
    exporting   a model for TF Serving
    films       pictures in one file        sheets    many on one
    visualizing  visualize: what a channel looks for
    plots       how losses went
    series      pictures in a folder; the same command goes on
    sweeping    sweep: what alpha does      zooming   zoom: into a dream
    atlases     of all channels of a layer  exploring  of one picture at all layers
    axes        what varies on a grid       grids     all its mixes, on one sheet
    subjects    what a benchmark measures   figures   what it has measured
    flops       what a look costs
    children    processes of their own      peers     other packages' loops
    benchmarking  what of the machine's peak a step gets
    reporting   as table, JSON, plot, advice
    served      a model that answers        rest  over HTTP
    serving     a server of its own, gRPC and REST
    job         one run of a command: checks, recipe, files
    options     flags made of settings; the pictures that are given
    showing     the commands of what layers and channels look for
    moving      those of films              measuring  that of benchmarks
    hosting     that of servers             remote  mix and dream on one
    commands    flags -> settings -> one call
    cli         argv -> a command; help, mistakes

Where do I add ... a new objective? `objectives`. A network or layer? `layers`. An
optimizer? `rules`. What texture means? `statistics`. A product? A file beside
`mixing` and `dreaming`. A preset? `presets`. A flag? A
field in `settings`, with its line of help in `options`. A command? `commands`. What a
served model can be asked? `signatures`.
"""

import importlib

__version__ = "0.1.0"

_HOMES = {
    "DreamSettings": "dream_settings",
    "InputError": "checks",
    "MixSettings": "settings",
    "Notice": "checks",
    "Progress": "settings",
    "Extractor": "features",
    "Statistic": "cells",
    "gram": "statistics",
    "identity": "statistics",
    "Term": "objectives",
    "amplify": "objectives",
    "match": "objectives",
    "total_variation": "objectives",
    "Problem": "problem",
    "Result": "results",
    "optimize": "loop",
    "PictureResult": "results",
    "classify": "classifying",
    "dream": "dreaming",
    "mix": "mixing",
    "mix_vectors": "vectors",
    "sweep": "sweeping",
    "zoom": "zooming",
    "VisualizeSettings": "channels",
    "visualize": "visualizing",
}
__all__ = list(_HOMES)


def __getattr__(name: str):
    """Imports a name at its first use (PEP 562): TensorFlow takes seconds."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
