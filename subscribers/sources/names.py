"""A whole name taken apart into first and last name."""

from nameparser import parse


def parts_of(name: str) -> tuple[str, str]:
    """First name (with any middle ones) and last name of `Jane M. Doe`, `Doe, Jane`, `DOE Jane`, `Dr. Jane Doe`."""
    words = name.split()
    loud = next((place for place, word in enumerate(words) if not _loud(word)), len(words))
    if 0 < loud < len(words) and not any(map(_loud, words[loud:])) and "," not in name:
        return " ".join(words[loud:]), " ".join(words[:loud])  # as administrations in French write it
    if len(words) == 2 and all(word.isalpha() and word[0].isupper() for word in words):
        return words[0], words[1]
    read = parse(name)
    return " ".join(filter(None, (read.given, read.middle))), read.family


def _loud(word: str) -> bool:
    return len(word) > 1 and word.isupper() and not word.endswith(".")
