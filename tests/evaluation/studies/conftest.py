"""The tiny data set and model of the augmentation's tests."""

from tests.evaluation.augment.conftest import models_dir as models_dir
from tests.evaluation.augment.conftest import patches as patches
from tests.evaluation.augment.conftest import student as student
