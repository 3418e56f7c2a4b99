"""A claim: what an expression says, before it has words, together with what it fits in a scene.

`Claims` lists the claims of one form ("the outermost in a half", "the nearest to a corner", ...) about one class. The
same lists serve expressions that mean something and expressions that mean nothing, so that words do not tell the two
apart.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from rs2sam2.data.attributes import CORNERS, POINTS, REGIONS, RELATIONS, SIDES, Attributes, Fit

# Form of claim -> share among expressions of one thing such that, by what scenes allow, the kinds come out about
# as often as among the OAM-Ref training sentences.
SINGLE_FORMS = {
    "class": 4.0,
    "only": 1.0,
    "region": 7.0,
    "extreme": 3.5,
    "extreme in half": 9.0,
    "nearest corner": 8.0,
    "nearest centre": 5.0,
    "nearest side": 1.5,
    "only in half": 1.5,
    "size": 20.0,
    "size in half": 24.0,
    "size in corner": 1.0,
    "size of colour": 4.0,
    "colour": 25.0,
    "colour in region": 10.0,
    "colour extreme": 4.0,
    "colour nearest": 4.5,
    "shape": 0.6,
    "ordinal": 9.0,
    "relation": 14.0,
    "relation of colour": 6.0,
}
GROUP_FORMS = {"all": 3.0, "all in region": 5.0, "all of colour": 2.0, "all of colour in region": 2.0}

_ACROSS = {
    "left": ("upper", "lower"),
    "right": ("upper", "lower"),
    "upper": ("left", "right"),
    "lower": ("left", "right"),
}


@dataclass(frozen=True)
class Claim:
    """One statement about things of a class; empty strings leave a part out.

    Attributes:
        noun: class name in the singular, or the name of an object that no scene shows.
        fit: the things of the scene that it fits.
        colour: colour name.
        size: "largest", "smallest", "larger", "smaller".
        shape: "elongated" or "square".
        region: part of the image (`attributes.REGIONS`).
        extreme: side of the outermost, or the side from which `ordinal` counts.
        nearest: corner, "centre" or "... edge" whose nearest is meant.
        ordinal: 2, 3, ... for the second, the third, ...; 0 for none.
        only: whether it says that there is no other.
        plural: whether it means all that fit.
        relation: one of `attributes.RELATIONS`; `direct` for the nearest on that side.
        anchor: what the relation relates to.
    """

    noun: str
    fit: Fit
    colour: str = ""
    size: str = ""
    shape: str = ""
    region: str = ""
    extreme: str = ""
    nearest: str = ""
    ordinal: int = 0
    only: bool = False
    plural: bool = False
    relation: str = ""
    direct: bool = False
    anchor: "Claim | None" = None

    @property
    def kind(self) -> str:
        """Kind of expression, by the names of OAM-Ref."""
        placed = bool(self.region or self.extreme or self.nearest)
        if self.plural:
            parts = [name for name, said in (("colour", self.colour), ("side", placed)) if said]
            return f"group {'+'.join(parts) or 'all'}"
        for name in ("relation", "ordinal", "shape"):
            if getattr(self, name):
                return name
        parts = [name for name, said in (("size", self.size), ("colour", self.colour), ("position", placed)) if said]
        return "+".join(parts) or ("only" if self.only else "class")


class Claims:
    """All claims of a form about the things of one class in one scene.

    A class that the scene does not show gives claims that fit nobody.
    """

    def __init__(
        self, attributes: Attributes, noun: str, colours: Iterable[str], anchors: Iterable[Claim] = ()
    ) -> None:
        """Prepare claims about `noun`.

        Args:
            attributes: of the scene.
            noun: class name, or a name of something that the scene does not show.
            colours: colour names to make claims of.
            anchors: claims that mean one thing, for relations.
        """
        self._attributes = attributes
        self._base = Claim(noun, attributes.category(noun))
        self._colours = tuple(colours)
        self._anchors = anchors

    def of(self, form: str) -> Iterator[Claim]:
        """Claims of this form (`SINGLE_FORMS`, `GROUP_FORMS`), whatever they fit."""
        first, _, rest = form.partition(" ")
        listed: Iterator[Claim] = getattr(self, f"_{first}")(rest)
        return listed

    def anchors(self) -> Iterator[Claim]:
        """Plain claims that mean one thing and may serve relations."""
        for form in ("class", "size", "extreme", "region", "colour"):
            yield from (claim for claim in self.of(form) if claim.fit.sole is not None)

    def _class(self, _: str) -> Iterator[Claim]:
        yield self._base

    def _only(self, where: str) -> Iterator[Claim]:
        bases = self._placed(self._base, SIDES) if where else iter([self._base])
        return (replace(claim, only=True) for claim in bases)

    def _region(self, _: str) -> Iterator[Claim]:
        return self._placed(self._base, REGIONS)

    def _extreme(self, where: str) -> Iterator[Claim]:
        for side in SIDES:
            for base in self._placed(self._base, _ACROSS[side]) if where else (self._base,):
                yield self._outermost(base, side)

    def _nearest(self, where: str) -> Iterator[Claim]:
        if where == "side":
            outermost = (self._outermost(self._base, side) for side in SIDES)
            return (replace(claim, extreme="", nearest=f"{claim.extreme} edge") for claim in outermost)
        return self._near(self._base, CORNERS if where == "corner" else ("centre",))

    def _size(self, where: str) -> Iterator[Claim]:
        bases = {
            "": lambda: iter([self._base]),
            "in half": lambda: self._placed(self._base, SIDES),
            "in corner": lambda: self._placed(self._base, CORNERS),
            "of colour": lambda: self._coloured(self._base),
        }[where]()
        for base in bases:
            names = ("larger", "smaller") if len(base.fit.certain) == len(base.fit.possible) == 2 else ()
            for size in ("largest", "smallest", *names):
                choose = self._attributes.largest if size.startswith("large") else self._attributes.smallest
                yield replace(base, size=size, fit=choose(base.fit))

    def _colour(self, where: str) -> Iterator[Claim]:
        for base in self._coloured(self._base):
            if where == "in region":
                yield from self._placed(base, REGIONS)
            elif where == "extreme":
                yield from (self._outermost(base, side) for side in SIDES)
            elif where == "nearest":
                yield from self._near(base, POINTS)
            else:
                yield base

    def _shape(self, _: str) -> Iterator[Claim]:
        for shape, fit in (("elongated", self._attributes.elongated()), ("square", self._attributes.square())):
            claim = replace(self._base, shape=shape, fit=self._base.fit & fit)
            yield claim
            yield from self._placed(claim, SIDES)

    def _ordinal(self, _: str) -> Iterator[Claim]:
        for side in SIDES:
            for number in (2, 3):
                fit = self._attributes.ordinal(self._base.fit, side, number)
                yield replace(self._base, extreme=side, ordinal=number, fit=fit)

    def _relation(self, where: str) -> Iterator[Claim]:
        for base in self._coloured(self._base) if where else (self._base,):
            for anchor in self._anchors:
                for relation in RELATIONS:
                    for direct in (False,) if relation in ("closest to", "next to") else (False, True):
                        yield self._related(base, anchor, relation, direct)

    def _all(self, where: str) -> Iterator[Claim]:
        base = replace(self._base, plural=True)
        for claim in self._coloured(base) if "of colour" in where else (base,):
            if "in region" in where:
                yield from self._placed(claim, (*SIDES, *CORNERS))
            else:
                yield claim

    def _coloured(self, base: Claim) -> Iterator[Claim]:
        for colour in self._colours:
            yield replace(base, colour=colour, fit=base.fit & self._attributes.colour(colour))

    def _placed(self, base: Claim, regions: Iterable[str]) -> Iterator[Claim]:
        for region in regions:
            yield replace(base, region=region, fit=base.fit & self._attributes.region(region))

    def _related(self, base: Claim, anchor: Claim, relation: str, direct: bool) -> Claim:
        (index,) = anchor.fit.certain
        fit = self._attributes.related(base.fit, relation, index, direct)
        return replace(base, relation=relation, direct=direct, anchor=anchor, fit=fit)

    def _outermost(self, base: Claim, side: str) -> Claim:
        return replace(base, extreme=side, fit=self._attributes.extreme(base.fit, side))

    def _near(self, base: Claim, points: Iterable[str]) -> Iterator[Claim]:
        for point in points:
            yield replace(base, nearest=point, fit=self._attributes.nearest_to_point(base.fit, point))
