"""Is everything there that a recipe names, and does it fit together? Asked before anything trains."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from benchmark.methods.own_code import find_code
from benchmark.methods.recipe_files import recipe_file
from benchmark.methods.search_space import corners
from mer_lightning.outside import AUGMENTATIONS, ESTIMATORS, MODELS
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Collection

    from benchmark.methods.recipe import Ensemble, Recipe, RepresentationChoice
    from mer_lightning.datamodules.table import Holds
    from mer_lightning.motion import Representation
    from mer_lightning.settings import Component, Training


def check_recipe(recipe: Recipe, classes: Collection[int] = (3,)) -> Representation:
    """Make sure, before anything trains, that everything a recipe names exists and fits.

    Args:
        recipe: A method, or an ensemble of them.
        classes: Numbers of classes of the protocols that it will be trained under.

    Returns:
        The representation that it names; of an ensemble, the first member's.

    Raises:
        DataError: A name is unknown, an argument or a value does not fit, a file of weights is not what it should be,
            or the parts do not make one method.
    """
    from mer_lightning.motion import Features

    file = recipe_file(recipe.name)
    if recipe.ensemble is not None:
        return _check_ensemble(recipe, recipe.ensemble, file, classes)
    if (recipe.model is None) == (recipe.estimator is None) or (recipe.model is None) != (recipe.training is None):
        raise DataError(f"{file}: expected either model and training, or estimator, or ensemble")
    if recipe.representation is None:
        raise DataError(f"{file}: representation: missing")
    try:
        representation = chosen_representation(recipe.sees)
        if recipe.model and isinstance(representation, Features):
            raise DataError(f"model: {representation.name} gives feature vectors, which only an estimator reads")
        built = _method(recipe, representation, max(classes))
        _check_training(recipe.training, representation, classes)
        _check_stages(recipe.training, built)
        _check_transfer(recipe, built)
    except DataError as error:
        raise DataError(f"{file}: {error}") from error
    check_values(recipe, representation, file, classes)
    return representation


def chosen_representation(choice: RepresentationChoice) -> Representation:
    """The representation that a recipe or a flag chooses, which was heard to say what it is.

    Raises:
        DataError: There is none, it cannot be made, or its weights are not what they should be.
    """
    from mer_lightning.motion import FromFrames, get_representation

    try:
        representation = get_representation(choice.name, choice.arguments)
        # what a class of one's own says of itself is heard now
        _ = (representation.channels, representation.hflip_sign, representation.value_range, representation.vectors)
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"representation.name: {choice.name} cannot be made: {_in_short(error)}") from error
    if isinstance(representation, FromFrames):
        try:
            representation.check_weights()
        except DataError as error:
            raise DataError(f"representation.arguments: {error}") from error
    return representation


def check_values(recipe: Recipe, representation: Representation, file: str, classes: Collection[int]) -> None:
    """Make sure that a recipe takes the values of its search space, together as they can be drawn.

    Raises:
        DataError: It does not; the message names the file that the space is from, and the key.
    """
    from mer_lightning.augmentation import cut_distance

    for values in corners(recipe.search_space):
        try:
            changed = recipe.with_values(values)
            if (changed.model, changed.estimator) != (recipe.model, recipe.estimator):
                # weights are pre-trained once, with the recipe's own values
                _check_transfer(recipe, _method(changed, representation, max(classes)))
            _check_training(changed.training, representation, classes)
            if acts_on(changed) != acts_on(recipe) or (
                cut_distance(changed.training, representation) != cut_distance(recipe.training, representation)
            ):
                raise DataError(f"{', '.join(values)}: what is read cannot be tuned")
            if find_code(changed.named) != recipe.outside:
                # what is not in the recipe's hash must not decide a result
                raise DataError(f"{', '.join(values)}: code outside the suite cannot be tuned")
        except DataError as error:
            together = ", ".join(f"{key}: {value}" for key, value in values.items())
            raise DataError(f"{file}: search_space: {error}" + f" (tried {together})" * (len(values) > 1)) from error


def _check_ensemble(recipe: Recipe, ensemble: Ensemble, file: str, classes: Collection[int]) -> Representation:
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
        _made(ensemble.top, ESTIMATORS)
    except DataError as error:
        raise DataError(f"{file}: ensemble.top.{error}") from error
    first, *_ = [check_recipe(part, classes) for part in recipe.trained]
    return first


def _method(recipe: Recipe, representation: Representation, classes: int) -> Any:  # noqa: ANN401 - whatever it names
    """The model or the estimator of a method by itself."""
    key, part, room = ("model", recipe.model, MODELS) if recipe.model else ("estimator", recipe.estimator, ESTIMATORS)
    assert part is not None, "check_recipe has looked"
    try:
        made = _made(part, room, classes=classes, in_channels=len(representation.channels))
        for name, weight in made.named_parameters() if recipe.model else ():
            # torch makes a layer of width 0, and trains what is left
            if not weight.numel():
                raise DataError(f"arguments: {part.name} has no values in {name}")
    except DataError as error:
        raise DataError(f"{key}.{error}") from error
    return made


def _made(part: Component, room: str, **given: object) -> Any:  # noqa: ANN401 - whatever it names
    """What a component names, made once to hear what its constructor says; a network has shapes and no values."""
    from mer_lightning.backbones import shapes_only

    part.load(room)
    said = Exception()
    # a constructor that looks at values has them the second time only
    for how in (shapes_only(), nullcontext()):
        try:
            with how:
                made = part.build(room, **given)
        except DataError as error:
            raise DataError(f"arguments: {error}") from error
        except Exception as error:
            said = error
        else:
            return made
    raise DataError(f"arguments: {part.name} cannot be made: {_in_short(said)}") from said


def _in_short(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _check_training(training: Training | None, representation: Representation, classes: Collection[int]) -> None:
    from mer_lightning.augmentation import check_augmentation
    from mer_lightning.tasks.losses import check_loss

    if training is None:
        return
    if training.augmentation:
        check_augmentation(training.augmentation, representation)
        for number, one in enumerate(training.augmentation.custom):
            try:
                _made(one, AUGMENTATIONS, channels=())
            except DataError as error:
                raise DataError(f"training.augmentation.custom.{number}.{error}") from error
    for count in classes:
        check_loss(training.loss, count)


def _check_stages(training: Training | None, model: Any) -> None:  # noqa: ANN401 - the model that the recipe names
    from mer_lightning.models.transfer import parts_of

    if training and training.stages == "parts_first":
        try:
            parts_of(model)
        except DataError as error:
            raise DataError(f"training.{error}") from error


def _check_transfer(recipe: Recipe, model: Any) -> None:  # noqa: ANN401 - the model that the recipe names
    from mer_lightning.backbones import shapes_only
    from mer_lightning.models.transfer import freeze, load_body
    from mer_lightning.protocols.schemes import PRETRAINING

    if recipe.transfer is None:
        return
    if recipe.model is None:
        raise DataError("transfer: expected a model to transfer, not an estimator")
    classes = len(PRETRAINING[recipe.transfer.database].classes)
    try:
        choice, component, training = recipe.pretraining
        representation = chosen_representation(choice)
        _check_training(training, representation, (classes,))
        if training.acts_on != "maps":
            raise DataError("training.augmentation.acts_on: pre-training is augmented on maps")
        first = _made(component, MODELS, classes=classes, in_channels=len(representation.channels))
    except DataError as error:
        raise DataError(f"transfer.{error}") from error
    try:
        with shapes_only():
            load_body(model, first.state_dict())
        if recipe.transfer.freeze:
            freeze(model, getattr(model, "frozen_in_transfer", ()))
    except DataError as error:
        raise DataError(f"transfer: {error}") from error


def acts_on(recipe: Recipe) -> Holds:
    """What the augmentation of a recipe needs to be held: frames, or maps of the representation."""
    return recipe.training.acts_on if recipe.training else "maps"
