"""What is false in a record is shown as it is known now, and the record stays."""

import json

from benchmark.methods.recipe import load_recipe
from benchmark.places import SHIPPED
from benchmark.records.corrections import _known, corrected


def test_a_sentence_that_is_not_corrected_is_shown_as_it_is_recorded():
    assert corrected(["Chosen by us.", "And this."]) == ("Chosen by us.", "And this.")


def test_what_holds_is_what_the_recipe_says_today_and_some_record_needs_it():
    records = [json.loads(path.read_text()) for path in (SHIPPED / "records").glob("*/*/seed*.json")]
    recorded = {(r["method"], text) for r in records for text in r["recipe"].get("deviations", ())}
    for was, holds in _known().items():
        methods = {method for method, text in recorded if text == was}
        assert methods, was
        assert corrected([was]) == (holds,)
        assert any(holds in load_recipe(method).deviations for method in methods if not method.endswith("-tuned")), was
