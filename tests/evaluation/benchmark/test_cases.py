"""Which cases a report shows."""

from dataclasses import fields

from rs2sam2.evaluation.benchmark.cases import describe, from_many_places
from rs2sam2.evaluation.benchmark.score import SampleScore


def row(sample, place="a", **values):
    defaults = {str: "x", int: 0, bool: False}
    empty = {field.name: defaults.get(field.type) for field in fields(SampleScore)}
    return SampleScore(**{**empty, "sample": sample, "place": place, **values})


def test_every_place_comes_before_any_comes_again():
    rows = [row("1"), row("2"), row("3"), row("4", "b"), row("5"), row("6", "c")]
    assert [one.sample for one in from_many_places(rows, 3)] == ["1", "4", "6"]
    assert [one.sample for one in from_many_places(rows, 4)] == ["1", "2", "4", "6"]
    assert from_many_places(rows, 99) == rows


def test_a_case_is_described():
    found = row("1", truth=5, answer=9, intersection=3, union=11, score=0.5, picture="p.jpg")
    assert describe(found) == "IoU 0.27, score 0.50, p.jpg"
    assert describe(row("2", picture="p.jpg")) == "IoU 1.00, p.jpg, means nothing here, said to be absent"
