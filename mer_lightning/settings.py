"""How a method is trained, as typed and strict values: an unknown key or a wrong type is an error."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from inspect import Parameter
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PydanticSchemaGenerationError,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from mer_lightning.outside import AUGMENTATIONS, DOTTED, ESTIMATORS, MODELS, OFFERED, defined_in, find_place, load_class
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from pydantic import SerializerFunctionWrapHandler

SEEDS = 2**32
"""A seed is a whole number from 0 to below this."""
Seed = Annotated[int, Field(ge=0, lt=SEEDS)]
_FINITE = ConfigDict(allow_inf_nan=False)


class Settings(BaseModel):
    """Base of everything that is read from a recipe or a suite."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def _one_line(text: str) -> str:
    if not text.isprintable() or text != text.strip() or not text:
        raise ValueError(f"expected a line of text without blanks around, found {text[:60]!r}")
    return text


Title = Annotated[str, Field(max_length=200), AfterValidator(_one_line)]
"""What something is called in tables."""


class Component(Settings):
    """A class and the arguments it is built with.

    Attributes:
        name: ``<file>.<Class>`` within a room of the library, e.g. ``ststnet.STSTNet``, or of a class that an installed
            distribution offers beside them; or the path of code outside the suite, ``my_package.nets.MyNet``.
        arguments: Keyword arguments of its constructor.
    """

    name: str
    arguments: dict[str, Any] = {}

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if not re.fullmatch(f"{OFFERED}|{DOTTED}", name):
            raise ValueError("expected <file>.<Class> of the suite, or the path of a class of one's own, nets.mine.Net")
        return name

    def load(self, room: str) -> type:
        """The class that this component names.

        Args:
            room: Package that it must come from, e.g. ``mer_lightning.models``, unless it is outside the suite; nothing
                else of the suite is importable.

        Raises:
            DataError: No such file, no such class, one of another kind, or an argument or a value that its constructor
                does not take.
        """
        place = find_place(self.name, room)
        found = _of_room(self.name, room) if place is None else load_class(place)
        _check_kind(found, room)
        self._check_arguments(found)
        return found

    def build(self, room: str, **given: object) -> Any:  # noqa: ANN401 - whatever the recipe names
        """Make an instance.

        Args:
            room: Package that the class must come from.
            given: What the data decides, such as ``classes``; passed where the constructor takes it, whatever the
                recipe says.

        Raises:
            DataError: As ``load``.
        """
        found = self.load(room)
        known = inspect.signature(found).parameters
        return found(**self.arguments | {key: value for key, value in given.items() if key in known})

    def _check_arguments(self, found: type) -> None:
        parameters = inspect.signature(found).parameters
        known = [key for key, one in parameters.items() if one.kind not in {_ANY, Parameter.VAR_POSITIONAL}]
        types = _types_of(found)
        for key, value in self.arguments.items():
            if key not in known and not any(one.kind == _ANY for one in parameters.values()):
                raise DataError(f"arguments.{key}: {self.name} takes no such argument; expected {', '.join(known)}")
            try:
                TypeAdapter(types.get(key, Any), config=_FINITE).validate_python(value, strict=True)
            except ValidationError as error:
                # of several types, the one that the value has tells more than those that it has not
                first = min(error.errors(), key=lambda found: found["type"].endswith(("_type", "_of")))
                raise DataError(f"arguments.{key}: {first['msg']}, found {value!r}") from error
            except PydanticSchemaGenerationError:
                # of a type of the user's own its constructor has to see for itself
                continue


_ANY = Parameter.VAR_KEYWORD
_KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    MODELS: ("a torch.nn.Module", ()),
    ESTIMATORS: ("an estimator, with fit and predict", ("fit", "predict")),
    AUGMENTATIONS: ("one whose instances are called with a batch", ("__call__",)),
}
"""What a class of each room is, in words, and methods that it has."""


def _of_room(name: str, room: str) -> type:
    """A class of the suite's own."""
    file, _, last = name.partition(".")
    try:
        module = import_module(f"{room}.{file}")
    except ModuleNotFoundError as error:
        if error.name != f"{room}.{file}":
            raise
        own = f"code of one's own has three words or more, e.g. nets.{name}"
        raise DataError(f"name: no file {file}.py in {room.replace('.', '/')}; {own}") from error
    return defined_in(module, last, f"{room.replace('.', '/')}/{file}.py")


def _check_kind(found: type, room: str) -> None:
    """Make sure that a class is of the kind that a room is for."""
    expected, methods = _KINDS[room]
    # by its name, since whoever only reads settings should not wait for torch
    network = any((one.__module__, one.__name__) == ("torch.nn.modules.module", "Module") for one in found.__mro__)
    has = {name for one in found.__mro__ for name, value in vars(one).items() if callable(value)}
    if (room == MODELS and not network) or not has.issuperset(methods):
        raise DataError(f"name: {found.__name__} is another kind of class; expected {expected}")


def _types_of(found: type) -> dict[str, Any]:
    try:
        return get_type_hints(found.__init__, include_extras=True)
    except (NameError, AttributeError, TypeError, SyntaxError):
        # of types that are imported for a type checker alone nothing is known
        return {}


class Optimizer(Settings):
    """Optimiser of every trained weight.

    Attributes:
        name: ``adam``, ``adamw`` or ``sgd``.
        lr: Learning rate.
        weight_decay: L2 penalty (decoupled for adamw).
        momentum: Momentum of sgd.
    """

    name: Literal["adam", "adamw", "sgd"]
    lr: float = Field(gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    momentum: float = Field(default=0.0, ge=0, lt=1)


class Schedule(Settings):
    """How the learning rate falls.

    Attributes:
        every: Epochs between two steps.
        factor: What the rate is multiplied by at each.
    """

    every: int = Field(gt=0)
    factor: float = Field(gt=0, lt=1)


class Augmentation(Settings):
    """Random changes of training samples, see ``mer_lightning.augmentation``.

    Attributes:
        hflip: Probability of a mirror left to right.
        vflip: Probability of a mirror upside down.
        shift: Largest shift in each direction, as a fraction of the side.
        degrees: Largest rotation in either direction.
        scale: Smallest and largest scale; none when absent.
        quarter_turns: Rotate by 0, 90, 180 or 270 degrees, each equally likely (S2, pre-training).
        blur: Probability of a Gaussian blur of 5 x 5 pixels (S4).
        nine_positions: Train on each sample at its place and shifted by so many pixels in eight directions (S2: 10);
            0 leaves it at its place. Pixels are those of the recording where the representation has a ``margin`` to
            move in, else those of a map, whose edge is then repeated.
        acts_on: ``maps``: what a model sees; ``frames``: the sampled frames, so that maps are computed of augmented
            frames, for each batch.
        custom: Further changes after those above, in this order, by code outside the suite: each is made once per fold
            and called with a batch of inputs, ``(B, C, [T,] H, W)`` on its device; it returns one of the same shape.
    """

    hflip: float = Field(default=0.0, ge=0, le=1)
    vflip: float = Field(default=0.0, ge=0, le=1)
    shift: float = Field(default=0.0, ge=0, le=1)
    degrees: float = Field(default=0.0, ge=0, le=180)
    scale: tuple[float, float] | None = None
    quarter_turns: bool = False
    blur: float = Field(default=0.0, ge=0, le=1)
    nine_positions: int = Field(default=0, ge=0)
    acts_on: Literal["maps", "frames"] = "maps"
    custom: tuple[Component, ...] = ()

    @field_validator("custom")
    @classmethod
    def _check_custom(cls, custom: tuple[Component, ...]) -> tuple[Component, ...]:
        for one in custom:
            if not re.fullmatch(DOTTED, one.name):
                raise ValueError(
                    f"expected the path of code outside the suite like my_package.aug.MyAug, not {one.name}"
                )
        return custom

    @model_serializer(mode="wrap")
    def _as_before(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # it came later: what was hashed or recorded without it stays as it was
        values: dict[str, Any] = dump(self)
        return values if self.custom else {key: value for key, value in values.items() if key != "custom"}

    @model_validator(mode="after")
    def _check(self) -> Augmentation:
        if self.scale is not None and not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"scale must be two factors above 0 in rising order, got {list(self.scale)}")
        return self


class Loss(Settings):
    """What training minimises, see ``mer_lightning.tasks.losses``.

    Attributes:
        name: ``cross_entropy``, ``focal`` or ``focal_one_vs_rest``.
        gamma: How much a focal loss turns away from samples that are already right; 0 gives the cross-entropy.
        alpha: Weight of each class in a focal loss: ``none``, ``balanced`` or one value per class.
    """

    name: Literal["cross_entropy", "focal", "focal_one_vs_rest"] = "cross_entropy"
    gamma: float = Field(default=2.0, ge=0)
    alpha: Literal["none", "balanced"] | tuple[float, ...] = "none"

    @field_validator("alpha", mode="before")
    @classmethod
    def _as_tuple(cls, value: object) -> object:
        # YAML has lists only
        return tuple(value) if isinstance(value, list) else value

    @model_validator(mode="after")
    def _check(self) -> Loss:
        if self.name == "cross_entropy" and (self.gamma, self.alpha) != (2.0, "none"):
            raise ValueError("gamma and alpha belong to focal losses")
        if isinstance(self.alpha, tuple):
            top = 1.0 if self.name == "focal_one_vs_rest" else float("inf")
            if not all(0 <= value <= top for value in self.alpha):
                raise ValueError("alpha must be 0 or more" + (", and 1 at most" if top == 1 else ""))
        return self


class Training(Settings):
    """How a network is fitted.

    Attributes:
        epochs: Passes over the training samples; under ``inner_subjects`` the most that can be used.
        patience: Stop after so many epochs without a better validation score, which is that of training subjects; the
            weights of the best epoch predict. Without validating subjects nothing tells when to stop, and all epochs
            are trained. None trains all epochs everywhere.
        stages: ``together`` trains all weights at once. ``parts_first`` trains each part that a model names alone,
            with a classifier of its own and as said here, and freezes it; then the rest is trained on what the parts
            give, as said here (S0).
        batch_size: Samples per step.
        optimizer: Optimiser and its rates.
        schedule: How its learning rate falls; it stays when absent.
        shuffle: Draw a new order of samples each epoch.
        samples_per_class: So many training samples of each class, drawn once per fold from the training samples (at
            their nine positions, where asked for) and repeated only where there are fewer (S2: 50); all as they are
            when absent.
        class_weights: ``balanced`` weighs the cross-entropy of a class by N / (C n_c) of the training samples; focal
            losses have ``loss.alpha``.
        loss: What is minimised.
        augmentation: Random changes of training batches; none when absent.
        precision: Lightning's name of the arithmetic.
        memory_format: Order of a map's values in memory: a convolution may be faster on ``channels_last``.
        compile: ``no``; ``default``: by torch.compile, which takes half a minute per fold in a new process;
            ``cuda_graphs``: compiled, and on a GPU replayed as one CUDA graph per step. Either draws its dropout
            differently.
    """

    epochs: int = Field(gt=0)
    patience: int | None = Field(default=None, gt=0)
    stages: Literal["together", "parts_first"] = "together"
    batch_size: int = Field(gt=0)
    optimizer: Optimizer
    schedule: Schedule | None = None
    shuffle: bool = True
    samples_per_class: int | None = Field(default=None, gt=0)
    class_weights: Literal["none", "balanced"] = "none"
    loss: Loss = Loss()
    augmentation: Augmentation | None = None
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    memory_format: Literal["contiguous", "channels_last"] = "contiguous"
    compile: Literal["no", "default", "cuda_graphs"] = "no"

    @model_serializer(mode="wrap")
    def _as_before(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # they came later: what was hashed or recorded without them stays as it was
        values: dict[str, Any] = dump(self)
        later = {"patience": None, "stages": "together"}
        return {key: value for key, value in values.items() if key not in later or value != later[key]}

    @property
    def acts_on(self) -> Literal["maps", "frames"]:
        """What a table has to hold for the augmentation; maps where there is none."""
        return self.augmentation.acts_on if self.augmentation else "maps"

    @model_validator(mode="after")
    def _check(self) -> Training:
        if self.class_weights != "none" and self.loss.name != "cross_entropy":
            raise ValueError(f"class_weights belong to cross_entropy; {self.loss.name} has loss.alpha")
        if self.samples_per_class is not None and self.class_weights == "balanced":
            raise ValueError("samples_per_class balances the classes already; expected class_weights: none")
        return self
