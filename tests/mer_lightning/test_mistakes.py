"""What is wrong with a file or a flag is said in one line: key, what was expected, what was found."""

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from mer_lightning.mistakes import first_mistake, unknown


class Point(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    x: float
    y: float = 0.0

    @model_validator(mode="after")
    def _check(self):
        if self.x == self.y:
            raise ValueError("x and y: expected two numbers")
        if self.x < 0:
            raise ValueError(f"x: expected 0 or more, found {self.x}")
        return self


class Line(BaseModel):
    ends: tuple[Point, Point]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"x": "far"}', "x: Input should be a valid number, found 'far'"),
        ('{"z": 1}', "z: unknown key"),
        ("{}", "x: missing"),
        ("{", "file: Invalid JSON"),
        ("[]", "file: Input should be an object, found []"),
        ('{"x": 1, "y": 1}', "x and y: expected two numbers"),
        ('{"x": -1}', "x: expected 0 or more, found -1.0"),
    ],
)
def test_the_key_comes_first_and_what_was_found_last(text, says):
    with pytest.raises(ValidationError) as caught:
        Point.model_validate_json(text)
    said = first_mistake(caught.value)
    assert says in said
    assert ("\n" in said, said.count("found") > 1) == (False, False)


def test_keys_above_and_places_in_lists_belong_to_the_key():
    with pytest.raises(ValidationError) as caught:
        Line.model_validate_json('{"ends": [{"x": 1}, {}]}')
    assert first_mistake(caught.value, "figure", "border") == "figure.border.ends.1.x: missing"


def test_a_value_longer_than_a_line_is_not_repeated():
    with pytest.raises(ValidationError) as caught:
        Point.model_validate({"x": "a" * 1000})
    assert first_mistake(caught.value) == "x: Input should be a valid number"


class TestANameThatIsUnknown:
    def test_near_names_are_offered(self):
        assert unknown("method", "stsnet", ["ststnet", "htnet", "majority"]) == (
            "method 'stsnet' is unknown; did you mean ststnet or htnet? expected one of ststnet, htnet, majority"
        )

    def test_case_and_dashes_are_no_difference(self):
        assert "did you mean --seed? " in unknown("flag", "-SEED", ["--seed", "--data"])

    def test_without_any_all_are_listed(self):
        assert unknown("suite", "x", ["default", "smoke"]) == "suite 'x' is unknown; expected one of default, smoke"
        assert unknown("suite", "x", []) == "suite 'x' is unknown; expected one of none"

    def test_many_are_listed_by_a_command(self):
        many = [f"name-{i}" for i in range(100)]
        assert unknown("method", "x", many, "`mer-bench methods`") == (
            "method 'x' is unknown; `mer-bench methods` lists all"
        )
