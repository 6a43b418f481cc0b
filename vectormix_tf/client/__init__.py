"""Mixes and dreams that a server computes; this process needs no TensorFlow.

from vectormix_tf import client

client.mix("photo.jpg", "painting.jpg", server="grpc://host:8500").save("mix.png")
"""

from vectormix_tf.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Connection": "connection",
        "Run": "runs",
        "ServerError": ".errors",
        "connect": "connection",
        "dream": "runs",
        "mix": "runs",
    },
)
