"""The web process of the studio: pages for people, and JSON for programs."""

from vectormix_tf.studio.web.options import Options
from vectormix_tf.studio.web.server import serve

__all__ = ["Options", "serve"]
