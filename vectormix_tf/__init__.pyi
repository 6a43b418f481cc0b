"""The public API, for type checkers; see `__init__.py`."""

from vectormix_tf import client as client
from vectormix_tf import objectives as objectives
from vectormix_tf import optim as optim
from vectormix_tf.backbone.extractor import Extractor as Extractor
from vectormix_tf.batches.bar import BatchProgress as BatchProgress
from vectormix_tf.batches.bar import BatchResult as BatchResult
from vectormix_tf.batches.run import batch as batch
from vectormix_tf.config.dream import DreamSettings as DreamSettings
from vectormix_tf.config.dream import ZoomSettings as ZoomSettings
from vectormix_tf.config.export import ExportSettings as ExportSettings
from vectormix_tf.config.film import DreamFilmSettings as DreamFilmSettings
from vectormix_tf.config.film import FilmSettings as FilmSettings
from vectormix_tf.config.mix import MixSettings as MixSettings
from vectormix_tf.config.visualize import VisualizeSettings as VisualizeSettings
from vectormix_tf.errors import InputError as InputError
from vectormix_tf.errors import NotFiniteError as NotFiniteError
from vectormix_tf.errors import Notice as Notice
from vectormix_tf.errors import OutputError as OutputError
from vectormix_tf.errors import ServerError as ServerError
from vectormix_tf.evaluation.comparison import compare as compare
from vectormix_tf.filters.preview import preview as preview
from vectormix_tf.io.progress import Progress as Progress
from vectormix_tf.io.results import PictureResult as PictureResult
from vectormix_tf.io.results import Result as Result
from vectormix_tf.recipes.classify import classify as classify
from vectormix_tf.recipes.dream import dream as dream
from vectormix_tf.recipes.film import dream_film as dream_film
from vectormix_tf.recipes.film import film as film
from vectormix_tf.recipes.film_frames import FilmFrame as FilmFrame
from vectormix_tf.recipes.mix import mix as mix
from vectormix_tf.recipes.mix_vectors import mix_vectors as mix_vectors
from vectormix_tf.recipes.sweep import sweep as sweep
from vectormix_tf.recipes.visualize import Visualization as Visualization
from vectormix_tf.recipes.visualize import visualize as visualize
from vectormix_tf.recipes.zoom import zoom as zoom
from vectormix_tf.saved_model.export import export as export

__version__: str
