"""Public names of `vectormix_tf.optim`, for type checkers."""

from vectormix_tf.optim.canvas import Canvas as Canvas
from vectormix_tf.optim.canvas import direct as direct
from vectormix_tf.optim.canvas import fourier as fourier
from vectormix_tf.optim.canvas import pixels as pixels
from vectormix_tf.optim.loop import Checkpoint as Checkpoint
from vectormix_tf.optim.loop import optimize as optimize
from vectormix_tf.optim.observer import Observer as Observer
from vectormix_tf.optim.optimizers import Optimizer as Optimizer
from vectormix_tf.optim.optimizers import adam as adam
from vectormix_tf.optim.optimizers import blurred as blurred
from vectormix_tf.optim.optimizers import lbfgs as lbfgs
from vectormix_tf.optim.optimizers import normalized_descent as normalized_descent
from vectormix_tf.optim.optimizers import smoothed as smoothed
from vectormix_tf.optim.problem import Problem as Problem
from vectormix_tf.optim.transforms import Transforms as Transforms
from vectormix_tf.optim.transforms import draw_transforms as draw_transforms
