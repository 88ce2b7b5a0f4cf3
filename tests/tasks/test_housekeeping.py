"""Several beats do no harm: what is asked for twice is done once."""

from concurrent.futures import ThreadPoolExecutor

from tasks.housekeeping import my_turn


def test_of_several_who_ask_at_once_one_has_its_turn(database: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda _: my_turn("look", 3600), range(8))) == 1
    assert not my_turn("look", 3600)
    assert my_turn("another", 3600)
    assert my_turn("look", 0)
