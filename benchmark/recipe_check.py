"""Is everything there that a recipe names, and does it fit together? Asked before anything trains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmark.recipe import RECIPES, Ensemble, Recipe
from benchmark.search_space import conditions
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from mer_lightning.datamodules.table import Holds
    from mer_lightning.motion import Representation


def check_recipe(recipe: Recipe) -> Representation:
    """Make sure, before anything trains, that everything a recipe names exists and fits.

    Returns:
        The representation that it names; of an ensemble, the first member's.

    Raises:
        DataError: A name is unknown, an argument does not fit, or the parts do not make one method.
    """
    from mer_lightning.motion import Features, get_representation

    file = f"{RECIPES.name}/{recipe.name}.yaml"
    if recipe.ensemble is not None:
        return _check_ensemble(recipe, recipe.ensemble, file)
    if (recipe.model is None) == (recipe.estimator is None) or (recipe.model is None) != (recipe.training is None):
        raise DataError(f"{file}: expected either model and training, or estimator, or ensemble")
    if recipe.representation is None:
        raise DataError(f"{file}: representation: missing")
    try:
        representation = get_representation(recipe.sees.name, recipe.sees.arguments)
        _check_components(recipe)
        if recipe.model and isinstance(representation, Features):
            raise DataError(f"model: {representation.name} gives feature vectors, which only an estimator reads")
        _check_training(recipe, representation)
        _check_transfer(recipe)
    except DataError as error:
        raise DataError(f"{file}: {error}") from error
    check_values(recipe, representation, file)
    return representation


def check_values(recipe: Recipe, representation: Representation, file: str) -> None:
    """Make sure that a recipe takes every value of its search space.

    Raises:
        DataError: It does not; the message names the file that the space is from, and the key.
    """
    for key, values in recipe.search_space.items():
        for value in values.ends:
            try:
                changed = recipe.with_values(conditions(recipe.search_space, key) | {key: value})
                _check_components(changed)
                _check_training(changed, representation)
                if acts_on(changed) != acts_on(recipe):
                    raise DataError(f"{key}: what is read cannot be tuned")
            except DataError as error:
                raise DataError(f"{file}: search_space: {error}") from error


def _check_ensemble(recipe: Recipe, ensemble: Ensemble, file: str) -> Representation:
    own = ("representation", "model", "training", "transfer", "estimator", "search_space")
    if given := next((key for key in own if getattr(recipe, key)), None):
        raise DataError(f"{file}: {given}: an ensemble has none; its members have theirs")
    for place, (member, part) in enumerate(zip(ensemble.members, recipe.trained, strict=True)):
        where = f"{file}: ensemble.members.{place}.method: {part.name}"
        if member.seeds > 1 and not part.seeded:
            raise DataError(f"{where} is the same with every seed; expected seeds: 1")
        if part.transfer is not None:
            raise DataError(f"{where} is pre-trained, which a member of an ensemble cannot be")
        if part.chosen_on is not None:
            raise DataError(f"{where} was chosen on {part.chosen_on.protocol}; expected a method that has seen nobody")
        if part.unranked and not recipe.unranked:
            raise DataError(f"{where} is not ranked ({part.unranked}); expected unranked with a reason here too")
    try:
        ensemble.top.build("mer_lightning.descriptors")
    except DataError as error:
        raise DataError(f"{file}: ensemble.top.{error}") from error
    first, *_ = [check_recipe(part) for part in recipe.trained]
    return first


def _check_components(recipe: Recipe) -> None:
    for key, part, room in (
        ("model", recipe.model, "mer_lightning.models"),
        ("estimator", recipe.estimator, "mer_lightning.descriptors"),
    ):
        if part is not None:
            try:
                # an estimator costs nothing to make, and says what is wrong with its arguments
                part.build(room) if key == "estimator" else part.load(room)
            except DataError as error:
                raise DataError(f"{key}.{error}") from error


def _check_training(recipe: Recipe, representation: Representation) -> None:
    from mer_lightning.augmentation import check_augmentation

    if recipe.training and recipe.training.augmentation:
        check_augmentation(recipe.training.augmentation, representation)


def _check_transfer(recipe: Recipe) -> None:
    from mer_lightning.augmentation import check_augmentation
    from mer_lightning.motion import get_representation

    if recipe.transfer is None:
        return
    if recipe.model is None:
        raise DataError("transfer: expected a model to transfer, not an estimator")
    try:
        choice, model, training = recipe.pretraining
        representation = get_representation(choice.name, choice.arguments)
        if training.augmentation:
            check_augmentation(training.augmentation, representation)
            if training.acts_on != "maps":
                raise DataError("training.augmentation.acts_on: pre-training is augmented on maps")
        model.load("mer_lightning.models")
    except DataError as error:
        raise DataError(f"transfer.{error}") from error


def acts_on(recipe: Recipe) -> Holds:
    """What the augmentation of a recipe needs to be held: frames, or maps of the representation."""
    return recipe.training.acts_on if recipe.training else "maps"
