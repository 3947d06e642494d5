"""A leaderboard is called as its protocol, and says where nobody was recorded."""

import pytest

from benchmark.records.board_names import board_name, board_title, is_synthetic, protocol_of, protocol_title
from mer_lightning.protocols import get_protocol
from mer_lightning.types import DataError


@pytest.mark.parametrize("protocol", ["megc2019", "smic-3", "casme2-5-2014"])
@pytest.mark.parametrize("synthetic", [True, False])
def test_a_name_leads_back_to_what_it_was_made_of(protocol, synthetic):
    board = board_name(protocol, synthetic=synthetic)
    assert is_synthetic(board) is synthetic
    assert protocol_of(board) == get_protocol(protocol)


def test_names_and_headings_of_invented_people_say_so():
    assert board_name("smic-3", synthetic=False) == "smic-3"
    assert board_name("smic-3", synthetic=True) == "synthetic-smic-3"
    assert board_title("synthetic-smic-3") == f"Synthetic data: {board_title('smic-3')}"


def test_a_heading_says_which_rule_selects_the_epoch_where_it_is_not_the_usual_one():
    assert protocol_title("synthetic-smic-3") == protocol_title("smic-3") == get_protocol("smic-3").title
    assert board_title("smic-3+inner_subjects").endswith("single database, epoch selected by inner_subjects")


def test_a_board_of_no_protocol_is_named():
    with pytest.raises(DataError, match="protocol 'nosuch' is unknown"):
        protocol_of("synthetic-nosuch")
