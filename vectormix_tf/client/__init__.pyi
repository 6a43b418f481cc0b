"""Public names of `vectormix_tf.client`, for type checkers."""

from vectormix_tf.client.connection import Connection as Connection
from vectormix_tf.client.connection import connect as connect
from vectormix_tf.client.runs import Run as Run
from vectormix_tf.client.runs import dream as dream
from vectormix_tf.client.runs import mix as mix
from vectormix_tf.errors import ServerError as ServerError
