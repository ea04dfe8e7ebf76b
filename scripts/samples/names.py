"""Names of people, organisations, places and other things; the names of two splits have none in common."""

from collections.abc import Callable, Mapping
from random import Random

from samples.template import pick, word_lists

_SHARES = {"train": (0, 1, 2), "validation": (3,), "test": (4,)}
_PARTS = word_lists("parts.yaml")


class Names:
    """The share of texts/names.yaml that belongs to one split, and the names made from it.

    A leading `the` stands before the name and is no part of it.
    """

    def __init__(self, split: str) -> None:
        self._lists = {
            kind: [name for position, name in enumerate(names) if position % 5 in _SHARES[split]]
            for kind, names in word_lists("names.yaml").items()
        }

    def of(self, kind: str, rng: Random) -> str:
        """A name from one of the lists."""
        return pick(rng, self._lists[kind])

    def country(self, form: int, rng: Random) -> str:
        """A country (form 0), its adjective (1) or its people (2)."""
        return self.of("country", rng).split("/")[form]

    def first(self, rng: Random) -> str:
        """A first name; one in five is also a word, a month or a city."""
        return self.of(pick(rng, ("first",) * 8 + ("first_word", "first_place")), rng)

    def last(self, rng: Random) -> str:
        """A surname; one in four is also a word, a month or a city."""
        return self.of(pick(rng, ("last",) * 6 + ("last_word", "last_place")), rng)

    def person(self, rng: Random) -> str:
        """A full name, at times with an initial or a particle."""
        first, last = self.first(rng), self.last(rng)
        plain, initial, middle = f"{first} {last}", f"{first[0]}. {last}", f"{first} {pick(rng, 'ABDEJKLMRST')}. {last}"
        long = f"{first} {pick(rng, ('van der', 'de', 'von'))} {last}"
        return pick(rng, (plain,) * 9 + (initial, middle, long))

    def city(self, rng: Random) -> str:
        """A real city; one in six is also a first name or a surname."""
        return self.of(pick(rng, ("city",) * 10 + ("first_place", "last_place")), rng)

    def town(self, rng: Random) -> str:
        """An invented town."""
        return self.of("town", rng)

    def company(self, rng: Random) -> str:
        """An invented company: a coined name alone or with its trade, partners, or a town and a trade."""
        stem, form = self.of("stem", rng), pick(rng, _PARTS["company"])
        partners = f"{self.last(rng)} {pick(rng, ('and', '&'))} {pick(rng, (self.last(rng), 'Sons'))}"
        return pick(rng, (stem, stem, form.format(stem), form.format(stem), partners, form.format(self.town(rng))))

    def club(self, rng: Random) -> str:
        """An invented sports club of a town or city."""
        of_town = pick(rng, _PARTS["club"]).format(self.town(rng))
        return pick(rng, (of_town, of_town, of_town, pick(rng, _PARTS["city_club"]).format(self.city(rng))))

    def side(self, rng: Random) -> str:
        """A club as score tables have it: mostly by the name of its town alone."""
        return pick(rng, (self.town(rng), self.city(rng), self.club(rng)))

    def body(self, rng: Random) -> str:
        """A university, an office, an association; or one of them by its initials."""
        topic = self.of("topic", rng)
        by_topic = pick(rng, _PARTS["by_topic"]).format(topic)
        by_nation = f"{pick(rng, _PARTS['by_nation']).format(self.country(1, rng))} {topic}"
        by_town = [pick(rng, _PARTS["by_town"]).format(self.town(rng)) for _ in range(3)]
        return pick(rng, (by_topic, by_topic, by_nation, *by_town, self.of("acronym", rng)))

    def event(self, rng: Random) -> str:
        """A prize, a festival, a tournament."""
        place = pick(rng, (self.city(rng), self.town(rng)))
        return pick(rng, (self.of("event", rng), f"{place} {self.of('event_kind', rng)}"))

    def formed(self, kind: str, rng: Random) -> str:
        """An invented name in one of the forms of its kind: Lake Ormel, Ormel Valley."""
        return pick(rng, _PARTS[kind]).format(self.of("nature" if kind == "street" else kind, rng))

    def slots(self) -> Mapping[str, tuple[str, Callable[[Random], str]]]:
        """What templates may ask for: slot -> (entity type, maker)."""
        return {
            "full": ("PER", self.person),
            "first": ("PER", self.first),
            "last": ("PER", self.last),
            "city": ("LOC", self.city),
            "town": ("LOC", self.town),
            "country": ("LOC", lambda rng: self.country(0, rng)),
            "place": ("LOC", lambda rng: self.formed("nature", rng)),
            "street": ("LOC", lambda rng: self.formed("street", rng)),
            "company": ("ORG", self.company),
            "club": ("ORG", self.club),
            "side": ("ORG", self.side),
            "body": ("ORG", self.body),
            "acro": ("ORG", lambda rng: self.of("acronym", rng)),
            "paper": ("ORG", lambda rng: f"{self.town(rng)} {self.of('newspaper', rng)}"),
            "nat": ("MISC", lambda rng: self.country(1, rng)),
            "people": ("MISC", lambda rng: self.country(2, rng)),
            "event": ("MISC", self.event),
            "product": ("MISC", lambda rng: self.formed("product", rng)),
            "work": ("MISC", lambda rng: self.of("work", rng)),
        }
