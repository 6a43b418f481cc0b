"""Mixes pictures and dreams them, with TensorFlow and Keras' InceptionV3.

    import vectormix_tf as vm

    vm.mix("photo.jpg", "painting.jpg", alpha=0.5).save("mix.png")
    vm.dream("photo.jpg", layers="mixed4").save("dream.png")

A mix of x1 and x2 is the x that minimizes

    alpha * ||f1(x) - f1(x1)|| + (1 - alpha) * ||f2(x) - f2(x2)||,

and a dream is the same optimization loop with an objective that amplifies a layer
instead of matching it. Names are imported at their first use; `__init__.pyi` lists them
with their types.
"""

from vectormix_tf.lazy import attach

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        # What one calls.
        "batch": "batches.run",
        "classify": "recipes.classify",
        "compare": "evaluation.comparison",
        "dream": "recipes.dream",
        "dream_film": "recipes.film",
        "export": "saved_model.export",
        "film": "recipes.film",
        "mix": "recipes.mix",
        "mix_vectors": "recipes.mix_vectors",
        "preview": "filters.preview",
        "sweep": "recipes.sweep",
        "visualize": "recipes.visualize",
        "zoom": "recipes.zoom",
        # Settings.
        "DreamFilmSettings": "config.film",
        "DreamSettings": "config.dream",
        "ExportSettings": "config.export",
        "FilmSettings": "config.film",
        "MixSettings": "config.mix",
        "VisualizeSettings": "config.visualize",
        "ZoomSettings": "config.dream",
        # What comes back.
        "BatchProgress": "batches.bar",
        "BatchResult": "batches.bar",
        "FilmFrame": "recipes.film_frames",
        "PictureResult": "io.results",
        "Progress": "io.progress",
        "Result": "io.results",
        "Visualization": "recipes.visualize",
        # What goes wrong.
        "InputError": "errors",
        "Notice": "errors",
        "NotFiniteError": "errors",
        "OutputError": "errors",
        "ServerError": "errors",
        # Namespaces.
        "Extractor": "backbone.extractor",
        "client": "client.",
        "objectives": "objectives.",
        "optim": "optim.",
    },
)
